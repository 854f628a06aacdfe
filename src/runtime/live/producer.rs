//! The real producer, and what librdkafka's word on a transaction means.
//!
//! Place in the flow: under the sink. A transaction's call is one of: done; call again; abort; this
//! producer can do no more. It refuses to wait for longer than it was given.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::{BaseProducer, Producer as _, ProducerContext, PurgeConfig};
use rdkafka::statistics::Statistics;

use super::offsets_of;
use crate::runtime::ledger::Ledger;
use crate::runtime::port::{Broken, Outgoing, Producer, Step, ToCommit};
use crate::runtime::{Shared, client, hearing};

/// One try to abort: the client waits for reports that only our polling serves.
const ABORT: Duration = Duration::from_millis(100);

pub struct LiveProducer(pub(super) BaseProducer<Reports>);

impl Producer for LiveProducer {
    type Membership = ConsumerGroupMetadata;

    fn send(&self, record: Outgoing<'_>) -> Result<(), KafkaError> {
        self.0.send(record).map_err(|(error, _)| error)
    }

    /// One call of the client serves one batch of reports.
    fn serve(&self) {
        self.0.poll(Duration::ZERO);
    }

    /// The client rounds the time that is left down to whole milliseconds: with less than one it would ask again
    /// and again, without pause, until that is over.
    async fn serve_for(&self, most: Duration) {
        self.serve();
        std::thread::sleep(most);
        self.serve();
    }

    fn in_flight(&self) -> usize {
        usize::try_from(self.0.in_flight_count()).unwrap_or(0)
    }

    fn purge(&self) {
        self.0.purge(PurgeConfig::default().queue());
    }

    fn fatal_error(&self) -> Option<String> {
        self.0.client().fatal_error().map(|(_, reason)| reason)
    }

    async fn init(&self, most: Duration) -> Step {
        step(self.0.init_transactions(most))
    }

    fn begin(&self) -> Step {
        step(self.0.begin_transaction())
    }

    async fn send_offsets(
        &self,
        offsets: &[ToCommit],
        of: &ConsumerGroupMetadata,
        most: Duration,
    ) -> Step {
        let send = |list| self.0.send_offsets_to_transaction(&list, of, most);
        step(offsets_of(offsets).and_then(send))
    }

    async fn commit(&self, most: Duration) -> Step {
        step(self.0.commit_transaction(most))
    }

    async fn abort(&self, most: Duration) -> Step {
        step(self.0.abort_transaction(most.min(ABORT)))
    }
}

/// What the client's word on a transaction means.
fn step(result: KafkaResult<()>) -> Step {
    match result {
        Ok(()) => Ok(true),
        // The client's own flush ran out of time.
        Err(KafkaError::Flush(_)) => Ok(false),
        Err(KafkaError::Transaction(error)) => {
            let reason = format!("{} ({})", error.string(), error.name());
            if error.is_fatal() {
                Err(Broken::Fatal(reason))
            } else if error.txn_requires_abort() {
                Err(Broken::Abortable(reason))
            } else if error.is_retriable() {
                Ok(false)
            } else {
                Err(Broken::Fatal(reason))
            }
        }
        Err(error) => Err(Broken::Fatal(error.to_string())),
    }
}

/// The producer's callbacks.
pub struct Reports {
    shared: Arc<Shared>,
    ledger: Arc<Ledger>,
    /// As a label of metrics.
    worker: String,
}

impl Reports {
    pub(super) fn new(shared: &Arc<Shared>, worker: usize, ledger: &Arc<Ledger>) -> Reports {
        Reports {
            shared: Arc::clone(shared),
            ledger: Arc::clone(ledger),
            worker: worker.to_string(),
        }
    }
}

impl ClientContext for Reports {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        client::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.shared.metrics.broker_errors.inc();
        hearing::tell("producer", &error, reason);
    }

    fn stats(&self, stats: Statistics) {
        let metrics = &self.shared.metrics;
        let worker = [self.worker.as_str()];
        let gauge = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        metrics
            .producer_queue_messages
            .with_label_values(&worker)
            .set(gauge(stats.msg_cnt));
        metrics
            .producer_queue_bytes
            .with_label_values(&worker)
            .set(gauge(stats.msg_size));
    }
}

impl ProducerContext for Reports {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, number: usize) {
        match result {
            Ok(_) => self.ledger.delivered(number),
            Err((error, message)) => {
                let detach = || message.detach();
                self.ledger.failed(number, message.topic(), error, detach);
            }
        }
    }
}
