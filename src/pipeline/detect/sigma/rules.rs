//! The rules of one log source.
//!
//! Place in the flow: [`super::RuleSet`] asks it about each event of its log source. What the [`Prefilter`] lets through
//! is worked out by the engine, rule by rule. It refuses to know what a field means: [`super::view`] does.

use std::sync::Arc;

use rsigma_eval::{CompiledRule, EvaluationResult, Event, ResultBody, evaluate_rule};

use crate::model::alert::{Behaviour, RuleInfo};

use super::clauses::Known;
use super::cut;
use super::prefilter::Prefilter;
use super::view::View;

/// Fields that matched, of one hit.
const MOST_FIELDS: usize = 16;

#[derive(Default)]
pub struct Rules {
    compiled: Vec<CompiledRule>,
    /// Beside these, in their order.
    told: Vec<Arc<RuleInfo>>,
    prefilter: Prefilter,
}

impl Rules {
    pub fn new(
        rules: impl Iterator<Item = (CompiledRule, Arc<RuleInfo>)>,
        known: Known<'_>,
    ) -> Rules {
        let (compiled, told): (Vec<CompiledRule>, Vec<_>) = rules.unzip();
        Rules {
            prefilter: Prefilter::new(&compiled, known),
            compiled,
            told,
        }
    }

    pub fn len(&self) -> usize {
        self.told.len()
    }

    #[cfg(test)]
    pub fn told(&self) -> &[Arc<RuleInfo>] {
        &self.told
    }

    pub fn is_empty(&self) -> bool {
        self.told.is_empty()
    }

    /// Adds each rule that the event matches and that is not among the hits.
    // Through a pointer: the engine is large, and would be compiled again for each view.
    pub fn look(&self, event: &dyn View, hits: &mut Vec<Behaviour>) {
        if self.told.is_empty() {
            return;
        }
        self.prefilter.candidates(event, |place| {
            let event: &dyn Event = event;
            if let Some(found) = evaluate_rule(&self.compiled[place], &event) {
                self.hit(place, found, hits);
            }
        });
    }

    fn hit(&self, place: usize, found: EvaluationResult, hits: &mut Vec<Behaviour>) {
        let rule = &self.told[place];
        if !hits.iter().any(|hit| hit.rule.id == rule.id) {
            hits.push(Behaviour {
                rule: rule.clone(),
                fields: fields_of(found),
            });
        }
    }
}

/// In the order of their names: the engine keeps the selections of a rule in no order.
fn fields_of(found: EvaluationResult) -> Vec<(Box<str>, Box<str>)> {
    let ResultBody::Detection(body) = found.body else {
        return Vec::new();
    };
    let matched = body.matched_fields.into_iter().map(|field| {
        let value = match field.value {
            serde_json::Value::String(text) => text,
            other => other.to_string(),
        };
        (field.field.into(), cut(value).into())
    });
    let mut fields: Vec<(Box<str>, Box<str>)> = matched.collect();
    fields.sort_unstable();
    fields.dedup();
    fields.truncate(MOST_FIELDS);
    fields
}
