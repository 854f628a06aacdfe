//! Simulation: the worker itself over a simulated log, with everything that can go wrong, step by step from a seed.
//!
//! Place in the flow: the worker knows Kafka and time through a port (src/runtime/port.rs) alone; here it is given
//! another. Not a model of the worker runs here but the worker. After every run the read-committed outputs are those
//! of one undisturbed `replay` of the same lines, as a multiset, and nothing else.
//!
//! `./test` runs 200 seeds. TRAILHOUND_SEEDS=10000 runs as many, TRAILHOUND_SEEDS=500..900 those, and
//! TRAILHOUND_SEED=N one, with the daemons' log: a seed that failed prints itself, and fails again in the same way.

#![allow(clippy::unwrap_used)]

mod brokers;
mod client;
mod coordinator;
#[path = "../../benches/generate/mod.rs"]
mod generate;
mod group;
mod log;
mod numbers;
mod outbox;
mod port;
mod script;
mod world;

use std::collections::BTreeMap;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use brokers::Fault;
use numbers::Numbers;
use world::{Plan, Report, run};

/// Seeds of `./test`.
const SEEDS: Range<u64> = 0..200;

fn plan(seed: u64, fault: Option<Fault>) -> Plan {
    let mut numbers = Numbers::new(seed ^ 0x5EED);
    Plan {
        script: script::of(seed),
        processes: 1 + numbers.below(3) as usize,
        workers: 1 + numbers.below(2) as usize,
        disasters: numbers.below(32),
        delivery: "exactly_once",
        rekeys: false,
        fault,
    }
}

/// The lines of a host come in one partition, but not in that of its key.
fn rekeying(seed: u64, fault: Option<Fault>) -> Plan {
    Plan {
        rekeys: true,
        ..plan(seed, fault)
    }
}

fn simulate(seed: u64, plan: Plan) -> (Report, Result<(), String>) {
    catch_unwind(AssertUnwindSafe(|| run(seed, plan)))
        .unwrap_or_else(|_| (Report::default(), Err("it panicked".to_owned())))
}

fn seeds() -> Range<u64> {
    let Ok(text) = std::env::var("TRAILHOUND_SEEDS") else {
        return SEEDS;
    };
    let number = |text: &str| text.trim().parse::<u64>();
    let range = match text.split_once("..") {
        Some((from, to)) => number(from).and_then(|from| Ok(from..number(to)?)),
        None => number(&text).map(|to| 0..to),
    };
    range.unwrap_or_else(|_| panic!("TRAILHOUND_SEEDS is {text:?}; expected 10000, or 500..900"))
}

/// Fewer of them, by default: lines go twice through the brokers.
fn rekeyed_seeds() -> Range<u64> {
    let seeds = seeds();
    match seeds == SEEDS {
        true => 0..100,
        false => seeds,
    }
}

/// Runs all seeds, on as many threads as there are processors; each is alone in its world.
fn all(seeds: Range<u64>, plan: impl Fn(u64) -> Plan + Sync) -> (BTreeMap<u64, String>, Report) {
    let next = AtomicU64::new(seeds.start);
    let failed = Mutex::new(BTreeMap::new());
    let total = Mutex::new(Report::default());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    let (report, end) = simulate(seed, plan(seed));
                    let mut total = total.lock().unwrap();
                    total.steps += report.steps;
                    for (what, count) in &report.counts {
                        *total.counts.entry(what).or_default() += count;
                    }
                    if let Err(why) = end {
                        let story = report.story.join("\n");
                        eprintln!("TRAILHOUND_SEED={seed}: {why}\n{story}");
                        failed.lock().unwrap().insert(seed, why);
                    }
                }
            });
        }
    });
    (failed.into_inner().unwrap(), total.into_inner().unwrap())
}

/// Runs the seed that is asked for, with the daemons' log; else all of these.
fn hold(seeds: Range<u64>, plan: impl Fn(u64) -> Plan + Sync) {
    if let Ok(seed) = std::env::var("TRAILHOUND_SEED") {
        let seed = seed.parse().expect("a number as TRAILHOUND_SEED");
        // Another test may have begun it.
        let _ = tracing_subscriber::fmt()
            .with_env_filter("trailhound=debug")
            .with_ansi(false)
            .without_time()
            .with_writer(std::io::stderr)
            .try_init();
        let (report, end) = simulate(seed, plan(seed));
        println!("{}", report.story.join("\n"));
        return end.unwrap_or_else(|why| panic!("TRAILHOUND_SEED={seed}: {why}"));
    }
    let count = seeds.end - seeds.start;
    let (failed, total) = all(seeds, plan);
    println!("{count} seeds, {} steps, {:?}", total.steps, total.counts);
    assert!(
        failed.is_empty(),
        "{} of {count} seeds differ: {:?}",
        failed.len(),
        failed.keys()
    );
}

#[test]
fn what_is_committed_is_what_replay_says() {
    hold(seeds(), |seed| plan(seed, None));
}

/// A worker whose partitions were another's by now read their state once more; what it had not come to yet was
/// compacted, for what the new owner had written behind the place where it meant to stop; and it took the rest
/// for damaged.
#[test]
fn state_that_is_compacted_while_it_is_read() {
    hold(1529..1530, |seed| plan(seed, None));
}

/// A commit of a generation that is over is aborted, and so is each one until the group is answered; and the
/// answer waited for state whose reading every abort began anew: nothing was ever told again.
#[test]
fn a_decision_that_waits_for_state_outlives_an_abort() {
    for seed in [3375, 6535] {
        hold(seed..seed + 1, |seed| plan(seed, None));
    }
}

#[test]
fn what_is_rekeyed_is_what_replay_says() {
    hold(rekeyed_seeds(), |seed| rekeying(seed, None));
}

/// A worker whose lanes were another's by then began them again from what was committed, and read state and offsets of that
/// other, which never agreed, until it gave up.
#[test]
fn whoever_was_overtaken_does_not_read_for_ever() {
    hold(9256..9257, |seed| rekeying(seed, None));
}

#[test]
fn at_least_once_loses_no_event() {
    hold(0..40, |seed| Plan {
        delivery: "at_least_once",
        ..plan(seed, None)
    });
}

/// Lines that are written on twice are dead letters, and events are told all the same.
#[test]
fn rekeyed_at_least_once_loses_no_event() {
    hold(0..20, |seed| Plan {
        delivery: "at_least_once",
        ..rekeying(seed, None)
    });
}

#[test]
fn sixty_four_workers() {
    hold(0..2, |seed| Plan {
        script: Arc::new(script::make(&mut Numbers::new(seed), 64, 64, true)),
        processes: 16,
        workers: 4,
        ..plan(seed, None)
    });
}

#[test]
fn a_seed_replays_exactly() {
    let (one, other) = (simulate(7, plan(7, None)), simulate(7, plan(7, None)));
    assert_eq!(one.0.story, other.0.story);
    assert_eq!((one.0.steps, one.0.counts), (other.0.steps, other.0.counts));
}

/// Each deliberate fault must be seen within so many seeds.
fn caught(fault: Fault, within: u64) {
    let shows = |seed| Some((seed, simulate(seed, plan(seed, Some(fault))).1.err()?));
    let (seed, why) = (0..within)
        .find_map(shows)
        .unwrap_or_else(|| panic!("{fault:?} is not seen within {within} seeds"));
    println!("{fault:?}: seed {seed}: {why}");
}

#[test]
fn offsets_that_are_committed_before_their_outputs_are_caught() {
    caught(Fault::OffsetsFirst, 20);
}

#[test]
fn a_record_of_the_state_that_is_skipped_is_caught() {
    caught(Fault::StateSkipped, 20);
}

/// The transaction of an owner before is ended by who comes after it, so that few offsets of one are left to be taken.
#[test]
fn offsets_of_an_old_generation_that_are_taken_are_caught() {
    caught(Fault::GenerationIgnored, 50);
}

#[test]
fn lines_that_are_written_on_twice_or_never_are_caught() {
    let shows = |seed| {
        simulate(seed, rekeying(seed, Some(Fault::OffsetsFirst)))
            .1
            .err()
    };
    assert!((0..20).any(|seed| shows(seed).is_some()));
}

/// Rare: nearly all that a fenced producer does is refused for its generation too.
#[test]
fn a_fenced_producer_that_goes_on_is_caught() {
    caught(Fault::EpochIgnored, 1_000);
}
