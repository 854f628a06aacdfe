//! The configuration as it is written: every section, every key, its meaning, unit and default.
//!
//! Place in the flow: merged layers → [`Written`] → [`super::trusted`]. The table below is the only
//! list of keys: reading, "did you mean", the defaults and docs/CONFIGURATION.md are made from it.
//! It refuses to check more than the form of a value.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::layers::Reader;
use super::value::{OrOff, Properties, Readable, Size};
use crate::model::envelope::{Form, Pointer};
use crate::model::{Kind, Schema};

/// A key as the reference tells it.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// `kafka.group`.
    pub path: &'static str,
    pub docs: &'static [&'static str],
    /// What is expected.
    pub form: &'static str,
    /// As TOML.
    pub default: &'static str,
}

/// A section of the file; the keys above all sections have the name "".
#[derive(Clone, Copy, Debug)]
pub struct Section {
    pub name: &'static str,
    pub docs: &'static [&'static str],
    pub fields: &'static [Field],
}

macro_rules! written {
    ($(
        $(#[doc = $about:literal])*
        $name:literal ($prefix:literal) $section:ident: $Section:ident {
            $( $(#[doc = $doc:literal])* $field:ident: $form:ty = $default:literal, )*
        }
    )*) => {
        $(
            $(#[doc = $about])*
            #[derive(Debug)]
            pub struct $Section { $( $(#[doc = $doc])* pub $field: $form, )* }
        )*

        /// All that can be written; what was not has its default.
        #[derive(Debug)]
        pub struct Written { $( $(#[doc = $about])* pub $section: $Section, )* }

        impl Written {
            /// Reads every key; one that cannot be read is a mistake in the reader's list.
            pub(super) fn read(reader: &mut Reader<'_>) -> Written {
                Written { $(
                    $section: $Section { $(
                        $field: reader.field(concat!($prefix, stringify!($field))),
                    )* },
                )* }
            }
        }

        /// Every section with every key, in the order of the reference.
        pub const SECTIONS: &[Section] = &[ $(
            Section {
                name: $name,
                docs: &[$($about),*],
                fields: &[ $(
                    Field {
                        path: concat!($prefix, stringify!($field)),
                        docs: &[$($doc),*],
                        form: <$form as Readable>::FORM,
                        default: $default,
                    },
                )* ],
            },
        )* ];
    };
}

written! {
    /// Keys above all sections.
    "" ("") top: Top {
        /// Threads, each with its own consumer, producer and lanes. More than there are partitions
        /// of the inputs stand idle.
        workers: u64 = "1",
        /// What a crash may do to the outputs. `"exactly_once"`: who reads them with
        /// `isolation.level = read_committed` sees each once; outputs, input offsets and the state of the
        /// lanes are one transaction of Kafka. `"at_least_once"`: nothing is lost, and outputs can come again,
        /// with the same ids; for brokers without transactions. What is open when a group changes from the
        /// first to the second is not told.
        delivery: String = "\"exactly_once\"",
    }

    /// The brokers, the consumer group, and topics that are made.
    "kafka" ("kafka.") kafka: Kafka {
        /// Where the brokers are: `host:port`, several parted by commas. The one key that must be written.
        bootstrap_servers: String = "\"\"",
        /// The consumer group. Processes of one group divide the partitions between them.
        group: String = "\"trailhound\"",
        /// Make missing topics, and give the state's topics more partitions where their inputs get more.
        /// Otherwise what is missing is an error that names it.
        create_topics: bool = "false",
        /// Partitions of topics that are made.
        partitions: u64 = "4",
        /// Replicas of topics that are made.
        replication: u64 = "1",
        /// The Kafka header of an input record whose value names the host that the lines come from,
        /// where no line and no envelope does.
        host_header: String = "\"host\"",
        /// Settings that librdkafka gets as they are, by its names (`"security.protocol" = "ssl"`).
        /// A secret can stand elsewhere: `{ file = "/run/secrets/kafka" }` or `{ env = "KAFKA_PASSWORD" }`.
        /// Values are never printed. In the name of an environment variable a dot is an underscore:
        /// `TRAILHOUND__KAFKA__PROPERTIES__SASL_PASSWORD`.
        ///
        /// Those that no record may be lost by are overridden: `acks`, `enable.idempotence`,
        /// `message.timeout.ms`; with `delivery = "exactly_once"` also `isolation.level` and
        /// `transactional.id`; and what time in the lanes goes by: `statistics.interval.ms` (1000) and, where it is longer,
        /// `fetch.wait.max.ms` (500). `auto.offset.reset = "latest"` only says where a group begins that has
        /// committed nothing; where committed records were deleted, it goes on with the first that is left.
        /// `group.instance.id` (static membership) must differ from process to process; each worker's number goes behind it.
        properties: Properties = "{}",
    }

    /// Names of topics. An input may be `false` or `""`: it is not read.
    "topics" ("topics.") topics: Topics {
        /// Input: raw audit lines, in any envelope.
        audit_in: OrOff<String> = "\"audit.raw\"",
        /// Input: network-flow records.
        flow_in: OrOff<String> = "\"flow.raw\"",
        /// Output: program starts.
        process: String = "\"trailhound.process\"",
        /// Output: logons, failed logons, account switches, logoffs.
        logon: String = "\"trailhound.logon\"",
        /// Output: network flows.
        flow: String = "\"trailhound.flow\"",
        /// Output: alerts.
        alert: String = "\"trailhound.alert\"",
        /// Output: every other audit event, where `output.kinds` has `audit`.
        audit: String = "\"trailhound.audit\"",
        /// Output: inputs that could not be read, byte for byte, with the reason in headers.
        dead_letter: String = "\"trailhound.deadletter\"",
        /// The state of the lanes of `topics.audit_in`, with `delivery = "exactly_once"`: written and read by
        /// this group alone. It must be compacted (`cleanup.policy=compact`, and nothing else) and have as many
        /// partitions as the input. `""`: the name of the group with `.state` behind it.
        audit_state: String = "\"\"",
        /// The same of `topics.flow_in`. `""`: the name of the group with `.state.flow` behind it.
        flow_state: String = "\"\"",
        /// With `audit.rekey`: the lines of `topics.audit_in`, keyed by their host, written and read by this group
        /// alone. Its number of partitions is that of the lanes. It must not be compacted, and keep records as long
        /// as the input. `""`: the name of the group with `.rekeyed` behind it.
        audit_rekeyed: String = "\"\"",
    }

    /// What is written.
    "output" ("output.") output: Output {
        /// The kinds of events that are written; the others are counted only.
        kinds: Vec<Kind> = "[\"process\", \"logon\", \"flow\", \"alert\"]",
    }

    /// The schema that each output is written in: `"ocsf"` (OCSF 1.8.0), `"ecs"` (Elastic Common Schema
    /// 9.4) or `"asim"` (Microsoft Sentinel's). docs/SCHEMAS.md lists the fields of each.
    "schema" ("schema.") schema: Schemas {
        /// Program starts.
        process: Schema = "\"ocsf\"",
        /// Logons, failed logons, account switches, logoffs.
        logon: Schema = "\"ocsf\"",
        /// Network flows.
        flow: Schema = "\"ocsf\"",
        /// Alerts.
        alert: Schema = "\"ocsf\"",
        /// Every other audit event.
        audit: Schema = "\"ocsf\"",
    }

    /// How many events of one host are put into one Kafka message at most, one a line (NDJSON), for readers
    /// that take lines apart. `1`: each is a message of its own. A message holds 256 KiB, or what its
    /// topic takes, unless one event alone is larger; an event waits for others until the next commit at most.
    "events_per_message" ("events_per_message.") events_per_message: EventsPerMessage {
        /// Program starts.
        process: u64 = "1",
        /// Logons, failed logons, account switches, logoffs.
        logon: u64 = "1",
        /// Network flows.
        flow: u64 = "1",
        /// Alerts.
        alert: u64 = "1",
        /// Every other audit event.
        audit: u64 = "1",
    }

    /// How often progress is committed.
    "commit" ("commit.") commit: Commit {
        /// Time between commits, from 10 ms to 1 min. With `delivery = "exactly_once"` it is what a reader waits
        /// for outputs at most, beside the commit itself.
        interval: Duration = "\"200ms\"",
    }

    /// Indicators of compromise.
    "intel" ("intel.") intel: Intel {
        /// Files of plain indicators, one a line, `#` begins a comment. A relative path counts from
        /// the directory of the configuration file.
        files: Vec<PathBuf> = "[]",
        /// How often the files are looked at for a change, from 1 s to 1 d; with SIGHUP at once.
        reload_interval: Duration = "\"5s\"",
    }

    /// Behaviours, as Sigma rules: what a rule matches is an alert.
    "rules" ("rules.") rules: Rules {
        /// Files of Sigma rules (YAML), and folders of them with all below. A relative path counts from the
        /// directory of the configuration file. Rules for log sources that are not watched are passed over.
        files: Vec<PathBuf> = "[]",
        /// The rules that come with the program, too.
        pack: bool = "false",
        /// How often the files are looked at for a change, from 1 s to 1 d; with SIGHUP at once.
        reload_interval: Duration = "\"5s\"",
    }

    /// Metrics, health and the status page.
    "http" ("http.") http: Http {
        /// Where HTTP is served; `false`: nowhere. Nothing there asks who is calling.
        listen: OrOff<SocketAddr> = "\"127.0.0.1:9464\"",
    }

    /// The end.
    "shutdown" ("shutdown.") shutdown: Shutdown {
        /// Time after SIGTERM to flush, commit and leave the group, from 1 s to 10 min.
        deadline: Duration = "\"20s\"",
    }

    /// Bounds: `memory` of the process, the others of one lane (the state of one input partition). When one is
    /// reached the oldest event goes out incomplete, or what is known of a host is let go, and is counted.
    "limits" ("limits.") limits: Limits {
        /// What the process may take, 59 MiB or more: 40 MiB for the program itself; the queues of its Kafka clients, up to
        /// 64 MiB for each worker and less where that would be more than half of the rest; and what is left, for
        /// open events and the state of hosts, shared out evenly to its lanes as they come and go. Indicators and rules come
        /// on top: 64 bytes for an indicator. Settings of queues in `[kafka.properties]` count as they are written.
        memory: Size = "\"512MiB\"",
        /// Open events of one host.
        events_per_host: u64 = "4096",
        /// Open events in all; not below `limits.events_per_host`.
        events: u64 = "20_000",
        /// Bytes of open events of one host; not below `limits.line_bytes`.
        bytes_per_host: Size = "\"16MiB\"",
        /// Bytes of open events in all; not below `limits.bytes_per_host`.
        bytes: Size = "\"48MiB\"",
        /// A longer line is refused, from 1 KiB to 16 MiB.
        line_bytes: Size = "\"64KiB\"",
        /// Sessions, and logons in the making, of one host.
        sessions_per_host: u64 = "4096",
        /// Processes of one host that are remembered, so that the programs they start can name them.
        processes_per_host: u64 = "448",
        /// Source addresses of one host whose failed logons are counted.
        sources_per_host: u64 = "4096",
        /// Command patterns of one host that are remembered, to tell a new one.
        patterns_per_host: u64 = "448",
        /// Hosts; the one silent longest is forgotten.
        hosts: u64 = "20_000",
    }

    /// How long an event is waited for.
    "waits" ("waits.") waits: Waits {
        /// An event that is not whole goes out after this, from 100 ms to 10 min.
        event: Duration = "\"2s\"",
        /// A whole event without an end record waits this long for companions of its serial, up to `waits.event`.
        settle: Duration = "\"50ms\"",
        /// A failed logon is told this long after its last record, from 100 ms to 1 h.
        logon: Duration = "\"10s\"",
    }

    /// When failed logons become an alert.
    "guessing" ("guessing.") guessing: Guessing {
        /// Failed logons of one source address, from 1 to 10,000.
        failures: u64 = "3",
        /// The time within which they are counted, from 1 s to 7 d.
        window: Duration = "\"10m\"",
    }

    /// What adds up to one finding for each story. A rule counts once for each, by its level; a story is told from so many points
    /// in so many tactics of ATT&CK on. docs/DETECTION.md argues for the defaults.
    "verdict" ("verdict.") verdict: Verdict {
        /// Points of a story that is told as high, from 1 to 10,000.
        high: u64 = "12",
        /// Points of a story that is told as critical, in two tactics more; not below `verdict.high`.
        critical: u64 = "30",
        /// Tactics of a story that is told, from 1 to 14.
        tactics: u64 = "3",
        /// A story to which nothing was added for so long is over, from 1 min to 7 d.
        silence: Duration = "\"30m\"",
        /// Points of a rule of level informational, from 0 to 1,000, as all that follow.
        informational_points: u64 = "0",
        /// Points of a rule of level low.
        low_points: u64 = "1",
        /// Points of a rule of level medium.
        medium_points: u64 = "3",
        /// Points of a rule of level high.
        high_points: u64 = "6",
        /// Points of a rule of level critical.
        critical_points: u64 = "10",
        /// Points of an indicator in a program start, or in a logon that got in.
        indicator_points: u64 = "4",
        /// Points of a password that was guessed, and then used.
        guessed_points: u64 = "6",
        /// Points of a source outside (`flow.internal_networks`), with the first of the others.
        outside_points: u64 = "2",
    }

    /// Commands that are new to their host. Two commands that differ in numbers, paths, addresses and hashes only
    /// have one pattern; a program start whose pattern its host never had says so.
    "rarity" ("rarity.") rarity: Rarity {
        /// A host is learnt from for so long before anything of it is told as new, from 1 h to 90 d; `false`:
        /// nothing is. The default is a week, so that what runs once a week has run.
        learning: OrOff<Duration> = "\"7d\"",
    }

    /// Events that were lost before they came here.
    "loss" ("loss.") loss: Loss {
        /// Tell gaps in the serials of a host as alerts of low severity. They are counted anyway. What a
        /// filter of auditd or of the shipper leaves out is a gap too.
        alerts: bool = "false",
    }

    /// Reading of audit lines: how they are carried, where it shall not be seen from the bytes.
    "audit" ("audit.") audit: Audit {
        /// The producers do not key by host: lines of one host come in several partitions. Each line is written to
        /// `topics.audit_rekeyed` first, keyed by its host, and the lanes read that. It costs a second way through
        /// the brokers and a commit more of latency, and `waits.settle` is no less than `commit.interval` and 2.3
        /// seconds, also where the end record came, so let producers key where they can.
        rekey: bool = "false",
        /// `"auto"`: seen from the first byte. `"lines"`: text, with or without a syslog head.
        /// `"json"`: JSON documents.
        form: Form = "\"auto\"",
        /// Where the line stands in a document, as a JSON pointer such as `"/message"` or
        /// `"/records/*/RawData"` (`*`: every element of a list). Its text may hold several lines.
        /// `""`: in the members of the known shippers.
        line: OrOff<Pointer> = "\"\"",
        /// Where the host stands, likewise: with `audit.line` from the same beginning (steps that both have
        /// go together, so each line has the host beside it), else from the document that holds the line.
        /// `""`: in the members of the known shippers; with `audit.line`, nowhere, and the line, the Kafka
        /// header or the key names it.
        host: OrOff<Pointer> = "\"\"",
    }

    /// Reading of network flows.
    "flow" ("flow.") flow: Flow {
        /// Networks that count as inside, for the direction of a flow whose record does not tell it.
        internal_networks: Vec<IpNet> = "[\"10.0.0.0/8\", \"172.16.0.0/12\", \"192.168.0.0/16\", \"169.254.0.0/16\", \"127.0.0.0/8\", \"fc00::/7\", \"fe80::/10\", \"::1/128\"]",
    }
}

/// Every key.
pub fn fields() -> impl Iterator<Item = &'static Field> {
    SECTIONS.iter().flat_map(|section| section.fields)
}
