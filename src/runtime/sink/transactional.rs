//! The sink's transactions: what is handed over counts when its transaction is committed.
//!
//! Place in the flow: under the sink, driven by the worker (transaction.rs), which decides when. It
//! refuses to wait long: each call has its time, and is made again after others had theirs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::OwnedHeaders;
use rdkafka::producer::BaseRecord;

use super::{Refusal, Sink, SinkError};
use crate::config::Delivery;
use crate::runtime::Shared;
use crate::runtime::port::{Port, Producer, ToCommit, Transactional};
use crate::runtime::sizes::{Learnt, reckon};
use crate::runtime::state_topics;

/// The transaction that outputs are in.
pub(super) struct Transaction {
    /// The producer's name.
    id: String,
    is_open: bool,
    /// Bytes handed over since it began.
    bytes: usize,
    /// What a topic takes at most, where that is known.
    most_bytes: BTreeMap<String, usize>,
    batch_bytes: usize,
}

impl Transaction {
    /// None where delivery is at least once.
    pub(super) fn of<P: Port>(
        port: &P,
        shared: &Arc<Shared>,
        worker: usize,
    ) -> Option<Transaction> {
        (shared.config.delivery == Delivery::ExactlyOnce).then(|| Transaction {
            id: port.transactional_id(worker),
            is_open: false,
            bytes: 0,
            most_bytes: shared.sizes.records(),
            batch_bytes: shared.sizes.batch(),
        })
    }

    pub(super) fn named(&self) -> Transactional<'_> {
        Transactional {
            id: &self.id,
            batch_bytes: self.batch_bytes,
        }
    }

    /// An output of so many bytes was handed over.
    pub(super) fn took(&mut self, bytes: usize) {
        self.bytes += bytes;
    }
}

impl<R: Producer> Sink<R> {
    /// A topic refuses a larger record, and with it all of the transaction.
    pub(super) fn is_too_large(
        &self,
        topic: &str,
        key: &[u8],
        value: &[u8],
        headers: Option<&OwnedHeaders>,
    ) -> bool {
        let most = self
            .transaction
            .as_ref()
            .and_then(|t| t.most_bytes.get(topic));
        most.is_some_and(|most| reckon(key, value, headers) > *most)
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
        self.ledger.add(self.epoch);
        let refusal = match self.producer.send(record) {
            Ok(()) => return Ok(()),
            Err(KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull)) => Refusal::Full,
            Err(KafkaError::MessageProduction(RDKafkaErrorCode::MessageSizeTooLarge)) => {
                let bytes = reckon(key, value.unwrap_or_default(), None);
                Refusal::Failed(state_too_large(topic.to_owned(), bytes))
            }
            Err(error) => self.undeliverable(topic, &error),
        };
        self.ledger.done(self.epoch);
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
    pub async fn init(&self, most: Duration) -> Result<bool, SinkError> {
        match self.transaction {
            Some(_) => Ok(self.producer.init(most).await?),
            None => Ok(true),
        }
    }

    /// Begins a transaction where none is open.
    pub fn begin(&mut self) -> Result<(), SinkError> {
        let Some(transaction) = self.transaction.as_mut().filter(|t| !t.is_open) else {
            return Ok(());
        };
        match self.producer.begin()? {
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
    pub async fn send_offsets(
        &self,
        offsets: &[ToCommit],
        of: &R::Membership,
        most: Duration,
    ) -> Result<bool, SinkError> {
        if offsets.is_empty() {
            return Ok(true);
        }
        Ok(self.producer.send_offsets(offsets, of, most).await?)
    }

    /// Commits the transaction. False: to be called again.
    pub async fn commit(&mut self, most: Duration) -> Result<bool, SinkError> {
        let done = self.producer.commit(most).await?;
        self.ended(done);
        Ok(done)
    }

    /// Aborts the transaction, where one is open, and forgets what waits to go into it. False: to be called again.
    pub async fn abort(&mut self, most: Duration) -> Result<bool, SinkError> {
        self.bundles.clear();
        if !self.is_open() {
            return Ok(true);
        }
        // What is in the queue is not sent any more, and its reports have to be served.
        self.producer.purge();
        self.producer.serve_for(Duration::from_millis(10)).await;
        let done = self.producer.abort(most).await?;
        if done {
            while self.pending() > 0 && self.producer.in_flight() > 0 {
                self.producer.serve_for(Duration::from_millis(1)).await;
            }
            self.ledger.take_failed();
        }
        self.ended(done);
        Ok(done)
    }

    /// What was refused for its size is not handed over again as it was.
    ///
    /// # Errors
    /// Where something was: a producer has the size of its batches from its beginning.
    pub fn learn_sizes(&self) -> Result<(), SinkError> {
        let Some((transaction, (topic, bytes))) =
            self.transaction.as_ref().zip(self.ledger.take_too_large())
        else {
            return Ok(());
        };
        let made = transaction.batch_bytes;
        let learnt = self.shared.sizes.refused(&topic, bytes, made);
        let is_state = state_topics::input_of(&self.shared.config, &topic).is_some();
        if is_state && matches!(learnt, Learnt::Record(_)) {
            return Err(state_too_large(topic, bytes));
        }
        let most = learnt.bytes();
        Err(SinkError::TooLarge { topic, bytes, most })
    }

    fn ended(&mut self, done: bool) {
        if let Some(transaction) = self.transaction.as_mut().filter(|_| done) {
            transaction.is_open = false;
            transaction.bytes = 0;
        }
    }
}

/// No notice stands in for the state.
fn state_too_large(topic: String, bytes: usize) -> SinkError {
    let needs = state_topics::LEAST_BYTES;
    let reason = format!(
        "a record of the state of {bytes} bytes is too large for it; it needs max.message.bytes={needs}, and so does the \
         producer, where message.max.bytes is in [kafka.properties]"
    );
    SinkError::Undeliverable { topic, reason }
}
