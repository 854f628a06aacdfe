//! The topics: which are needed, whether they are there, and making the missing ones.
//!
//! Place in the flow: before it, at start and in `check-config --connect`; and again where a partition of the state
//! turns out to be missing. It refuses to make a topic unless the configuration says so, and to change one that is
//! there, but for partitions of the state that its input has more of.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::admin::{
    AdminClient, AdminOptions, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication,
    TopicResult,
};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::Metadata;
use rdkafka::types::RDKafkaRespErr;

use super::client;
use super::hearing::{Hearing, Refusal};
use super::rekeyed_topic;
use super::state_topics::{self, Narrow};
use crate::config::{Config, Delivery, Topics};
use crate::model::Kind;

/// Between two looks at whether the brokers refuse this client: waiting longer does not help then.
const LOOK: Duration = Duration::from_secs(1);
/// For what the client has to say.
const SERVE: Duration = Duration::from_millis(50);

#[derive(Debug, thiserror::Error)]
pub enum TopicError {
    #[error("no broker of kafka.bootstrap_servers = \"{servers}\" can be reached: {reason}")]
    Unreachable { servers: String, reason: String },
    #[error(
        "the brokers of kafka.bootstrap_servers = \"{servers}\" do not let this client in: {}; {}",
        refusal.reason, refusal.advice
    )]
    NotLetIn { servers: String, refusal: Refusal },
    #[error(
        "missing on the brokers: topic {}; make them, or set kafka.create_topics = true",
        quoted(names)
    )]
    Missing { names: Vec<String> },
    #[error("topic '{name}': {reason}")]
    Refused { name: String, reason: String },
    #[error("{}", .0.join("; "))]
    Unfit(Vec<String>),
    #[error("Kafka: {0}")]
    Kafka(#[from] KafkaError),
    #[error("starting a timer: {0}")]
    Io(#[from] std::io::Error),
}

/// What the brokers say of the topics that the configuration needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub brokers: usize,
    /// Name and number of partitions.
    pub present: Vec<(String, usize)>,
    /// Made at start where the configuration says so.
    pub missing: Vec<String>,
    pub created: Vec<String>,
    /// Topics of the state with fewer partitions than their inputs; they get more at start where the configuration
    /// says so.
    pub narrow: Vec<Narrow>,
    /// What else is wrong with topics of the state that are there, and what to do about it.
    pub unfit: Vec<String>,
    /// What may lose something, or hold it up.
    pub doubtful: Vec<String>,
    /// Of those that are there, where they were asked for.
    pub(super) settings: BTreeMap<String, Settings>,
    /// What a topic takes at most, in bytes of a batch; by its name, where the brokers say so.
    pub most_bytes: BTreeMap<String, usize>,
}

impl Report {
    pub(super) fn partitions(&self, topic: &str) -> Option<usize> {
        let (_, partitions) = self.present.iter().find(|(name, _)| name == topic)?;
        Some(*partitions)
    }
}

/// Settings of a topic as the brokers tell them.
pub(super) type Settings = BTreeMap<String, String>;

/// The output topic of a kind.
pub(super) fn name_of(topics: &Topics, kind: Kind) -> &str {
    match kind {
        Kind::Process => &topics.process,
        Kind::Logon => &topics.logon,
        Kind::Flow => &topics.flow,
        Kind::Alert => &topics.alert,
        Kind::Audit => &topics.audit,
    }
}

/// Outputs that are wanted, the dead letters, and re-keyed lines.
pub(super) fn outputs(config: &Config) -> Vec<&str> {
    let topics = &config.topics;
    let wanted = Kind::ALL
        .into_iter()
        .filter(|kind| config.lane.kinds.has(*kind));
    let mut names: Vec<&str> = wanted.map(|kind| name_of(topics, kind)).collect();
    names.push(&topics.dead_letter);
    names.extend(topics.audit_rekeyed.as_deref());
    names
}

/// Inputs that are read.
fn inputs(config: &Config) -> Vec<&str> {
    let topics = [&config.topics.audit_in, &config.topics.flow_in].into_iter();
    topics.filter_map(|name| name.as_deref()).collect()
}

/// The inputs, outputs that are wanted, the dead letters, re-keyed lines, and the state.
fn needed(config: &Config) -> Vec<&str> {
    let mut names = inputs(config);
    names.extend(outputs(config));
    names.extend(state_topics::pairs(config).map(|(state, _)| state));
    names.sort_unstable();
    names.dedup();
    names
}

/// The same, and makes what is missing where the configuration says so.
///
/// # Errors
/// Names the topics that are missing, or have too few partitions, and are not to be made.
pub(super) fn ensure(config: &Config, timeout: Duration) -> Result<Report, TopicError> {
    make(config, timeout, check_topics)
}

/// The same but for the inputs: who deleted one while daemons run may want it otherwise.
pub(super) fn ensure_ours(config: &Config, timeout: Duration) -> Result<Report, TopicError> {
    let inputs = inputs(config);
    make(config, timeout, |config, timeout| {
        let mut report = check_topics(config, timeout)?;
        report.missing.retain(|name| !inputs.contains(&&**name));
        Ok(report)
    })
}

fn make(
    config: &Config,
    timeout: Duration,
    look: impl Fn(&Config, Duration) -> Result<Report, TopicError>,
) -> Result<Report, TopicError> {
    let (mut created, mut deadline) = (Vec::new(), None);
    loop {
        let report = look(config, timeout)?;
        if !report.unfit.is_empty() {
            return Err(TopicError::Unfit(report.unfit));
        }
        if report.missing.is_empty() && report.narrow.is_empty() {
            return Ok(Report { created, ..report });
        }
        // The brokers learn of what was made one after the other.
        let deadline = *deadline.get_or_insert_with(|| Instant::now() + timeout);
        if !config.kafka.create_topics || Instant::now() > deadline {
            return Err(lacking(report));
        }
        create(config, &report, timeout)?;
        widen(config, &report, timeout)?;
        let new = report.missing.into_iter();
        let new: Vec<String> = new.filter(|name| !created.contains(name)).collect();
        created.extend(new);
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn lacking(report: Report) -> TopicError {
    if !report.missing.is_empty() {
        return TopicError::Missing {
            names: report.missing,
        };
    }
    TopicError::Unfit(report.narrow.iter().map(Narrow::to_string).collect())
}

/// Looks at the topics; makes none.
///
/// # Errors
/// Names the servers that cannot be reached, or the topic that may not be looked at.
pub fn check_topics(config: &Config, timeout: Duration) -> Result<Report, TopicError> {
    let inspector: BaseConsumer<Hearing> =
        client::inspector(&config.kafka).create_with_context(Hearing::default())?;
    let mut report = Report::default();
    for name in needed(config) {
        let metadata = ask(&inspector, name, timeout)
            .map_err(|error| unreachable(config, error, inspector.context()))?;
        report.brokers = metadata.brokers().len();
        let Some(topic) = metadata.topics().first() else {
            report.missing.push(name.to_owned());
            continue;
        };
        match topic.error() {
            None => report
                .present
                .push((name.to_owned(), topic.partitions().len())),
            Some(RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) => {
                report.missing.push(name.to_owned());
            }
            Some(error) => {
                return Err(TopicError::Refused {
                    name: name.to_owned(),
                    reason: RDKafkaErrorCode::from(error).to_string(),
                });
            }
        }
    }
    let rekeys = config.topics.audit_rekeyed.is_some();
    let bundles = config.memory.bundles(&config.events_per_message) > 0;
    if config.delivery == Delivery::ExactlyOnce || rekeys || bundles {
        let settings = settings_of(config, &report, timeout)?;
        report.narrow = state_topics::narrow(config, &report);
        report.unfit = state_topics::unfit(config, &settings);
        let rekeyed = rekeyed_topic::unfit(config, &settings);
        report.unfit.extend(rekeyed);
        report.doubtful = rekeyed_topic::doubtful(config, &settings);
        report.settings = settings;
        let most = |settings: &Settings| settings.get("max.message.bytes")?.parse().ok();
        let sizes = report.settings.iter();
        let sizes = sizes.filter_map(|(name, settings)| Some((name.clone(), most(settings)?)));
        report.most_bytes = sizes.collect();
    }
    Ok(report)
}

/// What the brokers say of a topic. The client tells apart from its answer why it has none.
fn ask(
    inspector: &BaseConsumer<Hearing>,
    name: &str,
    timeout: Duration,
) -> Result<Metadata, KafkaError> {
    let deadline = Instant::now() + timeout;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let asked = inspector.fetch_metadata(Some(name), left.min(LOOK));
        let Err(error) = asked else {
            return asked;
        };
        // A poll that may not wait ends with the first line of the client's log.
        while inspector.poll(SERVE).is_some() {}
        if inspector.context().refusal().is_some() || Instant::now() >= deadline {
            return Err(error);
        }
    }
}

/// The settings of the topics that are there. Who may not see them goes without.
fn settings_of(
    config: &Config,
    report: &Report,
    timeout: Duration,
) -> Result<BTreeMap<String, Settings>, TopicError> {
    if report.present.is_empty() {
        // The client takes it for a mistake to be asked for the settings of nothing.
        return Ok(BTreeMap::new());
    }
    let admin = admin(config)?;
    let names = report.present.iter();
    let topics: Vec<_> = names
        .map(|(name, _)| ResourceSpecifier::Topic(name))
        .collect();
    let described = answer(
        config,
        &admin,
        admin.describe_configs(&topics, &options(timeout)),
    )?;
    let mut all = BTreeMap::new();
    for ((name, _), topic) in report.present.iter().zip(described) {
        match topic {
            Ok(topic) => {
                let entries = topic.entries.into_iter();
                let entries = entries.filter_map(|entry| Some((entry.name, entry.value?)));
                all.insert(name.clone(), entries.collect());
            }
            Err(code) => {
                tracing::warn!(topic = name, %code, "the settings of this topic cannot be checked");
            }
        }
    }
    Ok(all)
}

fn admin(config: &Config) -> Result<AdminClient<Hearing>, KafkaError> {
    client::inspector(&config.kafka).create_with_context(Hearing::default())
}

fn options(timeout: Duration) -> AdminOptions {
    AdminOptions::new()
        .operation_timeout(Some(timeout))
        .request_timeout(Some(timeout))
}

/// Waits for what the brokers say to a question.
fn answer<T>(
    config: &Config,
    admin: &AdminClient<Hearing>,
    asked: impl Future<Output = Result<T, KafkaError>>,
) -> Result<T, TopicError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let answer = runtime.block_on(asked);
    answer.map_err(|error| unreachable(config, error, admin.inner().context()))
}

fn create(config: &Config, report: &Report, timeout: Duration) -> Result<(), TopicError> {
    if report.missing.is_empty() {
        return Ok(());
    }
    let admin = admin(config)?;
    let names = report.missing.iter();
    let topics: Vec<_> = names
        .map(|name| match state_topics::input_of(config, name) {
            Some(input) => state_topics::new(config, report, name, input),
            None if rekeyed_topic::is(config, name) => rekeyed_topic::new(config, report, name),
            None => {
                let replication = TopicReplication::Fixed(config.kafka.replication);
                NewTopic::new(name, config.kafka.partitions, replication)
            }
        })
        .collect();
    let results = answer(
        config,
        &admin,
        admin.create_topics(&topics, &options(timeout)),
    )?;
    // Else another daemon was quicker.
    taken(results, RDKafkaErrorCode::TopicAlreadyExists)
}

/// Gives topics of the state as many partitions as their inputs have.
fn widen(config: &Config, report: &Report, timeout: Duration) -> Result<(), TopicError> {
    if report.narrow.is_empty() {
        return Ok(());
    }
    let admin = admin(config)?;
    let narrow = report.narrow.iter();
    let wider: Vec<_> = narrow
        .map(|topic| NewPartitions::new(&topic.name, topic.needs))
        .collect();
    let results = answer(
        config,
        &admin,
        admin.create_partitions(&wider, &options(timeout)),
    )?;
    for topic in &report.narrow {
        tracing::warn!(
            topic = topic.name,
            partitions = topic.needs,
            input = topic.input,
            "the input has more partitions than before: so gets the topic of its state"
        );
    }
    // Else another daemon was quicker.
    taken(results, RDKafkaErrorCode::InvalidPartitions)
}

/// The brokers did what they were asked for, or it was done already.
fn taken(results: Vec<TopicResult>, done: RDKafkaErrorCode) -> Result<(), TopicError> {
    let mut refused = results.into_iter().filter_map(Result::err);
    match refused.find(|(_, code)| *code != done) {
        Some((name, code)) => Err(TopicError::Refused {
            name,
            reason: code.to_string(),
        }),
        None => Ok(()),
    }
}

fn unreachable(config: &Config, error: KafkaError, heard: &Hearing) -> TopicError {
    let servers = || config.kafka.bootstrap_servers.clone();
    if let Some(refusal) = heard.refusal() {
        let servers = servers();
        return TopicError::NotLetIn { servers, refusal };
    }
    match error {
        KafkaError::MetadataFetch(
            code @ (RDKafkaErrorCode::BrokerTransportFailure
            | RDKafkaErrorCode::OperationTimedOut
            | RDKafkaErrorCode::AllBrokersDown
            | RDKafkaErrorCode::Resolve),
        )
        | KafkaError::AdminOp(
            code @ (RDKafkaErrorCode::BrokerTransportFailure
            | RDKafkaErrorCode::OperationTimedOut
            | RDKafkaErrorCode::RequestTimedOut),
        ) => TopicError::Unreachable {
            servers: servers(),
            reason: heard.said().unwrap_or_else(|| code.to_string()),
        },
        other => other.into(),
    }
}

fn quoted(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
    names.join(", ")
}
