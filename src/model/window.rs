//! Sixty-four bytes of text at once: where the marks stand that part fields.
//!
//! Place in the flow: the reader of fields looks through a window and then only counts bits, where a
//! loop would look at each byte. It refuses to know what a field is.

use wide::u8x16;

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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
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
