//! Committing: what was read, joined, told and acknowledged is never read again.
//!
//! Place in the flow: in the worker, after the sink. Positions are taken first (offsets.rs), and
//! committed when everything that was handed over by then is acknowledged (sink.rs); meanwhile the
//! worker reads on. It refuses to commit the position of a lane that has left.

use std::time::{Duration, Instant};

use super::error::WorkerError;
use super::offsets::Position;
use super::port::{Consumer, Port, ToCommit};
use super::sink::Mark;
use super::worker::{Key, Worker};

/// Positions on their way to the brokers.
#[derive(Default)]
pub(super) struct Progress {
    /// Taken, and waiting for its outputs to be acknowledged.
    pending: Option<(Mark, Snapshot)>,
    /// Asked for, and waiting for the brokers.
    committing: Option<Snapshot>,
    /// When positions were taken last.
    taken: Option<Instant>,
}

impl Progress {
    /// Positions were taken at this time.
    pub(super) fn took(&mut self, taken: Instant) {
        self.taken = Some(taken);
    }

    pub(super) fn is_due(&self, interval: Duration, now: Instant) -> bool {
        let since = |taken| now.saturating_duration_since(taken);
        self.taken.is_none_or(|taken| since(taken) >= interval)
    }
}

struct Snapshot {
    positions: Vec<(Key, Position)>,
    taken: Instant,
}

impl<P: Port> Worker<P> {
    /// Takes positions, and commits those taken before once their outputs are acknowledged. At most
    /// one commit is under way, so that results cannot be mixed up.
    pub(super) fn commit(&mut self) -> Result<(), WorkerError> {
        if self.is_committing() {
            return Ok(());
        }
        match self.progress.pending.take() {
            Some((mark, snapshot)) if self.sink.acknowledged(mark) => self.ask(snapshot)?,
            Some(waiting) => self.progress.pending = Some(waiting),
            None => {
                let taken = self.port.now();
                if !self
                    .progress
                    .is_due(self.shared.config.commit.interval, taken)
                {
                    return Ok(());
                }
                self.progress.took(taken);
                let positions: Vec<_> = self
                    .seats
                    .iter()
                    .filter_map(|(key, seat)| Some((*key, seat.position()?)))
                    .collect();
                if positions.is_empty() {
                    return Ok(());
                }
                if let Some(mark) = self.sink.mark() {
                    self.progress.pending = Some((mark, Snapshot { positions, taken }));
                }
            }
        }
        Ok(())
    }

    /// Whether a commit is under way. One that lands after a partition was handed over would set the
    /// next owner back.
    pub(super) fn is_committing(&mut self) -> bool {
        while let Some(result) = self.consumer.commit_ended() {
            self.committed(result);
        }
        self.progress.committing.is_some()
    }

    fn ask(&mut self, snapshot: Snapshot) -> Result<(), WorkerError> {
        let to_commit = |(key, position): &(Key, Position)| ToCommit {
            partition: self.named(*key),
            offset: position.offset,
            metadata: position.metadata().into(),
        };
        let offsets = snapshot.positions.iter().map(to_commit).collect();
        self.consumer.commit(offsets)?;
        self.progress.committing = Some(snapshot);
        Ok(())
    }

    fn committed(&mut self, result: Result<(), String>) {
        let Some(snapshot) = self.progress.committing.take() else {
            return;
        };
        match result {
            Ok(()) => {
                self.shared.metrics.commits.inc();
                self.shared
                    .metrics
                    .commit_seconds
                    .observe(self.since(snapshot.taken).as_secs_f64());
                for (key, position) in snapshot.positions {
                    if let Some(seat) = self.seats.get_mut(&key) {
                        seat.committed = Some(position);
                    }
                }
            }
            Err(error) => {
                self.shared.metrics.commit_failures.inc();
                tracing::warn!(
                    worker = self.id,
                    error,
                    "commit failed; a later one makes up for it, or the next owner repeats"
                );
            }
        }
    }

    /// Begins to commit these seats, which are to leave. All outputs must be acknowledged, and no commit
    /// be under way.
    pub(super) fn commit_last(&mut self, keys: &[Key]) -> Result<(), WorkerError> {
        self.forget_positions();
        let positions: Vec<_> = keys
            .iter()
            .filter_map(|key| Some((*key, self.seats.get(key)?.position()?)))
            .collect();
        if positions.is_empty() {
            return Ok(());
        }
        let taken = self.port.now();
        self.ask(Snapshot { positions, taken })
    }

    /// Positions that were taken hold seats that are gone; new ones are taken at once.
    pub(super) fn forget_positions(&mut self) {
        self.progress.pending = None;
    }
}
