//! A record whose fields have been read, once for all that look at them.
//!
//! Place in the flow: [`super::normalise`] opens every record of an event that is no program start;
//! [`super::classify`] asks them what the event was about, and they are written as they are. It decodes
//! what the kernel encoded, and refuses to say what a value means.

use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;

use crate::model::Within;
use crate::model::audit::AuditField;

use super::event::{Event, RecordParts};
use super::fields::{Field, Fields, Raw, decode_hex, word};
use super::keys as key;
use super::record_types::RecordType;
use super::syscall::Syscall;
use super::usual::{self, Usual};

/// A record and its fields.
#[derive(Clone, Copy, Debug)]
pub struct Opened<'b> {
    pub kind: RecordType,
    /// The type as written.
    pub name: &'b [u8],
    pub body: &'b [u8],
    /// Of a SYSCALL record, what it says.
    pub call: Option<&'b Syscall<'b>>,
    /// As [`AuditRecord::row`](crate::model::audit::AuditRecord::row).
    pub row: &'b [Within<'b>],
    /// The other fields, in order; those of a `msg='…'` stand in its place.
    pub fields: &'b [AuditField<'b>],
    /// What the first field that tells of success says.
    pub success: Option<bool>,
    /// Words that belong to no field may stand in it; false is certain.
    pub has_words: bool,
}

impl<'b> Opened<'b> {
    pub fn read(record: RecordParts<'b>, bump: &'b Bump) -> Opened<'b> {
        let RecordParts {
            kind,
            name,
            body,
            mut fields,
        } = record;
        let (mut call, mut row): (_, &[Within<'_>]) = (None, &[]);
        if kind == RecordType::SYSCALL {
            let read = bump.alloc(Syscall::default());
            (row, fields) = read.open(fields, bump);
            call = Some(&*read);
        }
        // The shortest fields have four bytes with the space behind.
        let some = (body.len() / 4).min(32);
        let mut open = Open {
            kind,
            bump,
            fields: BumpVec::with_capacity_in(some, bump),
            success: call
                .filter(|_| !row.is_empty())
                .and_then(|call| call.success),
            has_words: false,
            usual: Usual::of(kind),
        };
        open.read(fields, false);
        Opened {
            kind,
            name,
            body,
            call,
            row,
            fields: open.fields.into_bump_slice(),
            success: open.success,
            has_words: open.has_words,
        }
    }

    #[cfg(test)]
    pub fn of_body(body: &'b [u8], bump: &'b Bump) -> Opened<'b> {
        let parts = RecordParts {
            kind: RecordType::OTHER,
            name: b"",
            body,
            fields: Fields::new(body),
        };
        Opened::read(parts, bump)
    }

    /// The first field of this name, of those of the record itself.
    pub fn find(&self, word: u64) -> Option<Raw<'b>> {
        let mut fields = self.fields.iter();
        let field = fields.find(|field| field.word == word && !field.is_inner)?;
        Some(field.raw)
    }
}

/// The records of an event, but for EOE, which says nothing.
pub fn all<'b>(event: &'b Event, bump: &'b Bump) -> &'b [Opened<'b>] {
    let mut all = BumpVec::with_capacity_in(event.kinds().count(), bump);
    let records = event.records_with_fields();
    for record in records.filter(|record| record.kind != RecordType::EOE) {
        all.push(Opened::read(record, bump));
    }
    all.into_bump_slice()
}

/// The first record of a type.
pub fn first<'o, 'b>(records: &'o [Opened<'b>], kind: RecordType) -> Option<&'o Opened<'b>> {
    records.iter().find(|record| record.kind == kind)
}

/// A record while its fields are read.
struct Open<'b> {
    kind: RecordType,
    bump: &'b Bump,
    fields: BumpVec<'b, AuditField<'b>>,
    /// What the first field that tells of success says.
    success: Option<bool>,
    has_words: bool,
    usual: Usual,
}

impl<'b> Open<'b> {
    fn read(&mut self, mut raw: Fields<'b>, is_inner: bool) {
        loop {
            while let Some((field, at)) = self.usual.field(&mut raw) {
                self.take(field, is_inner, Some(at));
            }
            let text = raw.text();
            let Some(field) = raw.next() else { break };
            match field.raw {
                Raw::Nested(inner) if field.word == key::MSG => {
                    self.read(Fields::inside(text, raw.text().len(), inner), true);
                }
                _ => self.take(field, is_inner, None),
            }
        }
        self.has_words |= raw.has_words();
    }

    #[inline(always)]
    fn take(&mut self, field: Field<'b>, is_inner: bool, usual: Option<usize>) {
        let Field { key, word, raw, .. } = field;
        let may_be_hex = || match usual {
            Some(at) => usual::may_be_hex(at),
            None => is_encoded(self.kind, key, word),
        };
        let decoded = match raw {
            Raw::Bare(text) if text.len() > 1 && may_be_hex() => decode_hex(text, self.bump),
            _ => None,
        };
        match word {
            key::SUCCESS => self.tells(raw.text() == b"yes"),
            key::RES | key::RESULT => {
                self.tells(matches!(raw.text(), b"success" | b"1" | b"yes"));
            }
            _ => {}
        }
        self.fields.push(AuditField {
            key: Within::new(field.plain.unwrap_or(key), key.len()),
            word,
            raw,
            decoded,
            is_inner,
            is_plain: field.plain.is_some() && decoded.is_none(),
            usual: usual.map(|at| at as u8),
        });
    }

    fn tells(&mut self, success: bool) {
        self.success = self.success.or(Some(success));
    }
}

/// Fields that the kernel, or audit-userspace for its own, writes in hex when they hold a space, a
/// quote or a byte outside ASCII (auparse/typetab.h, `AUPARSE_TYPE_ESCAPED`).
pub const fn is_encoded(kind: RecordType, key: &[u8], name: u64) -> bool {
    if kind.index() == RecordType::EXECVE.index() {
        // `a1_len=` is a number.
        let is_length = matches!(key, [.., b'_', b'l', b'e', b'n']);
        return matches!(key, [b'a', b'0'..=b'9', ..]) && !is_length;
    }
    match name {
        0 => matches!(key, b"proctitle" | b"invalid_context"),
        name => may_be_encoded(name) && is_one_of_them(name),
    }
}

const fn is_one_of_them(name: u64) -> bool {
    let mut i = 0;
    while i < ENCODED.len() {
        if ENCODED[i] == name {
            return true;
        }
        i += 1;
    }
    false
}

const ENCODED: [u64; 20] = [
    word(b"comm"),
    word(b"exe"),
    word(b"cwd"),
    word(b"name"),
    word(b"acct"),
    word(b"key"),
    word(b"cmd"),
    word(b"ocomm"),
    word(b"path"),
    word(b"dir"),
    word(b"file"),
    word(b"watch"),
    word(b"data"),
    word(b"vm"),
    word(b"grp"),
    word(b"new-name"),
    word(b"old-name"),
    word(b"root_dir"),
    word(b"sw"),
    word(b"device"),
];

/// Nearly all names are none of [`ENCODED`], and one bit says so.
const fn may_be_encoded(name: u64) -> bool {
    const BITS: [u64; 4] = {
        let (mut bits, mut i) = ([0; 4], 0);
        while i < ENCODED.len() {
            let bit = hash(ENCODED[i]);
            bits[bit / 64] |= 1 << (bit % 64);
            i += 1;
        }
        bits
    };
    let bit = hash(name);
    BITS[bit / 64] >> (bit % 64) & 1 != 0
}

/// Eight bits of a name; 2^64 divided by the golden ratio, as Fibonacci hashing has it.
const fn hash(name: u64) -> usize {
    (name.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::audit::line;

    fn opened(line: &str, look: impl FnOnce(&Opened<'_>)) {
        let (mut event, bump) = (Event::default(), Bump::new());
        event.push(&line::read(line.as_bytes()).unwrap());
        look(&all(&event, &bump)[0]);
    }

    fn value(record: &Opened<'_>, name: &[u8]) -> Vec<u8> {
        let mut fields = record.fields.iter();
        let field = fields.find(|field| field.key() == name);
        field
            .map(|field| field.value().to_vec())
            .unwrap_or_default()
    }

    #[test]
    fn the_length_of_an_argument_is_no_argument() {
        let line = "type=EXECVE msg=audit(1.000:1): argc=2 a0=7368 a1_len=14 a1[0]=6162";
        opened(line, |record| {
            assert_eq!(value(record, b"a0"), b"sh");
            assert_eq!(value(record, b"a1_len"), b"14");
            assert_eq!(value(record, b"a1[0]"), b"ab");
        });
    }

    #[test]
    fn a_message_stands_in_its_place() {
        let line = "type=USER_CMD msg=audit(1.000:1): pid=7 msg='cwd=\"/\" cmd=6C73 res=failed' UID=\"root\"";
        opened(line, |record| {
            let inner = record
                .fields
                .iter()
                .map(|field| (field.key(), field.is_inner));
            let want: [(&[u8], bool); 5] = [
                (b"pid", false),
                (b"cwd", true),
                (b"cmd", true),
                (b"res", true),
                (b"UID", false),
            ];
            assert!(inner.eq(want));
            assert_eq!(
                (value(record, b"cmd"), record.success),
                (b"ls".to_vec(), Some(false))
            );
            assert!(!record.has_words);
            assert!(record.find(key::CWD).is_none(), "it is the message's");
        });
    }

    /// As [`Open::read`], by names alone, and each field's text without what stands behind it.
    fn by_name(kind: RecordType, body: &[u8], is_inner: bool, bump: &Bump) -> Vec<String> {
        let mut all = Vec::new();
        for field in Fields::new(body) {
            match field.raw {
                Raw::Nested(inner) if field.word == key::MSG => {
                    all.extend(by_name(kind, inner, true, bump));
                }
                Raw::Bare(text) if text.len() > 1 && is_encoded(kind, field.key, field.word) => {
                    let decoded = decode_hex(text, bump);
                    all.push(format!(
                        "{:?} {:?} {decoded:?} {is_inner}",
                        field.key, field.raw
                    ));
                }
                raw => all.push(format!("{:?} {raw:?} None {is_inner}", field.key)),
            }
        }
        all
    }

    const USUALLY: [&str; 5] = [
        "SYSCALL arch=c000003e syscall=257 comm=\"id\" exe=\"/usr/bin/id\" subj=a:b key=\"k\"\x1dARCH=x86_64 UID=\"root\"",
        "PATH item=0 name=\"/etc/shadow\" inode=7 dev=08:01 mode=0100640 ouid=0 ogid=42 rdev=00:00 nametype=NORMAL cap_fp=0 cap_frootid=0 OUID=\"root\"",
        "USER_AUTH pid=7 uid=0 auid=4294967295 ses=4294967295 subj=u:r msg='op=PAM:authentication grantors=pam_unix acct=\"root\" exe=\"/usr/sbin/sshd\" hostname=? addr=203.0.113.66 terminal=ssh res=success' UID=\"root\" AUID=\"unset\"",
        "USER_CMD pid=7 uid=0 auid=1 ses=2 msg='cwd=\"/\" cmd=6C73 exe=\"/usr/bin/sudo\" terminal=? res=failed'UID=\"root\"",
        "LOGIN pid=7 uid=0 subj=x old-auid=4294967295 auid=1 tty=(none) old-ses=4294967295 ses=2 res=1",
    ];

    proptest::proptest! {
        /// Whatever is left out, doubled, moved, cut off or written otherwise: both ways say the same, and no
        /// two usual fields of a record have one name.
        #[test]
        fn usual_fields_are_read_as_any_others(
            which in 0..USUALLY.len(),
            changes in proptest::collection::vec((0usize..20, "|\"a\"|\"a|\"a b\"|6162|x=1|a,|'|msg='a=1|pid=1 pid=2|old pid=3|a\x01|a\"b|\\\\"), 0..3),
            cut in 0usize..300,
        ) {
            let (kind, body) = USUALLY[which].split_once(' ').unwrap();
            let mut parts: Vec<String> = body.split(' ').map(String::from).collect();
            for (at, text) in changes {
                let count = parts.len();
                let part = &mut parts[at % count];
                let name = part.split_once('=').map_or("", |(name, _)| name).to_owned();
                *part = match text.as_str() {
                    "" => String::new(),
                    text if text.contains('=') => text.to_owned(),
                    text => format!("{name}={text}"),
                };
            }
            let mut body = parts.join(" ");
            body.truncate(cut);
            let (mut event, bump) = (Event::default(), Bump::new());
            let line = format!("type={kind} msg=audit(1.000:1): {body}");
            event.push(&line::read(line.as_bytes()).unwrap());
            let record = all(&event, &bump)[0];
            let told = |field: &AuditField<'_>| {
                format!("{:?} {:?} {:?} {}", field.key(), field.raw, field.decoded, field.is_inner)
            };
            let fields: Vec<_> = record.fields.iter().map(told).collect();
            proptest::prop_assert_eq!(fields, by_name(record.kind, body.trim_ascii().as_bytes(), false, &bump));
            for (i, field) in record.fields.iter().enumerate() {
                let Some(usual) = field.usual else { break };
                proptest::prop_assert_eq!(field.key(), crate::model::audit::USUAL[usual as usize].as_bytes());
                proptest::prop_assert!(record.fields[..i].iter().all(|before| before.key() != field.key()));
                let plain = field.plain().map(|plain| plain.text());
                proptest::prop_assert!(plain.is_none_or(|plain| plain == field.value()));
            }
        }
    }

    #[test]
    fn names_that_may_be_encoded_are_known_by_one_bit() {
        for name in ENCODED {
            assert!(may_be_encoded(name));
        }
        let others = [key::PID, key::UID, key::SES, key::TTY];
        assert!(others.iter().any(|&name| !may_be_encoded(name)));
    }
}
