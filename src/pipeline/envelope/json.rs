//! Records of JSON: a document, several (one a line, or in a list), or one that holds several under
//! `records`.
//!
//! Place in the flow: [`super::Opener`] sends what begins like JSON here. Which members carry a line
//! is [`super::members`]' to know, or fixed by pointers. It refuses to look for documents deeper than
//! a list of documents with `records`.

use simd_json::prelude::*;
use simd_json::tape::Value;

use crate::model::Reject;
use crate::model::envelope::{Envelope, Pointer, Step};

use super::members::{Members, Text};
use super::{Each, Line, bare_or_syslog, journal, rows, split};

/// Reads JSON records; keeps its buffers between them.
#[derive(Default)]
pub struct Reader {
    text: Vec<u8>,
    buffers: simd_json::Buffers,
    /// Lines that no member holds and that are put together here.
    made: Vec<u8>,
}

impl Reader {
    pub fn open(&mut self, value: &[u8], fixed: &Envelope, each: &mut Each<'_>) {
        let text = value.trim_ascii();
        let Some(end) = memchr::memchr(b'\n', text) else {
            return self.document(value, fixed, each);
        };
        // Several documents, one a line; or one, written over several lines.
        if !self.is_json(&text[..end]) && self.is_json(text) {
            return self.document(value, fixed, each);
        }
        split(value, |_, document| self.document(document, fixed, each));
    }

    fn is_json(&mut self, text: &[u8]) -> bool {
        self.load(text);
        simd_json::to_tape_with_buffers(&mut self.text, &mut self.buffers).is_ok()
    }

    fn load(&mut self, text: &[u8]) {
        let text = text.strip_prefix(super::BOM).unwrap_or(text);
        self.text.clear();
        self.text.extend_from_slice(text);
    }

    fn document(&mut self, raw: &[u8], fixed: &Envelope, each: &mut Each<'_>) {
        self.load(raw);
        let Ok(tape) = simd_json::to_tape_with_buffers(&mut self.text, &mut self.buffers) else {
            return each(Err((Reject::BadJson, raw)));
        };
        let mut handing = Handing {
            raw,
            made: &mut self.made,
            each,
            any: false,
        };
        let root = tape.as_value();
        match &fixed.line {
            Some(line) => {
                let host = fixed.host.as_ref().map_or(&[][..], |host| &host.0);
                at_pointer(root, &line.0, Some((root, host)), &mut handing);
            }
            None => list(root, fixed.host.as_ref(), &mut handing),
        }
        if !handing.any {
            handing.refuse(Reject::NoLine);
        }
    }
}

/// What the lines of one document go through.
struct Handing<'h, 'e> {
    raw: &'h [u8],
    made: &'h mut Vec<u8>,
    each: &'h mut Each<'e>,
    any: bool,
}

impl Handing<'_, '_> {
    fn refuse(&mut self, reject: Reject) {
        self.any = true;
        (self.each)(Err((reject, self.raw)));
    }

    /// One document of several: that others have lines is no reason to pass over one that has none.
    fn one(&mut self, hand: impl FnOnce(&mut Self)) {
        let before = std::mem::take(&mut self.any);
        hand(self);
        if !self.any {
            self.refuse(Reject::NoLine);
        }
        self.any |= before;
    }

    fn text(&mut self, text: &[u8], host: Option<&[u8]>) {
        split(text, |line, _| {
            self.any = true;
            // A shipper that tails a syslog file wraps syslog in JSON.
            let inner = bare_or_syslog(line, self.raw);
            let host = inner.host.or(host);
            (self.each)(Ok(Line { host, ..inner }));
        });
    }

    /// What [`Handing::made`] holds.
    fn made(&mut self, host: Option<&[u8]>) {
        let made = std::mem::take(self.made);
        self.text(&made, host);
        *self.made = made;
    }
}

/// A list of documents, or one.
fn list(root: Value<'_, '_>, host: Option<&Pointer>, handing: &mut Handing<'_, '_>) {
    let Some(all) = root.as_array() else {
        return document(root, host, None, handing);
    };
    for inner in all.iter() {
        handing.one(|handing| match inner.into_string() {
            Some(text) => handing.text(text.as_bytes(), None),
            None => document(inner, host, None, handing),
        });
    }
}

/// `above` is the host by the word of the document that holds this one.
fn document(
    root: Value<'_, '_>,
    fixed_host: Option<&Pointer>,
    above: Option<&str>,
    handing: &mut Handing<'_, '_>,
) {
    let members = Members::read(root);
    let host = match fixed_host {
        Some(pointer) => follow(root, &pointer.0).and_then(|value| value.into_string()),
        None => members.host(),
    };
    let host = host.or(above);
    let name = host.map(str::as_bytes);
    let is_line = members.line().is_some_and(|text| text.has_line());
    if !is_line && let Some(records) = members.records() {
        return records.iter().for_each(|inner| {
            handing.one(|handing| {
                // One level: records of records are of no shipper.
                if inner.is_object() && !Members::read(inner).is_holder() {
                    document(inner, fixed_host, host, handing);
                }
            });
        });
    }
    if let Some(messages) = members.messages() {
        return messages
            .iter()
            .filter_map(|m| m.into_string())
            .for_each(|m| {
                handing.text(m.as_bytes(), name);
            });
    }
    let made = if members.journal.is_audit() && !is_line {
        journal::rebuild(&members.journal, members.line(), handing.made)
    } else if let Some(row) = members.row() {
        rows::of_json(row, handing.made)
    } else {
        return match members.line() {
            Some(Text::Plain(text)) => handing.text(text.as_bytes(), name),
            Some(Text::Numbers(_)) | None => {}
        };
    };
    match made {
        Ok(()) => handing.made(name),
        Err(reject) => handing.refuse(reject),
    }
}

/// The lines at a pointer. The host's pointer goes along as far as both are the same, so that in
/// `/records/*/line` and `/records/*/host` each line has the host beside it.
fn at_pointer(
    value: Value<'_, '_>,
    steps: &[Step],
    host: Option<(Value<'_, '_>, &[Step])>,
    handing: &mut Handing<'_, '_>,
) {
    let Some((step, rest)) = steps.split_first() else {
        let host = host.filter(|(_, steps)| !steps.is_empty());
        let host = host.and_then(|(from, steps)| follow(from, steps)?.into_string());
        let host = host.map(str::as_bytes).filter(|host| !host.is_empty());
        if let Some(text) = value.into_string() {
            handing.text(text.as_bytes(), host);
        } else if let Some(all) = value.as_array() {
            let texts = all.iter().filter_map(|text| text.into_string());
            texts.for_each(|text| handing.text(text.as_bytes(), host));
        }
        return;
    };
    let along = |inner| match host {
        Some((_, [first, rest @ ..])) if first == step => Some((inner, rest)),
        other => other,
    };
    match step {
        Step::Name(_) => {
            if let Some(inner) = follow(value, std::slice::from_ref(step)) {
                at_pointer(inner, rest, along(inner), handing);
            }
        }
        Step::Each => {
            for inner in value.as_array().iter().flat_map(|all| all.iter()) {
                at_pointer(inner, rest, along(inner), handing);
            }
        }
    }
}

/// The one value at a pointer; of a list the first, where it says every.
fn follow<'t, 'i>(value: Value<'t, 'i>, steps: &[Step]) -> Option<Value<'t, 'i>> {
    steps.iter().try_fold(value, |value, step| match step {
        Step::Name(name) => match value.as_array() {
            Some(all) => all.get(name.parse().ok()?),
            None => value.get(name.as_str()),
        },
        Step::Each => value.as_array()?.get(0),
    })
}
