//! How text of others is shown on a terminal: nothing in it can steer that, and colour is ours alone.
//!
//! Place in the flow: under the commands that write for people. It refuses to know what the text is.

use std::io::{self, IsTerminal};

/// Colours, where the output is a terminal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paint(pub(super) bool);

impl Paint {
    /// As stdout and who uses it want it.
    pub(super) fn of_stdout() -> Paint {
        Paint(io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none())
    }

    /// `code`: of a terminal's SGR.
    pub(super) fn with(self, code: &str, text: &str) -> String {
        match self.0 {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.to_owned(),
        }
    }

    pub(super) fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    pub(super) fn faint(self, text: &str) -> String {
        self.with("2", text)
    }

    pub(super) fn red(self, text: &str) -> String {
        self.with("1;31", text)
    }

    pub(super) fn yellow(self, text: &str) -> String {
        self.with("33", text)
    }
}

/// A terminal obeys it, or it turns the direction of the text, which is as good a trick.
fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200E}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// At most so many characters, none of which a terminal obeys.
pub(super) fn harmless(text: &str, most: usize) -> String {
    let mut chars = text.chars();
    let start = chars.by_ref().take(most);
    let mut shown: String = start.map(|c| if steers(c) { '.' } else { c }).collect();
    if chars.next().is_some() {
        shown.push('…');
    }
    shown
}

/// Bytes as text of one line: what is not UTF-8 or cannot be seen is escaped.
pub(super) fn visible(bytes: &[u8]) -> String {
    let mut shown = String::new();
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                // Between the raw part of a line and its ENRICHED part.
                '\x1d' => shown.push('\u{241D}'),
                c if steers(c) => shown.extend(c.escape_default()),
                c => shown.push(c),
            }
        }
        for byte in chunk.invalid() {
            shown.push_str(&format!("\\x{byte:02X}"));
        }
    }
    shown
}

/// As [`visible`], cut where it is longer than `most` characters.
pub(super) fn short(bytes: &[u8], most: usize) -> String {
    let shown = visible(&bytes[..bytes.len().min(most * 4)]);
    match shown.char_indices().nth(most) {
        Some((at, _)) => format!("{}… ({} bytes)", &shown[..at], bytes.len()),
        None => shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_line_can_steer_the_terminal() {
        assert_eq!(
            visible(b"a\x1b[2Jb\x1d\xff\n"),
            "a\\u{1b}[2Jb\u{241D}\\xFF\\n"
        );
        assert_eq!(visible("\u{202E}x".as_bytes()), "\\u{202e}x");
        assert_eq!(short(b"abcdef", 3), "abc… (6 bytes)");
        assert_eq!(harmless("a\u{1b}\u{2066}bcd", 4), "a..b…");
    }
}
