//! The walls of the project, as tests: who may import whom, and the house rules for every file.
//!
//! Reads the sources as text, so it holds also what compiles. The rules are DESIGN's "The pure part
//! and the rest"; clocks, files and environment inside the pipeline are clippy's part (clippy.toml).
//! The checkers live in tests/tidy/ and have bad examples of their own.

#[path = "tidy/paths.rs"]
mod paths;
#[path = "tidy/rules.rs"]
mod rules;
#[path = "tidy/source.rs"]
mod source;

use std::path::{Path, PathBuf};

use source::Source;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
        Err(error) => panic!("{}: {error}", dir.display()),
    };
    for entry in entries {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
}

fn sources(dirs: &[&str]) -> Vec<Source> {
    let mut files = Vec::new();
    for dir in dirs {
        collect(&root().join(dir), &mut files);
    }
    files.sort();
    let read = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).expect("a readable file");
        let name = path
            .strip_prefix(root())
            .unwrap_or(path)
            .display()
            .to_string();
        Source::new(&name, &text)
    };
    files.iter().map(read).collect()
}

/// Runs a rule over all files; every finding is told, not only the first.
fn hold(dirs: &[&str], rule: impl Fn(&Source) -> Vec<String>) {
    let sources = sources(dirs);
    assert!(
        sources.len() > 10 || !dirs.contains(&"src"),
        "found no sources"
    );
    let found: Vec<String> = sources.iter().flat_map(rule).collect();
    assert!(
        found.is_empty(),
        "{} findings:\n{}",
        found.len(),
        found.join("\n")
    );
}

const ALL: [&str; 3] = ["src", "tests", "benches"];

#[test]
fn nobody_imports_over_a_wall() {
    hold(&["src"], rules::imports);
}

#[test]
fn the_pipeline_knows_no_runtime_crate() {
    hold(&["src"], rules::foreign_crates);
}

#[test]
fn every_file_opens_with_what_it_is_for() {
    hold(&ALL, rules::opening);
}

#[test]
fn no_file_is_longer_than_600_lines() {
    hold(&ALL, rules::length);
}

#[test]
fn nothing_is_left_undone() {
    hold(&ALL, rules::undone);
}

#[test]
fn nothing_from_outside_can_panic_by_unwrap() {
    hold(&["src"], rules::unwraps);
}
