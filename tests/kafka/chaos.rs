//! Chaos: daemons and brokers are killed, stopped and started, and the network between them stalls and is cut, in
//! random order under load, and a read-committed reader still finds exactly what `replay` prints. Three brokers keep
//! each record three times, and two suffice. Every second daemon writes several events in a message.
//!
//! Place in the flow: the top, beside exactly.rs. `./test` runs a few rounds; TRAILHOUND_ROUNDS=30 runs as
//! many as one likes. The order comes from a seed that is printed; TRAILHOUND_SEED=N takes it again, though
//! the brokers' and the machine's own timing does not come again with it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use crate::broker::Broker;
use crate::cases::feed;
use crate::clients;
use crate::daemon::{ALL_KINDS, Daemon, KINDS, Place};
use crate::exactly::{BUNDLES, committed, compare};
use crate::network::Network;
use crate::numbers::Numbers;
use crate::recording;

/// Lines a second.
const PACE: usize = 1_000;
/// A daemon that is told to end waits for what takes the place of a broker that was killed just before.
const PATIENT: &str = "[shutdown]\ndeadline = \"60s\"\n";
const MOST_DAEMONS: usize = 3;
const BROKERS: usize = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    KillDaemon,
    StopAndContinueDaemon,
    EndDaemon,
    AddDaemon,
    KillBroker,
    FreezeBroker,
    StallNetwork,
    CutNetwork,
}

const FAULTS: [Fault; 11] = [
    Fault::KillDaemon,
    Fault::KillDaemon,
    Fault::KillDaemon,
    Fault::StopAndContinueDaemon,
    Fault::EndDaemon,
    Fault::AddDaemon,
    Fault::KillBroker,
    Fault::FreezeBroker,
    Fault::StallNetwork,
    Fault::StallNetwork,
    Fault::CutNetwork,
];

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

struct Daemons<'p> {
    place: &'p Place,
    network: &'p Network,
    /// Each with the number of its ways through the network.
    all: Vec<(Daemon, usize)>,
    started: usize,
}

impl Daemons<'_> {
    fn add(&mut self) {
        self.started += 1;
        let name = format!("d{}", self.started);
        let is_free = |way: &usize| self.all.iter().all(|(_, taken)| taken != way);
        let way = (0..MOST_DAEMONS).find(is_free).expect("a free way");
        let servers = self.network.servers(way);
        // The recordings have 600 lines one after the other of which no kind but `audit` tells, and all hosts say
        // them at the same time: without it a silence would be theirs.
        let bundles = [BUNDLES, ""][self.started % 2];
        let more = [ALL_KINDS, bundles, PATIENT].concat();
        let daemon = self.place.start_by(&servers, &name, &more);
        self.all.push((daemon, way));
    }

    fn any(&self, numbers: &mut Numbers) -> usize {
        numbers.below(self.all.len() as u64) as usize
    }

    /// Any one, taken out.
    fn take(&mut self, numbers: &mut Numbers) -> Daemon {
        let which = self.any(numbers);
        self.all.swap_remove(which).0
    }
}

pub fn rounds() {
    let rounds = from_environment("TRAILHOUND_ROUNDS").unwrap_or(5);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let seed = from_environment("TRAILHOUND_SEED").unwrap_or(now.map_or(1, |now| now.as_secs()));
    println!("  {rounds} rounds, {BROKERS} brokers, TRAILHOUND_SEED={seed}");
    let mut numbers = Numbers::new(seed);
    let network = Network::new(MOST_DAEMONS, BROKERS);
    let doors: Vec<_> = (0..BROKERS).map(|broker| network.doors(broker)).collect();
    let mut brokers = Broker::start_cluster(&doors).expect("brokers");
    let place = Place::exactly_once(&brokers[0], "chaos");
    let hosts = recording::hosts(3 + 3 * rounds as usize);
    let expected = recording::expected(&hosts, place.folder.path());
    let feeding = feed(&place, hosts, Some(PACE));
    let mut daemons = Daemons {
        place: &place,
        network: &network,
        all: Vec::new(),
        started: 0,
    };
    daemons.add();
    daemons.add();
    let watch = Watch::start(&place);
    let mut silences: BTreeMap<Fault, Silences> = BTreeMap::new();
    for _ in 0..rounds {
        pause(&mut numbers, 2_000, 9_000);
        let fault = FAULTS[numbers.below(FAULTS.len() as u64) as usize];
        watch.mark();
        carry_out(fault, &mut brokers, &mut daemons, &mut numbers);
        if daemons.all.is_empty() {
            daemons.add();
        }
        let silence = watch.silence(|| feeding.is_finished());
        let silences = silences.entry(fault).or_default();
        match feeding.is_finished() {
            true => {
                println!("  {fault:?}: no lines came any more");
                silences.unloaded += 1;
            }
            false => {
                println!("  {fault:?}: {:.1} s without output", silence.as_secs_f64());
                silences.add(silence);
            }
        }
    }
    for (fault, silences) in &silences {
        println!("  {fault:?}: {silences}");
    }
    println!("  {} daemons started", daemons.started);
    feeding.join().expect("fed");
    wait_while_it_grows(&place, expected.len());
    compare(&place, &expected);
    watch.stop();
    let all = daemons.all.into_iter();
    all.for_each(|(daemon, _)| daemon.stop_well());
}

fn carry_out(
    fault: Fault,
    brokers: &mut [Broker],
    daemons: &mut Daemons<'_>,
    numbers: &mut Numbers,
) {
    let broker = &mut brokers[numbers.below(BROKERS as u64) as usize];
    match fault {
        Fault::KillDaemon => {
            daemons.take(numbers).kill();
            daemons.add();
        }
        Fault::StopAndContinueDaemon => {
            let (daemon, _) = &daemons.all[daemons.any(numbers)];
            daemon.freeze();
            pause(numbers, 500, 12_000);
            daemon.thaw();
        }
        Fault::EndDaemon => daemons.take(numbers).stop_well(),
        Fault::AddDaemon if daemons.all.len() < MOST_DAEMONS => daemons.add(),
        Fault::AddDaemon => {}
        Fault::KillBroker => {
            broker.kill();
            pause(numbers, 100, 4_000);
            broker.run_again();
        }
        Fault::FreezeBroker => {
            broker.freeze();
            pause(numbers, 500, 8_000);
            broker.thaw();
        }
        Fault::StallNetwork => {
            let (_, way) = daemons.all[daemons.any(numbers)];
            daemons.network.stall(way);
            pause(numbers, 500, 12_000);
            daemons.network.go_on(way);
        }
        Fault::CutNetwork => {
            let (_, way) = daemons.all[daemons.any(numbers)];
            daemons.network.cut(way);
        }
    }
}

/// How often, and the longest time without output.
#[derive(Default)]
struct Silences {
    /// While lines came.
    times: usize,
    /// When all had come.
    unloaded: usize,
    longest: Duration,
}

impl Silences {
    fn add(&mut self, silence: Duration) {
        self.times += 1;
        self.longest = self.longest.max(silence);
    }
}

impl fmt::Display for Silences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.longest.as_secs_f64();
        write!(
            f,
            "{} times under load, {seconds:.1} s without output at most; {} times without",
            self.times, self.unloaded
        )
    }
}

/// When outputs came that a read-committed reader sees.
struct Seen {
    newest: Instant,
    /// Between two of them, since the last mark.
    longest: Duration,
}

/// Looks at how far such a reader gets, again and again.
struct Watch {
    seen: Arc<Mutex<Seen>>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Watch {
    fn start(place: &Place) -> Watch {
        let seen = Arc::new(Mutex::new(Seen {
            newest: Instant::now(),
            longest: Duration::ZERO,
        }));
        let stop = Arc::new(AtomicBool::new(false));
        let kinds = KINDS.iter().chain(&["audit"]);
        let topics: Vec<String> = kinds.map(|kind| place.topic(kind)).collect();
        let (servers, told, stopped) = (place.servers.clone(), seen.clone(), stop.clone());
        let thread = thread::spawn(move || {
            let consumer = clients::inspector(&servers);
            let mut before = 0;
            while !stopped.load(Ordering::Relaxed) {
                let count = |topic: &String| clients::committed(&consumer, topic);
                let there = topics.iter().map(count).sum();
                if there > before {
                    before = there;
                    let mut seen = told.lock().expect("nobody panicked");
                    seen.longest = seen.longest.max(seen.newest.elapsed());
                    seen.newest = Instant::now();
                }
                thread::sleep(Duration::from_millis(100));
            }
        });
        Watch { seen, stop, thread }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().expect("nobody panicked")
    }

    fn mark(&self) {
        *self.seen() = Seen {
            newest: Instant::now(),
            longest: Duration::ZERO,
        };
    }

    /// Waits for one more output, while there are any; gives the longest time without one since the mark.
    fn silence(&self, is_over: impl Fn() -> bool) -> Duration {
        let settled = Instant::now();
        while self.seen().newest < settled && !is_over() {
            thread::sleep(Duration::from_millis(100));
        }
        self.seen().longest
    }

    fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("it watched");
    }
}

fn pause(numbers: &mut Numbers, least: u64, most: u64) {
    thread::sleep(Duration::from_millis(least + numbers.below(most - least)));
}

/// A slow machine may need long, but not without doing anything.
fn wait_while_it_grows(place: &Place, wanted: usize) {
    let (mut before, mut grew) = (0, Instant::now());
    while grew.elapsed() < Duration::from_secs(90) {
        let there = committed(place).len();
        if there >= wanted {
            return;
        }
        if there > before {
            (before, grew) = (there, Instant::now());
        }
        thread::sleep(Duration::from_millis(500));
    }
}
