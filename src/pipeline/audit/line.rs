//! The head of one audit line: `[node=NAME ]type=TYPE msg=audit(SECONDS.MILLIS:SERIAL): BODY`.
//!
//! Place in the flow: between the envelope, which has taken the shipper's part off, and the buffer.
//! It does not look into the body.

use memchr::memchr;

use crate::model::eight;
use crate::model::{Reject, Stamp, Timestamp};

use super::record_types::RecordType;

/// One audit record, borrowed from its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    pub node: Option<&'a [u8]>,
    pub kind: RecordType,
    /// The type as written.
    pub type_name: &'a [u8],
    pub stamp: Stamp,
    /// What follows the stamp, without leading and trailing white space.
    pub body: &'a [u8],
}

/// Reads the head of a line. The line must begin with `node=` or `type=`.
pub fn read(line: &[u8]) -> Result<Record<'_>, Reject> {
    let (node, rest) = match line.strip_prefix(b"node=") {
        Some(rest) => {
            let end = memchr(b' ', rest).ok_or(Reject::NotAudit)?;
            (Some(&rest[..end]), &rest[end + 1..])
        }
        None => (None, line),
    };
    let rest = rest.strip_prefix(b"type=").ok_or(Reject::NotAudit)?;
    let end = name_end(rest).ok_or(Reject::NotAudit)?;
    let (type_name, rest) = (&rest[..end], &rest[end + 1..]);
    let rest = rest.strip_prefix(b"msg=").unwrap_or(rest);
    let rest = rest.strip_prefix(b"audit(").ok_or(Reject::NotAudit)?;
    let (stamp, rest) = read_stamp(rest).ok_or(Reject::BadStamp)?;
    Ok(Record {
        node,
        kind: RecordType::read(type_name),
        type_name,
        stamp,
        body: rest.strip_prefix(b":").unwrap_or(rest).trim_ascii(),
    })
}

/// Reads `SECONDS.MILLIS:SERIAL)` and gives what follows it.
fn read_stamp(text: &[u8]) -> Option<(Stamp, &[u8])> {
    let (seconds, text) = read_number(text)?;
    let text = text.strip_prefix(b".")?;
    // The kernel prints "%llu.%03lu:%u" (kernel/audit.c, audit_log_start).
    let (millis, text) = match text {
        [a, b, c, rest @ ..] if [a, b, c].iter().all(|d| d.is_ascii_digit()) => (
            (a - b'0') as u64 * 100 + (b - b'0') as u64 * 10 + (c - b'0') as u64,
            rest,
        ),
        _ => return None,
    };
    let (serial, text) = read_number(text.strip_prefix(b":")?)?;
    let text = text.strip_prefix(b")")?;
    let time = i64::try_from(seconds)
        .ok()?
        .checked_mul(1000)?
        .checked_add(millis as i64)?;
    let stamp = Stamp {
        time: Timestamp(time),
        serial,
    };
    Some((stamp, text))
}

/// Fifteen digits at most: more of seconds, or of a serial, are no stamp of any kernel.
fn read_number(text: &[u8]) -> Option<(u64, &[u8])> {
    let (high, digits) = eight::number(text, 0);
    if digits < 8 {
        return (digits > 0).then(|| (high, &text[digits..]));
    }
    let (low, digits) = eight::number(text, 8);
    if digits == 8 {
        return None;
    }
    Some((high * 10u64.pow(digits as u32) + low, &text[8 + digits..]))
}

/// Where the type's name ends: no name is longer than 63 bytes.
fn name_end(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    while at < 64 {
        let spaces = eight::equal(eight::load(text, at), b' ');
        if spaces != 0 {
            let end = at + eight::before(spaces);
            return (end < text.len()).then_some(end);
        }
        at += 8;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stamp(time: i64, serial: u64) -> Stamp {
        Stamp {
            time: Timestamp(time),
            serial,
        }
    }

    #[test]
    fn a_line_with_node_is_read() {
        let record =
            read(b"node=web01 type=CWD msg=audit(1795318752.528:192906): cwd=\"/\"").unwrap();
        assert_eq!(record.node, Some(b"web01".as_slice()));
        assert_eq!(record.kind, RecordType::CWD);
        assert_eq!(record.stamp, stamp(1_795_318_752_528, 192_906));
        assert_eq!(record.body, b"cwd=\"/\"");
    }

    #[test]
    fn the_space_at_the_end_of_eoe_and_a_missing_msg_are_taken() {
        let record = read(b"type=EOE audit(1.002:3): ").unwrap();
        assert_eq!(
            (record.kind, record.body),
            (RecordType::EOE, b"".as_slice())
        );
        assert_eq!(record.stamp, stamp(1002, 3));
    }

    #[test]
    fn what_is_no_audit_line_says_why() {
        for (line, why) in [
            (&b"hello"[..], Reject::NotAudit),
            (b"type=SYSCALL", Reject::NotAudit),
            (b"type=SYSCALL msg=hello", Reject::NotAudit),
            (b"type=SYSCALL msg=audit(): x", Reject::BadStamp),
            (b"type=SYSCALL msg=audit(12:3): x", Reject::BadStamp),
            (b"type=SYSCALL msg=audit(12.1:3): x", Reject::BadStamp),
            (b"type=SYSCALL msg=audit(12.123:): x", Reject::BadStamp),
            (
                b"type=SYSCALL msg=audit(99999999999999999999.123:1): x",
                Reject::BadStamp,
            ),
            (b"node=web01", Reject::NotAudit),
        ] {
            assert_eq!(read(line), Err(why), "{}", String::from_utf8_lossy(line));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(line: Vec<u8>) {
            let _ = read(&line);
        }

        #[test]
        fn every_stamp_is_read_back(seconds in 0i64..99_999_999_999, millis in 0i64..1000, serial in 0u64..u32::MAX as u64) {
            let want = stamp(seconds * 1000 + millis, serial);
            let line = format!("type=SYSCALL msg=audit({want}): arch=c000003e");
            prop_assert_eq!(read(line.as_bytes()).unwrap().stamp, want);
        }
    }
}
