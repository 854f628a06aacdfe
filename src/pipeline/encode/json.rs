//! Writes JSON into a byte buffer: objects member by member, commas where they belong.
//!
//! Text may be any bytes: what is not UTF-8 becomes U+FFFD (the bytes themselves go beside it, as
//! base64, where they matter).

use std::net::IpAddr;

use base64::Engine;

use super::numbers::{Number, address, digits};
use crate::model::{Within, sixteen};

/// The name of a member that is not the first, ready to be written: `,"name":"`.
#[derive(Clone, Copy)]
pub struct Member {
    text: [u8; 16],
    len: usize,
}

impl Member {
    /// Of a name of at most eleven bytes that needs no escaping.
    pub const fn new(name: &str) -> Member {
        assert!(name.len() <= 11);
        let (mut text, mut i) = ([b'"'; 16], 0);
        text[0] = b',';
        while i < name.len() {
            text[i + 2] = name.as_bytes()[i];
            i += 1;
        }
        text[name.len() + 3] = b':';
        let len = name.len() + 5;
        Member { text, len }
    }

    pub const fn all<const N: usize>(names: &[&str; N]) -> [Member; N] {
        let (mut members, mut i) = ([Member::new(""); N], 0);
        while i < N {
            members[i] = Member::new(names[i]);
            i += 1;
        }
        members
    }
}

/// Appends one JSON object to a buffer.
pub struct Object<'o> {
    out: &'o mut Vec<u8>,
    first: bool,
}

impl<'o> Object<'o> {
    /// Opens an object; [`Object::end`] closes it.
    pub fn begin(out: &'o mut Vec<u8>) -> Object<'o> {
        out.push(b'{');
        Object { out, first: true }
    }

    pub fn end(self) {
        self.out.push(b'}');
    }

    /// Members written down beforehand: `"a":1,"b":2`.
    pub fn raw(&mut self, members: &str) -> &mut Self {
        self.comma();
        self.out.extend_from_slice(members.as_bytes());
        self
    }

    #[inline(always)]
    pub fn text(&mut self, key: &str, text: &[u8]) -> &mut Self {
        self.key(key);
        string(self.out, text);
        self
    }

    #[inline]
    pub fn text_if(&mut self, key: &str, text: Option<&[u8]>) -> &mut Self {
        if let Some(text) = text {
            self.text(key, text);
        }
        self
    }

    /// Text that is known to need no escaping: digits, hex, our own words.
    #[inline(always)]
    pub fn plain(&mut self, key: &str, text: &str) -> &mut Self {
        self.key(key);
        self.out.push(b'"');
        self.out.extend_from_slice(text.as_bytes());
        self.out.push(b'"');
        self
    }

    #[inline(always)]
    pub fn number(&mut self, key: &str, number: impl Number) -> &mut Self {
        self.key(key);
        digits(self.out, number);
        self
    }

    #[inline(always)]
    pub fn number_if(&mut self, key: &str, number: Option<impl Number>) -> &mut Self {
        if let Some(number) = number {
            self.number(key, number);
        }
        self
    }

    /// A number as text, as OCSF wants ids of users.
    #[inline(always)]
    pub fn number_as_text(&mut self, key: &str, number: impl Number) -> &mut Self {
        self.key(key);
        self.out.push(b'"');
        digits(self.out, number);
        self.out.push(b'"');
        self
    }

    pub fn bool(&mut self, key: &str, value: bool) -> &mut Self {
        self.raw_value(key, if value { "true" } else { "false" })
    }

    pub fn display(&mut self, key: &str, value: impl std::fmt::Display) -> &mut Self {
        self.key(key);
        self.out.push(b'"');
        // Writing into memory cannot fail.
        let _ = std::io::Write::write_fmt(self.out, format_args!("{value}"));
        self.out.push(b'"');
        self
    }

    pub fn address(&mut self, key: &str, ip: IpAddr) -> &mut Self {
        self.text_of(key, |out| address(out, ip))
    }

    #[inline]
    pub fn object(&mut self, key: &str, write: impl FnOnce(&mut Object<'_>)) -> &mut Self {
        self.key(key);
        let mut object = Object::begin(self.out);
        write(&mut object);
        object.end();
        self
    }

    pub fn array<T>(
        &mut self,
        key: &str,
        items: impl IntoIterator<Item = T>,
        mut write: impl FnMut(&mut Vec<u8>, T),
    ) -> &mut Self {
        self.key(key);
        self.out.push(b'[');
        for (i, item) in items.into_iter().enumerate() {
            if i > 0 {
                self.out.push(b',');
            }
            write(self.out, item);
        }
        self.out.push(b']');
        self
    }

    /// An array of objects.
    pub fn objects<T>(
        &mut self,
        key: &str,
        items: impl IntoIterator<Item = T>,
        mut write: impl FnMut(&mut Object<'_>, T),
    ) -> &mut Self {
        self.array(key, items, |out, item| {
            let mut object = Object::begin(out);
            write(&mut object, item);
            object.end();
        })
    }

    /// Text that `write` appends in parts, already escaped.
    pub fn text_of(&mut self, key: &str, write: impl FnOnce(&mut Vec<u8>)) -> &mut Self {
        self.key(key);
        self.out.push(b'"');
        write(self.out);
        self.out.push(b'"');
        self
    }

    /// A member whose name is bytes of others.
    #[inline]
    pub fn member(&mut self, key: &[u8], text: &[u8]) -> &mut Self {
        self.comma();
        self.out.push(b'"');
        string_part(self.out, key);
        self.out.extend_from_slice(b"\":\"");
        string_part(self.out, text);
        self.out.push(b'"');
        self
    }

    /// A member whose name and value JSON can hold as they are, copied sixteen bytes at once.
    #[inline(always)]
    pub fn plain_member(&mut self, key: Within<'_>, value: Within<'_>) -> &mut Self {
        let (name, first) = (key.chunk::<16>(0), value.chunk::<16>(0));
        let (Some(name), Some(first), 0..=16, false) = (name, first, key.len(), self.first) else {
            return self.member(key.text(), value.text());
        };
        let out = &mut *self.out;
        let start = out.len();
        // Room for all of it, so that it is asked for once.
        out.extend_from_slice(&[b'"'; 64]);
        let Some(room) = out[start..].first_chunk_mut::<64>() else {
            return self;
        };
        room[0] = b',';
        room[2..18].copy_from_slice(name);
        let colon = 2 + key.len();
        room[colon..colon + 3].copy_from_slice(b"\":\"");
        room[colon + 3..colon + 19].copy_from_slice(first);
        if value.len() <= 16 {
            let end = colon + 3 + value.len();
            room[end] = b'"';
            out.truncate(start + end + 1);
        } else {
            out.truncate(start + colon + 19);
            copy(out, value, 16);
            out.push(b'"');
        }
        self
    }

    /// A member that is not the first, with a value that JSON can hold as it is.
    #[inline(always)]
    pub fn prepared(&mut self, member: &Member, value: Within<'_>) {
        const ROOM: usize = 48;
        let out = &mut *self.out;
        let start = out.len();
        out.extend_from_slice(&[b'"'; ROOM]);
        let room = out[start..].first_chunk_mut::<ROOM>();
        match (value.chunk::<16>(0), value.len(), room) {
            (Some(chunk), len @ 0..=16, Some(room)) if member.len <= 16 => {
                room[..16].copy_from_slice(&member.text);
                room[member.len..member.len + 16].copy_from_slice(chunk);
                room[member.len + len] = b'"';
                out.truncate(start + member.len + len + 1);
            }
            _ => {
                out.truncate(start);
                out.extend_from_slice(&member.text[..member.len]);
                copy(out, value, 0);
                out.push(b'"');
            }
        }
    }

    /// As [`Object::prepared`], with any value.
    pub fn prepared_text(&mut self, member: &Member, text: &[u8]) {
        self.out.extend_from_slice(&member.text[..member.len]);
        string_part(self.out, text);
        self.out.push(b'"');
    }

    fn raw_value(&mut self, key: &str, value: &str) -> &mut Self {
        self.key(key);
        self.out.extend_from_slice(value.as_bytes());
        self
    }

    // Inlined, so that a name becomes a copy of a known length.
    #[inline(always)]
    fn key(&mut self, key: &str) {
        let (out, name) = (&mut *self.out, key.as_bytes());
        let comma = !std::mem::take(&mut self.first);
        let start = out.len();
        if name.len() > ROOM - 4 {
            out.extend_from_slice(if comma { b",\"" } else { b"\"" });
            out.extend_from_slice(name);
            out.extend_from_slice(b"\":");
            return;
        }
        // Room for all of it, so that it is asked for once.
        out.extend_from_slice(&[b'"'; ROOM]);
        let Some(room) = out[start..].first_chunk_mut::<ROOM>() else {
            return;
        };
        let end = if comma {
            room[0] = b',';
            room[2..2 + name.len()].copy_from_slice(name);
            name.len() + 3
        } else {
            room[1..1 + name.len()].copy_from_slice(name);
            name.len() + 2
        };
        room[end] = b':';
        out.truncate(start + end + 1);
    }

    #[inline(always)]
    fn comma(&mut self) {
        if self.first {
            self.first = false;
        } else {
            self.out.push(b',');
        }
    }
}

/// For names of members; longer ones are rare.
const ROOM: usize = 32;

/// Appends text that JSON can hold as it is, from `at` on, sixteen bytes at once.
fn copy(out: &mut Vec<u8>, text: Within<'_>, mut at: usize) {
    let end = out.len() + text.len() - at;
    while at < text.len() {
        match text.chunk::<16>(at) {
            Some(chunk) => out.extend_from_slice(chunk),
            None => out.extend_from_slice(&text.text()[at..]),
        }
        at += 16;
    }
    out.truncate(end);
}

/// Appends a quoted string.
pub fn string(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    string_part(out, text);
    out.push(b'"');
}

/// Appends text within quotes: sixteen bytes are looked at and copied at once.
#[inline]
pub fn string_part(out: &mut Vec<u8>, text: &[u8]) {
    let (chunks, rest) = text.as_chunks::<16>();
    for (i, chunk) in chunks.iter().enumerate() {
        if sixteen::plain(*chunk) < 16 {
            return escape(out, &text[16 * i..]);
        }
        out.extend_from_slice(chunk);
    }
    // Branches on what is there, and no arithmetic with it: where the next string goes does not have
    // to wait for what is in this one.
    let bytes = sixteen::load(rest);
    if sixteen::plain(bytes) < rest.len() {
        return escape(out, rest);
    }
    let end = out.len() + rest.len();
    out.extend_from_slice(&bytes);
    out.truncate(end);
}

/// Appends text of which something has to be escaped.
#[inline(never)]
fn escape(out: &mut Vec<u8>, mut text: &[u8]) {
    while !text.is_empty() {
        let bytes = sixteen::load(text);
        let plain = sixteen::plain(bytes).min(text.len());
        let end = out.len() + plain;
        out.extend_from_slice(&bytes);
        out.truncate(end);
        text = &text[plain..];
        text = match text.split_first() {
            Some((&b, rest)) if plain < 16 && b.is_ascii() => {
                escape_byte(out, b);
                rest
            }
            Some(_) if plain < 16 => {
                // ASCII is no part of any sequence, whole or broken.
                let end = text.iter().position(u8::is_ascii).unwrap_or(text.len());
                lossy(out, &text[..end]);
                &text[end..]
            }
            _ => text,
        };
    }
}

/// Appends one byte of ASCII that JSON cannot hold as it is, and DEL.
fn escape_byte(out: &mut Vec<u8>, b: u8) {
    match b {
        b'"' => out.extend_from_slice(b"\\\""),
        b'\\' => out.extend_from_slice(b"\\\\"),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        b => {
            const HEX: &[u8; 16] = b"0123456789abcdef";
            let (high, low) = (HEX[(b >> 4) as usize], HEX[(b & 15) as usize]);
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', high, low]);
        }
    }
}

/// Appends bytes beyond ASCII: what is no UTF-8 becomes U+FFFD.
fn lossy(out: &mut Vec<u8>, text: &[u8]) {
    for chunk in text.utf8_chunks() {
        out.extend_from_slice(chunk.valid().as_bytes());
        if !chunk.invalid().is_empty() {
            out.extend_from_slice("\u{FFFD}".as_bytes());
        }
    }
}

/// Appends a quoted base64 string.
pub fn base64(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    out.extend_from_slice(
        base64::engine::general_purpose::STANDARD
            .encode(bytes)
            .as_bytes(),
    );
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_become_the_text_that_a_json_reader_gets_back(text: Vec<u8>) {
            let mut out = Vec::new();
            string(&mut out, &text);
            let back: String = serde_json::from_slice(&out).unwrap();
            prop_assert_eq!(back, String::from_utf8_lossy(&text));
        }

        #[test]
        fn a_member_that_is_plain_is_written_as_any_other(
            key in "[a-z]{1,20}", value in "[ -!#-\\[\\]-~]{0,40}", behind in "[a-z ]{0,20}",
        ) {
            let (name, held) = (format!("{key}{behind}"), format!("{value}{behind}"));
            let write = |member: &dyn Fn(&mut Object<'_>)| {
                let mut out = Vec::new();
                let mut object = Object::begin(&mut out);
                member(&mut object);
                member(&mut object);
                object.end();
                out
            };
            let plain = write(&|o| {
                let key = Within::new(name.as_bytes(), key.len());
                o.plain_member(key, Within::new(held.as_bytes(), value.len()));
            });
            let any = write(&|o| {
                o.member(key.as_bytes(), value.as_bytes());
            });
            prop_assert_eq!(plain, any);
            let member = Member::new("exe");
            let prepared = |plain: bool| write(&|o| {
                o.number("n", 1);
                match plain {
                    true => o.prepared(&member, Within::new(held.as_bytes(), value.len())),
                    false => o.prepared_text(&member, value.as_bytes()),
                };
            });
            let any = write(&|o| {
                o.number("n", 1).member(b"exe", value.as_bytes());
            });
            prop_assert_eq!(prepared(true), any.clone());
            prop_assert_eq!(prepared(false), any);
        }

        #[test]
        fn members_are_parted_by_commas(count in 0usize..5) {
            let mut out = Vec::new();
            let mut object = Object::begin(&mut out);
            for i in 0..count {
                object.number(&format!("n{i}"), i).object("o", |o| { o.bool("b", true); });
            }
            object.array("list", 0..count, |out, i| string(out, &[b'a' + i as u8]));
            object.end();
            prop_assert!(serde_json::from_slice::<serde_json::Value>(&out).is_ok());
        }
    }
}
