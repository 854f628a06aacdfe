//! ECS and ASIM outputs against the published lists of fields, and docs/SCHEMAS.md made from what is
//! written.
//!
//! Runs the library's lane over lines of its own, the golden folders, and the recordings beside the
//! project. The published lists are read where they stand (TRAILHOUND_SHARED); where they do not, that
//! is said, and the lists in docs/SCHEMAS.md are still held.

mod asim;
mod ecs;
mod fields;
mod inputs;

/// What is wrong with the documents of a schema: each finding with how often, and the first document.
#[derive(Default)]
pub struct Findings(std::collections::BTreeMap<String, (usize, String)>);

impl Findings {
    pub fn add(&mut self, what: String, document: &serde_json::Value) {
        let seen = self.0.entry(what).or_insert((0, String::new()));
        if seen.0 == 0 {
            seen.1 = document.to_string();
        }
        seen.0 += 1;
    }

    pub fn none(&self) {
        let told: Vec<String> = self
            .0
            .iter()
            .map(|(what, (count, first))| format!("{count} × {what}\n    first in {first}"))
            .collect();
        assert!(
            told.is_empty(),
            "{} findings\n{}",
            told.len(),
            told.join("\n")
        );
    }
}

/// `2023-11-14T22:13:20.007Z`, a day and a time that exist.
pub fn is_time(text: &str) -> bool {
    text.len() == 24
        && text.ends_with('Z')
        && chrono::DateTime::parse_from_rfc3339(text).is_ok_and(|time| {
            time.to_utc()
                .to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
                == text
        })
}
