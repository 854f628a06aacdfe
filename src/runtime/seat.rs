//! A seat: one assigned partition, its lane, and what the worker keeps beside the lane.
//!
//! Place in the flow: in the worker, around the lane. It refuses to talk to Kafka: it is told what was
//! read and what the statistics say.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::statistics::{Partition, Statistics};

use super::abreast::Outlook;
use super::clock::{ArrivalClock, Moment};
use super::leader::Leader;
use super::offsets::{Position, Start, WrittenOn};
use super::view::PartitionView;
use crate::model::alert::Suppressed;
use crate::model::{Evicted, Kind, Reject, Source};
use crate::pipeline::lane::{Lane, Stats};
use crate::telemetry::Metrics;

pub struct Seat {
    pub source: Source,
    pub topic: Arc<str>,
    pub partition: i32,
    pub lane: Lane,
    pub clock: ArrivalClock,
    /// The offset after the record read last.
    pub next: Option<i64>,
    /// Last given to the lane by a tick.
    pub ticked: i64,
    /// As the brokers have it.
    pub committed: Option<Position>,
    /// The topic of its state; none where delivery is at least once.
    pub state_topic: Option<Arc<str>>,
    /// Something was read or said since the last transaction.
    pub changed: bool,
    /// The next transaction is its last here: the state names no owner then.
    pub leaving: bool,
    /// Its input is our own: what is not committed yet will be read too, and may stand in the open transaction of a worker
    /// that died.
    pub is_rekeyed: bool,
    /// When something was read last, by the steady clock.
    read_at: i64,
    /// The widest run of offsets without a record that reading passed since statistics came.
    passed_over: Option<(i64, i64)>,
    /// The end that an input that is written on was read to.
    end: Option<i64>,
    /// Timestamp of its last record that was written on, or the wall time if that is from the future.
    wrote: Option<i64>,
    /// Keys of a state that is not this lane's: they go with the first transaction.
    pub stale: Vec<Vec<u8>>,
    start: Start,
    /// The end of the partition when it was assigned.
    goal: i64,
    caught_up: bool,
    leader: Leader,
    lag: Option<i64>,
    counted: Stats,
    gauged: [usize; 4],
}

impl Seat {
    pub fn new(
        (source, topic, partition): (Source, Arc<str>, i32),
        mut lane: Lane,
        start: Start,
        (low, high): (i64, i64),
        at: Moment,
    ) -> Seat {
        if let Some(offset) = start.told_before {
            lane.told_before(offset);
        }
        Seat {
            source,
            topic,
            partition,
            lane,
            clock: ArrivalClock::default(),
            next: None,
            ticked: i64::MIN,
            committed: None,
            state_topic: None,
            changed: false,
            leaving: false,
            is_rekeyed: false,
            read_at: i64::MIN,
            passed_over: None,
            end: None,
            wrote: None,
            stale: Vec::new(),
            start,
            goal: high,
            caught_up: start.read_from.unwrap_or(low) >= high,
            leader: Leader::new(at.steady),
            lag: None,
            counted: Stats::default(),
            gauged: [0; 4],
        }
    }

    /// Its state is saved. `next`: where it reads on; `now`: where its clock stood.
    pub fn saved_in(self, state_topic: Arc<str>, next: i64, now: i64) -> Seat {
        Seat {
            clock: ArrivalClock::resume(now),
            ticked: now,
            next: Some(next),
            state_topic: Some(state_topic),
            ..self
        }
    }

    /// What may be committed when all that was handed over so far is acknowledged; `None` where that
    /// is nothing new.
    pub fn position(&self) -> Option<Position> {
        let next = self.next?;
        let rebuild = self.start.rebuild(next, self.lane.rebuild_from());
        let position = Position::of(next, self.start.floor, self.lane.hold(), rebuild);
        (self.committed != Some(position)).then_some(position)
    }

    pub fn read(&mut self, offset: i64, at: Moment) {
        if let Some(next) = self.next.filter(|next| *next < offset) {
            self.pass_over(next, offset);
        }
        self.next = Some(offset + 1);
        self.changed = true;
        self.leader.heard(at.steady);
        self.read_at = at.steady;
        self.caught_up |= offset + 1 >= self.goal;
    }

    #[cold]
    fn pass_over(&mut self, from: i64, to: i64) {
        if self.passed_over.is_none_or(|(a, b)| b - a < to - from) {
            self.passed_over = Some((from, to));
        }
    }

    /// Offsets that reading passed over since the last question because the brokers have deleted what stood there: those of markers
    /// of transactions, and what was compacted, are below no low watermark yet.
    pub fn deleted(&mut self, stats: &Statistics) -> Option<(i64, i64)> {
        let (from, to) = self.passed_over.take()?;
        let low = self.of_mine(stats)?.lo_offset.min(to);
        (from < low).then_some((from, low))
    }

    /// Its input is our own; it was taken up now.
    pub fn rekeyed(&mut self, at: Moment) {
        self.is_rekeyed = true;
        self.read_at = at.steady;
    }

    /// Nothing was read for so long.
    pub fn is_quiet(&self, at: Moment, grace: Duration) -> bool {
        u128::try_from(at.steady.saturating_sub(self.read_at))
            .is_ok_and(|quiet| quiet >= grace.as_millis())
    }

    /// An input that is written on was read to its end, by the client's statistics, which are of a moment ago: nothing that
    /// was not read may depend on them. Its end is committed beside the offset, also where that is nothing new.
    pub fn passed(&mut self, stats: &Statistics) {
        let end = self.of_mine(stats).map(|partition| partition.eof_offset);
        let is_new = end.is_some_and(|end| self.end < Some(end));
        if is_new && self.next.is_some() {
            self.end = end;
            self.changed = true;
        }
    }

    /// A record was written on.
    pub fn wrote(&mut self, offset: i64, timestamp: Option<i64>, at: Moment) {
        self.read(offset, at);
        self.wrote = timestamp.or(self.wrote);
    }

    /// Timestamp of the last record that was written on.
    pub fn last_written(&self) -> Option<i64> {
        self.wrote
    }

    /// Of an input that is written on: where its reading goes on, and beside it the end that it was read to, where that
    /// is further.
    pub fn written_on(&self) -> Option<(i64, WrittenOn)> {
        let next = self.next?;
        let beside = WrittenOn {
            end: self.end.filter(|end| *end > next),
            time: self.wrote,
        };
        Some((next, beside))
    }

    /// All of it was read, and just now the leader said so.
    pub fn at_end(&mut self, at: Moment) {
        self.caught_up();
        self.leader.heard(at.steady);
    }

    pub fn caught_up(&mut self) {
        self.caught_up = true;
    }

    /// An error of a connection: until the leader is heard of again it counts as away.
    pub fn unheard(&mut self) {
        self.leader.lost();
    }

    /// What may come of it; `is_at_end`: all that was there has been read.
    pub fn outlook(&self, is_at_end: bool, at: Moment) -> Outlook {
        match (self.leader.is_there(at.steady), is_at_end) {
            (false, _) => Outlook::Away,
            (true, _) if self.leader.is_back_lately(at.steady) => Outlook::Back,
            (true, true) => Outlook::AtEnd,
            (true, false) => Outlook::More,
        }
    }

    /// Takes what the statistics say of this partition. Returns whether all of it has been read, where
    /// they know.
    pub fn statistics(&mut self, stats: &Statistics, at: Moment) -> Option<bool> {
        let partition = self.of_mine(stats)?;
        let read_from = read_from(partition);
        let mut brokers = stats.brokers.values();
        let broker = brokers.find(|broker| Some(broker.nodeid) == read_from);
        if let Some(broker) = broker.filter(|broker| broker.state == "UP") {
            // Who is busy reads them late; they say when they were made, in whole seconds.
            let age = (at.wall - (stats.time + 1) * 1000).max(0);
            self.leader.heard(at.steady - age - broker.rxidle / 1000);
        }
        // Negative: not known yet.
        let end = partition.hi_offset;
        if end < 0 {
            return None;
        }
        let next = self.next.unwrap_or(partition.app_offset);
        // Markers of transactions take offsets that no record shows; the client has passed them.
        let stable = match self.is_rekeyed {
            true => end,
            false => partition.ls_offset,
        };
        // They are of a moment ago: what was read since may not have been all.
        let at_end = [end, stable].contains(&partition.eof_offset) && partition.eof_offset >= next;
        let is_read =
            at_end && (partition.app_offset == partition.eof_offset || partition.fetchq_cnt == 0);
        // Markers, and what was deleted, are no records to read; those of an open transaction will be.
        let position = match is_read {
            true => next.max(partition.eof_offset),
            false => next,
        };
        if position >= 0 {
            self.lag = Some((end - position).max(0));
        }
        Some(is_read)
    }

    /// What they say of this partition.
    fn of_mine<'s>(&self, stats: &'s Statistics) -> Option<&'s Partition> {
        stats
            .topics
            .get(&*self.topic)?
            .partitions
            .get(&self.partition)
    }

    /// Adds what the lane counted since the last time. Gives what `limits.memory` made it let go since then.
    pub fn count(&mut self, metrics: &Metrics) -> [u64; Evicted::ALL.len()] {
        let (now, was) = (self.lane.stats(), &self.counted);
        let mut let_go = now.by_memory;
        if now == was {
            return [0; Evicted::ALL.len()];
        }
        for (kind, (more, was)) in Evicted::ALL
            .iter()
            .zip(let_go.iter_mut().zip(was.by_memory))
        {
            *more -= was;
            if *more > 0 {
                metrics
                    .memory_evictions
                    .with_label_values(&[kind.as_str()])
                    .inc_by(*more);
            }
        }
        metrics.input_records.inc_by(now.records - was.records);
        metrics.input_lines.inc_by(now.lines - was.lines);
        metrics.input_bytes.inc_by(now.bytes - was.bytes);
        for (i, kind) in Kind::ALL.into_iter().enumerate() {
            let more = now.events[i] - was.events[i];
            if more > 0 {
                metrics
                    .events
                    .with_label_values(&[kind.as_str()])
                    .inc_by(more);
            }
        }
        for reject in Reject::ALL {
            let more = now.rejects[reject.index()] - was.rejects[reject.index()];
            if more > 0 {
                metrics
                    .rejects
                    .with_label_values(&[reject.as_str()])
                    .inc_by(more);
            }
        }
        metrics
            .incomplete_events
            .inc_by(now.incomplete - was.incomplete);
        metrics.evicted_events.inc_by(now.evicted - was.evicted);
        metrics.indicator_hits.inc_by(now.hits - was.hits);
        let filters = &self.lane.settings().selection.filters;
        for (i, (filter, now)) in filters.iter().zip(&now.filtered).enumerate() {
            let was = was.filtered.get(i).copied().unwrap_or(0);
            metrics
                .filtered_events
                .with_label_values(&[&*filter.name])
                .inc_by(now - was);
        }
        metrics.serial_gaps.inc_by(now.gaps - was.gaps);
        metrics
            .missing_events
            .inc_by(now.missing_events - was.missing_events);
        metrics
            .kernel_lost
            .inc_by(now.kernel_lost - was.kernel_lost);
        metrics
            .kernel_limits
            .inc_by(now.kernel_limits - was.kernel_limits);
        metrics
            .daemon_failures
            .inc_by(now.daemon_failures - was.daemon_failures);
        metrics.forgotten.inc_by(now.forgotten - was.forgotten);
        let processes = now.forgotten_processes - was.forgotten_processes;
        metrics.forgotten_processes.inc_by(processes);
        metrics.rule_matches.inc_by(now.matches - was.matches);
        let counts = now.suppressed.iter().zip(was.suppressed);
        for (reason, (now, was)) in Suppressed::ALL.into_iter().zip(counts) {
            metrics
                .suppressed_signs
                .with_label_values(&[reason.as_str()])
                .inc_by(now - was);
        }
        self.counted = now.clone();
        let_go
    }

    /// Sets what this lane adds to the gauges. Gauges are shared by all lanes, so only the difference
    /// to the last time is written.
    pub fn gauge(&mut self, metrics: &Metrics, wall: i64) {
        let now = [
            self.lane.open_events(),
            self.lane.open_bytes(),
            self.lane.hosts(),
            self.lane.weight(),
        ];
        self.gauge_to(metrics, now);
        let partition = self.partition.to_string();
        let labels = [&*self.topic, partition.as_str()];
        if let Some(lag) = self.lag {
            metrics.lag_records.with_label_values(&labels).set(lag);
        }
        if let Some(time) = self.lane.event_time() {
            let seconds = (wall - time.0) as f64 / 1000.0;
            metrics
                .event_time_lag
                .with_label_values(&labels)
                .set(seconds);
        }
    }

    /// The lane is gone: its share of the gauges too.
    pub fn ungauge(&mut self, metrics: &Metrics) {
        self.gauge_to(metrics, [0; 4]);
        let partition = self.partition.to_string();
        let labels = [&*self.topic, partition.as_str()];
        // It is an error to remove a series that was never set; there is none to remove then.
        let _ = metrics.lag_records.remove_label_values(&labels);
        let _ = metrics.event_time_lag.remove_label_values(&labels);
    }

    fn gauge_to(&mut self, metrics: &Metrics, now: [usize; 4]) {
        let gauges = [
            &metrics.open_events,
            &metrics.open_event_bytes,
            &metrics.hosts,
            &metrics.lanes_weight,
        ];
        for (gauge, (now, was)) in gauges.iter().zip(now.iter().zip(self.gauged)) {
            gauge.add(*now as i64 - was as i64);
        }
        self.gauged = now;
    }

    pub fn view(&self, worker: usize) -> PartitionView {
        PartitionView {
            worker,
            hosts: self.lane.hosts(),
            open_events: self.lane.open_events(),
            open_bytes: self.lane.open_bytes(),
            lag: self.lag,
            event_time: self.lane.event_time(),
            next_offset: self.next,
            caught_up: self.caught_up,
        }
    }
}

/// The broker that a partition is read from: its leader, or where `client.rack` lets it another, and the leader says nothing to
/// this client then. Without a leader it is nobody who could know of more.
fn read_from(partition: &Partition) -> Option<i32> {
    let known = |id: i32| (id >= 0).then_some(id);
    let leader = known(partition.leader)?;
    known(partition.broker).or(Some(leader))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lag_is_what_is_still_to_be_read() {
        let at = Moment { wall: 0, steady: 0 };
        let start = crate::runtime::offsets::start(Some(6), None, (0, 10), false);
        let of = (Source::Audit, Arc::from("t"), 0);
        let mut seat = Seat::new(of, Lane::new(Arc::default()), start, (0, 10), at);
        seat.next = Some(6);
        let mut lag = |hi_offset, ls_offset, eof_offset| {
            let partition = Partition {
                leader: -1,
                app_offset: eof_offset,
                hi_offset,
                ls_offset,
                eof_offset,
                ..Partition::default()
            };
            let topic = rdkafka::statistics::Topic {
                partitions: [(0, partition)].into(),
                ..Default::default()
            };
            let stats = Statistics {
                topics: [("t".to_owned(), topic)].into(),
                ..Statistics::default()
            };
            (seat.statistics(&stats, at), seat.lag)
        };
        assert_eq!(lag(10, 10, -1), (Some(false), Some(4)));
        // Four markers, or records that were deleted.
        assert_eq!(lag(10, 10, 10), (Some(true), Some(0)));
        // A transaction is open from 7 on.
        assert_eq!(lag(10, 7, 7), (Some(true), Some(3)));
    }

    #[test]
    fn who_is_heard_of_is_who_is_read_from() {
        let of = |leader, broker| {
            read_from(&Partition {
                leader,
                broker,
                ..Partition::default()
            })
        };
        assert_eq!(of(1, 1), Some(1));
        assert_eq!(of(1, 2), Some(2));
        assert_eq!(of(1, -1), Some(1));
        assert_eq!(of(-1, 2), None);
    }
}
