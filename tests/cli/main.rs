//! The program as users meet it: help, exit codes, mistakes, files in and documents out.
//!
//! Place in the flow: outside; it starts the built program. It refuses to look inside.

#![allow(clippy::unwrap_used)]

mod commands;
mod config;
mod demo;
mod explain;
mod reference;
mod replay;
mod run;
mod story;

use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The built program, in an environment that holds nothing of ours.
fn trailhound<A: AsRef<OsStr>>(args: &[A]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trailhound"));
    command
        .args(args)
        .env_remove("NO_COLOR")
        .stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TRAILHOUND__") {
            command.env_remove(name);
        }
    }
    command
}

fn run<A: AsRef<OsStr>>(args: &[A]) -> Output {
    trailhound(args).output().unwrap()
}

fn run_with_input<A: AsRef<OsStr>>(args: &[A], input: &[u8]) -> Output {
    let mut child = trailhound(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || {
        // The program may end before it has read all.
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

/// Compares with a file, or writes it where UPDATE_GOLDEN is set.
fn golden(path: &Path, text: &str) -> Result<(), String> {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, text).unwrap();
        return Ok(());
    }
    let wanted = std::fs::read_to_string(path).unwrap_or_default();
    if wanted == text {
        return Ok(());
    }
    Err(format!(
        "{} differs (UPDATE_GOLDEN=1 rewrites it)\n--- wanted\n{wanted}\n--- got\n{text}",
        path.display()
    ))
}
