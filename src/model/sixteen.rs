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

/// How many of sixteen bytes stand before the first that is `byte`; 16 where there is none.
#[inline(always)]
pub fn before(bytes: [u8; 16], byte: u8) -> usize {
    let marks = u8x16::new(bytes).simd_eq(u8x16::splat(byte)).to_bitmask();
    (marks | 1 << 16).trailing_zeros() as usize
}

/// Where the first such byte stands in a text.
#[inline(always)]
pub fn find(text: &[u8], byte: u8) -> Option<usize> {
    let (whole, rest) = text.as_chunks::<16>();
    for (at, chunk) in whole.iter().enumerate() {
        let before = before(*chunk, byte);
        if before < 16 {
            return Some(16 * at + before);
        }
    }
    let before = rest.iter().position(|&b| b == byte)?;
    Some(text.len() - rest.len() + before)
}

/// Whether a text holds a byte. No branch depends on the bytes: for short texts, and what they rarely hold.
#[inline(always)]
pub fn has(text: &[u8], byte: u8) -> bool {
    let is = |bytes: &[u8; 16]| u8x16::new(*bytes).simd_eq(u8x16::splat(byte));
    let Some(last) = text.last_chunk() else {
        return text.contains(&byte);
    };
    let (whole, _) = text.as_chunks();
    let found = whole.iter().fold(is(last), |found, next| found | is(next));
    found.to_bitmask() != 0
}

/// Whether a text holds a byte up to `most`, as [`has`].
#[inline(always)]
pub fn has_up_to(text: &[u8], most: u8) -> bool {
    let Some(last) = text.last_chunk() else {
        return text.iter().any(|&b| b <= most);
    };
    let (whole, _) = text.as_chunks::<16>();
    let lowest = whole.iter().fold(u8x16::new(*last), |lowest, next| {
        lowest.min(u8x16::new(*next))
    });
    up_to(lowest, most).to_bitmask() != 0
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

        #[test]
        fn what_a_text_holds_is_found(text in prop::collection::vec(any::<u8>(), 0..70), byte: u8) {
            let place = text.iter().position(|&b| b == byte);
            prop_assert_eq!(find(&text, byte), place);
            prop_assert_eq!(has(&text, byte), place.is_some());
            prop_assert_eq!(has_up_to(&text, byte), text.iter().any(|&b| b <= byte));
            if let Some(first) = text.first_chunk() {
                prop_assert_eq!(before(*first, byte), place.map_or(16, |place| place.min(16)));
            }
        }
    }
}
