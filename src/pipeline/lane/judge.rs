//! What was seen in an event, as the verdict weighs it: rules that it matches, indicators in it, a password that was
//! guessed.
//!
//! Nothing is weighed where no rule is loaded: indicators and guesses alone are alerts already.

use std::net::IpAddr;
use std::sync::Arc;

use crate::model::activity::{AccountAction, Activity};
use crate::model::alert::{Behaviour, Evidence, Rule, RuleInfo, Suppressed};
use crate::model::audit::AuditEvent;
use crate::model::path::file_name;
use crate::model::settings::Points;
use crate::model::{Alert, Hit, Logon, Process, Settings, Severity};
use crate::pipeline::detect::verdict::{Origin, Seen, Weight};
use crate::pipeline::encode::ocsf;

use super::desk::{Desk, Teller};
use super::hosts::Host;

/// Bytes of what was done that are kept.
const MOST_WHAT: usize = 256;

/// Programs that change hosts all day: what they do is weak, and tells nothing.
const PACKAGES: [&str; 11] = [
    "apt",
    "apt-get",
    "aptitude",
    "dpkg",
    "unattended-upgrade",
    "dnf",
    "yum",
    "rpm",
    "zypper",
    "apk",
    "pacman",
];
const CONFIGURATION: [&str; 5] = [
    "puppet",
    "chef-client",
    "salt-minion",
    "salt-call",
    "cf-agent",
];

/// Behind their names may stand a version.
const INTERPRETERS: [&str; 6] = ["python", "perl", "ruby", "bash", "dash", "sh"];

/// Folders that only root writes: elsewhere a name proves nothing.
const TRUSTED: [&[u8]; 4] = [b"/usr/", b"/bin/", b"/sbin/", b"/opt/"];

fn is_outside(ip: Option<IpAddr>, settings: &Settings) -> bool {
    ip.is_some_and(|ip| {
        !settings
            .internal_networks
            .iter()
            .any(|net| net.contains(&ip))
    })
}

/// Whether a program, or the script that an interpreter runs, is one of those that change hosts all day.
fn routine_of(exe: Option<&[u8]>, command: Option<&[u8]>) -> Option<Suppressed> {
    let exe = exe?;
    let known = |path: &[u8]| {
        let is_trusted = TRUSTED.iter().any(|folder| path.starts_with(folder));
        let name = is_trusted.then(|| file_name(path))?;
        let has = |names: &[&str]| names.iter().any(|one| one.as_bytes() == name);
        match () {
            () if has(&PACKAGES) => Some(Suppressed::Packages),
            () if has(&CONFIGURATION) => Some(Suppressed::Configuration),
            () => None,
        }
    };
    // Any other program may be given such a path as an argument.
    let mut name = file_name(exe);
    while let [rest @ .., b'0'..=b'9' | b'.'] = name {
        name = rest;
    }
    let interprets = INTERPRETERS.iter().any(|one| one.as_bytes() == name);
    let script = command.filter(|_| interprets);
    let script = script.and_then(|line| line.split(|byte| *byte == b' ').nth(1));
    known(exe).or_else(|| script.and_then(known))
}

fn weights(matches: &[Behaviour], hits: &[Hit], points: &Points) -> Vec<Weight> {
    let rules = matches.iter().map(|behaviour| Weight {
        rule: Arc::clone(&behaviour.rule),
        points: points.of(behaviour.rule.severity),
    });
    let indicators = hits.iter().map(|hit| {
        let value = &hit.indicator.value;
        let (id, title) = (format!("indicator {value}"), format!("Indicator {value}"));
        strong(
            &id,
            &title,
            &["attack.command-and-control"],
            points.indicator,
        )
    });
    rules.chain(indicators).collect()
}

/// What no rule says.
fn strong(id: &str, title: &str, tags: &[&str], points: u32) -> Weight {
    let rule = RuleInfo {
        id: id.into(),
        title: title.into(),
        description: "".into(),
        severity: Severity::High,
        tags: tags.iter().map(|tag| (*tag).into()).collect(),
    };
    Weight {
        rule: Arc::new(rule),
        points,
    }
}

pub fn process(
    process: &Process<'_>,
    matches: &[Behaviour],
    hits: &[Hit],
    settings: &Settings,
) -> Seen {
    let user = process.login_user.name.or(process.user.name);
    let line = process.command_line();
    let ancestors = process.ancestors.iter();
    let routine = ancestors.filter_map(|one| routine_of(one.exe, one.command));
    let source = process.origin.src_ip();
    Seen {
        session: process.session,
        source,
        is_outside: is_outside(source, settings),
        user: user.map(Into::into),
        login_user: process.login_user.id,
        routine: routine_of(process.exe, Some(&line)).or(routine.into_iter().next()),
        what: String::from_utf8_lossy(&line[..line.len().min(MOST_WHAT)]).into(),
        evidence: Evidence {
            uid: process.uid,
            type_uid: ocsf::TYPE_LAUNCH,
            time: process.stamp.time,
        },
        weights: weights(matches, hits, &settings.verdict.points),
    }
}

pub fn audit(event: &AuditEvent<'_>, matches: &[Behaviour], settings: &Settings) -> Seen {
    let actor = &event.actor;
    let program = String::from_utf8_lossy(actor.exe.or(actor.comm).unwrap_or_default());
    let call = event.call.and_then(|call| call.name).unwrap_or_default();
    Seen {
        session: actor.session,
        source: event.origin.src_ip(),
        is_outside: is_outside(event.origin.src_ip(), settings),
        user: actor.login_user.name.or(actor.user.name).map(Into::into),
        login_user: actor.login_user.id,
        routine: routine_of(actor.exe, None),
        what: format!("{program} {call}").trim().into(),
        evidence: Evidence {
            uid: event.uid,
            type_uid: ocsf::audit::type_uid(event),
            time: event.stamp.time,
        },
        weights: weights(matches, &[], &settings.verdict.points),
    }
}

/// The account that an event says was made: its name, else its number.
pub fn made_account(event: &AuditEvent<'_>) -> Option<String> {
    let Activity::Account(change) = event.activity else {
        return None;
    };
    let is_made = change.action == AccountAction::Create && event.success != Some(false);
    let name = change.user.name.map(String::from_utf8_lossy);
    let account = name
        .map(String::from)
        .or(change.user.id.map(|id| id.to_string()));
    account.filter(|_| is_made)
}

/// A logon that got in after guesses, or from an indicator's address.
pub fn logon(logon: &Logon, hits: &[Hit], alerts: &[Alert], settings: &Settings) -> Option<Seen> {
    let points = &settings.verdict.points;
    let mut weights = weights(&[], if logon.success { hits } else { &[] }, points);
    if alerts.iter().any(|alert| alert.rule == Rule::GuessedLogon) {
        let tags = [
            "attack.credential-access",
            "attack.initial-access",
            "attack.t1110",
        ];
        let id = Rule::GuessedLogon.id();
        weights.push(strong(id, "Guessed logon", &tags, points.guessed));
    }
    (!weights.is_empty()).then(|| Seen {
        session: logon.session,
        source: logon.src_ip,
        is_outside: is_outside(logon.src_ip, settings),
        user: logon.user.name.clone(),
        login_user: logon.user.id,
        routine: None,
        what: format!("logon by {}", logon.service).into(),
        evidence: Evidence {
            uid: logon.uid,
            type_uid: ocsf::logon::type_uid(logon.activity),
            time: logon.stamp.time,
        },
        weights,
    })
}

impl Desk {
    /// Weighs what was seen in the event that was told. `offset`: where reading again must begin to see it again,
    /// but for the logon of its session.
    pub fn judge(&mut self, host: &mut Host, offset: i64, teller: &mut Teller<'_>) {
        let Some(seen) = self.seen.take() else {
            return;
        };
        let session = seen
            .session
            .and_then(|number| host.sessions.by_number.get(&number));
        let logon = session.map(|session| Origin {
            offset: session.offset,
            time: session.started,
        });
        let sign = Origin {
            offset,
            time: seen.evidence.time,
        };
        let origin = logon.map_or(sign, |logon| sign.with_logon(logon));
        let alerts = &mut self.alerts;
        let verdict = &teller.settings.verdict;
        host.stories
            .take(&seen, origin, &host.name, verdict, &mut |alert| {
                alerts.push(alert)
            });
        let suppressed = std::mem::take(&mut host.stories.suppressed);
        for (count, more) in teller.stats.suppressed.iter_mut().zip(suppressed) {
            *count += more;
        }
        self.alerts(teller);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_changes_hosts_all_day_is_known_by_program_or_script() {
        let of = |exe: &str, line: &str| routine_of(Some(exe.as_bytes()), Some(line.as_bytes()));
        let (packages, configuration) = (Suppressed::Packages, Suppressed::Configuration);
        assert_eq!(of("/usr/bin/dpkg", "dpkg -i a.deb"), Some(packages));
        assert_eq!(
            of("/usr/bin/python3.11", "python3 /usr/bin/yum update"),
            Some(packages)
        );
        let agent = "ruby /opt/puppetlabs/bin/puppet agent";
        assert_eq!(of("/usr/bin/ruby3.1", agent), Some(configuration));
        for (exe, line) in [
            ("/tmp/dpkg", "dpkg -i a.deb"),
            ("/usr/bin/python3", "python3 /tmp/yum"),
            ("/usr/bin/curl", "curl /usr/bin/apt -o /tmp/x"),
            ("/usr/bin/shred", "shred /usr/bin/dpkg"),
            ("/usr/bin/bash", "-bash"),
        ] {
            assert_eq!(of(exe, line), None, "{line}");
        }
    }
}
