//! How the daemon is told to stop, and to look at its files.
//!
//! Place in the flow: around everything. [`Stop`] is a flag that threads look at and tasks wait for.
//! It refuses to stop anything itself: workers hand over by themselves, and the deadline is the
//! supervisor's; and to read a file, which is reload.rs's.

use std::sync::Arc;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// A flag that is set once. Clones share it.
#[derive(Clone, Debug)]
pub struct Stop(Arc<watch::Sender<bool>>);

impl Stop {
    pub fn new() -> Stop {
        Stop(Arc::new(watch::Sender::new(false)))
    }

    pub fn stop(&self) {
        self.0.send_replace(true);
    }

    pub fn is_set(&self) -> bool {
        *self.0.borrow()
    }

    pub(super) async fn wait(&self) {
        // The sender is this value's own, so it cannot be gone.
        let _ = self.0.subscribe().wait_for(|set| *set).await;
    }
}

impl Default for Stop {
    fn default() -> Stop {
        Stop::new()
    }
}

/// The first SIGTERM or SIGINT stops in order, the second at once. With SIGHUP files are looked at now: that is what
/// daemons are known for, and else it would end this one.
pub(super) async fn signals(stop: Stop, look: &watch::Sender<()>) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for SIGINT")?;
    let mut hangup = signal(SignalKind::hangup()).context("listening for SIGHUP")?;
    let mut next = async || {
        loop {
            tokio::select! {
                _ = terminate.recv() => return "SIGTERM",
                _ = interrupt.recv() => return "SIGINT",
                _ = hangup.recv() => {
                    tracing::info!(signal = "SIGHUP", "looking at the files of indicators and rules");
                    look.send_replace(());
                }
            }
        }
    };
    let name = next().await;
    tracing::info!(
        signal = name,
        "stopping: handing over, then leaving the group"
    );
    stop.stop();
    let name = next().await;
    tracing::warn!(signal = name, "a second signal: leaving at once");
    std::process::exit(1);
}
