//! Reading the saved state of lanes, before their first record.
//!
//! Place in the flow: in taking up a partition (handover.rs), before its committed offset is asked for. The
//! partition of the state is read from its first record to its end, committed records only. Its end is
//! only the end where no transaction on it is open. One that is can only be of an owner before that died or
//! does not know that it is none any more: whoever hands over in order has committed first. Such an owner
//! is fenced: its producer's name, which stands in the state, is taken from it, which aborts what it had
//! begun. Reading has a thread of its own, so that the worker's lanes that stay go on meanwhile. It refuses
//! to begin with less than all of the state.

use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::rebalance::Named;
use super::worker::Key;
use super::{Shared, client};
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

/// A thread that reads the state of lanes.
pub struct Reading {
    partitions: Vec<Named>,
    thread: JoinHandle<Result<States, KafkaError>>,
}

impl Reading {
    pub fn begin(
        reader: Reader,
        partitions: &[Named],
        lanes: Vec<(Key, Arc<str>)>,
    ) -> std::io::Result<Reading> {
        let read = move || {
            let each = lanes.into_iter().map(|(key, topic)| {
                let pairs = reader.read(&topic, key.1)?;
                Ok((key, (topic, pairs)))
            });
            each.collect()
        };
        Ok(Reading {
            partitions: partitions.to_vec(),
            thread: std::thread::Builder::new()
                .name("restore".into())
                .spawn(read)?,
        })
    }

    pub fn is_of(&self, partitions: &[Named]) -> bool {
        self.partitions == partitions
    }

    /// What was read; itself, where it is not at its end.
    pub fn end(self) -> Result<Result<States, KafkaError>, Reading> {
        if !self.thread.is_finished() {
            return Err(self);
        }
        Ok(self
            .thread
            .join()
            .unwrap_or_else(|panic| resume_unwind(panic)))
    }
}

/// Reads partitions of the state.
pub struct Reader {
    shared: Arc<Shared>,
    /// The name of this worker's own producer, which is not fenced.
    own: String,
    worker: usize,
    committed: BaseConsumer<Silent>,
    all: BaseConsumer<Silent>,
}

impl Reader {
    pub fn new(shared: &Arc<Shared>, worker: usize, own: &str) -> Result<Reader, KafkaError> {
        let reader =
            |isolation| client::reader(&shared.config.kafka, isolation).create_with_context(Silent);
        Ok(Reader {
            shared: Arc::clone(shared),
            own: own.to_owned(),
            worker,
            committed: reader(client::READ_COMMITTED)?,
            all: reader(client::READ_UNCOMMITTED)?,
        })
    }

    /// All of the state of one lane.
    pub fn read(&self, topic: &str, partition: i32) -> Result<Pairs, KafkaError> {
        let began = Instant::now();
        let span = self.wait_for_open_transactions(topic, partition)?;
        let metrics = &self.shared.metrics;
        metrics.restoring_lanes.inc();
        let read = self.to_the_end(topic, partition, span);
        metrics.restoring_lanes.dec();
        let (pairs, records) = read?;
        metrics
            .restore_seconds
            .observe(began.elapsed().as_secs_f64());
        tracing::info!(
            worker = self.worker,
            topic,
            partition,
            records,
            keys = pairs.len(),
            seconds = began.elapsed().as_secs_f64(),
            "state of a lane read"
        );
        Ok(pairs)
    }

    /// Gives the first offset and the one after the last.
    fn wait_for_open_transactions(
        &self,
        topic: &str,
        partition: i32,
    ) -> Result<(i64, i64), KafkaError> {
        let (low, high) = self.all.fetch_watermarks(topic, partition, ASK)?;
        let began = Instant::now();
        let mut fenced = false;
        loop {
            let (_, stable) = self.committed.fetch_watermarks(topic, partition, ASK)?;
            if stable >= high {
                return Ok((low, high));
            }
            if began.elapsed() > OPEN {
                return Err(timed_out());
            }
            if began.elapsed() > ENDING && !fenced {
                fenced = true;
                self.fence_owner(topic, partition, (low, stable))?;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn fence_owner(&self, topic: &str, partition: i32, span: (i64, i64)) -> Result<(), KafkaError> {
        let (pairs, _) = self.to_the_end(topic, partition, span)?;
        let pairs = pairs.iter().map(|(key, value)| (&**key, &**value));
        let Some(owner) = lane::bookmark(pairs).map(|bookmark| bookmark.writer) else {
            tracing::info!(
                topic,
                partition,
                "waiting for an open transaction to time out"
            );
            return Ok(());
        };
        if *owner == *self.own {
            return Ok(());
        }
        tracing::info!(topic, partition, %owner, "ending the open transaction of an owner before");
        let config = &self.shared.config;
        let producer =
            client::transactional(&config.kafka, &owner, config.commit.interval, usize::MAX);
        let producer: BaseProducer = producer.create()?;
        producer.init_transactions(ASK)
    }

    fn to_the_end(
        &self,
        topic: &str,
        partition: i32,
        span: (i64, i64),
    ) -> Result<(Pairs, u64), KafkaError> {
        if span.0 == span.1 {
            return Ok((Pairs::new(), 0));
        }
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Beginning)?;
        self.committed.assign(&list)?;
        let read = self.poll_to_the_end(topic, partition, span);
        self.committed.unassign()?;
        read
    }

    fn poll_to_the_end(
        &self,
        topic: &str,
        partition: i32,
        (low, high): (i64, i64),
    ) -> Result<(Pairs, u64), KafkaError> {
        let (mut pairs, mut records) = (Pairs::new(), 0);
        let (mut told, mut heard) = (Instant::now(), Instant::now());
        loop {
            match self.committed.poll(Duration::from_millis(100)) {
                // Written since: by another owner, if this one is none any more.
                Some(Ok(message)) if message.offset() >= high => return Ok((pairs, records)),
                Some(Ok(message)) => {
                    heard = Instant::now();
                    records += 1;
                    self.shared.metrics.restored_records.inc();
                    let key = message.key().unwrap_or_default();
                    match message.payload() {
                        Some(value) => drop(pairs.insert(key.to_vec(), value.to_vec())),
                        None => drop(pairs.remove(key)),
                    }
                }
                Some(Err(KafkaError::PartitionEOF(at))) if at == partition => {
                    return Ok((pairs, records));
                }
                Some(Err(error @ KafkaError::MessageConsumptionFatal(_))) => return Err(error),
                Some(Err(error)) => tracing::debug!(%error, "reading state"),
                None => {}
            }
            if heard.elapsed() > SILENCE {
                return Err(timed_out());
            }
            if told.elapsed() > TELL_EVERY {
                told = Instant::now();
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

/// What goes wrong comes back as an error, and is told by who asked.
pub struct Silent;

impl ClientContext for Silent {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        client::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "reading state");
    }
}

impl ConsumerContext for Silent {}
