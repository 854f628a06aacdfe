//! Adds up what rules, indicators and guessed passwords say into one finding for each story.
//!
//! Place in the flow: after the matches of an event are told. A story is what came from one address outside, or
//! one session where there is none: [`Key`]. What is of no session is of no story.
//!
//! The scheme. A rule counts once for each story, by its level: informational 0, low 1, medium 3, high 6, critical
//! 10. A guessed password counts 6, an indicator 4 for each value, a source outside 2 with the first of these. A
//! story is told when it has [`Verdict::high`] points in [`Verdict::tactics`] tactics of ATT&CK or more, as high; as
//! critical from [`Verdict::critical`] points on, in two tactics more. So what everyone does (`id`, `uname`, a look
//! at /etc/passwd) adds up to nothing, and one loud rule alone is an alert and no story. A story is told again when its severity rises
//! or a tactic is new to it, with the same uid, and for the last time when nothing was added for
//! [`Verdict::silence_ms`], or at the end of the input.
//!
//! Bounded: stories of a host, signs of a story. It never sees a record.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::model::alert::{
    AttackTag, Evidence, Finding, Rule, Stage, Step, attack_tags, host_in_words,
};
use crate::model::settings::Verdict;
use crate::model::{Alert, EventUid, Severity, Stamp, Timestamp, Tracked};

/// Stories of one host.
const MOST_STORIES: usize = 256;

/// What counts of one story; what is beyond is counted as a sign alone.
const MOST_SIGNS: usize = 64;

/// Stories that are over are looked for so often, by the host's time.
const LOOK_MS: i64 = 60_000;

/// Names of one story.
const MOST_USERS: usize = 8;

/// Points of a source outside.
const OUTSIDE: u32 = 2;

/// Points of an indicator, and of a guessed password.
pub const INDICATOR: u32 = 4;
pub const GUESSED: u32 = 6;

/// What a story is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Key {
    /// All sessions from an address outside.
    Source(IpAddr),
    /// One session.
    Session(u32),
}

/// What counts, once for each story: a rule, an indicator, a guessed password.
#[derive(Clone, Debug)]
pub struct Weight {
    pub of: Box<str>,
    pub title: Box<str>,
    pub points: u32,
    /// `attack.execution`, `attack.t1059.004`.
    pub tags: Vec<Box<str>>,
}

/// An event in which something was seen.
#[derive(Clone, Debug)]
pub struct Seen {
    pub session: Option<u32>,
    /// Where the session came from, if that is outside.
    pub outside: Option<IpAddr>,
    pub user: Option<Box<[u8]>>,
    /// What was done: a command line.
    pub what: Box<str>,
    pub evidence: Evidence,
    pub weights: Vec<Weight>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Story {
    uid: EventUid,
    users: BTreeSet<Box<str>>,
    sessions: BTreeSet<u32>,
    first: Timestamp,
    newest: Timestamp,
    /// What has counted.
    counted: BTreeSet<Box<str>>,
    tactics: BTreeSet<Box<str>>,
    stages: Vec<Stage>,
    signs: u32,
    points: u32,
    /// Severity and tactics when it was told last, and how often it was.
    told: Option<(Severity, usize)>,
    times: u32,
}

/// The stories of one host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stories {
    pub all: Tracked<Key, Story>,
    /// When it was looked for stories that are over.
    pub looked: Timestamp,
    /// Stories that were let go because the bound was reached, untold.
    pub dropped: u64,
}

/// Points of a rule by its level.
pub fn points(level: Severity) -> u32 {
    match level {
        Severity::Informational => 0,
        Severity::Low => 1,
        Severity::Medium => 3,
        Severity::High => 6,
        Severity::Critical => 10,
    }
}

impl Stories {
    /// Takes what was seen in an event; `tell` gets the finding where there is something new to tell.
    pub fn take(
        &mut self,
        seen: &Seen,
        host: &str,
        verdict: &Verdict,
        tell: &mut dyn FnMut(Alert),
    ) {
        let Some(session) = seen.session else {
            return;
        };
        let key = seen.outside.map_or(Key::Session(session), Key::Source);
        if !self.all.contains_key(&key) {
            self.make_room(host, tell);
            self.all.insert(key, Story::begin(seen));
        }
        let Some(story) = self.all.get_mut(&key) else {
            return;
        };
        if story.sessions.len() < MOST_SIGNS {
            story.sessions.insert(session);
        }
        for weight in &seen.weights {
            story.add(seen, weight);
        }
        let (now, tactics) = (story.severity(verdict), story.tactics.len());
        let is_new = match (now, story.told) {
            (Some(now), Some((before, had))) => now > before || tactics > had,
            (now, None) => now.is_some(),
            (None, Some(_)) => false,
        };
        if let Some(severity) = now.filter(|_| is_new) {
            let step = match story.told {
                None => Step::Create,
                Some(_) => Step::Update,
            };
            story.told = Some((severity, tactics));
            tell(story.tell(key, host, severity, step));
        }
    }

    /// Closes the stories that have been silent long enough.
    pub fn advance(
        &mut self,
        now: Timestamp,
        host: &str,
        verdict: &Verdict,
        tell: &mut dyn FnMut(Alert),
    ) {
        if now.since(self.looked) < LOOK_MS {
            return;
        }
        self.looked = now;
        let is_over = |story: &Story| now.since(story.newest) > verdict.silence_ms;
        if self.all.values().any(is_over) {
            let over: Vec<Key> = self
                .all
                .iter()
                .filter(|(_, s)| is_over(s))
                .map(|(k, _)| *k)
                .collect();
            over.into_iter().for_each(|key| self.close(key, host, tell));
        }
    }

    /// The input has ended.
    pub fn finish(&mut self, host: &str, tell: &mut dyn FnMut(Alert)) {
        let keys: Vec<Key> = self.all.iter().map(|(key, _)| *key).collect();
        keys.into_iter().for_each(|key| self.close(key, host, tell));
    }

    fn close(&mut self, key: Key, host: &str, tell: &mut dyn FnMut(Alert)) {
        if let Some(mut story) = self.all.remove(&key)
            && let Some((severity, _)) = story.told
        {
            tell(story.tell(key, host, severity, Step::Close));
        }
    }

    fn make_room(&mut self, host: &str, tell: &mut dyn FnMut(Alert)) {
        if self.all.len() < MOST_STORIES {
            return;
        }
        let oldest = self
            .all
            .iter()
            .min_by_key(|(_, story)| (story.told.is_some(), story.newest));
        if let Some((&key, story)) = oldest {
            self.dropped += u64::from(story.told.is_none());
            self.close(key, host, tell);
        }
    }
}

impl Story {
    fn begin(seen: &Seen) -> Story {
        let time = seen.evidence.time;
        Story {
            uid: seen.evidence.uid.derive("story"),
            users: BTreeSet::new(),
            sessions: BTreeSet::new(),
            first: time,
            newest: time,
            counted: BTreeSet::new(),
            tactics: BTreeSet::new(),
            stages: Vec::new(),
            signs: 0,
            points: 0,
            told: None,
            times: 0,
        }
    }

    fn add(&mut self, seen: &Seen, weight: &Weight) {
        self.newest = self.newest.max(seen.evidence.time);
        self.signs = self.signs.saturating_add(1);
        if self.counted.len() >= MOST_SIGNS || !self.counted.insert(weight.of.clone()) {
            return;
        }
        if weight.points == 0 {
            return;
        }
        if let Some(user) = &seen.user
            && self.users.len() < MOST_USERS
        {
            self.users.insert(String::from_utf8_lossy(user).into());
        }
        if seen.outside.is_some() && self.counted.insert("outside".into()) {
            self.points += OUTSIDE;
        }
        self.points += weight.points;
        let (mut tactics, mut techniques) = (Vec::new(), Vec::new());
        for tag in attack_tags(&weight.tags) {
            match tag {
                AttackTag::Tactic(name) => tactics.push(name.into_boxed_str()),
                AttackTag::Technique(number) => {
                    techniques.push(format!("T{number}").to_uppercase())
                }
            }
        }
        self.stages.push(Stage {
            tactic: tactics.first().cloned().unwrap_or_default(),
            technique: techniques.into_iter().next().unwrap_or_default().into(),
            title: weight.title.clone(),
            what: seen.what.clone(),
            evidence: seen.evidence.clone(),
        });
        self.tactics.extend(tactics);
    }

    fn severity(&self, verdict: &Verdict) -> Option<Severity> {
        let tactics = self.tactics.len();
        if self.points >= verdict.critical && tactics >= verdict.tactics + 2 {
            return Some(Severity::Critical);
        }
        let is_high = self.points >= verdict.high && tactics >= verdict.tactics;
        is_high.then_some(Severity::High)
    }

    fn tell(&mut self, key: Key, host: &str, severity: Severity, step: Step) -> Alert {
        self.times += 1;
        let src_ip = match key {
            Key::Source(ip) => Some(ip),
            Key::Session(_) => None,
        };
        let users: Vec<&str> = self.users.iter().map(|user| &**user).collect();
        let who = if users.is_empty() {
            "somebody".to_owned()
        } else {
            users.join(", ")
        };
        let from = src_ip.map_or(String::new(), |ip| format!(" from {ip}"));
        let on = host_in_words(host);
        let done: Vec<String> = self
            .stages
            .iter()
            .map(|stage| stage.title.to_lowercase())
            .collect();
        let loud = done.len();
        let tactics = self.tactics.len();
        let at = Stamp {
            time: self.newest,
            serial: u64::from(self.times),
        };
        Alert {
            uid: EventUid::of(&format!("story {:032x}", self.uid.0), host, at),
            rule: Rule::Story,
            severity,
            host: host.into(),
            time: self.newest,
            title: format!("Attack in {tactics} tactics by {who}{from} on {on}"),
            message: format!(
                "On {on}, {who}{from} did {loud} things that belong to an attack, in {tactics} tactics, in this order: {}. That is {} points.",
                done.join("; "),
                self.points
            ),
            user: self.users.first().cloned(),
            src_ip,
            first_seen: self.first,
            evidence: self
                .stages
                .iter()
                .map(|stage| stage.evidence.clone())
                .collect(),
            evidence_total: self.signs,
            hits: Vec::new(),
            gap: None,
            behaviour: None,
            finding: Some(Finding {
                uid: self.uid,
                step,
                points: self.points,
                sessions: self.sessions.iter().copied().collect(),
                tactics: self.tactics.iter().cloned().collect(),
                stages: self.stages.clone(),
            }),
        }
    }
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
