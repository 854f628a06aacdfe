//! Every metric, declared once: name, unit, help and labels stand here and nowhere else.
//!
//! Place in the flow: beside it. The runtime writes, `/metrics` reads. It refuses to know lanes,
//! Kafka and HTTP: it is handed plain numbers. Nothing here is global; each daemon has a registry of
//! its own, so that two of them can live in one test.

use prometheus::{
    Encoder, GaugeVec, Histogram, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry,
    TextEncoder, core::Collector, process_collector::ProcessCollector,
};

use crate::model::alert::Suppressed;
use crate::model::{Evicted, Kind, Reject};

/// Declares the struct and its registration together, so that neither can lack what the other has.
macro_rules! metrics {
    ($($(#[doc = $help:literal])+ $field:ident: $type:ident = $name:literal $([$($label:literal),+])?;)+) => {
        /// All metrics of one daemon.
        pub struct Metrics {
            registry: Registry,
            $($(#[doc = $help])+ pub $field: $type,)+
        }

        impl Metrics {
            /// # Errors
            /// A name that stands here twice, or that Prometheus refuses.
            pub fn new() -> Result<Metrics, prometheus::Error> {
                let registry = Registry::new();
                registry.register(Box::new(ProcessCollector::for_self()))?;
                $(let $field = register(&registry, make::$type(
                    concat!("trailhound_", $name), concat!($($help),+).trim(), &[$($($label),+)?],
                )?)?;)+
                let metrics = Metrics { registry, $($field),+ };
                metrics.start_at_zero();
                Ok(metrics)
            }
        }
    };
}

metrics! {
    /// Audit lines and flow rows read.
    input_lines: IntCounter = "input_lines_total";
    /// Bytes of the input records read.
    input_bytes: IntCounter = "input_bytes_total";
    /// Input records (Kafka messages) read.
    input_records: IntCounter = "input_records_total";
    /// Records of an input without keys that were written on, keyed by their host (`audit.rekey`).
    rekeyed_records: IntCounter = "rekeyed_records_total";
    /// Audit lines in them.
    rekeyed_lines: IntCounter = "rekeyed_lines_total";
    /// Of these, lines whose host neither they nor their carrier name: the record's own key decided.
    rekeyed_unnamed_lines: IntCounter = "rekeyed_unnamed_lines_total";
    /// Records that held lines of several hosts, and were parted.
    rekeyed_parted_records: IntCounter = "rekeyed_parted_records_total";
    /// Hosts whose lines came in more than one partition, as far as the lanes of this process met them, and while
    /// nothing is re-keyed: their events may be torn apart.
    split_hosts: IntCounter = "split_hosts_total";
    /// Finished events by kind, also of kinds that are not sent.
    events: IntCounterVec = "events_total" ["kind"];
    /// Audit events that are still being joined.
    open_events: IntGauge = "open_events";
    /// Bytes of the audit events that are still being joined.
    open_event_bytes: IntGauge = "open_event_bytes";
    /// Hosts whose state is held.
    hosts: IntGauge = "hosts";
    /// Audit events that went out incomplete, whatever the reason.
    incomplete_events: IntCounter = "incomplete_events_total";
    /// Audit events that went out because a bound was reached.
    evicted_events: IntCounter = "evicted_events_total";
    /// Events that a filter of the configuration dropped, by the filter's name.
    filtered_events: IntCounterVec = "filtered_events_total" ["filter"];
    /// Gaps in the serials of hosts: events that were lost, or left out, before they came here.
    serial_gaps: IntCounter = "serial_gaps_total";
    /// Events that are missing in these gaps.
    missing_events: IntCounter = "missing_events_total";
    /// Records that kernels say they lost, as far as their log lines came here.
    kernel_lost: IntCounter = "kernel_lost_records_total";
    /// Log lines of kernels that say that the backlog limit or the rate limit was exceeded.
    kernel_limits: IntCounter = "kernel_limits_exceeded_total";
    /// Records in which auditd says that it failed (DAEMON_ERR, DAEMON_ABORT).
    daemon_failures: IntCounter = "daemon_failures_total";
    /// Refused lines and records by reason; they are in the dead-letter topic.
    rejects: IntCounterVec = "rejects_total" ["reason"];
    /// Sessions, sources and hosts that were forgotten because a bound was reached.
    forgotten: IntCounter = "forgotten_total";
    /// Processes that were forgotten because a bound was reached: what they start later names no parent.
    forgotten_processes: IntCounter = "forgotten_processes_total";
    /// What `limits.memory` made lanes let go, by kind; the counts above have it too.
    memory_evictions: IntCounterVec = "memory_evictions_total" ["what"];
    /// Bytes of open events and the state of hosts, as they are reckoned for `limits.memory`.
    lanes_weight: IntGauge = "lanes_weight_bytes";
    /// Bytes that open events and the state of hosts may have: what `limits.memory` leaves for them.
    lanes_weight_limit: IntGauge = "lanes_weight_limit_bytes";
    /// Signs that weighed nothing in a story, by the reason.
    suppressed_signs: IntCounterVec = "suppressed_signs_total" ["reason"];
    /// Rules that events matched.
    rule_matches: IntCounter = "rule_matches_total";
    /// Indicators found in events.
    indicator_hits: IntCounter = "indicator_hits_total";
    /// Indicators in use.
    indicators: IntGauge = "indicators";
    /// Lines of the indicator files that could not be read, at the last load.
    indicator_refused_lines: IntGauge = "indicator_refused_lines";
    /// Loads of the indicator files that were put in use.
    intel_reloads: IntCounter = "intel_reloads_total";
    /// Loads of the indicator files that failed; the last good set stays in use.
    intel_reload_failures: IntCounter = "intel_reload_failures_total";
    /// Input records that the brokers deleted before they were read, by their offsets.
    deleted_records: IntCounterVec = "deleted_records_total" ["topic"];
    /// Records between the one read last and the end of the partition.
    lag_records: IntGaugeVec = "lag_records" ["topic", "partition"];
    /// Seconds from the newest event time seen to now.
    event_time_lag: GaugeVec = "event_time_lag_seconds" ["topic", "partition"];
    /// Records acknowledged by the brokers: outputs, several of them in one where `events_per_message` says so, and state.
    outputs_delivered: IntCounter = "outputs_delivered_total";
    /// Outputs that the brokers do not take for their size; a notice is in the dead-letter topic.
    outputs_too_large: IntCounter = "outputs_too_large_total";
    /// Seconds from taking the offsets until the brokers have them committed; of a transaction, its end.
    commit_seconds: Histogram = "commit_seconds";
    /// Commits of input offsets that succeeded.
    commits: IntCounter = "commits_total";
    /// Commits of input offsets that failed; a later one makes up for it.
    commit_failures: IntCounter = "commit_failures_total";
    /// Transactions that were aborted; what they held is read again.
    aborted_transactions: IntCounter = "aborted_transactions_total";
    /// Workers that ended because their producer could do no more or their lanes were another's, and began anew.
    worker_restarts: IntCounter = "worker_restarts_total";
    /// Records of the lanes' state written.
    state_records: IntCounter = "state_records_total";
    /// Bytes of the lanes' state written, keys and values.
    state_bytes: IntCounter = "state_bytes_total";
    /// Records of state read to begin lanes.
    restored_records: IntCounter = "restored_records_total";
    /// Seconds from the decision to read the state of a lane until all of it is here.
    restore_seconds: Histogram = "restore_seconds";
    /// Lanes whose state is being read.
    restoring_lanes: IntGauge = "restoring_lanes";
    /// Outputs waiting in the producer or not yet acknowledged.
    producer_queue_messages: IntGaugeVec = "producer_queue_messages" ["worker"];
    /// Bytes of the outputs waiting in the producer or not yet acknowledged.
    producer_queue_bytes: IntGaugeVec = "producer_queue_bytes" ["worker"];
    /// Input records fetched and not yet read.
    consumer_queue_messages: IntGaugeVec = "consumer_queue_messages" ["worker"];
    /// Bytes of the input records fetched and not yet read.
    consumer_queue_bytes: IntGaugeVec = "consumer_queue_bytes" ["worker"];
    /// How often a full producer queue stopped the input.
    backpressure: IntCounter = "backpressure_total";
    /// Errors that the brokers or the connections to them gave.
    broker_errors: IntCounter = "broker_errors_total";
    /// Rebalances of the consumer group: partitions assigned, revoked or lost.
    rebalances: IntCounterVec = "rebalances_total" ["event"];
    /// Partitions that this process reads.
    assigned_partitions: IntGauge = "assigned_partitions";
}

impl Metrics {
    /// The text that `/metrics` answers with.
    pub fn render(&self) -> Result<Vec<u8>, prometheus::Error> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }

    /// A series that is missing until it first counts cannot be told from one that is broken, and
    /// `rate()` does not see its first step.
    fn start_at_zero(&self) {
        for kind in Kind::ALL {
            self.events.with_label_values(&[kind.as_str()]);
        }
        for reject in Reject::ALL {
            self.rejects.with_label_values(&[reject.as_str()]);
        }
        for kind in Evicted::ALL {
            self.memory_evictions.with_label_values(&[kind.as_str()]);
        }
        for reason in Suppressed::ALL {
            self.suppressed_signs.with_label_values(&[reason.as_str()]);
        }
        for event in ["assigned", "revoked", "lost"] {
            self.rebalances.with_label_values(&[event]);
        }
    }
}

fn register<C: Collector + Clone + 'static>(
    registry: &Registry,
    metric: C,
) -> Result<C, prometheus::Error> {
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

/// One maker for each type of metric, named as the type, for the macro above.
#[allow(non_snake_case)]
mod make {
    use prometheus::{HistogramOpts, Opts};

    type Made<T> = Result<T, prometheus::Error>;

    pub fn IntCounter(name: &str, help: &str, _: &[&str]) -> Made<prometheus::IntCounter> {
        prometheus::IntCounter::new(name, help)
    }

    pub fn IntGauge(name: &str, help: &str, _: &[&str]) -> Made<prometheus::IntGauge> {
        prometheus::IntGauge::new(name, help)
    }

    pub fn IntCounterVec(
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Made<prometheus::IntCounterVec> {
        prometheus::IntCounterVec::new(Opts::new(name, help), labels)
    }

    pub fn IntGaugeVec(name: &str, help: &str, labels: &[&str]) -> Made<prometheus::IntGaugeVec> {
        prometheus::IntGaugeVec::new(Opts::new(name, help), labels)
    }

    pub fn GaugeVec(name: &str, help: &str, labels: &[&str]) -> Made<prometheus::GaugeVec> {
        prometheus::GaugeVec::new(Opts::new(name, help), labels)
    }

    /// Commits take milliseconds where all is well and seconds where it is not.
    pub fn Histogram(name: &str, help: &str, _: &[&str]) -> Made<prometheus::Histogram> {
        let buckets = vec![
            0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0,
        ];
        prometheus::Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_registers_and_shows_before_it_first_counts() {
        let metrics = Metrics::new().expect("names are unique and valid");
        let text = String::from_utf8(metrics.render().expect("renders")).expect("text");
        for line in [
            "trailhound_input_lines_total 0",
            "trailhound_events_total{kind=\"logon\"} 0",
            "trailhound_rejects_total{reason=\"bad_stamp\"} 0",
            "trailhound_commit_seconds_count 0",
            "process_resident_memory_bytes",
        ] {
            assert!(text.contains(line), "{line} in\n{text}");
        }
    }
}
