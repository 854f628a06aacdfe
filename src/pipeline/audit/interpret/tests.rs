//! Meanings of recorded values, and that a record's own names win.

use super::*;
use proptest::prelude::*;

/// The meaning of each field of a record that has one.
fn meanings(kind: &[u8], body: &str) -> Vec<(String, String)> {
    let bump = Bump::new();
    let record = Record::new(
        RecordType::read(kind),
        body.as_bytes(),
        Call::read(body.as_bytes()),
    );
    let fields = Fields::new(body.as_bytes());
    fields
        .filter_map(|field| {
            let meaning = record.meaning(&field, &bump)?;
            let key = String::from_utf8_lossy(field.key).into_owned();
            Some((key, meaning.to_string()))
        })
        .collect()
}

fn expect(kind: &[u8], body: &str, want: &[(&str, &str)]) {
    let have = meanings(kind, body);
    let want: Vec<_> = want
        .iter()
        .map(|(k, v)| (k.to_string(), v.to_string()))
        .collect();
    assert_eq!(have, want, "{body}");
}

#[test]
fn a_call_is_told_by_name() {
    expect(
        b"SYSCALL",
        "arch=c000003e syscall=257 success=no exit=-13 a0=ffffff9c a1=7ffc a2=80241 a3=1b6 items=1 auid=4294967295 uid=0 comm=\"x\" key=(null)",
        &[
            ("arch", "x86_64"),
            ("syscall", "openat"),
            ("exit", "EACCES(Permission denied)"),
            ("a0", "AT_FDCWD"),
            ("a2", "O_WRONLY|O_CREAT|O_TRUNC|O_CLOEXEC"),
            ("a3", "0666"),
            ("auid", "unset"),
            ("comm", "x"),
        ],
    );
    expect(
        b"SYSCALL",
        "arch=40000003 syscall=102 success=yes exit=0 a0=3",
        &[
            ("arch", "i386"),
            ("syscall", "socketcall(connect)"),
            ("a0", "connect"),
        ],
    );
    expect(
        b"SYSCALL",
        "arch=c00000b7 syscall=56 exit=3 a0=ffffffffffffff9c a2=84000",
        &[
            ("arch", "aarch64"),
            ("syscall", "openat"),
            ("a0", "AT_FDCWD"),
            ("a2", "O_RDONLY|O_DIRECTORY|O_CLOEXEC"),
        ],
    );
}

#[test]
fn arguments_are_read_by_the_call() {
    for (number, arguments, want) in [
        (62, "a0=1 a1=f", vec![("a1", "SIGTERM")]),
        (101, "a0=10 a1=4d2", vec![("a0", "PTRACE_ATTACH")]),
        (
            41,
            "a0=10 a1=80003 a2=9",
            vec![
                ("a0", "netlink"),
                ("a1", "SOCK_RAW"),
                ("a2", "NETLINK_AUDIT"),
            ],
        ),
        (
            41,
            "a0=2 a1=1 a2=6",
            vec![("a0", "inet"), ("a1", "SOCK_STREAM"), ("a2", "tcp")],
        ),
        (
            9,
            "a0=0 a1=1000 a2=7 a3=22",
            vec![
                ("a2", "PROT_READ|PROT_WRITE|PROT_EXEC"),
                ("a3", "MAP_PRIVATE|MAP_ANONYMOUS"),
            ],
        ),
        (56, "a0=10000000", vec![("a0", "CLONE_NEWUSER")]),
        (90, "a0=7f a1=9ed", vec![("a1", "suid,0755")]),
        (
            92,
            "a0=7f a1=3e8 a2=ffffffff",
            vec![("a1", "1000"), ("a2", "unset")],
        ),
        (157, "a0=16 a1=2", vec![("a0", "PR_SET_SECCOMP")]),
        (
            157,
            "a0=18 a1=15",
            vec![("a0", "PR_CAPBSET_DROP"), ("a1", "sys_admin")],
        ),
        (
            72,
            "a0=3 a1=4 a2=800",
            vec![("a1", "F_SETFL"), ("a2", "O_RDONLY|O_NONBLOCK")],
        ),
        (
            165,
            "a0=1 a1=2 a2=3 a3=1001",
            vec![("a3", "MS_RDONLY|MS_BIND")],
        ),
    ] {
        let body = format!("arch=c000003e syscall={number} {arguments}");
        let all = meanings(b"SYSCALL", &body);
        let have: Vec<_> = all[2..]
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_str()))
            .collect();
        assert_eq!(have, want, "{body}");
    }
}

#[test]
fn other_records_are_read_by_their_fields() {
    expect(
        b"PATH",
        "item=0 name=2F746D702F6120622063 mode=0104755 ouid=0 nametype=NORMAL cap_fp=3000 cap_fi=0 cap_fe=0 cap_frootid=0",
        &[
            ("name", "/tmp/a b c"),
            ("mode", "file,suid,755"),
            ("cap_fp", "net_admin,net_raw"),
            ("cap_fi", "none"),
        ],
    );
    expect(
        b"CONFIG_CHANGE",
        "audit_enabled=2 old=1 auid=4294967295 op=add_rule key=\"a\" list=4 res=1",
        &[
            ("audit_enabled", "locked"),
            ("auid", "unset"),
            ("key", "a"),
            ("list", "exit"),
            ("res", "success"),
        ],
    );
    expect(
        b"PROCTITLE",
        "proctitle=617564697463746C002D2D72657365742D6C6F7374",
        &[("proctitle", "auditctl --reset-lost")],
    );
    expect(b"CONFIG_CHANGE", "key=610162", &[("key", "a,b")]);
    expect(
        b"TTY",
        "data=6C730D1B5B417F03",
        &[("data", "\"ls\",<ret>,<up>,<backspace>,<^C>")],
    );
    expect(
        b"SECCOMP",
        "arch=c000003e syscall=59 sig=31 code=0x80000000",
        &[
            ("arch", "x86_64"),
            ("syscall", "execve"),
            ("sig", "SIGSYS"),
            ("code", "kill-process"),
        ],
    );
    expect(
        b"NETFILTER_CFG",
        "table=filter family=2 entries=0 op=register",
        &[("family", "ipv4")],
    );
    expect(
        b"ANOM_PROMISCUOUS",
        "dev=eth0 prom=256 old_prom=0",
        &[("prom", "yes"), ("old_prom", "no")],
    );
    expect(
        b"EXECVE",
        "argc=2 a0=\"ls\" a1=6120",
        &[("a0", "ls"), ("a1", "a ")],
    );
    expect(b"SOCKADDR", "saddr=0200", &[("saddr", "saddr_fam=inet")]);
    expect(b"CRYPTO_KEY_USER", "fp=12:34", &[]);
}

#[test]
fn the_records_own_names_win() {
    let body = "arch=c000003e syscall=59 auid=1000 uid=0\x1dARCH=x86_64 SYSCALL=elsewhere AUID=\"deploy\" UID=\"root\"";
    expect(
        b"SYSCALL",
        body,
        &[
            ("arch", "x86_64"),
            ("syscall", "elsewhere"),
            ("auid", "deploy"),
            ("uid", "root"),
        ],
    );
}

#[test]
fn a_decision_is_read_out_of_its_words() {
    let said = decision(b"avc:  denied  { read write } for  pid=1");
    assert_eq!(said, Some((b"denied".as_slice(), b"read write".as_slice())));
    assert_eq!(
        decision(b"avc: granted { load } for"),
        Some((b"granted".as_slice(), b"load".as_slice()))
    );
    assert_eq!(decision(b"saddr=1\x1dSADDR={ saddr_fam=inet }"), None);
    assert_eq!(decision(b"denied { read"), None);
}

/// Names of fields from the tables, so that numbers that make no sense reach each reading.
fn field() -> impl Strategy<Value = String> {
    let keys = prop::sample::select(vec![
        "arch",
        "syscall",
        "exit",
        "a0",
        "a1",
        "a2",
        "a3",
        "saddr",
        "mode",
        "perm",
        "cap_fp",
        "sig",
        "list",
        "family",
        "hook",
        "action",
        "proto",
        "code",
        "oflag",
        "flags",
        "data",
        "proctitle",
        "key",
        "errno",
        "capability",
        "audit_enabled",
        "res",
        "auid",
        "prom",
    ]);
    let value = prop_oneof![
        "[0-9a-f]{1,20}",
        "-?[0-9]{1,20}",
        "\"[ -~]{0,8}\"",
        Just("c000003e".to_string())
    ];
    (keys, value).prop_map(|(key, value)| format!("{key}={value}"))
}

proptest! {
    #[test]
    fn no_value_makes_it_panic(fields in prop::collection::vec(field(), 1..12), bytes: Vec<u8>, number in 0u32..470) {
        let calls = format!("arch=c000003e syscall={number} {}", fields.join(" "));
        for kind in [b"SYSCALL".as_slice(), b"PATH", b"EXECVE", b"AVC", b"X"] {
            meanings(kind, &fields.join(" "));
            meanings(kind, &calls);
        }
        let bump = Bump::new();
        let record = Record::new(RecordType::SYSCALL, &bytes, Call::read(&bytes));
        for field in Fields::new(&bytes) {
            if let Some(meaning) = record.meaning(&field, &bump) {
                let _ = meaning.to_string();
            }
        }
        decision(&bytes);
    }
}
