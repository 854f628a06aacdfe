//! What several classes share: metadata, device, users, hits.

use std::net::IpAddr;

use crate::model::activity::Actor;
use crate::model::audit::AuditRecord;
use crate::model::eight;
use crate::model::process::{Account, Completeness};
use crate::model::{EventUid, Hit, IndicatorKind, Stamp};

use super::super::json::{Object, string};

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

/// `"product":{…},"version":…`, the same in every document.
const PRODUCT: &str = concat!(
    r#""product":{"name":"trailhound","vendor_name":"trailhound","version":""#,
    env!("CARGO_PKG_VERSION"),
    r#""},"version":"1.8.0""#
);

/// `metadata` of an event that has a kernel stamp.
pub fn metadata(
    o: &mut Object<'_>,
    uid: EventUid,
    stamp: Stamp,
    more: impl FnOnce(&mut Object<'_>),
) {
    o.object("metadata", |m| {
        m.raw(PRODUCT);
        let hex = uid.to_hex();
        m.plain("uid", std::str::from_utf8(&hex).unwrap_or_default());
        m.raw(r#""log_name":"audit""#);
        m.text_of("original_event_uid", |out| write_stamp(out, stamp));
        more(m);
    });
}

/// `SECONDS.MILLIS:SERIAL`, without the machinery of formatting: every event has one.
pub fn write_stamp(out: &mut Vec<u8>, stamp: Stamp) {
    let mut digits = itoa::Buffer::new();
    let (seconds, millis) = (stamp.time.0.div_euclid(1000), stamp.time.0.rem_euclid(1000));
    out.extend_from_slice(digits.format(seconds).as_bytes());
    // 1000 more than the milliseconds has the leading zeros.
    out.push(b'.');
    out.extend_from_slice(&digits.format(1000 + millis).as_bytes()[1..]);
    out.push(b':');
    out.extend_from_slice(digits.format(stamp.serial).as_bytes());
}

/// `metadata` of an event that has none.
pub fn plain_metadata(o: &mut Object<'_>, uid: EventUid, more: impl FnOnce(&mut Object<'_>)) {
    o.object("metadata", |m| {
        m.raw(PRODUCT);
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
pub fn actor(o: &mut Object<'_>, actor: &Actor<'_>, required: bool) {
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
        session(a, actor.session, actor.tty);
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

pub fn session(o: &mut Object<'_>, session: Option<u32>, terminal: Option<&[u8]>) {
    if session.is_none() && terminal.is_none() {
        return;
    }
    o.object("session", |s| {
        if let Some(session) = session {
            s.number_as_text("uid", session);
        }
        s.text_if("terminal", terminal);
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

/// The last part of a path; a deleted file keeps its mark.
pub fn file_name(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|&b| b != b'/').map_or(0, |at| at + 1);
    match memchr::memrchr(b'/', &path[..end]) {
        Some(at) => &path[at + 1..end],
        None if end > 0 => &path[..end],
        // The root, or nothing.
        None => path,
    }
}

/// `enrichments` and `observables` of the hits on an event, with its other observables.
pub fn sightings(o: &mut Object<'_>, hits: &[Hit], addresses: &[(&str, Option<IpAddr>)]) {
    if !hits.is_empty() {
        o.objects("enrichments", hits, |e, hit| {
            e.text("name", hit.field.as_bytes());
            e.text("value", hit.observed.as_bytes());
            e.raw(r#""type":"indicator""#);
            e.text("provider", hit.indicator.file.as_bytes());
            e.object("data", |d| hit_data(d, hit));
        });
    }
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
            b.plain("name", name).display("value", ip);
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
    let missing = [
        (completeness.no_syscall, "SYSCALL"),
        (completeness.no_execve, "EXECVE"),
        (completeness.no_proctitle, "PROCTITLE"),
        (completeness.paths_missing > 0, "PATH"),
        (completeness.args_missing > 0, "arguments"),
    ];
    let missing = missing.iter().filter(|(is, _)| *is);
    u.array("missing", missing, |out, (_, what)| {
        string(out, what.as_bytes())
    });
}

/// Records as objects of their fields. A name that comes twice in a record gets a number.
pub fn records(u: &mut Object<'_>, records: &[AuditRecord<'_>]) {
    u.objects("records", records, |r, record| {
        r.text("type", record.kind);
        // Most records have no name twice, and are not searched for one.
        let mut seen = Seen::default();
        seen.add(b"type");
        for (i, (key, value)) in record.fields.iter().enumerate() {
            if seen.add(key) {
                r.member(key, value);
            } else {
                let before = record.fields[..i].iter().filter(|(k, _)| k == key).count();
                match before + (*key == b"type") as usize {
                    0 => r.member(key, value),
                    n => r.member(&[key, format!("_{}", n + 1).as_bytes()].concat(), value),
                };
            }
        }
    });
}

/// A Bloom filter of names.
#[derive(Default)]
struct Seen([u64; 16]);

impl Seen {
    /// False where the name may have been added before.
    #[inline]
    fn add(&mut self, name: &[u8]) -> bool {
        // 2^64 divided by the golden ratio, as Fibonacci hashing has it.
        let word = eight::load(name, 0) ^ (name.len() as u64) << 56;
        let hash = word.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 54;
        let (at, bit) = ((hash >> 6) as usize & 15, 1 << (hash & 63));
        let new = self.0[at] & bit == 0;
        self.0[at] |= bit;
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_stamp_is_written_as_it_is_displayed(time in 0i64..99_999_999_999_999, serial: u64) {
            let stamp = Stamp { time: Timestamp(time), serial };
            let mut out = Vec::new();
            write_stamp(&mut out, stamp);
            prop_assert_eq!(String::from_utf8(out).unwrap(), stamp.to_string());
        }
    }
}
