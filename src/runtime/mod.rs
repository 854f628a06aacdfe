//! The daemon: Kafka, files, HTTP, signals and threads around the pure pipeline.
//!
//! Place in the flow: it feeds `pipeline::lane` and carries away what comes out. Files in the order of
//! a record's way: [`worker`] (the loop) with [`handover`] and [`takeup`] (lanes come and go), [`observe`] and [`error`], [`seat`]
//! (a lane and its bookkeeping), [`clock`], [`eof`], [`leader`] (what `now` is), [`offsets`], [`sink`], [`sizes`], [`ledger`],
//! [`commit`] (what may be committed, and when); with exactly-once delivery [`transaction`] in the place of
//! that, and [`restore`], which reads the state of a lane, and [`fencing`], which ends what its owner before left open; where producers do not key, [`rekey`] with [`abreast`] before
//! all of it, and [`upstream`] beside it. All of these know Kafka and time through [`port`] alone; [`live`] with [`rebalance`] is the real one.
//! Beside it: [`client`] (settings), [`room`] (memory), [`hearing`] (why brokers refuse a client), [`topics`] with
//! [`state_topics`] and [`rekeyed_topic`], [`intel`] and [`rules`] with [`reload`], [`homes`], [`view`], [`http`], [`shutdown`].
//!
//! Worker threads do the work and never wait for each other. One tokio thread runs what waits: HTTP,
//! signals, the reload of indicators and rules. The runtime refuses to know an audit line, an event or a schema,
//! and how it was started: `cli` does.

mod abreast;
pub mod client;
mod clock;
mod commit;
mod eof;
mod error;
mod fencing;
mod handover;
mod hearing;
mod homes;
mod http;
mod intel;
mod leader;
mod ledger;
mod live;
mod observe;
mod offsets;
pub mod port;
mod rebalance;
mod rekey;
mod rekeyed_topic;
mod reload;
mod restore;
mod room;
pub mod rules;
mod seat;
mod shutdown;
mod sink;
mod sizes;
mod state_topics;
mod takeup;
pub mod topics;
mod transaction;
mod upstream;
mod view;
mod worker;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, anyhow};
use arc_swap::ArcSwap;
use tokio::sync::{mpsc, watch};

use crate::config::Config;
use crate::pipeline::detect::RuleSet;
use crate::pipeline::intel::IntelSet;
use crate::telemetry::Metrics;

use live::Live;
use port::{Port, finish};

pub use error::{WorkerError, words};
pub use ledger::Ledger;
pub use shutdown::Stop;
pub use topics::check_topics;

/// One try to reach the brokers at start.
const CONNECT: Duration = Duration::from_secs(3);
/// Pause between two tries.
const RETRY: Duration = Duration::from_secs(1);

/// What all threads of one daemon share.
pub struct Shared {
    config: Config,
    metrics: Metrics,
    intel: ArcSwap<IntelSet>,
    rules: ArcSwap<RuleSet>,
    view: view::LiveView,
    room: room::Room,
    homes: homes::Homes,
    sizes: sizes::Sizes,
    stop: Stop,
    /// Files are to be looked at now.
    look: watch::Sender<()>,
}

impl Shared {
    pub fn new(
        config: Config,
        intel: IntelSet,
        rules: RuleSet,
        metrics: Metrics,
        stop: Stop,
    ) -> Shared {
        Shared {
            view: view::LiveView::new(config.workers),
            room: room::Room::new(config.memory.lanes),
            homes: homes::Homes::default(),
            metrics,
            intel: ArcSwap::from_pointee(intel),
            sizes: sizes::Sizes::default(),
            rules: ArcSwap::from_pointee(rules),
            config,
            stop,
            look: watch::Sender::default(),
        }
    }
}

/// Runs the daemon until SIGTERM or SIGINT.
pub fn run(config: Config) -> anyhow::Result<()> {
    let stop = Stop::new();
    daemon(config, stop, true)
}

/// Runs the very same daemon until it is told to stop; signals are left alone.
pub fn run_until(config: Config, stop: Stop) -> anyhow::Result<()> {
    daemon(config, stop, false)
}

fn daemon(config: Config, stop: Stop, heeds_signals: bool) -> anyhow::Result<()> {
    let metrics = Metrics::new().context("metrics")?;
    let (set, seen) = intel::load_first(&config.intel.files, &metrics)?;
    let rules =
        rules::load_first(&config.rules.files, config.rules.pack).context("loading rules")?;
    let (rules, seen_rules) = rules.into_parts();
    let lanes = i64::try_from(config.memory.lanes).unwrap_or(i64::MAX);
    metrics.lanes_weight_limit.set(lanes);
    let shared = Arc::new(Shared::new(config, set, rules, metrics, stop));
    let waits = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting the thread for HTTP and signals")?;
    let result = waits.block_on(async {
        if let Some(address) = shared.config.http {
            let listener = http::bind(address).await?;
            tokio::spawn(http::serve(listener, Arc::clone(&shared)));
        }
        if heeds_signals {
            let shared = Arc::clone(&shared);
            tokio::spawn(async move {
                let heeded = shutdown::signals(shared.stop.clone(), &shared.look);
                if let Err(error) = heeded.await {
                    tracing::error!(%error, "signals");
                    shared.stop.stop();
                }
            });
        }
        tokio::spawn(intel::keep_fresh(Arc::clone(&shared), seen));
        tokio::spawn(rules::keep_fresh(Arc::clone(&shared), seen_rules));
        supervise(&shared).await
    });
    // Requests and reloads that are under way have nobody left to serve.
    waits.shutdown_background();
    result
}

/// Starts the workers and waits for their end. One that fails ends them all.
async fn supervise(shared: &Arc<Shared>) -> anyhow::Result<()> {
    let (ended, mut ends) = mpsc::unbounded_channel();
    let starter = Arc::clone(shared);
    std::thread::Builder::new()
        .name("start".into())
        .spawn(move || start(&starter, &ended))
        .context("starting a thread")?;

    let mut result = Ok(());
    let overdue = async {
        shared.stop.wait().await;
        tokio::time::sleep(shared.config.shutdown_deadline).await;
    };
    tokio::pin!(overdue);
    loop {
        tokio::select! {
            end = ends.recv() => match end {
                None => return result,
                Some(Ok(())) => {}
                Some(Err(error)) => {
                    tracing::error!("{}", words(&error));
                    shared.stop.stop();
                    result = result.and(Err(error));
                }
            },
            () = &mut overdue => {
                let late = anyhow!("not all was handed over within {} s; what was not committed is read again",
                    shared.config.shutdown_deadline.as_secs_f64());
                return result.and(Err(late));
            }
        }
    }
}

/// Waits for the brokers, checks the topics, starts the workers.
fn start(shared: &Arc<Shared>, ended: &mpsc::UnboundedSender<anyhow::Result<()>>) {
    // Nobody listens any more where the daemon is past its deadline.
    let tell = |end| drop(ended.send(end));
    match wait_for_topics(shared) {
        Ok(true) => {}
        Ok(false) => return,
        Err(error) => return tell(Err(error.into())),
    }
    shared.view.start();
    for id in 0..shared.config.workers {
        let (shared, ended) = (Arc::clone(shared), ended.clone());
        let spawned = std::thread::Builder::new()
            .name(format!("worker-{id}"))
            .spawn(move || {
                let work = || finish(work(Live::new(&shared), &shared, id));
                let end = catch_unwind(AssertUnwindSafe(work))
                    .map_err(|_| anyhow!("it panicked"))
                    .and_then(|end| end.map_err(anyhow::Error::from))
                    .with_context(|| format!("worker {id}"));
                drop(ended.send(end));
            });
        if let Err(error) = spawned {
            tell(Err(error).context("starting a thread"));
        }
    }
}

/// A worker until it is told to stop. One whose producer was fenced, or can do no more for another reason,
/// ends, and another begins clean in its place: what was not committed is read again.
pub async fn work<P: Port>(port: P, shared: &Arc<Shared>, id: usize) -> Result<(), WorkerError> {
    loop {
        let end = match worker::Worker::new(port.clone(), shared, id) {
            Ok(worker) => worker.run().await,
            Err(error) => Err(error),
        };
        match end {
            Err(error) if error.is_of_this_worker_alone() && !shared.stop.is_set() => {
                tracing::error!(worker = id, %error, "the worker ended; another begins in its place");
                shared.metrics.worker_restarts.inc();
                port.sleep(RETRY).await;
            }
            end => return end,
        }
    }
}

/// True once the topics are there; false where the daemon was stopped before.
fn wait_for_topics(shared: &Shared) -> Result<bool, topics::TopicError> {
    let mut told = false;
    while !shared.stop.is_set() {
        match topics::ensure(&shared.config, CONNECT) {
            Ok(report) => {
                let inputs = [
                    &shared.config.topics.audit_in,
                    &shared.config.topics.flow_in,
                ];
                let mut most_bytes = report.most_bytes.clone();
                most_bytes
                    .retain(|name, _| !inputs.iter().any(|input| input.as_ref() == Some(name)));
                shared.sizes.set(most_bytes);
                for doubt in &report.doubtful {
                    tracing::warn!("{doubt}");
                }
                tracing::info!(brokers = report.brokers, created = ?report.created, "topics are there");
                return Ok(true);
            }
            Err(error @ topics::TopicError::Unreachable { .. }) => {
                shared.metrics.broker_errors.inc();
                if !std::mem::replace(&mut told, true) {
                    tracing::warn!("{error}; waiting for them");
                }
                std::thread::sleep(RETRY);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

/// A poisoned lock means that another thread panicked while it pushed; the data is still whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
