//! A broker goes away and stays away: two of three suffice, and a daemon goes on with who takes its place.
//!
//! Place in the flow: the top, beside chaos.rs, whose brokers come back before long. librdkafka holds on to what the
//! cluster no longer names where nothing else happens that has it ask: a group's coordinator (its issue 5511), and the
//! leader of a partition that it does not read yet. So nothing else happens here.

use std::thread;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer;

use crate::broker::{Broker, NoDoor};
use crate::cases::feed;
use crate::clients;
use crate::daemon::{Place, wait_for};
use crate::exactly::{compare, wait_for_part};
use crate::recording::{self, Documents, Host};

const HOSTS: usize = 6;
/// Lines a second.
const PACE: usize = 1_200;

struct Scene {
    brokers: Vec<Broker>,
    place: Place,
    before: Vec<Host>,
    after: Vec<Host>,
    expected: Documents,
}

fn scene(name: &str) -> Scene {
    let brokers = Broker::start_cluster(&[NoDoor, NoDoor, NoDoor]).expect("brokers");
    let place = Place::exactly_once(&brokers[0], name);
    let hosts = recording::hosts(HOSTS);
    let expected = recording::expected(&hosts, place.folder.path());
    let (before, after) = hosts.into_iter().map(Host::halve).unzip();
    Scene {
        brokers,
        place,
        before,
        after,
        expected,
    }
}

/// Where the broker that coordinates the group stands. The group has the place's prefix for a name.
fn coordinator(place: &Place) -> usize {
    let node = clients::coordinator(&place.servers, &place.prefix);
    usize::try_from(node - 1).expect("nodes count from 1")
}

fn wait_until_noticed(place: &Place, gone: usize) {
    wait_for("the cluster to notice", || {
        let inspector = clients::inspector(&place.servers);
        let known = inspector.fetch_metadata(None, clients::PATIENCE).ok()?;
        let mut nodes = known.brokers().iter().map(|broker| broker.id());
        (!nodes.any(|node| node == gone as i32 + 1)).then_some(())
    });
}

/// The daemon has nothing to commit while it happens.
pub fn the_coordinator() {
    let mut scene = scene("coordinator");
    let place = &scene.place;
    let daemon = place.start("a", "");
    let feeding = feed(place, scene.before, Some(PACE));
    feeding.join().expect("fed");
    wait_for_part(place, &scene.expected, 1, 3);
    let gone = coordinator(place);
    scene.brokers[gone].kill();
    wait_until_noticed(place, gone);
    let feeding = feed(place, scene.after, Some(PACE));
    feeding.join().expect("fed");
    compare(place, &scene.expected);
    daemon.stop_well();
}

/// The daemon has learned who leads and is in the group, and has not yet begun its lanes.
pub fn a_leader() {
    let mut scene = scene("leader");
    let place = &scene.place;
    let daemon = place.start("a", "");
    let feeding = feed(place, scene.before, Some(PACE));
    feeding.join().expect("fed");
    wait_for_part(place, &scene.expected, 1, 3);
    daemon.stop_well();
    // Each leads one partition of the input at least.
    let gone = (coordinator(place) + 1) % scene.brokers.len();
    let daemon = place.start("b", "");
    // All of it is over within a moment.
    let until = Instant::now() + clients::PATIENCE;
    while !daemon.log().contains("state of a lane read") {
        assert!(Instant::now() < until, "no state was read");
        thread::sleep(Duration::from_millis(2));
    }
    scene.brokers[gone].kill();
    let feeding = feed(place, scene.after, Some(PACE));
    feeding.join().expect("fed");
    compare(place, &scene.expected);
    daemon.stop_well();
}
