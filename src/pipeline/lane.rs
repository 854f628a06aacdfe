//! A lane: all state of one input partition, and the only place that composes the stages.
//!
//! A lane is a plain single-threaded value. It is given input records and times, and appends
//! finished outputs; it never fails: what cannot be read becomes a dead letter and a count.
//!
//! Invariants, by number:
//!
//! 1. Every line ends in exactly one of: an event that goes out, a dead letter.
//! 2. Events of a host that are open together go through state in the order of their stamps, however
//!    their lines came; what a bound pushes out goes at once.
//! 3. [`Lane::hold`] is never past the first record of an event that has not gone out.
//! 4. What is open never exceeds [`Limits`](crate::model::settings::Limits) by more than one line.
//! 5. A lane that was saved and restored goes on as if it had not been, where its share of the memory is the same.
//! 6. What it remembers never weighs more than its share by more than one line and what that makes known.

mod alerts;
mod carriers;
mod choice;
mod desk;
mod directory;
mod hosts;
mod judge;
mod keyed;
mod losses;
mod memory;
mod rarity;
pub mod rekey;
mod release;
mod saved;
pub mod trace;
mod turns;
mod wakes;

use std::sync::Arc;

use crate::model::alert::Suppressed;
use crate::model::{Evicted, Input, Kind, Outputs, Reject, Settings, Source, Timestamp};
use crate::pipeline::audit::line::{self, Record};
use crate::pipeline::audit::record_types::RecordType;
use crate::pipeline::detect::RuleSet;
use crate::pipeline::envelope::{Line, Opener};
use crate::pipeline::flow::FlowReader;
use crate::pipeline::intel::IntelSet;

use desk::Desk;
use hosts::{Hosts, Pushed};
pub use rarity::PatternCounts;
use saved::Log;
pub use saved::{Bookmark, RestoreError, bookmark, bookmark_key};
use trace::{Step, Trace};

/// Counters of a lane since it began; they only grow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Input records (Kafka messages, or lines of a file).
    pub records: u64,
    /// Audit lines and flows in them.
    pub lines: u64,
    /// Bytes of input records.
    pub bytes: u64,
    /// Outputs by kind, in the order of [`Kind::ALL`]; counted also where the kind is not wanted.
    pub events: [u64; Kind::ALL.len()],
    /// Audit events that went out incomplete, whatever the reason.
    pub incomplete: u64,
    /// Audit events that went out because a bound was reached.
    pub evicted: u64,
    /// Refused inputs, in the order of [`Reject::ALL`].
    pub rejects: [u64; Reject::ALL.len()],
    /// Events that were dropped, by the place of the filter in the settings.
    pub filtered: Vec<u64>,
    /// Gaps in serials, and how many events are missing in them.
    pub gaps: u64,
    pub missing_events: u64,
    /// Records that the kernel says it lost, as far as that was heard.
    pub kernel_lost: u64,
    /// Lines in which the kernel says that its backlog or rate limit was exceeded.
    pub kernel_limits: u64,
    /// Records in which auditd says that it failed.
    pub daemon_failures: u64,
    /// Indicator hits.
    pub hits: u64,
    /// Rules that events matched.
    pub matches: u64,
    /// Signs that weighed nothing in a story, in the order of [`Suppressed::ALL`].
    pub suppressed: [u64; Suppressed::ALL.len()],
    /// Sessions, logons in the making and guessing sources that a bound made the lane forget.
    pub forgotten: u64,
    /// Processes that a bound made the lane forget: what they start later names no parent.
    pub forgotten_processes: u64,
    /// What the lane's share of the memory made it let go, in the order of [`Evicted::ALL`]; the counts above
    /// have it too.
    pub by_memory: [u64; Evicted::ALL.len()],
}

/// What one call of a lane works with beside its state.
struct Call<'c> {
    now: Timestamp,
    intel: &'c IntelSet,
    out: &'c mut Outputs,
    /// `None` but in `explain`.
    trace: Option<&'c mut Trace<'c>>,
}

/// All state of one input partition.
pub struct Lane {
    opener: Opener,
    flows: FlowReader,
    state: State,
    /// What was saved of it; `None`: it is not saved.
    log: Option<Log>,
}

struct State {
    settings: Arc<Settings>,
    rules: Arc<RuleSet>,
    stats: Stats,
    hosts: Hosts,
    desk: Desk,
    /// Events that began before this offset have gone out already.
    told_before: i64,
    /// Place and length of the bytes refused last: a JSON document with many bad lines is one dead letter.
    refused: Option<(usize, usize)>,
}

impl Lane {
    pub fn new(settings: Arc<Settings>) -> Lane {
        Lane {
            opener: Opener::new(settings.envelope.clone()),
            flows: FlowReader::new(&settings.internal_networks),
            state: State {
                hosts: Hosts::new(&settings),
                settings,
                rules: Arc::default(),
                stats: Stats::default(),
                desk: Desk::default(),
                told_before: i64::MIN,
                refused: None,
            },
            log: None,
        }
    }

    /// Takes one input record. `now` is the arrival clock: it must not go back, and may stand still
    /// (`replay` passes the same time always, and waits then end by the host's own time alone).
    pub fn step(&mut self, now: Timestamp, input: Input<'_>, intel: &IntelSet, out: &mut Outputs) {
        let trace = None;
        let mut call = Call {
            now,
            intel,
            out,
            trace,
        };
        self.step_with(input, &mut call);
    }

    fn step_with(&mut self, input: Input<'_>, call: &mut Call<'_>) {
        let Lane {
            opener,
            flows,
            state,
            log: _,
        } = self;
        state.refused = None;
        state.stats.records += 1;
        state.stats.bytes += input.value.len() as u64;
        match input.source {
            Source::Audit => match opener.reads_lines() {
                true if state.take_plain(&input, call) => {}
                _ => opener.open(input.value, &mut |line| match line {
                    Ok(line) => state.take_line(&line, &input, call),
                    Err((reject, raw)) => state.refuse(reject, raw, &input, call),
                }),
            },
            Source::Flow => {
                let read = flows.read(input.value, &mut |flow| {
                    state.take_flow(&flow, input.offset, call);
                });
                if let Err(reject) = read {
                    state.stats.lines += 1;
                    state.refuse(reject, input.value, &input, call);
                }
            }
        }
    }

    /// Lets waits end that `now` has passed.
    pub fn tick(&mut self, now: Timestamp, intel: &IntelSet, out: &mut Outputs) {
        let mut call = Call {
            now,
            intel,
            out,
            trace: None,
        };
        self.state.wake(&mut call);
        self.state.relieve(&mut call);
    }

    /// The input has ended: everything goes out, what is not whole as incomplete.
    pub fn finish(&mut self, intel: &IntelSet, out: &mut Outputs) {
        let mut call = Call {
            now: Timestamp(i64::MIN),
            intel,
            out,
            trace: None,
        };
        self.finish_with(&mut call);
    }

    fn finish_with(&mut self, call: &mut Call<'_>) {
        for host in 0..self.state.hosts.len() {
            self.state.finish_host(host, call);
        }
    }

    /// The lane is leaving this worker: what is whole goes out, the rest stays for the next owner.
    pub fn leave(&mut self, intel: &IntelSet, out: &mut Outputs) {
        let mut call = Call {
            now: Timestamp(i64::MIN),
            intel,
            out,
            trace: None,
        };
        for host in 0..self.state.hosts.len() {
            while let Some(event) = self.state.hosts.pop_finished(host) {
                self.state.release(host, event, None, &mut call);
            }
        }
    }

    /// Offset of the first record of the oldest event that is still open; the committed offset must
    /// not pass it. `None`: nothing is open.
    pub fn hold(&self) -> Option<i64> {
        self.state
            .hosts
            .iter()
            .filter_map(|host| host.buffer.first_offset())
            .min()
    }

    /// Offset from which reading again rebuilds logons in the making, counters of failed logons and stories that weigh
    /// something, with the logons of their sessions; at or before [`Lane::hold`]. `None`: nothing to rebuild.
    pub fn rebuild_from(&self) -> Option<i64> {
        let hosts = self.state.hosts.iter();
        let first = hosts.filter_map(|host| {
            let logons = host.logons.first_offset().into_iter();
            let rest = logons.chain(host.guesses.first_offset());
            rest.chain(host.stories.first_offset()).min()
        });
        first
            .min()
            .map(|first| self.hold().map_or(first, |hold| first.min(hold)))
    }

    /// From now on what the lane remembers may weigh so many bytes. What is too much goes with the next line, or
    /// when time passes.
    pub fn share(&mut self, bytes: usize) {
        self.state.hosts.share(bytes);
    }

    /// Bytes of all that it remembers, as they are reckoned.
    pub fn weight(&self) -> usize {
        self.state.hosts.weight()
    }

    /// From now on events are held against these rules.
    pub fn follow_rules(&mut self, rules: &Arc<RuleSet>) {
        if !Arc::ptr_eq(rules, &self.state.rules) {
            self.state.rules = Arc::clone(rules);
        }
    }

    /// Tells a new lane that events whose first record stands before `offset` have gone out: they
    /// change state, and are not told again.
    pub fn told_before(&mut self, offset: i64) {
        self.state.told_before = offset;
    }

    /// The newest event time seen.
    pub fn event_time(&self) -> Option<Timestamp> {
        self.state
            .hosts
            .iter()
            .map(|host| host.buffer.newest())
            .max()
            .filter(|time| time.0 > 0)
    }

    pub fn open_events(&self) -> usize {
        self.state.hosts.open_events()
    }

    /// Bytes of open events.
    pub fn open_bytes(&self) -> usize {
        self.state.hosts.open_bytes()
    }

    pub fn hosts(&self) -> usize {
        self.state.hosts.len()
    }

    /// From now on the names of hosts are kept that were not known, those that are first; for who takes them.
    pub fn watch_hosts(&mut self) {
        let known = self.state.hosts.iter().map(|host| host.bytes.clone());
        self.state.hosts.met = Some(known.collect());
    }

    /// The names of hosts that were met since they were taken last; none where nobody watches.
    pub fn take_met(&mut self) -> Vec<Box<[u8]>> {
        let met = self.state.hosts.met.as_mut();
        met.map(std::mem::take).unwrap_or_default()
    }

    pub fn stats(&self) -> &Stats {
        &self.state.stats
    }

    pub fn settings(&self) -> &Settings {
        &self.state.settings
    }
}

impl State {
    /// Takes an input record that is one audit record and nothing else, as nearly all are. Gives false
    /// where it is not, or not surely.
    #[inline(always)]
    fn take_plain(&mut self, input: &Input<'_>, call: &mut Call<'_>) -> bool {
        let line = Line::bare(input.value);
        let record = match line::read_plain(line.text) {
            Some(record) if line.text.len() <= self.settings.limits.line_bytes => record,
            _ => return false,
        };
        self.stats.lines += 1;
        call.told(|_| Step::Line(&line));
        self.take_record(&record, &line, input, call);
        true
    }

    #[inline(never)]
    fn take_line(&mut self, line: &Line<'_>, input: &Input<'_>, call: &mut Call<'_>) {
        self.stats.lines += 1;
        call.told(|_| Step::Line(line));
        if line.text.len() > self.settings.limits.line_bytes {
            return self.refuse(Reject::TooLong, line.raw, input, call);
        }
        let (mut text, mut node) = (line.text, None);
        loop {
            let mut record = match line::read(text) {
                Ok(record) => record,
                Err(reject) => {
                    self.hear_kernel(line, input, call);
                    return self.refuse(reject, line.raw, input, call);
                }
            };
            let glued = line::glued(record.body);
            if let Some(at) = glued {
                (record.body, text) = record.body.split_at(at);
                record.body = record.body.trim_ascii_end();
            }
            // One writer wrote the whole line.
            node = record.node.filter(|node| !node.is_empty()).or(node);
            record.node = node;
            self.take_record(&record, line, input, call);
            if glued.is_none() {
                return;
            }
            self.stats.lines += 1;
        }
    }

    #[inline(always)]
    fn take_record(
        &mut self,
        record: &Record<'_>,
        line: &Line<'_>,
        input: &Input<'_>,
        call: &mut Call<'_>,
    ) {
        let carrier = line.host.or(input.host);
        let host = match record.node {
            Some(node) => {
                let host = self.host(node, call);
                let carrier = carrier.or(self.settings.default_host.as_deref().map(str::as_bytes));
                let carrier = carrier.or(input.key).unwrap_or_default();
                self.hosts.named(host, carrier, record.stamp, call.now);
                host
            }
            None => {
                let carrier = match carrier {
                    Some(name) => self.host(name, call),
                    None => self.unnamed_host(input, call),
                };
                self.hosts.meant(carrier, record.stamp)
            }
        };
        let pushed = self.hosts.push(host, record, call.now, input.offset);
        let hosts = &self.hosts;
        call.told(|_| Step::Record {
            record,
            host: hosts.name(host),
            late: pushed == Pushed::Late,
        });
        match pushed {
            // It says that its event is over, and nothing else.
            Pushed::Late if record.kind == RecordType::EOE => {}
            Pushed::Late => self.refuse(Reject::Late, line.raw, input, call),
            Pushed::Waits => {}
            Pushed::Ripe => {
                self.release_due(host, call);
                self.evict(host, call);
            }
        }
        if self.hosts.turns.is_due() {
            self.release_in_turn(call);
        }
    }

    fn refuse(&mut self, reject: Reject, raw: &[u8], input: &Input<'_>, call: &mut Call<'_>) {
        self.stats.rejects[reject.index()] += 1;
        call.told(|_| Step::Refused { reject, raw });
        let bytes = Some((raw.as_ptr() as usize, raw.len()));
        if std::mem::replace(&mut self.refused, bytes) == bytes {
            return;
        }
        if input.offset >= self.told_before {
            let host = input.host.or(input.key).unwrap_or_default();
            call.out.dead_letter(reject, host, raw, input.offset);
        }
    }

    /// The host of a line that names none: the default of the settings, else the message key.
    #[inline(always)]
    fn unnamed_host(&mut self, input: &Input<'_>, call: &mut Call<'_>) -> usize {
        let name = match &self.settings.default_host {
            Some(name) => name.as_bytes(),
            None => input.key.unwrap_or_default(),
        };
        match self.hosts.find(name) {
            Some(host) => host,
            None => {
                // The name is borrowed from the state that a new host changes.
                let name = name.to_vec();
                self.new_host(&name, call)
            }
        }
    }

    #[inline(always)]
    fn host(&mut self, name: &[u8], call: &mut Call<'_>) -> usize {
        match self.hosts.find(name) {
            Some(host) => host,
            None => self.new_host(name, call),
        }
    }

    /// May cost the hosts that were silent longest their place.
    #[cold]
    #[inline(never)]
    fn new_host(&mut self, name: &[u8], call: &mut Call<'_>) -> usize {
        if self.hosts.len() >= self.settings.limits.hosts {
            self.forget_silent((self.settings.limits.hosts / Hosts::PART).max(1), call);
        }
        self.hosts.add(name)
    }

    /// The hosts that were silent longest go; gives how many.
    fn forget_silent(&mut self, many: usize, call: &mut Call<'_>) -> u64 {
        let silent = self.hosts.silent_longest(many);
        for &host in &silent {
            self.finish_host(host, call);
        }
        self.hosts.forget(&silent);
        self.stats.forgotten += silent.len() as u64;
        silent.len() as u64
    }
}

#[cfg(test)]
mod tests;
