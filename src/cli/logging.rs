//! Sets up what the daemon says: to stderr, as text or as JSON.
//!
//! Place in the flow: once, before the daemon starts. It refuses to write to stdout.

use std::io::IsTerminal;

use anyhow::Context;
use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    Text,
    Json,
}

/// `level` is a level or a filter as tracing knows it: `info`, `trailhound=debug,warn`.
pub(super) fn start(format: Format, level: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(level).with_context(|| {
        format!("--log-level '{level}': expected error, warn, info, debug, trace, or a filter")
    })?;
    let base = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let started = match format {
        Format::Text => base
            .with_ansi(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none())
            .try_init(),
        Format::Json => base.json().flatten_event(true).try_init(),
    };
    // Somebody who embeds the library may have set up another one: theirs stays.
    started.or_else(|_| Ok(()))
}
