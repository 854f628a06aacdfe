//! Indicator files and the texts that they are looked for in (parted by a zero byte): every line is an
//! indicator, refused or nothing; what hits is found again by its canonical form; memory follows the input.

use trailhound::model::Indicator;
use trailhound::pipeline::intel::{Builder, IntelSet};

pub fn check(bytes: &[u8]) {
    let mut parts = bytes.splitn(2, |b| *b == 0);
    let file = parts.next().unwrap_or_default();
    let text = parts.next().unwrap_or(file);
    let mut builder = Builder::default();
    let loaded = builder.add("a", file);
    let lines = file.split(|b| *b == b'\n').count();
    assert!(loaded.indicators + loaded.refused.len() <= lines);
    let refusals = loaded.refused.iter();
    for (line, expected) in refusals {
        assert!((1..=lines as u32).contains(line) && !expected.is_empty());
    }
    // A file that came before tells all; nothing is told twice.
    assert_eq!(builder.add("b", file).indicators, 0);
    let set = builder.build();
    assert_eq!(set.len(), loaded.indicators);
    assert!(set.memory() <= 64 * set.len() + 4 * file.len() + 4096);
    hits(&set, text, lines);
}

fn hits(set: &IntelSet, text: &[u8], lines: usize) {
    let mut found = Vec::new();
    set.text(text, &mut |span, indicator| {
        assert!(span.start < span.end && span.end <= text.len());
        if found.len() < 64 {
            found.push((span, indicator));
        }
    });
    for (span, indicator) in found {
        assert_eq!(&*indicator.file, "a");
        assert!((1..=lines as u32).contains(&indicator.line));
        again(&indicator, &text[span]);
    }
}

/// The canonical form is an indicator by itself, of the same kind, and hits the same token.
fn again(indicator: &Indicator, token: &[u8]) {
    // What stands at the end of a line of a list is taken for the list's.
    if indicator.value.ends_with(['"', '\'', '`', ',', ';']) {
        return;
    }
    let mut builder = Builder::default();
    let loaded = builder.add("c", indicator.value.as_bytes());
    assert_eq!(loaded.refused, []);
    let set = builder.build();
    let mut same = false;
    set.text(token, &mut |_, other| {
        same |= other.kind == indicator.kind && other.value == indicator.value;
    });
    assert!(
        same,
        "{indicator:?} in {:?}",
        String::from_utf8_lossy(token)
    );
}
