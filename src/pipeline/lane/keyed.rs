//! The state of a lane, key by key: under which key each piece is saved.
//!
//! Place in the flow: between the state and its saved form (saved.rs). A new kind of state that is kept in
//! a [`Tracked`] map of the host needs a [`Key`], a line in [`maps`], by which it is weighed too, and a line where
//! saved.rs reads it.
//! Nothing else has to know of it. It refuses to save what can be made from the rest (what is due when).

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::model::ring::Page;
use crate::model::tracked::MapKey;
use crate::model::{Map, Stamp, Timestamp, Tracked, Weigh};
use crate::pipeline::audit::correlate::BufferCore;
use crate::pipeline::detect::verdict;
use crate::pipeline::state::Cursor;

use super::hosts::Host;
use super::saved::Writer;

/// What a record of the saved state is about. The place in this list is the first byte of the key: new
/// ones go to the end, and change [`VERSION`](super::saved::VERSION). Hosts go by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Key {
    /// Counters of the lane, and how far it has read.
    Lane,
    /// The names of a flow table's columns.
    FlowHeader,
    /// Which node the lines of a carrier name; by xxh3-128 of its name.
    Carrier([u8; 16]),
    /// Clocks and counters of a host.
    Host(u64),
    /// What changes seldom: its name, and who carries it.
    HostName(u64),
    Event(u64, Stamp),
    /// A page of the stamps that went out.
    Released(u64, u8),
    /// A hole in the serials, by its first position.
    Hole(u64, u64),
    /// A logon in the making, by its process id.
    Attempt(u64, u32),
    Session(u64, u32),
    /// A page of the sessions that ended.
    Ended(u64, u8),
    /// The name of a user.
    UserName(u64, u32),
    /// An address that failed to log on.
    Source(u64, IpAddr),
    /// What events of a session number are told.
    SessionNumber(u64, u32),
    /// A page of its processes.
    Processes(u64, u32),
    Story(u64, verdict::Key),
    /// A page of its command patterns.
    Patterns(u64, u32),
}

impl Key {
    /// The host that it is about.
    pub fn host(&self) -> Option<u64> {
        match *self {
            Key::Lane | Key::FlowHeader | Key::Carrier(_) => None,
            Key::Host(number)
            | Key::HostName(number)
            | Key::Event(number, _)
            | Key::Released(number, _)
            | Key::Hole(number, _)
            | Key::Attempt(number, _)
            | Key::Session(number, _)
            | Key::Ended(number, _)
            | Key::UserName(number, _)
            | Key::Source(number, _)
            | Key::SessionNumber(number, _)
            | Key::Processes(number, _)
            | Key::Story(number, _)
            | Key::Patterns(number, _) => Some(number),
        }
    }

    pub fn bytes(&self) -> Vec<u8> {
        // Plain values into memory: nothing in them can fail to be written.
        postcard::to_extend(self, Vec::new()).unwrap_or_default()
    }
}

/// What changes with nearly every event of a host. `S`: its serials, as they are or by reference.
#[derive(Debug, Serialize, Deserialize)]
pub struct HostCore<S> {
    pub buffer: BufferCore,
    pub serials: S,
    /// Sessions that ended, in all time.
    pub ended: u64,
    pub newest_session: u32,
    /// Where process ids are, and how many processes there were.
    pub cursor: Cursor,
    pub lives: u32,
    /// When it was looked for stories that are over.
    pub looked: Timestamp,
    /// When learning of command patterns began.
    pub learnt_since: Option<Timestamp>,
    pub kernel_lost: Option<u32>,
    pub arrived: Timestamp,
    pub released: Timestamp,
    pub seen: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct HostName<B> {
    pub name: B,
    pub carrier: B,
    pub mixed: bool,
}

/// A page of stamps, each as its distance from the one before: they rise together.
#[derive(Debug, Serialize, Deserialize)]
pub struct StampPage {
    first: u64,
    steps: Vec<(i64, i64)>,
}

impl From<Page<Stamp>> for StampPage {
    fn from(page: Page<Stamp>) -> StampPage {
        let mut before = Stamp::default();
        let steps = page.items.into_iter().map(|stamp| {
            let step = (
                stamp.time.0.wrapping_sub(before.time.0),
                stamp.serial.wrapping_sub(before.serial) as i64,
            );
            before = stamp;
            step
        });
        StampPage {
            first: page.first,
            steps: steps.collect(),
        }
    }
}

impl From<StampPage> for Page<Stamp> {
    fn from(page: StampPage) -> Page<Stamp> {
        let mut stamp = Stamp::default();
        let items = page.steps.into_iter().map(|(time, serial)| {
            stamp = Stamp {
                time: Timestamp(stamp.time.0.wrapping_add(time)),
                serial: stamp.serial.wrapping_add_signed(serial),
            };
            stamp
        });
        Page {
            first: page.first,
            items: items.collect(),
        }
    }
}

/// Something that is done with every map of a host.
pub trait Visit {
    fn map<K, V, M>(&mut self, map: &mut Tracked<K, V, M>, key: impl Fn(M::Part) -> Key)
    where
        K: MapKey,
        V: Serialize + Weigh,
        M: Map<K, V>;
}

/// Every map of a host that is saved key by key.
#[inline]
fn maps(host: &mut Host, visit: &mut impl Visit) {
    let number = host.number;
    visit.map(&mut host.logons.attempts, |pid| Key::Attempt(number, pid));
    visit.map(&mut host.logons.sessions, |pid| Key::Session(number, pid));
    visit.map(&mut host.names.by_id, |id| Key::UserName(number, id));
    visit.map(&mut host.guesses.sources, |ip| Key::Source(number, ip));
    visit.map(&mut host.sessions.by_number, |ses| {
        Key::SessionNumber(number, ses)
    });
    visit.map(&mut host.processes.nodes, |page| {
        Key::Processes(number, page)
    });
    visit.map(&mut host.stories.all, |of| Key::Story(number, of));
    visit.map(&mut host.patterns.by_hash, |page| {
        Key::Patterns(number, page)
    });
}

/// From now on the maps of a host mark what changes.
pub fn track(host: &mut Host) {
    struct Track;
    impl Visit for Track {
        fn map<K: MapKey, V: Serialize + Weigh, M: Map<K, V>>(
            &mut self,
            map: &mut Tracked<K, V, M>,
            _: impl Fn(M::Part) -> Key,
        ) {
            map.track();
        }
    }
    maps(host, &mut Track);
}

/// What the maps of a host weigh.
#[inline]
pub fn weight(host: &mut Host) -> usize {
    struct Sum(usize);
    impl Visit for Sum {
        #[inline]
        fn map<K: MapKey, V: Serialize + Weigh, M: Map<K, V>>(
            &mut self,
            map: &mut Tracked<K, V, M>,
            _: impl Fn(M::Part) -> Key,
        ) {
            self.0 += map.weight();
        }
    }
    let mut sum = Sum(0);
    maps(host, &mut sum);
    sum.0
}

/// The same, with every entry looked at.
pub fn weight_anew(host: &mut Host) -> usize {
    struct Sum(usize);
    impl Visit for Sum {
        fn map<K: MapKey, V: Serialize + Weigh, M: Map<K, V>>(
            &mut self,
            map: &mut Tracked<K, V, M>,
            _: impl Fn(M::Part) -> Key,
        ) {
            self.0 += map.weigh_anew();
        }
    }
    let mut sum = Sum(0);
    maps(host, &mut sum);
    sum.0
}

/// Whether something in the maps of a host has changed.
pub fn is_touched(host: &mut Host) -> bool {
    struct Touched(bool);
    impl Visit for Touched {
        fn map<K: MapKey, V: Serialize + Weigh, M: Map<K, V>>(
            &mut self,
            map: &mut Tracked<K, V, M>,
            _: impl Fn(M::Part) -> Key,
        ) {
            self.0 |= map.is_touched();
        }
    }
    let mut touched = Touched(false);
    maps(host, &mut touched);
    touched.0
}

/// Writes what changed of a host.
pub fn write(host: &mut Host, writer: &mut Writer<'_>) {
    let number = host.number;
    if host.renamed {
        let name = HostName {
            name: &host.bytes,
            carrier: &host.carrier,
            mixed: host.mixed,
        };
        writer.put(Key::HostName(number), &name);
    }
    let core = HostCore {
        buffer: host.buffer.core(),
        serials: &host.serials,
        ended: host.logons.ended.pushed(),
        newest_session: host.sessions.newest,
        cursor: host.processes.cursor.clone(),
        lives: host.processes.lives,
        looked: host.stories.looked,
        learnt_since: host.patterns.since,
        kernel_lost: host.kernel_lost,
        arrived: host.arrived,
        released: host.released,
        seen: host.seen,
    };
    writer.put(Key::Host(number), &core);
    host.buffer
        .changes(|stamp, event| writer.change(Key::Event(number, stamp), event));
    host.buffer.released.changes(|slot, page| {
        writer.put(Key::Released(number, slot), &StampPage::from(page));
    });
    host.serials
        .changes(|from, hole| writer.change(Key::Hole(number, from), hole));
    host.logons
        .ended
        .changes(|slot, page| writer.put(Key::Ended(number, slot), &page));
    struct Write<'a, 'w>(&'a mut Writer<'w>);
    impl Visit for Write<'_, '_> {
        fn map<K, V, M>(&mut self, map: &mut Tracked<K, V, M>, key: impl Fn(M::Part) -> Key)
        where
            K: MapKey,
            V: Serialize + Weigh,
            M: Map<K, V>,
        {
            map.changes(|at, piece| self.0.change(key(at), piece.as_ref()));
        }
    }
    maps(host, &mut Write(writer));
    host.touched = false;
    host.renamed = false;
    host.saved = true;
}

/// Every key of a host that somebody who asked has.
pub fn told(host: &mut Host, each: &mut impl FnMut(Key)) {
    if !host.saved {
        return;
    }
    let number = host.number;
    each(Key::Host(number));
    each(Key::HostName(number));
    for stamp in host.buffer.told() {
        each(Key::Event(number, stamp));
    }
    for slot in host.buffer.released.told() {
        each(Key::Released(number, slot));
    }
    for from in host.serials.told() {
        each(Key::Hole(number, from));
    }
    for slot in host.logons.ended.told() {
        each(Key::Ended(number, slot));
    }
    struct Told<'a, F>(&'a mut F);
    impl<F: FnMut(Key)> Visit for Told<'_, F> {
        fn map<K: MapKey, V: Serialize + Weigh, M: Map<K, V>>(
            &mut self,
            map: &mut Tracked<K, V, M>,
            key: impl Fn(M::Part) -> Key,
        ) {
            map.told().into_iter().for_each(|at| (self.0)(key(at)));
        }
    }
    maps(host, &mut Told(each));
}
