//! What the kernel and auditd say of records that they lost themselves.
//!
//! Place in the flow: beside the line reader; the lane counts. The kernel says so in its log, not in an
//! audit record (kernel/audit.c, audit_log_lost: `audit: audit_lost=N audit_rate_limit=…
//! audit_backlog_limit=…`, then `audit: backlog limit exceeded`), so such a line is a dead letter all the
//! same. It refuses to believe text that does not stand where a message of the kernel begins.

use memchr::memmem;

use super::event::Event;
use super::fields::Fields;
use super::record_types::RecordType;

/// One word about a loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// Records lost since boot, or since the count was set.
    Lost(u32),
    /// A limit was exceeded.
    Limit,
}

/// What a line that is no audit record says, where it is the kernel's, and the host of its syslog head.
pub fn of_line(text: &[u8]) -> Option<(Word, Option<&[u8]>)> {
    let at = memmem::find(text, b"audit: ")?;
    let message = &text[at + 7..];
    let word = if let Some(rest) = message.strip_prefix(b"audit_lost=") {
        let end = rest.iter().position(|b| !b.is_ascii_digit());
        let digits = std::str::from_utf8(&rest[..end.unwrap_or(rest.len())]).ok()?;
        Word::Lost(digits.parse().ok()?)
    } else if message.starts_with(b"backlog limit exceeded")
        || message.starts_with(b"rate limit exceeded")
    {
        Word::Limit
    } else {
        return None;
    };
    head_of_kernel(&text[..at]).map(|host| (word, host))
}

/// The host of nothing, of a printk time, or of these behind a syslog head that ends with `kernel:`.
fn head_of_kernel(head: &[u8]) -> Option<Option<&[u8]>> {
    let head = head.trim_ascii();
    let head = match head.strip_suffix(b"]") {
        Some(rest) => rest[..memchr::memrchr(b'[', rest)?].trim_ascii_end(),
        None => head,
    };
    if head.is_empty() {
        return Some(None);
    }
    // `<4>Nov  2 03:40:11 web01 kernel:`; more words are a message that some program wrote.
    let mut words = head.split(|&b| b == b' ').filter(|word| !word.is_empty());
    let few = words.clone().count() <= 5;
    let kernel = words.next_back() == Some(b"kernel:");
    (few && kernel).then(|| words.next_back())
}

/// Records lost before the count was set anew (CONFIG_CHANGE `lost=0 old=N`, kernel/audit.c,
/// audit_log_config_change).
pub fn lost_before(event: &Event) -> Option<u32> {
    let body = event.body(RecordType::CONFIG_CHANGE)?;
    Fields::find(body, b"lost")?;
    Fields::find(body, b"old")?.number()
}

/// auditd failed: it could not write, or ended for an error.
pub fn is_failure(kind: RecordType) -> bool {
    matches!(kind, RecordType::DAEMON_ERR | RecordType::DAEMON_ABORT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_words_are_read_where_they_are_the_kernels() {
        for head in [
            "",
            "[   12.345678] ",
            "kernel: ",
            "Nov  2 03:40:11 web01 kernel: [   12.345678] ",
            "<4>Nov 22 03:40:11 web01 kernel: ",
            "2026-11-22T03:40:11.1+00:00 web01 kernel: ",
        ] {
            let host = head.contains("web01").then_some(b"web01".as_slice());
            let line =
                format!("{head}audit: audit_lost=12 audit_rate_limit=0 audit_backlog_limit=64");
            assert_eq!(
                of_line(line.as_bytes()),
                Some((Word::Lost(12), host)),
                "{line}"
            );
            for limit in ["backlog", "rate"] {
                let line = format!("{head}audit: {limit} limit exceeded");
                assert_eq!(
                    of_line(line.as_bytes()),
                    Some((Word::Limit, host)),
                    "{line}"
                );
            }
        }
    }

    #[test]
    fn what_a_program_quotes_is_not_the_kernels() {
        for line in [
            "Nov 22 03:40:11 web01 sshd[9]: Invalid user audit: audit_lost=7",
            "Nov 22 03:40:11 web01 sshd[9]: Invalid user kernel: audit: audit_lost=7",
            "audit: audit_lost=",
            "audit: type=1300 audit(1.000:1): x",
            "x] audit: audit_lost=7",
        ] {
            assert_eq!(of_line(line.as_bytes()), None, "{line}");
        }
    }
}
