//! The peak of a process, and a process for each test.
//!
//! Place in the flow: under the tests. It reads /proc, so it is for Linux, as the program is.

use std::fs;
use std::process::Command;

const CHILD: &str = "TRAILHOUND_FLOOD_CHILD";

/// This is the process that one test has for itself.
pub fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

/// How much longer than usual.
pub fn times() -> u64 {
    let times = std::env::var("TRAILHOUND_FLOOD");
    times.map_or(1, |times| times.parse().expect("a number"))
}

pub fn in_a_process_of_its_own(name: &str) {
    let output = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(CHILD, "1")
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout);
    let told = said
        .lines()
        .find(|line| line.contains(&format!("{name}: ")));
    println!("{}", told.unwrap_or(&said));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{errors}");
    assert!(told.is_some(), "it told no figures: {said}");
}

/// Bytes of a line of /proc/self/status.
fn status(name: &str) -> usize {
    let text = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().next());
    number
        .and_then(|number| number.parse::<usize>().ok())
        .expect("a number")
        << 10
}

/// Bytes that were resident at most.
pub fn peak() -> usize {
    status("VmHWM:")
}

pub fn resident() -> usize {
    status("VmRSS:")
}
