//! `key=value` fields of a record's body, without copying.
//!
//! Place in the flow: everything that looks into a body reads it through here. It knows how values
//! are written, not what they mean: which fields the kernel may have hex-encoded is the caller's to
//! know (`audit_log_untrustedstring` in kernel/audit.c writes those, and nothing else, as quoted text
//! or bare hex).

use crate::model::{eight, sixteen};

pub use crate::model::field::{Raw, decode_hex, word};

/// Iterates over the fields of a body. The 0x1D that ENRICHED puts before its own fields counts as
/// white space, so their lost form through syslog reads the same.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    rest: &'a [u8],
    /// So many bytes at its end are no part of the body: spaces, or what stands behind a value.
    room: usize,
    /// Something stood before one of the fields so far that may be no part of any.
    words: bool,
}

/// Spaces behind a body, with which its last fields are found as fast as the others.
pub const ROOM: [u8; 16] = [b' '; 16];

/// One field: its key, also as a number that a `match` compares at once, and its value.
#[derive(Clone, Copy, Debug)]
pub struct Field<'a> {
    pub key: &'a [u8],
    /// [`word`] of the key.
    pub word: u64,
    pub raw: Raw<'a>,
    /// The text from the key on, where JSON can hold key and value as they are; `None` where that is
    /// not so, or not known.
    pub plain: Option<&'a [u8]>,
}

/// Fields are the same that say the same, wherever they stand.
impl PartialEq for Field<'_> {
    fn eq(&self, other: &Self) -> bool {
        (self.key, self.raw) == (other.key, other.raw)
    }
}

impl<'a> Fields<'a> {
    pub fn new(body: &'a [u8]) -> Fields<'a> {
        Fields {
            rest: body,
            room: 0,
            words: false,
        }
    }

    /// Of a body with [`ROOM`] behind it.
    pub fn with_room(text: &'a [u8]) -> Fields<'a> {
        let room = ROOM.len().min(text.len());
        Fields {
            room,
            ..Fields::new(text)
        }
    }

    /// Of what stands in a field's value that ended `behind` bytes before the end of `text`, which the
    /// field began.
    pub fn inside(text: &'a [u8], behind: usize, inner: &'a [u8]) -> Fields<'a> {
        // The last quote.
        let end = text.len().saturating_sub(behind + 1);
        let inside = text.get(end.saturating_sub(inner.len())..);
        match inside {
            Some(inside) if std::ptr::eq(&inside[..inner.len().min(inside.len())], inner) => {
                Fields {
                    rest: inside,
                    room: inside.len() - inner.len(),
                    words: false,
                }
            }
            _ => Fields::new(inner),
        }
    }

    /// What has not been read, with the room behind it.
    pub fn text(&self) -> &'a [u8] {
        self.rest
    }

    /// Goes past the first bytes of the body.
    pub fn advance(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }

    /// Whether there may be words that belong to no field, up to the field that was read last; false is
    /// certain.
    pub fn has_words(&self) -> bool {
        self.words
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
        self.short().or_else(|| self.any())
    }
}

impl<'a> Fields<'a> {
    /// A field whose key is at most fifteen bytes long and at once followed by its value, as nearly all
    /// are: where they end is found by a look at sixteen bytes at a time.
    #[inline(always)]
    fn short(&mut self) -> Option<Field<'a>> {
        let text = self.begin();
        let first = *text.first_chunk::<16>()?;
        let blanks = sixteen::blanks(first);
        let equals = sixteen::before(sixteen::equal(first, b'='));
        let breaks = blanks | sixteen::equal(first, b',') | sixteen::equal(first, b'(');
        if !(1..16).contains(&equals) || sixteen::before(breaks) < equals {
            return None;
        }
        let eight = u128::from_le_bytes(first) as u64;
        let word = match equals {
            ..=8 => eight::lowest(eight, equals),
            _ => 0,
        };
        self.valued(text, first, equals, word)
    }

    /// The sixteen bytes that a field would begin with.
    #[inline(always)]
    pub fn next_sixteen(&self) -> Option<u128> {
        self.begin()
            .first_chunk()
            .map(|bytes| u128::from_le_bytes(*bytes))
    }

    /// The field whose key, of so many bytes and with this [`word`], is known to be next.
    #[inline(always)]
    pub fn named(&mut self, key: usize, word: u64) -> Option<Field<'a>> {
        let text = self.begin();
        self.valued(text, *text.first_chunk::<16>()?, key, word)
    }

    /// Behind the one mark that parts a field from the one before.
    #[inline(always)]
    fn begin(&self) -> &'a [u8] {
        match self.rest {
            [b' ' | 0x1D, rest @ ..] => rest,
            rest => rest,
        }
    }

    /// The field that a text begins with, by its first sixteen bytes and the place of its `=`.
    #[inline(always)]
    fn valued(
        &mut self,
        text: &'a [u8],
        first: [u8; 16],
        equals: usize,
        word: u64,
    ) -> Option<Field<'a>> {
        let special = sixteen::special(first);
        let most = text.len().checked_sub(self.room)?;
        let (raw, end, is_plain) = match *text.get(equals + 1)? {
            b'"' => {
                let from = equals + 2;
                let quotes = sixteen::equal(first, b'"') & (u32::MAX << from);
                let (end, is_plain) = match sixteen::before(quotes) {
                    16 => far(text, from, |bytes| sixteen::equal(bytes, b'"'))?,
                    end => (end, true),
                };
                let near = sixteen::up_to(end) & !(1 << (equals + 1));
                let is_plain = is_plain && special & near == 0;
                (Raw::Quoted(&text[from..end]), end + 1, is_plain)
            }
            b'\'' | b'{' => return None,
            _ => {
                let (end, is_plain) = match sixteen::before(sixteen::blanks(first)) {
                    16 => far(text, 16, sixteen::blanks)?,
                    end => (end, true),
                };
                if end < most && !is_end(*text.get(end)?) {
                    return None;
                }
                let is_plain = is_plain && special & sixteen::up_to(end) == 0;
                let end = end.min(most);
                (bare(text.get(equals + 1..end)?), end, is_plain)
            }
        };
        if end > most {
            return None;
        }
        self.rest = &text[end..];
        Some(Field {
            key: &text[..equals],
            word,
            raw,
            plain: is_plain.then_some(text),
        })
    }

    #[inline(never)]
    fn any(&mut self) -> Option<Field<'a>> {
        let text = &self.rest[..self.rest.len().checked_sub(self.room)?];
        let mut start = 0;
        loop {
            while is_space(*text.get(start)?) || text[start] == b'(' {
                self.words |= text[start] != b' ';
                start += 1;
            }
            let (end, word) = key_end(text, start);
            if text.get(end) == Some(&b'=') {
                let (raw, after) = read_value(&text[end + 1..]);
                self.words |= text[end + 1..].starts_with(b"{");
                self.rest = &self.rest[text.len() - after.len()..];
                return Some(Field {
                    key: &text[start..end],
                    word,
                    raw,
                    plain: None,
                });
            }
            // A word without a value (`old auid=…`, `login pid=`): the key is what touches `=`.
            self.words = true;
            start = end;
        }
    }
}

/// Where the first of some bytes stands from the second sixteen on, and whether JSON can hold all before
/// it. `from`: where to look first. `None`: where the text ends.
#[inline(always)]
fn far(
    text: &[u8],
    from: usize,
    marks: impl Fn([u8; 16]) -> sixteen::Marks,
) -> Option<(usize, bool)> {
    let (mut at, mut is_plain) = (from.max(16), true);
    loop {
        let bytes = *text.get(at..)?.first_chunk::<16>()?;
        let length = sixteen::before(marks(bytes));
        is_plain &= sixteen::special(bytes) & sixteen::up_to(length) == 0;
        at += length;
        if length < 16 {
            return Some((at, is_plain));
        }
    }
}

fn is_space(b: u8) -> bool {
    matches!(b, b' ' | 0x1D | b'\t' | b',' | b'\n' | b'\r')
}

fn is_end(b: u8) -> bool {
    matches!(b, b' ' | 0x1D | b'\n' | b'\r')
}

/// Where the key that begins at `start` ends, and its [`word`].
#[inline(always)]
fn key_end(text: &[u8], start: usize) -> (usize, u64) {
    let eight = eight::load(text, start);
    let stops = eight::below(eight, 0x21) | eight::equal(eight, b'=') | eight::equal(eight, b',');
    let length = eight::before(stops);
    match text.get(start + length) {
        Some(&b) if length < 8 && (b == b'=' || is_space(b)) => {
            (start + length, eight::lowest(eight, length))
        }
        _ => long_key_end(text, start),
    }
}

/// A key of eight bytes and more, the last one of a text, or one with control bytes.
fn long_key_end(text: &[u8], start: usize) -> (usize, u64) {
    let rest = &text[start..];
    let length = rest
        .iter()
        .position(|&b| b == b'=' || is_space(b))
        .unwrap_or(rest.len());
    (start + length, word(&rest[..length]))
}

#[inline(always)]
fn read_value(text: &[u8]) -> (Raw<'_>, &[u8]) {
    match text.first() {
        Some(b'"') => match quote_end(text) {
            Some(end) => (Raw::Quoted(&text[1..end]), &text[end + 1..]),
            // The line was cut: what is there is the value.
            None => (Raw::Quoted(&text[1..]), &[]),
        },
        Some(b'\'' | b'{') => read_nested(text),
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

fn read_nested(text: &[u8]) -> (Raw<'_>, &[u8]) {
    if text.first() == Some(&b'{') {
        return match memchr::memchr(b'}', text) {
            Some(end) => (Raw::Nested(text[1..end].trim_ascii()), &text[end + 1..]),
            None => (Raw::Nested(text[1..].trim_ascii()), &[]),
        };
    }
    // Inside, a quote stands only where a program wrote one; the last is before a space.
    let end = memchr::memchr_iter(b'\'', &text[1..])
        .map(|i| i + 1)
        .find(|&i| text.get(i + 1).is_none_or(|&b| is_end(b)));
    match end {
        Some(end) => (Raw::Nested(&text[1..end]), &text[end + 1..]),
        None => (Raw::Nested(&text[1..]), &[]),
    }
}

/// How far a value is looked through eight bytes at a time; a title or an address in hex is longer.
const SHORT: usize = 32;

/// Where the quote stands that ends a quoted value.
#[inline(always)]
fn quote_end(text: &[u8]) -> Option<usize> {
    let mut at = 1;
    while at < SHORT {
        let quotes = eight::equal(eight::load(text, at), b'"');
        if quotes != 0 {
            return Some(at + eight::before(quotes));
        }
        at += 8;
    }
    memchr::memchr(b'"', text.get(at..)?).map(|end| at + end)
}

/// Where a bare value ends.
#[inline(always)]
fn bare_end(text: &[u8]) -> usize {
    let mut at = 0;
    while at < SHORT {
        let stops = eight::below(eight::load(text, at), 0x21);
        if stops != 0 {
            let end = at + eight::before(stops);
            match text.get(end) {
                Some(&b) if !is_end(b) => break,
                _ => return end.min(text.len()),
            }
        }
        at += 8;
    }
    let rest = text.get(at..).unwrap_or_default();
    let part = memchr::memchr2(b' ', 0x1D, rest).unwrap_or(rest.len());
    let line = memchr::memchr2(b'\n', b'\r', &rest[..part]).unwrap_or(part);
    text.len().min(at) + line
}

#[cfg(test)]
mod tests {
    use super::*;
    use bumpalo::Bump;
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

    /// The same, without the look at sixteen bytes.
    fn slowly(body: &[u8]) -> Vec<(&[u8], u64, Raw<'_>)> {
        let mut fields = Fields::new(body);
        std::iter::from_fn(|| fields.any())
            .map(|field| (field.key, field.word, field.raw))
            .collect()
    }

    proptest! {
        #[test]
        fn sixteen_bytes_at_once_show_what_one_by_one_does(
            body in "([a-c]{0,9}[=\" ,('{})\x01\x1d\té]{0,3}|[a-c]=[ab]{0,90} |k=\"[ab ]{0,90}\"){0,40}",
        ) {
            let fields = Fields::new(body.as_bytes());
            let fast: Vec<_> = fields.map(|field| (field.key, field.word, field.raw)).collect();
            prop_assert_eq!(&fast, &slowly(body.as_bytes()));
            let roomy = [body.as_bytes(), &ROOM].concat();
            let fields = Fields::with_room(&roomy);
            let fields: Vec<_> = fields.map(|field| (field.key, field.word, field.raw)).collect();
            prop_assert_eq!(fields, fast);
        }

        #[test]
        fn no_bytes_make_it_panic_or_loop(body: Vec<u8>) {
            let bump = Bump::new();
            for field in Fields::new(&body) {
                prop_assert_eq!(field.word, word(field.key));
                if let Some(text) = field.plain {
                    prop_assert!(text.starts_with(field.key));
                    let is_plain = |text: &[u8]| text.iter().all(|b| matches!(b, b' '..0x7f) && !matches!(b, b'"' | b'\\'));
                    prop_assert!(is_plain(field.key) && is_plain(field.raw.text()));
                }
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
