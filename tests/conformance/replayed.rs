//! Files of the corpus as bytes, and what a lane makes of them.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use trailhound::model::{Input, Kind, OutputKind, Outputs, Settings, Source, Timestamp};
use trailhound::pipeline::intel::IntelSet;
use trailhound::pipeline::lane::{Lane, Stats};

/// The bytes of a file, unpacked.
pub fn read(file: &Path) -> Vec<u8> {
    let bytes = std::fs::read(file).unwrap();
    if file.extension().is_some_and(|end| end == "gz") {
        let mut text = Vec::new();
        flate2::read::MultiGzDecoder::new(bytes.as_slice())
            .read_to_end(&mut text)
            .unwrap();
        return text;
    }
    bytes
}

/// The named events of go-libaudit's YAML: each name with the lines below it. The form is as plain as
/// this: names at two spaces, their text at four.
pub fn named_events(text: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut all: Vec<(String, Vec<u8>)> = Vec::new();
    for line in String::from_utf8_lossy(text).lines() {
        if let Some(inside) = line.strip_prefix("    ") {
            if let Some((_, lines)) = all.last_mut() {
                lines.extend_from_slice(inside.as_bytes());
                lines.push(b'\n');
            }
        } else if let Some(name) = line.strip_prefix("  ").and_then(|l| l.split(": |").next()) {
            all.push((name.trim_matches('"').to_owned(), Vec::new()));
        }
    }
    all
}

/// What a lane makes of records.
pub struct Told {
    pub stats: Stats,
    pub documents: Vec<Value>,
}

impl Told {
    /// The documents by the serial of their audit event.
    pub fn by_serial(&self) -> BTreeMap<u64, &Value> {
        let serial = |document: &Value| {
            let uid = document["metadata"]["original_event_uid"].as_str()?;
            uid.rsplit(':').next()?.parse().ok()
        };
        let documents = self.documents.iter();
        documents.filter_map(|d| Some((serial(d)?, d))).collect()
    }
}

/// Gives each record to a lane that tells every kind, and ends it.
pub fn tell<'r>(records: impl Iterator<Item = &'r [u8]>) -> Told {
    let (intel, mut out) = (IntelSet::default(), Outputs::new());
    let mut lane = Lane::new(Arc::new(Settings {
        kinds: Kind::ALL.into_iter().collect(),
        ..Settings::default()
    }));
    for (offset, value) in (0..).zip(records) {
        let input = Input {
            source: Source::Audit,
            value,
            key: None,
            host: None,
            offset,
        };
        lane.step(Timestamp(0), input, &intel, &mut out);
    }
    lane.finish(&intel, &mut out);
    let events = out
        .iter()
        .filter(|o| matches!(o.kind, OutputKind::Event(_)));
    Told {
        stats: lane.stats().clone(),
        documents: events
            .map(|o| serde_json::from_slice(o.value).unwrap())
            .collect(),
    }
}
