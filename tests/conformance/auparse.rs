//! audit-userspace's own test of auparse: `auparse_test.ref` is what it prints for test.log, test2.log and
//! test4.log, field by field; one part has each value interpreted.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use trailhound::pipeline::audit::interpret::Call;

use crate::ours;
use crate::shared::{Tally, corpus};

/// A record of the reference: type, line and file it came from, fields.
struct Printed {
    kind: String,
    place: Option<(usize, String)>,
    fields: Vec<String>,
}

fn records(reference: &str) -> Vec<Printed> {
    let mut records: Vec<Printed> = Vec::new();
    for line in reference.lines() {
        if let Some(rest) = line.strip_prefix("    record ") {
            let name = rest.split(['(', ')']).nth(1).unwrap_or_default();
            records.push(Printed {
                kind: name.to_owned(),
                place: None,
                fields: Vec::new(),
            });
        }
        let Some(record) = records.last_mut() else {
            continue;
        };
        if let Some(rest) = line.strip_prefix("    line=") {
            let (number, file) = rest.split_once(" file=").unwrap_or((rest, "None"));
            let file = Path::new(file).file_name().unwrap_or_default();
            let file = file.to_string_lossy().into_owned();
            record.place = number.parse().ok().map(|n| (n, file));
        } else if let Some(field) = line.strip_prefix("        ") {
            record.fields.push(field.to_owned());
        }
    }
    records
}

#[test]
fn fields_are_auparses() {
    let Some(corpus) = corpus() else { return };
    let folder = corpus.join("audit/audit-userspace");
    let reference = fs::read_to_string(corpus.join("expected/audit-userspace/auparse_test.ref"));
    let reference = reference.expect("the reference");
    let mut files: HashMap<String, Vec<Vec<u8>>> = HashMap::new();
    let mut tally = Tally::new("auparse, fields");
    for record in records(&reference) {
        let Some((number, file)) = record.place.filter(|(_, file)| file != "None") else {
            continue;
        };
        let lines = files.entry(file.clone()).or_insert_with(|| {
            let text = fs::read(folder.join(&file)).expect("the log");
            text.split(|&b| b == b'\n').map(<[u8]>::to_vec).collect()
        });
        let ours = ours::read(&lines[number - 1]).expect("a record");
        let place = format!("{file}:{number} {}", record.kind);
        let theirs: Vec<&String> = record
            .fields
            .iter()
            .filter(|f| !f.starts_with("type="))
            .collect();
        let have: Vec<String> = ours
            .fields
            .iter()
            .map(|f| format!("{}={}", f.key, f.written))
            .collect();
        tally.compare(
            &place,
            &have.len().to_string(),
            &theirs.len().to_string(),
            None,
        );
        for (have, theirs) in have.iter().zip(theirs) {
            tally.compare(&place, have, theirs, None);
        }
    }
    tally.done(800);
}

/// `key=value (interpreted)`
fn interpreted(field: &str) -> Option<(&str, &str, &str)> {
    let (key, rest) = field.split_once('=')?;
    let (value, meaning) = rest.strip_suffix(')')?.split_once(" (")?;
    Some((key, value, meaning))
}

fn class(key: &str, ours: &str, theirs: &str) -> Option<&'static str> {
    let is_id = key.ends_with("id");
    match () {
        () if is_id && theirs.starts_with("unknown(") => {
            Some("auparse: names of its own machine's users")
        }
        () if is_id && ours == "0" && theirs == "root" => {
            Some("auparse: names of its own machine's users")
        }
        () if theirs.strip_prefix("0x") == Some(ours) => {
            Some("auparse: 0x before what it does not interpret")
        }
        () => None,
    }
}

#[test]
fn meanings_are_auparses() {
    let Some(corpus) = corpus() else { return };
    let reference = fs::read_to_string(corpus.join("expected/audit-userspace/auparse_test.ref"));
    let reference = reference.expect("the reference");
    let mut tally = Tally::new("auparse, meanings");
    for record in records(&reference) {
        let fields: Vec<_> = record
            .fields
            .iter()
            .filter_map(|field| interpreted(field))
            .collect();
        let body: Vec<String> = fields
            .iter()
            .map(|(key, value, _)| format!("{key}={value}"))
            .collect();
        let call = Call::read(body.join(" ").as_bytes());
        for (key, value, theirs) in fields {
            let ours = ours::meaning(&record.kind, key, value, &call);
            let ours = ours.unwrap_or_else(|| value.to_owned());
            let place = format!("{} {key}={value}", record.kind);
            tally.compare(&place, &ours, theirs, class(key, &ours, theirs));
        }
    }
    tally.done(40);
}
