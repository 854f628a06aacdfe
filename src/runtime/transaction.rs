//! Transactions: outputs, input offsets and the changed state of the lanes, all or nothing.
//!
//! Place in the flow: in the worker, in the place of commit.rs, where delivery is exactly once. A transaction
//! begins with the first output after the last one and ends after `commit.interval`, or when it has grown
//! large. What it holds:
//!
//! 1. What a lane has read, said and remembers is committed together, or not at all.
//! 2. Offsets go with the group's metadata of that moment, so the brokers refuse those of a worker whose
//!    partitions are another's by now.
//! 3. After an abort nothing of the worker's memory is believed: each lane is made anew from what was
//!    committed, and reads on from there.
//!
//! It refuses to go on with a producer that was fenced: the worker ends, and another begins.

use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::offsets;
use super::sink::{Refusal, SinkError};
use super::worker::{Worker, WorkerError};
use crate::pipeline::lane::Bookmark;

/// Bytes of outputs after which a transaction is ended before its time.
const LARGE: usize = 32 << 20;

/// Longest wait in one call of the client; then others have their turn, and it is called again.
const STEP: Duration = Duration::from_secs(1);

/// A worker that cannot begin again within this ends, and another begins.
const GIVE_UP: Duration = Duration::from_secs(120);

/// Pause where the brokers cannot be asked.
const RETRY: Duration = Duration::from_millis(500);

impl Worker {
    /// Commits what is due.
    pub(super) fn commit_if_due(&mut self) -> Result<(), WorkerError> {
        let interval = self.shared.config.commit.interval;
        if self.progress.is_due(interval) || self.sink.handed_over() >= LARGE {
            self.commit_all()?;
        }
        Ok(())
    }

    /// Commits all that was read, said and remembered so far.
    pub(super) fn commit_all(&mut self) -> Result<(), WorkerError> {
        let began = Instant::now();
        self.progress.took(began);
        if !self.sink.is_open() && !self.seats.values().any(|seat| seat.changed) {
            return Ok(());
        }
        self.sink.begin()?;
        let offsets = self.write_state()?;
        while self.sink.pending() > 0 {
            self.sink.poll(Duration::from_millis(1))?;
            self.wait_in_order(began)?;
        }
        // Of this moment: the brokers refuse those of a generation that is over.
        let group = self
            .consumer
            .group_metadata()
            .ok_or_else(|| SinkError::Aborted {
                reason: "this consumer is in no group".to_owned(),
            })?;
        while !self.sink.send_offsets(&offsets, &group, STEP)? {
            self.wait_in_order(began)?;
        }
        while !self.sink.commit(STEP)? {
            self.wait_in_order(began)?;
        }
        let metrics = &self.shared.metrics;
        metrics.commits.inc();
        metrics
            .commit_seconds
            .observe(began.elapsed().as_secs_f64());
        for seat in self.seats.values_mut() {
            seat.changed = false;
        }
        Ok(())
    }

    /// The brokers are waited for, but not past the daemon's end.
    fn wait_in_order(&self, began: Instant) -> Result<(), WorkerError> {
        self.shared.view.turn(self.id);
        let late = began.elapsed() > self.shared.config.shutdown_deadline;
        if late && self.shared.stop.is_set() {
            return Err(WorkerError::Interrupted);
        }
        Ok(())
    }

    /// Hands the changed state over, and gives the offsets that go with it.
    fn write_state(&mut self) -> Result<TopicPartitionList, WorkerError> {
        let mut offsets = TopicPartitionList::new();
        let (sink, metrics) = (&mut self.sink, &self.shared.metrics);
        for (key, seat) in self.seats.iter_mut().filter(|(_, seat)| seat.changed) {
            let (Some(next), Some(topic)) = (seat.next, seat.state_topic.clone()) else {
                continue;
            };
            let bookmark = Bookmark {
                next,
                now: seat.ticked,
                writer: sink.id().into(),
            };
            let mut result = Ok(());
            let mut write = |record: &[u8], value: Option<&[u8]>| {
                if result.is_ok() {
                    metrics.state_records.inc();
                    let bytes = record.len() + value.map_or(0, <[u8]>::len);
                    metrics.state_bytes.inc_by(bytes as u64);
                    result = loop {
                        match sink.send_state(&topic, key.1, record, value) {
                            Err(Refusal::Full) => {}
                            Err(Refusal::Failed(error)) => break Err(error),
                            Ok(()) => break Ok(()),
                        }
                        if let Err(error) = sink.poll(Duration::from_millis(2)) {
                            break Err(error);
                        }
                    };
                }
            };
            for gone in std::mem::take(&mut seat.stale) {
                write(&gone, None);
            }
            seat.lane.changes(&bookmark, &mut write);
            result?;
            let mut entry = offsets.add_partition(&self.topics[key.0].1, key.1);
            entry.set_offset(Offset::Offset(next))?;
            entry.set_metadata(offsets::STATE);
        }
        Ok(offsets)
    }

    /// What was begun is aborted, and all lanes begin again where the last commit left them.
    pub(super) fn start_over(&mut self, why: &WorkerError) -> Result<(), WorkerError> {
        tracing::warn!(worker = self.id, %why, "transaction aborted; reading again from the last commit");
        self.abort()?;
        self.rewind()
    }

    /// Aborts the open transaction, and forgets what came of it.
    pub(super) fn abort(&mut self) -> Result<(), WorkerError> {
        self.shared.metrics.aborted_transactions.inc();
        self.outputs.clear();
        self.strays.clear();
        let began = Instant::now();
        while !self.sink.abort(STEP)? {
            self.wait_in_order(began)?;
        }
        Ok(())
    }

    /// Makes the lanes anew from what was committed, and has the consumer read on from there.
    pub(super) fn rewind(&mut self) -> Result<(), WorkerError> {
        let names = self
            .seats
            .values()
            .map(|seat| (seat.topic.to_string(), seat.partition));
        let names: Vec<_> = names.collect();
        let began = Instant::now();
        loop {
            match self.rewind_to_committed(&names) {
                Err(WorkerError::Kafka(error)) if began.elapsed() < GIVE_UP => {
                    self.shared.metrics.broker_errors.inc();
                    tracing::warn!(worker = self.id, %error, "reading what was committed; trying again");
                    self.wait_in_order(began)?;
                    std::thread::sleep(RETRY);
                }
                result => return result,
            }
        }
    }

    fn rewind_to_committed(&mut self, names: &[(String, i32)]) -> Result<(), WorkerError> {
        let began = Instant::now();
        let seats = loop {
            if let Some(states) = self.states(names)?
                && let Some(seats) = self.beginnings(names, states)?
            {
                break seats;
            }
            self.wait_in_order(began)?;
            std::thread::sleep(Duration::from_millis(2));
        };
        let mut list = TopicPartitionList::with_capacity(seats.len());
        for (key, _, from) in &seats {
            list.add_partition_offset(
                &self.topics[key.0].1,
                key.1,
                from.unwrap_or(Offset::Beginning),
            )?;
        }
        let sought = self.consumer.seek_partitions(list, STEP * 5)?;
        for entry in sought.elements() {
            entry.error()?;
        }
        for (key, seat, _) in seats {
            self.take_seat(key, seat);
        }
        // A full queue may have stopped the input when the transaction failed.
        self.consumer.resume(&self.consumer.assignment()?)?;
        Ok(())
    }
}
