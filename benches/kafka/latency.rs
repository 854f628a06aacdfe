//! How long after its last line was appended an event stands where a read-committed reader sees it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use memchr::memmem;
use rdkafka::message::Message;

use crate::broker::Broker;
use crate::clients::{self, Feeder};
use crate::daemon::{ALL_KINDS, Place};
use crate::generate::{Line, Shape, traffic};
use crate::reader;

const LINES_A_SECOND: usize = 10_000;
const LINES_OF_EVENT: usize = 5;
/// While the daemon warms up nothing is counted.
const WARM_UP: Duration = Duration::from_secs(3);

/// When the last line of each event was appended, by host and stamp.
type Sent = Arc<Mutex<HashMap<Vec<u8>, Instant>>>;

pub fn run(broker: &Broker, seconds: u64) {
    let place = Place {
        settle: "50ms",
        ..Place::exactly_once(broker, "latency")
    };
    let topic = place.topic("process");
    clients::make_topics(&place.servers, &[&topic], 4, &[]);
    let daemon = place.start("daemon", ALL_KINDS);
    daemon.wait_ready();
    let (sent, stop) = (Sent::default(), Arc::new(AtomicBool::new(false)));
    let reader = {
        let (servers, sent, stop) = (place.servers.clone(), sent.clone(), stop.clone());
        std::thread::spawn(move || read(&servers, &topic, &sent, &stop))
    };
    let made = traffic(Shape {
        events: seconds as usize * LINES_A_SECOND / LINES_OF_EVENT,
        hosts: 64,
        eoe: true,
    });
    feed(&place, &made.lines, &sent);
    std::thread::sleep(Duration::from_secs(3));
    stop.store(true, Ordering::Relaxed);
    let mut all = reader.join().expect("it read");
    let commits = |part| {
        let name = format!("trailhound_commit_seconds_{part}");
        daemon.metric(&name).expect("a metric")
    };
    let commit = commits("sum") / commits("count");
    daemon.stop_well();
    all.sort_unstable();
    let at = |part: f64| all[((all.len() - 1) as f64 * part) as usize].as_millis();
    println!(
        "latency at {LINES_A_SECOND} lines/s, commit interval 200 ms, {} events: p50 {} ms, p99 {} ms, longest {} ms; a commit {:.0} ms",
        all.len(),
        at(0.5),
        at(0.99),
        at(1.0),
        1000.0 * commit
    );
}

fn feed(place: &Place, lines: &[Line], sent: &Sent) {
    let feeder = Feeder::new(&place.servers, &place.topic("audit.raw"));
    let began = Instant::now();
    for (number, line) in lines.iter().enumerate() {
        let due = Duration::from_secs_f64(number as f64 / LINES_A_SECOND as f64);
        if let Some(early) = due.checked_sub(began.elapsed()) {
            std::thread::sleep(early);
        }
        let text = std::str::from_utf8(&line.text).expect("ASCII");
        let host = text.split(['=', ' ']).nth(1).expect("node=");
        feeder.send(host, &line.text);
        if began.elapsed() > WARM_UP && text.contains("type=EOE") {
            let stamp = text.split(['(', ')']).nth(1).expect("a stamp");
            let key = format!("{host} {stamp}").into_bytes();
            let mut sent = sent.lock().expect("nobody panicked");
            sent.insert(key, Instant::now());
        }
    }
    feeder.flush();
}

fn read(servers: &str, topic: &str, sent: &Sent, stop: &AtomicBool) -> Vec<Duration> {
    let consumer = reader::of(servers, topic);
    let mut all = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let Some(Ok(message)) = consumer.poll(Duration::from_millis(5)) else {
            continue;
        };
        let now = Instant::now();
        let document = message.payload().unwrap_or_default();
        let key = [message.key().unwrap_or_default(), b" ", stamp_of(document)].concat();
        let sent = sent.lock().expect("nobody panicked").remove(&key);
        all.extend(sent.map(|sent| now - sent));
    }
    all
}

fn stamp_of(document: &[u8]) -> &[u8] {
    const BEFORE: &[u8] = b"\"original_event_uid\":\"";
    let begin = memmem::find(document, BEFORE).expect("a stamp") + BEFORE.len();
    let rest = &document[begin..];
    let end = memchr::memchr(b'"', rest).expect("its end");
    &rest[..end]
}
