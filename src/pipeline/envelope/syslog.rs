//! The head of a syslog line: RFC 3164, RFC 5424, rsyslog's and syslog-ng's file formats, and the
//! kernel's own `audit:` lines.
//!
//! An audit line counts only where the message begins. Anywhere else it is text that a program wrote,
//! perhaps of a stranger's choosing (sshd logs the name of a user that does not exist), and must not
//! become a record.

/// The host, and the line from `node=` or `type=` on. A text without either comes back as it is.
pub fn strip(raw: &[u8]) -> (Option<&[u8]>, &[u8]) {
    let text = raw.strip_prefix(super::BOM).unwrap_or(raw);
    let (host, message) = head(strip_priority(text));
    // setroubleshoot and old audisp wrote `host=` where `node=` stands now.
    let (host, message) = match message.strip_prefix(b"host=").map(word) {
        Some((name, rest)) if rest.starts_with(b"type=") => (some(name), rest),
        _ => (host, message),
    };
    match audit_line(message) {
        Some(line) => (host, line),
        None => (None, raw),
    }
}

/// The host of a syslog head, and the message behind the tag.
fn head(text: &[u8]) -> (Option<&[u8]>, &[u8]) {
    let (first, rest) = word(text);
    if first == b"1" {
        return rfc5424(rest);
    }
    let rest = if is_month(first) {
        // Mmm dd hh:mm:ss
        word(word(rest).1).1
    } else if first.first().is_some_and(u8::is_ascii_digit) && first.contains(&b'T') {
        rest
    } else {
        return (None, text);
    };
    let (host, message) = word(rest);
    if host.ends_with(b":") {
        // A tag in its place: the sender left the host out.
        return (None, message);
    }
    let (tag, message) = word(message);
    match tag.ends_with(b":") {
        true => (some(host), message),
        false => (None, text),
    }
}

/// Behind the version: TIMESTAMP HOSTNAME APP-NAME PROCID MSGID STRUCTURED-DATA MSG
fn rfc5424(text: &[u8]) -> (Option<&[u8]>, &[u8]) {
    let (host, rest) = word(word(text).1);
    let rest = word(word(word(rest).1).1).1;
    let message = match rest.strip_prefix(b"[") {
        // Elements end at a bracket that stands before a space; quoted brackets are escaped.
        Some(data) => data
            .windows(2)
            .position(|pair| pair == b"] ")
            .map_or(&[][..], |end| &data[end + 2..]),
        None => word(rest).1,
    };
    let message = message.strip_prefix(super::BOM).unwrap_or(message);
    (some(host), message)
}

/// `type=…` or `node=…` where the message begins, behind `[  12.345] ` and `audit: ` of the kernel.
fn audit_line(message: &[u8]) -> Option<&[u8]> {
    let message = message.trim_ascii_start();
    if message.starts_with(b"type=") || message.starts_with(b"node=") {
        return Some(message);
    }
    let rest = match message.strip_prefix(b"[") {
        Some(rest) => {
            let end = rest.iter().position(|&b| b == b']')?;
            // `[   12.345678]`, or `[Sun Nov 22 03:40:11 2026]` of dmesg -T
            let is_time = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b':' | b' ');
            rest[..end]
                .iter()
                .all(is_time)
                .then_some(&rest[end + 1..])?
        }
        None => message,
    };
    let (tag, rest) = word(rest);
    let known = matches!(
        tag,
        b"audit:" | b"audispd:" | b"auditd:" | b"audisp-syslog:" | b"kernel:"
    );
    let begins = rest.starts_with(b"type=") || rest.starts_with(b"node=");
    (known && begins).then_some(rest)
}

/// The next word and what follows it.
fn word(text: &[u8]) -> (&[u8], &[u8]) {
    let text = text.trim_ascii_start();
    let end = text.iter().position(|&b| b == b' ').unwrap_or(text.len());
    (&text[..end], text[end..].trim_ascii_start())
}

fn some(host: &[u8]) -> Option<&[u8]> {
    (!host.is_empty() && host != b"-").then_some(host)
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LINE: &[u8] = b"type=CWD msg=audit(1.000:1): cwd=\"/\"";

    #[test]
    fn the_kernels_own_lines_are_read() {
        for head in [
            &b"audit: "[..],
            b"[   12.345678] audit: ",
            b"<5>[   12.345678] audit: ",
            b"[Sun Nov 22 03:40:11 2026] audit: ",
            b"\xEF\xBB\xBF",
            b" ",
            b"Nov 22 03:40:11 web01 kernel: ",
            b"Nov 22 03:40:11 web01 kernel: [   12.345678] audit: ",
        ] {
            let line = [head, LINE].concat();
            assert_eq!(strip(&line).1, LINE, "{}", String::from_utf8_lossy(&line));
        }
    }

    #[test]
    fn the_word_host_names_it() {
        let line = [b"host=web01 ", LINE].concat();
        assert_eq!(strip(&line), (Some(b"web01".as_slice()), LINE));
    }

    #[test]
    fn what_a_program_quotes_is_no_record() {
        for head in [
            &b"Nov 22 03:40:11 web01 sshd[99]: Invalid user x "[..],
            b"Nov 22 03:40:11 web01 sshd[99]: Invalid user x: ",
            b"2019-03-02T00:10:06+00:00 web01 sshd: Invalid user audit: ",
            b"<13>1 2019-03-02T00:10:06Z web01 sshd 99 - - Invalid user ",
            b"sshd: ",
        ] {
            let line = [head, LINE].concat();
            assert_eq!(
                strip(&line),
                (None, line.as_slice()),
                "{}",
                String::from_utf8_lossy(&line)
            );
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(text: Vec<u8>) {
            strip(&text);
        }
    }
}
