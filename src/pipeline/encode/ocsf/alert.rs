//! detection_finding (2004), Create.

use crate::model::{Alert, IndicatorKind};

use super::super::common::{gap as write_gap, rule};
use super::super::json::Object;
use super::common;

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
    if let Some(gap) = &alert.gap {
        o.object("unmapped", |u| {
            write_gap(u, gap);
        });
    }
    o.end();
}

fn write_finding(f: &mut Object<'_>, alert: &Alert) {
    let told = rule(alert.rule);
    f.display("uid", alert.uid);
    f.text("title", alert.title.as_bytes());
    f.plain("desc", told.desc);
    f.number("created_time", alert.time.0);
    f.number("first_seen_time", alert.first_seen.0);
    f.number("last_seen_time", alert.time.0);
    f.object("analytic", |a| {
        a.plain("uid", alert.rule.id()).plain("name", told.name);
        a.raw(r#""type_id":1,"type":"Rule""#);
    });
    if let Some(attack) = told.attack {
        f.objects("attacks", [attack], |a, attack| {
            let named = |o: &mut Object<'_>, (uid, name)| {
                o.plain("name", name).plain("uid", uid);
            };
            a.object("tactic", |t| named(t, attack.tactic));
            a.object("technique", |t| named(t, attack.technique));
        });
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
