//! Joins records about authentications into logons: one for each connection, sudo, su or cron job,
//! good or bad, however many records it left; and one logoff when it ends.
//!
//! Place in the flow: it sees the records of one host in the order of their stamps. A logon is told
//! when its session starts; a failed one when its process has been silent for a while, because a
//! connection may try again. What belongs together is known by the process id that the records carry:
//! before LOGIN there is no session number. See the live recordings' notes for what sshd, sudo, su and
//! cron write.
//!
//! It refuses to guess: what no record told stays unknown, but for the root of a sudo that failed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::audit::{AuthKind, AuthRecord};
use crate::model::logon::{LogonActivity, Principal};
use crate::model::{EventUid, Logon, Timestamp};

use super::attempt::{Attempt, service_of};
use super::names::Names;

/// An open session: what its end must tell again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Session {
    logon: Logon,
    /// The last session that the same process opened counts.
    order: u64,
}

/// Logons in the making and open sessions of one host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logons {
    attempts: BTreeMap<u32, Attempt>,
    sessions: BTreeMap<u32, Session>,
    order: u64,
    /// No attempt is due before this.
    next_due: Option<Timestamp>,
    /// Attempts and sessions that were let go because a bound was reached.
    pub dropped: u64,
}

/// What a [`Logons`] is told of its host with each call.
pub struct Context<'c> {
    pub host: &'c str,
    pub names: &'c mut Names,
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
        tell: &mut dyn FnMut(Logon),
    ) {
        let Some(pid) = record.pid else {
            return;
        };
        if record.kind == AuthKind::SessionEnd {
            return self.end(pid, record, context, tell);
        }
        if self.belongs_to_a_session(pid, record) {
            return;
        }
        let fits = self.attempts.get(&pid).map(|attempt| attempt.takes(record));
        if fits == Some(false) {
            self.close(pid, context, tell);
        }
        if fits != Some(true) {
            self.make_room(context, tell);
            self.attempts
                .insert(pid, Attempt::new(record, context.offset));
        }
        let Some(attempt) = self.attempts.get_mut(&pid) else {
            return;
        };
        attempt.join(record);
        let due = attempt.newest.plus(context.wait_ms);
        self.next_due = Some(self.next_due.map_or(due, |next| next.min(due)));
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
        tell: &mut dyn FnMut(Logon),
    ) {
        if self.next_due.is_none_or(|due| now < due) {
            return;
        }
        let mut due: Vec<(Timestamp, u32)> = self
            .attempts
            .iter()
            .filter(|(_, attempt)| now.since(attempt.newest) >= context.wait_ms)
            .map(|(pid, attempt)| (attempt.newest, *pid))
            .collect();
        due.sort_unstable();
        for (_, pid) in due {
            self.tell_failed(pid, context, tell);
            // A process that was told to have failed may still get in, for as long as sshd lets it try.
            let over = self
                .attempts
                .get(&pid)
                .is_some_and(|attempt| !attempt.told || now.since(attempt.newest) >= 120_000);
            if over {
                self.attempts.remove(&pid);
            }
        }
        self.next_due = self
            .attempts
            .values()
            .map(|attempt| {
                attempt.newest.plus(if attempt.told {
                    120_000
                } else {
                    context.wait_ms
                })
            })
            .min();
    }

    /// The input has ended: tells every failed logon that is still in the making.
    pub fn finish(&mut self, context: &mut Context<'_>, tell: &mut dyn FnMut(Logon)) {
        let mut pids: Vec<(Timestamp, u32)> = self
            .attempts
            .iter()
            .map(|(pid, a)| (a.newest, *pid))
            .collect();
        pids.sort_unstable();
        for (_, pid) in pids {
            self.close(pid, context, tell);
        }
        self.next_due = None;
    }

    /// Offset of the oldest record of a logon that has not been told.
    pub fn first_offset(&self) -> Option<i64> {
        let open = self.attempts.values().filter(|attempt| !attempt.told);
        open.map(|attempt| attempt.offset).min()
    }

    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }

    /// sshd's child asks for credentials with the session of its parent; USER_LOGIN comes after
    /// USER_START. Both are of a logon that was told.
    fn belongs_to_a_session(&self, pid: u32, record: &AuthRecord<'_>) -> bool {
        let told = |session: &Session| {
            session.logon.session == record.session
                && service_of(record.exe) == session.logon.service
        };
        match record.kind {
            AuthKind::Login | AuthKind::SessionStart => {
                record.session.is_some() && self.sessions.get(&pid).is_some_and(told)
            }
            AuthKind::Credentials => {
                self.attempts.get(&pid).is_none()
                    && record.session.is_some()
                    && self.sessions.values().any(told)
            }
            _ => false,
        }
    }

    fn open(
        &mut self,
        pid: u32,
        record: &AuthRecord<'_>,
        context: &mut Context<'_>,
        tell: &mut dyn FnMut(Logon),
    ) {
        let Some(attempt) = self.attempts.remove(&pid) else {
            return;
        };
        if !attempt.is_switch()
            && let (Some(id), Some(name)) = (record.login_user.id, record.account)
        {
            context.names.learn(id, name);
        }
        let names = &*context.names;
        let logon = attempt.logon(context.host, pid, true, record.stamp, |id| names.get(id));
        self.order += 1;
        if self.sessions.len() >= context.most {
            self.drop_oldest_session();
        }
        let session = Session {
            logon: logon.clone(),
            order: self.order,
        };
        self.sessions.insert(pid, session);
        tell(logon);
    }

    fn end(
        &mut self,
        pid: u32,
        record: &AuthRecord<'_>,
        context: &mut Context<'_>,
        tell: &mut dyn FnMut(Logon),
    ) {
        let service = service_of(record.exe);
        let session = match self.sessions.get(&pid) {
            Some(session) if session.logon.service == service => self.sessions.remove(&pid),
            _ => None,
        };
        let mut end = match session {
            Some(Session { logon, .. }) => Logon {
                duration_ms: Some(record.stamp.time.since(logon.stamp.time)),
                logon_uid: Some(logon.uid),
                ..logon
            },
            // Its start was never seen: nothing is known but what this record says.
            None => {
                let mut attempt = Attempt::new(record, context.offset);
                attempt.join(record);
                let names = &*context.names;
                attempt.logon(context.host, pid, true, record.stamp, |id| names.get(id))
            }
        };
        end.activity = LogonActivity::Logoff;
        end.uid = EventUid::of("logoff", context.host, record.stamp);
        end.stamp = record.stamp;
        end.success = record.success.unwrap_or(true);
        end.records = vec![record.stamp];
        tell(end);
    }

    /// Tells an attempt that failed, or that did no more than run a command.
    fn tell_failed(&mut self, pid: u32, context: &Context<'_>, tell: &mut dyn FnMut(Logon)) {
        let Some(attempt) = self.attempts.get_mut(&pid) else {
            return;
        };
        if attempt.told || !(attempt.failed() || attempt.ran_a_command()) {
            return;
        }
        attempt.told = true;
        let (success, first) = (!attempt.failed(), attempt.first);
        tell(attempt.logon(context.host, pid, success, first, |id| {
            context.names.get(id)
        }));
    }

    fn close(&mut self, pid: u32, context: &Context<'_>, tell: &mut dyn FnMut(Logon)) {
        self.tell_failed(pid, context, tell);
        self.attempts.remove(&pid);
    }

    fn make_room(&mut self, context: &Context<'_>, tell: &mut dyn FnMut(Logon)) {
        if self.attempts.len() < context.most {
            return;
        }
        let oldest = self
            .attempts
            .iter()
            .min_by_key(|(_, attempt)| attempt.newest)
            .map(|(pid, _)| *pid);
        if let Some(pid) = oldest {
            self.dropped += 1;
            self.close(pid, context, tell);
        }
    }

    fn drop_oldest_session(&mut self) {
        let oldest = self
            .sessions
            .iter()
            .min_by_key(|(_, session)| session.order)
            .map(|(pid, _)| *pid);
        if let Some(pid) = oldest {
            self.dropped += 1;
            self.sessions.remove(&pid);
        }
    }
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
