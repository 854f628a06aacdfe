//! go-libaudit's coalesced events: who, what, how, the outcome, and every field that they keep.

use serde_json::Value;
use trailhound::pipeline::audit::interpret::Call;

use crate::reading::{Reading, Record, events, text};
use crate::replayed::{named_events, read};
use crate::shared::{Tally, corpus};

const NOTHING: &str = "<nothing>";

#[test]
fn every_value_of_go_libaudits_events() {
    let Some(corpus) = corpus() else { return };
    let (audit, expected) = (corpus.join("audit"), corpus.join("expected"));
    let mut tally = Tally::new("go-libaudit, events");
    for entry in std::fs::read_dir(audit.join("go-libaudit-coalesce")).unwrap() {
        let file = entry.unwrap().path();
        let golden = file.with_extension("json.golden");
        let golden = expected
            .join("go-libaudit-coalesce")
            .join(golden.file_name().unwrap());
        let theirs: Value = serde_json::from_slice(&read(&golden)).unwrap();
        let named = named_events(&read(&file));
        for case in theirs.as_array().unwrap() {
            let name = case["test_name"].as_str().unwrap();
            let (_, lines) = named.iter().find(|(n, _)| n == name).unwrap();
            let ours = events(lines).remove(0);
            leaves(&case["event"], "", &mut |path, theirs| {
                let have = said(&ours, path, theirs);
                let class = class(path, &have, theirs);
                tally.compare(&format!("{name} {path}"), &have, theirs, class);
            });
        }
    }
    tally.done(1000);
}

/// Every value with its path: `user.ids.auid`, `paths.0.name`.
fn leaves(value: &Value, path: &str, each: &mut impl FnMut(&str, &str)) {
    let within = |name: &str| match path {
        "" => name.to_owned(),
        path => format!("{path}.{name}"),
    };
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                leaves(value, &within(name), each);
            }
        }
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                leaves(value, &within(&index.to_string()), each);
            }
        }
        Value::String(text) => each(path, text),
        other => each(path, &other.to_string()),
    }
}

/// Where their words are of their own making.
fn class(path: &str, ours: &str, theirs: &str) -> Option<&'static str> {
    match path {
        "category" | "summary.action" | "summary.object.type" => {
            Some("go-libaudit: its own words for category, action and kind of object")
        }
        "record_type" => Some("go-libaudit: the first record that is no companion names the event"),
        "network.direction" => Some("go-libaudit: a direction of logons"),
        _ if path.starts_with("ecs.") => Some("go-libaudit: ECS of its own"),
        "@timestamp" if ours.replace("0Z", "Z") == theirs => {
            Some("go-libaudit: times without trailing zeros")
        }
        "summary.actor.primary" if ours == "1000" && theirs == "unset" => {
            Some("go-libaudit: the actor of LOGIN is who it was before")
        }
        _ => None,
    }
}

/// What we say where they say it.
fn said(event: &Reading, path: &str, theirs: &str) -> String {
    let (group, name) = path.split_once('.').unwrap_or((path, ""));
    let plain = |value: Option<&[u8]>| value.map_or(NOTHING.to_owned(), text);
    let field = |name: &str| plain(event.field(name));
    match (group, name) {
        ("sequence", _) => plain(event.uid.rsplit(':').next().map(str::as_bytes)),
        ("@timestamp", _) => time(event),
        ("result", _) => match event.success {
            Some(true) => "success".to_owned(),
            Some(false) => "fail".to_owned(),
            None => "unknown".to_owned(),
        },
        ("session", _) => id(event, "ses"),
        ("user", name) => match name.split_once('.') {
            Some(("ids", name)) => id(event, name),
            Some((_, part)) => selinux(event.field("subj"), part),
            None => NOTHING.to_owned(),
        },
        ("process", "name") => field("comm"),
        ("process", "title") => field("proctitle").replace('\0', " "),
        ("process", name) if name.starts_with("args.") => {
            let argv = event.argv.clone().unwrap_or_default();
            let index: usize = name[5..].parse().unwrap();
            plain(argv.get(index).map(Vec::as_slice))
        }
        ("paths", name) => {
            let (index, name) = name.split_once('.').unwrap();
            let records = event.of_kind("PATH");
            let record = records[index.parse::<usize>().unwrap()];
            match name.strip_prefix("obj_") {
                Some(part) => selinux(record.field("obj"), part),
                None => plain(record.field(name)),
            }
        }
        ("file", name) => file(event, name, theirs),
        ("source", _) => field("addr"),
        ("tags", index) => {
            let index: usize = index.parse().unwrap();
            plain(field("key").split('\x01').nth(index).map(str::as_bytes))
        }
        ("data", "arch" | "syscall") => meaning(event, "SYSCALL", name),
        ("data", name) if name.starts_with("socket_") => socket(event, name),
        ("data" | "process", name) => field(name),
        ("summary", name) => summary(event, name, theirs),
        _ => NOTHING.to_owned(),
    }
}

/// What a field of a record means.
fn meaning(event: &Reading, kind: &str, name: &str) -> String {
    let record = event.of_kind(kind);
    let value = record.first().and_then(|record| record.field(name));
    let text = text(value.unwrap_or_default());
    let arch = event.field("arch").map(crate::reading::text);
    let call = Call::read(format!("arch={}", arch.unwrap_or_default()).as_bytes());
    crate::ours::meaning(kind, name, &text, &call).unwrap_or(text)
}

/// A part of the address that a socket has.
fn socket(event: &Reading, name: &str) -> String {
    let address = meaning(event, "SOCKADDR", "saddr");
    let prefix = match name {
        "socket_family" => "saddr_fam=",
        "socket_addr" => "laddr=",
        _ => "lport=",
    };
    let mut words = address.split(' ');
    match words.find_map(|word| word.strip_prefix(prefix)) {
        Some("inet") => "ipv4".to_owned(),
        Some(word) => word.to_owned(),
        None => NOTHING.to_owned(),
    }
}

fn time(event: &Reading) -> String {
    let stamp = event.uid.split(':').next().unwrap_or_default();
    let time = chrono::DateTime::from_timestamp_millis(stamp.replace('.', "").parse().unwrap());
    time.unwrap().format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// Unset is 4294967295 in the records, and nothing in our documents; they call it unset.
fn id(event: &Reading, name: &str) -> String {
    match event.field(name) {
        Some(b"4294967295") => "unset".to_owned(),
        Some(value) => text(value),
        None => NOTHING.to_owned(),
    }
}

/// A part of `user:role:type:level[:category]`.
fn selinux(label: Option<&[u8]>, part: &str) -> String {
    let label = text(label.unwrap_or_default());
    let parts = ["user", "role", "domain", "level", "category"];
    let index = parts.iter().position(|p| *p == part).unwrap();
    label
        .splitn(5, ':')
        .nth(index)
        .unwrap_or(NOTHING)
        .to_owned()
}

/// They tell one of the paths as the file, with its permissions and the device that it stands for.
fn file(event: &Reading, name: &str, theirs: &str) -> String {
    let said = |path: &Record| {
        let get = |key: &str| path.field(key).map(text);
        match name.split_once('.').unwrap_or((name, "")) {
            ("path", _) => get("name"),
            ("device", _) => get("rdev"),
            ("uid", _) => get("ouid"),
            ("gid", _) => get("ogid"),
            ("mode", _) => get("mode").map(|mode| format!("0{}", &mode[mode.len() - 3..])),
            ("selinux", part) => path.field("obj").map(|label| selinux(Some(label), part)),
            (other, _) => get(other),
        }
    };
    let paths = event.of_kind("PATH");
    let mut values = paths.iter().filter_map(|path| said(path));
    values
        .find(|value| value == theirs)
        .unwrap_or(NOTHING.to_owned())
}

/// Actor, object and how are values of the event; the other words are their own.
fn summary(event: &Reading, name: &str, theirs: &str) -> String {
    let has = |bytes: &[u8]| {
        let mut values = event.records.iter().flat_map(|r| &r.fields);
        values.any(|(_, value)| value == bytes)
    };
    let addresses = ["socket_addr", "socket_port"].map(|part| socket(event, part));
    match name {
        "actor.primary" => id(event, "auid"),
        "action" | "object.type" => NOTHING.to_owned(),
        _ if has(theirs.as_bytes()) || addresses.iter().any(|a| a == theirs) => theirs.to_owned(),
        _ => NOTHING.to_owned(),
    }
}
