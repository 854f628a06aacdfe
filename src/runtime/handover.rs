//! Taking lanes up and handing them over, when the group or the end of the daemon wants it.
//!
//! Place in the flow: in the worker, between two records. Order of handing over: the lanes say what is
//! whole, the outputs are acknowledged, the offsets are committed, and only then the group is answered
//! (rebalance.rs). Order of taking up: the committed offsets and where to rebuild from are read first
//! (offsets.rs), and the consumer begins to read there.
//!
//! Where delivery is exactly once, handing over is one last transaction: what is open stays in the state.
//! Taking up reads the state first and the committed offsets after it, so that neither can be older than
//! what an owner before has committed; a state of another offset than the committed one is another's.
//! It refuses to commit what was lost.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList, TopicPartitionListElem};

use super::client;
use super::offsets::{self, Beside};
use super::rebalance::{Decision, Named, answer_assigned, answer_revoked};
use super::restore::{Pairs, Reader, Reading, States};
use super::seat::Seat;
use super::worker::{Key, Worker, WorkerError};
use crate::config::Delivery;
use crate::model::Source;
use crate::pipeline::lane::{self, Lane};

/// Longest wait for the brokers while the client waits for our answer; then it is tried again.
const ASK: Duration = Duration::from_secs(5);
/// Longest wait for acknowledgements at a revocation. What is not acknowledged by then is not
/// committed, and the next owner tells it again.
const HAND_OVER: Duration = Duration::from_secs(20);

/// Within this all brokers know of a topic that was made.
const LEARN: Duration = Duration::from_secs(30);

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
pub(super) type Beginning = (Key, Seat, Option<Offset>);

impl Worker {
    /// Carries out what the group decided, in order.
    pub(super) fn rebalance(&mut self) -> Result<(), WorkerError> {
        while let Some(decision) = self.consumer.context().decision() {
            let rebalances = self.shared.metrics.rebalances.clone();
            match &decision {
                Decision::Assigned(partitions) => {
                    self.shared.view.settle(self.id, false);
                    match self.take_up(partitions) {
                        Ok(true) => {}
                        // Meanwhile the lanes that stay go on.
                        Ok(false) => {
                            self.consumer.context().put_back(decision);
                            return Ok(());
                        }
                        Err(WorkerError::Kafka(error)) => {
                            self.shared.metrics.broker_errors.inc();
                            tracing::warn!(worker = self.id, %error, "reading what was committed; trying again");
                            self.consumer.context().put_back(decision);
                            return Ok(());
                        }
                        Err(error) => {
                            self.consumer.context().put_back(decision);
                            return Err(error);
                        }
                    }
                    rebalances.with_label_values(&["assigned"]).inc();
                    self.shared.view.settle(self.id, true);
                }
                Decision::Revoked(partitions) => {
                    rebalances.with_label_values(&["revoked"]).inc();
                    let keys = self.keys(partitions);
                    let aborted = match self.hand_over(&keys, HAND_OVER) {
                        Err(why) if why.is_abortable() => {
                            tracing::warn!(worker = self.id, %why, "the next owner repeats what was aborted");
                            self.abort()?;
                            true
                        }
                        result => {
                            result?;
                            false
                        }
                    };
                    self.give_up(partitions);
                    if aborted {
                        self.rewind()?;
                    }
                }
                Decision::Lost(partitions) => {
                    rebalances.with_label_values(&["lost"]).inc();
                    tracing::warn!(
                        worker = self.id,
                        ?partitions,
                        "partitions lost; the next owner repeats"
                    );
                    let aborts = self.sink.is_open();
                    if aborts {
                        self.abort()?;
                    }
                    self.give_up(partitions);
                    if aborts {
                        self.rewind()?;
                    }
                }
            }
        }
        Ok(())
    }

    fn is_exactly_once(&self) -> bool {
        self.shared.config.delivery == Delivery::ExactlyOnce
    }

    /// The end of the daemon: everything is handed over.
    pub(super) fn hand_over_all(&mut self) -> Result<(), WorkerError> {
        let keys: Vec<Key> = self.seats.keys().copied().collect();
        let deadline = self.shared.config.shutdown_deadline;
        if self.is_exactly_once() {
            return match self.commit_all() {
                Err(why) if why.is_abortable() => {
                    tracing::warn!(worker = self.id, %why, "transaction aborted at the end; it is read again");
                    self.abort()
                }
                result => result,
            };
        }
        if self.hand_over(&keys, deadline)? {
            Ok(())
        } else {
            Err(WorkerError::Interrupted)
        }
    }

    /// Lanes leave; true where all is acknowledged and was committed.
    fn hand_over(&mut self, keys: &[Key], within: Duration) -> Result<bool, WorkerError> {
        let began = Instant::now();
        if self.is_exactly_once() {
            self.commit_all()?;
            return Ok(true);
        }
        for key in keys {
            self.leave(*key)?;
        }
        if !self.quiet(began, within)? {
            return Ok(false);
        }
        self.commit_last(keys)?;
        self.quiet(began, within)
    }

    /// Waits until all outputs are acknowledged and no commit is under way; false where that takes
    /// too long.
    fn quiet(&mut self, began: Instant, within: Duration) -> Result<bool, WorkerError> {
        while self.sink.pending() > 0 || self.is_committing() {
            if began.elapsed() > within {
                tracing::warn!(
                    worker = self.id,
                    outputs = self.sink.pending(),
                    "not acknowledged and committed in time; the next owner repeats"
                );
                return Ok(false);
            }
            self.shared.view.turn(self.id);
            self.sink.poll(Duration::from_millis(2))?;
        }
        Ok(true)
    }

    /// False: the state of the lanes is still being read.
    fn take_up(&mut self, partitions: &[Named]) -> Result<bool, WorkerError> {
        let Some(states) = self.states(partitions)? else {
            return Ok(false);
        };
        let Some(seats) = self.beginnings(partitions, states)? else {
            return Ok(false);
        };
        let mut list = TopicPartitionList::with_capacity(seats.len());
        for (key, _, from) in &seats {
            let mut entry = list.add_partition(&self.topics[key.0].1, key.1);
            entry.set_offset(from.unwrap_or(Offset::Invalid))?;
        }
        for (key, seat, _) in seats {
            self.take_seat(key, seat);
        }
        if let Err(error) = answer_assigned(&self.consumer, &list) {
            // The group has gone on without us; its next decision says how.
            tracing::warn!(worker = self.id, %error, "assignment was not taken");
        }
        Ok(true)
    }

    /// In the place of the one that was there, if any.
    pub(super) fn take_seat(&mut self, key: Key, seat: Seat) {
        let name = (seat.topic.to_string(), key.1);
        self.shared.view.partitions.insert(name, seat.view(self.id));
        match self.seats.insert(key, seat) {
            None => self.shared.metrics.assigned_partitions.inc(),
            Some(mut before) => before.ungauge(&self.shared.metrics),
        }
        self.ends.add(key.0, key.1);
    }

    /// A seat for each partition, as the last commit left it.
    /// `None`: state and offsets differ, and are to be read once more.
    pub(super) fn beginnings(
        &mut self,
        partitions: &[Named],
        mut states: States,
    ) -> Result<Option<Vec<Beginning>>, WorkerError> {
        let found = self.look_up(partitions)?;
        // Whoever was stopped between the two reads may have an old state beside a new offset.
        let doubts = doubts(&found, &states);
        if !doubts.is_empty() && doubts != self.doubts {
            self.doubts = doubts;
            return Ok(None);
        }
        self.doubts = Doubts::new();
        let begin = |found: Found| match states.remove(&found.key) {
            Some((topic, pairs)) => self.begin_with_state(found, topic, &pairs),
            None => Ok(self.begin_without_state(found)),
        };
        let seats: Result<_, _> = found.into_iter().map(begin).collect();
        seats.map(Some)
    }

    /// The state of the lanes of these partitions, which a thread of its own reads; `None`: not yet.
    pub(super) fn states(&mut self, partitions: &[Named]) -> Result<Option<States>, WorkerError> {
        if !self.is_exactly_once() || partitions.is_empty() {
            return Ok(Some(States::new()));
        }
        let reading = match self.reading.take() {
            Some(reading) if reading.is_of(partitions) => reading,
            _ => {
                let keys = self.keys(partitions).into_iter();
                let lanes = keys.filter_map(|key| Some((key, self.state_topic(key)?)));
                let reader = Reader::new(&self.shared, self.id, self.sink.id())?;
                Reading::begin(reader, partitions, lanes.collect())?
            }
        };
        match reading.end() {
            Ok(Err(error)) if is_not_there(&error) => {
                let since = *self.no_state_since.get_or_insert_with(Instant::now);
                if since.elapsed() > LEARN {
                    return Err(WorkerError::NoState(error));
                }
                Err(error.into())
            }
            Ok(states) => {
                self.no_state_since = None;
                Ok(Some(states?))
            }
            Err(reading) => {
                self.reading = Some(reading);
                Ok(None)
            }
        }
    }

    fn state_topic(&self, key: Key) -> Option<Arc<str>> {
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
        self.begin_at(found, lane)
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
        let seat = Seat::new((source, topic, found.key.1), lane, start, found.watermarks);
        (found.key, seat, start.read_from.map(Offset::Offset))
    }

    /// The lane goes on from its state, where that is of the committed offset. The two are one transaction,
    /// so where they differ somebody has set the offset, or made a topic anew.
    fn begin_with_state(
        &self,
        found: Found,
        topic: Arc<str>,
        pairs: &Pairs,
    ) -> Result<Beginning, WorkerError> {
        let partition = found.key.1;
        let (committed, low) = (found.committed, found.watermarks.0);
        let all = pairs.iter().map(|(key, value)| (&**key, &**value));
        let restored = Lane::restore(Arc::clone(&self.settings), all);
        let restored = restored.map_err(|source| WorkerError::State {
            topic: Arc::clone(&topic),
            partition,
            source,
        })?;
        let is_there = committed.filter(|offset| *offset <= found.watermarks.1);
        let lost = found.beside == Beside::State && committed.is_some();
        match restored {
            Some((lane, bookmark)) if Some(bookmark.next) == is_there => {
                let next = bookmark.next.max(low);
                let (key, seat, _) = self.begin_at(found, lane);
                let seat = seat.saved_in(topic, next, bookmark.now);
                return Ok((key, seat, Some(Offset::Offset(next))));
            }
            Some((_, bookmark)) => tracing::warn!(
                worker = self.id, %topic, partition, state_of = bookmark.next, ?committed,
                "the state is of another offset than the committed one: somebody set the offset. \
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
        let next = match from {
            Some(Offset::Offset(offset)) => offset,
            _ => low,
        };
        let mut seat = seat.saved_in(topic, next, i64::MIN);
        seat.stale = pairs.keys().cloned().collect();
        Ok((key, seat, from))
    }

    /// What was committed for each partition.
    fn look_up(&self, partitions: &[Named]) -> Result<Vec<Found>, KafkaError> {
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for (topic, partition) in partitions {
            list.add_partition(topic, *partition);
        }
        if partitions.is_empty() {
            return Ok(Vec::new());
        }
        let list = self.consumer.committed_offsets(list, ASK)?;
        let mut all = Vec::with_capacity(partitions.len());
        for entry in list.elements() {
            entry.error()?;
            let Some(topic) = self
                .topics
                .iter()
                .position(|(_, name)| **name == *entry.topic())
            else {
                continue;
            };
            self.shared.view.turn(self.id);
            let (low, high) =
                self.consumer
                    .fetch_watermarks(entry.topic(), entry.partition(), ASK)?;
            let committed = match entry.offset() {
                Offset::Offset(offset) => Some(offset),
                _ => None,
            };
            let beside = metadata(&entry).and_then(|text| {
                offsets::parse_metadata(&text)
                    .inspect_err(
                        |error| tracing::warn!(topic = entry.topic(), %error, "commit metadata"),
                    )
                    .ok()
            });
            if committed.is_some_and(|offset| offset > high) {
                tracing::warn!(
                    topic = entry.topic(),
                    partition = entry.partition(),
                    ?committed,
                    high,
                    "the committed offset is behind the end; the topic was made anew"
                );
            }
            if let Some(committed) = committed.filter(|offset| *offset < low) {
                tracing::warn!(
                    topic = entry.topic(),
                    partition = entry.partition(),
                    committed,
                    low,
                    gone = low - committed,
                    "records were deleted before they were read"
                );
            }
            all.push(Found {
                key: (topic, entry.partition()),
                committed,
                beside: beside.unwrap_or(Beside::Nothing),
                watermarks: (low, high),
            });
        }
        Ok(all)
    }

    /// Drops the lanes and answers the group.
    fn give_up(&mut self, partitions: &[Named]) {
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for (topic, partition) in partitions {
            list.add_partition(topic, *partition);
            tracing::info!(worker = self.id, topic, partition, "partition given up");
        }
        for key in self.keys(partitions) {
            self.ends.remove(key.0, key.1);
            if let Some(mut seat) = self.seats.remove(&key) {
                seat.ungauge(&self.shared.metrics);
                self.shared.metrics.assigned_partitions.dec();
                // No position has passed them: the next owner reads them.
                self.strays
                    .retain(|stray| *stray.topic() != *seat.topic || stray.partition() != key.1);
                self.shared
                    .view
                    .partitions
                    .remove(&(seat.topic.to_string(), seat.partition));
            }
        }
        self.forget_positions();
        if let Err(error) = answer_revoked(&self.consumer, &list) {
            tracing::warn!(worker = self.id, %error, "revocation was not taken");
        }
    }

    fn keys(&self, partitions: &[Named]) -> Vec<Key> {
        let topic = |name: &str| self.topics.iter().position(|(_, topic)| **topic == *name);
        partitions
            .iter()
            .filter_map(|(name, partition)| Some((topic(name)?, *partition)))
            .collect()
    }
}

fn doubts(found: &[Found], states: &States) -> Doubts {
    let mut doubts = Doubts::new();
    for found in found {
        let Some((_, pairs)) = states.get(&found.key) else {
            continue;
        };
        let pairs = pairs.iter().map(|(key, value)| (&**key, &**value));
        let state_of = lane::bookmark(pairs).map(|bookmark| bookmark.next);
        let begins = state_of.is_none() && found.beside != Beside::State;
        if state_of != found.committed && !begins {
            doubts.insert(found.key, (state_of, found.committed));
        }
    }
    doubts
}

/// The brokers do not know the topic, or the partition.
fn is_not_there(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(RDKafkaErrorCode::UnknownPartition | RDKafkaErrorCode::UnknownTopicOrPartition)
    )
}

/// The metadata of a committed offset. Anybody can commit any bytes; the client's accessor panics on
/// such that are not UTF-8.
fn metadata(entry: &TopicPartitionListElem<'_>) -> Option<String> {
    catch_unwind(AssertUnwindSafe(|| entry.metadata().to_owned())).ok()
}
