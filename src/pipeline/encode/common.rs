//! What the encoders of all schemas write alike: kernel stamps, joined arguments, records field by
//! field, names of protocols.

use crate::model::Alert;
use crate::model::alert::{AttackTag, Finding, Rule, Step, Suppressed, attack_tags};
use crate::model::audit::{AuditRecord, ROW, USUAL};
use crate::model::eight;
use crate::model::gap::Gap;
pub use crate::model::path::file_name;
use crate::model::process::Completeness;
use crate::model::session::Origin;
use crate::model::{EventUid, Stamp, Within};

use super::iso::Iso;
use super::json::{Member, Object, string, string_part};
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
pub struct Told<'a> {
    pub name: &'a str,
    pub desc: &'a str,
    /// Id and name.
    pub tactics: Vec<(&'static str, &'static str)>,
    pub techniques: Vec<Technique>,
}

/// A technique of MITRE ATT&CK: `T1059`, or `T1059.004` which is a part of it.
pub struct Technique {
    pub id: String,
    pub name: Option<&'static str>,
}

impl Technique {
    /// The technique that this is, or is a part of.
    pub fn whole(&self) -> &str {
        self.id.split('.').next().unwrap_or_default()
    }

    pub fn is_part(&self) -> bool {
        self.id.contains('.')
    }
}

/// Tactics of ATT&CK for enterprises as Sigma's tags name them, with id and name.
const TACTICS: [(&str, &str, &str); 14] = [
    ("reconnaissance", "TA0043", "Reconnaissance"),
    ("resource-development", "TA0042", "Resource Development"),
    ("initial-access", "TA0001", "Initial Access"),
    ("execution", "TA0002", "Execution"),
    ("persistence", "TA0003", "Persistence"),
    ("privilege-escalation", "TA0004", "Privilege Escalation"),
    ("defense-evasion", "TA0005", "Defense Evasion"),
    ("credential-access", "TA0006", "Credential Access"),
    ("discovery", "TA0007", "Discovery"),
    ("lateral-movement", "TA0008", "Lateral Movement"),
    ("collection", "TA0009", "Collection"),
    ("command-and-control", "TA0011", "Command and Control"),
    ("exfiltration", "TA0010", "Exfiltration"),
    ("impact", "TA0040", "Impact"),
];

/// What an alert's rule is called, and what it looks for.
pub fn told(alert: &Alert) -> Told<'_> {
    if let Some(finding) = &alert.finding {
        return of_story(finding);
    }
    let Some(behaviour) = &alert.behaviour else {
        return of_rule(alert.rule);
    };
    let rule = &behaviour.rule;
    let (mut tactics, mut techniques) = (Vec::new(), Vec::new());
    for tag in attack_tags(&rule.tags) {
        match tag {
            AttackTag::Tactic(name) => tactics.extend(tactic_of(&name)),
            AttackTag::Technique(number) => techniques.push(Technique {
                id: format!("T{number}"),
                name: None,
            }),
        }
    }
    let desc = match &*rule.description {
        "" => &rule.title,
        desc => desc,
    };
    Told {
        name: &rule.title,
        desc,
        tactics,
        techniques,
    }
}

fn tactic_of(tag: &str) -> Option<(&'static str, &'static str)> {
    let found = TACTICS.iter().find(|(name, ..)| *name == tag)?;
    Some((found.1, found.2))
}

/// Tactics and techniques in the order of the stages, each once.
fn of_story(finding: &Finding) -> Told<'_> {
    let mut told = of_rule(Rule::Story);
    let names = finding.stages.iter().map(|stage| &stage.tactic);
    for tactic in names
        .chain(&finding.tactics)
        .filter_map(|name| tactic_of(name))
    {
        if !told.tactics.contains(&tactic) {
            told.tactics.push(tactic);
        }
    }
    for stage in &finding.stages {
        let is_known = told
            .techniques
            .iter()
            .any(|one| *one.id == *stage.technique);
        if !stage.technique.is_empty() && !is_known {
            told.techniques.push(Technique {
                id: stage.technique.to_string(),
                name: None,
            });
        }
    }
    told
}

/// How far a story is, and what it is made of.
pub fn story(o: &mut Object<'_>, alert: &Alert) {
    let Some(finding) = &alert.finding else {
        return;
    };
    o.object("story", |s| {
        s.uid("uid", finding.uid);
        s.plain(
            "step",
            match finding.step {
                Step::Create => "created",
                Step::Update => "updated",
                Step::Close => "closed",
            },
        );
        s.number("points", finding.points);
        let weak = finding.suppressed.iter().zip(Suppressed::ALL);
        if finding.suppressed.iter().any(|count| *count > 0) {
            s.object("suppressed", |o| {
                for (count, reason) in weak.filter(|(count, _)| **count > 0) {
                    o.number(reason.as_str(), *count);
                }
            });
        }
        s.array("sessions", &finding.sessions, |out, number| {
            digits(out, *number)
        });
        s.objects("stages", &finding.stages, |o, stage| {
            o.text("tactic", stage.tactic.as_bytes());
            o.text("technique", stage.technique.as_bytes());
            o.text("title", stage.title.as_bytes());
            o.text("what", stage.what.as_bytes());
            o.number("time", stage.evidence.time.0);
            o.uid("event_uid", stage.evidence.uid);
        });
    });
}

fn of_rule(rule: Rule) -> Told<'static> {
    let plain = |name, desc| Told {
        name,
        desc,
        tactics: Vec::new(),
        techniques: Vec::new(),
    };
    let guessing = |name, desc| Told {
        tactics: vec![("TA0006", "Credential Access")],
        techniques: vec![Technique {
            id: "T1110".to_owned(),
            name: Some("Brute Force"),
        }],
        ..plain(name, desc)
    };
    match rule {
        Rule::IndicatorHit => plain(
            "Indicator of compromise",
            "An address, name, URL or hash of an indicator file stands in an event.",
        ),
        Rule::GuessedLogon => guessing(
            "Guessed logon",
            "A source address failed to log on several times and then got in.",
        ),
        Rule::GuessingLogon => guessing(
            "Password guessing",
            "A source address failed to log on several times and did not get in.",
        ),
        Rule::LostEvents => plain(
            "Lost audit events",
            "Serials that the kernel gave out are missing: events were lost, or left out, on the way.",
        ),
        Rule::Story => plain(
            "Story of an attack",
            "What rules, indicators and guessed passwords say of one session or source adds up to an attack.",
        ),
        Rule::Behaviour => plain("Behaviour", "A rule of a rule file matches an event."),
    }
}

/// The fields by which a rule matched.
pub fn matched(o: &mut Object<'_>, alert: &Alert) {
    if let Some(behaviour) = &alert.behaviour {
        o.objects("matched", &behaviour.fields, |m, (field, value)| {
            m.text("field", field.as_bytes());
            m.text("value", value.as_bytes());
        });
        let tags = behaviour.rule.tags.iter();
        o.array("tags", tags, |out, tag| string(out, tag.as_bytes()));
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
                let members = ROW_MEMBERS.iter().zip(row);
                members.for_each(|(member, value)| r.prepared(member, *value));
                Seen::OF_ROW
            }
        };
        let usual = record
            .fields
            .iter()
            .map_while(|field| Some((field, field.usual?)));
        let mut read = 0;
        for (field, place) in usual {
            let name = &USUAL_MEMBERS[place as usize];
            match field.plain() {
                Some(value) => r.prepared(name, value),
                None => r.prepared_text(name, field.value()),
            }
            read += 1;
        }
        for (i, field) in record.fields.iter().enumerate().skip(read) {
            if i == read {
                record.fields[..read].iter().for_each(|field| {
                    seen.add(field.key);
                });
            }
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

const ROW_MEMBERS: [Member; ROW.len()] = Member::all(&ROW);
const USUAL_MEMBERS: [Member; USUAL.len()] = Member::all(&USUAL);

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
