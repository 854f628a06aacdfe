//! Taking lanes up and handing them over, when the group or the end of the daemon wants it.
//!
//! Place in the flow: in the worker, between two records. Order of handing over: the lanes say what is
//! whole, the outputs are acknowledged, the offsets are committed, and only then the group is answered
//! (rebalance.rs). Order of taking up: the committed offsets and where to rebuild from are read first
//! (offsets.rs), and the consumer begins to read there. It refuses to commit what was lost.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer;
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList, TopicPartitionListElem};

use super::client;
use super::offsets::{self, Start};
use super::rebalance::{Decision, Named, answer_assigned, answer_revoked};
use super::seat::Seat;
use super::worker::{Key, Worker, WorkerError};

/// Longest wait for the brokers while the client waits for our answer; then it is tried again.
const ASK: Duration = Duration::from_secs(5);
/// Longest wait for acknowledgements at a revocation. What is not acknowledged by then is not
/// committed, and the next owner tells it again.
const HAND_OVER: Duration = Duration::from_secs(20);

/// A partition, where its lane begins, and the partition's low and high watermark.
type Beginning = (Key, Start, (i64, i64));

impl Worker {
    /// Carries out what the group decided, in order.
    pub(super) fn rebalance(&mut self) -> Result<(), WorkerError> {
        while let Some(decision) = self.consumer.context().decision() {
            let rebalances = self.shared.metrics.rebalances.clone();
            match &decision {
                Decision::Assigned(partitions) => {
                    self.shared.view.settle(self.id, false);
                    if let Err(error) = self.take_up(partitions) {
                        self.shared.metrics.broker_errors.inc();
                        tracing::warn!(worker = self.id, %error, "reading committed offsets; trying again");
                        self.consumer.context().put_back(decision);
                        return Ok(());
                    }
                    rebalances.with_label_values(&["assigned"]).inc();
                    self.shared.view.settle(self.id, true);
                }
                Decision::Revoked(partitions) => {
                    rebalances.with_label_values(&["revoked"]).inc();
                    let keys = self.keys(partitions);
                    self.hand_over(&keys, HAND_OVER)?;
                    self.give_up(partitions);
                }
                Decision::Lost(partitions) => {
                    rebalances.with_label_values(&["lost"]).inc();
                    tracing::warn!(
                        worker = self.id,
                        ?partitions,
                        "partitions lost; the next owner repeats"
                    );
                    self.give_up(partitions);
                }
            }
        }
        Ok(())
    }

    /// The end of the daemon: everything is handed over.
    pub(super) fn hand_over_all(&mut self) -> Result<(), WorkerError> {
        let keys: Vec<Key> = self.seats.keys().copied().collect();
        let deadline = self.shared.config.shutdown_deadline;
        if self.hand_over(&keys, deadline)? {
            Ok(())
        } else {
            Err(WorkerError::Interrupted)
        }
    }

    /// Lanes leave; true where all is acknowledged and was committed.
    fn hand_over(&mut self, keys: &[Key], within: Duration) -> Result<bool, WorkerError> {
        let began = Instant::now();
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

    fn take_up(&mut self, partitions: &[Named]) -> Result<(), KafkaError> {
        let starts = self.starts(partitions)?;
        let mut list = TopicPartitionList::with_capacity(starts.len());
        for (key, start, _) in &starts {
            let mut entry = list.add_partition(&self.topics[key.0].1, key.1);
            entry.set_offset(start.read_from.map_or(Offset::Invalid, Offset::Offset))?;
        }
        for (key, start, watermarks) in starts {
            let (source, topic) = self.topics[key.0].clone();
            tracing::info!(worker = self.id, %topic, partition = key.1,
                from = start.read_from, told_before = start.told_before, "partition assigned");
            let name = (source, topic, key.1);
            let seat = Seat::new(name, &self.settings, start, watermarks);
            self.shared
                .view
                .partitions
                .insert((seat.topic.to_string(), key.1), seat.view(self.id));
            if self.seats.insert(key, seat).is_none() {
                self.shared.metrics.assigned_partitions.inc();
            }
            self.ends.add(key.0, key.1);
        }
        if let Err(error) = answer_assigned(&self.consumer, &list) {
            // The group has gone on without us; its next decision says how.
            tracing::warn!(worker = self.id, %error, "assignment was not taken");
        }
        Ok(())
    }

    /// Where each lane begins.
    fn starts(&self, partitions: &[Named]) -> Result<Vec<Beginning>, KafkaError> {
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for (topic, partition) in partitions {
            list.add_partition(topic, *partition);
        }
        if partitions.is_empty() {
            return Ok(Vec::new());
        }
        let at_end = client::begins_at_end(&self.shared.config.kafka);
        let list = self.consumer.committed_offsets(list, ASK)?;
        let mut starts = Vec::with_capacity(partitions.len());
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
            let rebuild = metadata(&entry).and_then(|text| {
                offsets::parse_metadata(&text)
                    .inspect_err(
                        |error| tracing::warn!(topic = entry.topic(), %error, "commit metadata"),
                    )
                    .ok()
                    .flatten()
            });
            let start = offsets::start(committed, rebuild, (low, high), at_end);
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
            starts.push(((topic, entry.partition()), start, (low, high)));
        }
        Ok(starts)
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

/// The metadata of a committed offset. Anybody can commit any bytes; the client's accessor panics on
/// such that are not UTF-8.
fn metadata(entry: &TopicPartitionListElem<'_>) -> Option<String> {
    catch_unwind(AssertUnwindSafe(|| entry.metadata().to_owned())).ok()
}
