//! Takes the shipper's part off: one input record → audit lines, each with the host that the shipper
//! names.
//!
//! Place in the flow: first. It knows what carries a line (bare, `node=`, syslog, the JSON of shippers,
//! rows of Log Analytics), several lines in one record, CRLF; it does not read the line. The form is
//! seen from the first byte and the keys, once for each record, or fixed by configuration.
//!
//! - [`syslog`]: the head of a syslog line
//! - [`json`]: documents, lists of them, and pointers into them
//! - [`members`]: which members carry a line and a host
//! - [`journal`]: journald's record, whose line is written again
//! - [`rows`]: Log Analytics' AuditLog rows, as CSV and as JSON

mod journal;
mod json;
mod members;
mod rows;
mod syslog;
#[cfg(test)]
mod tests;

use memchr::{memchr2, memmem};

use crate::model::Reject;
use crate::model::envelope::{Envelope, Form};

/// What Windows puts before a text in UTF-8.
const BOM: &[u8] = b"\xEF\xBB\xBF";

/// One line, and what its carrier says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// The host by the shipper's word; `node=` in the line goes before it.
    pub host: Option<&'a [u8]>,
    /// From `node=` or `type=` on, where there is one.
    pub text: &'a [u8],
    /// The line as it came, with its carrier: what a dead letter must hold.
    pub raw: &'a [u8],
}

/// Takes a line, or the bytes that hold none and why.
pub type Each<'e> = dyn FnMut(Result<Line<'_>, (Reject, &[u8])>) + 'e;

/// Opens records; keeps the memory that JSON needs.
#[derive(Default)]
pub struct Opener {
    fixed: Envelope,
    json: json::Reader,
    made: Vec<u8>,
}

impl Opener {
    pub fn new(fixed: Envelope) -> Opener {
        Opener {
            fixed,
            ..Opener::default()
        }
    }

    /// A record may be a line without a carrier; else all are documents.
    #[inline]
    pub fn reads_lines(&self) -> bool {
        self.fixed.form != Form::Json
    }

    /// The one line that a record is, without a carrier.
    fn bare<'v>(&self, value: &'v [u8]) -> Option<Line<'v>> {
        let line = Line::bare(value);
        let is_one = || memchr2(b'\n', b'\r', value).is_none();
        (self.reads_lines() && line.is_audit() && is_one()).then_some(line)
    }

    /// Hands out the lines of a record in order; `Err` with the bytes where they hold no line.
    pub fn open(&mut self, value: &[u8], each: &mut Each<'_>) {
        if let Some(line) = self.bare(value) {
            return each(Ok(line));
        }
        let is_json = match self.fixed.form {
            Form::Auto => begins_like_json(value),
            Form::Lines => false,
            Form::Json => !value.trim_ascii().is_empty(),
        };
        if is_json {
            return self.json.open(value, &self.fixed, each);
        }
        let made = &mut self.made;
        split(value, |line, raw| {
            let line = bare_or_syslog(line, raw);
            if line.is_audit() || !is_like_a_row(line.text) {
                return each(Ok(line));
            }
            match rows::of_csv(line.text, made) {
                Some(rows::Csv::Row(host)) => split(made, |text, _| {
                    let host = (!host.is_empty()).then_some(host.as_slice());
                    each(Ok(Line { host, text, raw }));
                }),
                Some(rows::Csv::Header) => {}
                None => each(Ok(line)),
            }
        });
    }
}

impl<'a> Line<'a> {
    /// A line without a carrier.
    #[inline]
    pub fn bare(line: &'a [u8]) -> Line<'a> {
        Line {
            host: None,
            text: line,
            raw: line,
        }
    }

    /// Begins as an audit line does.
    fn is_audit(&self) -> bool {
        self.text.starts_with(b"type=") || self.text.starts_with(b"node=")
    }
}

/// It would be read as JSON, where its form is not fixed.
pub fn begins_like_json(value: &[u8]) -> bool {
    let mut bytes = value.strip_prefix(BOM).unwrap_or(value).iter();
    let mut next = || bytes.find(|b| !b.is_ascii_whitespace());
    match next() {
        Some(b'{') => true,
        // The kernel writes the time in brackets before its lines.
        Some(b'[') => matches!(next(), Some(b'{' | b'[' | b'"' | b']')),
        _ => false,
    }
}

/// A row of Log Analytics, or the names of its columns; looked for in what is no line only.
fn is_like_a_row(text: &[u8]) -> bool {
    memmem::find(text, b"[{").is_some() || memmem::find(text, b"AuditdMessage").is_some()
}

fn bare_or_syslog<'a>(line: &'a [u8], raw: &'a [u8]) -> Line<'a> {
    let (host, text) = if line.starts_with(b"type=") || line.starts_with(b"node=") {
        (None, line)
    } else {
        syslog::strip(line)
    };
    Line { host, text, raw }
}

/// Lines of a text, parted by CR, LF or both, without empty ones; each also with what parts it from the
/// next, so that these together are the text.
fn split<'a>(text: &'a [u8], mut each: impl FnMut(&'a [u8], &'a [u8])) {
    let is_end = |b: &u8| matches!(b, b'\n' | b'\r');
    let mut rest = text;
    while let Some(begin) = rest.iter().position(|b| !is_end(b)) {
        let end = memchr2(b'\n', b'\r', &rest[begin..]).map_or(rest.len(), |end| begin + end);
        let ends = rest[end..].iter().take_while(|b| is_end(b)).count();
        each(&rest[begin..end], &rest[..end + ends]);
        rest = &rest[end + ends..];
    }
}
