//! Which rules an event may match at all, by the words that must stand in its fields.
//!
//! Place in the flow: [`super::rules`] asks it before the engine works any rule out. Most events match none, and a
//! pass over two short texts shows that.
//!
//! Of each rule, clauses are derived from its compiled form: a clause is a set of words of which one must stand in
//! its field, at its end, at its beginning or anywhere. A rule may match only where each of its clauses is met. What gives no clause:
//! negation, patterns, numbers, networks, absence, and words that are not ASCII. So it may say yes where the
//! rule says no, and never the other way round; `tests/sigma.rs` and `tests.rs` hold it against the rules themselves.
//! Keywords are words of no field: any text of the event may hold them.
//!
//! - A field that an event has not can meet no clause: no matcher that gives one is true of it.
//! - A text that is not ASCII, a number and a list meet every clause of their field: folding of letters is left to the
//!   engine.

use std::cell::RefCell;
use std::collections::BTreeMap;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use rsigma_eval::matcher::GroupMode;
use rsigma_eval::{
    CompiledDetection, CompiledDetectionItem, CompiledMatcher, CompiledRule, Event, EventValue,
};
use rsigma_parser::{ConditionExpr, Quantifier};
use smallvec::{SmallVec, smallvec};

/// Where in its field a word must stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Anywhere,
    First,
    Last,
    Whole,
}

/// The field of keywords: all texts of an event.
const ANY: &str = "";

#[derive(Clone, Debug)]
struct Word {
    /// Or [`ANY`].
    field: String,
    text: String,
    place: Place,
}

/// One of these must be there. Of none: it is never met.
type Clause = Vec<Word>;

/// A field, and what it is in each event that rules are asked about.
pub type Known<'k> = Option<(&'k str, &'k str)>;

/// Numbers of clauses that are met, as bits.
type Met = SmallVec<[u64; 8]>;

/// The words of all rules in one field.
struct Field {
    name: String,
    words: AhoCorasick,
    /// Of each word: where it must stand, and the clause that it meets.
    meets: Vec<(Place, usize)>,
}

#[derive(Default)]
pub struct Prefilter {
    fields: Vec<Field>,
    /// Of each rule, its clauses.
    needs: Vec<Box<[usize]>>,
    clauses: usize,
    /// Some rule has no clause.
    is_open: bool,
}

impl Prefilter {
    pub fn new(rules: &[CompiledRule], known: Known<'_>) -> Prefilter {
        let (mut needs, mut words) = (Vec::<Box<[usize]>>::new(), Vec::new());
        let mut clauses = 0;
        let clauses_of = |rule| clauses_of(rule, known);
        let mut all: Vec<Vec<Clause>> = rules.iter().map(clauses_of).collect();
        drop_spare_fields(&mut all);
        for of_rule in all {
            needs.push((clauses..clauses + of_rule.len()).collect());
            for clause in of_rule {
                words.extend(clause.into_iter().map(|word| (word, clauses)));
                clauses += 1;
            }
        }
        let mut names: Vec<&str> = words.iter().map(|(word, _)| &*word.field).collect();
        names.sort_unstable();
        names.dedup();
        let fields = names.iter().map(|name| Field::new(name, &words)).collect();
        match fields {
            Some(fields) => Prefilter {
                fields,
                is_open: needs.iter().any(|of_rule| of_rule.is_empty()),
                needs,
                clauses,
            },
            // More words than the automaton takes: nothing is filtered.
            None => Prefilter {
                needs: vec![Box::default(); rules.len()],
                is_open: true,
                ..Prefilter::default()
            },
        }
    }

    /// Tells the places of the rules that the event may match, in their order.
    #[inline]
    pub fn candidates(&self, event: &dyn Event, mut each: impl FnMut(usize)) {
        let mut met: Met = smallvec![0; self.clauses.div_ceil(64)];
        for field in &self.fields {
            if field.name == ANY {
                field.mark_any(event, &mut met);
                continue;
            }
            match event.get_field(&field.name) {
                Some(EventValue::Str(text)) if text.is_ascii() => field.mark(&text, &mut met),
                Some(_) => field.mark_all(&mut met),
                None => {}
            }
        }
        if !self.is_open && met.iter().all(|bits| *bits == 0) {
            return;
        }
        let is_met = |clause: &usize| met[clause / 64] >> (clause % 64) & 1 == 1;
        for (rule, needs) in self.needs.iter().enumerate() {
            if needs.iter().all(is_met) {
                each(rule);
            }
        }
    }
}

impl Word {
    fn is_in(&self, text: &str) -> bool {
        let (text, word) = (text.to_ascii_lowercase(), self.text.to_ascii_lowercase());
        match self.place {
            Place::Anywhere => text.contains(&word),
            Place::First => text.starts_with(&word),
            Place::Last => text.ends_with(&word),
            Place::Whole => text == word,
        }
    }
}

impl Field {
    fn new(name: &str, words: &[(Word, usize)]) -> Option<Field> {
        let of_field = || words.iter().filter(|(word, _)| word.field == name);
        let texts = of_field().map(|(word, _)| &word.text);
        let automaton = |kind| {
            AhoCorasick::builder()
                .match_kind(MatchKind::Standard)
                .ascii_case_insensitive(true)
                .kind(kind)
                .build(texts.clone())
                .ok()
        };
        Some(Field {
            name: name.to_owned(),
            // The quickest kind needs much room for many words.
            words: automaton(Some(AhoCorasickKind::DFA)).or_else(|| automaton(None))?,
            meets: of_field()
                .map(|(word, clause)| (word.place, *clause))
                .collect(),
        })
    }

    fn mark(&self, text: &str, met: &mut Met) {
        for found in self.words.find_overlapping_iter(text) {
            let (place, clause) = self.meets[found.pattern().as_usize()];
            let (first, last) = (found.start() == 0, found.end() == text.len());
            let is_there = match place {
                Place::Anywhere => true,
                Place::First => first,
                Place::Last => last,
                Place::Whole => first && last,
            };
            met[clause / 64] |= u64::from(is_there) << (clause % 64);
        }
    }

    fn mark_any(&self, event: &dyn Event, met: &mut Met) {
        let met = RefCell::new(met);
        event.any_string_value(&|text| {
            match text.is_ascii() {
                true => self.mark(text, &mut met.borrow_mut()),
                false => self.mark_all(&mut met.borrow_mut()),
            }
            false
        });
    }

    fn mark_all(&self, met: &mut Met) {
        for (_, clause) in &self.meets {
            met[clause / 64] |= 1 << (clause % 64);
        }
    }
}

/// Each field costs a pass over it: one that no rule needs, because each has a clause elsewhere, is left away. Those of
/// the fewest clauses go first.
fn drop_spare_fields(rules: &mut [Vec<Clause>]) {
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

fn clauses_of(rule: &CompiledRule, known: Known<'_>) -> Vec<Clause> {
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
