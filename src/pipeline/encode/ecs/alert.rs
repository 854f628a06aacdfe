//! An alert: `event.kind` alert, the rule, the technique, the indicators.

use crate::model::Alert;
use crate::model::alert::Rule;

use super::super::common::{Technique, gap, matched, story, told};
use super::super::iso::Iso;
use super::super::json::{Object, string};
use super::common;

pub fn write(out: &mut Vec<u8>, alert: &Alert) {
    let time = Iso::of(alert.time);
    let mut o = Object::begin(out);
    common::head(&mut o, &time, &alert.host);
    o.text("message", alert.message.as_bytes());
    o.object("event", |e| {
        e.raw(r#""kind":"alert","module":"trailhound","dataset":"trailhound.alert""#);
        e.raw(match alert.rule {
            Rule::IndicatorHit => r#""category":["threat"],"type":["indicator"]"#,
            Rule::GuessedLogon | Rule::GuessingLogon => {
                r#""category":["intrusion_detection","authentication"],"type":["info"]"#
            }
            Rule::LostEvents => r#""category":["host"],"type":["info"]"#,
            Rule::Behaviour | Rule::Story => {
                r#""category":["intrusion_detection"],"type":["info"]"#
            }
        });
        e.plain("action", alert.rule.id());
        e.text("reason", alert.title.as_bytes());
        e.uid("id", alert.uid);
        e.number("severity", alert.severity.id());
        e.time("start", &Iso::of(alert.first_seen));
        e.time("end", &time);
    });
    o.object("rule", |r| {
        let told = told(alert);
        r.text("id", alert.rule_id().as_bytes());
        r.text("name", told.name.as_bytes());
        r.text("description", told.desc.as_bytes());
    });
    write_who(&mut o, alert);
    write_threat(&mut o, alert, &time);
    o.object("trailhound", |t| {
        t.plain("severity", alert.severity.as_str());
        t.number("evidence_total", alert.evidence_total);
        t.objects("evidence", &alert.evidence, |e, evidence| {
            e.uid("id", evidence.uid);
            e.time("occurred", &Iso::of(evidence.time));
        });
        if let Some(lost) = &alert.gap {
            t.object("gap", |g| gap(g, lost));
        }
        matched(t, alert);
        story(t, alert);
    });
    o.end();
}

fn write_who(o: &mut Object<'_>, alert: &Alert) {
    let user = alert.user.as_deref().map(str::as_bytes);
    if alert.src_ip.is_some() {
        o.object("source", |s| common::address(s, alert.src_ip, None));
    }
    if let Some(user) = user {
        o.object("user", |u| {
            u.text("name", user);
        });
    }
    if alert.src_ip.is_some() || user.is_some() {
        o.object("related", |r| {
            if alert.src_ip.is_some() {
                common::related_ips(r, &[alert.src_ip]);
            }
            if user.is_some() {
                common::related_users(r, &[user]);
            }
        });
    }
}

fn write_threat(o: &mut Object<'_>, alert: &Alert, time: &Iso) {
    let told = told(alert);
    let first = alert.hits.first();
    let is_known = !told.tactics.is_empty() || !told.techniques.is_empty();
    if !is_known && first.is_none() {
        return;
    }
    o.object("threat", |t| {
        if is_known {
            t.raw(r#""framework":"MITRE ATT&CK""#);
        }
        if !told.tactics.is_empty() {
            t.object("tactic", |a| {
                list(a, "id", told.tactics.iter().map(|(id, _)| *id));
                list(a, "name", told.tactics.iter().map(|(_, name)| *name));
            });
        }
        if !told.techniques.is_empty() {
            t.object("technique", |a| {
                list(a, "id", told.techniques.iter().map(Technique::whole));
                let names = told.techniques.iter().filter_map(|one| one.name);
                if names.clone().next().is_some() {
                    list(a, "name", names);
                }
                let parts = told.techniques.iter().filter(|one| one.is_part());
                if parts.clone().next().is_some() {
                    a.object("subtechnique", |s| list(s, "id", parts.map(|one| &*one.id)));
                }
            });
        }
        if let Some(hit) = first {
            t.object("indicator", |i| common::indicator(i, &hit.indicator));
            common::enrichments(t, &alert.hits, time);
        }
    });
}

/// Each once.
fn list<'a>(o: &mut Object<'_>, key: &str, texts: impl Iterator<Item = &'a str>) {
    let mut all: Vec<&str> = Vec::new();
    texts.for_each(|text| {
        if !all.contains(&text) {
            all.push(text);
        }
    });
    o.array(key, all, |out, text| string(out, text.as_bytes()));
}
