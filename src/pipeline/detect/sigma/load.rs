//! Builds a [`RuleSet`] from the texts of files of rules.
//!
//! Place in the flow: before the first event. It says which log source a rule is of, and refuses those that no
//! audit record tells. Rules are compiled one by one, so that each refusal has its reason; what is looked for in
//! events is drawn from all of them at once, at the end.

use std::sync::Arc;

use rsigma_eval::{CompiledRule, compile_rule};
use rsigma_parser::{Level, LogSource, SigmaRule, parse_sigma_yaml};

use crate::model::alert::{RuleInfo, Severity};

use super::records::RecordRules;
use super::rules::Rules;
use super::{RuleSet, Source};

/// What became of one file.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    pub rules: usize,
    /// Title and reason of each rule that was not taken.
    pub refused: Vec<(String, String)>,
}

/// Takes files, then builds.
#[derive(Default)]
pub struct Builder {
    taken: Vec<(Source, CompiledRule, Arc<RuleInfo>)>,
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
            match self.take(rule) {
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
        let of = |source| {
            let taken = self.taken.iter().filter(move |(of, ..)| *of == source);
            taken.map(|(_, rule, info)| (rule.clone(), info.clone()))
        };
        RuleSet {
            starts: Rules::new(of(Source::Start), None),
            files: Rules::new(of(Source::File), None),
            network: Rules::new(of(Source::Network), None),
            auditd: RecordRules::new(of(Source::Auditd).collect()),
        }
    }

    fn take(&mut self, rule: &SigmaRule) -> Result<(), String> {
        let source = source_of(&rule.logsource)?;
        let compiled = compile_rule(rule).map_err(|error| error.to_string())?;
        // The engine copies all of this into each hit, and [`RuleInfo`] has it.
        let compiled = CompiledRule {
            title: String::new(),
            id: None,
            tags: Vec::new(),
            include_event: false,
            ..compiled
        };
        self.taken.push((source, compiled, Arc::new(info(rule))));
        Ok(())
    }
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
