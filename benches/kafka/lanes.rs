//! What a lane costs: the same lines of the same hosts over 4, 16 and 64 partitions, by one worker and by two.
//!
//! The daemon's CPU seconds until all is committed, what it holds then, and what it takes while nothing comes. The broker shares the processors, so seconds
//! by the clock say little.

use std::thread::sleep;
use std::time::Duration;

use crate::broker::Broker;
use crate::clients;
use crate::daemon::{ALL_KINDS, Place};
use crate::generate::{Shape, traffic};
use crate::throughput::{LINES_OF_EVENT, fill, rate, resident, seconds_of_processor};

const HOSTS: usize = 1000;
const PARTITIONS: [i32; 3] = [4, 16, 64];
const WORKERS: [usize; 2] = [1, 2];
/// Then nothing more comes.
const IDLE: Duration = Duration::from_secs(5);

pub fn run(broker: &Broker, lines: usize) {
    let made = traffic(Shape {
        events: lines / LINES_OF_EVENT,
        hosts: HOSTS,
        eoe: true,
    });
    for partitions in PARTITIONS {
        for workers in WORKERS {
            let mut place = Place::exactly_once(broker, &format!("lanes-{partitions}-{workers}"));
            place.environment = vec![("TRAILHOUND__WORKERS", workers.to_string())];
            let topic = place.topic("lanes");
            clients::make_topics(&place.servers, &[&topic], partitions, &[]);
            let records = fill(&place, &topic, &made.lines, 1);
            let config = place
                .config(ALL_KINDS)
                .replace(&place.topic("audit.raw"), &topic);
            let daemon = place.start_with("daemon", &config);
            let rate = rate(&place.servers, &place.prefix, &topic, records);
            let used = seconds_of_processor(&daemon);
            sleep(IDLE);
            let idle = seconds_of_processor(&daemon) - used;
            println!(
                "{partitions:2} partitions, {workers} workers: {used:5.2} CPU seconds for {} lines, {rate:7.0} lines/s, resident {:3.0} MiB; \
                 idle {:4.1} % of a CPU; \
                 {} commits, {:.1} bytes of state a line",
                made.lines.len(),
                resident(&daemon),
                100.0 * idle / IDLE.as_secs_f64(),
                daemon.counted("commits_total"),
                daemon.counted("state_bytes_total") / made.lines.len() as f64,
            );
            daemon.stop_well();
        }
    }
}
