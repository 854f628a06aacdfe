//! auoms's command lines out of EXECVE records, whole and with pieces lost.

use serde_json::Value;

use crate::reading::{events, text};
use crate::replayed::read;
use crate::shared::{Tally, corpus};

#[test]
fn every_command_line_of_auoms() {
    let Some(corpus) = corpus() else { return };
    let file = corpus.join("expected/auoms/execve_cmdline_cases.jsonl");
    let mut tally = Tally::new("auoms, command lines");
    for line in read(&file)
        .split(|b| *b == b'\n')
        .filter(|line| !line.is_empty())
    {
        let case: Value = serde_json::from_slice(line).unwrap();
        let lines = case["records"].as_array().unwrap().iter();
        let lines: Vec<&str> = lines.filter_map(Value::as_str).collect();
        let event = events(lines.join("\n").as_bytes()).remove(0);
        let argv: Vec<String> = event
            .argv
            .unwrap_or_default()
            .iter()
            .map(|a| text(a))
            .collect();
        let theirs = case["expected_cmdline"].as_str().unwrap();
        let lost = theirs
            .contains("...")
            .then_some("auoms: marks where a piece was lost");
        // They mark the place in the text; we count the arguments that are not whole.
        assert_eq!(event.missing > 0, lost.is_some(), "{case}");
        tally.compare(
            case["name"].as_str().unwrap(),
            &argv.join(" "),
            theirs,
            lost,
        );
    }
    tally.done(8);
}
