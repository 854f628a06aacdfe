//! Joins the records of one host's events, in any order, within bounds, and lets them go in the order
//! of their stamps.
//!
//! Place in the flow: lines of one host in, whole events out. An event leaves
//!
//! 1. at once when EOE is here and everything that its records promise is too;
//! 2. else, when nothing that was promised is missing, after a short settle time for companions of
//!    its serial (there is no EOE in log files; LOGIN and, on some kernels, USER_* are followed by a SYSCALL);
//! 3. else incomplete: after the time-out, at a bound, or at the end of the input.
//!
//! Waits end by the host's own event time, once [`WINDOW_LINES`] more of its lines have come (times
//! jump: a quiet minute must not cut off an event whose lines are shuffled with the next one's), or by
//! the arrival clock. Events leave in the order of their stamps, so that what follows a session sees
//! its records in the order in which they happened, however the lines came. An event that is stuck
//! holds those behind it back, for the time-out at most.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::model::process::Cut;
use crate::model::ring::Page;
use crate::model::settings::Waits;
use crate::model::{Ring, Stamp, Timestamp};

use super::event::{Event, Habits, Readiness};
use super::line::Record;
use super::record_types::RecordType;

/// How many lines of its host may come between two lines of one event. The live recordings have
/// events that span 167 lines of a loaded machine, all of them open at once; what counts here is the
/// pause between neighbours.
pub const WINDOW_LINES: u64 = 128;

/// Stamps of events that went out, to know a line that comes after.
pub const REMEMBERED: usize = 128;

/// How many lines a host counts as disorderly after one came out of order.
const DISORDER_LINES: u64 = 4096;

/// Events without PROCTITLE after which a host is held to write none; and messages of programs without SYSCALL
/// after which they are held to stand alone.
const ENOUGH: u8 = 3;

/// Lists of open events with no more places are kept.
const FEW: usize = 128;

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Push {
    /// It began an event.
    New,
    /// It joined one.
    Joined,
    /// It joined one that is too large now.
    Full,
    /// Its event had gone out.
    Late,
}

/// The open events of one host.
#[derive(Clone, Debug, Default)]
pub struct HostBuffer {
    /// Sorted by stamp.
    open: VecDeque<Box<Event>>,
    /// Theirs, side by side: a line looks for its event among them, and touches no other.
    stamps: VecDeque<Stamp>,
    bytes: usize,
    lines: u64,
    newest: Timestamp,
    proctitle: bool,
    /// Events that ended without PROCTITLE, on a host that never wrote one.
    without_proctitle: u8,
    /// Messages of programs that ended without SYSCALL, on a host where none had it.
    messages_alone: u8,
    messages_joined: bool,
    disorder_until: u64,
    pub released: Ring<Stamp, REMEMBERED>,
    last_released: Stamp,
    /// Lines when changes were asked for last: events with a newer line have changed.
    asked: u64,
    /// Stamps of saved events that have gone since.
    gone: Vec<Stamp>,
}

/// The saved form of a buffer, beside its open events and the pages of `released`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct BufferCore {
    lines: u64,
    newest: Timestamp,
    proctitle: bool,
    without_proctitle: u8,
    messages_alone: u8,
    messages_joined: bool,
    disorder_until: u64,
    released: u64,
    last_released: Stamp,
}

/// Where a record came from, for the event that it may begin.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    pub now: Timestamp,
    pub offset: i64,
    /// The next age of the lane.
    pub age: u64,
    /// Bytes that one event may have.
    pub most_bytes: usize,
    /// [`Waits::shuffled`]
    pub shuffled: bool,
}

impl HostBuffer {
    pub fn len(&self) -> usize {
        self.open.len()
    }

    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Bytes of the open events.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The newest event time seen.
    pub fn newest(&self) -> Timestamp {
        self.newest
    }

    /// Offset of the first record of the oldest open event.
    pub fn first_offset(&self) -> Option<i64> {
        self.open.iter().map(|event| event.first_offset).min()
    }

    pub fn ages(&self) -> impl Iterator<Item = u64> {
        self.open.iter().map(|event| event.age)
    }

    /// Takes one record; `spare` gives the memory of an event that has gone.
    #[inline(always)]
    pub fn push(
        &mut self,
        record: &Record<'_>,
        arrival: Arrival,
        spare: &mut Vec<Box<Event>>,
    ) -> Push {
        self.lines += 1;
        self.newest = self.newest.max(record.stamp.time);
        let (at, found) = self.place(record.stamp);
        if !found {
            if self.is_late(record) {
                // What closed it too early was an order that EOE does not vouch for.
                self.disorder_until = self.lines + DISORDER_LINES;
                self.messages_joined |= record.kind == RecordType::SYSCALL;
                return Push::Late;
            }
            let spare = spare.pop();
            let event = spare.unwrap_or_else(|| Box::new(Event::with_room()));
            self.begin(at, event, record.stamp, arrival);
        }
        self.proctitle |= record.kind == RecordType::PROCTITLE;
        let event = &mut self.open[at];
        if !event.push(record) {
            self.disorder_until = self.lines + DISORDER_LINES;
        }
        event.last_line = self.lines;
        event.arrived = arrival.now;
        event.judge(Habits {
            proctitle: self.proctitle,
            no_proctitle: !self.proctitle && self.without_proctitle >= ENOUGH,
            messages_alone: !self.messages_joined && self.messages_alone >= ENOUGH,
            disorder: arrival.shuffled | (self.lines < self.disorder_until),
        });
        self.bytes += Event::weight(record);
        match (found, event.is_larger_than(arrival.most_bytes)) {
            (false, _) => Push::New,
            (true, false) => Push::Joined,
            (true, true) => Push::Full,
        }
    }

    fn begin(&mut self, at: usize, mut event: Box<Event>, stamp: Stamp, arrival: Arrival) {
        event.stamp = stamp;
        event.first_offset = arrival.offset;
        event.age = arrival.age;
        if at == self.open.len() {
            self.open.push_back(event);
            self.stamps.push_back(stamp);
        } else {
            self.open.insert(at, event);
            self.stamps.insert(at, stamp);
        }
    }

    /// An event of this stamp is open here, or went out lately.
    pub fn knows(&self, stamp: Stamp) -> bool {
        self.place(stamp).1 || self.released.contains(&stamp)
    }

    /// Takes out the open event of a stamp: it turned out to be of another host.
    pub fn give_up(&mut self, stamp: Stamp) -> Option<Box<Event>> {
        let at = Some(self.place(stamp)).filter(|(_, found)| *found)?.0;
        let event = self.remove(at)?;
        self.bytes -= event.bytes();
        if event.saved {
            self.gone.push(event.stamp);
        }
        Some(event)
    }

    /// Whether [`HostBuffer::pop_due`] has an event to give.
    #[inline]
    pub fn is_due(&self, now: Timestamp, waits: &Waits) -> bool {
        let front = self.open.front();
        front.is_some_and(|event| self.due(event, now, waits).is_some())
    }

    /// When the next event may go by the arrival clock; none is open: never.
    pub fn due_at(&self, waits: &Waits) -> Option<Timestamp> {
        let front = self.open.front()?;
        Some(front.arrived.plus(wait_of(front, waits)))
    }

    /// Takes out the next event that may go: the one with the lowest stamp, when its wait is over.
    pub fn pop_due(&mut self, now: Timestamp, waits: &Waits) -> Option<(Box<Event>, Option<Cut>)> {
        let cut = self.due(self.open.front()?, now, waits)?;
        self.take(0).map(|event| (event, cut))
    }

    /// Takes out the next event whatever it waits for: the input has ended.
    pub fn pop_last(&mut self) -> Option<(Box<Event>, Option<Cut>)> {
        let event = self.take(0)?;
        let cut = (event.readiness == Readiness::Open).then_some(Cut::Ended);
        Some((event, cut))
    }

    /// Takes out an event that is not open in any sense, wherever it stands: the lane is leaving.
    pub fn pop_finished(&mut self) -> Option<Box<Event>> {
        let at = self
            .open
            .iter()
            .position(|event| event.readiness != Readiness::Open)?;
        self.take(at)
    }

    /// Takes out the next event, where nothing that was promised to it is missing and it is not younger.
    pub fn pop_settled(&mut self, age: u64) -> Option<Box<Event>> {
        let front = self.open.front()?;
        let goes = front.readiness != Readiness::Open && front.age <= age;
        goes.then(|| self.take(0)).flatten()
    }

    /// Takes out the oldest event at or below this age: a bound was reached.
    pub fn pop_evicted(&mut self, age: u64) -> Option<(Box<Event>, Option<Cut>)> {
        let at = self.open.iter().position(|event| event.age <= age)?;
        let event = self.take(at)?;
        let cut = (event.readiness == Readiness::Open).then_some(Cut::Evicted);
        Some((event, cut))
    }

    /// Takes out the event of a stamp: it is too large.
    pub fn pop_full(&mut self, stamp: Stamp) -> Option<(Box<Event>, Option<Cut>)> {
        let at = Some(self.place(stamp)).filter(|(_, found)| *found)?.0;
        let event = self.take(at)?;
        let cut = (event.readiness == Readiness::Open).then_some(Cut::Evicted);
        Some((event, cut))
    }

    /// The oldest age of this host.
    pub fn oldest(&self) -> Option<u64> {
        self.ages().min()
    }

    /// `None`: it waits on. `Some(None)`: it is whole. `Some(Some(cut))`: it goes as it is.
    #[inline]
    fn due(&self, event: &Event, now: Timestamp, waits: &Waits) -> Option<Option<Cut>> {
        let (by_host, by_arrival, cut) = match event.readiness {
            Readiness::Whole => return Some(None),
            Readiness::Settling => (waits.settle_ms, wait_of(event, waits), None),
            Readiness::Open => (waits.event_ms, wait_of(event, waits), Some(Cut::TimedOut)),
        };
        let moved_on = self.lines - event.last_line >= WINDOW_LINES;
        let moved_on = moved_on && self.newest.since(event.stamp.time) >= by_host;
        let over = moved_on || now.since(event.arrived) >= by_arrival;
        over.then_some(cut)
    }

    fn take(&mut self, at: usize) -> Option<Box<Event>> {
        let event = self.remove(at)?;
        if event.lacks_proctitle() {
            self.without_proctitle = self.without_proctitle.saturating_add(1);
        }
        if event.is_message() {
            self.messages_joined |= !event.is_lone();
            self.messages_alone = self.messages_alone.saturating_add(1);
        }
        self.bytes -= event.bytes();
        if event.saved {
            self.gone.push(event.stamp);
        }
        self.released.push(event.stamp);
        self.last_released = self.last_released.max(event.stamp);
        Some(event)
    }

    /// A record of an event that went out: one of the stamps remembered, or a part of a system call that
    /// does not begin it and is older than all of these.
    fn is_late(&self, record: &Record<'_>) -> bool {
        let straggles = record.kind.is_part_of_syscall() || record.kind == RecordType::EOE;
        let oldest = self.released.oldest_of_all();
        let forgotten = oldest.is_some_and(|oldest| record.stamp < *oldest);
        (record.stamp <= self.last_released && self.released.contains(&record.stamp))
            || (forgotten && straggles && record.kind != RecordType::SYSCALL)
    }

    pub fn core(&self) -> BufferCore {
        BufferCore {
            lines: self.lines,
            newest: self.newest,
            proctitle: self.proctitle,
            without_proctitle: self.without_proctitle,
            messages_alone: self.messages_alone,
            messages_joined: self.messages_joined,
            disorder_until: self.disorder_until,
            released: self.released.pushed(),
            last_released: self.last_released,
        }
    }

    /// Tells the open events that changed since the last question, and the stamps of those that are saved
    /// and have gone. What began and went since is not told.
    pub fn changes(&mut self, mut each: impl FnMut(Stamp, Option<&Event>)) {
        for stamp in std::mem::take(&mut self.gone) {
            if !self.place(stamp).1 {
                each(stamp, None);
            }
        }
        for event in &mut self.open {
            if event.last_line > self.asked || !event.saved {
                event.saved = true;
                each(event.stamp, Some(event));
            }
        }
        self.asked = self.lines;
    }

    /// Stamps of the events that somebody who asked has.
    pub fn told(&self) -> impl Iterator<Item = Stamp> {
        let open = self.open.iter().filter(|event| event.saved);
        let open = open.map(|event| event.stamp);
        self.gone.iter().copied().chain(open)
    }

    /// A buffer out of its saved form, events and pages in any order.
    ///
    /// # Errors
    /// What it lacks: a page, or lines that an event says it had.
    pub fn restore(
        core: BufferCore,
        mut events: Vec<Event>,
        released: Vec<(u8, Page<Stamp>)>,
    ) -> Result<HostBuffer, &'static str> {
        if events.iter().any(|event| event.last_line > core.lines) {
            return Err("the lines of an event");
        }
        events.sort_by_key(|event| event.stamp);
        events.iter_mut().for_each(|event| event.saved = true);
        Ok(HostBuffer {
            bytes: events.iter().map(Event::bytes).sum(),
            stamps: events.iter().map(|event| event.stamp).collect(),
            open: events.into_iter().map(Box::new).collect(),
            lines: core.lines,
            newest: core.newest,
            proctitle: core.proctitle,
            without_proctitle: core.without_proctitle,
            messages_alone: core.messages_alone,
            messages_joined: core.messages_joined,
            disorder_until: core.disorder_until,
            released: Ring::of_pages(core.released, released).ok_or("a page of stamps")?,
            last_released: core.last_released,
            asked: core.lines,
            gone: Vec::new(),
        })
    }

    /// Where the event of this stamp stands, or should.
    #[inline(always)]
    fn place(&self, stamp: Stamp) -> (usize, bool) {
        // Most lines belong to one of the newest events.
        let mut at = self.stamps.len();
        for open in self.stamps.iter().rev().take(8) {
            if *open == stamp {
                return (at - 1, true);
            }
            if *open < stamp {
                return (at, false);
            }
            at -= 1;
        }
        match self.stamps.binary_search(&stamp) {
            Ok(at) => (at, true),
            Err(at) => (at, false),
        }
    }

    fn remove(&mut self, at: usize) -> Option<Box<Event>> {
        if self.open.capacity() > FEW && self.open.len() < self.open.capacity() / 8 {
            // After a flood: others need the memory.
            self.open.shrink_to(2 * self.open.len());
            self.stamps.shrink_to(2 * self.stamps.len());
        }
        if at == 0 {
            self.stamps.pop_front();
            return self.open.pop_front();
        }
        self.stamps.remove(at)?;
        self.open.remove(at)
    }
}

/// How long an event waits by the arrival clock.
#[inline]
fn wait_of(event: &Event, waits: &Waits) -> i64 {
    match event.readiness {
        Readiness::Whole => 0,
        Readiness::Settling if event.is_lone() => waits.lone_ms,
        Readiness::Settling => waits.settle_ms,
        Readiness::Open => waits.event_ms,
    }
}

#[cfg(test)]
#[path = "correlate_tests.rs"]
mod tests;
