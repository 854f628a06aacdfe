//! The topic of re-keyed lines: how it must be, and whether it is.
//!
//! Place in the flow: beside topics.rs, at start and in `check-config --connect`. Its partitions are the lanes'; it is
//! made with as many as the input has. Lines keep the timestamps with which they came, so those of a backlog are
//! old when they are written, and a topic that keeps records for a shorter time than the input would delete them before a
//! lane has read them. It refuses to change a topic that is there.

use std::collections::BTreeMap;

use rdkafka::admin::{NewTopic, TopicReplication};

use super::topics::{Report, Settings};
use crate::config::Config;

/// Settings that are taken over from the input when the topic is made.
const AS_THE_INPUT: [&str; 2] = ["retention.ms", "retention.bytes"];
/// What fits into the input compressed may be larger as it is.
const MOST_BYTES: &str = "16777216";

/// The topic and its input; none where the producers key.
fn pair(config: &Config) -> Option<(&str, &str)> {
    let topics = &config.topics;
    Some((
        topics.audit_rekeyed.as_deref()?,
        topics.audit_in.as_deref()?,
    ))
}

/// Whether this is the topic.
pub fn is(config: &Config, name: &str) -> bool {
    pair(config).is_some_and(|(rekeyed, _)| rekeyed == name)
}

/// How many partitions it is made with.
pub fn partitions(config: &Config, report: &Report) -> i32 {
    let input = pair(config).and_then(|(_, input)| report.partitions(input));
    let as_the_input = input.and_then(|count| i32::try_from(count).ok());
    as_the_input.unwrap_or(config.kafka.partitions)
}

/// A topic that is to be made.
pub fn new<'n>(config: &Config, report: &'n Report, name: &'n str) -> NewTopic<'n> {
    let replication = TopicReplication::Fixed(config.kafka.replication);
    let topic = NewTopic::new(name, partitions(config, report), replication)
        .set("cleanup.policy", "delete")
        .set("message.timestamp.type", "CreateTime")
        .set("max.message.bytes", MOST_BYTES);
    let input = pair(config).and_then(|(_, input)| report.settings.get(input));
    let Some(input) = input else {
        return topic;
    };
    let taken = AS_THE_INPUT.into_iter();
    let taken = taken.filter_map(|key| Some((key, input.get(key)?)));
    taken.fold(topic, |topic, (key, value)| topic.set(key, value))
}

/// What would lose lines, and what to do about it.
pub fn unfit(config: &Config, settings: &BTreeMap<String, Settings>) -> Option<String> {
    let (name, _) = pair(config)?;
    let policy = settings.get(name)?.get("cleanup.policy")?;
    policy.contains("compact").then(|| {
        format!(
            "topic '{name}' has cleanup.policy={policy}, and would keep one line of each host: \
             kafka-configs.sh --alter --entity-type topics --entity-name {name} --add-config cleanup.policy=delete"
        )
    })
}

/// What may lose lines, or hold them up.
pub fn doubtful(config: &Config, settings: &BTreeMap<String, Settings>) -> Vec<String> {
    let Some((name, input)) = pair(config) else {
        return Vec::new();
    };
    let (Some(ours), Some(theirs)) = (settings.get(name), settings.get(input)) else {
        return Vec::new();
    };
    let number = |settings: &Settings, key| settings.get(key)?.parse::<i64>().ok();
    let mut all = Vec::new();
    for key in AS_THE_INPUT {
        // Negative: for ever.
        let most = |settings| number(settings, key).map(|n| if n < 0 { i64::MAX } else { n });
        if let (Some(ours), Some(theirs)) = (most(ours), most(theirs))
            && ours < theirs
        {
            all.push(format!(
                "topic '{name}' keeps less than its input '{input}' ({key}={ours}): lines of a backlog may be deleted \
                 before they are read"
            ));
        }
    }
    if let Some(most) = number(ours, "max.message.bytes")
        && number(theirs, "max.message.bytes").is_some_and(|theirs| most < theirs)
    {
        all.push(format!(
            "topic '{name}' takes smaller records than its input '{input}' (max.message.bytes={most}): a larger one is \
             replaced by a notice in the dead-letter topic; {MOST_BYTES} is right"
        ));
    }
    let time = ours.get("message.timestamp.type");
    if let Some(time) = time.filter(|time| *time != "CreateTime") {
        all.push(format!(
            "topic '{name}' has message.timestamp.type={time}: events that are open while the daemons are away go out \
             incomplete; CreateTime is right"
        ));
    }
    all
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{Beside, parse};

    #[test]
    fn what_would_lose_lines_is_told() {
        let text = "[kafka]\nbootstrap_servers = \"a:1\"\ngroup = \"g\"\n[audit]\nrekey = true\n";
        let config = parse("t.toml", text, Path::new(""), &Beside::default()).unwrap();
        assert!(is(&config, "g.rekeyed") && !is(&config, "audit.raw"));
        let report = Report {
            present: vec![("audit.raw".into(), 9)],
            ..Report::default()
        };
        assert_eq!(partitions(&config, &report), 9);
        assert_eq!(partitions(&config, &Report::default()), 4);
        let topic = |pairs: &[(&str, &str)]| -> Settings {
            let pairs = pairs.iter();
            pairs
                .map(|(key, value)| (String::from(*key), String::from(*value)))
                .collect()
        };
        let input = topic(&[("retention.ms", "1000"), ("max.message.bytes", "500")]);
        let told = |pairs: &[(&str, &str)]| {
            let all = [("audit.raw", input.clone()), ("g.rekeyed", topic(pairs))];
            let all = all
                .map(|(name, settings)| (name.to_owned(), settings))
                .into();
            (unfit(&config, &all), doubtful(&config, &all).join("\n"))
        };
        let fine = [
            ("cleanup.policy", "delete"),
            ("retention.ms", "-1"),
            ("max.message.bytes", "500"),
        ];
        assert_eq!(told(&fine), (None, String::new()));
        let (unfit, _) = told(&[("cleanup.policy", "compact,delete")]);
        assert!(unfit.is_some_and(|told| told.contains("--add-config cleanup.policy=delete")));
        for wrong in [
            "retention.ms=999",
            "max.message.bytes=499",
            "message.timestamp.type=LogAppendTime",
        ] {
            let (_, told) = told(&[wrong.split_once('=').unwrap()]);
            assert!(told.contains(wrong), "{told}");
        }
    }
}
