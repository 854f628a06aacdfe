//! Adds up what rules, indicators and guessed passwords say into one finding for each story.
//!
//! Place in the flow: after the matches of an event are told. A story is what came from one address outside; from one
//! address inside by one login user, for a bastion brings many people; or one session, where it has no address:
//! [`Key`]. What is done by an account that was made in a story is of that story, wherever it comes from. What is of no
//! session is of no story.
//!
//! The scheme. A rule counts once for each story, by its level; so does a guessed password, each indicator, and a source
//! outside with the first of these ([`Points`](crate::model::settings::Points)). A story is told when it has
//! [`Verdict::high`] points in [`Verdict::tactics`] tactics of ATT&CK or more, as high; as critical from
//! [`Verdict::critical`] points on, in two tactics more. So one loud rule alone is an alert and no story. What weighs
//! nothing is counted, by its reason ([`Suppressed`]): what everyone does (`id`, `uname`), a rule that has
//! counted, and what package managers and configuration management do, where its rule is below high. A story is told again when its severity rises
//! or a tactic is new to it, with the same uid, and for the last time when nothing was added for
//! [`Verdict::silence_ms`], or at the end of the input.
//!
//! Bounded: stories of a host, signs of a story. It never sees a record.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::alert::{
    AttackTag, Evidence, Finding, Rule, RuleInfo, Stage, Step, Suppressed, attack_tags,
    host_in_words,
};
use crate::model::settings::Verdict;
use crate::model::weight::{block, list, texts, tree};
use crate::model::{Alert, EventUid, Severity, Stamp, Timestamp, Tracked, Weigh};

/// Stories of one host. Who reaches it loses some at once: to look for the one that goes costs a look at all.
const MOST_STORIES: usize = 256;
const KEPT_STORIES: usize = MOST_STORIES / 8 * 7;

/// What counts of one story; what is beyond is counted as a sign alone.
const MOST_SIGNS: usize = 64;

/// Stories that are over are looked for so often, by the host's time.
const LOOK_MS: i64 = 60_000;

/// Names of one story.
const MOST_USERS: usize = 8;

/// Accounts that were made in one story.
const MOST_ACCOUNTS: usize = 8;

/// A story that began longer ago, by its newest sign, is not read again after a restart without saved state: what
/// reading again costs has a bound.
const MOST_READ_AGAIN_MS: i64 = 3_600_000;

/// Where reading the input again must begin to see something again, and when that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    pub offset: i64,
    pub time: Timestamp,
}

impl Origin {
    /// The first of both.
    fn with(self, other: Origin) -> Origin {
        Origin {
            offset: self.offset.min(other.offset),
            time: self.time.min(other.time),
        }
    }

    /// With the logon of its session, where that is not too long ago.
    pub fn with_logon(self, logon: Origin) -> Origin {
        match self.time.since(logon.time) <= MOST_READ_AGAIN_MS {
            true => self.with(logon),
            false => self,
        }
    }
}

/// What a story is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Key {
    /// All sessions from an address outside.
    Source(IpAddr),
    /// One session.
    Session(u32),
    /// All sessions of one login user from an address inside.
    User(IpAddr, u32),
}

/// What counts, once for each story: a rule, an indicator, a guessed password.
#[derive(Clone, Debug)]
pub struct Weight {
    /// Or what stands for the indicator or the guess.
    pub rule: Arc<RuleInfo>,
    pub points: u32,
}

/// An event in which something was seen.
#[derive(Clone, Debug)]
pub struct Seen {
    pub session: Option<u32>,
    /// Where the session came from, and whether that is outside.
    pub source: Option<IpAddr>,
    pub is_outside: bool,
    pub user: Option<Box<[u8]>>,
    /// Who logged on.
    pub login_user: Option<u32>,
    /// Who did it of those whose weak signs weigh nothing.
    pub routine: Option<Suppressed>,
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
    /// Names, else numbers, of accounts that were made in it.
    accounts: BTreeSet<Box<str>>,
    /// What has counted.
    counted: BTreeSet<Box<str>>,
    suppressed: [u32; Suppressed::ALL.len()],
    tactics: BTreeSet<Box<str>>,
    stages: Vec<Stage>,
    signs: u32,
    points: u32,
    /// Severity and tactics when it was told last, and how often it was.
    told: Option<(Severity, usize)>,
    times: u32,
    /// Of all its signs and their sessions. Not saved: who has the saved form reads nothing again.
    #[serde(skip)]
    origin: Option<Origin>,
}

/// A box of it: the map moves what it holds as others come and go.
impl Weigh for Box<Story> {
    fn heap(&self) -> usize {
        let sets = [&self.users, &self.accounts, &self.counted, &self.tactics];
        let stage = |stage: &Stage| {
            let all = [&stage.tactic, &stage.technique, &stage.title, &stage.what];
            all.iter().map(|text| block(text.len())).sum::<usize>()
        };
        block(size_of::<Story>())
            + sets.iter().map(|set| texts(set)).sum::<usize>()
            + tree(self.sessions.len(), size_of::<u32>())
            + list(self.stages.len(), size_of::<Stage>())
            + self.stages.iter().map(stage).sum::<usize>()
    }
}

/// The stories of one host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stories {
    pub all: Tracked<Key, Box<Story>>,
    /// How many of them made accounts.
    with_accounts: usize,
    /// When it was looked for stories that are over.
    pub looked: Timestamp,
    /// Stories that were let go because the bound was reached, untold.
    pub dropped: u64,
    /// Signs that weighed nothing, since somebody took the counts away.
    pub suppressed: [u64; Suppressed::ALL.len()],
}

impl Stories {
    /// Takes what was seen in an event; `tell` gets the finding where there is something new to tell.
    pub fn take(
        &mut self,
        seen: &Seen,
        origin: Origin,
        host: &str,
        verdict: &Verdict,
        tell: &mut dyn FnMut(Alert),
    ) {
        let Some((session, key)) = seen.session.zip(self.key_of(seen)) else {
            return;
        };
        if !self.all.contains_key(&key) {
            if self.all.len() >= MOST_STORIES {
                self.trim(host, KEPT_STORIES, tell);
            }
            self.all.insert(key, Box::new(Story::begin(seen)));
        }
        let Some(mut story) = self.all.get_mut(&key) else {
            return;
        };
        if story.sessions.len() < MOST_SIGNS {
            story.sessions.insert(session);
        }
        story.origin = Some(story.origin.map_or(origin, |first| first.with(origin)));
        for weight in &seen.weights {
            if let Some(reason) = story.add(seen, weight, verdict) {
                story.suppressed[reason.index()] += 1;
                self.suppressed[reason.index()] += 1;
            }
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

    /// Offset from which reading again brings the stories back that weigh something.
    pub fn first_offset(&self) -> Option<i64> {
        let weighs = self.all.values().filter(|story| story.points > 0);
        let origins = weighs.filter_map(|story| {
            let origin = story.origin?;
            let is_near = story.newest.since(origin.time) <= MOST_READ_AGAIN_MS;
            is_near.then_some(origin.offset)
        });
        origins.min()
    }

    /// An account was made. Where that is of a story, what the account does is, too.
    pub fn made(&mut self, seen: &Seen, account: &str) {
        if let Some(key) = self.key_of(seen)
            && let Some(mut story) = self.all.get_mut(&key)
            && story.points > 0
            && story.accounts.len() < MOST_ACCOUNTS
        {
            self.with_accounts += usize::from(story.accounts.is_empty());
            story.accounts.insert(account.into());
        }
    }

    /// Puts back what was saved.
    pub fn restore(&mut self, key: Key, story: Box<Story>) {
        self.with_accounts += usize::from(!story.accounts.is_empty());
        self.all.restore(key, story);
    }

    fn key_of(&self, seen: &Seen) -> Option<Key> {
        let session = seen.session?;
        if self.with_accounts > 0
            && let Some(key) = self.of_account(seen)
        {
            return Some(key);
        }
        Some(match (seen.source, seen.login_user) {
            (Some(ip), _) if seen.is_outside => Key::Source(ip),
            (Some(ip), Some(user)) => Key::User(ip, user),
            _ => Key::Session(session),
        })
    }

    /// The story in which the account was made that did it.
    fn of_account(&self, seen: &Seen) -> Option<Key> {
        let number = seen.login_user.map(|id| id.to_string());
        let name = seen.user.as_deref().map(String::from_utf8_lossy);
        let is_of = |story: &Story| {
            let mut names = name.iter().map(|name| &**name).chain(number.as_deref());
            !story.accounts.is_empty() && names.any(|name| story.accounts.contains(name))
        };
        let mut all = self.all.iter();
        all.find(|(_, story)| is_of(story)).map(|(key, _)| *key)
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
        let over = self.all.iter().filter(|(_, story)| is_over(story));
        let over: Vec<Key> = over.map(|(key, _)| *key).collect();
        over.into_iter().for_each(|key| self.close(key, host, tell));
    }

    /// When [`Stories::advance`] has something to do, by the host's own time.
    pub fn next(&self) -> Timestamp {
        self.looked.plus(LOOK_MS)
    }

    /// The input has ended.
    pub fn finish(&mut self, host: &str, tell: &mut dyn FnMut(Alert)) {
        let keys: Vec<Key> = self.all.iter().map(|(key, _)| *key).collect();
        keys.into_iter().for_each(|key| self.close(key, host, tell));
    }

    fn close(&mut self, key: Key, host: &str, tell: &mut dyn FnMut(Alert)) {
        let Some(mut story) = self.all.remove(&key) else {
            return;
        };
        self.with_accounts -= usize::from(!story.accounts.is_empty());
        if let Some((severity, _)) = story.told {
            tell(story.tell(key, host, severity, Step::Close));
        }
    }

    /// Lets go the untold, then the oldest, until so many are left.
    pub fn trim(&mut self, host: &str, most: usize, tell: &mut dyn FnMut(Alert)) {
        let many = self.all.len().saturating_sub(most);
        let ages = self
            .all
            .iter()
            .map(|(key, story)| (story.told.is_some(), story.newest, *key));
        let mut ages: Vec<_> = ages.collect();
        ages.sort_unstable();
        for (is_told, _, key) in ages.into_iter().take(many) {
            self.dropped += u64::from(!is_told);
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
            accounts: BTreeSet::new(),
            counted: BTreeSet::new(),
            suppressed: [0; Suppressed::ALL.len()],
            tactics: BTreeSet::new(),
            stages: Vec::new(),
            signs: 0,
            points: 0,
            told: None,
            times: 0,
            origin: None,
        }
    }

    /// Gives why it weighs nothing.
    fn add(&mut self, seen: &Seen, weight: &Weight, verdict: &Verdict) -> Option<Suppressed> {
        self.newest = self.newest.max(seen.evidence.time);
        self.signs = self.signs.saturating_add(1);
        if weight.points == 0 {
            return Some(Suppressed::Everyday);
        }
        if weight.rule.severity < Severity::High && seen.routine.is_some() {
            return seen.routine;
        }
        let rule = &weight.rule;
        if self.counted.contains(&rule.id) || self.counted.len() >= MOST_SIGNS {
            return Some(Suppressed::Again);
        }
        self.counted.insert(rule.id.clone());
        if let Some(user) = &seen.user
            && self.users.len() < MOST_USERS
        {
            self.users.insert(String::from_utf8_lossy(user).into());
        }
        if seen.is_outside && self.counted.insert("outside".into()) {
            self.points += verdict.points.outside;
        }
        self.points += weight.points;
        let (mut tactics, mut techniques) = (Vec::new(), Vec::new());
        for tag in attack_tags(&rule.tags) {
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
            title: rule.title.clone(),
            what: seen.what.clone(),
            evidence: seen.evidence.clone(),
        });
        self.tactics.extend(tactics);
        None
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
            Key::Source(ip) | Key::User(ip, _) => Some(ip),
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
                "On {on}, {who}{from} did {loud} things that belong to an attack, in {tactics} tactics, in this order: {}. That is {} points.{}",
                done.join("; "),
                self.points,
                self.weak_in_words(),
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
            finding: Some(Box::new(Finding {
                uid: self.uid,
                step,
                points: self.points,
                sessions: self.sessions.iter().copied().collect(),
                tactics: self.tactics.iter().cloned().collect(),
                stages: self.stages.clone(),
                suppressed: self.suppressed,
            })),
        }
    }

    /// A sentence about what weighs nothing.
    fn weak_in_words(&self) -> String {
        let why = |reason: Suppressed| match reason {
            Suppressed::Everyday => "are what everyone does",
            Suppressed::Again => "repeat what has counted",
            Suppressed::Packages => "are a package manager's",
            Suppressed::Configuration => "are configuration management's",
        };
        let all = Suppressed::ALL.map(|reason| (reason, self.suppressed[reason.index()]));
        let told = all.iter().filter(|(_, count)| *count > 0);
        let told: Vec<String> = told
            .map(|(reason, count)| format!("{count} {}", why(*reason)))
            .collect();
        match told.is_empty() {
            true => String::new(),
            false => format!(" More signs weigh nothing: {}.", told.join(", ")),
        }
    }
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
