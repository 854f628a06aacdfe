//! Configuration in two stages: what was written (TOML, environment, flags) → what may be trusted.
//!
//! [`Config`] is the trusted form: every name, path, bound and duration in it has been checked, so
//! nothing behind it checks again.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::model::Settings;

/// All that the daemon needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    pub kafka: Kafka,
    pub topics: Topics,
    pub delivery: Delivery,
    pub commit: Commit,
    /// Threads, each with its consumer, producer and lanes.
    pub workers: usize,
    pub intel: Intel,
    /// `None`: no HTTP.
    pub http: Option<SocketAddr>,
    /// After SIGTERM: flush, commit and leave within this.
    pub shutdown_deadline: Duration,
    pub lane: Settings,
}

#[derive(Clone, Debug)]
pub struct Kafka {
    pub bootstrap_servers: String,
    /// The consumer group.
    pub group: String,
    /// Make missing topics at start; otherwise a missing one is an error that names it.
    pub create_topics: bool,
    /// For topics that are made.
    pub partitions: i32,
    pub replication: i32,
    /// The Kafka header whose value names the host of a record.
    pub host_header: String,
    /// Passed to librdkafka as they are. May hold secrets: never print the values.
    pub properties: BTreeMap<String, Secret>,
}

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: String) -> Secret {
        Secret(text)
    }

    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

/// Names of topics; an input that is `None` is not read.
#[derive(Clone, Debug)]
pub struct Topics {
    pub audit_in: Option<String>,
    pub flow_in: Option<String>,
    pub process: String,
    pub logon: String,
    pub flow: String,
    pub alert: String,
    pub audit: String,
    pub dead_letter: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The committed offset never passes the first record of an open event, nor an output that
    /// Kafka has not acknowledged. After a crash outputs can come again, with the same ids.
    AtLeastOnce,
}

#[derive(Clone, Debug)]
pub struct Commit {
    pub interval: Duration,
}

#[derive(Clone, Debug)]
pub struct Intel {
    pub files: Vec<PathBuf>,
    /// How often the files are looked at for a change.
    pub reload_interval: Duration,
}
