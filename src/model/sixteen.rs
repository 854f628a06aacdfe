//! Sixteen bytes of text at once, compared by one instruction each.
//!
//! Place in the flow: what writes JSON looks at every byte of every string through here. It refuses to
//! know what the text means.

use wide::u8x16;

use super::eight;

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
    let bytes = u8x16::new(bytes);
    let is = |byte: u8| bytes.simd_eq(u8x16::splat(byte));
    let special = up_to(bytes, 0x1f) | at_least(bytes, 0x7f) | is(b'"') | is(b'\\');
    (special.to_bitmask() | 1 << 16).trailing_zeros() as usize
}

#[inline(always)]
fn up_to(bytes: u8x16, most: u8) -> u8x16 {
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
    }
}
