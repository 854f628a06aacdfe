//! Where the words of all rules stand in one field of an event.
//!
//! Place in the flow: [`super::prefilter`] asks it about each field that some rule needs. It says which clauses are met, and
//! knows of no rule.

use std::cell::RefCell;
use std::iter;
use std::ops::Range;

use aho_corasick::automaton::{Automaton, StateID};
use aho_corasick::{Anchored, dfa, nfa::contiguous};
use smallvec::{SmallVec, smallvec};

use super::view::{Raw, View};

/// Where in its field a word must stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Anywhere,
    First,
    Last,
    Whole,
}

/// The field of keywords: all texts of an event.
pub const ANY: &str = "";

#[derive(Clone, Debug)]
pub struct Word {
    /// Or [`ANY`].
    pub field: String,
    pub text: String,
    pub place: Place,
}

/// Numbers of clauses that are met, as bits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Met(SmallVec<[u64; 8]>);

impl Met {
    pub fn none_of(clauses: usize) -> Met {
        Met(smallvec![0; clauses.div_ceil(64)])
    }

    #[inline]
    pub fn add(&mut self, clause: usize) {
        self.0[clause / 64] |= 1 << (clause % 64);
    }

    #[inline]
    pub fn has(&self, clause: usize) -> bool {
        self.0[clause / 64] >> (clause % 64) & 1 == 1
    }

    /// Those that are in both, in order.
    #[inline]
    pub fn and<'m>(&'m self, other: &'m Met) -> impl Iterator<Item = usize> + 'm {
        let both = self.0.iter().zip(&other.0).map(|(one, other)| one & other);
        both.enumerate().flat_map(|(at, mut bits)| {
            iter::from_fn(move || {
                let lowest = (bits != 0).then(|| at * 64 + bits.trailing_zeros() as usize);
                bits &= bits.wrapping_sub(1);
                lowest
            })
        })
    }
}

/// The words of all rules in one field.
pub struct Field {
    name: String,
    words: Words,
    start: StateID,
    /// Of each word: where it must stand, and the clause that it meets.
    meets: Vec<(Place, usize)>,
}

/// The quickest kind needs much room for many words.
enum Words {
    Quick(dfa::DFA),
    Small(contiguous::NFA),
}

impl Word {
    pub fn is_in(&self, text: &str) -> bool {
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
    pub fn new(name: &str, words: &[(Word, usize)]) -> Option<Field> {
        let of_field = || words.iter().filter(|(word, _)| word.field == name);
        let texts = of_field().map(|(word, _)| &word.text);
        let quick = dfa::Builder::new()
            .ascii_case_insensitive(true)
            .build(texts.clone());
        let small = || {
            let mut builder = contiguous::Builder::new();
            builder.ascii_case_insensitive(true).build(texts).ok()
        };
        let words = match quick {
            Ok(quick) => Words::Quick(quick),
            Err(_) => Words::Small(small()?),
        };
        let start = match &words {
            Words::Quick(words) => words.start_state(Anchored::No),
            Words::Small(words) => words.start_state(Anchored::No),
        };
        Some(Field {
            name: name.to_owned(),
            words,
            start: start.ok()?,
            meets: of_field()
                .map(|(word, clause)| (word.place, *clause))
                .collect(),
        })
    }

    fn mark(&self, text: &[u8], met: &mut Met) {
        if !folds_to_itself(text) {
            return self.mark_all(met);
        }
        let found = |word: usize, at: Range<usize>| {
            let (place, clause) = self.meets[word];
            let (first, last) = (at.start == 0, at.end == text.len());
            let is_there = match place {
                Place::Anywhere => true,
                Place::First => first,
                Place::Last => last,
                Place::Whole => first && last,
            };
            if is_there {
                met.add(clause);
            }
        };
        match &self.words {
            Words::Quick(words) => scan(words, self.start, text, found),
            Words::Small(words) => scan(words, self.start, text, found),
        }
    }

    /// Marks the clauses that this field of an event meets.
    #[inline]
    pub fn look(&self, event: &dyn View, met: &mut Met) {
        if self.name == ANY {
            return self.mark_any(event, met);
        }
        match event.raw(&self.name) {
            Some(Raw::Text(text)) => self.mark(&text, met),
            Some(Raw::Other(_)) => self.mark_all(met),
            None => {}
        }
    }

    fn mark_any(&self, event: &dyn View, met: &mut Met) {
        let met = RefCell::new(met);
        event.any_string_value(&|text| {
            self.mark(text.as_bytes(), &mut met.borrow_mut());
            false
        });
    }

    fn mark_all(&self, met: &mut Met) {
        self.meets.iter().for_each(|(_, clause)| met.add(*clause));
    }
}

/// Whether no letter of it becomes one of ASCII where the engine takes small letters, but those of ASCII. Only two would:
/// `İ`, and the sign of the kelvin.
fn folds_to_itself(text: &[u8]) -> bool {
    let has = |letter: &str| text.windows(letter.len()).any(|at| at == letter.as_bytes());
    text.is_ascii() || !has("\u{130}") && !has("\u{212A}")
}

/// Tells the number of each word in a text, and where it stands. The automaton is followed here, and not by its own
/// search for what overlaps, which is begun again at each word and takes twice the time.
fn scan(
    words: &impl Automaton,
    mut state: StateID,
    text: &[u8],
    mut found: impl FnMut(usize, Range<usize>),
) {
    let mut end = 0;
    while let Some(read) = up_to_a_word(words, &mut state, &text[end..]) {
        end += read;
        for index in 0..words.match_len(state) {
            let word = words.match_pattern(state, index);
            found(word.as_usize(), end - words.pattern_len(word)..end);
        }
    }
}

/// Bytes up to the end of the next word; `None`: there is none.
// Not inlined: the state must stay in a register, for each byte waits for the one before.
#[inline(never)]
fn up_to_a_word(words: &impl Automaton, state: &mut StateID, text: &[u8]) -> Option<usize> {
    let mut now = *state;
    let end = text.iter().position(|byte| {
        now = words.next_state(Anchored::No, now, *byte);
        words.is_match(now)
    });
    *state = now;
    end.map(|at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_letters_become_one_of_ascii() {
        let folds = |letter: &char| !folds_to_itself(letter.to_string().as_bytes());
        let becomes = |letter: &char| letter.to_lowercase().any(|small| small.is_ascii());
        let foreign = || '\u{80}'..=char::MAX;
        assert!(foreign().filter(folds).eq(foreign().filter(becomes)));
    }

    proptest::proptest! {
        /// Either automaton marks what a look at each place would.
        #[test]
        fn every_word_is_seen_where_it_stands(
            words in proptest::collection::vec("[aB/]{1,3}", 1..6),
            text in "[Ab/ é]{0,12}",
        ) {
            let folded = text.to_ascii_lowercase();
            let mut expected = Vec::new();
            for (word, wanted) in words.iter().enumerate() {
                let wanted_folded = wanted.to_ascii_lowercase();
                let ends = (0..=text.len()).filter(|end| text.is_char_boundary(*end));
                let ends = ends.filter(|end| folded[..*end].ends_with(&wanted_folded));
                expected.extend(ends.map(|end| (word, end - wanted.len()..end)));
            }
            let places = [Place::Anywhere, Place::First, Place::Last, Place::Whole];
            let word = |text: &String, place| Word { field: String::new(), text: text.clone(), place };
            for place in places {
                let all = words.iter().enumerate().map(|(clause, text)| (word(text, place), clause));
                let mut field = Field::new("", &all.collect::<Vec<_>>()).unwrap();
                let wanted = expected.iter().filter(|(_, at)| match place {
                    Place::Anywhere => true,
                    Place::First => at.start == 0,
                    Place::Last => at.end == text.len(),
                    Place::Whole => *at == (0..text.len()),
                });
                let none = Met::none_of(words.len());
                let (mut met, mut quick, mut small) = (none.clone(), none.clone(), none);
                wanted.for_each(|(word, _)| met.add(*word));
                field.mark(text.as_bytes(), &mut quick);
                let words = contiguous::Builder::new().ascii_case_insensitive(true).build(&words);
                let words = words.unwrap();
                field.start = words.start_state(Anchored::No).unwrap();
                field.words = Words::Small(words);
                field.mark(text.as_bytes(), &mut small);
                proptest::prop_assert_eq!((&quick, &small), (&met, &met));
            }
        }
    }
}
