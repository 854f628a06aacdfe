//! What is told as new, and what is remembered.

use super::*;
use proptest::prelude::*;

const WEEK: Rarity = Rarity {
    learning_ms: 7 * DAY_MS,
};

fn at(days: f64) -> Timestamp {
    Timestamp((days * DAY_MS as f64) as i64)
}

#[test]
fn a_host_is_learnt_from_and_then_each_new_pattern_is_told_once() {
    let mut patterns = Patterns::default();
    assert!(!patterns.take(1, at(100.0), &WEEK, 512));
    assert!(!patterns.take(2, at(106.9), &WEEK, 512), "still learning");
    assert!(patterns.take(3, at(107.0), &WEEK, 512));
    assert!(!patterns.take(3, at(107.1), &WEEK, 512), "once");
    assert!(!patterns.take(1, at(400.0), &WEEK, 512), "known for long");
}

#[test]
fn what_was_not_seen_for_long_goes_first() {
    let mut patterns = Patterns::default();
    for day in 0..4 {
        patterns.take(day, at(day as f64), &WEEK, 4);
    }
    patterns.take(0, at(20.0), &WEEK, 4);
    assert!(patterns.take(9, at(20.0), &WEEK, 4));
    assert_eq!(patterns.by_hash.len(), 4);
    assert!(!patterns.take(0, at(20.0), &WEEK, 4), "0 was seen again");
    assert!(patterns.take(1, at(20.0), &WEEK, 4), "1 was let go");
}

#[test]
fn a_host_of_too_many_patterns_says_nothing() {
    let mut patterns = Patterns::default();
    let told = (0..10_000u64).filter(|n| {
        let time = at(10.0 + *n as f64 / 100.0);
        patterns.take(*n, time, &WEEK, 64)
    });
    assert_eq!(told.count(), 0);
}

proptest! {
    #[test]
    fn nothing_that_was_seen_within_the_learning_period_is_told(
        steps in prop::collection::vec((0u64..40, 0i64..DAY_MS), 1..400),
    ) {
        let (mut patterns, mut now) = (Patterns::default(), at(1.0));
        let mut seen = std::collections::BTreeMap::new();
        for (pattern, later) in steps {
            now = now.plus(later);
            let told = patterns.take(pattern, now, &WEEK, 16);
            let last = seen.insert(pattern, now);
            // Days are counted whole.
            let recent = last.is_some_and(|last| now.since(last) < WEEK.learning_ms - DAY_MS);
            prop_assert!(!(told && recent));
            prop_assert!(patterns.by_hash.len() <= 16);
        }
    }
}
