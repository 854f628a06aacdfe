//! Bundles: events of one kind and host that go to the brokers as one message, one a line.
//!
//! Place in the flow: in the sink, before the producer, for kinds whose `events_per_message` is more than one. An event
//! waits here until its bundle is full, all of them hold too much, or the worker commits, and no longer: so a
//! commit never passes an event that waits. It refuses to make a bundle that its topic would not take, and to change an event.

use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use rdkafka::message::{Message, OwnedMessage};

use super::{NOWHERE, Parcel, Refusal, Sink};
use crate::model::Kind;
use crate::runtime::ledger::BUNDLE;
use crate::runtime::port::Producer;
use crate::runtime::{Shared, topics};

const KINDS: usize = Kind::ALL.len();

/// A larger message serves nobody: the work that is saved by then is that of each message.
const MOST_BYTES: usize = 256 << 10;
/// What headers, and the batch that a message is in, take beside key and value.
const BESIDE: usize = 1024;

/// Events in one message, and who they are of.
#[derive(Debug, PartialEq, Eq)]
struct Bundle {
    kind: Kind,
    key: Box<[u8]>,
    /// The documents, with a newline between.
    value: Vec<u8>,
    events: usize,
}

/// What has to go before an event can be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum First {
    /// The bundle that it belongs to.
    Its,
    /// All of them: they hold too much.
    All,
}

pub(super) struct Bundles {
    /// Events in one, at most, by kind.
    most: [usize; KINDS],
    /// Bytes in one, at most.
    most_bytes: [usize; KINDS],
    open: [HashMap<Box<[u8]>, Bundle, FixedState>; KINDS],
    /// Of all that are open.
    bytes: usize,
    /// What these may be.
    room: usize,
}

impl Bundles {
    pub(super) fn of(shared: &Shared) -> Bundles {
        let config = &shared.config;
        let takes = |kind| {
            let topic = topics::name_of(&config.topics, kind);
            shared.sizes.record(topic)
        };
        let room = config.memory.bundles(&config.events_per_message);
        Bundles::new(config.events_per_message, takes, room)
    }

    /// `takes`: what the topic of a kind takes at most, where that is known. `room`: bytes of all bundles together.
    fn new(most: [usize; KINDS], takes: impl Fn(Kind) -> Option<usize>, room: usize) -> Bundles {
        let most_bytes = |kind| takes(kind).map_or(MOST_BYTES, |most| most.saturating_sub(BESIDE));
        Bundles {
            most,
            most_bytes: Kind::ALL.map(|kind| most_bytes(kind).min(MOST_BYTES)),
            open: Default::default(),
            bytes: 0,
            room,
        }
    }

    /// Whether events of this kind are bundled.
    #[inline]
    pub(super) fn has(&self, kind: Kind) -> bool {
        self.most[kind as usize] > 1
    }

    fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    pub(super) fn clear(&mut self) {
        self.open.iter_mut().for_each(HashMap::clear);
        self.bytes = 0;
    }

    /// # Errors
    /// Something has to go first; nothing has changed.
    fn add(&mut self, kind: Kind, key: &[u8], value: &[u8]) -> Result<(), First> {
        // One alone may be of any size.
        if self.bytes > 0 && self.bytes + key.len() + value.len() > self.room {
            return Err(First::All);
        }
        let at = kind as usize;
        if let Some(bundle) = self.open[at].get_mut(key) {
            let size = key.len() + bundle.value.len() + 1 + value.len();
            if bundle.events >= self.most[at] || size > self.most_bytes[at] {
                return Err(First::Its);
            }
            bundle.value.push(b'\n');
            bundle.value.extend_from_slice(value);
            bundle.events += 1;
            self.bytes += 1 + value.len();
            return Ok(());
        }
        self.put(Bundle {
            kind,
            key: key.into(),
            value: value.to_vec(),
            events: 1,
        });
        Ok(())
    }

    fn take(&mut self, kind: Kind, key: &[u8]) -> Option<Bundle> {
        let bundle = self.open[kind as usize].remove(key)?;
        self.bytes -= bundle.key.len() + bundle.value.len();
        Some(bundle)
    }

    fn take_all(&mut self) -> impl Iterator<Item = Bundle> + use<> {
        self.bytes = 0;
        let open = std::mem::take(&mut self.open);
        open.into_iter().flat_map(HashMap::into_values)
    }

    /// Puts back one that was taken out, or puts a new one in.
    fn put(&mut self, bundle: Bundle) {
        self.bytes += bundle.key.len() + bundle.value.len();
        self.open[bundle.kind as usize].insert(bundle.key.clone(), bundle);
    }
}

impl<R: Producer> Sink<R> {
    /// Has an event wait for others of its kind and host. Those that leave no room for it go before.
    pub(super) fn bundle(&mut self, kind: Kind, key: &[u8], value: &[u8]) -> Result<(), Refusal> {
        while let Err(first) = self.bundles.add(kind, key, value) {
            match first {
                First::All => self.send_bundles()?,
                First::Its => {
                    if let Some(bundle) = self.bundles.take(kind, key) {
                        self.send_bundle(bundle)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Hands all events over that wait for others.
    pub fn send_bundles(&mut self) -> Result<(), Refusal> {
        let mut all = self.bundles.take_all();
        let result = all.try_for_each(|bundle| self.send_bundle(bundle));
        all.for_each(|bundle| self.bundles.put(bundle));
        result
    }

    fn send_bundle(&mut self, bundle: Bundle) -> Result<(), Refusal> {
        let shared = Arc::clone(&self.shared);
        let parcel = Parcel {
            topic: topics::name_of(&shared.config.topics, bundle.kind),
            key: (!bundle.key.is_empty()).then_some(&bundle.key),
            value: &bundle.value,
            headers: Some(self.headers[bundle.kind as usize].clone()),
            timestamp: None,
            offset: -1,
        };
        let sent = self.hand_over_as(parcel, NOWHERE, self.epoch | BUNDLE);
        if let Err(Refusal::Full) = sent {
            self.bundles.put(bundle);
        }
        sent
    }

    /// Whether events wait for others.
    pub fn has_bundles(&self) -> bool {
        !self.bundles.is_empty()
    }

    /// A bundle that was refused: each of its events is tried by itself.
    pub(super) fn take_apart(&self, bundle: &OwnedMessage, number: usize) {
        let events = bundle.payload().unwrap_or_default();
        // The last first: each goes before those that wait.
        for event in events.rsplit(|byte| *byte == b'\n') {
            let event = OwnedMessage::new(
                Some(event.to_vec()),
                bundle.key().map(<[u8]>::to_vec),
                bundle.topic().to_owned(),
                bundle.timestamp(),
                bundle.partition(),
                bundle.offset(),
                bundle.headers().cloned(),
            );
            self.ledger.add(number);
            self.ledger.put_refused_back(event, number);
        }
        self.ledger.done(number);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    proptest::proptest! {
        /// What is taken out are the events that were added, each once, those of a kind and key in their order, within
        /// the bounds.
        #[test]
        fn what_comes_out_is_what_went_in(
            events in proptest::collection::vec((0usize..3, 0u8..4, 1usize..900), 0..300),
            most in 2usize..8,
            room in 1000usize..9000,
        ) {
            let takes = |kind| (kind == Kind::Alert).then_some(BESIDE + 700);
            let mut bundles = Bundles::new([most; KINDS], takes, room);
            let mut out: BTreeMap<(usize, Vec<u8>), Vec<Vec<u8>>> = BTreeMap::new();
            let mut wanted = out.clone();
            let mut go = |bundle: Bundle| {
                let events: Vec<&[u8]> = bundle.value.split(|byte| *byte == b'\n').collect();
                assert!(events.len() <= most);
                let limit = if bundle.kind == Kind::Alert { 700 } else { MOST_BYTES };
                assert!(events.len() == 1 || bundle.key.len() + bundle.value.len() <= limit);
                let all = out.entry((bundle.kind as usize, bundle.key.into_vec())).or_default();
                all.extend(events.into_iter().map(<[u8]>::to_vec));
            };
            for (n, (kind, key, bytes)) in events.into_iter().enumerate() {
                let (kind, key) = ([Kind::Process, Kind::Logon, Kind::Alert][kind], vec![b'h', key]);
                let value = format!("{{{n}{}}}", "x".repeat(bytes)).into_bytes();
                loop {
                    match bundles.add(kind, &key, &value) {
                        Ok(()) => break,
                        Err(First::Its) => go(bundles.take(kind, &key).unwrap()),
                        Err(First::All) => bundles.take_all().for_each(&mut go),
                    }
                }
                assert!(bundles.bytes <= room.max(value.len() + key.len()));
                wanted.entry((kind as usize, key)).or_default().push(value);
            }
            bundles.take_all().for_each(&mut go);
            assert!(bundles.is_empty());
            proptest::prop_assert_eq!(out, wanted);
        }
    }
}
