//! Drives a lane over lines that were made, as `replay` does: for the benches, and for tests/generator.rs.

use std::sync::Arc;

use trailhound::model::{Input, Kind, Outputs, Settings, Source, Timestamp};
use trailhound::pipeline::intel::IntelSet;
use trailhound::pipeline::lane::Lane;

use crate::generate::Line;

/// Outputs are taken away when they hold this much.
const CHUNK: usize = 256 << 10;

/// The defaults, and all kinds written.
pub fn settings() -> Arc<Settings> {
    Arc::new(Settings {
        kinds: Kind::ALL.into_iter().collect(),
        ..Settings::default()
    })
}

pub fn step(
    lane: &mut Lane,
    (text, time): (&[u8], i64),
    offset: i64,
    intel: &IntelSet,
    out: &mut Outputs,
) {
    let input = Input {
        source: Source::Audit,
        value: text,
        key: None,
        host: None,
        offset,
    };
    lane.step(Timestamp(time), input, intel, out);
}

/// All lines; `after` is called behind each, with its place, and may take the outputs away.
pub fn drive(
    lane: &mut Lane,
    lines: &[Line],
    out: &mut Outputs,
    mut after: impl FnMut(&mut Lane, &mut Outputs, i64),
) {
    let intel = IntelSet::default();
    for (offset, line) in (0..).zip(lines) {
        step(lane, (&line.text, line.time), offset, &intel, out);
        after(lane, out, offset);
    }
}

/// All lines and the end of them; gives how many bytes came out.
pub fn drive_to_end(lane: &mut Lane, lines: &[Line], out: &mut Outputs) -> usize {
    let mut written = 0;
    drive(lane, lines, out, |_, out, _| {
        if out.bytes() >= CHUNK {
            written += out.bytes();
            out.clear();
        }
    });
    lane.finish(&IntelSet::default(), out);
    written += out.bytes();
    out.clear();
    written
}
