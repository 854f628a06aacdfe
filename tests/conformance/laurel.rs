//! laurel's own expected JSON: every field of every record, arguments, names.

use serde_json::Value;

use crate::reading::{Reading, Record, events, text};
use crate::replayed::read;
use crate::shared::{Tally, corpus};

#[test]
fn every_value_of_laurels_json() {
    let Some(corpus) = corpus() else { return };
    let (inputs, expected) = (corpus.join("audit/laurel"), corpus.join("expected/laurel"));
    let mut tally = Tally::new("laurel, records");
    for entry in std::fs::read_dir(&expected).unwrap() {
        let file = entry.unwrap().path();
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        let ours = events(&read(&inputs.join(format!("{name}.txt"))));
        for line in read(&file)
            .split(|b| *b == b'\n')
            .filter(|line| !line.trim_ascii().is_empty())
        {
            let theirs: Value = serde_json::from_slice(line).unwrap();
            let id = theirs["ID"].as_str().unwrap();
            let ours = ours.iter().find(|event| event.uid == id);
            compare(&mut tally, &name, ours.unwrap(), &theirs);
        }
    }
    tally.done(350);
}

fn compare(tally: &mut Tally, name: &str, ours: &Reading, theirs: &Value) {
    for (kind, value) in theirs.as_object().unwrap() {
        let records: Vec<&Record> = ours.records.iter().filter(|r| r.kind == *kind).collect();
        match value {
            Value::String(node) if kind == "NODE" => {
                tally.compare(name, ours.node.as_deref().unwrap_or_default(), node, None);
            }
            Value::String(_) => {}
            Value::Array(list) => {
                assert_eq!(records.len(), list.len(), "{name} {kind}");
                for (record, theirs) in records.iter().zip(list) {
                    fields(tally, &format!("{name} {kind}"), ours, record, theirs);
                }
            }
            one => fields(tally, &format!("{name} {kind}"), ours, records[0], one),
        }
    }
}

fn fields(tally: &mut Tally, place: &str, event: &Reading, record: &Record, theirs: &Value) {
    for (key, value) in theirs.as_object().unwrap() {
        let place = format!("{place} {key}");
        if let ("ARGV", Value::Array(list)) = (key.as_str(), value) {
            let ours = arguments(event, record);
            assert_eq!(ours.len(), list.len(), "{place}");
            for (ours, theirs) in ours.iter().zip(list) {
                one(tally, &place, &text(ours), theirs);
            }
            continue;
        }
        let ours = record.field(key).map_or("<absent>".to_owned(), text);
        one(tally, &place, &ours, value);
    }
}

/// What laurel calls ARGV: of EXECVE the arguments, of SYSCALL a0 to a3, of PROCTITLE its parts.
fn arguments(event: &Reading, record: &Record) -> Vec<Vec<u8>> {
    match record.kind.as_str() {
        "EXECVE" => event.argv.clone().unwrap_or_default(),
        "PROCTITLE" => {
            let title = record.field("proctitle").unwrap_or_default();
            title.split(|b| *b == 0).map(<[u8]>::to_vec).collect()
        }
        _ => {
            let names = ["a0", "a1", "a2", "a3"].into_iter();
            names
                .filter_map(|name| record.field(name).map(<[u8]>::to_vec))
                .collect()
        }
    }
}

fn one(tally: &mut Tally, place: &str, ours: &str, theirs: &Value) {
    let theirs = match theirs {
        Value::String(text) => text.clone(),
        Value::Null => "null".to_owned(),
        other => other.to_string(),
    };
    tally.compare(place, ours, &theirs, class(ours, &theirs));
}

fn class(ours: &str, theirs: &str) -> Option<&'static str> {
    let number = |text: &str, base| u64::from_str_radix(text, base).ok();
    let same = |prefix, base| {
        let theirs = theirs.strip_prefix(prefix).and_then(|t| number(t, base));
        theirs.is_some() && theirs == number(ours, base)
    };
    if same("0x", 16) || same("0o", 8) || theirs == "0" && ours.bytes().all(|b| b == b'0') {
        Some("laurel: hexadecimal and octal numbers as `0x…` and `0o…`")
    } else if theirs == "null" && ours == "(null)" {
        Some("laurel: null for `(null)`")
    } else if theirs.strip_prefix('{').and_then(|t| t.strip_suffix('}')) == Some(ours) {
        Some("laurel: braces around `SADDR`")
    } else if percent_decoded(theirs) == hex::decode(ours).ok() {
        Some("laurel: bytes of `saddr` as text")
    } else {
        None
    }
}

/// laurel writes bytes that are no text as `%XX`.
fn percent_decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = if *first == b'%' { after.get(..2) } else { None };
        rest = match digits {
            Some(digits) => {
                bytes.extend(hex::decode(digits).ok()?);
                &after[2..]
            }
            None => {
                bytes.push(*first);
                after
            }
        };
    }
    Some(bytes)
}
