//! Which program starts are told as new to their host, and how many starts each command pattern had.
//!
//! Place in the flow: before a program start is told. What is new is state of the host ([`Patterns`]); the counts are
//! of this run alone, and only kept where somebody asks ([`Lane::count_patterns`]).

use bumpalo::Bump;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::model::{Process, Settings};
use crate::pipeline::state::Patterns;
use crate::pipeline::state::mask::mask;

use super::Lane;
use super::desk::Desk;

/// Patterns that are counted; starts of others are counted together.
const MOST_COUNTED: usize = 100_000;

/// Commands whose pattern is remembered, for hosts start the same ones again and again.
const LATELY: usize = 256;

/// Hashes of commands, and of their patterns.
pub struct Lately(Box<[(u64, u64); LATELY]>);

impl Default for Lately {
    fn default() -> Lately {
        Lately(Box::new([(0, 0); LATELY]))
    }
}

/// Program starts by command pattern.
#[derive(Clone, Debug, Default)]
pub struct PatternCounts {
    by_pattern: HashMap<Box<[u8]>, u64, FixedState>,
    /// Starts of patterns that came when the bound was reached.
    pub others: u64,
}

impl PatternCounts {
    fn count(&mut self, pattern: &[u8]) {
        if let Some(count) = self.by_pattern.get_mut(pattern) {
            *count += 1;
        } else if self.by_pattern.len() < MOST_COUNTED {
            self.by_pattern.insert(pattern.into(), 1);
        } else {
            self.others += 1;
        }
    }

    /// Patterns and starts, the most frequent first.
    pub fn sorted(&self) -> Vec<(&[u8], u64)> {
        let all = self.by_pattern.iter();
        let mut all: Vec<(&[u8], u64)> = all.map(|(text, count)| (&**text, *count)).collect();
        all.sort_unstable_by(|(a, many), (b, more)| more.cmp(many).then(a.cmp(b)));
        all
    }

    /// Program starts.
    pub fn total(&self) -> u64 {
        self.by_pattern.values().sum::<u64>() + self.others
    }
}

impl Lane {
    /// From now on program starts are counted by their pattern.
    pub fn count_patterns(&mut self) {
        self.state.desk.counts = Some(PatternCounts::default());
    }

    pub fn pattern_counts(&self) -> Option<&PatternCounts> {
        self.state.desk.counts.as_ref()
    }
}

impl Desk {
    /// The pattern of a program start, where it is new to its host.
    pub fn new_pattern<'b>(
        &mut self,
        process: &Process<'_>,
        line: &[u8],
        known: &mut Patterns,
        settings: &Settings,
        bump: &'b Bump,
    ) -> Option<&'b [u8]> {
        if settings.rarity.is_none() && self.counts.is_none() {
            return None;
        }
        let exe = process.exe.or(process.comm).unwrap_or_default();
        if let Some(counts) = &mut self.counts {
            write(exe, line, &mut self.pattern);
            counts.count(&self.pattern);
        }
        let rarity = settings.rarity.as_ref()?;
        let raw = xxh3_64_with_seed(line, xxh3_64(exe));
        let lately = &mut self.lately.0[raw as usize % LATELY];
        if lately.0 != raw {
            write(exe, line, &mut self.pattern);
            *lately = (raw, xxh3_64(&self.pattern));
        }
        let most = settings.limits.patterns_per_host;
        if !known.take(lately.1, process.stamp.time, rarity, most) {
            return None;
        }
        write(exe, line, &mut self.pattern);
        Some(bump.alloc_slice_copy(&self.pattern))
    }
}

fn write(exe: &[u8], line: &[u8], pattern: &mut Vec<u8>) {
    pattern.clear();
    mask(exe, line, pattern);
}
