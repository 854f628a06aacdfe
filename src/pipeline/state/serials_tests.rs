//! Tests of the gaps in serials: exact holes after any disorder within the window, and no false ones.

use super::*;
use proptest::prelude::*;

const WAIT: i64 = 2_000;

/// Ten events a second, from a time at which nothing else began.
fn stamp(nth: u64, serial: u32) -> Stamp {
    Stamp {
        time: Timestamp(1_700_000_000_000 + nth as i64 * 100),
        serial: u64::from(serial),
    }
}

/// The gaps that these events show, as first, last and number; saved and restored before each.
fn gaps(events: impl IntoIterator<Item = Stamp>) -> Vec<(u32, u32, u64)> {
    let (mut serials, mut found) = (Serials::default(), Vec::new());
    let mut holes = std::collections::BTreeMap::new();
    for stamp in events {
        serials.changes(|from, hole| match hole {
            Some(hole) => drop(holes.insert(from, hole.clone())),
            None => assert!(holes.remove(&from).is_some(), "it was told"),
        });
        assert!(serials.told().eq(holes.keys().copied()));
        let saved = postcard::to_stdvec(&serials).unwrap();
        serials = postcard::from_bytes(&saved).unwrap();
        serials.restore(holes.values().rev().cloned().collect());
        serials.see(stamp, Timestamp(0));
        serials.settle(Timestamp(0), WAIT, &mut |gap| found.push(gap));
        assert!(serials.holes.len() <= MOST);
    }
    serials.finish(&mut |gap| found.push(gap));
    found.iter().map(|g| (g.first, g.last, g.missing)).collect()
}

/// Serials from `first` on, without those missing.
fn sequence(first: u32, count: u64, missing: &[(u64, u64)]) -> Vec<Stamp> {
    let kept = (0..count).filter(|n| !missing.iter().any(|(a, b)| (*a..=*b).contains(n)));
    kept.map(|n| stamp(n, first.wrapping_add(n as u32)))
        .collect()
}

fn shuffle(events: &mut [Stamp], block: usize, mut seed: u64) {
    for block in events.chunks_mut(block) {
        for i in (1..block.len()).rev() {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            block.swap(i, (seed >> 33) as usize % (i + 1));
        }
    }
}

#[test]
fn what_never_came_is_a_gap_and_what_came_late_is_none() {
    assert_eq!(gaps(sequence(500, 400, &[])), []);
    assert_eq!(
        gaps(sequence(500, 400, &[(200, 200), (250, 259)])),
        [(700, 700, 1), (750, 759, 10)]
    );
    let mut late = sequence(500, 400, &[(200, 210)]);
    late.insert(260, stamp(205, 705));
    assert_eq!(gaps(late), [(700, 704, 5), (706, 710, 5)]);
}

#[test]
fn a_gap_is_told_when_the_window_is_over_and_not_before() {
    let (mut serials, mut told) = (Serials::default(), None);
    for (n, stamp) in sequence(500, 400, &[(50, 51)]).into_iter().enumerate() {
        serials.see(stamp, Timestamp(0));
        serials.settle(Timestamp(0), WAIT, &mut |gap| told = Some((n, gap)));
    }
    let (n, gap) = told.unwrap();
    // The event that shows it, at place 50, is the 51st.
    assert_eq!(n as u64, 50 + WINDOW);
    assert_eq!(
        (gap.after, gap.before),
        (stamp(49, 0).time, stamp(52, 0).time)
    );
}

#[test]
fn a_host_that_falls_silent_is_told_by_the_arrival_clock() {
    let (mut serials, mut found) = (Serials::default(), Vec::new());
    for stamp in [stamp(0, 7), stamp(1, 9)] {
        serials.see(stamp, Timestamp(1_000));
    }
    for now in [1_000, 10_999, 11_000, 12_000] {
        serials.settle(Timestamp(now), WAIT, &mut |gap| {
            found.push((now, gap.first))
        });
    }
    assert_eq!(found, [(11_000, 8)]);
}

#[test]
fn the_counter_comes_round() {
    let first = u32::MAX - 200;
    assert_eq!(gaps(sequence(first, 500, &[])), []);
    // Kernels that leave 0 out.
    assert_eq!(gaps(sequence(first, 500, &[(201, 201)])), []);
    assert_eq!(
        gaps(sequence(first, 500, &[(198, 204)])),
        [(u32::MAX - 2, 3, 6)]
    );
}

#[test]
fn a_boot_begins_anew_and_its_stragglers_are_of_the_boot_before() {
    let mut events = sequence(90_000, 300, &[(290, 292)]);
    let mut second: Vec<Stamp> = (0..300).map(|n| stamp(1_000 + n, 3 + n as u32)).collect();
    second.remove(200);
    events.extend(second);
    assert_eq!(gaps(events.clone()), [(90_290, 90_292, 3), (203, 203, 1)]);
    // A line of before the boot that comes after it.
    events.insert(310, stamp(291, 90_291));
    assert_eq!(
        gaps(events),
        [(90_290, 90_290, 1), (90_292, 90_292, 1), (203, 203, 1)]
    );
}

#[test]
fn lines_that_come_again_are_no_gap() {
    let events = sequence(500, 400, &[(300, 300)]);
    let again = events[100..350].to_vec();
    let all = events[..350].iter().chain(&again).chain(&events[350..]);
    assert_eq!(gaps(all.copied()), [(800, 800, 1)]);
}

#[test]
fn a_far_step_or_a_wrong_clock_is_another_counter() {
    let mut events = sequence(500, 300, &[]);
    events.extend((0..300).map(|n| stamp(300 + n, 900_000_000 + n as u32)));
    assert_eq!(gaps(events), []);
    // The clock of the new boot is behind: told by that nothing fits.
    let mut events: Vec<Stamp> = (0..300)
        .map(|n| stamp(90_000 + n, 50_000 + n as u32))
        .collect();
    events.extend(sequence(1, 2_000, &[(1_700, 1_700)]));
    assert_eq!(gaps(events), [(1_701, 1_701, 1)]);
    // One stamp of far away does not make it blind for good.
    let mut events = sequence(500, 3_000, &[(2_500, 2_500)]);
    events.insert(200, stamp(1 << 40, 3));
    assert_eq!(gaps(events), [(3_000, 3_000, 1)]);
}

#[test]
fn a_beginning_in_the_middle_of_disorder_shows_no_false_gap() {
    for seed in 0..200 {
        let mut events = sequence(500, 1_200, &[(700, 703)]);
        shuffle(&mut events, 40, seed);
        let cut = seed as usize % 40;
        assert_eq!(
            gaps(events[cut..].iter().copied()),
            [(1_200, 1_203, 4)],
            "{seed}"
        );
    }
}

#[test]
fn memory_is_bounded_when_every_other_event_is_missing() {
    let events = (0..5_000).map(|n| stamp(n / 1_000, 2 * n as u32));
    let found = gaps(events);
    assert_eq!(found.len(), 4_999);
}

proptest! {
    /// However the events are shuffled within the window, the holes are exact.
    #[test]
    fn shuffled_within_the_window_the_holes_are_exact(
        first: u32,
        seed: u64,
        block in 1usize..=64,
        steps in prop::collection::vec((1u64..60, 1u64..30), 0..12),
    ) {
        let (mut missing, mut at) = (Vec::new(), 260);
        for (distance, length) in steps {
            missing.push((at + distance, at + distance + length - 1));
            at += distance + length;
        }
        let zero = u64::from(first.wrapping_neg());
        prop_assume!(!missing.iter().any(|(a, b)| (*a..=*b).contains(&zero)));
        let mut events = sequence(first, at + 300, &missing);
        shuffle(&mut events, block, seed);
        let wanted: Vec<_> = missing
            .iter()
            .map(|(a, b)| (first.wrapping_add(*a as u32), first.wrapping_add(*b as u32), b - a + 1))
            .collect();
        prop_assert_eq!(gaps(events), wanted);
    }

    #[test]
    fn no_stamps_panic_or_grow(stamps in prop::collection::vec((0i64..9_000_000_000, 0u64..6_000_000_000), 0..300)) {
        gaps(stamps.into_iter().map(|(time, serial)| Stamp { time: Timestamp(time), serial }));
    }
}
