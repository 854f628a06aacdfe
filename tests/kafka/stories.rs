//! A recorded attack on each of three hosts, with the pack of rules on, through daemons that are killed before,
//! within and after it: the same findings as `replay`, once.
//!
//! Place in the flow: the top, beside exactly.rs and cases.rs. Where to kill is taken from the story as
//! `replay` tells it: behind the event that proves a stage. Findings are told apart by the ids that their
//! readers see.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::broker::Broker;
use crate::clients::Feeder;
use crate::daemon::{Daemon, Place, wait_for};
use crate::recording::{self, Documents, Host};
use crate::{cases, exactly};

const RULES: &str = "[rules]\npack = true\n";
/// Lines that come just before a daemon is killed: it may have read them or not.
const LAST_LINES: usize = 60;
/// Lines of all hosts before the attack of the first.
const BEFORE: usize = 600;

pub fn exactly_once_through_kills(broker: &mut Broker) {
    let place = Place::exactly_once(broker, "eo-story");
    let (expected, last) = through_kills(&place);
    exactly::compare(&place, &expected);
    last.stop_well();
    one_attack_each(&exactly::committed(&place));
}

pub fn at_least_once_through_kills(broker: &mut Broker) {
    let place = Place::new(broker, "story");
    let (expected, last) = through_kills(&place);
    let repeats = cases::compare(&place, &expected);
    last.stop_well();
    println!("  {repeats} repeats");
    let (came, _) = cases::written(&place);
    let came: Vec<String> = came.into_values().collect();
    one_attack_each(&came);
    // Said is the same too, not only that something was.
    let said = |all: &mut dyn Iterator<Item = &String>| -> BTreeSet<String> {
        let told = all.filter_map(|text| Some(story(text)?["message"].to_string()));
        told.collect()
    };
    assert_eq!(said(&mut came.iter()), said(&mut expected.values()));
}

/// Feeds all lines while one daemon after the other is killed. Gives what `replay` says of them, and
/// the last daemon.
fn through_kills(place: &Place) -> (Documents, Daemon) {
    let hosts = recording::attacked();
    let expected = recording::expected_with(&hosts, place.folder.path(), &["--pack"]);
    let kills = places(&hosts, &expected);
    let lines: Vec<(&str, &[u8])> = recording::interleaved(&hosts).collect();
    let feeder = Feeder::new(&place.servers, &place.topic("audit.raw"));
    let feed = |lines: &[(&str, &[u8])]| {
        lines
            .iter()
            .for_each(|(host, line)| feeder.send(host, line));
        feeder.flush();
    };
    let mut fed = 0;
    for (life, &kill) in kills.iter().enumerate() {
        let daemon = place.start(&format!("life{life}"), RULES);
        feed(&lines[fed..kill - LAST_LINES]);
        wait_until_read(&daemon, kill - LAST_LINES - fed);
        feed(&lines[kill - LAST_LINES..kill]);
        daemon.kill();
        fed = kill;
    }
    let last = place.start("last", RULES);
    feed(&lines[fed..]);
    wait_until_read(&last, lines.len() - fed);
    println!("  killed {} times of {} lines", kills.len(), lines.len());
    (expected, last)
}

/// It has read so many lines at least, and reads nothing any more.
fn wait_until_read(daemon: &Daemon, lines: usize) {
    let mut before = 0.0;
    wait_for("a daemon that has read what there is", || {
        let read = daemon.metric("trailhound_input_records_total")?;
        thread::sleep(Duration::from_millis(150));
        (read >= lines as f64 && std::mem::replace(&mut before, read) == read).then_some(())
    });
}

/// A finding that tells a story.
fn story(document: &str) -> Option<Value> {
    let document: Value = serde_json::from_str(document).expect("JSON");
    let analytic = document.pointer("/finding_info/analytic/uid")?;
    (analytic == "story").then_some(document)
}

/// After how many lines to kill: before the attack of the first host, behind events that prove stages of it, and
/// after it. The other hosts are close by, within their own attacks.
fn places(hosts: &[Host], expected: &Documents) -> Vec<usize> {
    let closed = expected
        .values()
        .filter_map(|text| story(text))
        .find(|told| {
            told["activity_name"] == "Close" && told["device"]["hostname"] == hosts[0].name.as_str()
        });
    let closed = closed.expect("the story of the first host");
    let proofs = closed["finding_info"]["related_events"].as_array();
    let times: Vec<i64> = proofs
        .expect("proofs")
        .iter()
        .map(|event| event["first_seen_time"].as_i64().expect("a time"))
        .collect();
    assert!(times.len() > 8, "{times:?}");
    let behind = |time: i64| {
        let stamp = format!("audit({}.{:03}:", time / 1000, time % 1000);
        let is_of = |line: &Vec<u8>| String::from_utf8_lossy(line).contains(&stamp);
        let at = hosts[0].lines.iter().rposition(is_of).expect("its lines");
        (at + 1) * hosts.len()
    };
    let stages = [0, 1, 3, 6, times.len() - 1];
    let mut places: Vec<usize> = vec![BEFORE];
    places.extend(stages.iter().map(|&stage| behind(times[stage])));
    places.push(behind(times[times.len() - 1]) + 2 * LAST_LINES);
    places.sort_unstable();
    places.dedup_by(|next, before| *next <= *before + LAST_LINES);
    assert!(places.len() >= 6, "{places:?}");
    places
}

/// Of each host one finding, high or critical, that is created and closed once and is about the attacker; of
/// everyone else nothing above low.
fn one_attack_each(documents: &[String]) {
    let mut steps: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for document in documents {
        let Some(told) = story(document) else {
            let alert: Value = serde_json::from_str(document).expect("JSON");
            let is_loud = alert["class_uid"] == 2004 && alert["severity_id"].as_i64() > Some(2);
            let of_attacker = ["deploy", "203.0.113.66"]
                .iter()
                .any(|name| document.contains(name));
            assert!(!is_loud || of_attacker, "{document}");
            continue;
        };
        let title = told["finding_info"]["title"].as_str().expect("a title");
        assert!(title.contains("by deploy from 203.0.113.66"), "{title}");
        assert!(told["severity_id"].as_i64() >= Some(4), "{document}");
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let of = (
            text(&told["device"]["hostname"]),
            text(&told["finding_info"]["uid"]),
        );
        steps
            .entry(of)
            .or_default()
            .push(text(&told["activity_name"]));
    }
    let hosts: BTreeSet<&String> = steps.keys().map(|(host, _)| host).collect();
    assert_eq!(
        (hosts.len(), steps.len()),
        (3, 3),
        "one story for each host: {steps:?}"
    );
    for (of, steps) in &steps {
        let count = |name: &str| steps.iter().filter(|step| *step == name).count();
        assert_eq!(
            (count("Create"), count("Close")),
            (1, 1),
            "{of:?}: {steps:?}"
        );
        assert!(count("Update") > 2, "{of:?}: {steps:?}");
    }
}
