//! The brokers: logs, coordinators, and the clients' own background threads, as one value under one clock.
//!
//! Place in the flow: between the port that workers call (port.rs) and the scheduler (world.rs), which decides when
//! anything here goes on. A node is a process: what is of one that is dead, frozen or cut off stands still.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use trailhound::runtime::port::Named;

use crate::client::Client;
use crate::coordinator::{Coordinator, Place};
use crate::group::Group;
use crate::log::{Log, Record};
use crate::numbers::Numbers;
use crate::outbox::Outbox;
use crate::port::BEGIN;

/// What a worker has done beside it.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What the brokers do wrong, so that a test can show that it would be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Offsets count at once, not with their transaction.
    OffsetsFirst,
    /// Now and then a record of the state is acknowledged and gone.
    StateSkipped,
    /// Offsets of a generation that is over, or of nobody's member, are taken.
    GenerationIgnored,
    /// A producer whose name is another's by now goes on.
    EpochIgnored,
}

/// Milliseconds by which a wrong clock is ahead.
const AHEAD: i64 = 7_200_000;

#[derive(Default)]
pub struct Node {
    pub dead: bool,
    /// Nothing of it runs until then.
    pub frozen_until: i64,
    /// No broker hears it until then.
    pub cut_until: i64,
}

pub struct Brokers {
    /// Milliseconds since the simulation began.
    pub now: i64,
    /// The daemons' clocks are two hours ahead until then, as of machines that came up with a wrong one; then they are set.
    pub set_right: i64,
    pub numbers: Numbers,
    pub logs: BTreeMap<Named, Log>,
    pub coordinator: Coordinator,
    pub group: Group,
    pub nodes: BTreeMap<usize, Node>,
    pub clients: BTreeMap<usize, Client>,
    pub outboxes: BTreeMap<usize, Outbox>,
    pub fault: Option<Fault>,
    /// One call in so many fails; 0: none.
    pub trouble: u64,
    /// Records that a producer's queue holds.
    pub queue: usize,
    /// Started by workers, and not yet taken over by the scheduler.
    pub started: Vec<(usize, Task)>,
    /// When the one that runs wants to go on.
    pub wake: i64,
    /// How often what happened.
    pub counts: BTreeMap<&'static str, u64>,
    handles: usize,
}

pub type Cluster = Arc<Mutex<Brokers>>;

pub fn lock(cluster: &Cluster) -> MutexGuard<'_, Brokers> {
    cluster.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Brokers {
    pub fn new(seed: u64, group: Group, topics: &[(&str, i32)], fault: Option<Fault>) -> Brokers {
        let mut numbers = Numbers::new(seed);
        let partitions = topics
            .iter()
            .flat_map(|(topic, count)| (0..*count).map(|number| ((*topic).to_owned(), number)));
        let mut brokers = Brokers {
            now: 0,
            // Not drawn: seeds that found something are to do the same as then.
            set_right: if seed % 4 == 3 { 40_000 } else { 0 },
            logs: partitions
                .map(|partition| (partition, Log::default()))
                .collect(),
            coordinator: Coordinator::default(),
            group,
            nodes: BTreeMap::new(),
            clients: BTreeMap::new(),
            outboxes: BTreeMap::new(),
            fault,
            trouble: [0, 400, 60, 20][numbers.below(4) as usize],
            queue: [4, 40, 5000][numbers.below(3) as usize],
            numbers,
            started: Vec::new(),
            wake: 0,
            counts: BTreeMap::new(),
            handles: 0,
        };
        // As configured, or as low as one may set it.
        brokers.coordinator.timeout = [15_000, 30_000, 60_000][brokers.numbers.below(3) as usize];
        brokers.coordinator.ignores_fences = fault == Some(Fault::EpochIgnored);
        brokers.group.ignores_fences = fault == Some(Fault::GenerationIgnored);
        brokers
    }

    /// The wall time that a daemon is told.
    pub fn wall(&self) -> i64 {
        let ahead = if self.now < self.set_right { AHEAD } else { 0 };
        BEGIN + self.now + ahead
    }

    pub fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    pub fn handle(&mut self) -> usize {
        self.handles += 1;
        self.handles
    }

    /// The node runs, and the brokers hear it.
    pub fn is_heard(&self, node: usize) -> bool {
        self.runs(node) && self.nodes[&node].cut_until <= self.now
    }

    pub fn runs(&self, node: usize) -> bool {
        let node = &self.nodes[&node];
        !node.dead && node.frozen_until <= self.now
    }

    /// A call of this node does not get through this time.
    pub fn fails(&mut self, node: usize) -> bool {
        !self.is_heard(node) || self.numbers.once_in(self.trouble)
    }

    pub fn log(&mut self, partition: &Named) -> &mut Log {
        self.logs.entry(partition.clone()).or_default()
    }

    pub fn append(&mut self, partition: &Named, record: Record) {
        self.log(partition).append(record, None);
    }

    /// Something goes on that no worker does: one queue is sent, one member says something, one end of a
    /// transaction is told to one partition.
    pub fn go_on(&mut self) {
        self.coordinator.time_out(self.now);
        self.group.time_out(self.now);
        match self.numbers.below(3) {
            0 => {
                let all: Vec<usize> = self.outboxes.keys().copied().collect();
                if let Some(outbox) = self.numbers.one_of(&all) {
                    self.send_queue(*outbox);
                }
            }
            1 => {
                let all: Vec<usize> = self.clients.keys().copied().collect();
                if let Some(client) = self.numbers.one_of(&all) {
                    self.client_goes_on(*client);
                }
            }
            _ => self.mark(),
        }
    }

    /// All of that, once for each.
    pub fn all_go_on(&mut self) {
        self.coordinator.time_out(self.now);
        self.group.time_out(self.now);
        let outboxes: Vec<usize> = self.outboxes.keys().copied().collect();
        outboxes.iter().for_each(|outbox| self.send_queue(*outbox));
        let clients: Vec<usize> = self.clients.keys().copied().collect();
        clients
            .iter()
            .for_each(|client| self.client_goes_on(*client));
        (0..64).for_each(|_| self.mark());
    }

    fn mark(&mut self) {
        let numbers = &mut self.numbers;
        let choose = |count: usize| numbers.below(count as u64) as usize;
        let Some(mark) = self.coordinator.mark(choose) else {
            return;
        };
        match (&mark.place, mark.commit) {
            (Place::Group, true) => self.count("offsets committed"),
            (Place::Group, false) => self.count("offsets aborted"),
            _ => {}
        }
        match &mark.place {
            Place::Partition(partition) => self.log(partition).mark(mark.txn, mark.commit),
            Place::Group if mark.commit => self.group.committed.extend(mark.offsets),
            Place::Group => {}
        }
    }

    /// A transaction of a process that runs is under way.
    pub fn is_sending(&self) -> bool {
        let mut outboxes = self.outboxes.values();
        outboxes.any(|outbox| outbox.begun && self.runs(outbox.node))
    }

    /// The process is gone, and with it whatever it had not sent.
    pub fn kill(&mut self, node: usize) {
        if let Some(node) = self.nodes.get_mut(&node) {
            node.dead = true;
        }
        self.clients.retain(|_, client| client.node != node);
        self.outboxes.retain(|_, outbox| outbox.node != node);
        self.started.retain(|(of, _)| *of != node);
    }

    /// The partition of a key.
    pub fn partition_of(&self, topic: &str, key: &[u8]) -> i32 {
        let hash = key.iter().fold(7u64, |hash, byte| {
            hash.wrapping_mul(31).wrapping_add(u64::from(*byte))
        });
        let count = self.partitions(topic).len().max(1) as u64;
        i32::try_from(hash % count).unwrap_or(0)
    }

    /// Partitions of a topic.
    pub fn partitions(&self, topic: &str) -> BTreeSet<Named> {
        let all = self.logs.keys();
        all.filter(|(name, _)| name == topic).cloned().collect()
    }
}
