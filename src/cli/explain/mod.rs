//! `trailhound explain`: how each line was read, field by field, and where it went.
//!
//! Place in the flow: the same lane as the daemon's, which tells its steps; this writes them down for
//! people. It refuses to read a line in any way of its own: what it says of one is what the lane did.

use std::io::{self, BufRead, BufReader, Write};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use indicatif::ProgressBar;

use super::paint::Paint;
use super::replay::open::{detect, open};
use super::{Failure, unless_closed};
use crate::model::schema::Schemas;
use crate::model::settings::Waits;
use crate::model::{Input, Kind, Outputs, Schema, Settings, Timestamp};
use crate::pipeline::intel::IntelSet;
use crate::pipeline::lane::Lane;

mod envelope;
mod event;
mod fields;
mod line;
mod mark;
mod teller;
mod told;

use teller::Teller;

const AFTER_HELP: &str = "\
Examples:
  trailhound explain /var/log/audit/audit.log | less
  ausearch --raw -m EXECVE -ts recent | trailhound explain
  trailhound explain audit.log --schema ecs
  echo 'type=CWD msg=audit(1700000000.7:1): cwd=\"/\"' | trailhound explain

For each line: envelope, host, type, time, and every field as it was written, decoded, and why. For each
event: why it was held to be whole or what is missing, and what was told. A line that could not be read is
shown with a mark under the byte at which reading ended. The exit code is 0 also then.";

/// The arrival clock stands still, as in `replay`.
const STILL: Timestamp = Timestamp(0);

#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// The file to explain, gzip and zstd too; '-' is standard input
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,
    /// The schema that events are written in: ocsf, ecs, asim
    #[arg(long, default_value = "ocsf")]
    schema: Schema,
    /// The host of lines that name none
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let input = open(&args.file, &ProgressBar::hidden())?;
    let stdout = io::stdout();
    let said = explain(args, input, &mut stdout.lock(), Paint::of_stdout());
    Ok(unless_closed(said).with_context(|| format!("explaining {}", args.file.display()))?)
}

fn explain(
    args: &Args,
    input: impl io::Read,
    stdout: &mut impl Write,
    paint: Paint,
) -> anyhow::Result<()> {
    let settings = Settings {
        kinds: Kind::ALL.into_iter().collect(),
        schemas: Schemas::all(args.schema),
        default_host: args.host.clone(),
        waits: Waits::without_clock(),
        ..Settings::default()
    };
    let most = 16 * settings.limits.line_bytes;
    let (mut lane, intel, mut out) = (
        Lane::new(Arc::new(settings)),
        IntelSet::default(),
        Outputs::new(),
    );
    let mut teller = Teller::new(paint, args.schema, args.host.clone());
    let mut input = BufReader::new(input);
    let (mut value, mut offset, mut source) = (Vec::new(), 0, None);
    let read = loop {
        match read_line(&mut input, &mut value, most) {
            Ok(true) => {}
            end => break end,
        }
        offset += 1;
        if value.trim_ascii().is_empty() {
            continue;
        }
        source = source.or_else(|| detect(&value));
        let input = Input {
            source: source.unwrap_or(crate::model::Source::Audit),
            value: &value,
            key: None,
            host: None,
            offset,
        };
        teller.begin(offset, &value);
        lane.step_told(STILL, input, &intel, &mut out, &mut |step| {
            teller.step(step);
        });
        teller.end(&out, stdout)?;
        out.clear();
    };
    teller.begin_end();
    lane.finish_told(&intel, &mut out, &mut |step| teller.step(step));
    teller.end(&out, stdout)?;
    stdout.flush()?;
    // What was read before is told all the same.
    read.context("reading").map(drop)
}

/// The next line without its end; what is beyond `most` bytes of it is passed over.
fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>, most: usize) -> io::Result<bool> {
    line.clear();
    let mut any = false;
    loop {
        let part = input.fill_buf()?;
        if part.is_empty() {
            return Ok(any);
        }
        any = true;
        let end = memchr::memchr(b'\n', part);
        let used = end.map_or(part.len(), |end| end + 1);
        let room = most.saturating_sub(line.len());
        line.extend_from_slice(&part[..end.unwrap_or(used).min(room)]);
        input.consume(used);
        if end.is_some() {
            return Ok(true);
        }
    }
}
