//! A broker goes away and stays away: two of three suffice, and a daemon goes on with who takes its place.
//!
//! Place in the flow: the top, beside chaos.rs, whose brokers come back before long. librdkafka holds on to what the
//! cluster no longer names where nothing else happens that has it ask: a group's coordinator (its issue 5511), and the
//! leader of a partition that it does not read yet. So nothing else happens here.

use rdkafka::consumer::Consumer;

use crate::broker::{Broker, Door, NoDoor};
use crate::cases::feed;
use crate::clients;
use crate::daemon::{Daemon, Place, wait_for};
use crate::exactly::{self, PACE, compare, wait_for_part};
use crate::recording::{self, Documents, Host};

/// Three brokers, and a daemon that has told what each host says first.
struct Scene {
    brokers: Vec<Broker>,
    place: Place,
    expected: Documents,
    daemon: Daemon,
    /// What the hosts have yet to say.
    rest: Vec<Host>,
}

impl Scene {
    fn begin(name: &str) -> Scene {
        let brokers = Broker::start_cluster(&[NoDoor, NoDoor, NoDoor]).expect("brokers");
        let exactly::Scene {
            place,
            hosts,
            expected,
        } = exactly::scene(&brokers[0], name);
        let (first, rest) = hosts.into_iter().map(Host::halve).unzip();
        let daemon = place.start("a", "");
        feed(&place, first, Some(PACE)).join().expect("fed");
        wait_for_part(&place, &expected, 1, 3);
        Scene {
            brokers,
            place,
            expected,
            daemon,
            rest,
        }
    }

    /// Where the broker that coordinates the group stands. The group has the place's prefix for a name.
    fn coordinator(&self) -> usize {
        let node = clients::coordinator(&self.place.servers, &self.place.prefix);
        usize::try_from(node - 1).expect("nodes count from 1")
    }

    fn wait_until_noticed(&self, gone: usize) {
        let inspector = clients::inspector(&self.place.servers);
        wait_for("the cluster to notice", || {
            let known = inspector.fetch_metadata(None, clients::PATIENCE).ok()?;
            let mut nodes = known.brokers().iter().map(|broker| broker.id());
            (!nodes.any(|node| node == gone as i32 + 1)).then_some(())
        });
    }

    /// The daemon tells the rest too.
    fn end(self) {
        feed(&self.place, self.rest, Some(PACE))
            .join()
            .expect("fed");
        compare(&self.place, &self.expected);
        self.daemon.stop_well();
    }
}

/// The daemon has nothing to commit while it happens.
pub fn the_coordinator() {
    let mut scene = Scene::begin("coordinator");
    let gone = scene.coordinator();
    scene.brokers[gone].kill();
    scene.wait_until_noticed(gone);
    scene.end();
}

/// The daemon has learned who leads, and not yet begun its lanes.
pub fn a_leader() {
    let mut scene = Scene::begin("leader");
    // Each leads one partition of the input at least.
    let gone = (scene.coordinator() + 1) % scene.brokers.len();
    scene.daemon.stop_well();
    scene.daemon = scene.place.start("b", "");
    wait_for("the worker", || {
        let has_begun = scene.daemon.log().contains("worker started");
        has_begun.then_some(())
    });
    scene.brokers[gone].kill();
    scene.end();
}

/// A node in a rack of its own, whose replicas are read by who is there.
struct Rack(usize);

impl Door for Rack {
    fn settings(&self, plain: &str) -> String {
        let class = "org.apache.kafka.common.replica.RackAwareReplicaSelector";
        let rack = self.0;
        format!("{plain}broker.rack=r{rack}\nreplica.selector.class={class}\n")
    }
}

/// The daemon reads another replica than the leader, of which it hears nothing: time passes in its lanes all the same, and ends the waits
/// of hosts that fall silent.
pub fn not_from_the_leader() {
    let brokers = Broker::start_cluster(&[1, 2, 3].map(Rack)).expect("brokers");
    let place = Place::exactly_once(&brokers[0], "rack");
    let hosts = recording::hosts(exactly::HOSTS).into_iter();
    let hosts: Vec<Host> = hosts.map(Host::falls_silent).collect();
    let expected = recording::expected(&hosts, place.folder.path());
    let daemon = place.start("a", "[kafka.properties]\n\"client.rack\" = \"r2\"\n");
    feed(&place, hosts, None).join().expect("fed");
    compare(&place, &expected);
    daemon.stop_well();
}
