//! Every file of the audit corpus through the lane: how much of it was read, what was refused and why,
//! and what came out, against `walk.golden` (UPDATE_GOLDEN=1 writes it).
//!
//! The golden file holds names, counts and reasons, no line of anybody's. docs/differences.md says of
//! each refusal why the line is truly broken.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use trailhound::model::{Kind, Reject};

use crate::replayed::{Told, named_events, read, tell};
use crate::shared::corpus;

const GOLDEN: &str = "tests/conformance/walk.golden";

fn files(directory: &Path, all: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, all);
        } else {
            all.push(path);
        }
    }
}

/// As `replay` gives it to a lane, line by line; of the YAML, the lines that it quotes.
fn walk(file: &Path) -> Told {
    let mut text = read(file);
    if file.extension().is_some_and(|end| end == "yaml") {
        text = named_events(&text)
            .into_iter()
            .flat_map(|(_, t)| t)
            .collect();
    }
    tell(text.split_inclusive(|b| *b == b'\n'))
}

fn list(counts: impl Iterator<Item = (String, u64)>) -> String {
    let some = counts.filter(|(_, count)| *count > 0);
    let all: Vec<String> = some
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    if all.is_empty() {
        "none".to_owned()
    } else {
        all.join(", ")
    }
}

/// Why events are not whole: what ended the wait, and what is missing.
fn incomplete(told: &Told) -> String {
    let mut why: BTreeMap<String, u64> = BTreeMap::new();
    let unmapped = told.documents.iter().map(|d| &d["unmapped"]);
    for u in unmapped.filter(|u| u["complete"] == false) {
        let missing = u["missing"].as_array().into_iter().flatten();
        let missing: Vec<&str> = missing.filter_map(|m| m.as_str()).collect();
        let cut = u["cut"].as_str().unwrap_or_default();
        *why.entry(format!("{cut} without {}", missing.join("+")))
            .or_default() += 1;
    }
    list(why.into_iter())
}

fn describe(name: &str, told: &Told) -> String {
    let stats = &told.stats;
    let refused: u64 = stats.rejects.iter().sum();
    let rejects = Reject::ALL
        .iter()
        .map(|r| (r.as_str().to_owned(), stats.rejects[r.index()]));
    let kinds = Kind::ALL.iter().zip(stats.events);
    let mut text = format!("{name}\n");
    let _ = writeln!(
        text,
        "  lines {}, read {}, refused: {}",
        stats.lines,
        stats.lines.saturating_sub(refused),
        list(rejects)
    );
    let events = list(kinds.map(|(kind, count)| (kind.as_str().to_owned(), count)));
    let _ = writeln!(text, "  events: {events}; incomplete: {}", incomplete(told));
    text
}

#[test]
fn every_file_of_the_corpus_is_read_as_the_golden_file_says() {
    let Some(corpus) = corpus() else { return };
    let root = corpus.join("audit");
    let mut all = Vec::new();
    files(&root, &mut all);
    all.sort();
    assert_eq!(all.len(), 78, "files of the corpus");
    let mut said = String::new();
    let (mut lines, mut refused) = (0, 0);
    for file in &all {
        let told = walk(file);
        lines += told.stats.lines;
        refused += told.stats.rejects.iter().sum::<u64>();
        let name = file.strip_prefix(&root).unwrap().display().to_string();
        said += &describe(&name, &told);
    }
    let _ = writeln!(
        said,
        "in all\n  files {}, lines {lines}, refused {refused}",
        all.len()
    );
    println!("{said}");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(GOLDEN, &said).unwrap();
    }
    let golden = std::fs::read_to_string(GOLDEN).unwrap_or_default();
    for (said, golden) in said.lines().zip(golden.lines()) {
        assert_eq!(said, golden, "UPDATE_GOLDEN=1 writes {GOLDEN}");
    }
    assert_eq!(said, golden);
}
