//! The envelope: the bytes that it gives back for dead letters are those that came, in order and without
//! a hole; and such a piece, fed again, says the same.

use std::ops::Range;

use trailhound::model::Reject;
use trailhound::pipeline::envelope::Opener;

/// Host and text of a line, or why there is none.
type Said = Result<(Option<Vec<u8>>, Vec<u8>), Reject>;

fn open(message: &[u8]) -> Vec<(Range<usize>, Said)> {
    let mut all = Vec::new();
    Opener::default().open(message, &mut |line| {
        let (raw, said) = match line {
            Ok(line) => {
                assert!(!line.text.is_empty(), "an empty line");
                let host = line.host.map(<[u8]>::to_vec);
                (line.raw, Ok((host, line.text.to_vec())))
            }
            Err((reject, raw)) => (raw, Err(reject)),
        };
        let start = (raw.as_ptr() as usize).wrapping_sub(message.as_ptr() as usize);
        assert!(
            start <= message.len() && raw.len() <= message.len() - start,
            "a raw that is no part of the message"
        );
        all.push((start..start + raw.len(), said));
    });
    all
}

/// How a text begins: as a document, as a list (or the kernel's time), or as neither.
fn beginning(text: &[u8]) -> u8 {
    let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
    match text.iter().find(|b| !b.is_ascii_whitespace()) {
        Some(b @ (b'{' | b'[')) => *b,
        _ => b'.',
    }
}

pub fn check(message: &[u8]) {
    let all = open(message);
    // A line takes a byte. One that is put together here gets a head of its own.
    assert!(all.len() <= message.len());
    let text: usize = all
        .iter()
        .flat_map(|(_, said)| said)
        .map(|(_, t)| t.len())
        .sum();
    assert!(
        text <= 8 * message.len() + 128 * all.len(),
        "{text} bytes of {}",
        message.len()
    );
    let mut end = 0;
    for pieces in all.chunk_by(|a, b| a.0 == b.0) {
        let raw = pieces[0].0.clone();
        assert!(raw.start >= end, "raws overlap or go back");
        says_nothing(message, end..raw.start);
        end = raw.end;
        says_the_same(message, raw, pieces);
    }
    says_nothing(message, end..message.len());
}

/// A line among others is read as they are: alone it may begin like something else.
fn is_read_alike(piece: &[u8], message: &[u8]) -> bool {
    let how = beginning(piece);
    how == beginning(message) && (how != b'[' || piece == message)
}

/// What no line and no refusal accounts for: line ends, and the names of a table's columns.
fn says_nothing(message: &[u8], hole: Range<usize>) {
    let hole = &message[hole];
    if !is_read_alike(hole, message) {
        return;
    }
    assert!(
        open(hole).is_empty(),
        "lost without a word: {:?}",
        String::from_utf8_lossy(hole)
    );
}

fn says_the_same(message: &[u8], raw: Range<usize>, pieces: &[(Range<usize>, Said)]) {
    let raw = &message[raw];
    if !is_read_alike(raw, message) {
        return;
    }
    let again: Vec<Said> = open(raw).into_iter().map(|(_, said)| said).collect();
    let first: Vec<Said> = pieces.iter().map(|(_, said)| said.clone()).collect();
    assert_eq!(again, first, "{:?}", String::from_utf8_lossy(raw));
}
