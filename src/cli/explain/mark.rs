//! Points at the byte at which reading ended: the line, and a mark under it.

use crate::cli::paint::{Paint, visible};

/// What is shown before and after the byte.
const BEFORE: usize = 60;
const AFTER: usize = 40;

/// Three lines: the text around the byte, the mark with what was expected, and the offset.
pub(super) fn at(text: &[u8], offset: usize, expected: &str, paint: Paint) -> String {
    let offset = offset.min(text.len());
    let from = offset.saturating_sub(BEFORE);
    let to = text.len().min(offset + AFTER);
    let (before, after) = (visible(&text[from..offset]), visible(&text[offset..to]));
    let lead = if from > 0 { "…" } else { "" };
    let tail = if to < text.len() { "…" } else { "" };
    let space = " ".repeat(lead.chars().count() + before.chars().count());
    let mark = paint.red(&format!("^ byte {offset}: expected {expected}"));
    format!("    | {lead}{before}{after}{tail}\n    | {space}{mark}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_stands_under_the_byte() {
        let shown = at("näme=x".as_bytes(), 4, "'='", Paint(false));
        assert_eq!(shown, "    | näme=x\n    |    ^ byte 4: expected '='\n");
        let long = [b'a'; 300];
        let shown = at(&long, 200, "b", Paint(false));
        let (line, mark) = shown.split_once('\n').unwrap();
        assert!(line.starts_with("    | …a") && line.ends_with('…'));
        assert_eq!(mark.find('^').unwrap(), 6 + 1 + BEFORE);
        at(b"", 9, "more", Paint(false));
    }
}
