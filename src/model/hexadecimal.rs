//! Hexadecimal digits, sixteen at once.
//!
//! Place in the flow: arguments that the kernel writes in hex are read here, and ids of outputs written.
//! It refuses to know what the bytes mean. Texts that are rare go through the `hex` crate.

use wide::u8x16;

use super::sixteen;

/// The eight bytes that sixteen hexadecimal digits say, of either case, and how many of the sixteen are
/// digits, from the first on. What comes after those says nothing.
#[inline(always)]
pub fn bytes(digits: [u8; 16]) -> ([u8; 8], usize) {
    let digits = u8x16::new(digits);
    let decimal = sixteen::at_most(digits - u8x16::splat(b'0'), 9);
    let letter = sixteen::at_most((digits | u8x16::splat(0x20)) - u8x16::splat(b'a'), 5);
    let count = sixteen::before(!(decimal | letter).to_bitmask());
    // The low half of a letter is 1 to 6.
    let values = (digits & u8x16::splat(0x0f)) + (letter & u8x16::splat(9));
    let values = u128::from_le_bytes(values.to_array());
    let (first, last) = (together(values as u64), together((values >> 64) as u64));
    ((first | last << 32).to_le_bytes(), count)
}

/// Eight halves of bytes, the higher of each two first, as four bytes.
#[inline(always)]
fn together(halves: u64) -> u64 {
    let bytes = (halves << 4 | halves >> 8) & 0x00FF_00FF_00FF_00FF;
    let pairs = (bytes | bytes >> 8) & 0x0000_FFFF_0000_FFFF;
    (pairs | pairs >> 16) & 0x0000_0000_FFFF_FFFF
}

/// A number of at most sixteen digits; `None` for anything else.
#[inline]
pub fn number(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 16 {
        return None;
    }
    let (bytes, count) = bytes(sixteen::load(text));
    (count == text.len()).then(|| u64::from_be_bytes(bytes) >> (64 - 4 * text.len()))
}

/// Sixteen digits in small letters.
#[inline(always)]
pub fn digits(number: u64) -> [u8; 16] {
    let (first, last) = (number >> 32, number & 0xFFFF_FFFF);
    let halves = apart(first) as u128 | (apart(last) as u128) << 64;
    let halves = u8x16::new(halves.to_le_bytes());
    // What stands between '9' and 'a'.
    let letter = halves.max(u8x16::splat(10)).simd_eq(halves);
    let digits = halves + u8x16::splat(b'0') + (letter & u8x16::splat(b'a' - b'9' - 1));
    digits.to_array()
}

/// The eight halves of four bytes, the highest in the lowest byte.
#[inline(always)]
fn apart(four: u64) -> u64 {
    let four = four.swap_bytes() >> 32;
    let pairs = (four | four << 16) & 0x0000_FFFF_0000_FFFF;
    let bytes = (pairs | pairs << 8) & 0x00FF_00FF_00FF_00FF;
    (bytes >> 4 | bytes << 8) & 0x0F0F_0F0F_0F0F_0F0F
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn sixteen_digits_say_what_they_do_one_by_one(text in "[0-9A-Fa-f]{0,16}", rest in "[ -~]{16}") {
            let all = format!("{text}{rest}");
            let sixteen = *all.as_bytes().first_chunk::<16>().unwrap();
            let want = sixteen.iter().take_while(|b| b.is_ascii_hexdigit()).count();
            let (bytes, count) = bytes(sixteen);
            prop_assert_eq!(count, want);
            let whole = count / 2;
            prop_assert_eq!(&bytes[..whole], hex::decode(&sixteen[..2 * whole]).unwrap());
        }

        #[test]
        fn any_byte_but_a_digit_ends_them(sixteen: [u8; 16]) {
            let want = sixteen.iter().take_while(|b| b.is_ascii_hexdigit()).count();
            prop_assert_eq!(bytes(sixteen).1, want);
        }

        #[test]
        fn a_number_is_what_its_digits_say(text in "[0-9A-Fa-f]{0,17}|[ -~]{0,17}") {
            let is_one = (1..=16).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit());
            let want = is_one.then(|| u64::from_str_radix(&text, 16).unwrap());
            prop_assert_eq!(number(text.as_bytes()), want);
        }

        #[test]
        fn digits_are_those_of_the_number(number: u64) {
            prop_assert_eq!(digits(number).to_vec(), format!("{number:016x}").into_bytes());
        }
    }
}
