//! When an event goes, and that it goes once: due, whole, or over a bound.
//!
//! Place in the flow: join → here → desk.rs, which does what is to be done with it. It refuses to look into an event
//! but for what ends a boot.

use bumpalo::Bump;

use crate::model::process::Cut;
use crate::model::{Flow, Settings, Timestamp};
use crate::pipeline::audit::event::Event;
use crate::pipeline::audit::record_types::RecordType;
use crate::pipeline::state::Logons;
use crate::pipeline::state::logons::Context;

use super::desk::{Desk, Teller};
use super::hosts::Host;
use super::keyed;
use super::trace::Step;
use super::{Call, State};

/// Memory for decoded values that is kept for the next event, at most.
const MOST_KEPT: usize = 256 << 10;

impl State {
    /// Lets go what is whole or has waited long enough.
    pub fn release_due(&mut self, host: usize, call: &mut Call<'_>) {
        while let Some((event, cut)) = self.hosts.pop_due(host, call.now) {
            self.release(host, event, cut, call);
        }
    }

    /// Lets go what has settled, and had no other end to its wait than that so many younger events began.
    #[cold]
    pub fn release_in_turn(&mut self, call: &mut Call<'_>) {
        while let Some((age, host)) = self.hosts.turns.next() {
            while let Some(event) = self.hosts.pop_settled(host, age) {
                self.release(host, event, None, call);
            }
            self.release_due(host, call);
        }
    }

    /// Lets go what is over a bound.
    pub fn evict(&mut self, host: usize, call: &mut Call<'_>) {
        while let Some((event, cut)) = self.hosts.pop_over_bound(host) {
            self.stats.evicted += 1;
            self.release(host, event, cut, call);
        }
        while let Some(age) = self.hosts.age_over_bound() {
            self.evict_up_to(age, call);
        }
        self.relieve(call);
    }

    /// Lets go all events up to this age; tells how many these were.
    pub fn evict_up_to(&mut self, age: u64, call: &mut Call<'_>) -> u64 {
        let before = self.stats.evicted;
        for host in 0..self.hosts.len() {
            while let Some((event, cut)) = self.hosts.pop_evicted(host, age) {
                self.stats.evicted += 1;
                self.release(host, event, cut, call);
            }
        }
        self.stats.evicted - before
    }

    /// Everything of a host goes: the input has ended, or the host is forgotten.
    pub fn finish_host(&mut self, of: usize, call: &mut Call<'_>) {
        while let Some((event, cut)) = self.hosts.pop_last(of) {
            self.release(of, event, cut, call);
        }
        let (host, desk, mut teller) = self.split(of, true, call);
        host.touched = true;
        desk.finish(host, &mut teller);
        desk.gaps(host, None, &mut teller);
        self.hosts.weigh(of);
    }

    /// Time has passed: looks at the hosts of which something may be due.
    pub fn wake(&mut self, call: &mut Call<'_>) {
        debug_assert!(self.sleep_well(call.now));
        let mut from = 0;
        while let Some(host) = self.hosts.wakes.next(from, call.now) {
            self.release_due(host, call);
            self.advance_idle(host, call);
            let until = self.due_at(host);
            self.hosts.wakes.sleep(host, until);
            from = host + 1;
        }
    }

    /// Whether nothing is due of the hosts that are not looked at.
    fn sleep_well(&self, now: Timestamp) -> bool {
        let mut hosts = 0..self.hosts.len();
        hosts.all(|host| !self.hosts.wakes.sleeps(host, now) || self.due_at(host) > now)
    }

    /// When the next thing of a host is due by the arrival clock, if it says nothing more.
    fn due_at(&self, host: usize) -> Timestamp {
        let (host, waits) = (self.hosts.get(host), &self.settings.waits);
        let open = host.buffer.due_at(waits).unwrap_or_else(|| {
            let next = host.logons.next().min(host.guesses.next());
            let next = next.min(host.stories.next());
            host.arrived.plus(next.since(host.released).max(1))
        });
        let hole = host.serials.due_at(waits.event_ms);
        hole.map_or(open, |hole| hole.min(open))
    }

    /// A host that is silent: its logons and guesses wait by the arrival clock.
    fn advance_idle(&mut self, of: usize, call: &mut Call<'_>) {
        let now = call.now;
        let (host, desk, mut teller) = self.split(of, true, call);
        if !host.serials.is_whole() {
            host.touched = true;
            desk.gaps(host, Some(now), &mut teller);
        }
        let silent = now.since(host.arrived);
        if silent > 0 && host.buffer.is_empty() {
            let time = host.released.plus(silent);
            desk.advance(host, time, &mut teller);
            host.touched |= keyed::is_touched(host);
        }
        self.hosts.weigh(of);
    }

    pub fn release(&mut self, of: usize, event: Box<Event>, cut: Option<Cut>, call: &mut Call<'_>) {
        self.stats.incomplete += cut.is_some() as u64;
        let first = call.out.len();
        let tell = event.first_offset >= self.told_before;
        let (host, desk, mut teller) = self.split(of, tell, call);
        host.released = event.stamp.time;
        host.touched = true;
        desk.advance(host, event.stamp.time, &mut teller);
        host.watch_for_boot(&event);
        let mut bump = std::mem::take(&mut desk.bump);
        desk.audit(&bump, host, &event, cut, &mut teller);
        // Of a large event no more memory than others need is kept.
        match bump.allocated_bytes() > MOST_KEPT {
            true => bump = Bump::new(),
            false => bump.reset(),
        }
        desk.bump = bump;
        teller.stats.forgotten_processes += std::mem::take(&mut host.processes.dropped);
        desk.serial(host, &event, &mut teller);
        self.hosts.weigh(of);
        let hosts = &self.hosts;
        call.told(|out| Step::Event {
            host: hosts.name(of),
            event: &event,
            cut,
            told: first..out.len(),
        });
        self.hosts.recycle(event);
    }

    pub fn take_flow(&mut self, flow: &Flow, offset: i64, call: &mut Call<'_>) {
        self.stats.lines += 1;
        let mut teller = Teller {
            settings: &self.settings,
            stats: &mut self.stats,
            intel: call.intel,
            rules: &self.rules,
            out: call.out,
            tell: offset >= self.told_before,
        };
        self.desk.flow(flow, &mut teller);
    }

    pub fn split<'s>(
        &'s mut self,
        host: usize,
        tell: bool,
        call: &'s mut Call<'_>,
    ) -> (&'s mut Host, &'s mut Desk, Teller<'s>) {
        let teller = Teller {
            settings: &self.settings,
            stats: &mut self.stats,
            intel: call.intel,
            rules: &self.rules,
            out: call.out,
            tell,
        };
        (self.hosts.get_mut(host), &mut self.desk, teller)
    }
}

impl Host {
    /// Numbers of sessions and processes begin again when the host does. auditd that begins has not looked for
    /// a while: who lives is not known any more.
    fn watch_for_boot(&mut self, event: &Event) {
        let first = event.kinds().next();
        let is_daemon = first.is_some_and(RecordType::is_daemon);
        let is_boot = first == Some(RecordType::SYSTEM_BOOT);
        if is_boot || (!is_daemon && self.serials.is_of_new_boot(event.stamp)) {
            self.sessions.reboot();
        } else if first != Some(RecordType::DAEMON_START) {
            return;
        }
        self.processes.forget();
    }

    /// The logons beside what they need of the rest of the host.
    pub fn logons(&mut self, settings: &Settings, offset: i64) -> (&mut Logons, Context<'_>) {
        let context = Context {
            host: &self.name,
            names: &mut self.names,
            sessions: &mut self.sessions,
            wait_ms: settings.waits.logon_ms,
            most: settings.limits.sessions_per_host,
            offset,
        };
        (&mut self.logons, context)
    }
}
