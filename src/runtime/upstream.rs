//! Whether the group has written on all lines that came, whoever of it reads them.
//!
//! Place in the flow: beside a worker whose lanes read re-keyed lines. That nothing is left to read there does not mean
//! that nothing more comes: lines may wait in the input, of which the worker that read them has died, or is far behind.
//! Time that passes meanwhile is no waiting time of an event, so the lanes' clocks stand still (worker.rs) unless what
//! the group has committed of each of the input's partitions, by the brokers' word, is what had come there a moment
//! before. It holds that a stage that stops is known before [`grace`] is over.
//!
//! It refuses to count on its own process: the partitions of the input are mostly others'.

use std::collections::{BTreeMap, VecDeque};
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

/// After a lane has read something, its time stands still for so long: the rest may be in the next commit.
pub(super) fn grace(shared: &Shared) -> Duration {
    shared.config.commit.interval + GRACE
}

/// What is known of it.
#[derive(Default)]
pub(super) struct Upstream {
    fresh_until: Mutex<Option<Instant>>,
    gone: AtomicBool,
}

/// Ends of the input's partitions, and when that was.
type Ends = VecDeque<(Instant, BTreeMap<i32, i64>)>;

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
            let mut ends = Ends::new();
            while !told.gone.load(Ordering::Acquire) && !shared.stop.is_set() {
                let asked = port.now();
                match reader.written_on(&input, ASK).await {
                    Ok(written) => told.take(&written, &mut ends, (asked, port.now()), &shared),
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

    /// An answer may be as old as the question.
    fn take(
        &self,
        written: &[Written],
        ends: &mut Ends,
        (asked, answered): (Instant, Instant),
        shared: &Shared,
    ) {
        let since = asked.checked_sub(shared.config.commit.interval + COMMITTING);
        // The newest that is old enough.
        while ends.get(1).is_some_and(|(at, _)| Some(*at) <= since) {
            ends.pop_front();
        }
        let before = ends.front().filter(|(at, _)| Some(*at) <= since);
        let is_written = |(_, before): &(Instant, BTreeMap<i32, i64>)| {
            written.iter().all(|partition| {
                let came = before.get(&partition.partition).copied();
                // One that is new has been there for no longer than this.
                partition.committed.unwrap_or(0) >= came.unwrap_or(0)
            })
        };
        if before.is_some_and(is_written) {
            *lock(&self.fresh_until) = Some(asked + BELIEVED);
        }
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

    #[test]
    fn it_is_fresh_while_what_had_come_is_committed() {
        let text = "[kafka]\nbootstrap_servers = \"a:1\"\n[audit]\nrekey = true\n";
        let config = parse("t.toml", text, Path::new(""), &Beside::default()).unwrap();
        let metrics = Metrics::new().unwrap();
        let shared = Shared::new(
            config,
            IntelSet::default(),
            RuleSet::default(),
            metrics,
            Stop::new(),
        );
        let (upstream, mut ends) = (Upstream::default(), Ends::new());
        let began = Instant::now();
        let mut look = |ms: u64, committed, end| {
            let now = began + Duration::from_millis(ms);
            let partition = |partition, committed, end| Written {
                partition,
                committed,
                end,
            };
            let written = [partition(0, Some(9), 9), partition(1, committed, end)];
            upstream.take(&written, &mut ends, (now, now), &shared);
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
}
