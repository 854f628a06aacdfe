//! The whole lane: any records, times and changes of owner. What is open stays within its bounds, every
//! document is JSON, a dead letter is a piece of what came, nothing stays open at the end, and a lane that
//! was saved and restored says the same as one that was not.
//!
//! The bytes are lines, one an input record. The first byte can make one something else: 1 lets time
//! pass, 2 is a change of owner, 3 a flow record, 4 takes what is whole; within a line 5 is a line end.

use std::collections::BTreeMap;
use std::sync::Arc;

use trailhound::model::settings::Limits;
use trailhound::model::{Input, Kind, OutputKind, Outputs, Settings, Source, Timestamp};
use trailhound::pipeline::intel::{Builder, IntelSet};
use trailhound::pipeline::lane::{Bookmark, Lane};

const INDICATORS: &[u8] = b"203.0.113.66\nevil.example\nhttp://evil.example/a\n198.51.100.0/24\n";

fn settings() -> Arc<Settings> {
    Arc::new(Settings {
        kinds: Kind::ALL.into_iter().collect(),
        limits: Limits {
            events_per_host: 8,
            events: 12,
            bytes_per_host: 4096,
            bytes: 6144,
            line_bytes: 2048,
            sessions_per_host: 4,
            processes_per_host: 4,
            sources_per_host: 4,
            patterns_per_host: 4,
            hosts: 4,
            memory: 24 << 10,
        },
        ..Settings::default()
    })
}

pub fn check(bytes: &[u8]) {
    let mut builder = Builder::default();
    builder.add("a", INDICATORS);
    let intel = builder.build();
    let records: Vec<Vec<u8>> = bytes.split(|b| *b == b'\n').map(with_line_ends).collect();
    let stayed = run(&records, &intel, false);
    assert!(
        stayed == run(&records, &intel, true),
        "a change of owner is seen"
    );
}

fn with_line_ends(record: &[u8]) -> Vec<u8> {
    let ends = record.iter().map(|b| if *b == 5 { b'\n' } else { *b });
    ends.collect()
}

/// All outputs: kind, key, value.
type Told = Vec<(OutputKind, Vec<u8>, Vec<u8>)>;

fn run(records: &[Vec<u8>], intel: &IntelSet, moves: bool) -> Told {
    let (settings, mut now) = (settings(), Timestamp(1_795_318_668_000));
    let mut lane = Lane::tracked(settings.clone());
    let mut saved = BTreeMap::new();
    let mut out = Outputs::new();
    let mut hold = None;
    for (offset, record) in (0..).zip(records) {
        now = now.plus(1);
        let audit = |value| Input {
            source: Source::Audit,
            value,
            key: Some(b"key01"),
            host: None,
            offset,
        };
        match record.split_first() {
            Some((1, rest)) => {
                now = now.plus(rest.len() as i64 * 100);
                lane.tick(now, intel, &mut out);
            }
            Some((2, _)) => {}
            Some((3, value)) => {
                let source = Source::Flow;
                lane.step(
                    now,
                    Input {
                        source,
                        ..audit(value)
                    },
                    intel,
                    &mut out,
                );
            }
            Some((4, _)) => lane.leave(intel, &mut out),
            _ => lane.step(now, audit(record), intel, &mut out),
        }
        if moves && (record.first() == Some(&2) || offset % 16 == 15) {
            lane = moved(lane, &settings, &mut saved);
        }
        bounds(&lane, &settings.limits);
        if let (Some(before), Some(now)) = (hold, lane.hold()) {
            assert!(now >= before && now <= offset, "the offset went back");
        }
        hold = lane.hold().or(hold);
        assert!(lane.rebuild_from() <= Some(offset));
    }
    lane.finish(intel, &mut out);
    assert_eq!(
        (lane.open_events(), lane.open_bytes(), lane.hold()),
        (0, 0, None)
    );
    told(&out, records)
}

/// What changed is saved, and another lane made from all that was.
fn moved(mut lane: Lane, settings: &Arc<Settings>, saved: &mut BTreeMap<Vec<u8>, Vec<u8>>) -> Lane {
    lane.changes(&Bookmark::default(), &mut |key, value| match value {
        Some(value) => drop(saved.insert(key.to_vec(), value.to_vec())),
        None => assert!(saved.remove(key).is_some(), "a key that was never told"),
    });
    match Lane::restore(settings.clone(), saved.clone()) {
        Ok(Some((lane, _))) => lane,
        Ok(None) => panic!("nothing was saved"),
        Err(error) => panic!("its own saved form: {error}"),
    }
}

fn bounds(lane: &Lane, limits: &Limits) {
    // One line more, and what is kept of it beside its bytes.
    assert!(lane.open_bytes() <= limits.bytes + limits.line_bytes + 64);
    assert!(lane.open_events() <= limits.events);
    assert!(lane.hosts() <= limits.hosts);
    // One line more, and what it makes known of one host.
    let most = limits.memory + 4 * limits.line_bytes + (8 << 10);
    assert!(lane.weight() <= most, "{} of {most}", lane.weight());
}

fn told(out: &Outputs, records: &[Vec<u8>]) -> Told {
    for output in out.iter() {
        match output.kind {
            OutputKind::Event(_) => {
                let document = serde_json::from_slice::<serde_json::Value>(output.value);
                assert!(document.is_ok_and(|d| d.is_object()), "{output:?}");
            }
            OutputKind::DeadLetter(_) => {
                let record = &records[output.offset as usize];
                let mut pieces = record.windows(output.value.len().max(1));
                assert!(pieces.any(|piece| piece == output.value), "{output:?}");
            }
        }
    }
    let came: usize = records.iter().map(Vec::len).sum();
    assert!(out.bytes() <= 64 * came + (64 << 10) * out.len());
    out.iter()
        .map(|output| (output.kind, output.key.to_vec(), output.value.to_vec()))
        .collect()
}
