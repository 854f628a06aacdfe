//! The live view: what the status page, `/livez` and `/readyz` read.
//!
//! Place in the flow: beside it. The workers write it about once a second and at each change of the
//! assignment; HTTP reads. It refuses to hold state that anything else depends on.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use dashmap::DashMap;

use crate::model::Timestamp;

/// Alerts that the status page keeps.
const ALERTS: usize = 20;
/// A worker that did not turn its loop for this long is taken for stuck.
const STUCK: Duration = Duration::from_secs(10);

/// One partition, as its worker saw it last.
#[derive(Clone, Debug, Default)]
pub struct PartitionView {
    pub worker: usize,
    pub hosts: usize,
    pub open_events: usize,
    pub open_bytes: usize,
    pub lag: Option<i64>,
    pub event_time: Option<Timestamp>,
    pub next_offset: Option<i64>,
    /// It was once read up to where it ended at its assignment.
    pub caught_up: bool,
}

/// One alert, in a few words.
#[derive(Clone, Debug)]
pub struct AlertView {
    pub host: String,
    pub severity: String,
    pub title: String,
    pub message: String,
}

impl AlertView {
    /// Reads the words out of the finished document.
    pub fn read(host: &[u8], document: &[u8]) -> Option<AlertView> {
        let document: serde_json::Value = serde_json::from_slice(document).ok()?;
        let text = |path: &str| {
            document
                .pointer(path)
                .and_then(serde_json::Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        Some(AlertView {
            host: String::from_utf8_lossy(host).into_owned(),
            severity: text("/severity"),
            title: text("/finding_info/title"),
            message: text("/message"),
        })
    }
}

#[derive(Default)]
struct WorkerView {
    /// Milliseconds after the view began.
    turned: AtomicI64,
    /// The group gave it its partitions, maybe none, and it has taken them up.
    settled: AtomicBool,
}

pub struct LiveView {
    began: Instant,
    workers: Vec<WorkerView>,
    pub partitions: DashMap<(String, i32), PartitionView>,
    alerts: Mutex<VecDeque<AlertView>>,
    /// The topics were checked and the workers started.
    started: AtomicBool,
}

impl LiveView {
    pub fn new(workers: usize) -> LiveView {
        LiveView {
            began: Instant::now(),
            workers: (0..workers).map(|_| WorkerView::default()).collect(),
            partitions: DashMap::new(),
            alerts: Mutex::default(),
            started: AtomicBool::new(false),
        }
    }

    pub fn start(&self) {
        for worker in 0..self.workers.len() {
            self.turn(worker);
        }
        self.started.store(true, Ordering::Release);
    }

    pub fn turn(&self, worker: usize) {
        let now = i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX);
        self.workers[worker].turned.store(now, Ordering::Relaxed);
    }

    pub fn settle(&self, worker: usize, settled: bool) {
        self.workers[worker]
            .settled
            .store(settled, Ordering::Release);
    }

    pub fn alert(&self, alert: AlertView) {
        let mut alerts = self.alerts.lock().unwrap_or_else(PoisonError::into_inner);
        alerts.push_front(alert);
        alerts.truncate(ALERTS);
    }

    pub fn alerts(&self) -> Vec<AlertView> {
        let alerts = self.alerts.lock().unwrap_or_else(PoisonError::into_inner);
        alerts.iter().cloned().collect()
    }

    pub fn uptime(&self) -> Duration {
        self.began.elapsed()
    }

    /// # Errors
    /// Which worker is stuck.
    pub fn live(&self) -> Result<(), String> {
        if !self.started.load(Ordering::Acquire) {
            return Ok(());
        }
        let now = i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX);
        for (id, worker) in self.workers.iter().enumerate() {
            let silent = now - worker.turned.load(Ordering::Relaxed);
            if u128::try_from(silent).is_ok_and(|silent| silent > STUCK.as_millis()) {
                return Err(format!(
                    "worker {id} has not turned for {} s",
                    silent / 1000
                ));
            }
        }
        Ok(())
    }

    /// # Errors
    /// What is still waited for.
    pub fn ready(&self) -> Result<(), String> {
        if !self.started.load(Ordering::Acquire) {
            return Err("waiting for the brokers".into());
        }
        for (id, worker) in self.workers.iter().enumerate() {
            if !worker.settled.load(Ordering::Acquire) {
                return Err(format!("worker {id} waits for its partitions"));
            }
        }
        let mut behind: Vec<_> = self
            .partitions
            .iter()
            .filter(|entry| !entry.caught_up)
            .map(|entry| format!("{}/{}", entry.key().0, entry.key().1))
            .collect();
        if behind.is_empty() {
            return Ok(());
        }
        behind.sort();
        Err(format!(
            "still catching up with the start: {}",
            behind.join(", ")
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_says_what_it_waits_for() {
        let view = LiveView::new(1);
        assert!(view.live().is_ok());
        assert!(view.ready().is_err_and(|why| why.contains("brokers")));
        view.start();
        assert!(view.ready().is_err_and(|why| why.contains("worker 0")));
        view.settle(0, true);
        let key = ("audit.raw".to_owned(), 2);
        view.partitions
            .insert(key.clone(), PartitionView::default());
        assert!(view.ready().is_err_and(|why| why.contains("audit.raw/2")));
        view.partitions.insert(
            key,
            PartitionView {
                caught_up: true,
                ..PartitionView::default()
            },
        );
        assert!(view.ready().is_ok() && view.live().is_ok());
    }

    #[test]
    fn the_list_of_alerts_is_bounded_and_newest_first() {
        let view = LiveView::new(1);
        for i in 0..100 {
            let document = format!(r#"{{"severity":"High","finding_info":{{"title":"t{i}"}}}}"#);
            view.alert(AlertView::read(b"web01", document.as_bytes()).expect("JSON"));
        }
        let alerts = view.alerts();
        assert_eq!((alerts.len(), alerts[0].title.as_str()), (ALERTS, "t99"));
    }
}
