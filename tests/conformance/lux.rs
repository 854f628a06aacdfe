//! lux's filtered audit log: who started what, from where, and whether it succeeded.

use serde_json::Value;

use crate::replayed::{Told, read, tell};
use crate::shared::{Tally, corpus};

#[test]
fn every_program_start_of_lux() {
    let Some(corpus) = corpus() else { return };
    let (audit, expected) = (corpus.join("audit"), corpus.join("expected"));
    let mut tally = Tally::new("lux, program starts");
    for (input, theirs) in [
        ("lux/audit.segA.log.gz", "lux/filtered_audit.segA.jsonl"),
        (
            "lux-fixtures/case_exec_and_fs_create.log",
            "lux-fixtures/case_exec_and_fs_create.expected.jsonl",
        ),
    ] {
        let told = tell(read(&audit.join(input)).split_inclusive(|b| *b == b'\n'));
        for line in read(&expected.join(theirs))
            .split(|b| *b == b'\n')
            .filter(|line| !line.is_empty())
        {
            compare(&mut tally, &told, &serde_json::from_slice(line).unwrap());
        }
    }
    tally.done(1000);
}

/// Values that are text and numbers alike.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn compare(tally: &mut Tally, told: &Told, theirs: &Value) {
    let serial = theirs["audit_seq"].as_u64().unwrap();
    let by_serial = told.by_serial();
    let Some(ours) = by_serial.get(&serial) else {
        return tally.compare(&serial.to_string(), "no event", "an event", None);
    };
    let records = ours["unmapped"]["records"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let record = |kind: &str, name: &str| {
        let found = records
            .iter()
            .find(|r| r["type"] == kind && !r[name].is_null());
        found.map_or(Value::Null, |r| r[name].clone())
    };
    let process = &ours["process"];
    let is_start = ours["unmapped"]["records"].is_null();
    let get = |name: &str| match name {
        "pid" if is_start => process["pid"].clone(),
        "ppid" if is_start => process["parent_process"]["pid"].clone(),
        "uid" if is_start => process["user"]["uid"].clone(),
        "gid" if is_start => process["group"]["uid"].clone(),
        "comm" if is_start => ours["unmapped"]["comm"].clone(),
        "exe" if is_start => process["path"].clone(),
        "cwd" if is_start => process["working_directory"].clone(),
        "cmd" if is_start => process["cmd_line"].clone(),
        "audit_key" if is_start => ours["metadata"]["labels"][0].clone(),
        "exec_success" => (ours["status"] == "Success").into(),
        "exec_exit" if is_start => ours["status_code"].clone(),
        "audit_key" => record("SYSCALL", "key"),
        "exec_exit" => record("SYSCALL", "exit"),
        "exec_errno_name" => ours["status_code"].clone(),
        "cwd" => record("CWD", "cwd"),
        "cmd" | "path" | "exec_attempted_path" => record("PATH", "name"),
        other => record("SYSCALL", other),
    };
    let ours_is_cut = ours["unmapped"]["complete"] == false;
    for name in [
        "cmd",
        "cwd",
        "comm",
        "exe",
        "pid",
        "ppid",
        "uid",
        "gid",
        "audit_key",
        "exec_success",
        "exec_exit",
        "exec_errno_name",
        "path",
    ] {
        let Some(value) = theirs.get(name) else {
            continue;
        };
        let (ours, theirs) = (plain(&get(name)), plain(value));
        let class = if name == "cmd" && ours.split_once(" -lc ").is_some_and(|(_, c)| c == theirs) {
            Some("lux: what a shell was told to run as the command")
        } else if ours == "null" && ours_is_cut {
            Some("lux: a file made, where the call is execve")
        } else {
            None
        };
        tally.compare(&format!("{serial} {name}"), &ours, &theirs, class);
    }
}
