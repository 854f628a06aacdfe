//! What several classes share: metadata, device, users, hits.

use std::net::IpAddr;

use crate::model::activity::Actor;
use crate::model::process::{Account, Completeness};
use crate::model::session::Origin;
use crate::model::{EventUid, Hit, IndicatorKind, Stamp};

use super::super::common::missing;
pub use super::super::common::{file_name, origin, write_stamp};
use super::super::json::{Object, string};
use super::origin as stamps;

/// The members that a class and an activity always have, as one text. The type is 100 × class + activity,
/// and is called by the schema's name of the activity: `Other` for 99, whatever it is called here.
macro_rules! head {
    ([$category:literal $category_name:literal $class:literal $class_name:literal] 99 $type:literal $name:literal) => {
        common::head!([$category $category_name $class $class_name] 99 $type $name "Other")
    };
    ([$category:literal $category_name:literal $class:literal $class_name:literal] $id:literal $type:literal $name:literal) => {
        common::head!([$category $category_name $class $class_name] $id $type $name $name)
    };
    ([$category:literal $category_name:literal $class:literal $class_name:literal] $id:literal $type:literal $name:literal $caption:literal) => {
        concat!(
            r#""activity_id":"#, $id, r#","activity_name":""#, $name,
            r#"","category_uid":"#, $category, r#","category_name":""#, $category_name,
            r#"","class_uid":"#, $class, r#","class_name":""#, $class_name,
            r#"","type_uid":"#, $type, r#","type_name":""#, $class_name, ": ", $caption, r#"""#
        )
    };
}
pub(super) use head;

/// `"product":{…},"version":…`, the same in every document, between two texts.
macro_rules! product {
    ($before:expr, $after:expr) => {
        concat!(
            $before,
            r#""product":{"name":"trailhound","vendor_name":"trailhound","version":""#,
            env!("CARGO_PKG_VERSION"),
            r#""},"version":"1.8.0""#,
            $after
        )
    };
}
pub(super) use product;

/// Where the address that a session came from stands: most classes have no end of a connection.
pub const SESSION_IP: &str = "unmapped.session.src_ip";

/// `metadata` of an event that has a kernel stamp.
pub fn metadata(
    o: &mut Object<'_>,
    uid: EventUid,
    stamp: Stamp,
    more: impl FnOnce(&mut Object<'_>),
) {
    o.object("metadata", |m| {
        m.raw(product!("", ""));
        m.text_of("uid", |out| stamps::write(out, uid, stamp));
        more(m);
    });
}

/// `metadata` of an event that has none.
pub fn plain_metadata(o: &mut Object<'_>, uid: EventUid, more: impl FnOnce(&mut Object<'_>)) {
    o.object("metadata", |m| {
        m.raw(product!("", ""));
        let hex = uid.to_hex();
        m.plain("uid", std::str::from_utf8(&hex).unwrap_or_default());
        more(m);
    });
}

/// `labels` of the metadata: the keys of the audit rules, then the labels of the configuration.
pub fn labels(m: &mut Object<'_>, keys: &[&[u8]], labels: &[impl AsRef<str>]) {
    if keys.is_empty() && labels.is_empty() {
        return;
    }
    let labels = labels.iter().map(|label| label.as_ref().as_bytes());
    m.array("labels", keys.iter().copied().chain(labels), string);
}

/// `device`: the host that the event is of.
pub fn device(o: &mut Object<'_>, host: &str) {
    o.object("device", |d| {
        if host.is_empty() {
            d.raw(r#""name":"unknown""#);
        } else {
            d.text("hostname", host.as_bytes());
        }
        d.raw(r#""type_id":0,"type":"Unknown""#);
    });
}

/// A user: `uid` is text of the number. Nothing where neither is known.
pub fn user(o: &mut Object<'_>, key: &str, who: &Account<'_>) {
    if who.id.is_none() && who.name.is_none() {
        return;
    }
    o.object(key, |u| {
        if let Some(id) = who.id {
            u.number_as_text("uid", id);
        }
        u.text_if("name", who.name);
    });
}

/// `actor`: the process that did it, who logged on, and their session. Nothing where no record says.
/// `required`: the class wants one.
pub fn actor(o: &mut Object<'_>, actor: &Actor<'_>, origin: Origin<'_>, required: bool) {
    let login = &actor.login_user;
    let has_login = login.id.is_some() || login.name.is_some();
    let named = actor.exe.or(actor.comm);
    if actor.pid.is_none() && !has_login && named.is_none() && !required {
        return;
    }
    o.object("actor", |a| {
        match actor.pid {
            Some(pid) => {
                a.object("process", |p| {
                    p.number("pid", pid);
                    process_of(p, actor);
                });
            }
            None => {
                a.text("app_name", named.unwrap_or(b"unknown"));
            }
        }
        user(a, "user", login);
        session(a, actor.session, actor.tty, origin);
    });
}

/// What the records say of the process that acted, beside its pid.
pub fn process_of(p: &mut Object<'_>, actor: &Actor<'_>) {
    match actor.exe {
        Some(exe) => {
            p.text("name", file_name(exe));
            p.text("path", exe);
        }
        None => {
            p.text_if("name", actor.comm);
        }
    }
    user(p, "user", &actor.user);
    p.number_if("euid", actor.effective_user.id);
    p.number_if("egid", actor.effective_group.id);
    p.number_if("auid", actor.login_user.id);
    user(p, "group", &actor.group);
    if let Some(ppid) = actor.ppid {
        p.object("parent_process", |parent| {
            parent.number("pid", ppid);
        });
    }
}

pub fn session(
    o: &mut Object<'_>,
    session: Option<u32>,
    terminal: Option<&[u8]>,
    origin: Origin<'_>,
) {
    if session.is_none() && terminal.is_none() {
        return;
    }
    o.object("session", |s| {
        if let Some(session) = session {
            s.number_as_text("uid", session);
        }
        s.text_if("terminal", terminal);
        if let Origin::Of(known) = origin {
            s.number("created_time", known.started.0);
            if known.src_ip.is_some() {
                s.bool("is_remote", true);
            }
        }
    });
}

/// A user or group that the class wants, also where no record names one.
pub fn required_user(o: &mut Object<'_>, key: &str, who: &Account<'_>) {
    if who.id.is_none() && who.name.is_none() {
        o.object(key, |u| {
            u.raw(r#""name":"(unknown)""#);
        });
    }
    user(o, key, who);
}

/// `enrichments` and `observables` of the hits on an event, with its other observables.
pub fn sightings(o: &mut Object<'_>, hits: &[Hit], addresses: &[(&str, Option<IpAddr>)]) {
    enrichments(o, hits, None);
    observables(o, hits, addresses);
}

/// `enrichments`: the hits on an event, and the pattern of a command that is new to its host.
pub fn enrichments(o: &mut Object<'_>, hits: &[Hit], new_pattern: Option<&[u8]>) {
    if hits.is_empty() && new_pattern.is_none() {
        return;
    }
    let items = hits.iter().map(Ok).chain(new_pattern.map(Err));
    o.objects("enrichments", items, |e, item| match item {
        Ok(hit) => {
            e.text("name", hit.field.as_bytes());
            e.text("value", hit.observed.as_bytes());
            e.raw(r#""type":"indicator""#);
            e.text("provider", hit.indicator.file.as_bytes());
            e.object("data", |d| hit_data(d, hit));
        }
        Err(pattern) => {
            e.raw(r#""name":"process.cmd_line""#).text("value", pattern);
            e.raw(r#""type":"rarity","desc":"first seen on this host""#);
            e.object("data", |d| {
                d.bool("first_seen", true);
            });
        }
    });
}

/// `observables` of an event.
pub fn observables(o: &mut Object<'_>, hits: &[Hit], addresses: &[(&str, Option<IpAddr>)]) {
    let addresses = || {
        addresses
            .iter()
            .filter_map(|(name, ip)| ip.map(|ip| (*name, ip)))
    };
    if addresses().next().is_none() && hits.is_empty() {
        return;
    }
    let told = |hit: &&Hit| {
        !addresses().any(|(name, ip)| *name == *hit.field && ip.to_string() == *hit.observed)
    };
    let items = addresses().map(Ok).chain(hits.iter().filter(told).map(Err));
    o.objects("observables", items, |b, item| match item {
        Ok((name, ip)) => {
            b.plain("name", name).address("value", ip);
            b.raw(r#""type_id":2,"type":"IP Address""#);
        }
        Err(hit) => {
            b.text("name", hit.field.as_bytes())
                .text("value", hit.observed.as_bytes());
            b.raw(observable_type(hit.indicator.kind));
        }
    });
}

/// Which indicator, from which file, over which bytes.
pub fn hit_data(d: &mut Object<'_>, hit: &Hit) {
    d.plain("kind", hit.indicator.kind.as_str());
    d.text("indicator", hit.indicator.value.as_bytes());
    d.text("file", hit.indicator.file.as_bytes());
    d.number("line", hit.indicator.line);
    d.number("start", hit.span.0).number("end", hit.span.1);
}

/// `observable.type_id` and its caption.
pub fn observable_type(kind: IndicatorKind) -> &'static str {
    match kind {
        IndicatorKind::Ipv4 | IndicatorKind::Ipv6 | IndicatorKind::Cidr => {
            r#""type_id":2,"type":"IP Address""#
        }
        IndicatorKind::Domain => r#""type_id":1,"type":"Hostname""#,
        IndicatorKind::Url => r#""type_id":6,"type":"URL String""#,
        IndicatorKind::Md5 | IndicatorKind::Sha1 | IndicatorKind::Sha256 => {
            r#""type_id":8,"type":"Hash""#
        }
    }
}

/// Under `unmapped`: whether the event was whole, and if not, what is missing.
pub fn completeness(u: &mut Object<'_>, completeness: &Completeness) {
    let Some(cut) = completeness.cut else {
        u.bool("complete", true);
        return;
    };
    u.bool("complete", false).plain("cut", cut.as_str());
    u.array("missing", missing(completeness), |out, what| {
        string(out, what.as_bytes())
    });
}
