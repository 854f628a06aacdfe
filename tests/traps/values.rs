//! What a value is: quoted, hex, empty, in parts, nested, unset.

use serde_json::{Value, json};
use trailhound::model::{Kind, Reject};

use super::joins::start;
use super::{lines, shared};

const STAMP: &str = "1700000000.123:77";

/// The program start whose EXECVE records are these.
fn with_arguments(execve: &[&str]) -> Value {
    let mut all = start(STAMP);
    let records = execve
        .iter()
        .map(|body| format!("type=EXECVE msg=audit({STAMP}): {body}"));
    all.splice(1..2, records);
    let told = lines(&all.join("\n"));
    assert!(told.rejects.is_empty());
    told.only(Kind::Process).clone()
}

fn argv(event: &Value) -> &Value {
    assert_eq!(event["unmapped"]["complete"], true, "{event}");
    &event["unmapped"]["argv"]
}

/// The program start with this in the SYSCALL record, instead of its `key=(null)`.
fn with_syscall(part: &str) -> Value {
    let mut all = start(STAMP);
    all[0] = all[0].replace("key=(null)", part);
    lines(&all.join("\n")).only(Kind::Process).clone()
}

#[test]
fn key_null_right_before_the_separator() {
    let event =
        with_syscall("key=(null)\x1dARCH=x86_64 SYSCALL=execve AUID=\"alice\" UID=\"root\"");
    assert!(event["metadata"]["labels"].is_null());
    assert_eq!(event["actor"]["user"]["name"], "alice");
}

#[test]
fn an_empty_argument() {
    let event = with_arguments(&["argc=4 a0=\"printf\" a1=\"\" a2=\"x\" a3=\"\""]);
    assert_eq!(*argv(&event), json!(["printf", "", "x", ""]));
}

#[test]
fn chunks_and_the_next_argument_in_mid_record() {
    let event = with_arguments(&[
        "argc=4 a0=\"sh\" a1_len=16 a1[0]=6162",
        "a1[1]=63642065 a1[2]=66 a2=\"two\" a3_len=4 a3[0]=20",
        "a3[1]=21",
    ]);
    // a1 is printed with 14 digits and says 16: what is promised is what counts.
    assert_eq!(event["unmapped"]["complete"], false);
    let event = with_arguments(&[
        "argc=4 a0=\"sh\" a1_len=14 a1[0]=6162",
        "a1[1]=63642065 a1[2]=66 a2=\"two\" a3_len=4 a3[0]=20",
        "a3[1]=21",
    ]);
    assert_eq!(*argv(&event), json!(["sh", "abcd ef", "two", " !"]));
}

#[test]
fn forty_one_execve_records() {
    let mut records = vec!["argc=41 a0=\"x\"".to_owned()];
    records.extend(
        (1..41).map(|n| format!("a{n}_len=6 a{n}[0]=20 a{n}[1]=2{:X}2{:X}", n % 16, n / 16)),
    );
    let records: Vec<&str> = records.iter().map(String::as_str).collect();
    let event = with_arguments(&records);
    let all = argv(&event).as_array().unwrap();
    assert_eq!((all.len(), all[40].as_str().unwrap()), (41, " (\""));
}

#[test]
fn the_oversized_event_of_auoms() {
    let Some(text) = shared("corpus/audit/auoms/oversized_event.log") else {
        return;
    };
    let told = lines(std::str::from_utf8(&text).unwrap());
    let event = told.only(Kind::Process);
    let all = argv(event).as_array().unwrap();
    // As its records promise: aN_len is the length as printed, twice the bytes.
    let text = String::from_utf8(text).unwrap();
    let promised = |n: usize| {
        let name = format!("a{n}_len=");
        let rest = &text[text.find(&name).unwrap() + name.len()..];
        rest.split(' ').next().unwrap().parse::<usize>().unwrap()
    };
    for (n, argument) in all.iter().enumerate().take(22).skip(3) {
        let length = argument.as_str().unwrap().len();
        assert!(
            length == promised(n) || length * 2 == promised(n),
            "a{n}: {length}"
        );
    }
}

#[test]
fn argc_larger_than_the_arguments_that_came() {
    let event = with_arguments(&["argc=9 a0=\"id\" a1=\"-u\""]);
    assert_eq!(event["unmapped"]["complete"], false);
    assert_eq!(event["unmapped"]["missing"], json!(["arguments"]));
    assert_eq!(event["unmapped"]["argv"], json!(["id", "-u"]));
}

#[test]
fn a_quoted_deadbeef_stays_text() {
    let event = with_arguments(&["argc=3 a0=\"deadbeef\" a1=\"DEADBEEF\" a2=DEADBEEF"]);
    assert_eq!(argv(&event)[0], "deadbeef");
    assert_eq!(argv(&event)[1], "DEADBEEF");
    assert_eq!(event["unmapped"]["argv_b64"][2], "3q2+7w==");
}

#[test]
fn hex_that_is_not_utf_8() {
    let event = with_arguments(&["argc=2 a0=\"x\" a1=FF20C3A9"]);
    assert_eq!(*argv(&event), json!(["x", "\u{fffd} \u{e9}"]));
    assert_eq!(event["unmapped"]["argv_b64"], json!(["eA==", "/yDDqQ=="]));
}

#[test]
fn several_keys_parted_by_one() {
    let event = with_syscall("key=6578656301726F6F74");
    assert_eq!(event["metadata"]["labels"], json!(["exec", "root"]));
}

#[test]
fn subj_with_two_equals() {
    let told = lines(
        "type=USER_END msg=audit(1.000:1): pid=1 uid=0 subj==unconfined msg='op=x res=success'",
    );
    assert_eq!(told.records()[0]["subj"], "=unconfined");
    let event = with_syscall("subj==unconfined key=\"k\"");
    assert_eq!(event["metadata"]["labels"], json!(["k"]));
}

#[test]
fn old_auid_and_new_auid() {
    let told = lines(
        "type=LOGIN msg=audit(1.000:1): login pid=25443 uid=0 old auid=4294967295 new auid=54321 old ses=4294967295 new ses=1166",
    );
    // Both are of one name, in their order; the words before them are kept apart.
    let record = &told.records()[0];
    assert_eq!(record["pid"], "25443");
    assert_eq!(
        (&record["auid"], &record["auid_2"]),
        (&json!("4294967295"), &json!("54321"))
    );
    assert_eq!(
        (&record["ses"], &record["ses_2"]),
        (&json!("4294967295"), &json!("1166"))
    );
    assert_eq!(told.words(), "login old new old new");
}

#[test]
fn user_pid() {
    let told = lines(
        "type=USER_AUTH msg=audit(1.000:1): user pid=2 uid=0 auid=4294967295 msg='PAM: authentication acct=\"root\" : exe=\"/usr/sbin/sshd\" (hostname=h.example, addr=192.0.2.1, terminal=ssh res=failed)'",
    );
    let logon = told.only(Kind::Logon);
    assert_eq!(logon["src_endpoint"]["ip"], "192.0.2.1");
    assert_eq!(
        (&logon["user"]["name"], &logon["status_id"]),
        (&json!("root"), &json!(2))
    );
    let record = &told.records()[0];
    assert_eq!(record["pid"], "2");
    assert!(
        told.words().starts_with("user PAM: authentication"),
        "{}",
        told.words()
    );
}

/// sshd writes no name that it does not know; what it writes instead is no user.
#[test]
fn acct_unknown() {
    for (acct, written) in [
        ("\"(unknown)\"", "(unknown)"),
        ("28756E6B6E6F776E207573657229", "(unknown user)"),
    ] {
        let told = lines(&format!(
            "type=USER_LOGIN msg=audit(1.000:1): pid=5 uid=0 auid=4294967295 ses=4294967295 msg='op=login acct={acct} exe=\"/usr/sbin/sshd\" hostname=? addr=203.0.113.7 terminal=sshd res=failed'"
        ));
        assert_eq!(told.only(Kind::Logon)["user"]["name"], "(unknown)");
        assert_eq!(told.records()[0]["acct"], written);
    }
}

#[test]
fn a_logon_without_acct() {
    let told = lines(
        "type=USER_LOGIN msg=audit(1.000:1): pid=5 uid=0 auid=1000 ses=9 msg='op=login id=1000 exe=\"/usr/sbin/sshd\" hostname=h addr=203.0.113.7 terminal=/dev/pts/0 res=success'",
    );
    let logon = told.only(Kind::Logon);
    assert_eq!(
        (&logon["user"]["uid"], &logon["status_id"]),
        (&json!("1000"), &json!(1))
    );
}

#[test]
fn a_nested_message_with_quotes_and_spaces() {
    let told = lines(
        "type=USER_CMD msg=audit(1.000:1): pid=5 uid=1000 auid=1000 ses=9 msg='cwd=\"/home/o'b\" cmd=6C73202D6C20276127 terminal=pts/0 res=success'\x1dUID=\"alice\" AUID=\"alice\"",
    );
    let record = &told.records()[0];
    assert_eq!(record["cwd"], "/home/o'b");
    assert_eq!(record["cmd"], "ls -l 'a'");
    assert_eq!(
        (&record["res"], &record["UID"]),
        (&json!("success"), &json!("alice"))
    );
}

#[test]
fn broken_stamps() {
    for (line, why) in [
        ("type=CWD msg=audit(): x", Reject::BadStamp),
        ("type=CWD msg=audit(1337845201): x", Reject::BadStamp),
        ("type=CWD msg=audit(1337845201.5:0): x", Reject::BadStamp),
        ("type=CWD msg=audit(1337845201.174:): x", Reject::BadStamp),
        ("type=CWD msg=audit(1337845201.174:7: x", Reject::BadStamp),
        ("type= msg=audit(1337845201.174:7): x", Reject::NotAudit),
        ("msg=audit(1337845201.174:7): x", Reject::NotAudit),
        ("type=CWD", Reject::NotAudit),
        ("type=UNKNOWN[1329] msg=g", Reject::NotAudit),
    ] {
        let told = lines(line);
        assert_eq!(told.rejects, [(why, line.as_bytes().to_vec())], "{line}");
        assert!(told.events.is_empty());
    }
    // `.0` is no millisecond, whatever the writer meant.
    let told = lines("type=SHORTDATE msg=audit(1337845201.0:0): x=1");
    assert_eq!(told.only(Kind::Audit)["time"], 1_337_845_201_000_i64);
}

#[test]
fn the_stamps_of_plaso() {
    let Some(text) = shared("corpus/audit/plaso/selinux.log") else {
        return;
    };
    let told = lines(std::str::from_utf8(&text).unwrap());
    let why: Vec<_> = told.rejects.iter().map(|(why, _)| *why).collect();
    assert_eq!(
        why,
        [
            Reject::BadStamp,
            Reject::BadStamp,
            Reject::NotAudit,
            Reject::NotAudit
        ]
    );
    let kinds: Vec<_> = told
        .of(Kind::Audit)
        .iter()
        .map(|e| e["unmapped"]["records"][0]["type"].clone())
        .collect();
    // In the order of their stamps; a record without a body is one too.
    assert_eq!(
        kinds,
        ["AVC", "SHORTDATE", "LOGIN", "NOMSG", "UNDER_SCORE", "MMAP"]
    );
}
