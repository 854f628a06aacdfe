//! Golden folders: each directory beside this file is a case, discovered and not listed.
//!
//! `input.*` is replayed (with `intel.txt` as indicators where there is one, and the words of `args`), from
//! within the directory; `expected.ndjson` is what comes out, `expected.rejects` what could not be
//! read. A few have `expected.ecs.ndjson` and `expected.asim.ndjson` too: the same events in those
//! schemas. UPDATE_GOLDEN=1 writes all that are there. It refuses cases whose output depends on --threads.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::Command;

const HERE: &str = "tests/golden";

fn cases() -> Vec<PathBuf> {
    let mut all: Vec<_> = std::fs::read_dir(HERE)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    all.sort();
    all
}

fn input(case: &Path) -> String {
    let mut inputs: Vec<_> = std::fs::read_dir(case)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("input."))
        .collect();
    assert_eq!(
        inputs.len(),
        1,
        "{}: one input.* is expected",
        case.display()
    );
    inputs.remove(0)
}

/// Documents and rejects of a case.
fn replay(case: &Path, threads: &str, schema: &str) -> (String, Vec<u8>) {
    let directory = tempfile::tempdir().unwrap();
    let rejects = directory.path().join("rejects");
    let mut command = Command::new(env!("CARGO_BIN_EXE_trailhound"));
    command
        .current_dir(case)
        .args(["replay", &input(case), "--threads", threads])
        .args(["--schema", schema, "--rejects"]);
    command.arg(&rejects);
    if case.join("intel.txt").exists() {
        command.args(["--intel", "intel.txt"]);
    }
    if let Ok(args) = std::fs::read_to_string(case.join("args")) {
        command.args(args.split_whitespace());
    }
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{}: {said}", case.display());
    (
        String::from_utf8(output.stdout).unwrap(),
        std::fs::read(rejects).unwrap(),
    )
}

/// The first line in which two texts differ.
fn difference(wanted: &[u8], got: &[u8]) -> String {
    let (wanted, got) = (
        String::from_utf8_lossy(wanted),
        String::from_utf8_lossy(got),
    );
    let (mut wanted, mut got) = (wanted.lines(), got.lines());
    for number in 1.. {
        let pair = (wanted.next(), got.next());
        if pair.0 != pair.1 {
            let show = |line: Option<&str>| line.unwrap_or("(no such line)").to_owned();
            return format!(
                "line {number}\n  wanted {}\n  got    {}",
                show(pair.0),
                show(pair.1)
            );
        }
        if pair == (None, None) {
            break;
        }
    }
    "the end of the last line".to_owned()
}

#[test]
fn every_case_gives_what_is_expected() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut wrong = Vec::new();
    let mut in_other_schemas = 0;
    for case in cases() {
        let (documents, rejects) = replay(&case, "1", "ocsf");
        assert!(
            (documents.clone(), rejects.clone()) == replay(&case, "2", "ocsf"),
            "{}: --threads",
            case.display()
        );
        let mut all = vec![
            (case.join("expected.ndjson"), documents.into_bytes()),
            (case.join("expected.rejects"), rejects),
        ];
        for schema in ["ecs", "asim"] {
            let path = case.join(format!("expected.{schema}.ndjson"));
            if path.exists() {
                in_other_schemas += 1;
                all.push((path, replay(&case, "1", schema).0.into_bytes()));
            }
        }
        for (path, got) in all {
            let wanted = std::fs::read(&path).unwrap_or_default();
            if update && (!got.is_empty() || path.exists()) {
                std::fs::write(&path, got).unwrap();
            } else if wanted != got {
                wrong.push(format!("{}: {}", path.display(), difference(&wanted, &got)));
            }
        }
    }
    assert!(in_other_schemas >= 20, "{in_other_schemas}");
    assert!(
        wrong.is_empty(),
        "UPDATE_GOLDEN=1 rewrites these:\n{}",
        wrong.join("\n")
    );
}
