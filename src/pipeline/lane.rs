//! A lane: all state of one input partition, and the only place that composes the stages.
//!
//! A lane is a plain single-threaded value. It is given input records and times, and appends
//! finished outputs; it never fails: what cannot be read becomes a dead letter and a count.

use std::sync::Arc;

use crate::model::{Input, Kind, Outputs, Reject, Settings, Timestamp};
use crate::pipeline::intel::IntelSet;

/// Counters of a lane since it began; they only grow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Input records (Kafka messages, or lines of a file).
    pub records: u64,
    /// Audit lines and flow rows in them.
    pub lines: u64,
    /// Bytes of input records.
    pub bytes: u64,
    /// Outputs by kind, in the order of [`Kind::ALL`]; counted also where the kind is not wanted.
    pub events: [u64; Kind::ALL.len()],
    /// Audit events that went out incomplete, whatever the reason.
    pub incomplete: u64,
    /// Audit events that went out because a bound was reached.
    pub evicted: u64,
    /// Refused inputs, in the order of [`Reject::ALL`].
    pub rejects: [u64; Reject::ALL.len()],
    /// Indicator hits.
    pub hits: u64,
    /// Serials that never came (reordering, filters and reboots make this an upper bound).
    pub serial_gaps: u64,
}

pub struct Lane {
    stats: Stats,
    settings: Arc<Settings>,
}

impl Lane {
    pub fn new(settings: Arc<Settings>) -> Lane {
        Lane {
            stats: Stats::default(),
            settings,
        }
    }

    /// Takes one input record. `now` is the arrival clock: it must not go back, and may stand still
    /// (`replay` passes the same time always, and waits then end by the host's own time alone).
    pub fn step(
        &mut self,
        _now: Timestamp,
        _input: Input<'_>,
        _intel: &IntelSet,
        _out: &mut Outputs,
    ) {
        self.stats.records += 1;
    }

    /// Lets waits end that `now` has passed.
    pub fn tick(&mut self, _now: Timestamp, _intel: &IntelSet, _out: &mut Outputs) {}

    /// The input has ended: everything goes out, what is not whole as incomplete.
    pub fn finish(&mut self, _intel: &IntelSet, _out: &mut Outputs) {}

    /// The lane is leaving this worker: what is whole goes out, the rest stays for the next owner.
    pub fn leave(&mut self, _intel: &IntelSet, _out: &mut Outputs) {}

    /// Offset of the first record of the oldest event that is still open; the committed offset must
    /// not pass it. `None`: nothing is open.
    pub fn hold(&self) -> Option<i64> {
        None
    }

    /// Offset from which reading again rebuilds logons in the making and counters of failed logons;
    /// at or before [`Lane::hold`]. `None`: nothing to rebuild.
    pub fn rebuild_from(&self) -> Option<i64> {
        None
    }

    /// Tells a new lane that events whose first record stands before `offset` have gone out: they
    /// change state, and are not told again.
    pub fn told_before(&mut self, _offset: i64) {}

    /// The newest event time seen.
    pub fn event_time(&self) -> Option<Timestamp> {
        None
    }

    pub fn open_events(&self) -> usize {
        0
    }

    /// Bytes of open events.
    pub fn open_bytes(&self) -> usize {
        0
    }

    pub fn hosts(&self) -> usize {
        0
    }

    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }
}
