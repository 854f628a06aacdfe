//! Which event a document is of: its id, and the kernel's stamp of it.
//!
//! Every document has these, and they have one length nearly always: they are written into a text that
//! stands ready, not member by member.

use crate::model::{EventUid, Stamp, Timestamp, eight};

use super::super::common::write_stamp;
use super::super::numbers::digits;

/// What stands between the quotes of `metadata.uid`, and the members behind it.
const READY: &str = concat!(
    r#"00000000000000000000000000000000","log_name":"audit","original_event_uid":""#,
    "0000000000.000:   "
);

/// Where the stamp begins.
const STAMP: usize = READY.len() - 18;

/// `UID","log_name":"audit","original_event_uid":"SECONDS.MILLIS:SERIAL`.
#[inline]
pub fn write(out: &mut Vec<u8>, uid: EventUid, stamp: Stamp) {
    let start = out.len();
    out.extend_from_slice(READY.as_bytes());
    let Some(room) = out[start..].first_chunk_mut::<{ READY.len() }>() else {
        return;
    };
    room[..32].copy_from_slice(&uid.to_hex());
    let Some(time) = thirteen(stamp.time) else {
        out.truncate(start + STAMP);
        return write_stamp(out, stamp);
    };
    // Ten digits of seconds, the point, three of milliseconds, the colon.
    let (seconds, millis) = (time & ((1 << 80) - 1), time >> 80);
    let text = seconds | (b'.' as u128) << 80 | millis << 88 | (b':' as u128) << 112;
    room[STAMP..STAMP + 16].copy_from_slice(&text.to_le_bytes());
    out.truncate(start + STAMP + 15);
    digits(out, stamp.serial);
}

/// A time in milliseconds.
#[inline]
pub fn write_time(out: &mut Vec<u8>, time: Timestamp) {
    match thirteen(time) {
        Some(text) => {
            let end = out.len() + 13;
            out.extend_from_slice(&text.to_le_bytes());
            out.truncate(end);
        }
        None => digits(out, time.0),
    }
}

/// The digits of a time that has thirteen, as all from 2001 to 2286 do; the first in the lowest byte.
#[inline(always)]
fn thirteen(time: Timestamp) -> Option<u128> {
    if !(1_000_000_000_000..10_000_000_000_000).contains(&time.0) {
        return None;
    }
    let time = time.0 as u64;
    let (first, _) = eight::digits((time / 100_000) as u32);
    // The 1 keeps the zeros behind it, and goes.
    let (last, _) = eight::digits((100_000 + time % 100_000) as u32);
    Some(first as u128 | ((last >> 8) as u128) << 64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_what_is_displayed(
            uid: u128,
            time in prop_oneof![any::<i64>().prop_map(|time| time >> 1), 999_999_000_000i64..10_000_001_000_000],
            serial: u64, shift in 0u32..64,
        ) {
            let (uid, serial) = (EventUid(uid), serial >> shift);
            let stamp = Stamp { time: Timestamp(time), serial };
            let mut out = b"x".to_vec();
            write(&mut out, uid, stamp);
            write_time(&mut out, stamp.time);
            let want = format!(r#"x{uid}","log_name":"audit","original_event_uid":"{stamp}{time}"#);
            prop_assert_eq!(String::from_utf8(out).unwrap(), want);
        }
    }
}
