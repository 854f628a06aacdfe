//! The whole lane: raw lines in, finished bytes out, on one core. The figures to hold are lines a
//! second, flat from one host to ten thousand; and ECS and ASIM within a fifth of OCSF.
//!
//! Each round is a lane from its first line to its last: what it costs to begin stands in the figure.

mod generate;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

use generate::{Shape, Traffic, traffic};
use trailhound::model::schema::Schemas;
use trailhound::model::{Input, Kind, Outputs, Schema, Settings, Source, Timestamp};
use trailhound::pipeline::intel::IntelSet;
use trailhound::pipeline::lane::Lane;

/// Outputs are taken away when they hold this much, as `replay` does.
const CHUNK: usize = 256 << 10;

fn run(made: &Traffic, settings: &Arc<Settings>, intel: &IntelSet, out: &mut Outputs) -> usize {
    let mut lane = Lane::new(Arc::clone(settings));
    let mut written = 0;
    for (offset, line) in (0..).zip(&made.lines) {
        let input = Input {
            source: Source::Audit,
            value: &line.text,
            key: None,
            host: None,
            offset,
        };
        lane.step(Timestamp(line.time), input, intel, out);
        if out.bytes() >= CHUNK {
            written += out.bytes();
            out.clear();
        }
    }
    lane.finish(intel, out);
    assert_eq!(lane.stats().incomplete, 0);
    written += out.bytes();
    out.clear();
    written
}

fn lane(criterion: &mut Criterion) {
    let settings = Arc::new(Settings {
        kinds: Kind::ALL.into_iter().collect(),
        ..Settings::default()
    });
    let (intel, mut out) = (IntelSet::default(), Outputs::new());
    let mut group = criterion.benchmark_group("lane");
    for hosts in [1, 100, 10_000] {
        for eoe in [true, false] {
            let made = traffic(Shape {
                events: 40_000,
                hosts,
                eoe,
            });
            group.throughput(Throughput::ElementsAndBytes {
                elements: made.lines.len() as u64,
                bytes: made.bytes as u64,
            });
            let name = if eoe { "eoe" } else { "no_eoe" };
            group.bench_function(BenchmarkId::new(name, hosts), |b| {
                b.iter(|| black_box(run(&made, &settings, &intel, &mut out)));
            });
        }
    }
    group.finish();
}

/// The same lines in each schema.
fn schemas(criterion: &mut Criterion) {
    let (intel, mut out) = (IntelSet::default(), Outputs::new());
    let mut group = criterion.benchmark_group("schema");
    let made = traffic(Shape {
        events: 40_000,
        hosts: 100,
        eoe: true,
    });
    group.throughput(Throughput::ElementsAndBytes {
        elements: made.lines.len() as u64,
        bytes: made.bytes as u64,
    });
    for schema in Schema::ALL {
        let settings = Arc::new(Settings {
            kinds: Kind::ALL.into_iter().collect(),
            schemas: Schemas::all(schema),
            ..Settings::default()
        });
        group.bench_function(schema.as_str(), |b| {
            b.iter(|| black_box(run(&made, &settings, &intel, &mut out)));
        });
    }
    group.finish();
}

criterion_group! {
    name = whole;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3));
    targets = lane, schemas
}
criterion_main!(whole);
