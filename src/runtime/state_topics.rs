//! The topics of the state: how they must be, and whether they are.
//!
//! Place in the flow: beside topics.rs, at start and in `check-config --connect`. The state of the lane of
//! an input's partition stands in the partition of the same number, so there must be as many; and only a
//! topic that is compacted, and nothing but compacted, keeps the last value of each key for ever. It
//! refuses to ask the brokers.

use std::collections::BTreeMap;
use std::fmt;

use rdkafka::admin::{NewTopic, TopicReplication};

use super::rekeyed_topic;
use super::topics::{Report, Settings};
use crate::config::Config;

/// A topic that takes less cannot hold a record of the state, which is up to 256 KiB long.
pub(super) const LEAST_BYTES: usize = 512 << 10;

/// As they are made. A segment is compacted only once it is closed, so small ones keep short what a lane
/// reads at its beginning.
const MADE: [(&str, &str); 4] = [
    ("cleanup.policy", "compact"),
    ("segment.bytes", "33554432"),
    ("segment.ms", "3600000"),
    ("min.cleanable.dirty.ratio", "0.1"),
];

/// Each topic of the state with its input.
pub fn pairs(config: &Config) -> impl Iterator<Item = (&str, &str)> {
    let topics = &config.topics;
    [
        (&topics.audit_state, topics.audit_lanes()),
        (&topics.flow_state, topics.flow_in.as_deref()),
    ]
    .into_iter()
    .filter_map(|(state, input)| Some((state.as_deref()?, input?)))
}

/// The input whose state stands in this topic.
pub fn input_of<'c>(config: &'c Config, state: &str) -> Option<&'c str> {
    let mut pairs = pairs(config);
    pairs
        .find(|(name, _)| *name == state)
        .map(|(_, input)| input)
}

/// A topic that is to be made.
pub fn new<'n>(config: &Config, report: &Report, name: &'n str, input: &str) -> NewTopic<'n> {
    let partitions = report
        .partitions(input)
        .and_then(|count| i32::try_from(count).ok());
    let partitions = partitions.unwrap_or_else(|| match rekeyed_topic::is(config, input) {
        true => rekeyed_topic::partitions(config, report),
        false => config.kafka.partitions,
    });
    let replication = TopicReplication::Fixed(config.kafka.replication);
    let topic = NewTopic::new(name, partitions, replication);
    MADE.iter()
        .fold(topic, |topic, (key, value)| topic.set(key, value))
}

/// A topic of the state that has fewer partitions than its input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Narrow {
    pub name: String,
    pub input: String,
    pub has: usize,
    pub needs: usize,
}

/// With what to do about it.
impl fmt::Display for Narrow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Narrow {
            name,
            input,
            has,
            needs,
        } = self;
        write!(
            f,
            "topic '{name}' has {has} partitions and its input '{input}' has {needs}: set kafka.create_topics = true, or \
             kafka-topics.sh --alter --topic {name} --partitions {needs}"
        )
    }
}

/// Those that are there, and whose inputs are.
pub fn narrow(config: &Config, report: &Report) -> Vec<Narrow> {
    let narrow = pairs(config).filter_map(|(name, input)| {
        let (has, needs) = (report.partitions(name)?, report.partitions(input)?);
        (has < needs).then(|| Narrow {
            name: name.to_owned(),
            input: input.to_owned(),
            has,
            needs,
        })
    });
    narrow.collect()
}

/// What is wrong with the settings of those that are there, and what to do about it.
pub fn unfit(config: &Config, settings: &BTreeMap<String, Settings>) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, _) in pairs(config) {
        let Some(settings) = settings.get(name) else {
            continue;
        };
        let policy = settings.get("cleanup.policy").map_or("", String::as_str);
        if policy != "compact" {
            wrong.push(format!(
                "topic '{name}' has cleanup.policy={policy}, and would lose the state of the lanes: \
                 kafka-configs.sh --alter --entity-type topics --entity-name {name} \
                 --add-config cleanup.policy=compact"
            ));
        }
        let most = settings
            .get("max.message.bytes")
            .and_then(|most| most.parse().ok());
        if let Some(most) = most.filter(|most: &usize| *most < LEAST_BYTES) {
            wrong.push(format!(
                "topic '{name}' has max.message.bytes={most}; a record of the state needs {LEAST_BYTES}"
            ));
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{Beside, parse};

    #[test]
    fn what_would_lose_state_is_told_with_what_to_do() {
        let text =
            "[kafka]\nbootstrap_servers = \"a:1\"\ngroup = \"g\"\n[topics]\nflow_in = false\n";
        let config = parse("t.toml", text, Path::new(""), &Beside::default()).unwrap();
        assert_eq!(
            pairs(&config).collect::<Vec<_>>(),
            [("g.state", "audit.raw")]
        );
        let narrow = |partitions| {
            let report = Report {
                present: vec![("audit.raw".into(), 8), ("g.state".into(), partitions)],
                ..Report::default()
            };
            narrow(&config, &report)
        };
        assert_eq!((narrow(8), narrow(9)), (Vec::new(), Vec::new()));
        let four = narrow(4).into_iter().next().unwrap();
        assert_eq!((four.has, four.needs), (4, 8));
        for word in ["has 4 partitions", "--topic g.state --partitions 8"] {
            assert!(four.to_string().contains(word), "{four}");
        }
        let told = |policy: &str, most: &str| {
            let pairs = [("cleanup.policy", policy), ("max.message.bytes", most)];
            let settings = pairs.map(|(key, value)| (key.to_owned(), value.to_owned()));
            let settings = BTreeMap::from([("g.state".to_owned(), settings.into())]);
            unfit(&config, &settings).join("\n")
        };
        assert_eq!(told("compact", "1048588"), "");
        assert!(told("delete", "1048588").contains("--add-config cleanup.policy=compact"));
        assert!(told("compact,delete", "1048588").contains("cleanup.policy=compact,delete"));
        assert!(told("compact", "6000").contains("max.message.bytes=6000"));
    }
}
