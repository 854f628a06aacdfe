//! journald's own record of an audit record: the head of the line is in members beside `MESSAGE`.
//!
//! systemd (src/journal/journald-audit.c) takes `audit(SECONDS.MILLIS:SERIAL): ` off and writes the
//! time as whole milliseconds in `_SOURCE_REALTIME_TIMESTAMP` (µs), the serial as `_AUDIT_ID`, and the
//! type's name before the text; so the line can be written again exactly. Without one of these it is
//! refused: no other member has the time of the event.

use simd_json::prelude::*;

use crate::model::Reject;

use super::members::{Journal, Text};
use super::rows::head;

/// Writes the line into `line`.
pub fn rebuild(
    journal: &Journal<'_>,
    message: Option<Text<'_, '_>>,
    line: &mut Vec<u8>,
) -> Result<(), Reject> {
    line.clear();
    let message = message.ok_or(Reject::NoLine)?;
    let serial = journal.id.and_then(|id| id.get());
    let micros = journal.micros.and_then(|micros| micros.get());
    let (Some(serial), Some(micros)) = (serial, micros.filter(|micros| micros % 1000 == 0)) else {
        return Err(Reject::BadStamp);
    };
    let mut bytes = Vec::new();
    let text = match message {
        Text::Plain(text) => text.as_bytes(),
        Text::Numbers(list) => {
            let all = list.as_array().ok_or(Reject::NoLine)?;
            for byte in all.iter() {
                bytes.push(byte.as_u8().ok_or(Reject::NoLine)?);
            }
            &bytes
        }
    };
    let end = memchr::memchr(b' ', text).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    // The names that systemd knows are the kernel's; of any other type it writes `AUDIT1334`.
    let name = journal.kind_name.unwrap_or_default().as_bytes();
    let body = if name.is_empty() || word == name {
        rest
    } else {
        text
    };
    let name = if name.is_empty() { word } else { name };
    let stamp = (micros / 1_000_000, micros / 1000 % 1000, serial);
    let stamp = format!("{}.{:03}:{}", stamp.0, stamp.1, stamp.2);
    match (journal.kind.and_then(|kind| kind.get()), name) {
        (Some(number), [b'A', b'U', b'D', b'I', b'T', b'0'..=b'9', ..]) => {
            head(line, number.to_string().as_bytes(), stamp.as_bytes());
        }
        (None, [b'A', b'U', b'D', b'I', b'T', number @ ..]) => head(line, number, stamp.as_bytes()),
        _ => head(line, name, stamp.as_bytes()),
    }
    line.extend_from_slice(body.trim_ascii_start());
    Ok(())
}
