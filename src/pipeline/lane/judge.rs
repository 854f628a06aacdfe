//! What was seen in an event, as the verdict weighs it: rules that it matches, indicators in it, a password that was
//! guessed.
//!
//! Nothing is weighed where no rule is loaded: indicators and guesses alone are alerts already.

use std::net::IpAddr;

use crate::model::alert::{Behaviour, Evidence, Rule};
use crate::model::audit::AuditEvent;
use crate::model::{Alert, Hit, Logon, Process, Settings};
use crate::pipeline::detect::verdict::{GUESSED, INDICATOR, Seen, Weight, points};
use crate::pipeline::encode::ocsf;

use super::hosts::Host;
use super::release::{Desk, Teller};

/// Bytes of what was done that are kept.
const MOST_WHAT: usize = 256;

/// The source of a session, if it is outside.
fn outside(ip: Option<IpAddr>, settings: &Settings) -> Option<IpAddr> {
    ip.filter(|ip| {
        !settings
            .internal_networks
            .iter()
            .any(|net| net.contains(ip))
    })
}

fn weights(matches: &[Behaviour], hits: &[Hit]) -> Vec<Weight> {
    let rules = matches.iter().map(|behaviour| Weight {
        of: behaviour.rule.id.clone(),
        title: behaviour.rule.title.clone(),
        points: points(behaviour.rule.severity),
        tags: behaviour.rule.tags.clone(),
    });
    let indicators = hits.iter().map(|hit| Weight {
        of: format!("indicator {}", hit.indicator.value).into(),
        title: format!("Indicator {}", hit.indicator.value).into(),
        points: INDICATOR,
        tags: vec!["attack.command-and-control".into()],
    });
    rules.chain(indicators).collect()
}

pub fn process(
    process: &Process<'_>,
    matches: &[Behaviour],
    hits: &[Hit],
    settings: &Settings,
) -> Seen {
    let user = process.login_user.name.or(process.user.name);
    let line = process.command_line();
    Seen {
        session: process.session,
        outside: outside(process.origin.src_ip(), settings),
        user: user.map(Into::into),
        what: String::from_utf8_lossy(&line[..line.len().min(MOST_WHAT)]).into(),
        evidence: Evidence {
            uid: process.uid,
            type_uid: ocsf::TYPE_LAUNCH,
            time: process.stamp.time,
        },
        weights: weights(matches, hits),
    }
}

pub fn audit(event: &AuditEvent<'_>, matches: &[Behaviour], settings: &Settings) -> Seen {
    let actor = &event.actor;
    let program = String::from_utf8_lossy(actor.exe.or(actor.comm).unwrap_or_default());
    let call = event.call.and_then(|call| call.name).unwrap_or_default();
    Seen {
        session: actor.session,
        outside: outside(event.origin.src_ip(), settings),
        user: actor.login_user.name.or(actor.user.name).map(Into::into),
        what: format!("{program} {call}").trim().into(),
        evidence: Evidence {
            uid: event.uid,
            type_uid: ocsf::audit::type_uid(event),
            time: event.stamp.time,
        },
        weights: weights(matches, &[]),
    }
}

/// A logon that got in after guesses, or from an indicator's address.
pub fn logon(logon: &Logon, hits: &[Hit], alerts: &[Alert], settings: &Settings) -> Option<Seen> {
    let mut weights = weights(&[], if logon.success { hits } else { &[] });
    if alerts.iter().any(|alert| alert.rule == Rule::GuessedLogon) {
        let tags = [
            "attack.credential-access",
            "attack.initial-access",
            "attack.t1110",
        ];
        weights.push(Weight {
            of: Rule::GuessedLogon.id().into(),
            title: "Guessed logon".into(),
            points: GUESSED,
            tags: tags.map(Into::into).into(),
        });
    }
    (!weights.is_empty()).then(|| Seen {
        session: logon.session,
        outside: outside(logon.src_ip, settings),
        user: logon.user.name.clone(),
        what: format!("logon by {}", logon.service).into(),
        evidence: Evidence {
            uid: logon.uid,
            type_uid: ocsf::logon::type_uid(logon.activity),
            time: logon.stamp.time,
        },
        weights,
    })
}

impl Desk {
    /// Weighs what was seen in the event that was told.
    pub fn judge(&mut self, host: &mut Host, teller: &mut Teller<'_>) {
        let Some(seen) = self.seen.take() else {
            return;
        };
        let alerts = &mut self.alerts;
        let verdict = &teller.settings.verdict;
        host.stories
            .take(&seen, &host.name, verdict, &mut |alert| alerts.push(alert));
        self.alerts(teller);
    }
}
