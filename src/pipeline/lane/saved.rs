//! The saved form of a lane: records by key, of which the last value of each makes the lane again.
//!
//! A lane that is [tracked](Lane::tracked) tells what has changed since it was asked last; whoever keeps
//! the last value of each key can make a lane that goes on as if nothing had been, in whatever order
//! the pairs come. Counters of what was read are not saved: they are of the process that read.
//!
//! Format of a value: one byte of version; how many parts follow, as a varint; the value in postcard (a
//! compact serde format that holds any bytes), up to [`PART`] bytes of it. The rest stands in parts, under
//! the key with the number of the part behind it, as a varint, each with the byte of version before it. A
//! record of another version is refused: reading it as if it were of this one would be a guess.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use crate::model::ring::Page;
use crate::model::slots::Placed;
use crate::model::{Settings, Slots, Stamp};
use crate::pipeline::audit::correlate::HostBuffer;
use crate::pipeline::audit::event::Event;
use crate::pipeline::state::logons::Ended;
use crate::pipeline::state::processes::Node as Process;
use crate::pipeline::state::serials::Hole;
use crate::pipeline::state::{Serials, Texts};

use super::Lane;
use super::carriers::Node;
use super::hosts::{Host, Hosts};
use super::keyed::{self, HostCore, HostName, Key, StampPage};
use super::turns::Turns;

/// Of this release.
pub const VERSION: u8 = 3;

/// No key is longer, with the number of a part.
const MOST_KEY: usize = 64;

/// Longer values are cut: a record of Kafka is bounded, and an event need not be.
const PART: usize = 256 << 10;

/// What its owner writes down beside a lane's state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bookmark {
    /// The offset after the last record that is in the state.
    pub next: i64,
    /// The arrival clock.
    pub now: i64,
    /// Who wrote it, and goes on; empty where it handed the lane over.
    pub writer: Box<str>,
}

#[derive(Serialize, Deserialize)]
struct LaneCore {
    bookmark: Bookmark,
    lines: u64,
    next_age: u64,
    next_number: u64,
    told_before: Option<i64>,
}

/// Why a saved form was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    #[error("saved state of version {0}; this release reads version {VERSION}")]
    Version(u8),
    #[error("saved state that cannot be read: {0}")]
    Damaged(String),
}

/// What a tracked lane knows of its saved form.
#[derive(Debug, Default)]
pub(super) struct Log {
    flow_header: Vec<u8>,
    /// Keys whose value was cut, and in how many more parts.
    cut: BTreeMap<Vec<u8>, u32>,
}

/// Who is told the changes: key and value.
pub type Each<'e> = dyn FnMut(&[u8], Option<&[u8]>) + 'e;

/// Gives the changes out as bytes.
pub struct Writer<'w> {
    cut: &'w mut BTreeMap<Vec<u8>, u32>,
    /// Memory that is used anew for each record.
    key: Vec<u8>,
    value: Vec<u8>,
    each: &'w mut Each<'w>,
}

impl Writer<'_> {
    pub fn change<V: Serialize>(&mut self, key: Key, value: Option<&V>) {
        match value {
            Some(value) => self.put(key, value),
            None => {
                let key = self.bytes_of(key);
                self.gone(&key);
                self.key = key;
            }
        }
    }

    fn bytes_of(&mut self, key: Key) -> Vec<u8> {
        let mut bytes = std::mem::take(&mut self.key);
        bytes.clear();
        postcard::to_extend(&key, bytes).unwrap_or_default()
    }

    pub fn put<V: Serialize>(&mut self, key: Key, value: &V) {
        let mut bytes = std::mem::take(&mut self.value);
        bytes.clear();
        bytes.extend([VERSION, 0]);
        // Plain values into memory: nothing in them can fail to be written.
        let bytes = postcard::to_extend(value, bytes).unwrap_or_default();
        let key = self.bytes_of(key);
        if bytes.len() <= PART && self.cut.is_empty() {
            (self.each)(&key, Some(&bytes));
        } else {
            self.put_parts(&key, bytes.get(2..).unwrap_or_default());
        }
        (self.key, self.value) = (key, bytes);
    }

    fn put_parts(&mut self, key: &[u8], value: &[u8]) {
        let (first, rest) = value.split_at(value.len().min(PART));
        let parts = rest.chunks(PART);
        let count = parts.len() as u32;
        let head = postcard::to_extend(&count, vec![VERSION]).unwrap_or_default();
        (self.each)(key, Some(&[&head, first].concat()));
        for (number, part) in (1..).zip(parts) {
            (self.each)(&part_key(key, number), Some(&[&[VERSION], part].concat()));
        }
        let before = match count {
            0 => self.cut.remove(key),
            count => self.cut.insert(key.to_vec(), count),
        };
        for number in count + 1..=before.unwrap_or(0) {
            (self.each)(&part_key(key, number), None);
        }
    }

    fn gone(&mut self, key: &[u8]) {
        (self.each)(key, None);
        for number in 1..=self.cut.remove(key).unwrap_or(0) {
            (self.each)(&part_key(key, number), None);
        }
    }
}

fn part_key(key: &[u8], number: u32) -> Vec<u8> {
    postcard::to_extend(&number, key.to_vec()).unwrap_or_default()
}

impl Lane {
    /// A lane that can tell what changed.
    pub fn tracked(settings: Arc<Settings>) -> Lane {
        let mut lane = Lane::new(settings);
        lane.track();
        lane
    }

    fn track(&mut self) {
        let hosts = &mut self.state.hosts;
        hosts.asked = Some(hosts.lines);
        hosts.turns = Turns::default();
        hosts.carriers.track();
        hosts.iter_mut().for_each(keyed::track);
        let flow_header = self.flows.save();
        self.log = Some(Log {
            flow_header,
            cut: BTreeMap::new(),
        });
    }

    /// Tells what changed since it was asked last, as bytes of key and value; no value: the key is gone.
    /// Each key is told once. Nothing is told of a lane that is not tracked.
    pub fn changes(&mut self, bookmark: &Bookmark, each: &mut Each<'_>) {
        let Some(log) = &mut self.log else {
            return;
        };
        debug_assert!(self.state.hosts.is_well_weighed());
        let mut writer = Writer {
            cut: &mut log.cut,
            key: Vec::new(),
            value: Vec::new(),
            each,
        };
        let state = &mut self.state;
        for key in std::mem::take(&mut state.hosts.forgotten) {
            writer.gone(&key);
        }
        let flow_header = self.flows.save();
        if flow_header != log.flow_header {
            writer.put(Key::FlowHeader, &flow_header);
            log.flow_header = flow_header;
        }
        state.hosts.carriers.changes(|carrier, node| {
            let key = Key::Carrier(xxh3_128(carrier).to_be_bytes());
            writer.put(key, &(carrier, node));
        });
        let asked = state.hosts.asked.replace(state.hosts.lines).unwrap_or(0);
        let changed = |host: &&mut Host| host.touched || host.seen > asked;
        for host in state.hosts.iter_mut().filter(changed) {
            keyed::write(host, &mut writer);
        }
        let core = LaneCore {
            bookmark: bookmark.clone(),
            lines: state.hosts.lines,
            next_age: state.hosts.next_age,
            next_number: state.hosts.next_number,
            told_before: Some(state.told_before).filter(|before| *before != i64::MIN),
        };
        writer.put(Key::Lane, &core);
    }

    /// A tracked lane that goes on from the last value of each key; `None` where nothing was saved.
    pub fn restore(
        settings: Arc<Settings>,
        pairs: impl IntoIterator<Item = (impl AsRef<[u8]>, Vec<u8>)>,
    ) -> Result<Option<(Lane, Bookmark)>, RestoreError> {
        let mut all = Joined::of(pairs)?;
        let Some(core) = all.values.remove(&Key::Lane) else {
            return match all.values.first_key_value() {
                None => Ok(None),
                Some((key, _)) => Err(damaged(format!("{key:?} without its lane"))),
            };
        };
        let core: LaneCore = decode(&Key::Lane, &core)?;
        let mut lane = Lane::new(settings);
        lane.state.told_before = core.told_before.unwrap_or(i64::MIN);
        let mut hosts: BTreeMap<u64, Pieces> = BTreeMap::new();
        for (key, value) in all.values {
            lane.take_saved(&key, &value, &mut hosts)?;
        }
        let settings = Arc::clone(&lane.state.settings);
        let hosts = hosts.into_iter();
        let hosts: Result<Vec<Host>, RestoreError> = hosts
            .map(|(number, pieces)| pieces.join(number, &settings))
            .collect();
        let hosts = hosts?;
        let is_older = |host: &&Host| host.number >= core.next_number || host.seen > core.lines;
        if let Some(host) = hosts.iter().find(is_older) {
            return Err(damaged(format!(
                "a lane older than its host {}",
                host.number
            )));
        }
        let known: &mut Hosts = &mut lane.state.hosts;
        known.restore(hosts);
        known.lines = core.lines;
        known.next_age = core.next_age;
        known.next_number = core.next_number;
        lane.track();
        if let Some(log) = &mut lane.log {
            log.cut = all.cut;
        }
        Ok(Some((lane, core.bookmark)))
    }

    fn take_saved(
        &mut self,
        key: &Key,
        value: &[u8],
        hosts: &mut BTreeMap<u64, Pieces>,
    ) -> Result<(), RestoreError> {
        if let Some(number) = key.host() {
            let texts = &mut self.state.desk.texts;
            return hosts.entry(number).or_default().take(key, value, texts);
        }
        match key {
            Key::FlowHeader => self.flows.restore(&decode::<Vec<u8>>(key, value)?),
            Key::Carrier(_) => {
                let (carrier, node): (Box<[u8]>, Node) = decode(key, value)?;
                self.state.hosts.carriers.restore(carrier, node);
            }
            _ => {}
        }
        Ok(())
    }
}

/// A host while its records are put together.
#[derive(Default)]
struct Pieces {
    host: Host,
    core: Option<HostCore<Serials>>,
    name: Option<HostName<Box<[u8]>>>,
    events: Vec<Event>,
    released: Vec<(u8, Page<Stamp>)>,
    holes: Vec<Hole>,
    ended: Vec<(u8, Page<Ended>)>,
    processes: Vec<(u32, Vec<Placed<u32, Process>>)>,
    patterns: Vec<(u32, Vec<Placed<u64, i32>>)>,
}

impl Pieces {
    fn take(&mut self, key: &Key, value: &[u8], texts: &mut Texts) -> Result<(), RestoreError> {
        let host = &mut self.host;
        match *key {
            Key::Lane | Key::FlowHeader | Key::Carrier(_) => {}
            Key::Host(_) => self.core = Some(decode(key, value)?),
            Key::HostName(_) => self.name = Some(decode(key, value)?),
            Key::Event(_, stamp) => {
                let event: Event = decode(key, value)?;
                if event.stamp != stamp {
                    return Err(another(key));
                }
                self.events.push(event);
            }
            Key::Released(_, slot) => {
                let page: StampPage = decode(key, value)?;
                self.released.push((slot, page.into()));
            }
            Key::Hole(_, from) => {
                let hole: Hole = decode(key, value)?;
                if hole.first() != from {
                    return Err(another(key));
                }
                self.holes.push(hole);
            }
            Key::Ended(_, slot) => self.ended.push((slot, decode(key, value)?)),
            Key::Attempt(_, pid) => host.logons.attempts.restore(pid, decode(key, value)?),
            Key::Session(_, pid) => host.logons.sessions.restore(pid, decode(key, value)?),
            Key::UserName(_, id) => host.names.by_id.restore(id, decode(key, value)?),
            Key::Source(_, ip) => host.guesses.sources.restore(ip, decode(key, value)?),
            Key::SessionNumber(_, ses) => {
                host.sessions.by_number.restore(ses, decode(key, value)?);
            }
            Key::Processes(_, page) => {
                let mut nodes: Vec<Placed<u32, Process>> = decode(key, value)?;
                nodes.iter_mut().for_each(|node| node.value().share(texts));
                self.processes.push((page, nodes));
            }
            Key::Story(_, of) => host.stories.restore(of, decode(key, value)?),
            Key::Patterns(_, page) => self.patterns.push((page, decode(key, value)?)),
        }
        Ok(())
    }

    fn join(self, number: u64, settings: &Settings) -> Result<Host, RestoreError> {
        let lacks = |what: &str| damaged(format!("host {number} without {what}"));
        let core = self.core.ok_or_else(|| lacks("its counters"))?;
        let name = self.name.ok_or_else(|| lacks("its name"))?;
        if !self.events.iter().all(|event| event.is_sound()) {
            return Err(damaged(format!("an event of host {number}")));
        }
        let mut host = self.host;
        host.number = number;
        host.name = String::from_utf8_lossy(&name.name).into();
        host.bytes = name.name;
        host.carrier = name.carrier;
        host.mixed = name.mixed;
        host.buffer =
            HostBuffer::restore(core.buffer, self.events, self.released).map_err(lacks)?;
        host.serials = core.serials;
        let holes = host.serials.restore(self.holes);
        holes.ok_or_else(|| lacks("the serials of a hole"))?;
        host.logons.ended = crate::model::Ring::of_pages(core.ended, self.ended)
            .ok_or_else(|| lacks("a page of ends"))?;
        host.logons.restored(settings.waits.logon_ms);
        host.guesses.restored(&settings.guessing);
        host.sessions.newest = core.newest_session;
        host.processes.cursor = core.cursor;
        host.processes.lives = core.lives;
        let nodes = Slots::of_pages(self.processes);
        host.processes
            .restored(nodes.ok_or_else(|| lacks("a page of processes"))?);
        host.stories.looked = core.looked;
        host.patterns.since = core.learnt_since;
        let patterns = Slots::of_pages(self.patterns);
        host.patterns
            .by_hash
            .put_back(patterns.ok_or_else(|| lacks("a page of patterns"))?);
        host.kernel_lost = core.kernel_lost;
        host.arrived = core.arrived;
        host.released = core.released;
        host.seen = core.seen;
        host.saved = true;
        Ok(host)
    }
}

/// The values by key, their parts put together.
struct Joined {
    values: BTreeMap<Key, Vec<u8>>,
    cut: BTreeMap<Vec<u8>, u32>,
}

impl Joined {
    fn of(
        pairs: impl IntoIterator<Item = (impl AsRef<[u8]>, Vec<u8>)>,
    ) -> Result<Joined, RestoreError> {
        let mut joined = Joined {
            values: BTreeMap::new(),
            cut: BTreeMap::new(),
        };
        let mut rests: BTreeMap<(Key, u32), Vec<u8>> = BTreeMap::new();
        for (key, mut value) in pairs {
            match value.first() {
                Some(&VERSION) => drop(value.drain(..1)),
                Some(&version) => return Err(RestoreError::Version(version)),
                None => return Err(damaged("a record without a version".into())),
            }
            match split_key(key.as_ref())? {
                (key, 0) => drop(joined.values.insert(key, value)),
                (key, number) => drop(rests.insert((key, number), value)),
            }
        }
        for (key, value) in &mut joined.values {
            let (count, first) =
                postcard::take_from_bytes::<u32>(value).map_err(|error| unread(key, error))?;
            let head = value.len() - first.len();
            value.drain(..head);
            for number in 1..=count {
                let rest = rests.remove(&(*key, number));
                value.extend(rest.ok_or_else(|| lacks_a_part(key))?);
            }
            if count > 0 {
                joined.cut.insert(key.bytes(), count);
            }
        }
        match rests.keys().next() {
            Some((key, number)) => Err(damaged(format!("{key:?} has no part {number}"))),
            None => Ok(joined),
        }
    }
}

/// What stands under this key is not what it names.
fn another(key: &Key) -> RestoreError {
    damaged(format!("{key:?} is another's"))
}

fn lacks_a_part(key: &Key) -> RestoreError {
    damaged(format!("{key:?} lacks a part"))
}

fn split_key(bytes: &[u8]) -> Result<(Key, u32), RestoreError> {
    let wrong = |why: &dyn fmt::Display| damaged(format!("the key {bytes:02x?}: {why}"));
    let (key, rest) = postcard::take_from_bytes::<Key>(bytes).map_err(|error| wrong(&error))?;
    let part = match rest {
        [] => None,
        rest => Some(postcard::from_bytes::<u32>(rest).map_err(|error| wrong(&error))?),
    };
    // The same key written otherwise would stand beside it for ever.
    let mut room = [0; MOST_KEY];
    let written = match part {
        None => postcard::to_slice(&key, &mut room),
        Some(part) => postcard::to_slice(&(key, part), &mut room),
    };
    match written.is_ok_and(|written| *written == *bytes) && part != Some(0) {
        true => Ok((key, part.unwrap_or(0))),
        false => Err(wrong(&"not as it is written")),
    }
}

fn decode<V: DeserializeOwned>(key: &Key, value: &[u8]) -> Result<V, RestoreError> {
    let (value, rest) = postcard::take_from_bytes(value).map_err(|error| unread(key, error))?;
    match rest {
        [] => Ok(value),
        _ => Err(damaged(format!("{key:?}: {} bytes too many", rest.len()))),
    }
}

fn unread(key: &Key, error: postcard::Error) -> RestoreError {
    damaged(format!("{key:?}: {error}"))
}

fn damaged(what: String) -> RestoreError {
    RestoreError::Damaged(what)
}

/// The key under which a lane's bookmark stands.
pub fn bookmark_key() -> Vec<u8> {
    Key::Lane.bytes()
}

/// Who wrote the state, and how far it had read, from the value of that key, where that much can be read.
pub fn bookmark(value: &[u8]) -> Option<Bookmark> {
    let value = value.strip_prefix(&[VERSION, 0])?;
    let (bookmark, _) = postcard::take_from_bytes::<Bookmark>(value).ok()?;
    Some(bookmark)
}
