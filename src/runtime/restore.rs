//! Reading the saved state of lanes, before their first record.
//!
//! Place in the flow: in taking up a partition (handover.rs), before its committed offset is asked for. The
//! partition of the state is read from its first record to its end, committed records only. Its end is
//! only the end where no transaction on it is open. One that is can only be of an owner before that died or
//! does not know that it is none any more: whoever hands over in order has committed first. Such an owner
//! is fenced: its producer's name, which stands in the state, is taken from it, which aborts what it had
//! begun. Reading goes on beside the worker, whose lanes that stay go on meanwhile. It refuses
//! to begin with less than all of the state.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::Shared;
use super::error::WorkerError;
use super::port::{Isolation, Named, Port, Reader, StateRecord};
use super::worker::Key;
use crate::pipeline::lane;

/// Longest wait for one answer of the brokers.
const ASK: Duration = Duration::from_secs(5);
/// A transaction that is being committed ends within this; one that stays open longer is of an owner before.
const ENDING: Duration = Duration::from_millis(500);
/// Longest wait for an open transaction to end, before others have their turn.
const OPEN: Duration = Duration::from_secs(10);
/// So long without a record means that the brokers are away.
const SILENCE: Duration = Duration::from_secs(10);
const TELL_EVERY: Duration = Duration::from_secs(1);

/// The last value of each key.
pub type Pairs = BTreeMap<Vec<u8>, Vec<u8>>;

/// The state of each lane, with its topic.
pub type States = BTreeMap<Key, (Arc<str>, Pairs)>;

type Read = Result<States, KafkaError>;

/// The state of lanes being read, beside the worker.
pub struct Reading {
    partitions: Vec<Named>,
    read: Receiver<Read>,
}

impl Reading {
    pub fn begin<P: Port>(
        states: StateReader<P>,
        partitions: &[Named],
        lanes: Vec<(Key, Arc<str>)>,
    ) -> Result<Reading, WorkerError> {
        let (told, read) = channel();
        let port = states.port.clone();
        let work = async move {
            // Whoever asked may be gone.
            let _ = told.send(states.read_all(lanes).await);
        };
        port.beside("restore", work)?;
        Ok(Reading {
            partitions: partitions.to_vec(),
            read,
        })
    }

    pub fn is_of(&self, partitions: &[Named]) -> bool {
        self.partitions == partitions
    }

    /// What was read; itself, where it is not at its end.
    pub fn end(self) -> Result<Read, Reading> {
        match self.read.try_recv() {
            Ok(read) => Ok(read),
            Err(TryRecvError::Empty) => Err(self),
            Err(TryRecvError::Disconnected) => panic!("reading the state of lanes panicked"),
        }
    }
}

/// Reads partitions of the state.
pub struct StateReader<P: Port> {
    port: P,
    shared: Arc<Shared>,
    /// The name of this worker's own producer, which is not fenced.
    own: String,
    worker: usize,
    reader: P::Reader,
}

impl<P: Port> StateReader<P> {
    pub fn new(
        port: &P,
        shared: &Arc<Shared>,
        worker: usize,
        own: &str,
    ) -> Result<StateReader<P>, KafkaError> {
        Ok(StateReader {
            port: port.clone(),
            shared: Arc::clone(shared),
            own: own.to_owned(),
            worker,
            reader: port.reader()?,
        })
    }

    async fn read_all(&self, lanes: Vec<(Key, Arc<str>)>) -> Read {
        let mut states = States::new();
        for (key, topic) in lanes {
            let pairs = self.read(&(topic.to_string(), key.1)).await?;
            states.insert(key, (topic, pairs));
        }
        Ok(states)
    }

    fn since(&self, began: Instant) -> Duration {
        self.port.now().saturating_duration_since(began)
    }

    /// All of the state of one lane.
    async fn read(&self, partition: &Named) -> Result<Pairs, KafkaError> {
        let began = self.port.now();
        let span = self.wait_for_open_transactions(partition, None).await?;
        let metrics = &self.shared.metrics;
        metrics.restoring_lanes.inc();
        let read = self.to_the_end(partition, span).await;
        metrics.restoring_lanes.dec();
        let (pairs, records) = read?;
        self.release_input(partition, &pairs).await;
        let seconds = self.since(began).as_secs_f64();
        metrics.restore_seconds.observe(seconds);
        tracing::info!(
            worker = self.worker,
            topic = partition.0,
            partition = partition.1,
            records,
            keys = pairs.len(),
            seconds,
            "state of a lane read"
        );
        Ok(pairs)
    }

    /// Where lines are re-keyed, an owner that died may also have an open transaction on what the lane reads.
    async fn release_input(&self, (state, number): &Named, pairs: &Pairs) {
        let topics = &self.shared.config.topics;
        let Some(input) = topics.audit_rekeyed.as_ref() else {
            return;
        };
        let pairs = pairs.iter().map(|(key, value)| (&**key, &**value));
        let owner = lane::bookmark(pairs).map(|bookmark| bookmark.writer);
        let owner = owner.filter(|owner| **owner != *self.own);
        if let Some(owner) = owner
            && topics.audit_state.as_ref() == Some(state)
        {
            let input = (input.clone(), *number);
            if let Err(error) = self.wait_for_open_transactions(&input, Some(&*owner)).await {
                // It times out by itself.
                tracing::info!(topic = input.0, partition = number, %error, "an open transaction stays open");
            }
        }
    }

    /// Gives the first offset and the one after the last. `owner`: who may have one open, beside those that are
    /// alive; else that stands in the partition.
    async fn wait_for_open_transactions(
        &self,
        partition: &Named,
        owner: Option<&str>,
    ) -> Result<(i64, i64), KafkaError> {
        let ending = match owner {
            Some(_) => ENDING + self.shared.config.commit.interval,
            None => ENDING,
        };
        let end_of = |isolation| self.reader.watermarks(isolation, partition, ASK);
        let (low, high) = end_of(Isolation::All).await?;
        let began = self.port.now();
        let mut fenced = false;
        loop {
            let (_, stable) = end_of(Isolation::Committed).await?;
            if stable >= high {
                return Ok((low, high));
            }
            if self.since(began) > OPEN {
                return Err(timed_out());
            }
            if self.since(began) > ending && !fenced {
                fenced = true;
                match owner {
                    Some(owner) => self.fence(partition, owner).await?,
                    None => self.fence_owner(partition, (low, stable)).await?,
                }
            }
            self.port.sleep(Duration::from_millis(20)).await;
        }
    }

    async fn fence_owner(&self, partition: &Named, span: (i64, i64)) -> Result<(), KafkaError> {
        let (pairs, _) = self.to_the_end(partition, span).await?;
        let (topic, number) = partition;
        let pairs = pairs.iter().map(|(key, value)| (&**key, &**value));
        let Some(owner) = lane::bookmark(pairs).map(|bookmark| bookmark.writer) else {
            tracing::info!(
                topic,
                partition = number,
                "waiting for an open transaction to time out"
            );
            return Ok(());
        };
        if *owner == *self.own {
            return Ok(());
        }
        self.fence(partition, &owner).await
    }

    async fn fence(&self, (topic, partition): &Named, owner: &str) -> Result<(), KafkaError> {
        tracing::info!(
            topic,
            partition,
            owner,
            "ending the open transaction of an owner before"
        );
        self.reader.fence(owner, ASK).await
    }

    async fn to_the_end(
        &self,
        partition: &Named,
        span: (i64, i64),
    ) -> Result<(Pairs, u64), KafkaError> {
        if span.0 == span.1 {
            return Ok((Pairs::new(), 0));
        }
        self.reader.read(Some(partition))?;
        let read = self.poll_to_the_end(partition, span).await;
        self.reader.read(None)?;
        read
    }

    async fn poll_to_the_end(
        &self,
        (topic, partition): &Named,
        (low, high): (i64, i64),
    ) -> Result<(Pairs, u64), KafkaError> {
        let (mut pairs, mut records) = (Pairs::new(), 0);
        let (mut told, mut heard) = (self.port.now(), self.port.now());
        loop {
            match self.reader.wait(Duration::from_millis(100)).await {
                // Also what was written since, by another owner if this one is none any more: compaction may have
                // taken for it what stood before.
                Some(Ok(StateRecord { key, value })) => {
                    heard = self.port.now();
                    records += 1;
                    self.shared.metrics.restored_records.inc();
                    match value {
                        Some(value) => drop(pairs.insert(key, value)),
                        None => drop(pairs.remove(&key)),
                    }
                }
                Some(Err(KafkaError::PartitionEOF(at))) if at == *partition => {
                    return Ok((pairs, records));
                }
                Some(Err(error @ KafkaError::MessageConsumptionFatal(_))) => return Err(error),
                Some(Err(error)) => tracing::debug!(%error, "reading state"),
                None => {}
            }
            if self.since(heard) > SILENCE {
                return Err(timed_out());
            }
            if self.since(told) > TELL_EVERY {
                told = self.port.now();
                tracing::info!(
                    topic,
                    partition,
                    records,
                    of_about = high - low,
                    "reading the state of a lane"
                );
            }
        }
    }
}

fn timed_out() -> KafkaError {
    KafkaError::MessageConsumption(RDKafkaErrorCode::OperationTimedOut)
}
