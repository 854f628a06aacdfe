//! Topics that somebody changes while the daemon runs: the input gets more partitions, others are deleted.
//!
//! Place in the flow: the top, beside exactly.rs. Each line must be told once, and no lane may stop for good.

use crate::broker::Broker;
use crate::cases::feed;
use crate::clients;
use crate::daemon::{Daemon, Place, wait_for};
use crate::exactly::{Scene, compare, scene_of};
use crate::recording::{self, Host};

/// Of each half some come to partitions that were there, and of the second some to new ones.
const HOSTS: usize = 12;
const WIDE: usize = 8;
/// The other input has four.
const ASSIGNED: usize = WIDE + 4;

/// The clients look sooner at what there is, and do not wait as long for a topic that is not there.
const SOON: &str = "[kafka.properties]\n\"topic.metadata.refresh.interval.ms\" = 1000\n\"topic.metadata.propagation.max.ms\" = 5000\n";

/// The hosts that say something before, and after.
fn halves(broker: &Broker, name: &str) -> (Scene, Vec<Host>) {
    let mut scene = scene_of(HOSTS, broker, name);
    let later = scene.hosts.split_off(HOSTS / 2);
    (scene, later)
}

/// All that the first say has been read when the input gets more partitions.
fn widen_behind(place: &Place, daemon: &Daemon, first: Vec<Host>) {
    let lines: usize = first.iter().map(|host| host.lines.len()).sum();
    feed(place, first, None).join().expect("fed");
    wait_for("all lines", || {
        (daemon.counted("input_lines_total") >= lines as f64).then_some(())
    });
    clients::widen(&place.servers, &place.topic("audit.raw"), WIDE);
}

/// Records in partitions that were not there at first.
fn records_in_new_ones(place: &Place) -> i64 {
    let topic = place.topic("audit.raw");
    let ends = clients::ends(&place.servers, &topic);
    ends.iter()
        .filter(|(partition, _)| **partition >= 4)
        .map(|(_, end)| end)
        .sum()
}

/// The daemon gives the topic of its state as many.
pub fn the_state_follows(broker: &mut Broker) {
    let (scene, later) = halves(broker, "eo-wider");
    let place = &scene.place;
    let daemon = place.start("a", SOON);
    widen_behind(place, &daemon, scene.hosts);
    wait_for("the new partitions", || {
        (daemon.counted("assigned_partitions") == ASSIGNED as f64).then_some(())
    });
    feed(place, later, None).join().expect("fed");
    compare(place, &scene.expected);
    assert!(records_in_new_ones(place) > 0);
    let state = format!("{}.state", place.prefix);
    assert_eq!(clients::ends(&place.servers, &state).len(), WIDE);
    daemon.stop_well();
}

/// Where it may not: it says what is to be done, and ends; and where that was done, it goes on.
pub fn or_it_is_told(broker: &mut Broker) {
    let (scene, later) = halves(broker, "eo-wider-by-hand");
    let place = &scene.place;
    place.start("makes-topics", "").wait_ready();
    let config = place
        .config(SOON)
        .replace("create_topics = true", "create_topics = false");
    let mut daemon = place.start_with("a", &config);
    widen_behind(place, &daemon, scene.hosts);
    feed(place, later, None).join().expect("fed");
    let state = format!("{}.state", place.prefix);
    let told = format!("--topic {state} --partitions {WIDE}");
    assert!(!daemon.wait().success());
    let log = daemon.log();
    assert!(log.contains(&told), "{log}");
    let (status, said) = place.check_config("a");
    assert!(!status.success() && said.contains(&told), "{said}");
    clients::widen(&place.servers, &state, WIDE);
    let daemon = place.start_with("again", &config);
    compare(place, &scene.expected);
    assert!(records_in_new_ones(place) > 0);
    daemon.stop_well();
}

/// An output, and the state. What stood in an output is gone with it, so it goes before anything is told; the state
/// goes when nothing is open.
pub fn made_again(broker: &mut Broker) {
    let (scene, later) = halves(broker, "eo-deleted");
    let place = &scene.place;
    let daemon = place.start("a", SOON);
    daemon.wait_ready();
    clients::delete(&place.servers, &place.topic("process"));
    let before = recording::expected(&scene.hosts, place.folder.path());
    feed(place, scene.hosts, None).join().expect("fed");
    compare(place, &before);
    clients::delete(&place.servers, &format!("{}.state", place.prefix));
    feed(place, later, None).join().expect("fed");
    compare(place, &scene.expected);
    daemon.stop_well();
}
