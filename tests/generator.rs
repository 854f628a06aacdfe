//! What the benches measure is what they say: of the generator's lines a lane makes exactly the events
//! that the generator counted, whole, whatever the number of hosts, with EOE and without.

#![allow(clippy::unwrap_used)]

#[allow(dead_code, reason = "the benches use the rest")]
#[path = "../benches/generate/drive.rs"]
mod drive;
#[path = "../benches/generate/mod.rs"]
mod generate;

use generate::{Shape, traffic};
use trailhound::model::Outputs;
use trailhound::pipeline::intel::IntelSet;
use trailhound::pipeline::lane::{Lane, Stats};

fn run(shape: Shape) -> (Stats, Vec<u8>) {
    let (mut lane, mut out) = (Lane::new(drive::settings()), Outputs::new());
    drive::drive(&mut lane, &traffic(shape).lines, &mut out, |_, _, _| ());
    lane.finish(&IntelSet::default(), &mut out);
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
