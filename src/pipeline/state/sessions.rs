//! The sessions of one host by the number that the kernel gave them (`ses=`): what each event of a session
//! is told of its logon.
//!
//! Place in the flow: [`super::logons`] fills it, the lane asks it once for each event. A session is known
//! from its LOGIN record on, because what runs before USER_START (the message of the day) is of it too; it
//! stays known after its end, because what it left running keeps the number. sudo and su change nothing:
//! the number stays.
//!
//! It refuses to guess: a number whose logon was not seen is unknown, and so is one that an event has with
//! another auid than its logon had. Numbers start again at boot ([`Sessions::reboot`]).

use hashbrown::HashMap;

use crate::model::session::{Origin, Session};
use crate::model::tracked::Held;
use crate::model::{Hashing, Logon, Timestamp, Tracked};

/// Numbers rise with each LOGIN (kernel/audit.c, audit_set_loginuid); records of two processors may swap.
/// A number that is lower by more is of a new boot.
const SWAPPED: u32 = 64;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sessions {
    pub by_number: Tracked<u32, Session, HashMap<u32, Session, Hashing>>,
    /// The highest number that was given out.
    pub newest: u32,
    /// Sessions that were let go because the bound was reached.
    pub dropped: u64,
}

impl Sessions {
    /// Where an event of this session number and auid came from.
    #[inline]
    pub fn origin(&self, number: Option<u32>, login_user: Option<u32>) -> Origin<'_> {
        let Some(number) = number else {
            return Origin::None;
        };
        match self.by_number.get(&number) {
            Some(session) if session.login_user.is_none_or(|id| login_user == Some(id)) => {
                Origin::Of(session)
            }
            _ => Origin::Unseen,
        }
    }

    /// The kernel gave out a number.
    pub fn begin(&mut self, number: u32, session: Session, most: usize) {
        if number < self.newest.saturating_sub(SWAPPED) {
            self.reboot();
        }
        self.newest = self.newest.max(number);
        if self.by_number.len() >= most && !self.by_number.contains_key(&number) {
            self.make_room((most / 16).max(1));
        }
        self.by_number.insert(number, session);
    }

    /// A logon was told. `assigned`: the kernel was seen to give its number to this process; else only a
    /// service that is known to ask for one of its own is believed.
    /// `offset`: of the input record that the logon began with.
    pub fn logged_on(&mut self, logon: &Logon, assigned: bool, offset: i64, most: usize) {
        let (Some(number), Some(pid)) = (logon.session, logon.pid) else {
            return;
        };
        if let Some(mut session) = self.by_number.get_mut(&number) {
            if session.pid == pid {
                session.logon_uid = Some(logon.uid);
                session.src_ip = logon.src_ip.or(session.src_ip);
                session.service = logon.service.clone();
                session.method = logon.method.or(session.method);
                session.terminal = logon.terminal.clone().or(session.terminal.take());
            }
        } else if assigned || asks_for_a_session(&logon.service) {
            let session = Session {
                logon_uid: Some(logon.uid),
                src_ip: logon.src_ip,
                service: logon.service.clone(),
                method: logon.method,
                terminal: logon.terminal.clone(),
                login_user: logon.user.id,
                pid,
                started: logon.started,
                ended: None,
                pids: 0,
                offset,
            };
            self.begin(number, session, most);
        }
    }

    /// Where the numbers of processes were when the kernel gave out this one.
    pub fn began_at(&mut self, number: Option<u32>, pids: u64) {
        if let Some(mut session) = number.and_then(|number| self.by_number.get_mut(&number)) {
            session.pids = pids;
        }
    }

    /// The same, as it was said; 0 where it was not.
    pub fn pids_of(&self, number: Option<u32>) -> u64 {
        let session = number.and_then(|number| self.by_number.get(&number));
        session.map_or(0, |session| session.pids)
    }

    /// The session of a number, where this process began it.
    pub fn of(&mut self, number: Option<u32>, pid: u32) -> Option<Held<'_, Session>> {
        let session = self.by_number.get_mut(&number?)?;
        (session.pid == pid).then_some(session)
    }

    /// The host started anew: its numbers begin again.
    pub fn reboot(&mut self) {
        self.by_number.take();
        self.newest = 0;
    }

    pub fn len(&self) -> usize {
        self.by_number.len()
    }

    pub fn is_empty(&self) -> bool {
        self.by_number.is_empty()
    }

    /// Lets go who goes next until so many are left.
    pub fn trim(&mut self, most: usize) {
        self.make_room(self.by_number.len().saturating_sub(most));
    }

    /// Several at once, so that each costs little: those that ended first, then the oldest.
    fn make_room(&mut self, many: usize) {
        let age = |(number, session): (&u32, &Session)| {
            let alive = session.ended.is_none();
            let time = session.ended.unwrap_or(session.started);
            (alive, time, *number)
        };
        let mut all: Vec<(bool, Timestamp, u32)> = self.by_number.iter().map(age).collect();
        all.sort_unstable();
        for (.., number) in all.iter().take(many) {
            self.by_number.remove(number);
            self.dropped += 1;
        }
    }
}

/// Programs whose USER_START is of a session that they got of the kernel for it; others open PAM sessions
/// within one that is there.
fn asks_for_a_session(service: &str) -> bool {
    matches!(
        service,
        "sshd"
            | "login"
            | "cron"
            | "crond"
            | "atd"
            | "dropbear"
            | "gdm-session-worker"
            | "lightdm"
            | "sddm-helper"
            | "xrdp-sesman"
            | "in.rlogind"
            | "in.telnetd"
            | "vsftpd"
    )
}

#[cfg(test)]
#[path = "sessions_tests.rs"]
mod tests;
