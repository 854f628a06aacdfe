//! detection_finding (2004): an alert is created; a finding that grows is updated, and closed.

use crate::model::alert::Step;
use crate::model::{Alert, IndicatorKind};

use super::super::common::{Technique, Told, gap as write_gap, matched, story, told};
use super::super::json::Object;
use super::common;

macro_rules! head {
    ($id:literal $type:literal $name:literal) => {
        common::head!([2 "Findings" 2004 "Detection Finding"] $id $type $name)
    };
}

pub fn write(out: &mut Vec<u8>, alert: &Alert) {
    let mut o = Object::begin(out);
    let step = alert
        .finding
        .as_ref()
        .map_or(Step::Create, |finding| finding.step);
    let (head, status) = match step {
        Step::Create => (head!(1 200401 "Create"), r#""status_id":1,"status":"New""#),
        Step::Update => (
            head!(2 200402 "Update"),
            r#""status_id":2,"status":"In Progress""#,
        ),
        Step::Close => (
            head!(3 200403 "Close"),
            r#""status_id":4,"status":"Resolved""#,
        ),
    };
    o.raw(head).raw(status).raw(r#""is_alert":true"#);
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
                    s.address("ip", ip);
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
    if alert.gap.is_some() || alert.behaviour.is_some() || alert.finding.is_some() {
        o.object("unmapped", |u| {
            if let Some(gap) = &alert.gap {
                write_gap(u, gap);
            }
            matched(u, alert);
            story(u, alert);
        });
    }
    o.end();
}

fn write_finding(f: &mut Object<'_>, alert: &Alert) {
    let told = told(alert);
    // A story has one id, however often it is told.
    f.display(
        "uid",
        alert
            .finding
            .as_ref()
            .map_or(alert.uid, |finding| finding.uid),
    );
    f.text("title", alert.title.as_bytes());
    f.text("desc", told.desc.as_bytes());
    f.number("created_time", alert.time.0);
    f.number("first_seen_time", alert.first_seen.0);
    f.number("last_seen_time", alert.time.0);
    f.object("analytic", |a| {
        a.text("uid", alert.rule_id().as_bytes());
        a.text("name", told.name.as_bytes());
        a.raw(r#""type_id":1,"type":"Rule""#);
    });
    write_attacks(f, &told);
    f.number("related_events_count", alert.evidence_total);
    f.objects("related_events", &alert.evidence, |e, evidence| {
        e.display("uid", evidence.uid);
        e.number("type_uid", evidence.type_uid);
        e.number("first_seen_time", evidence.time.0);
    });
}

/// One tactic and one technique are of one attack; of several none says which goes with which.
fn write_attacks(f: &mut Object<'_>, told: &Told<'_>) {
    let named = |o: &mut Object<'_>, uid: &str, name: Option<&str>| {
        if let Some(name) = name {
            o.plain("name", name);
        }
        o.text("uid", uid.as_bytes());
    };
    let technique = |a: &mut Object<'_>, one: &Technique| {
        a.object("technique", |t| named(t, one.whole(), one.name));
        if one.is_part() {
            a.object("sub_technique", |t| named(t, &one.id, None));
        }
    };
    match (&told.tactics[..], &told.techniques[..]) {
        ([], []) => {}
        ([(uid, name)], [one]) => {
            f.objects("attacks", [one], |a, one| {
                a.object("tactic", |t| named(t, uid, Some(name)));
                technique(a, one);
            });
        }
        (tactics, techniques) => {
            let all = tactics.iter().map(Ok).chain(techniques.iter().map(Err));
            f.objects("attacks", all, |a, one| match one {
                Ok((uid, name)) => {
                    a.object("tactic", |t| named(t, uid, Some(name)));
                }
                Err(one) => technique(a, one),
            });
        }
    }
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
