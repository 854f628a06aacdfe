//! What the encoders of all schemas write alike: kernel stamps, joined arguments, records field by
//! field, names of protocols.

use crate::model::alert::Rule;
use crate::model::audit::{AuditRecord, ROW};
use crate::model::eight;
use crate::model::gap::Gap;
use crate::model::process::Completeness;
use crate::model::session::Origin;
use crate::model::{EventUid, Stamp, Within};

use super::iso::Iso;
use super::json::{Member, Object, string_part};
use super::numbers::digits;

/// `SECONDS.MILLIS:SERIAL`, without the machinery of formatting: every event has one.
pub fn write_stamp(out: &mut Vec<u8>, stamp: Stamp) {
    digits(out, stamp.time.0.div_euclid(1000));
    let millis = eight::eight_digits(stamp.time.0.rem_euclid(1000) as u32).to_le_bytes();
    out.push(b'.');
    out.extend_from_slice(&millis[5..]);
    out.push(b':');
    digits(out, stamp.serial);
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

/// Whether bytes are lost where these are written as text.
pub fn is_lossy(text: &[u8]) -> bool {
    !text.is_ascii() && std::str::from_utf8(text).is_err()
}

/// Keywords of the IANA protocol numbers that flows mostly have.
pub fn protocol_name(protocol: u8) -> Option<&'static str> {
    match protocol {
        1 => Some("icmp"),
        6 => Some("tcp"),
        17 => Some("udp"),
        47 => Some("gre"),
        50 => Some("esp"),
        58 => Some("ipv6-icmp"),
        132 => Some("sctp"),
        _ => None,
    }
}

/// The sum of what is known.
pub fn sum(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    match (a, b) {
        (None, None) => None,
        (a, b) => Some(a.unwrap_or(0).saturating_add(b.unwrap_or(0))),
    }
}

/// What an event that was cut lacks, by the names of its records.
pub fn missing(completeness: &Completeness) -> impl Iterator<Item = &'static str> {
    let missing = [
        (completeness.no_syscall, "SYSCALL"),
        (completeness.no_execve, "EXECVE"),
        (completeness.no_proctitle, "PROCTITLE"),
        (completeness.paths_missing > 0, "PATH"),
        (completeness.args_missing > 0, "arguments"),
    ];
    let missing = missing.into_iter().filter(|(is, _)| *is);
    missing.map(|(_, what)| what)
}

/// What a rule is called, what it looks for, and its technique.
pub struct Told {
    pub name: &'static str,
    pub desc: &'static str,
    pub attack: Option<Attack>,
}

/// Tactic and technique of MITRE ATT&CK, each id and name.
#[derive(Clone, Copy)]
pub struct Attack {
    pub tactic: (&'static str, &'static str),
    pub technique: (&'static str, &'static str),
}

const GUESSING: Attack = Attack {
    tactic: ("TA0006", "Credential Access"),
    technique: ("T1110", "Brute Force"),
};

pub fn rule(rule: Rule) -> Told {
    match rule {
        Rule::IndicatorHit => Told {
            name: "Indicator of compromise",
            desc: "An address, name, URL or hash of an indicator file stands in an event.",
            attack: None,
        },
        Rule::GuessedLogon => Told {
            name: "Guessed logon",
            desc: "A source address failed to log on several times and then got in.",
            attack: Some(GUESSING),
        },
        Rule::GuessingLogon => Told {
            name: "Password guessing",
            desc: "A source address failed to log on several times and did not get in.",
            attack: Some(GUESSING),
        },
        Rule::LostEvents => Told {
            name: "Lost audit events",
            desc: "Serials that the kernel gave out are missing: events were lost, or left out, on the way.",
            attack: None,
        },
    }
}

/// `session`: what is known of the logon that an event's session began with, or that it was not seen.
pub fn origin(o: &mut Object<'_>, origin: Origin<'_>) {
    let session = match origin {
        Origin::None => return,
        Origin::Unseen => {
            o.raw(r#""session":{"logon_seen":false}"#);
            return;
        }
        Origin::Of(session) => session,
    };
    o.object("session", |s| {
        if let Some(ip) = session.src_ip {
            s.address("src_ip", ip);
        }
        if let Some(uid) = session.logon_uid {
            s.uid("logon_uid", uid);
        }
        if !session.service.is_empty() {
            s.text("service", session.service.as_bytes());
        }
        if let Some(method) = session.method {
            s.plain("method", method.as_str());
        }
        s.text_if("terminal", session.terminal.as_deref());
        s.number("start_time", session.started.0);
    });
}

/// Words of records that are no field, by type of their record.
pub fn words(o: &mut Object<'_>, words: &[(&[u8], &[u8])]) {
    if !words.is_empty() {
        o.objects("words", words, |w, (kind, words)| {
            w.text("type", kind).text("text", words);
        });
    }
}

/// The serials that are missing.
pub fn gap(o: &mut Object<'_>, gap: &Gap) {
    o.number("first_serial", gap.first);
    o.number("last_serial", gap.last);
    o.number("missing", gap.missing);
}

/// Records as objects of their fields. A name that comes twice in a record gets a number.
pub fn records(o: &mut Object<'_>, key: &str, records: &[AuditRecord<'_>]) {
    o.objects(key, records, |r, record| {
        r.text("type", record.kind);
        // Most records have no name twice, and are not searched for one.
        let mut seen = match record.row {
            [] => Seen::of(&[b"type"]),
            row => {
                r.members(&ROW_MEMBERS, row);
                Seen::OF_ROW
            }
        };
        for (i, field) in record.fields.iter().enumerate() {
            if !seen.add(field.key) {
                again(r, record, i);
            } else if let Some(value) = field.plain() {
                r.plain_member(field.key, value);
            } else {
                r.member(field.key(), field.value());
            }
        }
    });
}

const ROW_MEMBERS: [Member; ROW.len()] = {
    let (mut members, mut i) = ([Member::new("x"); ROW.len()], 0);
    while i < members.len() {
        members[i] = Member::new(ROW[i]);
        i += 1;
    }
    members
};

/// The field at this place, whose name may stand before.
fn again(r: &mut Object<'_>, record: &AuditRecord<'_>, at: usize) {
    let field = &record.fields[at];
    let (key, value) = (field.key(), field.value());
    let before = record.all().take(record.row.len() + at);
    let before = before.filter(|(name, _)| *name == key).count();
    match before + (key == b"type") as usize {
        0 => r.member(key, value),
        n => r.member(&[key, format!("_{}", n + 1).as_bytes()].concat(), value),
    };
}

/// A Bloom filter of names.
#[derive(Clone, Copy, Default)]
struct Seen([u64; 16]);

impl Seen {
    /// `type`, and the names of a row.
    const OF_ROW: Seen = {
        let (mut seen, mut i) = (Seen::of(&[b"type"]), 0);
        while i < ROW.len() {
            seen = seen.with(ROW[i].as_bytes());
            i += 1;
        }
        seen
    };

    const fn of(names: &[&[u8]]) -> Seen {
        let (mut seen, mut i) = (Seen([0; 16]), 0);
        while i < names.len() {
            seen = seen.with(names[i]);
            i += 1;
        }
        seen
    }

    const fn with(mut self, name: &[u8]) -> Seen {
        let (mut word, mut i) = (0, 0);
        while i < name.len() && i < 8 {
            word |= (name[i] as u64) << (8 * i);
            i += 1;
        }
        let (at, bit) = Seen::place(word, name.len());
        self.0[at] |= bit;
        self
    }

    /// False where the name may have been added before.
    #[inline]
    fn add(&mut self, name: Within<'_>) -> bool {
        let word = match name.chunk::<8>(0) {
            Some(eight) => u64::from_le_bytes(*eight),
            None => eight::load(name.text(), 0),
        };
        let (at, bit) = Seen::place(eight::lowest(word, name.len()), name.len());
        let new = self.0[at] & bit == 0;
        self.0[at] |= bit;
        new
    }

    /// By the first eight bytes of a name and its length; 2^64 divided by the golden ratio, as Fibonacci
    /// hashing has it.
    const fn place(word: u64, len: usize) -> (usize, u64) {
        let word = word ^ (len as u64) << 56;
        let hash = word.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 54;
        ((hash >> 6) as usize & 15, 1 << (hash & 63))
    }
}

impl Object<'_> {
    /// Texts joined to one, as a person reads them.
    #[inline]
    pub fn joined(&mut self, key: &str, by: &[u8], parts: &[&[u8]]) {
        self.text_of(key, |out| {
            for (i, part) in parts.iter().enumerate() {
                if i > 0 {
                    out.extend_from_slice(by);
                }
                string_part(out, part);
            }
        });
    }

    #[inline]
    pub fn uid(&mut self, key: &str, uid: EventUid) {
        self.text_of(key, |out| out.extend_from_slice(&uid.to_hex()));
    }

    #[inline]
    pub fn time(&mut self, key: &str, time: &Iso) {
        self.text_of(key, |out| out.extend_from_slice(time.as_bytes()));
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
