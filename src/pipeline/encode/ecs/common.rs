//! What several kinds share: the opening of a document, host, users, hits.

use std::net::IpAddr;

use crate::model::process::{Account, Completeness};
use crate::model::{Hit, Indicator, IndicatorKind};

use super::super::common::missing;
use super::super::iso::Iso;
use super::super::json::{Object, string, string_part};

/// The same in every document.
const HEAD: &str = concat!(
    r#""ecs":{"version":"9.4.0"},"agent":{"type":"trailhound","version":""#,
    env!("CARGO_PKG_VERSION"),
    r#""}"#
);

pub fn head(o: &mut Object<'_>, time: &Iso, host: &str) {
    o.time("@timestamp", time);
    o.raw(HEAD);
    if !host.is_empty() {
        o.object("host", |h| {
            h.text("name", host.as_bytes());
            h.text("hostname", host.as_bytes());
        });
    }
}

pub fn is_known(who: &Account<'_>) -> bool {
    who.id.is_some() || who.name.is_some()
}

/// `id` and `name` of a user or group.
pub fn account(o: &mut Object<'_>, who: &Account<'_>) {
    if let Some(id) = who.id {
        o.number_as_text("id", id);
    }
    o.text_if("name", who.name);
}

/// A user or group in an object of its own. Nothing where neither number nor name is known.
pub fn who(o: &mut Object<'_>, key: &str, who: &Account<'_>) {
    if is_known(who) {
        o.object(key, |o| account(o, who));
    }
}

/// `tags`: the keys of the audit rules, then the labels of the configuration.
pub fn tags(o: &mut Object<'_>, keys: &[&[u8]], labels: &[impl AsRef<str>]) {
    if keys.is_empty() && labels.is_empty() {
        return;
    }
    let labels = labels.iter().map(|label| label.as_ref().as_bytes());
    o.array("tags", keys.iter().copied().chain(labels), string);
}

/// One end of a connection.
pub fn address(o: &mut Object<'_>, ip: Option<IpAddr>, name: Option<&str>) {
    match (ip, name) {
        (Some(ip), _) => {
            o.address("address", ip).address("ip", ip);
        }
        (None, Some(name)) => {
            o.text("address", name.as_bytes());
        }
        (None, None) => {}
    }
    o.text_if("domain", name.map(str::as_bytes));
}

/// `related.ip`.
pub fn related_ips(o: &mut Object<'_>, ips: &[Option<IpAddr>]) {
    let ips = ips.iter().flatten();
    o.array("ip", ips, string_of);
}

/// `related.user`, each once.
pub fn related_users(o: &mut Object<'_>, users: &[Option<&[u8]>]) {
    let once = users.iter().enumerate();
    let once = once.filter(|(i, user)| !users[..*i].contains(user));
    o.array("user", once.filter_map(|(_, user)| *user), string);
}

fn string_of(out: &mut Vec<u8>, value: impl std::fmt::Display) {
    out.push(b'"');
    // Writing into memory cannot fail.
    let _ = std::io::Write::write_fmt(out, format_args!("{value}"));
    out.push(b'"');
}

/// Under `trailhound`: whether the event was whole, and if not, what is missing.
pub fn completeness(t: &mut Object<'_>, completeness: &Completeness) {
    let Some(cut) = completeness.cut else {
        t.bool("complete", true);
        return;
    };
    t.bool("complete", false).plain("cut", cut.as_str());
    t.array("missing", missing(completeness), |out, what| {
        string(out, what.as_bytes())
    });
}

/// `threat` of an event with hits.
pub fn sightings(o: &mut Object<'_>, hits: &[Hit], time: &Iso) {
    if !hits.is_empty() {
        o.object("threat", |t| enrichments(t, hits, time));
    }
}

/// `enrichments` within `threat`.
pub fn enrichments(t: &mut Object<'_>, hits: &[Hit], time: &Iso) {
    t.objects("enrichments", hits, |e, hit| {
        e.object("indicator", |i| indicator(i, &hit.indicator));
        e.object("matched", |m| {
            m.text("atomic", hit.observed.as_bytes());
            m.plain("field", field(&hit.field));
            m.text_of("id", |out| {
                string_part(out, hit.indicator.file.as_bytes());
                out.push(b':');
                out.extend_from_slice(itoa::Buffer::new().format(hit.indicator.line).as_bytes());
            });
            m.text("index", hit.indicator.file.as_bytes());
            m.time("occurred", time);
            m.plain("type", "indicator_match_rule");
        });
    });
}

/// What is looked for, by its kind; the value is always in `name` too (a network is no `ip`).
pub fn indicator(i: &mut Object<'_>, indicator: &Indicator) {
    let value = indicator.value.as_bytes();
    i.text("name", value);
    i.text("provider", indicator.file.as_bytes());
    let mut hash = |key| {
        i.raw(r#""type":"file""#);
        i.object("file", |f| {
            f.object("hash", |h| {
                h.text(key, value);
            });
        });
    };
    match indicator.kind {
        IndicatorKind::Md5 => hash("md5"),
        IndicatorKind::Sha1 => hash("sha1"),
        IndicatorKind::Sha256 => hash("sha256"),
        IndicatorKind::Ipv4 => {
            i.raw(r#""type":"ipv4-addr""#).text("ip", value);
        }
        IndicatorKind::Ipv6 => {
            i.raw(r#""type":"ipv6-addr""#).text("ip", value);
        }
        IndicatorKind::Cidr => {
            i.raw(if value.contains(&b':') {
                r#""type":"ipv6-addr""#
            } else {
                r#""type":"ipv4-addr""#
            });
        }
        IndicatorKind::Domain => {
            i.raw(r#""type":"domain-name""#);
            i.object("url", |u| {
                u.text("domain", value);
            });
        }
        IndicatorKind::Url => {
            i.raw(r#""type":"url""#);
            i.object("url", |u| {
                u.text("full", value).text("original", value);
            });
        }
    }
}

/// The field of this schema for that of a hit, which is OCSF's.
fn field(ocsf: &str) -> &'static str {
    match ocsf {
        "src_endpoint.ip" => "source.ip",
        "src_endpoint.hostname" => "source.domain",
        "dst_endpoint.ip" => "destination.ip",
        "unmapped.command" => "auditd.data.cmd",
        _ => "process.args",
    }
}
