//! An alert: AlertEvent.

use crate::model::alert::Rule;
use crate::model::{Alert, Severity};

use super::super::common::{gap, matched, story, told};
use super::super::iso::Iso;
use super::super::json::Object;
use super::common::{self, Head};

const SCHEMA: &str = concat!(
    r#""EventSchema":"AlertEvent","EventSchemaVersion":"0.1","EventVendor":"trailhound","#,
    r#""EventProduct":"trailhound","EventType":"Alert","EventCount":1,"AlertStatus":"Active""#
);

pub fn write(out: &mut Vec<u8>, alert: &Alert) {
    let (start, end) = (Iso::of(alert.first_seen), Iso::of(alert.time));
    let mut o = Object::begin(out);
    let head = Head {
        schema: SCHEMA,
        uid: alert.uid,
        start: &start,
        end: &end,
        generated: &end,
        host: &alert.host,
    };
    head.write(&mut o);
    head.hostname(&mut o);
    o.raw(match alert.rule {
        Rule::IndicatorHit => {
            r#""EventSubType":"Threat","DetectionMethod":"Threat Intelligence","ThreatCategory":"Unknown""#
        }
        Rule::GuessedLogon => {
            r#""EventSubType":"Threat","DetectionMethod":"Behavioral Analytics""#
        }
        Rule::LostEvents => r#""EventSubType":"Anomaly","DetectionMethod":"Other""#,
        Rule::GuessingLogon | Rule::Behaviour | Rule::Story => {
            r#""EventSubType":"Suspicious Activity","DetectionMethod":"Behavioral Analytics""#
        }
    });
    o.plain("EventSeverity", severity(alert.severity));
    o.plain("EventOriginalSeverity", alert.severity.as_str());
    o.text("AlertName", alert.title.as_bytes());
    o.text("EventMessage", alert.message.as_bytes());
    let told = told(alert);
    o.text("RuleName", told.name.as_bytes());
    o.text("RuleDescription", told.desc.as_bytes());
    let tactics = told.tactics.iter().map(|(id, name)| (*id, Some(*name)));
    named(&mut o, "AttackTactics", tactics);
    let techniques = told.techniques.iter().map(|one| (&*one.id, one.name));
    named(&mut o, "AttackTechniques", techniques);
    if let Some(user) = &alert.user {
        o.text("Username", user.as_bytes());
        o.raw(r#""UsernameType":"Simple""#);
    }
    if let Some(hit) = alert.hits.first() {
        o.plain("IndicatorType", common::indicator_type(hit.indicator.kind));
        o.raw(r#""IndicatorAssociation":"Associated""#);
    }
    common::threat(&mut o, &alert.hits, |_| None);
    o.object("AdditionalFields", |a| write_additional(a, alert));
    o.end();
}

/// Without Critical, which is High.
fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "High",
        other => other.as_str(),
    }
}

/// `Brute Force (T1110)`, several parted by commas; of a technique without a name its id.
fn named<'a>(o: &mut Object<'_>, key: &str, all: impl Iterator<Item = (&'a str, Option<&'a str>)>) {
    let all: Vec<String> = all
        .map(|(id, name)| name.map_or(id.to_owned(), |name| format!("{name} ({id})")))
        .collect();
    if !all.is_empty() {
        o.text(key, all.join(", ").as_bytes());
    }
}

fn write_additional(a: &mut Object<'_>, alert: &Alert) {
    common::ip(a, "src_ip", alert.src_ip);
    a.text("rule_id", alert.rule_id().as_bytes());
    a.number("evidence_total", alert.evidence_total);
    a.objects("evidence", &alert.evidence, |e, evidence| {
        e.uid("uid", evidence.uid);
        e.time("time", &Iso::of(evidence.time));
    });
    if let Some(lost) = &alert.gap {
        a.object("gap", |g| gap(g, lost));
    }
    matched(a, alert);
    story(a, alert);
    common::indicators(a, &alert.hits);
}
