//! Floods: whatever comes, a lane takes no more memory than its share allows, and what it lets go is counted.
//!
//! Each flood runs in a process of its own, so that its peak (`VmHWM` of /proc/self/status) is of nothing else: the test
//! starts this program once more for that one test. All other bounds are out of reach, so that the memory is what
//! ends it. The lane is tracked and saved as the worker does it. The allocator is the program's. The whole daemon under a flood is
//! tests/kafka's.
//!
//! `TRAILHOUND_FLOOD=10` makes each ten times as long.

mod floods;
mod peak;

use std::sync::Arc;

use trailhound::model::settings::{Limits, Rarity};
use trailhound::model::{Evicted, Input, Outputs, Reject, Settings, Source, Timestamp};
use trailhound::pipeline::intel::IntelSet;
use trailhound::pipeline::lane::{Bookmark, Lane, Stats};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SHARE: usize = 32 << 20;

/// Of what is set aside for lanes they reckon with three quarters (config/memory.rs).
const TAKEN: usize = SHARE / 3 * 4;

const MANY: usize = 100_000_000;

fn settings(memory: usize) -> Settings {
    Settings {
        limits: Limits {
            events_per_host: MANY,
            events: MANY,
            bytes_per_host: 1 << 40,
            bytes: 1 << 40,
            sessions_per_host: MANY,
            processes_per_host: MANY,
            sources_per_host: MANY,
            patterns_per_host: MANY,
            hosts: MANY,
            memory,
            ..Limits::default()
        },
        rarity: Some(Rarity { learning_ms: 0 }),
        ..Settings::default()
    }
}

/// Lines of a flood, into a lane that must hold its share. Gives what it counted.
struct Flooded {
    lane: Lane,
    out: Outputs,
    intel: IntelSet,
    lines: u64,
    heaviest: usize,
}

impl Flooded {
    fn new(settings: Settings) -> Flooded {
        Flooded {
            lane: Lane::tracked(Arc::new(settings)),
            out: Outputs::new(),
            intel: IntelSet::default(),
            lines: 0,
            heaviest: 0,
        }
    }

    fn line(&mut self, line: &[u8]) {
        let input = Input {
            source: Source::Audit,
            value: line,
            key: None,
            host: None,
            offset: self.lines as i64,
        };
        let now = Timestamp(floods::BEGIN);
        self.lane.step(now, input, &self.intel, &mut self.out);
        self.out.clear();
        self.lines += 1;
        self.heaviest = self.heaviest.max(self.lane.weight());
        if self.lines.is_multiple_of(2_000) {
            self.lane.changes(&Bookmark::default(), &mut |_, _| {});
        }
    }
}

/// What a flood of so many lines, `of` giving each, does to a process. Runs in one of its own.
fn flood(name: &str, many: u64, of: fn(u64, &mut Vec<u8>)) -> Option<Stats> {
    if !peak::is_child() {
        peak::in_a_process_of_its_own(name);
        return None;
    }
    let many = many * peak::times();
    let mut flooded = Flooded::new(settings(SHARE));
    let mut line = Vec::new();
    let before = peak::resident();
    for n in 0..many {
        line.clear();
        of(n, &mut line);
        flooded.line(&line);
    }
    let (peak, heaviest) = (peak::peak() - before, flooded.heaviest);
    let stats = flooded.lane.stats().clone();
    println!(
        "{name}: {many} lines; reckoned {} KiB of {} at most, resident {} KiB of {} at most; let go: {}",
        heaviest >> 10,
        SHARE >> 10,
        peak >> 10,
        TAKEN >> 10,
        shown(&stats)
    );
    assert!(heaviest <= SHARE + (256 << 10), "{heaviest} bytes reckoned");
    assert!(peak <= TAKEN, "{peak} bytes of {TAKEN}");
    // Every line is in an event that went out, in one that is open, or a dead letter.
    let late = stats.rejects[Reject::Late.index()];
    assert_eq!(stats.lines, many);
    assert_eq!(stats.rejects.iter().sum::<u64>(), late);
    Some(stats)
}

fn shown(stats: &Stats) -> String {
    let all = Evicted::ALL.iter().zip(stats.by_memory);
    let all = all.filter(|(_, count)| *count > 0);
    let all: Vec<String> = all
        .map(|(kind, count)| format!("{} {}", count, kind.as_str()))
        .collect();
    all.join(", ")
}

fn let_go(stats: &Stats, kind: Evicted) -> u64 {
    stats.by_memory[kind.index()]
}

#[test]
fn events_that_never_finish() {
    let Some(stats) = flood("events_that_never_finish", 300_000, floods::unfinished) else {
        return;
    };
    assert!(let_go(&stats, Evicted::Event) > 100_000);
    assert_eq!(let_go(&stats, Evicted::Event), stats.evicted);
    assert!(stats.incomplete >= stats.evicted);
}

#[test]
fn one_event_that_never_finishes() {
    let flooded = flood("one_event_that_never_finishes", 300_000, floods::endless);
    let Some(stats) = flooded else {
        return;
    };
    // What comes after it went out is late.
    let late = stats.rejects[Reject::Late.index()];
    assert!(let_go(&stats, Evicted::Event) >= 1 && late > 100_000);
}

#[test]
fn one_host_with_a_million_serials() {
    let flooded = flood(
        "one_host_with_a_million_serials",
        1_000_000,
        floods::serials,
    );
    let Some(stats) = flooded else {
        return;
    };
    assert!(let_go(&stats, Evicted::Process) > 100_000);
    assert_eq!(let_go(&stats, Evicted::Process), stats.forgotten_processes);
    assert!(let_go(&stats, Evicted::Session) > 10_000);
    assert!(let_go(&stats, Evicted::Source) > 10_000);
    assert!(let_go(&stats, Evicted::Pattern) > 10_000);
}

#[test]
fn one_host_that_floods_costs_the_others_nothing() {
    let name = "one_host_that_floods_costs_the_others_nothing";
    let Some(stats) = flood(name, 400_000, floods::serials_beside_others) else {
        return;
    };
    assert!(let_go(&stats, Evicted::Process) > 10_000);
    assert_eq!(let_go(&stats, Evicted::Host), 0);
}

#[test]
fn a_hundred_thousand_hosts() {
    let Some(stats) = flood("a_hundred_thousand_hosts", 400_000, floods::hosts) else {
        return;
    };
    assert!(let_go(&stats, Evicted::Host) > 50_000);
    assert_eq!(stats.forgotten, let_go(&stats, Evicted::Host));
}

/// The figure of the design: no flood, and nothing is let go.
#[test]
fn ten_thousand_open_events_of_a_thousand_hosts() {
    const NAME: &str = "ten_thousand_open_events_of_a_thousand_hosts";
    if !peak::is_child() {
        return peak::in_a_process_of_its_own(NAME);
    }
    let mut flooded = Flooded::new(Settings::default());
    let mut line = Vec::new();
    for n in 0..80_000 {
        line.clear();
        floods::ten_open_each(n, &mut line);
        flooded.line(&line);
    }
    println!(
        "{NAME}: {} open of {} hosts, {} MiB resident at most, all of the process",
        flooded.lane.open_events(),
        flooded.lane.hosts(),
        peak::peak() >> 20
    );
    assert_eq!(
        (flooded.lane.open_events(), flooded.lane.hosts()),
        (10_000, 1_000)
    );
    assert_eq!(flooded.lane.stats().by_memory, [0; Evicted::ALL.len()]);
    assert!(peak::peak() <= 64 << 20);
}
