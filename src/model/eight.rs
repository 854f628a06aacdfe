//! Text eight bytes at a time, as one number.
//!
//! Place in the flow: what reads fields and what writes JSON look at every byte of every record; most
//! names and values fit eight bytes, and one comparison of a number replaces a loop. Safe code only.
//! It refuses to know what the bytes mean.
//!
//! The tests for a byte are those of "Bit Twiddling Hacks" (Anderson, public domain): a borrow or carry
//! can only raise a false mark above a true one, so the lowest mark is exact.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// Eight bytes from `at` on, the first in the lowest byte; beyond the end of the text stand spaces.
#[inline(always)]
pub fn load(text: &[u8], at: usize) -> u64 {
    let rest = text.get(at..).unwrap_or_default();
    match rest.first_chunk::<8>() {
        Some(eight) => u64::from_le_bytes(*eight),
        None => load_last(rest),
    }
}

#[inline(always)]
fn load_last(rest: &[u8]) -> u64 {
    let spaces = 0x2020_2020_2020_2020;
    match (rest.first_chunk::<4>(), rest.last_chunk::<4>()) {
        // Four to seven: two halves that overlap.
        (Some(first), Some(last)) => {
            let first = u32::from_le_bytes(*first) as u64;
            let last = u32::from_le_bytes(*last) as u64;
            let bits = 8 * rest.len();
            first | last << (bits - 32) | spaces << bits
        }
        _ => {
            let bytes = rest.iter().rev();
            bytes.fold(spaces, |word, &b| word << 8 | b as u64)
        }
    }
}

/// Marks the bytes below `limit` (at most 128).
#[inline(always)]
pub fn below(word: u64, limit: u8) -> u64 {
    word.wrapping_sub(ONES * limit as u64) & !word & HIGHS
}

/// Marks the bytes that are `byte`.
#[inline(always)]
pub fn equal(word: u64, byte: u8) -> u64 {
    below(word ^ (ONES * byte as u64), 1)
}

/// Marks the bytes that are DEL or beyond ASCII.
#[inline(always)]
pub fn beyond_ascii(word: u64) -> u64 {
    (word | word.wrapping_add(ONES)) & HIGHS
}

/// How many bytes stand before the lowest mark; 8 where there is none.
#[inline(always)]
pub fn before(marks: u64) -> usize {
    marks.trailing_zeros() as usize / 8
}

/// The lowest `count` bytes (at most 8).
#[inline(always)]
pub fn lowest(word: u64, count: usize) -> u64 {
    match count {
        8.. => word,
        count => word & ((1 << (8 * count)) - 1),
    }
}

/// The decimal number of at most eight digits that stands at `at`, and how many digits it has.
#[inline(always)]
pub fn number(text: &[u8], at: usize) -> (u64, usize) {
    let values = values(load(text, at));
    let count = before(beyond(values, [9; 8]));
    // The last digit in the highest byte, zeros before the first.
    match count {
        0 => (0, 0),
        count => (of_digits(values << (64 - 8 * count)), count),
    }
}

/// '0' to '9' as 0 to 9, and any other byte above.
#[inline(always)]
pub fn values(digits: u64) -> u64 {
    digits ^ (ONES * b'0' as u64)
}

/// Marks the bytes that are above those of `most`, each of which is below 128.
#[inline(always)]
pub fn beyond(word: u64, most: [u8; 8]) -> u64 {
    // No sum here carries into the next byte.
    let room = ONES * 0x7f - u64::from_le_bytes(most);
    ((word & !HIGHS).wrapping_add(room) | word) & HIGHS
}

/// The number of eight decimal digits, 0 to 9 each, the first in the lowest byte.
#[inline(always)]
pub fn of_digits(values: u64) -> u64 {
    // Pairs, then fours, then all eight.
    let pairs = values.wrapping_mul(10).wrapping_add(values >> 8);
    let fours = (pairs & 0x0000_00FF_0000_00FF).wrapping_mul(0x000F_4240_0000_0064);
    let eight = ((pairs >> 16) & 0x0000_00FF_0000_00FF).wrapping_mul(0x0000_2710_0000_0001);
    fours.wrapping_add(eight) >> 32
}

/// The decimal digits of a number below 10^8, the first in the lowest byte, and how many they are.
#[inline(always)]
pub fn digits(number: u32) -> (u64, usize) {
    let digits = eight_digits(number);
    // Leading zeros go; the last digit stays.
    let zeros = before(values(digits) | 1 << 56);
    (digits >> (8 * zeros), 8 - zeros)
}

/// The eight decimal digits of a number below 10^8, leading zeros too, the first in the lowest byte.
#[inline(always)]
pub fn eight_digits(number: u32) -> u64 {
    let number = number as u64;
    // Fours, pairs, single ones, each half of the last; the factors divide by 100 and by 10.
    let fours = (number / 10_000) | ((number % 10_000) << 32);
    let hundreds = ((fours * 10_486) >> 20) & 0x0000_007F_0000_007F;
    let pairs = hundreds | (fours - 100 * hundreds) << 16;
    let tens = ((pairs * 103) >> 10) & 0x000F_000F_000F_000F;
    let ones = tens | (pairs - 10 * tens) << 8;
    ones | (ONES * b'0' as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_loaded_is_the_text_and_spaces(text: Vec<u8>, at in 0usize..40) {
            let mut want = text.get(at..).unwrap_or_default().to_vec();
            want.resize(8, b' ');
            prop_assert_eq!(load(&text, at).to_le_bytes().to_vec(), want);
        }

        #[test]
        fn the_lowest_mark_is_the_first_such_byte(eight: [u8; 8], limit in 1u8..=128, byte: u8) {
            let word = u64::from_le_bytes(eight);
            let first = |is: &dyn Fn(u8) -> bool| eight.iter().position(|&b| is(b)).unwrap_or(8);
            prop_assert_eq!(before(below(word, limit)), first(&|b| b < limit));
            prop_assert_eq!(before(equal(word, byte)), first(&|b| b == byte));
            prop_assert_eq!(before(beyond_ascii(word)), first(&|b| b >= 0x7f));
            prop_assert_eq!(before(beyond(word, [limit - 1; 8])), first(&|b| b >= limit));
        }

        #[test]
        fn a_number_is_what_its_digits_say(digits in "[0-9]{0,9}", rest in "[ -~]{0,9}") {
            let text = format!("{digits}{rest}");
            let count = text.bytes().take(8).take_while(u8::is_ascii_digit).count();
            let want = text[..count].parse().unwrap_or(0);
            prop_assert_eq!(number(text.as_bytes(), 0), (want, count));
        }

        #[test]
        fn digits_are_those_of_the_number(number in 0u32..100_000_000, shift in 0u32..27) {
            let number = number >> shift;
            let (digits, count) = digits(number);
            let text = number.to_string();
            prop_assert_eq!(&digits.to_le_bytes()[..count], text.as_bytes());
            let eight = eight_digits(number).to_le_bytes();
            let text = format!("{number:08}");
            prop_assert_eq!(eight.as_slice(), text.as_bytes());
        }

        #[test]
        fn a_byte_that_is_no_digit_ends_a_number(eight: [u8; 8]) {
            let count = eight.iter().take_while(|b| b.is_ascii_digit()).count();
            prop_assert_eq!(number(&eight, 0).1, count);
        }
    }
}
