//! What is known of the logon that a session began with: who came, from where, how and when.
//!
//! Place in the flow: the state keeps one for each session number (`ses=`) of a host; events of that session
//! carry it. It refuses to say anything that no record of the logon said.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::logon::Method;
use super::weight::{block, some};
use super::{EventUid, Timestamp, Weigh};

/// A session whose logon was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The logon event. `None`: the kernel gave the number out, and no logon was told (systemd's user
    /// manager has a session of its own).
    pub logon_uid: Option<EventUid>,
    pub src_ip: Option<IpAddr>,
    /// sshd, cron, login, …; empty where no record told it.
    pub service: Box<str>,
    pub method: Option<Method>,
    #[serde(with = "serde_bytes")]
    pub terminal: Option<Box<[u8]>>,
    /// auid that the kernel gave with the number.
    pub login_user: Option<u32>,
    /// The process that logged on.
    pub pid: u32,
    pub started: Timestamp,
    pub ended: Option<Timestamp>,
    /// Where the numbers of processes were when it began; 0: not known.
    pub pids: u64,
    /// Of the input record that its logon began with. Not saved: who has the saved form reads nothing again.
    #[serde(skip)]
    pub offset: i64,
}

impl Weigh for Session {
    fn heap(&self) -> usize {
        block(self.service.len()) + some(self.terminal.as_deref())
    }
}

/// Where an event's session came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Origin<'a> {
    /// It has no session: a service, or a record without the number.
    #[default]
    None,
    /// It has one, and its logon was not seen.
    Unseen,
    Of(&'a Session),
}

impl<'a> Origin<'a> {
    pub fn session(self) -> Option<&'a Session> {
        match self {
            Origin::Of(session) => Some(session),
            Origin::None | Origin::Unseen => None,
        }
    }

    pub fn src_ip(self) -> Option<IpAddr> {
        self.session()?.src_ip
    }
}
