//! The scheduler: one step at a time, chosen by the numbers of the seed, until all is told.
//!
//! A step lets time pass, lets the brokers go on, feeds a line, or lets one worker run up to its next wait; and now and
//! then disaster strikes: a process is killed, ended, frozen, cut off or started. Then all are healed, and what was
//! committed must be what one undisturbed replay says.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::Instant;

use trailhound::config::{Config, Delivery};
use trailhound::pipeline::detect::RuleSet;
use trailhound::pipeline::intel::IntelSet;
use trailhound::runtime::{Shared, Stop, WorkerError, work};
use trailhound::telemetry::Metrics;

use crate::brokers::{Brokers, Cluster, Fault, Node, lock};
use crate::group::Group;
use crate::log::Record;
use crate::port::{BEGIN, Simulated};
use crate::script::{self, INPUT, REKEYED, STATE, Script};

mod compare;

/// Milliseconds without disasters after which all must have been told.
const HEALED: i64 = 2_500_000;
/// Lines are fed in one step of so many.
const FEEDS: u64 = 10;
/// Milliseconds that pass in one of them: less than a leader may be unheard.
const ROUND: i64 = 400;
/// And while a transaction is under way, which has its time too.
const BUSY_ROUND: i64 = 10;

type Life = Pin<Box<dyn Future<Output = Result<(), WorkerError>>>>;

struct Actor<F> {
    life: F,
    wake: i64,
}

/// A daemon.
struct Process {
    node: usize,
    stop: Stop,
    workers: Vec<Actor<Life>>,
    tasks: Vec<Actor<crate::brokers::Task>>,
}

/// What a simulation is made of, beside its seed.
pub struct Plan {
    pub script: Arc<Script>,
    pub processes: usize,
    pub workers: usize,
    /// How many times disaster strikes.
    pub disasters: u64,
    pub delivery: &'static str,
    /// The producers do not key: a host's lines come in some partition, and are keyed first.
    pub rekeys: bool,
    pub fault: Option<Fault>,
}

/// What happened.
#[derive(Debug, Default)]
pub struct Report {
    pub counts: BTreeMap<&'static str, u64>,
    pub story: Vec<String>,
    pub steps: u64,
}

struct World {
    cluster: Cluster,
    plan: Plan,
    config: Config,
    processes: Vec<Process>,
    /// Lines of each partition that are fed.
    fed: Vec<usize>,
    /// Milliseconds that a step takes at most.
    pace: i64,
    /// So many milliseconds is the clock of those ahead who feed the first partition.
    ahead: i64,
    began: Instant,
    nodes: usize,
    report: Report,
}

/// Runs one simulation to its end.
///
/// # Errors
/// What came out is not what had to, or did not come.
pub fn run(seed: u64, plan: Plan) -> (Report, Result<(), String>) {
    let mut world = World::new(seed, plan);
    let end = world.live().and_then(|()| world.heal());
    world.processes.clear();
    let counts = std::mem::take(&mut lock(&world.cluster).counts);
    world.report.counts.extend(counts);
    (world.report, end)
}

impl World {
    fn new(seed: u64, plan: Plan) -> World {
        let partitions = plan.script.partitions.len();
        let count = i32::try_from(partitions).unwrap_or(i32::MAX);
        let topics = [(INPUT, count), (STATE, count), (REKEYED, count)];
        let inputs: &[&str] = match plan.rekeys {
            true => &[INPUT, REKEYED],
            false => &[INPUT],
        };
        let inputs = inputs.iter();
        let inputs =
            inputs.flat_map(|topic| (0..count).map(|number| ((*topic).to_owned(), number)));
        let group = Group::new(inputs.collect(), true);
        let mut brokers = Brokers::new(seed, group, &topics, plan.fault);
        brokers.group.cooperative = !brokers.numbers.once_in(4);
        brokers.group.session = [2_000, 6_000, 15_000][brokers.numbers.below(3) as usize];
        let interval = [10, 50, 200, 1000][brokers.numbers.below(4) as usize];
        let pace = match plan.script.slow {
            true => brokers.numbers.between(10, 60),
            false => brokers.numbers.between(1, 8),
        };
        // Not drawn: seeds that found something are to do the same as then.
        let per_message = [1, 1, 5][(seed % 3) as usize];
        let config = script::config(
            plan.script.slow,
            plan.workers,
            interval,
            plan.delivery,
            plan.rekeys,
            per_message,
        );
        // A lane's clock is the wall's then, and outages count as waiting.
        let ahead = match plan.script.slow && seed % 5 == 2 {
            true => 2 * 3_600_000,
            false => 0,
        };
        let mut world = World {
            cluster: Arc::new(Mutex::new(brokers)),
            fed: vec![0; partitions],
            config,
            processes: Vec::new(),
            pace,
            ahead,
            began: Instant::now(),
            nodes: 0,
            report: Report::default(),
            plan,
        };
        for _ in 0..world.plan.processes {
            world.start();
        }
        world
    }

    fn below(&self, bound: u64) -> u64 {
        lock(&self.cluster).numbers.below(bound)
    }

    fn tell(&mut self, what: &'static str, node: usize) {
        *self.report.counts.entry(what).or_default() += 1;
        let now = lock(&self.cluster).now;
        self.report
            .story
            .push(format!("{now:>8} ms  {what} {node}"));
    }

    fn start(&mut self) {
        self.nodes += 1;
        let node = self.nodes;
        lock(&self.cluster).nodes.insert(node, Node::default());
        let metrics = Metrics::new().expect("metrics");
        let stop = Stop::new();
        let (intel, rules) = (IntelSet::default(), RuleSet::default());
        let shared = Shared::new(self.config.clone(), intel, rules, metrics, stop.clone());
        let shared = Arc::new(shared);
        let worker = |id: usize| {
            let (shared, port) = (
                Arc::clone(&shared),
                Simulated {
                    cluster: Arc::clone(&self.cluster),
                    node,
                    began: self.began,
                },
            );
            let life: Life = Box::pin(async move { work(port, &shared, id).await });
            Actor { life, wake: 0 }
        };
        let process = Process {
            node,
            stop,
            workers: (0..self.plan.workers).map(worker).collect(),
            tasks: Vec::new(),
        };
        self.processes.push(process);
        self.tell("started", node);
    }

    /// Lines are fed, and disasters strike.
    fn live(&mut self) -> Result<(), String> {
        let lines: usize = self.plan.script.partitions.iter().map(Vec::len).sum();
        // About as many steps as feeding takes.
        let at_once = self.fed.len().div_ceil(4);
        let steps = lines as u64 * FEEDS * 2 / 5 / at_once as u64;
        let strikes = steps.checked_div(self.plan.disasters).unwrap_or(0);
        while self.fed.iter().sum::<usize>() < lines {
            self.report.steps += 1;
            let (chance, feeds) = {
                let mut brokers = lock(&self.cluster);
                let pace = self.pace;
                brokers.now += brokers.numbers.between(0, pace);
                brokers.go_on();
                // A transaction that is about to end is where most can go wrong.
                let is_ending = brokers.coordinator.is_ending();
                let strikes = if is_ending {
                    strikes.div_ceil(10)
                } else {
                    strikes
                };
                let chance = brokers.numbers.once_in(strikes);
                (chance, brokers.numbers.once_in(FEEDS))
            };
            if chance {
                self.strike();
            }
            if feeds {
                (0..at_once).for_each(|_| self.feed());
            }
            self.step()?;
        }
        Ok(())
    }

    fn feed(&mut self) {
        let script = Arc::clone(&self.plan.script);
        let mut brokers = lock(&self.cluster);
        let partition = brokers.numbers.below(self.fed.len() as u64) as usize;
        for _ in 0..1 + brokers.numbers.below(4) {
            let Some(line) = script.partitions[partition].get(self.fed[partition]) else {
                return;
            };
            self.fed[partition] += 1;
            let record = Record {
                key: line.key.clone(),
                value: Some(line.value.clone()),
                timestamp: BEGIN + brokers.now + if partition == 0 { self.ahead } else { 0 },
            };
            let number = i32::try_from(partition).unwrap_or(0);
            brokers.append(&(INPUT.to_owned(), number), record);
        }
    }

    /// One worker, or what one has done beside it, runs up to its next wait.
    fn step(&mut self) -> Result<(), String> {
        if self.processes.is_empty() {
            return Ok(());
        }
        let which = self.below(self.processes.len() as u64) as usize;
        let process = &self.processes[which];
        let actors = process.workers.len() + process.tasks.len();
        if actors > 0 {
            let actor = self.below(actors as u64) as usize;
            self.run(which, actor)?;
        }
        Ok(())
    }

    fn run(&mut self, which: usize, actor: usize) -> Result<(), String> {
        let process = &mut self.processes[which];
        let now = {
            let mut brokers = lock(&self.cluster);
            if !brokers.runs(process.node) {
                return Ok(());
            }
            brokers.wake = brokers.now;
            brokers.now
        };
        let mut context = Context::from_waker(Waker::noop());
        let wake = || lock(&self.cluster).wake;
        let mut ended = None;
        match actor.checked_sub(process.workers.len()) {
            None => {
                let worker = &mut process.workers[actor];
                if worker.wake <= now {
                    let polled = worker.life.as_mut().poll(&mut context);
                    worker.wake = wake();
                    if let std::task::Poll::Ready(end) = polled {
                        drop(process.workers.swap_remove(actor));
                        ended = Some(end);
                    }
                }
            }
            Some(task) => {
                let task_of = &mut process.tasks[task];
                if task_of.wake <= now {
                    let done = task_of.life.as_mut().poll(&mut context).is_ready();
                    task_of.wake = wake();
                    if done {
                        drop(process.tasks.swap_remove(task));
                    }
                }
            }
        }
        let started = std::mem::take(&mut lock(&self.cluster).started);
        let started = started.into_iter();
        process
            .tasks
            .extend(started.map(|(_, life)| Actor { life, wake: 0 }));
        match ended {
            None => Ok(()),
            Some(end) => self.ended(which, end),
        }
    }

    /// A worker that ends with an error ends its daemon, and whoever supervises it starts another.
    fn ended(&mut self, which: usize, end: Result<(), WorkerError>) -> Result<(), String> {
        let node = self.processes[which].node;
        match end {
            Ok(()) if self.processes[which].workers.is_empty() => self.kill(which, "ended"),
            Ok(()) => {}
            Err(WorkerError::Interrupted) => self.kill(which, "ended late"),
            // Nothing was committed, and nobody begins in its place.
            Err(WorkerError::Sink(_) | WorkerError::Overtaken { .. })
                if self.processes[which].stop.is_set() =>
            {
                self.kill(which, "ended fenced");
            }
            Err(error) => return Err(format!("the daemon {node} ended: {error}")),
        }
        Ok(())
    }

    fn kill(&mut self, which: usize, what: &'static str) {
        let process = self.processes.remove(which);
        self.tell(what, process.node);
        // First, so that what is dropped says no word to the brokers.
        lock(&self.cluster).kill(process.node);
    }

    fn strike(&mut self) {
        if self.processes.is_empty() {
            return self.start();
        }
        let which = self.below(self.processes.len() as u64) as usize;
        let node = self.processes[which].node;
        let most = self.plan.processes + 1;
        match self.below(10) {
            0..=2 => {
                self.kill(which, "killed");
                if self.below(4) > 0 {
                    self.start();
                }
            }
            3 => {
                self.tell("stopped", node);
                self.processes[which].stop.stop();
            }
            4 | 5 if self.processes.len() < most => self.start(),
            6 => self.for_a_while(node, "frozen", |node, until| node.frozen_until = until),
            7 => self.for_a_while(node, "cut off", |node, until| node.cut_until = until),
            8 => {
                let mut brokers = lock(&self.cluster);
                let states: Vec<_> = brokers.partitions(STATE).into_iter().collect();
                states.iter().for_each(|state| brokers.log(state).compact());
            }
            _ => self.for_a_while(node, "frozen", |node, until| {
                node.frozen_until = until;
            }),
        }
    }

    fn for_a_while(&mut self, node: usize, what: &'static str, set: impl FnOnce(&mut Node, i64)) {
        self.tell(what, node);
        let mut brokers = lock(&self.cluster);
        // Shorter than a session, about one, or longer than a transaction may take.
        let session = brokers.group.session;
        let most = [200, 3_000, 2 * session, 6 * session][brokers.numbers.below(4) as usize];
        let until = brokers.now + brokers.numbers.between(1, most);
        if let Some(node) = brokers.nodes.get_mut(&node) {
            set(node, until);
        }
    }

    /// Everything is well again. What is still to come must come, and then nothing more.
    fn heal(&mut self) -> Result<(), String> {
        {
            let mut brokers = lock(&self.cluster);
            brokers.trouble = 0;
            if brokers.numbers.once_in(2) {
                // The others come to themselves when their time has come.
                for node in brokers.nodes.values_mut() {
                    (node.frozen_until, node.cut_until) = (0, 0);
                }
            }
        }
        if self.processes.is_empty() {
            self.start();
        }
        let (mut after, mut ends) = (0, 0);
        let end = lock(&self.cluster).now + HEALED;
        while lock(&self.cluster).now < end {
            self.round()?;
            let grew = std::mem::replace(&mut ends, self.ends()) != ends;
            if after > 0 || (grew && self.is_all_there()) {
                after += 1;
            }
            if after > 50 {
                break;
            }
        }
        match self.config.delivery {
            Delivery::ExactlyOnce => self.compare(),
            Delivery::AtLeastOnce => self.compare_ids(),
        }
    }

    fn round(&mut self) -> Result<(), String> {
        let mut brokers = lock(&self.cluster);
        brokers.now += match brokers.is_sending() {
            true => BUSY_ROUND,
            false => ROUND,
        };
        drop(brokers);
        for _ in 0..2 {
            lock(&self.cluster).all_go_on();
            for which in (0..self.processes.len()).rev() {
                let process = &self.processes[which];
                for actor in (0..process.workers.len() + process.tasks.len()).rev() {
                    self.report.steps += 1;
                    if which < self.processes.len() {
                        self.run(which, actor)?;
                    }
                }
            }
        }
        if self.processes.is_empty() {
            self.start();
        }
        Ok(())
    }
}
