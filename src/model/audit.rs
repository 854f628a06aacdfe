//! What the audit stages say to the later ones of records that are no program start.

use super::activity::{Activity, Actor, Call, Decision};
use super::field::Raw;
use super::process::{Account, Completeness};
use super::session::Origin;
use super::{EventUid, Stamp, Within};

/// What a record about an authentication tells; the kinds are the record types of PAM and sshd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthKind {
    /// USER_AUTH: proved who they are, or did not.
    Authentication,
    /// USER_ACCT: the account may be used, or not.
    Account,
    /// CRED_ACQ, CRED_REFR.
    Credentials,
    /// LOGIN: the kernel gave the process its auid and ses.
    Assigned,
    /// USER_START
    SessionStart,
    /// USER_END, USER_LOGOUT
    SessionEnd,
    /// USER_LOGIN
    Login,
    /// USER_CMD
    Command,
}

/// One record about an authentication.
#[derive(Clone, Copy, Debug)]
pub struct AuthRecord<'a> {
    pub kind: AuthKind,
    pub stamp: Stamp,
    pub pid: Option<u32>,
    /// Who the process runs as.
    pub user: Account<'a>,
    /// Who logged on; after LOGIN.
    pub login_user: Account<'a>,
    pub session: Option<u32>,
    /// `None` where the record does not say.
    pub success: Option<bool>,
    /// `op=`: `PAM:authentication`, `login`, …
    pub operation: Option<&'a [u8]>,
    /// `grantors=`: the PAM modules that said yes.
    pub grantors: Option<&'a [u8]>,
    /// `acct=`, decoded.
    pub account: Option<&'a [u8]>,
    /// `id=`: the user by number (USER_LOGIN that succeeded has no `acct=`).
    pub id: Account<'a>,
    pub exe: Option<&'a [u8]>,
    pub hostname: Option<&'a [u8]>,
    pub address: Option<&'a [u8]>,
    pub terminal: Option<&'a [u8]>,
    /// USER_CMD: the command line.
    pub command: Option<&'a [u8]>,
}

/// A record with its fields decoded, in order; those of a nested `msg='…'` follow their neighbours.
#[derive(Clone, Copy, Debug)]
pub struct AuditRecord<'a> {
    pub kind: &'a [u8],
    /// Values of the fields that a SYSCALL record begins with, named by [`ROW`], where it has just these
    /// and JSON can hold them as they are; else empty.
    pub row: &'a [Within<'a>],
    /// The other fields.
    pub fields: &'a [AuditField<'a>],
}

/// What a SYSCALL record begins with (kernel/auditsc.c: audit_log_exit, audit_log_task_info).
pub const ROW: [&str; 22] = [
    "arch", "syscall", "success", "exit", "a0", "a1", "a2", "a3", "items", "ppid", "pid", "auid",
    "uid", "gid", "euid", "suid", "fsuid", "egid", "sgid", "fsgid", "tty", "ses",
];

/// Names of fields in the order in which their writers put them, one kind of record after the other:
/// what nearly all records have. Which are of which record, the reader knows.
pub const USUAL: [&str; 69] = [
    // SYSCALL, behind its row, and auditd's names for its ids (kernel/auditsc.c: audit_log_exit; audit-userspace
    // src/auditd-event.c: ENRICHED).
    "comm",
    "exe",
    "subj",
    "key",
    "ARCH",
    "SYSCALL",
    "AUID",
    "UID",
    "GID",
    "EUID",
    "SUID",
    "FSUID",
    "EGID",
    "SGID",
    "FSGID",
    // PATH (kernel/auditsc.c: audit_log_name)
    "item",
    "name",
    "inode",
    "dev",
    "mode",
    "ouid",
    "ogid",
    "rdev",
    "obj",
    "nametype",
    "cap_fp",
    "cap_fi",
    "cap_fe",
    "cap_fver",
    "cap_frootid",
    "OUID",
    "OGID",
    // Of programs (kernel/audit.c: audit_log_common_recv_msg; audit-userspace lib/audit_logging.c)
    "pid",
    "uid",
    "auid",
    "ses",
    "subj",
    "msg",
    "op",
    "grantors",
    "id",
    "acct",
    "cwd",
    "cmd",
    "unit",
    "comm",
    "exe",
    "hostname",
    "addr",
    "terminal",
    "res",
    "UID",
    "AUID",
    "ID",
    // LOGIN (kernel/auditsc.c: audit_log_set_loginuid)
    "pid",
    "uid",
    "subj",
    "old-auid",
    "auid",
    "tty",
    "old-ses",
    "ses",
    "res",
    "UID",
    "OLD-AUID",
    "AUID",
    // CWD, PROCTITLE, SOCKADDR
    "cwd",
    "proctitle",
    "saddr",
];

impl<'a> AuditRecord<'a> {
    /// Keys and values of all fields.
    pub fn all(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let row = ROW.iter().map(|name| name.as_bytes());
        let row = row.zip(self.row.iter().map(|value| value.text()));
        row.chain(self.fields.iter().map(|field| (field.key(), field.value())))
    }
}

/// A field of a record.
#[derive(Clone, Copy, Debug)]
pub struct AuditField<'a> {
    /// The key, and what stands behind it.
    pub key: Within<'a>,
    /// The key as a number ([`word`](super::field::word)).
    pub word: u64,
    pub raw: Raw<'a>,
    /// What a value in hex stands for, in a field that may be so encoded.
    pub decoded: Option<&'a [u8]>,
    /// It stands within `msg='…'`.
    pub is_inner: bool,
    /// JSON can hold key and value as they are; false where that is not known.
    pub is_plain: bool,
    /// The place of its name in [`USUAL`], where it and all fields before it are as they mostly are. No other
    /// field of these has its name.
    pub usual: Option<u8>,
}

impl<'a> AuditField<'a> {
    pub fn key(&self) -> &'a [u8] {
        self.key.text()
    }

    pub fn value(&self) -> &'a [u8] {
        self.decoded.unwrap_or(self.raw.text())
    }

    /// The value and what stands behind it, where [`AuditField::is_plain`].
    pub fn plain(&self) -> Option<Within<'a>> {
        let quote = matches!(self.raw, Raw::Quoted(_)) as usize;
        let text = self.key.behind(1 + quote);
        self.is_plain
            .then(|| Within::new(text, self.raw.text().len()))
    }
}

/// Every audit event that is no program start.
#[derive(Clone, Copy, Debug)]
pub struct AuditEvent<'a> {
    pub uid: EventUid,
    pub host: &'a str,
    pub stamp: Stamp,
    /// As `success=` or `res=` says; `None` where no record does, and where a connection is still
    /// under way (EINPROGRESS).
    pub success: Option<bool>,
    /// Type of the record that says what the event is about, by number: 1300 for a system call. 0
    /// where the type has none.
    pub record_type: u16,
    pub activity: Activity<'a>,
    pub actor: Actor<'a>,
    /// Where the actor's session came from.
    pub origin: Origin<'a>,
    /// `None` where no SYSCALL record (or URINGOP) is here.
    pub call: Option<Call>,
    /// Of a security module or seccomp, where one is in the records.
    pub decision: Option<Decision>,
    /// The kernel or a program calls it an anomaly (ANOM_*, 1700–1799 and 2100–2199).
    pub anomaly: bool,
    /// Keys of the rules that matched.
    pub keys: &'a [&'a [u8]],
    /// Words that are no field, by type of their record: `avc: denied { read } for`.
    pub words: &'a [(&'a [u8], &'a [u8])],
    pub records: &'a [AuditRecord<'a>],
    /// Labels of the configuration.
    pub labels: &'a [&'a str],
    pub completeness: Completeness,
}
