//! Writes numbers and addresses down: digits, without the machinery of formatting.
//!
//! Place in the flow: every encoder writes its ids, times and addresses through here. It refuses to know
//! what they count.

use std::net::IpAddr;

use crate::model::eight;

/// A whole number.
pub trait Number: itoa::Integer + TryInto<u64> + Copy {}

impl<N: itoa::Integer + TryInto<u64> + Copy> Number for N {}

/// Appends the digits of a number.
#[inline]
pub fn digits(out: &mut Vec<u8>, number: impl Number) {
    const HALF: u64 = 100_000_000;
    match number.try_into() {
        Ok(one @ 0..10) => out.push(b'0' + one as u8),
        Ok(small @ 0..HALF) => some_digits(out, small as u32),
        // Times.
        Ok(large @ HALF..10_000_000_000_000_000) => {
            some_digits(out, (large / HALF) as u32);
            let low = eight::eight_digits((large % HALF) as u32);
            out.extend_from_slice(&low.to_le_bytes());
        }
        _ => out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes()),
    }
}

/// Of a number below 10^8.
#[inline(always)]
fn some_digits(out: &mut Vec<u8>, number: u32) {
    let (digits, count) = eight::digits(number);
    let end = out.len() + count;
    out.extend_from_slice(&digits.to_le_bytes());
    out.truncate(end);
}

/// Appends an address, without the machinery of formatting where it is IPv4.
pub fn address(out: &mut Vec<u8>, ip: IpAddr) {
    match ip {
        IpAddr::V4(ip) => {
            for (i, part) in ip.octets().into_iter().enumerate() {
                if i > 0 {
                    out.push(b'.');
                }
                digits(out, part);
            }
        }
        // Writing into memory cannot fail.
        IpAddr::V6(ip) => {
            let _ = std::io::Write::write_fmt(out, format_args!("{ip}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::json::Object;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_are_written_as_they_are_displayed(small: u32, signed: i64, large: u64) {
            for shift in 0..32 {
                let mut out = Vec::new();
                digits(&mut out, small >> shift);
                prop_assert_eq!(String::from_utf8(out).unwrap(), (small >> shift).to_string());
            }
            let mut out = Vec::new();
            let mut object = Object::begin(&mut out);
            object.number("a_name_that_is_longer_than_the_room", signed).number("n", large);
            object.end();
            prop_assert_eq!(String::from_utf8(out).unwrap(), format!(r#"{{"a_name_that_is_longer_than_the_room":{signed},"n":{large}}}"#));
        }

        #[test]
        fn addresses_are_written_as_they_are_displayed(ip: IpAddr, large in 0u64..1 << 62, shift in 0u32..60) {
            let mut out = Vec::new();
            address(&mut out, ip);
            prop_assert_eq!(String::from_utf8(out).unwrap(), ip.to_string());
            let mut out = Vec::new();
            digits(&mut out, large >> shift);
            prop_assert_eq!(String::from_utf8(out).unwrap(), (large >> shift).to_string());
        }
    }
}
