//! Tests of [`super`]: heads of lines as they come, broken ones, and that both readers agree.

use super::*;
use proptest::prelude::*;

fn stamp(time: i64, serial: u64) -> Stamp {
    Stamp {
        time: Timestamp(time),
        serial,
    }
}

#[test]
fn a_line_with_node_is_read() {
    let record = read(b"node=web01 type=CWD msg=audit(1795318752.528:192906): cwd=\"/\"").unwrap();
    assert_eq!(record.node, Some(b"web01".as_slice()));
    assert_eq!(record.kind, RecordType::CWD);
    assert_eq!(record.stamp, stamp(1_795_318_752_528, 192_906));
    assert_eq!(record.body, b"cwd=\"/\"");
}

#[test]
fn the_space_at_the_end_of_eoe_and_a_missing_msg_are_taken() {
    let record = read(b"type=EOE audit(1.002:3): ").unwrap();
    assert_eq!(
        (record.kind, record.body),
        (RecordType::EOE, b"".as_slice())
    );
    assert_eq!(record.stamp, stamp(1002, 3));
}

#[test]
fn a_short_fraction_is_read_where_it_is_nothing() {
    for text in ["12.0:3", "12.00:3", "12.000:3"] {
        let line = format!("type=CWD msg=audit({text}): x");
        assert_eq!(read(line.as_bytes()).unwrap().stamp, stamp(12_000, 3));
    }
}

#[test]
fn another_record_in_a_body_is_found_outside_of_quotes() {
    for (first, second) in [
        ("item=0 obj=x ", "type=CWD msg=audit(1.000:1):  cwd=\"/\""),
        (
            "item=0 name=\"a\" ",
            "node=n type=CWD msg=audit(1.000:1): x",
        ),
        ("tty=(none) key=(null) ", "type=CWD audit(1.000:1): x"),
        ("msg='op=x res=success' ", "type=EOE msg=audit(1.000:1): "),
    ] {
        let body = format!("{first}{second}");
        assert_eq!(glued(body.as_bytes()), Some(first.len()), "{body}");
    }
    for one in [
        "msg='text type=CWD msg=audit(1.000:1): x'",
        "name=\"a type=CWD msg=audit(1.000:1): x",
        "x=1 type=CWD msg=audit(x): y",
        "x=1 type=CWD msg=audit(",
        "x=1 type= msg=audit(1.000:1): x",
        "type=CWD msg=audit(1.000:1): x",
        "(null) audit(1.000:1)",
        "audit(1.000:1)",
    ] {
        assert_eq!(glued(one.as_bytes()), None, "{one}");
    }
}

#[test]
fn what_is_no_audit_line_says_why() {
    for (line, why) in [
        (&b"hello"[..], Reject::NotAudit),
        (b"type=SYSCALL", Reject::NotAudit),
        (b"type=SYSCALL msg=hello", Reject::NotAudit),
        (b"type=SYSCALL msg=audit(): x", Reject::BadStamp),
        (b"type=SYSCALL msg=audit(12:3): x", Reject::BadStamp),
        (b"type=SYSCALL msg=audit(12.1:3): x", Reject::BadStamp),
        (b"type=SYSCALL msg=audit(12.123:): x", Reject::BadStamp),
        (
            b"type=SYSCALL msg=audit(99999999999999999999.123:1): x",
            Reject::BadStamp,
        ),
        (b"node=web01", Reject::NotAudit),
        (b"type= msg=audit(1.000:1): x", Reject::NotAudit),
        (b"msg=audit(1.000:1): x", Reject::NotAudit),
        (b"type=SYSCALL msg=audit(12.1234:3): x", Reject::BadStamp),
    ] {
        assert_eq!(read(line), Err(why), "{}", String::from_utf8_lossy(line));
    }
}

#[test]
fn the_place_of_what_is_wrong_is_told() {
    for (line, rest, expected) in [
        ("hello", "hello", "'type=', or 'node=' before it"),
        ("node=web01", "", "a space after the name of the node"),
        (
            "node=web01 typo=CWD",
            "o=CWD",
            "'type=', or 'node=' before it",
        ),
        ("type=SYSCALL", "", "a space after the type"),
        ("type=CWD msg=audi(1.000:1)", "(1.000:1)", "'audit('"),
        ("type=CWD msg=audit(): x", "): x", "seconds"),
        (
            "type=CWD msg=audit(12:3): x",
            ":3): x",
            "'.' and milliseconds",
        ),
        (
            "type=CWD msg=audit(12.1:3): x",
            ":3): x",
            "three digits of milliseconds",
        ),
        (
            "type=CWD msg=audit(12.1234:3): x",
            "4:3): x",
            "three digits of milliseconds",
        ),
        ("type=CWD msg=audit(12.123", "", "':' and the serial"),
        ("type=CWD msg=audit(12.123:", "", "the serial"),
        (
            "type=CWD msg=audit(12.123:77: x",
            ": x",
            "')' after the serial",
        ),
    ] {
        let (at, told) = locate(line.as_bytes()).unwrap();
        assert_eq!((&line[at..], told), (rest, expected), "{line}");
    }
    assert_eq!(locate(b"type=CWD msg=audit(1.000:1): x"), None);
}

fn trimmed_usual(line: &[u8]) -> Option<Record<'_>> {
    read_usual(line).map(|record| Record {
        body: trimmed(record.body),
        ..record
    })
}

proptest! {
    #[test]
    fn what_is_read_fast_is_read_as_any(line in "type=(SYSCALL|CWD|EOE|USER_LOGIN|INTEGRITY_METADATA|NEW|[A-Z]{0,18}) {1,2}(msg=)?audit\\([0-9]{9,11}[.:]([0-9]{3}|[/-:]{2,4})[:.][0-9]{0,17}\\)?:? {0,2}(x( y)?)?[ \t]{0,2}") {
        let line = line.as_bytes();
        if let Some(record) = trimmed_usual(line) {
            prop_assert_eq!(read_any(None, line), Ok(record));
        }
    }

    #[test]
    fn a_usual_line_is_read_fast(time in 1_000_000_000_000i64..=9_999_999_999_999, serial in 0u64..=u32::MAX as u64, body in "[ -~]{0,40}") {
        let line = format!("type=PROCTITLE msg=audit({}): {body}", stamp(time, serial));
        let usual = trimmed_usual(line.as_bytes());
        prop_assert_eq!(usual.ok_or(Reject::NotAudit), read_any(None, line.as_bytes()));
    }

    #[test]
    fn a_plain_line_is_one_record_and_nothing_else(
        node in "(node=[a-z(\r\n]{0,3} )?",
        kind in "(CWD|SYSCALL|EOE|[A-Z]{1,3})[\0\n]?",
        body in "[ -~]{0,20}[\r\n]?[a-z=\"()]{0,9}( type=CWD msg=audit\\(1\\.000:2\\): x)?[ \r\n]{0,2}",
    ) {
        let line = format!("{node}type={kind} msg=audit(1700000000.123:4): {body}");
        if let Some(record) = read_plain(line.as_bytes()) {
            let read = read(line.as_bytes()).map(|read| Record { node: read.node.filter(|node| !node.is_empty()), ..read });
            prop_assert_eq!(read, Ok(record));
            prop_assert_eq!(glued(record.body), None);
            prop_assert!(!line.contains(['\r', '\n']), "{:?}", line);
        }
    }

    #[test]
    fn what_is_wrong_has_a_place_within_the_line(line in "(node=[a-z ]{0,3})?(type=[A-Z]{0,2}){0,1} ?(msg=)?(audit\\([0-9]{0,16}[.]?[0-9]{0,4}:?[0-9]{0,17}\\)?)?: x") {
        let place = locate(line.as_bytes());
        prop_assert_eq!(place.is_some(), read(line.as_bytes()).is_err());
        prop_assert!(place.is_none_or(|(at, _)| at <= line.len()));
    }

    #[test]
    fn no_bytes_make_it_panic(line: Vec<u8>) {
        let _ = (read(&line), locate(&line));
        if let Some(at) = glued(&line) {
            prop_assert!(read(&line[at..]).is_ok());
        }
    }

    #[test]
    fn what_is_glued_can_be_read(text in "[a ='\"(]{0,9}", more in "( node=n)?( type=[A-Z]{0,3})( msg=)?audit\\(1\\.000:[0-9]{0,3}\\): x") {
        let body = text + &more;
        if let Some(at) = glued(body.as_bytes()) {
            prop_assert!(read(&body.as_bytes()[at..]).is_ok(), "{}", body);
        }
    }

    #[test]
    fn every_stamp_is_read_back(seconds in 0i64..99_999_999_999, millis in 0i64..1000, serial in 0u64..u32::MAX as u64) {
        let want = stamp(seconds * 1000 + millis, serial);
        let line = format!("type=SYSCALL msg=audit({want}): arch=c000003e");
        prop_assert_eq!(read(line.as_bytes()).unwrap().stamp, want);
    }
}
