//! The hosts of a lane: their state, by name, and how much of it is open.

use crate::model::process::Cut;
use crate::model::settings::{Limits, Waits};
use crate::model::{Settings, Stamp, Timestamp};
use crate::pipeline::audit::correlate::{Arrival, HostBuffer, Push};
use crate::pipeline::audit::event::Event;
use crate::pipeline::audit::line::Record;
use crate::pipeline::detect::{Guesses, Stories};
use crate::pipeline::state::{Logons, Names, Patterns, Processes, Serials, Sessions};

use super::carriers::Carriers;
use super::directory::{Directory, same, take_out};
use super::turns::Turns;
use super::wakes::Wakes;
use super::{keyed, memory};

/// Events whose memory is kept for the next ones: as many as a bound pushes out at once, 4 KiB each at
/// most.
const MOST_SPARE: usize = 1024;

/// One event may have so much of the share: when it goes, it is decoded and written in one piece.
const EVENT_SHARE: usize = 16;

/// No more than one of these for so many bytes of the share, which is a thirty-second of it.
const SPARE_SHARE: usize = 128 << 10;

/// What became of a record, and what is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// Its event had gone out.
    Late,
    /// It is with its event, and nothing has become due.
    Waits,
    /// It is with its event; one of its host may be due, or a bound is reached.
    Ripe,
}

/// All that a lane remembers of one host.
#[derive(Clone, Debug, Default)]
pub struct Host {
    /// Grows with each host of the lane; never given again. Hosts stand in its order.
    pub number: u64,
    /// As the lines name it.
    pub bytes: Box<[u8]>,
    /// For people, and for events.
    pub name: Box<str>,
    pub buffer: HostBuffer,
    pub logons: Logons,
    pub names: Names,
    pub sessions: Sessions,
    pub processes: Processes,
    pub patterns: Patterns,
    pub guesses: Guesses,
    pub stories: Stories,
    pub serials: Serials,
    /// `audit_lost=` as the kernel told it last.
    pub kernel_lost: Option<u32>,
    /// Who carried the newest line that named this host by `node=`.
    pub carrier: Box<[u8]>,
    /// That carrier brings lines without a name too.
    pub mixed: bool,
    /// Arrival clock at its newest line.
    pub arrived: Timestamp,
    /// Time of the event that went out last. The newest time seen may be a stamp of a wrong clock.
    pub released: Timestamp,
    /// The lane's count of lines at its newest.
    pub seen: u64,
    /// It changed since changes were asked for last, otherwise than by a line.
    pub touched: bool,
    /// So did its name, its carrier or `mixed`.
    pub renamed: bool,
    /// It stands in the saved form.
    pub saved: bool,
    /// What it weighs, as it stands in the lane's sum.
    pub weighed: usize,
}

/// The hosts of a lane.
pub struct Hosts {
    #[expect(
        clippy::vec_box,
        reason = "a list that grows would have all of them in memory twice"
    )]
    all: Vec<Box<Host>>,
    by_name: Directory,
    /// Most lines are of the host of the line before.
    last: usize,
    #[expect(
        clippy::vec_box,
        reason = "handed on as they are; an event is large to move"
    )]
    spare: Vec<Box<Event>>,
    pub lines: u64,
    pub next_age: u64,
    pub next_number: u64,
    /// Lines when changes were asked for last; `None`: nobody asks.
    pub asked: Option<u64>,
    /// Keys of forgotten hosts that somebody who asked has.
    pub forgotten: Vec<Vec<u8>>,
    /// Names that were new, for who watches; `None`: nobody does.
    pub met: Option<Vec<Box<[u8]>>>,
    open_events: usize,
    open_bytes: usize,
    /// What the hosts weigh, without their open events.
    state_weight: usize,
    /// What all may weigh.
    share: usize,
    heavy: Option<usize>,
    /// Host and stamp of an event that is too large.
    full: Option<(usize, Stamp)>,
    pub carriers: Carriers,
    pub turns: Turns,
    pub wakes: Wakes,
    limits: Limits,
    waits: Waits,
}

impl Hosts {
    /// Of so many one goes where there are too many: several at once, so that a flood of names costs little for each.
    pub const PART: usize = 64;

    pub fn new(settings: &Settings) -> Hosts {
        Hosts {
            all: Vec::new(),
            by_name: Directory::default(),
            last: 0,
            spare: Vec::new(),
            lines: 0,
            next_age: 0,
            next_number: 0,
            asked: None,
            forgotten: Vec::new(),
            met: None,
            open_events: 0,
            open_bytes: 0,
            state_weight: 0,
            share: settings.limits.memory,
            heavy: None,
            full: None,
            carriers: Carriers::default(),
            turns: Turns::new(settings.waits.younger),
            wakes: Wakes::default(),
            limits: settings.limits.clone(),
            waits: settings.waits.clone(),
        }
    }

    /// Puts saved hosts back, in the order of their numbers.
    pub fn restore(&mut self, all: impl IntoIterator<Item = Host>) {
        for host in all {
            self.open_events += host.buffer.len();
            self.open_bytes += host.buffer.bytes();
            self.by_name.add(&host.bytes);
            self.all.push(Box::new(host));
            self.wakes.add();
            self.weigh(self.all.len() - 1);
        }
    }

    /// From now on all of it may weigh so much.
    pub fn share(&mut self, bytes: usize) {
        let is_less = bytes < self.share;
        self.share = bytes;
        if is_less {
            let hosts = 0..self.all.len();
            self.heavy = hosts.max_by_key(|&host| self.all[host].weighed);
            self.heavy = self.heavy.filter(|&host| self.is_heavy(host));
        }
    }

    #[inline]
    fn is_heavy(&self, host: usize) -> bool {
        self.all[host].weighed > self.share / 4
    }

    /// What all of it weighs.
    #[inline]
    pub fn weight(&self) -> usize {
        self.open_weight() + self.state_weight
    }

    /// What the open events weigh.
    #[inline]
    pub fn open_weight(&self) -> usize {
        memory::of_open(self.open_events, self.open_bytes)
    }

    #[inline]
    pub fn has_too_much(&self) -> bool {
        self.weight() > self.share || self.heavy.is_some() || self.full.is_some()
    }

    /// The open events weigh more than half of the share.
    pub fn is_mostly_open(&self) -> bool {
        self.open_weight() > self.share / 2
    }

    /// A host that weighs more than its part of the share, which is a quarter.
    pub fn take_heavy(&mut self) -> Option<usize> {
        self.heavy.take()
    }

    /// Weighs a host anew, which changed.
    #[inline]
    pub fn weigh(&mut self, at: usize) {
        self.wakes.wake(at);
        let host = &mut self.all[at];
        let weight = memory::of_host(host);
        self.state_weight = self.state_weight + weight - host.weighed;
        host.weighed = weight;
        if self.is_heavy(at) {
            self.heavy = Some(at);
        }
    }

    /// Whether what was reckoned step by step is what all of it weighs.
    pub fn is_well_weighed(&mut self) -> bool {
        let all = self.all.iter_mut();
        all.map(|host| memory::of_host_anew(host)).sum::<usize>() == self.state_weight
    }

    pub fn len(&self) -> usize {
        self.all.len()
    }

    pub fn open_events(&self) -> usize {
        self.open_events
    }

    pub fn open_bytes(&self) -> usize {
        self.open_bytes
    }

    pub fn iter(&self) -> impl Iterator<Item = &Host> {
        self.all.iter().map(|host| &**host)
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Host> {
        self.all.iter_mut().map(|host| &mut **host)
    }

    pub fn get(&self, host: usize) -> &Host {
        &self.all[host]
    }

    pub fn get_mut(&mut self, host: usize) -> &mut Host {
        &mut self.all[host]
    }

    pub fn name(&self, host: usize) -> &str {
        &self.all[host].name
    }

    #[inline]
    pub fn find(&mut self, name: &[u8]) -> Option<usize> {
        if !self.by_name.is(self.last, name) {
            self.last = self.by_name.find(name)?;
        }
        Some(self.last)
    }

    pub fn add(&mut self, name: &[u8]) -> usize {
        let host = self.by_name.add(name);
        let mut added = Host {
            number: self.next_number,
            bytes: name.into(),
            name: String::from_utf8_lossy(name).into(),
            touched: true,
            renamed: true,
            ..Host::default()
        };
        if self.asked.is_some() {
            keyed::track(&mut added);
        }
        self.next_number += 1;
        if let Some(met) = &mut self.met {
            met.push(added.bytes.clone());
        }
        self.all.push(Box::new(added));
        self.wakes.add();
        self.weigh(host);
        self.last = host;
        host
    }

    /// The hosts that were silent longest, in their order.
    pub fn silent_longest(&self, many: usize) -> Vec<usize> {
        let mut hosts: Vec<usize> = (0..self.all.len()).collect();
        let many = many.min(hosts.len());
        if many > 0 && many < hosts.len() {
            hosts.select_nth_unstable_by_key(many - 1, |&host| (self.all[host].seen, host));
        }
        hosts.truncate(many);
        hosts.sort_unstable();
        hosts
    }

    /// Forgets hosts that have nothing open.
    pub fn forget(&mut self, hosts: &[usize]) {
        for &host in hosts {
            self.state_weight -= self.all[host].weighed;
            if self.asked.is_some() {
                let gone = &mut self.all[host];
                keyed::told(gone, &mut |key| self.forgotten.push(key.bytes()));
            }
        }
        self.by_name.remove(hosts);
        self.turns.forget(hosts);
        self.wakes.forget(hosts);
        take_out(&mut self.all, hosts);
        self.last = 0;
        (self.heavy, self.full) = (None, None);
    }

    /// A line of this carrier names the host by `node=`. An event that records without a name have begun
    /// under the carrier's own name is this host's, where it has the stamp of this record.
    #[inline(always)]
    pub fn named(&mut self, host: usize, carrier: &[u8], stamp: Stamp, now: Timestamp) {
        let named = &self.all[host];
        let is_known = same(&named.carrier, carrier) && !named.mixed;
        if !is_known && !same(&named.bytes, carrier) {
            self.named_by_carrier(host, carrier, stamp, now);
        }
    }

    #[inline(never)]
    fn named_by_carrier(&mut self, host: usize, carrier: &[u8], stamp: Stamp, now: Timestamp) {
        let named = &mut self.all[host];
        if !same(&named.carrier, carrier) {
            named.carrier = carrier.into();
            named.renamed = true;
            named.mixed = self.by_name.find(carrier).is_some();
            let most = self.limits.hosts;
            self.carriers.names(carrier, &named.bytes, most);
            self.weigh(host);
        }
        if !self.all[host].mixed || self.carriers.node(carrier) != Some(&*self.all[host].bytes) {
            return;
        }
        let Some(other) = self.by_name.find(carrier) else {
            return;
        };
        if let Some(event) = self.all[other].buffer.give_up(stamp) {
            self.all[other].touched = true;
            self.wakes.wake(other);
            let (event, _) = self.gone((event, None));
            for (kind, type_name, body) in event.records() {
                let record = Record {
                    node: None,
                    kind,
                    type_name,
                    stamp,
                    body,
                };
                self.push(host, &record, now, event.first_offset);
            }
            self.recycle(event);
        }
    }

    /// The host of a record that names none: the carrier itself, or the one node that it names else,
    /// where that has an event of this stamp.
    #[inline]
    pub fn meant(&mut self, carrier: usize, stamp: Stamp) -> usize {
        if self.carriers.is_empty() {
            return carrier;
        }
        self.meant_by_carrier(carrier, stamp)
    }

    fn meant_by_carrier(&mut self, carrier: usize, stamp: Stamp) -> usize {
        let node = self.carriers.node(&self.all[carrier].bytes);
        let Some(host) = node.and_then(|node| self.by_name.find(node)) else {
            return carrier;
        };
        let node = &mut self.all[host];
        node.renamed |= !std::mem::replace(&mut node.mixed, true);
        if node.buffer.knows(stamp) {
            host
        } else {
            carrier
        }
    }

    /// Gives a record to its host.
    #[inline]
    pub fn push(
        &mut self,
        host: usize,
        record: &Record<'_>,
        now: Timestamp,
        offset: i64,
    ) -> Pushed {
        let at = host;
        let host = &mut *self.all[at];
        self.lines += 1;
        self.wakes.wake(at);
        host.seen = self.lines;
        host.arrived = now;
        let arrival = Arrival {
            now,
            offset,
            age: self.next_age,
            most_bytes: (self.share / EVENT_SHARE).max(2 * self.limits.line_bytes),
            shuffled: self.waits.shuffled,
        };
        match host.buffer.push(record, arrival, &mut self.spare) {
            Push::Late => {
                // Its event may have gone out without it, or not have come at all.
                host.serials.see(record.stamp, now);
                self.weigh(at);
                return Pushed::Late;
            }
            Push::New => {
                self.turns.begin(self.next_age, at);
                self.next_age += 1;
                self.open_events += 1;
            }
            Push::Joined => {}
            Push::Full => self.full = Some((at, record.stamp)),
        }
        self.open_bytes += Event::weight(record);
        let (buffer, limits) = (&host.buffer, &self.limits);
        let over_bound = (buffer.len() > limits.events_per_host)
            | (buffer.bytes() > limits.bytes_per_host)
            | (self.open_events > limits.events)
            | (self.open_bytes > limits.bytes)
            | (memory::of_open(self.open_events, self.open_bytes) + self.state_weight > self.share)
            | self.heavy.is_some()
            | self.full.is_some();
        if over_bound || buffer.is_due(now, &self.waits) {
            Pushed::Ripe
        } else {
            Pushed::Waits
        }
    }

    pub fn pop_due(&mut self, host: usize, now: Timestamp) -> Option<(Box<Event>, Option<Cut>)> {
        let popped = self.all[host].buffer.pop_due(now, &self.waits)?;
        Some(self.gone(popped))
    }

    pub fn pop_last(&mut self, host: usize) -> Option<(Box<Event>, Option<Cut>)> {
        let popped = self.all[host].buffer.pop_last()?;
        Some(self.gone(popped))
    }

    pub fn pop_finished(&mut self, host: usize) -> Option<Box<Event>> {
        let event = self.all[host].buffer.pop_finished()?;
        Some(self.gone((event, None)).0)
    }

    pub fn pop_settled(&mut self, host: usize, age: u64) -> Option<Box<Event>> {
        let event = self.all[host].buffer.pop_settled(age)?;
        Some(self.gone((event, None)).0)
    }

    /// Takes out the oldest event of a host that is over its bound.
    pub fn pop_over_bound(&mut self, host: usize) -> Option<(Box<Event>, Option<Cut>)> {
        let buffer = &mut self.all[host].buffer;
        if buffer.len() <= self.limits.events_per_host
            && buffer.bytes() <= self.limits.bytes_per_host
        {
            return None;
        }
        let oldest = buffer.oldest()?;
        let popped = buffer.pop_evicted(oldest)?;
        Some(self.gone(popped))
    }

    /// Takes out the event that is too large.
    pub fn pop_full(&mut self) -> Option<(usize, Box<Event>, Option<Cut>)> {
        let (host, stamp) = self.full.take()?;
        let popped = self.all[host].buffer.pop_full(stamp)?;
        let (event, cut) = self.gone(popped);
        Some((host, event, cut))
    }

    /// When the bound of the lane is reached: the age up to which events must go.
    pub fn age_over_bound(&self) -> Option<u64> {
        if self.open_events <= self.limits.events && self.open_bytes <= self.limits.bytes {
            return None;
        }
        self.age_of_oldest()
    }

    /// The age up to which the oldest twentieth of the open events has come.
    pub fn age_of_oldest(&self) -> Option<u64> {
        let mut ages: Vec<u64> = self
            .all
            .iter()
            .flat_map(|host| host.buffer.ages())
            .collect();
        let at = (ages.len() / 20).min(ages.len().checked_sub(1)?);
        Some(*ages.select_nth_unstable(at).1)
    }

    pub fn pop_evicted(&mut self, host: usize, age: u64) -> Option<(Box<Event>, Option<Cut>)> {
        let popped = self.all[host].buffer.pop_evicted(age)?;
        Some(self.gone(popped))
    }

    /// Keeps the memory of an event that has been told.
    pub fn recycle(&mut self, mut event: Box<Event>) {
        if self.spare.len() < MOST_SPARE.min(self.share / SPARE_SHARE) {
            event.reset();
            self.spare.push(event);
        }
    }

    fn gone(&mut self, popped: (Box<Event>, Option<Cut>)) -> (Box<Event>, Option<Cut>) {
        self.open_events -= 1;
        self.open_bytes -= popped.0.bytes();
        self.turns.end(popped.0.age);
        popped
    }
}
