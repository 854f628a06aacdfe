//! What happens to an event once it goes: state, intel, detection, encoding, in this order.

use std::net::IpAddr;

use bumpalo::Bump;

use crate::model::logon::LogonActivity;
use crate::model::process::Cut;
use crate::model::{Alert, Flow, Hit, Kind, Logon, Process, Settings};
use crate::pipeline::audit::event::Event;
use crate::pipeline::audit::record_types::RecordType;
use crate::pipeline::audit::{normalise, records};
use crate::pipeline::detect::indicators::{self, Sighted};
use crate::pipeline::encode::ocsf;
use crate::pipeline::flow::community;
use crate::pipeline::intel::sightings;
use crate::pipeline::state::logons::{Context, Decided, shown};

use super::hosts::Host;
use super::{Call, State, Stats};

/// Memory that is used anew for each event.
#[derive(Default)]
pub struct Desk {
    bump: Bump,
    hits: Vec<Hit>,
    decided: Vec<Decided>,
    alerts: Vec<Alert>,
}

impl State {
    /// Lets go what is whole or has waited long enough.
    pub fn release_due(&mut self, host: usize, call: &mut Call<'_>) {
        while let Some((event, cut)) = self.hosts.pop_due(host, call.now) {
            self.release(host, event, cut, call);
        }
    }

    /// Lets go what is over a bound.
    pub fn evict(&mut self, host: usize, call: &mut Call<'_>) {
        while let Some((event, cut)) = self.hosts.pop_over_bound(host) {
            self.stats.evicted += 1;
            self.release(host, event, cut, call);
        }
        while let Some(age) = self.hosts.age_over_bound() {
            for host in 0..self.hosts.len() {
                while let Some((event, cut)) = self.hosts.pop_evicted(host, age) {
                    self.stats.evicted += 1;
                    self.release(host, event, cut, call);
                }
            }
        }
    }

    pub fn finish_host(&mut self, host: usize, call: &mut Call<'_>) {
        while let Some((event, cut)) = self.hosts.pop_last(host) {
            self.release(host, event, cut, call);
        }
        let (state, desk) = (self.hosts.get_mut(host), &mut self.desk);
        let most = self.settings.limits.sessions_per_host;
        let (logons, mut context) = state.split(&self.settings, 0, most);
        logons.finish(&mut context, &mut |decided| desk.decided.push(decided));
        desk.logons(state, true, &self.settings, &mut self.stats, call);
        let (guesses, alerts) = (&mut state.guesses, &mut desk.alerts);
        guesses.finish(&state.name, &self.settings.guessing, &mut |alert| alerts.push(alert));
        desk.alerts(true, &self.settings, &mut self.stats, call);
    }

    /// A host that is silent: its logons and guesses wait by the arrival clock.
    pub fn advance_idle(&mut self, host: usize, call: &mut Call<'_>) {
        let state = self.hosts.get_mut(host);
        let silent = call.now.since(state.arrived);
        if silent <= 0 || !state.buffer.is_empty() {
            return;
        }
        let time = state.buffer.newest().plus(silent);
        self.desk.advance(state, time, true, &self.settings, &mut self.stats, call);
    }

    pub fn release(&mut self, host: usize, event: Box<Event>, cut: Option<Cut>, call: &mut Call<'_>) {
        let tell = event.first_offset >= self.told_before;
        if cut.is_some() {
            self.stats.incomplete += 1;
        }
        let state = self.hosts.get_mut(host);
        let (desk, settings, stats) = (&mut self.desk, &self.settings, &mut self.stats);
        desk.advance(state, event.stamp.time, tell, settings, stats, call);
        let mut bump = std::mem::take(&mut desk.bump);
        desk.audit(&bump, state, &event, cut, tell, settings, stats, call);
        bump.reset();
        desk.bump = bump;
        self.hosts.recycle(event);
    }
}

impl Host {
    /// The logons beside what they need of the rest of the host.
    fn split<'h>(&'h mut self, settings: &Settings, offset: i64, most: usize) -> (&'h mut crate::pipeline::state::Logons, Context<'h>) {
        let context = Context {
            host: &self.name,
            names: &mut self.names,
            wait_ms: settings.waits.logon_ms,
            most,
            offset,
        };
        (&mut self.logons, context)
    }
}

impl Desk {
    /// A program start, or any other audit event.
    #[allow(clippy::too_many_arguments)]
    fn audit(&mut self, bump: &Bump, host: &mut Host, event: &Event, cut: Option<Cut>, tell: bool, settings: &Settings, stats: &mut Stats, call: &mut Call<'_>) {
        if let Some(process) = normalise::process(event, cut, &host.name, bump) {
            let process = with_names(process, host);
            self.hits.clear();
            sightings::process(call.intel, &process, &mut self.hits);
            stats.events[Kind::Process as usize] += 1;
            if tell && settings.kinds.has(Kind::Process) {
                let hits = &self.hits;
                call.out.document(Kind::Process, &host.bytes, |out| ocsf::process::write(out, &process, hits));
            }
            if !self.hits.is_empty() {
                self.alert_of_process(&process, stats);
                self.alerts(tell, settings, stats, call);
            }
            return;
        }
        if event.kinds().all(|kind| kind == RecordType::EOE) {
            return;
        }
        stats.events[Kind::Audit as usize] += 1;
        if tell && settings.kinds.has(Kind::Audit) {
            let audit = normalise::audit_event(event, cut, &host.name, bump);
            call.out.document(Kind::Audit, &host.bytes, |out| ocsf::audit::write(out, &audit));
        }
        for (kind, _, body) in event.records() {
            let Some(kind) = records::auth_kind(kind) else {
                continue;
            };
            let record = records::read_auth(kind, event.stamp, body, bump);
            let (logons, mut context) = host.split(settings, event.first_offset, settings.limits.sessions_per_host);
            logons.take(&record, &mut context, &mut |decided| self.decided.push(decided));
        }
        self.logons(host, tell, settings, stats, call);
    }

    /// Tells what the host's time has made due.
    fn advance(&mut self, host: &mut Host, time: crate::model::Timestamp, tell: bool, settings: &Settings, stats: &mut Stats, call: &mut Call<'_>) {
        let (logons, mut context) = host.split(settings, 0, settings.limits.sessions_per_host);
        logons.advance(time, &mut context, &mut |decided| self.decided.push(decided));
        self.logons(host, tell, settings, stats, call);
        let alerts = &mut self.alerts;
        host.guesses.advance(time, &host.name, &settings.guessing, &mut |alert| alerts.push(alert));
        self.alerts(tell, settings, stats, call);
    }

    /// Tells the logons that have been decided, and what they make certain.
    fn logons(&mut self, host: &mut Host, tell: bool, settings: &Settings, stats: &mut Stats, call: &mut Call<'_>) {
        if self.decided.is_empty() {
            return;
        }
        let mut all = std::mem::take(&mut self.decided);
        for Decided { logon, offset } in all.drain(..) {
            self.hits.clear();
            sightings::logon(call.intel, &logon, &mut self.hits);
            stats.events[Kind::Logon as usize] += 1;
            if tell && settings.kinds.has(Kind::Logon) {
                let hits = &self.hits;
                call.out.document(Kind::Logon, &host.bytes, |out| ocsf::logon::write(out, &logon, hits));
            }
            if !self.hits.is_empty() && logon.activity != LogonActivity::Logoff {
                self.alert_of_logon(&logon, stats);
            }
            self.hits.clear();
            let (alerts, most) = (&mut self.alerts, settings.limits.sources_per_host);
            host.guesses.take(&logon, offset, &settings.guessing, most, &mut |alert| alerts.push(alert));
            self.alerts(tell, settings, stats, call);
        }
        self.decided = all;
        stats.forgotten += std::mem::take(&mut host.logons.dropped) + std::mem::take(&mut host.guesses.dropped);
    }

    pub fn flow(&mut self, flow: &Flow, tell: bool, settings: &Settings, stats: &mut Stats, call: &mut Call<'_>) {
        self.hits.clear();
        sightings::flow(call.intel, flow, &mut self.hits);
        stats.events[Kind::Flow as usize] += 1;
        if tell && settings.kinds.has(Kind::Flow) {
            let (hits, community) = (&self.hits, community::uid(flow));
            call.out.document(Kind::Flow, flow.host.as_bytes(), |out| {
                ocsf::flow::write(out, flow, community.as_deref(), hits);
            });
        }
        if !self.hits.is_empty() {
            self.alert_of_flow(flow, stats);
            self.alerts(tell, settings, stats, call);
        }
    }

    fn alert_of_process(&mut self, process: &Process<'_>, stats: &mut Stats) {
        let program = process.exe.or(process.comm).map(String::from_utf8_lossy);
        let what = format!("the command line of {}", program.as_deref().unwrap_or("a program"));
        let user = process.login_user.name.or(process.user.name);
        self.alert_of_hits(stats, &Sighted {
            uid: process.uid,
            type_uid: ocsf::TYPE_LAUNCH,
            host: process.host,
            time: process.stamp.time,
            user,
            src_ip: None,
            what: &what,
            succeeded: true,
        });
    }

    fn alert_of_logon(&mut self, logon: &Logon, stats: &mut Stats) {
        let from = logon.src_ip.map(|ip| format!(" from {ip}")).unwrap_or_default();
        let failed = if logon.success { "a" } else { "a failed" };
        let what = format!("{failed} logon of {}{from}", shown(&logon.user));
        self.alert_of_hits(stats, &Sighted {
            uid: logon.uid,
            type_uid: ocsf::logon::type_uid(logon.activity),
            host: &logon.host,
            time: logon.stamp.time,
            user: logon.user.name.as_deref(),
            src_ip: logon.src_ip,
            what: &what,
            succeeded: logon.success,
        });
    }

    fn alert_of_flow(&mut self, flow: &Flow, stats: &mut Stats) {
        let end = |ip: Option<IpAddr>| ip.map_or_else(|| "an unknown address".to_string(), |ip| ip.to_string());
        let what = format!("a flow from {} to {}", end(flow.src.ip), end(flow.dst.ip));
        self.alert_of_hits(stats, &Sighted {
            uid: flow.uid,
            type_uid: ocsf::flow::type_uid(flow.activity),
            host: &flow.host,
            time: flow.start,
            user: None,
            src_ip: flow.src.ip,
            what: &what,
            succeeded: flow.verdict != Some(crate::model::flow::Verdict::Denied),
        });
    }

    fn alert_of_hits(&mut self, stats: &mut Stats, event: &Sighted<'_>) {
        stats.hits += self.hits.len() as u64;
        self.alerts.push(indicators::alert(event, std::mem::take(&mut self.hits)));
    }

    fn alerts(&mut self, tell: bool, settings: &Settings, stats: &mut Stats, call: &mut Call<'_>) {
        for alert in self.alerts.drain(..) {
            stats.events[Kind::Alert as usize] += 1;
            if tell && settings.kinds.has(Kind::Alert) {
                call.out.document(Kind::Alert, alert.host.as_bytes(), |out| ocsf::alert::write(out, &alert));
            }
        }
    }
}

/// Fills in the names that the record does not carry and an earlier one of the host did.
fn with_names<'p>(mut process: Process<'p>, host: &'p Host) -> Process<'p> {
    for who in [&mut process.user, &mut process.effective_user, &mut process.login_user] {
        who.name = who.name.or_else(|| who.id.and_then(|id| host.names.get(id)));
    }
    process
}
