//! An alert: `event.kind` alert, the rule, the technique, the indicators.

use crate::model::Alert;
use crate::model::alert::Rule;

use super::super::common::{gap, rule};
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
        });
        e.plain("action", alert.rule.id());
        e.text("reason", alert.title.as_bytes());
        e.uid("id", alert.uid);
        e.number("severity", alert.severity.id());
        e.time("start", &Iso::of(alert.first_seen));
        e.time("end", &time);
    });
    o.object("rule", |r| {
        let told = rule(alert.rule);
        r.plain("id", alert.rule.id()).plain("name", told.name);
        r.plain("description", told.desc);
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
    let attack = rule(alert.rule).attack;
    let first = alert.hits.first();
    if attack.is_none() && first.is_none() {
        return;
    }
    o.object("threat", |t| {
        if let Some(attack) = attack {
            t.raw(r#""framework":"MITRE ATT&CK""#);
            t.object("tactic", |a| pair(a, attack.tactic));
            t.object("technique", |a| pair(a, attack.technique));
        }
        if let Some(hit) = first {
            t.object("indicator", |i| common::indicator(i, &hit.indicator));
            common::enrichments(t, &alert.hits, time);
        }
    });
}

/// Lists in this schema.
fn pair(o: &mut Object<'_>, (id, name): (&str, &str)) {
    o.array("id", [id], |out, id| string(out, id.as_bytes()));
    o.array("name", [name], |out, name| string(out, name.as_bytes()));
}
