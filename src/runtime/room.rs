//! How much each lane may weigh, and what was let go for it.
//!
//! Place in the flow: beside the workers. All lanes of the process that hold state share what `limits.memory` leaves them, in even parts;
//! a part changes when a lane comes or goes, and each worker tells its lanes at its next turn. It refuses to move memory
//! from a lane that is idle to one that is busy: the lanes would have to wait for each other.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::model::{Evicted, Source};

const TELL_EVERY: Duration = Duration::from_secs(10);

pub struct Room {
    /// What all lanes together may weigh.
    bytes: usize,
    lanes: AtomicUsize,
}

impl Room {
    pub fn new(bytes: usize) -> Room {
        Room {
            bytes,
            lanes: AtomicUsize::new(0),
        }
    }

    /// A lane was taken up. Flows leave nothing behind.
    pub fn enter(&self, source: Source) {
        self.lanes
            .fetch_add(usize::from(source == Source::Audit), Ordering::Relaxed);
    }

    pub fn leave(&self, source: Source) {
        self.lanes
            .fetch_sub(usize::from(source == Source::Audit), Ordering::Relaxed);
    }

    /// The part of one lane.
    pub fn share(&self) -> usize {
        self.bytes / self.lanes.load(Ordering::Relaxed).max(1)
    }
}

/// What lanes were made to let go since it was told last, by kind.
#[derive(Default)]
pub struct LetGo {
    counts: [u64; Evicted::ALL.len()],
    told: Option<Instant>,
}

impl LetGo {
    pub fn add(&mut self, counts: [u64; Evicted::ALL.len()]) {
        for (count, more) in self.counts.iter_mut().zip(counts) {
            *count += more;
        }
    }

    /// At once, and then no more often than every ten seconds.
    pub fn tell(&mut self, worker: usize, share: usize, now: Instant) {
        let is_due = |told: Instant| now.saturating_duration_since(told) >= TELL_EVERY;
        if self.counts.iter().all(|count| *count == 0) || !self.told.is_none_or(is_due) {
            return;
        }
        let counts = Evicted::ALL.iter().zip(self.counts);
        let let_go: Vec<String> = counts
            .filter(|(_, count)| *count > 0)
            .map(|(kind, count)| format!("{}: {count}", kind.as_str()))
            .collect();
        tracing::warn!(
            worker,
            share,
            let_go = let_go.join(", "),
            "limits.memory is reached: a lane weighed more than its share, and let the oldest go"
        );
        self.counts = Default::default();
        self.told = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_that_come_and_go_change_the_share() {
        let room = Room::new(1200);
        assert_eq!(room.share(), 1200);
        for _ in 0..4 {
            room.enter(Source::Audit);
            room.enter(Source::Flow);
        }
        assert_eq!(room.share(), 300);
        room.leave(Source::Flow);
        room.leave(Source::Audit);
        assert_eq!(room.share(), 400);
    }

    #[test]
    fn what_was_let_go_is_told_at_once_and_then_seldom() {
        let (mut let_go, began) = (LetGo::default(), Instant::now());
        let is_told = |let_go: &LetGo| let_go.counts == [0; Evicted::ALL.len()];
        let_go.tell(0, 1, began);
        assert_eq!(let_go.told, None, "there is nothing");
        let_go.add([1; Evicted::ALL.len()]);
        let_go.tell(0, 1, began);
        assert!(is_told(&let_go));
        let_go.add([2; Evicted::ALL.len()]);
        let_go.tell(0, 1, began + TELL_EVERY / 2);
        assert!(!is_told(&let_go));
        let_go.tell(0, 1, began + TELL_EVERY);
        assert!(is_told(&let_go));
    }
}
