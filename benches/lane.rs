//! The whole lane: raw lines in, finished bytes out, on one core. The figures to hold are lines a
//! second, flat from one host to ten thousand; and ECS and ASIM within a fifth of OCSF.
//!
//! Each round is a lane from its first line to its last: what it costs to begin stands in the figure.

#[allow(dead_code, reason = "each bench uses a part")]
#[path = "generate/drive.rs"]
mod drive;
mod generate;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

use drive::drive_to_end;
use generate::{Shape, Traffic, traffic};
use trailhound::model::schema::Schemas;
use trailhound::model::{Outputs, Schema, Settings, Timestamp};
use trailhound::pipeline::intel::IntelSet;
use trailhound::pipeline::lane::Lane;

fn run(made: &Traffic, settings: &Arc<Settings>, out: &mut Outputs) -> usize {
    let mut lane = Lane::new(Arc::clone(settings));
    let written = drive_to_end(&mut lane, &made.lines, out);
    assert_eq!(lane.stats().incomplete, 0);
    written
}

fn lane(criterion: &mut Criterion) {
    let (settings, mut out) = (drive::settings(), Outputs::new());
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
                b.iter(|| black_box(run(&made, &settings, &mut out)));
            });
        }
    }
    group.finish();
}

/// The same lines in each schema.
fn schemas(criterion: &mut Criterion) {
    let mut out = Outputs::new();
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
            schemas: Schemas::all(schema),
            ..Settings::clone(&drive::settings())
        });
        group.bench_function(schema.as_str(), |b| {
            b.iter(|| black_box(run(&made, &settings, &mut out)));
        });
    }
    group.finish();
}

/// A tick of a lane that has read all there is, as it comes every 25 ms.
fn tick(criterion: &mut Criterion) {
    let (intel, mut out) = (IntelSet::default(), Outputs::new());
    let mut group = criterion.benchmark_group("tick");
    for hosts in [100, 10_000] {
        let made = traffic(Shape {
            events: 40_000,
            hosts,
            eoe: true,
        });
        let mut lane = Lane::new(drive::settings());
        drive::drive(&mut lane, &made.lines, &mut out, |_, out, _| out.clear());
        let mut now = made.lines.iter().map(|line| line.time).max().unwrap_or(0);
        group.throughput(Throughput::Elements(hosts as u64));
        group.bench_function(BenchmarkId::from_parameter(hosts), |b| {
            b.iter(|| {
                now += 25;
                lane.tick(Timestamp(now), &intel, &mut out);
                out.clear();
            });
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
    targets = lane, schemas, tick
}
criterion_main!(whole);
