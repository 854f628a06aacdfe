//! Feeds lines to the lane.
//!
//! Place in the flow: blocks → lane → outputs. The clock stands still here, so the result is a
//! function of the bytes alone. It refuses to read or write anything.

use super::blocks::Block;
use crate::model::sixteen::Lines;
use crate::model::{Input, Outputs, Source, Timestamp};
use crate::pipeline::intel::IntelSet;
use crate::pipeline::lane::{Lane, PatternCounts, Stats};

/// Outputs are handed on when they hold this much.
const CHUNK: usize = 256 << 10;

/// The arrival clock of `replay`.
const STILL: Timestamp = Timestamp(0);

/// What was counted on the way.
pub(super) struct Counted {
    pub(super) stats: Stats,
    pub(super) patterns: Option<PatternCounts>,
}

pub(in crate::cli) struct Follower<'i> {
    lane: Lane,
    intel: &'i IntelSet,
    offset: i64,
}

impl<'i> Follower<'i> {
    pub(in crate::cli) fn new(lane: Lane, intel: &'i IntelSet) -> Follower<'i> {
        Follower {
            lane,
            intel,
            offset: 0,
        }
    }

    /// Follows one block; `hand_on` takes what has gathered in `out` and clears it.
    pub(super) fn block<E>(
        &mut self,
        block: &Block,
        out: &mut Outputs,
        mut hand_on: impl FnMut(&mut Outputs) -> Result<(), E>,
    ) -> Result<(), E> {
        for line in Lines::new(block.text()) {
            self.line(block.source, line, out);
            if out.bytes() >= CHUNK {
                hand_on(out)?;
            }
        }
        if out.is_empty() { Ok(()) } else { hand_on(out) }
    }

    fn line(&mut self, source: Source, line: &[u8], out: &mut Outputs) {
        if line.is_empty() || line == b"\r" {
            return;
        }
        let input = Input {
            source,
            value: line,
            key: None,
            host: None,
            offset: self.offset,
        };
        self.lane.step(STILL, input, self.intel, out);
        self.offset += 1;
    }

    /// The input has ended.
    pub(super) fn finish(mut self, out: &mut Outputs) -> Counted {
        self.lane.finish(self.intel, out);
        let counted = Counted {
            stats: self.lane.stats().clone(),
            patterns: self.lane.pattern_counts().cloned(),
        };
        // The process ends soon: to take the state of many hosts apart would be the longest step of all.
        std::mem::forget(self.lane);
        counted
    }
}
