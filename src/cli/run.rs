//! `trailhound run`: reads the configuration and hands it to the daemon.
//!
//! Place in the flow: the daemon's front door. It refuses to start with a configuration that has any
//! mistake.

use std::path::{Path, PathBuf};

use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaConfRes;

use super::{Failure, logging};
use crate::config::{self, Beside, Config};

const AFTER_HELP: &str = "\
Examples:
  trailhound run --config /etc/trailhound/trailhound.toml
  trailhound run --config trailhound.toml --bootstrap-servers localhost:9092 --log-format json
  TRAILHOUND__COMMIT__INTERVAL=1s trailhound run --config trailhound.toml

The file is read first, then the environment (TRAILHOUND__SECTION__KEY), then these flags.
SIGTERM and SIGINT stop it: what is open is flushed and committed; a second one stops at once. With SIGHUP the
files of indicators and rules are looked at without waiting for their turn.";

#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// The configuration file
    #[arg(long, short, value_name = "FILE")]
    config: PathBuf,
    /// Overrides kafka.bootstrap_servers
    #[arg(long, value_name = "HOST:PORT,…")]
    bootstrap_servers: Option<String>,
    /// Overrides kafka.group
    #[arg(long, value_name = "NAME")]
    group: Option<String>,
    /// Overrides workers
    #[arg(long, value_name = "N")]
    workers: Option<String>,
    /// Overrides http.listen; 'false' serves nothing
    #[arg(long, value_name = "ADDRESS:PORT")]
    http_listen: Option<String>,
    /// How the log on stderr is written
    #[arg(long, value_enum, default_value = "text")]
    log_format: logging::Format,
    /// error, warn, info, debug, trace, or a filter such as trailhound=debug,warn
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log_level: String,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let mut beside = Beside::process();
    let flags = [
        (
            "kafka.bootstrap_servers",
            "--bootstrap-servers",
            &args.bootstrap_servers,
        ),
        ("kafka.group", "--group", &args.group),
        ("workers", "--workers", &args.workers),
        ("http.listen", "--http-listen", &args.http_listen),
    ];
    for (key, flag, value) in flags {
        if let Some(value) = value {
            beside.flags.push((key, flag, value.clone()));
        }
    }
    let config = load(&args.config, beside)?;
    logging::start(args.log_format, &args.log_level)?;
    crate::runtime::run(config)?;
    Ok(())
}

/// Reads a configuration, and asks librdkafka about its properties too.
pub(super) fn load(path: &Path, mut beside: Beside) -> Result<Config, Failure> {
    beside.judge = Some(judge);
    Ok(config::load(path, &beside)?)
}

fn judge(name: &str, value: &str) -> Option<String> {
    let mut client = ClientConfig::new();
    client.set(name, value);
    // librdkafka's own words would hold the value.
    match client.create_native_config() {
        Err(KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, ..)) => {
            Some(format!("librdkafka knows no '{name}'"))
        }
        Err(_) => Some(format!(
            "librdkafka refuses the value of '{name}'{}",
            if cfg!(feature = "ssl") {
                ""
            } else {
                " (this build has neither TLS nor SASL)"
            },
        )),
        Ok(_) => None,
    }
}
