//! A flood through the whole daemon: its peak stays below `limits.memory`, and what it let go is counted and told.
//!
//! Place in the flow: the top. Everything that takes memory is there: queues of both clients, four lanes that share what
//! is left, transactions, HTTP. Before the flood is over the daemon is killed, so that another reads the state back.
//! `TRAILHOUND_FLOOD=10` makes it ten times as long.

use crate::broker::Broker;
use crate::clients::Feeder;
use crate::daemon::{Daemon, Place, wait_for};

#[allow(dead_code, reason = "the lane's own floods use the rest")]
#[path = "../flood/floods.rs"]
mod floods;

/// Of hosts; of events that never finish.
const HOSTS: u64 = 200_000;
const UNFINISHED: u64 = 200_000;

/// Small, so that a short flood is one.
const BOUND: u64 = 96 << 20;

pub fn memory_holds(broker: &mut Broker) {
    let times = std::env::var("TRAILHOUND_FLOOD");
    let times: u64 = times.map_or(1, |times| times.parse().expect("a number"));
    let place = Place::exactly_once(broker, "flood");
    // What is fetched grows when it is unpacked.
    let feeder = Feeder::compressing(&place.servers, &place.topic("audit.raw"), "lz4");
    let lines = (HOSTS + UNFINISHED) * times;
    feed(&feeder, HOSTS * times, floods::hosts);
    feeder.flush();
    // All lanes may have as many events as they can hold.
    let more = format!(
        "[limits]\nmemory = {BOUND}\nhosts = 1_000_000\nevents = 1_000_000\nbytes = \"64GiB\"\n"
    );
    let first = place.start("first", &more);
    read(&first, HOSTS * times / 2);
    let peak = peak(&first);
    first.kill();
    feed(&feeder, UNFINISHED * times, floods::unfinished);
    feeder.flush();
    let second = place.start("second", &more);
    wait_for("all lines", || {
        let lag: f64 = (0..4)
            .filter_map(|partition| second.metric(&lag_of(&place, partition)))
            .sum();
        let begun = second.metric("trailhound_input_lines_total")?;
        (begun > (UNFINISHED * times / 2) as f64 && lag == 0.0).then_some(())
    });
    let again = self::peak(&second);
    let let_go = |what: &str| {
        let name = format!("trailhound_memory_evictions_total{{what=\"{what}\"}}");
        second.metric(&name).expect("declared") as u64
    };
    println!(
        "  {lines} lines, limits.memory {} KiB: peak {} KiB, {} KiB after the kill; let go: {} events, {} hosts",
        BOUND >> 10,
        peak >> 10,
        again >> 10,
        let_go("event"),
        let_go("host")
    );
    assert!(peak <= BOUND && again <= BOUND);
    assert!(let_go("host") > 0 && let_go("event") > 0);
    let weight = second
        .metric("trailhound_lanes_weight_bytes")
        .expect("declared");
    let most = second
        .metric("trailhound_lanes_weight_limit_bytes")
        .expect("declared");
    assert!(weight > 0.0 && weight <= most + 1e6, "{weight} of {most}");
    let log = second.log();
    assert!(log.contains("limits.memory is reached"), "{log}");
    second.stop_well();
}

fn lag_of(place: &Place, partition: i32) -> String {
    let topic = place.topic("audit.raw");
    format!("trailhound_lag_records{{partition=\"{partition}\",topic=\"{topic}\"}}")
}

fn feed(feeder: &Feeder, many: u64, of: fn(u64, &mut Vec<u8>)) {
    let mut line = Vec::new();
    for n in 0..many {
        line.clear();
        of(n, &mut line);
        // As producers do that key by host.
        let text = String::from_utf8_lossy(&line);
        let node = text.split([' ', '=']).nth(1).unwrap_or_default();
        feeder.send(node, &line);
    }
}

fn read(daemon: &Daemon, lines: u64) {
    wait_for("many lines", || {
        let read = daemon.metric("trailhound_input_lines_total")?;
        (read >= lines as f64).then_some(())
    });
}

/// Bytes of the daemon that were resident at most.
fn peak(daemon: &Daemon) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.pid())).expect("alive");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number
        .and_then(|number| number.parse::<u64>().ok())
        .expect("a number")
        << 10
}
