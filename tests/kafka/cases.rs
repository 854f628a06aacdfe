//! The tests. Each feeds lines, disturbs something, and compares what came out with what `replay` says.
//!
//! Place in the flow: the top. Undisturbed, the documents are the same byte for byte. After a
//! disturbance the set of ids is: what a session taught long before (the name behind a number) is not
//! read again, so a document can say less than `replay`'s.

use std::collections::BTreeMap;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::broker::Broker;
use crate::clients::{self, Feeder};
use crate::daemon::{Daemon, EAGER, KINDS, Place, wait_for};
use crate::exactly::BUNDLES;
use crate::recording::{self, Documents, Host};

const HOSTS: usize = 6;
/// Lines a second while something happens in the middle.
const PACE: usize = 4_000;

/// Sends all lines in the background, slowly enough that there is a middle.
pub fn feed(place: &Place, hosts: Vec<Host>, pace: Option<usize>) -> JoinHandle<()> {
    let feeder = Feeder::new(&place.servers, &place.topic("audit.raw"));
    thread::spawn(move || {
        for (i, (host, line)) in recording::interleaved(&hosts).enumerate() {
            feeder.send(host, line);
            if pace.is_some_and(|pace| i % (pace / 20) == 0) {
                thread::sleep(Duration::from_millis(50));
            }
        }
        feeder.flush();
    })
}

/// What stands in the output topics, and how many repeats there are.
pub fn written(place: &Place) -> (Documents, usize) {
    let mut all = Documents::new();
    let mut repeats = 0;
    for kind in KINDS {
        for record in clients::read_all(&place.servers, &place.topic(kind)) {
            assert_eq!(record.headers["kind"], kind);
            assert_eq!(record.headers["schema"], "ocsf");
            assert_eq!(record.headers["version"], "1.8.0");
            for document in record.events() {
                let uid = recording::uid(&document);
                repeats += usize::from(all.insert(uid, document).is_some());
            }
        }
    }
    (all, repeats)
}

/// Waits until as many documents stand there as there should be, then compares.
pub fn compare(place: &Place, expected: &Documents) -> usize {
    let enough = || {
        let count: i64 = KINDS
            .iter()
            .map(|kind| clients::count(&place.servers, &place.topic(kind)))
            .sum();
        (count >= expected.len() as i64).then_some(())
    };
    wait_for("all outputs", || {
        enough().and_then(|()| {
            let (now, repeats) = written(place);
            (now.len() >= expected.len()).then_some(repeats)
        })
    });
    let (now, repeats) = written(place);
    let lost: Vec<_> = expected
        .keys()
        .filter(|uid| !now.contains_key(*uid))
        .collect();
    let strange: Vec<_> = now
        .iter()
        .filter(|(uid, _)| !expected.contains_key(*uid))
        .collect();
    assert!(
        lost.is_empty() && strange.is_empty(),
        "{} lost, {} that replay does not print; one lost: {:?}; one strange: {:?}",
        lost.len(),
        strange.len(),
        lost.first().map(|uid| &expected[*uid]),
        strange.first()
    );
    repeats
}

/// No line came after its event had gone out: while the broker was away no time passed for events.
fn nothing_was_late(place: &Place) {
    let letters = clients::read_all(&place.servers, &place.topic("deadletter"));
    assert!(
        letters.is_empty(),
        "{} dead letters, one: {:?}",
        letters.len(),
        letters.first()
    );
}

fn wait_for_middle(place: &Place, expected: &Documents, part: usize) {
    let goal = (expected.len() / part) as i64;
    wait_for("the middle", || {
        (clients::count(&place.servers, &place.topic("process")) >= goal).then_some(())
    });
}

/// The same, where nothing was disturbed: byte for byte and without a repeat.
fn compare_exactly(place: &Place, expected: &Documents) {
    assert_eq!(compare(place, expected), 0, "repeats without a disturbance");
    for (uid, document) in written(place).0 {
        assert_eq!(document, expected[&uid]);
    }
}

/// Hosts, what is expected of them, and the place.
fn scene(broker: &Broker, name: &str) -> (Place, Vec<Host>, Documents) {
    let place = Place::new(broker, name);
    let hosts = recording::hosts(HOSTS);
    let expected = recording::expected(&hosts, place.folder.path());
    (place, hosts, expected)
}

pub fn recording_equals_replay(broker: &mut Broker) {
    let (place, hosts, mut expected) = scene(broker, "recording");
    let flows: Vec<String> = (0..40)
        .map(|i| format!(
            r#"{{"ts":1795318700.{i:03},"uid":"C{i:05}","id.orig_h":"10.20.0.{i}","id.orig_p":40000,"id.resp_h":"203.0.113.66","id.resp_p":443,"proto":"tcp","service":"ssl","duration":1.5,"orig_bytes":100,"resp_bytes":200,"conn_state":"SF","orig_pkts":4,"resp_pkts":5}}"#
        ))
        .collect();
    let file = place.folder.path().join("conn.log");
    std::fs::write(&file, flows.join("\n") + "\n").expect("written");
    let flow_documents = recording::replay(&file, &["--as", "flow"]);
    assert_eq!(flow_documents.len(), flows.len());
    expected.extend(flow_documents);

    feed(&place, hosts, None).join().expect("fed");
    let feeder = Feeder::new(&place.servers, &place.topic("flow.raw"));
    flows
        .iter()
        .for_each(|flow| feeder.send("zeek", flow.as_bytes()));
    feeder.flush();
    let daemon = place.start("a", "");
    compare_exactly(&place, &expected);
    daemon.stop_well();
    compare_exactly(&place, &expected);

    // A new start finds nothing left to tell.
    let daemon = place.start("again", "");
    daemon.wait_ready();
    daemon.stop_well();
    compare_exactly(&place, &expected);
}

pub fn sigterm_in_the_middle(broker: &mut Broker) {
    let (place, hosts, expected) = scene(broker, "sigterm");
    let feeding = feed(&place, hosts, Some(PACE));
    let first = place.start("first", "");
    wait_for_middle(&place, &expected, 4);
    first.stop_well();
    let second = place.start("second", "");
    wait_for_middle(&place, &expected, 2);
    second.stop_well();
    let third = place.start("third", "");
    feeding.join().expect("fed");
    let repeats = compare(&place, &expected);
    println!("  {repeats} repeats after two ends in order");
    third.stop_well();
}

pub fn kill_in_the_middle(broker: &mut Broker) {
    let (place, hosts, expected) = scene(broker, "kill");
    let feeding = feed(&place, hosts, Some(PACE));
    let first = place.start("first", "");
    wait_for_middle(&place, &expected, 4);
    first.kill();
    let second = place.start("second", "");
    wait_for_middle(&place, &expected, 2);
    second.kill();
    let third = place.start("third", "");
    feeding.join().expect("fed");
    let repeats = compare(&place, &expected);
    println!("  {repeats} repeats after two kills");
    third.stop_well();
}

pub fn second_daemon(broker: &mut Broker) {
    join_and_leave(broker, "join", "");
}

pub fn second_daemon_eager(broker: &mut Broker) {
    join_and_leave(broker, "join-eager", EAGER);
}

fn join_and_leave(broker: &mut Broker, name: &str, properties: &str) {
    let (place, hosts, expected) = scene(broker, name);
    let feeding = feed(&place, hosts, Some(PACE));
    let first = place.start("first", properties);
    wait_for_middle(&place, &expected, 6);
    let second = place.start("second", properties);
    let partitions = |daemon: &Daemon| {
        daemon
            .metric("trailhound_assigned_partitions")
            .filter(|n| *n > 0.0)
    };
    wait_for("partitions of the second", || partitions(&second));
    let gave = || partitions(&first).filter(|count| *count < 8.0);
    wait_for("the first to give some away", gave);
    wait_for("the second to write", || {
        second
            .metric("trailhound_outputs_delivered_total")
            .filter(|n| *n > 0.0)
    });
    second.stop_well();
    feeding.join().expect("fed");
    let repeats = compare(&place, &expected);
    println!("  {repeats} repeats after a join and a leave");
    first.stop_well();
}

pub fn broker_freezes(broker: &mut Broker) {
    let (place, hosts, expected) = scene(broker, "freeze");
    let feeding = feed(&place, hosts, Some(PACE));
    let daemon = place.start("a", "");
    wait_for_middle(&place, &expected, 4);
    broker.freeze();
    thread::sleep(Duration::from_secs(10));
    broker.thaw();
    feeding.join().expect("fed");
    println!("  {} repeats after a freeze", compare(&place, &expected));
    nothing_was_late(&place);
    daemon.stop_well();
}

pub fn broker_killed(broker: &mut Broker) {
    let (place, hosts, expected) = scene(broker, "away");
    let feeding = feed(&place, hosts, Some(PACE));
    let daemon = place.start("a", "");
    wait_for_middle(&place, &expected, 4);
    broker.kill();
    thread::sleep(Duration::from_secs(10));
    assert_eq!(
        daemon.get("/livez").map(|(status, _)| status),
        Some(200),
        "it waits, and is alive"
    );
    broker.run_again();
    feeding.join().expect("fed");
    println!(
        "  {} repeats after the broker was away",
        compare(&place, &expected)
    );
    nothing_was_late(&place);
    assert!(
        daemon
            .metric("trailhound_broker_errors_total")
            .is_some_and(|errors| errors > 0.0)
    );
    daemon.stop_well();
}

/// To have read all there is, again and again, is no trouble with the brokers.
pub fn no_trouble(broker: &mut Broker) {
    let place = Place::new(broker, "quiet");
    let daemon = place.start("a", "");
    daemon.wait_ready();
    let lines = recording::lines("node.plugin.log.gz");
    let feeder = Feeder::new(&place.servers, &place.topic("audit.raw"));
    let errors = || daemon.counted("broker_errors_total");
    let before = errors();
    for (read, line) in (1..).zip(lines.iter().take(20)) {
        feeder.send("web01", line);
        feeder.flush();
        wait_for("a line", || {
            (daemon.counted("input_lines_total") >= f64::from(read)).then_some(())
        });
    }
    assert_eq!(errors(), before);
    daemon.stop_well();
}

/// The brokers delete what was not read yet, while no daemon runs and while one does: what is gone is counted, and no lag is left
/// of it.
pub fn deleted_unread(broker: &mut Broker) {
    let place = Place::exactly_once(broker, "deleted");
    let topic = place.topic("audit.raw");
    let lines = recording::lines("node.plugin.log.gz");
    let feeder = Feeder::new(&place.servers, &topic);
    let feed = |many: usize| {
        let lines = lines.iter().take(many);
        lines.for_each(|line| feeder.send("web01", line));
        feeder.flush();
    };
    let read = |daemon: &Daemon| daemon.counted("input_records_total");
    let gone = |daemon: &Daemon| {
        let series = format!("trailhound_deleted_records_total{{topic=\"{topic}\"}}");
        daemon.metric(&series).unwrap_or(-1.0)
    };
    feed(100);
    let ends = clients::ends(&place.servers, &topic);
    let (partition, _) = ends.into_iter().find(|(_, end)| *end > 0).expect("fed");
    let before = place.start("before", "");
    wait_for("100", || (read(&before) >= 100.0).then_some(()));
    assert_eq!(gone(&before), 0.0);
    before.stop_well();

    feed(70);
    clients::empty(&place.servers, &topic, partition);
    feed(10);
    let daemon = place.start("after", "");
    wait_for("10", || (read(&daemon) >= 10.0).then_some(()));
    assert_eq!((gone(&daemon), read(&daemon)), (70.0, 10.0));

    daemon.freeze();
    // The first answers what the client had asked before.
    feed(1);
    feed(60);
    clients::empty(&place.servers, &topic, partition);
    daemon.thaw();
    feed(10);
    let counted = || gone(&daemon) + read(&daemon);
    wait_for("the rest", || (counted() >= 151.0).then_some(()));
    println!("  {} of 61 were gone", gone(&daemon) - 70.0);
    assert!(counted() == 151.0 && gone(&daemon) > 70.0);
    let lag = format!("trailhound_lag_records{{partition=\"{partition}\",topic=\"{topic}\"}}");
    wait_for("no lag", || (daemon.metric(&lag)? == 0.0).then_some(()));
    daemon.stop_well();
}

pub fn broken_line(broker: &mut Broker) {
    let place = Place::new(broker, "broken");
    let feeder = Feeder::new(&place.servers, &place.topic("audit.raw"));
    let broken: [(&str, &[u8]); 3] = [
        ("not_audit", b"no audit line \xff\x00\x01 at all"),
        (
            "bad_stamp",
            b"type=SYSCALL msg=audit(yesterday:7): arch=c000003e",
        ),
        ("bad_json", b"{\"message\": \r\n"),
    ];
    broken
        .iter()
        .for_each(|(_, line)| feeder.send("web01", line));
    feeder.flush();
    let daemon = place.start("a", "");
    let topic = place.topic("deadletter");
    wait_for("dead letters", || {
        (clients::count(&place.servers, &topic) >= 3).then_some(())
    });
    let letters = clients::read_all(&place.servers, &topic);
    let by_reason: BTreeMap<_, _> = letters
        .iter()
        .map(|letter| (letter.headers["reason"].as_str(), letter))
        .collect();
    for (offset, (reason, line)) in broken.iter().enumerate() {
        let letter = by_reason
            .get(reason)
            .unwrap_or_else(|| panic!("no {reason} in {letters:?}"));
        assert_eq!(letter.value, *line);
        assert_eq!(letter.key, b"web01");
        assert_eq!(letter.headers["source_topic"], place.topic("audit.raw"));
        assert_eq!(letter.headers["source_offset"], offset.to_string());
        assert!(
            !letter.headers["explanation"].is_empty()
                && !letter.headers["source_partition"].is_empty()
        );
    }
    daemon.wait_ready();
    let rejects = daemon.metric("trailhound_rejects_total{reason=\"bad_json\"}");
    assert_eq!(rejects, Some(1.0));
    daemon.stop_well();
}

pub fn missing_topic(broker: &mut Broker) {
    let place = Place::new(broker, "missing");
    let config = place
        .config("")
        .replace("create_topics = true", "create_topics = false");
    let mut daemon = place.start_with("a", &config);
    assert!(!daemon.wait().success());
    let log = daemon.log();
    for name in KINDS.into_iter().chain(["deadletter"]) {
        assert!(
            log.contains(&format!("'{}'", place.topic(name))),
            "{name} is not named:\n{log}"
        );
    }
    assert!(
        !log.contains(&format!("'{}'", place.topic("audit.raw"))),
        "this one is there:\n{log}"
    );
}

/// Brokers on which none of its topics is: there are no settings to look at, and asking for those of nothing is an error.
pub fn no_topic_yet(broker: &mut Broker) {
    let place = Place::exactly_once(broker, "fresh");
    let renamed = |config: String, input: &str| {
        config.replace(&place.topic(input), &place.topic(&format!("new.{input}")))
    };
    let config = renamed(renamed(place.config(""), "audit.raw"), "flow.raw");
    let daemon = place.start_with("a", &config);
    daemon.wait_ready();
    let (status, said) = place.check_config("a");
    assert!(status.success(), "{said}");
    daemon.stop_well();
}

pub fn http_answers(broker: &mut Broker) {
    let place = Place::new(broker, "http");
    let feeder = Feeder::new(&place.servers, &place.topic("audit.raw"));
    let lines = recording::lines("node.plugin.log.gz");
    lines.iter().for_each(|line| feeder.send("web01", line));
    feeder.flush();
    let daemon = place.start("a", "");
    daemon.wait_ready();
    assert_eq!(daemon.get("/livez"), Some((200, "ok\n".to_owned())));
    wait_for("commits", || {
        daemon
            .metric("trailhound_commits_total")
            .filter(|n| *n > 0.0)
    });
    assert_eq!(
        daemon.metric("trailhound_input_lines_total"),
        Some(lines.len() as f64)
    );
    assert!(
        daemon
            .metric("trailhound_events_total{kind=\"process\"}")
            .is_some_and(|n| n > 100.0)
    );
    let (_, text) = daemon.get("/metrics").expect("metrics");
    for name in [
        "lag_records{partition=",
        "event_time_lag_seconds{partition=",
        "commit_seconds_bucket",
        "consumer_queue_messages{worker=",
    ] {
        wait_for(name, || {
            daemon
                .get("/metrics")
                .filter(|(_, text)| text.contains(&format!("trailhound_{name}")))
        });
    }
    assert!(text.contains("process_resident_memory_bytes"));
    let (status, page) = daemon.get("/").expect("a page");
    assert!(
        status == 200 && page.contains(&place.topic("audit.raw")),
        "{page}"
    );
    assert_eq!(daemon.get("/nowhere").map(|(status, _)| status), Some(404));
    daemon.stop_well();
}

/// What a topic takes that takes only small records.
pub const SMALL: (&str, &str) = ("max.message.bytes", "6000");

/// Feeds one host, whose program starts go to such a topic.
pub fn feed_to_small_records(place: &Place) -> Documents {
    clients::make_topics(&place.servers, &[&place.topic("process")], 1, &[SMALL]);
    feed_one_host(place)
}

pub fn feed_one_host(place: &Place) -> Documents {
    let hosts = recording::hosts(1);
    let expected = recording::expected(&hosts, place.folder.path());
    feed(place, hosts, None).join().expect("fed");
    expected
}

/// A topic that takes only small records: what is larger is told in the dead-letter topic, and what is
/// small arrives although both were in one batch.
pub fn too_large(broker: &mut Broker) {
    let place = Place::new(broker, "large");
    let expected = feed_to_small_records(&place);
    let daemon = place.start("a", "");
    some_are_too_large(&place, &expected, &daemon);
    daemon.stop_well();
}

/// The brokers take less than they said when the daemon began: what they refuse of several events is taken apart.
pub fn bundle_too_large(broker: &mut Broker) {
    let place = Place::new(broker, "bundle");
    clients::make_topics(&place.servers, &[&place.topic("process")], 1, &[]);
    let daemon = place.start("a", BUNDLES);
    daemon.wait_ready();
    clients::set(&place.servers, &place.topic("process"), SMALL);
    let expected = feed_one_host(&place);
    some_are_too_large(&place, &expected, &daemon);
    daemon.stop_well();
}

fn some_are_too_large(place: &Place, expected: &Documents, daemon: &Daemon) {
    let notices = || -> Vec<_> {
        let letters = clients::read_all(&place.servers, &place.topic("deadletter"));
        letters
            .into_iter()
            .filter(|letter| letter.headers["reason"] == "output_too_large")
            .collect()
    };
    wait_for("notices and the rest", || {
        daemon
            .metric("trailhound_outputs_too_large_total")
            .filter(|n| *n > 0.0)?;
        (written(place).0.len() + notices().len() >= expected.len()).then_some(())
    });
    for notice in notices() {
        let value: serde_json::Value = serde_json::from_slice(&notice.value).expect("JSON");
        let uid = value["uid"].as_str().expect("the id of what was too large");
        let bytes = value["bytes"].as_u64().expect("its size") as usize;
        assert_eq!(expected[uid].len(), bytes);
        assert!(bytes > 3000, "{bytes} bytes are not too large");
    }
}
