//! What must stand in an event that matches a rule, drawn from the rule's compiled form.
//!
//! Place in the flow: before the first event, for [`super::prefilter`]. A clause is a set of words of which one must stand
//! in its field, at its end, at its beginning or anywhere; a rule may match only where each of its clauses is met. What
//! gives no clause: negation, patterns, numbers, networks, absence, and words that are not ASCII. Keywords are words of no
//! field: any text of the event may hold them.

use std::collections::BTreeMap;

use rsigma_eval::matcher::GroupMode;
use rsigma_eval::{CompiledDetection, CompiledDetectionItem, CompiledMatcher, CompiledRule};
use rsigma_parser::{ConditionExpr, Quantifier};

use super::words::{ANY, Place, Word};

/// One of these must be there. Of none: it is never met.
pub type Clause = Vec<Word>;

/// A field, and what it is in each event that rules are asked about.
pub type Known<'k> = Option<(&'k str, &'k str)>;

/// Each field costs a pass over it: one that no rule needs, because each has a clause elsewhere, is left away. Those of
/// the fewest clauses go first.
pub fn drop_spare_fields(rules: &mut [Vec<Clause>]) {
    let is_of = |clause: &Clause, field: &str| clause.iter().any(|word| word.field == field);
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for word in rules.iter().flatten().flatten() {
        *counts.entry(word.field.clone()).or_default() += 1;
    }
    let mut fields: Vec<(usize, String)> = counts.into_iter().map(|(f, n)| (n, f)).collect();
    fields.sort_unstable();
    for (_, field) in fields {
        let is_spare = |rule: &Vec<Clause>| rule.iter().any(|clause| !is_of(clause, &field));
        if rules.iter().all(|rule| rule.is_empty() || is_spare(rule)) {
            for rule in rules.iter_mut() {
                rule.retain(|clause| !is_of(clause, &field));
            }
        }
    }
}

pub fn clauses_of(rule: &CompiledRule, known: Known<'_>) -> Vec<Clause> {
    let conditions = rule.conditions.iter();
    any(conditions.map(|condition| condition_of(condition, rule, known)))
}

/// The values of a field, in small letters, of which one must be there, whole; `None`: the rule asks for none of them
/// in particular.
pub fn values_of(rule: &CompiledRule, field: &str) -> Option<Vec<String>> {
    let is_of = |word: &Word| word.field == field && word.place == Place::Whole;
    let clauses = clauses_of(rule, None);
    let of_field = clauses.iter().find(|clause| clause.iter().all(is_of))?;
    let values = of_field.iter().map(|word| word.text.to_ascii_lowercase());
    Some(values.collect())
}

/// All of these hold.
fn all(parts: impl Iterator<Item = Vec<Clause>>) -> Vec<Clause> {
    parts.flatten().collect()
}

/// One of these holds, nobody knows which: where each needs a clause, one of them must be met. Of each, the clause of
/// the longest words is taken, for it is met least.
fn any(parts: impl Iterator<Item = Vec<Clause>>) -> Vec<Clause> {
    let mut parts: Vec<Vec<Clause>> = parts.collect();
    let can_be = |part: &Vec<Clause>| part.iter().all(|clause| !clause.is_empty());
    if parts.iter().any(can_be) {
        parts.retain(can_be);
    }
    if parts.len() == 1 {
        return parts.swap_remove(0);
    }
    let shortest = |clause: &Clause| clause.iter().map(|word| word.text.len()).min();
    let best = parts
        .into_iter()
        .map(|clauses| clauses.into_iter().max_by_key(shortest));
    match best.collect::<Option<Vec<Clause>>>() {
        Some(clauses) if !clauses.is_empty() => vec![clauses.concat()],
        _ => Vec::new(),
    }
}

fn condition_of(condition: &ConditionExpr, rule: &CompiledRule, known: Known<'_>) -> Vec<Clause> {
    let detection = |of| detection(of, known);
    match condition {
        ConditionExpr::Identifier(name) => rule.detections.get(name).map_or(vec![], detection),
        ConditionExpr::And(parts) => all(parts.iter().map(|part| condition_of(part, rule, known))),
        ConditionExpr::Or(parts) => any(parts.iter().map(|part| condition_of(part, rule, known))),
        ConditionExpr::Not(_) => Vec::new(),
        ConditionExpr::Selector {
            quantifier,
            pattern,
        } => {
            let named = rule.detections.iter();
            let named = named.filter(|(name, _)| pattern.matches_detection_name(name));
            let parts = named.map(|(_, named)| detection(named));
            match quantifier {
                Quantifier::All => all(parts),
                Quantifier::Count(0) => Vec::new(),
                Quantifier::Any | Quantifier::Count(_) => any(parts),
            }
        }
    }
}

fn detection(detection_: &CompiledDetection, known: Known<'_>) -> Vec<Clause> {
    let each = |part| detection(part, known);
    match detection_ {
        CompiledDetection::AllOf(items) => all(items.iter().map(|of| item(of, known))),
        CompiledDetection::And(parts) => all(parts.iter().map(each)),
        CompiledDetection::AnyOf(parts) => any(parts.iter().map(each)),
        CompiledDetection::Keywords(words) => matcher(words, ANY),
        CompiledDetection::ArrayMatch { .. } | CompiledDetection::Conditional { .. } => Vec::new(),
    }
}

fn item(item: &CompiledDetectionItem, known: Known<'_>) -> Vec<Clause> {
    if item.exists.is_some() {
        return Vec::new();
    }
    let field = item.field.as_deref().unwrap_or(ANY);
    let clauses = matcher(&item.matcher, field);
    let Some((_, value)) = known.filter(|(name, _)| *name == field) else {
        return clauses;
    };
    let is_met = |clause: &Clause| clause.iter().any(|word| word.is_in(value));
    match clauses.iter().all(is_met) {
        true => Vec::new(),
        false => vec![Clause::new()],
    }
}

fn matcher(matcher_: &CompiledMatcher, field: &str) -> Vec<Clause> {
    let word = |text: &str, place| match text.is_ascii() && !text.is_empty() {
        true => vec![vec![Word {
            field: field.to_owned(),
            text: text.to_owned(),
            place,
        }]],
        false => Vec::new(),
    };
    let each = |parts: &[CompiledMatcher]| -> Vec<Vec<Clause>> {
        parts.iter().map(|part| matcher(part, field)).collect()
    };
    match matcher_ {
        CompiledMatcher::Exact { value, .. } => word(value, Place::Whole),
        CompiledMatcher::Contains { value, .. } => word(value, Place::Anywhere),
        CompiledMatcher::StartsWith { value, .. } => word(value, Place::First),
        CompiledMatcher::EndsWith { value, .. } => word(value, Place::Last),
        CompiledMatcher::AhoCorasickSet { needles, .. } => {
            any(needles.iter().map(|text| word(text, Place::Anywhere)))
        }
        CompiledMatcher::AnyOf(parts) => any(each(parts).into_iter()),
        CompiledMatcher::AllOf(parts) => all(each(parts).into_iter()),
        CompiledMatcher::CaseInsensitiveGroup { children, mode } => match mode {
            GroupMode::Any => any(each(children).into_iter()),
            GroupMode::All => all(each(children).into_iter()),
        },
        _ => Vec::new(),
    }
}
