//! One record for people: its type, its time, and every field as written, as decoded, and why so.
//!
//! Place in the flow: a [`Record`] that the lane read → text. Its fields are [`super::fields`]' to tell.

use std::fmt::Write;

use bumpalo::Bump;
use chrono::{DateTime, Utc};

use super::fields;
use crate::cli::paint::{Paint, short};
use crate::pipeline::audit::classify::words;
use crate::pipeline::audit::event::Event;
use crate::pipeline::audit::fields::{Fields, Raw};
use crate::pipeline::audit::interpret::Call;
use crate::pipeline::audit::line::Record;
use crate::pipeline::audit::normalise;

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
    match arguments_of_auoms(record) {
        Some((before, arguments)) => {
            fields::show(&mut text, record, before, call, paint);
            let why = "cmdline, parted as bash would read it";
            let said = format!("{arguments} {} {why}", paint.faint("<-"));
            push(&mut text, "argv", &said, paint);
            return text;
        }
        None => fields::show(&mut text, record, record.body, call, paint),
    }
    let words = words::of(record.body, &bump).filter(|_| !record.kind.is_part_of_syscall());
    if let Some(words) = words {
        push(&mut text, "words", &short(words, LONGEST), paint);
    }
    if let Some(why) = cut(record.body) {
        push(&mut text, "cut", why, paint);
    }
    text
}

/// auoms' own record of a program start: the body before its command line, and the arguments in that.
fn arguments_of_auoms<'a>(record: &Record<'a>) -> Option<(&'a [u8], String)> {
    let at = memchr::memmem::find(record.body, b" cmdline=")?;
    let mut event = Event::default();
    event.push(record);
    let bump = Bump::new();
    let argv = normalise::process(&event, None, "", &bump)?.argv;
    let shown = argv
        .iter()
        .map(|word| format!("\"{}\"", short(word, LONGEST)));
    Some((&record.body[..at], shown.collect::<Vec<_>>().join(" ")))
}

pub(super) fn push(text: &mut String, what: &str, said: &str, paint: Paint) {
    let what = paint.faint(&format!("{what:<9}"));
    // Writing into memory cannot fail.
    let _ = writeln!(text, "  {what} {said}");
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
