//! The command patterns that a host has had: which one is new to it.
//!
//! Place in the flow: the lane asks it about each program start before it tells that. A pattern ([`super::mask`])
//! is known by its hash. A host is learnt from first, for [`Rarity::learning_ms`] of its own time from its first
//! program start on; then a pattern that it never had is told as first seen, once.
//!
//! Bounded by number: the ones that were not seen for the most days go first, a quarter at once. Where one of these was
//! seen within a learning period, the host has more patterns than are remembered, and "never seen" would not be true:
//! it is learnt from anew, and says nothing until then. What is saved of a pattern is its hash and the day on which it was seen
//! last, so a pattern costs the saved form little, once a day. It refuses to keep the text of a command.

use crate::model::settings::Rarity;
use crate::model::{Slots, Timestamp, Tracked};

const DAY_MS: i64 = 86_400_000;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patterns {
    /// The day on which each was seen last.
    pub by_hash: Tracked<u64, i32, Slots<u64, i32>>,
    /// When learning began.
    pub since: Option<Timestamp>,
    /// Patterns that `limits.memory` let go.
    pub dropped: u64,
}

impl Patterns {
    /// Takes the pattern of a program start; true: it is new to a host that has been learnt from.
    pub fn take(&mut self, pattern: u64, time: Timestamp, rarity: &Rarity, most: usize) -> bool {
        let since = *self.since.get_or_insert(time);
        let day = day_of(time);
        match self.by_hash.get(&pattern) {
            Some(&seen) if seen >= day => return false,
            Some(_) => {
                self.by_hash.insert(pattern, day);
                return false;
            }
            None => {}
        }
        let has_learnt = time.since(since) >= rarity.learning_ms;
        if self.by_hash.len() >= most {
            self.make_room(time, rarity, (most / 4).max(1));
        }
        self.by_hash.insert(pattern, day);
        has_learnt
    }

    /// Lets go those that were not seen for longest until so many are left.
    pub fn trim(&mut self, time: Timestamp, rarity: &Rarity, most: usize) {
        let many = self.by_hash.len().saturating_sub(most);
        if many > 0 {
            self.make_room(time, rarity, many);
            self.dropped += many as u64;
        }
    }

    fn make_room(&mut self, time: Timestamp, rarity: &Rarity, many: usize) {
        let aged = self.by_hash.iter().map(|(hash, day)| (*day, *hash));
        let mut aged: Vec<(i32, u64)> = aged.collect();
        let many = many.min(aged.len());
        let newest = *aged.select_nth_unstable(many - 1).1;
        for (_, hash) in &aged[..many] {
            self.by_hash.remove(hash);
        }
        if day_of(time.plus(-rarity.learning_ms)) <= newest.0 {
            self.since = Some(time);
        }
    }
}

fn day_of(time: Timestamp) -> i32 {
    let day = time.0.div_euclid(DAY_MS);
    day.clamp(i32::MIN.into(), i32::MAX.into()) as i32
}

#[cfg(test)]
#[path = "patterns_tests.rs"]
mod tests;
