//! Several partitions read side by side, in the order of their records' timestamps.
//!
//! Place in the flow: before the re-key stage (rekey.rs). Where producers spread the lines of one host over partitions,
//! a backlog comes in pieces, a megabyte of one partition and then a megabyte of the next; written on like that, the
//! lines of one event would be further apart than any wait. So records are held until each partition that is not
//! known to be at its end has one, and the oldest goes first. It holds that:
//!
//! 1. Records of one partition keep their order. Of those with one timestamp, the partitions have turns, for so producers
//!    spread them.
//! 2. No more bytes are held than it was given, beside one batch; beyond it the oldest goes whatever the others have.
//! 3. A partition that has nothing and may have more is waited for: where records are new until its end is known, as it is
//!    within seconds, and while a backlog is read, or its leader is away, as long as another one may take to come up; and
//!    where a leader came back, until its producers have found it too.
//!
//! It refuses to know what a record is.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// As old are records of a backlog, in milliseconds.
const OLD: i64 = 2_000;
/// So long is a partition waited for that has nothing, while records of a backlog are held, or its leader is away.
const LONG: Duration = Duration::from_secs(30);
/// And while what is held is new. That a partition is at its end is told by the statistics, of each second.
const SHORT: Duration = Duration::from_secs(3);

/// What may come of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// Nothing: it was read to its end.
    AtEnd,
    /// More, in a moment.
    More,
    /// Nobody knows: its leader is away.
    Away,
    /// Its leader is there again, and its producers may not know yet. That lasts for seconds.
    Back,
}

/// Records of one partition.
struct Queue<R> {
    /// Timestamp, size, record.
    records: VecDeque<(i64, usize, R)>,
    /// Since when it has nothing.
    dry: Option<Instant>,
    /// When it had its turn last.
    turn: u64,
}

/// The partitions of one topic.
pub struct Abreast<R> {
    queues: BTreeMap<i32, Queue<R>>,
    bytes: usize,
    most: usize,
    turn: u64,
}

impl<R> Abreast<R> {
    /// Holds so many bytes.
    pub fn new(most: usize) -> Abreast<R> {
        Abreast {
            queues: BTreeMap::new(),
            bytes: 0,
            most,
            turn: 0,
        }
    }

    /// A partition is read from now on, from its beginning or anew.
    pub fn add(&mut self, partition: i32) {
        self.remove(partition);
        let queue = Queue {
            records: VecDeque::new(),
            dry: None,
            turn: 0,
        };
        self.queues.insert(partition, queue);
    }

    /// It is no more; what is held of it is forgotten.
    pub fn remove(&mut self, partition: i32) {
        if let Some(queue) = self.queues.remove(&partition) {
            self.bytes -= queue.records.iter().map(|(_, size, _)| size).sum::<usize>();
        }
    }

    /// What is held is forgotten.
    pub fn clear(&mut self) {
        self.queues
            .values_mut()
            .for_each(|queue| queue.records.clear());
        self.bytes = 0;
    }

    /// Takes a record; of a partition that is not read it is nothing. A timestamp from the future (a producer's clock that is
    /// ahead) counts as the wall time, as in the clock of a lane: it would be the newest of all, and its partition stood still for as long
    /// as others have something.
    pub fn push(
        &mut self,
        partition: i32,
        (timestamp, wall): (Option<i64>, i64),
        size: usize,
        record: R,
    ) {
        let timestamp = timestamp.unwrap_or(i64::MIN).min(wall);
        if let Some(queue) = self.queues.get_mut(&partition) {
            queue.dry = None;
            queue.records.push_back((timestamp, size, record));
            self.bytes += size;
        }
    }

    /// Nothing is held of this partition.
    pub fn is_dry(&self, partition: i32) -> bool {
        let queue = self.queues.get(&partition);
        queue.is_none_or(|queue| queue.records.is_empty())
    }

    /// Partitions of which something is held.
    pub fn filled(&self) -> impl Iterator<Item = i32> {
        let all = self.queues.iter();
        let filled = all.filter(|(_, queue)| !queue.records.is_empty());
        filled.map(|(partition, _)| *partition)
    }

    /// The oldest record, if it is its turn. `is_ahead`: of others, so it waits.
    pub fn next(
        &mut self,
        (now, wall): (Instant, i64),
        is_ahead: bool,
        outlook: impl Fn(i32) -> Outlook,
    ) -> Option<R> {
        let fronts = self.queues.iter();
        let fronts = fronts.filter_map(|(partition, queue)| {
            let (timestamp, _, _) = queue.records.front()?;
            Some((*timestamp, queue.turn, *partition))
        });
        let (timestamp, _, oldest) = fronts.min()?;
        let is_old = wall.saturating_sub(timestamp) > OLD;
        let patience = |outlook| match outlook {
            Outlook::AtEnd => Duration::ZERO,
            Outlook::More if !is_old => SHORT,
            Outlook::More | Outlook::Away => LONG,
            Outlook::Back => Duration::MAX,
        };
        let dry = self.queues.iter_mut();
        let dry = dry.filter(|(_, queue)| queue.records.is_empty());
        let mut waits = is_ahead;
        for (partition, queue) in dry {
            let since = *queue.dry.get_or_insert(now);
            waits |= now.saturating_duration_since(since) < patience(outlook(*partition));
        }
        if waits && self.bytes < self.most {
            return None;
        }
        let queue = self.queues.get_mut(&oldest)?;
        let (_, size, record) = queue.records.pop_front()?;
        if queue.records.is_empty() {
            queue.dry = Some(now);
        }
        self.bytes -= size;
        self.turn += 1;
        queue.turn = self.turn;
        Some(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WALL: i64 = 1_000_000;
    const MOST: usize = 1_000;

    fn all(abreast: &mut Abreast<&'static str>, now: Instant, ended: &[i32]) -> Vec<&'static str> {
        let outlook = |partition| match ended.contains(&partition) {
            true => Outlook::AtEnd,
            false => Outlook::More,
        };
        std::iter::from_fn(|| abreast.next((now, WALL), false, outlook)).collect()
    }

    #[test]
    fn the_oldest_goes_first_once_all_have_one() {
        let (now, mut abreast) = (Instant::now(), Abreast::new(MOST));
        abreast.add(0);
        abreast.add(1);
        for (partition, timestamp, record) in [(0, 10, "a"), (0, 30, "c"), (0, 20, "d")] {
            abreast.push(partition, (Some(timestamp), WALL), 1, record);
        }
        abreast.push(7, (Some(1), WALL), 1, "of no partition that is read");
        assert!(all(&mut abreast, now, &[]).is_empty());
        abreast.push(1, (Some(20), WALL), 1, "b");
        // The second has nothing more, and may yet get something older than what the first has.
        assert_eq!(all(&mut abreast, now, &[]), ["a", "b"]);
        assert_eq!(all(&mut abreast, now, &[1]), ["c", "d"]);
    }

    #[test]
    fn a_timestamp_from_the_future_holds_up_nobody() {
        let (now, mut abreast) = (Instant::now(), Abreast::new(MOST));
        abreast.add(0);
        abreast.add(1);
        abreast.push(0, (Some(WALL + 7_200_000), WALL), 1, "ahead");
        abreast.push(1, (Some(WALL - 1), WALL), 1, "before");
        abreast.push(0, (Some(WALL + 2), WALL + 2), 1, "behind it");
        for later in 1..4 {
            let wall = WALL + later;
            abreast.push(1, (Some(wall), wall), 1, "after");
        }
        let came = all(&mut abreast, now, &[0, 1]);
        assert_eq!(
            came,
            ["before", "ahead", "after", "behind it", "after", "after"]
        );
    }

    #[test]
    fn of_one_timestamp_the_partitions_have_turns() {
        let (now, mut abreast) = (Instant::now(), Abreast::new(MOST));
        (0..3).for_each(|partition| abreast.add(partition));
        for (partition, record) in [(0, "a"), (1, "b"), (2, "c"), (0, "d"), (1, "e"), (2, "f")] {
            abreast.push(partition, (Some(10), WALL), 1, record);
        }
        let ended = [0, 1, 2];
        assert_eq!(
            all(&mut abreast, now, &ended),
            ["a", "b", "c", "d", "e", "f"]
        );
    }

    #[test]
    fn a_partition_that_has_nothing_is_waited_for_but_not_for_long() {
        let (now, mut abreast) = (Instant::now(), Abreast::new(MOST));
        abreast.add(0);
        abreast.add(1);
        abreast.push(0, (Some(WALL - 3_600_000), WALL), 1, "old");
        assert!(all(&mut abreast, now, &[]).is_empty());
        assert!(all(&mut abreast, now + LONG / 2, &[]).is_empty());
        assert_eq!(all(&mut abreast, now + LONG, &[]), ["old"]);
        abreast.push(1, (Some(WALL - 3_600_000), WALL), 1, "old");
        assert!(all(&mut abreast, now + LONG * 2, &[]).len() == 1);
        abreast.push(0, (Some(WALL - 5), WALL), 1, "new");
        assert!(all(&mut abreast, now + LONG * 2 + SHORT / 2, &[]).is_empty());
        assert_eq!(all(&mut abreast, now + LONG * 2 + SHORT, &[]), ["new"]);
    }

    #[test]
    fn a_leader_that_is_away_is_waited_for_also_while_records_are_new() {
        let (now, mut abreast) = (Instant::now(), Abreast::new(MOST));
        abreast.add(0);
        abreast.add(1);
        abreast.push(0, (Some(WALL - 5), WALL), 1, "new");
        let mut next = |after| abreast.next((now + after, WALL), false, |_| Outlook::Away);
        assert_eq!(next(Duration::ZERO), None);
        assert_eq!(next(LONG / 2), None);
        assert_eq!(next(LONG), Some("new"));
    }

    #[test]
    fn producers_may_find_a_leader_later_than_we_do() {
        let (now, mut abreast) = (Instant::now(), Abreast::new(MOST));
        abreast.add(0);
        abreast.add(1);
        abreast.push(0, (Some(WALL - 5), WALL), 1, "new");
        let mut next = |outlook| abreast.next((now + LONG * 2, WALL), false, |_| outlook);
        assert_eq!(next(Outlook::Back), None);
        assert_eq!(next(Outlook::AtEnd), Some("new"));
    }

    #[test]
    fn who_is_ahead_waits_as_far_as_there_is_room() {
        let (now, mut abreast) = (Instant::now(), Abreast::new(MOST));
        abreast.add(0);
        abreast.add(1);
        abreast.push(0, (Some(10), WALL), 1, "a");
        assert_eq!(abreast.filled().collect::<Vec<_>>(), [0]);
        let next = |abreast: &mut Abreast<_>, is_ahead| {
            abreast.next((now, WALL), is_ahead, |_| Outlook::AtEnd)
        };
        assert_eq!(next(&mut abreast, true), None);
        abreast.push(1, (Some(11), WALL), MOST, "b");
        assert_eq!(next(&mut abreast, true), Some("a"));
        assert_eq!(next(&mut abreast, false), Some("b"));
    }

    #[test]
    fn what_is_held_is_bounded_and_forgotten_with_its_partition() {
        let (now, mut abreast) = (Instant::now(), Abreast::new(MOST));
        abreast.add(0);
        abreast.add(1);
        abreast.push(0, (Some(1), WALL), MOST, "large");
        abreast.push(0, (Some(2), WALL), 1, "small");
        assert_eq!(all(&mut abreast, now, &[]), ["large"]);
        abreast.remove(0);
        assert_eq!(abreast.bytes, 0);
        abreast.push(1, (Some(1), WALL), 5, "more");
        abreast.clear();
        assert_eq!(abreast.bytes, 0);
        assert!(all(&mut abreast, now, &[0, 1]).is_empty());
    }
}
