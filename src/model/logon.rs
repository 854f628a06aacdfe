//! A logon: one connection, sudo, su or cron job, joined from its records; and its end.
//!
//! Owned, because it is put together over seconds, from several events.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::weight::{block, list, some};
use super::{EventUid, Stamp, Timestamp, Weigh};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LogonActivity {
    Logon,
    Logoff,
    /// sudo, su: the switching user is the actor, the new one the user.
    Switch,
}

/// How the user proved who they are, where the records tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Method {
    Password,
    PublicKey,
}

impl Method {
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Password => "password",
            Method::PublicKey => "publickey",
        }
    }
}

/// A user by name as typed (bytes: it can be anything), by number, or both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Principal {
    #[serde(with = "serde_bytes")]
    pub name: Option<Box<[u8]>>,
    pub id: Option<u32>,
}

impl Weigh for Principal {
    fn heap(&self) -> usize {
        some(self.name.as_deref())
    }
}

/// One logon event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logon {
    pub uid: EventUid,
    pub host: Box<str>,
    /// The record that decided it (the id comes from the first of the records).
    pub stamp: Stamp,
    pub activity: LogonActivity,
    pub success: bool,
    /// sshd, sudo, su, cron, login, …: the name of the program.
    pub service: Box<str>,
    #[serde(with = "serde_bytes")]
    pub exe: Option<Box<[u8]>>,
    pub user: Principal,
    /// Switch: who switched.
    pub actor: Option<Principal>,
    pub src_ip: Option<IpAddr>,
    /// `hostname=` where it is a name and not an address.
    pub src_host: Option<Box<str>>,
    pub method: Option<Method>,
    #[serde(with = "serde_bytes")]
    pub terminal: Option<Box<[u8]>>,
    pub session: Option<u32>,
    pub pid: Option<u32>,
    /// sudo: the command line, as typed.
    #[serde(with = "serde_bytes")]
    pub command: Option<Box<[u8]>>,
    /// The account does not exist on the host.
    pub unknown_user: bool,
    /// First record of this logon; of a logoff, when its session started.
    pub started: Timestamp,
    /// Logoff: milliseconds since the logon, and the logon's id, where it was seen.
    pub duration_ms: Option<i64>,
    pub logon_uid: Option<EventUid>,
    /// The records that were joined, in order (bounded).
    pub records: Vec<Stamp>,
    /// Labels of the configuration.
    pub labels: Vec<Box<str>>,
}

impl Weigh for Logon {
    fn heap(&self) -> usize {
        let texts = [&self.exe, &self.terminal, &self.command];
        let texts: usize = texts.iter().map(|text| some(text.as_deref())).sum();
        let labels: usize = self.labels.iter().map(|label| block(label.len())).sum();
        texts
            + block(self.host.len())
            + block(self.service.len())
            + some(self.src_host.as_deref())
            + self.user.heap()
            + self.actor.as_ref().map_or(0, Principal::heap)
            + list(self.records.len(), size_of::<Stamp>())
            + list(self.labels.len(), size_of::<Box<str>>())
            + labels
    }
}
