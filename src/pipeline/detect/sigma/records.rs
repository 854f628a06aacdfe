//! Rules of `service: auditd`, by the type of record that they are for.
//!
//! Place in the flow: [`super::RuleSet`] asks it about each record of an event. Nearly all of these rules name the
//! record (`type: EXECVE`), and others cost such a record nothing. It refuses to change an order: the rules of a type
//! stand among those that name none as they were loaded.

use std::collections::BTreeSet;
use std::sync::Arc;

use rsigma_eval::CompiledRule;

use crate::model::alert::{Behaviour, RuleInfo};

use super::clauses;
use super::rules::Rules;
use super::view::View;

#[derive(Default)]
pub struct RecordRules {
    /// Of each type that some rule names: the rules that name it or none.
    of_type: Vec<(Box<str>, Rules)>,
    /// Those that name none.
    of_any: Rules,
    rules: usize,
}

impl RecordRules {
    pub fn new(all: Vec<(CompiledRule, Arc<RuleInfo>)>) -> RecordRules {
        let types: Vec<Option<Vec<String>>> = all
            .iter()
            .map(|(rule, _)| clauses::values_of(rule, "type"))
            .collect();
        let with = |is_for: &dyn Fn(&Option<Vec<String>>) -> bool, known| {
            let rules = all.iter().zip(&types).filter(|(_, types)| is_for(types));
            Rules::new(rules.map(|(rule, _)| rule.clone()), known)
        };
        let names: BTreeSet<&String> = types.iter().flatten().flatten().collect();
        let of_type = names.into_iter().map(|name| {
            let is_for = |types: &Option<Vec<String>>| {
                types.as_ref().is_none_or(|types| types.contains(name))
            };
            (name.as_str().into(), with(&is_for, Some(("type", name))))
        });
        RecordRules {
            of_type: of_type.collect(),
            of_any: with(&Option::is_none, None),
            rules: all.len(),
        }
    }

    pub fn len(&self) -> usize {
        self.rules
    }

    pub fn is_empty(&self) -> bool {
        self.rules == 0
    }

    /// Adds each rule that a record of this type matches and that is not among the hits.
    pub fn look(&self, kind: &[u8], event: &dyn View, hits: &mut Vec<Behaviour>) {
        let of_type = self
            .of_type
            .iter()
            .find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(kind));
        of_type
            .map_or(&self.of_any, |(_, rules)| rules)
            .look(event, hits);
    }
}
