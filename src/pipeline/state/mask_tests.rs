//! Commands and their patterns.

use super::*;
use proptest::prelude::*;

fn pattern(exe: &str, argv: &[&str]) -> String {
    let mut out = Vec::new();
    mask(exe.as_bytes(), argv.join(" ").as_bytes(), &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn what_differs_from_run_to_run_is_masked() {
    for (argument, masked) in [
        ("-la", "-la"),
        ("--color=auto", "--color=auto"),
        ("42", "<n>"),
        ("-n5", "-n<n>"),
        ("/etc/passwd", "<path>"),
        ("../a", "<path>"),
        ("./upd.sh", "<path>"),
        ("of=/dev/sda1", "of=<path>"),
        ("10.0.0.5", "<ip>"),
        ("10.0.0.0/8", "<ip>"),
        ("10.0.0.5:443", "<ip>"),
        ("2001:db8::1", "<ip>"),
        ("::1", "<ip>"),
        ("root@10.0.0.5", "root@<n>.<n>.<n>.<n>"),
        ("http://10.0.0.5:8000/a?b=c", "<url>=c"),
        ("d41d8cd98f00b204e9800998ecf8427e", "<hash>"),
        ("deadbeefdeadbeef", "<hash>"),
        ("335208fd-8b1d-4dca-a69b-67608d94de5c", "<hash>"),
        ("deadbeef", "deadbeef"),
        ("abc12", "abc<n>"),
        ("1.2.3", "<n>.<n>.<n>"),
        ("a-b-c-d-e-f-a-b-c-d-e-f", "a-b-c-d-e-f-a-b-c-d-e-f"),
        ("größe", "größe"),
        ("", ""),
    ] {
        assert_eq!(
            pattern("/bin/x", &["x", argument]),
            format!("/bin/x x {masked}")
        );
    }
}

#[test]
fn text_for_a_shell_is_masked_word_by_word() {
    let text = "iptables -w -d 168.63.129.16 -p tcp; cat '/etc/a b' >/dev/null 2>&1";
    assert_eq!(
        pattern("/bin/dash", &["/bin/sh", "-c", text]),
        "/bin/dash <path> -c iptables -w -d <ip> -p tcp; cat '<path> b' ><path> <n>>&<n>"
    );
}

#[test]
fn the_program_stays() {
    assert_eq!(
        pattern("/usr/bin/python3.11", &[]),
        "/usr/bin/python<n>.<n>"
    );
    assert_ne!(
        pattern("/usr/bin/cat", &["x"]),
        pattern("/usr/bin/tac", &["x"])
    );
}

proptest! {
    /// Digits never part two patterns, and nothing is lost but what is masked.
    #[test]
    fn numbers_make_no_difference(words in prop::collection::vec("[a-z./:-]{0,9}", 0..6), a in 0u32.., b in 0u32..) {
        let with = |number: u32| {
            let words: Vec<String> = words.iter().map(|word| format!("g{word} {number}")).collect();
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            pattern("/bin/x", &words)
        };
        prop_assert_eq!(with(a), with(b));
    }
}
