//! Kafka, files, HTTP, signals: everything impure. (Stand-in.)

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::config::Config;

pub mod topics;

/// Asks the daemon to end, as SIGTERM does.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    pub fn new() -> Stop {
        Stop::default()
    }

    pub fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

pub fn run(config: Config) -> anyhow::Result<()> {
    run_until(config, Stop::new())
}

pub fn run_until(_config: Config, _stop: Stop) -> anyhow::Result<()> {
    anyhow::bail!("the daemon is not in this build")
}
