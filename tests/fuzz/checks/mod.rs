//! What must hold of each reader of outside bytes, whatever the bytes: one file for each reader.
//!
//! Two callers: libFuzzer (`targets/`, nightly, as long as one likes) and the test beside this
//! (`main.rs`, stable, in `./test`). A check gets bytes and panics where a promise is broken. "No panic"
//! is the least of them: what is decoded encodes back to the same bytes, memory stays within bounds, and
//! nothing that came in is lost on the way.

pub mod config;
pub mod envelope;
pub mod execve;
pub mod flow;
pub mod indicators;
pub mod lane;
pub mod line;
pub mod saved;
pub mod values;

/// Takes choices out of the fuzzer's bytes; zeroes when they are used up.
pub struct Choices<'a> {
    rest: &'a [u8],
}

impl<'a> Choices<'a> {
    pub fn new(bytes: &'a [u8]) -> Choices<'a> {
        Choices { rest: bytes }
    }

    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }

    pub fn number(&mut self, bytes: usize) -> u64 {
        let taken = self.take(bytes);
        taken.iter().fold(0, |n, b| n << 8 | u64::from(*b))
    }

    /// At most `count` bytes.
    pub fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(count.min(self.rest.len()));
        self.rest = rest;
        taken
    }
}
