//! The engine alone against our own search for the rules that may match: what it tells of an event, we tell.

use std::collections::BTreeSet;
use std::path::PathBuf;

use proptest::prelude::{ProptestConfig, Strategy};
use proptest::test_runner::TestRunner;
use rsigma_eval::{CompiledRule, JsonEvent, evaluate_rule};
use serde_json::Value;
use trailhound::model::process::{Account, Ancestor};
use trailhound::model::{EventUid, Process};
use trailhound::pipeline::detect::sigma::Builder;
use trailhound::pipeline::detect::sigma::pack::PACK;

use super::shared;

/// Words of the rules' own, to make events of that come near to matching.
fn words_of(texts: &[String]) -> Vec<String> {
    let lines = texts.iter().flat_map(|text| text.lines());
    let values = lines.filter_map(|line| {
        let line = line.trim();
        let value = line.strip_prefix("- ").unwrap_or(line);
        let value = value.split_once(": ").map_or(value, |(_, value)| value);
        let value = value.trim_matches(['\'', '"']);
        (!value.is_empty() && value.len() < 60).then(|| value.to_owned())
    });
    let all: BTreeSet<String> = values.collect();
    all.into_iter().collect()
}

/// The same event as the engine's own JSON, field by field as detect/sigma/view.rs has them.
fn as_json(process: &Process<'_>) -> [Value; 3] {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let parent = process.ancestors[0];
    let start = serde_json::json!({
        "Image": text(process.exe.unwrap()),
        "CommandLine": text(&process.command_line()),
        "ParentImage": text(parent.exe.unwrap()),
        "ParentCommandLine": text(parent.command.unwrap()),
        "CurrentDirectory": text(process.cwd.unwrap()),
        "User": "root", "ProcessId": 8, "ParentProcessId": 7, "LogonId": 5,
    });
    let mut execve = serde_json::json!({"type": "EXECVE", "argc": process.argv.len()});
    for (place, argument) in process.argv.iter().enumerate() {
        execve[format!("a{place}")] = text(argument).into();
    }
    let call = serde_json::json!({
        "type": "SYSCALL", "SYSCALL": "execve", "syscall": "execve", "success": "yes",
        "exe": text(process.exe.unwrap()), "comm": "x", "key": ["exec"], "pid": 8, "ppid": 7,
        "uid": 0, "ses": 5,
    });
    [start, execve, call]
}

/// The engine alone, every rule asked about every event, against our own search for the rules that may match.
#[test]
fn no_rule_is_passed_over_that_the_engine_alone_would_tell() {
    let mut texts: Vec<String> = PACK.iter().map(|(_, text)| (*text).to_owned()).collect();
    let mut folders: Vec<PathBuf> = shared()
        .map(|shared| shared.join("corpus/sigma"))
        .into_iter()
        .collect();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            match entry.unwrap().path() {
                path if path.is_dir() => folders.push(path),
                path if path.extension().is_some_and(|end| end == "yml") => {
                    texts.push(std::fs::read_to_string(path).unwrap());
                }
                _ => {}
            }
        }
    }
    texts.sort();
    let (mut builder, mut alone) = (Builder::default(), Vec::new());
    for text in &texts {
        builder.add(text);
        for rule in rsigma_parser::parse_sigma_yaml(text).unwrap().rules {
            let source = (&rule.logsource.category, &rule.logsource.service);
            let source = (source.0.as_deref(), source.1.as_deref());
            alone.extend(rsigma_eval::compile_rule(&rule).map(|rule| match source {
                (Some("process_creation"), _) => (0, rule),
                (_, Some("auditd")) => (1, rule),
                _ => (2, rule),
            }));
        }
    }
    let (set, words) = (builder.build(), words_of(&texts));
    let word = || proptest::sample::select(words.clone());
    let arguments = proptest::collection::vec(
        proptest::prop_oneof![4 => word(), 1 => (word(), word()).prop_map(|(a, b)| a + &b), 1 => "\\PC{0,9}"],
        1..7,
    );
    let exe = || {
        (
            proptest::sample::select(vec!["/usr/bin", "/tmp", ""]),
            word(),
        )
            .prop_map(|(a, b)| a.to_owned() + &b)
    };
    let mut runner = TestRunner::new(ProptestConfig::with_cases(3_000));
    let told = std::cell::Cell::new(0);
    let result = runner.run(
        &(exe(), arguments, exe(), word()),
        |(exe, argv, parent, cwd)| {
            let argv: Vec<&[u8]> = argv.iter().map(|argument| argument.as_bytes()).collect();
            let ancestors = [Ancestor {
                pid: 7,
                exe: Some(parent.as_bytes()),
                command: Some(parent.as_bytes()),
                started: None,
            }];
            let process = Process {
                exe: Some(exe.as_bytes()),
                argv: &argv,
                cwd: Some(cwd.as_bytes()),
                ancestors: &ancestors,
                ..start()
            };
            let mut hits = Vec::new();
            set.process(&process, &mut hits);
            let hits: BTreeSet<String> = hits.iter().map(|hit| hit.rule.id.to_string()).collect();
            let [start, execve, call] = as_json(&process);
            let is_told = |source: &usize, rule: &CompiledRule| {
                let asks = |json: &Value| evaluate_rule(rule, &JsonEvent::borrow(json)).is_some();
                match source {
                    0 => asks(&start),
                    1 => asks(&execve) || asks(&call),
                    _ => false,
                }
            };
            let wanted = alone.iter().filter(|(source, rule)| is_told(source, rule));
            let wanted: BTreeSet<String> = wanted.filter_map(|(_, rule)| rule.id.clone()).collect();
            told.set(told.get() + wanted.len());
            proptest::prop_assert_eq!(hits, wanted);
            Ok(())
        },
    );
    result.unwrap();
    eprintln!("{} rules, {} matches", alone.len(), told.get());
    assert!(told.get() > 500, "the events come near enough");
}

/// A program start without what the test varies.
fn start<'p>() -> Process<'p> {
    let root = Account {
        id: Some(0),
        name: Some(b"root"),
    };
    Process {
        uid: EventUid(7),
        host: "web01",
        pid: Some(8),
        ppid: Some(7),
        comm: Some(b"x"),
        user: root,
        session: Some(5),
        keys: &[b"exec"],
        exit: Some(0),
        ..Process::default()
    }
}
