//! The live recordings against the truth that the attacks' own script wrote, by the checker beside them.
//!
//! Each recording is replayed as it is, and without EOE and shuffled within blocks of 40 lines. The
//! recordings, the truth and the checker are no part of this project: where they are not beside it (or
//! at $TRAILHOUND_SHARED), or there is no python3 to run the checker, this says so and tests nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

#[path = "live/stories.rs"]
mod stories;

fn shared() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let shared = std::env::var_os("TRAILHOUND_SHARED").map_or(beside, PathBuf::from);
    let python = Command::new("python3").arg("--version").output();
    if !shared.join("tools/check_events.py").exists() || python.is_err() {
        eprintln!(
            "NOT TESTED: no live recordings at {}, or no python3",
            shared.display()
        );
        return None;
    }
    Some(shared)
}

/// Without EOE, and each block of 40 lines in another order; always the same one.
fn shuffled(text: &[u8]) -> Vec<u8> {
    let lines = text.split_inclusive(|&b| b == b'\n');
    let mut lines: Vec<&[u8]> = lines
        .filter(|line| !line.windows(9).any(|part| part == b"type=EOE "))
        .collect();
    let mut state = 1u64;
    for block in lines.chunks_mut(40) {
        for i in (1..block.len()).rev() {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            block.swap(i, (state >> 33) as usize % (i + 1));
        }
    }
    lines.concat()
}

/// Replays a log and has the checker compare; gives its last line.
fn check(shared: &Path, log: &Path, truth: Option<&Path>, directory: &TempDir) -> String {
    let events = directory.path().join("events.ndjson");
    let replay = Command::new(env!("CARGO_BIN_EXE_trailhound"))
        .arg("replay")
        .arg(log)
        .stdout(fs::File::create(&events).expect("a file"))
        .stderr(Stdio::null())
        .status()
        .expect("replay runs");
    assert!(replay.success());
    let mut checker = Command::new("python3");
    checker
        .arg(shared.join("tools/check_events.py"))
        .arg(log)
        .arg(&events);
    if let Some(truth) = truth {
        checker.arg("--truth").arg(truth).arg("--logons");
    }
    let said = checker.output().expect("the checker runs");
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    said.lines().last().unwrap_or_default().to_string()
}

#[test]
fn every_intended_process_and_logon_is_told_exactly() {
    let Some(shared) = shared() else {
        return;
    };
    let (live, directory) = (
        shared.join("corpus/live"),
        TempDir::new().expect("a directory"),
    );
    let mut recordings = 0;
    for entry in fs::read_dir(&live).expect("the recordings") {
        let log = entry.expect("an entry").path();
        let name = log
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let truth = live.join(format!(
            "{}.truth.jsonl",
            name.split('.').next().unwrap_or_default()
        ));
        if !name.ends_with(".log") || !truth.exists() {
            continue;
        }
        recordings += 1;
        let said = check(&shared, &log, Some(&truth), &directory);
        assert!(said.starts_with("0 wrong of "), "{name}: {said}");
        let other = directory.path().join(&name);
        fs::write(&other, shuffled(&fs::read(&log).expect("the recording"))).expect("a file");
        let said = check(&shared, &other, Some(&truth), &directory);
        assert!(said.starts_with("0 wrong of "), "{name} shuffled: {said}");
    }
    assert!(
        recordings >= 7,
        "{recordings} recordings at {}",
        live.display()
    );
}

/// Events and gaps that are missing between the lowest and the highest serial of the kernel.
fn missing(text: &[u8]) -> (usize, usize) {
    let text = String::from_utf8_lossy(text);
    let lines = text.lines().filter(|line| !line.contains("type=DAEMON_"));
    let serials: std::collections::BTreeSet<usize> = lines
        .filter_map(|line| {
            line.split_once("audit(")?
                .1
                .split_once(':')?
                .1
                .split_once(')')
        })
        .filter_map(|(serial, _)| serial.parse().ok())
        .collect();
    let pairs = serials.iter().zip(serials.iter().skip(1));
    pairs
        .map(|(a, b)| b - a - 1)
        .filter(|missing| *missing > 0)
        .fold((0, 0), |(events, gaps), missing| {
            (events + missing, gaps + 1)
        })
}

/// The recordings had whole events of other programs taken out, so the truth is in their serials.
#[test]
fn every_gap_in_the_serials_is_counted_exactly() {
    let Some(shared) = shared() else {
        return;
    };
    let directory = TempDir::new().expect("a directory");
    for name in [
        "enriched.audit.log",
        "node.plugin.log",
        "node.syslog.log",
        "raw.plugin.log",
    ] {
        let text = fs::read(shared.join("corpus/live").join(name)).expect("the recording");
        for text in [shuffled(&text), text] {
            let log = directory.path().join(name);
            fs::write(&log, &text).expect("a file");
            let replay = Command::new(env!("CARGO_BIN_EXE_trailhound"))
                .arg("replay")
                .arg(&log)
                .output()
                .expect("replay runs");
            let (events, gaps) = missing(&text);
            let wanted = format!("lost before  {events} events in {gaps} gaps of serials");
            let said = String::from_utf8_lossy(&replay.stderr).into_owned();
            assert!(
                gaps > 50 && said.contains(&wanted),
                "{name}: {wanted}\n{said}"
            );
        }
    }
}
