//! What can be seen of a worker from outside: metrics, the live view, and a word in the log where memory was short.
//!
//! Place in the flow: at the end of each turn of the worker (worker.rs). What the client's statistics say is heard
//! here, too: which lanes have read all there is. It refuses to read a record or to commit.

use std::time::Duration;

use prometheus::IntGaugeVec;
use rdkafka::Statistics;

use super::clock::Moment;
use super::port::{Consumer, Port};
use super::worker::Worker;
use crate::telemetry::Metrics;

const VIEW_EVERY: Duration = Duration::from_millis(500);

impl<P: Port> Worker<P> {
    pub(super) fn observe(&mut self) {
        let at = self.moment();
        if let Some(stats) = self.consumer.statistics() {
            self.hear_statistics(&stats, at);
            self.gauge_queues(&stats);
        }
        if self.since(self.last_view) >= VIEW_EVERY {
            self.view(at.wall);
        }
    }

    /// How far each partition is read, and whether there are brokers.
    fn hear_statistics(&mut self, stats: &Statistics, at: Moment) {
        for (key, seat) in &mut self.seats {
            let Some(at_end) = seat.statistics(stats, at) else {
                continue;
            };
            self.ends.settle(key.0, key.1, at_end);
            if let Some(offsets) = seat.deleted(stats) {
                deleted(&self.shared.metrics, &seat.topic, seat.partition, offsets);
            }
            if at_end {
                seat.caught_up();
                let rekey = self.rekey.as_ref();
                let is_all_written = rekey.is_some_and(|rekey| rekey.has_written_all(*key));
                if is_all_written && self.strays.is_empty() {
                    seat.passed(stats);
                }
            }
        }
        let up = stats.brokers.values().any(|broker| broker.state == "UP");
        if up && std::mem::replace(&mut self.brokers_away, false) {
            tracing::info!(worker = self.id, "the brokers are back");
        }
    }

    fn gauge_queues(&self, stats: &Statistics) {
        let (messages, bytes) = queued(stats);
        let worker = self.id.to_string();
        let metrics = &self.shared.metrics;
        let of_worker = |gauge: &IntGaugeVec, value| gauge.with_label_values(&[&worker]).set(value);
        of_worker(&metrics.consumer_queue_messages, messages);
        of_worker(&metrics.consumer_queue_bytes, bytes);
    }

    fn view(&mut self, wall: i64) {
        self.last_view = self.port.now();
        let share = self.shared.room.share();
        self.let_go.tell(self.id, share, self.last_view);
        for seat in self.seats.values_mut() {
            seat.gauge(&self.shared.metrics, wall);
            let name = (seat.topic.to_string(), seat.partition);
            self.shared.view.partitions.insert(name, seat.view(self.id));
        }
    }
}

/// The brokers deleted records before they were read: tells and counts them.
pub(super) fn deleted(metrics: &Metrics, topic: &str, partition: i32, (next, low): (i64, i64)) {
    let gone = u64::try_from(low.saturating_sub(next)).unwrap_or(0);
    metrics
        .deleted_records
        .with_label_values(&[topic])
        .inc_by(gone);
    tracing::warn!(
        topic,
        partition,
        next,
        low,
        gone,
        "records were deleted before they were read"
    );
}

/// Records that were fetched and not yet read, and their bytes. The queues of all partitions are one, and the client counts all of
/// it for each that goes there.
fn queued(stats: &Statistics) -> (i64, i64) {
    let topics = stats.topics.values();
    let partitions = topics.flat_map(|topic| topic.partitions.values());
    let each = partitions.map(|partition| {
        let bytes = i64::try_from(partition.fetchq_size).unwrap_or(i64::MAX);
        (partition.fetchq_cnt, bytes)
    });
    each.max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use rdkafka::statistics::{Partition, Topic};

    use super::*;

    #[test]
    fn what_is_queued_is_counted_once() {
        let of = |(count, size)| Partition {
            fetchq_cnt: count,
            fetchq_size: size,
            ..Partition::default()
        };
        let partitions = [(0, 0), (7, 900), (7, 900)].map(of);
        let topic = Topic {
            partitions: (0..).zip(partitions).collect(),
            ..Topic::default()
        };
        let topics = [("audit.raw".to_owned(), topic)].into();
        let stats = Statistics {
            topics,
            ..Statistics::default()
        };
        assert_eq!(queued(&stats), (7, 900));
        assert_eq!(queued(&Statistics::default()), (0, 0));
    }
}
