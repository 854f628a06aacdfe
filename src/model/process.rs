//! A program start, as the records of one audit event tell it.

use std::borrow::Cow;

use super::session::Origin;
use super::{EventUid, Stamp, Timestamp, Within};

/// A user or group: the number, and the name where a record gave one. Names never come from the
/// machine that trailhound runs on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account<'a> {
    /// `None` where the kernel said unset (4294967295) or nothing.
    pub id: Option<u32>,
    pub name: Option<&'a [u8]>,
}

/// Why an event left before everything that its records promised was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The host's own time, or this end's, moved past it by the time-out.
    TimedOut,
    /// A bound of the buffer was reached.
    Evicted,
    /// The input ended.
    Ended,
    /// It was told in a form that lost something before it came here.
    Source,
}

impl Cut {
    pub fn as_str(self) -> &'static str {
        match self {
            Cut::TimedOut => "timed_out",
            Cut::Evicted => "evicted",
            Cut::Ended => "input_ended",
            Cut::Source => "at_source",
        }
    }
}

/// What the records promised and did not bring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Completeness {
    /// `None`: the event is whole.
    pub cut: Option<Cut>,
    pub no_syscall: bool,
    pub no_execve: bool,
    pub no_proctitle: bool,
    /// Arguments that `argc` promised and EXECVE records did not bring, or not to the last byte.
    pub args_missing: u32,
    /// PATH records that `items=` promised and did not come.
    pub paths_missing: u32,
}

/// A process that another one descends from, as records before told it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ancestor<'a> {
    pub pid: u32,
    pub exe: Option<&'a [u8]>,
    /// Its arguments with one space between, cut where they are long; `None` where its start was not seen.
    pub command: Option<&'a [u8]>,
    /// When its program started, where that was seen.
    pub started: Option<Timestamp>,
}

/// What an event that is no program start says of a process that lives.
#[derive(Clone, Copy, Debug)]
pub struct Witness<'a> {
    pub pid: u32,
    pub ppid: Option<u32>,
    pub exe: Option<&'a [u8]>,
    pub session: Option<u32>,
    pub time: Timestamp,
    pub did: Did,
}

/// What it did, as far as others are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Did {
    Nothing,
    /// It got a session of its own.
    Assigned,
    /// It started a process of this number.
    Forked(u32),
    Exited,
}

/// One successful program start.
#[derive(Clone, Copy, Debug, Default)]
pub struct Process<'a> {
    pub uid: EventUid,
    pub host: &'a str,
    pub stamp: Stamp,
    pub pid: Option<u32>,
    pub ppid: Option<u32>,
    pub exe: Option<&'a [u8]>,
    pub comm: Option<&'a [u8]>,
    /// Exactly the arguments, from EXECVE alone (PROCTITLE is cut at 128 bytes and can be stale).
    pub argv: &'a [&'a [u8]],
    /// The same with one space between, where they stand so in memory.
    pub joined: Option<Within<'a>>,
    pub cwd: Option<&'a [u8]>,
    pub user: Account<'a>,
    pub effective_user: Account<'a>,
    pub group: Account<'a>,
    pub effective_group: Account<'a>,
    /// Who logged on (auid): stays through sudo and su.
    pub login_user: Account<'a>,
    pub session: Option<u32>,
    /// Where its session came from.
    pub origin: Origin<'a>,
    /// The parent first, then its parent, as far as they are known for certain.
    pub ancestors: &'a [Ancestor<'a>],
    /// The pattern of its command, where its host never had one like it.
    pub new_pattern: Option<&'a [u8]>,
    pub tty: Option<&'a [u8]>,
    pub keys: &'a [&'a [u8]],
    /// Labels of the configuration.
    pub labels: &'a [&'a str],
    /// What the system call returned; never the program's exit code.
    pub exit: Option<i64>,
    pub completeness: Completeness,
}

impl<'a> Process<'a> {
    /// Its arguments with one space between.
    pub fn command_line(&self) -> Cow<'a, [u8]> {
        match self.joined {
            Some(joined) => joined.text().into(),
            None => self.argv.join(&b' ').into(),
        }
    }
}
