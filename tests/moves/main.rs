//! A lane that dies and is made again out of its saved state says what one says that lived.
//!
//! As the worker does it: the changes since the last commit are saved together with the outputs and with
//! how far was read; what was read after that is lost with the lane, and read again by the next one.
//! Whatever the lines, and wherever the commits and the deaths fall, the outputs are the same bytes in
//! the same order. Lines: the recordings beside this test, the live ones of the shared corpus where they
//! are there, made ones, and any of these in disorder, with losses, and under bounds that are too small.

#![allow(clippy::unwrap_used)]

#[path = "../../benches/generate/mod.rs"]
mod generate;
mod life;

use std::fs;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use flate2::read::GzDecoder;
use generate::{Shape, traffic};
use life::{Numbers, Step, died_often, lived, undisturbed};
use proptest::prelude::*;
use trailhound::model::settings::{Limits, Rarity};
use trailhound::model::{Kind, Settings, Source};

fn settings() -> Settings {
    Settings {
        kinds: Kind::ALL.into_iter().collect(),
        tell_gaps: true,
        // From the first program start on, so that what is told shows what is remembered.
        rarity: Some(Rarity { learning_ms: 0 }),
        ..Settings::default()
    }
}

/// Bounds that nearly every line runs into.
fn small() -> Settings {
    Settings {
        limits: Limits {
            events_per_host: 6,
            events: 10,
            bytes_per_host: 8192,
            bytes: 12_288,
            sessions_per_host: 3,
            sources_per_host: 3,
            patterns_per_host: 3,
            hosts: 5,
            memory: 40 << 10,
            ..Limits::default()
        },
        ..settings()
    }
}

/// Nothing is counted but what all of it weighs.
fn light(bytes: usize) -> Settings {
    Settings {
        limits: Limits {
            memory: bytes,
            ..Limits::default()
        },
        ..settings()
    }
}

fn recording(name: &str) -> Vec<Vec<u8>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name);
    let mut text = Vec::new();
    GzDecoder::new(fs::File::open(file).unwrap())
        .read_to_end(&mut text)
        .unwrap();
    split(&text)
}

fn split(text: &[u8]) -> Vec<Vec<u8>> {
    let lines = text
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty());
    lines.map(<[u8]>::to_vec).collect()
}

/// Hosts that talk at once: one by the key, one by name, one that some of its lines name.
fn three_hosts() -> Vec<Step> {
    let recordings = [
        "raw.plugin.log.gz",
        "enriched.plugin.log.gz",
        "raw.plugin.log.gz",
    ]
    .map(recording);
    let longest = recordings.iter().map(Vec::len).max().unwrap();
    let mut steps = Vec::new();
    for i in 0..longest {
        for (host, lines) in recordings.iter().enumerate() {
            let Some(line) = lines.get(i) else {
                continue;
            };
            let named = host == 1 || (host == 2 && i % 3 == 0);
            let node = if named {
                format!("node=web{host} ")
            } else {
                String::new()
            };
            steps.push(Step::Line {
                source: Source::Audit,
                key: format!("key{host}").into_bytes(),
                value: [node.as_bytes(), line].concat(),
            });
        }
    }
    steps
}

fn audit(lines: Vec<Vec<u8>>) -> Vec<Step> {
    let step = |value| Step::Line {
        source: Source::Audit,
        key: b"key01".to_vec(),
        value,
    };
    lines.into_iter().map(step).collect()
}

fn hold(settings: Settings, steps: &[Step], seeds: std::ops::Range<u64>) {
    let settings = Arc::new(settings);
    let expected = undisturbed(&settings, steps);
    assert!(expected.len() > 3, "{} outputs", expected.len());
    for seed in seeds {
        let mut numbers = Numbers::new(seed);
        let came = died_often(&settings, steps, &mut numbers);
        let differs = came
            .iter()
            .zip(&expected)
            .position(|(came, expected)| came != expected);
        assert!(
            came == expected,
            "seed {seed}: {} outputs for {}; the first that differs: {:?} for {:?}",
            came.len(),
            expected.len(),
            differs.map(|at| &came[at]),
            differs.map(|at| &expected[at]),
        );
    }
}

#[test]
fn the_recordings_of_three_hosts() {
    hold(settings(), &three_hosts(), 1..6);
}

#[test]
fn the_recordings_in_disorder_and_with_losses() {
    let mut numbers = Numbers::new(77);
    let mut steps = three_hosts();
    numbers.shuffle(&mut steps, 60);
    steps.retain(|_| numbers.below(50) > 0);
    hold(settings(), &steps, 1..4);
    hold(small(), &steps, 1..4);
    let told = |settings| undisturbed(&Arc::new(settings), &steps);
    for bytes in [20 << 10, 40 << 10] {
        assert!(told(light(bytes)) != told(settings()), "nothing was let go");
        hold(light(bytes), &steps, 1..4);
    }
}

#[test]
fn the_live_recordings() {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let shared = std::env::var_os("TRAILHOUND_SHARED").map_or(beside, Into::into);
    let Ok(entries) = fs::read_dir(shared.join("corpus/live")) else {
        eprintln!("NOT TESTED: no live recordings at {}", shared.display());
        return;
    };
    let logs = entries.map(|entry| entry.unwrap().path());
    for log in logs.filter(|path| path.extension().is_some_and(|ext| ext == "log")) {
        let steps = audit(split(&fs::read(&log).unwrap()));
        hold(settings(), &steps, 1..3);
    }
}

#[test]
fn flows_whose_columns_were_named_before() {
    let header = "time,src_ip,dest_ip,x";
    let azure =
        "FlowStartTime_t,SrcIP_s,DestIP_s,DestPort_d,L4Protocol_s,FlowDirection_s,FlowStatus_s";
    let row = |n: usize| {
        format!(
            "2026-11-22T03:44:{:02}Z,10.0.0.{n},203.0.113.66,443,T,O,A",
            n % 60
        )
    };
    let flow = |text: String| Step::Line {
        source: Source::Flow,
        key: b"azure".to_vec(),
        value: text.into_bytes(),
    };
    let mut steps = vec![flow(azure.into())];
    steps.extend((0..40).map(|n| flow(row(n))));
    steps.push(flow(header.into()));
    steps.extend((0..10).map(|n| flow(row(n))));
    hold(settings(), &steps, 1..9);
}

/// What saving costs, where commits come every 200 ms at 10,000 lines a second.
#[test]
fn a_commit_writes_few_bytes_for_each_line() {
    let recorded = three_hosts();
    let saved = lived(&Arc::new(settings()), &recorded, 2000);
    println!(
        "recordings of 3 hosts: {} bytes in {:.3} records a line; by kind: {:?}",
        saved.bytes / recorded.len(),
        saved.records as f64 / recorded.len() as f64,
        saved.kinds
    );
    for (hosts, most) in [(1, 40), (100, 90), (1000, 120)] {
        let shape = Shape {
            events: 20_000,
            hosts,
            eoe: true,
        };
        let lines = traffic(shape).lines;
        assert!(lines.is_sorted_by_key(|line| line.time));
        let lines: Vec<_> = lines.into_iter().map(|line| line.text).collect();
        let read: usize = lines.iter().map(Vec::len).sum();
        let steps = audit(lines);
        let saved = lived(&Arc::new(settings()), &steps, 2000);
        let each = saved.bytes / steps.len();
        println!(
            "{hosts} hosts: {each} bytes in {:.3} records a line of {} bytes",
            saved.records as f64 / steps.len() as f64,
            read / steps.len()
        );
        println!("  records and bytes by kind: {:?}", saved.kinds);
        assert!(each <= most, "{hosts} hosts: {each} bytes a line");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn made_lines(hosts in 1usize..40, eoe: bool, block in 1usize..80, lose in 0u64..40, seed: u64, tight: bool) {
        let mut numbers = Numbers::new(seed);
        let lines = traffic(Shape { events: 400, hosts, eoe }).lines;
        let mut steps = audit(lines.into_iter().map(|line| line.text).collect());
        numbers.shuffle(&mut steps, block);
        steps.retain(|_| lose == 0 || numbers.below(lose + 4) > 0);
        let passes = |steps: &mut Vec<Step>, numbers: &mut Numbers| {
            let at = numbers.below(steps.len() as u64) as usize;
            steps.insert(at, Step::TimePasses(numbers.below(90_000) as i64));
        };
        (0..12).for_each(|_| passes(&mut steps, &mut numbers));
        hold(if tight { small() } else { settings() }, &steps, seed..seed + 1);
        hold(light(16 << 10 << (seed % 6)), &steps, seed..seed + 1);
    }
}
