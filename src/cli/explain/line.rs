//! One record for people: its type, its time, and every field as written, as decoded, and why so.
//!
//! Place in the flow: a [`Record`] that the lane read → text. Fields are those of [`Fields`], decoding is
//! `normalise`'s, meanings are `interpret`'s: none is made here.

use std::fmt::Write;

use bumpalo::Bump;
use chrono::{DateTime, Utc};

use super::paint::{Paint, short, visible};
use crate::pipeline::audit::classify::words;
use crate::pipeline::audit::fields::{Field, Fields, Raw};
use crate::pipeline::audit::interpret::{self, Call, Meaning};
use crate::pipeline::audit::line::Record;
use crate::pipeline::audit::opened::is_encoded;
use crate::pipeline::audit::record_types::RecordType;

/// More of a value is not shown.
const LONGEST: usize = 160;

/// Type, time and fields of a record.
pub(super) fn describe(record: &Record<'_>, call: Call, paint: Paint) -> String {
    let mut text = String::new();
    let name = short(record.type_name, 64);
    let kind = match (record.kind.name(), record.kind.number()) {
        (Some(known), Some(number)) if known == name => format!("{name} ({number})"),
        (Some(known), Some(number)) => format!("{name}, which is {known} ({number})"),
        _ => format!("{name}, a type without a number here"),
    };
    let stamp = record.stamp;
    let time = DateTime::<Utc>::from_timestamp_millis(stamp.time.0).map_or_else(
        || "a time out of range".to_owned(),
        |time| time.format("%Y-%m-%d %H:%M:%S%.3f UTC").to_string(),
    );
    push(&mut text, "type", &kind, paint);
    push(
        &mut text,
        "stamp",
        &format!("{time}, serial {}", stamp.serial),
        paint,
    );
    let bump = Bump::new();
    let meanings = interpret::Record::new(record.kind, record.body, call);
    let mut fields = FieldsShown {
        text: &mut text,
        kind: record.kind,
        meanings,
        bump: &bump,
        paint,
    };
    fields.show(record.body, "");
    let words = words::of(record.body, &bump).filter(|_| !record.kind.is_part_of_syscall());
    if let Some(words) = words {
        push(&mut text, "words", &short(words, LONGEST), paint);
    }
    if let Some(why) = cut(record.body) {
        push(&mut text, "cut", why, paint);
    }
    text
}

pub(super) fn push(text: &mut String, what: &str, said: &str, paint: Paint) {
    let what = paint.dim(&format!("{what:<9}"));
    // Writing into memory cannot fail.
    let _ = writeln!(text, "  {what} {said}");
}

struct FieldsShown<'t, 'a> {
    text: &'t mut String,
    kind: RecordType,
    meanings: interpret::Record<'a>,
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
            let why = self.why(&field);
            let line = format!("    {indent}{key:<10} {raw:<24}");
            let line = match why {
                Some(why) => format!("{line} {} {why}", self.paint.dim("<-")),
                None => line.trim_end().to_owned(),
            };
            let _ = writeln!(self.text, "{line}");
        }
    }

    /// What the value is, and why it was read so; nothing where it says all itself.
    fn why(&self, field: &Field<'a>) -> Option<String> {
        let meaning = self.meanings.meaning(field, self.bump);
        let named = meaning.as_ref().filter(|meaning| !meaning.is_text());
        if let Some(meaning) = named {
            let said = short(meaning.to_string().as_bytes(), LONGEST);
            return Some(match meaning {
                Meaning::Name("unset") => "unset: the number for no id".to_owned(),
                Meaning::Named(_) => format!("{said}: the record's own name for it"),
                _ => format!("{said}: by the kernel's tables"),
            });
        }
        match field.raw {
            Raw::Quoted(text) if looks_like_hex(text) => {
                Some("text, for it is in quotes; bare it would be hex".to_owned())
            }
            Raw::Bare(b"(null)" | b"(none)" | b"?") => Some("no value".to_owned()),
            Raw::Bare(text) if is_encoded(self.kind, field.key, field.word) => {
                let decoded = field.raw.decode(self.bump);
                let same = std::ptr::eq(decoded, text);
                (!same).then(|| {
                    format!(
                        "\"{}\": hex, for {}",
                        short(decoded, LONGEST),
                        cause(decoded)
                    )
                })
            }
            _ => None,
        }
    }
}

/// Why the kernel wrote it in hex (kernel/audit.c, audit_string_contains_control).
fn cause(decoded: &[u8]) -> String {
    let odd = |b: &&u8| **b == b'"' || **b < 0x21 || **b > 0x7e;
    match decoded.iter().find(odd) {
        Some(b' ') => "it holds a space".to_owned(),
        Some(b'"') => "it holds a quote".to_owned(),
        Some(byte) => format!("it holds the byte {byte:02X}"),
        None => "its writer encodes this field always".to_owned(),
    }
}

fn looks_like_hex(text: &[u8]) -> bool {
    text.len() >= 2 && text.len().is_multiple_of(2) && text.iter().all(u8::is_ascii_hexdigit)
}

/// A quote that never closes: the line was cut there.
fn cut(body: &[u8]) -> Option<&'static str> {
    let last = Fields::new(body).last()?;
    let end = body.last()?;
    match last.raw {
        Raw::Quoted(text) if *end != b'"' || text.is_empty() && body.ends_with(b"=\"") => Some(
            "a quote that does not close: the line ends within a value, which is taken as it is",
        ),
        Raw::Nested(_) if last.key == b"msg" && !body.contains(&0x1d) && *end != b'\'' => {
            Some("msg=' does not close: the line ends within it")
        }
        _ => None,
    }
}

/// What the envelope took off before the line, as one line.
pub(super) fn before(value: &[u8], text: &[u8]) -> String {
    let value = value.trim_ascii_end();
    if value
        .trim_ascii_start()
        .first()
        .is_some_and(|b| matches!(b, b'{' | b'['))
        && !value.ends_with(text)
    {
        return "a document of a shipper, out of which the line was taken".to_owned();
    }
    match value.strip_suffix(text.trim_ascii_end()) {
        Some([]) => "none: a bare line".to_owned(),
        Some(head) => format!("the head \"{}\"", visible(head.trim_ascii_end())),
        None => "a carrier, out of which the line was taken".to_owned(),
    }
}
