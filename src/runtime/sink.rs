//! The sink: outputs to the producer, and which of them the brokers have acknowledged.
//!
//! Place in the flow: last. An output is counted from the moment it is handed over until the brokers
//! have it; a [`Mark`] stands for all that was handed over before it, and input offsets are committed
//! only when their mark is acknowledged. It refuses to drop an output and to let a failed one pass as
//! delivered. An output that the brokers do not take for its size is the one exception: a notice in the
//! dead-letter topic stands in for it, and only the notice's delivery counts.
//!
//! With transactions (transaction.rs) there is no second try: an output that a topic would not take is known
//! by its size (sizes.rs), and any refusal aborts all that was begun.
//!
//! Events may wait for others of their kind and host, to be one message with them (sink/bundles.rs). What is on its way stands
//! in the ledger (ledger.rs).

use std::sync::Arc;
use std::time::Duration;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Message, OwnedHeaders};
use rdkafka::producer::BaseRecord;

use super::error::is_not_there;
use super::ledger::{AGAIN, ALONE, BUNDLE, EPOCH, Ledger};
use super::port::{Broken, Outgoing, Port, Producer};
use super::{Shared, topics};
use crate::config::Config;
use crate::model::output::Output;
use crate::model::{Kind, OutputKind, Schema};
use crate::pipeline::encode;

mod bundles;
mod transactional;

use bundles::Bundles;
use transactional::Transaction;

#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    #[error("an output for topic '{topic}' cannot be delivered: {reason}")]
    Undeliverable { topic: String, reason: String },
    #[error("{reason}")]
    Aborted { reason: String },
    /// The transaction is to be aborted for it.
    #[error("topic '{topic}' of an output is not there: {reason}")]
    NoTopic { topic: String, reason: String },
    #[error(
        "topic '{topic}' refused a record of {bytes} bytes, alone or with others; from now on it is taken to take {most} at once"
    )]
    TooLarge {
        topic: String,
        bytes: usize,
        most: usize,
    },
    #[error("the transactional producer can do no more: {reason}")]
    Unusable { reason: String },
}

impl From<Broken> for SinkError {
    fn from(broken: Broken) -> SinkError {
        match broken {
            Broken::Abortable(reason) => SinkError::Aborted { reason },
            Broken::Fatal(reason) => SinkError::Unusable { reason },
        }
    }
}

/// Why an output was not taken.
#[derive(Debug)]
pub enum Refusal {
    /// The queue is full: poll, and hand it over again.
    Full,
    Failed(SinkError),
}

/// All that was handed over before it was taken.
#[derive(Clone, Copy, Debug)]
pub struct Mark(usize);

/// Where the input of a dead letter came from.
#[derive(Clone, Copy)]
pub struct Origin<'a> {
    pub topic: &'a str,
    pub partition: i32,
}

/// Of what came from more than one record.
const NOWHERE: Origin<'_> = Origin {
    topic: "",
    partition: -1,
};

/// What is handed over.
pub struct Parcel<'a> {
    pub topic: &'a str,
    /// Records of one key are in one partition, also of an empty one; without a key in any.
    pub key: Option<&'a [u8]>,
    pub value: &'a [u8],
    pub headers: Option<OwnedHeaders>,
    /// `None`: now.
    pub timestamp: Option<i64>,
    /// Of the input record that it came of, where it is a part of that.
    pub offset: i64,
}

impl<'a> Parcel<'a> {
    fn record(self, number: usize) -> Outgoing<'a> {
        let record = BaseRecord::with_opaque_to(self.topic, number).payload(self.value);
        let record = match self.headers {
            Some(headers) => record.headers(headers),
            None => record,
        };
        let record = match self.key {
            Some(key) => record.key(key),
            None => record,
        };
        match self.timestamp {
            Some(timestamp) => record.timestamp(timestamp),
            None => record,
        }
    }
}

pub struct Sink<R> {
    producer: R,
    ledger: Arc<Ledger>,
    shared: Arc<Shared>,
    /// Prepared headers of events, in the order of [`Kind::ALL`].
    headers: [OwnedHeaders; Kind::ALL.len()],
    epoch: usize,
    bundles: Bundles,
    transaction: Option<Transaction>,
}

impl<R: Producer> Sink<R> {
    pub fn new<P>(port: &P, shared: &Arc<Shared>, worker: usize) -> Result<Sink<R>, KafkaError>
    where
        P: Port<Producer = R>,
    {
        let transaction = Transaction::of(port, shared, worker);
        let ledger = Arc::new(Ledger::new(shared, transaction.is_some()));
        let names = transaction.as_ref().map(Transaction::named);
        Ok(Sink {
            producer: port.producer(worker, names, &ledger)?,
            ledger,
            shared: Arc::clone(shared),
            headers: Kind::ALL.map(|kind| headers_of(&shared.config, kind)),
            epoch: 0,
            bundles: Bundles::of(shared),
            transaction,
        })
    }

    /// Hands one output over.
    pub fn send(&mut self, output: &Output<'_>, origin: Origin<'_>) -> Result<(), Refusal> {
        let shared = Arc::clone(&self.shared);
        let topics = &shared.config.topics;
        let (topic, headers) = match output.kind {
            OutputKind::Event(kind) if self.bundles.has(kind) => {
                return self.bundle(kind, output.key, output.value);
            }
            OutputKind::Event(kind) => (
                topics::name_of(topics, kind),
                self.headers[kind as usize].clone(),
            ),
            OutputKind::DeadLetter(reason) => (
                topics.dead_letter.as_str(),
                dead_letter_headers(reason.as_str(), reason.explain(), origin, output.offset),
            ),
        };
        let parcel = Parcel {
            topic,
            key: (!output.key.is_empty()).then_some(output.key),
            value: output.value,
            headers: Some(headers),
            timestamp: None,
            offset: output.offset,
        };
        self.hand_over(parcel, origin)
    }

    /// Hands anything over.
    pub fn hand_over(&mut self, parcel: Parcel<'_>, origin: Origin<'_>) -> Result<(), Refusal> {
        self.hand_over_as(parcel, origin, self.epoch)
    }

    fn hand_over_as(
        &mut self,
        parcel: Parcel<'_>,
        origin: Origin<'_>,
        number: usize,
    ) -> Result<(), Refusal> {
        self.begin().map_err(Refusal::Failed)?;
        if self.ledger.has_refused() {
            return Err(Refusal::Full);
        }
        let (topic, value, offset) = (parcel.topic, parcel.value, parcel.offset);
        let key = parcel.key.unwrap_or_default();
        let notice = Notice { topic, key, value };
        // In flight from here: it, or the notice that stands in for it.
        self.ledger.add(self.epoch);
        let result = if self.is_too_large(topic, key, value, parcel.headers.as_ref()) {
            self.send_notice(&notice, origin, offset, self.epoch)
        } else {
            match self.producer.send(parcel.record(number)) {
                Ok(()) => Ok(()),
                Err(KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull)) => {
                    Err(Refusal::Full)
                }
                Err(KafkaError::MessageProduction(RDKafkaErrorCode::MessageSizeTooLarge)) => {
                    self.send_notice(&notice, origin, offset, self.epoch)
                }
                Err(error) => Err(self.undeliverable(topic, &error)),
            }
        };
        match (&result, &mut self.transaction) {
            (Ok(()), Some(transaction)) => transaction.took(key.len() + value.len()),
            (Ok(()), None) => {}
            (Err(_), _) => self.ledger.done(self.epoch),
        }
        result
    }

    /// What it means that an output was not taken, or did not arrive.
    fn undeliverable(&self, topic: &str, error: &KafkaError) -> Refusal {
        Refusal::Failed(self.failure(topic.to_owned(), error))
    }

    fn failure(&self, topic: String, error: &KafkaError) -> SinkError {
        let reason = error.to_string();
        if self.transaction.is_none() {
            return SinkError::Undeliverable { topic, reason };
        }
        match self.producer.fatal_error() {
            Some(reason) => SinkError::Unusable { reason },
            None if is_not_there(error) => SinkError::NoTopic { topic, reason },
            None => SinkError::Aborted {
                reason: format!("an output for topic '{topic}' cannot be delivered: {reason}"),
            },
        }
    }

    /// Serves the reports that are there.
    pub fn serve(&self) -> Result<(), SinkError> {
        // One call serves one batch of them.
        let mut before = usize::MAX;
        while self.pending() < before {
            before = self.pending();
            self.producer.serve();
        }
        if let Some((topic, error)) = self.ledger.take_failed() {
            return Err(self.failure(topic, &error));
        }
        self.retry_refused()
    }

    /// Serves the reports that come within this time.
    pub async fn serve_for(&self, most: Duration) -> Result<(), SinkError> {
        self.producer.serve_for(most).await;
        self.serve()
    }

    /// Outputs that are not yet acknowledged.
    pub fn pending(&self) -> usize {
        self.ledger.of_epoch(0) + self.ledger.of_epoch(EPOCH)
    }

    /// Closes the epoch; `None` while the one before is not acknowledged.
    pub fn mark(&mut self) -> Option<Mark> {
        let mark = Mark(self.epoch);
        if !self.acknowledged(Mark(self.epoch ^ EPOCH)) {
            return None;
        }
        self.epoch ^= EPOCH;
        Some(mark)
    }

    pub fn acknowledged(&self, mark: Mark) -> bool {
        self.ledger.of_epoch(mark.0) == 0
    }

    /// The brokers refuse a whole batch where its size is too large for them. So each output of it is
    /// tried once more, alone, and what is refused alone is too large itself. Until that is reported nothing
    /// else is handed over: it would be in one batch with it.
    fn retry_refused(&self) -> Result<(), SinkError> {
        if self.producer.in_flight() > 0 {
            return Ok(());
        }
        let Some((message, opaque)) = self.ledger.take_refused() else {
            return Ok(());
        };
        if opaque & BUNDLE != 0 {
            self.take_apart(&message, opaque & !BUNDLE);
            return Ok(());
        }
        let value = message.payload().unwrap_or_default();
        let key = message.key().unwrap_or_default();
        let sent = if opaque & ALONE == 0 {
            let headers = message.headers().cloned().unwrap_or_default();
            let number = opaque | ALONE | AGAIN;
            let record = BaseRecord::with_opaque_to(message.topic(), number)
                .payload(value)
                .key(key)
                .headers(headers);
            self.ledger.tries_again();
            self.producer.send(record).map_err(|error| {
                self.ledger.tried(number);
                self.undeliverable(message.topic(), &error)
            })
        } else {
            let notice = Notice {
                topic: message.topic(),
                key,
                value,
            };
            self.send_notice(&notice, NOWHERE, -1, opaque & EPOCH)
        };
        match sent {
            Ok(()) => Ok(()),
            Err(Refusal::Full) => {
                self.ledger.put_refused_back(message, opaque);
                Ok(())
            }
            Err(Refusal::Failed(error)) => Err(error),
        }
    }

    fn send_notice(
        &self,
        notice: &Notice<'_>,
        origin: Origin<'_>,
        offset: i64,
        epoch: usize,
    ) -> Result<(), Refusal> {
        let topic = self.shared.config.topics.dead_letter.as_str();
        let explanation =
            "the brokers do not take an output of this size; this notice stands in for it";
        let headers = dead_letter_headers("output_too_large", explanation, origin, offset);
        let value = notice.json();
        let record = BaseRecord::with_opaque_to(topic, epoch | ALONE)
            .payload(value.as_bytes())
            .key(notice.key)
            .headers(headers);
        match self.producer.send(record) {
            Ok(()) => {
                self.shared.metrics.outputs_too_large.inc();
                tracing::warn!(
                    topic = notice.topic,
                    bytes = notice.value.len(),
                    "output too large"
                );
                Ok(())
            }
            Err(KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull)) => Err(Refusal::Full),
            Err(error) => Err(self.undeliverable(topic, &error)),
        }
    }
}

/// An output that was too large: what can be said of it in a few bytes.
struct Notice<'a> {
    topic: &'a str,
    key: &'a [u8],
    value: &'a [u8],
}

impl Notice<'_> {
    fn json(&self) -> String {
        let document: Option<serde_json::Value> = serde_json::from_slice(self.value).ok();
        let uid = document.as_ref().and_then(|document| {
            let mut places = Schema::ALL.into_iter().map(encode::uid_pointer);
            places.find_map(|place| document.pointer(place))
        });
        serde_json::json!({
            "topic": self.topic,
            "host": String::from_utf8_lossy(self.key),
            "bytes": self.value.len(),
            "uid": uid,
        })
        .to_string()
    }
}

fn headers_of(config: &Config, kind: Kind) -> OwnedHeaders {
    let headers = event_headers(config.lane.schema_of(kind), kind);
    match config.events_per_message[kind as usize] {
        1 => headers,
        _ => header(headers, ("format", "ndjson")),
    }
}

fn event_headers(schema: Schema, kind: Kind) -> OwnedHeaders {
    [
        ("schema", schema.as_str()),
        ("kind", kind.as_str()),
        ("version", encode::version(schema, kind)),
    ]
    .into_iter()
    .fold(OwnedHeaders::new(), header)
}

fn dead_letter_headers(
    reason: &str,
    explanation: &str,
    origin: Origin<'_>,
    offset: i64,
) -> OwnedHeaders {
    let (partition, offset) = (origin.partition.to_string(), offset.to_string());
    [
        ("reason", reason),
        ("explanation", explanation),
        ("source_topic", origin.topic),
        ("source_partition", &partition),
        ("source_offset", &offset),
    ]
    .into_iter()
    .fold(OwnedHeaders::new(), header)
}

fn header(headers: OwnedHeaders, (key, value): (&str, &str)) -> OwnedHeaders {
    headers.insert(Header {
        key,
        value: Some(value),
    })
}

#[cfg(test)]
mod tests {
    use rdkafka::message::Headers;

    use super::*;

    #[test]
    fn headers_tell_the_schema_that_the_kind_is_written_in() {
        let told = |schema, kind| {
            let headers = event_headers(schema, kind);
            let all: Vec<_> = headers
                .iter()
                .map(|header| {
                    let value = header.value.map(String::from_utf8_lossy);
                    format!("{}={}", header.key, value.unwrap_or_default())
                })
                .collect();
            all.join(" ")
        };
        assert_eq!(
            told(Schema::Ocsf, Kind::Process),
            "schema=ocsf kind=process version=1.8.0"
        );
        assert_eq!(
            told(Schema::Ecs, Kind::Alert),
            "schema=ecs kind=alert version=9.4.0"
        );
        assert_eq!(
            told(Schema::Asim, Kind::Flow),
            "schema=asim kind=flow version=0.2.7"
        );
    }
}
