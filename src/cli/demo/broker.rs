//! A broker within this process, and the demonstration's own ends of it.
//!
//! Place in the flow: around the daemon: it produces what the daemon reads and reads what the daemon
//! produces. The broker is librdkafka's mock cluster: it speaks the protocol over loopback, keeps all
//! in memory, and refuses transactions, so nothing about exactly-once can be shown on it.

use std::time::Duration;

use anyhow::Context;
use rdkafka::ClientConfig;
use rdkafka::Message as _;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode;

use crate::config::Topics;

const PARTITIONS: i32 = 2;

pub(super) struct Broker(MockCluster<'static, DefaultProducerContext>);

impl Broker {
    pub(super) fn start() -> anyhow::Result<Broker> {
        MockCluster::new(1)
            .map(Broker)
            .context("starting the embedded broker")
    }

    pub(super) fn address(&self) -> String {
        self.0.bootstrap_servers()
    }

    pub(super) fn create(&self, topics: &Topics) -> anyhow::Result<()> {
        let inputs = [&topics.audit_in, &topics.flow_in].into_iter().flatten();
        for topic in inputs.map(String::as_str).chain(outputs(topics)) {
            self.0
                .create_topic(topic, PARTITIONS, 1)
                .with_context(|| format!("creating topic {topic}"))?;
        }
        Ok(())
    }
}

fn outputs(topics: &Topics) -> [&str; 6] {
    [
        &topics.process,
        &topics.logon,
        &topics.flow,
        &topics.alert,
        &topics.audit,
        &topics.dead_letter,
    ]
}

/// Sends what a log shipper would send.
pub(super) struct Shipper(ThreadedProducer<DefaultProducerContext>);

impl Shipper {
    pub(super) fn new(address: &str) -> anyhow::Result<Shipper> {
        let producer = ClientConfig::new()
            .set("bootstrap.servers", address)
            .set("linger.ms", "5")
            .create()
            .context("the shipper's producer")?;
        Ok(Shipper(producer))
    }

    pub(super) fn send(&self, topic: &str, key: &str, value: &[u8]) -> anyhow::Result<()> {
        let mut record = BaseRecord::to(topic).key(key).payload(value);
        loop {
            match self.0.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), same)) => {
                    record = same;
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err((error, _)) => return Err(error).context("sending to the embedded broker"),
            }
        }
    }

    pub(super) fn flush(&self) -> anyhow::Result<()> {
        self.0
            .flush(Duration::from_secs(5))
            .context("flushing to the embedded broker")
    }
}

/// Reads every output topic from its beginning.
pub(super) struct Reader(BaseConsumer);

/// One output.
pub(super) struct Read {
    pub(super) topic: String,
    pub(super) value: Vec<u8>,
}

impl Reader {
    pub(super) fn new(address: &str, topics: &Topics) -> anyhow::Result<Reader> {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", address)
            .set("group.id", "trailhound-demo-reader")
            .set("enable.auto.commit", "false")
            .set("fetch.wait.max.ms", "50")
            .create()
            .context("the reader's consumer")?;
        let mut all = TopicPartitionList::new();
        for topic in outputs(topics) {
            for partition in 0..PARTITIONS {
                all.add_partition_offset(topic, partition, rdkafka::Offset::Beginning)
                    .context("the reader's partitions")?;
            }
        }
        consumer.assign(&all).context("the reader's partitions")?;
        Ok(Reader(consumer))
    }

    /// The next output, where there is one within `wait`. Errors of a broker are news that pass.
    pub(super) fn next(&self, wait: Duration) -> Option<Read> {
        match self.0.poll(wait) {
            Some(Ok(message)) => Some(Read {
                topic: message.topic().to_owned(),
                value: message.payload().unwrap_or_default().to_vec(),
            }),
            Some(Err(_)) | None => None,
        }
    }
}
