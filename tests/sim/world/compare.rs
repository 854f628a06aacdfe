//! What was committed, held against what one undisturbed replay says.

use std::collections::BTreeSet;

use trailhound::config::Delivery;
use trailhound::runtime::port::Isolation;

use super::World;
use crate::brokers::lock;
use crate::script::Told;

/// What the topics of the outputs begin with.
const OUTPUTS: &str = "trailhound.";
/// Those of single events. Logons and alerts are joined from several; where delivery is at least once, a lane
/// that reads again may have begun in the middle of them.
const EVENTS: [&str; 2] = ["trailhound.process", "trailhound.audit"];

impl World {
    pub(super) fn is_all_there(&self) -> bool {
        let (expected, told) = (&self.plan.script.expected, self.told());
        match self.config.delivery {
            Delivery::ExactlyOnce => told.values().sum::<i64>() >= expected.values().sum(),
            Delivery::AtLeastOnce => ids(expected).is_subset(&ids(&told)),
        }
    }

    /// How long the outputs are, for who waits for more.
    pub(super) fn ends(&self) -> i64 {
        let brokers = lock(&self.cluster);
        let outputs = brokers.logs.iter();
        let outputs = outputs.filter(|((topic, _), _)| topic.starts_with(OUTPUTS));
        outputs.map(|(_, log)| log.end(Isolation::Committed)).sum()
    }

    fn told(&self) -> Told {
        let brokers = lock(&self.cluster);
        let outputs = brokers
            .logs
            .iter()
            .filter(|((topic, _), _)| topic.starts_with(OUTPUTS));
        let mut told = Told::new();
        for ((topic, _), log) in outputs {
            for record in log.committed() {
                // Events of one message stand one a line; no line that the scripts have holds another.
                let value = record.value.as_deref().unwrap_or_default();
                for event in value.split(|byte| *byte == b'\n') {
                    let output = (topic.clone(), record.key.clone(), event.to_vec());
                    *told.entry(output).or_default() += 1;
                }
            }
        }
        told
    }

    /// At least once: no event is lost. (A line that came too late for its event may be told as one by a lane that
    /// reads again and has not seen that event.)
    pub(super) fn compare_ids(&self) -> Result<(), String> {
        let (expected, came) = (ids(&self.plan.script.expected), ids(&self.told()));
        match expected.difference(&came).count() {
            0 => Ok(()),
            lost => Err(format!("{lost} events are lost")),
        }
    }

    pub(super) fn compare(&self) -> Result<(), String> {
        let mut counts = self.plan.script.expected.clone();
        for (output, count) in self.told() {
            *counts.entry(output).or_default() -= count;
        }
        counts.retain(|_, count| *count != 0);
        if counts.is_empty() {
            return Ok(());
        }
        let lost: i64 = counts.values().filter(|count| **count > 0).sum();
        let extra: i64 = -counts.values().filter(|count| **count < 0).sum::<i64>();
        let some: Vec<String> = counts
            .keys()
            .take(4)
            .map(|one| shown(one, &counts))
            .collect();
        Err(format!(
            "{lost} outputs are not there and {extra} are too many; some: {}",
            some.concat()
        ))
    }
}

fn ids(told: &Told) -> BTreeSet<String> {
    let events = told.keys().filter(|(topic, ..)| EVENTS.contains(&&**topic));
    events.filter_map(|(_, _, value)| id_of(value)).collect()
}

fn id_of(value: &[u8]) -> Option<String> {
    let document: serde_json::Value = serde_json::from_slice(value).ok()?;
    let id = document.pointer("/metadata/uid")?.as_str()?;
    Some(id.to_owned())
}

/// An output in a few words: where it begins to differ from the one that is most like it.
fn shown(output: &(String, Vec<u8>, Vec<u8>), all: &Told) -> String {
    let (topic, _, value) = output;
    let common = |other: &[u8]| value.iter().zip(other).take_while(|(a, b)| a == b).count();
    let others = all.keys().filter(|other| *other != output);
    let from = others.map(|(_, _, other)| common(other)).max().unwrap_or(0);
    let from = from.saturating_sub(80);
    let part = &value[from..value.len().min(from + 240)];
    let text = String::from_utf8_lossy(part);
    format!("\n  {:+} {topic} …{text}", all[output])
}
