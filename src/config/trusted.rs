//! What was written → what may be trusted: ranges, relations, names, files that must exist.
//!
//! Place in the flow: [`Written`] → [`Config`]. Everything is checked here, once; it refuses to stop at
//! the first mistake, and to open a socket (`check-config --connect` does).

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::layers::{Reader, text_only};
use super::value::{OrOff, Properties, Property};
use super::written::{self, Written};
use super::{
    Beside, Commit, Config, ConfigError, Delivery, Intel, Kafka, Memory, Rules, Secret, Topics,
};
use crate::model::envelope::{Envelope, Form};
use crate::model::schema::Schemas;
use crate::model::settings::{Guessing, Limits, Points, Rarity, Verdict, Waits};
use crate::model::{Kind, Settings};

/// librdkafka settings that follow from keys of ours, or that the promises of [`Delivery`] rest on.
const OWN_PROPERTIES: [(&str, &str); 6] = [
    ("bootstrap.servers", "kafka.bootstrap_servers"),
    ("metadata.broker.list", "kafka.bootstrap_servers"),
    ("group.id", "kafka.group"),
    ("enable.auto.commit", "commit.interval"),
    ("enable.auto.offset.store", "commit.interval"),
    ("auto.commit.interval.ms", "commit.interval"),
];

const MOST_WORKERS: u64 = 256;

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
    let memory = check.memory(&written.limits, written.top.workers, &kafka);
    let config = Config {
        kafka,
        memory,
        topics: check.topics(written.topics, &group, delivery, rekeys),
        delivery,
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

    fn kafka(&mut self, written: written::Kafka) -> Kafka {
        let servers = &written.bootstrap_servers;
        if servers.trim().is_empty() {
            self.wrong(
                "kafka.bootstrap_servers",
                "'kafka.bootstrap_servers' is missing",
                "the brokers' addresses: [kafka] bootstrap_servers = \"host:9092\"",
            );
        } else if let Some(wrong) = servers.split(',').find(|server| !is_server(server.trim())) {
            self.wrong(
                "kafka.bootstrap_servers",
                format!("'kafka.bootstrap_servers' has {:?}", wrong.trim()),
                "host:port, several parted by commas",
            );
        }
        if written.group.is_empty() {
            self.wrong(
                "kafka.group",
                "'kafka.group' is empty",
                "the name of a consumer group",
            );
        }
        Kafka {
            partitions: self.number("kafka.partitions", written.partitions, 1..=10_000) as i32,
            replication: self.number("kafka.replication", written.replication, 1..=100) as i32,
            bootstrap_servers: written.bootstrap_servers,
            group: written.group,
            create_topics: written.create_topics,
            host_header: written.host_header,
            properties: self.properties(written.properties),
        }
    }

    fn properties(&mut self, written: Properties) -> BTreeMap<String, Secret> {
        let mut properties = BTreeMap::new();
        for (name, (property, origin)) in written.0 {
            let place = self
                .reader
                .place_of(&format!("kafka.properties.{name}"), origin.as_deref());
            if let Some((_, key)) = OWN_PROPERTIES.iter().find(|(own, _)| *own == name) {
                self.reader.mistakes.add(
                    place,
                    format!("'{name}' is trailhound's own"),
                    format!("'{key}' instead"),
                );
                continue;
            }
            let value = match property {
                Property::Plain(text) => Ok(text),
                Property::File(path) => {
                    // What a variable says counts from the place where the program was started.
                    let path = if text_only(origin.as_deref()) {
                        path
                    } else {
                        self.directory.join(path)
                    };
                    std::fs::read_to_string(&path)
                        .map(|text| text.trim_end_matches(['\r', '\n']).to_owned())
                        .map_err(|error| format!("{}: {error}", path.display()))
                }
                Property::Env(variable) => {
                    match self.beside.environment.get(&OsString::from(&variable)) {
                        Some(value) => value
                            .to_str()
                            .map(str::to_owned)
                            .ok_or_else(|| format!("environment variable {variable}: not UTF-8")),
                        None => Err(format!("environment variable {variable}: not set")),
                    }
                }
            };
            match value {
                Ok(text) => {
                    if let Some(what) = self.beside.judge.and_then(|judge| judge(&name, &text)) {
                        let expected = "a name and a value that librdkafka knows";
                        self.reader.mistakes.add(place, what, expected);
                    }
                    properties.insert(name, Secret::new(text));
                }
                Err(what) => self.reader.mistakes.add(
                    place,
                    format!("the secret of '{name}' cannot be read: {what}"),
                    "a file that can be read, or a variable that is set",
                ),
            }
        }
        properties
    }

    /// Our own are named after the group.
    fn topics(
        &mut self,
        written: written::Topics,
        group: &str,
        delivery: Delivery,
        rekeys: bool,
    ) -> Topics {
        if written.audit_in.0.is_none() && written.flow_in.0.is_none() {
            self.wrong(
                "topics.audit_in",
                "both inputs are off",
                "'topics.audit_in' or 'topics.flow_in'",
            );
        }
        if rekeys && written.audit_in.0.is_none() {
            self.wrong(
                "audit.rekey",
                "'audit.rekey' is true and 'topics.audit_in' is off",
                "an input whose lines are written on",
            );
        }
        let mut seen: Vec<(String, &str)> = Vec::new();
        let mut topic = |check: &mut Self, path: &'static str, name: String| {
            if !is_topic(&name) {
                let what = format!("'{path}' is {name:?}");
                check.wrong(path, what, "1 to 249 letters, digits, '.', '_' and '-'");
            } else if let Some((_, first)) = seen.iter().find(|(other, _)| *other == name) {
                let what = format!("'{path}' and '{first}' are both {name:?}");
                check.wrong(path, what, "a topic of its own for each");
            }
            seen.push((name.clone(), path));
            name
        };
        let OrOff(audit_in) = written.audit_in;
        let OrOff(flow_in) = written.flow_in;
        let mut own = |path, is_used: bool, name: String, ending| {
            let name = match name.as_str() {
                "" => format!("{group}{ending}"),
                _ => name,
            };
            is_used.then(|| topic(self, path, name))
        };
        let saves = delivery == Delivery::ExactlyOnce;
        let audit_state = own(
            "topics.audit_state",
            saves && audit_in.is_some(),
            written.audit_state,
            ".state",
        );
        let flow_state = own(
            "topics.flow_state",
            saves && flow_in.is_some(),
            written.flow_state,
            ".state.flow",
        );
        let audit_rekeyed = own(
            "topics.audit_rekeyed",
            rekeys && audit_in.is_some(),
            written.audit_rekeyed,
            ".rekeyed",
        );
        Topics {
            audit_state,
            flow_state,
            audit_rekeyed,
            audit_in: audit_in.map(|name| topic(self, "topics.audit_in", name)),
            flow_in: flow_in.map(|name| topic(self, "topics.flow_in", name)),
            process: topic(self, "topics.process", written.process),
            logon: topic(self, "topics.logon", written.logon),
            flow: topic(self, "topics.flow", written.flow),
            alert: topic(self, "topics.alert", written.alert),
            audit: topic(self, "topics.audit", written.audit),
            dead_letter: topic(self, "topics.dead_letter", written.dead_letter),
        }
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

    fn memory(&mut self, written: &written::Limits, workers: u64, kafka: &Kafka) -> Memory {
        const MOST: u64 = 1 << 50;
        let bytes = written.memory.0;
        // A number of workers that is wrong is told, and no reason for another mistake.
        let workers = Some(workers).filter(|many| (1..=MOST_WORKERS).contains(many));
        let workers = workers.unwrap_or(1);
        let shared_out = match bytes <= MOST {
            true => Memory::share_out(bytes, workers, &kafka.properties),
            false => Err(format!("{MOST} at most")),
        };
        shared_out.unwrap_or_else(|expected| {
            let what = format!("'limits.memory' is {}", shown_size(bytes));
            self.wrong("limits.memory", what, expected);
            Memory::default()
        })
    }

    /// `lanes`: what all of them together may weigh.
    fn limits(&mut self, written: &written::Limits, lanes: usize) -> Limits {
        const MOST: u64 = 100_000_000;
        const MOST_BYTES: u64 = 1 << 40;
        let line = self.count("limits.line_bytes", written.line_bytes.0, 1024..=16 << 20);
        let per_host = self.count("limits.events_per_host", written.events_per_host, 1..=MOST);
        let bytes_per_host = self.count(
            "limits.bytes_per_host",
            written.bytes_per_host.0,
            line as u64..=MOST_BYTES,
        );
        Limits {
            events_per_host: per_host,
            events: self.count("limits.events", written.events, per_host as u64..=MOST),
            bytes_per_host,
            bytes: self.count(
                "limits.bytes",
                written.bytes.0,
                bytes_per_host as u64..=MOST_BYTES,
            ),
            line_bytes: line,
            sessions_per_host: self.count(
                "limits.sessions_per_host",
                written.sessions_per_host,
                1..=MOST,
            ),
            processes_per_host: self.count(
                "limits.processes_per_host",
                written.processes_per_host,
                1..=MOST,
            ),
            sources_per_host: self.count(
                "limits.sources_per_host",
                written.sources_per_host,
                1..=MOST,
            ),
            patterns_per_host: self.count(
                "limits.patterns_per_host",
                written.patterns_per_host,
                1..=MOST,
            ),
            hosts: self.count("limits.hosts", written.hosts, 1..=MOST),
            memory: lanes,
        }
    }

    fn waits(&mut self, written: &written::Waits) -> Waits {
        let tenth = SECOND / 10;
        let event = self.between("waits.event", written.event, tenth..=600 * SECOND);
        Waits {
            event_ms: millis(event),
            settle_ms: millis(self.between("waits.settle", written.settle, Duration::ZERO..=event)),
            logon_ms: millis(self.between("waits.logon", written.logon, tenth..=3600 * SECOND)),
        }
    }

    fn envelope(&mut self, written: written::Audit) -> Envelope {
        let pointers = [("audit.line", &written.line), ("audit.host", &written.host)];
        for (path, _) in pointers
            .iter()
            .filter(|(_, pointer)| written.form == Form::Lines && pointer.0.is_some())
        {
            let what = format!("'{path}' is a JSON pointer, and 'audit.form' is \"lines\"");
            self.wrong(path, what, "\"auto\" or \"json\" as 'audit.form'");
        }
        Envelope {
            form: written.form,
            line: written.line.0,
            host: written.host.0,
        }
    }

    fn verdict(&mut self, written: &written::Verdict) -> Verdict {
        const MOST: u64 = 10_000;
        let high = self.number("verdict.high", written.high, 1..=MOST);
        let mut points = |path, points| self.number(path, points, 0..=1_000) as u32;
        let points = Points {
            informational: points("verdict.informational_points", written.informational_points),
            low: points("verdict.low_points", written.low_points),
            medium: points("verdict.medium_points", written.medium_points),
            high: points("verdict.high_points", written.high_points),
            critical: points("verdict.critical_points", written.critical_points),
            indicator: points("verdict.indicator_points", written.indicator_points),
            guessed: points("verdict.guessed_points", written.guessed_points),
            outside: points("verdict.outside_points", written.outside_points),
        };
        let silence = self.between("verdict.silence", written.silence, 60 * SECOND..=7 * DAY);
        Verdict {
            high: high as u32,
            critical: self.number("verdict.critical", written.critical, high..=MOST) as u32,
            tactics: self.count("verdict.tactics", written.tactics, 1..=14),
            silence_ms: millis(silence),
            points,
        }
    }

    fn rarity(&mut self, written: &written::Rarity) -> Option<Rarity> {
        let learning = written.learning.0?;
        let learning = self.between("rarity.learning", learning, 3600 * SECOND..=90 * DAY);
        Some(Rarity {
            learning_ms: millis(learning),
        })
    }

    fn guessing(&mut self, written: &written::Guessing) -> Guessing {
        Guessing {
            failures: self.number("guessing.failures", written.failures, 1..=10_000) as u32,
            window_ms: millis(self.between("guessing.window", written.window, SECOND..=7 * DAY)),
        }
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
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

fn is_topic(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    (1..=249).contains(&name.len()) && name.bytes().all(plain) && name != "." && name != ".."
}

/// `host`, `host:port`, `[::1]:port`, each with or without `PROTOCOL://`.
fn is_server(server: &str) -> bool {
    let server = server.split_once("://").map_or(server, |(_, rest)| rest);
    let (host, port) = match server.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, Some(port)),
        // A bare IPv6 address, or a port too many.
        Some(_) => return server.parse::<std::net::Ipv6Addr>().is_ok(),
        None => (server, None),
    };
    let port_is_fine = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    !host.is_empty() && !host.contains([' ', '/']) && port_is_fine
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_have_a_host_and_a_port() {
        for right in ["localhost", "k1:9092", "[::1]:9092", "SASL_SSL://k1:9093"] {
            assert!(is_server(right), "{right}");
        }
        for wrong in [
            "",
            ":9092",
            "k1:9092:1",
            "k1:0",
            "k1:99999",
            "k1:port",
            "k1 k2:9092",
        ] {
            assert!(!is_server(wrong), "{wrong}");
        }
    }

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
