//! What the encoders of all schemas write alike: kernel stamps, joined arguments, records field by
//! field, names of protocols.

use crate::model::alert::Rule;
use crate::model::audit::{AuditField, AuditRecord};
use crate::model::eight;
use crate::model::gap::Gap;
use crate::model::process::Completeness;
use crate::model::{EventUid, Stamp, Within};

use super::iso::Iso;
use super::json::{Object, string_part};

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
        let mut seen = Seen::default();
        seen.add(b"type".as_slice().into());
        for (i, field) in record.fields.iter().enumerate() {
            if !seen.add(field.key) {
                again(r, &record.fields[..i], field);
            } else if field.is_plain {
                r.plain_member(field.key, field.value);
            } else {
                r.member(field.key(), field.value());
            }
        }
    });
}

/// A field whose name may stand before.
fn again(r: &mut Object<'_>, before: &[AuditField<'_>], field: &AuditField<'_>) {
    let (key, value) = (field.key(), field.value());
    let before = before.iter().filter(|field| field.key() == key).count();
    match before + (key == b"type") as usize {
        0 => r.member(key, value),
        n => r.member(&[key, format!("_{}", n + 1).as_bytes()].concat(), value),
    };
}

/// A Bloom filter of names.
#[derive(Default)]
struct Seen([u64; 16]);

impl Seen {
    /// False where the name may have been added before.
    #[inline]
    fn add(&mut self, name: Within<'_>) -> bool {
        let word = match name.chunk::<8>(0) {
            Some(eight) => eight::lowest(u64::from_le_bytes(*eight), name.len()),
            None => eight::lowest(eight::load(name.text(), 0), name.len()),
        };
        // 2^64 divided by the golden ratio, as Fibonacci hashing has it.
        let word = word ^ (name.len() as u64) << 56;
        let hash = word.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 54;
        let (at, bit) = ((hash >> 6) as usize & 15, 1 << (hash & 63));
        let new = self.0[at] & bit == 0;
        self.0[at] |= bit;
        new
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
