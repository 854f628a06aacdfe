//! What was lost before it came here: gaps in serials, and the words of kernels and auditd about it.
//!
//! All of it is counted; gaps are told as alerts where the settings want that.

use crate::model::Input;
use crate::model::Timestamp;
use crate::model::gap::Gap;
use crate::pipeline::audit::event::Event;
use crate::pipeline::audit::health;
use crate::pipeline::detect::gaps;
use crate::pipeline::envelope::Line;

use super::desk::{Desk, Teller};
use super::hosts::Host;
use super::{Call, State, Stats};

impl State {
    /// The kernel tells its losses in its log, in lines that are no audit records.
    pub fn hear_kernel(&mut self, line: &Line<'_>, input: &Input<'_>, call: &mut Call<'_>) {
        match health::of_line(line.text) {
            Some((health::Word::Limit, _)) => self.stats.kernel_limits += 1,
            Some((health::Word::Lost(lost), host)) => {
                let host = match line.host.or(host).or(input.host) {
                    Some(name) => self.host(name, call),
                    None => self.unnamed_host(input, call),
                };
                let host = self.hosts.get_mut(host);
                host.touched = true;
                self.stats.kernel_lost(&mut host.kernel_lost, lost);
            }
            None => {}
        }
    }
}

impl Desk {
    /// An event goes: its serial has come. auditd counts its own records apart.
    pub fn serial(&mut self, host: &mut Host, event: &Event, teller: &mut Teller<'_>) {
        if event.kinds().next().is_some_and(|kind| !kind.is_daemon()) {
            host.serials.see(event.stamp, event.arrived);
        }
        if !host.serials.is_whole() {
            self.gaps(host, Some(event.arrived), teller);
        }
    }

    /// Counts the gaps whose wait is over, all where `now` is none, and tells them where that is wanted.
    pub fn gaps(&mut self, host: &mut Host, now: Option<Timestamp>, teller: &mut Teller<'_>) {
        let (name, alerts) = (&host.name, &mut self.alerts);
        let (stats, settings) = (&mut *teller.stats, teller.settings);
        let mut each = |gap: Gap| {
            stats.gaps += 1;
            stats.missing_events += gap.missing;
            if settings.tell_gaps {
                alerts.push(gaps::alert(name, gap));
            }
        };
        match now {
            Some(now) => host.serials.settle(now, settings.waits.event_ms, &mut each),
            None => host.serials.finish(&mut each),
        }
        self.alerts(teller);
    }
}

impl Stats {
    /// Counts what an event says of losses of its host.
    pub fn watch(&mut self, host: &mut Host, event: &Event) {
        if let Some(lost) = health::lost_before(event) {
            self.kernel_lost(&mut host.kernel_lost, lost);
            host.kernel_lost = Some(0);
        }
        self.daemon_failures += event
            .kinds()
            .filter(|&kind| health::is_failure(kind))
            .count() as u64;
    }

    /// The kernel counts from boot, and says so when it loses one. What was lost before the first word
    /// of it is not known, so that one counts as 1.
    fn kernel_lost(&mut self, known: &mut Option<u32>, lost: u32) {
        self.kernel_lost += u64::from(match *known {
            Some(before) => lost.checked_sub(before).unwrap_or(lost),
            None => lost.min(1),
        });
        *known = Some(lost);
    }
}
