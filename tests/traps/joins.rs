//! Which records belong together: serials, nodes, companions, lateness, restarts.

use serde_json::json;
use trailhound::model::{Kind, Reject};

use super::{Told, lines, run};

/// A program start, line by line; `@` in what is given becomes the stamp.
pub fn start(stamp: &str) -> Vec<String> {
    [
        "type=SYSCALL msg=audit(@): arch=c000003e syscall=59 success=yes exit=0 a0=1 a1=2 a2=3 a3=4 items=2 ppid=7 pid=8 auid=1000 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=pts0 ses=3 comm=\"id\" exe=\"/usr/bin/id\" key=(null)",
        "type=EXECVE msg=audit(@): argc=2 a0=\"id\" a1=\"-u\"",
        "type=CWD msg=audit(@): cwd=\"/root\"",
        "type=PATH msg=audit(@): item=0 name=\"/usr/bin/id\" inode=1 dev=08:01 mode=0100755 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL",
        "type=PATH msg=audit(@): item=1 name=\"/lib64/ld-linux-x86-64.so.2\" inode=2 dev=08:01 mode=0100755 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL",
        "type=PROCTITLE msg=audit(@): proctitle=6964002D75",
        "type=EOE msg=audit(@): ",
    ]
    .map(|line| line.replace('@', stamp))
    .to_vec()
}

const STAMP: &str = "1700000000.123:77";

fn told(all: &[String]) -> Told {
    lines(&all.join("\n"))
}

fn is_whole(told: &Told) {
    assert!(told.rejects.is_empty(), "{:?}", told.rejects);
    assert_eq!(told.events.len(), 1, "{told:#?}");
    let event = told.only(Kind::Process);
    assert_eq!(event["unmapped"]["complete"], true, "{event}");
    assert_eq!(event["unmapped"]["argv"], json!(["id", "-u"]));
    assert_eq!(event["process"]["working_directory"], "/root");
}

#[test]
fn one_serial_on_two_nodes() {
    let all: Vec<String> = start(STAMP)
        .iter()
        .flat_map(|line| ["web01", "web02"].map(|node| format!("node={node} {line}")))
        .collect();
    let told = told(&all);
    let hosts: Vec<_> = told
        .of(Kind::Process)
        .iter()
        .map(|event| {
            assert_eq!(event["unmapped"]["complete"], true);
            event["device"]["hostname"].clone()
        })
        .collect();
    assert_eq!(hosts, ["web01", "web02"]);
}

#[test]
fn user_space_records_and_a_syscall_on_one_serial() {
    for companion in [
        "LOGIN msg=audit(@): pid=8 uid=0 old-auid=4294967295 auid=1000 tty=(none) old-ses=4294967295 ses=3 res=1",
        "USER_ACCT msg=audit(@): pid=8 uid=0 auid=1000 ses=3 msg='op=PAM:accounting acct=\"a\" exe=\"/usr/sbin/cron\" hostname=? addr=? terminal=cron res=success'",
        "SERVICE_START msg=audit(@): pid=1 uid=0 auid=4294967295 ses=4294967295 msg='unit=cron comm=\"systemd\" exe=\"/lib/systemd/systemd\" hostname=? addr=? terminal=? res=success'",
        "CONFIG_CHANGE msg=audit(@): auid=1000 ses=3 op=add_rule key=\"x\" list=4 res=1",
    ] {
        let lines = [
            format!("type={companion}"),
            "type=SYSCALL msg=audit(@): arch=c000003e syscall=44 success=yes exit=1 a0=1 a1=2 a2=3 a3=4 items=0 ppid=7 pid=8 auid=1000 uid=0 ses=3 comm=\"x\" exe=\"/x\" key=(null)".to_owned(),
            "type=PROCTITLE msg=audit(@): proctitle=\"x\"".to_owned(),
        ]
        .map(|line| line.replace('@', STAMP));
        let told = told(&lines);
        let kinds: Vec<_> = told.records().iter().map(|r| r["type"].clone()).collect();
        let first = companion.split(' ').next().unwrap();
        assert_eq!(kinds, [first, "SYSCALL", "PROCTITLE"]);
        assert_eq!(told.only(Kind::Audit)["unmapped"]["complete"], true);
    }
}

#[test]
fn a_late_proctitle() {
    let mut all = start(STAMP);
    let title = all.remove(5);
    // Behind EOE, and behind the next event.
    all.extend(start("1700000000.130:78"));
    all.insert(9, title);
    let told = told(&all);
    assert!(told.rejects.is_empty(), "{:?}", told.rejects);
    assert_eq!(told.of(Kind::Process).len(), 2);
    assert!(told.of(Kind::Audit).is_empty());
}

#[test]
fn eoe_never_there() {
    let mut all: Vec<String> = (0..9)
        .flat_map(|n| start(&format!("1700000000.{n}00:{n}")))
        .collect();
    all.retain(|line| !line.starts_with("type=EOE"));
    let told = told(&all);
    assert_eq!(told.of(Kind::Process).len(), 9);
    for event in told.of(Kind::Process) {
        assert_eq!(event["unmapped"]["complete"], true);
    }
}

#[test]
fn the_kernel_says_unknown_1327() {
    let mut all = start(STAMP);
    all[5] = all[5].replace("PROCTITLE", "UNKNOWN[1327]");
    is_whole(&told(&all));
}

#[test]
fn two_glued_records() {
    let all = start(STAMP);
    let glued = format!("node=web01 {} {}", all[3], all[2]);
    let mut all: Vec<String> = all
        .iter()
        .map(|line| format!("node=web01 {line}"))
        .collect();
    all[3] = glued;
    all.remove(2);
    let told = told(&all);
    is_whole(&told);
    assert_eq!(told.only(Kind::Process)["device"]["hostname"], "web01");
}

#[test]
fn three_glued_records_of_different_events() {
    let eoe = |n| format!("type=USER msg=audit(1700000000.000:{n}): pid=1 msg='text={n} ok'");
    let told = lines(&format!("{} {} node=web02 {}", eoe(1), eoe(2), eoe(3)));
    assert!(told.rejects.is_empty());
    let mut got: Vec<_> = told
        .of(Kind::Audit)
        .iter()
        .map(|e| {
            (
                e["device"]["hostname"].clone(),
                e["metadata"]["original_event_uid"].clone(),
            )
        })
        .map(|(host, uid)| format!("{host} {uid}"))
        .collect();
    got.sort();
    assert_eq!(
        got,
        [
            r#""key01" "1700000000.000:1""#,
            r#""key01" "1700000000.000:2""#,
            r#""web02" "1700000000.000:3""#
        ]
    );
}

#[test]
fn a_record_that_a_program_quotes_is_not_another() {
    let told =
        lines("type=USER msg=audit(1.000:1): pid=1 msg='type=LOGIN msg=audit(2.000:2): pid=9'");
    assert_eq!(told.events.len(), 1);
    assert_eq!(told.records()[0]["type"], "USER");
}

#[test]
fn node_on_only_some_records() {
    let all = start(STAMP);
    // Which records have it, bit by bit; also last ones first.
    for mask in 1..127u32 {
        let mut some: Vec<String> = all
            .iter()
            .enumerate()
            .map(|(i, line)| match mask & 1 << i {
                0 => line.clone(),
                _ => format!("node=web01 {line}"),
            })
            .collect();
        for reversed in [false, true] {
            if reversed {
                some.reverse();
            }
            let told = told(&some);
            is_whole(&told);
            assert_eq!(
                told.only(Kind::Process)["device"]["hostname"],
                "web01",
                "{mask:b}"
            );
        }
    }
}

#[test]
fn node_on_only_some_records_and_the_envelope_names_it_otherwise() {
    let messages: Vec<String> = start(STAMP)
        .iter()
        .enumerate()
        .map(|(i, line)| {
            let node = if i % 2 == 0 {
                "node=web01.example "
            } else {
                ""
            };
            json!({ "message": format!("{node}{line}"), "host": "web01" }).to_string()
        })
        .collect();
    let told = run(messages.iter().map(String::as_bytes));
    is_whole(&told);
    assert_eq!(
        told.only(Kind::Process)["device"]["hostname"],
        "web01.example"
    );
}

#[test]
fn a_relay_of_several_nodes_keeps_what_names_none() {
    let mut all: Vec<String> = start(STAMP)
        .iter()
        .map(|line| format!("node=a {line}"))
        .collect();
    all.push("node=b type=USER msg=audit(1700000000.200:1): pid=1".to_owned());
    all.push("type=USER msg=audit(1700000000.200:1): pid=2".to_owned());
    let told = told(&all);
    let hosts: Vec<_> = told
        .of(Kind::Audit)
        .iter()
        .map(|e| e["device"]["hostname"].clone())
        .collect();
    assert_eq!(hosts.len(), 2);
    assert!(hosts.contains(&json!("b")) && hosts.contains(&json!("key01")));
}

#[test]
fn serial_wrap_around() {
    let all: Vec<String> = [(0, u32::MAX - 1), (4, u32::MAX), (8, 0), (12, 1)]
        .iter()
        .flat_map(|(millis, serial)| start(&format!("1700000000.{millis:03}:{serial}")))
        .collect();
    let told = told(&all);
    assert!(told.rejects.is_empty());
    let uids: Vec<_> = told
        .of(Kind::Process)
        .iter()
        .map(|e| e["metadata"]["original_event_uid"].clone())
        .collect();
    assert_eq!(
        uids,
        [
            "1700000000.000:4294967294",
            "1700000000.004:4294967295",
            "1700000000.008:0",
            "1700000000.012:1"
        ]
    );
}

#[test]
fn the_restart_after_daemon_start() {
    let mut all = start("1700000000.000:77");
    all.push(
        "type=DAEMON_END msg=audit(1700000100.000:78): op=terminate auid=0 pid=1 res=success"
            .into(),
    );
    // The daemon counts for itself, and the kernel begins anew.
    all.push("type=DAEMON_START msg=audit(1700000200.000:78): op=start ver=3.1 format=enriched kernel=6.1 auid=4294967295 pid=400 uid=0 ses=4294967295 res=success\x1dAUID=\"unset\" UID=\"root\"".into());
    all.extend(start("1700000200.004:77"));
    all.extend(start("1700000200.008:78"));
    let told = told(&all);
    assert!(told.rejects.is_empty(), "{:?}", told.rejects);
    assert_eq!(
        (told.of(Kind::Process).len(), told.of(Kind::Audit).len()),
        (3, 2)
    );
    for (_, event) in &told.events {
        assert_eq!(event["unmapped"]["complete"], true);
    }
}

#[test]
fn a_line_after_its_event_is_a_dead_letter() {
    let mut all = start(STAMP);
    all.push(all[3].clone());
    let told = told(&all);
    assert_eq!(told.rejects, [(Reject::Late, all[3].clone().into_bytes())]);
}
