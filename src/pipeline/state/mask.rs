//! The pattern of a command: program and arguments, with what differs from run to run masked.
//!
//! Place in the flow: before [`super::patterns`], which knows which patterns a host has had. Two commands that only
//! differ in numbers, paths, addresses or hashes have one pattern: `cat /etc/passwd` and `cat /srv/a 2` are
//! `/usr/bin/cat cat <path>` and `/usr/bin/cat cat <path> <n>`. The program itself stays, with its digits masked.
//!
//! | in an argument | is |
//! |---|---|
//! | an IPv4 or IPv6 address, with port or prefix | `<ip>` |
//! | a word with `://` | `<url>` |
//! | a word with `/` | `<path>` |
//! | sixteen and more hex digits, or a UUID | `<hash>` |
//! | any other run of digits | `<n>` |
//!
//! A word is what stands between blanks, quotes and signs of punctuation that no path or address has, so text given to
//! `sh -c` is masked word by word. It refuses to interpret: a path that no slash shows is a word.

use std::net::IpAddr;

/// Bytes of arguments that are looked at.
const MOST: usize = 4096;

/// What bytes of a word were seen.
const DIGIT: u8 = 1;
const SLASH: u8 = 2;
const COLON: u8 = 4;
const DOT: u8 = 8;
/// A letter that is no hex digit, or a sign that no address and no hash has.
const WORD: u8 = 16;
/// Ends a word.
const BREAK: u8 = 128;

const CLASSES: [u8; 256] = {
    let mut classes = [WORD; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            b'0'..=b'9' => DIGIT,
            b'a'..=b'f' | b'A'..=b'F' | b'-' => 0,
            b'/' => SLASH,
            b':' => COLON,
            b'.' => DOT,
            0..=b' ' | 127 => BREAK,
            b'"' | b'\'' | b'`' | b'=' | b',' | b';' | b'|' | b'&' | b'<' | b'>' | b'(' | b')'
            | b'{' | b'}' | b'[' | b']' | b'$' | b'!' => BREAK,
            _ => WORD,
        };
        byte += 1;
    }
    classes
};

/// Writes the pattern of a program and its command line.
pub fn mask(exe: &[u8], line: &[u8], out: &mut Vec<u8>) {
    numbers(exe, out);
    let mut rest = &line[..line.len().min(MOST)];
    if !rest.is_empty() {
        out.push(b' ');
    }
    while let Some((class, at)) = word(rest) {
        put(&rest[..at], class, out);
        out.extend(rest.get(at));
        rest = rest.get(at + 1..).unwrap_or_default();
    }
}

/// The classes of the bytes of the next word, and where it ends.
#[inline]
fn word(text: &[u8]) -> Option<(u8, usize)> {
    if text.is_empty() {
        return None;
    }
    let mut seen = 0;
    for (at, byte) in text.iter().enumerate() {
        let class = CLASSES[usize::from(*byte)];
        if class == BREAK {
            return Some((seen, at));
        }
        seen |= class;
    }
    Some((seen, text.len()))
}

#[inline]
fn put(word: &[u8], seen: u8, out: &mut Vec<u8>) {
    match seen & (DIGIT | SLASH | COLON) {
        0 if seen & WORD != 0 || word.len() < 16 => out.extend_from_slice(word),
        _ => put_masked(word, seen, out),
    }
}

fn put_masked(word: &[u8], seen: u8, out: &mut Vec<u8>) {
    let has = |class| seen & class != 0;
    let mask: &[u8] = match () {
        () if has(COLON | DOT) && has(DIGIT | COLON) && !has(WORD) && is_address(word) => b"<ip>",
        () if has(SLASH) && has(COLON) && word.windows(3).any(|part| part == b"://") => b"<url>",
        () if has(SLASH) => b"<path>",
        () if !has(WORD | SLASH | COLON | DOT) && is_hash(word) => b"<hash>",
        () => return numbers(word, out),
    };
    out.extend_from_slice(mask);
}

/// With a port or the length of a prefix, or without.
fn is_address(word: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(word) else {
        return false;
    };
    let text = text.split_once('/').map_or(text, |(address, _)| address);
    let is = |text: &str| text.parse::<IpAddr>().is_ok();
    is(text)
        || text
            .rsplit_once(':')
            .is_some_and(|(address, _)| is(address))
}

/// Long hex, in the groups of a UUID or in one.
fn is_hash(word: &[u8]) -> bool {
    const UUID: [usize; 5] = [8, 4, 4, 4, 12];
    let is_whole = word.len() >= 16 && !word.contains(&b'-');
    is_whole || word.split(|byte| *byte == b'-').map(<[u8]>::len).eq(UUID)
}

/// Copies a text with its runs of digits masked.
fn numbers(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(at) = rest.iter().position(u8::is_ascii_digit) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(b"<n>");
        let digits = rest[at..].iter().take_while(|byte| byte.is_ascii_digit());
        let end = at + digits.count();
        rest = &rest[end..];
    }
    out.extend_from_slice(rest);
}

#[cfg(test)]
#[path = "mask_tests.rs"]
mod tests;
