//! What a lane weighs, and what it lets go where that is more than its share of `limits.memory`.
//!
//! Place in the flow: a line that makes the lane too heavy, or a share that became smaller, brings it here. What
//! goes, in this order, a part at a time, until the rest fits:
//!
//! 1. one event that has more than a sixteenth of the share, as it is: it is decoded and written in one piece;
//! 2. of a host that weighs more than a quarter of it, half of what is known, in the order in which the bounds of a
//!    host let go: one that floods must not cost the others theirs;
//! 3. where open events weigh more than half of the share, the oldest twentieth of them, as they are;
//! 4. else the hosts that were silent longest, a sixty-fourth of all.
//!
//! A weight is reckoned from what is held, never asked of an allocator: the same lines make the same lane let go the
//! same, and so does one that was restored. Everything that goes is counted by its kind ([`Evicted`]).

use crate::model::weight::{block, list};
use crate::model::{Evicted, Stamp};
use crate::pipeline::audit::event::Event;
use crate::pipeline::state::logons::Ended;
use crate::pipeline::state::serials::Hole;

use super::desk::{Desk, Teller};
use super::hosts::{Host, Hosts};
use super::{Call, State, Stats, keyed};

/// An open event beside its bytes: memory that is asked for at once, and its places in two lists.
const EVENT: usize = Event::WITH_ROOM + 2 * (size_of::<Box<Event>>() + size_of::<Stamp>());

/// Beside what is counted: its place among the hosts, its name in the directory, and its carrier's.
const HOST: usize = size_of::<Host>() + 64;

/// What open events weigh.
#[inline]
pub fn of_open(events: usize, bytes: usize) -> usize {
    events * EVENT + bytes
}

/// What a host weighs, without its open events.
#[inline]
pub fn of_host(host: &mut Host) -> usize {
    of_what_it_has(host) + keyed::weight(host)
}

/// The same, with every entry looked at.
pub fn of_host_anew(host: &mut Host) -> usize {
    of_what_it_has(host) + keyed::weight_anew(host)
}

/// Itself, its names, and its short memories. Holes stand in it twice: as they are, and as they were told.
#[inline]
fn of_what_it_has(host: &Host) -> usize {
    HOST + 3 * block(host.bytes.len())
        + block(host.carrier.len())
        + list(host.buffer.released.len(), size_of::<Stamp>())
        + list(host.logons.ended.len(), size_of::<Ended>())
        + 2 * list(host.serials.holes(), size_of::<Hole>())
}

impl State {
    /// Lets go what is more than the lane's share.
    #[inline]
    pub fn relieve(&mut self, call: &mut Call<'_>) {
        while self.hosts.has_too_much() {
            if !self.let_go(call) {
                return;
            }
        }
    }

    /// Lets a part go; false: there is nothing.
    #[cold]
    #[inline(never)]
    fn let_go(&mut self, call: &mut Call<'_>) -> bool {
        if let Some((host, event, cut)) = self.hosts.pop_full() {
            self.stats.evicted += 1;
            self.stats.by_memory[Evicted::Event.index()] += 1;
            self.release(host, event, cut, call);
            return true;
        }
        if let Some(host) = self.hosts.take_heavy() {
            let before = self.hosts.weight();
            let (heavy, desk, mut teller) = self.split(host, true, call);
            heavy.touched = true;
            desk.halve(heavy, &mut teller);
            self.hosts.weigh(host);
            return self.hosts.weight() < before;
        }
        let open = self.hosts.open_events();
        if open > 0 && self.hosts.is_mostly_open() {
            self.let_events_go(call);
            return true;
        }
        let hosts = self.hosts.len();
        if hosts > 1 {
            self.let_hosts_go(call);
        } else {
            self.let_events_go(call);
        }
        (self.hosts.open_events(), self.hosts.len()) != (open, hosts)
    }

    fn let_events_go(&mut self, call: &mut Call<'_>) {
        if let Some(age) = self.hosts.age_of_oldest() {
            let many = self.evict_up_to(age, call);
            self.stats.by_memory[Evicted::Event.index()] += many;
        }
    }

    fn let_hosts_go(&mut self, call: &mut Call<'_>) {
        let many = (self.hosts.len() / Hosts::PART).max(1);
        let many = self.forget_silent(many, call);
        self.stats.by_memory[Evicted::Host.index()] += many;
    }
}

impl Desk {
    /// Lets go half of what is known of a host, in the order in which its bounds would.
    fn halve(&mut self, host: &mut Host, teller: &mut Teller<'_>) {
        let settings = teller.settings;
        host.processes.trim(host.processes.len() / 2);
        host.sessions.trim(host.sessions.len() / 2);
        if let Some(rarity) = &settings.rarity {
            let most = host.patterns.by_hash.len() / 2;
            host.patterns.trim(host.released, rarity, most);
        }
        let most = host.logons.attempts.len().max(host.logons.sessions()) / 2;
        let (logons, context) = host.logons(settings, 0);
        let decided = &mut self.decided;
        logons.trim(&context, most, &mut |logon| decided.push(logon));
        teller.stats.let_go_of(host);
        self.logons(host, teller);
        let alerts = &mut self.alerts;
        let most = host.guesses.sources.len() / 2;
        let rule = &settings.guessing;
        host.guesses
            .trim(&host.name, rule, most, &mut |alert| alerts.push(alert));
        let most = host.stories.all.len() / 2;
        host.stories
            .trim(&host.name, most, &mut |alert| alerts.push(alert));
        self.alerts(teller);
        teller.stats.let_go_of(host);
    }
}

impl Stats {
    /// Counts what was let go of a host: as what its bounds let go, and by its kind.
    fn let_go_of(&mut self, host: &mut Host) {
        let processes = std::mem::take(&mut host.processes.dropped);
        self.forgotten_processes += processes;
        let others = [
            (
                Evicted::Session,
                std::mem::take(&mut host.logons.dropped)
                    + std::mem::take(&mut host.sessions.dropped),
            ),
            (Evicted::Source, std::mem::take(&mut host.guesses.dropped)),
            (Evicted::Story, std::mem::take(&mut host.stories.dropped)),
        ];
        for (kind, many) in others {
            self.forgotten += many;
            self.by_memory[kind.index()] += many;
        }
        self.by_memory[Evicted::Process.index()] += processes;
        self.by_memory[Evicted::Pattern.index()] += std::mem::take(&mut host.patterns.dropped);
    }
}
