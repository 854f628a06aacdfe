//! `replay`: the same bytes in any wrapping give the same bytes out, and every failure is named.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;

use super::{code, run, run_with_input, stderr, trailhound};

const ALL_KINDS: &str = "process,logon,flow,alert,audit";

/// The recording that the demonstration is made of.
fn recording() -> Vec<u8> {
    zstd::decode_all(std::fs::File::open("src/cli/demo/recording/attack.log.zst").unwrap()).unwrap()
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn file(directory: &TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = directory.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn replay(path: &Path, more: &[&str]) -> Vec<u8> {
    let mut args = vec!["replay", path.to_str().unwrap()];
    args.extend(more);
    let output = run(&args);
    assert_eq!(code(&output), 0, "{args:?}: {}", stderr(&output));
    output.stdout
}

/// The line of the summary that begins with `name`.
fn summary(said: &str, name: &str) -> String {
    let line = said
        .lines()
        .find(|line| line.trim_start().starts_with(name));
    line.unwrap_or_else(|| panic!("no '{name}' in: {said}"))
        .to_owned()
}

/// As a log is that was copied while it was being compressed.
#[test]
fn what_can_be_read_of_a_broken_file_is_told_and_then_that_it_is_broken() {
    let directory = TempDir::new().unwrap();
    let whole = gzip(&recording());
    let cut = &whole[..whole.len() / 2];
    let mut readable = Vec::new();
    let error = flate2::read::GzDecoder::new(cut).read_to_end(&mut readable);
    assert!(error.is_err());
    let lines = readable.iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    let readable = file(&directory, "readable.log", &readable[..lines]);
    let broken = file(&directory, "broken.log.gz", cut);
    let broken = broken.to_str().unwrap();

    for threads in ["1", "3"] {
        let more = ["--kind", ALL_KINDS, "--threads", threads];
        let wanted = replay(&readable, &more);
        assert!(!wanted.is_empty());
        let args = [&["replay", broken], more.as_slice()].concat();
        let output = run(&args);
        assert_eq!((code(&output), output.stdout == wanted), (1, true));
        let said = stderr(&output);
        assert!(said.contains("broken.log.gz: cannot be read"), "{said}");
        summary(&said, "events");
    }
    for command in ["story", "explain"] {
        let of = |path: &str| run(&[command, path]);
        let (output, wanted) = (of(broken), of(readable.to_str().unwrap()));
        assert_eq!((code(&output), code(&wanted)), (1, 0), "{command}");
        assert_eq!(output.stdout.is_empty(), wanted.stdout.is_empty());
        assert!(stderr(&output).contains("broken.log.gz"), "{command}");
    }
}

#[test]
fn the_wrapping_does_not_matter() {
    let directory = TempDir::new().unwrap();
    let text = recording();
    // A member may end in the middle of a line.
    let (one, two) = text.split_at(text.len() / 3);
    let plain = replay(
        &file(&directory, "plain.log", &text),
        &["--kind", ALL_KINDS],
    );
    assert!(!plain.is_empty());
    let wrapped = [
        file(&directory, "a.log.gz", &gzip(&text)),
        file(&directory, "b.log", &[gzip(one), gzip(two)].concat()),
        file(
            &directory,
            "c.zst",
            &zstd::encode_all(text.as_slice(), 1).unwrap(),
        ),
        file(
            &directory,
            "d",
            &[
                zstd::encode_all(one, 1).unwrap(),
                zstd::encode_all(two, 1).unwrap(),
            ]
            .concat(),
        ),
    ];
    for path in wrapped {
        assert!(
            replay(&path, &["--kind", ALL_KINDS]) == plain,
            "{}",
            path.display()
        );
    }
    for input in [text.clone(), gzip(&text)] {
        let output = run_with_input(&["replay", "-", "--kind", ALL_KINDS], &input);
        assert!(output.stdout == plain, "{}", stderr(&output));
    }
}

#[test]
fn threads_do_not_matter() {
    let directory = TempDir::new().unwrap();
    let path = file(&directory, "a.log", &recording());
    let flows = "src/cli/demo/recording/flows.ndjson";
    let intel = [
        "--intel",
        "src/cli/demo/recording/indicators.txt",
        "--kind",
        ALL_KINDS,
    ];
    let one = replay(&path, &[&[flows], &intel[..]].concat());
    for threads in ["2", "3", "8"] {
        let more = replay(
            &path,
            &[&[flows, "--threads", threads], &intel[..]].concat(),
        );
        assert!(one == more, "--threads {threads}");
    }
}

#[test]
fn only_the_kinds_asked_for_are_printed_and_all_are_counted() {
    let path = "src/cli/demo/recording/attack.log.zst";
    let output = run(&["replay", path, "--kind", "logon"]);
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(text.lines().count() > 5);
    assert!(text.lines().all(|line| line.contains("\"class_uid\":3002")));
    assert!(!summary(&stderr(&output), "events").contains("process 0 "));
}

#[test]
fn flows_are_known_by_their_first_line() {
    let output = run(&["replay", "src/cli/demo/recording/flows.ndjson"]);
    let said = stderr(&output);
    assert!(summary(&said, "events").contains("flow 8 "), "{said}");
    let output = run(&[
        "replay",
        "src/cli/demo/recording/flows.ndjson",
        "--as",
        "audit",
    ]);
    assert!(summary(&stderr(&output), "events").contains("flow 0 "));
}

#[test]
fn rejects_come_as_they_were() {
    let directory = TempDir::new().unwrap();
    let rejects = directory.path().join("rejects");
    let junk = b"no audit line \xff\xfe.\r\n\n{\"broken\": \ntype=EOE msg=audit(x): a=1\n";
    let args = ["replay", "-", "--rejects", rejects.to_str().unwrap()];
    let output = run_with_input(&args, junk);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let wanted = b"no audit line \xff\xfe.\r\n{\"broken\": \ntype=EOE msg=audit(x): a=1\n";
    assert_eq!(std::fs::read(rejects).unwrap(), wanted);
    let said = stderr(&output);
    assert_eq!(summary(&said, "rejected"), "rejected     3", "{said}");
    for reason in ["not_audit", "bad_json", "bad_stamp"] {
        assert!(
            summary(&said, reason).contains(&format!("{reason:<11}1")),
            "{said}"
        );
    }
}

#[test]
fn an_endless_line_is_refused_once_and_the_next_is_read() {
    let mut input = b"type=EOE msg=audit(1.000:1): ".repeat(150_000);
    input.push(b'\n');
    input.extend_from_slice(b"not audit\n");
    let output = run_with_input(&["replay", "-"], &input);
    let said = stderr(&output);
    assert!(
        summary(&said, "too_long").contains("too_long   1"),
        "{said}"
    );
    assert!(
        summary(&said, "not_audit").contains("not_audit  1"),
        "{said}"
    );
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    for threads in ["1", "2"] {
        let args = ["replay", "-", "--kind", ALL_KINDS, "--threads", threads];
        let mut child = trailhound(&args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let mut stdin = child.stdin.take().unwrap();
        let text = recording();
        for _ in 0..20 {
            // It ends on the way.
            if stdin.write_all(&text).is_err() {
                break;
            }
        }
        drop(stdin);
        let mut said = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut said)
            .unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0), "{said}");
        assert!(!said.contains("trailhound:"), "{said}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let directory = TempDir::new().unwrap();
    let mut cut = gzip(&recording());
    cut.truncate(cut.len() / 2);
    let cut = file(&directory, "cut.gz", &cut);
    for threads in ["1", "2"] {
        for path in [
            "no/such.log",
            cut.to_str().unwrap(),
            directory.path().to_str().unwrap(),
        ] {
            let output = run(&["replay", path, "--threads", threads]);
            assert_eq!(code(&output), 1, "{path}");
            assert!(stderr(&output).contains(path), "{}", stderr(&output));
        }
    }
    let output = run(&["replay", "-", "--intel", "no/such.txt"]);
    assert_eq!(
        (code(&output), stderr(&output).contains("no/such.txt")),
        (1, true)
    );
    let output = run(&["replay", "-", "--rejects", "no/such/rejects"]);
    assert_eq!(
        (code(&output), stderr(&output).contains("no/such/rejects")),
        (1, true)
    );
}

#[test]
fn a_host_is_given_to_lines_that_name_none() {
    let line = b"type=DAEMON_START msg=audit(1795318811.848:1): op=start ver=3.0.9 format=enriched auid=4294967295 pid=1 uid=0 ses=4294967295 res=success\n";
    let output = run_with_input(&["replay", "-", "--host", "db07", "--kind", "audit"], line);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("\"db07\""), "{text}");
}
