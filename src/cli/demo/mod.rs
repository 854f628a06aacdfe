//! `trailhound demo`: a recorded attack through the whole daemon, told as it happens.
//!
//! Place in the flow: around everything: an embedded broker, the very daemon on a thread, a shipper that
//! feeds it and a reader of its outputs. It ends by itself, fails where the expected alerts do not
//! come, and refuses to need anything from the machine but a directory for two small files.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::story as sessions;
use super::{Failure, logging, unless_closed};
use crate::config::{self, Beside, Config, Topics};
use crate::runtime::{self, Stop};

mod broker;
mod story;
mod tell;

use super::paint::Paint;
use broker::{Broker, Reader, Shipper};
use story::Channel;
use tell::Told;

const AFTER_HELP: &str = "\
Examples:
  trailhound demo
  trailhound demo --log-level info     with the daemon's own log

Takes about 20 seconds. Needs no broker and no set-up.";

/// The daemon has answered nothing by then: the story begins without it.
const PATIENCE: Duration = Duration::from_secs(8);
/// The story ends when this long nothing more came.
const QUIET: Duration = Duration::from_millis(2_500);
/// Whatever happens, it ends.
const AT_MOST: Duration = Duration::from_secs(24);
const POLL: Duration = Duration::from_millis(50);

#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// What is shown of the daemon's own log
    #[arg(long, value_name = "LEVEL", default_value = "error")]
    log_level: String,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    match tell(args) {
        Err(Failure::Failed(error)) => Ok(unless_closed(Err(error))?),
        ended => ended,
    }
}

fn tell(args: &Args) -> Result<(), Failure> {
    logging::start(logging::Format::Text, &args.log_level)?;
    let directory = Directory::new()?;
    let broker = Broker::start()?;
    let config = configure(&directory.0, &broker.address())?;
    broker.create(&config.topics)?;
    let screen = Screen::new();
    screen.say(&format!(
        "An embedded broker listens on {}. The daemon joins its group; the recording begins in a moment.\n\
         It is a real one: host {} (10.20.0.5), an administrator, and somebody at {}. {} times as fast.\n",
        broker.address(),
        story::HOST,
        story::ATTACKER,
        story::SPEED,
    ))?;
    let begun = Instant::now();
    let (told, lines) = perform(config, &broker.address(), &screen)?;
    screen.table(&told, lines, begun.elapsed())?;
    if told.guessed == 0 || told.indicators == 0 || told.attacks == 0 {
        return Err(anyhow::anyhow!(
            "expected alerts of a guessed password from {}, of an indicator and of an attack; got {}, {} and {}",
            story::ATTACKER,
            told.guessed,
            told.indicators,
            told.attacks
        )
        .into());
    }
    screen.story(&told)?;
    screen.next_steps()?;
    Ok(())
}

/// A directory of our own that goes when the demonstration ends.
struct Directory(PathBuf);

impl Directory {
    fn new() -> anyhow::Result<Directory> {
        let path = std::env::temp_dir().join(format!("trailhound-demo-{}", std::process::id()));
        std::fs::create_dir(&path).with_context(|| format!("creating {}", path.display()))?;
        Ok(Directory(path))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // What stays is two small files in the directory for such.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn configure(directory: &Path, address: &str) -> Result<Config, Failure> {
    let write = |name: &str, text: &str| {
        let path = directory.join(name);
        std::fs::write(&path, text)
            .with_context(|| format!("writing {}", path.display()))
            .map(|()| path)
    };
    write("indicators.txt", story::INDICATORS)?;
    // The embedded broker has no transactions.
    let text = format!(
        "delivery = \"at_least_once\"\n\n[kafka]\nbootstrap_servers = \"{address}\"\n\n[intel]\nfiles = [\"indicators.txt\"]\n\n\
         [rules]\npack = true\n\n[http]\nlisten = false\n\n[shutdown]\ndeadline = \"5s\"\n"
    );
    let path = write("trailhound.toml", &text)?;
    // The user's environment is not part of the demonstration.
    Ok(config::load(&path, &Beside::default())?)
}

/// Runs daemon, shipper and reader until the story is told.
fn perform(config: Config, address: &str, screen: &Screen) -> anyhow::Result<(Told, usize)> {
    let topics = config.topics.clone();
    let reader = Reader::new(address, &topics)?;
    let shipper = Shipper::new(address)?;
    let stop = Stop::new();
    let daemon = {
        let stop = stop.clone();
        thread::spawn(move || runtime::run_until(config, stop))
    };
    let (go, ready) = channel();
    let feeder = {
        let topics = topics.clone();
        thread::spawn(move || feed(&shipper, &topics, &ready))
    };

    let begun = Instant::now();
    let mut told = Told::default();
    let mut last = Instant::now();
    let mut waiting = Some(go);
    while begun.elapsed() < AT_MOST && !daemon.is_finished() {
        if let Some(read) = reader.next(POLL) {
            screen.read(&mut told, &topics, &read)?;
            last = Instant::now();
            waiting = None;
        } else if begun.elapsed() > PATIENCE {
            waiting = None;
        }
        let fed = waiting.is_none() && feeder.is_finished();
        if fed && last.elapsed() > QUIET {
            break;
        }
    }
    drop(waiting);
    stop.stop();
    // What was open goes out at the end, so the reader goes on until the daemon is gone.
    loop {
        let gone = daemon.is_finished();
        match reader.next(4 * POLL) {
            Some(read) => screen.read(&mut told, &topics, &read)?,
            None if gone => break,
            None => {}
        }
    }
    daemon
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        .context("the daemon ended")?;
    let lines = feeder
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
    Ok((told, lines))
}

/// Sends the prologue, waits until the daemon answers, and sends the rest at its moments.
fn feed(shipper: &Shipper, topics: &Topics, ready: &Receiver<()>) -> anyhow::Result<usize> {
    let (Some(audit), Some(flow)) = (&topics.audit_in, &topics.flow_in) else {
        bail!("the demonstration needs both inputs");
    };
    let messages = story::messages()?;
    let mut begun = None;
    for message in &messages {
        if let Some(at) = message.at {
            let begun = *begun.get_or_insert_with(|| {
                // Ends when the other side lets go.
                let _ = ready.recv();
                Instant::now()
            });
            thread::sleep(at.saturating_sub(begun.elapsed()));
        }
        let topic = match message.channel {
            Channel::Audit => audit,
            Channel::Flow => flow,
        };
        shipper.send(topic, story::HOST, &message.bytes)?;
    }
    shipper.flush()?;
    Ok(messages.len())
}

/// The terminal, or whatever stdout is.
struct Screen {
    paint: Paint,
}

impl Screen {
    fn new() -> Screen {
        Screen {
            paint: Paint::of_stdout(),
        }
    }

    fn say(&self, line: &str) -> anyhow::Result<()> {
        let mut out = std::io::stdout().lock();
        writeln!(out, "{line}")
            .and_then(|()| out.flush())
            .context("writing to stdout")
    }

    fn read(&self, told: &mut Told, topics: &Topics, read: &broker::Read) -> anyhow::Result<()> {
        let line = if read.topic == topics.dead_letter {
            Some(told.dead_letter(&read.value, self.paint))
        } else {
            let document = serde_json::from_slice(&read.value)
                .with_context(|| format!("a document of {}", read.topic))?;
            told.book.take(&document);
            told.event(&document, self.paint)
        };
        line.map_or(Ok(()), |line| self.say(&line))
    }

    fn table(&self, told: &Told, lines: usize, took: Duration) -> anyhow::Result<()> {
        let list = |counts: &mut dyn Iterator<Item = (String, u64)>| {
            counts
                .map(|(name, count)| format!("{name} {count}"))
                .collect::<Vec<_>>()
                .join(", ")
        };
        let events = list(
            &mut told
                .events
                .iter()
                .map(|(name, count)| ((*name).to_owned(), *count)),
        );
        let alerts = list(
            &mut told
                .severities
                .iter()
                .map(|(name, count)| (name.to_lowercase(), *count)),
        );
        let seconds = took.as_secs_f64();
        self.say(&format!(
            "\n{}\n  messages in   {lines} in {seconds:.1} s, {:.0} a second (at the recording's pace)\n  \
             events out    {events}\n  alerts        {alerts}\n  with a hit    {}\n  unread        {} in the \
             dead-letter topic\n  not told      {} more programs of the session from {}, and the informational alerts",
            self.paint.bold("What came back"),
            lines as f64 / seconds,
            told.hits,
            told.dead_letters,
            told.untold,
            story::ATTACKER,
        ))
    }

    /// The session of the attack as a tree, as `trailhound story` prints it.
    fn story(&self, told: &Told) -> anyhow::Result<()> {
        self.say(&format!("\n{}", self.paint.bold("The story of the attack")))?;
        let print = sessions::Print {
            paint: self.paint,
            from: Some(story::ATTACKER.to_owned()),
        };
        let mut out = std::io::stdout().lock();
        print
            .book(&told.book, &mut out)
            .context("writing to stdout")
    }

    fn next_steps(&self) -> anyhow::Result<()> {
        self.say(&format!(
            "\n{}\n  trailhound replay /var/log/audit/audit.log     the same on a file of yours, no Kafka\n  \
             trailhound story /var/log/audit/audit.log      its sessions as trees, for people\n  \
             trailhound check-config trailhound.toml        a first configuration: [kafka] bootstrap_servers\n  \
             trailhound run --config trailhound.toml        the daemon on your brokers",
            self.paint.bold("What to try next"),
        ))
    }
}
