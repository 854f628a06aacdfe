//! What lanes are told: how much they keep, how long they wait, what guessing and a story are.
//!
//! Place in the flow: a part of trusted.rs. Every range here fits the types that the pipeline has for it.

use std::time::Duration;

use super::{Check, DAY, SECOND};
use crate::config::written;
use crate::model::envelope::{Envelope, Form};
use crate::model::settings::{Guessing, LONE_SETTLES, Limits, Points, Rarity, Verdict, Waits};

impl Check<'_> {
    /// `lanes`: what all of them together may weigh.
    pub(super) fn limits(&mut self, written: &written::Limits, lanes: usize) -> Limits {
        const MOST: u64 = 100_000_000;
        const MOST_BYTES: u64 = 1 << 40;
        let line = self.count("limits.line_bytes", written.line_bytes.0, 1024..=16 << 20);
        let per_host = self.count("limits.events_per_host", written.events_per_host, 1..=MOST);
        let bytes_per_host = self.count(
            "limits.bytes_per_host",
            written.bytes_per_host.0,
            line as u64..=MOST_BYTES,
        );
        Limits {
            events_per_host: per_host,
            events: self.count("limits.events", written.events, per_host as u64..=MOST),
            bytes_per_host,
            bytes: self.count(
                "limits.bytes",
                written.bytes.0,
                bytes_per_host as u64..=MOST_BYTES,
            ),
            line_bytes: line,
            sessions_per_host: self.count(
                "limits.sessions_per_host",
                written.sessions_per_host,
                1..=MOST,
            ),
            processes_per_host: self.count(
                "limits.processes_per_host",
                written.processes_per_host,
                1..=MOST,
            ),
            sources_per_host: self.count(
                "limits.sources_per_host",
                written.sources_per_host,
                1..=MOST,
            ),
            patterns_per_host: self.count(
                "limits.patterns_per_host",
                written.patterns_per_host,
                1..=MOST,
            ),
            hosts: self.count("limits.hosts", written.hosts, 1..=MOST),
            memory: lanes,
        }
    }

    pub(super) fn waits(&mut self, written: &written::Waits) -> Waits {
        let tenth = SECOND / 10;
        let event = self.between("waits.event", written.event, tenth..=600 * SECOND);
        let settle = self.between("waits.settle", written.settle, Duration::ZERO..=event);
        Waits {
            event_ms: millis(event),
            settle_ms: millis(settle),
            lone_ms: LONE_SETTLES * millis(settle),
            logon_ms: millis(self.between("waits.logon", written.logon, tenth..=3600 * SECOND)),
            shuffled: false,
            younger: None,
        }
    }

    pub(super) fn envelope(&mut self, written: written::Audit) -> Envelope {
        let pointers = [("audit.line", &written.line), ("audit.host", &written.host)];
        for (path, _) in pointers
            .iter()
            .filter(|(_, pointer)| written.form == Form::Lines && pointer.0.is_some())
        {
            let what = format!("'{path}' is a JSON pointer, and 'audit.form' is \"lines\"");
            self.wrong(path, what, "\"auto\" or \"json\" as 'audit.form'");
        }
        Envelope {
            form: written.form,
            line: written.line.0,
            host: written.host.0,
        }
    }

    pub(super) fn verdict(&mut self, written: &written::Verdict) -> Verdict {
        const MOST: u64 = 10_000;
        let high = self.number("verdict.high", written.high, 1..=MOST);
        let mut points = |path, points| self.number(path, points, 0..=1_000) as u32;
        let points = Points {
            informational: points("verdict.informational_points", written.informational_points),
            low: points("verdict.low_points", written.low_points),
            medium: points("verdict.medium_points", written.medium_points),
            high: points("verdict.high_points", written.high_points),
            critical: points("verdict.critical_points", written.critical_points),
            indicator: points("verdict.indicator_points", written.indicator_points),
            guessed: points("verdict.guessed_points", written.guessed_points),
            outside: points("verdict.outside_points", written.outside_points),
        };
        let silence = self.between("verdict.silence", written.silence, 60 * SECOND..=7 * DAY);
        Verdict {
            high: high as u32,
            critical: self.number("verdict.critical", written.critical, high..=MOST) as u32,
            tactics: self.count("verdict.tactics", written.tactics, 1..=14),
            silence_ms: millis(silence),
            points,
        }
    }

    pub(super) fn rarity(&mut self, written: &written::Rarity) -> Option<Rarity> {
        let learning = written.learning.0?;
        let learning = self.between("rarity.learning", learning, 3600 * SECOND..=90 * DAY);
        Some(Rarity {
            learning_ms: millis(learning),
        })
    }

    pub(super) fn guessing(&mut self, written: &written::Guessing) -> Guessing {
        Guessing {
            failures: self.number("guessing.failures", written.failures, 1..=10_000) as u32,
            window_ms: millis(self.between("guessing.window", written.window, SECOND..=7 * DAY)),
        }
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
