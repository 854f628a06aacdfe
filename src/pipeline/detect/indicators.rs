//! An indicator of compromise that stands in an event makes an alert: one for each event, however
//! many indicators hit in it.

use std::net::IpAddr;

use crate::model::alert::{Evidence, Rule};
use crate::model::{Alert, EventUid, Hit, Severity, Timestamp};

/// The event in which indicators were seen.
#[derive(Clone, Copy, Debug)]
pub struct Sighted<'a> {
    pub uid: EventUid,
    /// OCSF `type_uid` of the event.
    pub type_uid: u32,
    pub host: &'a str,
    pub time: Timestamp,
    pub user: Option<&'a [u8]>,
    pub src_ip: Option<IpAddr>,
    /// What happened, as the middle of a sentence: `a logon of deploy from 203.0.113.66`.
    pub what: &'a str,
    /// It was let through: a logon that succeeded, a program that ran, a flow that was not denied.
    pub succeeded: bool,
}

/// The alert of an event with hits. `hits` must not be empty.
pub fn alert(event: &Sighted<'_>, hits: Vec<Hit>) -> Alert {
    let first = hits.first().map(|hit| &hit.indicator);
    let value = first.map_or("", |indicator| &indicator.value);
    let file = first.map_or("", |indicator| &indicator.file);
    let host = if event.host.is_empty() {
        "a host without a name"
    } else {
        event.host
    };
    Alert {
        uid: event.uid.derive(Rule::IndicatorHit.id()),
        rule: Rule::IndicatorHit,
        severity: if event.succeeded {
            Severity::High
        } else {
            Severity::Medium
        },
        host: event.host.into(),
        time: event.time,
        title: format!("Indicator {value} in {}", event.what),
        message: format!(
            "On {host}: {} holds the indicator {value} of {file}.",
            event.what
        ),
        user: event.user.map(|user| String::from_utf8_lossy(user).into()),
        src_ip: event.src_ip,
        first_seen: event.time,
        evidence: vec![Evidence {
            uid: event.uid,
            type_uid: event.type_uid,
            time: event.time,
        }],
        evidence_total: 1,
        hits,
        gap: None,
        behaviour: None,
        finding: None,
    }
}
