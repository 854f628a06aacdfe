//! Producers that do not key: the lines of each host come in all partitions in turn. Re-keyed, what comes out is what
//! `replay` prints for the same lines; not re-keyed, it is told.
//!
//! Place in the flow: the top, beside exactly.rs.

use std::collections::BTreeSet;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::broker::{Broker, NoDoor};
use crate::clients::{self, Feeder};
use crate::daemon::{Daemon, EAGER, Place, wait_for};
use crate::exactly::{HOSTS, PACE, Scene, compare, scene, scene_of, wait_for_part};
use crate::recording::{self, Host};

/// As many as a place has.
const PARTITIONS: usize = 4;
/// Of each partition of a backlog comes a batch of a megabyte first.
const MANY: usize = 24;
const WIDE: usize = 16;
const REKEY: &str = "[audit]\nrekey = true\n";

/// Sends all lines in the background, each to the next partition.
fn spread(
    place: &Place,
    hosts: Vec<Host>,
    partitions: usize,
    pace: Option<usize>,
) -> JoinHandle<()> {
    let feeder = Feeder::new(&place.servers, &place.topic("audit.raw"));
    thread::spawn(move || {
        for (i, (host, line)) in recording::interleaved(&hosts).enumerate() {
            feeder.send_unkeyed((i % partitions) as i32, host, line);
            if pace.is_some_and(|pace| i % (pace / 20) == 0) {
                thread::sleep(Duration::from_millis(50));
            }
        }
        feeder.flush();
    })
}

pub fn told(broker: &mut Broker) {
    let Scene { place, hosts, .. } = scene(broker, "unkeyed");
    spread(&place, hosts, PARTITIONS, None).join().expect("fed");
    let daemon = place.start("a", "");
    let split = || daemon.metric("trailhound_split_hosts_total");
    wait_for("each host in several partitions", || {
        split().filter(|hosts| *hosts >= HOSTS as f64)
    });
    assert_eq!(split(), Some(HOSTS as f64), "each once");
    let log = daemon.whole_log();
    let told = log.matches("lines of one host come in several partitions");
    assert_eq!(told.count(), 1, "{log}");
    assert!(log.contains("audit.rekey = true"), "{log}");
    daemon.stop_well();

    // What is keyed is not told of.
    let Scene { place, hosts, .. } = scene(broker, "keyed");
    crate::cases::feed(&place, hosts, None).join().expect("fed");
    let daemon = place.start("a", "");
    daemon.wait_ready();
    assert_eq!(daemon.metric("trailhound_split_hosts_total"), Some(0.0));
    daemon.stop_well();
}

/// A backlog, whose partitions the client fetches one after the other.
pub fn rekeyed(broker: &mut Broker) {
    let Scene {
        place,
        hosts,
        expected,
    } = scene_of(MANY, broker, "rekey");
    clients::widen(&place.servers, &place.topic("audit.raw"), WIDE);
    let names: BTreeSet<Vec<u8>> = hosts.iter().map(|host| host.name.clone().into()).collect();
    let lines: usize = hosts.iter().map(|host| host.lines.len()).sum();
    spread(&place, hosts, WIDE, None).join().expect("fed");
    let daemon = place.start("a", REKEY);
    compare(&place, &expected);
    let metric = |name: &str| daemon.metric(&format!("trailhound_{name}"));
    assert_eq!(metric("split_hosts_total"), Some(0.0));
    assert_eq!(metric("aborted_transactions_total"), Some(0.0));
    for counted in [
        "rekeyed_records_total",
        "rekeyed_lines_total",
        "input_lines_total",
    ] {
        assert_eq!(metric(counted), Some(lines as f64), "{counted}");
    }
    assert_eq!(metric("rekeyed_unnamed_lines_total"), Some(0.0));
    let topic = format!("{}.rekeyed", place.prefix);
    let written = clients::read_committed(&place.servers, &topic);
    assert_eq!(written.len(), lines);
    let keys: BTreeSet<Vec<u8>> = written.iter().map(|record| record.key.clone()).collect();
    assert_eq!(keys, names);
    assert!(
        written
            .iter()
            .all(|record| record.headers.contains_key("host"))
    );
    let (status, said) = place.check_config("a");
    assert!(status.success() && !said.contains("warning"), "{said}");
    daemon.stop_well();

    // A new start finds nothing left to tell.
    let daemon = place.start("again", REKEY);
    daemon.wait_ready();
    daemon.stop_well();
    compare(&place, &expected);
}

/// It has partitions of the input, and so all of them: it is alone. One that dies before leaves the next with half of
/// them for as long as the group waits for it, and events have lines in both halves.
fn wait_until_it_writes_on(daemon: &Daemon) {
    wait_for("lines to be written on", || {
        let lines = daemon.metric("trailhound_rekeyed_lines_total");
        lines.filter(|lines| *lines > 0.0)
    });
}

pub fn rekeyed_through_kills(broker: &mut Broker) {
    let Scene {
        place,
        hosts,
        expected,
    } = scene(broker, "rekey-kill");
    // Some are left for each life.
    let feeding = spread(&place, hosts, PARTITIONS, Some(PACE / 3));
    for life in 1..=3 {
        let daemon = place.start(&format!("life{life}"), REKEY);
        wait_until_it_writes_on(&daemon);
        wait_for_part(&place, &expected, life, 5);
        daemon.kill();
    }
    let last = place.start("last", REKEY);
    feeding.join().expect("fed");
    compare(&place, &expected);
    last.stop_well();
}

pub fn rekeyed_by_two(broker: &mut Broker) {
    let Scene {
        place,
        hosts,
        expected,
    } = scene(broker, "rekey-join");
    let feeding = spread(&place, hosts, PARTITIONS, Some(PACE));
    let first = place.start("first", REKEY);
    wait_for_part(&place, &expected, 1, 8);
    let second = place.start("second", REKEY);
    wait_until_it_writes_on(&second);
    wait_for_part(&place, &expected, 1, 2);
    second.stop_well();
    let third = place.start("third", REKEY);
    wait_for("partitions of the third", || {
        let partitions = third.metric("trailhound_assigned_partitions");
        partitions.filter(|partitions| *partitions > 0.0)
    });
    thread::sleep(Duration::from_millis(500));
    third.kill();
    feeding.join().expect("fed");
    compare(&place, &expected);
    first.stop_well();
}

/// Each of two has half of every topic's partitions, and lines of each event come in both halves. What the one that is
/// left has goes on no further until it has the rest.
pub fn one_of_two_killed(broker: &mut Broker) {
    let Scene {
        place,
        hosts,
        expected,
    } = scene(broker, "rekey-half");
    let halves = format!("{REKEY}{EAGER}");
    let (first, second) = (
        place.start("first", &halves),
        place.start("second", &halves),
    );
    let assigned = |daemon: &Daemon| daemon.metric("trailhound_assigned_partitions");
    for daemon in [&first, &second] {
        wait_for("half of the partitions", || {
            assigned(daemon).filter(|many| *many == (3 * PARTITIONS / 2) as f64)
        });
    }
    let feeding = spread(&place, hosts, PARTITIONS, Some(PACE));
    wait_for_part(&place, &expected, 1, 4);
    second.kill();
    feeding.join().expect("fed");
    compare(&place, &expected);
    first.stop_well();
}

/// Lines of all partitions but its own go on to come, and are new.
pub fn rekeyed_without_a_leader() {
    let mut brokers = Broker::start_cluster(&[NoDoor, NoDoor, NoDoor]).expect("brokers");
    let Scene {
        place,
        hosts,
        expected,
    } = scene(&brokers[0], "rekey-leader");
    let feeding = spread(&place, hosts, PARTITIONS, Some(PACE));
    let daemon = place.start("a", REKEY);
    wait_for_part(&place, &expected, 1, 4);
    // Each leads one partition of the input at least.
    brokers[1].kill();
    feeding.join().expect("fed");
    compare(&place, &expected);
    daemon.stop_well();
}
