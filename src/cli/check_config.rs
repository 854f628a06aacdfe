//! `trailhound check-config`: every mistake at once, or what will be used.
//!
//! Place in the flow: before a deployment. It refuses to show a secret, and to change anything: with
//! `--connect` it looks whether brokers and topics are there, and makes none.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;

use super::{Failure, run};
use crate::config::{Beside, Config, Memory, shown};
use crate::model::Kind;
use crate::model::select::{Pattern, Selector};
use crate::model::settings::Verdict;
use crate::runtime::rules;
use crate::runtime::topics;

const AFTER_HELP: &str = "\
Examples:
  trailhound check-config trailhound.toml
  trailhound check-config trailhound.toml --connect

Prints the configuration with all defaults on stdout. Each mistake is told on stderr as
FILE:LINE:COLUMN: what is wrong; what was expected. The exit code is 78 then.";

/// How long brokers are waited for.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// The configuration file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Also ask the brokers whether all topics are there
    #[arg(long)]
    connect: bool,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let config = run::load(&args.file, Beside::process())?;
    std::io::stdout()
        .write_all(describe(&config).as_bytes())
        .context("writing to stdout")?;
    let file = args.file.display();
    tell_memory(&config);
    check_rules(&config)?;
    if args.connect {
        connect(&config, &file.to_string())?;
    }
    eprintln!("{file}: fine");
    Ok(())
}

/// How `limits.memory` is shared out, for whoever sizes a machine.
fn tell_memory(config: &Config) {
    let Memory {
        bytes,
        consumer_kbytes,
        fetch_kbytes,
        producer_kbytes,
        held_kbytes,
        lanes,
    } = config.memory;
    let workers = match config.workers {
        1 => "the worker".to_owned(),
        many => format!("each of {many} workers"),
    };
    let held = match held_kbytes {
        0 => String::new(),
        held => format!(", holds up to {held} KiB until their partitions are abreast"),
    };
    eprintln!(
        "limits.memory: of {} MiB up to {} MiB are the lanes'; {workers} fetches up to {consumer_kbytes} KiB ahead, \
         {fetch_kbytes} KiB at once{held}, and hands over up to {producer_kbytes} KiB",
        bytes >> 20,
        lanes >> 20
    );
}

/// Rules that are not taken are named; folders hold some for other systems always, so they are no mistake.
fn check_rules(config: &Config) -> Result<(), Failure> {
    let rules = &config.rules;
    if rules.files.is_empty() && !rules.pack {
        return Ok(());
    }
    let loaded = rules::load(&rules.files, rules.pack).context("rules")?;
    for refused in &loaded.refused {
        eprintln!(
            "{}: {}: not taken: {}",
            refused.file, refused.title, refused.reason
        );
    }
    let (taken, files) = (loaded.set.len(), loaded.files);
    eprintln!(
        "{taken} rules of {files} files, {} not taken",
        loaded.refused.len()
    );
    Ok(())
}

fn connect(config: &Config, file: &str) -> Result<(), Failure> {
    let report = topics::check_topics(config, PATIENCE).map_err(|error| {
        let expected = match &error {
            topics::TopicError::NotLetIn { .. } => {
                "credentials and certificates that the brokers take".to_owned()
            }
            topics::TopicError::Refused { .. } => {
                "rules of access that let this client look at the topic".to_owned()
            }
            _ => format!(
                "brokers that answer at kafka.bootstrap_servers \"{}\"",
                config.kafka.bootstrap_servers
            ),
        };
        Failure::Configuration(format!("{file}: {error:#}; expected {expected}"))
    })?;
    if !report.unfit.is_empty() {
        let unfit = report.unfit.join(&format!("\n{file}: "));
        return Err(Failure::Configuration(format!("{file}: {unfit}")));
    }
    for doubt in &report.doubtful {
        eprintln!("{file}: warning: {doubt}");
    }
    let makes = config.kafka.create_topics;
    let narrow = report.narrow.iter().map(|topic| match makes {
        true => format!("partitions of {} up to {}", topic.name, topic.needs),
        false => topic.to_string(),
    });
    let missing = report.missing.join(", ");
    let missing = (!missing.is_empty()).then(|| match makes {
        true => missing,
        false => format!(
            "missing topics: {missing}; expected them to exist, or kafka.create_topics = true"
        ),
    });
    let lacking: Vec<String> = missing.into_iter().chain(narrow).collect();
    match (lacking.is_empty(), makes) {
        (true, _) => eprintln!("{file}: the brokers answer, and all topics are there"),
        (false, true) => eprintln!(
            "{file}: the brokers answer; made at start: {}",
            lacking.join(", ")
        ),
        (false, false) => {
            let lacking = lacking.join(&format!("\n{file}: "));
            return Err(Failure::Configuration(format!("{file}: {lacking}")));
        }
    }
    Ok(())
}

fn describe_verdict(all: &mut Lines, verdict: &Verdict) {
    let silence = Duration::from_millis(verdict.silence_ms.unsigned_abs());
    let points = &verdict.points;
    all.section("verdict");
    all.put("high", verdict.high);
    all.put("critical", verdict.critical);
    all.put("tactics", verdict.tactics);
    all.put("silence", quoted(&shown(silence)));
    for (key, points) in [
        ("informational_points", points.informational),
        ("low_points", points.low),
        ("medium_points", points.medium),
        ("high_points", points.high),
        ("critical_points", points.critical),
        ("indicator_points", points.indicator),
        ("guessed_points", points.guessed),
        ("outside_points", points.outside),
    ] {
        all.put(key, points);
    }
}

/// The configuration as TOML that reads back the same, but for the secrets.
fn describe(config: &Config) -> String {
    let Config {
        kafka,
        topics,
        delivery,
        events_per_message,
        commit,
        workers,
        memory,
        intel,
        rules,
        http,
        shutdown_deadline,
        lane,
    } = config;
    let input = |topic: &Option<String>| match topic {
        Some(name) => quoted(name),
        None => "false".to_owned(),
    };
    let mut all = Lines::default();
    all.put("workers", workers);
    all.put("delivery", quoted(delivery.as_str()));
    all.section("kafka");
    all.put("bootstrap_servers", quoted(&kafka.bootstrap_servers));
    all.put("group", quoted(&kafka.group));
    all.put("create_topics", kafka.create_topics);
    all.put("partitions", kafka.partitions);
    all.put("replication", kafka.replication);
    all.put("host_header", quoted(&kafka.host_header));
    all.section("kafka.properties");
    for name in kafka.properties.keys() {
        all.put(&quoted(name), quoted("…"));
    }
    all.section("topics");
    all.put("audit_in", input(&topics.audit_in));
    all.put("flow_in", input(&topics.flow_in));
    let outputs = [
        ("process", &topics.process),
        ("logon", &topics.logon),
        ("flow", &topics.flow),
        ("alert", &topics.alert),
        ("audit", &topics.audit),
        ("dead_letter", &topics.dead_letter),
    ];
    for (key, name) in outputs {
        all.put(key, quoted(name));
    }
    for (key, name) in [
        ("audit_state", &topics.audit_state),
        ("flow_state", &topics.flow_state),
        ("audit_rekeyed", &topics.audit_rekeyed),
    ] {
        if let Some(name) = name {
            all.put(key, quoted(name));
        }
    }
    let kinds = Kind::ALL.into_iter().filter(|kind| lane.kinds.has(*kind));
    all.section("output");
    all.put("kinds", list(kinds.map(Kind::as_str)));
    all.section("schema");
    for kind in Kind::ALL {
        all.put(kind.as_str(), quoted(lane.schema_of(kind).as_str()));
    }
    all.section("events_per_message");
    for (kind, most) in Kind::ALL.into_iter().zip(events_per_message) {
        all.put(kind.as_str(), most);
    }
    all.section("commit");
    all.put("interval", quoted(&shown(commit.interval)));
    all.section("intel");
    let files = intel.files.iter().map(|file| file.display().to_string());
    all.put("files", list(files));
    all.put("reload_interval", quoted(&shown(intel.reload_interval)));
    all.section("rules");
    let files = rules.files.iter().map(|file| file.display().to_string());
    all.put("files", list(files));
    all.put("pack", rules.pack);
    all.put("reload_interval", quoted(&shown(rules.reload_interval)));
    all.section("http");
    all.put("listen", input(&http.map(|address| address.to_string())));
    all.section("shutdown");
    all.put("deadline", quoted(&shown(*shutdown_deadline)));
    all.section("limits");
    all.put("memory", memory.bytes);
    let limits = &lane.limits;
    let bounds = [
        ("events_per_host", limits.events_per_host),
        ("events", limits.events),
        ("bytes_per_host", limits.bytes_per_host),
        ("bytes", limits.bytes),
        ("line_bytes", limits.line_bytes),
        ("sessions_per_host", limits.sessions_per_host),
        ("processes_per_host", limits.processes_per_host),
        ("sources_per_host", limits.sources_per_host),
        ("patterns_per_host", limits.patterns_per_host),
        ("hosts", limits.hosts),
    ];
    for (key, bound) in bounds {
        all.put(key, bound);
    }
    let millis = |ms: i64| quoted(&shown(Duration::from_millis(ms.unsigned_abs())));
    all.section("waits");
    all.put("event", millis(lane.waits.event_ms));
    all.put("settle", millis(lane.waits.settle_ms));
    all.put("logon", millis(lane.waits.logon_ms));
    describe_verdict(&mut all, &lane.verdict);
    all.section("rarity");
    let learning = lane.rarity.as_ref();
    let learning = learning.map_or("false".to_owned(), |rarity| millis(rarity.learning_ms));
    all.put("learning", learning);
    all.section("guessing");
    all.put("failures", lane.guessing.failures);
    all.put("window", millis(lane.guessing.window_ms));
    all.section("loss");
    all.put("alerts", lane.tell_gaps);
    all.section("audit");
    all.put("rekey", topics.audit_rekeyed.is_some());
    all.section("flow");
    let networks = lane.internal_networks.iter().map(ToString::to_string);
    all.put("internal_networks", list(networks));
    for (table, selectors) in [
        ("filter", &lane.selection.filters),
        ("label", &lane.selection.labels),
    ] {
        for selector in selectors {
            all.section(&format!("[{table}]"));
            all.selector(selector);
        }
    }
    all.0
}

#[derive(Default)]
struct Lines(String);

impl Lines {
    fn section(&mut self, name: &str) {
        self.0.push_str(&format!("\n[{name}]\n"));
    }

    fn selector(&mut self, selector: &Selector) {
        self.put("name", quoted(&selector.name));
        if let Some(kinds) = selector.kinds {
            let kinds = Kind::ALL.into_iter().filter(|kind| kinds.has(*kind));
            self.put("kind", list(kinds.map(Kind::as_str)));
        }
        for (key, patterns) in [
            ("key", &selector.keys),
            ("type", &selector.types),
            ("user", &selector.users),
            ("login_user", &selector.login_users),
            ("exe", &selector.exes),
        ] {
            if !patterns.is_empty() {
                self.put(key, list(patterns.iter().map(Pattern::as_str)));
            }
        }
    }

    fn put(&mut self, key: &str, value: impl std::fmt::Display) {
        self.0.push_str(&format!("{key} = {value}\n"));
    }
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

fn list(items: impl Iterator<Item = impl AsRef<str>>) -> String {
    let items: Vec<_> = items.map(|item| quoted(item.as_ref())).collect();
    format!("[{}]", items.join(", "))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::parse;

    #[test]
    fn what_is_printed_reads_back_and_holds_no_secret() {
        let text = "[kafka]\nbootstrap_servers = \"a:1\"\nproperties = { \"sasl.password\" = \"hush\" }\n\
                    [topics]\nflow_in = false\n[waits]\nsettle = \"70ms\"\n[[filter]]\nname = \"probes\"\n\
                    kind = [\"process\"]\nexe = [\"/usr/lib/nagios/**\"]\n[[label]]\nname = \"java\"\nkey = [\"j\"]\n\
                    [schema]\nalert = \"asim\"\n";
        let read = |text: &str| parse("t.toml", text, Path::new(""), &Beside::default()).unwrap();
        let printed = describe(&read(text));
        assert!(!printed.contains("hush") && printed.contains("\"sasl.password\" = \"…\""));
        assert!(printed.contains("process = \"ocsf\"\n") && printed.contains("alert = \"asim\"\n"));
        assert_eq!(describe(&read(&printed)), printed);
    }
}
