//! `explain`: tests/cli/explain/NAME.log is a case, NAME.txt what is said of it. What is said for people
//! must also be true: the ids are those of `replay`.

use std::path::{Path, PathBuf};

use super::{code, golden, run, run_with_input, stderr};

fn cases() -> Vec<PathBuf> {
    let entries = std::fs::read_dir("tests/cli/explain").unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut all: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
        .collect();
    all.sort();
    assert!(all.len() >= 7);
    all
}

#[test]
fn every_case_is_explained_as_expected() {
    let mut wrong = Vec::new();
    for case in cases() {
        let output = run(&[Path::new("explain"), &case]);
        assert_eq!(code(&output), 0, "{}: {}", case.display(), stderr(&output));
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(!said.contains('\x1b'), "colour is for terminals");
        wrong.extend(golden(&case.with_extension("txt"), &said).err());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn what_was_told_is_what_replay_tells() {
    for case in cases() {
        let said = run(&[Path::new("explain"), &case]).stdout;
        let said = String::from_utf8(said).unwrap();
        let kinds = "--kind=process,logon,flow,alert,audit";
        let replayed = run(&[Path::new("replay"), Path::new(kinds), &case]).stdout;
        let replayed = String::from_utf8(replayed).unwrap();
        let ids = replayed.lines().map(|line| {
            let document: serde_json::Value = serde_json::from_str(line).unwrap();
            document["metadata"]["uid"].as_str().unwrap().to_owned()
        });
        let told: Vec<_> = said
            .lines()
            .filter(|line| line.starts_with("  told "))
            .collect();
        let ids: Vec<_> = ids.collect();
        assert_eq!(told.len(), ids.len(), "{}", case.display());
        for (told, id) in told.iter().zip(ids) {
            assert!(told.contains(&id), "{}: {told}", case.display());
        }
    }
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
