//! A field of an audit record as it is written: its name as a number, its value with or without quotes.
//!
//! Place in the flow: what reads the fields of a record makes these, and every later look at them takes
//! them from here. It knows how values are written, not what they mean.

use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;

use super::hexadecimal;

/// A key of at most eight bytes as a number; 0 for a longer one.
pub const fn word(key: &[u8]) -> u64 {
    if key.len() > 8 {
        return 0;
    }
    let (mut word, mut i) = (0, 0);
    while i < key.len() {
        word |= (key[i] as u64) << (8 * i);
        i += 1;
    }
    word
}

/// The value of a field as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Raw<'a> {
    /// `key=value`
    Bare(&'a [u8]),
    /// `key="value"`, without the quotes.
    Quoted(&'a [u8]),
    /// `msg='…'` or `SADDR={ … }`: fields within, without the marks.
    Nested(&'a [u8]),
}

impl<'a> Raw<'a> {
    /// The text as written, without quotes.
    pub fn text(self) -> &'a [u8] {
        match self {
            Raw::Bare(text) | Raw::Quoted(text) | Raw::Nested(text) => text,
        }
    }

    /// A decimal number, negative too (`exit=-13`).
    pub fn number<N: TryFrom<i64>>(self) -> Option<N> {
        let (negative, digits) = match self.text() {
            [b'-', digits @ ..] => (true, digits),
            digits => (false, digits),
        };
        if digits.is_empty() || digits.len() > 19 || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let value = digits.iter().fold(0, |n, b| n * 10 + (b - b'0') as u64);
        let value = i64::try_from(value).ok()?;
        N::try_from(if negative { -value } else { value }).ok()
    }

    /// An id where 4294967295 (and the -1 of auditd) means unset.
    pub fn id(self) -> Option<u32> {
        let mut value = 0u64;
        let text = self.text();
        if text.is_empty() || text.len() > 10 {
            return None;
        }
        for &b in text {
            if !b.is_ascii_digit() {
                return None;
            }
            value = value * 10 + (b - b'0') as u64;
        }
        u32::try_from(value).ok().filter(|&id| id != u32::MAX)
    }

    /// The value of a field that the kernel encodes: quoted is text, bare hex is bytes, anything else
    /// (`(null)`, `?`) stands as written.
    pub fn decode<'b>(self, bump: &'b Bump) -> &'b [u8]
    where
        'a: 'b,
    {
        match self {
            Raw::Bare(text) => decode_hex(text, bump).unwrap_or(text),
            Raw::Quoted(text) | Raw::Nested(text) => text,
        }
    }

    /// As [`Raw::decode`], and `None` where the record says that there is no value.
    pub fn decode_some<'b>(self, bump: &'b Bump) -> Option<&'b [u8]>
    where
        'a: 'b,
    {
        match self {
            Raw::Bare(b"(null)" | b"(none)" | b"?" | b"") => None,
            raw => Some(raw.decode(bump)),
        }
    }
}

/// Decodes an even number of hex digits; `None` for anything else.
pub fn decode_hex<'b>(text: &[u8], bump: &'b Bump) -> Option<&'b [u8]> {
    if text.is_empty() || !text.len().is_multiple_of(2) {
        return None;
    }
    // Most bare values are no hex at all: look before a buffer is taken.
    if !text[0].is_ascii_hexdigit() || !text[text.len() - 1].is_ascii_hexdigit() {
        return None;
    }
    let (chunks, rest) = text.as_chunks::<16>();
    let mut bytes = BumpVec::with_capacity_in(text.len() / 2, bump);
    for chunk in chunks {
        let (eight, 16) = hexadecimal::bytes(*chunk) else {
            return None;
        };
        bytes.extend_from_slice_copy(&eight);
    }
    let mut last = [0; 8];
    let last = &mut last[..rest.len() / 2];
    hex::decode_to_slice(rest, last).ok()?;
    bytes.extend_from_slice_copy(last);
    Some(bytes.into_bump_slice())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_hex_stays_text_and_bare_hex_becomes_bytes() {
        let bump = Bump::new();
        assert_eq!(Raw::Quoted(b"DEADBEEF").decode(&bump), b"DEADBEEF");
        assert_eq!(Raw::Bare(b"6964").decode(&bump), b"id");
        assert_eq!(Raw::Bare(b"(null)").decode(&bump), b"(null)");
        assert_eq!(Raw::Bare(b"696").decode(&bump), b"696");
        assert_eq!(Raw::Bare(b"?").decode_some(&bump), None);
    }

    #[test]
    fn unset_is_no_user() {
        assert_eq!(Raw::Bare(b"4294967295").id(), None);
        assert_eq!(Raw::Bare(b"-1").id(), None);
        assert_eq!(Raw::Bare(b"0").id(), Some(0));
    }
}
