//! The fields of a record for people: each as written, as decoded, and why so.
//!
//! Place in the flow: the body of a [`Record`] → text. Fields are those of [`Fields`], decoding is
//! `opened`'s, meanings are `interpret`'s: none is made here.

use std::collections::BTreeMap;
use std::fmt::Write;

use bumpalo::Bump;

use crate::cli::paint::{Paint, short};
use crate::pipeline::audit::fields::{Field, Fields, Raw};
use crate::pipeline::audit::interpret::{self, Call, Meaning};
use crate::pipeline::audit::line::Record;
use crate::pipeline::audit::opened::is_encoded;
use crate::pipeline::audit::record_types::RecordType;
use crate::pipeline::audit::sockaddr::SockAddr;

/// More of a value is not shown.
const LONGEST: usize = 160;

/// The fields of `body`, which is the record's or the part of it that has fields.
pub(super) fn show(text: &mut String, record: &Record<'_>, body: &[u8], call: Call, paint: Paint) {
    let bump = Bump::new();
    let mut shown = FieldsShown {
        text,
        kind: record.kind,
        meanings: interpret::Record::new(record.kind, record.body, call),
        seen: BTreeMap::new(),
        bump: &bump,
        paint,
    };
    shown.show(body, "");
}

struct FieldsShown<'t, 'a> {
    text: &'t mut String,
    kind: RecordType,
    meanings: interpret::Record<'a>,
    /// How often a key was there.
    seen: BTreeMap<&'a [u8], usize>,
    bump: &'a Bump,
    paint: Paint,
}

impl<'a> FieldsShown<'_, 'a> {
    fn show(&mut self, body: &'a [u8], indent: &str) {
        for field in Fields::new(body) {
            let key = short(field.key, 40);
            if let (Raw::Nested(inner), b"msg") = (field.raw, field.key) {
                let _ = writeln!(self.text, "    {indent}{key:<10} fields within quotes:");
                self.show(inner, &format!("{indent}  "));
                continue;
            }
            let raw = match field.raw {
                Raw::Bare(text) => short(text, LONGEST),
                Raw::Quoted(text) => format!("\"{}\"", short(text, LONGEST)),
                Raw::Nested(text) => format!("{{ {} }}", short(text, LONGEST)),
            };
            let why: Vec<_> = [self.why(&field), self.again(field.key)]
                .into_iter()
                .flatten()
                .collect();
            let line = format!("    {indent}{key:<10} {raw:<24}");
            let line = match why.as_slice() {
                [] => line.trim_end().to_owned(),
                why => format!("{line} {} {}", self.paint.faint("<-"), why.join("; ")),
            };
            let _ = writeln!(self.text, "{line}");
        }
    }

    /// A second field of one name is told beside the first, under another name.
    fn again(&mut self, key: &'a [u8]) -> Option<String> {
        let times = self.seen.entry(key).or_default();
        *times += 1;
        let name = short(key, 40);
        (*times > 1).then(|| format!("{name} number {times} of this record"))
    }

    /// What the value is, and why it was read so; nothing where it says all itself.
    fn why(&self, field: &Field<'a>) -> Option<String> {
        if let Some(argument) = self.length_of(field.key) {
            return Some(format!("the length of {argument} as it is printed"));
        }
        let meaning = self.meanings.meaning(field, self.bump);
        if let Some(meaning) = meaning.as_ref().filter(|meaning| !meaning.is_text()) {
            return why_so(meaning, field.raw.text());
        }
        match field.raw {
            Raw::Quoted(text) if looks_like_hex(text) => {
                Some("text, for it is in quotes; bare it would be hex".to_owned())
            }
            Raw::Bare(b"(null)" | b"(none)" | b"?") => Some("no value".to_owned()),
            Raw::Bare(text) if is_encoded(self.kind, field.key, field.word) => {
                let decoded = field.raw.decode(self.bump);
                let same = std::ptr::eq(decoded, text);
                (!same).then(|| self.decoded_hex(field.key, decoded, meaning))
            }
            _ => None,
        }
    }

    /// Of `a1_len` in an EXECVE record: `a1`.
    fn length_of(&self, key: &[u8]) -> Option<String> {
        let argument = key.strip_suffix(b"_len")?;
        (self.kind == RecordType::EXECVE).then(|| short(argument, 40))
    }

    fn decoded_hex(&self, key: &[u8], decoded: &[u8], meaning: Option<Meaning<'_>>) -> String {
        match meaning {
            Some(Meaning::Title(title)) if title.contains(&0) => {
                let title = title.strip_suffix(b"\0").unwrap_or(title);
                return format!("{}: hex, the arguments parted by 00", parts(title, 0));
            }
            Some(Meaning::Keys(keys)) if keys.contains(&1) => {
                return format!("{}: hex, the keys parted by 01", parts(keys, 1));
            }
            _ => {}
        }
        let part = self.kind == RecordType::EXECVE && key.ends_with(b"]");
        let why = match cause(decoded) {
            Some(cause) => format!("for {cause}"),
            None if part => "as another part of its argument needs it".to_owned(),
            None => "for its writer encodes this field always".to_owned(),
        };
        format!("\"{}\": hex, {why}", short(decoded, LONGEST))
    }
}

fn why_so(meaning: &Meaning<'_>, raw: &[u8]) -> Option<String> {
    let said = short(meaning.to_string().as_bytes(), LONGEST);
    if said.as_bytes() == raw {
        return None;
    }
    let why = match meaning {
        Meaning::Name("unset") => "the number for no id",
        Meaning::Named(_) => "the record's own name for it",
        // Of these more would be known from more bytes.
        Meaning::Address(SockAddr::Other {
            family: 2 | 10 | 16 | 17 | 40,
            ..
        }) => "a socket address, which ends too early to say more",
        Meaning::Address(SockAddr::Other { .. }) => "a socket address, of which no more is known",
        Meaning::Address(_) => "a socket address as the kernel copied it",
        _ => "by the kernel's tables",
    };
    Some(format!("{said}: {why}"))
}

/// `"sh" "-c"`
fn parts(text: &[u8], by: u8) -> String {
    let all = text.split(|b| *b == by);
    let all: Vec<_> = all
        .map(|part| format!("\"{}\"", short(part, LONGEST)))
        .collect();
    all.join(" ")
}

/// Why the kernel wrote it in hex (kernel/audit.c, audit_string_contains_control).
fn cause(decoded: &[u8]) -> Option<String> {
    let odd = |b: &&u8| **b == b'"' || **b < 0x21 || **b > 0x7e;
    decoded.iter().find(odd).map(|byte| match byte {
        b' ' => "it holds a space".to_owned(),
        b'"' => "it holds a quote".to_owned(),
        byte => format!("it holds the byte {byte:02X}"),
    })
}

fn looks_like_hex(text: &[u8]) -> bool {
    text.len() >= 2 && text.len().is_multiple_of(2) && text.iter().all(u8::is_ascii_hexdigit)
}
