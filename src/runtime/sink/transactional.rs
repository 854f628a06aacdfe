//! The sink's transactions: what is handed over counts when its transaction is committed.
//!
//! Place in the flow: under the sink, driven by the worker (transaction.rs), which decides when. What
//! the client says of a transaction is one of: done; call again; abort; this producer can do no more. It
//! refuses to wait: each call has its time, and is made again after others had theirs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Headers, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, PurgeConfig};
use rdkafka::topic_partition_list::TopicPartitionList;

use super::{Refusal, Sink, SinkError, lock};
use crate::config::{Config, Delivery};
use crate::model::output::Output;
use crate::runtime::{Shared, client};

/// One try to abort: the client waits for reports that only our polling serves.
const ABORT: Duration = Duration::from_millis(100);

/// The transaction that outputs are in.
pub(super) struct Transaction {
    /// The producer's name.
    id: String,
    is_open: bool,
    /// Bytes handed over since it began.
    bytes: usize,
    /// What a topic takes at most, where that is known.
    most_bytes: BTreeMap<String, usize>,
}

impl Transaction {
    /// None where delivery is at least once.
    pub(super) fn of(shared: &Arc<Shared>, worker: usize) -> Option<Transaction> {
        let config = &shared.config;
        (config.delivery == Delivery::ExactlyOnce).then(|| Transaction {
            id: client::transactional_id(&config.kafka, worker),
            is_open: false,
            bytes: 0,
            most_bytes: shared.most_bytes.get().cloned().unwrap_or_default(),
        })
    }

    pub(super) fn client(&self, config: &Config) -> ClientConfig {
        let smallest = self.most_bytes.values().min().copied();
        let batch = smallest.unwrap_or(usize::MAX);
        client::transactional(&config.kafka, &self.id, config.commit.interval, batch)
    }

    /// An output was handed over.
    pub(super) fn took(&mut self, output: &Output<'_>) {
        self.bytes += output.key.len() + output.value.len();
    }
}

impl Sink {
    /// A topic refuses a larger record, and with it all of the transaction. What the client adds to a
    /// record, and a batch of one, is less than what is reckoned here.
    pub(super) fn is_too_large(
        &self,
        topic: &str,
        output: &Output<'_>,
        headers: &OwnedHeaders,
    ) -> bool {
        const BATCH: usize = 100;
        const EACH: usize = 10;
        let most = self
            .transaction
            .as_ref()
            .and_then(|t| t.most_bytes.get(topic));
        most.is_some_and(|most| {
            let header = |h: Header<'_, &[u8]>| h.key.len() + h.value.map_or(0, <[u8]>::len) + EACH;
            let headers: usize = headers.iter().map(header).sum();
            output.key.len() + output.value.len() + headers + BATCH > *most
        })
    }

    /// Hands a record of the state over.
    pub fn send_state(
        &mut self,
        topic: &str,
        partition: i32,
        key: &[u8],
        value: Option<&[u8]>,
    ) -> Result<(), Refusal> {
        let record = BaseRecord::with_opaque_to(topic, self.epoch)
            .key(key)
            .partition(partition);
        let record = match value {
            Some(value) => record.payload(value),
            None => record,
        };
        let in_flight = &self.ledger().in_flight[self.epoch];
        in_flight.fetch_add(1, Ordering::AcqRel);
        let refusal = match self.producer.send(record) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => Refusal::Full,
            Err((error, _)) => self.undeliverable(topic, &error),
        };
        in_flight.fetch_sub(1, Ordering::AcqRel);
        Err(refusal)
    }

    /// The producer's name; none without transactions.
    pub fn id(&self) -> &str {
        self.transaction
            .as_ref()
            .map_or("", |transaction| &transaction.id)
    }

    pub fn is_open(&self) -> bool {
        self.transaction
            .as_ref()
            .is_some_and(|transaction| transaction.is_open)
    }

    /// Bytes of outputs in the open transaction.
    pub fn handed_over(&self) -> usize {
        self.transaction
            .as_ref()
            .map_or(0, |transaction| transaction.bytes)
    }

    /// Makes the producer's name its own: whoever had it is fenced. False: to be called again.
    pub fn init(&self, timeout: Duration) -> Result<bool, SinkError> {
        match self.transaction {
            Some(_) => step(self.producer.init_transactions(timeout)),
            None => Ok(true),
        }
    }

    /// Begins a transaction where none is open.
    pub fn begin(&mut self) -> Result<(), SinkError> {
        let Some(transaction) = self.transaction.as_mut().filter(|t| !t.is_open) else {
            return Ok(());
        };
        match step(self.producer.begin_transaction())? {
            true => {
                transaction.is_open = true;
                transaction.bytes = 0;
                Ok(())
            }
            false => Err(SinkError::Aborted {
                reason: "a transaction could not begin".to_owned(),
            }),
        }
    }

    /// Puts input offsets into the transaction. False: to be called again, with the same.
    pub fn send_offsets(
        &self,
        offsets: &TopicPartitionList,
        group: &ConsumerGroupMetadata,
        timeout: Duration,
    ) -> Result<bool, SinkError> {
        if offsets.count() == 0 {
            return Ok(true);
        }
        step(
            self.producer
                .send_offsets_to_transaction(offsets, group, timeout),
        )
    }

    /// Commits the transaction. False: to be called again.
    pub fn commit(&mut self, timeout: Duration) -> Result<bool, SinkError> {
        let done = step(self.producer.commit_transaction(timeout))?;
        self.ended(done);
        Ok(done)
    }

    /// Aborts the transaction, where one is open. False: to be called again.
    pub fn abort(&mut self, timeout: Duration) -> Result<bool, SinkError> {
        if !self.is_open() {
            return Ok(true);
        }
        // What is in the queue is not sent any more, and its reports have to be served.
        self.producer.purge(PurgeConfig::default().queue());
        self.producer.poll(Duration::from_millis(10));
        let done = step(self.producer.abort_transaction(timeout.min(ABORT)))?;
        if done {
            while self.pending() > 0 && self.producer.in_flight_count() > 0 {
                self.producer.poll(Duration::from_millis(1));
            }
            lock(&self.ledger().failed).take();
        }
        self.ended(done);
        Ok(done)
    }

    fn ended(&mut self, done: bool) {
        if let Some(transaction) = self.transaction.as_mut().filter(|_| done) {
            transaction.is_open = false;
            transaction.bytes = 0;
        }
    }
}

/// What the client's word on a transaction means: done, or call again, or an error.
fn step(result: Result<(), KafkaError>) -> Result<bool, SinkError> {
    match result {
        Ok(()) => Ok(true),
        // The client's own flush ran out of time.
        Err(KafkaError::Flush(_)) => Ok(false),
        Err(KafkaError::Transaction(error)) => {
            let reason = format!("{} ({})", error.string(), error.name());
            if error.is_fatal() {
                Err(SinkError::Unusable { reason })
            } else if error.txn_requires_abort() {
                Err(SinkError::Aborted { reason })
            } else if error.is_retriable() {
                Ok(false)
            } else {
                Err(SinkError::Unusable { reason })
            }
        }
        Err(error) => Err(SinkError::Unusable {
            reason: error.to_string(),
        }),
    }
}
