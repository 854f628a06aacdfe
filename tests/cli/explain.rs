//! `explain`: tests/cli/explain/**/NAME.log is a case, NAME.txt what is said of it; NAME.args, where it is
//! there, are further words of the command. NAME.ecs.txt and NAME.asim.txt are the same in those schemas.
//! What is said for people must also be true: the ids are those of `replay`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::{code, golden, run, run_with_input, stderr};

const HERE: &str = "tests/cli/explain";

fn collect(folder: &Path, extension: &str, all: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, extension, all);
        } else if path.extension().is_some_and(|found| found == extension) {
            all.push(path);
        }
    }
}

fn cases() -> Vec<PathBuf> {
    let mut all = Vec::new();
    collect(Path::new(HERE), "log", &mut all);
    all.sort();
    assert!(all.len() >= 60, "{}", all.len());
    all
}

/// What the program says of a case.
fn said(command: &str, case: &Path, words: &[&str]) -> String {
    let mut all: Vec<OsString> = vec![command.into(), case.into()];
    all.extend(words.iter().map(OsString::from));
    if let Ok(args) = std::fs::read_to_string(case.with_extension("args")) {
        all.extend(args.split_whitespace().map(OsString::from));
    }
    let output = run(&all);
    assert_eq!(code(&output), 0, "{}: {}", case.display(), stderr(&output));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_case_is_explained_as_expected() {
    let mut wrong = Vec::new();
    let mut in_other_schemas = 0;
    for case in cases() {
        let said = |words: &[&str]| said("explain", &case, words);
        let text = said(&[]);
        assert!(!text.contains('\x1b'), "colour is for terminals");
        wrong.extend(golden(&case.with_extension("txt"), &text).err());
        for schema in ["ecs", "asim"] {
            let path = case.with_extension(format!("{schema}.txt"));
            if path.exists() {
                in_other_schemas += 1;
                wrong.extend(golden(&path, &said(&["--schema", schema])).err());
            }
        }
    }
    assert!(in_other_schemas >= 2, "{in_other_schemas}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn what_was_told_is_what_replay_tells() {
    for (schema, id) in [
        ("ocsf", "/metadata/uid"),
        ("ecs", "/event/id"),
        ("asim", "/EventUid"),
    ] {
        for case in cases() {
            let said = |command, more: &[&str]| {
                said(command, &case, &[&["--schema", schema], more].concat())
            };
            let explained = said("explain", &[]);
            let replayed = said("replay", &["--kind=process,logon,flow,alert,audit"]);
            let told = explained.lines().filter(|line| line.starts_with("  told "));
            let told: Vec<_> = told.collect();
            assert_eq!(told.len(), replayed.lines().count(), "{}", case.display());
            for (told, document) in told.iter().zip(replayed.lines()) {
                let document: serde_json::Value = serde_json::from_str(document).unwrap();
                let id = document.pointer(id).unwrap().as_str().unwrap();
                assert!(told.contains(id), "{}: {told}", case.display());
            }
        }
    }
}

/// Traps of which each test reads a file of the shared corpus: the case that has the like, of our own.
const ELSEWHERE: [(&str, &str); 5] = [
    ("the_eleven_samples_are_one_logon", "envelopes/filebeat"),
    (
        "log_analytics_rows_are_events_with_their_stamp_and_host",
        "envelopes/audit_log_rows_csv",
    ),
    (
        "the_oversized_event_of_auoms",
        "traps/forty_one_execve_records",
    ),
    ("auoms_execve_of_log4shell", "traps/auoms_execve"),
    ("the_stamps_of_plaso", "traps/broken_stamps"),
];

#[test]
fn every_trap_has_a_case() {
    let mut tests = Vec::new();
    collect(Path::new("tests/traps"), "rs", &mut tests);
    let mut lacking = Vec::new();
    for path in tests {
        let text = std::fs::read_to_string(path).unwrap();
        for test in text.split("#[test]\nfn ").skip(1) {
            let name = test.split('(').next().unwrap();
            let known = ELSEWHERE.iter().find(|(trap, _)| *trap == name);
            let case = known.map_or(format!("traps/{name}"), |(_, case)| (*case).to_owned());
            // A case may be of the envelope alone.
            let places = [case.clone(), case.replace("traps/", "envelopes/")];
            if !places
                .iter()
                .any(|case| Path::new(HERE).join(format!("{case}.log")).exists())
            {
                lacking.push(name.to_owned());
            }
        }
    }
    assert!(lacking.is_empty(), "without a case: {lacking:?}");
}

#[test]
fn a_schema_that_is_none_is_refused() {
    let output = run(&["explain", "--schema", "asym"]);
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("ocsf, ecs or asim"));
}

#[test]
fn the_host_and_the_input_can_be_given() {
    let line = b"type=CWD msg=audit(1.000:1): cwd=\"/\"\n";
    let output = run_with_input(&["explain", "--host", "web07"], line);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("host      web07, by --host"), "{said}");
    assert!(said.contains("missing: SYSCALL, PROCTITLE"), "{said}");
    let output = run_with_input(&["explain", "-"], b"");
    assert_eq!(code(&output), 0);
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let output = run(&["explain", "no/such.log"]);
    assert_eq!(code(&output), 1);
    assert!(
        stderr(&output).contains("no/such.log"),
        "{}",
        stderr(&output)
    );
}
