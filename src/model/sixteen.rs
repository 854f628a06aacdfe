//! Sixteen bytes of text at once, compared by one instruction each.
//!
//! Place in the flow: what reads fields and what writes JSON looks at every byte through here. It
//! refuses to know what the text means.

use wide::u8x16;

use super::eight;

/// Where in sixteen bytes something stands: a bit for each, the first byte's the lowest.
pub type Marks = u32;

/// How many bytes stand before the first mark; 16 where there is none.
#[inline(always)]
pub fn before(marks: Marks) -> usize {
    (marks | 1 << 16).trailing_zeros() as usize
}

/// The bytes that are a space or below.
#[inline(always)]
pub fn blanks(bytes: [u8; 16]) -> Marks {
    at_most(u8x16::new(bytes), b' ').to_bitmask()
}

#[inline(always)]
pub fn equal(bytes: [u8; 16], byte: u8) -> Marks {
    u8x16::new(bytes).simd_eq(u8x16::splat(byte)).to_bitmask()
}

/// The bytes that cannot stand in JSON's quotes as they are, and DEL.
#[inline(always)]
pub fn special(bytes: [u8; 16]) -> Marks {
    let bytes = u8x16::new(bytes);
    let is = |byte: u8| bytes.simd_eq(u8x16::splat(byte));
    let special = at_most(bytes, 0x1f) | at_least(bytes, 0x7f) | is(b'"') | is(b'\\');
    special.to_bitmask()
}

/// The first sixteen bytes of a text; beyond its end stand spaces.
#[inline(always)]
pub fn load(text: &[u8]) -> [u8; 16] {
    const SPACES: u64 = u64::from_le_bytes([b' '; 8]);
    if let Some(whole) = text.first_chunk::<16>() {
        return *whole;
    }
    let low = eight::load(text, 0);
    let high = match (text.len(), text.last_chunk::<8>()) {
        // Two halves that overlap: what the first has goes out of the second.
        (9.., Some(last)) => {
            let past = 8 * (16 - text.len());
            u64::from_le_bytes(*last) >> past | SPACES << (64 - past)
        }
        _ => SPACES,
    };
    (low as u128 | (high as u128) << 64).to_le_bytes()
}

/// How many of sixteen bytes, from the first on, JSON can hold in quotes as they are.
#[inline(always)]
pub fn plain(bytes: [u8; 16]) -> usize {
    before(special(bytes))
}

/// Marks of the first `count` bytes.
#[inline(always)]
pub fn up_to(count: usize) -> Marks {
    match count {
        16.. => 0xffff,
        count => (1 << count) - 1,
    }
}

/// JSON can hold all of a text in quotes as it is.
pub fn is_plain(text: &[u8]) -> bool {
    let (chunks, rest) = text.as_chunks::<16>();
    let special = chunks
        .iter()
        .fold(0, |marks, chunk| marks | special(*chunk));
    special == 0 && plain(load(rest)) >= rest.len()
}

/// Where the first such byte stands in a text.
#[inline(always)]
pub fn find(text: &[u8], byte: u8) -> Option<usize> {
    let (whole, rest) = text.as_chunks::<16>();
    for (at, chunk) in whole.iter().enumerate() {
        let before = before(equal(*chunk, byte));
        if before < 16 {
            return Some(16 * at + before);
        }
    }
    let before = rest.iter().position(|&b| b == byte)?;
    Some(text.len() - rest.len() + before)
}

/// Whether a text holds a byte up to `most`, and whether it holds `byte`, in one pass. No branch depends on
/// the bytes: for short texts, and what they rarely hold.
#[inline(always)]
pub fn has_either(text: &[u8], most: u8, byte: u8) -> (bool, bool) {
    let look = |bytes: &[u8; 16]| {
        let bytes = u8x16::new(*bytes);
        (bytes, bytes.simd_eq(u8x16::splat(byte)))
    };
    let (whole, rest) = text.as_chunks();
    let last = match text.last_chunk() {
        Some(last) => *last,
        None => load(rest),
    };
    let (lowest, found) = whole.iter().fold(look(&last), |(lowest, found), next| {
        let (bytes, is) = look(next);
        (lowest.min(bytes), found | is)
    });
    let low = at_most(lowest, most).to_bitmask() != 0;
    (low, found.to_bitmask() != 0)
}

/// Lines of a text, each without the `\n` that ends it. One look at 64 bytes finds all the ends in them.
pub struct Lines<'a> {
    text: &'a [u8],
    begin: usize,
    /// Where the 64 bytes stand that `ends` is of: what is left of their marks.
    at: usize,
    ends: u64,
}

impl<'a> Lines<'a> {
    pub fn new(text: &'a [u8]) -> Lines<'a> {
        Lines {
            text,
            begin: 0,
            at: 0,
            ends: ends(text),
        }
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        while self.ends == 0 {
            self.at += 64;
            match self.text.get(self.at..) {
                Some(rest) => self.ends = ends(rest),
                None => {
                    let last = self.text.get(self.begin..)?;
                    self.begin = self.text.len() + 1;
                    return Some(last).filter(|last| !last.is_empty());
                }
            }
        }
        let end = self.at + self.ends.trailing_zeros() as usize;
        self.ends &= self.ends - 1;
        let line = self.text.get(self.begin..end);
        self.begin = end + 1;
        line
    }
}

/// Marks of the ends of lines in the first 64 bytes of a text.
#[inline(always)]
fn ends(text: &[u8]) -> u64 {
    let mark = |i: usize, chunk: [u8; 16]| (equal(chunk, b'\n') as u64) << (16 * i);
    match text.first_chunk::<64>() {
        Some(whole) => {
            let (chunks, _) = whole.as_chunks::<16>();
            let marks = chunks.iter().enumerate();
            marks.fold(0, |marks, (i, chunk)| marks | mark(i, *chunk))
        }
        None => {
            let chunks = text.chunks(16).enumerate();
            chunks.fold(0, |marks, (i, chunk)| marks | mark(i, load(chunk)))
        }
    }
}

#[inline(always)]
pub(super) fn at_most(bytes: u8x16, most: u8) -> u8x16 {
    bytes.min(u8x16::splat(most)).simd_eq(bytes)
}

#[inline(always)]
fn at_least(bytes: u8x16, least: u8) -> u8x16 {
    bytes.max(u8x16::splat(least)).simd_eq(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn sixteen_are_the_text_and_spaces(text in prop::collection::vec(any::<u8>(), 0..20)) {
            let mut want = text.clone();
            want.resize(16, b' ');
            let want: [u8; 16] = *want.first_chunk().unwrap();
            prop_assert_eq!(load(&text), want);
            let special = |b: &u8| *b < b' ' || *b >= 0x7f || matches!(b, b'"' | b'\\');
            prop_assert_eq!(plain(want), want.iter().position(special).unwrap_or(16));
        }

        #[test]
        fn marks_stand_where_the_bytes_do(bytes: [u8; 16], byte: u8) {
            let marked = |is: &dyn Fn(u8) -> bool| {
                let places = bytes.iter().enumerate().filter(|(_, b)| is(**b));
                places.fold(0, |marks, (at, _)| marks | 1 << at)
            };
            prop_assert_eq!(blanks(bytes), marked(&|b| b <= b' '));
            prop_assert_eq!(equal(bytes, byte), marked(&|b| b == byte));
            prop_assert_eq!(before(equal(bytes, byte)), bytes.iter().position(|&b| b == byte).unwrap_or(16));
        }

        #[test]
        fn lines_are_what_stands_between_their_ends(text in "([a-c]{0,90}\n|\n{0,70}|x){0,9}") {
            let text = text.as_bytes();
            let whole = text.strip_suffix(b"\n").unwrap_or(text);
            let mut want: Vec<_> = whole.split(|b| *b == b'\n').collect();
            if text.is_empty() {
                want.clear();
            }
            prop_assert_eq!(Lines::new(text).collect::<Vec<_>>(), want);
        }

        #[test]
        fn what_a_text_holds_is_found(text in prop::collection::vec(any::<u8>(), 0..70), byte: u8) {
            let place = text.iter().position(|&b| b == byte);
            prop_assert_eq!(find(&text, byte), place);
            if byte != b' ' {
                let low = text.iter().any(|&b| b <= b'\r');
                prop_assert_eq!(has_either(&text, b'\r', byte), (low, place.is_some()));
            }
        }
    }
}
