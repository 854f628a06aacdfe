//! Times as ISO 8601 text in UTC with milliseconds: `2023-11-14T22:13:20.007Z`.
//!
//! Every document of ECS and ASIM has several: computed once for each time, without the machinery of
//! formatting. It refuses years of more or less than four digits: those become the first or last
//! millisecond that has four, for a reader of the schema takes no other.

use crate::model::Timestamp;

/// 0000-01-01T00:00:00.000Z and 9999-12-31T23:59:59.999Z.
const FIRST: i64 = -62_167_219_200_000;
const LAST: i64 = 253_402_300_799_999;

const DAY: i64 = 86_400_000;

/// A time, written out.
#[derive(Clone, Copy)]
pub struct Iso([u8; 24]);

impl Iso {
    pub fn of(time: Timestamp) -> Iso {
        let millis = time.0.clamp(FIRST, LAST);
        let (year, month, day) = civil(millis.div_euclid(DAY));
        let rest = millis.rem_euclid(DAY) as u32;
        let mut text = *b"0000-00-00T00:00:00.000Z";
        put(&mut text, 0, year / 100);
        put(&mut text, 2, year % 100);
        put(&mut text, 5, month);
        put(&mut text, 8, day);
        put(&mut text, 11, rest / 3_600_000);
        put(&mut text, 14, rest / 60_000 % 60);
        put(&mut text, 17, rest / 1000 % 60);
        let millis = rest % 1000;
        text[20] = b'0' + (millis / 100) as u8;
        put(&mut text, 21, millis % 100);
        Iso(text)
    }

    pub fn as_bytes(&self) -> &[u8; 24] {
        &self.0
    }
}

/// Two digits.
fn put(text: &mut [u8; 24], at: usize, number: u32) {
    text[at] = b'0' + (number / 10) as u8;
    text[at + 1] = b'0' + (number % 10) as u8;
}

/// Year, month and day of a day counted from 1970-01-01: Howard Hinnant's `civil_from_days`
/// (howardhinnant.github.io/date_algorithms.html), for the days of [`FIRST`] to [`LAST`].
fn civil(day: i64) -> (u32, u32, u32) {
    // Days since 0000-03-01 of a calendar one era (400 years) early, so that nothing is negative.
    let day = (day + 719_468 + 146_097) as u32;
    let (era, of_era) = (day / 146_097, day % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    let year = year_of_era + era * 400 + (month <= 2) as u32 - 400;
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{DateTime, SecondsFormat};
    use proptest::prelude::*;

    fn text(millis: i64) -> String {
        String::from_utf8(Iso::of(Timestamp(millis)).as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn leap_days_and_the_ends_of_the_calendar() {
        assert_eq!(text(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(text(951_782_400_007), "2000-02-29T00:00:00.007Z");
        assert_eq!(text(-1), "1969-12-31T23:59:59.999Z");
        assert_eq!(text(i64::MIN), "0000-01-01T00:00:00.000Z");
        assert_eq!(text(i64::MAX), "9999-12-31T23:59:59.999Z");
    }

    proptest! {
        #[test]
        fn it_is_what_chrono_writes(millis in FIRST..=LAST) {
            let wanted = DateTime::from_timestamp_millis(millis).unwrap();
            prop_assert_eq!(text(millis), wanted.to_rfc3339_opts(SecondsFormat::Millis, true));
        }
    }
}
