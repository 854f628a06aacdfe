//! The arrival clock of a lane: the `now` that a lane is given.
//!
//! Place in the flow: between the consumer and the lane. An event that is not whole is waited for
//! by arrival time, and arrival must not mean "when this process happened to read it": while a
//! backlog is read after an outage, records that arrived seconds apart are read microseconds apart,
//! and records on both sides of the outage are read far apart. So the clock follows the timestamps of
//! the records, and time that passes moves it on only while the partition is known to be at its end.
//!
//! It refuses to read any clock: the time is an argument. It never goes back.

use crate::model::Timestamp;

/// A moment, in milliseconds by two clocks. The wall's is compared with what others say, and somebody may set it: a
/// machine whose clock was hours ahead when it came up. Durations are taken from the other.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    pub wall: i64,
    pub steady: i64,
}

/// The arrival clock of one lane.
#[derive(Debug, Default)]
pub struct ArrivalClock {
    now: Option<i64>,
    /// Up to when idle time has been counted; `None` while the clock stands still.
    idle_since: Option<i64>,
}

impl ArrivalClock {
    /// Goes on from where the clock of an owner before stood.
    pub fn resume(now: i64) -> ArrivalClock {
        ArrivalClock {
            now: (now > i64::MIN).then_some(now),
            idle_since: None,
        }
    }

    /// A record with this Kafka timestamp was read. A timestamp from the future (a producer's clock
    /// that is ahead) counts as the wall time, one from the past as the time of the record before.
    pub fn record(&mut self, timestamp: Option<i64>, wall: i64) -> Timestamp {
        self.idle_since = None;
        let at = timestamp.unwrap_or(wall).min(wall);
        let now = self.now.map_or(at, |now| now.max(at));
        self.now = Some(now);
        Timestamp(now)
    }

    /// Nothing is waiting to be read, and the brokers are known to be there: time passes, `steady`. By as much
    /// as passed, not up to the wall's: where records come minutes old, the rest of their
    /// events does too. `None` before the first record: there is nothing to wait for.
    pub fn idle(&mut self, steady: i64) -> Option<Timestamp> {
        let now = self.now.as_mut()?;
        let since = self.idle_since.replace(steady).unwrap_or(steady);
        *now += (steady - since).max(0);
        Some(Timestamp(*now))
    }

    /// Records may be waiting that are not here yet: time stands still.
    pub fn stall(&mut self) {
        self.idle_since = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_on_from_the_clock_of_an_owner_before() {
        let mut clock = ArrivalClock::resume(1_000);
        assert_eq!(clock.idle(9_000), Some(Timestamp(1_000)));
        assert_eq!(clock.idle(9_030), Some(Timestamp(1_030)));
        assert_eq!(clock.record(Some(900), 9_040), Timestamp(1_030));
        assert_eq!(ArrivalClock::resume(i64::MIN).idle(9_000), None);
    }

    #[test]
    fn a_backlog_is_read_at_the_times_of_its_records() {
        let mut clock = ArrivalClock::default();
        assert_eq!(clock.record(Some(1_000), 900_000), Timestamp(1_000));
        assert_eq!(clock.record(Some(1_040), 900_000), Timestamp(1_040));
        assert_eq!(clock.record(Some(1_060), 960_000), Timestamp(1_060));
    }

    #[test]
    fn it_never_goes_back_and_never_passes_the_wall() {
        let mut clock = ArrivalClock::default();
        assert_eq!(clock.record(Some(5_000), 9_000), Timestamp(5_000));
        assert_eq!(clock.record(Some(4_000), 9_000), Timestamp(5_000));
        assert_eq!(clock.record(Some(99_000), 9_000), Timestamp(9_000));
        assert_eq!(clock.record(None, 9_500), Timestamp(9_500));
    }

    #[test]
    fn only_idle_time_moves_it() {
        let mut clock = ArrivalClock::default();
        assert_eq!(clock.idle(50), None);
        clock.record(Some(1_000), 60_000);
        assert_eq!(clock.idle(60_100), Some(Timestamp(1_000)));
        assert_eq!(clock.idle(60_125), Some(Timestamp(1_025)));
        // Ten seconds without the brokers are no waiting time.
        clock.stall();
        assert_eq!(clock.idle(70_000), Some(Timestamp(1_025)));
        assert_eq!(clock.idle(70_030), Some(Timestamp(1_055)));
        // Neither is a clock that is set back.
        assert_eq!(clock.idle(1_000), Some(Timestamp(1_055)));
    }
}
