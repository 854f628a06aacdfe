//! Reading the saved state of lanes, before their first record.
//!
//! Place in the flow: in taking up a partition (takeup.rs), before its committed offset is asked for. The
//! partition of the state is read from its first record to its end, committed records only. Its end is
//! only the end where no transaction on it is open; who still has one is fenced (fencing.rs). Reading goes on beside
//! the worker, whose lanes that stay go on meanwhile. It refuses to begin with less than all of the state.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::Shared;
use super::error::{WorkerError, is_not_there};
use super::port::{Named, Port, Reader, StateRecord};
use super::worker::Key;
use crate::model::settings::Settings;
use crate::pipeline::lane::{self, Bookmark, Lane, RestoreError};

/// Longest wait for one answer of the brokers.
pub(super) const ASK: Duration = Duration::from_secs(5);
/// So long without a record means that the brokers are away.
const SILENCE: Duration = Duration::from_secs(10);
const TELL_EVERY: Duration = Duration::from_secs(1);

/// The last value of each key.
pub type Pairs = BTreeMap<Vec<u8>, Vec<u8>>;

/// The state of one lane.
pub struct Saved {
    pub topic: Arc<str>,
    /// Who wrote it, and how far it had read, where that much can be read.
    pub bookmark: Option<Bookmark>,
    /// What it is made of.
    pub keys: Vec<Vec<u8>>,
    /// The lane that goes on from there; `None` where nothing was saved.
    pub lane: Result<Option<Lane>, RestoreError>,
}

impl Saved {
    fn of(topic: Arc<str>, settings: &Arc<Settings>, pairs: Pairs) -> Saved {
        let bookmark = bookmark_of(&pairs);
        let (keys, values): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        let restored = Lane::restore(Arc::clone(settings), keys.iter().zip(values));
        Saved {
            topic,
            bookmark,
            lane: restored.map(|restored| restored.map(|(lane, _)| lane)),
            keys,
        }
    }
}

pub(super) fn bookmark_of(pairs: &Pairs) -> Option<Bookmark> {
    lane::bookmark(pairs.get(&lane::bookmark_key())?)
}

pub type States = BTreeMap<Key, Saved>;

type Told = Result<(Key, Arc<str>, Pairs), Unread>;

/// Why state was not read.
#[derive(Debug, thiserror::Error)]
pub enum Unread {
    #[error("Kafka: {0}")]
    Kafka(#[from] KafkaError),
    /// With what to do about it.
    #[error("{0}")]
    NotThere(String),
}

/// The state of lanes being read, beside the worker, which makes each lane while others are read: as bytes no more than
/// three are in memory, one that is read, one that waits, one that is made.
pub struct Reading {
    partitions: Vec<Named>,
    lanes: usize,
    read: Receiver<Told>,
    states: States,
}

impl Reading {
    pub fn begin<P: Port>(
        reader: StateReader<P>,
        partitions: &[Named],
        lanes: Vec<(Key, Arc<str>)>,
    ) -> Result<Reading, WorkerError> {
        let (told, read) = sync_channel(1);
        let (port, many) = (reader.port.clone(), lanes.len());
        let work = async move {
            if let Err(error) = reader.read_all(lanes, &told).await {
                reader.tell(&told, Err(error)).await;
            }
            // Its clients have done their part, and the lanes will need what they hold.
            drop(reader);
            drop(told);
        };
        port.beside("restore", work)?;
        Ok(Reading {
            partitions: partitions.to_vec(),
            lanes: many,
            read,
            states: States::new(),
        })
    }

    pub fn is_of(&self, partitions: &[Named]) -> bool {
        self.partitions == partitions
    }

    /// All that was to be read; `None`: not yet.
    pub fn take(&mut self, settings: &Arc<Settings>) -> Result<Option<States>, Unread> {
        loop {
            match self.read.try_recv() {
                Ok(told) => {
                    let (key, topic, pairs) = told?;
                    self.states.insert(key, Saved::of(topic, settings, pairs));
                }
                Err(TryRecvError::Empty) => return Ok(None),
                Err(TryRecvError::Disconnected) if self.states.len() == self.lanes => {
                    return Ok(Some(std::mem::take(&mut self.states)));
                }
                Err(TryRecvError::Disconnected) => panic!("reading the state of lanes panicked"),
            }
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

    async fn read_all(
        &self,
        lanes: Vec<(Key, Arc<str>)>,
        told: &SyncSender<Told>,
    ) -> Result<(), Unread> {
        for (key, topic) in lanes {
            let pairs = match self.read(&(topic.to_string(), key.1)).await {
                Err(error) if is_not_there(&error) => return Err(self.complete(&error).await),
                read => read?,
            };
            if !self.tell(told, Ok((key, topic, pairs))).await {
                break;
            }
        }
        Ok(())
    }

    /// The input has got partitions: its state gets them too, if that may be.
    async fn complete(&self, error: &KafkaError) -> Unread {
        let made = self.port.complete_topics().await;
        let not_yet = || format!("a partition of the state is not there yet: {error}");
        Unread::NotThere(made.err().unwrap_or_else(not_yet))
    }

    /// False: whoever asked is gone.
    async fn tell(&self, told: &SyncSender<Told>, mut what: Told) -> bool {
        loop {
            match told.try_send(what) {
                Ok(()) => return true,
                Err(TrySendError::Disconnected(_)) => return false,
                Err(TrySendError::Full(back)) => what = back,
            }
            self.port.sleep(Duration::from_millis(2)).await;
        }
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
