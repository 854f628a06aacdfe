//! An alert: what, who, where from, when, and the events that prove it.

use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::gap::Gap;
use super::{EventUid, Hit, Timestamp};

/// OCSF's `severity_id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[repr(u8)]
pub enum Severity {
    Informational = 1,
    Low = 2,
    Medium = 3,
    High = 4,
    Critical = 5,
}

impl Severity {
    pub fn id(self) -> u8 {
        self as u8
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Informational => "Informational",
            Severity::Low => "Low",
            Severity::Medium => "Medium",
            Severity::High => "High",
            Severity::Critical => "Critical",
        }
    }
}

/// The rule that made an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// An indicator stands in an event.
    IndicatorHit,
    /// A source failed to log on several times and then got in.
    GuessedLogon,
    /// A source failed to log on several times and did not get in.
    GuessingLogon,
    /// Serials of a host are missing.
    LostEvents,
    /// A rule of a rule file matches an event: [`Alert::behaviour`].
    Behaviour,
    /// What was seen of one session or source adds up: [`Alert::finding`].
    Story,
}

impl Rule {
    pub fn id(self) -> &'static str {
        match self {
            Rule::IndicatorHit => "indicator-hit",
            Rule::GuessedLogon => "guessed-logon",
            Rule::GuessingLogon => "guessing-logon",
            Rule::LostEvents => "lost-events",
            Rule::Behaviour => "behaviour",
            Rule::Story => "story",
        }
    }
}

/// A Sigma rule, as alerts tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleInfo {
    /// The rule's own, else its title.
    pub id: Box<str>,
    pub title: Box<str>,
    pub description: Box<str>,
    pub severity: Severity,
    pub tags: Vec<Box<str>>,
}

/// A rule that an event matches, and by which of its fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Behaviour {
    pub rule: Arc<RuleInfo>,
    /// Name, as the rule has it, and value.
    pub fields: Vec<(Box<str>, Box<str>)>,
}

/// How far a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Create,
    Update,
    Close,
}

/// One thing that a story is made of, and the event that proves it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// `execution`, as Sigma's tags have it; empty where no tag names one.
    pub tactic: Box<str>,
    /// `T1059.004`, or empty.
    pub technique: Box<str>,
    pub title: Box<str>,
    /// The command line, or what else was done.
    pub what: Box<str>,
    pub evidence: Evidence,
}

/// A story as far as it has come. It is told again when it grows, with the same id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub uid: EventUid,
    pub step: Step,
    pub points: u32,
    pub sessions: Vec<u32>,
    pub tactics: Vec<Box<str>>,
    /// In the order in which they were first seen.
    pub stages: Vec<Stage>,
    /// Signs that weigh nothing, in the order of [`Suppressed::ALL`].
    pub suppressed: [u32; Suppressed::ALL.len()],
}

/// An event that proves an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    pub uid: EventUid,
    /// OCSF `type_uid` of that event.
    pub type_uid: u32,
    pub time: Timestamp,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    pub uid: EventUid,
    pub rule: Rule,
    pub severity: Severity,
    pub host: Box<str>,
    pub time: Timestamp,
    pub title: String,
    /// One sentence that a person can read aloud.
    pub message: String,
    pub user: Option<Box<str>>,
    pub src_ip: Option<IpAddr>,
    pub first_seen: Timestamp,
    /// Bounded; `evidence_total` counts all.
    pub evidence: Vec<Evidence>,
    pub evidence_total: u32,
    pub hits: Vec<Hit>,
    /// [`Rule::LostEvents`]: which.
    pub gap: Option<Gap>,
    /// [`Rule::Behaviour`]: which.
    pub behaviour: Option<Behaviour>,
    /// [`Rule::Story`]: which.
    pub finding: Option<Box<Finding>>,
}

/// A tag of ATT&CK that a rule has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttackTag<'a> {
    /// `privilege-escalation`
    Tactic(String),
    /// The number alone: `1059.004`.
    Technique(&'a str),
}

/// ATT&CK's for enterprises.
const TACTICS: [&str; 14] = [
    "reconnaissance",
    "resource-development",
    "initial-access",
    "execution",
    "persistence",
    "privilege-escalation",
    "defense-evasion",
    "credential-access",
    "discovery",
    "lateral-movement",
    "collection",
    "command-and-control",
    "exfiltration",
    "impact",
];

/// What the tags of a rule say of ATT&CK: `attack.execution`, `attack.t1059.004`. Groups and software (`attack.g0049`,
/// `attack.s0005`) and what else stands there is neither tactic nor technique.
pub fn attack_tags(tags: &[Box<str>]) -> impl Iterator<Item = AttackTag<'_>> {
    let tags = tags.iter().filter_map(|tag| tag.strip_prefix("attack."));
    tags.filter_map(|tag| {
        let number = tag.strip_prefix(['t', 'T']).unwrap_or_default();
        if number.starts_with(|c: char| c.is_ascii_digit()) {
            return Some(AttackTag::Technique(number));
        }
        // Older rules part the words by an underscore.
        let name = tag.to_ascii_lowercase().replace('_', "-");
        TACTICS.contains(&&*name).then_some(AttackTag::Tactic(name))
    })
}

/// Why a sign weighs nothing in a story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suppressed {
    /// Everyone does it: its rule has no points.
    Everyday,
    /// Its rule has counted in this story.
    Again,
    /// A weak one, done by a package manager or below one.
    Packages,
    /// A weak one, done by configuration management or below it.
    Configuration,
}

impl Suppressed {
    pub const ALL: [Suppressed; 4] = [
        Suppressed::Everyday,
        Suppressed::Again,
        Suppressed::Packages,
        Suppressed::Configuration,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Suppressed::Everyday => "everyday",
            Suppressed::Again => "again",
            Suppressed::Packages => "packages",
            Suppressed::Configuration => "configuration",
        }
    }

    pub fn index(self) -> usize {
        self as usize
    }
}

/// A host as a sentence names it.
pub fn host_in_words(host: &str) -> &str {
    match host {
        "" => "a host without a name",
        host => host,
    }
}

impl Alert {
    pub fn rule_id(&self) -> &str {
        match &self.behaviour {
            Some(behaviour) => &behaviour.rule.id,
            None => self.rule.id(),
        }
    }
}
