//! The head of one audit line: `[node=NAME ]type=TYPE msg=audit(SECONDS.MILLIS:SERIAL): BODY`.
//!
//! Place in the flow: between the envelope, which has taken the shipper's part off, and the buffer.
//! It does not look into the body, but for another record that lost the end of line before it.

use memchr::{memchr, memchr_iter};

use crate::model::{Reject, Stamp, Timestamp};
use crate::model::{eight, sixteen};

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
#[inline(always)]
pub fn read(line: &[u8]) -> Result<Record<'_>, Reject> {
    let (node, rest) = read_node(line)?;
    match read_usual(rest) {
        Some(record) => Ok(Record {
            node,
            body: trimmed(record.body),
            ..record
        }),
        None => read_any(node, rest),
    }
}

/// The name of the node, where the line begins with one, and what follows.
#[inline(always)]
fn read_node(line: &[u8]) -> Result<(Option<&[u8]>, &[u8]), Reject> {
    match line.strip_prefix(b"node=") {
        Some(rest) => {
            let end = memchr(b' ', rest).ok_or(Reject::NotAudit)?;
            Ok((Some(&rest[..end]), &rest[end + 1..]))
        }
        None => Ok((None, line)),
    }
}

/// Reads a line that is nothing but one record, as nearly all are. `None` says that this look was not
/// enough: it may be several lines, two records glued, or one written otherwise.
#[inline(always)]
pub fn read_plain(line: &[u8]) -> Option<Record<'_>> {
    let (node, rest) = read_node(line).ok()?;
    let record = read_usual(rest)?;
    let (several, bracket) = sixteen::has_either(record.body, b'\r', b'(');
    let named = node.is_none_or(|node| sixteen::has_either(node, b'\r', b'(') == (false, false));
    if several | !named || (bracket && glued(record.body).is_some()) {
        return None;
    }
    Some(Record {
        node: node.filter(|node| !node.is_empty()),
        body: trimmed(record.body),
        ..record
    })
}

/// `type=NAME msg=audit(SSSSSSSSSS.mmm:N): BODY`, of a type with a short name and a time between 2001
/// and 2286: what nearly all lines are. Says the same as [`read_any`], but for white space around the
/// body, or nothing.
#[inline(always)]
fn read_usual(line: &[u8]) -> Option<Record<'_>> {
    let rest = line.strip_prefix(b"type=")?;
    let name = rest.first_chunk::<16>()?;
    let end = sixteen::before(sixteen::equal(*name, b' '));
    let name = u128::from_le_bytes(*name) & 1u128.checked_shl(8 * end as u32)?.wrapping_sub(1);
    let kind = RecordType::read_short(name)?;
    let (type_name, rest) = rest.split_at_checked(end)?;
    // A name that ends in zeros would look like the one without them.
    if type_name.last() == Some(&0) {
        return None;
    }
    let (head, rest) = rest.split_first_chunk::<26>()?;
    let word = |at| eight::load(head, at);
    // `S.000:` stands over the last of the seconds and the first of the rest.
    let seconds = eight::values(word(11));
    let millis = word(18) ^ u64::from_le_bytes(*b"000.000:");
    let wrong = eight::beyond(seconds, [9; 8]) | eight::beyond(millis, [9, 9, 9, 0, 9, 9, 9, 0]);
    if !head.starts_with(b" msg=audit(") || wrong != 0 {
        return None;
    }
    let millis = (millis >> 8 & 0xFFFF) << 24 | (millis >> 32 & 0xFF_FFFF) << 40;
    let time = 100_000 * eight::of_digits(seconds) + eight::of_digits(millis);
    let (serial, rest) = read_number(rest)?;
    Some(Record {
        node: None,
        kind,
        type_name,
        stamp: Stamp {
            time: Timestamp(time as i64),
            serial,
        },
        body: rest.strip_prefix(b"): ")?,
    })
}

/// Mostly there is nothing to take off.
#[inline(always)]
fn trimmed(text: &[u8]) -> &[u8] {
    match text {
        [first, .., last] if *first > b' ' && *last > b' ' => text,
        text => text.trim_ascii(),
    }
}

/// A line of any type and time, behind its node.
#[cold]
#[inline(never)]
fn read_any<'a>(node: Option<&'a [u8]>, line: &'a [u8]) -> Result<Record<'a>, Reject> {
    let rest = line.strip_prefix(b"type=").ok_or(Reject::NotAudit)?;
    let end = name_end(rest)
        .filter(|end| *end > 0)
        .ok_or(Reject::NotAudit)?;
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

/// Where in a body another record begins: a writer that was cut off, or a collector that joins lines,
/// put two on one. Only where no quote is open: within one it is text that a program wrote.
#[inline(never)]
pub fn glued(body: &[u8]) -> Option<usize> {
    memchr_iter(b'(', body).find_map(|at| {
        let before = body[..at].strip_suffix(b"audit")?;
        let before = before.strip_suffix(b"msg=").unwrap_or(before);
        let (start, kind) = last_word(before)?;
        read_stamp(&body[at + 1..])?;
        let name = kind.strip_prefix(b"type=")?;
        let start = match last_word(&body[..start]) {
            Some((start, word)) if word.starts_with(b"node=") => start,
            _ => start,
        };
        let is_closed = |quote| memchr_iter(quote, &body[..start]).count().is_multiple_of(2);
        ((1..64).contains(&name.len()) && is_closed(b'"') && is_closed(b'\'')).then_some(start)
    })
}

/// The word before a space at the end, which a space must go before, and where it begins.
fn last_word(text: &[u8]) -> Option<(usize, &[u8])> {
    let text = text.strip_suffix(b" ")?;
    let start = memchr::memrchr(b' ', text)? + 1;
    Some((start, &text[start..]))
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
        // Fewer digits are of other writers, and are milliseconds to one and a fraction to the next:
        // only nothing is the same to both.
        [b'0', rest @ ..] if rest.starts_with(b":") => (0, rest),
        [b'0', b'0', rest @ ..] if rest.starts_with(b":") => (0, rest),
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

/// Where the reading of a line that cannot be read ends, and what was expected there: for people, after
/// [`read`] has refused it.
pub fn locate(line: &[u8]) -> Option<(usize, &'static str)> {
    if read(line).is_ok() {
        return None;
    }
    let at = |rest: &[u8]| line.len() - rest.len();
    // How far a text agrees with what was expected.
    let until = |rest: &[u8], wanted: &[u8]| {
        at(rest) + rest.iter().zip(wanted).take_while(|(a, b)| a == b).count()
    };
    let mut rest = line;
    if let Some(name) = line.strip_prefix(b"node=") {
        match memchr(b' ', name) {
            Some(end) => rest = &name[end + 1..],
            None => return Some((line.len(), "a space after the name of the node")),
        }
    }
    let Some(kind) = rest.strip_prefix(b"type=") else {
        return Some((until(rest, b"type="), "'type=', or 'node=' before it"));
    };
    match kind.iter().take(64).position(|&b| b == b' ') {
        Some(0) => return Some((at(kind), "the type of the record")),
        Some(end) => rest = &kind[end + 1..],
        None => return Some((at(kind) + kind.len().min(64), "a space after the type")),
    }
    let rest = rest.strip_prefix(b"msg=").unwrap_or(rest);
    let Some(stamp) = rest.strip_prefix(b"audit(") else {
        return Some((until(rest, b"audit("), "'audit('"));
    };
    Some(locate_in_stamp(stamp, at(stamp)))
}

/// In `SECONDS.MILLIS:SERIAL)`, which begins at `begin`.
fn locate_in_stamp(stamp: &[u8], begin: usize) -> (usize, &'static str) {
    let digits = |at: usize| {
        let rest = stamp.get(at..).unwrap_or_default();
        rest.iter().take_while(|b| b.is_ascii_digit()).count()
    };
    let is = |at: usize, wanted: u8| stamp.get(at) == Some(&wanted);
    let seconds = digits(0);
    let millis = digits(seconds + 1);
    let serial_at = seconds + 1 + millis + 1;
    let serial = digits(serial_at);
    let (at, expected) = if seconds == 0 {
        (0, "seconds")
    } else if seconds > 15 {
        (15, "fewer digits of seconds")
    } else if !is(seconds, b'.') {
        (seconds, "'.' and milliseconds")
    } else if millis != 3 {
        (seconds + 1 + millis.min(3), "three digits of milliseconds")
    } else if !is(serial_at - 1, b':') {
        (serial_at - 1, "':' and the serial")
    } else if serial == 0 {
        (serial_at, "the serial")
    } else if serial > 15 {
        (serial_at + 15, "fewer digits of the serial")
    } else if !is(serial_at + serial, b')') {
        (serial_at + serial, "')' after the serial")
    } else {
        (0, "a time within range")
    };
    (begin + at, expected)
}

/// Fifteen digits at most: more of seconds, or of a serial, are no stamp of any kernel.
#[inline(always)]
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
#[path = "line_tests.rs"]
mod tests;
