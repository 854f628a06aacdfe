//! detection_finding (2004), Create.

use crate::model::alert::Rule;
use crate::model::{Alert, IndicatorKind};

use super::super::json::Object;
use super::common;

/// What a rule is called, what it looks for, and its technique.
struct Told {
    name: &'static str,
    desc: &'static str,
    attacks: Option<&'static str>,
}

fn told(rule: Rule) -> Told {
    match rule {
        Rule::IndicatorHit => Told {
            name: "Indicator of compromise",
            desc: "An address, name, URL or hash of an indicator file stands in an event.",
            attacks: None,
        },
        Rule::GuessedLogon => Told {
            name: "Guessed logon",
            desc: "A source address failed to log on several times and then got in.",
            attacks: Some(GUESSING),
        },
        Rule::GuessingLogon => Told {
            name: "Password guessing",
            desc: "A source address failed to log on several times and did not get in.",
            attacks: Some(GUESSING),
        },
        Rule::LostEvents => Told {
            name: "Lost audit events",
            desc: "Serials that the kernel gave out are missing: events were lost, or left out, on the way.",
            attacks: None,
        },
    }
}

const GUESSING: &str = r#""attacks":[{"tactic":{"name":"Credential Access","uid":"TA0006"},"technique":{"name":"Brute Force","uid":"T1110"}}]"#;

pub fn write(out: &mut Vec<u8>, alert: &Alert) {
    let mut o = Object::begin(out);
    o.raw(concat!(
        r#""activity_id":1,"activity_name":"Create","category_uid":2,"category_name":"Findings","#,
        r#""class_uid":2004,"class_name":"Detection Finding","type_uid":200401,"#,
        r#""type_name":"Detection Finding: Create","status_id":1,"status":"New","is_alert":true"#
    ));
    o.number("severity_id", alert.severity.id())
        .plain("severity", alert.severity.as_str());
    o.number("time", alert.time.0);
    o.number("start_time", alert.first_seen.0)
        .number("end_time", alert.time.0);
    o.text("message", alert.message.as_bytes());
    common::plain_metadata(&mut o, alert.uid, |m| {
        m.raw(if alert.hits.is_empty() {
            r#""profiles":["host"]"#
        } else {
            r#""profiles":["host","osint"]"#
        });
    });
    common::device(&mut o, &alert.host);
    o.object("finding_info", |f| write_finding(f, alert));
    if alert.src_ip.is_some() || alert.user.is_some() {
        o.objects("evidences", [alert], |e, alert| {
            if let Some(ip) = alert.src_ip {
                e.object("src_endpoint", |s| {
                    s.display("ip", ip);
                });
            }
            if let Some(user) = &alert.user {
                e.object("user", |u| {
                    u.text("name", user.as_bytes());
                });
            }
        });
    }
    if !alert.hits.is_empty() {
        o.objects("osint", &alert.hits, |i, hit| {
            i.text("value", hit.indicator.value.as_bytes());
            i.raw(osint_type(hit.indicator.kind));
            i.text("vendor_name", hit.indicator.file.as_bytes());
        });
    }
    common::sightings(
        &mut o,
        &alert.hits,
        &[("evidences[0].src_endpoint.ip", alert.src_ip)],
    );
    if let Some(gap) = &alert.gap {
        o.object("unmapped", |u| {
            u.number("first_serial", gap.first);
            u.number("last_serial", gap.last);
            u.number("missing", gap.missing);
        });
    }
    o.end();
}

fn write_finding(f: &mut Object<'_>, alert: &Alert) {
    let rule = told(alert.rule);
    f.display("uid", alert.uid);
    f.text("title", alert.title.as_bytes());
    f.plain("desc", rule.desc);
    f.number("created_time", alert.time.0);
    f.number("first_seen_time", alert.first_seen.0);
    f.number("last_seen_time", alert.time.0);
    f.object("analytic", |a| {
        a.plain("uid", alert.rule.id()).plain("name", rule.name);
        a.raw(r#""type_id":1,"type":"Rule""#);
    });
    if let Some(attacks) = rule.attacks {
        f.raw(attacks);
    }
    f.number("related_events_count", alert.evidence_total);
    f.objects("related_events", &alert.evidence, |e, evidence| {
        e.display("uid", evidence.uid);
        e.number("type_uid", evidence.type_uid);
        e.number("first_seen_time", evidence.time.0);
    });
}

fn osint_type(kind: IndicatorKind) -> &'static str {
    match kind {
        IndicatorKind::Ipv4 | IndicatorKind::Ipv6 | IndicatorKind::Cidr => {
            r#""type_id":1,"type":"IP Address""#
        }
        IndicatorKind::Domain => r#""type_id":2,"type":"Domain""#,
        IndicatorKind::Url => r#""type_id":5,"type":"URL""#,
        IndicatorKind::Md5 | IndicatorKind::Sha1 | IndicatorKind::Sha256 => {
            r#""type_id":4,"type":"Hash""#
        }
    }
}
