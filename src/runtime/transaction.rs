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

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::error::WorkerError;
use super::offsets;
use super::port::{Consumer, Named, Port, ReadFrom, ToCommit};
use super::sink::{Refusal, SinkError};
use super::worker::{Key, Worker};
use crate::pipeline::lane::Bookmark;

/// Bytes of outputs after which a transaction is ended before its time.
const LARGE: usize = 64 << 20;

/// Longest wait in one call of the client; then others have their turn, and it is called again.
const STEP: Duration = Duration::from_secs(1);

/// A worker that cannot begin again within this ends, and another begins.
const GIVE_UP: Duration = Duration::from_secs(120);

/// Pause where the brokers cannot be asked, twice as long each time: for each try the state is read again.
const RETRY: Duration = Duration::from_millis(500);
const LONGEST_RETRY: Duration = Duration::from_secs(4);

/// Records of the state that a full queue did not take.
type Rest = Vec<(Vec<u8>, Option<Vec<u8>>)>;

impl<P: Port> Worker<P> {
    /// Commits what is due.
    pub(super) async fn commit_if_due(&mut self) -> Result<(), WorkerError> {
        let interval = self.shared.config.commit.interval;
        if self.progress.is_due(interval, self.port.now()) || self.sink.handed_over() >= LARGE {
            self.commit_all().await?;
        }
        Ok(())
    }

    /// Commits all that was read, said and remembered so far.
    pub(super) async fn commit_all(&mut self) -> Result<(), WorkerError> {
        let began = self.port.now();
        self.progress.took(began);
        if !self.has_to_commit() {
            return Ok(());
        }
        self.sink.begin()?;
        self.send_bundles(began).await?;
        let offsets = self.write_state().await?;
        while self.sink.pending() > 0 {
            self.sink.serve_for(Duration::from_millis(1)).await?;
            self.wait_in_order(began)?;
        }
        // Of this moment: the brokers refuse those of a generation that is over.
        let group = self
            .consumer
            .membership()
            .ok_or_else(|| SinkError::Aborted {
                reason: "this consumer is in no group".to_owned(),
            })?;
        while !self.sink.send_offsets(&offsets, &group, STEP).await? {
            self.wait_in_order(began)?;
        }
        while !self.sink.commit(STEP).await? {
            self.wait_in_order(began)?;
        }
        let metrics = &self.shared.metrics;
        metrics.commits.inc();
        metrics
            .commit_seconds
            .observe(self.since(began).as_secs_f64());
        for seat in self.seats.values_mut() {
            seat.changed = false;
        }
        Ok(())
    }

    /// Whether anything was read, said or remembered since the last transaction.
    pub(super) fn has_to_commit(&self) -> bool {
        self.has_begun() || self.seats.values().any(|seat| seat.changed)
    }

    /// Whether outputs were made since then.
    pub(super) fn has_begun(&self) -> bool {
        self.sink.is_open() || self.sink.has_bundles()
    }

    /// Hands over what waited for more of its kind.
    async fn send_bundles(&mut self, began: Instant) -> Result<(), WorkerError> {
        loop {
            match self.sink.send_bundles() {
                Ok(()) => return Ok(()),
                Err(Refusal::Full) => self.sink.serve_for(Duration::from_millis(2)).await?,
                Err(Refusal::Failed(error)) => return Err(error.into()),
            }
            self.wait_in_order(began)?;
        }
    }

    /// The brokers are waited for, but not past the daemon's end.
    fn wait_in_order(&self, began: Instant) -> Result<(), WorkerError> {
        self.shared.view.turn(self.id);
        let late = self.since(began) > self.shared.config.shutdown_deadline;
        if late && self.shared.stop.is_set() {
            return Err(WorkerError::Interrupted);
        }
        Ok(())
    }

    /// Hands the changed state over, and gives the offsets that go with it.
    async fn write_state(&mut self) -> Result<Vec<ToCommit>, WorkerError> {
        let mut offsets = Vec::new();
        let changed = self.seats.iter().filter(|(_, seat)| seat.changed);
        let keys: Vec<Key> = changed.map(|(key, _)| *key).collect();
        for key in keys {
            if self.is_unkeyed(key.0) {
                offsets.extend(self.written_on(key));
                continue;
            }
            let Some((topic, next, rest)) = self.write_changes(key)? else {
                continue;
            };
            for (record, value) in rest {
                self.write_rest(&topic, key.1, &record, value.as_deref())
                    .await?;
            }
            offsets.push(ToCommit {
                partition: self.named(key),
                offset: next,
                metadata: offsets::STATE.into(),
            });
        }
        Ok(offsets)
    }

    /// Of an input that is written on nothing stays open.
    fn written_on(&self, key: Key) -> Option<ToCommit> {
        let (offset, beside) = self.seats.get(&key)?.written_on()?;
        let partition = self.named(key);
        let metadata = beside.metadata().into();
        Some(ToCommit {
            partition,
            offset,
            metadata,
        })
    }

    /// Hands over what changed in one lane, as far as the queue takes it. Gives the topic, where the lane reads
    /// on, and the rest; `None` where there is nothing to commit of this lane.
    fn write_changes(&mut self, key: Key) -> Result<Option<(Arc<str>, i64, Rest)>, WorkerError> {
        let (sink, metrics) = (&mut self.sink, &self.shared.metrics);
        let Some(seat) = self.seats.get_mut(&key) else {
            return Ok(None);
        };
        let (Some(next), Some(topic)) = (seat.next, seat.state_topic.clone()) else {
            return Ok(None);
        };
        let bookmark = Bookmark {
            next,
            now: seat.ticked,
            writer: match seat.leaving {
                true => "".into(),
                false => sink.id().into(),
            },
        };
        let (mut result, mut rest) = (Ok(()), Rest::new());
        let mut write = |record: &[u8], value: Option<&[u8]>| {
            metrics.state_records.inc();
            let bytes = record.len() + value.map_or(0, <[u8]>::len);
            metrics.state_bytes.inc_by(bytes as u64);
            if result.is_err() {
                return;
            }
            let sent = match rest.is_empty() {
                true => sink.send_state(&topic, key.1, record, value),
                false => Err(Refusal::Full),
            };
            match sent {
                Ok(()) => {}
                Err(Refusal::Full) => rest.push((record.to_vec(), value.map(<[u8]>::to_vec))),
                Err(Refusal::Failed(error)) => result = Err(error),
            }
        };
        for gone in std::mem::take(&mut seat.stale) {
            write(&gone, None);
        }
        seat.lane.changes(&bookmark, &mut write);
        result?;
        Ok(Some((topic, next, rest)))
    }

    async fn write_rest(
        &mut self,
        topic: &str,
        partition: i32,
        record: &[u8],
        value: Option<&[u8]>,
    ) -> Result<(), WorkerError> {
        loop {
            match self.sink.send_state(topic, partition, record, value) {
                Ok(()) => return Ok(()),
                Err(Refusal::Full) => self.sink.serve_for(Duration::from_millis(2)).await?,
                Err(Refusal::Failed(error)) => return Err(error.into()),
            }
        }
    }

    /// What was begun is aborted, and all lanes begin again where the last commit left them.
    pub(super) async fn start_over(&mut self, why: &WorkerError) -> Result<(), WorkerError> {
        tracing::warn!(worker = self.id, %why, "transaction aborted; reading again from the last commit");
        self.abort().await?;
        self.sink.learn_sizes()?;
        if why.lacks_topic()
            && let Err(what) = self.port.complete_topics().await
        {
            tracing::warn!(worker = self.id, "{what}");
        }
        self.rewind().await
    }

    /// Aborts the open transaction, and forgets what came of it.
    pub(super) async fn abort(&mut self) -> Result<(), WorkerError> {
        self.shared.metrics.aborted_transactions.inc();
        self.outputs.clear();
        self.strays.clear();
        if let Some(rekey) = &mut self.rekey {
            rekey.clear();
        }
        let began = self.port.now();
        while !self.sink.abort(STEP).await? {
            self.wait_in_order(began)?;
        }
        Ok(())
    }

    /// Makes the lanes anew from what was committed, and has the consumer read on from there.
    pub(super) async fn rewind(&mut self) -> Result<(), WorkerError> {
        let names: Vec<Named> = self.seats.keys().map(|key| self.named(*key)).collect();
        self.doubts.clear();
        let (began, mut pause) = (self.port.now(), RETRY);
        loop {
            match self.rewind_to_committed(&names).await {
                Err(WorkerError::Kafka(error)) if self.since(began) < GIVE_UP => {
                    self.shared.metrics.broker_errors.inc();
                    tracing::warn!(worker = self.id, %error, "reading what was committed; trying again");
                    self.wait_in_order(began)?;
                    self.port.sleep(pause).await;
                    pause = LONGEST_RETRY.min(2 * pause);
                }
                result => return result,
            }
        }
    }

    async fn rewind_to_committed(&mut self, names: &[Named]) -> Result<(), WorkerError> {
        let began = self.port.now();
        let seats = loop {
            if let Some(states) = self.states(names)?
                && let Some(seats) = self.beginnings(names, states).await?
            {
                break seats;
            }
            self.wait_in_order(began)?;
            self.port.sleep(Duration::from_millis(2)).await;
        };
        let begin = seats.iter();
        let begin: Vec<ReadFrom> = begin
            .map(|(key, _, from)| (self.named(*key), *from))
            .collect();
        self.consumer.seek(&begin, STEP * 5).await?;
        for (key, seat, _) in seats {
            self.take_seat(key, seat);
        }
        // A full queue may have stopped the input when the transaction failed.
        self.consumer.resume()?;
        Ok(())
    }
}
