//! Writes JSON into a byte buffer: objects member by member, commas where they belong.
//!
//! Text may be any bytes: what is not UTF-8 becomes U+FFFD (the bytes themselves go beside it, as
//! base64, where they matter).

use base64::Engine;

use crate::model::sixteen;

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

    #[inline]
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
    #[inline]
    pub fn plain(&mut self, key: &str, text: &str) -> &mut Self {
        self.key(key);
        self.out.push(b'"');
        self.out.extend_from_slice(text.as_bytes());
        self.out.push(b'"');
        self
    }

    #[inline]
    pub fn number(&mut self, key: &str, number: impl itoa::Integer) -> &mut Self {
        self.key(key);
        self.out
            .extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
        self
    }

    #[inline]
    pub fn number_if(&mut self, key: &str, number: Option<impl itoa::Integer>) -> &mut Self {
        if let Some(number) = number {
            self.number(key, number);
        }
        self
    }

    /// A number as text, as OCSF wants ids of users.
    #[inline]
    pub fn number_as_text(&mut self, key: &str, number: impl itoa::Integer) -> &mut Self {
        self.plain(key, itoa::Buffer::new().format(number))
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

    fn raw_value(&mut self, key: &str, value: &str) -> &mut Self {
        self.key(key);
        self.out.extend_from_slice(value.as_bytes());
        self
    }

    // Inlined, so that a name becomes a copy of a known length.
    #[inline(always)]
    fn key(&mut self, key: &str) {
        self.comma();
        self.out.push(b'"');
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    fn comma(&mut self) {
        if self.first {
            self.first = false;
        } else {
            self.out.push(b',');
        }
    }
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

#[cold]
fn escape(out: &mut Vec<u8>, text: &[u8]) {
    for chunk in text.utf8_chunks() {
        for &b in chunk.valid().as_bytes() {
            match b {
                b'"' => out.extend_from_slice(b"\\\""),
                b'\\' => out.extend_from_slice(b"\\\\"),
                b'\n' => out.extend_from_slice(b"\\n"),
                b'\r' => out.extend_from_slice(b"\\r"),
                b'\t' => out.extend_from_slice(b"\\t"),
                0..0x20 | 0x7f => {
                    const HEX: &[u8; 16] = b"0123456789abcdef";
                    out.extend_from_slice(b"\\u00");
                    out.extend_from_slice(&[HEX[(b >> 4) as usize], HEX[(b & 15) as usize]]);
                }
                b => out.push(b),
            }
        }
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
