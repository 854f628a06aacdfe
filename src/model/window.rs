//! Sixty-four bytes of text at once: where the marks stand that part fields.
//!
//! Place in the flow: the reader of fields looks through a window and then only counts bits, where a
//! loop would look at each byte. It refuses to know what a field is.

use wide::u8x16;

use super::eight;

/// How many bytes a window shows.
pub const WIDTH: usize = 64;

/// Bit `i` is byte `i` of the window. Beyond the end of the text stand spaces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    pub equals: u64,
    /// Space and all below it.
    pub spaces: u64,
    pub commas: u64,
    pub quotes: u64,
    /// What JSON cannot hold as it is, but for quotes: below space, backslash, DEL and beyond ASCII.
    pub special: u64,
}

impl Window {
    /// The window that begins with the first byte of `text`.
    #[inline]
    pub fn new(text: &[u8]) -> Window {
        match text.first_chunk::<WIDTH>() {
            Some(whole) => Window::of(whole),
            None => {
                let mut padded = [b' '; WIDTH];
                padded[..text.len()].copy_from_slice(text);
                Window::of(&padded)
            }
        }
    }

    #[inline(always)]
    fn of(bytes: &[u8; WIDTH]) -> Window {
        let mut window = Window::default();
        for (i, chunk) in bytes.as_chunks::<16>().0.iter().enumerate() {
            let bytes = u8x16::new(*chunk);
            let bits = |marks: u8x16| (marks.to_bitmask() as u64) << (16 * i);
            let is = |byte: u8| bytes.simd_eq(u8x16::splat(byte));
            let up_to = |most: u8| bytes.min(u8x16::splat(most)).simd_eq(bytes);
            let from = |least: u8| bytes.max(u8x16::splat(least)).simd_eq(bytes);
            window.equals |= bits(is(b'='));
            window.spaces |= bits(up_to(b' '));
            window.commas |= bits(is(b','));
            window.quotes |= bits(is(b'"'));
            window.special |= bits(up_to(0x1f) | is(b'\\') | from(0x7f));
        }
        window
    }
}

/// The bits from `start` on; none from 64 on.
#[inline(always)]
pub const fn from(start: usize) -> u64 {
    if start < WIDTH { u64::MAX << start } else { 0 }
}

/// The first sixteen bytes of a text; beyond its end stand spaces.
#[inline(always)]
pub fn sixteen(text: &[u8]) -> [u8; 16] {
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
pub fn plain(bytes: &[u8; 16]) -> usize {
    let bytes = u8x16::new(*bytes);
    let is = |byte: u8| bytes.simd_eq(u8x16::splat(byte));
    let control = bytes.min(u8x16::splat(0x1f)).simd_eq(bytes);
    let beyond = bytes.max(u8x16::splat(0x7f)).simd_eq(bytes);
    let special = control | beyond | is(b'"') | is(b'\\');
    (special.to_bitmask() | 1 << 16).trailing_zeros() as usize
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
            prop_assert_eq!(sixteen(&text), want);
            let special = |b: &u8| *b < b' ' || *b >= 0x7f || matches!(b, b'"' | b'\\');
            prop_assert_eq!(plain(&want), want.iter().position(special).unwrap_or(16));
        }

        #[test]
        fn every_mark_is_where_its_byte_is(text in prop::collection::vec(any::<u8>(), 0..80)) {
            let window = Window::new(&text);
            for i in 0..WIDTH {
                let byte = text.get(i).copied().unwrap_or(b' ');
                let at = |mask: u64| mask >> i & 1 == 1;
                prop_assert_eq!(at(window.equals), byte == b'=');
                prop_assert_eq!(at(window.spaces), byte <= b' ');
                prop_assert_eq!(at(window.commas), byte == b',');
                prop_assert_eq!(at(window.quotes), byte == b'"');
                let special = byte < b' ' || byte == b'\\' || byte >= 0x7f;
                prop_assert_eq!(at(window.special), special);
            }
        }
    }
}
