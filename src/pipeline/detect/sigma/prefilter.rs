//! Which rules an event may match at all, by the words that must stand in its fields.
//!
//! Place in the flow: [`super::rules`] asks it before the engine works any rule out. Most events match none, and a
//! pass over two short texts, as they came, shows that.
//!
//! It may say yes where the rule says no, and never the other way round; `tests/sigma.rs` and `tests.rs` hold it against
//! the rules themselves.
//!
//! - A field that an event has not can meet no clause: no matcher that gives one is true of it.
//! - A number, a list and a text with a letter that folds into one of ASCII meet every clause of their field: they are
//!   left to the engine.

use std::ops::Range;

use rsigma_eval::CompiledRule;

use super::clauses::{Clause, Known, clauses_of, drop_spare_fields};
use super::view::View;
use super::words::{Field, Met};

#[derive(Default)]
pub struct Prefilter {
    fields: Vec<Field>,
    /// The clauses of each rule: numbers that follow one another, and those of the rule before.
    needs: Vec<Range<usize>>,
    /// The rule of each clause.
    rule_of: Vec<usize>,
    /// The first clause of each rule, as bits.
    firsts: Met,
    /// Some rule has no clause.
    is_open: bool,
}

impl Prefilter {
    pub fn new(rules: &[CompiledRule], known: Known<'_>) -> Prefilter {
        let clauses_of = |rule| clauses_of(rule, known);
        let mut all: Vec<Vec<Clause>> = rules.iter().map(clauses_of).collect();
        drop_spare_fields(&mut all);
        let (mut filter, mut words) = (Prefilter::default(), Vec::new());
        for (rule, clauses) in all.into_iter().enumerate() {
            let first = filter.rule_of.len();
            filter.needs.push(first..first + clauses.len());
            filter.is_open |= clauses.is_empty();
            for clause in clauses {
                let number = filter.rule_of.len();
                filter.rule_of.push(rule);
                words.extend(clause.into_iter().map(|word| (word, number)));
            }
        }
        filter.firsts = filter.none_met();
        let some = filter.needs.iter().filter(|needs| !needs.is_empty());
        some.for_each(|needs| filter.firsts.add(needs.start));
        let mut names: Vec<&str> = words.iter().map(|(word, _)| &*word.field).collect();
        names.sort_unstable();
        names.dedup();
        let fields = names.iter().map(|name| Field::new(name, &words)).collect();
        match fields {
            Some(fields) => Prefilter { fields, ..filter },
            // More words than the automaton takes: nothing is filtered.
            None => Prefilter {
                needs: vec![0..0; rules.len()],
                is_open: true,
                ..Prefilter::default()
            },
        }
    }

    /// Tells the places of the rules that the event may match, in their order.
    #[inline]
    pub fn candidates(&self, event: &dyn View, each: impl FnMut(usize)) {
        let mut met = self.none_met();
        for field in &self.fields {
            field.look(event, &mut met);
        }
        let is_met = |rule: &usize| self.needs[*rule].clone().all(|clause| met.has(clause));
        if self.is_open {
            return (0..self.needs.len()).filter(is_met).for_each(each);
        }
        let begun = met.and(&self.firsts).map(|clause| self.rule_of[clause]);
        begun.filter(is_met).for_each(each);
    }

    fn none_met(&self) -> Met {
        Met::none_of(self.rule_of.len())
    }
}
