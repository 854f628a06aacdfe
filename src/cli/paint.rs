//! How text of others is shown on a terminal: nothing in it can steer that, and colour is ours alone.

/// Colours, where the output is a terminal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paint(pub(super) bool);

impl Paint {
    fn with(self, code: &str, text: &str) -> String {
        match self.0 {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.to_owned(),
        }
    }

    pub(super) fn head(self, text: &str) -> String {
        self.with("1", text)
    }

    pub(super) fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    pub(super) fn wrong(self, text: &str) -> String {
        self.with("1;31", text)
    }
}

/// Bytes as text of one line: what is not UTF-8 or cannot be seen is escaped.
pub(super) fn visible(bytes: &[u8]) -> String {
    let mut shown = String::new();
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                // Between the raw part of a line and its ENRICHED part.
                '\x1d' => shown.push('\u{241D}'),
                // A trick of text that runs from right to left is as good as a control character.
                c if c.is_control()
                    || matches!(c, '\u{200E}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}') =>
                {
                    shown.extend(c.escape_default());
                }
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
    }
}
