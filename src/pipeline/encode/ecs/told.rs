//! What an audit event is called: category, type and action, as go-libaudit's normalisation (auditbeat)
//! has them for the same system calls and record types. Where it has none, the nearest that the schema
//! allows; docs/differences.md tells where ours differ.

use crate::model::activity::{
    AccountAction, Activity, ApplicationAction, ApplicationKind, AuthenticationAction,
    ConfigurationArea, Decider, FileAction, GroupAction, KernelAction, LogAction, MemoryAction,
    ModuleAction, NetworkAction, ProcessAction, Ruling,
};
use crate::model::audit::AuditEvent;

/// Members of the lists as JSON.
#[derive(Clone, Copy)]
pub struct Told {
    pub category: &'static str,
    pub kind: &'static str,
    /// `None`: the type of the first record.
    pub action: Option<&'static str>,
}

impl Told {
    /// An anomaly is information beside what it is.
    pub fn more_of_an_alert(&self) -> Option<&'static str> {
        (!self.kind.contains(INFO)).then_some(INFO)
    }
}

const FILE: &str = r#""file""#;
const NETWORK: &str = r#""network""#;
const PROCESS: &str = r#""process""#;
const IAM: &str = r#""iam""#;
const HOST: &str = r#""host""#;
const DRIVER: &str = r#""driver""#;
const PACKAGE: &str = r#""package""#;
const SESSION: &str = r#""session""#;
const AUTHENTICATION: &str = r#""authentication""#;
const CONFIGURATION: &str = r#""configuration""#;
const AUDIT_CONFIGURATION: &str = r#""process","configuration""#;

const INFO: &str = r#""info""#;
const START: &str = r#""start""#;
const END: &str = r#""end""#;
const CHANGE: &str = r#""change""#;
const CREATION: &str = r#""creation""#;
const DELETION: &str = r#""deletion""#;
const ACCESS: &str = r#""access""#;
const CONNECTION_START: &str = r#""connection","start""#;
const CONNECTION_END: &str = r#""connection","end""#;
const CONNECTION_INFO: &str = r#""connection","info""#;
const USER_CREATION: &str = r#""user","creation""#;
const USER_DELETION: &str = r#""user","deletion""#;
const USER_CHANGE: &str = r#""user","change""#;
const USER_INFO: &str = r#""user","info""#;
const GROUP_CREATION: &str = r#""group","creation""#;
const GROUP_DELETION: &str = r#""group","deletion""#;
const GROUP_CHANGE: &str = r#""group","change""#;

fn of(category: &'static str, kind: &'static str, action: &'static str) -> Told {
    Told {
        category,
        kind,
        action: Some(action),
    }
}

pub fn told(event: &AuditEvent<'_>) -> Told {
    let told = of_activity(event);
    // A policy that was violated is what happened, whatever call ran into it.
    match event.decision {
        Some(decision) if decision.ruling != Ruling::Allowed => Told {
            action: violated(decision.by).or(told.action),
            ..told
        },
        _ => told,
    }
}

fn violated(by: Decider) -> Option<&'static str> {
    match by {
        Decider::Selinux => Some("violated-selinux-policy"),
        Decider::AppArmor => Some("violated-apparmor-policy"),
        Decider::Seccomp => Some("violated-seccomp-policy"),
        Decider::Landlock | Decider::Ipe | Decider::Fanotify | Decider::Links => None,
    }
}

fn of_activity(event: &AuditEvent<'_>) -> Told {
    match &event.activity {
        Activity::File(file) => of_file(file.action),
        Activity::Network(network) => of_network(network.action),
        Activity::Process(process) => of_process(process.action, event.anomaly),
        Activity::Memory(memory) => match memory.action {
            MemoryAction::Allocate => of(PROCESS, INFO, "allocated-memory"),
            MemoryAction::Protect => of(PROCESS, CHANGE, "changed-memory-protection-of"),
            MemoryAction::Release => of(PROCESS, INFO, "released-memory"),
        },
        Activity::Account(change) => of_account(change.action),
        Activity::Group(change) => of_group(change.action),
        Activity::Module(module) => match module.action {
            ModuleAction::Load => of(DRIVER, START, "loaded-kernel-module"),
            ModuleAction::Unload => of(DRIVER, END, "unloaded-kernel-module"),
        },
        Activity::Application(application) => of_application(application.kind, application.action),
        Activity::Job(_) => of(SESSION, START, "started-session"),
        Activity::Configuration(change) => of_configuration(change.area),
        Activity::Log(action) => of_log(*action),
        Activity::Authentication(step) => of_authentication(step.action),
        Activity::Kernel(kernel) => match kernel.action {
            KernelAction::Create => of(DRIVER, START, "loaded-bpf-program"),
            KernelAction::Delete => of(DRIVER, END, "unloaded-bpf-program"),
            KernelAction::Invoke => Told {
                category: PROCESS,
                kind: INFO,
                action: event
                    .call
                    .and_then(|call| call.name)
                    .filter(|_| kernel.is_call),
            },
        },
        Activity::Other => of_type(event.record_type),
    }
}

/// What has no activity of its own, by the number of its record type (linux/audit.h and libaudit.h).
fn of_type(record_type: u16) -> Told {
    let action = match record_type {
        1107 => Some("access-permission"),
        1108 => Some("access-error"),
        1120 => Some("sent-test"),
        1124 | 1319 => Some("typed"),
        1401 => Some("caused-mac-policy-error"),
        2000 => Some("initialized-audit-subsystem"),
        2402 => Some("crypto-officer-logged-in"),
        2403 => Some("crypto-officer-logged-out"),
        2404 => Some("negotiated-crypto-key"),
        2407 => Some("started-crypto-session"),
        2501 => Some("assigned-vm-resource"),
        2502 => Some("assigned-vm-id"),
        2503 => Some("checked-integrity-of"),
        2504 => Some("created-vm-image"),
        2505 => Some("deleted-vm-image"),
        2506 => Some("migrated-vm-from"),
        2507 => Some("migrated-vm-to"),
        _ => None,
    };
    Told {
        // AUDIT_FIRST_VIRT to AUDIT_LAST_VIRT_MSG.
        category: if (2500..2600).contains(&record_type) {
            HOST
        } else {
            PROCESS
        },
        kind: INFO,
        action,
    }
}

fn of_file(action: FileAction) -> Told {
    match action {
        FileAction::Open => of(FILE, INFO, "opened-file"),
        FileAction::Create => of(FILE, CREATION, "opened-file"),
        FileAction::CreateDirectory => of(FILE, CREATION, "created-directory"),
        FileAction::CreateDevice => of(FILE, CREATION, "make-device"),
        FileAction::Link => of(FILE, CREATION, "linked"),
        FileAction::Symlink => of(FILE, CREATION, "symlinked"),
        FileAction::Read => of(FILE, INFO, "read-file"),
        FileAction::ReadLink => of(FILE, INFO, "opened-file"),
        FileAction::Write => of(FILE, CHANGE, "wrote-to-file"),
        FileAction::Truncate => of(FILE, CHANGE, "opened-file"),
        FileAction::Delete | FileAction::RemoveDirectory => of(FILE, DELETION, "deleted"),
        FileAction::Rename => of(FILE, CHANGE, "renamed"),
        FileAction::ChangeMode => of(FILE, CHANGE, "changed-file-permissions-of"),
        FileAction::ChangeOwner => of(FILE, CHANGE, "changed-file-ownership-of"),
        FileAction::ChangeTimes => of(FILE, INFO, "changed-timestamp-of"),
        FileAction::SetAttribute | FileAction::RemoveAttribute => {
            of(FILE, CHANGE, "changed-file-attributes-of")
        }
        FileAction::GetAttribute | FileAction::Stat => of(FILE, INFO, "checked-metadata-of"),
        FileAction::StatFilesystem => of(FILE, INFO, "checked-filesystem-metadata-of"),
        FileAction::ChangeDirectory => of(PROCESS, INFO, "changed-working-directory-to"),
        FileAction::Mount => of(FILE, CREATION, "mounted"),
        FileAction::Unmount => of(FILE, DELETION, "unmounted"),
        FileAction::OpenSocket => of(NETWORK, CONNECTION_START, "connected-to"),
        FileAction::BindSocket => of(NETWORK, START, "bound-socket"),
        FileAction::Suspicious => of(FILE, ACCESS, "used-suspicious-link"),
    }
}

fn of_network(action: NetworkAction) -> Told {
    match action {
        NetworkAction::Connect => of(NETWORK, CONNECTION_START, "connected-to"),
        NetworkAction::Accept => of(NETWORK, CONNECTION_START, "accepted-connection-from"),
        NetworkAction::Bind => of(NETWORK, START, "bound-socket"),
        NetworkAction::Listen => of(NETWORK, START, "listen-for-connections"),
        NetworkAction::Send => of(NETWORK, CONNECTION_INFO, "sent-to"),
        NetworkAction::Receive => of(NETWORK, CONNECTION_INFO, "received-from"),
        NetworkAction::Accepted => of(NETWORK, CONNECTION_START, "remote-audit-connected"),
        NetworkAction::Closed => of(NETWORK, CONNECTION_END, "remote-audit-disconnected"),
    }
}

fn of_process(action: ProcessAction, anomaly: bool) -> Told {
    match action {
        ProcessAction::Launch => of(PROCESS, START, "executed"),
        ProcessAction::Fork => of(PROCESS, START, "forked"),
        ProcessAction::Exit if anomaly => of(PROCESS, END, "crashed-program"),
        ProcessAction::Exit => of(PROCESS, END, "end"),
        ProcessAction::Signal => of(PROCESS, END, "killed-pid"),
        ProcessAction::Trace => of(PROCESS, ACCESS, "traced"),
        ProcessAction::Inject => of(PROCESS, CHANGE, "wrote-to-memory-of"),
        ProcessAction::SetUser | ProcessAction::SetGroup => {
            of(PROCESS, CHANGE, "changed-identity-of")
        }
        ProcessAction::Schedule => of(PROCESS, CHANGE, "adjusted-scheduling-policy-of"),
        ProcessAction::Command => of(PROCESS, START, "ran-command"),
    }
}

fn of_account(action: AccountAction) -> Told {
    match action {
        AccountAction::Create => of(IAM, USER_CREATION, "added-user-account"),
        AccountAction::Delete => of(IAM, USER_DELETION, "deleted-user-account"),
        AccountAction::Modify => of(IAM, USER_CHANGE, "modified-user-account"),
        AccountAction::ChangePassword => of(IAM, USER_CHANGE, "changed-password"),
        AccountAction::Lock => of(IAM, USER_INFO, "locked-account"),
        AccountAction::Unlock => of(IAM, USER_INFO, "unlocked-account"),
        AccountAction::AssignRole => of(IAM, USER_CHANGE, "assigned-user-role-to"),
        AccountAction::RemoveRole => of(IAM, USER_CHANGE, "removed-user-role-from"),
    }
}

fn of_group(action: GroupAction) -> Told {
    match action {
        GroupAction::Create => of(IAM, GROUP_CREATION, "added-group-account-to"),
        GroupAction::Delete => of(IAM, GROUP_DELETION, "deleted-group-account-from"),
        GroupAction::Modify => of(IAM, GROUP_CHANGE, "modified-group-account"),
        GroupAction::ChangePassword => of(IAM, GROUP_CHANGE, "changed-group-password"),
        GroupAction::AddUser => of(IAM, GROUP_CHANGE, "added-user-to-group"),
        GroupAction::RemoveUser => of(IAM, GROUP_CHANGE, "removed-user-from-group"),
    }
}

fn of_application(kind: ApplicationKind, action: ApplicationAction) -> Told {
    match (kind, action) {
        (ApplicationKind::Service, ApplicationAction::Start) => {
            of(PROCESS, START, "started-service")
        }
        (ApplicationKind::Service, ApplicationAction::Stop) => of(PROCESS, END, "stopped-service"),
        (ApplicationKind::Service, _) => of(PROCESS, INFO, "issued-service-control"),
        (ApplicationKind::System, ApplicationAction::Start) => of(HOST, START, "booted-system"),
        (ApplicationKind::System, ApplicationAction::Stop) => of(HOST, END, "shutdown-system"),
        (ApplicationKind::System, _) => of(HOST, INFO, "issued-system-control"),
        (ApplicationKind::VirtualMachine, _) => of(HOST, INFO, "issued-vm-control"),
        (ApplicationKind::Package, _) => of(PACKAGE, INFO, "package-updated"),
    }
}

fn of_configuration(area: ConfigurationArea) -> Told {
    match area {
        ConfigurationArea::Audit => of(AUDIT_CONFIGURATION, CHANGE, "changed-audit-configuration"),
        ConfigurationArea::AuditDaemon => {
            of(AUDIT_CONFIGURATION, CHANGE, "changed-auditd-configuration")
        }
        ConfigurationArea::Firewall => of(CONFIGURATION, CHANGE, "loaded-firewall-rule-to"),
        ConfigurationArea::SecurityPolicy => of(CONFIGURATION, ACCESS, "loaded-selinux-policy"),
        ConfigurationArea::Security => of(CONFIGURATION, CHANGE, "changed-mac-configuration"),
        ConfigurationArea::Time => of(HOST, CHANGE, "changed-system-time"),
        ConfigurationArea::Name => of(HOST, CHANGE, "changed-system-name"),
        ConfigurationArea::Runlevel => of(HOST, CHANGE, "changed-to-runlevel"),
        ConfigurationArea::NetworkDevice => {
            of(CONFIGURATION, CHANGE, "changed-promiscuous-mode-on-device")
        }
        ConfigurationArea::Integrity => of(CONFIGURATION, CHANGE, "changed-integrity-policy"),
        ConfigurationArea::System => of(CONFIGURATION, CHANGE, "changed-configuration"),
    }
}

fn of_log(action: LogAction) -> Told {
    match action {
        LogAction::Start => of(PROCESS, START, "started-audit"),
        LogAction::Stop => of(PROCESS, END, "shutdown-audit"),
        LogAction::Rotate => of(PROCESS, CHANGE, "rotated-audit-logs"),
        LogAction::Resume => of(PROCESS, CHANGE, "resumed-audit-logging"),
        LogAction::Abort => of(PROCESS, END, "aborted-auditd-startup"),
        LogAction::Error => of(PROCESS, INFO, "audit-error"),
    }
}

fn of_authentication(action: AuthenticationAction) -> Told {
    match action {
        AuthenticationAction::Authenticate => of(AUTHENTICATION, INFO, "authenticated"),
        AuthenticationAction::Authorize => of(AUTHENTICATION, INFO, "was-authorized"),
        AuthenticationAction::AcquireCredentials => {
            of(AUTHENTICATION, INFO, "acquired-credentials")
        }
        AuthenticationAction::RefreshCredentials => {
            of(AUTHENTICATION, INFO, "refreshed-credentials")
        }
        AuthenticationAction::DisposeCredentials => {
            of(AUTHENTICATION, INFO, "disposed-credentials")
        }
        AuthenticationAction::AssignSession => of(AUTHENTICATION, START, "changed-login-id-to"),
        AuthenticationAction::StartSession => of(SESSION, START, "started-session"),
        AuthenticationAction::EndSession => of(SESSION, END, "ended-session"),
        AuthenticationAction::Login => of(AUTHENTICATION, START, "logged-in"),
        AuthenticationAction::Logout => of(AUTHENTICATION, END, "logged-out"),
        AuthenticationAction::Error => of(AUTHENTICATION, INFO, "error"),
        AuthenticationAction::AuthenticateGroup => {
            of(AUTHENTICATION, INFO, "authenticated-to-group")
        }
        AuthenticationAction::ChangeRole => of(AUTHENTICATION, INFO, "changed-role-to"),
        AuthenticationAction::Suspicious => Told {
            category: AUTHENTICATION,
            kind: START,
            action: None,
        },
    }
}
