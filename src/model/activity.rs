//! What an audit event that is no program start was about: the plain facts that every schema needs.
//!
//! Place in the flow: `audit/classify` makes an [`Activity`] out of an event's records, the encoders
//! write it down. It says what was done, to what and by whom; how a schema calls that, and which class
//! it goes to, is the encoder's to know. Actions are as fine as the records tell, so that OCSF, ECS
//! and ASIM can each fold them in their own way.
//!
//! It refuses to keep what no schema asks for: every field of every record stands in
//! [`AuditEvent::records`](super::audit::AuditEvent::records) beside it.

use std::net::IpAddr;

use super::process::Account;

/// Who did it: from the SYSCALL record, or from the record itself where it stands alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct Actor<'a> {
    pub pid: Option<u32>,
    pub ppid: Option<u32>,
    pub exe: Option<&'a [u8]>,
    pub comm: Option<&'a [u8]>,
    pub user: Account<'a>,
    pub effective_user: Account<'a>,
    pub group: Account<'a>,
    pub effective_group: Account<'a>,
    /// Who logged on (auid).
    pub login_user: Account<'a>,
    pub session: Option<u32>,
    pub tty: Option<&'a [u8]>,
}

/// The system call, where a SYSCALL record gives it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Call {
    /// `x86_64`, `i386`, …
    pub arch: Option<&'static str>,
    pub number: Option<u32>,
    /// `openat`; `None` where the table does not know the number. An io_uring operation is called as
    /// the system call that does the same; so is what goes through `socketcall`.
    pub name: Option<&'static str>,
    /// What it returned.
    pub exit: Option<i64>,
    /// `EACCES`, where it failed.
    pub error: Option<&'static str>,
    /// `a0` to `a3`.
    pub arguments: [Option<u64>; 4],
}

/// What the event was about. Everything that is no [`Activity::Other`] was recognised by its record
/// type or its system call.
#[derive(Clone, Copy, Debug)]
pub enum Activity<'a> {
    File(FileActivity<'a>),
    Network(NetworkActivity),
    Process(ProcessActivity<'a>),
    Memory(MemoryActivity),
    Account(AccountChange<'a>),
    Group(GroupChange<'a>),
    Module(ModuleActivity<'a>),
    Application(ApplicationActivity<'a>),
    Job(JobActivity<'a>),
    Configuration(ConfigurationChange<'a>),
    /// The audit log itself: auditd began, ended, rotated.
    Log(LogAction),
    /// One step of a logon. The logon itself is kind `logon`: no schema may tell this as another.
    Authentication(AuthenticationStep<'a>),
    /// Any other system call, or an object of the kernel's own.
    Kernel(KernelActivity<'a>),
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileAction {
    /// open, openat, openat2 of what was there.
    Open,
    /// A new regular file (creat, or open with a PATH of nametype CREATE).
    Create,
    CreateDirectory,
    CreateDevice,
    /// A new name for what was there.
    Link,
    Symlink,
    Read,
    ReadLink,
    Write,
    Truncate,
    Delete,
    RemoveDirectory,
    Rename,
    ChangeMode,
    ChangeOwner,
    ChangeTimes,
    SetAttribute,
    RemoveAttribute,
    GetAttribute,
    /// stat, access, …
    Stat,
    StatFilesystem,
    ChangeDirectory,
    Mount,
    Unmount,
    /// connect or bind to a socket that is a file (AF_UNIX with a path).
    OpenSocket,
    BindSocket,
    /// A kernel that suspects a link or a creation (ANOM_LINK, ANOM_CREAT).
    Suspicious,
}

/// What kind of thing a path names, of the type bits of PATH's `mode=`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FileKind {
    #[default]
    Unknown,
    Regular,
    Directory,
    CharacterDevice,
    BlockDevice,
    Fifo,
    Symlink,
    Socket,
}

/// One PATH record.
#[derive(Clone, Copy, Debug, Default)]
pub struct File<'a> {
    /// Absolute where the records allow it: a relative name is joined to CWD, unless it is relative
    /// to a descriptor. `.` and `..` stay as they are, for a link may stand before them. `None`: the
    /// call named a descriptor.
    pub path: Option<&'a [u8]>,
    /// The directory, where the name in it is not known: a call that failed names no more.
    pub folder: Option<&'a [u8]>,
    pub kind: FileKind,
    /// Permission bits with setuid, setgid and sticky; `None` where there is no `mode=`.
    pub mode: Option<u32>,
    pub inode: Option<u64>,
    /// `fd:01`, as the kernel writes it.
    pub device: Option<&'a [u8]>,
    pub owner: Account<'a>,
    pub group: Account<'a>,
}

#[derive(Clone, Copy, Debug)]
pub struct FileActivity<'a> {
    pub action: FileAction,
    pub file: File<'a>,
    /// Rename: the new name. Link and symlink: what it points to (a symlink's as it was written).
    pub other: Option<File<'a>>,
    /// Flags of an open, as the kernel has them.
    pub open_flags: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetworkAction {
    Connect,
    Accept,
    Bind,
    Listen,
    Send,
    Receive,
    /// A far auditd came or went (DAEMON_ACCEPT, DAEMON_CLOSE).
    Accepted,
    Closed,
}

/// A call on an internet socket. Which end the address is follows from the action: the far one of
/// connect, accept, send and receive, the near one of bind.
#[derive(Clone, Copy, Debug)]
pub struct NetworkActivity {
    pub action: NetworkAction,
    pub ip: Option<IpAddr>,
    pub port: Option<u16>,
}

impl NetworkActivity {
    /// The address is that of this host.
    pub fn is_near(&self) -> bool {
        matches!(self.action, NetworkAction::Bind | NetworkAction::Listen)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessAction {
    /// execve, execveat that failed.
    Launch,
    /// fork, vfork, clone, clone3.
    Fork,
    /// exit, exit_group; ANOM_ABEND.
    Exit,
    /// kill and its like, with [`ProcessActivity::signal`].
    Signal,
    /// ptrace that looks, attaches or steers; process_vm_readv; pidfd_getfd.
    Trace,
    /// ptrace that writes, process_vm_writev.
    Inject,
    /// setuid and its like; CHUSER_ID.
    SetUser,
    /// setgid and its like; CHGRP_ID.
    SetGroup,
    /// A new scheduling policy or priority.
    Schedule,
    /// USER_CMD: sudo ran it. The start of the program is kind `process`.
    Command,
}

#[derive(Clone, Copy, Debug)]
pub struct ProcessActivity<'a> {
    pub action: ProcessAction,
    /// The process that it was done to; the actor itself where the records name no other.
    pub target: Target<'a>,
    /// Signal: the number. Exit by ANOM_ABEND: what it died of.
    pub signal: Option<u32>,
    /// Exit: the program's own code.
    pub exit_code: Option<u32>,
}

/// A process as OBJ_PID names it, or what was to become one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Target<'a> {
    pub pid: Option<u32>,
    pub comm: Option<&'a [u8]>,
    /// Launch: the program that was to start.
    pub path: Option<&'a [u8]>,
    pub command: Option<&'a [u8]>,
    pub cwd: Option<&'a [u8]>,
    pub user: Account<'a>,
    pub session: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryAction {
    /// mmap, brk.
    Allocate,
    /// mprotect.
    Protect,
    /// munmap.
    Release,
}

#[derive(Clone, Copy, Debug)]
pub struct MemoryActivity {
    pub action: MemoryAction,
    pub size: Option<u64>,
    /// PROT_ bits that were asked for.
    pub protection: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountAction {
    Create,
    Delete,
    /// A property other than those below.
    Modify,
    ChangePassword,
    Lock,
    Unlock,
    AssignRole,
    RemoveRole,
}

#[derive(Clone, Copy, Debug)]
pub struct AccountChange<'a> {
    pub action: AccountAction,
    /// The account that was changed.
    pub user: Account<'a>,
    /// `op=`: what the program says it did.
    pub operation: Option<&'a [u8]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupAction {
    Create,
    Delete,
    Modify,
    ChangePassword,
    AddUser,
    RemoveUser,
}

#[derive(Clone, Copy, Debug)]
pub struct GroupChange<'a> {
    pub action: GroupAction,
    pub group: Account<'a>,
    /// Who was added or removed.
    pub user: Account<'a>,
    pub operation: Option<&'a [u8]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModuleAction {
    Load,
    Unload,
}

/// A kernel module.
#[derive(Clone, Copy, Debug)]
pub struct ModuleActivity<'a> {
    pub action: ModuleAction,
    /// KERN_MODULE's `name=`.
    pub name: Option<&'a [u8]>,
    /// finit_module: the file, where a PATH record names it.
    pub path: Option<&'a [u8]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApplicationAction {
    Start,
    Stop,
    Install,
    Remove,
    Update,
    /// A virtual machine was paused, reset, …; the operation says what.
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApplicationKind {
    /// SERVICE_START, SERVICE_STOP: a unit of the init system.
    Service,
    /// SOFTWARE_UPDATE
    Package,
    /// VIRT_CONTROL
    VirtualMachine,
    /// SYSTEM_BOOT, SYSTEM_SHUTDOWN: the operating system itself.
    System,
}

#[derive(Clone, Copy, Debug)]
pub struct ApplicationActivity<'a> {
    pub action: ApplicationAction,
    pub kind: ApplicationKind,
    /// Unit, package or machine.
    pub name: Option<&'a [u8]>,
    pub operation: Option<&'a [u8]>,
}

/// cron or atd began a job: the USER_START of its session.
#[derive(Clone, Copy, Debug)]
pub struct JobActivity<'a> {
    /// Who it runs as.
    pub user: Account<'a>,
    /// The scheduler: `/usr/sbin/crond`. The job's own name is in no record.
    pub scheduler: &'a [u8],
}

/// What was configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigurationArea {
    /// CONFIG_CHANGE, FEATURE_CHANGE: rules and state of the kernel's audit.
    Audit,
    /// DAEMON_CONFIG, DAEMON_RECONFIG
    AuditDaemon,
    /// NETFILTER_CFG
    Firewall,
    /// MAC_POLICY_LOAD, USER_MAC_POLICY_LOAD
    SecurityPolicy,
    /// MAC_STATUS, MAC_CONFIG_CHANGE, …: SELinux and what labels traffic.
    Security,
    /// TIME_ADJNTPVAL, TIME_INJOFFSET, settimeofday, …
    Time,
    /// sethostname, setdomainname
    Name,
    /// SYSTEM_RUNLEVEL
    Runlevel,
    /// ANOM_PROMISCUOUS: a network device listens to all.
    NetworkDevice,
    /// INTEGRITY_STATUS, INTEGRITY_POLICY_RULE, INTEGRITY_RULE
    Integrity,
    /// USYS_CONFIG, swapon, …
    System,
}

/// A protection that is off from now on, as the record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weakened {
    /// `audit_enabled=0`
    AuditOff,
    /// `enforcing=0`
    Permissive,
    /// `enabled=0` of MAC_STATUS
    SelinuxOff,
}

#[derive(Clone, Copy, Debug)]
pub struct ConfigurationChange<'a> {
    pub area: ConfigurationArea,
    /// `op=`, or what stands in its place: `add_rule`, a table, a boolean, a device.
    pub what: Option<&'a [u8]>,
    pub weakened: Option<Weakened>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogAction {
    Start,
    Stop,
    Rotate,
    Resume,
    /// DAEMON_ABORT: auditd could not begin, or gave up.
    Abort,
    /// DAEMON_ERR
    Error,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthenticationAction {
    /// USER_AUTH
    Authenticate,
    /// USER_ACCT
    Authorize,
    /// CRED_ACQ
    AcquireCredentials,
    /// CRED_REFR
    RefreshCredentials,
    /// CRED_DISP
    DisposeCredentials,
    /// LOGIN
    AssignSession,
    /// USER_START
    StartSession,
    /// USER_END
    EndSession,
    /// USER_LOGIN
    Login,
    /// USER_LOGOUT
    Logout,
    /// USER_ERR
    Error,
    /// GRP_AUTH
    AuthenticateGroup,
    /// USER_ROLE_CHANGE
    ChangeRole,
    /// ANOM_LOGIN_*: too many failures, a bad time, a bad place.
    Suspicious,
}

#[derive(Clone, Copy, Debug)]
pub struct AuthenticationStep<'a> {
    pub action: AuthenticationAction,
    /// `acct=` or `id=`: who logs on.
    pub user: Account<'a>,
    pub exe: Option<&'a [u8]>,
    /// `addr=`, else `hostname=`, where it is an address.
    pub source: Option<IpAddr>,
    pub terminal: Option<&'a [u8]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KernelAction {
    /// Any system call that is nothing else here.
    Invoke,
    /// BPF `op=LOAD`
    Create,
    /// BPF `op=UNLOAD`
    Delete,
}

#[derive(Clone, Copy, Debug)]
pub struct KernelActivity<'a> {
    pub action: KernelAction,
    /// The system call; else the class of the object (AVC's `tclass=`), or a program's number.
    pub name: &'a [u8],
    /// The name is that of a system call.
    pub is_call: bool,
}

/// Who decided about access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decider {
    Selinux,
    AppArmor,
    Seccomp,
    Landlock,
    /// Integrity Policy Enforcement.
    Ipe,
    /// A listener of fanotify.
    Fanotify,
    /// The kernel's own protection of links (ANOM_LINK, ANOM_CREAT).
    Links,
}

impl Decider {
    pub fn as_str(self) -> &'static str {
        match self {
            Decider::Selinux => "SELinux",
            Decider::AppArmor => "AppArmor",
            Decider::Seccomp => "seccomp",
            Decider::Landlock => "Landlock",
            Decider::Ipe => "IPE",
            Decider::Fanotify => "fanotify",
            Decider::Links => "protected_links",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ruling {
    Allowed,
    Denied,
    /// Would have been denied; it was only written down (`permissive=1`, AppArmor's complain mode,
    /// seccomp's LOG).
    Logged,
}

/// What a security module, seccomp or a listener decided.
#[derive(Clone, Copy, Debug)]
pub struct Decision {
    pub by: Decider,
    pub ruling: Ruling,
}
