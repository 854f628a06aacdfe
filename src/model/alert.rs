//! An alert: what, who, where from, when, and the events that prove it.

use std::net::IpAddr;

use super::gap::Gap;
use super::{EventUid, Hit, Timestamp};

/// OCSF's `severity_id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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
}

impl Rule {
    pub fn id(self) -> &'static str {
        match self {
            Rule::IndicatorHit => "indicator-hit",
            Rule::GuessedLogon => "guessed-logon",
            Rule::GuessingLogon => "guessing-logon",
            Rule::LostEvents => "lost-events",
        }
    }
}

/// An event that proves an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
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
}
