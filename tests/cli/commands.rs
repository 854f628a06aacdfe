//! Help, version and exit codes.

use super::{code, run, stderr, trailhound};

#[test]
fn every_command_has_help_with_examples() {
    for command in ["demo", "replay", "explain", "run", "check-config"] {
        let output = run(&[command, "--help"]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(code(&output), 0, "{command}");
        assert!(
            text.contains("Examples:") && text.contains(&format!("trailhound {command}")),
            "{text}"
        );
    }
    let output = run(&["--help"]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("78 bad configuration"));
}

#[test]
fn the_version_is_the_crates() {
    let output = run(&["--version"]);
    assert_eq!(
        output.stdout,
        format!("trailhound {}\n", env!("CARGO_PKG_VERSION")).as_bytes()
    );
}

#[test]
fn a_usage_error_is_2() {
    let wrong: [&[&str]; 7] = [
        &[],
        &["nosuch"],
        &["replay"],
        &["run"],
        &["replay", "-", "--kind", "login"],
        &["replay", "-", "--schema", "esc"],
        &["replay", "-", "--threads", "0"],
    ];
    for args in wrong {
        let output = run(args);
        assert_eq!(code(&output), 2, "{args:?}");
        assert!(output.stdout.is_empty(), "{args:?}");
    }
    assert!(
        stderr(&run(&["replay", "-", "--kind", "login"]))
            .contains("expected process, logon, flow, alert or audit")
    );
    assert!(
        stderr(&run(&["replay", "-", "--schema", "esc"])).contains("expected ocsf, ecs or asim")
    );
}

#[test]
fn run_refuses_a_bad_configuration() {
    let output = run(&["run", "--config", "tests/cli/config/wrong_type.toml"]);
    assert_eq!(code(&output), 78);
    assert!(
        stderr(&output).contains("tests/cli/config/wrong_type.toml:1:11: "),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_flag_and_a_variable_are_named_in_their_mistakes() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("small.toml");
    std::fs::write(&file, "[kafka]\nbootstrap_servers = \"localhost:9092\"\n").unwrap();
    let file = file.to_str().unwrap();
    let output = trailhound(&["run", "--config", file, "--workers", "many"])
        .env("TRAILHOUND__COMMIT__INTERVAL", "soon")
        .output()
        .unwrap();
    assert_eq!(code(&output), 78);
    let said = stderr(&output);
    assert!(
        said.contains("--workers: 'workers' cannot be \"many\"; expected a whole number"),
        "{said}"
    );
    assert!(
        said.contains("environment variable TRAILHOUND__COMMIT__INTERVAL: "),
        "{said}"
    );
}
