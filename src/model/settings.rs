//! What a lane may be told: which outputs, which bounds, which waits. Already checked; a lane trusts it.

use ipnet::IpNet;

use super::envelope::Envelope;
use super::schema::Schemas;
use super::select::Selection;
use super::{Kind, Schema, Severity};

/// Which kinds are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kinds(u8);

impl Kinds {
    /// Process, logon, flow and alert: everything but `audit`.
    pub const DEFAULT: Kinds = Kinds(0b1111);

    pub fn none() -> Kinds {
        Kinds(0)
    }

    pub fn with(self, kind: Kind) -> Kinds {
        Kinds(self.0 | 1 << kind as u8)
    }

    pub fn has(self, kind: Kind) -> bool {
        self.0 & 1 << kind as u8 != 0
    }
}

impl FromIterator<Kind> for Kinds {
    fn from_iter<I: IntoIterator<Item = Kind>>(kinds: I) -> Kinds {
        kinds.into_iter().fold(Kinds::none(), Kinds::with)
    }
}

/// Bounds of one lane. When one is reached the oldest event goes out incomplete, counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Open events of one host.
    pub events_per_host: usize,
    /// Open events in all.
    pub events: usize,
    /// Bytes of open events of one host.
    pub bytes_per_host: usize,
    /// Bytes of open events in all.
    pub bytes: usize,
    /// A longer line is refused.
    pub line_bytes: usize,
    /// Sessions and logons in the making of one host.
    pub sessions_per_host: usize,
    /// Processes of one host that are remembered as parents.
    pub processes_per_host: usize,
    /// Source addresses of one host whose failed logons are counted.
    pub sources_per_host: usize,
    /// Command patterns of one host that are remembered.
    pub patterns_per_host: usize,
    /// Hosts of a lane; the one silent longest is forgotten.
    pub hosts: usize,
    /// What all of this may weigh, in bytes: what is open, and what is known of hosts.
    pub memory: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            events_per_host: 4096,
            events: 20_000,
            bytes_per_host: 16 << 20,
            bytes: 48 << 20,
            line_bytes: 64 << 10,
            sessions_per_host: 4096,
            // Seven steps of the list that they stand in.
            processes_per_host: 448,
            sources_per_host: 4096,
            // As with processes.
            patterns_per_host: 448,
            hosts: 20_000,
            // What the daemon has for its lanes by default.
            memory: ((512 - 40 - 64) << 20) / 4 * 3,
        }
    }
}

/// So many times as long as others do records alone settle.
pub const LONE_SETTLES: i64 = 5;

/// Lines of one event may be apart by as many events of other hosts, where files of several were put together.
const YOUNGER: usize = 8192;

/// How long an event is waited for, in milliseconds, and whether its end record ends that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waits {
    /// An event that is not whole goes out after this.
    pub event_ms: i64,
    /// A whole event without EOE waits this long for companions of its serial.
    pub settle_ms: i64,
    /// And this long by the arrival clock where none of a system call has come: a shipper may send that in its next batch.
    pub lone_ms: i64,
    /// A failed logon is told this long after its last record.
    pub logon_ms: i64,
    /// The lines of a host came by several ways, and are not in order: EOE does not say that nothing more comes.
    pub shuffled: bool,
    /// Where no arrival clock ends the wait of a host that falls silent: an event to which nothing is missing goes when so many
    /// others of its lane have begun since. A lane that is saved has a clock, and does without.
    pub younger: Option<usize>,
}

impl Waits {
    /// Where the arrival clock stands still.
    pub fn without_clock() -> Waits {
        Waits {
            younger: Some(YOUNGER),
            ..Waits::default()
        }
    }
}

impl Default for Waits {
    fn default() -> Waits {
        Waits {
            event_ms: 2_000,
            settle_ms: 50,
            lone_ms: LONE_SETTLES * 50,
            logon_ms: 10_000,
            shuffled: false,
            younger: None,
        }
    }
}

/// When failed logons of one source address become an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guessing {
    pub failures: u32,
    pub window_ms: i64,
}

impl Default for Guessing {
    fn default() -> Guessing {
        Guessing {
            failures: 3,
            window_ms: 600_000,
        }
    }
}

/// Which commands are told as new to their host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rarity {
    /// A host is learnt from for so long before any is.
    pub learning_ms: i64,
}

impl Default for Rarity {
    /// What runs once a week has run.
    fn default() -> Rarity {
        Rarity {
            learning_ms: 7 * 86_400_000,
        }
    }
}

/// When what rules, indicators and guesses say of one session or source is told as a story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Points of a story that is told as high, and as critical.
    pub high: u32,
    pub critical: u32,
    /// Tactics of ATT&CK that a high one has; a critical one has two more.
    pub tactics: usize,
    /// A story to which nothing was added for so long is over.
    pub silence_ms: i64,
    pub points: Points,
}

/// What each thing weighs, once for each story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Points {
    /// A rule, by its level.
    pub informational: u32,
    pub low: u32,
    pub medium: u32,
    pub high: u32,
    pub critical: u32,
    /// An indicator, for each value.
    pub indicator: u32,
    /// A password that was guessed, and then used.
    pub guessed: u32,
    /// A source outside, with the first of the others.
    pub outside: u32,
}

impl Points {
    /// Those of a rule.
    pub fn of(&self, level: Severity) -> u32 {
        match level {
            Severity::Informational => self.informational,
            Severity::Low => self.low,
            Severity::Medium => self.medium,
            Severity::High => self.high,
            Severity::Critical => self.critical,
        }
    }
}

impl Default for Verdict {
    fn default() -> Verdict {
        Verdict {
            high: 12,
            critical: 30,
            tactics: 3,
            silence_ms: 30 * 60_000,
            points: Points {
                informational: 0,
                low: 1,
                medium: 3,
                high: 6,
                critical: 10,
                indicator: 4,
                guessed: 6,
                outside: 2,
            },
        }
    }
}

#[derive(Clone, Debug)]
pub struct Settings {
    pub kinds: Kinds,
    /// The schema that each kind is written in.
    pub schemas: Schemas,
    pub limits: Limits,
    pub waits: Waits,
    pub guessing: Guessing,
    pub verdict: Verdict,
    /// `None`: nobody asks which commands are new.
    pub rarity: Option<Rarity>,
    /// What is inside, for the direction of flows.
    pub internal_networks: Vec<IpNet>,
    /// The host of lines that name none, before the key (`replay --host`).
    pub default_host: Option<String>,
    /// What is dropped, and what is marked.
    pub selection: Selection,
    /// Gaps in serials are told as alerts; they are counted anyway.
    pub tell_gaps: bool,
    /// How audit lines are carried, where it is fixed.
    pub envelope: Envelope,
}

impl Settings {
    pub fn schema_of(&self, kind: Kind) -> Schema {
        self.schemas.of(kind)
    }
}

/// RFC 1918, RFC 4193, link-local and loopback.
pub fn default_internal_networks() -> Vec<IpNet> {
    let nets = [
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "169.254.0.0/16",
        "127.0.0.0/8",
        "fc00::/7",
        "fe80::/10",
        "::1/128",
    ];
    nets.iter().filter_map(|net| net.parse().ok()).collect()
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            kinds: Kinds::DEFAULT,
            schemas: Schemas::default(),
            limits: Limits::default(),
            waits: Waits::default(),
            guessing: Guessing::default(),
            verdict: Verdict::default(),
            rarity: Some(Rarity::default()),
            internal_networks: default_internal_networks(),
            default_host: None,
            selection: Selection::default(),
            tell_gaps: false,
            envelope: Envelope::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn audit_is_off_unless_asked_for() {
        assert!(Kinds::DEFAULT.has(Kind::Alert) && !Kinds::DEFAULT.has(Kind::Audit));
        assert!(Kinds::DEFAULT.with(Kind::Audit).has(Kind::Audit));
    }

    #[test]
    fn every_default_network_parses() {
        assert_eq!(default_internal_networks().len(), 8);
    }
}
