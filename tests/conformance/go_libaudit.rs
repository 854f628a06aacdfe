//! go-libaudit's golden records: each has the line and what its `auparse` package read out of it.

use std::fs;

use serde_json::Value as Json;

use crate::ours::{self, Ours};
use crate::shared::{Tally, corpus};

/// Our value under their name of a field.
fn ours_as(ours: &Ours, key: &str) -> Option<String> {
    let text = |name: &str| ours.get(name).map(|field| field.text.clone());
    let address = |part: &str| {
        let shown = ours.get("saddr")?.best().to_owned();
        shown
            .split(' ')
            .find_map(|word| word.strip_prefix(part).map(str::to_owned))
    };
    let label = |name: &str, part: usize| {
        let label = text(name)?;
        label.splitn(4, ':').nth(part).map(str::to_owned)
    };
    let level = |name: &str| {
        let level = label(name, 3)?;
        Some(
            level
                .split_once(':')
                .map_or((level.clone(), String::new()), |(a, b)| {
                    (a.into(), b.into())
                }),
        )
    };
    if ours.kind.name() == Some("SOCKADDR") {
        return match key {
            "family" => {
                let family = address("saddr_fam=")?;
                Some(match family.as_str() {
                    "inet" => "ipv4".into(),
                    "inet6" => "ipv6".into(),
                    "local" => "unix".into(),
                    other => other.into(),
                })
            }
            "addr" => address("laddr="),
            "port" => address("lport="),
            "path" => address("path="),
            _ => text(key),
        };
    }
    match key {
        "subj_user" => label("subj", 0),
        "subj_role" => label("subj", 1),
        "subj_domain" => label("subj", 2),
        "subj_level" => level("subj").map(|level| level.0),
        "subj_category" => level("subj").map(|level| level.1),
        "obj_user" => label("obj", 0),
        "obj_role" => label("obj", 1),
        "obj_domain" => label("obj", 2),
        "obj_level" => level("obj").map(|level| level.0),
        "obj_category" => level("obj").map(|level| level.1),
        "arch" | "syscall" | "auid" | "ses" | "old-auid" => {
            ours.get(key).map(|f| f.best().to_owned())
        }
        "exit" => ours
            .get(key)
            .map(|f| f.best().split('(').next().unwrap_or_default().to_owned()),
        "result" => {
            let said = ["res", "success", "result"]
                .iter()
                .find_map(|name| ours.get(name))?;
            Some(match said.best() {
                "yes" | "success" => "success".into(),
                _ => "fail".into(),
            })
        }
        "seperms" | "seresult" => text(key),
        "proctitle" => ours.get(key).map(|f| f.best().to_owned()),
        _ => text(key),
    }
}

fn class(key: &str, ours: &str, theirs: &str) -> Option<&'static str> {
    match (key, ours, theirs) {
        ("old-ses", ..) => None,
        ("new_auid" | "old_auid", ..) => {
            Some("go-libaudit: `old auid` and `new auid` under names of their own")
        }
        ("family", "unspec", "0") => Some("go-libaudit: family 0 has no name"),
        _ => None,
    }
}

#[test]
fn records_are_go_libaudits() {
    let Some(corpus) = corpus() else { return };
    let mut tally = Tally::new("go-libaudit, records");
    for name in ["audit-rhel7", "audit-ubuntu14", "audit-ubuntu16", "test2"] {
        let path = corpus.join(format!("expected/go-libaudit/{name}.log.golden"));
        let golden = fs::read(path).expect("the golden file");
        let golden: Vec<Json> = serde_json::from_slice(&golden).expect("JSON");
        // A record that go-libaudit could not read stands as null.
        for record in golden.iter().filter(|record| !record.is_null()) {
            let text = |key: &str| record[key].as_str().unwrap_or_default();
            let kind = text("record_type").to_uppercase();
            let line = format!("type={kind} msg={}", text("raw_msg"));
            let ours = ours::read(line.as_bytes()).expect("a record");
            let place = format!("{name} {kind}:{}", record["sequence"]);
            for (key, theirs) in record["data"].as_object().into_iter().flatten() {
                let theirs = theirs.as_str().unwrap_or_default();
                let have = ours_as(&ours, key).unwrap_or_else(|| "-".to_owned());
                tally.compare(
                    &format!("{place} {key}"),
                    &have,
                    theirs,
                    class(key, &have, theirs),
                );
            }
            let tags: Vec<&str> = record["tags"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Json::as_str)
                .collect();
            if !tags.is_empty() {
                let keys = ours.get("key").map(|field| field.best().to_owned());
                tally.compare(
                    &format!("{place} tags"),
                    &keys.unwrap_or_default(),
                    &tags.join(","),
                    None,
                );
            }
        }
    }
    tally.done(500);
}
