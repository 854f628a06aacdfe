//! `trailhound replay`: files through the pipeline, without Kafka.
//!
//! Place in the flow: the same lane as the daemon's, fed from files. What it prints depends on the
//! bytes alone: the arrival clock stands still, and threads only part the work. It refuses to go on
//! past a file that cannot be read: what came before is told, and then the error.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use clap::ValueEnum;

use super::{Failure, intel, rules};
use crate::model::schema::Schemas;
use crate::model::settings::{Kinds, Waits};
use crate::model::{Kind, Schema, Settings, Source};
use crate::pipeline::lane::Lane;

mod blocks;
pub(super) mod follow;
pub(super) mod open;
pub(super) mod pipe;
mod sink;
mod summary;

const AFTER_HELP: &str = "\
Examples:
  trailhound replay /var/log/audit/audit.log > events.ndjson
  zcat old.log.gz | trailhound replay - --host web01 --kind alert
  trailhound replay audit.log.zst flows.csv --intel bad-addresses.txt --rejects unread.txt
  trailhound replay audit.log --kind process,logon,flow,alert,audit --threads 3 > all.ndjson

Files may be gzip or zstd, whatever their name. The same input gives the same bytes, whatever
--threads is. Events go to stdout, one JSON document a line; a summary goes to stderr.";

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum As {
    /// Decided for each file from its first line
    Auto,
    /// Audit lines, in any envelope
    Audit,
    /// Network-flow records
    Flow,
}

#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// Files to read; '-' is standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// What the files hold
    #[arg(long = "as", value_enum, default_value = "auto", value_name = "WHAT")]
    read_as: As,
    /// The schema that events are written in: ocsf, ecs, asim
    #[arg(long, default_value = "ocsf")]
    schema: Schema,
    /// The kinds that are printed: process, logon, flow, alert, audit [default: all but audit]
    #[arg(long = "kind", value_name = "KIND", value_delimiter = ',')]
    kinds: Vec<Kind>,
    /// Files of indicators, one a line
    #[arg(long, value_name = "FILE", num_args = 1..)]
    intel: Vec<PathBuf>,
    #[command(flatten)]
    rules: rules::RuleArgs,
    /// Writes what could not be read here, as it came, one a line
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// Ends the summary with the patterns of all commands (numbers, paths, addresses and hashes masked), and how
    /// often each was started
    #[arg(long)]
    summary: bool,
    /// The host of lines that name none
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    /// 1: all on one thread; more: reading, following and writing on a thread of their own
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    threads: u8,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let intel = intel::load(&args.intel)?;
    let kinds = match args.kinds.as_slice() {
        [] => Kinds::DEFAULT,
        chosen => chosen.iter().copied().collect(),
    };
    let settings = Settings {
        kinds,
        schemas: Schemas::all(args.schema),
        default_host: args.host.clone(),
        waits: Waits::without_clock(),
        ..Settings::default()
    };
    let source = match args.read_as {
        As::Auto => None,
        As::Audit => Some(Source::Audit),
        As::Flow => Some(Source::Flow),
    };
    let sink = sink::Sink::open(args.rejects.as_deref())?;
    let progress = summary::progress(&args.files);
    let begun = Instant::now();
    let reading = pipe::Reading::new(&args.files, source, progress.clone());
    let mut lane = Lane::new(Arc::new(settings));
    lane.follow_rules(&rules::load(&args.rules)?);
    if args.summary {
        lane.count_patterns();
    }
    let follower = follow::Follower::new(lane, &intel);
    let done = if args.threads == 1 {
        pipe::on_one_thread(reading, follower, sink)
    } else {
        pipe::on_three_threads(reading, follower, sink)
    };
    progress.finish_and_clear();
    let done = done.context("replay stopped")?;
    if let Some(counted) = done.counted {
        eprint!(
            "{}",
            summary::Summary {
                stats: &counted.stats,
                seconds: begun.elapsed().as_secs_f64(),
                patterns: counted.patterns.as_ref(),
            }
        );
    }
    match done.failed {
        Some(error) => Err(error.context("replay stopped").into()),
        None => Ok(()),
    }
}
