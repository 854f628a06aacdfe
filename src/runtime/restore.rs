//! Reading the saved state of lanes, before their first record.
//!
//! Place in the flow: in taking up a partition (handover.rs), before its committed offset is asked for. The
//! partition of the state is read from its first record to its end, committed records only. Its end is
//! only the end where no transaction on it is open; who still has one is fenced (fencing.rs). Reading goes on beside
//! the worker, whose lanes that stay go on meanwhile. It refuses to begin with less than all of the state.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::Shared;
use super::error::WorkerError;
use super::port::{Named, Port, Reader, StateRecord};
use super::worker::Key;

/// Longest wait for one answer of the brokers.
pub(super) const ASK: Duration = Duration::from_secs(5);
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
            let read = states.read_all(lanes).await;
            let owners = read.as_ref().map(|read| states.owners(read)).ok();
            // Whoever asked may be gone.
            let _ = told.send(read);
            if let Some(owners) = owners {
                states.release_outputs(&owners).await;
            }
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
    pub(super) port: P,
    pub(super) shared: Arc<Shared>,
    /// The name of this worker's own producer, which is not fenced.
    pub(super) own: String,
    worker: usize,
    pub(super) reader: P::Reader,
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

    pub(super) fn since(&self, began: Instant) -> Duration {
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

    pub(super) async fn to_the_end(
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

pub(super) fn timed_out() -> KafkaError {
    KafkaError::MessageConsumption(RDKafkaErrorCode::OperationTimedOut)
}
