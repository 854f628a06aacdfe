//! EXECVE: arguments written as the kernel writes them come back byte for byte, in whatever order the
//! records come; and records that nobody wrote cannot blow up.
//!
//! The writer here is a model of kernel/auditsc.c, audit_log_execve_info: 7500 bytes of arguments a
//! record, hex where an argument needs it or is longer than the buffer, `a1_len=… a1[0]=…` where one does
//! not fit, and the next argument beginning where it ended.

use bumpalo::Bump;
use trailhound::pipeline::audit::execve::{Tally, assemble};

use super::Choices;

/// MAX_EXECVE_AUDIT_LEN.
const RECORD: usize = 7500;

/// What the kernel keeps free for a name (`abuf`).
const NAME: usize = 96;

/// Bytes of arguments of one try, about.
const MOST: usize = 60_000;

pub fn check(bytes: &[u8]) {
    strange(bytes);
    let mut choices = Choices::new(bytes);
    // Mostly small records, so that a small input has several.
    let room = match choices.byte() {
        0..=15 => RECORD,
        n => 2 * NAME + usize::from(n) * 4,
    };
    let seed = choices.byte();
    let arguments = arguments(&mut choices);
    let mut records = write(&arguments, room);
    compare(&records, &arguments);
    let by = usize::from(seed) % records.len();
    records.rotate_left(by);
    if seed % 2 == 1 {
        records.reverse();
    }
    compare(&records, &arguments);
    // One is lost.
    let lost = records.remove(usize::from(seed / 2) % records.len());
    let (read, complete) = read(&records);
    assert!(
        !complete || read == arguments,
        "{}",
        String::from_utf8_lossy(&lost)
    );
}

/// Any bytes as bodies: what comes out was in them.
fn strange(bytes: &[u8]) {
    let bump = Bump::new();
    let bodies = bytes.split(|b| *b == b'\n');
    let read = assemble(bodies.clone(), &bump);
    let size: usize = read.list.iter().map(|argument| argument.len()).sum();
    assert!(size + read.list.len() <= bytes.len());
    let mut tally = Tally::default();
    bodies.for_each(|body| tally.add(body));
    tally.is_complete();
}

/// At least one argument, some of them long: a length, and bytes that are repeated to it.
fn arguments(choices: &mut Choices<'_>) -> Vec<Vec<u8>> {
    let (mut all, mut size) = (Vec::new(), 0);
    while all.is_empty() || (!choices.is_empty() && all.len() < 300 && size < MOST) {
        let length = match choices.byte() {
            n @ 0..=199 => usize::from(n) / 4,
            n @ 200..=239 => usize::from(n - 199) * 40,
            n => usize::from(n - 239) * 1900,
        };
        let pattern = choices.take(1 + length.min(48));
        // A C string has no zero in it.
        let bytes = pattern.iter().map(|b| (*b).max(1)).cycle();
        all.push(bytes.take(length).collect());
        size += length;
    }
    all
}

/// The bodies of the records that the kernel would write.
pub fn write(arguments: &[Vec<u8>], room: usize) -> Vec<Vec<u8>> {
    let mut records = vec![format!("argc={}", arguments.len()).into_bytes()];
    let mut left = room;
    for (index, argument) in arguments.iter().enumerate() {
        let plain = argument
            .iter()
            .all(|b| (0x21..=0x7e).contains(b) && *b != b'"');
        let hex = !plain || argument.len() >= room;
        let printed = if hex {
            argument.len() * 2
        } else {
            argument.len()
        };
        let (mut rest, mut part) = (argument.as_slice(), 0);
        loop {
            if NAME + 8 > left {
                left = room;
                records.push(Vec::new());
            }
            let needed = if hex { rest.len() * 2 } else { rest.len() + 2 };
            let mut name = String::new();
            if part > 0 || argument.len() >= room || needed + NAME > left {
                if part == 0 {
                    name = format!(" a{index}_len={printed}");
                }
                name += &format!(" a{index}[{part}]=");
                part += 1;
            } else {
                name = format!(" a{index}=");
            }
            left -= name.len();
            let most = if hex { left / 2 } else { left - 2 };
            let (now, later) = rest.split_at(if needed > left { most } else { rest.len() });
            let Some(record) = records.last_mut() else {
                break;
            };
            record.extend_from_slice(name.as_bytes());
            let before = record.len();
            if hex {
                record.extend_from_slice(hex::encode_upper(now).as_bytes());
            } else {
                record.extend_from_slice(&[b"\"", now, b"\""].concat());
            }
            left -= record.len() - before;
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
    }
    // The body begins behind the space that the line's head ends with.
    records.iter().map(|r| r.trim_ascii().to_vec()).collect()
}

fn read(records: &[Vec<u8>]) -> (Vec<Vec<u8>>, bool) {
    let bump = Bump::new();
    let mut tally = Tally::default();
    records.iter().for_each(|record| tally.add(record));
    let arguments = assemble(records.iter().map(Vec::as_slice), &bump);
    if tally.is_complete() {
        assert_eq!(arguments.missing, 0, "whole, and something is missing");
    }
    let list = arguments.list.iter().map(|a| a.to_vec()).collect();
    (list, tally.is_complete())
}

fn compare(records: &[Vec<u8>], arguments: &[Vec<u8>]) {
    let (read, complete) = read(records);
    assert!(read == arguments, "{read:?} of {arguments:?}");
    assert!(complete, "all of it is here");
}
