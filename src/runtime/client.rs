//! The settings of the Kafka clients, and how what they log reaches our log.
//!
//! Place in the flow: before everything that talks to a broker. It refuses to let a setting of the
//! user undo a guarantee: what the guarantees rest on is set last.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;

use super::port::Transactional;
use crate::config::{Config, Delivery, Kafka, Memory};

/// Outputs in a producer's queue are seldom smaller, in KiB: for each as much may be there as one message. Beyond the queue
/// the input stops.
const MESSAGES_A_KBYTE: u64 = 3;
const STATIC_MEMBER: &str = "group.instance.id";
/// The clocks of lanes go by what the statistics say, and by brokers that are heard of (leader.rs).
const STATISTICS: (&str, &str) = ("statistics.interval.ms", "1000");
const FETCH_WAIT: &str = "fetch.wait.max.ms";
const LONGEST_FETCH_WAIT_MS: u32 = 500;
/// Of one batch to a topic, where nothing is known of that.
pub const BATCH_BYTES: usize = 1_000_000;
/// The client's own default of `message.max.bytes`.
const MESSAGE_BYTES: u64 = 1_000_000;
/// What a reader of the state has fetched and not yet read, in KiB.
const READER_QUEUE_KBYTES: u32 = 2 * 1024;
/// What it asks for at once.
const READER_FETCH_BYTES: u32 = 256 * 1024;

const RESET: &str = "auto.offset.reset";
const ISOLATION: &str = "isolation.level";
pub const READ_COMMITTED: &str = "read_committed";
pub const READ_UNCOMMITTED: &str = "read_uncommitted";
const TIMEOUT: &str = "transaction.timeout.ms";
/// How long after its begin a transaction may still be committed, beside the time between commits: as
/// long may the brokers be away before all since then is done anew.
const TRANSACTION: Duration = Duration::from_secs(60);
/// The same where lines are re-keyed: as long may a worker that died hold up the lanes of others, which read what it
/// wrote.
const TRANSACTION_REKEYING: Duration = Duration::from_secs(10);
/// What is read may be larger than what the client would write: a batch of one host's lines is written on as it came.
const REKEYED_KBYTES: u64 = 12 * 1024;
/// Partitions that one fetch has room for where lines are re-keyed.
const ABREAST: u64 = 8;
const MOST_BYTES: &str = "message.max.bytes";
const REFRESH: &str = "topic.metadata.refresh.interval.ms";
const IDLE: &str = "connections.max.idle.ms";
/// A producer's connection that carries nothing for as long is closed, and opened again when it is needed. The client
/// waits for a coordinator that the cluster no longer names, past any time-out, until a connection comes or goes
/// (librdkafka issues 5511 and 5456); with this one does.
const PRODUCER_IDLE: Duration = Duration::from_secs(10);

fn base(kafka: &Kafka) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &kafka.bootstrap_servers)
        .set("client.id", "trailhound")
        // A broker that comes back is found within seconds, and who leads in the place of one that does not: what was
        // asked of that one is not always asked again.
        .set("reconnect.backoff.max.ms", "2000")
        .set(REFRESH, "10000")
        .set("log.connection.close", "false")
        .set_log_level(RDKafkaLogLevel::Info);
    config
}

fn with_properties(mut config: ClientConfig, kafka: &Kafka) -> ClientConfig {
    for (name, value) in &kafka.properties {
        config.set(name, value.reveal());
    }
    config
}

/// For looking at topics: no group, no consumption.
pub fn inspector(kafka: &Kafka) -> ClientConfig {
    let mut config = base(kafka);
    // Who connects in clear text to a listener of TLS is only cut off.
    config.set("log.connection.close", "true");
    with_properties(config, kafka)
}

/// Whether the user wants a group that has committed nothing to begin at the end.
pub fn begins_at_end(kafka: &Kafka) -> bool {
    kafka
        .properties
        .get(RESET)
        .is_some_and(|value| ["latest", "largest", "end"].contains(&value.reveal()))
}

/// Whether the user leaves assignment and time-outs of the group to the brokers (KIP-848).
fn brokers_assign(kafka: &Kafka) -> bool {
    let protocol = kafka.properties.get("group.protocol");
    protocol.is_some_and(|protocol| protocol.reveal() == "consumer")
}

/// The settings of a worker's consumer.
pub fn consumer(kafka: &Kafka, delivery: Delivery, memory: &Memory, worker: usize) -> ClientConfig {
    let mut config = base(kafka);
    // Where brokers assign, the client refuses these.
    if !brokers_assign(kafka) {
        config
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("session.timeout.ms", "15000");
    }
    let fetch = memory.fetch_kbytes * 1024;
    // What is put in order wants a little of each partition, and not all of one and then of the next.
    let of_one = match memory.held_kbytes {
        0 => fetch,
        _ => fetch / ABREAST,
    };
    config
        // A full queue is looked at again after 5 ms; the default stalls it for a second.
        .set("fetch.queue.backoff.ms", "5")
        .set("queued.min.messages", "20000")
        .set(
            "queued.max.messages.kbytes",
            memory.consumer_kbytes.to_string(),
        )
        .set("fetch.max.bytes", fetch.to_string())
        .set("max.partition.fetch.bytes", of_one.to_string())
        // The client raises the others to this. A batch that is larger comes all the same.
        .set("message.max.bytes", fetch.min(MESSAGE_BYTES).to_string());
    let mut config = with_properties(config, kafka);
    let wait = config.get(FETCH_WAIT).and_then(|wait| wait.parse().ok());
    let wait = wait.unwrap_or(LONGEST_FETCH_WAIT_MS);
    if let Some(id) = config.get(STATIC_MEMBER) {
        // Each worker is a member of its own, and two of one name end each other.
        let id = format!("{id}-{worker}");
        config.set(STATIC_MEMBER, id);
    }
    config
        .set("group.id", &kafka.group)
        // Out of range (retention overtook us) means the first record there is. Where a new group
        // begins is decided beside it (offsets.rs).
        .set(RESET, "earliest")
        .set(FETCH_WAIT, wait.min(LONGEST_FETCH_WAIT_MS).to_string())
        .set(STATISTICS.0, STATISTICS.1)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("enable.partition.eof", "true");
    if delivery == Delivery::ExactlyOnce {
        // What was aborted upstream is no input; and only so are offsets of an open transaction waited for.
        config.set(ISOLATION, READ_COMMITTED);
    }
    config
}

/// Reads partitions of the state from their first record, up to the first open transaction or to the end.
/// It never joins the group: the name is for the brokers' rules of access.
pub fn reader(kafka: &Kafka, isolation: &str) -> ClientConfig {
    let mut config = with_properties(base(kafka), kafka);
    config
        .set("group.id", &kafka.group)
        // As for the consumer.
        .set("fetch.queue.backoff.ms", "5")
        // The end of a partition is told as soon as it is reached.
        .set("fetch.wait.max.ms", "10")
        .set(
            "queued.max.messages.kbytes",
            READER_QUEUE_KBYTES.to_string(),
        )
        // It grows when it is unpacked, and what was taken for it stays with the process.
        .set("max.partition.fetch.bytes", READER_FETCH_BYTES.to_string())
        .set("fetch.max.bytes", READER_FETCH_BYTES.to_string())
        // The client raises the others to this.
        .set("message.max.bytes", READER_FETCH_BYTES.to_string())
        .set(ISOLATION, isolation)
        .set(RESET, "earliest")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("enable.partition.eof", "true");
    config
}

pub fn transactional(
    config: &Config,
    Transactional { id, batch_bytes }: Transactional<'_>,
) -> ClientConfig {
    let (kafka, rekeys) = (&config.kafka, config.topics.audit_rekeyed.is_some());
    let timeout = config.commit.interval
        + match rekeys {
            true => TRANSACTION_REKEYING,
            false => TRANSACTION,
        };
    let mut config = producer(config);
    let batch = config.get("batch.size").and_then(|size| size.parse().ok());
    let batch = batch.unwrap_or(usize::MAX).min(batch_bytes);
    config
        .set("transactional.id", id)
        .set("batch.size", batch.to_string());
    if !kafka.properties.contains_key(TIMEOUT) {
        config.set(TIMEOUT, timeout.as_millis().to_string());
    }
    config
}

pub fn producer(config: &Config) -> ClientConfig {
    let (kafka, memory) = (&config.kafka, &config.memory);
    let rekeys = config.topics.audit_rekeyed.is_some();
    let bundles = memory.bundles(&config.events_per_message) as u64 / 1024;
    let queue_kbytes = memory.producer_kbytes - bundles;
    let mut config = base(kafka);
    if rekeys {
        // A queue never has room for what is larger than itself.
        let most = REKEYED_KBYTES.min(queue_kbytes / 4 * 3);
        config.set(MOST_BYTES, (most * 1024).to_string());
    }
    config
        .set(IDLE, PRODUCER_IDLE.as_millis().to_string())
        .set("linger.ms", "5")
        .set("batch.size", BATCH_BYTES.to_string())
        .set("compression.type", "lz4")
        // The same key lands in the same partition as with Kafka's own producers.
        .set("partitioner", "murmur2_random")
        .set("queue.buffering.max.kbytes", queue_kbytes.to_string())
        .set(
            "queue.buffering.max.messages",
            (memory.producer_kbytes * MESSAGES_A_KBYTE).to_string(),
        );
    let mut config = with_properties(config, kafka);
    // What is acknowledged is there to stay, or commits would pass lost outputs. And an output is never
    // given up: the brokers are waited for. A setting with two names is set by both: the order in which
    // the client takes them is random.
    config
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("request.required.acks", "all")
        .set("message.timeout.ms", "0")
        .set("delivery.timeout.ms", "0")
        .set(STATISTICS.0, STATISTICS.1);
    config
}

/// What librdkafka logs. A setting that concerns the other kind of client is no news, and that a
/// broker is away is told by the worker, once.
pub fn log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    use RDKafkaLogLevel::{Alert, Critical, Debug, Emerg, Error, Info, Notice, Warning};
    match (level, facility) {
        (_, "CONFWARN" | "FAIL" | "ERROR") | (Debug, _) => {
            tracing::debug!(facility, "librdkafka: {message}");
        }
        (Emerg | Alert | Critical | Error, _) => tracing::error!(facility, "librdkafka: {message}"),
        (Warning, _) => tracing::warn!(facility, "librdkafka: {message}"),
        (Notice | Info, _) => tracing::info!(facility, "librdkafka: {message}"),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{Beside, Secret, parse};

    #[test]
    fn a_property_of_the_user_wins_but_not_over_a_guarantee() {
        let text = "[kafka]\nbootstrap_servers = \"broker:9092\"\n[commit]\ninterval = \"1s\"\n";
        let mut config = parse("t.toml", text, Path::new(""), &Beside::default()).expect("valid");
        for (name, value) in [
            ("fetch.queue.backoff.ms", "7"),
            ("enable.auto.commit", "true"),
            ("delivery.timeout.ms", "1000"),
            ("enable.idempotence", "false"),
            ("request.required.acks", "0"),
            (RESET, "latest"),
            (STATIC_MEMBER, "a"),
            (STATISTICS.0, "0"),
            (FETCH_WAIT, "5000"),
        ] {
            config
                .kafka
                .properties
                .insert(name.into(), Secret::new(value.into()));
        }
        let memory =
            Memory::share_out(512 << 20, 1, false, &config.kafka.properties).expect("fits");
        config.memory = memory;
        let kafka = &config.kafka;
        let at_least_once = consumer(kafka, Delivery::AtLeastOnce, &memory, 0);
        assert_eq!(at_least_once.get(ISOLATION), None);
        let consumer = consumer(kafka, Delivery::ExactlyOnce, &memory, 3);
        assert_eq!(consumer.get(STATIC_MEMBER), Some("a-3"));
        assert_eq!(consumer.get(STATISTICS.0), Some("1000"));
        assert_eq!(consumer.get(FETCH_WAIT), Some("500"));
        assert_eq!(consumer.get(ISOLATION), Some(READ_COMMITTED));
        assert_eq!(consumer.get("fetch.queue.backoff.ms"), Some("7"));
        assert_eq!(consumer.get("enable.auto.commit"), Some("false"));
        assert_eq!(consumer.get(RESET), Some("earliest"));
        assert!(begins_at_end(kafka));
        // Else a queue that is full costs a second, and reading state has many.
        let reader = reader(kafka, READ_COMMITTED);
        assert_eq!(reader.get("fetch.queue.backoff.ms"), Some("5"));
        assert_eq!(reader.get(REFRESH), Some("10000"));
        // As librdkafka itself understands them.
        let native = producer(&config).create_native_config().expect("valid");
        for (name, value) in [
            ("message.timeout.ms", "0"),
            ("enable.idempotence", "true"),
            ("acks", "-1"),
        ] {
            assert_eq!(native.get(name).as_deref(), Ok(value), "{name}");
        }
        let name = Transactional {
            id: "t-1",
            batch_bytes: 6000,
        };
        let native = transactional(&config, name)
            .create_native_config()
            .expect("valid");
        for (name, value) in [
            ("transactional.id", "t-1"),
            (IDLE, "10000"),
            ("batch.size", "6000"),
            (TIMEOUT, "61000"),
            ("message.timeout.ms", "0"),
        ] {
            assert_eq!(native.get(name).as_deref(), Ok(value), "{name}");
        }
        config.topics.audit_rekeyed = Some("g.rekeyed".into());
        let native = transactional(&config, name)
            .create_native_config()
            .expect("valid");
        assert_eq!(native.get(TIMEOUT).as_deref(), Ok("11000"));
        assert_eq!(native.get(MOST_BYTES).as_deref(), Ok("12582912"));
    }
}
