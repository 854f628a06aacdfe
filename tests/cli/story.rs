//! `story`: tests/cli/story/NAME.log is a case, NAME.txt what is printed of it; and the recorded attack that
//! `demo` plays.

use std::path::{Path, PathBuf};

use super::{code, golden, run, run_with_input, stderr};

const HERE: &str = "tests/cli/story";

fn said(words: &[&str]) -> String {
    let output = run(&[&["story"], words].concat());
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains('\x1b'), "colour is for terminals");
    text
}

#[test]
fn every_case_is_told_as_expected() {
    let mut cases: Vec<PathBuf> = std::fs::read_dir(HERE)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
        .collect();
    cases.sort();
    assert!(!cases.is_empty());
    let wrong = cases.iter().filter_map(|case| {
        let text = said(&[case.to_str().unwrap()]);
        golden(&case.with_extension("txt"), &text).err()
    });
    let wrong: Vec<String> = wrong.collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn the_recorded_attack_is_told_as_expected() {
    let recording = "src/cli/demo/recording/attack.log.zst";
    let indicators = "src/cli/demo/recording/indicators.txt";
    let all = said(&[recording, "--intel", indicators]);
    golden(&Path::new(HERE).join("attack.txt"), &all).unwrap();
    let judged = said(&[recording, "--pack", "--from", "203.0.113.66"]);
    golden(&Path::new(HERE).join("attack_judged.txt"), &judged).unwrap();
    assert!(
        judged.contains("CRITICAL: On web01, deploy from 203.0.113.66"),
        "{judged}"
    );
    let from = said(&[recording, "--from", "203.0.113.66"]);
    assert!(
        from.contains("deploy from 203.0.113.66") && !from.contains("alice from"),
        "{from}"
    );
}

#[test]
fn the_host_and_the_input_can_be_given() {
    let line = b"type=CWD msg=audit(1.000:1): cwd=\"/\"\n";
    let output = run_with_input(&["story", "-", "--host", "web07"], line);
    assert_eq!(code(&output), 0);
    assert!(
        String::from_utf8(output.stdout)
            .unwrap()
            .starts_with("host web07")
    );
    let output = run(&["story", "no/such.log"]);
    assert_eq!(code(&output), 1);
    assert!(
        stderr(&output).contains("no/such.log"),
        "{}",
        stderr(&output)
    );
}
