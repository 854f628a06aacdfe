//! Taking lanes up, when the group gives them.
//!
//! Place in the flow: in the worker, between two records; handover.rs says when. The committed offsets and where to rebuild
//! from are read first (offsets.rs), and the consumer begins to read there.
//!
//! Where delivery is exactly once, the state is read first (restore.rs) and the committed offsets after it, so that
//! neither can be older than what an owner before has committed; a state of another offset than the committed one
//! is another's. What an owner before left open is ended beside it (fencing.rs). It refuses to begin with less
//! than was committed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use rdkafka::error::KafkaError;

use super::error::WorkerError;
use super::offsets::{self, Beside};
use super::port::{Committed, Consumer, Decision, Named, Port, ReadFrom};
use super::restore::{Reading, Saved, StateReader, States, Unread};
use super::seat::Seat;
use super::worker::{Key, Worker};
use super::{client, fencing, observe};
use crate::model::Source;
use crate::pipeline::lane::Lane;

/// Longest wait for the brokers while the client waits for our answer; then it is tried again.
const ASK: Duration = Duration::from_secs(5);

/// Within this all brokers know of a topic that was made.
const LEARN: Duration = Duration::from_secs(30);

/// Between two looks.
const LOOK: Duration = Duration::from_millis(300);

/// A partition, what was committed for it, and its low and high watermark.
struct Found {
    key: Key,
    committed: Option<i64>,
    beside: Beside,
    watermarks: (i64, i64),
}

/// Lanes whose state is of another offset than the committed one, with both.
pub(super) type Doubts = BTreeMap<Key, (Option<i64>, Option<i64>)>;

/// A seat, and where the consumer reads on for it; `None`: at the first record there is.
pub(super) type Beginning = (Key, Seat, Option<i64>);

impl<P: Port> Worker<P> {
    /// False: the state of the lanes is still being read, or it is too soon to ask again.
    pub(super) async fn take_up(&mut self, partitions: &[Named]) -> Result<bool, WorkerError> {
        let Some(states) = self.states(partitions)? else {
            return Ok(false);
        };
        let owner = |saved: &Saved| fencing::owner(saved.bookmark.as_ref(), self.sink.id());
        let owners: BTreeSet<Box<str>> = states.values().filter_map(owner).collect();
        let Some(seats) = self.beginnings(partitions, states).await? else {
            return Ok(false);
        };
        let begin = seats.iter();
        let begin: Vec<ReadFrom> = begin
            .map(|(key, _, from)| (self.named(*key), *from))
            .collect();
        for (key, seat, _) in seats {
            self.take_seat(key, seat);
        }
        if let Err(error) = self.consumer.take_up(&begin) {
            // The group has gone on without us; its next decision says how.
            tracing::warn!(worker = self.id, %error, "assignment was not taken");
        }
        if !owners.is_empty() {
            let (port, shared) = (self.port.clone(), Arc::clone(&self.shared));
            let release = fencing::release_outputs(port, shared, owners);
            self.port.beside("fence", release)?;
        }
        Ok(true)
    }

    /// The state of lanes that were taken up names this worker before it says anything of them: whoever comes after it
    /// knows whose transaction may be open.
    pub(super) async fn claim(&mut self, partitions: &[Named]) -> Result<(), WorkerError> {
        if !self.is_exactly_once() || partitions.is_empty() {
            return Ok(());
        }
        for key in self.keys(partitions) {
            if let Some(seat) = self.seats.get_mut(&key) {
                seat.changed |= seat.state_topic.is_some();
            }
        }
        self.commit_all().await
    }

    /// In the place of the one that was there, if any.
    pub(super) fn take_seat(&mut self, key: Key, mut seat: Seat) {
        let at = self.moment();
        match &mut self.rekey {
            Some(rekey) => {
                rekey.add(key);
                if seat.source == Source::Audit && !rekey.is_from(key.0) {
                    seat.rekeyed(at);
                }
            }
            None if seat.source == Source::Audit => seat.lane.watch_hosts(),
            None => {}
        }
        let name = (seat.topic.to_string(), key.1);
        self.shared.view.partitions.insert(name, seat.view(self.id));
        let deleted = &self.shared.metrics.deleted_records;
        deleted.with_label_values(&[&*seat.topic]);
        let source = seat.source;
        match self.seats.insert(key, seat) {
            None => {
                self.shared.metrics.assigned_partitions.inc();
                self.shared.room.enter(source);
            }
            Some(mut before) => before.ungauge(&self.shared.metrics),
        }
        self.ends.add(key.0, key.1);
    }

    /// A seat for each partition, as the last commit left it.
    /// `None`: state and offsets differ, and are to be read once more.
    pub(super) async fn beginnings(
        &mut self,
        partitions: &[Named],
        mut states: States,
    ) -> Result<Option<Vec<Beginning>>, WorkerError> {
        let found = self.look_up(partitions).await?;
        // Whoever was stopped between the two reads may have an old state beside a new offset.
        let doubts = doubts(&found, &states);
        // State and offset of another that commits never agree: they are one transaction, and are read one after the other.
        if let Some((topic, partition)) = overtaken(&self.doubts, &doubts) {
            let topic = Arc::clone(&self.topics[topic].1);
            return Err(WorkerError::Overtaken { topic, partition });
        }
        if !doubts.is_empty() && doubts != self.doubts {
            self.doubts = doubts;
            return Ok(None);
        }
        self.doubts = Doubts::new();
        let begin = |found: Found| match states.remove(&found.key) {
            Some(saved) => self.begin_with_state(found, saved),
            None => Ok(self.begin_without_state(found)),
        };
        let seats: Result<_, _> = found.into_iter().map(begin).collect();
        seats.map(Some)
    }

    /// The state of the lanes of these partitions, which is read beside this; `None`: not yet.
    pub(super) fn states(&mut self, partitions: &[Named]) -> Result<Option<States>, WorkerError> {
        if partitions.is_empty() {
            return Ok(Some(States::new()));
        }
        let mut under_way = self.readings.iter();
        let mut reading = match under_way.position(|reading| reading.is_of(partitions)) {
            Some(at) => self.readings.swap_remove(at),
            None if self.has_just_asked_in_vain() => return Ok(None),
            None if !self.is_exactly_once() => return Ok(Some(States::new())),
            None => {
                self.forget_readings();
                let keys = self.keys(partitions).into_iter();
                let lanes = keys.filter_map(|key| Some((key, self.state_topic(key)?)));
                let reader = StateReader::new(&self.port, &self.shared, self.id, self.sink.id())?;
                Reading::begin(reader, partitions, lanes.collect())?
            }
        };
        match reading.take(&self.settings) {
            Ok(None) => {
                self.readings.push(reading);
                Ok(None)
            }
            Ok(states) => {
                self.no_state = None;
                Ok(states)
            }
            Err(Unread::NotThere(why)) => {
                self.lacks_state(why)?;
                Ok(None)
            }
            Err(Unread::Kafka(error)) => Err(error.into()),
        }
    }

    /// The state has no place for a lane; it is looked for again, but not for ever.
    fn lacks_state(&mut self, why: String) -> Result<(), WorkerError> {
        let now = self.port.now();
        let since = *self.no_state.get_or_insert_with(|| {
            tracing::warn!(worker = self.id, "{why}");
            now
        });
        if now.saturating_duration_since(since) > LEARN {
            return Err(WorkerError::NoState(why));
        }
        self.asked_in_vain = Some(now);
        Ok(())
    }

    fn has_just_asked_in_vain(&self) -> bool {
        self.asked_in_vain.is_some_and(|at| self.since(at) < LOOK)
    }

    /// What nobody waits for any more. Reading for a decision outlives an abort: the group takes no offsets of
    /// ours before it is answered, so that each commit until then would end in the next abort.
    fn forget_readings(&mut self) {
        let postponed = &self.postponed;
        self.readings.retain(|reading| match postponed {
            Some(Decision::Assigned(partitions)) => reading.is_of(partitions),
            _ => false,
        });
    }

    /// None of an input that is only written on.
    fn state_topic(&self, key: Key) -> Option<Arc<str>> {
        if self.is_unkeyed(key.0) {
            return None;
        }
        let topics = &self.shared.config.topics;
        let name = match self.topics[key.0].0 {
            Source::Audit => topics.audit_state.as_deref(),
            Source::Flow => topics.flow_state.as_deref(),
        };
        name.map(Arc::from)
    }

    fn begin_without_state(&self, found: Found) -> Beginning {
        if found.beside == Beside::State {
            tracing::warn!(worker = self.id, topic = %self.topics[found.key.0].1, partition = found.key.1,
                "this offset was committed exactly once; what was open then stands in the topic of the state \
                 and is not told");
        }
        let lane = Lane::new(Arc::clone(&self.settings));
        let low = found.watermarks.0;
        let (key, mut seat, from) = self.begin_at(found, lane);
        if self.is_unkeyed(key.0) {
            // Told also where nothing ever comes: who asks how far the input is written on shall not wait for it.
            seat.next = Some(from.unwrap_or(low));
        }
        (key, seat, from)
    }

    fn begin_at(&self, found: Found, lane: Lane) -> Beginning {
        let at_end = client::begins_at_end(&self.shared.config.kafka);
        let rebuild = match found.beside {
            Beside::Rebuild(offset) => Some(offset),
            Beside::Nothing | Beside::State => None,
        };
        let start = offsets::start(found.committed, rebuild, found.watermarks, at_end);
        let (source, topic) = self.topics[found.key.0].clone();
        tracing::info!(worker = self.id, %topic, partition = found.key.1,
            from = start.read_from, told_before = start.told_before, "partition assigned");
        let low = found.watermarks.0;
        if let Some(committed) = found.committed.filter(|offset| *offset < low) {
            observe::deleted(&self.shared.metrics, &topic, found.key.1, (committed, low));
        }
        let of = (source, topic, found.key.1);
        let seat = Seat::new(of, lane, start, found.watermarks, self.moment());
        (found.key, seat, start.read_from)
    }

    /// The lane goes on from its state, where that is of the committed offset. The two are one transaction,
    /// so where they differ somebody has set the offset, or made a topic anew.
    fn begin_with_state(&self, found: Found, saved: Saved) -> Result<Beginning, WorkerError> {
        let partition = found.key.1;
        let (committed, low) = (found.committed, found.watermarks.0);
        let topic = saved.topic;
        let lane = saved.lane.map_err(|source| WorkerError::State {
            topic: Arc::clone(&topic),
            partition,
            source,
        })?;
        let is_there = committed.filter(|offset| *offset <= found.watermarks.1);
        let lost = found.beside == Beside::State && committed.is_some();
        match lane.zip(saved.bookmark) {
            Some((lane, bookmark)) if Some(bookmark.next) == is_there => {
                let next = bookmark.next.max(low);
                let (key, seat, _) = self.begin_at(found, lane);
                let seat = seat.saved_in(topic, next, bookmark.now);
                return Ok((key, seat, Some(next)));
            }
            Some((_, bookmark)) => tracing::warn!(
                worker = self.id, %topic, partition, state_of = bookmark.next, ?committed,
                "the state is of another offset than the committed one: somebody set the offset, or made the input anew. \
                 The lane begins without it"
            ),
            None if lost => tracing::warn!(
                worker = self.id, %topic, partition, ?committed,
                "the state of this lane is gone; what was open is lost"
            ),
            None => {}
        }
        let lane = Lane::tracked(Arc::clone(&self.settings));
        let (key, seat, from) = self.begin_at(found, lane);
        let mut seat = seat.saved_in(topic, from.unwrap_or(low), i64::MIN);
        seat.stale = saved.keys;
        Ok((key, seat, from))
    }

    /// What was committed for each partition.
    async fn look_up(&self, partitions: &[Named]) -> Result<Vec<Found>, KafkaError> {
        if partitions.is_empty() {
            return Ok(Vec::new());
        }
        let committed = self.consumer.committed(partitions, ASK).await?;
        let mut all = Vec::with_capacity(committed.len());
        for committed in committed {
            let Some(key) = self.key(&committed.partition) else {
                continue;
            };
            self.shared.view.turn(self.id);
            let watermarks = self.consumer.watermarks(&committed.partition, ASK).await?;
            all.push(found(key, &committed, watermarks));
        }
        Ok(all)
    }
}

/// Tells where the offset is not one to go on from as it is.
fn found(key: Key, committed: &Committed, (low, high): (i64, i64)) -> Found {
    let (topic, partition) = &committed.partition;
    let beside = committed.metadata.as_deref().and_then(|text| {
        offsets::parse_metadata(text)
            .inspect_err(|error| tracing::warn!(topic, %error, "commit metadata"))
            .ok()
    });
    match committed.offset {
        Some(offset) if offset > high => tracing::warn!(
            topic,
            partition,
            committed = offset,
            high,
            "the committed offset is behind the end; the topic was made anew"
        ),
        _ => {}
    }
    Found {
        key,
        committed: committed.offset,
        beside: beside.unwrap_or(Beside::Nothing),
        watermarks: (low, high),
    }
}

fn doubts(found: &[Found], states: &States) -> Doubts {
    let mut doubts = Doubts::new();
    for found in found {
        let Some(saved) = states.get(&found.key) else {
            continue;
        };
        let state_of = saved.bookmark.as_ref().map(|bookmark| bookmark.next);
        let begins = state_of.is_none() && found.beside != Beside::State;
        if state_of != found.committed && !begins {
            doubts.insert(found.key, (state_of, found.committed));
        }
    }
    doubts
}

/// A lane for which somebody committed between two looks. Whoever owns it does not while it looks.
fn overtaken(before: &Doubts, now: &Doubts) -> Option<Key> {
    let moves = |(key, (_, committed)): &(&Key, &(Option<i64>, Option<i64>))| {
        let before = before.get(key);
        before.is_some_and(|(_, before)| before != committed)
    };
    now.iter().find(moves).map(|(key, _)| *key)
}
