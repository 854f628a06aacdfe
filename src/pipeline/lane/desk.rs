//! What is done with one event that goes: state, intel, detection, encoding, in this order.
//!
//! Place in the flow: release.rs gives it each event, in the order of the host. Its memory is used anew for the next one. It
//! refuses to know when an event goes.

use std::cell::LazyCell;
use std::sync::Arc;

use bumpalo::Bump;

use crate::model::alert::Behaviour;
use crate::model::audit::AuthKind;
use crate::model::logon::LogonActivity;
use crate::model::process::{Cut, Did, Witness};
use crate::model::select::Choice;
use crate::model::{Alert, Flow, Hit, Kind, Outputs, Process, Schema, Settings, Timestamp};
use crate::pipeline::audit::event::Event;
use crate::pipeline::audit::opened::Opened;
use crate::pipeline::audit::record_types::RecordType;
use crate::pipeline::audit::{facts, normalise, opened, records, witness};
use crate::pipeline::detect::RuleSet;
use crate::pipeline::detect::verdict::Seen;
use crate::pipeline::encode;
use crate::pipeline::flow::community;
use crate::pipeline::intel::{IntelSet, sightings};
use crate::pipeline::state::Texts;
use crate::pipeline::state::logons::Decided;

use super::choice::{facts_of, with_known_names};
use super::hosts::Host;
use super::rarity::{Lately, PatternCounts};
use super::{Stats, alerts, judge};

/// Memory that is used anew for each event.
#[derive(Default)]
pub struct Desk {
    pub bump: Bump,
    hits: Vec<Hit>,
    pub decided: Vec<Decided>,
    matches: Vec<Behaviour>,
    /// Of the program start that is told.
    pub pattern: Vec<u8>,
    pub lately: Lately,
    pub texts: Texts,
    /// `None`: nobody asks for them.
    pub counts: Option<PatternCounts>,
    pub seen: Option<Seen>,
    pub alerts: Vec<Alert>,
}

/// Counts outputs, and writes those that are wanted and have not been told.
pub struct Teller<'t> {
    pub settings: &'t Settings,
    pub stats: &'t mut Stats,
    pub intel: &'t IntelSet,
    pub rules: &'t RuleSet,
    pub out: &'t mut Outputs,
    /// False where it went out before this lane began.
    pub tell: bool,
}

impl Teller<'_> {
    /// Whether a document of this kind will be written where it holds nothing that is always told.
    fn asks(&self, kind: Kind, choice: &Choice<'_>) -> bool {
        self.tell && self.settings.kinds.has(kind) && choice.filter.is_none()
    }

    pub fn tell(&mut self, kind: Kind, key: &[u8], write: impl FnOnce(&mut Vec<u8>, Schema)) {
        self.stats.events[kind as usize] += 1;
        if self.tell && self.settings.kinds.has(kind) {
            let schema = self.settings.schema_of(kind);
            self.out.document(kind, key, |out| write(out, schema));
        }
    }
}

impl Desk {
    /// A program start, or any other audit event.
    pub fn audit(
        &mut self,
        bump: &Bump,
        host: &mut Host,
        event: &Event,
        cut: Option<Cut>,
        teller: &mut Teller<'_>,
    ) {
        let settings = teller.settings;
        let choose = |kind, host: &Host| {
            let facts = || with_known_names(facts::of(event, kind, bump), host, bump);
            settings.selection.choose(facts)
        };
        if let Some(start) = normalise::process(event, cut, &host.name, bump) {
            let choice = choose(Kind::Process, host);
            let since = host.sessions.pids_of(start.session);
            let coming = host.processes.comes(&start, since);
            let line = start.command_line();
            let new_pattern = self.new_pattern(&start, &line, &mut host.patterns, settings, bump);
            let mut process = start;
            process.new_pattern = new_pattern;
            fill_in_names(&mut process, host);
            process.origin = host.sessions.origin(start.session, start.login_user.id);
            process.ancestors = host.processes.ancestors(start.ppid, start.session, bump);
            process.labels = &choice.labels;
            self.process(&process, &choice, host, teller);
            let most = settings.limits.processes_per_host;
            let texts = &mut self.texts;
            host.processes.start(&start, &line, coming, most, texts);
            self.judge(host, event.first_offset, teller);
            return;
        }
        if event.kinds().all(|kind| kind == RecordType::EOE) {
            return;
        }
        teller.stats.watch(host, event);
        let choice = choose(Kind::Audit, host);
        self.other(bump, host, event, cut, &choice, teller);
        self.judge(host, event.first_offset, teller);
        self.logons(host, teller);
    }

    /// An event that is no program start. It is itself of the session that its LOGIN record begins.
    fn other(
        &mut self,
        bump: &Bump,
        host: &mut Host,
        event: &Event,
        cut: Option<Cut>,
        choice: &Choice<'_>,
        teller: &mut Teller<'_>,
    ) {
        let settings = teller.settings;
        // Nobody may ask for this kind, and most events are about no authentication.
        let opened = LazyCell::new(|| opened::all(event, bump));
        let by_rules = teller.rules.looks_at(Kind::Audit);
        let asked = by_rules || teller.asks(Kind::Audit, choice);
        if event.kinds().any(|kind| records::auth_kind(kind).is_some()) {
            self.authenticate(bump, host, event, &opened, settings);
        }
        let call = match asked {
            true => opened::first(&opened, RecordType::SYSCALL).and_then(|record| record.call),
            false => witness::read_call(event, bump),
        };
        let witness = call.and_then(|call| witness::of_call(call, event.stamp.time, bump));
        if let Some(witness) = witness.or_else(|| witness::of_death(event, bump)) {
            let most = settings.limits.processes_per_host;
            host.processes.witness(&witness, most, &mut self.texts);
        }
        if !asked {
            // It counts all the same.
            return teller.tell_chosen(choice, 0, Kind::Audit, &host.bytes, |_, _| {});
        }
        let mut audit = normalise::audit_event(event, &opened, cut, &host.name, bump);
        let (session, login_user) = (audit.actor.session, audit.actor.login_user.id);
        audit.origin = host.sessions.origin(session, login_user);
        audit.labels = &choice.labels;
        if by_rules {
            teller.rules.audit(&audit, &mut self.matches);
        }
        let matches = self.matches.len();
        if matches > 0 {
            self.seen = Some(judge::audit(&audit, &self.matches, settings));
        }
        if let Some(account) = judge::made_account(&audit).filter(|_| by_rules) {
            host.stories
                .made(&judge::audit(&audit, &[], settings), &account);
        }
        teller.tell_chosen(choice, matches, Kind::Audit, &host.bytes, |out, schema| {
            encode::audit(out, schema, &audit);
        });
        self.matched(teller, |behaviour| {
            alerts::of_behaviour_of(&audit, behaviour)
        });
    }

    /// What the records of an event say of logons, sessions and processes.
    fn authenticate(
        &mut self,
        bump: &Bump,
        host: &mut Host,
        event: &Event,
        opened: &[Opened<'_>],
        settings: &Settings,
    ) {
        for record in opened {
            let Some(kind) = records::auth_kind(record.kind) else {
                continue;
            };
            let record = records::read_auth(kind, event.stamp, record, bump);
            let (logons, mut context) = host.logons(settings, event.first_offset);
            let decided = &mut self.decided;
            logons.take(&record, &mut context, &mut |logon| decided.push(logon));
            let did = match kind {
                AuthKind::Assigned => {
                    let pids = host.processes.cursor.at_least();
                    host.sessions.began_at(record.session, pids);
                    Did::Assigned
                }
                _ => Did::Nothing,
            };
            if let Some(pid) = record.pid {
                let witness = Witness {
                    pid,
                    ppid: None,
                    exe: record.exe,
                    session: record.session,
                    time: event.stamp.time,
                    did,
                };
                let most = settings.limits.processes_per_host;
                host.processes.witness(&witness, most, &mut self.texts);
            }
        }
    }

    fn process(
        &mut self,
        process: &Process<'_>,
        choice: &Choice<'_>,
        host: &Host,
        teller: &mut Teller<'_>,
    ) {
        self.hits.clear();
        sightings::process(teller.intel, process, &mut self.hits);
        if teller.rules.looks_at(Kind::Process) {
            teller.rules.process(process, &mut self.matches);
        }
        let is_seen = !self.matches.is_empty() || !self.hits.is_empty();
        if is_seen && !teller.rules.is_empty() {
            let (matches, hits) = (&self.matches, &self.hits);
            self.seen = Some(judge::process(process, matches, hits, teller.settings));
        }
        let hits = &self.hits;
        teller.tell_chosen(
            choice,
            hits.len() + self.matches.len(),
            Kind::Process,
            &host.bytes,
            |out, schema| {
                encode::process(out, schema, process, hits);
            },
        );
        if !self.hits.is_empty() {
            self.sighted(teller, |hits| alerts::of_process(process, hits));
            self.alerts(teller);
        }
        self.matched(teller, |behaviour| alerts::of_behaviour(process, behaviour));
    }

    /// Each rule that an event matches is an alert.
    fn matched(&mut self, teller: &mut Teller<'_>, alert: impl Fn(Behaviour) -> Alert) {
        if self.matches.is_empty() {
            return;
        }
        teller.stats.matches += self.matches.len() as u64;
        self.alerts.extend(self.matches.drain(..).map(alert));
        self.alerts(teller);
    }

    pub fn flow(&mut self, flow: &Flow, teller: &mut Teller<'_>) {
        self.hits.clear();
        sightings::flow(teller.intel, flow, &mut self.hits);
        let hits = &self.hits;
        teller.tell(Kind::Flow, flow.host.as_bytes(), |out, schema| {
            encode::flow(out, schema, flow, community::uid(flow).as_deref(), hits);
        });
        if !self.hits.is_empty() {
            self.sighted(teller, |hits| alerts::of_flow(flow, hits));
            self.alerts(teller);
        }
    }

    /// Tells what the host's time has made due.
    pub fn advance(&mut self, host: &mut Host, time: Timestamp, teller: &mut Teller<'_>) {
        let (logons, mut context) = host.logons(teller.settings, 0);
        let decided = &mut self.decided;
        logons.advance(time, &mut context, &mut |logon| decided.push(logon));
        self.logons(host, teller);
        let (alerts, rule) = (&mut self.alerts, &teller.settings.guessing);
        host.guesses
            .advance(time, &host.name, rule, &mut |alert| alerts.push(alert));
        let verdict = &teller.settings.verdict;
        host.stories
            .advance(time, &host.name, verdict, &mut |alert| alerts.push(alert));
        self.alerts(teller);
    }

    pub fn finish(&mut self, host: &mut Host, teller: &mut Teller<'_>) {
        let (logons, mut context) = host.logons(teller.settings, 0);
        let decided = &mut self.decided;
        logons.finish(&mut context, &mut |logon| decided.push(logon));
        self.logons(host, teller);
        let (alerts, rule) = (&mut self.alerts, &teller.settings.guessing);
        host.guesses
            .finish(&host.name, rule, &mut |alert| alerts.push(alert));
        host.stories
            .finish(&host.name, &mut |alert| alerts.push(alert));
        self.alerts(teller);
    }

    /// Tells the logons that have been decided, and what they make certain.
    pub fn logons(&mut self, host: &mut Host, teller: &mut Teller<'_>) {
        if self.decided.is_empty() {
            return;
        }
        let mut all = std::mem::take(&mut self.decided);
        for Decided { mut logon, offset } in all.drain(..) {
            let choice = teller.settings.selection.choose(|| facts_of(&logon));
            if !choice.labels.is_empty() {
                // The logon is shared with its session.
                let labels = choice.labels.iter().map(|&label| label.into());
                Arc::make_mut(&mut logon).labels = labels.collect();
            }
            self.hits.clear();
            sightings::logon(teller.intel, &logon, &mut self.hits);
            let hits = &self.hits;
            teller.tell_chosen(
                &choice,
                hits.len(),
                Kind::Logon,
                &host.bytes,
                |out, schema| {
                    encode::logon(out, schema, &logon, hits);
                },
            );
            let sighted = self.hits.clone();
            if !self.hits.is_empty() && logon.activity != LogonActivity::Logoff {
                self.sighted(teller, |hits| alerts::of_logon(&logon, hits));
            }
            let (alerts, settings) = (&mut self.alerts, teller.settings);
            let most = settings.limits.sources_per_host;
            let guessed = logon.src_ip.and_then(|ip| host.guesses.offset_of(ip));
            host.guesses
                .take(&logon, offset, &settings.guessing, most, &mut |alert| {
                    alerts.push(alert);
                });
            if !teller.rules.is_empty() && logon.activity == LogonActivity::Logon {
                self.seen = judge::logon(&logon, &sighted, &self.alerts, settings);
            }
            self.alerts(teller);
            let from = guessed.map_or(offset, |guessed| guessed.min(offset));
            self.judge(host, from, teller);
        }
        self.decided = all;
        teller.stats.forgotten += std::mem::take(&mut host.logons.dropped)
            + std::mem::take(&mut host.sessions.dropped)
            + std::mem::take(&mut host.guesses.dropped)
            + std::mem::take(&mut host.stories.dropped);
    }

    /// An event with hits is an alert.
    fn sighted(&mut self, teller: &mut Teller<'_>, alert: impl FnOnce(Vec<Hit>) -> Alert) {
        teller.stats.hits += self.hits.len() as u64;
        self.alerts.push(alert(std::mem::take(&mut self.hits)));
    }

    pub fn alerts(&mut self, teller: &mut Teller<'_>) {
        for alert in self.alerts.drain(..) {
            teller.tell(Kind::Alert, alert.host.as_bytes(), |out, schema| {
                encode::alert(out, schema, &alert);
            });
        }
    }
}

/// Fills in the names that the record does not carry and an earlier one of the host did.
fn fill_in_names<'p>(process: &mut Process<'p>, host: &'p Host) {
    for who in [
        &mut process.user,
        &mut process.effective_user,
        &mut process.login_user,
    ] {
        who.name = who
            .name
            .or_else(|| who.id.and_then(|id| host.names.get(id)));
    }
}
