//! Finds in a text the tokens that could be an indicator; whether one is, the set knows.
//!
//! Whole tokens only: `10.0.0.1` is not in `110.0.0.1`, `10.0.0.1.5` or `libfoo-10.0.0.1.so`. Each
//! scan jumps from one telling byte (`.`, `:`, a long hex run) to the next, allocates nothing, and
//! is linear in the text.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use memchr::memchr;

use super::url::MAX_URL;

/// DNS names end at this (RFC 1035, 2.3.4).
pub const MAX_NAME: usize = 253;

/// How often a URL that is not known is tried again without its tail.
const MAX_CUTS: usize = 8;

/// How many URLs are looked for inside another one (a redirect, a list parted by commas): a text of
/// nothing but `a://` must not cost its square.
const MAX_INNER: usize = 64;

/// What stands around a dot.
pub enum Dotted<'a> {
    V4(Ipv4Addr),
    /// In lower case (ASCII), two labels at least.
    Name(&'a [u8]),
}

fn at(text: &[u8], i: usize) -> Option<u8> {
    text.get(i).copied()
}

fn before(text: &[u8], i: usize) -> Option<u8> {
    i.checked_sub(1).and_then(|i| at(text, i))
}

/// The run of bytes that `belongs` around `middle`, not before `floor`.
fn run(text: &[u8], middle: usize, floor: usize, belongs: impl Fn(u8) -> bool) -> Range<usize> {
    let mut start = middle;
    while start > floor && before(text, start).is_some_and(&belongs) {
        start -= 1;
    }
    let mut end = middle;
    while at(text, end).is_some_and(&belongs) {
        end += 1;
    }
    start..end
}

fn next(text: &[u8], needle: u8, from: usize) -> Option<usize> {
    memchr(needle, text.get(from..)?).map(|i| from + i)
}

/// Addresses of version 4 and names, by their dots.
pub fn dotted(text: &[u8], v4: bool, names: bool, each: &mut dyn FnMut(Range<usize>, Dotted<'_>)) {
    let in_name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_') || b >= 0x80;
    let mut from = 0;
    while let Some(dot) = next(text, b'.', from) {
        let token = run(text, dot, from, in_name);
        from = token.end;
        if v4 {
            addresses_v4(text, token.clone(), each);
        }
        if names {
            words(text, token, &mut |word| name(text, word, each));
        }
    }
}

fn addresses_v4(text: &[u8], token: Range<usize>, each: &mut dyn FnMut(Range<usize>, Dotted<'_>)) {
    let mut i = token.start;
    while i < token.end {
        if !at(text, i).is_some_and(|b| b.is_ascii_digit()) {
            i += 1;
            continue;
        }
        let digits = run(text, i, i, |b| b.is_ascii_digit() || b == b'.');
        let mut end = digits.end;
        while end > i && before(text, end) == Some(b'.') {
            end -= 1;
        }
        if (7..=15).contains(&(end - i)) && begins_v4(text, i) && ends_v4(text, digits.end) {
            let parsed = text.get(i..end).and_then(|t| std::str::from_utf8(t).ok());
            if let Some(Ok(ip)) = parsed.map(str::parse) {
                each(i..end, Dotted::V4(ip));
            }
        }
        i = digits.end;
    }
}

fn begins_v4(text: &[u8], i: usize) -> bool {
    let two = i.checked_sub(2).and_then(|i| at(text, i));
    match before(text, i) {
        None => true,
        Some(b'.' | b'_') => false,
        Some(b) if b.is_ascii_digit() => false,
        // `-h10.0.0.1`: the value glued to a one-letter option.
        Some(b) if b.is_ascii_alphabetic() => {
            let three = i.checked_sub(3).and_then(|i| at(text, i));
            two == Some(b'-') && three.is_none_or(|b| b.is_ascii_whitespace() || b == 0)
        }
        // `10.0.0.1-10.0.0.9` is a range, `libfoo-1.2.3.4` a version.
        Some(b'-') => !two.is_some_and(|b| b.is_ascii_alphabetic() || b == b'_'),
        // `::ffff:10.0.0.1` is found as an address of version 6.
        Some(b':') => {
            let group = i.checked_sub(5).and_then(|s| text.get(s..i - 1));
            !group.is_some_and(|g| g.eq_ignore_ascii_case(b"ffff"))
        }
        Some(_) => true,
    }
}

fn ends_v4(text: &[u8], end: usize) -> bool {
    match at(text, end) {
        Some(b'_') => false,
        Some(b'-') => !at(text, end + 1).is_some_and(|b| b.is_ascii_alphabetic() || b == b'_'),
        Some(b) => !b.is_ascii_alphabetic(),
        None => true,
    }
}

/// Parts a token at what is no letter of any script (typographic quotes, broken UTF-8).
fn words(text: &[u8], token: Range<usize>, each: &mut dyn FnMut(Range<usize>)) {
    let Some(bytes) = text.get(token.clone()) else {
        return;
    };
    if bytes.is_ascii() {
        return each(token);
    }
    let (mut start, mut i) = (token.start, token.start);
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if !c.is_ascii() && !c.is_alphanumeric() {
                each(start..i);
                start = i + c.len_utf8();
            }
            i += c.len_utf8();
        }
        if !chunk.invalid().is_empty() {
            each(start..i);
            i += chunk.invalid().len();
            start = i;
        }
    }
    each(start..i);
}

fn name(text: &[u8], word: Range<usize>, each: &mut dyn FnMut(Range<usize>, Dotted<'_>)) {
    let (mut start, mut end) = (word.start, word.end);
    while start < end && at(text, start).is_some_and(|b| matches!(b, b'.' | b'-')) {
        start += 1;
    }
    while start < end && before(text, end) == Some(b'.') {
        end -= 1;
    }
    let Some(bytes) = text.get(start..end) else {
        return;
    };
    let Some(last_dot) = memchr::memrchr(b'.', bytes) else {
        return;
    };
    let top = bytes.get(last_dot + 1..).unwrap_or_default();
    if bytes.len() > MAX_NAME || top.iter().all(u8::is_ascii_digit) {
        return;
    }
    let mut buffer = [0; MAX_NAME];
    if let Some(lower) = buffer.get_mut(..bytes.len()) {
        lower.copy_from_slice(bytes);
        lower.make_ascii_lowercase();
        each(start..end, Dotted::Name(lower));
    }
}

/// Addresses of version 6, by their colons.
pub fn addresses_v6(text: &[u8], each: &mut dyn FnMut(Range<usize>, IpAddr)) {
    let in_address = |b: u8| b.is_ascii_hexdigit() || matches!(b, b':' | b'.');
    let mut from = 0;
    while let Some(colon) = next(text, b':', from) {
        let token = run(text, colon, from, in_address);
        from = token.end;
        if let Some((span, ip)) = address_v6(text, token) {
            each(span, IpAddr::V6(ip));
        }
    }
}

fn address_v6(text: &[u8], token: Range<usize>) -> Option<(Range<usize>, Ipv6Addr)> {
    let letter = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let (mut start, mut end) = (token.start, token.end);
    // A single colon at an end is punctuation: `addr:2001:db8::1:`.
    if at(text, start) == Some(b':') && at(text, start + 1) != Some(b':') {
        start += 1;
    } else if before(text, start).is_some_and(letter) {
        return None;
    }
    if at(text, end).is_some_and(letter) {
        return None;
    }
    while end > start && before(text, end) == Some(b'.') {
        end -= 1;
    }
    if end > start + 1 && before(text, end) == Some(b':') && before(text, end - 1) != Some(b':') {
        end -= 1;
    }
    // The longest writing: eight groups, the last two as version 4.
    let bytes = text
        .get(start..end)
        .filter(|b| (2..=45).contains(&b.len()))?;
    let ip = std::str::from_utf8(bytes).ok()?.parse().ok()?;
    Some((start..end, ip))
}

/// Runs of exactly 32, 40 or 64 hex digits that are no part of a longer word.
pub fn digests(text: &[u8], each: &mut dyn FnMut(Range<usize>)) {
    const SHORTEST: usize = 32;
    let mut from = 0;
    // Any run of 32 that begins at or after `from` covers this byte, or begins behind it.
    while let Some(probe) = at(text, from + SHORTEST - 1) {
        let middle = from + SHORTEST - 1;
        if !probe.is_ascii_hexdigit() {
            from = middle + 1;
            continue;
        }
        let found = run(text, middle, from, |b| b.is_ascii_hexdigit());
        from = found.end;
        let letter = |b: u8| b.is_ascii_alphanumeric();
        let whole = !before(text, found.start).is_some_and(letter)
            && !at(text, found.end).is_some_and(letter);
        if whole && matches!(found.len(), 32 | 40 | 64) {
            each(found);
        }
    }
}

/// Candidates for URLs, the longest first; `each` answers whether it knew one.
pub fn urls(text: &[u8], each: &mut dyn FnMut(Range<usize>) -> bool) {
    let (mut from, mut outer_end, mut inner) = (0, 0, 0);
    while let Some(colon) = next(text, b':', from) {
        from = colon + 1;
        if !text.get(colon..).is_some_and(|t| t.starts_with(b"://")) {
            continue;
        }
        let host = colon + 3;
        if colon >= outer_end {
            outer_end = host + url_length(text.get(host..).unwrap_or_default());
            inner = 0;
        } else if inner == MAX_INNER {
            from = outer_end;
            continue;
        }
        inner += 1;
        let scheme = run(text, colon, 0, |b| b.is_ascii_alphanumeric() || b == b'+');
        longest_first(text, scheme.start, host, outer_end, each);
    }
}

fn longest_first(
    text: &[u8],
    start: usize,
    host: usize,
    mut end: usize,
    each: &mut dyn FnMut(Range<usize>) -> bool,
) {
    for _ in 0..MAX_CUTS {
        if each(start..end) {
            return;
        }
        match shorter(text, host, end) {
            Some(cut) => end = cut,
            None => return,
        }
    }
}

fn url_length(rest: &[u8]) -> usize {
    let stop = |b: &u8| b.is_ascii_control() || b" \"'<>`\\|{}^".contains(b);
    let rest = rest.get(..MAX_URL).unwrap_or(rest);
    rest.iter().position(stop).unwrap_or(rest.len())
}

/// Where the URL may have ended before: at the last byte that is as well punctuation of a shell or
/// of a sentence.
fn shorter(text: &[u8], host: usize, end: usize) -> Option<usize> {
    let from = host + 1;
    let body = text.get(from..end)?;
    let punctuation = |i: &usize| match body.get(*i) {
        Some(b';' | b')' | b',' | b']') => true,
        Some(b'.' | b'!' | b':' | b'?') => *i + 1 == body.len(),
        Some(b'&') => matches!(body.get(*i + 1), None | Some(b'&')),
        _ => false,
    };
    (0..body.len()).rev().find(punctuation).map(|i| from + i)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_nothing_but_schemes_does_not_cost_its_square() {
        for piece in ["a://", "http://a;", "http://a,b://"] {
            let text = piece.repeat(65_536 / piece.len());
            let mut looked_at = 0;
            urls(text.as_bytes(), &mut |span| {
                looked_at += span.len();
                false
            });
            assert!(looked_at < 640 * text.len(), "{piece}: {looked_at}");
        }
    }

    #[test]
    fn urls_within_urls_are_looked_for_too() {
        let text = b"http://a.example/?to=http://b.example/x,http://c.example";
        let mut seen = Vec::new();
        urls(text, &mut |span| {
            seen.push(String::from_utf8_lossy(&text[span]).into_owned());
            false
        });
        for url in ["http://b.example/x", "http://c.example"] {
            assert!(seen.iter().any(|s| s == url), "{url}: {seen:?}");
        }
    }
}
