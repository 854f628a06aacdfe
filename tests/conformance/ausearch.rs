//! ausearch itself, where this machine has it: `ausearch -i` over the recordings says what each value means.
//!
//! It knows the users and protocols of this machine, which the pipeline must not, so names of users are not
//! compared. Records are paired by type and serial.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

use crate::ours::{self, Ours};
use crate::shared::{Tally, corpus};

const FILES: [&str; 7] = [
    "live/raw.audit.log",
    "live/enriched.audit.log",
    "audit/beats-filebeat/audit-rhel7.log",
    "audit/go-libaudit/audit-rhel7.log",
    "audit/audit-userspace/test.log",
    "audit/audit-userspace/test4.log",
    "audit/otrf/sh_arp_cache_2020-11-10074812.log",
];

/// `TYPE:SERIAL` of a line, of theirs and of the recording's. ausearch turns the order of PATH records round,
/// so their item is added.
fn identity(line: &str) -> Option<String> {
    let kind = line.split("type=").nth(1)?.split(' ').next()?;
    let (stamp, body) = line.split_once("audit(")?.1.split_once(')')?;
    let item = body
        .split(' ')
        .find(|word| word.starts_with("item="))
        .unwrap_or_default();
    Some(format!("{kind}:{}{item}", stamp.rsplit(':').next()?))
}

/// Their text of each of our fields: what stands between its key and the next one's.
fn values<'t>(theirs: &'t str, ours: &Ours) -> Vec<Option<&'t str>> {
    let mut rest = theirs.split_once(") : ").map_or("", |(_, body)| body);
    let mut starts = Vec::new();
    let whole = rest;
    for field in &ours.fields {
        let mark = format!("{}=", field.key);
        let at = rest.match_indices(&mark).find(|(at, _)| {
            let before = rest[..*at].chars().next_back();
            before.is_none_or(|c| matches!(c, ' ' | '\'' | '('))
        });
        starts.push(at.map(|(at, _)| {
            let start = whole.len() - rest.len() + at;
            rest = &rest[at + mark.len()..];
            (start, start + mark.len())
        }));
    }
    let known: Vec<usize> = starts.iter().flatten().map(|(start, _)| *start).collect();
    starts
        .into_iter()
        .map(|place| {
            let (start, from) = place?;
            let next = known.iter().copied().find(|other| *other > start);
            let text = &whole[from..next.unwrap_or(whole.len())];
            // Words between the fields of old programs: `acct=root : exe="…" (hostname=?`.
            let text = text.split(" msg=").next().unwrap_or_default();
            let text = text.split(" : ").next().unwrap_or_default();
            let text = text.trim_end().trim_end_matches('(');
            Some(
                text.trim_end_matches([' ', '\'', '\r'])
                    .trim_end_matches("\\015"),
            )
        })
        .collect()
}

/// Control bytes as ausearch writes them, where its output is no terminal.
fn octal(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\0'..='\x1f' => out += &format!("\\{:03o}", c as u32),
            c => out.push(c),
        }
    }
    out
}

fn class(call: &str, key: &str, ours: &str, theirs: &str) -> Option<&'static str> {
    let argument = key.len() == 2 && key.starts_with('a');
    let is_number = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    match () {
        () if argument && theirs.starts_with("0x") => {
            Some("ausearch: arguments that it does not name")
        }
        () if argument && call.ends_with("etsockopt") => {
            Some("ausearch: options of setsockopt by name")
        }
        () if argument && is_number(ours) => Some("auparse: names of its own machine's users"),
        () if key == "res" && theirs == "yes" => Some("ausearch: `res=1` is yes"),
        () if key == "audit_enabled" => Some("ausearch: `audit_enabled` stays a number"),
        () if octal(ours) == theirs => Some("ausearch: control bytes as octal digits"),
        () if ours.contains('=') || ours.starts_with("type=") => {
            Some("ausearch: text that looks like fields cannot be told from fields")
        }
        () if key == "old-ses" => Some("ausearch: `old-ses` stays a number"),
        () if key == "saddr" && theirs == "unknown-family(0)" => {
            Some("auditd: family 0 has no name")
        }
        () => None,
    }
}

fn compare(tally: &mut Tally, place: &str, ours: &Ours, theirs: &str) {
    let call = ours.get("syscall").map_or("", |field| field.best());
    for (field, theirs) in ours.fields.iter().zip(values(theirs, ours)) {
        let is_id = field.key.ends_with("id") || field.key.ends_with("ses");
        let (Some(meaning), Some(theirs)) = (&field.meaning, theirs) else {
            continue;
        };
        if is_id && meaning != "unset" {
            continue;
        }
        // An address stands in braces there.
        let theirs = theirs.trim_start_matches("{ ").trim_end_matches(" }");
        let place = format!("{place} {}={} of {call}", field.key, field.written);
        let meaning = meaning.trim_end();
        tally.compare(
            &place,
            meaning,
            theirs,
            class(call, &field.key, meaning, theirs),
        );
    }
}

fn search(log: &Path) -> Option<String> {
    let found = Command::new("ausearch")
        .arg("-if")
        .arg(log)
        .arg("-i")
        .output()
        .ok()?;
    Some(String::from_utf8_lossy(&found.stdout).into_owned())
}

#[test]
fn meanings_are_ausearchs() {
    let Some(corpus) = corpus() else { return };
    if Command::new("ausearch").arg("--version").output().is_err() {
        eprintln!("NOT TESTED: this machine has no ausearch");
        return;
    }
    let mut tally = Tally::new("ausearch -i");
    for name in FILES {
        let log = corpus.join(name);
        let text = std::fs::read(&log).expect("a recording");
        // Several records of one type and event keep their order.
        let mut records: HashMap<String, Vec<Ours>> = HashMap::new();
        for line in text.split(|&b| b == b'\n').rev() {
            let identity = identity(&String::from_utf8_lossy(line));
            if let Some((identity, ours)) = identity.zip(ours::read(line)) {
                records.entry(identity).or_default().push(ours);
            }
        }
        for line in search(&log).unwrap_or_default().lines() {
            let Some(key) = identity(line) else { continue };
            if let Some(ours) = records.get_mut(&key).and_then(Vec::pop) {
                compare(&mut tally, &format!("{name} {key}"), &ours, line);
            }
        }
    }
    tally.done(20_000);
}
