//! Our reading of the lines of one event: every record with its fields decoded, and the program start.

use bumpalo::Bump;
use trailhound::pipeline::audit::event::Event;
use trailhound::pipeline::audit::{line, normalise, opened};

/// A record as we read it.
#[derive(Debug)]
pub struct Record {
    pub kind: String,
    pub fields: Vec<(String, Vec<u8>)>,
}

impl Record {
    pub fn field(&self, name: &str) -> Option<&[u8]> {
        let mut fields = self.fields.iter();
        fields
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_slice())
    }
}

/// One event.
#[derive(Debug)]
pub struct Reading {
    pub uid: String,
    pub node: Option<String>,
    pub records: Vec<Record>,
    pub success: Option<bool>,
    pub argv: Option<Vec<Vec<u8>>>,
    pub missing: u32,
}

impl Reading {
    /// The first field of this name, in whatever record.
    pub fn field(&self, name: &str) -> Option<&[u8]> {
        self.records.iter().find_map(|record| record.field(name))
    }

    pub fn of_kind(&self, kind: &str) -> Vec<&Record> {
        let records = self.records.iter();
        records.filter(|record| record.kind == kind).collect()
    }
}

/// The events of these lines, in the order of their first lines; what is no audit line is passed over.
pub fn events(text: &[u8]) -> Vec<Reading> {
    let lines = text
        .split(|b| *b == b'\n')
        .filter_map(|l| line::read(l.trim_ascii()).ok());
    let lines: Vec<_> = lines.collect();
    let mut stamps = Vec::new();
    for line in &lines {
        if !stamps.contains(&line.stamp) {
            stamps.push(line.stamp);
        }
    }
    let of = |stamp| lines.iter().filter(move |line| line.stamp == stamp);
    stamps.into_iter().map(|stamp| reading(of(stamp))).collect()
}

fn reading<'l>(lines: impl Iterator<Item = &'l line::Record<'l>>) -> Reading {
    let (mut event, mut node) = (Event::default(), None);
    for line in lines {
        event.stamp = line.stamp;
        node = node.or(line.node.map(text));
        event.push(line);
    }
    let bump = Bump::new();
    let audit = normalise::audit_event(&event, opened::all(&event, &bump), None, "", &bump);
    let records = audit.records.iter().map(|record| Record {
        kind: text(record.kind),
        fields: record
            .all()
            .map(|(key, value)| (text(key), value.to_vec()))
            .collect(),
    });
    let records = records.collect();
    let process = normalise::process(&event, None, "", &bump);
    Reading {
        uid: event.stamp.to_string(),
        node,
        records,
        success: audit.success,
        argv: process.map(|p| p.argv.iter().map(|arg| arg.to_vec()).collect()),
        missing: process.map_or(0, |p| p.completeness.args_missing),
    }
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
