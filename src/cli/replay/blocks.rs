//! Cuts a stream into blocks of whole lines.
//!
//! Place in the flow: [`super::open`] → blocks → [`super::follow`]. A block is 256 KiB, is used again, and
//! holds whole lines; the rest of the last one begins the next block. A line that fills a block is cut there and its rest
//! passed over: the lane refuses it by its length, and memory stays bounded. Whole lines before an error come before it.
//! It refuses to know what a line means.

use std::io::{self, ErrorKind, Read};

use memchr::{memchr, memrchr};

use crate::model::Source;
use crate::model::settings::Limits;

/// Far above the longest line a lane takes.
pub(super) const BLOCK: usize = 256 << 10;

/// Whole lines of one file.
pub(super) struct Block {
    bytes: Vec<u8>,
    filled: usize,
    pub(super) source: Source,
}

impl Block {
    pub(super) fn new() -> Block {
        Block {
            bytes: vec![0; BLOCK],
            filled: 0,
            source: Source::Audit,
        }
    }

    pub(super) fn text(&self) -> &[u8] {
        &self.bytes[..self.filled]
    }
}

/// One stream, block by block.
pub(super) struct Blocks {
    input: Box<dyn Read + Send>,
    /// Begins the next block.
    rest: Vec<u8>,
    /// Within a line that was cut.
    passing: bool,
    /// Gives a block as soon as it holds a line: somebody may be typing.
    eager: bool,
    ended: bool,
    /// Comes when all before it was given.
    failed: Option<io::Error>,
}

impl Blocks {
    pub(super) fn new(input: Box<dyn Read + Send>, eager: bool) -> Blocks {
        // A line that the lane takes must never be cut here.
        debug_assert!(Limits::default().line_bytes < BLOCK);
        Blocks {
            input,
            rest: Vec::new(),
            passing: false,
            eager,
            ended: false,
            failed: None,
        }
    }

    /// Fills `block` with the next lines; false: there are none.
    pub(super) fn next(&mut self, block: &mut Block) -> io::Result<bool> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let bytes = &mut block.bytes;
        let mut filled = self.rest.len();
        bytes[..filled].copy_from_slice(&self.rest);
        self.rest.clear();
        while !self.ended && filled < BLOCK {
            let new = match self.input.read(&mut bytes[filled..]) {
                Ok(0) => {
                    self.ended = true;
                    break;
                }
                Ok(new) => new,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => {
                    self.failed = Some(error);
                    break;
                }
            };
            let mut end = filled + new;
            if self.passing {
                match memchr(b'\n', &bytes[filled..end]) {
                    Some(at) => {
                        bytes.copy_within(filled + at + 1..end, filled);
                        end -= at + 1;
                        self.passing = false;
                    }
                    None => continue,
                }
            }
            let whole = self.eager && memchr(b'\n', &bytes[filled..end]).is_some();
            filled = end;
            if whole {
                break;
            }
        }
        if !self.ended {
            match memrchr(b'\n', &bytes[..filled]).map_or(0, |at| at + 1) {
                0 if self.failed.is_none() => self.passing = true,
                // What an error cut is a rest that is never given.
                whole => {
                    self.rest.extend_from_slice(&bytes[whole..filled]);
                    filled = whole;
                }
            }
        }
        block.filled = filled;
        match self.failed.take_if(|_| filled == 0) {
            Some(error) => Err(error),
            None => Ok(filled > 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: Vec<u8>, eager: bool) -> Vec<Vec<u8>> {
        let mut blocks = Blocks::new(Box::new(io::Cursor::new(text)), eager);
        let mut block = Block::new();
        let mut all = Vec::new();
        while blocks.next(&mut block).unwrap() {
            let text = block.text().strip_suffix(b"\n").unwrap_or(block.text());
            all.extend(text.split(|b| *b == b'\n').map(<[u8]>::to_vec));
        }
        all
    }

    #[test]
    fn lines_come_whole_whatever_the_block() {
        let wanted: Vec<Vec<u8>> = (0..60_000)
            .map(|i| format!("line {i} {}", "x".repeat(i % 97)).into_bytes())
            .collect();
        for eager in [false, true] {
            assert_eq!(lines(wanted.join(&b'\n'), eager), wanted);
        }
    }

    #[test]
    fn a_line_longer_than_a_block_is_cut_and_the_next_is_whole() {
        for extra in [0, 1, BLOCK, 3 * BLOCK + 7] {
            let mut text = b"first\n".to_vec();
            text.extend(std::iter::repeat_n(b'x', BLOCK + extra));
            text.extend_from_slice(b"\nlast\n");
            let all = lines(text, false);
            assert_eq!(all.len(), 3, "{extra}");
            assert_eq!(
                (all[0].as_slice(), all[2].as_slice()),
                (&b"first"[..], &b"last"[..])
            );
            assert_eq!(all[1].len(), BLOCK);
        }
    }

    #[test]
    fn what_came_before_an_error_comes_before_it() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(ErrorKind::InvalidData.into())
            }
        }
        for (text, wanted) in [
            ("a\nb\ncut", "a\nb\n"),
            ("a\n", "a\n"),
            ("cut", ""),
            ("", ""),
        ] {
            let input = io::Cursor::new(text).chain(Broken);
            let mut blocks = Blocks::new(Box::new(input), false);
            let (mut block, mut came) = (Block::new(), Vec::new());
            let error = loop {
                match blocks.next(&mut block) {
                    Ok(more) => assert!(more, "the error is not passed over"),
                    Err(error) => break error,
                }
                came.extend_from_slice(block.text());
            };
            assert_eq!(came, wanted.as_bytes());
            assert_eq!(error.kind(), ErrorKind::InvalidData);
        }
    }

    #[test]
    fn no_text_gives_no_block() {
        assert!(lines(Vec::new(), false).is_empty());
    }
}
