//! Joins records about authentications into logons: one for each connection, sudo, su or cron job,
//! good or bad, however many records it left; and one logoff when it ends.
//!
//! Place in the flow: it sees the records of one host in the order of their stamps. A logon is told
//! when its session starts; a failed one when its process has been silent for a while, because a
//! connection may try again, or when another from the same address gets in. What belongs together is
//! known by the process id that the records carry: before LOGIN there is no session number. See the
//! live recordings' notes for what sshd, sudo, su and cron write.
//!
//! It refuses to guess: what no record told stays unknown, but for the root of a sudo that failed.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use crate::model::audit::{AuthKind, AuthRecord};
use crate::model::logon::{LogonActivity, Principal};
use crate::model::weight::{block, tree};
use crate::model::{Due, EventUid, Hashing, Logon, Ring, Timestamp, Tracked, Weigh};

use super::attempt::{Attempt, GRACE_MS, service_of};
use super::names::Names;
use super::sessions::Sessions;

/// Ends of sessions that are remembered.
pub const MOST_ENDED: usize = 256;

/// Records of a logon that come after it was told (USER_LOGIN after USER_START) come within this.
const AFTERMATH_MS: i64 = 10_000;

/// The same session started twice: by the parts of one program, not by a process id that came round.
const TWICE_MS: i64 = 5_000;

/// An open session: what its end must tell again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    logon: Arc<Logon>,
    /// Grows with each session of the host.
    order: u64,
}

/// The logon, which its output shares; its number and its place among the others stand beside it.
impl Weigh for Session {
    fn heap(&self) -> usize {
        block(size_of::<Logon>() + 16)
            + self.logon.heap()
            + tree(1, size_of::<(Option<u32>, u32)>())
            + tree(1, size_of::<(u64, u32)>())
    }
}

/// By process id. Looked up for each record; nobody sees the order.
type ByPid<V> = Tracked<u32, V, HashMap<u32, V, Hashing>>;

/// Process id, session number and time of an end.
pub type Ended = (u32, Option<u32>, Timestamp);

/// Logons in the making and open sessions of one host, by process id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Logons {
    /// An attempt is large to move.
    pub attempts: ByPid<Box<Attempt>>,
    /// Made from the attempts, as what comes next; `by_number` and `by_order` are made from the sessions.
    due: Due<u32>,
    /// Source address and process id of each attempt that has one and was not told.
    by_source: BTreeSet<(IpAddr, u32)>,
    pub sessions: ByPid<Session>,
    /// Session number and process id of each session.
    by_number: BTreeSet<(Option<u32>, u32)>,
    by_order: BTreeMap<u64, u32>,
    order: u64,
    /// Sessions that ended a short while ago: sshd and PAM each tell the end.
    pub ended: Ring<Ended, MOST_ENDED>,
    /// When sessions opened a short while ago, and the offset at which reading them again begins. Not
    /// saved: who has the saved form reads nothing again.
    opened: VecDeque<(Timestamp, i64)>,
    /// Attempts and sessions that were let go because a bound was reached.
    pub dropped: u64,
}

/// A logon that was decided, and the offset of the input record that it began with.
#[derive(Clone, Debug)]
pub struct Decided {
    pub logon: Arc<Logon>,
    pub offset: i64,
}

/// What a [`Logons`] is told of its host with each call.
pub struct Context<'c> {
    pub host: &'c str,
    pub names: &'c mut Names,
    pub sessions: &'c mut Sessions,
    /// How long a failed attempt stays silent before it is told, in milliseconds.
    pub wait_ms: i64,
    /// Bound of attempts, and of sessions.
    pub most: usize,
    /// Offset of the input record that the current event began with.
    pub offset: i64,
}

impl Logons {
    /// Takes one record; `tell` gets what it decides.
    pub fn take(
        &mut self,
        record: &AuthRecord<'_>,
        context: &mut Context<'_>,
        tell: &mut dyn FnMut(Decided),
    ) {
        let Some(pid) = record.pid else {
            return;
        };
        if record.kind == AuthKind::SessionEnd {
            return self.end(pid, record, context, tell);
        }
        if is_no_logon(record.exe) {
            // The kernel gave it a session, as systemd's user manager, and it is no logon.
            if let Some(mut session) = context.sessions.of(record.session, pid)
                && session.logon_uid.is_none()
            {
                session.service = service_of(record.exe).into();
            }
            return;
        }
        if self.belongs_to_a_session(pid, record) {
            // The terminal is known when the shell begins.
            if let (AuthKind::Login, Some(mut session), Some(terminal)) = (
                record.kind,
                context.sessions.of(record.session, pid),
                record.terminal,
            ) {
                session.terminal = Some(terminal.into());
            }
            return;
        }
        let fits = self.attempts.get(&pid).map(|attempt| attempt.takes(record));
        if fits == Some(false) {
            self.close(pid, context, tell);
        }
        if fits != Some(true) {
            self.make_room(context, tell);
            self.attempts
                .insert(pid, Box::new(Attempt::new(record, context.offset)));
        }
        let Some(mut attempt) = self.attempts.get_mut(&pid) else {
            return;
        };
        let old = (fits == Some(true)).then(|| attempt.due(context.wait_ms));
        let before = attempt.src_ip();
        attempt.join(record);
        if before != attempt.src_ip() {
            before.map(|ip| self.by_source.remove(&(ip, pid)));
            let untold = attempt.src_ip().filter(|_| !attempt.told);
            untold.map(|ip| self.by_source.insert((ip, pid)));
        }
        let due = attempt.due(context.wait_ms);
        self.due.set(pid, old, due);
        if record.kind == AuthKind::Assigned
            && let Some((number, session)) = attempt.session(context.host, pid)
        {
            context.sessions.begin(number, session, context.most);
        }
        drop(attempt);
        let starts = matches!(record.kind, AuthKind::SessionStart | AuthKind::Login);
        if starts && record.success == Some(true) {
            self.open(pid, record, context, tell);
        }
    }

    /// Tells the failed logons that have been silent long enough.
    pub fn advance(
        &mut self,
        now: Timestamp,
        context: &mut Context<'_>,
        tell: &mut dyn FnMut(Decided),
    ) {
        let old = |time: Timestamp| now.since(time) > AFTERMATH_MS;
        while self.opened.front().is_some_and(|(time, _)| old(*time)) {
            self.opened.pop_front();
        }
        while let Some(pid) = self.due.pop(now) {
            self.tell_failed(pid, context, tell);
            match self.attempts.get(&pid) {
                // It may still get in.
                Some(attempt) if attempt.told && now.since(attempt.newest) < GRACE_MS => {
                    self.due.set(pid, None, attempt.due(context.wait_ms));
                }
                _ => {
                    self.remove(pid);
                }
            }
        }
    }

    /// When [`Logons::advance`] has something to do, by the host's own time.
    pub fn next(&self) -> Timestamp {
        let opened = self
            .opened
            .front()
            .map(|(time, _)| time.plus(AFTERMATH_MS + 1));
        opened.map_or(self.due.next(), |opened| opened.min(self.due.next()))
    }

    /// The input has ended: tells every failed logon that is still in the making.
    pub fn finish(&mut self, context: &mut Context<'_>, tell: &mut dyn FnMut(Decided)) {
        while let Some(pid) = self.due.first() {
            self.close(pid, context, tell);
        }
    }

    /// Offset from which a logon has to be read again: one that has not been told, or one that was, with
    /// records of it that may still come.
    pub fn first_offset(&self) -> Option<i64> {
        let open = self.attempts.values().filter(|attempt| !attempt.told);
        let opened = self.opened.iter().map(|(_, offset)| *offset);
        open.map(|attempt| attempt.offset).chain(opened).min()
    }

    /// Attempts and sessions were put back from their saved form: what is made from them is made anew.
    pub fn restored(&mut self, wait_ms: i64) {
        for (pid, attempt) in self.attempts.iter() {
            self.due.set(*pid, None, attempt.due(wait_ms));
            let untold = attempt.src_ip().filter(|_| !attempt.told);
            untold.map(|ip| self.by_source.insert((ip, *pid)));
        }
        for (pid, Session { logon, order }) in self.sessions.iter() {
            self.by_number.insert((logon.session, *pid));
            self.by_order.insert(*order, *pid);
            self.order = self.order.max(*order);
        }
    }

    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }

    /// sshd's child asks for credentials with the session of its parent; USER_LOGIN comes after
    /// USER_START. Both are of a logon that was told.
    fn belongs_to_a_session(&self, pid: u32, record: &AuthRecord<'_>) -> bool {
        if record.session.is_none() {
            return false;
        }
        let told = |pid: &u32| {
            self.sessions.get(pid).is_some_and(|session| {
                session.logon.session == record.session
                    && *service_of(record.exe) == *session.logon.service
            })
        };
        match record.kind {
            AuthKind::Login => told(&pid),
            AuthKind::SessionStart => {
                let started = |session: &Session| {
                    record.stamp.time.since(session.logon.stamp.time) <= TWICE_MS
                        && (record.account.is_none()
                            || session.logon.user.name.as_deref() == record.account)
                };
                told(&pid) && self.sessions.get(&pid).is_some_and(started)
            }
            AuthKind::Credentials => {
                let of_session = (record.session, 0)..=(record.session, u32::MAX);
                !self.attempts.contains_key(&pid)
                    && self.by_number.range(of_session).any(|(_, pid)| told(pid))
            }
            _ => false,
        }
    }

    fn open(
        &mut self,
        pid: u32,
        record: &AuthRecord<'_>,
        context: &mut Context<'_>,
        tell: &mut dyn FnMut(Decided),
    ) {
        let Some(attempt) = self.remove(pid) else {
            return;
        };
        self.due.remove(pid, attempt.due(context.wait_ms));
        self.tell_failures_before(&attempt, context, tell);
        if !attempt.is_switch()
            && let (Some(id), Some(name)) = (record.login_user.id, record.account)
        {
            context.names.learn(id, name);
        }
        let names = &*context.names;
        let logon = attempt.logon(context.host, pid, true, record.stamp, |id| names.get(id));
        if !attempt.is_switch() {
            let assigned = attempt.is_assigned();
            let offset = attempt.offset;
            context
                .sessions
                .logged_on(&logon, assigned, offset, context.most);
        }
        let logon = Arc::new(logon);
        self.keep_session(pid, logon.clone(), context.most);
        self.opened.push_back((record.stamp.time, attempt.offset));
        if self.opened.len() > context.most {
            self.opened.pop_front();
        }
        tell(Decided {
            logon,
            offset: attempt.offset,
        });
    }

    fn keep_session(&mut self, pid: u32, logon: Arc<Logon>, most: usize) {
        self.take_session(pid);
        if self.sessions.len() >= most
            && let Some(oldest) = self.by_order.first_key_value().map(|(_, pid)| *pid)
        {
            self.dropped += 1;
            self.take_session(oldest);
        }
        self.order += 1;
        self.by_order.insert(self.order, pid);
        self.by_number.insert((logon.session, pid));
        let order = self.order;
        self.sessions.insert(pid, Session { logon, order });
    }

    fn take_session(&mut self, pid: u32) -> Option<Session> {
        let session = self.sessions.remove(&pid)?;
        self.by_order.remove(&session.order);
        self.by_number.remove(&(session.logon.session, pid));
        Some(session)
    }

    fn end(
        &mut self,
        pid: u32,
        record: &AuthRecord<'_>,
        context: &mut Context<'_>,
        tell: &mut dyn FnMut(Decided),
    ) {
        if is_no_logon(record.exe) {
            return;
        }
        let service = service_of(record.exe);
        let session = match self.sessions.get(&pid) {
            Some(session) if *session.logon.service == *service => self.take_session(pid),
            _ => None,
        };
        if let Some(mut ended) = context.sessions.of(record.session, pid) {
            ended.ended = Some(record.stamp.time);
        }
        let ended = (pid, record.session);
        if session.is_none() && self.has_ended(ended, record.stamp.time) {
            return;
        }
        self.ended.push((pid, record.session, record.stamp.time));
        let mut end = match session {
            Some(Session { logon, .. }) => Logon {
                duration_ms: Some(record.stamp.time.since(logon.stamp.time)),
                logon_uid: Some(logon.uid),
                ..Arc::unwrap_or_clone(logon)
            },
            // Its start was never seen: nothing is known but what this record says.
            None => {
                let mut attempt = Attempt::new(record, context.offset);
                attempt.join(record);
                let names = &*context.names;
                attempt.logon(context.host, pid, true, record.stamp, |id| names.get(id))
            }
        };
        end.started = end.stamp.time;
        end.activity = LogonActivity::Logoff;
        end.uid = EventUid::of("logoff", context.host, record.stamp);
        end.stamp = record.stamp;
        end.success = record.success.unwrap_or(true);
        end.records = vec![record.stamp];
        tell(Decided {
            logon: Arc::new(end),
            offset: context.offset,
        });
    }

    /// Red Hat's sshd tells an end three times: USER_END of the login, USER_LOGOUT, USER_END of PAM.
    fn has_ended(&self, of: (u32, Option<u32>), now: Timestamp) -> bool {
        self.ended
            .iter()
            .any(|(pid, session, time)| (*pid, *session) == of && now.since(*time) <= GRACE_MS)
    }

    /// Tells an attempt that failed, or that did no more than run a command.
    fn tell_failed(&mut self, pid: u32, context: &Context<'_>, tell: &mut dyn FnMut(Decided)) {
        let Some(mut attempt) = self.attempts.get_mut(&pid) else {
            return;
        };
        if attempt.told || !(attempt.failed() || attempt.ran_a_command()) {
            return;
        }
        attempt.told = true;
        attempt.src_ip().map(|ip| self.by_source.remove(&(ip, pid)));
        let (success, first) = (!attempt.failed(), attempt.first);
        let logon = attempt.logon(context.host, pid, success, first, |id| {
            context.names.get(id)
        });
        tell(Decided {
            logon: Arc::new(logon),
            offset: attempt.offset,
        });
    }

    fn close(&mut self, pid: u32, context: &Context<'_>, tell: &mut dyn FnMut(Decided)) {
        let due = self
            .attempts
            .get(&pid)
            .map(|attempt| attempt.due(context.wait_ms));
        self.tell_failed(pid, context, tell);
        self.remove(pid);
        if let Some(due) = due {
            self.due.remove(pid, due);
        }
    }

    fn remove(&mut self, pid: u32) -> Option<Box<Attempt>> {
        let attempt = self.attempts.remove(&pid)?;
        if let Some(ip) = attempt.src_ip() {
            self.by_source.remove(&(ip, pid));
        }
        Some(attempt)
    }

    /// Before a source is told to have got in, its failures are: what counts them must not wait for
    /// their silence.
    fn tell_failures_before(
        &mut self,
        attempt: &Attempt,
        context: &Context<'_>,
        tell: &mut dyn FnMut(Decided),
    ) {
        let Some(ip) = attempt.src_ip() else {
            return;
        };
        let mut failures: Vec<(Timestamp, u32)> = self
            .by_source
            .range((ip, 0)..=(ip, u32::MAX))
            .filter_map(|(_, pid)| Some((self.attempts.get(pid)?.newest, *pid)))
            .collect();
        failures.sort_unstable();
        for (_, pid) in failures {
            let old = self
                .attempts
                .get(&pid)
                .map(|attempt| attempt.due(context.wait_ms));
            self.tell_failed(pid, context, tell);
            if let Some(attempt) = self.attempts.get(&pid) {
                self.due.set(pid, old, attempt.due(context.wait_ms));
            }
        }
    }

    /// Lets go the oldest until so many are left of attempts, and of sessions.
    pub fn trim(&mut self, context: &Context<'_>, most: usize, tell: &mut dyn FnMut(Decided)) {
        while self.attempts.len() > most
            && let Some(pid) = self.due.first()
        {
            self.dropped += 1;
            self.close(pid, context, tell);
        }
        while self.sessions.len() > most
            && let Some(oldest) = self.by_order.first_key_value().map(|(_, pid)| *pid)
        {
            self.dropped += 1;
            self.take_session(oldest);
        }
    }

    fn make_room(&mut self, context: &Context<'_>, tell: &mut dyn FnMut(Decided)) {
        if self.attempts.len() >= context.most
            && let Some(pid) = self.due.first()
        {
            self.dropped += 1;
            self.close(pid, context, tell);
        }
    }
}

/// Programs that ask PAM and log nobody on: helpers of those that do, tools that change an account, and
/// the user manager that systemd starts beside each logon.
fn is_no_logon(exe: Option<&[u8]>) -> bool {
    matches!(
        &*service_of(exe),
        "unix_chkpwd"
            | "polkit-agent-helper-1"
            | "passwd"
            | "chpasswd"
            | "chage"
            | "chfn"
            | "chsh"
            | "useradd"
            | "usermod"
            | "userdel"
            | "systemd"
            | "systemd-executor"
    )
}

/// Shown by a [`Principal`] in words.
pub fn shown(who: &Principal) -> String {
    match (&who.name, who.id) {
        (Some(name), _) => String::from_utf8_lossy(name).into_owned(),
        (None, Some(id)) => format!("uid {id}"),
        (None, None) => "(unknown)".to_string(),
    }
}

#[cfg(test)]
#[path = "logons_tests.rs"]
mod tests;
