//! A source address that failed to log on several times and then got in (high), or did not (medium).
//!
//! Place in the flow: it sees the logons of one host in order. Getting in is told at once. Not getting
//! in is told once the address has been silent for [`QUIET_MS`] or its window is over, so that one
//! story makes one alert.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::model::alert::{Evidence, Rule, host_in_words};
use crate::model::logon::LogonActivity;
use crate::model::settings::Guessing;
use crate::model::weight::{block, list, tree};
use crate::model::{Alert, Due, EventUid, Logon, Severity, Timestamp, Tracked, Weigh};

/// An address that is silent for this long has given up.
const QUIET_MS: i64 = 60_000;

/// Failed logons that an alert names; it counts all.
const MOST_EVIDENCE: usize = 20;

/// Account names that an alert names.
const MOST_NAMES: usize = 10;

/// OCSF Authentication: Logon.
const TYPE_LOGON: u32 = 300_201;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    first: Timestamp,
    newest: Timestamp,
    /// Offset of the input record behind the first failure.
    offset: i64,
    failures: u32,
    /// Failures of windows before this one, which were told.
    earlier: u32,
    /// Told as medium; getting in after that is still worth an alert.
    told: bool,
    names: Vec<Box<str>>,
    evidence: Vec<(EventUid, Timestamp)>,
}

/// When it is due stands beside it.
impl Weigh for Source {
    fn heap(&self) -> usize {
        let names: usize = self.names.iter().map(|name| block(name.len())).sum();
        names
            + list(self.names.len(), size_of::<Box<str>>())
            + list(self.evidence.len(), size_of::<(EventUid, Timestamp)>())
            + tree(1, size_of::<(Timestamp, IpAddr)>())
    }
}

/// The addresses that failed to log on to one host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guesses {
    pub sources: Tracked<IpAddr, Source>,
    /// Made from the sources.
    due: Due<IpAddr>,
    /// Addresses that were forgotten because the bound was reached.
    pub dropped: u64,
}

impl Guesses {
    /// Takes one logon. `offset` is that of the input record it began with; `most` bounds the addresses.
    pub fn take(
        &mut self,
        logon: &Logon,
        offset: i64,
        rule: &Guessing,
        most: usize,
        tell: &mut dyn FnMut(Alert),
    ) {
        let Some(ip) = logon
            .src_ip
            .filter(|_| logon.activity == LogonActivity::Logon)
        else {
            return;
        };
        if logon.success {
            let guessed = self.take_source(ip, rule).filter(|source| {
                (source.failures >= rule.failures || source.earlier > 0)
                    && logon.stamp.time.since(source.newest) <= rule.window_ms
            });
            if let Some(source) = guessed {
                tell(got_in(&source, ip, logon));
            }
            return;
        }
        if !self.sources.contains_key(&ip) && self.sources.len() >= most {
            self.forget_oldest(&logon.host, rule, tell);
        }
        if !self.sources.contains_key(&ip) {
            self.sources.insert(ip, Source::new(logon, offset));
        }
        let Some(mut source) = self.sources.get_mut(&ip) else {
            return;
        };

        let old = (source.failures > 0).then(|| source.due(rule));
        if source.told && logon.stamp.time.since(source.first) > rule.window_ms {
            source.begin_window(logon.stamp.time, offset);
        }
        // What is told later can have begun earlier.
        source.offset = source.offset.min(offset);
        source.add(logon);
        self.due.set(ip, old, source.due(rule));
    }

    /// Tells the addresses that have given up, and forgets those whose window is over.
    pub fn advance(
        &mut self,
        now: Timestamp,
        host: &str,
        rule: &Guessing,
        tell: &mut dyn FnMut(Alert),
    ) {
        while let Some(ip) = self.due.pop(now) {
            let Some(mut source) = self.sources.get_mut(&ip) else {
                continue;
            };
            if source.told || source.failures < rule.failures {
                drop(source);
                self.sources.remove(&ip);
                continue;
            }
            source.told = true;
            tell_given_up(&source, ip, host, rule, tell);
            self.due.set(ip, None, source.due(rule));
        }
    }

    /// When [`Guesses::advance`] has something to do, by the host's own time.
    pub fn next(&self) -> Timestamp {
        self.due.next()
    }

    /// The input has ended.
    pub fn finish(&mut self, host: &str, rule: &Guessing, tell: &mut dyn FnMut(Alert)) {
        for (ip, source) in self.sources.take() {
            if !source.told {
                tell_given_up(&source, ip, host, rule, tell);
            }
        }
        self.due = Due::default();
    }

    /// The sources were put back from their saved form: when each is due is reckoned anew.
    pub fn restored(&mut self, rule: &Guessing) {
        self.due = Due::default();
        for (ip, source) in self.sources.iter() {
            self.due.set(*ip, None, source.due(rule));
        }
    }

    fn take_source(&mut self, ip: IpAddr, rule: &Guessing) -> Option<Source> {
        let source = self.sources.remove(&ip)?;
        self.due.remove(ip, source.due(rule));
        Some(source)
    }

    /// Offset of the oldest failure of an address that still counts.
    pub fn offset_of(&self, ip: IpAddr) -> Option<i64> {
        self.sources.get(&ip).map(|source| source.offset)
    }

    /// The same, of all addresses.
    pub fn first_offset(&self) -> Option<i64> {
        self.sources.values().map(|source| source.offset).min()
    }

    /// Lets go those that are due next until so many are left.
    pub fn trim(&mut self, host: &str, rule: &Guessing, most: usize, tell: &mut dyn FnMut(Alert)) {
        let mut before = usize::MAX;
        while self.sources.len() > most && self.sources.len() < before {
            before = self.sources.len();
            self.forget_oldest(host, rule, tell);
        }
    }

    fn forget_oldest(&mut self, host: &str, rule: &Guessing, tell: &mut dyn FnMut(Alert)) {
        let Some(ip) = self.due.first() else {
            return;
        };
        if let Some(source) = self.take_source(ip, rule) {
            self.dropped += 1;
            if !source.told {
                tell_given_up(&source, ip, host, rule, tell);
            }
        }
    }
}

impl Source {
    fn new(logon: &Logon, offset: i64) -> Source {
        Source {
            first: logon.stamp.time,
            newest: logon.stamp.time,
            offset,
            failures: 0,
            earlier: 0,
            told: false,
            names: Vec::new(),
            evidence: Vec::new(),
        }
    }

    /// A source that never stops is told once a window, and does not hold its first record for ever.
    fn begin_window(&mut self, time: Timestamp, offset: i64) {
        *self = Source {
            first: time,
            newest: self.newest,
            offset,
            failures: 0,
            earlier: self.earlier.saturating_add(self.failures),
            told: false,
            names: Vec::new(),
            evidence: Vec::new(),
        };
    }

    fn all_failures(&self) -> u32 {
        self.failures.saturating_add(self.earlier)
    }

    fn add(&mut self, logon: &Logon) {
        self.newest = self.newest.max(logon.stamp.time);
        self.failures = self.failures.saturating_add(1);
        if self.evidence.len() < MOST_EVIDENCE {
            self.evidence.push((logon.uid, logon.stamp.time));
        }
        let name = match &logon.user.name {
            Some(name) => String::from_utf8_lossy(name).into_owned(),
            None => return,
        };
        if self.names.len() < MOST_NAMES && !self.names.iter().any(|known| **known == name) {
            self.names.push(name.into());
        }
    }

    /// When it counts as given up; where that was told, or there is too little to tell, when its window
    /// is over.
    fn due(&self, rule: &Guessing) -> Timestamp {
        let over = rule.window_ms.saturating_add(1);
        if self.told {
            self.newest.plus(over)
        } else if self.failures < rule.failures {
            self.first.plus(over)
        } else {
            let given_up = self.newest.plus(QUIET_MS);
            given_up.min(self.first.plus(rule.window_ms))
        }
    }

    fn proof(&self) -> Vec<Evidence> {
        let failed = self.evidence.iter().map(|(uid, time)| Evidence {
            uid: *uid,
            type_uid: TYPE_LOGON,
            time: *time,
        });
        failed.collect()
    }

    fn names(&self) -> String {
        self.names.join(", ")
    }
}

fn got_in(source: &Source, ip: IpAddr, logon: &Logon) -> Alert {
    let user = logon.user.name.as_deref().map(String::from_utf8_lossy);
    let who = user.as_deref().unwrap_or("an unnamed user").to_string();
    let mut evidence = source.proof();
    evidence.push(Evidence {
        uid: logon.uid,
        type_uid: TYPE_LOGON,
        time: logon.stamp.time,
    });
    Alert {
        uid: logon.uid.derive(Rule::GuessedLogon.id()),
        rule: Rule::GuessedLogon,
        severity: Severity::High,
        host: logon.host.clone(),
        time: logon.stamp.time,
        title: format!(
            "{ip} got in as {who} after {} failed logons",
            source.all_failures()
        ),
        message: format!(
            "{ip} failed to log on to {} {} times (as {}) and then got in as {who} by {}.",
            host_in_words(&logon.host),
            source.all_failures(),
            source.names(),
            logon.service
        ),
        user: Some(who.into()),
        src_ip: Some(ip),
        first_seen: source.first,
        evidence,
        evidence_total: source.all_failures() + 1,
        hits: Vec::new(),
        gap: None,
        behaviour: None,
        finding: None,
    }
}

fn tell_given_up(
    source: &Source,
    ip: IpAddr,
    host: &str,
    rule: &Guessing,
    tell: &mut dyn FnMut(Alert),
) {
    let Some((first, _)) = source
        .evidence
        .first()
        .filter(|_| source.failures >= rule.failures)
    else {
        return;
    };
    tell(Alert {
        uid: first.derive(Rule::GuessingLogon.id()),
        rule: Rule::GuessingLogon,
        severity: Severity::Medium,
        host: host.into(),
        time: source.newest,
        title: format!("{ip} failed to log on {} times", source.failures),
        message: format!(
            "{ip} failed to log on to {} {} times (as {}) and did not get in.",
            host_in_words(host),
            source.failures,
            source.names()
        ),
        user: source.names.first().cloned(),
        src_ip: Some(ip),
        first_seen: source.first,
        evidence: source.proof(),
        evidence_total: source.failures,
        hits: Vec::new(),
        gap: None,
        behaviour: None,
        finding: None,
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Stamp;
    use crate::model::logon::Principal;

    fn logon(ms: i64, success: bool) -> Logon {
        let stamp = Stamp {
            time: Timestamp(ms),
            serial: ms as u64,
        };
        Logon {
            uid: EventUid::of("logon", "web01", stamp),
            host: "web01".into(),
            stamp,
            activity: LogonActivity::Logon,
            success,
            service: "sshd".into(),
            exe: None,
            user: Principal {
                name: Some(b"deploy".as_slice().into()),
                id: None,
            },
            actor: None,
            src_ip: "203.0.113.66".parse().ok(),
            src_host: None,
            method: None,
            terminal: None,
            session: None,
            pid: None,
            command: None,
            unknown_user: false,
            started: stamp.time,
            duration_ms: None,
            logon_uid: None,
            records: Vec::new(),
            labels: Vec::new(),
        }
    }

    const RULE: Guessing = Guessing {
        failures: 3,
        window_ms: 600_000,
    };

    fn run(logons: &[Logon]) -> Vec<Alert> {
        let (mut guesses, mut alerts) = (Guesses::default(), Vec::new());
        for logon in logons {
            guesses.advance(logon.stamp.time, "web01", &RULE, &mut |alert| {
                alerts.push(alert)
            });
            guesses.take(logon, 0, &RULE, 100, &mut |alert| alerts.push(alert));
            let mut restored = Guesses::default();
            for (ip, source) in guesses.sources.iter() {
                restored.sources.restore(*ip, source.clone());
            }
            restored.restored(&RULE);
            assert_eq!(restored, guesses);
            guesses = restored;
        }
        guesses.finish("web01", &RULE, &mut |alert| alerts.push(alert));
        alerts
    }

    #[test]
    fn guesses_that_get_in_are_one_high_alert_with_their_proof() {
        let logons = [
            logon(1, false),
            logon(2, false),
            logon(3, false),
            logon(4, true),
        ];
        let alerts = run(&logons);
        assert_eq!(alerts.len(), 1);
        assert_eq!(
            (alerts[0].severity, alerts[0].evidence.len()),
            (Severity::High, 4)
        );
        assert_eq!(alerts[0].evidence[3].uid, logons[3].uid);
    }

    #[test]
    fn guesses_that_do_not_get_in_are_one_medium_alert() {
        let mut logons: Vec<_> = (0..30).map(|n| logon(n * 1000, false)).collect();
        assert_eq!(
            run(&logons).iter().map(|a| a.severity).collect::<Vec<_>>(),
            [Severity::Medium]
        );
        // Silence, and then a good logon within the window: that is worth knowing.
        logons.push(logon(200_000, true));
        assert_eq!(
            run(&logons).iter().map(|a| a.severity).collect::<Vec<_>>(),
            [Severity::Medium, Severity::High]
        );
    }

    #[test]
    fn a_pause_between_guesses_hides_none_and_too_few_in_a_window_are_none() {
        let mut logons = vec![logon(1, false), logon(2, false)];
        logons.extend((0..5).map(|n| logon(70_000 + n, false)));
        let alerts = run(&logons);
        assert_eq!((alerts.len(), alerts[0].evidence_total), (1, 7));
        let slow: Vec<_> = (0..5).map(|n| logon(n * 540_000, false)).collect();
        assert!(run(&slow).is_empty());
    }

    #[test]
    fn a_source_that_never_stops_is_told_once_a_window_and_is_not_read_again_from_its_first_day() {
        let mut guesses = Guesses::default();
        let mut alerts = Vec::new();
        for n in 0..300i64 {
            let failed = logon(n * 30_000, false);
            guesses.advance(failed.stamp.time, "web01", &RULE, &mut |alert| {
                alerts.push(alert)
            });
            guesses.take(&failed, n, &RULE, 100, &mut |alert| alerts.push(alert));
            assert!(guesses.first_offset() >= Some(n - 45));
        }
        assert!((10..=15).contains(&alerts.len()), "{}", alerts.len());
        guesses.take(&logon(300 * 30_000, true), 300, &RULE, 100, &mut |alert| {
            alerts.push(alert)
        });
        let high = alerts.last().unwrap();
        assert_eq!((high.severity, high.evidence_total), (Severity::High, 301));
    }

    #[test]
    fn reading_again_begins_at_the_earliest_failure_that_counts() {
        let mut guesses = Guesses::default();
        for (ms, offset) in [(1, 70), (2, 40), (3, 90)] {
            guesses.take(&logon(ms, false), offset, &RULE, 100, &mut |_| {});
        }
        assert_eq!(guesses.first_offset(), Some(40));
        guesses.take(&logon(4, true), 95, &RULE, 100, &mut |_| {});
        assert_eq!(guesses.first_offset(), None);
    }

    #[test]
    fn a_mistyped_password_is_no_alert_and_old_failures_do_not_count() {
        assert!(run(&[logon(1, false), logon(2, false), logon(3, true)]).is_empty());
        let old = [
            logon(1, false),
            logon(2, false),
            logon(3, false),
            logon(700_000, true),
        ];
        assert_eq!(
            run(&old).iter().map(|a| a.severity).collect::<Vec<_>>(),
            [Severity::Medium]
        );
    }
}
