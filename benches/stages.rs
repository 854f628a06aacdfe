//! Each stage alone, on lines of the generator: what a change to one of them costs or wins.

#![allow(clippy::unwrap_used)]

mod generate;

use std::hint::black_box;

use bumpalo::Bump;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

use generate::{Line, Shape, traffic};
use trailhound::model::settings::Waits;
use trailhound::model::{Flow, Schema, Settings, Timestamp};
use trailhound::pipeline::audit::correlate::{Arrival, HostBuffer};
use trailhound::pipeline::audit::event::Event;
use trailhound::pipeline::audit::{execve, line, normalise, opened, records};
use trailhound::pipeline::detect::Guesses;
use trailhound::pipeline::encode;
use trailhound::pipeline::envelope::Opener;
use trailhound::pipeline::flow::FlowReader;
use trailhound::pipeline::intel::{Builder, IntelSet};
use trailhound::pipeline::state::logons::Context;
use trailhound::pipeline::state::{Logons, Names, Sessions};

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
            most_bytes: usize::MAX,
            shuffled: false,
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
    for schema in Schema::ALL {
        group.bench_function(BenchmarkId::new("encode_process", schema.as_str()), |b| {
            b.iter(|| {
                out.clear();
                for process in &processes {
                    encode::process(&mut out, schema, process, &[]);
                }
                black_box(out.len());
            });
        });
    }
    group.throughput(Throughput::Elements(others.len() as u64));
    group.bench_function("normalise_audit", |b| {
        let mut bump = Bump::new();
        b.iter(|| {
            for event in &others {
                black_box(normalise::audit_event(
                    event,
                    opened::all(event, &bump),
                    None,
                    "web01",
                    &bump,
                ));
                bump.reset();
            }
        });
    });
    for schema in Schema::ALL {
        let name = BenchmarkId::new("normalise_and_encode_audit", schema.as_str());
        group.bench_function(name, |b| {
            let mut bump = Bump::new();
            b.iter(|| {
                out.clear();
                for event in &others {
                    let audit = normalise::audit_event(
                        event,
                        opened::all(event, &bump),
                        None,
                        "web01",
                        &bump,
                    );
                    encode::audit(&mut out, schema, &audit);
                    bump.reset();
                }
                black_box(out.len());
            });
        });
    }
    group.finish();
}

/// Records about authentications into logons, and these into guesses.
fn sessions(criterion: &mut Criterion) {
    let events = events(&traffic(SHAPE).lines);
    let bump = Bump::new();
    let mut taken = Vec::new();
    for event in &events {
        for record in opened::all(event, &bump) {
            let kind = records::auth_kind(record.kind);
            taken.extend(kind.map(|kind| records::read_auth(kind, event.stamp, record, &bump)));
        }
    }
    let mut group = criterion.benchmark_group("state");
    group.throughput(Throughput::Elements(taken.len() as u64));
    let settings = Settings::default();
    group.bench_function("logons_and_guesses", |b| {
        b.iter(|| {
            let (mut logons, mut names) = (Logons::default(), Names::default());
            let (mut guesses, mut told) = (Guesses::default(), 0);
            let mut sessions = Sessions::default();
            for record in &taken {
                let mut context = Context {
                    host: "web01",
                    names: &mut names,
                    sessions: &mut sessions,
                    wait_ms: settings.waits.logon_ms,
                    most: settings.limits.sessions_per_host,
                    offset: 0,
                };
                logons.take(record, &mut context, &mut |decided| {
                    let most = settings.limits.sources_per_host;
                    let (logon, rule) = (&decided.logon, &settings.guessing);
                    guesses.take(logon, 0, rule, most, &mut |_| {});
                    told += 1;
                });
            }
            assert!(black_box(told) > 0);
        });
    });
    group.finish();
}

/// Flow records of each format, as the golden inputs have them.
fn flow(criterion: &mut Criterion) {
    let formats: [(&str, &[u8]); 2] = [
        (
            "azure",
            include_bytes!("../tests/golden/flow_azure_traffic_analytics/input.ndjson"),
        ),
        (
            "zeek",
            include_bytes!("../tests/golden/flow_zeek_conn/input.ndjson"),
        ),
    ];
    let mut group = criterion.benchmark_group("flow");
    for (name, input) in formats {
        let records: Vec<&[u8]> = input.split(|&b| b == b'\n').collect();
        let mut reader = FlowReader::new(&Settings::default().internal_networks);
        let mut read = |each: &mut dyn FnMut(Flow)| {
            records
                .iter()
                .filter(|record| reader.read(record, each).is_ok())
                .count()
        };
        let mut flows = 0;
        read(&mut |_| flows += 1);
        assert!(flows > 0, "{name}");
        group.throughput(Throughput::ElementsAndBytes {
            elements: flows,
            bytes: input.len() as u64,
        });
        group.bench_function(BenchmarkId::new("read", name), |b| {
            b.iter(|| black_box(read(&mut |flow| _ = black_box(flow))));
        });
    }
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
    targets = envelope, audit, encode, sessions, intel, flow
}
criterion_main!(stages);
