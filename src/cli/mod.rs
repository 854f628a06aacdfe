//! What users type: the commands, their help, and the exit codes.
//!
//! Place in the flow: above everything; each command is a module. NDJSON goes to stdout, words for
//! people to stderr. It refuses to hold any logic of the pipeline or of the daemon.

use std::io;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::ConfigError;
use crate::runtime::words;

mod check_config;
mod demo;
mod explain;
mod intel;
mod logging;
mod paint;
mod replay;
mod rules;
mod run;
mod story;

const AFTER_HELP: &str = "\
Examples:
  trailhound demo                                   see it work; needs nothing
  trailhound replay audit.log                       the same pipeline without Kafka
  trailhound story audit.log                        sessions as trees, for people
  trailhound explain audit.log                      how each line is read
  trailhound check-config trailhound.toml --connect
  trailhound run --config trailhound.toml           the daemon

Exit codes: 0 fine, 1 failed, 2 usage, 78 bad configuration.";

/// Joins raw Linux audit lines and network flows into events and alerts that a SIEM takes as they are.
#[derive(Debug, Parser)]
#[command(name = "trailhound", version, after_help = AFTER_HELP, max_term_width = 100)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Watch a recorded attack go through the whole daemon; needs no broker and no set-up
    Demo(demo::Args),
    /// Send files through the pipeline without Kafka: NDJSON on stdout, a summary on stderr
    Replay(replay::Args),
    /// Show how each line is read, field by field, and where it goes
    Explain(explain::Args),
    /// Print sessions as trees: who came, from where, and what they started
    Story(story::Args),
    /// The daemon: Kafka in, Kafka out
    Run(run::Args),
    /// Check a configuration and print what will be used
    CheckConfig(check_config::Args),
}

/// Why a command ended without success.
#[derive(Debug)]
enum Failure {
    Failed(anyhow::Error),
    /// The user's words, one mistake a line.
    Configuration(String),
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Failure {
        Failure::Failed(error)
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Failure {
        Failure::Configuration(error.to_string())
    }
}

/// Whoever read what a command says to people may have seen enough: `trailhound demo | head`.
fn unless_closed(said: anyhow::Result<()>) -> anyhow::Result<()> {
    let is_closed = |error: &anyhow::Error| {
        let error = error.downcast_ref::<io::Error>();
        error.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    };
    match said {
        Err(error) if is_closed(&error) => Ok(()),
        said => said,
    }
}

/// `EX_CONFIG` of sysexits.h.
const BAD_CONFIGURATION: u8 = 78;

/// Runs the command of this process. A usage error has ended it before, with 2.
pub fn main() -> ExitCode {
    let result = match Args::parse().command {
        Command::Demo(args) => demo::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Story(args) => story::run(&args),
        Command::Run(args) => run::run(&args),
        Command::CheckConfig(args) => check_config::run(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Failed(error)) => {
            eprintln!("trailhound: {}", words(&error));
            ExitCode::FAILURE
        }
        Err(Failure::Configuration(mistakes)) => {
            eprintln!("{mistakes}");
            ExitCode::from(BAD_CONFIGURATION)
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_commands_are_well_formed() {
        super::Args::command().debug_assert();
    }
}
