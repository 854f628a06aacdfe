//! Gaps in the serials of a host, tolerant of disorder, repeats, reboots and the counter's wrap.
//!
//! Place in the flow: sees the stamp of each kernel event once, when it goes out (and of a line that comes
//! after its event went out). What lies between the newest serial and a newer one is a hole; events that
//! come late fill it. A hole that is left
//! when [`WINDOW`] more events have come and the host's time has moved on is a gap; so it is when the host
//! falls silent, and at the end of the input.
//!
//! - Serials are 32 bits and come round; 0 is given out by some kernels and left out by others
//!   (kernel/audit.c, audit_serial), so it is never missed.
//! - A serial below the newest with a later time is a new boot, and counting begins anew. So it does after
//!   a step of more than [`FARTHEST`], and when nothing fits any more.
//! - Before the first event nothing is known: where lines come late, a hole close behind the beginning
//!   may be filled by lines of before, and is not told.
//!
//! Bounded: [`MOST`] holes. Each event leaves at most one more, so the one that goes too early has seen
//! its window. It never knows why something is missing.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::model::gap::Gap;
use crate::model::{Stamp, Timestamp};

/// How many events of its host may come between an event and its place: those of the joining's window
/// (`WINDOW_LINES`), where each event is one line.
pub const WINDOW: u64 = 128;

const MOST: usize = WINDOW as usize + 2;

/// A longer step is no gap but another counter.
const FARTHEST: i64 = 1 << 24;

/// A lower serial that is later than this is of a new boot: within one, serials rise with time.
const REBOOT_MS: i64 = 2_000;

/// So many events in a row that fit nowhere are of a counter that was not seen to begin.
const LOST_TRACK: u32 = 1_024;

/// By the arrival clock a hole waits this many times as long as an event.
const PATIENCE: i64 = 5;

/// No counter comes so far.
const MOST_POSITION: u64 = 1 << 62;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hole {
    /// Positions, as [`Serials::newest`].
    from: u64,
    to: u64,
    /// Count of events when it was seen.
    seen: u64,
    arrived: Timestamp,
    after: Timestamp,
    before: Timestamp,
}

impl Hole {
    /// Its first position.
    pub fn first(&self) -> u64 {
        self.from
    }
}

/// The serials of one host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Serials {
    /// Position of the newest serial: its low 32 bits are the serial. 0: none was seen.
    newest: u64,
    /// Position of the first one.
    base: u64,
    /// The newest event time.
    time: Timestamp,
    /// Older events are of the boot before.
    since: Timestamp,
    /// Events since counting began.
    events: u64,
    /// By how many events the latest one came late.
    lateness: u64,
    strays: u32,
    /// Oldest first, and so by position too. Saved one by one.
    #[serde(skip)]
    holes: VecDeque<Hole>,
    /// The holes as they were when changes were asked for last.
    #[serde(skip)]
    told: VecDeque<Hole>,
}

impl Serials {
    /// An event of this stamp goes out, or a line of it has come late.
    pub fn see(&mut self, stamp: Stamp, now: Timestamp) {
        let Ok(serial) = u32::try_from(stamp.serial) else {
            return;
        };
        if self.newest == 0 {
            return self.begin(serial, stamp.time, Timestamp(i64::MIN));
        }
        if stamp.time < self.since {
            return self.fill_of_boot_before(serial, stamp.time);
        }
        self.events += 1;
        let step = i64::from(serial.wrapping_sub(self.newest as u32) as i32);
        match step {
            1 => {}
            2..=FARTHEST => self.open(step as u64, stamp.time, now),
            ..=0 if stamp.time.since(self.time) <= REBOOT_MS => {
                return self.fill(self.newest.wrapping_add_signed(step), stamp.time);
            }
            _ => return self.begin(serial, stamp.time, stamp.time.plus(-REBOOT_MS / 2)),
        }
        self.newest += step as u64;
        self.time = self.time.max(stamp.time);
        self.strays = 0;
    }

    /// Tells the holes that changed since the last question, by their first position; none: it is gone.
    pub fn changes(&mut self, mut each: impl FnMut(u64, Option<&Hole>)) {
        if self.told == self.holes {
            return;
        }
        // Both stand in the order of their positions.
        let (mut told, mut holes) = (self.told.iter().peekable(), self.holes.iter().peekable());
        loop {
            match (told.peek(), holes.peek()) {
                (Some(known), Some(hole)) if known.from == hole.from => {
                    if known != hole {
                        each(hole.from, Some(hole));
                    }
                    told.next();
                    holes.next();
                }
                (Some(known), hole) if hole.is_none_or(|hole| known.from < hole.from) => {
                    each(known.from, None);
                    told.next();
                }
                (_, Some(hole)) => {
                    each(hole.from, Some(hole));
                    holes.next();
                }
                (_, None) => break,
            }
        }
        self.told.clone_from(&self.holes);
    }

    /// Positions of the holes that somebody who asked has.
    pub fn told(&self) -> impl Iterator<Item = u64> {
        self.told.iter().map(|hole| hole.from)
    }

    /// Puts the saved holes back, in any order; `None` where one is of other serials than these.
    pub fn restore(&mut self, mut holes: Vec<Hole>) -> Option<()> {
        holes.sort_by_key(|hole| hole.from);
        let ends = holes.iter().skip(1).map(|next| next.from);
        let ends = ends.chain([self.newest]);
        let is_sound = self.newest <= MOST_POSITION && self.events <= MOST_POSITION;
        let mut apart = holes.iter().zip(ends);
        if !is_sound || !apart.all(|(hole, end)| hole.from <= hole.to && hole.to < end) {
            return None;
        }
        self.holes = holes.into();
        self.told.clone_from(&self.holes);
        Some(())
    }

    /// Whether an event of this stamp is of a later boot than those before.
    #[inline]
    pub fn is_of_new_boot(&self, stamp: Stamp) -> bool {
        let step = (stamp.serial as u32).wrapping_sub(self.newest as u32) as i32;
        step <= 0 && self.newest != 0 && stamp.time.since(self.time) > REBOOT_MS
    }

    /// How many holes there are.
    #[inline]
    pub fn holes(&self) -> usize {
        self.holes.len()
    }

    pub fn is_whole(&self) -> bool {
        self.holes.is_empty()
    }

    /// Gives the gaps whose wait is over. `wait_ms`: how long an event is waited for.
    pub fn settle(&mut self, now: Timestamp, wait_ms: i64, gap: &mut impl FnMut(Gap)) {
        while let Some(hole) = self.holes.front() {
            let moved_on = self.events.saturating_sub(hole.seen) >= WINDOW
                && self.time.since(hole.before) >= wait_ms;
            let silent = now.since(hole.arrived) >= wait_ms * PATIENCE;
            if !moved_on && !silent && self.holes.len() <= MOST {
                return;
            }
            self.pop(gap);
        }
    }

    /// When [`Serials::settle`] has a gap to give by the arrival clock, if no more comes.
    pub fn due_at(&self, wait_ms: i64) -> Option<Timestamp> {
        let hole = self.holes.front()?;
        Some(hole.arrived.plus(wait_ms * PATIENCE))
    }

    /// Gives all that is left: nothing more comes.
    pub fn finish(&mut self, gap: &mut impl FnMut(Gap)) {
        while !self.holes.is_empty() {
            self.pop(gap);
        }
    }

    fn pop(&mut self, gap: &mut impl FnMut(Gap)) {
        let Some(hole) = self.holes.pop_front() else {
            return;
        };
        // One of the counter before was seen when that was under way.
        if hole.from > self.base && hole.seen <= 2 * self.lateness {
            return;
        }
        let zero = (hole.from..=hole.to).contains(&(hole.to & !u64::from(u32::MAX)));
        let missing = hole.to - hole.from + 1 - u64::from(zero);
        if missing > 0 {
            gap(Gap {
                first: hole.from as u32,
                last: hole.to as u32,
                missing,
                after: hole.after,
                before: hole.before,
            });
        }
    }

    /// Positions of a counter leave room below for one that comes round, and stand above those of the
    /// counter before.
    fn begin(&mut self, serial: u32, time: Timestamp, since: Timestamp) {
        self.newest = ((self.newest >> 33) + 1) << 33 | 1 << 32 | u64::from(serial);
        self.base = self.newest;
        self.time = time;
        self.since = since;
        self.events = 0;
        self.lateness = 0;
        self.strays = 0;
    }

    fn open(&mut self, step: u64, time: Timestamp, now: Timestamp) {
        self.holes.push_back(Hole {
            from: self.newest + 1,
            to: self.newest + step - 1,
            seen: self.events,
            arrived: now,
            after: self.time,
            before: time,
        });
    }

    fn fill(&mut self, at: u64, time: Timestamp) {
        let hole = self.holes.iter().rposition(|hole| hole.from <= at);
        match hole.filter(|&hole| at <= self.holes[hole].to) {
            Some(hole) => {
                self.came_late(self.events.saturating_sub(self.holes[hole].seen));
                self.part(hole, at);
            }
            None => {
                if at < self.base {
                    self.came_late(self.events);
                }
                self.stray(at as u32, time);
            }
        }
    }

    fn came_late(&mut self, by: u64) {
        self.lateness = self.lateness.max(by.min(WINDOW));
    }

    fn fill_of_boot_before(&mut self, serial: u32, time: Timestamp) {
        let holes = self.holes.iter().enumerate();
        let mut found =
            holes.map(|(i, hole)| (i, hole.from & !u64::from(u32::MAX) | u64::from(serial)));
        let found = found.rfind(|&(i, at)| (self.holes[i].from..=self.holes[i].to).contains(&at));
        match found {
            Some((hole, at)) => self.part(hole, at),
            None => self.stray(serial, time),
        }
    }

    /// Takes one serial out of a hole.
    fn part(&mut self, hole: usize, at: u64) {
        self.strays = 0;
        let found = &mut self.holes[hole];
        let (from, to) = (found.from, found.to);
        match (at == from, at == to) {
            (true, true) => {
                self.holes.remove(hole);
            }
            (true, false) => found.from = at + 1,
            (false, true) => found.to = at - 1,
            (false, false) => {
                let below = Hole {
                    to: at - 1,
                    ..found.clone()
                };
                found.from = at + 1;
                self.holes.insert(hole, below);
            }
        }
    }

    /// It was seen before, or is older than all that was.
    fn stray(&mut self, serial: u32, time: Timestamp) {
        self.strays += 1;
        if self.strays >= LOST_TRACK {
            self.begin(serial, time, Timestamp(i64::MIN));
        }
    }
}

#[cfg(test)]
#[path = "serials_tests.rs"]
mod tests;
