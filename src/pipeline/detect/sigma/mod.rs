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

use std::sync::Arc;

use rsigma_eval::{Engine, Event};
use rsigma_parser::{Level, LogSource, SigmaRule, parse_sigma_yaml};

use crate::model::activity::Activity;
use crate::model::alert::{Behaviour, Rule, RuleInfo, Severity, host_in_words};
use crate::model::audit::AuditEvent;
use crate::model::{Alert, Kind, Process};

use super::indicators::Sighted;

pub mod pack;
mod view;

use view::{Connection, Created, Execve, Record, Start, StartCall};

/// Characters of a value that matched that are kept.
const MOST_VALUE: usize = 256;

/// Fields that matched, of one hit.
const MOST_FIELDS: usize = 16;

/// What a rule is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Start,
    File,
    Network,
    Auditd,
}

/// Rules of one log source.
#[derive(Default)]
struct Rules {
    engine: Engine,
    /// Beside the engine's, in its order.
    told: Vec<Arc<RuleInfo>>,
}

/// All rules. Built once, then only read.
#[derive(Default)]
pub struct RuleSet {
    starts: Rules,
    files: Rules,
    network: Rules,
    auditd: Rules,
}

/// What became of one file.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    pub rules: usize,
    /// Title and reason of each rule that was not taken.
    pub refused: Vec<(String, String)>,
}

/// Builds a [`RuleSet`] from the texts of files.
#[derive(Default)]
pub struct Builder {
    set: RuleSet,
}

impl Builder {
    /// Takes the rules of one YAML file.
    pub fn add(&mut self, text: &str) -> Loaded {
        let mut loaded = Loaded::default();
        let collection = match parse_sigma_yaml(text) {
            Ok(collection) => collection,
            Err(error) => {
                loaded.refused.push((String::new(), error.to_string()));
                return loaded;
            }
        };
        let broken = collection.errors.into_iter();
        loaded
            .refused
            .extend(broken.map(|error| (String::new(), error)));
        for rule in &collection.rules {
            match self.set.add(rule) {
                Ok(()) => loaded.rules += 1,
                Err(reason) => loaded.refused.push((rule.title.clone(), reason)),
            }
        }
        let others = collection
            .correlations
            .iter()
            .map(|rule| rule.title.clone());
        let others = others.chain(collection.filters.iter().map(|rule| rule.title.clone()));
        let reason = "correlations and filters of rules are not taken";
        loaded
            .refused
            .extend(others.map(|title| (title, reason.to_owned())));
        loaded
    }

    pub fn build(self) -> RuleSet {
        self.set
    }
}

impl RuleSet {
    pub fn len(&self) -> usize {
        let all = [&self.starts, &self.files, &self.network, &self.auditd];
        all.iter().map(|rules| rules.told.len()).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether events of a kind are looked at.
    #[inline]
    pub fn looks_at(&self, kind: Kind) -> bool {
        match kind {
            Kind::Process => !self.starts.told.is_empty() || !self.auditd.told.is_empty(),
            Kind::Audit => {
                let all = [&self.files, &self.network, &self.auditd];
                all.iter().any(|rules| !rules.told.is_empty())
            }
            Kind::Logon | Kind::Flow | Kind::Alert => false,
        }
    }

    /// The rules that a program start matches, each once.
    pub fn process(&self, process: &Process<'_>, hits: &mut Vec<Behaviour>) {
        self.starts.look(&Start(process), hits);
        if !self.auditd.told.is_empty() {
            self.auditd.look(&Execve(process), hits);
            self.auditd.look(&StartCall(process), hits);
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
        if !self.auditd.told.is_empty() {
            for record in event.records {
                self.auditd.look(&Record { event, record }, hits);
            }
        }
    }

    fn add(&mut self, rule: &SigmaRule) -> Result<(), String> {
        let rules = match source_of(&rule.logsource)? {
            Source::Start => &mut self.starts,
            Source::File => &mut self.files,
            Source::Network => &mut self.network,
            Source::Auditd => &mut self.auditd,
        };
        rules
            .engine
            .add_rule(rule)
            .map_err(|error| error.to_string())?;
        rules.told.push(Arc::new(info(rule)));
        Ok(())
    }
}

impl Rules {
    // Through a pointer: the engine is large, and would be compiled again for each view.
    fn look(&self, event: &dyn Event, hits: &mut Vec<Behaviour>) {
        if self.told.is_empty() {
            return;
        }
        for found in self.engine.evaluate(&event) {
            let id = found.header.rule_id.as_deref();
            let told = self.told.iter().find(|told| match id {
                Some(id) => *told.id == *id,
                None => *told.title == *found.header.rule_title,
            });
            let Some(rule) = told else {
                continue;
            };
            if hits.iter().any(|hit| Arc::ptr_eq(&hit.rule, rule)) {
                continue;
            }
            let fields = found
                .as_detection()
                .map_or(&[][..], |body| &body.matched_fields);
            let fields = fields.iter().take(MOST_FIELDS).map(|field| {
                let value = match &field.value {
                    serde_json::Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                (field.field.as_str().into(), cut(value).into())
            });
            hits.push(Behaviour {
                rule: rule.clone(),
                fields: fields.collect(),
            });
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
    if let Some((at, _)) = value.char_indices().nth(MOST_VALUE) {
        value.truncate(at);
        value.push('…');
    }
    value
}

fn source_of(source: &LogSource) -> Result<Source, String> {
    if let Some(product) = source
        .product
        .as_deref()
        .filter(|product| *product != "linux")
    {
        return Err(format!("product {product}: only linux is watched"));
    }
    match (source.category.as_deref(), source.service.as_deref()) {
        (Some("process_creation"), None) => Ok(Source::Start),
        (Some("file_event"), None) => Ok(Source::File),
        (Some("network_connection"), None) => Ok(Source::Network),
        (None, Some("auditd")) => Ok(Source::Auditd),
        (Some(category), _) => Err(format!("category {category}: no audit record tells it")),
        (None, Some(service)) => Err(format!("service {service}: no audit record tells it")),
        (None, None) => Err("neither category nor service: no audit record is meant".to_owned()),
    }
}

fn info(rule: &SigmaRule) -> RuleInfo {
    let severity = match rule.level {
        Some(Level::Informational) => Severity::Informational,
        Some(Level::Low) => Severity::Low,
        Some(Level::Medium) | None => Severity::Medium,
        Some(Level::High) => Severity::High,
        Some(Level::Critical) => Severity::Critical,
    };
    // A rule without an id is known by its title.
    let id = rule.id.as_deref().unwrap_or(&rule.title);
    RuleInfo {
        id: id.into(),
        title: rule.title.as_str().into(),
        description: rule
            .description
            .as_deref()
            .unwrap_or_default()
            .trim()
            .into(),
        severity,
        tags: rule.tags.iter().map(|tag| tag.as_str().into()).collect(),
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
