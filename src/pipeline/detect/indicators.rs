//! An indicator of compromise that stands in an event makes an alert: one for each event, however
//! many indicators hit in it.

use std::net::IpAddr;

use crate::model::alert::{Evidence, Rule, host_in_words};
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

impl Sighted<'_> {
    /// The alert that this one event is, by a rule. `id`: what tells it from others of the event.
    pub fn alert(
        &self,
        id: &str,
        rule: Rule,
        severity: Severity,
        title: String,
        message: String,
    ) -> Alert {
        Alert {
            uid: self.uid.derive(id),
            rule,
            severity,
            host: self.host.into(),
            time: self.time,
            title,
            message,
            user: self.user.map(|user| String::from_utf8_lossy(user).into()),
            src_ip: self.src_ip,
            first_seen: self.time,
            evidence: vec![Evidence {
                uid: self.uid,
                type_uid: self.type_uid,
                time: self.time,
            }],
            evidence_total: 1,
            hits: Vec::new(),
            gap: None,
            behaviour: None,
            finding: None,
        }
    }
}

/// The alert of an event with hits. `hits` must not be empty.
pub fn alert(event: &Sighted<'_>, hits: Vec<Hit>) -> Alert {
    let first = hits.first().map(|hit| &hit.indicator);
    let value = first.map_or("", |indicator| &indicator.value);
    let file = first.map_or("", |indicator| &indicator.file);
    let host = host_in_words(event.host);
    let severity = if event.succeeded {
        Severity::High
    } else {
        Severity::Medium
    };
    let title = format!("Indicator {value} in {}", event.what);
    let message = format!(
        "On {host}: {} holds the indicator {value} of {file}.",
        event.what
    );
    let rule = Rule::IndicatorHit;
    Alert {
        hits,
        ..event.alert(rule.id(), rule, severity, title, message)
    }
}
