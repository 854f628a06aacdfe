//! The tables of numbers against this machine: its kernel headers, and audit-userspace's `ausyscall --dump`.

use std::process::Command;

use trailhound::pipeline::audit::tables::{self, Arch};

use crate::shared::Tally;

/// `#define PREFIXname number` of a header.
fn defined(path: &str, prefix: &str) -> Vec<(String, u32)> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let defines = text.lines().filter_map(|line| {
        let mut words = line.strip_prefix("#define")?.split_whitespace();
        let name = words.next()?.strip_prefix(prefix)?;
        Some((name.to_owned(), words.next()?.parse().ok()?))
    });
    defines.collect()
}

#[test]
fn numbers_are_those_of_this_machines_headers() {
    let mut tally = Tally::new("this machine's headers");
    let name = |name: Option<&str>| name.unwrap_or("-").to_owned();
    for (file, arch) in [("unistd_64.h", Arch::X86_64), ("unistd_32.h", Arch::I386)] {
        let path = format!("/usr/include/x86_64-linux-gnu/asm/{file}");
        for (theirs, number) in defined(&path, "__NR_") {
            tally.compare(file, &name(arch.syscall(number)), &theirs, None);
        }
    }
    for file in ["errno-base.h", "errno.h"] {
        for (theirs, number) in defined(&format!("/usr/include/asm-generic/{file}"), "E") {
            tally.compare(
                file,
                &name(tables::errno(number)),
                &format!("E{theirs}"),
                None,
            );
        }
    }
    for (theirs, number) in defined("/usr/include/linux/capability.h", "CAP_") {
        let have = name(tables::capability(number));
        tally.compare("capability.h", &have, &theirs.to_lowercase(), None);
    }
    for (theirs, number) in defined("/usr/include/asm-generic/signal.h", "SIG") {
        let same = matches!(
            theirs.as_str(),
            "IOT" | "POLL" | "LOST" | "UNUSED" | "RTMIN"
        );
        if number < 32 && !same {
            tally.compare(
                "signal.h",
                &name(tables::signal(number)),
                &format!("SIG{theirs}"),
                None,
            );
        }
    }
    if !std::path::Path::new("/usr/include/linux/capability.h").exists() {
        eprintln!("NOT TESTED: this machine has no kernel headers");
        return;
    }
    tally.done(180);
}

#[test]
fn calls_are_ausyscalls() {
    let mut tally = Tally::new("ausyscall --dump");
    for arch in [
        "x86_64", "i386", "aarch64", "arm", "ppc64", "ppc64le", "ppc", "s390x",
    ] {
        let Ok(dump) = Command::new("ausyscall").args([arch, "--dump"]).output() else {
            eprintln!("NOT TESTED: this machine has no ausyscall");
            return;
        };
        let known = Arch::read(arch.as_bytes()).expect("it is known");
        for line in String::from_utf8_lossy(&dump.stdout).lines() {
            let Some((Ok(number), theirs)) =
                line.split_once('\t').map(|(n, name)| (n.parse(), name))
            else {
                continue;
            };
            let ours = known.syscall(number).unwrap_or("-");
            let class = match (arch, ours) {
                ("arm" | "ppc64" | "ppc64le" | "ppc", "-") => {
                    "ausyscall: calls of another ABI in the same table"
                }
                (_, "-") => "-",
                _ => "ausyscall: other names for the same calls",
            };
            let class = (class != "-").then_some(class);
            tally.compare(&format!("{arch} {number}"), ours, theirs, class);
        }
    }
    tally.done(2_000);
}
