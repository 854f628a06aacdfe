//! A program that copies a topic, and does nothing else: what Kafka, its client and exactly once cost alone.
//!
//! It has the daemon's settings of the clients (runtime/client.rs), and the daemon's commit: what is under way is
//! drained, then offsets and outputs are one transaction.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};

use crate::clients;
use crate::daemon::Place;
use trailhound::config::{Beside, Config, Delivery, parse};
use trailhound::runtime::client;
use trailhound::runtime::port::Transactional;

const INTERVAL: Duration = Duration::from_millis(200);
const PATIENCE: Duration = Duration::from_secs(30);
const MIB: usize = 1 << 20;

pub struct Copy {
    group: String,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Copy {
    /// Copies the audit lines of a place to a topic of their own.
    pub fn start(place: &Place) -> Copy {
        let to = place.topic("copy");
        clients::make_topics(&place.servers, &[&to], 4, &[]);
        let group = format!("{}-copy", place.prefix);
        let text = format!(
            "[kafka]\nbootstrap_servers = \"{}\"\ngroup = \"{group}\"\n[commit]\ninterval = \"200ms\"\n",
            place.servers
        );
        let config = parse("copy.toml", &text, Path::new(""), &Beside::default());
        let config = config.expect("a configuration");
        let from = place.topic("audit.raw");
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let thread = std::thread::spawn(move || copy(&config, &from, &to, &told));
        Copy {
            group,
            stop,
            thread,
        }
    }

    pub fn group(&self) -> &str {
        &self.group
    }

    pub fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("it copied");
    }
}

fn copy(config: &Config, from: &str, to: &str, stop: &AtomicBool) {
    let consumer: BaseConsumer =
        client::consumer(&config.kafka, Delivery::ExactlyOnce, &config.memory, 0)
            .create()
            .expect("a consumer");
    let name = Transactional {
        id: &config.kafka.group,
        batch_bytes: MIB,
    };
    let producer: BaseProducer = client::transactional(config, name)
        .create()
        .expect("a producer");
    producer.init_transactions(PATIENCE).expect("a name");
    consumer.subscribe(&[from]).expect("a topic");
    let mut next: BTreeMap<i32, i64> = BTreeMap::new();
    let mut began = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        if let Some(Ok(message)) = consumer.poll(Duration::from_millis(5)) {
            if next.is_empty() {
                producer.begin_transaction().expect("begun");
            }
            next.insert(message.partition(), message.offset() + 1);
            send(
                &producer,
                BaseRecord::to(to)
                    .key(message.key().unwrap_or_default())
                    .payload(message.payload().unwrap_or_default()),
            );
        }
        if began.elapsed() >= INTERVAL {
            if !next.is_empty() {
                commit(&consumer, &producer, from, &std::mem::take(&mut next));
            }
            began = Instant::now();
        }
    }
}

fn send(producer: &BaseProducer, mut record: BaseRecord<'_, [u8], [u8]>) {
    loop {
        match producer.send(record) {
            Ok(()) => return,
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), again)) => {
                record = again;
                serve(producer);
            }
            Err((error, _)) => panic!("{error}"),
        }
    }
}

/// A poll for a millisecond asks without pause, and takes the processor from the broker.
fn serve(producer: &BaseProducer) {
    producer.poll(Duration::ZERO);
    std::thread::sleep(Duration::from_millis(1));
}

fn commit(consumer: &BaseConsumer, producer: &BaseProducer, from: &str, next: &BTreeMap<i32, i64>) {
    while producer.in_flight_count() > 0 {
        serve(producer);
    }
    let mut offsets = TopicPartitionList::new();
    for (partition, offset) in next {
        offsets
            .add_partition_offset(from, *partition, Offset::Offset(*offset))
            .expect("an offset");
    }
    let group = consumer.group_metadata().expect("a group");
    producer
        .send_offsets_to_transaction(&offsets, &group, PATIENCE)
        .and_then(|()| producer.commit_transaction(PATIENCE))
        .expect("committed");
}
