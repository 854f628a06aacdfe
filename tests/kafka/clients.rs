//! Own clients: make topics, produce lines keyed by host, read topics to their end.
//!
//! Place in the flow: on both sides of the daemon. They share no code with it.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::{Duration, Instant};

use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, NewPartitions, NewTopic, ResourceSpecifier,
    TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{BorrowedMessage, Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

pub const PATIENCE: Duration = Duration::from_secs(20);

/// One record that was read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Record {
    pub key: Vec<u8>,
    pub value: Vec<u8>,
    pub headers: BTreeMap<String, String>,
}

fn config(servers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", servers);
    config
}

/// Each is kept as often as the brokers' default says.
pub fn make_topics(servers: &str, names: &[&str], partitions: i32, settings: &[(&str, &str)]) {
    let admin: AdminClient<DefaultClientContext> = config(servers).create().expect("a client");
    let topics: Vec<_> = names
        .iter()
        .map(|name| {
            let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(-1));
            settings
                .iter()
                .fold(topic, |topic, (key, value)| topic.set(key, value))
        })
        .collect();
    done(admin.create_topics(&topics, &patiently()));
}

/// A topic is gone, and all that stood in it.
pub fn delete(servers: &str, name: &str) {
    let admin: AdminClient<DefaultClientContext> = config(servers).create().expect("a client");
    done(admin.delete_topics(&[name], &patiently()));
}

/// A topic has so many partitions from now on.
pub fn widen(servers: &str, name: &str, partitions: usize) {
    let admin: AdminClient<DefaultClientContext> = config(servers).create().expect("a client");
    let wider = NewPartitions::new(name, partitions);
    done(admin.create_partitions([&wider], &patiently()));
}

/// Deletes what stands in a partition.
pub fn empty(servers: &str, topic: &str, partition: i32) {
    let admin: AdminClient<DefaultClientContext> = config(servers).create().expect("a client");
    let mut ends = TopicPartitionList::new();
    let added = ends.add_partition_offset(topic, partition, Offset::End);
    added.expect("an offset");
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let deleted = admin.delete_records(&ends, &patiently());
    let deleted = runtime.expect("a runtime").block_on(deleted);
    for of_partition in deleted.expect("the broker answers").elements() {
        of_partition.error().expect("done");
    }
}

/// Changes a setting of a topic.
pub fn set(servers: &str, topic: &str, (name, value): (&str, &str)) {
    let admin: AdminClient<DefaultClientContext> = config(servers).create().expect("a client");
    let change = AlterConfig::new(ResourceSpecifier::Topic(topic)).set(name, value);
    done(admin.alter_configs(&[change], &patiently()));
}

fn patiently() -> AdminOptions {
    AdminOptions::new()
        .operation_timeout(Some(PATIENCE))
        .request_timeout(Some(PATIENCE))
}

/// `S`: what was asked about.
fn done<S: Debug>(asked: impl Future<Output = KafkaResult<Vec<Result<S, (S, RDKafkaErrorCode)>>>>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let results = runtime.expect("a runtime").block_on(asked);
    for result in results.expect("the broker answers") {
        result.expect("done");
    }
}

/// Produces to one topic; the key chooses the partition.
pub struct Feeder {
    producer: ThreadedProducer<DefaultProducerContext>,
    topic: String,
}

impl Feeder {
    pub fn new(servers: &str, topic: &str) -> Feeder {
        Feeder::compressing(servers, topic, "none")
    }

    pub fn compressing(servers: &str, topic: &str, with: &str) -> Feeder {
        let producer = config(servers)
            .set("compression.type", with)
            .set("partitioner", "murmur2_random")
            .set("enable.idempotence", "true")
            .set("message.timeout.ms", "120000")
            .set("linger.ms", "2")
            // A broker that is back is found again at once: a shipper that stays away in the middle of an
            // event is another test's matter.
            .set("reconnect.backoff.max.ms", "250")
            .create()
            .expect("a producer");
        Feeder {
            producer,
            topic: topic.to_owned(),
        }
    }

    pub fn send(&self, key: &str, value: &[u8]) {
        let mut record = BaseRecord::to(&self.topic).key(key).payload(value);
        while let Err((_, again)) = self.producer.send(record) {
            record = again;
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Without a key, to a partition of one's choice; a header names the host, for lines that do not.
    pub fn send_unkeyed(&self, partition: i32, host: &str, value: &[u8]) {
        let host = Header {
            key: "host",
            value: Some(host),
        };
        let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(&self.topic)
            .partition(partition)
            .headers(OwnedHeaders::new().insert(host))
            .payload(value);
        while let Err((_, again)) = self.producer.send(record) {
            record = again;
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    pub fn flush(&self) {
        self.producer
            .flush(Duration::from_secs(120))
            .expect("all delivered");
    }
}

/// Records of a topic, all partitions together; none where it is not there.
pub fn count(servers: &str, topic: &str) -> i64 {
    let Some(consumer) = reader(servers) else {
        return 0;
    };
    partitions(&consumer, topic)
        .into_iter()
        .filter_map(|partition| consumer.fetch_watermarks(topic, partition, PATIENCE).ok())
        .map(|(low, high)| high - low)
        .sum()
}

/// Where each partition of a topic ends.
pub fn ends(servers: &str, topic: &str) -> BTreeMap<i32, i64> {
    let consumer = reader(servers).expect("a consumer");
    let partitions = partitions(&consumer, topic).into_iter();
    let end = |partition| {
        let watermarks = consumer.fetch_watermarks(topic, partition, PATIENCE);
        (partition, watermarks.expect("the broker answers").1)
    };
    partitions.map(end).collect()
}

/// How far a read-committed reader gets in a topic, all partitions together; none where that is not known.
pub fn committed(consumer: &BaseConsumer, topic: &str) -> i64 {
    partitions(consumer, topic)
        .into_iter()
        .filter_map(|partition| consumer.fetch_watermarks(topic, partition, PATIENCE).ok())
        .map(|(_, stable)| stable)
        .sum()
}

/// The broker that coordinates a group: it leads that partition of the group's offsets which the name chooses, as
/// Java's `String.hashCode` does.
pub fn coordinator(servers: &str, group: &str) -> i32 {
    let topic = "__consumer_offsets";
    let metadata = inspector(servers).fetch_metadata(Some(topic), PATIENCE);
    let metadata = metadata.expect("the brokers answer");
    let partitions = metadata.topics()[0].partitions();
    let hash = |hash: i32, byte: u8| hash.wrapping_mul(31).wrapping_add(i32::from(byte));
    let chosen = (group.bytes().fold(0, hash) & i32::MAX) % partitions.len() as i32;
    let chosen = partitions.iter().find(|partition| partition.id() == chosen);
    chosen.expect("the offsets' topic is there").leader()
}

impl Record {
    /// Events of one message stand one a line, and no event holds an end of line.
    pub fn events(self) -> Vec<String> {
        let text = String::from_utf8(self.value).expect("UTF-8");
        text.split('\n').map(str::to_owned).collect()
    }
}

/// A client that asks for what was committed.
pub fn inspector(servers: &str) -> BaseConsumer {
    config(servers)
        .set("group.id", "tests-watch")
        .set("isolation.level", "read_committed")
        .create()
        .expect("a consumer")
}

/// Everything that a read-committed reader finds in a topic now, up to the first open transaction.
pub fn read_committed(servers: &str, topic: &str) -> Vec<Record> {
    read_committed_with(config(servers), topic)
}

/// The same, with settings of one's own.
pub fn read_committed_with(mut config: ClientConfig, topic: &str) -> Vec<Record> {
    let consumer: BaseConsumer = config
        .set("group.id", "tests-read")
        .set("enable.auto.commit", "false")
        .set("isolation.level", "read_committed")
        .set("enable.partition.eof", "true")
        .create()
        .expect("a consumer");
    let mut list = TopicPartitionList::new();
    let partitions = partitions(&consumer, topic);
    for partition in &partitions {
        list.add_partition_offset(topic, *partition, Offset::Beginning)
            .expect("an offset");
    }
    consumer.assign(&list).expect("assigned");
    let (mut records, mut ended) = (Vec::new(), 0);
    let mut heard = Instant::now();
    while ended < partitions.len() {
        assert!(heard.elapsed() < PATIENCE, "{topic} has no end");
        match consumer.poll(Duration::from_millis(200)) {
            Some(Ok(message)) => {
                heard = Instant::now();
                records.push(record(&message));
            }
            Some(Err(KafkaError::PartitionEOF(_))) => ended += 1,
            _ => {}
        }
    }
    records
}

/// Writes one record, to a partition of one's choice.
pub fn write(servers: &str, topic: &str, partition: i32, key: &[u8], value: &[u8]) {
    let producer: ThreadedProducer<DefaultProducerContext> =
        config(servers).create().expect("a producer");
    let record = BaseRecord::to(topic)
        .partition(partition)
        .key(key)
        .payload(value);
    producer
        .send(record)
        .map_err(|(error, _)| error)
        .expect("taken");
    producer.flush(PATIENCE).expect("delivered");
}

/// Sets the committed offset of each partition, for a group that nobody is in.
pub fn set_offsets(servers: &str, group: &str, topic: &str, offset: i64) {
    let consumer: BaseConsumer = config(servers)
        .set("group.id", group)
        .create()
        .expect("a consumer");
    let mut list = TopicPartitionList::new();
    for partition in partitions(&consumer, topic) {
        list.add_partition_offset(topic, partition, Offset::Offset(offset))
            .expect("an offset");
    }
    consumer.commit(&list, CommitMode::Sync).expect("committed");
}

/// Everything that stands in a topic now.
pub fn read_all(servers: &str, topic: &str) -> Vec<Record> {
    let consumer = reader(servers).expect("a consumer");
    let mut left = 0;
    let mut list = TopicPartitionList::new();
    for partition in partitions(&consumer, topic) {
        let (low, high) = consumer
            .fetch_watermarks(topic, partition, PATIENCE)
            .expect("the broker answers");
        left += high - low;
        list.add_partition_offset(topic, partition, Offset::Offset(low))
            .expect("an offset");
    }
    consumer.assign(&list).expect("assigned");
    let mut records = Vec::new();
    let mut heard = Instant::now();
    while left > 0 {
        assert!(
            heard.elapsed() < PATIENCE,
            "{left} records of {topic} do not come"
        );
        if let Some(Ok(message)) = consumer.poll(Duration::from_millis(200)) {
            heard = Instant::now();
            left -= 1;
            records.push(record(&message));
        }
    }
    records
}

fn record(message: &BorrowedMessage<'_>) -> Record {
    let headers = message.headers().map(|headers| {
        let text =
            |value: Option<&[u8]>| String::from_utf8_lossy(value.unwrap_or_default()).into_owned();
        headers
            .iter()
            .map(|header| (header.key.to_owned(), text(header.value)))
            .collect()
    });
    Record {
        key: message.key().unwrap_or_default().to_vec(),
        value: message.payload().unwrap_or_default().to_vec(),
        headers: headers.unwrap_or_default(),
    }
}

fn reader(servers: &str) -> Option<BaseConsumer> {
    config(servers)
        .set("group.id", "tests-read")
        .set("enable.auto.commit", "false")
        .create()
        .ok()
}

pub fn partitions(consumer: &BaseConsumer, topic: &str) -> Vec<i32> {
    consumer
        .fetch_metadata(Some(topic), PATIENCE)
        .ok()
        .and_then(|metadata| {
            Some(
                metadata
                    .topics()
                    .first()?
                    .partitions()
                    .iter()
                    .map(|p| p.id())
                    .collect(),
            )
        })
        .unwrap_or_default()
}
