//! `trailhound story`: sessions as trees: who came, from where, and what they started.
//!
//! Place in the flow: the same lane as the daemon's over files, read like `replay`'s; this gathers what it
//! tells into sessions ([`book`]) and prints them ([`print`]). It reads the documents as any SIEM would, by
//! their OCSF fields, and refuses to know more of an event than they say.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use indicatif::ProgressBar;

use super::paint::Paint;
use super::replay::{follow::Follower, pipe};
use super::{Failure, intel, rules, unless_closed};
use crate::model::settings::Waits;
use crate::model::{Kind, OutputKind, Outputs, Settings};
use crate::pipeline::lane::Lane;

mod book;
mod print;
mod session;

pub(super) use book::{Book, STORY};
pub(super) use print::Print;

const AFTER_HELP: &str = "\
Examples:
  trailhound story /var/log/audit/audit.log | less
  trailhound story audit.log.zst --intel bad-addresses.txt
  trailhound story audit.log --from 203.0.113.66      only what came from there

A session begins with who logged on and from where; below stand the programs that were started in it, each
under the one that started it. Times are UTC. Colour is for terminals alone.";

#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// Files to read, gzip and zstd too; '-' is standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Files of indicators, one a line
    #[arg(long, value_name = "FILE", num_args = 1..)]
    intel: Vec<PathBuf>,
    #[command(flatten)]
    rules: rules::RuleArgs,
    /// The host of lines that name none
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    /// Only sessions from this address
    #[arg(long, value_name = "ADDRESS")]
    from: Option<std::net::IpAddr>,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let intel = intel::load(&args.intel)?;
    let kinds = [Kind::Process, Kind::Logon, Kind::Alert, Kind::Audit];
    let settings = Settings {
        kinds: kinds.into_iter().collect(),
        default_host: args.host.clone(),
        waits: Waits::without_clock(),
        ..Settings::default()
    };
    let reading = pipe::Reading::new(&args.files, None, ProgressBar::hidden());
    let mut lane = Lane::new(Arc::new(settings));
    lane.follow_rules(&rules::load(&args.rules)?);
    let follower = Follower::new(lane, &intel);
    let mut book = Book::default();
    let read = pipe::through(reading, follower, |out| gather(&mut book, out));
    let stdout = io::stdout();
    let print = Print {
        paint: Paint::of_stdout(),
        from: args.from.map(|ip| ip.to_string()),
    };
    let mut out = io::BufWriter::new(stdout.lock());
    let said = print.book(&book, &mut out).and_then(|()| out.flush());
    unless_closed(said.context("writing to stdout"))?;
    // What was read before is told all the same.
    Ok(read?)
}

fn gather(book: &mut Book, out: &Outputs) {
    for output in out.iter() {
        if let OutputKind::Event(_) = output.kind
            && let Ok(document) = serde_json::from_slice(output.value)
        {
            book.take(&document);
        }
    }
}
