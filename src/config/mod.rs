//! Configuration in two stages: what was written (TOML, environment, flags) → what may be trusted.
//!
//! Place in the flow: before everything else. [`layers`] merges the texts, [`written`] reads the keys,
//! [`trusted`] checks them. [`Config`] is the trusted form: every name, path, bound and duration in it
//! has been checked, so nothing behind it checks again. It refuses to talk to a broker, and to print a
//! secret.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::model::{Kind, Settings};

mod error;
mod layers;
mod memory;
pub mod select;
mod trusted;
mod value;
pub mod written;

pub use error::{ConfigError, Mistake};
pub use memory::Memory;
pub(crate) use trusted::shown;

/// Where a configuration comes from, beside its file.
#[derive(Clone, Debug, Default)]
pub struct Beside {
    pub environment: BTreeMap<OsString, OsString>,
    /// Key, flag, value: the last layer.
    pub flags: Vec<(&'static str, &'static str, String)>,
    /// Says what is wrong with a property, to who knows librdkafka; never with its value.
    pub judge: Option<fn(&str, &str) -> Option<String>>,
}

impl Beside {
    /// The environment of this process.
    pub fn process() -> Beside {
        Beside {
            environment: std::env::vars_os().collect(),
            ..Beside::default()
        }
    }
}

/// Reads and checks a configuration file.
pub fn load(path: &Path, beside: &Beside) -> Result<Config, ConfigError> {
    let name = path.display().to_string();
    let mistake = |place: String, what: String, expected: &str| ConfigError {
        mistakes: vec![Mistake {
            place,
            what,
            expected: expected.to_owned(),
        }],
    };
    let bytes = std::fs::read(path).map_err(|error| {
        mistake(
            name.clone(),
            format!("cannot be read: {error}"),
            "a TOML file",
        )
    })?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(&error.as_bytes()[..valid]).into_owned();
        let place = layers::place(&name, &text, valid);
        mistake(place, "a byte that is not UTF-8".to_owned(), "UTF-8 text")
    })?;
    parse(&name, &text, path.parent().unwrap_or(Path::new("")), beside)
}

/// Checks a configuration text. `name` is what mistakes call it, `directory` where relative paths
/// count from.
pub fn parse(
    name: &str,
    text: &str,
    directory: &Path,
    beside: &Beside,
) -> Result<Config, ConfigError> {
    let reader = layers::Layers {
        file: name,
        toml: text,
        environment: &beside.environment,
        flags: &beside.flags,
    }
    .merge();
    trusted::check(reader, directory, beside)
}

/// All that the daemon needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    pub kafka: Kafka,
    pub topics: Topics,
    pub delivery: Delivery,
    /// Events of one host in one message at most, in the order of [`Kind::ALL`].
    pub events_per_message: [usize; Kind::ALL.len()],
    pub commit: Commit,
    /// Threads, each with its consumer, producer and lanes.
    pub workers: usize,
    /// How `limits.memory` is shared out.
    pub memory: Memory,
    pub intel: Intel,
    pub rules: Rules,
    /// `None`: no HTTP.
    pub http: Option<SocketAddr>,
    /// After SIGTERM: flush, commit and leave within this.
    pub shutdown_deadline: Duration,
    pub lane: Settings,
}

/// Sigma rules.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Files, and folders with all below.
    pub files: Vec<PathBuf>,
    /// The rules that come with the program.
    pub pack: bool,
    pub reload_interval: Duration,
}

#[derive(Clone, Debug)]
pub struct Kafka {
    pub bootstrap_servers: String,
    /// The consumer group.
    pub group: String,
    /// Make missing topics at start; otherwise a missing one is an error that names it.
    pub create_topics: bool,
    /// For topics that are made.
    pub partitions: i32,
    pub replication: i32,
    /// The Kafka header whose value names the host of a record.
    pub host_header: String,
    /// Passed to librdkafka as they are. May hold secrets: never print the values.
    pub properties: BTreeMap<String, Secret>,
}

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: String) -> Secret {
        Secret(text)
    }

    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

/// Names of topics; an input that is `None` is not read.
#[derive(Clone, Debug)]
pub struct Topics {
    pub audit_in: Option<String>,
    pub flow_in: Option<String>,
    pub process: String,
    pub logon: String,
    pub flow: String,
    pub alert: String,
    pub audit: String,
    pub dead_letter: String,
    /// The compacted topics of the lanes' state, one for each input that is read.
    pub audit_state: Option<String>,
    pub flow_state: Option<String>,
    /// The lines of the audit input, keyed by their host; `None`: the producers key.
    pub audit_rekeyed: Option<String>,
}

impl Topics {
    /// What the lanes read audit lines from.
    pub fn audit_lanes(&self) -> Option<&str> {
        self.audit_rekeyed.as_deref().or(self.audit_in.as_deref())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Outputs, offsets and state are one transaction.
    ExactlyOnce,
    /// The committed offset never passes the first record of an open event, nor an output that
    /// Kafka has not acknowledged. After a crash outputs can come again, with the same ids.
    AtLeastOnce,
}

impl Delivery {
    pub fn as_str(self) -> &'static str {
        match self {
            Delivery::ExactlyOnce => "exactly_once",
            Delivery::AtLeastOnce => "at_least_once",
        }
    }
}

#[derive(Clone, Debug)]
pub struct Commit {
    pub interval: Duration,
}

#[derive(Clone, Debug)]
pub struct Intel {
    pub files: Vec<PathBuf>,
    /// How often the files are looked at for a change.
    pub reload_interval: Duration,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::settings::Kinds;

    const SMALLEST: &str = "[kafka]\nbootstrap_servers = \"localhost:9092\"\n";

    fn read(text: &str) -> Result<Config, ConfigError> {
        parse("t.toml", text, Path::new("."), &Beside::default())
    }

    fn with_environment(text: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let environment = variables
            .iter()
            .map(|(k, v)| (k.into(), v.into()))
            .collect();
        let beside = Beside {
            environment,
            flags: vec![("kafka.group", "--group", "from-flag".to_owned())],
            judge: None,
        };
        parse("t.toml", text, Path::new("."), &beside)
    }

    #[test]
    fn the_smallest_has_the_defaults_of_the_model() {
        let config = read(SMALLEST).unwrap();
        let model = Settings::default();
        assert_eq!(config.lane.limits, model.limits);
        assert_eq!(config.lane.waits, model.waits);
        assert_eq!(config.lane.guessing, model.guessing);
        assert_eq!(config.lane.internal_networks, model.internal_networks);
        assert_eq!(config.lane.kinds, Kinds::DEFAULT);
        assert_eq!(config.topics.audit_in.as_deref(), Some("audit.raw"));
        assert_eq!(config.commit.interval, Duration::from_millis(200));
        assert!(
            config
                .http
                .is_some_and(|address| address.ip().is_loopback())
        );
    }

    #[test]
    fn lines_are_rekeyed_only_where_that_is_asked_for() {
        let topics = |more: &str| {
            read(&format!("{SMALLEST}group = \"g\"\n{more}"))
                .unwrap()
                .topics
        };
        let keyed = topics("");
        assert_eq!(
            (keyed.audit_rekeyed.as_deref(), keyed.audit_lanes()),
            (None, Some("audit.raw"))
        );
        let rekeyed = topics("[audit]\nrekey = true\n");
        assert_eq!(rekeyed.audit_in.as_deref(), Some("audit.raw"));
        assert_eq!(rekeyed.audit_lanes(), Some("g.rekeyed"));
        let named = topics("[topics]\naudit_rekeyed = \"mine\"\n[audit]\nrekey = true\n");
        assert_eq!(named.audit_lanes(), Some("mine"));
        let off = format!("{SMALLEST}[topics]\naudit_in = false\n[audit]\nrekey = true\n");
        let mistakes = read(&off).unwrap_err().to_string();
        assert!(
            mistakes.contains("'audit.rekey' is true and 'topics.audit_in' is off"),
            "{mistakes}"
        );
    }

    #[test]
    fn flags_beat_the_environment_and_the_environment_beats_the_file() {
        let config = with_environment(
            "workers = 2\n[kafka]\nbootstrap_servers = \"a:1\"\ngroup = \"from-file\"\n",
            &[
                ("TRAILHOUND__KAFKA__GROUP", "from-env"),
                ("TRAILHOUND__KAFKA__BOOTSTRAP_SERVERS", "b:2"),
                ("TRAILHOUND__OUTPUT__KINDS", "alert, audit"),
                ("TRAILHOUND__TOPICS__FLOW_IN", "false"),
                ("TRAILHOUND__WORKERS", "3"),
            ],
        )
        .unwrap();
        assert_eq!(config.kafka.group, "from-flag");
        assert_eq!(config.kafka.bootstrap_servers, "b:2");
        assert_eq!((config.workers, config.topics.flow_in), (3, None));
        assert!(!config.lane.kinds.has(crate::model::Kind::Logon));
    }

    #[test]
    fn a_mistake_in_the_environment_names_the_variable() {
        let error = with_environment(
            SMALLEST,
            &[
                ("TRAILHOUND__WORKERS", "many"),
                ("TRAILHOUND__KAFKA__GROP", "x"),
            ],
        )
        .unwrap_err()
        .to_string();
        assert!(
            error.contains("TRAILHOUND__WORKERS: 'workers' cannot be \"many\""),
            "{error}"
        );
        assert!(
            error.contains(
                "TRAILHOUND__KAFKA__GROP: sets no key; expected TRAILHOUND__KAFKA__GROUP"
            ),
            "{error}"
        );
    }

    #[test]
    fn a_property_can_be_written_three_ways_and_is_never_shown() {
        let text = format!(
            "{SMALLEST}[kafka.properties]\n\"sasl.password\" = \"old\"\nsecurity.protocol = \"ssl\"\n\"sasl.username\" = {{ env = \"WHO\" }}\n"
        );
        let config = with_environment(
            &text,
            &[
                ("WHO", "me"),
                ("TRAILHOUND__KAFKA__PROPERTIES__SASL_PASSWORD", "hush"),
            ],
        )
        .unwrap();
        let reveal = |name: &str| config.kafka.properties[name].reveal().to_owned();
        assert_eq!(reveal("sasl.password"), "hush");
        assert_eq!(reveal("security.protocol"), "ssl");
        assert_eq!(reveal("sasl.username"), "me");
        assert!(!format!("{config:?}").contains("hush"));
    }

    #[test]
    fn every_mistake_is_told_at_once() {
        let error = read("workers = 0\ndelivery = \"once\"\n[kafka]\ngroop = \"x\"\n").unwrap_err();
        let places: Vec<_> = error.mistakes.iter().map(|m| m.place.as_str()).collect();
        assert_eq!(places.len(), 4, "{error}");
        assert!(
            error.to_string().contains("did you mean 'kafka.group'?"),
            "{error}"
        );
    }

    #[test]
    fn filters_and_labels_are_read() {
        let text = format!(
            "{SMALLEST}[[filter]]\nname = \"a\"\nkey = [\"(null)\"]\nkind = [\"audit\"]\n\
             [[filter]]\nname = \"b\"\nuser = [\"0\"]\n[[label]]\nname = \"c\"\nexe = [\"/**\"]\n"
        );
        let selection = read(&text).unwrap().lane.selection;
        let names: Vec<_> = selection.filters.iter().map(|f| &*f.name).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(selection.filters[0].keys[0].as_str(), "(null)");
        assert_eq!(
            (selection.labels.len(), selection.labels[0].exes.len()),
            (1, 1)
        );
    }

    fn fragment() -> impl Strategy<Value = String> {
        let key = prop_oneof![
            Just("kafka"),
            Just("kafka.properties"),
            Just("\"kafka[99999999999]\""),
            Just("\"a.b\""),
            Just("limits.bytes"),
            Just("workers"),
            Just("topics"),
            Just("intel.files"),
            Just("rules.pack"),
            Just("waits.settle"),
            Just("flow.internal_networks"),
            Just("output.kinds"),
            Just("http.listen"),
            Just("filter"),
            Just("[filter]"),
            Just("label.exe"),
        ];
        let value = prop_oneof![
            Just("-1"),
            Just("9223372036854775807"),
            Just("0x7fffffffffffffff"),
            Just("1e309"),
            Just("nan"),
            Just("\"18446744073709551615GiB\""),
            Just("\"9999999999999d\""),
            Just("[1, \"a\", {b=1}]"),
            Just("{ file = 3 }"),
            Just("2026-01-01"),
            Just("\"\""),
            Just("true"),
            Just("[[\"10.0.0.0/8\"]]"),
            Just("{a.b.c = {env = \"X\"}}"),
        ];
        prop_oneof![
            (key.clone(), value).prop_map(|(k, v)| format!("{k} = {v}\n")),
            key.prop_map(|k| format!("[{k}]\n")),
            ".{0,20}\n",
        ]
    }

    proptest! {
        #[test]
        fn no_text_panics(parts in prop::collection::vec(fragment(), 0..8)) {
            let text = parts.concat();
            if let Err(error) = read(&text) {
                prop_assert!(!error.mistakes.is_empty());
            }
        }
    }
}
