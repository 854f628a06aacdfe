//! Each stage alone, on lines of the generator: what a change to one of them costs or wins.

#![allow(clippy::unwrap_used)]

mod generate;

use std::hint::black_box;

use bumpalo::Bump;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

use generate::{Line, Shape, traffic};
use trailhound::model::Timestamp;
use trailhound::model::settings::Waits;
use trailhound::pipeline::audit::correlate::{Arrival, HostBuffer};
use trailhound::pipeline::audit::event::Event;
use trailhound::pipeline::audit::{execve, line, normalise};
use trailhound::pipeline::encode::ocsf;
use trailhound::pipeline::envelope::Opener;
use trailhound::pipeline::intel::{Builder, IntelSet};

const SHAPE: Shape = Shape {
    events: 2_000,
    hosts: 1,
    eoe: true,
};

fn size(lines: &[Line]) -> Throughput {
    Throughput::ElementsAndBytes {
        elements: lines.len() as u64,
        bytes: lines.iter().map(|line| line.text.len() as u64).sum(),
    }
}

/// Gives each line to a host's buffer, and each whole event to `each`.
#[expect(clippy::vec_box, reason = "the buffer hands its events on in boxes")]
fn correlate(lines: &[Line], spare: &mut Vec<Box<Event>>, mut each: impl FnMut(&Event)) {
    let (mut buffer, waits) = (HostBuffer::default(), Waits::default());
    for (age, one) in lines.iter().enumerate() {
        let record = line::read(&one.text).unwrap();
        let arrival = Arrival {
            now: Timestamp(one.time),
            offset: 0,
            age: age as u64,
        };
        buffer.push(&record, arrival, spare);
        while let Some((mut event, _)) = buffer.pop_due(arrival.now, &waits) {
            each(&event);
            event.reset();
            spare.push(event);
        }
    }
}

/// The events of the lines, each kept.
fn events(lines: &[Line]) -> Vec<Event> {
    let mut events = Vec::new();
    correlate(lines, &mut Vec::new(), |event| events.push(event.clone()));
    events
}

fn audit(criterion: &mut Criterion) {
    let made = traffic(SHAPE);
    let mut group = criterion.benchmark_group("audit");
    group.throughput(size(&made.lines));
    group.bench_function("line_head", |b| {
        b.iter(|| {
            for line in &made.lines {
                black_box(line::read(&line.text).unwrap());
            }
        });
    });
    group.bench_function("line_head_and_correlate", |b| {
        let mut spare = Vec::new();
        b.iter(|| {
            correlate(&made.lines, &mut spare, |event| {
                black_box(event.bytes());
            });
        });
    });

    let bodies: Vec<&[u8]> = made
        .lines
        .iter()
        .map(|line| line::read(&line.text).unwrap())
        .filter(|record| record.type_name == b"EXECVE")
        .map(|record| record.body)
        .collect();
    group.throughput(Throughput::Elements(bodies.len() as u64));
    group.bench_function("execve", |b| {
        let mut bump = Bump::new();
        b.iter(|| {
            for body in &bodies {
                black_box(execve::assemble(std::iter::once(*body), &bump));
                bump.reset();
            }
        });
    });
    group.finish();
}

fn encode(criterion: &mut Criterion) {
    let events = events(&traffic(SHAPE).lines);
    let bump = Bump::new();
    let (starts, others): (Vec<&Event>, Vec<&Event>) = events
        .iter()
        .partition(|event| normalise::process(event, None, "web01", &bump).is_some());
    let processes: Vec<_> = starts
        .iter()
        .filter_map(|event| normalise::process(event, None, "web01", &bump))
        .collect();
    let mut group = criterion.benchmark_group("event");
    let mut out = Vec::new();

    group.throughput(Throughput::Elements(processes.len() as u64));
    group.bench_function("normalise_process", |b| {
        let mut bump = Bump::new();
        b.iter(|| {
            for event in &starts {
                black_box(normalise::process(event, None, "web01", &bump));
                bump.reset();
            }
        });
    });
    group.bench_function("encode_process", |b| {
        b.iter(|| {
            out.clear();
            for process in &processes {
                ocsf::process::write(&mut out, process, &[]);
            }
            black_box(out.len());
        });
    });
    group.throughput(Throughput::Elements(others.len() as u64));
    group.bench_function("normalise_and_encode_audit", |b| {
        let mut bump = Bump::new();
        b.iter(|| {
            out.clear();
            for event in &others {
                let audit = normalise::audit_event(event, None, "web01", &bump);
                ocsf::audit::write(&mut out, &audit);
                bump.reset();
            }
            black_box(out.len());
        });
    });
    group.finish();
}

/// A set of addresses, names, URLs and digests, none of which stands in the text.
fn indicators(many: usize) -> IntelSet {
    let lines = (0..many).map(|n| match n % 4 {
        0 => format!("100.{}.{}.{}\n", n >> 16 & 255, n >> 8 & 255, n & 255),
        1 => format!("h{n}.bad.example\n"),
        2 => format!("http://u{n}.bad.example/x\n"),
        _ => format!("{n:064x}\n"),
    });
    let mut builder = Builder::default();
    builder.add("bench.txt", lines.collect::<String>().as_bytes());
    builder.build()
}

fn intel(criterion: &mut Criterion) {
    let events = events(&traffic(SHAPE).lines);
    let bump = Bump::new();
    let processes = events
        .iter()
        .filter_map(|event| normalise::process(event, None, "web01", &bump));
    let arguments: Vec<&[u8]> = processes.flat_map(|p| p.argv.iter().copied()).collect();
    let mut group = criterion.benchmark_group("intel_text");
    group.throughput(Throughput::ElementsAndBytes {
        elements: arguments.len() as u64,
        bytes: arguments.iter().map(|arg| arg.len() as u64).sum(),
    });
    for many in [0, 1_000, 1_000_000] {
        let set = indicators(many);
        assert_eq!(set.len(), many);
        group.bench_function(BenchmarkId::from_parameter(many), |b| {
            b.iter(|| {
                let mut hits = 0;
                for argument in &arguments {
                    set.text(argument, &mut |_, _| hits += 1);
                }
                assert_eq!(black_box(hits), 0);
            });
        });
    }
    group.finish();
}

fn envelope(criterion: &mut Criterion) {
    let made = traffic(SHAPE);
    let documents: Vec<String> = made
        .lines
        .iter()
        .map(|line| {
            let text = String::from_utf8_lossy(&line.text);
            serde_json::json!({
                "@timestamp": "2026-11-22T03:37:48.000Z",
                "message": text,
                "host": { "name": "web01" },
                "agent": { "type": "filebeat", "version": "9.2.0" },
                "log": { "offset": 12_345, "file": { "path": "/var/log/audit/audit.log" } },
            })
            .to_string()
        })
        .collect();
    let mut group = criterion.benchmark_group("envelope");
    group.throughput(Throughput::ElementsAndBytes {
        elements: documents.len() as u64,
        bytes: documents.iter().map(|document| document.len() as u64).sum(),
    });
    group.bench_function("filebeat_json", |b| {
        let mut opener = Opener::default();
        b.iter(|| {
            for document in &documents {
                opener.open(document.as_bytes(), &mut |line| {
                    black_box(line.is_ok());
                });
            }
        });
    });
    group.finish();
}

criterion_group! {
    name = stages;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(std::time::Duration::from_millis(300))
        .measurement_time(std::time::Duration::from_millis(1500));
    targets = audit, encode, intel, envelope
}
criterion_main!(stages);
