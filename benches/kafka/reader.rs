//! A reader of what is committed, which has it as soon as it is.
//!
//! Place in the flow: behind the daemon, in the benches of latency and of stories. It joins no group and commits nothing.

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

/// Partitions of the outputs.
const PARTITIONS: i32 = 4;

/// Reads all partitions of a topic from their beginning.
pub fn of(servers: &str, topic: &str) -> BaseConsumer {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", servers)
        .set("group.id", "bench-reader")
        .set("isolation.level", "read_committed")
        .set("enable.auto.commit", "false")
        // A broker that waits for more does not look at what was committed meanwhile.
        .set("fetch.wait.max.ms", "5")
        .create()
        .expect("a consumer");
    let mut list = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        list.add_partition_offset(topic, partition, Offset::Beginning)
            .expect("an offset");
    }
    consumer.assign(&list).expect("assigned");
    consumer
}
