//! auditd-parser's pairs of a line and what it read out of it: numbers as numbers, absent values as null,
//! modes, labels and addresses taken apart.

use std::fs;

use serde_json::Value as Json;

use crate::ours::{self, Ours, Value};
use crate::shared::{Tally, corpus};

const ROOT: &str = "auditd-parser: id 0 is called root";
const FREE: &str = "auditd-parser: a message with free text is left whole";
const NEWER: &str = "auditd-parser: types that are newer than it";
const LINES: &str = "auditd-parser: arguments of several lines stay hexadecimal digits";
const REFUSED: &str = "auditd-parser: refuses records with free text or brackets";

/// Their value as text, in our vocabulary.
fn flat(json: &Json) -> String {
    match json {
        Json::String(text) => text.clone(),
        Json::Array(items) => items.iter().map(flat).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

/// `file,suid,755` out of their object.
fn mode(object: &Json) -> String {
    let kind = match object["file_type"].as_str().unwrap_or_default() {
        "regular-file" => "file",
        "directory" => "dir",
        "character-device" => "character",
        "block-device" => "block",
        "symlink" => "link",
        other => other,
    };
    let rights = |who: &str| -> u8 {
        let rights = object[who].as_array().into_iter().flatten();
        rights
            .map(|right| match right.as_str() {
                Some("read") => 4,
                Some("write") => 2,
                Some("exec") => 1,
                _ => 0,
            })
            .sum()
    };
    let mut text = format!("{kind},");
    for attribute in object["attributes"].as_array().into_iter().flatten() {
        text += match attribute.as_str() {
            Some("setuid") => "suid,",
            Some("setgid") => "sgid,",
            _ => "sticky,",
        };
    }
    text + &format!("{}{}{}", rights("user"), rights("group"), rights("other"))
}

/// `user:role:type:level` out of their object.
fn label(object: &Json) -> String {
    let part = |name: &str| object[name].as_str().unwrap_or_default().to_owned();
    let level = &object["level"];
    let mut text = format!(
        "{}:{}:{}:{}",
        part("user"),
        part("role"),
        part("type"),
        flat(&level["sensitivity"])
    );
    if let Some(category) = level["category"].as_str() {
        text += &format!(":{category}");
    }
    text
}

/// An address as we show it, out of their object.
fn address(object: &Json) -> String {
    let text = |name: &str| object[name].as_str().unwrap_or_default();
    let split = || text("address").rsplit_once(':').unwrap_or_default();
    match text("family") {
        "AF_INET" => format!("saddr_fam=inet laddr={} lport={}", split().0, split().1),
        "AF_INET6" => {
            let (ip, port) = split();
            format!(
                "saddr_fam=inet6 laddr={} lport={port}",
                ip.trim_matches(['[', ']'])
            )
        }
        "AF_UNIX" => format!("saddr_fam=local path={}", text("path")),
        "AF_NETLINK" => format!(
            "saddr_fam=netlink nlnk-fam=16 nlnk-pid={}",
            object["port_id"]
        ),
        other => other.to_owned(),
    }
}

fn compare(tally: &mut Tally, place: &str, key: &str, theirs: &Json, ours: Option<&Value>) {
    let Some(ours) = ours else {
        tally.compare(place, "-", &flat(theirs), None);
        return;
    };
    let same = |tally: &mut Tally, have: &str, theirs: &str, class| {
        tally.compare(place, have, theirs, class)
    };
    match (key, theirs) {
        (_, Json::Null) => {
            let absent = ["unset", "?", "(null)", "(none)", ""].contains(&ours.best());
            same(
                tally,
                if absent { "null" } else { ours.best() },
                "null",
                None,
            );
        }
        (_, Json::Bool(yes)) => same(tally, &ours.text, if *yes { "yes" } else { "no" }, None),
        ("mode", object) => same(tally, ours.best(), &mode(object), None),
        ("subj" | "obj", Json::Object(_)) => same(tally, &ours.text, &label(theirs), None),
        ("saddr", Json::Object(_)) => same(tally, ours.best(), &address(theirs), None),
        ("saddr", raw) => same(
            tally,
            ours.best(),
            &flat(raw),
            Some("auditd-parser: family 0 stays hexadecimal digits"),
        ),
        ("perm" | "perm_mask", list) => {
            // Theirs stand in the order of the bits.
            let sorted = |text: &str| {
                let mut parts: Vec<&str> = text.split(',').collect();
                parts.sort();
                parts.join(",")
            };
            same(tally, &sorted(ours.best()), &sorted(&flat(list)), None);
        }
        (_, Json::Array(list)) if list.is_empty() => same(tally, ours.best(), "none", None),
        (_, Json::Array(_)) => same(tally, ours.best(), &flat(theirs).to_lowercase(), None),
        ("uid" | "auid" | "exit", Json::Number(number)) => {
            same(tally, &ours.text, &number.to_string(), None)
        }
        ("arch" | "list" | "sig" | "res" | "proctitle", text) => {
            same(tally, ours.best(), &flat(text), None)
        }
        (_, text) => {
            let text = flat(text);
            let class = match () {
                () if text == "root" && ours.text == "0" => Some(ROOT),
                () if ours.text.contains('\n') && ours.written == text => Some(LINES),
                () => None,
            };
            same(tally, &ours.text, &text, class);
        }
    }
}

fn message(tally: &mut Tally, place: &str, theirs: &Json, ours: &Ours) {
    match theirs {
        Json::Object(fields) => {
            for (key, theirs) in fields {
                // The last: a record has its own `uid` before the message's.
                let have = ours.fields.iter().rev().find(|field| field.key == *key);
                compare(tally, &format!("{place} msg.{key}"), key, theirs, have);
            }
        }
        _ => tally.compare(place, "fields", "text", Some(FREE)),
    }
}

#[test]
fn records_are_auditd_parsers() {
    let Some(corpus) = corpus() else { return };
    let pairs = fs::read_to_string(corpus.join("expected/auditd-parser/record_pairs.jsonl"));
    let mut tally = Tally::new("auditd-parser, records");
    for (number, pair) in (1..).zip(pairs.expect("the pairs").lines()) {
        let pair: Json = serde_json::from_str(pair).expect("JSON");
        let (input, expected) = (
            pair["input"].as_str().unwrap_or_default(),
            &pair["expected"],
        );
        let Some(ours) = ours::read(input.as_bytes()) else {
            // `msg=?` is no record of anything.
            let theirs = if expected["Err"].is_null() {
                "read"
            } else {
                "refused"
            };
            tally.compare(&number.to_string(), "refused", theirs, None);
            continue;
        };
        let place = format!("{number} {}", ours.kind.name().unwrap_or("?"));
        if !expected["Err"].is_null() {
            tally.compare(&place, "read", "refused", Some(REFUSED));
            continue;
        }
        let kind = expected["record_type"].as_str().unwrap_or_default();
        let class = kind.starts_with("UNKNOWN[").then_some(NEWER);
        tally.compare(&place, ours.kind.name().unwrap_or_default(), kind, class);
        for (key, theirs) in expected["fields"].as_object().into_iter().flatten() {
            match key.as_str() {
                "msg" => message(&mut tally, &place, theirs, &ours),
                _ => compare(
                    &mut tally,
                    &format!("{place} {key}"),
                    key,
                    theirs,
                    ours.get(key),
                ),
            }
        }
        for (name, theirs) in expected["enrichment"].as_object().into_iter().flatten() {
            let have = ours.names.iter().find(|(known, _)| known == name);
            let have = have.map_or("-", |(_, text)| text.as_str());
            tally.compare(&format!("{place} {name}"), have, &flat(theirs), None);
        }
    }
    tally.done(900);
}
