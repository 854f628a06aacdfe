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
use smallvec::smallvec;

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
        for needs in filter.needs.iter().filter(|needs| !needs.is_empty()) {
            filter.firsts[needs.start / 64] |= 1 << (needs.start % 64);
        }
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
    pub fn candidates(&self, event: &dyn View, mut each: impl FnMut(usize)) {
        let mut met = self.none_met();
        for field in &self.fields {
            field.look(event, &mut met);
        }
        let is_met = |rule: &usize| {
            let mut needs = self.needs[*rule].clone();
            needs.all(|clause| met[clause / 64] >> (clause % 64) & 1 == 1)
        };
        if self.is_open {
            return (0..self.needs.len()).filter(is_met).for_each(each);
        }
        for (at, (met, firsts)) in met.iter().zip(&self.firsts).enumerate() {
            let mut bits = met & firsts;
            while bits != 0 {
                let rule = self.rule_of[at * 64 + bits.trailing_zeros() as usize];
                if is_met(&rule) {
                    each(rule);
                }
                bits &= bits - 1;
            }
        }
    }

    fn none_met(&self) -> Met {
        smallvec![0; self.rule_of.len().div_ceil(64)]
    }
}
