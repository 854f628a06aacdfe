//! Whether the group has written on all lines that came, whoever of it reads them.
//!
//! Place in the flow: beside a worker whose lanes read re-keyed lines. That nothing is left to read there does not mean
//! that nothing more comes: lines may wait in the input, of which the worker that read them has died, or is far behind.
//! Time that passes meanwhile is no waiting time of an event, so the lanes' clocks stand still (worker.rs) unless what
//! the group has committed of each of the input's partitions, by the brokers' word, is what had come there a moment
//! before. It holds that a stage that stops is known before [`grace`] is over.
//!
//! And it knows which partitions stand still though there is more to read, and where: what stands in others goes on
//! no further than that (rekey.rs), or the lines of an event would come further apart than any wait while the group
//! notices that a worker died.
//!
//! It refuses to count on its own process: the partitions of the input are mostly others'.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::error::WorkerError;
use super::port::{Port, Reader, Written};
use super::{Shared, lock};

const ASK: Duration = Duration::from_secs(5);
/// Between two looks.
const EVERY: Duration = Duration::from_millis(250);
/// An answer is believed for so long.
const BELIEVED: Duration = Duration::from_millis(900);
/// Beside the time between commits: within this what came is read, written on, and committed.
const COMMITTING: Duration = Duration::from_millis(500);
/// Beside the time between commits: so long has nothing been read before an idle lane's time passes.
const GRACE: Duration = Duration::from_millis(1800);

// Whatever stops is known before time passes for want of it.
const _: () =
    assert!(COMMITTING.as_millis() + EVERY.as_millis() + BELIEVED.as_millis() < GRACE.as_millis());

/// Beside the time between commits: a partition of which for so long nothing was committed, though there is more, stands
/// still.
const STILL: Duration = Duration::from_millis(400);
/// So long is one waited for that stands still: the group gives it to another meanwhile.
const PATIENCE: Duration = Duration::from_secs(30);

/// After a lane has read something, its time stands still for so long: the rest may be in the next commit.
pub(super) fn grace(shared: &Shared) -> Duration {
    shared.config.commit.interval + GRACE
}

/// What is known of it.
#[derive(Default)]
pub(super) struct Upstream {
    fresh_until: Mutex<Option<Instant>>,
    behind: Mutex<Vec<Behind>>,
    gone: AtomicBool,
}

/// A partition of which what had come is not committed.
struct Behind {
    partition: i32,
    /// When it stands still, as far as others wait for it.
    still: Range<Instant>,
    /// Timestamp of the last record that was written on.
    time: i64,
}

/// What was seen before.
#[derive(Default)]
struct Seen {
    /// Ends of the input's partitions, and when that was.
    ends: VecDeque<(Instant, BTreeMap<i32, i64>)>,
    /// Since when each partition stands where it stands, with more to read.
    stands: BTreeMap<i32, (Option<i64>, Instant)>,
}

impl Upstream {
    /// Looks on and on, beside the worker, until it is let go.
    pub fn watch<P: Port>(port: &P, shared: &Arc<Shared>) -> Result<Arc<Upstream>, WorkerError> {
        let upstream = Arc::new(Upstream::default());
        let Some(input) = shared.config.topics.audit_in.clone() else {
            return Ok(upstream);
        };
        let (told, shared, port) = (Arc::clone(&upstream), Arc::clone(shared), port.clone());
        let reader = port.reader()?;
        let beside = port.clone();
        let work = async move {
            let mut seen = Seen::default();
            while !told.gone.load(Ordering::Acquire) && !shared.stop.is_set() {
                let asked = port.now();
                match reader.written_on(&input, ASK).await {
                    Ok(written) => told.take(&written, &mut seen, (asked, port.now()), &shared),
                    Err(error) => tracing::debug!(%error, "asking how far the input is written on"),
                }
                port.sleep(EVERY).await;
            }
        };
        beside.beside("upstream", work)?;
        Ok(upstream)
    }

    /// Nobody asks any more.
    pub fn let_go(&self) {
        self.gone.store(true, Ordering::Release);
    }

    /// All that came until a moment ago was written on.
    pub fn is_fresh(&self, now: Instant) -> bool {
        lock(&self.fresh_until).is_some_and(|until| now < until)
    }

    /// Timestamp to which a partition was written on that is not one's own and stands still though it has more, the oldest.
    /// `None`: none does.
    pub fn stands_at(&self, now: Instant, is_own: impl Fn(i32) -> bool) -> Option<i64> {
        let behind = lock(&self.behind);
        let stands = |behind: &&Behind| behind.still.contains(&now) && !is_own(behind.partition);
        behind.iter().filter(stands).map(|behind| behind.time).min()
    }

    /// An answer may be as old as the question.
    fn take(
        &self,
        written: &[Written],
        Seen { ends, stands }: &mut Seen,
        (asked, answered): (Instant, Instant),
        shared: &Shared,
    ) {
        let since = asked.checked_sub(shared.config.commit.interval + COMMITTING);
        // The newest that is old enough.
        while ends.get(1).is_some_and(|(at, _)| Some(*at) <= since) {
            ends.pop_front();
        }
        let mut behind = Vec::new();
        let before = ends.front().filter(|(at, _)| Some(*at) <= since);
        for partition in written {
            let stood = stands.entry(partition.partition);
            let stood = stood.or_insert((partition.committed, asked));
            let has_more = partition.committed.unwrap_or(0) < partition.end;
            if stood.0 != partition.committed || !has_more {
                *stood = (partition.committed, asked);
            }
            let came = before.and_then(|(_, ends)| ends.get(&partition.partition).copied());
            // One that is new has been there for no longer than this.
            if partition.committed.unwrap_or(0) < came.unwrap_or(0) {
                behind.push((partition, stood.1));
            }
        }
        if before.is_some() && behind.is_empty() {
            *lock(&self.fresh_until) = Some(asked + BELIEVED);
        }
        let still = shared.config.commit.interval + STILL;
        let behind = behind.into_iter().filter_map(|(partition, since)| {
            let (time, partition) = (partition.time?, partition.partition);
            Some(Behind {
                partition,
                still: since + still..since + still + PATIENCE,
                time,
            })
        });
        *lock(&self.behind) = behind.collect();
        let all = written.iter();
        let all = all.map(|partition| (partition.partition, partition.end));
        ends.push_back((answered, all.collect()));
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{Beside, parse};
    use crate::pipeline::detect::RuleSet;
    use crate::pipeline::intel::IntelSet;
    use crate::runtime::Stop;
    use crate::telemetry::Metrics;

    fn shared() -> Shared {
        let text = "[kafka]\nbootstrap_servers = \"a:1\"\n[audit]\nrekey = true\n";
        let config = parse("t.toml", text, Path::new(""), &Beside::default()).unwrap();
        let metrics = Metrics::new().unwrap();
        Shared::new(
            config,
            IntelSet::default(),
            RuleSet::default(),
            metrics,
            Stop::new(),
        )
    }

    #[test]
    fn it_is_fresh_while_what_had_come_is_committed() {
        let (upstream, mut seen, shared) = (Upstream::default(), Seen::default(), shared());
        let began = Instant::now();
        let mut look = |ms: u64, committed, end| {
            let now = began + Duration::from_millis(ms);
            let partition = |partition, committed, end| Written {
                partition,
                committed,
                time: None,
                end,
            };
            let written = [partition(0, Some(9), 9), partition(1, committed, end)];
            upstream.take(&written, &mut seen, (now, now), &shared);
            upstream.is_fresh(now)
        };
        assert!(!look(0, None, 0), "nothing is known of before");
        assert!(!look(500, None, 0));
        assert!(look(800, None, 5));
        // Five came, and are not yet committed; a moment later they have to be.
        assert!(look(1000, None, 5));
        assert!(!look(2000, None, 5));
        assert!(look(2100, Some(5), 5));
        assert!(look(2200, Some(5), 7));
        assert!(!look(9000, Some(6), 7));
    }

    #[test]
    fn who_stands_still_with_more_to_read_is_known_for_a_while() {
        let (upstream, mut seen, shared) = (Upstream::default(), Seen::default(), shared());
        let began = Instant::now();
        let at = |ms| began + Duration::from_millis(ms);
        let mut look = |ms: u64, committed, end| {
            let written = [
                Written::of(0, Some((90, "trailhound/1 time=700")), 90),
                Written::of(1, Some((committed, "trailhound/1 time=500")), end),
                Written::of(2, Some((0, "trailhound/1")), 1_000),
            ];
            upstream.take(&written, &mut seen, (at(ms), at(ms)), &shared);
        };
        look(0, 5, 9);
        look(800, 7, 9);
        let stands_at = |ms, own| upstream.stands_at(at(ms), |partition| partition == own);
        assert_eq!(stands_at(800, 0), None, "it moved just now");
        look(1_500, 7, 9);
        // The third says no time, and the first has no more.
        assert_eq!(stands_at(1_500, 0), Some(500));
        assert_eq!(stands_at(1_500, 1), None, "one's own");
        assert_eq!(stands_at(32_000, 0), None, "too long");
        look(1_600, 9, 9);
        assert_eq!(stands_at(3_000, 0), None, "it has no more");
        // It was silent for long, and is dead when it is asked again.
        look(90_000, 9, 9);
        look(91_000, 9, 10);
        look(92_000, 9, 10);
        assert_eq!(stands_at(92_000, 0), Some(500));
    }
}
