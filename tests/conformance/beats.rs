//! What Elastic's shippers say of the same lines, beside what our ECS says: filebeat's auditd module (one
//! document for each record), Elastic's integration, and go-libaudit's joined events (auditbeat).
//!
//! Every value of theirs is looked for in ours under the name that docs/SCHEMAS.md has for it. A difference
//! is a failure unless it is of a class that docs/differences.md lists, with who is right and why. Their
//! documents are no part of this project: where they are not beside it, this says so and tests nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use trailhound::model::output::OutputKind;
use trailhound::model::schema::Schemas;
use trailhound::model::{Input, Kind, Outputs, Schema, Settings, Source, Timestamp};
use trailhound::pipeline::intel::IntelSet;
use trailhound::pipeline::lane::Lane;

use super::shared::{Tally, corpus};

/// Our documents of audit events and program starts, by time and serial.
fn ours(lines: &[u8]) -> BTreeMap<(String, u64), Value> {
    let settings = Settings {
        kinds: [Kind::Process, Kind::Audit].into_iter().collect(),
        schemas: Schemas::all(Schema::Ecs),
        ..Settings::default()
    };
    let mut lane = Lane::new(Arc::new(settings));
    let (intel, mut out) = (IntelSet::default(), Outputs::new());
    for (offset, value) in (0..).zip(lines.split(|b| *b == b'\n')) {
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
    let documents = out
        .iter()
        .filter(|o| matches!(o.kind, OutputKind::Event(_)));
    documents
        .map(|output| {
            let document: Value = serde_json::from_slice(output.value).unwrap();
            let time = text(&document["@timestamp"]);
            let serial = document["event"]["sequence"].as_u64().expect("a serial");
            ((time, serial), document)
        })
        .collect()
}

/// A value as text; a list joined by commas; what is not there is "unset", as go-libaudit has it.
fn text(value: &Value) -> String {
    match value {
        Value::Null => "unset".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

/// All leaves with dotted paths.
fn flat(value: &Value, path: &str, all: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) => {
            for (name, inner) in members {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                flat(inner, &path, all);
            }
        }
        leaf => all.push((path.to_owned(), text(leaf))),
    }
}

fn at(document: &Value, path: &str) -> String {
    let place = path
        .split('.')
        .try_fold(document, |value, part| value.get(part));
    text(place.unwrap_or(&Value::Null))
}

/// A field of the records, of `kind` where told, else of any.
fn of_records(document: &Value, kind: Option<&str>, name: &str) -> String {
    let records = document["auditd"]["records"]
        .as_array()
        .into_iter()
        .flatten();
    let mut found = records
        .filter(|record| {
            kind.is_none_or(|kind| {
                record["type"]
                    .as_str()
                    .is_some_and(|t| t.eq_ignore_ascii_case(kind))
            })
        })
        .filter_map(|record| record.get(name));
    found
        .next()
        .map_or_else(|| at(document, &format!("auditd.data.{name}")), text)
}

/// Where ours has what theirs has under `key`.
fn in_ours(document: &Value, key: &str, kind: Option<&str>) -> String {
    let path = match key {
        "process.ppid" => "process.parent.pid",
        "process.exe" => "process.executable",
        "process.cwd" => "process.working_directory",
        "process.pid"
        | "process.executable"
        | "process.name"
        | "process.args"
        | "process.args_count"
        | "process.working_directory"
        | "process.exit_code"
        | "source.ip"
        | "source.address"
        | "destination.ip"
        | "destination.address"
        | "destination.port"
        | "source.port"
        | "event.kind"
        | "event.module"
        | "event.dataset"
        | "event.action"
        | "event.category"
        | "event.type"
        | "event.outcome"
        | "user.audit.id"
        | "user.effective.id"
        | "user.effective.name"
        | "user.name"
        | "network.direction"
        | "file.path"
        | "file.device"
        | "file.inode"
        | "file.mode"
        | "file.uid"
        | "file.gid"
        | "group.name"
        | "tags"
        | "@timestamp" => key,
        "user.id" => "process.real_user.id",
        "user.group.id" => "process.real_group.id",
        "user.effective.group.id" => "user.group.id",
        "user.saved.id" => return of_records(document, kind, "suid"),
        "user.saved.group.id" => return of_records(document, kind, "sgid"),
        "user.filesystem.id" => return of_records(document, kind, "fsuid"),
        "user.filesystem.group.id" => return of_records(document, kind, "fsgid"),
        "user.terminal" => "auditd.data.terminal",
        "host.architecture" => "auditd.data.arch",
        "auditd.log.sequence" | "sequence" => "event.sequence",
        "auditd.log.ses" => "auditd.session",
        "user.ids.auid" => "user.audit.id",
        "user.ids.uid" => "process.real_user.id",
        "user.ids.euid" => "process.user.id",
        "user.ids.gid" => "process.real_group.id",
        "user.ids.egid" => "process.group.id",
        "user.ids.suid" => return of_records(document, kind, "suid"),
        "user.ids.sgid" => return of_records(document, kind, "sgid"),
        "user.ids.fsuid" => return of_records(document, kind, "fsuid"),
        "user.ids.fsgid" => return of_records(document, kind, "fsgid"),
        "session" => "auditd.session",
        "record_type" => "auditd.message_type",
        "summary.action" => "event.action",
        "ecs.event.category" => "event.category",
        "ecs.event.type" => "event.type",
        "ecs.event.kind" => "event.kind",
        "ecs.user.id" => "user.audit.id",
        "ecs.user.effective.id" => "user.effective.id",
        "ecs.user.effective.name" => "user.effective.name",
        "ecs.user.target.id" => "user.target.id",
        "ecs.user.target.name" => "user.target.name",
        _ => {
            let name = key.rsplit('.').next().unwrap_or(key);
            return of_records(document, kind, name);
        }
    };
    at(document, path)
}

fn compare(tally: &mut Tally, place: &str, key: &str, ours: &str, theirs: &str) {
    let class = class(key, ours, theirs);
    tally.compare(&format!("{key} of {place}"), ours, theirs, class);
}

/// The class of a known difference.
fn class(key: &str, ours: &str, theirs: &str) -> Option<&'static str> {
    let is_number = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    Some(match key {
        "auditd.log.ses" | "user.audit.id" if theirs == "4294967295" && ours == "unset" => {
            "4294967295 as a user"
        }
        "user.ids.old-auid" if ours == "4294967295" => "unset in a record",
        "event.action" if theirs != ours => "the action is the record type",
        "event.type" if ["host", "package", "process", "driver", "creation"].contains(&theirs) => {
            "types of an older schema"
        }
        "event.outcome" if theirs == "1" => "a result by number",
        "message" if theirs.is_empty() => "an empty message",
        "process.exit_code" if ours == "unset" => "exit= as an exit code",
        "process.name" => "the name of a process",
        "process.args" | "process.args_count" if ours == "unset" => "a command that is split",
        "user.id"
        | "user.audit.id"
        | "user.group.id"
        | "user.effective.id"
        | "user.effective.group.id"
            if !is_number(theirs) =>
        {
            "a name as an id"
        }
        "summary.action" => "an audited access as a violation",
        "process.title" if ours == "unset" => "fields of a program start",
        "container.name" | "container.runtime" => "a machine as a container",
        "destination.address" | "source.address" | "source.ip"
            if ours == "unset" && theirs.starts_with("192.168.") =>
        {
            "the network of a policy"
        }
        "auditd.log.a0" | "auditd.log.argc" | "data.argc" | "data.a0" | "data.a1" | "data.a2"
        | "data.a3" | "user.ids.suid" | "user.ids.sgid" | "user.ids.fsuid" | "user.ids.fsgid"
        | "file.gid" | "file.uid" | "file.mode" | "file.inode" | "file.device" | "file.path"
            if ours == "unset" =>
        {
            "fields of a program start"
        }
        "auditd.log.data" => "typed keys",
        "data.arch" | "data.syscall" if ours != theirs => "the record, or its meaning",
        "data.socket_addr" | "data.socket_family" | "data.socket_port" => {
            "the record, or its meaning"
        }
        "file.device" if theirs == "00:00" => "the device of a device",
        "file.path" | "file.inode" | "file.mode" => "the parent of what was made",
        "ecs.user.id" if theirs == "unset" => "LOGIN assigns",
        "ecs.user.effective.id" if ours == "unset" => "effective, of who asked",
        "integration.auditd.log.record_type" => "the record type in a field of its own",
        "integration.source.ip" | "integration.source.address" if theirs == "127.0.0.1" => {
            "addresses of their test"
        }
        "integration.user.id" | "integration.user.name" => "the user of a logon's record",
        _ => return None,
    })
}

/// Theirs has the time to fewer digits, or with another zone's name.
fn time(text: &str) -> String {
    let time = chrono::DateTime::parse_from_rfc3339(text).expect("a time");
    time.to_utc()
        .to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

#[test]
fn filebeat_says_the_same_of_each_record() {
    let Some(corpus) = corpus() else { return };
    let mut tally = Tally::new("filebeat, documents");
    for name in ["audit-rhel7.log", "test.log"] {
        let lines = std::fs::read(corpus.join("audit/beats-filebeat").join(name)).unwrap();
        let expected = corpus.join(format!("expected/beats-filebeat/{name}-expected.json"));
        let expected: Vec<BTreeMap<String, Value>> =
            serde_json::from_slice(&std::fs::read(expected).unwrap()).unwrap();
        let ours = ours(&lines);
        for theirs in &expected {
            let serial = theirs["auditd.log.sequence"].as_u64().expect("a serial");
            let kind = text(&theirs["event.action"]);
            let key = (time(&text(&theirs["@timestamp"])), serial);
            let place = format!("{name} {serial} {kind}");
            let Some(document) = ours.get(&key) else {
                compare(&mut tally, &place, "document", "none", "one");
                continue;
            };
            for (key, value) in theirs {
                if [
                    "fileset.name",
                    "input.type",
                    "log.offset",
                    "service.type",
                    "@timestamp",
                ]
                .contains(&key.as_str())
                {
                    continue;
                }
                compare(
                    &mut tally,
                    &place,
                    key,
                    &in_ours(document, key, Some(&kind)),
                    &text(value),
                );
            }
        }
    }
    tally.done(1500);
}

#[test]
fn elastics_integration_says_the_same() {
    let Some(corpus) = corpus() else { return };
    let name = "test-auditd-preparsed-user-login.log";
    let lines = std::fs::read(corpus.join("audit/elastic-integrations").join(name)).unwrap();
    let expected = corpus.join(format!(
        "expected/elastic-integrations/{name}-expected.json"
    ));
    let expected: Value = serde_json::from_slice(&std::fs::read(expected).unwrap()).unwrap();
    let ours = ours(&lines);
    let mut tally = Tally::new("Elastic's integration, documents");
    for theirs in expected["expected"].as_array().expect("a list") {
        let (_, document) = ours.first_key_value().expect("a document");
        let mut all = Vec::new();
        flat(theirs, "", &mut all);
        for (key, value) in all {
            if ["event.original", "ecs.version", "tags"].contains(&key.as_str()) {
                continue;
            }
            let key = format!("integration.{key}");
            let ours = in_ours(document, key.trim_start_matches("integration."), None);
            compare(&mut tally, name, &key, &ours, &value);
        }
    }
    tally.done(15);
}

/// The events of a file: YAML of one form, a name and a block of lines.
fn events(text: &str) -> BTreeMap<String, String> {
    let mut events: BTreeMap<String, String> = BTreeMap::new();
    let mut current = String::new();
    for line in text.lines() {
        if let Some(line) = line.strip_prefix("    ") {
            let event = events.entry(current.clone()).or_default();
            event.push_str(line.trim());
            event.push('\n');
        } else if let Some((name, _)) = line
            .strip_prefix("  ")
            .and_then(|line| line.rsplit_once(':'))
        {
            current = name.trim().trim_matches('"').to_owned();
        }
    }
    events
}

#[test]
fn go_libaudit_says_the_same_of_each_event() {
    let Some(corpus) = corpus() else { return };
    let mut tally = Tally::new("go-libaudit, ECS");
    for name in [
        "random-internet",
        "rhel-7-linux-3.10.0",
        "ubuntu-16.04-linux-4.13.0",
        "ubuntu-17.04-linux-4.10.0",
    ] {
        let yaml = corpus.join(format!("audit/go-libaudit-coalesce/{name}.yaml"));
        let events = events(&std::fs::read_to_string(yaml).expect("events"));
        let expected = corpus.join(format!("expected/go-libaudit-coalesce/{name}.json.golden"));
        let expected: Vec<Value> =
            serde_json::from_slice(&std::fs::read(expected).unwrap()).unwrap();
        for theirs in expected {
            let test = text(&theirs["test_name"]);
            let place = format!("{name} {test}");
            let lines = events
                .get(&test)
                .unwrap_or_else(|| panic!("{place}: no lines"));
            let ours = ours(lines.as_bytes());
            assert_eq!(ours.len(), 1, "{place}");
            let (_, document) = ours.first_key_value().expect("a document");
            let mut all = Vec::new();
            flat(&theirs["event"], "", &mut all);
            for (key, value) in all {
                if key == "@timestamp" {
                    compare(&mut tally, &place, &key, &at(document, &key), &time(&value));
                } else if key == "result" {
                    let theirs = value.replace("fail", "failure");
                    compare(
                        &mut tally,
                        &place,
                        &key,
                        &at(document, "event.outcome"),
                        &theirs,
                    );
                } else if !["category", "ecs.group"].contains(&key.as_str())
                    && ![
                        "summary.actor",
                        "summary.object",
                        "summary.how",
                        "paths",
                        "user.selinux",
                        "file.selinux",
                        "warnings",
                    ]
                    .iter()
                    .any(|p| key.starts_with(p))
                {
                    compare(
                        &mut tally,
                        &place,
                        &key,
                        &in_ours(document, &key, None),
                        &value,
                    );
                }
            }
        }
    }
    tally.done(500);
}
