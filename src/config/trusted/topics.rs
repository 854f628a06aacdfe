//! The topics: each has a name that brokers take, and a name of its own.
//!
//! Place in the flow: a part of trusted.rs. It refuses to ask brokers whether they exist.

use super::Check;
use crate::config::value::OrOff;
use crate::config::{Delivery, Topics, written};

impl Check<'_> {
    /// Our own are named after the group.
    pub(super) fn topics(
        &mut self,
        written: written::Topics,
        group: &str,
        delivery: Delivery,
        rekeys: bool,
    ) -> Topics {
        if written.audit_in.0.is_none() && written.flow_in.0.is_none() {
            self.wrong(
                "topics.audit_in",
                "both inputs are off",
                "'topics.audit_in' or 'topics.flow_in'",
            );
        }
        if rekeys && written.audit_in.0.is_none() {
            self.wrong(
                "audit.rekey",
                "'audit.rekey' is true and 'topics.audit_in' is off",
                "an input whose lines are written on",
            );
        }
        let mut seen: Vec<(String, &str)> = Vec::new();
        let mut topic = |check: &mut Self, path: &'static str, name: String| {
            if !is_topic(&name) {
                let what = format!("'{path}' is {name:?}");
                check.wrong(path, what, "1 to 249 letters, digits, '.', '_' and '-'");
            } else if let Some((_, first)) = seen.iter().find(|(other, _)| *other == name) {
                let what = format!("'{path}' and '{first}' are both {name:?}");
                check.wrong(path, what, "a topic of its own for each");
            }
            seen.push((name.clone(), path));
            name
        };
        let OrOff(audit_in) = written.audit_in;
        let OrOff(flow_in) = written.flow_in;
        let mut own = |path, is_used: bool, name: String, ending| {
            let name = match name.as_str() {
                "" => format!("{group}{ending}"),
                _ => name,
            };
            is_used.then(|| topic(self, path, name))
        };
        let saves = delivery == Delivery::ExactlyOnce;
        let audit_state = own(
            "topics.audit_state",
            saves && audit_in.is_some(),
            written.audit_state,
            ".state",
        );
        let flow_state = own(
            "topics.flow_state",
            saves && flow_in.is_some(),
            written.flow_state,
            ".state.flow",
        );
        let audit_rekeyed = own(
            "topics.audit_rekeyed",
            rekeys && audit_in.is_some(),
            written.audit_rekeyed,
            ".rekeyed",
        );
        Topics {
            audit_state,
            flow_state,
            audit_rekeyed,
            audit_in: audit_in.map(|name| topic(self, "topics.audit_in", name)),
            flow_in: flow_in.map(|name| topic(self, "topics.flow_in", name)),
            process: topic(self, "topics.process", written.process),
            logon: topic(self, "topics.logon", written.logon),
            flow: topic(self, "topics.flow", written.flow),
            alert: topic(self, "topics.alert", written.alert),
            audit: topic(self, "topics.audit", written.audit),
            dead_letter: topic(self, "topics.dead_letter", written.dead_letter),
        }
    }
}

fn is_topic(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    (1..=249).contains(&name.len()) && name.bytes().all(plain) && name != "." && name != ".."
}
