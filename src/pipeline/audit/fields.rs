//! `key=value` fields of a record's body, without copying.
//!
//! Place in the flow: everything that looks into a body reads it through here. It knows how values
//! are written, not what they mean: which fields the kernel may have hex-encoded is the caller's to
//! know (`audit_log_untrustedstring` in kernel/audit.c writes those, and nothing else, as quoted text
//! or bare hex).

use bumpalo::Bump;

use crate::model::eight;
use crate::model::window::{WIDTH, Window, from};

/// Iterates over the fields of a body. The 0x1D that ENRICHED puts before its own fields counts as
/// white space, so their lost form through syslog reads the same.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    text: &'a [u8],
    /// What is before it has been read.
    at: usize,
    /// Shows the text from `base` on.
    window: Window,
    base: usize,
}

/// One field: its key, also as a number that a `match` compares at once, and its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    pub key: &'a [u8],
    /// [`word`] of the key.
    pub word: u64,
    pub raw: Raw<'a>,
    /// Known to hold nothing, in key or value, that JSON must escape.
    pub plain: bool,
}

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
    let bytes = bump.alloc_slice_fill_copy(text.len() / 2, 0u8);
    hex::decode_to_slice(text, bytes).ok()?;
    Some(bytes)
}

impl<'a> Fields<'a> {
    pub fn new(body: &'a [u8]) -> Fields<'a> {
        Fields {
            text: body,
            at: 0,
            window: Window::new(body),
            base: 0,
        }
    }

    /// The first field of this name.
    pub fn find(body: &'a [u8], name: &[u8]) -> Option<Raw<'a>> {
        Fields::new(body)
            .find(|field| field.key == name)
            .map(|field| field.raw)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    #[inline(always)]
    fn next(&mut self) -> Option<Field<'a>> {
        self.seen().or_else(|| self.next_window())
    }
}

impl<'a> Fields<'a> {
    /// The next field, where the window shows all of it: most are found by counting bits.
    #[inline(always)]
    fn seen(&mut self) -> Option<Field<'a>> {
        let (window, text) = (&self.window, &self.text[self.base..]);
        let unread = from(self.at - self.base);
        let equals = (window.equals & unread).trailing_zeros() as usize;
        if equals + 1 >= WIDTH {
            return None;
        }
        // A word without a value (`old auid=…`, `login pid=…`): the key is what touches `=`.
        let before = (window.spaces | window.commas) & unread & !from(equals);
        let mut start = match before {
            0 => self.at - self.base,
            before => WIDTH - before.leading_zeros() as usize,
        };
        while text.get(start) == Some(&b'(') {
            start += 1;
        }
        let value = equals + 1;
        let (raw, end, special) = match *text.get(value).unwrap_or(&b' ') {
            b'"' => {
                let end = (window.quotes & from(value + 1)).trailing_zeros() as usize;
                if end == WIDTH {
                    return None;
                }
                let quoted = &text[value + 1..end];
                let key = window.quotes & !from(equals);
                (Raw::Quoted(quoted), end + 1, window.special | key)
            }
            b'\'' | b'{' => return None,
            _ => {
                let end = (window.spaces & from(value)).trailing_zeros() as usize;
                if end == WIDTH {
                    return None;
                }
                let raw = bare(&text[value..end.min(text.len())]);
                (raw, end, window.special | window.quotes)
            }
        };
        self.at = (self.base + end).min(self.text.len());
        let key = &text[start..equals];
        Some(Field {
            key,
            word: match key.len() {
                0..=8 => eight::lowest(eight::load(text, start), key.len()),
                _ => 0,
            },
            raw,
            plain: special & from(start) & !from(end) == 0,
        })
    }

    /// The next field of a new window.
    #[inline(never)]
    fn next_window(&mut self) -> Option<Field<'a>> {
        if self.at == self.text.len() {
            return None;
        }
        if self.base < self.at {
            self.look();
            if let Some(field) = self.seen() {
                return Some(field);
            }
        }
        let field = self.any();
        self.look();
        field
    }

    fn look(&mut self) {
        self.base = self.at;
        self.window = Window::new(&self.text[self.base..]);
    }

    /// A field of any length and form.
    fn any(&mut self) -> Option<Field<'a>> {
        let text = &self.text[self.at..];
        self.at = self.text.len();
        let mut start = 0;
        loop {
            while is_space(*text.get(start)?) || text[start] == b'(' {
                start += 1;
            }
            let rest = &text[start..];
            let length = rest.iter().position(|&b| b == b'=' || is_space(b))?;
            if rest[length] == b'=' {
                let (raw, after) = read_value(&rest[length + 1..]);
                self.at -= after.len();
                return Some(Field {
                    key: &rest[..length],
                    word: word(&rest[..length]),
                    raw,
                    plain: false,
                });
            }
            start += length;
        }
    }
}

/// White space in the sense of this format: ENRICHED's 0x1D too.
fn is_end(b: u8) -> bool {
    b <= b' '
}

fn is_space(b: u8) -> bool {
    is_end(b) || b == b','
}

fn read_value(text: &[u8]) -> (Raw<'_>, &[u8]) {
    match text.first() {
        Some(b'"') => match memchr::memchr(b'"', &text[1..]) {
            Some(end) => (Raw::Quoted(&text[1..=end]), &text[end + 2..]),
            // The line was cut: what is there is the value.
            None => (Raw::Quoted(&text[1..]), &[]),
        },
        Some(b'\'') => {
            // Inside, a quote stands only where a program wrote one; the last is before a space.
            let end = memchr::memchr_iter(b'\'', &text[1..])
                .map(|i| i + 1)
                .find(|&i| text.get(i + 1).is_none_or(|&b| is_end(b)));
            match end {
                Some(end) => (Raw::Nested(&text[1..end]), &text[end + 1..]),
                None => (Raw::Nested(&text[1..]), &[]),
            }
        }
        Some(b'{') => match memchr::memchr(b'}', text) {
            Some(end) => (Raw::Nested(text[1..end].trim_ascii()), &text[end + 1..]),
            None => (Raw::Nested(text[1..].trim_ascii()), &[]),
        },
        _ => {
            let end = bare_end(text);
            (bare(&text[..end]), &text[end..])
        }
    }
}

/// Programs of before 2008 write `(hostname=?, addr=?, terminal=cron res=success)`: the comma and the
/// bracket are no part of a value. `(none)` keeps its own.
#[inline(always)]
fn bare(value: &[u8]) -> Raw<'_> {
    match value {
        [inside @ .., b')' | b','] if !inside.contains(&b'(') => Raw::Bare(inside),
        _ => Raw::Bare(value),
    }
}

/// Where a bare value ends that may be long: a title or an address in hex.
fn bare_end(text: &[u8]) -> usize {
    let mut at = 0;
    loop {
        let spaces = Window::new(&text[at..]).spaces;
        if spaces != 0 || at + WIDTH >= text.len() {
            return text.len().min(at + spaces.trailing_zeros() as usize);
        }
        at += WIDTH;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(body: &[u8]) -> Vec<(String, Raw<'_>)> {
        Fields::new(body)
            .map(|field| (String::from_utf8_lossy(field.key).into_owned(), field.raw))
            .collect()
    }

    #[test]
    fn enriched_fields_are_read_with_and_without_their_separator() {
        let want = vec![
            ("key".to_string(), Raw::Bare(b"(null)".as_slice())),
            ("ARCH".to_string(), Raw::Bare(b"x86_64".as_slice())),
            ("AUID".to_string(), Raw::Quoted(b"unset".as_slice())),
        ];
        assert_eq!(all(b"key=(null)\x1dARCH=x86_64 AUID=\"unset\""), want);
        assert_eq!(all(b"key=(null) ARCH=x86_64 AUID=\"unset\""), want);
    }

    #[test]
    fn a_nested_message_ends_at_its_own_quote() {
        let fields = all(b"pid=1 msg='op=login acct=\"o'b\" res=failed'\x1dUID=\"root\"");
        assert_eq!(
            fields[1].1,
            Raw::Nested(b"op=login acct=\"o'b\" res=failed")
        );
        assert_eq!(fields[2], ("UID".into(), Raw::Quoted(b"root")));
    }

    #[test]
    fn brackets_around_fields_are_no_part_of_them() {
        let fields =
            all(b"(hostname=?, addr=192.0.2.1, terminal=cron res=success) tty=(none) n=f(x)");
        let texts: Vec<&[u8]> = fields.iter().map(|(_, raw)| raw.text()).collect();
        let want: [&[u8]; 6] = [b"?", b"192.0.2.1", b"cron", b"success", b"(none)", b"f(x)"];
        assert_eq!(texts, want);
    }

    #[test]
    fn braces_hold_an_address() {
        let fields = all(b"saddr=0200\x1dSADDR={ saddr_fam=inet laddr=203.0.113.66 lport=8000 }");
        assert_eq!(
            fields[1].1,
            Raw::Nested(b"saddr_fam=inet laddr=203.0.113.66 lport=8000")
        );
    }

    #[test]
    fn a_word_before_a_key_is_no_part_of_it() {
        let fields = all(b"login pid=7 old auid=4294967295");
        assert_eq!(fields[0].0, "pid");
        assert_eq!(fields[1].0, "auid");
        assert_eq!(fields[1].1.id(), None);
    }

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

    /// The same, without windows.
    fn slowly(body: &[u8]) -> Vec<(&[u8], u64, Raw<'_>)> {
        let mut fields = Fields::new(body);
        std::iter::from_fn(|| fields.any())
            .map(|field| (field.key, field.word, field.raw))
            .collect()
    }

    proptest! {
        #[test]
        fn a_window_shows_what_is_there(
            body in "([a-c\\\\]{0,9}[=\" ,('{})\x01\x1d\té]{0,3}|[a-c]=[ab]{0,90} |k=\"[ab ]{0,90}\"){0,40}",
        ) {
            let fields = Fields::new(body.as_bytes());
            let fast: Vec<_> = fields.clone().map(|field| (field.key, field.word, field.raw)).collect();
            prop_assert_eq!(fast, slowly(body.as_bytes()));
            for field in fields.filter(|field| field.plain) {
                for text in [field.key, field.raw.text()] {
                    let written = serde_json::to_string(std::str::from_utf8(text).unwrap()).unwrap();
                    prop_assert_eq!(written.len(), text.len() + 2);
                }
            }
        }

        #[test]
        fn no_bytes_make_it_panic_or_loop(body: Vec<u8>) {
            let bump = Bump::new();
            for field in Fields::new(&body) {
                prop_assert_eq!(field.word, word(field.key));
                field.raw.decode(&bump);
                field.raw.id();
            }
        }

        /// What the kernel encodes decodes to the same bytes.
        #[test]
        fn what_the_kernel_writes_is_read_back(value in proptest::collection::vec(any::<u8>(), 1..40)) {
            let plain = value.iter().all(|b| (0x21..0x7f).contains(b) && *b != b'"');
            let written = if plain {
                [b"\"", value.as_slice(), b"\""].concat()
            } else {
                hex::encode_upper(&value).into_bytes()
            };
            let body = [b"comm=", written.as_slice(), b" exe=\"/bin/x\""].concat();
            let bump = Bump::new();
            let raw = Fields::find(&body, b"comm").unwrap();
            prop_assert_eq!(raw.decode(&bump), value.as_slice());
        }
    }
}
