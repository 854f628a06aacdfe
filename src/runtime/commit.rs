//! Committing: what was read, joined, told and acknowledged is never read again.
//!
//! Place in the flow: in the worker, after the sink. Positions are taken first (offsets.rs), and
//! committed when everything that was handed over by then is acknowledged (sink.rs); meanwhile the
//! worker reads on. It refuses to commit the position of a lane that has left.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::{CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::offsets::Position;
use super::sink::Mark;
use super::worker::{Key, Worker, WorkerError};
use crate::model::Source;

/// Positions on their way to the brokers.
#[derive(Default)]
pub(super) struct Progress {
    /// Taken, and waiting for its outputs to be acknowledged.
    pending: Option<(Mark, Snapshot)>,
    /// Asked for, and waiting for the brokers.
    committing: Option<Snapshot>,
    /// When positions were taken last.
    taken: Option<Instant>,
}

impl Progress {
    /// Positions were taken at this time.
    pub(super) fn took(&mut self, taken: Instant) {
        self.taken = Some(taken);
    }

    pub(super) fn is_due(&self, interval: Duration) -> bool {
        self.taken.is_none_or(|taken| taken.elapsed() >= interval)
    }
}

struct Snapshot {
    positions: Vec<(Key, Position)>,
    taken: Instant,
}

impl Worker {
    /// Takes positions, and commits those taken before once their outputs are acknowledged. At most
    /// one commit is under way, so that results cannot be mixed up.
    pub(super) fn commit(&mut self) -> Result<(), WorkerError> {
        if self.is_committing() {
            return Ok(());
        }
        match self.progress.pending.take() {
            Some((mark, snapshot)) if self.sink.acknowledged(mark) => self.ask(snapshot)?,
            Some(waiting) => self.progress.pending = Some(waiting),
            None if self.progress.is_due(self.shared.config.commit.interval) => {
                let taken = Instant::now();
                self.progress.took(taken);
                let positions: Vec<_> = self
                    .seats
                    .iter()
                    .filter_map(|(key, seat)| Some((*key, seat.position()?)))
                    .collect();
                if positions.is_empty() {
                    return Ok(());
                }
                if let Some(mark) = self.sink.mark() {
                    self.progress.pending = Some((mark, Snapshot { positions, taken }));
                }
            }
            None => {}
        }
        Ok(())
    }

    /// Whether a commit is under way. One that lands after a partition was handed over would set the
    /// next owner back.
    pub(super) fn is_committing(&mut self) -> bool {
        while let Some(result) = self.consumer.context().commit_result() {
            self.committed(result);
        }
        self.progress.committing.is_some()
    }

    /// The client reports only a commit that is waited for, and the loop must not wait: a thread does.
    /// The last one that holds the consumer closes it, which `Drop` allows from any thread.
    fn ask(&mut self, snapshot: Snapshot) -> Result<(), WorkerError> {
        let list = commit_list(&self.topics, &snapshot.positions)?;
        let consumer = Arc::clone(&self.consumer);
        let ask = move || {
            let result = consumer.commit(&list, CommitMode::Sync);
            consumer.context().commit_ended(result);
        };
        std::thread::Builder::new()
            .name("commit".into())
            .spawn(ask)?;
        self.progress.committing = Some(snapshot);
        Ok(())
    }

    fn committed(&mut self, result: Result<(), String>) {
        let Some(snapshot) = self.progress.committing.take() else {
            return;
        };
        match result {
            Ok(()) => {
                self.shared.metrics.commits.inc();
                self.shared
                    .metrics
                    .commit_seconds
                    .observe(snapshot.taken.elapsed().as_secs_f64());
                for (key, position) in snapshot.positions {
                    if let Some(seat) = self.seats.get_mut(&key) {
                        seat.committed = Some(position);
                    }
                }
            }
            Err(error) => {
                self.shared.metrics.commit_failures.inc();
                tracing::warn!(
                    worker = self.id,
                    error,
                    "commit failed; a later one makes up for it, or the next owner repeats"
                );
            }
        }
    }

    /// Begins to commit these seats, which are to leave. All outputs must be acknowledged, and no commit
    /// be under way.
    pub(super) fn commit_last(&mut self, keys: &[Key]) -> Result<(), WorkerError> {
        self.forget_positions();
        let positions: Vec<_> = keys
            .iter()
            .filter_map(|key| Some((*key, self.seats.get(key)?.position()?)))
            .collect();
        if positions.is_empty() {
            return Ok(());
        }
        let taken = Instant::now();
        self.ask(Snapshot { positions, taken })
    }

    /// Positions that were taken hold seats that are gone; new ones are taken at once.
    pub(super) fn forget_positions(&mut self) {
        self.progress.pending = None;
    }
}

fn commit_list(
    topics: &[(Source, Arc<str>)],
    positions: &[(Key, Position)],
) -> Result<TopicPartitionList, KafkaError> {
    let mut list = TopicPartitionList::with_capacity(positions.len());
    for ((topic, partition), position) in positions {
        let mut entry = list.add_partition(&topics[*topic].1, *partition);
        entry.set_offset(Offset::Offset(position.offset))?;
        entry.set_metadata(position.metadata());
    }
    Ok(list)
}
