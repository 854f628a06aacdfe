//! Lines in the JSON of shippers: Filebeat and Elastic Agent (`message`, `event.original`,
//! `host.name`), Fluent Bit (`log`), Vector (`message`, `host`), Fluentd (`hostname`).
//!
//! It reads the members that carry a line and a host, and no other; the rest of the document may be
//! anything that is JSON.

use simd_json::prelude::*;

use crate::model::Reject;

use super::{Each, Line, bare_or_syslog, split};

/// Reads JSON records; keeps its buffers between them.
#[derive(Default)]
pub struct Reader {
    text: Vec<u8>,
    buffers: simd_json::Buffers,
}

impl Reader {
    pub fn open(&mut self, value: &[u8], each: &mut Each<'_>) {
        let text = value.trim_ascii();
        let Some(end) = text.iter().position(|&b| b == b'\n') else {
            return self.document(value, each);
        };
        // Several documents, one a line; or one, written over several lines.
        if !self.is_json(&text[..end]) && self.is_json(text) {
            return self.document(value, each);
        }
        split(value, |_, document| self.document(document, each));
    }

    fn is_json(&mut self, text: &[u8]) -> bool {
        self.load(text);
        simd_json::to_tape_with_buffers(&mut self.text, &mut self.buffers).is_ok()
    }

    fn load(&mut self, text: &[u8]) {
        self.text.clear();
        self.text.extend_from_slice(text);
    }

    fn document(&mut self, raw: &[u8], each: &mut Each<'_>) {
        self.load(raw);
        let Ok(tape) = simd_json::to_tape_with_buffers(&mut self.text, &mut self.buffers) else {
            return each(Err((Reject::BadJson, raw)));
        };
        let root = tape.as_value();
        let (host, event) = (root.get("host"), root.get("event"));
        let host = host
            .as_ref()
            .and_then(|host| host.get_str("name"))
            .or_else(|| root.get_str("host"))
            .or_else(|| root.get_str("hostname"))
            .map(str::as_bytes);
        let text = root
            .get_str("message")
            .or_else(|| root.get_str("log"))
            .or_else(|| event.as_ref().and_then(|event| event.get_str("original")));
        let Some(text) = text else {
            return each(Err((Reject::NoLine, raw)));
        };
        split(text.as_bytes(), |line, _| {
            // A shipper that tails a syslog file wraps syslog in JSON.
            let inner = bare_or_syslog(line, raw);
            each(Ok(Line {
                host: inner.host.or(host),
                ..inner
            }));
        });
    }
}
