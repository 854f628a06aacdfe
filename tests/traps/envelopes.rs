//! Every shipper's form of one line is one logon, with the same host and time.

use trailhound::model::Kind;

use super::{Told, lines, run, shared};

const LOGIN: &str = r#"type=USER_LOGIN msg=audit(1551485405.594:7507): pid=12635 uid=0 auid=4294967295 ses=4294967295 msg='op=login acct="root" exe="/usr/sbin/sshd" hostname=? addr=203.0.113.7 terminal=sshd res=failed'"#;

fn told_by(message: &[u8]) -> Told {
    let told = run([message]);
    let text = String::from_utf8_lossy(message);
    assert!(told.rejects.is_empty(), "{text}: {:?}", told.rejects);
    told
}

/// The samples are not ours: one of each shipper, made by hand from its documentation.
#[test]
fn the_eleven_samples_are_one_logon() {
    let Some(samples) = shared("schemas/samples/audit-envelopes.ndjson") else {
        return;
    };
    let mut seen = 0;
    for sample in samples.split(|b| *b == b'\n').filter(|s| !s.is_empty()) {
        let sample: serde_json::Value = serde_json::from_slice(sample).unwrap();
        let record = match &sample["record"] {
            serde_json::Value::String(text) => text.clone(),
            document => document.to_string(),
        };
        let told = told_by(record.as_bytes());
        let logon = told.only(Kind::Logon);
        let host = if sample["host"].is_null() {
            "key01"
        } else {
            "web-1"
        };
        assert_eq!(logon["device"]["hostname"], host, "{}", sample["shipper"]);
        assert_eq!(logon["time"], 1_551_485_405_594_i64);
        assert_eq!(
            logon["metadata"]["original_event_uid"],
            "1551485405.594:7507"
        );
        let bare = lines(&format!("node={host} {LOGIN}"));
        assert_eq!(logon, bare.only(Kind::Logon), "{}", sample["shipper"]);
        seen += 1;
    }
    assert_eq!(seen, 11);
}

#[test]
fn log_analytics_rows_are_events_with_their_stamp_and_host() {
    let Some(rows) = shared("corpus/audit/msticpy/linux_events.csv") else {
        return;
    };
    let told = run(rows.split(|b| *b == b'\n'));
    assert!(told.rejects.is_empty(), "{:?}", told.rejects);
    // One event a row, as its mssg_id says.
    let ids = rows.split(|b| *b == b'\n').skip(1).filter_map(|row| {
        let row = std::str::from_utf8(row).ok()?;
        row.split(',').nth(4).map(str::to_owned)
    });
    let mut want: Vec<String> = ids.collect();
    let whole = told
        .events
        .iter()
        .filter(|(kind, _)| matches!(kind, Kind::Process | Kind::Audit));
    let mut got: Vec<String> = whole
        .map(|(_, event)| {
            assert_eq!(event["device"]["hostname"], "MSTICAlertsLxVM2");
            assert_eq!(event["unmapped"]["complete"], true);
            event["metadata"]["original_event_uid"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    want.sort();
    got.sort();
    assert_eq!((got.len(), got), (100, want));
    let argv = told.of(Kind::Process).iter().any(|event| {
        event["unmapped"]["argv"] == serde_json::json!(["/bin/sh", "-c", "iptables --version"])
    });
    assert!(argv, "hex arguments are decoded");
}

#[test]
fn crlf() {
    let bare = lines(LOGIN);
    for text in [format!("{LOGIN}\r\n"), format!("\r\n{LOGIN}\r\n\r\n")] {
        let told = told_by(text.as_bytes());
        assert_eq!(told.only(Kind::Logon), bare.only(Kind::Logon));
    }
}
