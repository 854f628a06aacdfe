//! What it costs to keep the saved state of a lane: a lane that tells its changes at each commit beside one that tells
//! none; and how long a large one takes to begin again. A commit is every 200 ms: after 2,000 lines where 10,000
//! come in a second, and after 100,000 where a worker does all it can. The figure to hold is of that: 15 % of the throughput.

#[allow(dead_code, reason = "each bench uses a part")]
#[path = "generate/drive.rs"]
mod drive;
mod generate;

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};

use drive::{drive, settings, step};
use generate::{Shape, Traffic, traffic};
use trailhound::model::{Outputs, Settings};
use trailhound::pipeline::intel::IntelSet;
use trailhound::pipeline::lane::{Bookmark, Lane};

const PAIRS: usize = 15;
const LINES_OF_OUTPUT: i64 = 500;
const LINES_OF_A_COMMIT: [i64; 2] = [2_000, 100_000];

/// Bytes of the outputs and of the changes.
fn run(made: &Traffic, commit: i64, mut lane: Lane, out: &mut Outputs) -> usize {
    let mut written = 0;
    drive(&mut lane, &made.lines, out, |lane, out, offset| {
        // The outputs of a message or a few go out at once.
        if offset % LINES_OF_OUTPUT == 0 {
            written += out.bytes();
            out.clear();
        }
        if offset % commit == commit - 1 {
            let bookmark = Bookmark {
                next: offset + 1,
                ..Bookmark::default()
            };
            lane.changes(&bookmark, &mut |key, value| {
                written += key.len() + value.map_or(0, <[u8]>::len);
            });
        }
    });
    out.clear();
    written
}

/// In turn, since a machine is not as fast now as it is then: the median of what each pair says.
fn saving(_: &mut Criterion) {
    let (settings, mut out) = (settings(), Outputs::new());
    println!("hosts, lines of a commit: lines a second without saving, and what it costs");
    for hosts in [1, 100, 1000] {
        let made = traffic(Shape {
            events: 80_000,
            hosts,
            eoe: true,
        });
        for commit in LINES_OF_A_COMMIT {
            let mut time = |lane: fn(Arc<Settings>) -> Lane| {
                let began = Instant::now();
                black_box(run(&made, commit, lane(settings.clone()), &mut out));
                began.elapsed().as_secs_f64()
            };
            let mut pairs: Vec<_> = (0..PAIRS)
                .map(|_| {
                    let (without, with) = (time(Lane::new), time(Lane::tracked));
                    (1.0 - without / with, without)
                })
                .collect();
            pairs.sort_by(|one, other| one.0.total_cmp(&other.0));
            let (cost, _) = pairs[PAIRS / 2];
            let fastest = pairs.iter().map(|pair| pair.1).fold(f64::MAX, f64::min);
            println!(
                "{hosts:>5} {commit:>7}: {:>9.0}  {:.1} % of the throughput",
                made.lines.len() as f64 / fastest,
                100.0 * cost
            );
        }
    }
}

/// The state of 100 hosts: 100,000 sessions, and more than 10,000 events that are open.
fn large() -> BTreeMap<Vec<u8>, Vec<u8>> {
    let (mut lane, mut out) = (Lane::tracked(settings()), Outputs::new());
    let intel = IntelSet::default();
    let mut offset = 0;
    let mut take = |lane: &mut Lane, line: String| {
        offset += 1;
        step(lane, (line.as_bytes(), 0), offset, &intel, &mut out);
        out.clear();
    };
    for host in 0..100 {
        for n in 0..1000 {
            let (ms, pid) = (n * 2, 1000 + n);
            let stamp = |more: i64| {
                format!(
                    "{}.{:03}:{}",
                    1_795_318_668 + ms / 1000,
                    ms % 1000,
                    2 * n + more
                )
            };
            let who = "acct=\"deploy\" exe=\"/usr/sbin/sshd\" hostname=203.0.113.66 addr=203.0.113.66 terminal=ssh";
            take(
                &mut lane,
                format!(
                    "node=web{host} type=USER_AUTH msg=audit({}): pid={pid} uid=0 auid=4294967295 ses=4294967295 msg='op=PAM:authentication {who} res=success'",
                    stamp(1)
                ),
            );
            take(
                &mut lane,
                format!(
                    "node=web{host} type=USER_START msg=audit({}): pid={pid} uid=0 auid=1101 ses={n} msg='op=PAM:session_open {who} res=success'",
                    stamp(2)
                ),
            );
        }
        for n in 0..200 {
            take(
                &mut lane,
                format!(
                    "node=web{host} type=SYSCALL msg=audit(1795318671.{n:03}:{}): arch=c000003e syscall=59 success=yes exit=0 a0=1 items=2 ppid=7 pid=8 auid=1000 uid=0 gid=0 euid=0 tty=pts0 ses=3 comm=\"id\" exe=\"/usr/bin/id\" key=\"exec\"",
                    9000 + n
                ),
            );
        }
    }
    assert!(
        lane.open_events() >= 10_000,
        "{} open events",
        lane.open_events()
    );
    let mut pairs = BTreeMap::new();
    lane.changes(&Bookmark::default(), &mut |key, value| {
        value.map(|value| pairs.insert(key.to_vec(), value.to_vec()));
    });
    pairs
}

fn restoring(criterion: &mut Criterion) {
    let (settings, pairs) = (settings(), large());
    assert!(pairs.len() >= 110_000, "{} records", pairs.len());
    let bytes: usize = pairs
        .iter()
        .map(|(key, value)| key.len() + value.len())
        .sum();
    println!("{} records of state, {bytes} bytes", pairs.len());
    criterion.bench_function("restoring/100_000_sessions", |b| {
        let restore = |pairs| black_box(Lane::restore(settings.clone(), pairs).is_ok());
        b.iter_batched(|| pairs.clone(), restore, BatchSize::LargeInput);
    });
}

criterion_group! {
    name = saved;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3));
    targets = saving, restoring
}
criterion_main!(saved);
