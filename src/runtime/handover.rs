//! What the group decides of lanes, carried out; and handing lanes over, when it or the end of the daemon wants it.
//!
//! Place in the flow: in the worker, between two records; takeup.rs takes lanes up. Order of handing over: the lanes say
//! what is whole, the outputs are acknowledged, the offsets are committed, and only then the group is answered
//! (rebalance.rs). Where delivery is exactly once, it is one last transaction: what is open stays in the
//! state. It refuses to commit what was lost.

use std::time::{Duration, Instant};

use rdkafka::message::Message;

use super::error::WorkerError;
use super::port::{Consumer, Decision, Named, Port};
use super::worker::{Key, Worker};
use crate::config::Delivery;

/// Longest wait for acknowledgements at a revocation. What is not acknowledged by then is not
/// committed, and the next owner tells it again.
const HAND_OVER: Duration = Duration::from_secs(20);

impl<P: Port> Worker<P> {
    /// Carries out what the group decided, in order.
    pub(super) async fn rebalance(&mut self) -> Result<(), WorkerError> {
        while let Some(decision) = self.postponed.take().or_else(|| self.consumer.decision()) {
            let rebalances = self.shared.metrics.rebalances.clone();
            match &decision {
                Decision::Assigned(partitions) => {
                    self.shared.view.settle(self.id, false);
                    match self.take_up(partitions).await {
                        Ok(true) => self.claim(partitions).await?,
                        // Meanwhile the lanes that stay go on.
                        Ok(false) => {
                            self.postponed = Some(decision);
                            return Ok(());
                        }
                        Err(WorkerError::Kafka(error)) => {
                            self.shared.metrics.broker_errors.inc();
                            tracing::warn!(worker = self.id, %error, "reading what was committed; trying again");
                            self.postponed = Some(decision);
                            self.asked_in_vain = Some(self.port.now());
                            return Ok(());
                        }
                        Err(error) => {
                            self.postponed = Some(decision);
                            return Err(error);
                        }
                    }
                    self.input_away = false;
                    rebalances.with_label_values(&["assigned"]).inc();
                    self.shared.view.settle(self.id, true);
                }
                Decision::Revoked(partitions) => {
                    rebalances.with_label_values(&["revoked"]).inc();
                    let keys = self.keys(partitions);
                    let aborted = match self.hand_over(&keys, HAND_OVER).await {
                        Err(why) if why.is_abortable() => {
                            tracing::warn!(worker = self.id, %why, "the next owner repeats what was aborted");
                            self.abort().await?;
                            true
                        }
                        result => {
                            result?;
                            false
                        }
                    };
                    self.give_up(partitions);
                    if aborted {
                        self.rewind().await?;
                    }
                }
                Decision::Lost(partitions) => {
                    rebalances.with_label_values(&["lost"]).inc();
                    tracing::warn!(
                        worker = self.id,
                        ?partitions,
                        "partitions lost; the next owner repeats"
                    );
                    let aborts = self.has_begun() && self.is_exactly_once();
                    if aborts {
                        self.abort().await?;
                    }
                    self.give_up(partitions);
                    if aborts {
                        self.rewind().await?;
                    }
                }
            }
        }
        Ok(())
    }

    pub(super) fn is_exactly_once(&self) -> bool {
        self.shared.config.delivery == Delivery::ExactlyOnce
    }

    /// The end of the daemon: everything is handed over.
    pub(super) async fn hand_over_all(&mut self) -> Result<(), WorkerError> {
        let keys: Vec<Key> = self.seats.keys().copied().collect();
        let deadline = self.shared.config.shutdown_deadline;
        if self.is_exactly_once() {
            // With nothing to commit nothing is open, and brokers that are away need not be waited for.
            if !self.has_to_commit() {
                return Ok(());
            }
            return match self.hand_over(&keys, deadline).await.map(drop) {
                Err(why) if why.is_abortable() => {
                    tracing::warn!(worker = self.id, %why, "transaction aborted at the end; it is read again");
                    self.abort().await
                }
                result => result,
            };
        }
        if self.hand_over(&keys, deadline).await? {
            Ok(())
        } else {
            Err(WorkerError::Interrupted)
        }
    }

    /// Lanes leave; true where all is acknowledged and was committed.
    async fn hand_over(&mut self, keys: &[Key], within: Duration) -> Result<bool, WorkerError> {
        let began = self.port.now();
        if self.is_exactly_once() {
            for key in keys {
                if let Some(seat) = self.seats.get_mut(key) {
                    (seat.leaving, seat.changed) = (true, true);
                }
            }
            self.commit_all().await?;
            return Ok(true);
        }
        for key in keys {
            self.leave(*key).await?;
        }
        self.send_bundles_in_turn().await?;
        if !self.quiet(began, within).await? {
            return Ok(false);
        }
        self.commit_last(keys)?;
        self.quiet(began, within).await
    }

    /// Waits until all outputs are acknowledged and no commit is under way; false where that takes
    /// too long.
    async fn quiet(&mut self, began: Instant, within: Duration) -> Result<bool, WorkerError> {
        while self.sink.pending() > 0 || self.is_committing() {
            if self.since(began) > within {
                tracing::warn!(
                    worker = self.id,
                    outputs = self.sink.pending(),
                    "not acknowledged and committed in time; the next owner repeats"
                );
                return Ok(false);
            }
            self.shared.view.turn(self.id);
            self.sink.serve_for(Duration::from_millis(2)).await?;
        }
        Ok(true)
    }

    /// Drops the lanes and answers the group.
    fn give_up(&mut self, partitions: &[Named]) {
        for (topic, partition) in partitions {
            tracing::info!(worker = self.id, topic, partition, "partition given up");
        }
        for key in self.keys(partitions) {
            self.ends.remove(key.0, key.1);
            self.doubts.remove(&key);
            if let Some(rekey) = &mut self.rekey {
                rekey.remove(key);
            }
            if let Some(mut seat) = self.seats.remove(&key) {
                seat.ungauge(&self.shared.metrics);
                self.shared.metrics.assigned_partitions.dec();
                self.shared.room.leave(seat.source);
                // No position has passed them: the next owner reads them.
                self.strays
                    .retain(|stray| *stray.topic() != *seat.topic || stray.partition() != key.1);
                self.shared
                    .view
                    .partitions
                    .remove(&(seat.topic.to_string(), seat.partition));
            }
        }
        self.forget_positions();
        if let Err(error) = self.consumer.give_up(partitions) {
            tracing::warn!(worker = self.id, %error, "revocation was not taken");
        }
    }

    pub(super) fn keys(&self, partitions: &[Named]) -> Vec<Key> {
        let key = |named| self.key(named);
        partitions.iter().filter_map(key).collect()
    }
}
