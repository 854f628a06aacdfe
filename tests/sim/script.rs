//! What is fed, and what must come out: lines of several hosts, and the outputs of one undisturbed replay of them.
//!
//! Lines are parts of the recordings and made ones, in order or in some disorder. At the end of each host stand lines
//! of the far future, so that waits have ended by the host's own time. The replay is the lane that `replay` drives,
//! with a clock that stands still.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use flate2::read::GzDecoder;
use trailhound::config::{Beside, Config, parse};
use trailhound::model::{Input, OutputKind, Outputs, Source, Timestamp};
use trailhound::pipeline::intel::IntelSet;
use trailhound::pipeline::lane::Lane;

use crate::generate::{Shape, traffic};
use crate::numbers::Numbers;

pub const INPUT: &str = "audit.raw";
pub const STATE: &str = "sim.state";
pub const REKEYED: &str = "sim.rekeyed";

/// So many different ones.
const SCRIPTS: usize = 32;

/// Made events stand this far apart, in milliseconds.
const APART: i64 = 700;

#[derive(Clone)]
pub struct Line {
    pub key: Vec<u8>,
    pub value: Vec<u8>,
}

/// Topic, key and value of each output, and how often it is there.
pub type Told = BTreeMap<(String, Vec<u8>, Vec<u8>), i64>;

pub struct Script {
    /// Lines by partition.
    pub partitions: Vec<Vec<Line>>,
    pub expected: Told,
    /// The waits are so long that time never ends them while lines come.
    pub slow: bool,
}

/// Lines are read as they come, or keyed first.
pub fn config(
    slow: bool,
    workers: usize,
    interval: i64,
    delivery: &str,
    rekeys: bool,
    per_message: usize,
) -> Config {
    let waits = if slow {
        "event = \"4m\"\nsettle = \"1m\"\nlogon = \"4m\""
    } else {
        "event = \"20s\"\nsettle = \"5s\"\nlogon = \"60s\""
    };
    let text = format!(
        "delivery = \"{delivery}\"\nworkers = {workers}\n\
         [kafka]\nbootstrap_servers = \"simulated:9092\"\ngroup = \"sim\"\n\
         [topics]\nflow_in = false\n\
         [output]\nkinds = [\"process\", \"logon\", \"flow\", \"alert\", \"audit\"]\n\
         [loss]\nalerts = true\n[waits]\n{waits}\n[commit]\ninterval = \"{interval}ms\"\n\
         [http]\nlisten = false\n[audit]\nrekey = {rekeys}\n\
         [events_per_message]\nprocess = {per_message}\nlogon = {per_message}\nalert = {per_message}\n"
    );
    parse("sim.toml", &text, Path::new(""), &Beside::default()).expect("a configuration")
}

/// The script of a seed.
pub fn of(seed: u64) -> Arc<Script> {
    static ALL: [OnceLock<Arc<Script>>; SCRIPTS] = [const { OnceLock::new() }; SCRIPTS];
    let which = (seed % SCRIPTS as u64) as usize;
    let script = ALL[which].get_or_init(|| {
        let mut numbers = Numbers::new(which as u64 + 1);
        let partitions = 1 + numbers.below(4) as usize;
        let hosts = partitions + numbers.below(3) as usize;
        Arc::new(make(&mut numbers, partitions, hosts, which % 2 == 1))
    });
    Arc::clone(script)
}

pub fn make(numbers: &mut Numbers, partitions: usize, hosts: usize, slow: bool) -> Script {
    let disorder = [1, 1, 30][numbers.below(3) as usize];
    let mut all = vec![Vec::new(); partitions];
    let of_hosts = match numbers.below(2) {
        0 => recorded(numbers, hosts),
        _ => made(numbers, hosts),
    };
    for (host, mut lines) in of_hosts.into_iter().enumerate() {
        for block in lines.chunks_mut(disorder) {
            for i in (1..block.len()).rev() {
                block.swap(i, numbers.below(i as u64 + 1) as usize);
            }
        }
        let by_key = host % 3 == 2;
        let future = (0..2).map(|step| {
            format!(
                "type=CRED_DISP msg=audit({}.000:{}): pid=1 uid=0 auid=0 ses=1",
                1_900_000_000 + step * 7200,
                900_000_000 + step
            )
        });
        lines.extend(future.map(String::into_bytes));
        let name = format!("host{host}");
        let lines = lines.into_iter().map(|line| Line {
            key: name.clone().into_bytes(),
            value: match by_key {
                true => line,
                false => [format!("node={name} ").as_bytes(), &line].concat(),
            },
        });
        merge(&mut all[host % partitions], lines.collect(), numbers);
    }
    let expected = replay(&all, slow);
    Script {
        partitions: all,
        expected,
        slow,
    }
}

/// Hosts of one partition talk at the same time.
fn merge(all: &mut Vec<Line>, lines: Vec<Line>, numbers: &mut Numbers) {
    let (mut left, mut right) = (
        std::mem::take(all).into_iter().peekable(),
        lines.into_iter().peekable(),
    );
    while left.peek().is_some() || right.peek().is_some() {
        let next = match numbers.below(2) {
            0 => left.next().or_else(|| right.next()),
            _ => right.next().or_else(|| left.next()),
        };
        all.extend(next);
    }
}

fn recorded(numbers: &mut Numbers, hosts: usize) -> Vec<Vec<Vec<u8>>> {
    static RECORDINGS: OnceLock<[Vec<Vec<u8>>; 2]> = OnceLock::new();
    let recordings =
        RECORDINGS.get_or_init(|| ["raw.plugin.log.gz", "enriched.plugin.log.gz"].map(recording));
    let part = |host: usize| {
        let lines = &recordings[host % 2];
        let count = 150 + numbers.below(200) as usize;
        let from = numbers.below((lines.len() - count) as u64) as usize;
        let part = from..from + count;
        // An event that is cut may be told as cut by the end of the input, which a daemon never sees.
        let others = lines[..part.start].iter().chain(&lines[part.end..]);
        let others: BTreeSet<&[u8]> = others.map(|line| stamp(line)).collect();
        let whole = lines[part]
            .iter()
            .filter(|line| !others.contains(stamp(line)));
        whole.cloned().collect()
    };
    (0..hosts).map(part).collect()
}

fn stamp(line: &[u8]) -> &[u8] {
    line.split(|byte| matches!(byte, b'(' | b')'))
        .nth(1)
        .unwrap_or_default()
}

fn recording(name: &str) -> Vec<Vec<u8>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name);
    let mut text = Vec::new();
    GzDecoder::new(std::fs::File::open(file).expect("a recording"))
        .read_to_end(&mut text)
        .expect("gzip");
    let lines = text.split(|byte| *byte == b'\n');
    lines
        .filter(|line| !line.is_empty())
        .map(<[u8]>::to_vec)
        .collect()
}

/// Made lines, without the name of their host, their events further apart than they were made.
fn made(numbers: &mut Numbers, hosts: usize) -> Vec<Vec<Vec<u8>>> {
    let made = traffic(Shape {
        events: 60 * hosts,
        hosts,
        eoe: numbers.below(2) == 0,
    });
    let mut all = vec![Vec::new(); hosts];
    let begin = made.lines.first().map_or(0, |line| line.time);
    for line in made.lines {
        let text = String::from_utf8(line.text).expect("ASCII");
        let (node, rest) = text.split_once(' ').expect("a name");
        let host: usize = node
            .trim_start_matches("node=host")
            .parse()
            .expect("a number");
        let (head, rest) = rest.split_once("msg=audit(").expect("a stamp");
        let (stamp, rest) = rest.split_once(':').expect("a serial");
        let time: i64 = stamp.replace('.', "").parse().expect("milliseconds");
        let time = begin + (time - begin) * APART;
        let text = format!("{head}msg=audit({}.{:03}:{rest}", time / 1000, time % 1000);
        all[host].push(text.into_bytes());
    }
    all
}

fn replay(partitions: &[Vec<Line>], slow: bool) -> Told {
    let config = config(slow, 1, 200, "exactly_once", false, 1);
    let mut lane = Lane::new(Arc::new(config.lane.clone()));
    let (intel, mut out, mut told) = (IntelSet::default(), Outputs::new(), Told::new());
    for (offset, line) in partitions.iter().flatten().enumerate() {
        let input = Input {
            source: Source::Audit,
            value: &line.value,
            key: Some(&line.key),
            host: None,
            offset: offset as i64,
        };
        lane.step(Timestamp(0), input, &intel, &mut out);
    }
    lane.finish(&intel, &mut out);
    for output in out.iter() {
        let topic = match output.kind {
            OutputKind::Event(kind) => format!("trailhound.{}", kind.as_str()),
            OutputKind::DeadLetter(_) => config.topics.dead_letter.clone(),
        };
        let output = (topic, output.key.to_vec(), output.value.to_vec());
        *told.entry(output).or_default() += 1;
    }
    told
}
