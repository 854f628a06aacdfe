//! Tests of [`super`]: when an event goes, in which order, and what is said of it.

use std::collections::BTreeMap;

use super::*;
use crate::pipeline::audit::line;
use proptest::prelude::*;

const WAITS: Waits = Waits {
    event_ms: 2000,
    settle_ms: 50,
    lone_ms: 250,
    logon_ms: 10_000,
    shuffled: false,
    younger: None,
};

fn push_at(buffer: &mut HostBuffer, line: &str, now: i64) -> Push {
    push_from(buffer, line, now, WAITS.shuffled)
}

fn push_from(buffer: &mut HostBuffer, line: &str, now: i64, shuffled: bool) -> Push {
    let record = line::read(line.as_bytes()).unwrap();
    let arrival = Arrival {
        now: Timestamp(now),
        offset: 0,
        age: 0,
        most_bytes: usize::MAX,
        shuffled,
    };
    buffer.push(&record, arrival, &mut Vec::new())
}

fn push(buffer: &mut HostBuffer, line: &str) -> Push {
    push_at(buffer, line, 0)
}

fn pop(buffer: &mut HostBuffer) -> Vec<(u64, Option<Cut>)> {
    std::iter::from_fn(|| buffer.pop_due(Timestamp(0), &WAITS))
        .map(|(event, cut)| (event.stamp.serial, cut))
        .collect()
}

/// The lines of one event: a write, with EOE or without.
fn event(ms: i64, serial: u64, eoe: bool) -> Vec<String> {
    let stamp = Stamp {
        time: Timestamp(ms),
        serial,
    };
    let mut lines = vec![
        format!(
            "type=SYSCALL msg=audit({stamp}): arch=c000003e syscall=2 success=yes exit=0 items=1 pid=1"
        ),
        format!("type=CWD msg=audit({stamp}): cwd=\"/\""),
        format!("type=PATH msg=audit({stamp}): item=0 name=\"/x\""),
        format!("type=PROCTITLE msg=audit({stamp}): proctitle=\"x\""),
    ];
    if eoe {
        lines.push(format!("type=EOE msg=audit({stamp}): "));
    }
    lines
}

#[test]
fn with_eoe_an_event_goes_at_once() {
    let mut buffer = HostBuffer::default();
    for line in event(1000, 1, true) {
        assert_eq!(pop(&mut buffer), []);
        push(&mut buffer, &line);
    }
    assert_eq!(pop(&mut buffer), [(1, None)]);
    assert_eq!((buffer.len(), buffer.bytes()), (0, 0));
}

/// Two partitions bring the lines of a host: the end record overtakes one that no other promised.
#[test]
fn where_lines_come_by_several_ways_eoe_does_not_end_the_wait() {
    let address = "type=SOCKADDR msg=audit(1.000:1): saddr=0200";
    for shuffled in [false, true] {
        let mut buffer = HostBuffer::default();
        for line in event(1000, 1, true) {
            push_from(&mut buffer, &line, 0, shuffled);
        }
        assert_eq!(pop(&mut buffer).is_empty(), shuffled);
        let last = push_from(&mut buffer, address, 0, shuffled);
        assert_eq!(last == Push::Joined, shuffled);
        let event = buffer.pop_due(Timestamp(50), &WAITS);
        assert_eq!(event.map(|(_, cut)| cut), shuffled.then_some(None));
    }
}

#[test]
fn without_eoe_it_goes_when_the_host_has_moved_on() {
    let mut buffer = HostBuffer::default();
    for line in event(1000, 1, false) {
        push(&mut buffer, &line);
    }
    for serial in 2..40 {
        for line in event(1100, serial, false) {
            push(&mut buffer, &line);
        }
    }
    assert_eq!(pop(&mut buffer), [(1, None)]);
}

#[test]
fn without_eoe_it_goes_when_this_end_has_waited() {
    let mut buffer = HostBuffer::default();
    for line in event(1000, 1, false) {
        push(&mut buffer, &line);
    }
    assert!(buffer.pop_due(Timestamp(49), &WAITS).is_none());
    assert!(buffer.pop_due(Timestamp(50), &WAITS).is_some());
}

#[test]
fn a_lone_record_waits_for_its_syscall() {
    let mut buffer = HostBuffer::default();
    push(&mut buffer, "type=LOGIN msg=audit(1.000:5): pid=1 res=1");
    assert!(buffer.pop_due(Timestamp(60), &WAITS).is_none());
    for line in event(1000, 5, true) {
        push(&mut buffer, &line);
    }
    let (event, cut) = buffer.pop_due(Timestamp(60), &WAITS).unwrap();
    assert_eq!(cut, None);
    assert_eq!(event.kinds().next(), Some(RecordType::LOGIN));
}

/// A record that a program sent.
fn message(ms: i64, serial: u64) -> String {
    let stamp = Stamp {
        time: Timestamp(ms),
        serial,
    };
    format!("type=USER_ACCT msg=audit({stamp}): pid=1 res=success")
}

#[test]
fn what_programs_send_is_not_waited_with_where_it_stands_alone() {
    let mut buffer = HostBuffer::default();
    for serial in 1..=3 {
        push(&mut buffer, &message(1000, serial));
        assert!(buffer.pop_due(Timestamp(60), &WAITS).is_none());
        assert!(buffer.pop_due(Timestamp(250), &WAITS).is_some());
    }
    push(&mut buffer, &message(1000, 4));
    assert_eq!(pop(&mut buffer), [(4, None)]);
    // Some kernels tie a message to the call that sent it, where a rule tells that.
    assert_eq!(push(&mut buffer, &event(1000, 4, true)[0]), Push::Late);
    for serial in [5, 6] {
        push(&mut buffer, &message(1000, serial));
        assert_eq!(pop(&mut buffer), []);
        for line in event(1000, serial, true) {
            push(&mut buffer, &line);
        }
        // The late line said that lines are in no order.
        let (event, _) = buffer.pop_due(Timestamp(60), &WAITS).unwrap();
        assert_eq!(event.kinds().count(), 6);
    }
}

#[test]
fn what_was_promised_and_does_not_come_times_out() {
    let mut buffer = HostBuffer::default();
    for line in &event(1000, 1, true)[..2] {
        push(&mut buffer, line);
    }
    assert!(buffer.pop_due(Timestamp(1999), &WAITS).is_none());
    let (event, cut) = buffer.pop_due(Timestamp(2000), &WAITS).unwrap();
    assert_eq!(cut, Some(Cut::TimedOut));
    let completeness = event.completeness(cut);
    assert_eq!(
        (completeness.paths_missing, completeness.no_proctitle),
        (1, true)
    );
}

#[test]
fn a_stuck_event_holds_back_the_later_ones_and_a_jump_of_time_alone_cuts_nothing_off() {
    let mut buffer = HostBuffer::default();
    let stuck = event(1000, 1, true);
    push(&mut buffer, &stuck[0]);
    for line in event(90_000, 2, true) {
        push(&mut buffer, &line);
    }
    assert_eq!(pop(&mut buffer), []);
    for line in &stuck[1..] {
        push(&mut buffer, line);
    }
    assert_eq!(pop(&mut buffer), [(1, None), (2, None)]);
}

#[test]
fn a_line_after_its_event_is_late() {
    let mut buffer = HostBuffer::default();
    for line in event(1000, 1, true) {
        push(&mut buffer, &line);
    }
    pop(&mut buffer);
    assert_eq!(push(&mut buffer, &event(1000, 1, true)[2]), Push::Late);
    // Another event of the past is none: nothing is lost.
    assert_eq!(push(&mut buffer, &event(900, 9, true)[0]), Push::New);
}

#[test]
fn a_part_far_behind_is_late_even_when_its_stamp_is_forgotten() {
    let mut buffer = HostBuffer::default();
    for n in 1..400 {
        for line in event(n * 100, n as u64, true) {
            push(&mut buffer, &line);
        }
        pop(&mut buffer);
    }
    assert_eq!(push(&mut buffer, &event(500, 5, true)[2]), Push::Late);
}

#[test]
fn it_goes_on_from_its_saved_form_at_every_line() {
    let lines: Vec<String> = (1..60)
        .flat_map(|n| {
            let ms = 1000 + n as i64 * 7;
            match n % 5 {
                1 => vec![message(ms, n)],
                _ => event(ms, n, n % 3 == 0),
            }
        })
        .collect();
    let run = |restore: bool| {
        let mut buffer = HostBuffer::default();
        let (mut gone, mut events, mut pages) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
        for line in &lines {
            push(&mut buffer, line);
            gone.extend(pop(&mut buffer));
            if restore {
                buffer.changes(|stamp, event| match event {
                    Some(event) => drop(events.insert(stamp, event.clone())),
                    None => assert!(events.remove(&stamp).is_some(), "it was told"),
                });
                buffer
                    .released
                    .changes(|slot, page| drop(pages.insert(slot, page)));
                assert!(buffer.told().eq(events.keys().copied()));
                let (events, pages) = (events.values().rev(), pages.clone().into_iter());
                buffer =
                    HostBuffer::restore(buffer.core(), events.cloned().collect(), pages.collect())
                        .expect("all pages");
            }
        }
        gone.extend(std::iter::from_fn(|| buffer.pop_last()).map(|(e, cut)| (e.stamp.serial, cut)));
        gone
    };
    assert_eq!(run(true), run(false));
    assert_eq!(run(false).len(), 59);
}

proptest! {
    /// Lines shuffled within 40 give the same events, whole, in the order of their stamps.
    #[test]
    fn order_of_arrival_does_not_matter(count in 1u64..60, gap in 0i64..5000, eoe: bool, seed: u64) {
        let mut lines: Vec<String> = (1..=count).flat_map(|n| event(1000 + n as i64 * gap, n, eoe)).collect();
        let mut state = seed | 1;
        for block in lines.chunks_mut(40) {
            for i in (1..block.len()).rev() {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                block.swap(i, (state >> 33) as usize % (i + 1));
            }
        }
        let mut buffer = HostBuffer::default();
        let mut gone = Vec::new();
        for line in &lines {
            prop_assert_ne!(push(&mut buffer, line), Push::Late);
            gone.extend(pop(&mut buffer));
        }
        gone.extend(std::iter::from_fn(|| buffer.pop_last()).map(|(e, cut)| (e.stamp.serial, cut)));
        prop_assert_eq!(gone, (1..=count).map(|n| (n, None)).collect::<Vec<_>>());
        prop_assert_eq!(buffer.bytes(), 0);
    }
}
