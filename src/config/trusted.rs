//! What was written → what may be trusted: ranges, relations, names, files that must exist.
//!
//! Place in the flow: [`Written`] → [`Config`]. Everything is checked here, once; it refuses to stop at
//! the first mistake, and to open a socket (`check-config --connect` does). By section: brokers (kafka.rs), topics
//! (topics.rs), what lanes are told (lanes.rs); the rest stands here.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::layers::Reader;
use super::written::{self, Written};
use super::{Beside, Commit, Config, ConfigError, Delivery, Intel, Kafka, Memory, Rules};
use crate::model::schema::Schemas;
use crate::model::{Kind, Settings};

mod kafka;
mod lanes;
mod topics;

const MOST_WORKERS: u64 = 256;
const MOST_PER_MESSAGE: u64 = 1000;

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);

/// Checks what was read. `directory` is where relative paths count from.
pub(super) fn check(
    mut reader: Reader<'_>,
    directory: &Path,
    beside: &Beside,
) -> Result<Config, ConfigError> {
    let written = Written::read(&mut reader);
    let mut check = Check {
        reader,
        directory,
        beside,
    };
    let delivery = check.delivery(&written.top.delivery);
    let group = written.kafka.group.clone();
    let rekeys = written.audit.rekey;
    let kafka = check.kafka(written.kafka);
    let memory = check.memory(&written.limits, written.top.workers, rekeys, &kafka);
    let config = Config {
        kafka,
        memory,
        topics: check.topics(written.topics, &group, delivery, rekeys),
        delivery,
        events_per_message: check.events_per_message(&written.events_per_message),
        commit: Commit {
            interval: check.between(
                "commit.interval",
                written.commit.interval,
                Duration::from_millis(10)..=Duration::from_secs(60),
            ),
        },
        workers: check.count("workers", written.top.workers, 1..=MOST_WORKERS),
        intel: check.intel(written.intel),
        rules: check.rules(written.rules),
        http: written.http.listen.0,
        shutdown_deadline: check.between(
            "shutdown.deadline",
            written.shutdown.deadline,
            SECOND..=10 * 60 * SECOND,
        ),
        lane: Settings {
            kinds: written.output.kinds.into_iter().collect(),
            schemas: Schemas::default()
                .with(Kind::Process, written.schema.process)
                .with(Kind::Logon, written.schema.logon)
                .with(Kind::Flow, written.schema.flow)
                .with(Kind::Alert, written.schema.alert)
                .with(Kind::Audit, written.schema.audit),
            limits: check.limits(&written.limits, memory.lanes),
            waits: check.waits(&written.waits),
            guessing: check.guessing(&written.guessing),
            verdict: check.verdict(&written.verdict),
            rarity: check.rarity(&written.rarity),
            internal_networks: written.flow.internal_networks,
            default_host: None,
            selection: super::select::read(&mut check.reader),
            tell_gaps: written.loss.alerts,
            envelope: check.envelope(written.audit),
        },
    };
    check.reader.mistakes.into_result(config)
}

struct Check<'a> {
    reader: Reader<'a>,
    directory: &'a Path,
    beside: &'a Beside,
}

impl Check<'_> {
    fn wrong(&mut self, path: &str, what: impl Into<String>, expected: impl Into<String>) {
        let place = self.reader.place(path);
        self.reader.mistakes.add(place, what, expected);
    }

    fn between(
        &mut self,
        path: &str,
        value: Duration,
        range: RangeInclusive<Duration>,
    ) -> Duration {
        if !range.contains(&value) {
            let expected = format!("{} to {}", shown(*range.start()), shown(*range.end()));
            self.wrong(path, format!("'{path}' is {}", shown(value)), expected);
        }
        value
    }

    fn number<T: PartialOrd + Display>(
        &mut self,
        path: &str,
        value: T,
        range: RangeInclusive<T>,
    ) -> T {
        if !range.contains(&value) {
            let expected = format!("{} to {}", range.start(), range.end());
            self.wrong(path, format!("'{path}' is {value}"), expected);
        }
        value
    }

    /// A count that is held in memory: every range here fits a usize.
    fn count(&mut self, path: &str, value: u64, range: RangeInclusive<u64>) -> usize {
        usize::try_from(self.number(path, value, range)).unwrap_or(usize::MAX)
    }

    fn events_per_message(
        &mut self,
        written: &written::EventsPerMessage,
    ) -> [usize; Kind::ALL.len()] {
        Kind::ALL.map(|kind| {
            let (path, value) = match kind {
                Kind::Process => ("events_per_message.process", written.process),
                Kind::Logon => ("events_per_message.logon", written.logon),
                Kind::Flow => ("events_per_message.flow", written.flow),
                Kind::Alert => ("events_per_message.alert", written.alert),
                Kind::Audit => ("events_per_message.audit", written.audit),
            };
            self.count(path, value, 1..=MOST_PER_MESSAGE)
        })
    }

    fn delivery(&mut self, written: &str) -> Delivery {
        for delivery in [Delivery::ExactlyOnce, Delivery::AtLeastOnce] {
            if delivery.as_str() == written {
                return delivery;
            }
        }
        let what = format!("'delivery' is {written:?}");
        self.wrong("delivery", what, "\"exactly_once\" or \"at_least_once\"");
        Delivery::ExactlyOnce
    }

    fn intel(&mut self, written: written::Intel) -> Intel {
        let files: Vec<PathBuf> = written
            .files
            .iter()
            .map(|file| self.directory.join(file))
            .collect();
        for file in &files {
            let opened = std::fs::File::open(file).and_then(|file| file.metadata());
            let what = match opened {
                Ok(about) if about.is_dir() => "is a directory".to_owned(),
                Ok(_) => continue,
                Err(error) => format!("cannot be read: {error}"),
            };
            let what = format!("'intel.files': {} {what}", file.display());
            self.wrong("intel.files", what, "files that can be read");
        }
        Intel {
            files,
            reload_interval: self.between(
                "intel.reload_interval",
                written.reload_interval,
                SECOND..=DAY,
            ),
        }
    }

    fn rules(&mut self, written: written::Rules) -> Rules {
        let files = written.files.iter();
        let files: Vec<PathBuf> = files.map(|file| self.directory.join(file)).collect();
        for file in &files {
            let looked = std::fs::metadata(file).and_then(|about| match about.is_dir() {
                true => std::fs::read_dir(file).map(drop),
                false => std::fs::File::open(file).map(drop),
            });
            if let Err(error) = looked {
                let what = format!("'rules.files': {} cannot be read: {error}", file.display());
                self.wrong("rules.files", what, "files and folders that can be read");
            }
        }
        Rules {
            files,
            pack: written.pack,
            reload_interval: self.between(
                "rules.reload_interval",
                written.reload_interval,
                SECOND..=DAY,
            ),
        }
    }

    fn memory(
        &mut self,
        written: &written::Limits,
        workers: u64,
        rekeys: bool,
        kafka: &Kafka,
    ) -> Memory {
        const MOST: u64 = 1 << 50;
        let bytes = written.memory.0;
        // A number of workers that is wrong is told, and no reason for another mistake.
        let workers = Some(workers).filter(|many| (1..=MOST_WORKERS).contains(many));
        let workers = workers.unwrap_or(1);
        let shared_out = match bytes <= MOST {
            true => Memory::share_out(bytes, workers, rekeys, &kafka.properties),
            false => Err(format!("{MOST} at most")),
        };
        shared_out.unwrap_or_else(|expected| {
            let what = format!("'limits.memory' is {}", shown_size(bytes));
            self.wrong("limits.memory", what, expected);
            Memory::default()
        })
    }
}

/// A duration as it would be written.
pub(crate) fn shown(duration: Duration) -> String {
    const UNITS: [(u128, &str); 4] = [
        (86_400_000, "d"),
        (3_600_000, "h"),
        (60_000, "m"),
        (1_000, "s"),
    ];
    let ms = duration.as_millis();
    let (unit, name) = UNITS
        .into_iter()
        .find(|(unit, _)| ms > 0 && ms.is_multiple_of(*unit))
        .unwrap_or((1, "ms"));
    format!("{}{name}", ms / unit)
}

fn shown_size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let mut units = UNITS.into_iter();
    let unit = units.find(|(unit, _)| bytes > 0 && bytes.is_multiple_of(*unit));
    let (unit, name) = unit.unwrap_or((1, " bytes"));
    format!("{}{name}", bytes / unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_shown_as_it_would_be_written() {
        for text in ["0ms", "200ms", "5s", "2m", "1h", "7d"] {
            assert_eq!(
                super::super::value::duration(text).map(shown).as_deref(),
                Some(text)
            );
        }
    }
}
