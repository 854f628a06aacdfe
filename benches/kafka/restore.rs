//! How long a lane with 100,000 sessions and more than 10,000 open events takes, on a real broker, from the start of the
//! daemon to its first record.
//!
//! One daemon reads what makes that state, saves it and ends in order; another is started. One record waits for it.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::broker::Broker;
use crate::clients::{self, Feeder};
use crate::daemon::{Daemon, Place};
use crate::throughput::resident;

const HOSTS: usize = 100;
const SESSIONS_OF_HOST: usize = 1000;
const OPEN_OF_HOST: usize = 100;
const ROUNDS: usize = 3;
/// What is open stays open.
const WAITS: &str = "[waits]\nevent = \"10m\"\n";

pub fn run(broker: &Broker) {
    let place = Place::exactly_once(broker, "restore");
    let topic = place.topic("alone");
    clients::make_topics(&place.servers, &[&topic], 1, &[]);
    let start = |name: &str| {
        let config = place
            .config("")
            .replace("[waits]\nevent = \"30s\"\n", WAITS);
        place.start_with(name, &config.replace(&place.topic("audit.raw"), &topic))
    };
    let feeder = Feeder::new(&place.servers, &topic);
    for host in 0..HOSTS {
        sessions(host)
            .chain(open_events(host))
            .for_each(|line| feeder.send("one", line.as_bytes()));
    }
    feeder.flush();
    let daemon = start("first");
    let lines = (HOSTS * (2 * SESSIONS_OF_HOST + OPEN_OF_HOST)) as f64;
    wait(&daemon, "input_lines_total", lines);
    let open = daemon.counted("open_events");
    assert!(open >= 10_000.0, "{open} open events");
    daemon.stop_well();
    let records = clients::count(&place.servers, &format!("{}.state", place.prefix));
    for round in 0..ROUNDS {
        feeder.send(
            "one",
            b"node=web0 type=CWD msg=audit(1795318672.000:99999): cwd=\"/\"",
        );
        feeder.flush();
        let began = Instant::now();
        let daemon = start(&format!("again{round}"));
        wait(&daemon, "input_records_total", 1.0);
        let first = began.elapsed().as_secs_f64();
        let read = daemon.counted("restore_seconds_sum");
        let restored = daemon.counted("restored_records_total");
        // Told twice a second.
        wait(&daemon, "open_events", 10_000.0);
        let open = daemon.counted("open_events");
        println!(
            "restore: first record {first:.2} s after the start of the process; of these {read:.2} s read {restored} records \
             of state (about {records} in the topic); {open} events open, resident {:.0} MiB",
            resident(&daemon)
        );
        daemon.stop_well();
    }
}

fn wait(daemon: &Daemon, name: &str, goal: f64) {
    while daemon.counted(name) < goal {
        sleep(Duration::from_millis(10));
    }
}

fn sessions(host: usize) -> impl Iterator<Item = String> {
    (0..SESSIONS_OF_HOST).flat_map(move |n| {
        let (ms, pid) = (n * 2, 1000 + n);
        let stamp = move |more: usize| {
            let seconds = 1_795_318_668 + ms / 1000;
            format!("{seconds}.{:03}:{}", ms % 1000, 2 * n + more)
        };
        let who = "acct=\"deploy\" exe=\"/usr/sbin/sshd\" hostname=203.0.113.66 addr=203.0.113.66 terminal=ssh";
        [
            format!(
                "node=web{host} type=USER_AUTH msg=audit({}): pid={pid} uid=0 auid=4294967295 ses=4294967295 msg='op=PAM:authentication {who} res=success'",
                stamp(1)
            ),
            format!(
                "node=web{host} type=USER_START msg=audit({}): pid={pid} uid=0 auid=1101 ses={n} msg='op=PAM:session_open {who} res=success'",
                stamp(2)
            ),
        ]
    })
}

/// Calls of which nothing but the first record comes.
fn open_events(host: usize) -> impl Iterator<Item = String> {
    (0..OPEN_OF_HOST).map(move |n| {
        format!(
            "node=web{host} type=SYSCALL msg=audit(1795318671.{n:03}:{}): arch=c000003e syscall=59 success=yes exit=0 a0=1 items=2 ppid=7 pid=8 auid=1000 uid=0 gid=0 euid=0 tty=pts0 ses=3 comm=\"id\" exe=\"/usr/bin/id\" key=\"exec\"",
            9000 + n
        )
    })
}
