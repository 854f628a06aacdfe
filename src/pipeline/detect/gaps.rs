//! A gap in a host's serials as an alert of its own, where the configuration asks for it.
//!
//! It tells which serials, how many and between which times; it refuses to guess why they are missing.

use crate::model::alert::{Rule, host_in_words};
use crate::model::gap::Gap;
use crate::model::{Alert, EventUid, Severity, Stamp};

pub fn alert(host: &str, gap: Gap) -> Alert {
    let stamp = Stamp {
        time: gap.before,
        serial: u64::from(gap.first),
    };
    let events = match gap.missing {
        1 => "1 audit event".to_owned(),
        many => format!("{many} audit events"),
    };
    let on = host_in_words(host);
    let (is, serials) = match gap.missing {
        1 => ("is", format!("serial {}", gap.first)),
        _ => ("are", format!("serials {} to {}", gap.first, gap.last)),
    };
    Alert {
        uid: EventUid::of(Rule::LostEvents.id(), host, stamp),
        rule: Rule::LostEvents,
        severity: Severity::Low,
        host: host.into(),
        time: gap.before,
        title: format!("{events} of {on} {is} missing"),
        message: format!("On {on}: {events} ({serials}) never came here."),
        user: None,
        src_ip: None,
        first_seen: gap.after,
        evidence: Vec::new(),
        evidence_total: 0,
        hits: Vec::new(),
        gap: Some(gap),
        behaviour: None,
        finding: None,
    }
}
