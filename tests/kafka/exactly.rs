//! Exactly once: what a read-committed reader finds in the output topics is what `replay` prints for the
//! same lines, document for document and byte for byte, whatever is killed meanwhile.
//!
//! Place in the flow: the top, beside cases.rs. Nothing is compared by id: a document that comes twice, or
//! that says less because something was forgotten, is a failure.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use crate::broker::Broker;
use crate::cases::{SMALL, feed, feed_one_host, feed_to_small_records};
use crate::clients::{self, Feeder};
use crate::daemon::{BROKERS_ASSIGN, Daemon, EAGER, KINDS, Place, wait_for};
use crate::recording::{self, Documents, Host};

pub const HOSTS: usize = 6;
/// Lines a second while something happens in the middle.
pub const PACE: usize = 1_200;

/// Configuration: events wait for others of their kind and host.
pub const BUNDLES: &str = "[events_per_message]\nprocess = 20\nlogon = 3\n";

pub struct Scene {
    pub place: Place,
    pub hosts: Vec<Host>,
    pub expected: Documents,
}

pub fn scene(broker: &Broker, name: &str) -> Scene {
    scene_of(HOSTS, broker, name)
}

pub fn scene_of(hosts: usize, broker: &Broker, name: &str) -> Scene {
    let place = Place::exactly_once(broker, name);
    let hosts = recording::hosts(hosts);
    let expected = recording::expected(&hosts, place.folder.path());
    Scene {
        place,
        hosts,
        expected,
    }
}

/// Documents that were committed, each as often as it stands there.
pub fn committed(place: &Place) -> Vec<String> {
    let mut all = Vec::new();
    for kind in KINDS {
        for record in clients::read_committed(&place.servers, &place.topic(kind)) {
            assert_eq!(record.headers["kind"], kind);
            all.extend(record.events());
        }
    }
    all.sort_unstable();
    all
}

pub fn wait_for_part(place: &Place, expected: &Documents, part: usize, of: usize) {
    let goal = expected.len() * part / of;
    wait_for("a part of the outputs", || {
        (committed(place).len() >= goal).then_some(())
    });
}

/// 0 lost, 0 twice, 0 different.
pub fn compare(place: &Place, expected: &Documents) {
    wait_for_part(place, expected, 1, 1);
    // What is too much would come now.
    thread::sleep(Duration::from_secs(1));
    let came = committed(place);
    let mut wanted: Vec<&String> = expected.values().collect();
    wanted.sort_unstable();
    let mut counts: BTreeMap<&str, i32> = BTreeMap::new();
    wanted
        .iter()
        .for_each(|document| *counts.entry(document).or_default() += 1);
    came.iter()
        .for_each(|document| *counts.entry(document).or_default() -= 1);
    counts.retain(|_, count| *count != 0);
    let lost: i32 = counts.values().filter(|count| **count > 0).sum();
    let extra: i32 = -counts.values().filter(|count| **count < 0).sum::<i32>();
    assert!(
        counts.is_empty(),
        "{} documents for {}: {lost} not there, {extra} too many; {}; some: {:?}",
        came.len(),
        wanted.len(),
        first_difference(&counts),
        counts.iter().take(4).collect::<Vec<_>>()
    );
    let letters = clients::read_committed(&place.servers, &place.topic("deadletter"));
    assert!(
        letters.is_empty(),
        "{} dead letters, one: {:?} {}",
        letters.len(),
        letters[0].headers,
        String::from_utf8_lossy(&letters[0].value)
    );
    println!("  {} documents, 0 lost, 0 twice, 0 different", came.len());
}

/// Where two documents of one id begin to differ.
fn first_difference(counts: &BTreeMap<&str, i32>) -> String {
    let of_sign = |sign: i32| counts.iter().filter(move |(_, count)| **count * sign > 0);
    let pairs = of_sign(1).flat_map(|(wanted, _)| of_sign(-1).map(move |(came, _)| (wanted, came)));
    let mut pairs = pairs.filter(|(wanted, came)| recording::uid(wanted) == recording::uid(came));
    let Some((wanted, came)) = pairs.next() else {
        return "none of one id differ".to_owned();
    };
    let both = wanted.bytes().zip(came.bytes());
    let at = both.take_while(|(a, b)| a == b).count().saturating_sub(60);
    let part = |text: &str| text.chars().skip(at).take(400).collect::<String>();
    format!("wanted …{}… and there is …{}…", part(wanted), part(came))
}

fn aborted(daemon: &Daemon) -> f64 {
    daemon.counted("aborted_transactions_total")
}

pub fn undisturbed(broker: &mut Broker) {
    let Scene {
        place,
        hosts,
        mut expected,
    } = scene(broker, "eo-plain");
    let flows: Vec<String> = (0..40)
        .map(|i| format!(
            r#"{{"ts":1795318700.{i:03},"uid":"C{i:05}","id.orig_h":"10.20.0.{i}","id.orig_p":40000,"id.resp_h":"203.0.113.66","id.resp_p":443,"proto":"tcp","service":"ssl","duration":1.5,"orig_bytes":100,"resp_bytes":200,"conn_state":"SF","orig_pkts":4,"resp_pkts":5}}"#
        ))
        .collect();
    let file = place.folder.path().join("conn.log");
    std::fs::write(&file, flows.join("\n") + "\n").expect("written");
    expected.extend(recording::replay(&file, &["--as", "flow"]));
    let lines: usize = hosts.iter().map(|host| host.lines.len()).sum();
    feed(&place, hosts, None).join().expect("fed");
    let feeder = Feeder::new(&place.servers, &place.topic("flow.raw"));
    flows
        .iter()
        .for_each(|flow| feeder.send("zeek", flow.as_bytes()));
    feeder.flush();

    let daemon = place.start("a", "");
    compare(&place, &expected);
    println!(
        "  {} commits of {:.0} ms on average; {:.1} bytes of state a line in {:.3} records",
        daemon.counted("commits_total"),
        1000.0 * daemon.counted("commit_seconds_sum") / daemon.counted("commit_seconds_count"),
        daemon.counted("state_bytes_total") / lines as f64,
        daemon.counted("state_records_total") / lines as f64,
    );
    assert_eq!(aborted(&daemon), 0.0);
    daemon.stop_well();
    compare(&place, &expected);

    // A new start finds nothing left to tell.
    let daemon = place.start("again", "");
    daemon.wait_ready();
    daemon.stop_well();
    compare(&place, &expected);
}

pub fn killed_often(broker: &mut Broker) {
    killed_often_with(scene(broker, "eo-kill"), "");
}

/// A daemon that begins again is the members that it was, and gets its partitions at once.
pub fn killed_often_as_static_members(broker: &mut Broker) {
    let mut scene = scene(broker, "eo-static");
    scene.place.arguments = vec!["--workers", "2"];
    let properties = "[kafka.properties]\n\"group.instance.id\" = \"one\"\n";
    killed_often_with(scene, properties);
}

pub fn killed_often_with_bundles(broker: &mut Broker) {
    let place = killed_often_with(scene(broker, "eo-bundles"), BUNDLES);
    let records = clients::read_committed(&place.servers, &place.topic("process"));
    assert!(
        records
            .iter()
            .all(|record| record.headers["format"] == "ndjson")
    );
    let messages = records.len();
    let events: usize = records
        .into_iter()
        .map(|record| record.events().len())
        .sum();
    println!("  {events} program starts in {messages} messages");
    assert!(messages < events / 2);
}

fn killed_often_with(scene: Scene, more: &str) -> Place {
    let Scene {
        place,
        hosts,
        expected,
    } = scene;
    let feeding = feed(&place, hosts, Some(PACE));
    for life in 1..=5 {
        let daemon = place.start(&format!("life{life}"), more);
        wait_for_part(&place, &expected, life, 7);
        daemon.kill();
    }
    let last = place.start("last", more);
    feeding.join().expect("fed");
    compare(&place, &expected);
    // The one before may have told all there was.
    last.wait_ready();
    let restored = last.metric("trailhound_restored_records_total");
    assert!(
        restored.is_some_and(|records| records > 0.0),
        "{restored:?}"
    );
    last.stop_well();
    place
}

/// What a daemon that is killed had written and not committed must not hold up who reads what is committed: left
/// alone, its transaction would stay open for ten minutes.
pub fn open_transaction(broker: &mut Broker) {
    let Scene {
        place,
        hosts,
        expected,
    } = scene(broker, "eo-open");
    let seldom = "[commit]\ninterval = \"4s\"\n\
                  [kafka.properties]\n\"transaction.timeout.ms\" = \"600000\"\n";
    let feeding = feed(&place, hosts, Some(PACE));
    let first = place.start("first", seldom);
    wait_for_part(&place, &expected, 1, 8);
    let second = place.start("second", seldom);
    let delivers = |more: f64| {
        let delivered = second.metric("trailhound_outputs_delivered_total");
        delivered.filter(|n| *n > more)
    };
    let before = wait_for("the second to write", || delivers(0.0));
    wait_for("more of it", || delivers(before));
    second.kill();
    feeding.join().expect("fed");
    compare(&place, &expected);
    first.stop_well();
}

pub fn ended_often(broker: &mut Broker) {
    let Scene {
        place,
        hosts,
        expected,
    } = scene(broker, "eo-term");
    let feeding = feed(&place, hosts, Some(2 * PACE));
    for life in 1..=3 {
        let daemon = place.start(&format!("life{life}"), "");
        wait_for_part(&place, &expected, life, 5);
        daemon.stop_well();
    }
    let last = place.start("last", "");
    feeding.join().expect("fed");
    compare(&place, &expected);
    last.stop_well();
}

/// The third dies in its first transaction, mostly, which is the only place that has its name: left alone, it would
/// stay open for ten minutes.
pub fn second_daemon(broker: &mut Broker) {
    let properties = "[kafka.properties]\n\"transaction.timeout.ms\" = \"600000\"\n";
    join_and_leave(broker, "eo-join", properties);
}

pub fn second_daemon_eager(broker: &mut Broker) {
    join_and_leave(broker, "eo-join-eager", EAGER);
}

pub fn second_daemon_with_the_brokers_protocol(broker: &mut Broker) {
    // Their other assignor would give one daemon all audit lines, and the other the flows.
    let properties =
        format!("[kafka.properties]\n{BROKERS_ASSIGN}\"group.remote.assignor\" = \"range\"\n");
    join_and_leave(broker, "eo-join-brokers", &properties);
}

fn join_and_leave(broker: &mut Broker, name: &str, properties: &str) {
    let Scene {
        place,
        hosts,
        expected,
    } = scene(broker, name);
    let feeding = feed(&place, hosts, Some(PACE));
    let first = place.start("first", properties);
    wait_for_part(&place, &expected, 1, 8);
    let second = place.start("second", properties);
    wait_for("the second to write", || {
        second
            .metric("trailhound_outputs_delivered_total")
            .filter(|n| *n > 0.0)
    });
    second.stop_well();
    wait_for_part(&place, &expected, 1, 2);
    let third = place.start("third", properties);
    wait_for("partitions of the third", || {
        third
            .metric("trailhound_assigned_partitions")
            .filter(|n| *n > 0.0)
    });
    third.kill();
    feeding.join().expect("fed");
    compare(&place, &expected);
    println!("  {} transactions of the first aborted", aborted(&first));
    first.stop_well();
}

pub fn broker_killed(broker: &mut Broker) {
    let Scene {
        place,
        hosts,
        expected,
    } = scene(broker, "eo-away");
    let feeding = feed(&place, hosts, Some(2 * PACE));
    let daemon = place.start("a", "");
    for part in [1, 3] {
        wait_for_part(&place, &expected, part, 6);
        broker.kill();
        thread::sleep(Duration::from_secs(5));
        assert_eq!(
            daemon.get("/livez").map(|(status, _)| status),
            Some(200),
            "it waits, and is alive"
        );
        broker.run_again();
    }
    feeding.join().expect("fed");
    compare(&place, &expected);
    println!("  {} transactions aborted", aborted(&daemon));
    daemon.stop_well();
}

/// Stopped for longer than its session: the partitions are another's when it goes on, and it must not
/// commit what it had begun.
pub fn daemon_stopped(broker: &mut Broker) {
    let Scene {
        place,
        hosts,
        expected,
    } = scene(broker, "eo-stop");
    let feeding = feed(&place, hosts, Some(PACE));
    let first = place.start("first", "");
    let second = place.start("second", "");
    wait_for_part(&place, &expected, 1, 6);
    first.freeze();
    wait_for_part(&place, &expected, 1, 2);
    thread::sleep(Duration::from_secs(8));
    first.thaw();
    feeding.join().expect("fed");
    compare(&place, &expected);
    let restarts = first.metric("trailhound_worker_restarts_total");
    println!(
        "  {} transactions of the stopped one aborted, {restarts:?} restarts",
        aborted(&first)
    );
    first.stop_well();
    second.stop_well();
}

/// A topic that takes only small records: what is larger is told in the dead-letter topic, and no
/// transaction is aborted for it.
pub fn too_large(broker: &mut Broker) {
    let place = Place::exactly_once(broker, "eo-large");
    let expected = feed_to_small_records(&place);
    let daemon = place.start("a", "");
    told_or_noticed(&place, &expected, 5000);
    assert_eq!(aborted(&daemon), 0.0);
    daemon.stop_well();
}

/// Somebody lets a topic take less than it did when the daemon began. That is found out: what is larger is told in the dead-letter
/// topic, the rest arrives, and nothing twice.
pub fn too_large_meanwhile(broker: &mut Broker) {
    let place = Place::exactly_once(broker, "eo-larger");
    let process = place.topic("process");
    clients::make_topics(&place.servers, &[&process], 1, &[]);
    let daemon = place.start("a", "");
    daemon.wait_ready();
    clients::set(&place.servers, &process, SMALL);
    let expected = feed_one_host(&place);
    let notices = told_or_noticed(&place, &expected, 3000);
    let restarts = daemon.counted("worker_restarts_total");
    println!("  {notices} notices after {restarts} workers began anew");
    assert!(restarts > 0.0);
    daemon.stop_well();
}

/// Each document is there, or where it is larger than this, a notice of it; gives how many of these.
fn told_or_noticed(place: &Place, expected: &Documents, too_large: usize) -> usize {
    let notices = || clients::read_committed(&place.servers, &place.topic("deadletter"));
    wait_for("notices and the rest", || {
        let notices = notices().len();
        (notices > 0 && committed(place).len() + notices >= expected.len()).then_some(())
    });
    let notices = notices();
    assert_eq!(committed(place).len() + notices.len(), expected.len());
    for notice in &notices {
        assert_eq!(notice.headers["reason"], "output_too_large");
        let value: serde_json::Value = serde_json::from_slice(&notice.value).expect("JSON");
        let uid = value["uid"].as_str().expect("the id of what was too large");
        assert!(
            expected[uid].len() > too_large,
            "{} bytes are not too large",
            expected[uid].len()
        );
    }
    notices.len()
}

/// Whoever changes the setting loses nothing, and has no repeats beyond those of the last end.
pub fn after_at_least_once(broker: &mut Broker) {
    let Scene {
        mut place,
        hosts,
        expected,
    } = scene(broker, "eo-after");
    let feeding = feed(&place, hosts, Some(2 * PACE));
    place.delivery = "at_least_once";
    let before = place.start("before", "");
    wait_for_part(&place, &expected, 1, 4);
    before.stop_well();
    place.delivery = "exactly_once";
    let after = place.start("after", "");
    feeding.join().expect("fed");
    wait_for_part(&place, &expected, 1, 1);
    let came: Documents = committed(&place)
        .into_iter()
        .map(|document| (recording::uid(&document), document))
        .collect();
    let lost = expected
        .keys()
        .filter(|uid| !came.contains_key(*uid))
        .count();
    assert_eq!((lost, came.len()), (0, expected.len()));
    after.stop_well();
}

pub fn another_version(broker: &mut Broker) {
    let place = Place::exactly_once(broker, "eo-version");
    let state = format!("{}.state", place.prefix);
    clients::make_topics(
        &place.servers,
        &[&state],
        4,
        &[("cleanup.policy", "compact")],
    );
    clients::write(&place.servers, &state, 2, b"\x00", b"\x63 of the future");
    let mut daemon = place.start("a", "");
    assert!(!daemon.wait().success());
    let log = daemon.log();
    for word in [
        &*state,
        "partition 2",
        "saved state of version 99",
        "Start the release that wrote it",
    ] {
        assert!(log.contains(word), "{word} is not told:\n{log}");
    }
}

pub fn unfit_topic(broker: &mut Broker) {
    let place = Place::exactly_once(broker, "eo-unfit");
    let state = format!("{}.state", place.prefix);
    clients::make_topics(
        &place.servers,
        &[&state],
        4,
        &[("cleanup.policy", "delete")],
    );
    let mut daemon = place.start("a", "");
    assert!(!daemon.wait().success());
    let log = daemon.log();
    assert!(log.contains("cleanup.policy=compact"), "{log}");
    let (status, said) = place.check_config("a");
    assert!(
        !status.success() && said.contains("cleanup.policy=compact"),
        "{said}"
    );
}

/// The state is then of another offset: a lane begins without it, and says so; and what it saves afterwards
/// is whole.
pub fn offset_set_by_hand(broker: &mut Broker) {
    let Scene {
        place,
        hosts,
        expected,
    } = scene(broker, "eo-reset");
    feed(&place, hosts, None).join().expect("fed");
    let daemon = place.start("a", "");
    compare(&place, &expected);
    daemon.stop_well();
    clients::set_offsets(&place.servers, &place.prefix, &place.topic("audit.raw"), 0);
    let daemon = place.start("again", "");
    wait_for_part(&place, &expected, 2, 1);
    let log = daemon.log();
    assert!(log.contains("the state is of another offset"), "{log}");
    daemon.stop_well();
    let daemon = place.start("third", "");
    daemon.wait_ready();
    daemon.stop_well();
    let mut twice: Vec<String> = expected
        .values()
        .chain(expected.values())
        .cloned()
        .collect();
    twice.sort_unstable();
    assert!(committed(&place) == twice, "each document once more");
}
