//! Looks whether topics are there. (Stand-in.)

use std::time::Duration;

use crate::config::Config;

pub struct Report {
    pub missing: Vec<String>,
}

pub fn check_topics(_config: &Config, _timeout: Duration) -> anyhow::Result<Report> {
    anyhow::bail!("no broker answers")
}
