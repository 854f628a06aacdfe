//! How many lines a second the daemon takes from Kafka to Kafka, and a copy of the same records.
//!
//! Both are seen from outside alike: by the offsets that their groups commit, without the first quarter of the records.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::broker::Broker;
use crate::clients::{self, Feeder};
use crate::copy::Copy;
use crate::daemon::{ALL_KINDS, Daemon, Place};
use crate::generate::{Line, Shape, traffic};

/// Of each shape, in turn with copies.
const ROUNDS: usize = 3;
const HOSTS: usize = 64;
/// Lines of an event of the generator, about.
pub const LINES_OF_EVENT: usize = 5;
/// Ticks of a second in /proc/PID/stat (USER_HZ, the same for all machines with Linux).
const TICKS: f64 = 100.0;

pub fn run(broker: &Broker, lines: usize) {
    let made = traffic(Shape {
        events: lines / LINES_OF_EVENT,
        hosts: HOSTS,
        eoe: true,
    });
    for (per_message, events) in [(1, 1), (50, 1), (50, 50)] {
        let (mut copies, mut daemons, mut cpu) = (Vec::new(), Vec::new(), Vec::new());
        let config = format!("{ALL_KINDS}{}", bundled(events));
        // The first is not counted: the broker compiles what it does often.
        for round in 0..=ROUNDS {
            let prefix = format!("speed-{per_message}-{events}-{round}");
            let place = Place::exactly_once(broker, &prefix);
            let topic = place.topic("audit.raw");
            let records = fill(&place, &topic, &made.lines, per_message);
            let lines_of_record = made.lines.len() as f64 / records as f64;
            let copy = Copy::start(&place);
            let copied = rate(&place.servers, copy.group(), &topic, records) * lines_of_record;
            copy.stop();
            let daemon = place.start("daemon", &config);
            let told = rate(&place.servers, &place.prefix, &topic, records) * lines_of_record;
            if round > 0 {
                copies.push(copied);
                daemons.push(told);
                cpu.push(made.lines.len() as f64 / seconds_of_processor(&daemon));
                tell_commits(&daemon, made.lines.len());
            }
            daemon.stop_well();
        }
        let (copy, daemon) = (median(copies), median(daemons));
        println!(
            "{per_message:2} lines a message, {events:2} events: copy {copy:9.0} lines/s, trailhound {daemon:9.0} lines/s, ratio {:.2}; \
             {:9.0} lines a CPU second of the daemon",
            daemon / copy,
            median(cpu)
        );
    }
}

/// Configuration: so many events of a host in one message, of each kind.
fn bundled(events: usize) -> String {
    let keys =
        ["process", "logon", "flow", "alert", "audit"].map(|kind| format!("{kind} = {events}\n"));
    format!("[events_per_message]\n{}", keys.concat())
}

/// What went out for a line, and how long it took to commit it.
fn tell_commits(daemon: &Daemon, lines: usize) {
    let commits = daemon.counted("commit_seconds_count");
    println!(
        "   {commits} commits of {:.0} ms, {:.0} times a full queue; for a line {:.3} records to the brokers, {:.3} of them and \
         {:.0} bytes of state",
        1000.0 * daemon.counted("commit_seconds_sum") / commits,
        daemon.counted("backpressure_total"),
        daemon.counted("outputs_delivered_total") / lines as f64,
        daemon.counted("state_records_total") / lines as f64,
        daemon.counted("state_bytes_total") / lines as f64,
    );
}

/// Gives how many records there are.
pub fn fill(place: &Place, topic: &str, lines: &[Line], per_message: usize) -> i64 {
    let feeder = Feeder::new(&place.servers, topic);
    let mut waiting: BTreeMap<&str, (usize, Vec<u8>)> = BTreeMap::new();
    for line in lines {
        let text = std::str::from_utf8(&line.text).expect("ASCII");
        let host = text.split(['=', ' ']).nth(1).expect("node=");
        let (count, message) = waiting.entry(host).or_default();
        message.extend_from_slice(&line.text);
        *count += 1;
        if *count == per_message {
            feeder.send(host, message);
            (*count, *message) = (0, Vec::new());
        } else {
            message.push(b'\n');
        }
    }
    for (host, (_, message)) in waiting.iter().filter(|(_, (count, _))| *count > 0) {
        feeder.send(host, message);
    }
    feeder.flush();
    clients::count(&place.servers, topic)
}

/// Of the records so many are not counted: what begins is slower, and not what is measured. A broker's first writes to new
/// topics cost it most of a second (the kernel clears memory), and who writes to more of them more.
const BEGINNING: i64 = 4;

/// Records a second that a group commits, without the first quarter.
pub fn rate(servers: &str, group: &str, topic: &str, records: i64) -> f64 {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", servers)
        .set("group.id", group)
        .create()
        .expect("a consumer");
    let mut list = TopicPartitionList::new();
    for partition in clients::partitions(&consumer, topic) {
        list.add_partition(topic, partition);
    }
    let mut first = None;
    loop {
        let committed = consumer.committed_offsets(list.clone(), Duration::from_secs(10));
        let done: i64 = committed
            .iter()
            .flat_map(|list| list.elements())
            .filter_map(|entry| match entry.offset() {
                Offset::Offset(offset) => Some(offset),
                _ => None,
            })
            .sum();
        let now = Instant::now();
        if done > records / BEGINNING {
            let (began, before) = *first.get_or_insert((now, done));
            if done >= records {
                assert!(before < done, "too few records to measure");
                return (done - before) as f64 / (now - began).as_secs_f64();
            }
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// MiB of memory that it holds.
pub fn resident(daemon: &Daemon) -> f64 {
    let bytes = daemon.metric("process_resident_memory_bytes");
    bytes.expect("a metric") / f64::from(1 << 20)
}

pub fn seconds_of_processor(daemon: &Daemon) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", daemon.pid())).expect("it runs");
    // The name of the program may hold spaces; behind it stand the 3rd field and the rest.
    let fields = stat.rsplit(") ").next().expect("a name").split(' ');
    let ticks = fields
        .skip(11)
        .take(2)
        .map(|field| field.parse::<f64>().expect("ticks"));
    ticks.sum::<f64>() / TICKS
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_unstable_by(f64::total_cmp);
    all[all.len() / 2]
}
