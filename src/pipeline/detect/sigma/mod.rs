//! Sigma rules over program starts and other audit events.
//!
//! Place in the flow: beside the indicators, for each event that goes out. A [`RuleSet`] never changes; who loads
//! files builds a new one ([`Builder`]). The engine is `rsigma-eval`; here stands what it does not know: which
//! events a rule is for (its log source), and what its fields are called here ([`view`]).
//!
//! - `category: process_creation`: program starts
//! - `category: file_event`: files that were made, by a call that succeeded
//! - `category: network_connection`: connections that were begun
//! - `service: auditd`: each record of an event, by the names of its own fields; of a program start its EXECVE
//!   and its SYSCALL
//!
//! A rule costs only events of its log source. Rules for other sources (syslog, other products) are refused and
//! named: no event here could match them. So are correlations and filters of rules: no session verdict is theirs.

use crate::model::activity::Activity;
use crate::model::alert::{Behaviour, Rule, host_in_words};
use crate::model::audit::AuditEvent;
use crate::model::{Alert, Kind, Process};

use super::indicators::Sighted;

mod clauses;
mod load;
pub mod pack;
mod prefilter;
mod records;
mod rules;
mod view;
mod words;

pub use load::{Builder, Loaded};
use records::RecordRules;
use rules::Rules;
use view::{Connection, Created, Execve, Record, Start, StartCall};

/// Characters of a value that matched that are kept.
const MOST_VALUE: usize = 256;

/// What a rule is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Start,
    File,
    Network,
    Auditd,
}

/// All rules. Built once, then only read.
#[derive(Default)]
pub struct RuleSet {
    starts: Rules,
    files: Rules,
    network: Rules,
    auditd: RecordRules,
}

impl RuleSet {
    pub fn len(&self) -> usize {
        let all = [&self.starts, &self.files, &self.network];
        all.iter().map(|rules| rules.len()).sum::<usize>() + self.auditd.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether events of a kind are looked at.
    #[inline]
    pub fn looks_at(&self, kind: Kind) -> bool {
        match kind {
            Kind::Process => !self.starts.is_empty() || !self.auditd.is_empty(),
            Kind::Audit => {
                !(self.files.is_empty() && self.network.is_empty() && self.auditd.is_empty())
            }
            Kind::Logon | Kind::Flow | Kind::Alert => false,
        }
    }

    /// The rules that a program start matches, each once.
    pub fn process(&self, process: &Process<'_>, hits: &mut Vec<Behaviour>) {
        if !self.starts.is_empty() {
            self.starts.look(&Start::of(process), hits);
        }
        if !self.auditd.is_empty() {
            self.auditd.look(b"EXECVE", &Execve(process), hits);
            self.auditd.look(b"SYSCALL", &StartCall(process), hits);
        }
    }

    /// The rules that another audit event matches, each once.
    pub fn audit(&self, event: &AuditEvent<'_>, hits: &mut Vec<Behaviour>) {
        match &event.activity {
            Activity::File(activity) => {
                if let Some(created) = Created::of(event, activity) {
                    self.files.look(&created, hits);
                }
            }
            Activity::Network(activity) => {
                if let Some(connection) = Connection::of(event, activity) {
                    self.network.look(&connection, hits);
                }
            }
            _ => {}
        }
        if !self.auditd.is_empty() {
            for record in event.records {
                let kind = record.kind;
                self.auditd.look(kind, &Record { event, record }, hits);
            }
        }
    }
}

/// The alert of an event that a rule matches: its own sentence is what was done, where and from where.
pub fn alert(event: &Sighted<'_>, behaviour: Behaviour) -> Alert {
    let rule = &behaviour.rule;
    let host = host_in_words(event.host);
    let by = event.user.map_or(String::new(), |user| {
        format!(" by {}", String::from_utf8_lossy(user))
    });
    let from = event
        .src_ip
        .map_or(String::new(), |ip| format!(" from {ip}"));
    let title = rule.title.to_string();
    let message = format!(
        "On {host}{by}{from}: {title}: {}",
        cut(event.what.to_owned())
    );
    let alert = event.alert(&rule.id, Rule::Behaviour, rule.severity, title, message);
    Alert {
        behaviour: Some(behaviour),
        ..alert
    }
}

fn cut(mut value: String) -> String {
    if value.len() > MOST_VALUE
        && let Some((at, _)) = value.char_indices().nth(MOST_VALUE)
    {
        value.truncate(at);
        value.push('…');
    }
    value
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
