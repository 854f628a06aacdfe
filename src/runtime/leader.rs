//! Whether the leader of a partition is there, and whether it may have been away a moment ago.
//!
//! Place in the flow: in a seat (seat.rs), beside its lane. What is known is when it was heard of, so a time in which
//! nobody listened, since the worker waited for something else, counts as one in which it was away. It refuses to read
//! a clock, and to guess: who was not heard of is away.

/// The brokers answer a fetch at least every half second and the statistics come every second, so a leader that was not
/// heard of for so many milliseconds is away, or about to be told away.
pub const HEARD_WITHIN_MS: i64 = 1_800;
/// So many milliseconds do producers need at most to find a leader that has come up: they ask once a second where all are,
/// and wait up to a second between two attempts (librdkafka's `retry.backoff.max.ms`).
const FOUND_WITHIN_MS: i64 = 5_000;

/// Times are in milliseconds of a clock that nobody sets.
#[derive(Debug)]
pub struct Leader {
    /// Since when it is listened to.
    since: i64,
    heard: Option<i64>,
    /// A connection failed since it was heard of.
    lost: bool,
    /// The last two of these times between which it may have been away.
    silence: Option<(i64, i64)>,
}

impl Leader {
    pub fn new(since: i64) -> Leader {
        Leader {
            since,
            heard: None,
            lost: false,
            silence: None,
        }
    }

    /// It was there at this time.
    pub fn heard(&mut self, at: i64) {
        let before = self.heard.unwrap_or(self.since);
        if self.lost || at.saturating_sub(before) >= HEARD_WITHIN_MS {
            self.silence = Some((before, at));
        }
        self.lost = false;
        self.heard = Some(before.max(at));
    }

    /// A connection failed, maybe its own: until it is heard of again it counts as away.
    pub fn lost(&mut self) {
        self.lost = true;
    }

    pub fn is_there(&self, now: i64) -> bool {
        let heard = self.heard.filter(|_| !self.lost);
        heard.is_some_and(|heard| now.saturating_sub(heard) < HEARD_WITHIN_MS)
    }

    /// It came back, and its producers may not have found it yet: they are given as long as it may have been away.
    pub fn is_back_lately(&self, now: i64) -> bool {
        self.silence.is_some_and(|(from, until)| {
            let given = until.saturating_sub(from).min(FOUND_WITHIN_MS);
            now.saturating_sub(until) < given
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_not_heard_of_for_a_while_is_away() {
        let mut leader = Leader::new(900);
        assert!(!leader.is_there(1_000) && !leader.is_back_lately(1_000));
        leader.heard(1_000);
        assert!(leader.is_there(2_799) && !leader.is_there(2_800));
        // Older news change nothing.
        leader.heard(500);
        assert!(leader.is_there(2_799) && !leader.is_back_lately(2_799));
        leader.lost();
        assert!(!leader.is_there(1_001));
    }

    /// Also where nobody asked meanwhile: a worker that waited for a commit for fourteen seconds wrote on what it held, and
    /// lines of a partition whose producer had not found its new leader came after.
    #[test]
    fn its_producers_are_given_as_long_as_it_may_have_been_away() {
        for (silent, given) in [(1_799, 0), (3_000, 3_000), (14_000, 5_000)] {
            let mut leader = Leader::new(900);
            leader.heard(1_000);
            let back = 1_000 + silent;
            leader.heard(back);
            assert!(leader.is_there(back));
            // A producer that has found it may bring the rest in a moment: it has more than one batch to repeat.
            leader.heard(back + 1);
            assert!(given == 0 || leader.is_back_lately(back + given - 1));
            assert!(!leader.is_back_lately(back + given), "{silent}");
            // Also where it was away from the beginning.
            let mut leader = Leader::new(1_000);
            leader.heard(back);
            assert!(given == 0 || leader.is_back_lately(back + given - 1));
        }
    }

    #[test]
    fn a_connection_that_failed_may_have_been_its_own() {
        let mut leader = Leader::new(900);
        leader.heard(1_000);
        leader.lost();
        leader.heard(1_400);
        assert!(leader.is_there(1_400) && leader.is_back_lately(1_799));
        assert!(!leader.is_back_lately(1_800));
    }
}
