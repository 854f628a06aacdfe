//! Broken configurations: each is refused with 78, its file, its line and what was expected.
//! tests/cli/config/NAME.toml is a case, NAME.stderr what is said.

use std::path::{Path, PathBuf};

use rdkafka::mocking::MockCluster;

use super::{code, golden, run, stderr, trailhound};

fn cases() -> Vec<PathBuf> {
    let mut all: Vec<_> = std::fs::read_dir("tests/cli/config")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .collect();
    all.sort();
    assert!(all.len() >= 10);
    all
}

#[test]
fn every_broken_configuration_is_refused_in_words() {
    let mut wrong = Vec::new();
    for case in cases() {
        let name = case.file_name().unwrap().to_str().unwrap();
        let output = trailhound(&["check-config", name])
            .current_dir("tests/cli/config")
            .output()
            .unwrap();
        let said = stderr(&output);
        assert_eq!(code(&output), 78, "{name}: {said}");
        assert!(output.stdout.is_empty(), "{name}");
        for line in said.lines() {
            assert!(
                line.starts_with(name) && line.contains("expected"),
                "{line}"
            );
        }
        wrong.extend(golden(&case.with_extension("stderr"), &said).err());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let output = run(&["check-config", "no/such.toml"]);
    assert_eq!(code(&output), 78);
    assert!(
        stderr(&output).starts_with("no/such.toml: cannot be read: No such file"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_file_that_is_not_text_is_named_with_its_line() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("latin1.toml");
    std::fs::write(&file, b"[kafka]\ngroup = \"caf\xe9\"\n").unwrap();
    let output = run(&[Path::new("check-config"), &file]);
    assert_eq!(code(&output), 78);
    assert!(
        stderr(&output).contains("latin1.toml:2:13: a byte that is not UTF-8"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn an_unreachable_broker_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("away.toml");
    // Port 1 of loopback: nobody listens there.
    std::fs::write(&file, "[kafka]\nbootstrap_servers = \"127.0.0.1:1\"\n").unwrap();
    let output = run(&[Path::new("check-config"), &file, Path::new("--connect")]);
    assert_eq!(code(&output), 78);
    let said = stderr(&output);
    assert!(
        said.contains("away.toml: ") && said.contains("127.0.0.1:1"),
        "{said}"
    );
}

#[test]
fn what_will_be_used_is_printed_without_secrets() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("small.toml");
    let text = "[kafka]\nbootstrap_servers = \"localhost:9092\"\n[kafka.properties]\n\"client.id\" = \"hush\"\n";
    std::fs::write(&file, text).unwrap();
    let output = trailhound(&[Path::new("check-config"), &file])
        .env("TRAILHOUND__TOPICS__ALERT", "my.alerts")
        .output()
        .unwrap();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let printed = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(
        printed.contains("alert = \"my.alerts\"") && printed.contains("\"client.id\" = \"…\""),
        "{printed}"
    );
    assert!(!printed.contains("hush") && !stderr(&output).contains("hush"));
}

/// Neither by us nor in the client's own words.
#[cfg(feature = "ssl")]
#[test]
fn a_key_and_a_certificate_that_cannot_be_used_are_not_shown() {
    let directory = tempfile::tempdir().unwrap();
    let pem = |what: &str| format!("-----BEGIN {what}-----\nhush+hush\n-----END {what}-----\n");
    let file = directory.path().join("tls.toml");
    for (property, what) in [
        ("ssl.key.pem", "PRIVATE KEY"),
        ("ssl.ca.pem", "CERTIFICATE"),
    ] {
        std::fs::write(directory.path().join("pem"), pem(what)).unwrap();
        let text = format!(
            "[kafka]\nbootstrap_servers = \"127.0.0.1:1\"\n[kafka.properties]\n\"security.protocol\" = \"ssl\"\n\
             \"{property}\" = {{ file = \"pem\" }}\n"
        );
        std::fs::write(&file, text).unwrap();
        for command in [
            &[Path::new("check-config"), &file, Path::new("--connect")][..],
            &[
                Path::new("run"),
                Path::new("--http-listen"),
                Path::new("false"),
                Path::new("--config"),
                &file,
            ],
        ] {
            let output = run(command);
            assert_ne!(code(&output), 0);
            let said = stderr(&output) + &String::from_utf8_lossy(&output.stdout);
            assert!(said.contains(property), "{said}");
            assert!(!said.contains("hush"), "{said}");
        }
    }
}

#[test]
fn missing_topics_are_named_unless_they_will_be_made() {
    let cluster = MockCluster::new(1).unwrap();
    for topic in [
        "audit.raw",
        "trailhound.process",
        "trailhound.logon",
        "trailhound.flow",
        "trailhound.deadletter",
    ] {
        cluster.create_topic(topic, 1, 1).unwrap();
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("here.toml");
    let check = |more: &str| {
        let text = format!(
            // The mock cluster has no transactions, and tells no settings of topics.
            "delivery = \"at_least_once\"\n[kafka]\nbootstrap_servers = \"{}\"\n{more}",
            cluster.bootstrap_servers()
        );
        std::fs::write(&file, text).unwrap();
        run(&[Path::new("check-config"), &file, Path::new("--connect")])
    };
    let output = check("");
    assert_eq!(code(&output), 78, "{}", stderr(&output));
    assert!(
        stderr(&output).contains("missing topics: flow.raw, trailhound.alert;"),
        "{}",
        stderr(&output)
    );
    let output = check("create_topics = true\n");
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(
        stderr(&output).contains("made at start: flow.raw, trailhound.alert"),
        "{}",
        stderr(&output)
    );
}
