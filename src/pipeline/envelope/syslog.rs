//! The head of a syslog line: RFC 3164, RFC 5424, and rsyslog's file formats.
//!
//! Only what stands before `node=` or `type=` is looked at, and only for the host in it.

use memchr::memmem;

/// The host, and the line from `node=` or `type=` on. A text without either comes back as it is.
pub fn strip(raw: &[u8]) -> (Option<&[u8]>, &[u8]) {
    let Some(at) = find_start(raw) else {
        return (None, raw);
    };
    (host(&raw[..at]), &raw[at..])
}

fn find_start(raw: &[u8]) -> Option<usize> {
    let at_type = memmem::find_iter(raw, b"type=").find(|&at| at == 0 || raw[at - 1] == b' ')?;
    // `node=NAME ` directly before it is a part of the line.
    let before = raw[..at_type].trim_ascii_end();
    let word = before.iter().rposition(|&b| b == b' ').map_or(0, |i| i + 1);
    Some(if before[word..].starts_with(b"node=") {
        word
    } else {
        at_type
    })
}

fn host(head: &[u8]) -> Option<&[u8]> {
    let head = strip_priority(head);
    let mut words = head.split(|&b| b == b' ').filter(|word| !word.is_empty());
    let first = words.next()?;
    let host = if first == b"1" {
        // RFC 5424: VERSION TIMESTAMP HOSTNAME …
        words.nth(1)
    } else if is_month(first) {
        // RFC 3164: Mmm dd hh:mm:ss HOSTNAME TAG:
        words.nth(2)
    } else if first[0].is_ascii_digit() && first.contains(&b'T') {
        // rsyslog's RSYSLOG_FileFormat, syslog-ng's ISODATE
        words.next()
    } else {
        None
    }?;
    // A tag in its place ends with a colon: the sender left the host out.
    (host != b"-" && !host.ends_with(b":")).then_some(host)
}

fn strip_priority(head: &[u8]) -> &[u8] {
    let Some(rest) = head.strip_prefix(b"<") else {
        return head;
    };
    match rest.iter().take(4).position(|&b| b == b'>') {
        Some(end) if rest[..end].iter().all(u8::is_ascii_digit) => &rest[end + 1..],
        _ => head,
    }
}

fn is_month(word: &[u8]) -> bool {
    const MONTHS: [&[u8]; 12] = [
        b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov",
        b"Dec",
    ];
    MONTHS.contains(&word)
}
