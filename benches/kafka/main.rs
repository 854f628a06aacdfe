//! The whole daemon on a real Apache Kafka: throughput against a program that only copies, latency, how long findings
//! take, what a lane costs, and how long one takes to begin again.
//!
//! ```text
//! cargo bench --bench kafka                      all
//! cargo bench --bench kafka -- throughput 2000000   so many lines; one in a message; 50, and then 50 events too
//! cargo bench --bench kafka -- latency 30           so many seconds at 10,000 lines a second
//! cargo bench --bench kafka -- lanes 300000         so many lines over 4 to 64 partitions, by 1 and 2 workers
//! cargo bench --bench kafka -- restore              a lane of 100,000 sessions, until its first record
//! cargo bench --bench kafka -- story                how long after the event that decides a finding is seen
//! ```
//!
//! The broker is that of the tests (tests/kafka/broker.rs): fetched with Maven, on loopback, of one partition
//! leader only. Daemon and copy read the same topic of four partitions with the same settings and commit every
//! 200 ms exactly once; the daemon writes all kinds. The broker shares the processors with them, so the ratio
//! counts, and not the figures.

#[allow(dead_code, reason = "Kafka tells no arrival times")]
#[path = "../generate/mod.rs"]
mod generate;

#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../../tests/kafka/broker.rs"]
mod broker;
#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../../tests/kafka/clients.rs"]
mod clients;
#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../../tests/kafka/daemon.rs"]
mod daemon;

#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../../tests/kafka/recording.rs"]
mod recording;

mod copy;
mod lanes;
mod latency;
mod reader;
mod restore;
mod story;
mod throughput;

use broker::Broker;

const LINES: usize = 1_000_000;
const SECONDS: u64 = 20;
const LINES_OVER_LANES: usize = 300_000;

fn main() {
    let mut words = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'));
    let (what, many) = (words.next(), words.next());
    let many = many.map(|many| many.parse::<u64>().expect("a number"));
    let broker = match Broker::start() {
        Ok(broker) => broker,
        Err(why) => return println!("NOT RUN: kafka: {why}"),
    };
    let is = |name| what.as_deref().is_none_or(|what| what == name);
    if is("throughput") {
        throughput::run(&broker, many.map_or(LINES, |many| many as usize));
    }
    if is("latency") {
        latency::run(&broker, many.unwrap_or(SECONDS));
    }
    if is("lanes") {
        lanes::run(&broker, many.map_or(LINES_OVER_LANES, |many| many as usize));
    }
    if is("restore") {
        restore::run(&broker);
    }
    if is("story") {
        story::run(&broker);
    }
}
