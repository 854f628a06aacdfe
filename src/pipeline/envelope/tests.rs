//! Tests of the envelope: every shipper's form, and that no byte of an input is lost or makes it panic.

use super::*;
use proptest::prelude::*;

type Opened = Vec<Result<(Option<String>, String), Reject>>;

fn open(value: &[u8]) -> Opened {
    open_with(Opener::default(), value)
}

fn open_with(mut opener: Opener, value: &[u8]) -> Opened {
    let mut lines = Vec::new();
    opener.open(value, &mut |line| {
        lines.push(match line {
            Ok(line) => Ok((
                line.host.map(|h| String::from_utf8_lossy(h).into_owned()),
                String::from_utf8_lossy(line.text).into_owned(),
            )),
            Err((reject, _)) => Err(reject),
        });
    });
    lines
}

fn line(host: Option<&str>, text: &str) -> Result<(Option<String>, String), Reject> {
    Ok((host.map(str::to_string), text.to_string()))
}

const CWD: &str = "type=CWD msg=audit(1.000:1): cwd=\"/\"";

#[test]
fn bare_lines_with_cr_and_lf() {
    let value = format!("{CWD}\r\nnode=web01 {CWD}\n\n{CWD}");
    assert_eq!(
        open(value.as_bytes()),
        [
            line(None, CWD),
            line(None, &format!("node=web01 {CWD}")),
            line(None, CWD)
        ]
    );
}

#[test]
fn syslog_in_its_forms() {
    for prefix in [
        "Nov 22 03:40:11 web01 audisp-syslog: ",
        "<13>Nov  2 03:40:11 web01 audispd: ",
        "2019-03-02T00:10:06.101234+00:00 web01 tag_audit_log: ",
        "<13>1 2019-03-02T00:10:06.101Z web01 auditd 17 - [meta x=\"a b\"] ",
    ] {
        assert_eq!(
            open(format!("{prefix}{CWD}").as_bytes()),
            [line(Some("web01"), CWD)],
            "{prefix}"
        );
        let with_node = format!("node=web02 {CWD}");
        assert_eq!(
            open(format!("{prefix}{with_node}").as_bytes()),
            [line(Some("web01"), &with_node)]
        );
    }
}

#[test]
fn json_of_the_shippers() {
    let escaped = CWD.replace('"', "\\\"");
    for (value, host) in [
        (
            format!(
                "{{\"@timestamp\":\"x\",\"message\":\"{escaped}\",\"host\":{{\"name\":\"web01\"}}}}"
            ),
            Some("web01"),
        ),
        (
            format!("{{\"@timestamp\":1.5,\"log\":\"{escaped}\\n\"}}"),
            None,
        ),
        (
            format!("{{\"host\":\"web01\",\"message\":\"{escaped}\",\"source_type\":\"file\"}}"),
            Some("web01"),
        ),
        (
            format!("{{\"event\":{{\"original\":\"{escaped}\"}},\"host\":{{\"name\":\"web01\"}}}}"),
            Some("web01"),
        ),
    ] {
        assert_eq!(open(value.as_bytes()), [line(host, CWD)], "{value}");
    }
}

#[test]
fn several_lines_in_one_json_message_and_several_documents_in_one_record() {
    let escaped = CWD.replace('"', "\\\"");
    let one = format!("{{\"message\":\"{escaped}\\r{escaped}\\n\"}}");
    assert_eq!(
        open(format!("{one}\n{one}\n").as_bytes()),
        vec![line(None, CWD); 4]
    );
    assert_eq!(
        open(format!("{{\n \"message\":\n \"{escaped}\"\n}}").as_bytes()),
        [line(None, CWD)]
    );
}

#[test]
fn a_document_without_a_line_is_refused_beside_others_too() {
    let value = format!(
        r#"[{{"log":{0:?}}},{{"severity":7}},{{"records":[{{"RawData":{0:?}}},{{"n":1}},2]}}]"#,
        CWD
    );
    let none = || Err(Reject::NoLine);
    assert_eq!(
        open(value.as_bytes()),
        [line(None, CWD), none(), line(None, CWD), none(), none()]
    );
}

#[test]
fn json_without_a_line_and_broken_json() {
    assert_eq!(open(b"{\"a\":1}"), [Err(Reject::NoLine)]);
    assert_eq!(open(b"{\"message\":7}"), [Err(Reject::NoLine)]);
    assert_eq!(open(b"{\"message\":\"x"), [Err(Reject::BadJson)]);
}

#[test]
fn what_is_rejected_is_given_back_as_it_came() {
    for value in [
        &b"{\"a\":1} \r\n{\"message\":\"hi\"}\n"[..],
        b"hello\r",
        b"\n\nhello \r\n\r\nworld",
        b" {\"broken\": \r\n",
    ] {
        let mut raws = Vec::new();
        Opener::default().open(value, &mut |line| {
            raws.extend_from_slice(match line {
                Ok(line) => line.raw,
                Err((_, raw)) => raw,
            });
        });
        assert_eq!(raws, value, "{}", String::from_utf8_lossy(value));
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(value: Vec<u8>) {
        open(&value);
    }

    #[test]
    fn no_text_makes_it_panic(value in "[<0-9>]{0,5}[a-zA-Z0-9 :{}\"\\[\\],=]{0,80}") {
        open(value.as_bytes());
    }
}

const LOGIN: &str =
    "type=USER_LOGIN msg=audit(1551485405.594:7507): pid=1 msg='op=login acct=\"root\" res=failed'";

/// A document of a shipper: `@` stands for the line.
fn filled(document: &str) -> String {
    document.replace('@', &LOGIN.replace('"', "\\\""))
}

#[test]
fn every_shipper_of_the_table() {
    let web01 = Some("web01");
    for (document, host) in [
        (
            r#"{"message":"@","log":{"offset":7},"host":{"name":"web01"}}"#,
            web01,
        ),
        (
            r#"{"event":{"original":"@"},"host":{"name":"web01"}}"#,
            web01,
        ),
        (
            r#"{"message":"USER_LOGIN by root","event":{"original":"@"},"host":{"name":"web01"}}"#,
            web01,
        ),
        (
            r#"{"auditd":{"messages":["@"]},"host":{"name":"web01"}}"#,
            web01,
        ),
        (r#"{"log":"@"}"#, None),
        (
            r#"{"log":"@\n","stream":"stdout","time":"2019-03-02T00:10:06.101Z"}"#,
            None,
        ),
        (
            r#"{"message":"@","hostname":"web01","time":1551485406.1}"#,
            web01,
        ),
        (r#"{"message":"@","host":"web01","timestamp":"x"}"#, web01),
        (r#"{"raw_event":"@","Hostname":"web01"}"#, web01),
        (r#"{"Message":"@","Hostname":"web01"}"#, web01),
        (
            r#"{"records":[{"RawData":"@","Computer":"web01","TimeGenerated":"x"}]}"#,
            web01,
        ),
        (r#"{"RecordText":"@","Computer":"web01"}"#, web01),
        (
            r#"{"SyslogMessage":"@","Computer":"web01","HostName":"other"}"#,
            web01,
        ),
        (r#"[{"message":"@","host":"web01"}]"#, web01),
        (r#"["@"]"#, None),
    ] {
        assert_eq!(
            open(filled(document).as_bytes()),
            [line(host, LOGIN)],
            "{document}"
        );
    }
}

#[test]
fn records_have_hosts_of_their_own() {
    let value = filled(
        r#"{"records":[{"RawData":"@\r@\r","Computer":"a"},{"RawData":"@","Computer":"b"}]}"#,
    );
    let want = [Some("a"), Some("a"), Some("b")].map(|host| line(host, LOGIN));
    assert_eq!(open(value.as_bytes()), want);
}

#[test]
fn lists_of_documents_and_documents_in_lines() {
    let value = filled("[\n{\"log\":\"@\"},\n{\"log\":\"@\"}\n]");
    assert_eq!(open(value.as_bytes()), vec![line(None, LOGIN); 2]);
    let value = filled("\u{feff}{\"log\":\"@\"}\r\n[{\"log\":\"@\"},{\"log\":\"@\"}]\r\n");
    assert_eq!(open(value.as_bytes()), vec![line(None, LOGIN); 3]);
    for empty in [
        "[]",
        "{}",
        r#"{"records":[]}"#,
        r#"{"message":""}"#,
        "[[1]]",
        r#"{"records":[{"records":[{"log":"x"}]}]}"#,
    ] {
        assert_eq!(open(empty.as_bytes()), [Err(Reject::NoLine)], "{empty}");
    }
}

#[test]
fn the_kernels_time_in_brackets_is_no_json() {
    let value = format!("[   12.345678] audit: {CWD}");
    assert_eq!(open(value.as_bytes()), [line(None, CWD)]);
}

#[test]
fn journald_took_the_head_off_and_it_is_written_again() {
    let body = r#"pid=1 msg='op=login acct=\"root\" res=failed'"#;
    let document = |members: &str| format!("{{{members},\"_HOSTNAME\":\"web01\"}}");
    let whole = format!(
        r#""MESSAGE":"USER_LOGIN {body}","_AUDIT_ID":"7507","_AUDIT_TYPE":"1112","_AUDIT_TYPE_NAME":"USER_LOGIN","_SOURCE_REALTIME_TIMESTAMP":"1551485405594000""#
    );
    assert_eq!(
        open(document(&whole).as_bytes()),
        [line(Some("web01"), LOGIN)]
    );
    // A type that systemd has no name for, and numbers as numbers.
    let unknown = r#""MESSAGE":"AUDIT1334 prog-id=7","_AUDIT_ID":9,"_AUDIT_TYPE_NAME":"AUDIT1334","_AUDIT_TYPE":1334,"_SOURCE_REALTIME_TIMESTAMP":1551485405007000"#;
    assert_eq!(
        open(document(unknown).as_bytes()),
        [line(
            Some("web01"),
            "type=1334 msg=audit(1551485405.007:9): prog-id=7"
        )]
    );
    // What is not printable comes as bytes.
    let bytes = r#""MESSAGE":[67,87,68,32,120],"_AUDIT_ID":"9","_AUDIT_TYPE_NAME":"CWD","_SOURCE_REALTIME_TIMESTAMP":"1000""#;
    assert_eq!(
        open(document(bytes).as_bytes()),
        [line(Some("web01"), "type=CWD msg=audit(0.001:9): x")]
    );
    // Its clock says when it was written down, not when it happened.
    let no_time = r#""MESSAGE":"CWD x","_AUDIT_ID":"9","__REALTIME_TIMESTAMP":"1551485405594000""#;
    assert_eq!(open(document(no_time).as_bytes()), [Err(Reject::BadStamp)]);
}

#[test]
fn rows_of_log_analytics_in_csv_and_json() {
    let want = [
        line(Some("web01"), "type=CWD msg=audit(1.000:1): cwd=\"/\" "),
        line(Some("web01"), "type=EOE msg=audit(1.000:1): "),
    ];
    for value in [
        "0,x,2019-02-18,web01,1.000:1,\"[{'CWD': ['cwd=\"\"/\"\"']}, {'EOE': []}]\"\r\n",
        ",TenantId,TimeGenerated,Computer,mssg_id,AuditdMessage\n0,x,2019-02-18,web01,1.000:1,\"[{'CWD': ['cwd=\"\"/\"\"']}, {'EOE': []}]\"",
        r#"{"Computer":"web01","mssg_id":"1.000:1","AuditdMessage":"[{'CWD': ['cwd=\"/\"']}, {'EOE': []}]"}"#,
        r#"{"Computer":"web01","mssg_id":"1.000:1","AuditdMessage":[{"CWD":["cwd=\"/\""]},{"EOE":[]}]}"#,
    ] {
        assert_eq!(open(value.as_bytes()), want, "{value}");
    }
}

/// It stands in every line of the row: a megabyte of digits and of records were a terabyte of lines.
#[test]
fn a_rows_stamp_of_very_many_digits_is_not_written_again() {
    let (stamp, records) = (format!("{}.000:1", "1".repeat(50)), "{'A':[]},".repeat(50));
    let csv = format!("0,web01,{stamp},\"[{records}]\"");
    assert_eq!(open(csv.as_bytes()), [line(None, &csv)]);
    let json = format!("{{\"mssg_id\":\"{stamp}\",\"AuditdMessage\":\"[{records}]\"}}");
    assert_eq!(open(json.as_bytes()), [Err(Reject::BadStamp)]);
}

fn open_fixed(form: Form, line: &str, host: &str, value: &str) -> Opened {
    let pointer = |text: &str| text.parse().ok();
    let fixed = Envelope {
        form,
        line: pointer(line),
        host: pointer(host),
    };
    open_with(Opener::new(fixed), value.as_bytes())
}

#[test]
fn pointers_fix_where_line_and_host_stand() {
    let value = filled(
        r#"{"log":"not this","rows":[{"text":"@","from":{"n":"a"}},{"text":["@","@"],"from":{"n":"b"}}],"site":"s"}"#,
    );
    let at = |line: &str, host: &str| open_fixed(Form::Auto, line, host, &value);
    let (a, b) = (line(Some("a"), LOGIN), line(Some("b"), LOGIN));
    assert_eq!(
        at("/rows/*/text", "/rows/*/from/n"),
        [a.clone(), b.clone(), b]
    );
    assert_eq!(at("/rows/*/text", "/site"), vec![line(Some("s"), LOGIN); 3]);
    assert_eq!(at("/rows/0/text", "/rows/0/from/n"), [a]);
    assert_eq!(at("/rows/0/text", ""), [line(None, LOGIN)]);
    assert_eq!(at("/rows/7/text", "/site"), [Err(Reject::NoLine)]);
    assert_eq!(at("/site/x", "/site"), [Err(Reject::NoLine)]);
    let value = filled(r#"{"log":"@","k8s":{"node":"n7"},"host":"pod"}"#);
    assert_eq!(
        open_fixed(Form::Auto, "", "/k8s/node", &value),
        [line(Some("n7"), LOGIN)]
    );
}

#[test]
fn the_form_can_be_fixed() {
    let value = filled(r#"{"log":"@"}"#);
    assert_eq!(
        open_fixed(Form::Lines, "", "", &value),
        [line(None, &value)]
    );
    assert_eq!(open_fixed(Form::Json, "", "", CWD), [Err(Reject::BadJson)]);
    assert_eq!(open_fixed(Form::Json, "", "", "\r\n"), []);
}

/// Every byte of the input stands in one of the raw slices, in order; a document with several lines
/// gives the same slice for each.
fn raws(opener: &mut Opener, value: &[u8]) -> Vec<u8> {
    let (mut all, mut last) = (Vec::new(), std::ptr::null());
    opener.open(value, &mut |line| {
        let raw = match line {
            Ok(line) => line.raw,
            Err((_, raw)) => raw,
        };
        if raw.as_ptr() != last {
            all.extend_from_slice(raw);
        }
        last = raw.as_ptr();
    });
    all
}

proptest! {
    /// Documents of shippers with any text, cut and joined anywhere.
    #[test]
    fn all_that_came_is_given_back(
        parts in proptest::collection::vec(part(), 1..6),
        ends in proptest::collection::vec("[\r\n ]{1,2}", 6),
    ) {
        let value: String = parts.iter().zip(&ends).flat_map(|(part, end)| [part.as_str(), end]).collect();
        let value = value.trim_end_matches(' ');
        prop_assert_eq!(raws(&mut Opener::default(), value.as_bytes()), value.as_bytes());
    }

    #[test]
    fn no_document_makes_it_panic(text in "[\\[\\]{}\",:'a-z0-9. \\\\*]{0,60}", name in "(message|log|records|auditd|messages|MESSAGE|_AUDIT_ID|AuditdMessage|mssg_id|host)") {
        for value in [format!("{{\"{name}\":{text}}}"), format!("{{\"{name}\":\"1.000:1\",\"AuditdMessage\":[{text}]}}"), format!("[{text}"), text.clone()] {
            open(value.as_bytes());
            open_fixed(Form::Json, "/records/*/log", "/records/*/host", &value);
        }
    }
}

fn part() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,9}".prop_map(|text| format!("type=CWD msg=audit(1.000:1): {text}")),
        "[a-z{}\\[\\]:,\"]{1,20}",
        "[a-z]{1,9}".prop_map(|text| format!("{{\"message\":\"{text}\\n{text}\",\"host\":\"h\"}}")),
        "[a-z]{0,9}".prop_map(|text| format!("[{{\"log\":\"{text}\"}},{{\"log\":\"x\"}}]")),
        Just("{\"a\":1}".to_owned()),
        Just("h,1.000:1,\"[{'CWD': ['x']}, {'EOE': []}]\"".to_owned()),
    ]
}
