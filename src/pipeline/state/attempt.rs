//! A logon in the making: what the records of one process have said so far.

use std::borrow::Cow;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::model::audit::{AuthKind, AuthRecord};
use crate::model::logon::{LogonActivity, Method, Principal};
use crate::model::path::file_name;
use crate::model::session::Session;
use crate::model::weight::{block, list, some, tree};
use crate::model::{EventUid, Logon, Stamp, Timestamp, Weigh};

/// How long a connection may go on trying: LoginGraceTime of sshd, 120 s by default.
pub const GRACE_MS: i64 = 120_000;

/// Records of one logon that are kept by name; a guesser can make more.
const MOST_RECORDS: usize = 32;

/// Bytes of a name, path or terminal that are kept: no system has longer names of accounts.
const MOST_TEXT: usize = 256;

/// Bytes of a command line that are kept.
const MOST_COMMAND: usize = 4096;

fn kept(text: &[u8], most: usize) -> Box<[u8]> {
    text[..text.len().min(most)].into()
}

/// Keeps what a record says, where it says anything new.
fn keep(known: &mut Option<Box<[u8]>>, text: Option<&[u8]>, most: usize) {
    if let Some(text) = text
        && known.as_deref() != Some(&text[..text.len().min(most)])
    {
        *known = Some(kept(text, most));
    }
}

/// The pieces of one connection, sudo, su or cron job, by the process that asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    pub first: Stamp,
    pub newest: Timestamp,
    /// Offset of the input record of its first event, for reading it again.
    pub offset: i64,
    pub service: Box<str>,
    #[serde(with = "serde_bytes")]
    exe: Option<Box<[u8]>>,
    /// The account named in USER_AUTH and USER_ACCT.
    #[serde(with = "serde_bytes")]
    account: Option<Box<[u8]>>,
    /// sudo: who asked, as USER_AUTH and USER_ACCT name them.
    #[serde(with = "serde_bytes")]
    asked: Option<Box<[u8]>>,
    /// The account named in USER_START: for sudo it is the new user, where the others name who asked.
    #[serde(with = "serde_bytes")]
    target: Option<Box<[u8]>>,
    unknown_user: bool,
    src_ip: Option<IpAddr>,
    src_host: Option<Box<str>>,
    #[serde(with = "serde_bytes")]
    terminal: Option<Box<[u8]>>,
    method: Option<Method>,
    #[serde(with = "serde_bytes")]
    command: Option<Box<[u8]>>,
    login_user: Principal,
    user: Principal,
    session: Option<u32>,
    /// The LOGIN record that gave it its session.
    assigned: Option<Stamp>,
    /// The newest word on whether it got in.
    success: Option<bool>,
    /// It has been told as failed; what follows is joined without telling again.
    pub told: bool,
    records: Vec<Stamp>,
}

/// A box of it; when it is due, and which of its source, stand beside it.
impl Weigh for Box<Attempt> {
    #[inline]
    fn heap(&self) -> usize {
        let texts = [
            &self.exe,
            &self.account,
            &self.asked,
            &self.target,
            &self.terminal,
            &self.command,
        ];
        let texts: usize = texts.iter().map(|text| some(text.as_deref())).sum();
        block(size_of::<Attempt>())
            + texts
            + block(self.service.len())
            + some(self.src_host.as_deref())
            + self.login_user.heap()
            + self.user.heap()
            + list(self.records.len(), size_of::<Stamp>())
            + tree(1, size_of::<(Timestamp, u32)>())
            + tree(1, size_of::<(IpAddr, u32)>())
    }
}

impl Attempt {
    pub fn new(record: &AuthRecord<'_>, offset: i64) -> Attempt {
        Attempt {
            first: record.stamp,
            newest: record.stamp.time,
            offset,
            service: service_of(record.exe).into(),
            exe: None,
            account: None,
            asked: None,
            target: None,
            unknown_user: false,
            src_ip: None,
            src_host: None,
            terminal: None,
            method: None,
            command: None,
            login_user: Principal::default(),
            user: Principal::default(),
            session: None,
            assigned: None,
            success: None,
            told: false,
            records: Vec::new(),
        }
    }

    /// Joins a record of the same process.
    pub fn join(&mut self, record: &AuthRecord<'_>) {
        self.newest = self.newest.max(record.stamp.time);
        if self.records.len() < MOST_RECORDS {
            self.records.push(record.stamp);
        }
        if let Some(exe) = record.exe {
            let service = service_of(Some(exe));
            if *service != *self.service {
                self.service = service.into();
            }
            keep(&mut self.exe, Some(exe), MOST_TEXT);
        }
        self.join_user(record);
        if let Some(ip) = record.address.and_then(read_ip) {
            self.src_ip = Some(ip);
        }
        if let Some(host) = record.hostname
            && read_ip(host).is_none()
        {
            self.src_host = Some(String::from_utf8_lossy(&kept(host, MOST_TEXT)).into());
        }
        keep(&mut self.terminal, record.terminal, MOST_TEXT);
        keep(&mut self.command, record.command, MOST_COMMAND);
        self.session = record.session.or(self.session);
        if record.kind == AuthKind::Assigned && record.success == Some(true) {
            self.assigned = Some(record.stamp);
        }
        if record.kind == AuthKind::Authentication {
            self.method = method_of(record).or(self.method);
        }
        // A word on the credentials is none on the logon.
        if !matches!(record.kind, AuthKind::Credentials | AuthKind::Assigned) {
            self.success = record.success.or(self.success);
        }
    }

    fn join_user(&mut self, record: &AuthRecord<'_>) {
        match record.account {
            // What sshd writes for a name that the host does not know: hex of "(invalid user)", or
            // "(unknown)"; the name as typed is in USER_AUTH.
            Some(b"(invalid user)" | b"(unknown)" | b"(unknown user)") => self.unknown_user = true,
            Some(account) => {
                keep(&mut self.account, Some(account), MOST_TEXT);
                match record.kind {
                    AuthKind::SessionStart => keep(&mut self.target, Some(account), MOST_TEXT),
                    AuthKind::Authentication | AuthKind::Account => {
                        keep(&mut self.asked, Some(account), MOST_TEXT);
                    }
                    _ => {}
                }
            }
            None => {}
        }
        let fill = |known: &mut Principal, id: Option<u32>, name: Option<&[u8]>| {
            known.id = id.or(known.id);
            keep(&mut known.name, name, MOST_TEXT);
        };
        fill(
            &mut self.login_user,
            record.login_user.id,
            record.login_user.name,
        );
        fill(&mut self.user, record.user.id, record.user.name);
        if record.kind == AuthKind::Login && record.id.id.is_some() {
            fill(&mut self.login_user, record.id.id, record.id.name);
        }
    }

    /// Whether a record can be of this logon: process ids come round.
    pub fn takes(&self, record: &AuthRecord<'_>) -> bool {
        record.stamp.time.since(self.newest) <= GRACE_MS
            && record
                .exe
                .is_none_or(|exe| self.exe.is_none() || *service_of(Some(exe)) == *self.service)
    }

    /// When it is told as failed, or, once it was, forgotten.
    pub fn due(&self, wait_ms: i64) -> Timestamp {
        self.newest.plus(if self.told {
            wait_ms.max(GRACE_MS)
        } else {
            wait_ms
        })
    }

    /// A switch of user inside a session, rather than a logon.
    pub fn is_switch(&self) -> bool {
        matches!(
            &*self.service,
            "sudo" | "su" | "doas" | "pkexec" | "runuser" | "sudoedit"
        )
    }

    /// The kernel gave it a session of its own.
    pub fn is_assigned(&self) -> bool {
        self.assigned.is_some()
    }

    /// The session that LOGIN gave it, as far as it is known then.
    pub fn session(&self, host: &str, pid: u32) -> Option<(u32, Session)> {
        let (number, assigned) = (self.session?, self.assigned?);
        let session = Session {
            // Where no record named the program, it may be one that logs nobody on.
            logon_uid: (!self.service.is_empty()).then(|| success_uid(host, assigned)),
            src_ip: self.src_ip,
            service: self.service.clone(),
            method: self.method,
            terminal: self.terminal.clone(),
            login_user: self.login_user.id,
            pid,
            started: self.first.time,
            ended: None,
            pids: 0,
            offset: self.offset,
        };
        Some((number, session))
    }

    pub fn src_ip(&self) -> Option<IpAddr> {
        self.src_ip
    }

    /// The newest word was no.
    pub fn failed(&self) -> bool {
        self.success == Some(false)
    }

    /// sudo that opened no PAM session: the command was allowed, and that is all there is.
    pub fn ran_a_command(&self) -> bool {
        self.success == Some(true) && self.command.is_some() && self.is_switch()
    }

    /// The logon as it stands. `decided`: the record that decided it. `name_of` knows earlier names.
    pub fn logon<'n>(
        &self,
        host: &str,
        pid: u32,
        success: bool,
        decided: Stamp,
        name_of: impl Fn(u32) -> Option<&'n [u8]>,
    ) -> Logon {
        let named = |who: &Principal| Principal {
            id: who.id,
            name: who
                .name
                .clone()
                .or_else(|| who.id.and_then(&name_of).map(Into::into)),
        };
        let switch = self.is_switch();
        let mut actor = named(if self.login_user.id.is_some() {
            &self.login_user
        } else {
            &self.user
        });
        if matches!(&*self.service, "sudo" | "sudoedit") {
            actor.name = actor.name.or_else(|| self.asked.clone());
        }
        let user = if switch {
            self.switched_to()
        } else {
            let login = named(&self.login_user);
            Principal {
                name: self.account.clone().or(login.name),
                id: login.id,
            }
        };
        Logon {
            uid: match success {
                true => success_uid(host, self.assigned.unwrap_or(decided)),
                false => EventUid::of("logon-failed", host, self.first),
            },
            host: host.into(),
            stamp: decided,
            activity: if switch {
                LogonActivity::Switch
            } else {
                LogonActivity::Logon
            },
            success,
            service: self.service.clone(),
            exe: self.exe.clone(),
            user,
            actor: switch.then_some(actor),
            src_ip: self.src_ip,
            src_host: self.src_host.clone(),
            method: self.method,
            terminal: self.terminal.clone(),
            session: self.session,
            pid: Some(pid),
            command: self.command.clone(),
            unknown_user: self.unknown_user && !success,
            started: self.first.time,
            duration_ms: None,
            logon_uid: None,
            records: self.records.clone(),
            labels: Vec::new(),
        }
    }

    /// Who a switch was to. su names them in every record; sudo when the session starts, and for one
    /// that failed it is root, because `-u` stands in no record of it.
    fn switched_to(&self) -> Principal {
        let name = match (&self.target, &*self.service) {
            (Some(target), _) => Some(target.clone()),
            (None, "sudo" | "sudoedit") => Some(b"root".as_slice().into()),
            (None, _) => self.account.clone(),
        };
        Principal { name, id: None }
    }
}

/// The id of a logon that got in: of its LOGIN record, so that what runs before its session is told to have
/// started can name it; of the record that decided it where there is none.
fn success_uid(host: &str, stamp: Stamp) -> EventUid {
    EventUid::of("logon", host, stamp)
}

/// The program's name; the parts that sshd was cut into since OpenSSH 9.8 are sshd.
pub fn service_of(exe: Option<&[u8]>) -> Cow<'_, str> {
    match exe.map(file_name).unwrap_or_default() {
        b"sshd-session" | b"sshd-auth" => "sshd".into(),
        name => String::from_utf8_lossy(&name[..name.len().min(MOST_TEXT)]),
    }
}

pub fn read_ip(text: &[u8]) -> Option<IpAddr> {
    // `fe80::1%eth0`: the interface is the host's own.
    let text = text.split(|&b| b == b'%').next()?;
    let ip: IpAddr = std::str::from_utf8(text).ok()?.parse().ok()?;
    Some(ip.to_canonical())
}

/// `op=PAM:authentication` is PAM asking for a secret (but pam_rootok, which asks root for none);
/// `op=pubkey` (sshd with Red Hat's audit patch) is a key.
fn method_of(record: &AuthRecord<'_>) -> Option<Method> {
    match record.operation? {
        b"PAM:authentication" if record.grantors == Some(b"pam_rootok") => None,
        b"PAM:authentication" => Some(Method::Password),
        operation if operation.starts_with(b"pubkey") => Some(Method::PublicKey),
        _ => None,
    }
}
