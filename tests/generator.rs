//! What the benches measure is what they say: of the generator's lines a lane makes exactly the events
//! that the generator counted, whole, whatever the number of hosts, with EOE and without.

#![allow(clippy::unwrap_used)]

#[path = "../benches/generate/mod.rs"]
mod generate;

use std::sync::Arc;

use generate::{Shape, traffic};
use trailhound::model::{Input, Kind, Outputs, Settings, Source, Timestamp};
use trailhound::pipeline::intel::IntelSet;
use trailhound::pipeline::lane::{Lane, Stats};

fn run(shape: Shape) -> (Stats, Vec<u8>) {
    let (intel, mut out) = (IntelSet::default(), Outputs::new());
    let mut lane = Lane::new(Arc::new(Settings {
        kinds: Kind::ALL.into_iter().collect(),
        ..Settings::default()
    }));
    for (offset, line) in (0..).zip(&traffic(shape).lines) {
        let input = Input {
            source: Source::Audit,
            value: &line.text,
            key: None,
            host: None,
            offset,
        };
        lane.step(Timestamp(line.time), input, &intel, &mut out);
    }
    lane.finish(&intel, &mut out);
    (lane.stats().clone(), out.ndjson().to_vec())
}

#[test]
fn a_lane_finds_the_events_that_were_made() {
    for hosts in [1, 7, 1000] {
        for eoe in [true, false] {
            let shape = Shape {
                events: 3000,
                hosts,
                eoe,
            };
            let made = traffic(shape);
            let (stats, _) = run(shape);
            let what = format!("{hosts} hosts, EOE {eoe}");
            assert_eq!(stats.lines, made.lines.len() as u64, "{what}");
            assert_eq!(
                stats.events,
                [made.program_starts, made.sessions * 2, 0, 0, made.others],
                "{what}"
            );
            assert_eq!(
                (stats.incomplete, stats.evicted, stats.forgotten, stats.gaps),
                (0, 0, 0, 0),
                "{what}"
            );
            assert_eq!(stats.rejects.iter().sum::<u64>(), 0, "{what}");
        }
    }
}

#[test]
fn the_same_shape_gives_the_same_documents() {
    let shape = Shape {
        events: 500,
        hosts: 3,
        eoe: true,
    };
    assert_eq!(run(shape).1, run(shape).1);
}
