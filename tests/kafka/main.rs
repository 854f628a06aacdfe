//! The daemon on a real Apache Kafka: what it writes, taken as a set, is what `trailhound replay`
//! prints for the same lines, whatever happens to the daemon or to the broker meanwhile.
//!
//! A broker is fetched with Maven (needs a JDK 17 and `mvn`), started on loopback on free ports with a
//! folder of its own, and stopped at the end, also where this program dies. Two brokers run at once, and each
//! takes one test after the other, with topics and a group of its own: most of a test is waiting. Tests that need
//! other brokers come last, alone: one that wants TLS and a password, and three on three brokers. Without a JDK, Maven or the artifacts the tests are skipped, loudly;
//! TRAILHOUND_REQUIRE_KAFKA=1 makes that a failure.
//!
//! It has a `main` of its own because nothing would stop a shared broker under the usual one. Words on
//! the command line choose the tests whose names hold one of them. No test asserts a duration.

mod away;
mod broker;
mod cases;
mod chaos;
mod clients;
mod daemon;
mod exactly;
mod flood;
mod network;
#[allow(dead_code, reason = "the simulation uses the rest")]
#[path = "../sim/numbers.rs"]
mod numbers;
mod recording;
mod secured;
mod stories;
mod topics;
mod unkeyed;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use broker::Broker;

type Case = (&'static str, fn(&mut Broker));

/// The long ones first: of the two at once, neither is idle for long while the other works on the last.
const CASES: &[Case] = &[
    (
        "exactly_once_an_attack_is_one_story_through_kills",
        stories::exactly_once_through_kills,
    ),
    (
        "at_least_once_an_attack_is_one_story_through_kills",
        stories::at_least_once_through_kills,
    ),
    (
        "unkeyed_lines_are_rekeyed_and_give_what_replay_gives",
        unkeyed::rekeyed,
    ),
    (
        "unkeyed_lines_are_rekeyed_through_kills",
        unkeyed::rekeyed_through_kills,
    ),
    (
        "unkeyed_lines_are_rekeyed_while_a_second_daemon_joins_and_leaves",
        unkeyed::rekeyed_by_two,
    ),
    (
        "unkeyed_lines_are_rekeyed_while_one_of_two_daemons_is_killed",
        unkeyed::one_of_two_killed,
    ),
    (
        "exactly_once_where_the_input_gets_more_partitions_and_no_topic_may_be_made",
        topics::or_it_is_told,
    ),
    (
        "exactly_once_where_topics_are_deleted_meanwhile",
        topics::made_again,
    ),
    ("exactly_once_gives_what_replay_gives", exactly::undisturbed),
    ("exactly_once_through_kills", exactly::killed_often),
    (
        "exactly_once_through_kills_of_static_members",
        exactly::killed_often_as_static_members,
    ),
    (
        "exactly_once_with_several_events_in_a_message_through_kills",
        exactly::killed_often_with_bundles,
    ),
    (
        "exactly_once_the_open_transaction_of_a_daemon_that_was_killed_holds_up_nobody",
        exactly::open_transaction,
    ),
    ("exactly_once_through_ends_in_order", exactly::ended_often),
    (
        "exactly_once_while_a_second_daemon_joins_and_leaves",
        exactly::second_daemon,
    ),
    (
        "exactly_once_while_a_second_daemon_joins_and_leaves_with_the_eager_protocol",
        exactly::second_daemon_eager,
    ),
    (
        "exactly_once_while_a_second_daemon_joins_and_leaves_with_the_brokers_protocol",
        exactly::second_daemon_with_the_brokers_protocol,
    ),
    (
        "exactly_once_while_the_broker_is_killed",
        exactly::broker_killed,
    ),
    (
        "exactly_once_while_a_daemon_is_stopped_and_goes_on",
        exactly::daemon_stopped,
    ),
    ("exactly_once_with_an_output_too_large", exactly::too_large),
    (
        "exactly_once_where_a_topic_takes_less_meanwhile",
        exactly::too_large_meanwhile,
    ),
    (
        "exactly_once_after_at_least_once",
        exactly::after_at_least_once,
    ),
    (
        "exactly_once_refuses_state_of_another_version",
        exactly::another_version,
    ),
    (
        "exactly_once_refuses_a_topic_that_would_lose_state",
        exactly::unfit_topic,
    ),
    (
        "exactly_once_begins_anew_where_somebody_set_the_offset",
        exactly::offset_set_by_hand,
    ),
    (
        "exactly_once_where_the_input_gets_more_partitions",
        topics::the_state_follows,
    ),
    (
        "a_missing_topic_is_an_error_that_names_it",
        cases::missing_topic,
    ),
    (
        "topics_are_made_where_there_are_none_at_all",
        cases::no_topic_yet,
    ),
    (
        "a_recording_gives_what_replay_gives",
        cases::recording_equals_replay,
    ),
    (
        "a_broken_line_lands_in_the_dead_letter_topic",
        cases::broken_line,
    ),
    ("http_answers", cases::http_answers),
    (
        "records_that_were_deleted_before_they_were_read_are_counted",
        cases::deleted_unread,
    ),
    (
        "to_have_read_all_there_is_is_no_trouble_with_the_brokers",
        cases::no_trouble,
    ),
    (
        "an_output_too_large_for_the_brokers_is_told_and_does_not_wedge",
        cases::too_large,
    ),
    (
        "several_events_in_a_message_that_is_too_large_for_the_brokers_go_alone",
        cases::bundle_too_large,
    ),
    (
        "sigterm_in_the_middle_loses_nothing",
        cases::sigterm_in_the_middle,
    ),
    (
        "kill_9_in_the_middle_loses_nothing",
        cases::kill_in_the_middle,
    ),
    ("a_second_daemon_joins_and_leaves", cases::second_daemon),
    (
        "a_second_daemon_joins_and_leaves_with_the_eager_protocol",
        cases::second_daemon_eager,
    ),
    ("the_broker_freezes_for_ten_seconds", cases::broker_freezes),
    ("the_broker_is_killed_and_comes_back", cases::broker_killed),
    ("memory_holds_under_a_flood", flood::memory_holds),
    ("unkeyed_lines_are_told_of", unkeyed::told),
];

/// Those that start brokers of their own; one after the other, when the others are done.
const ALONE: &[(&str, fn())] = &[
    (
        "secured_with_tls_and_scram_and_no_secret_is_told",
        secured::right_and_wrong,
    ),
    (
        "exactly_once_while_the_groups_coordinator_stays_away",
        away::the_coordinator,
    ),
    (
        "exactly_once_while_a_leader_of_the_input_stays_away",
        away::a_leader,
    ),
    (
        "exactly_once_from_another_replica_than_the_leader",
        away::not_from_the_leader,
    ),
    (
        "unkeyed_lines_are_rekeyed_while_a_leader_stays_away",
        unkeyed::rekeyed_without_a_leader,
    ),
    ("exactly_once_through_chaos_of_three_brokers", chaos::rounds),
];

/// Brokers, and so tests, at once.
const AT_ONCE: usize = 2;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let alone = ALONE.iter().map(|(name, _)| *name);
    let all = || CASES.iter().map(|(name, _)| *name).chain(alone.clone());
    if words.iter().any(|word| word == "--list") {
        all().for_each(|name| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    let mut words = words
        .iter()
        .filter(|word| !word.starts_with('-'))
        .peekable();
    let words: Option<Vec<_>> = words.peek().is_some().then(|| words.collect());
    let is_chosen = |name: &str| {
        let words = words.as_ref();
        words.is_none_or(|words| words.iter().any(|word| name.contains(word.as_str())))
    };
    let chosen: Vec<&str> = all().filter(|name| is_chosen(name)).collect();
    if chosen.is_empty() {
        return ExitCode::SUCCESS;
    }
    let first = match Broker::start() {
        Ok(broker) => broker,
        Err(why) => return without_a_broker(&why, &chosen),
    };
    let cases: Vec<&Case> = CASES.iter().filter(|(name, _)| is_chosen(name)).collect();
    let mut failed = shared_out(&cases, first);
    for (name, case) in ALONE {
        if is_chosen(name) && !passes(name, case) {
            failed.push(name);
        }
    }
    println!(
        "kafka: {} passed, {} failed {failed:?}",
        chosen.len() - failed.len(),
        failed.len()
    );
    if failed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Each broker takes the next case when it is done with one. Gives those that failed.
fn shared_out(cases: &[&Case], first: Broker) -> Vec<&'static str> {
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let take = |mut broker: Broker| {
        while let Some((name, case)) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            let passed = passes(name, || case(&mut broker));
            broker.heal();
            if !passed {
                failed.lock().expect("nobody panicked").push(*name);
            }
        }
    };
    let take = &take;
    thread::scope(|scope| {
        for _ in 1..AT_ONCE.min(cases.len()) {
            scope.spawn(|| match Broker::start() {
                Ok(broker) => take(broker),
                Err(why) => println!("kafka: one broker fewer: {why}"),
            });
        }
        take(first);
    });
    failed.into_inner().expect("nobody panicked")
}

fn passes(name: &str, case: impl FnOnce()) -> bool {
    let began = Instant::now();
    let passed = catch_unwind(AssertUnwindSafe(case)).is_ok();
    println!(
        "test kafka::{name} ... {} ({:.1} s)",
        if passed { "ok" } else { "FAILED" },
        began.elapsed().as_secs_f64()
    );
    passed
}

fn without_a_broker(why: &str, chosen: &[&str]) -> ExitCode {
    let line = "=".repeat(72);
    println!("{line}\nNOT RUN: no Apache Kafka for these tests: {why}");
    chosen
        .iter()
        .for_each(|name| println!("  not run: kafka::{name}"));
    println!(
        "They need a JDK 17 and Maven. TRAILHOUND_REQUIRE_KAFKA=1 makes this a failure.\n{line}"
    );
    if std::env::var_os("TRAILHOUND_REQUIRE_KAFKA").is_some_and(|value| value == "1") {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}
