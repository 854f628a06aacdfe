//! Tests of the whole lane: one line in, what comes out, and its saved form.

use super::*;
use crate::model::OutputKind;

mod saved_tests;
mod selection_tests;
mod tick_tests;

fn settings() -> Arc<Settings> {
    Arc::new(Settings {
        kinds: Kind::ALL.into_iter().collect(),
        ..Settings::default()
    })
}

fn input(value: &[u8], offset: i64) -> Input<'_> {
    Input {
        source: Source::Audit,
        value,
        key: Some(b"key01"),
        host: None,
        offset,
    }
}

/// All outputs of these lines, each as text; `restore` saves and restores the lane before each line.
fn run(lines: &[String], restore: bool) -> Vec<String> {
    let (settings, intel, mut out) = (settings(), IntelSet::default(), Outputs::new());
    let mut lane = Lane::tracked(settings.clone());
    let mut saved = saved_tests::Saved::default();
    for (offset, line) in lines.iter().enumerate() {
        if restore {
            saved.follow(&mut lane);
            lane = saved.lane(settings.clone()).unwrap();
        }
        lane.step(
            Timestamp(0),
            input(line.as_bytes(), offset as i64),
            &intel,
            &mut out,
        );
    }
    lane.finish(&intel, &mut out);
    assert_eq!(
        (lane.open_events(), lane.open_bytes(), lane.hold()),
        (0, 0, None)
    );
    out.iter()
        .map(|output| String::from_utf8_lossy(output.value).into_owned())
        .collect()
}

fn program_start(node: &str, serial: u64) -> Vec<String> {
    let ms = 1_700_000_000_000 + serial as i64 * 7;
    let stamp = format!("{}.{:03}:{serial}", ms / 1000, ms % 1000);
    [
        "type=SYSCALL msg=audit(@): arch=c000003e syscall=59 success=yes exit=0 a0=1 items=1 ppid=7 pid=8 auid=1000 uid=0 gid=0 euid=0 tty=pts0 ses=3 comm=\"id\" exe=\"/usr/bin/id\" key=\"exec\"",
        "type=EXECVE msg=audit(@): argc=2 a0=\"id\" a1=FF20",
        "type=CWD msg=audit(@): cwd=\"/root\"",
        "type=PATH msg=audit(@): item=0 name=\"/usr/bin/id\"",
        "type=PROCTITLE msg=audit(@): proctitle=6964",
        "type=EOE msg=audit(@): ",
    ]
    .iter()
    .map(|line| format!("node={node} {}", line.replace('@', &stamp)))
    .collect()
}

fn logon(pid: u32, serial: u64, ok: bool) -> Vec<String> {
    let time = 1_700_000_000 + serial;
    let res = if ok { "success" } else { "failed" };
    let mut lines = vec![format!(
        "type=USER_AUTH msg=audit({time}.000:{serial}): pid={pid} uid=0 auid=4294967295 ses=4294967295 msg='op=PAM:authentication acct=\"deploy\" exe=\"/usr/sbin/sshd\" hostname=203.0.113.66 addr=203.0.113.66 terminal=ssh res={res}'"
    )];
    if ok {
        lines.push(format!("type=USER_START msg=audit({time}.004:{}): pid={pid} uid=0 auid=1101 ses=38 msg='op=PAM:session_open acct=\"deploy\" exe=\"/usr/sbin/sshd\" hostname=203.0.113.66 addr=203.0.113.66 terminal=ssh res=success'", serial + 1));
    }
    lines
}

#[test]
fn a_program_start_is_one_process_event() {
    let all = run(&program_start("web01", 1), false);
    assert_eq!(all.len(), 1);
    let event: serde_json::Value = serde_json::from_str(&all[0]).unwrap();
    assert_eq!(event["device"]["hostname"], "web01");
    assert_eq!(
        event["unmapped"]["argv"],
        serde_json::json!(["id", "\u{FFFD} "])
    );
    assert_eq!(
        event["unmapped"]["argv_b64"],
        serde_json::json!(["aWQ=", "/yA="])
    );
    assert_eq!(event["process"]["parent_process"]["pid"], 7);
    assert_eq!(event["metadata"]["original_event_uid"], "1700000000.007:1");
}

#[test]
fn one_serial_on_two_nodes_is_two_events() {
    let (a, b) = (program_start("web01", 1), program_start("web02", 1));
    let lines: Vec<String> = a.into_iter().zip(b).flat_map(|(a, b)| [a, b]).collect();
    assert_eq!(run(&lines, false).len(), 2);
}

#[test]
fn it_goes_on_from_its_saved_form_at_every_line() {
    let mut lines = Vec::new();
    for n in 0..8u64 {
        lines.extend(program_start(
            if n % 2 == 0 { "web01" } else { "web02" },
            100 + n,
        ));
        lines.extend(logon(500 + n as u32, 200 + n * 10, n == 7));
    }
    // Interleave, and lose some EOE.
    lines.sort_by_key(|line| line.len() % 7);
    lines.retain(|line| !line.contains(":103): ") || !line.contains("EOE"));
    let plain = run(&lines, false);
    assert_eq!(run(&lines, true), plain);
    assert!(plain.iter().any(|event| event.contains("guessed-logon")));
}

#[test]
fn what_is_no_line_is_a_dead_letter_as_it_came() {
    let (intel, mut out) = (IntelSet::default(), Outputs::new());
    let mut lane = Lane::new(settings());
    lane.step(
        Timestamp(0),
        input(b"\xffhello\r\ntype=CWD msg=audit(x): y", 9),
        &intel,
        &mut out,
    );
    let all: Vec<_> = out
        .iter()
        .map(|o| (o.kind, o.value.to_vec(), o.offset, o.key.to_vec()))
        .collect();
    assert_eq!(
        all,
        [
            (
                OutputKind::DeadLetter(Reject::NotAudit),
                b"\xffhello\r\n".to_vec(),
                9,
                b"key01".to_vec()
            ),
            (
                OutputKind::DeadLetter(Reject::BadStamp),
                b"type=CWD msg=audit(x): y".to_vec(),
                9,
                b"key01".to_vec()
            ),
        ]
    );
    assert_eq!(lane.stats().rejects[Reject::NotAudit.index()], 1);
}

/// A broker died between two batches of a shipper, and the second had nothing but ends.
#[test]
fn an_end_that_comes_after_its_event_went_out_is_no_dead_letter_and_any_other_record_is() {
    let (intel, mut out) = (IntelSet::default(), Outputs::new());
    let mut lane = Lane::new(settings());
    let lines = program_start("web01", 7);
    let step = |lane: &mut Lane, out: &mut Outputs, line: usize, now| {
        let input = input(lines[line].as_bytes(), line as i64);
        lane.step(Timestamp(now), input, &intel, out);
    };
    (0..5).for_each(|line| step(&mut lane, &mut out, line, 0));
    lane.tick(Timestamp(60), &intel, &mut out);
    assert_eq!(lane.open_events(), 0);
    step(&mut lane, &mut out, 5, 70);
    assert!(out.iter().all(|o| matches!(o.kind, OutputKind::Event(_))));
    step(&mut lane, &mut out, 4, 70);
    let last = out.iter().last().map(|o| (o.kind, o.offset));
    assert_eq!(last, Some((OutputKind::DeadLetter(Reject::Late), 4)));
    assert_eq!(lane.stats().rejects[Reject::Late.index()], 1);
}

#[test]
fn a_document_with_many_bad_lines_is_one_dead_letter() {
    let (intel, mut out) = (IntelSet::default(), Outputs::new());
    let mut lane = Lane::new(settings());
    let document = format!("{{\"message\":\"{}\"}}", "junk\\n".repeat(4000));
    lane.step(
        Timestamp(0),
        input(document.as_bytes(), 0),
        &intel,
        &mut out,
    );
    assert_eq!(out.len(), 1);
    assert_eq!(out.iter().next().unwrap().value, document.as_bytes());
    assert_eq!(lane.stats().rejects[Reject::NotAudit.index()], 4000);
    lane.step(
        Timestamp(0),
        input(document.as_bytes(), 1),
        &intel,
        &mut out,
    );
    assert_eq!(out.len(), 2);
}

#[test]
fn the_offset_to_commit_stays_at_the_first_open_event() {
    let (intel, mut out) = (IntelSet::default(), Outputs::new());
    let mut lane = Lane::new(settings());
    let lines = program_start("web01", 1);
    lane.step(
        Timestamp(0),
        input(lines[0].as_bytes(), 40),
        &intel,
        &mut out,
    );
    for (i, line) in program_start("web01", 2).iter().enumerate() {
        lane.step(
            Timestamp(0),
            input(line.as_bytes(), 41 + i as i64),
            &intel,
            &mut out,
        );
    }
    assert_eq!((lane.hold(), out.len()), (Some(40), 0));
    for line in &lines[1..] {
        lane.step(Timestamp(0), input(line.as_bytes(), 50), &intel, &mut out);
    }
    assert_eq!((lane.hold(), out.len()), (None, 2));
}

#[test]
fn what_was_told_before_changes_state_and_is_not_told_again() {
    let (intel, mut out) = (IntelSet::default(), Outputs::new());
    let mut lane = Lane::new(settings());
    lane.told_before(7);
    let mut lines: Vec<String> = (0..7)
        .flat_map(|n| logon(500 + n, 200 + n as u64, false))
        .collect();
    lines.extend(logon(600, 300, true));
    for (offset, line) in lines.iter().enumerate() {
        lane.step(
            Timestamp(0),
            input(line.as_bytes(), offset as i64),
            &intel,
            &mut out,
        );
    }
    assert!(lane.rebuild_from().is_none() || lane.rebuild_from() <= lane.hold());
    lane.finish(&intel, &mut out);
    let told = String::from_utf8_lossy(out.ndjson()).into_owned();
    assert!(
        told.contains("guessed-logon"),
        "the failures before offset 7 count"
    );
}

#[test]
fn bounds_hold_and_evictions_are_told() {
    let mut bounded = Settings::clone(&settings());
    bounded.limits.events_per_host = 10;
    bounded.limits.events = 50;
    bounded.limits.hosts = 20;
    let (intel, mut out) = (IntelSet::default(), Outputs::new());
    let mut lane = Lane::new(Arc::new(bounded));
    for n in 0..2000u64 {
        let line = &program_start(&format!("web{}", n / 50), n)[0];
        lane.step(
            Timestamp(0),
            input(line.as_bytes(), n as i64),
            &intel,
            &mut out,
        );
        assert!(lane.open_events() <= 50 && lane.hosts() <= 20);
    }
    lane.finish(&intel, &mut out);
    assert!(lane.stats().evicted > 0 && lane.stats().forgotten > 0);
    assert_eq!(lane.stats().incomplete, 2000);
    assert_eq!(out.len(), 2000, "every start goes out, incomplete");
}

/// One of a host that says nothing more: neither its own lines nor a clock end its wait.
#[test]
fn where_the_clock_stands_still_a_silent_host_waits_for_so_many_events_of_others() {
    let mut still = Settings::clone(&settings());
    still.waits.younger = Some(3);
    let (intel, mut out) = (IntelSet::default(), Outputs::new());
    let mut lane = Lane::new(Arc::new(still));
    let mut take = |host: &str, record: &str, serial: u64| {
        let line = format!(
            "node={host} type={record} msg=audit(1700000000.000:{serial}): pid=9 uid=0 auid=0 ses=1 res=1"
        );
        lane.step(Timestamp(0), input(line.as_bytes(), 0), &intel, &mut out);
        lane.open_events()
    };
    assert_eq!(take("web1", "LOGIN", 2), 1);
    assert_eq!(
        take("web1", "LOGIN", 1),
        2,
        "shuffled, and the older goes first"
    );
    // What lacks something waits on, and holds up nobody else.
    assert_eq!(take("web2", "PATH", 7), 3);
    assert_eq!(take("web3", "LOGIN", 7), 4);
    assert_eq!(take("web4", "LOGIN", 7), 3, "both of web1 go");
    assert_eq!(take("web5", "LOGIN", 7), 4);
    assert_eq!(take("web6", "LOGIN", 7), 4, "that of web3 goes");
    lane.finish(&intel, &mut out);
    assert_eq!((lane.stats().evicted, lane.stats().incomplete), (0, 1));
}

#[test]
fn a_line_that_is_too_long_is_refused() {
    let mut bounded = Settings::clone(&settings());
    bounded.limits.line_bytes = 50;
    let (intel, mut out) = (IntelSet::default(), Outputs::new());
    let mut lane = Lane::new(Arc::new(bounded));
    lane.step(
        Timestamp(0),
        input(program_start("web01", 1)[0].as_bytes(), 0),
        &intel,
        &mut out,
    );
    assert_eq!(lane.stats().rejects[Reject::TooLong.index()], 1);
}

/// All documents of these messages.
fn documents(messages: &[Vec<u8>]) -> Vec<u8> {
    let (intel, mut out) = (IntelSet::default(), Outputs::new());
    let mut lane = Lane::new(settings());
    for (offset, message) in messages.iter().enumerate() {
        lane.step(
            Timestamp(0),
            input(message, offset as i64),
            &intel,
            &mut out,
        );
    }
    lane.finish(&intel, &mut out);
    out.ndjson().to_vec()
}

proptest::proptest! {
    /// However the lines are cut into messages, the documents are the same bytes.
    #[test]
    fn messages_may_be_cut_at_any_line(cuts in proptest::collection::vec(1usize..9, 1..60)) {
        let mut lines: Vec<String> = (0..12).flat_map(|n| program_start("web01", n)).collect();
        lines.extend((0..7).flat_map(|n| logon(500 + n, 900 + n as u64, n == 6)));
        let single: Vec<Vec<u8>> = lines.iter().map(|line| line.clone().into_bytes()).collect();
        let (mut messages, mut rest, mut cuts) = (Vec::new(), lines.as_slice(), cuts.iter().cycle());
        while let Some(&cut) = cuts.next().filter(|_| !rest.is_empty()) {
            let (message, after) = rest.split_at(cut.min(rest.len()));
            messages.push(message.join("\n").into_bytes());
            rest = after;
        }
        proptest::prop_assert_eq!(documents(&messages), documents(&single));
    }
}
