//! The traps of fifteen years of audit dialects: each has a test of its own, named after it.
//!
//! Lines go in at the public door of a lane and documents come out, as in `run` and `replay`. It
//! refuses to look into the lane: what counts is what a reader of the output topics sees.

#![allow(clippy::unwrap_used)]

mod envelopes;
mod joins;
mod records;
mod values;

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;
use trailhound::model::{Input, Kind, OutputKind, Outputs, Reject, Settings, Source, Timestamp};
use trailhound::pipeline::intel::IntelSet;
use trailhound::pipeline::lane::Lane;

/// What came out of a lane.
#[derive(Debug, Default)]
pub struct Told {
    pub events: Vec<(Kind, Value)>,
    /// Why, and the bytes.
    pub rejects: Vec<(Reject, Vec<u8>)>,
}

impl Told {
    pub fn of(&self, kind: Kind) -> Vec<&Value> {
        let all = self.events.iter().filter(|(k, _)| *k == kind);
        all.map(|(_, event)| event).collect()
    }

    /// The only event of its kind.
    pub fn only(&self, kind: Kind) -> &Value {
        match self.of(kind)[..] {
            [event] => event,
            _ => panic!("not one {kind:?} in {self:#?}"),
        }
    }

    /// The words of the only audit event that are no field.
    pub fn words(&self) -> &str {
        let words = &self.only(Kind::Audit)["unmapped"]["words"];
        words[0]["text"].as_str().unwrap_or_default()
    }

    /// The records of the only audit event.
    pub fn records(&self) -> &[Value] {
        self.only(Kind::Audit)["unmapped"]["records"]
            .as_array()
            .unwrap()
    }
}

/// Every message a Kafka record with the key `key01`.
pub fn run<'m>(messages: impl IntoIterator<Item = &'m [u8]>) -> Told {
    let settings = Settings {
        kinds: Kind::ALL.into_iter().collect(),
        ..Settings::default()
    };
    let (mut lane, mut out) = (Lane::new(Arc::new(settings)), Outputs::new());
    let intel = IntelSet::default();
    for (offset, value) in (0..).zip(messages) {
        let input = Input {
            source: Source::Audit,
            value,
            key: Some(b"key01"),
            host: None,
            offset,
        };
        lane.step(Timestamp(0), input, &intel, &mut out);
    }
    lane.finish(&intel, &mut out);
    let mut told = Told::default();
    for output in out.iter() {
        match output.kind {
            OutputKind::Event(kind) => {
                let event = serde_json::from_slice(output.value).unwrap();
                told.events.push((kind, event));
            }
            OutputKind::DeadLetter(reject) => told.rejects.push((reject, output.value.to_vec())),
        }
    }
    told
}

/// One line a message.
pub fn lines(text: &str) -> Told {
    run(text.lines().map(str::as_bytes))
}

/// A file of the shared corpus; `None` where there is none.
pub fn shared(path: &str) -> Option<Vec<u8>> {
    let folder = std::env::var_os("TRAILHOUND_SHARED").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"),
        PathBuf::from,
    );
    std::fs::read(folder.join(path)).ok()
}
