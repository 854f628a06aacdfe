//! How long after the event that decides a finding stands: in lines of the input and the host's time, and in time
//! through the whole daemon, where lines come as they were recorded.
//!
//! Place in the flow: in main.rs. The recordings are those of the tests, the rules our own pack. Where the truth that
//! the attack's script wrote is beside the project (or at $TRAILHOUND_SHARED), the step that it names is told too.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::BaseConsumer;
use rdkafka::message::Message;
use serde_json::Value;
use trailhound::model::{Input, Kind, OutputKind, Outputs, Settings, Source, Timestamp};
use trailhound::pipeline::intel::IntelSet;
use trailhound::pipeline::lane::Lane;
use trailhound::runtime::rules;

use crate::broker::Broker;
use crate::clients::{self, Feeder};
use crate::daemon::{ALL_KINDS, Place};
use crate::reader;
use crate::recording::{self, Host};

/// Lines before these are fed at once.
const BEFORE_ATTACK_MS: i64 = 2_000;
/// After the last finding this is waited for what is late.
const AFTERWARDS: Duration = Duration::from_secs(3);

/// A finding as the lane tells it.
struct Told {
    uid: String,
    step: String,
    severity: String,
    points: u64,
    /// What decided it, and when that was.
    what: String,
    time: i64,
    /// Lines from the last one of the event that decided, and the host's time.
    lines_after: usize,
    ms_after: i64,
    /// The last line of the event that decided.
    line: usize,
}

pub fn run(broker: &Broker) {
    let hosts = recording::attacked();
    let told: Vec<Vec<Told>> = hosts.iter().map(by_the_lane).collect();
    let seen = through_kafka(broker, &hosts, &told);
    for (host, told) in hosts.iter().zip(&told) {
        println!(
            "{}: finding, by which event, lines and host's time after it, time until a reader sees it",
            host.name
        );
        let truth = truth_of(&host.name);
        for told in told {
            let seen = seen.get(&told.uid);
            println!(
                "  {} {} {:2} points | {} | {} lines, {} ms | {}{}",
                told.step,
                told.severity,
                told.points,
                told.what,
                told.lines_after,
                told.ms_after,
                seen.map_or("not seen".to_owned(), |seen| format!(
                    "{} ms",
                    seen.as_millis()
                )),
                in_the_truth(&truth, told),
            );
        }
    }
    let mut all: Vec<u128> = seen.values().map(Duration::as_millis).collect();
    all.sort_unstable();
    if let (Some(longest), Some(middle)) = (all.last(), all.get(all.len() / 2)) {
        println!(
            "{} findings: median {middle} ms, longest {longest} ms",
            all.len()
        );
    }
}

/// Milliseconds of a line's stamp.
fn time_of(line: &[u8]) -> Option<i64> {
    let text = String::from_utf8_lossy(line);
    let (_, stamp) = text.split_once("audit(")?;
    let (seconds, rest) = stamp.split_once('.')?;
    Some(seconds.parse::<i64>().ok()? * 1000 + rest.get(..3)?.parse::<i64>().ok()?)
}

/// All findings but the closing one, which comes of silence.
fn by_the_lane(host: &Host) -> Vec<Told> {
    let settings = Settings {
        kinds: Kind::ALL.into_iter().collect(),
        ..Settings::default()
    };
    let (mut lane, intel, mut out) = (
        Lane::new(Arc::new(settings)),
        IntelSet::default(),
        Outputs::new(),
    );
    lane.follow_rules(&Arc::new(rules::load(&[], true).expect("the pack").set));
    let mut stamps: BTreeMap<String, String> = BTreeMap::new();
    let mut all = Vec::new();
    let mut newest = 0;
    for (at, line) in host.lines.iter().enumerate() {
        let input = Input {
            source: Source::Audit,
            value: line,
            key: None,
            host: None,
            offset: at as i64,
        };
        newest = time_of(line).unwrap_or(0).max(newest);
        lane.step(Timestamp(0), input, &intel, &mut out);
        for output in out
            .iter()
            .filter(|one| matches!(one.kind, OutputKind::Event(_)))
        {
            let document: Value = serde_json::from_slice(output.value).expect("JSON");
            let metadata = &document["metadata"];
            if let (Some(uid), Some(stamp)) = (
                metadata["uid"].as_str(),
                metadata["original_event_uid"].as_str(),
            ) {
                stamps.insert(uid.to_owned(), format!("audit({stamp})"));
            }
            if let Some(told) = finding(&document, host, &stamps, at, newest) {
                all.push(told);
            }
        }
        out.clear();
    }
    all
}

fn finding(
    document: &Value,
    host: &Host,
    stamps: &BTreeMap<String, String>,
    at: usize,
    newest: i64,
) -> Option<Told> {
    let story = document.pointer("/unmapped/story")?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    if document["activity_name"] == "Close" {
        return None;
    }
    let stage = story["stages"].as_array()?.last()?;
    let stamp = &stamps[stage["event_uid"].as_str()?];
    let is_of = |line: &Vec<u8>| String::from_utf8_lossy(line).contains(stamp.as_str());
    let line = host.lines.iter().rposition(is_of)?;
    let time = stage["time"].as_i64()?;
    Some(Told {
        uid: text(&document["metadata"]["uid"]),
        step: text(&story["step"]),
        severity: text(&document["severity"]),
        points: story["points"].as_u64()?,
        what: text(&stage["what"]),
        time,
        lines_after: at.saturating_sub(line),
        ms_after: newest - time,
        line,
    })
}

/// From when the line that decides was handed to the client until a read-committed reader had the finding, by its id.
fn through_kafka(
    broker: &Broker,
    hosts: &[Host],
    told: &[Vec<Told>],
) -> BTreeMap<String, Duration> {
    let place = Place {
        settle: "50ms",
        ..Place::exactly_once(broker, "story-latency")
    };
    let topic = place.topic("alert");
    clients::make_topics(&place.servers, &[&topic], 4, &[]);
    let daemon = place.start("daemon", &format!("{ALL_KINDS}[rules]\npack = true\n"));
    daemon.wait_ready();
    let reader = reader::of(&place.servers, &topic);
    let sent = std::thread::scope(|scope| {
        let feeding = scope.spawn(|| feed(&place, hosts, told));
        let seen = read(&reader, &feeding);
        (feeding.join().expect("fed"), seen)
    });
    daemon.stop_well();
    let (sent, seen) = sent;
    let both = seen
        .into_iter()
        .filter_map(|(uid, seen)| Some((seen - *sent.get(&uid)?, uid)));
    both.map(|(after, uid)| (uid, after)).collect()
}

/// Feeds all hosts at the pace of their recordings. Gives when the line that decides was sent, by finding.
fn feed(place: &Place, hosts: &[Host], told: &[Vec<Told>]) -> BTreeMap<String, Instant> {
    let feeder = Feeder::new(&place.servers, &place.topic("audit.raw"));
    // Of each line: when it is due by its recording, counted from just before that host's attack.
    let mut lines: Vec<(i64, usize, usize)> = Vec::new();
    for (number, (host, told)) in hosts.iter().zip(told).enumerate() {
        let begin = told.first().map_or(0, |told| told.time) - BEFORE_ATTACK_MS;
        let end = told.iter().map(|told| told.line).max().unwrap_or(0);
        let mut due = i64::MIN;
        for at in 0..=end {
            due = time_of(&host.lines[at]).map_or(due, |time| due.max(time - begin));
            lines.push((due, at, number));
        }
    }
    // As recorded within a host, whatever its stamps.
    lines.sort_by_key(|&(due, ..)| due);
    let (mut sent, began) = (BTreeMap::new(), Instant::now());
    for (due, at, number) in lines {
        let due = Duration::from_millis(due.max(0) as u64);
        if let Some(early) = due.checked_sub(began.elapsed()) {
            std::thread::sleep(early);
        }
        feeder.send(&hosts[number].name, &hosts[number].lines[at]);
        let decided = told[number].iter().filter(|told| told.line == at);
        sent.extend(decided.map(|told| (told.uid.clone(), Instant::now())));
    }
    feeder.flush();
    std::thread::sleep(AFTERWARDS);
    sent
}

fn read<T>(
    reader: &BaseConsumer,
    feeding: &std::thread::ScopedJoinHandle<'_, T>,
) -> BTreeMap<String, Instant> {
    let mut seen = BTreeMap::new();
    while !feeding.is_finished() {
        if let Some(Ok(message)) = reader.poll(Duration::from_millis(5)) {
            let now = Instant::now();
            let document: Value =
                serde_json::from_slice(message.payload().unwrap_or_default()).expect("JSON");
            let uid = document["metadata"]["uid"].as_str().unwrap_or_default();
            seen.insert(uid.to_owned(), now);
        }
    }
    seen
}

/// What the script says that it did, where its file is there.
fn truth_of(name: &str) -> Vec<Value> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let shared = std::env::var_os("TRAILHOUND_SHARED").map_or(beside, PathBuf::from);
    let text = std::fs::read_to_string(shared.join(format!("corpus/live/{name}.truth.jsonl")));
    let text = text.unwrap_or_default();
    text.lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

/// The step of the truth with this command line that is nearest in time.
fn in_the_truth(truth: &[Value], told: &Told) -> String {
    let command = |step: &Value| {
        let words = step["argv"].as_array()?.iter().filter_map(Value::as_str);
        Some(words.collect::<Vec<_>>().join(" "))
    };
    let steps = truth
        .iter()
        .filter(|step| command(step).as_ref() == Some(&told.what));
    let far = |step: &&Value| {
        (1000.0 * step["t"].as_f64().unwrap_or(0.0) - told.time as f64).abs() as i64
    };
    let nearest = steps.min_by_key(far);
    nearest.map_or(String::new(), |step| {
        format!(
            " | step {} of the truth, user {}",
            step["n"],
            step["login_user"].as_str().unwrap_or("?")
        )
    })
}
