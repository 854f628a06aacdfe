//! Records that say by their type what happened → what it was about.
//!
//! Most come from programs and stand alone; some of the kernel's (NETFILTER_CFG, KERN_MODULE, LOGIN, …)
//! have a SYSCALL beside them, which then says who did it and no more. Numbers are those of
//! include/uapi/linux/audit.h and of audit-userspace's audit-records.h; what each is for is said by the
//! message dictionary of linux-audit/audit-documentation. docs/CLASSES.md is this file as a table.

use bumpalo::Bump;

use crate::model::activity::{
    AccountAction, AccountChange, Activity, ApplicationAction, ApplicationActivity,
    ApplicationKind, AuthenticationAction, AuthenticationStep, ConfigurationArea,
    ConfigurationChange, GroupAction, GroupChange, JobActivity, KernelAction, KernelActivity,
    LogAction, ModuleAction, ModuleActivity, NetworkAction, NetworkActivity, ProcessAction,
    ProcessActivity, Target, Weakened,
};
use crate::model::path::file_name;
use crate::model::process::Account;

use super::super::fields::Raw;
use super::message::Message;

/// What a record type is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    Authentication(AuthenticationAction),
    Account(AccountAction),
    Group(GroupAction),
    Process(ProcessAction),
    Application(ApplicationKind, ApplicationAction),
    Configuration(ConfigurationArea),
    Log(LogAction),
    Remote(NetworkAction),
    Module,
    Bpf,
}

/// The subject of a record type by number; `None` where the type says nothing by itself.
pub fn subject(number: u16) -> Option<Subject> {
    use AuthenticationAction as Auth;
    use ConfigurationArea as Area;
    Some(match number {
        1006 => Subject::Authentication(Auth::AssignSession),
        1100 => Subject::Authentication(Auth::Authenticate),
        1101 => Subject::Authentication(Auth::Authorize),
        1102 => Subject::Account(AccountAction::Modify),
        1103 => Subject::Authentication(Auth::AcquireCredentials),
        1104 => Subject::Authentication(Auth::DisposeCredentials),
        1105 => Subject::Authentication(Auth::StartSession),
        1106 => Subject::Authentication(Auth::EndSession),
        1108 => Subject::Account(AccountAction::ChangePassword),
        1109 => Subject::Authentication(Auth::Error),
        1110 => Subject::Authentication(Auth::RefreshCredentials),
        1111 => Subject::Configuration(Area::System),
        1112 => Subject::Authentication(Auth::Login),
        1113 => Subject::Authentication(Auth::Logout),
        1114 | 2114 => Subject::Account(AccountAction::Create),
        1115 | 2115 => Subject::Account(AccountAction::Delete),
        1116 => Subject::Group(GroupAction::Create),
        1117 => Subject::Group(GroupAction::Delete),
        1119 => Subject::Process(ProcessAction::SetGroup),
        1123 | 2112 => Subject::Process(ProcessAction::Command),
        1125 => Subject::Process(ProcessAction::SetUser),
        1126 => Subject::Authentication(Auth::AuthenticateGroup),
        1127 => Subject::Application(ApplicationKind::System, ApplicationAction::Start),
        1128 => Subject::Application(ApplicationKind::System, ApplicationAction::Stop),
        1129 => Subject::Configuration(Area::Runlevel),
        1130 => Subject::Application(ApplicationKind::Service, ApplicationAction::Start),
        1131 => Subject::Application(ApplicationKind::Service, ApplicationAction::Stop),
        1132 => Subject::Group(GroupAction::Modify),
        1133 => Subject::Group(GroupAction::ChangePassword),
        1135 | 2205 | 2207 => Subject::Account(AccountAction::Lock),
        1136 | 2206 => Subject::Account(AccountAction::Unlock),
        1138 => Subject::Application(ApplicationKind::Package, ApplicationAction::Update),
        1200 => Subject::Log(LogAction::Start),
        1201 => Subject::Log(LogAction::Stop),
        1202 => Subject::Log(LogAction::Abort),
        1203 | 1204 => Subject::Configuration(Area::AuditDaemon),
        1205 => Subject::Log(LogAction::Rotate),
        1206 => Subject::Log(LogAction::Resume),
        1207 => Subject::Remote(NetworkAction::Accepted),
        1208 => Subject::Remote(NetworkAction::Closed),
        1209 => Subject::Log(LogAction::Error),
        1305 | 1328 => Subject::Configuration(Area::Audit),
        1325 => Subject::Configuration(Area::Firewall),
        1330 => Subject::Module,
        1332 | 1333 => Subject::Configuration(Area::Time),
        1334 => Subject::Bpf,
        1403 | 1422 | 2310 | 2311 => Subject::Configuration(Area::SecurityPolicy),
        1404..=1419 | 1421 | 2309 | 2312 | 2313 => Subject::Configuration(Area::Security),
        1700 => Subject::Configuration(Area::NetworkDevice),
        1701 => Subject::Process(ProcessAction::Exit),
        1802 | 1805 | 1807 => Subject::Configuration(Area::Integrity),
        2000 => Subject::Log(LogAction::Start),
        2100..=2104 | 2117 | 2118 => Subject::Authentication(Auth::Suspicious),
        2116 => Subject::Account(AccountAction::Modify),
        2300 => Subject::Authentication(Auth::ChangeRole),
        2301 => Subject::Account(AccountAction::AssignRole),
        2302 => Subject::Account(AccountAction::RemoveRole),
        2500 => Subject::Application(ApplicationKind::VirtualMachine, ApplicationAction::Other),
        _ => return None,
    })
}

/// What a record of this subject tells.
pub fn activity<'b>(subject: Subject, message: &Message<'b>, bump: &'b Bump) -> Activity<'b> {
    let told = Told { message, bump };
    match subject {
        Subject::Authentication(action) => told.authentication(action),
        Subject::Account(action) => told.account(action),
        Subject::Group(action) => told.group(action),
        Subject::Process(action) => told.process(action),
        Subject::Application(kind, action) => told.application(kind, action),
        Subject::Configuration(area) => told.configuration(area),
        Subject::Log(action) => Activity::Log(action),
        Subject::Remote(action) => Activity::Network(NetworkActivity {
            action,
            ip: told.address(message.address),
            port: message.port,
        }),
        Subject::Module => Activity::Module(ModuleActivity {
            action: ModuleAction::Load,
            name: told.decode(message.thing),
            path: None,
        }),
        Subject::Bpf => Activity::Kernel(KernelActivity {
            action: match message.phrase() {
                Some(b"UNLOAD") => KernelAction::Delete,
                _ => KernelAction::Create,
            },
            name: b"bpf",
            is_call: false,
        }),
    }
}

struct Told<'m, 'b> {
    message: &'m Message<'b>,
    bump: &'b Bump,
}

impl<'b> Told<'_, 'b> {
    fn decode(&self, raw: Option<Raw<'b>>) -> Option<&'b [u8]> {
        raw.and_then(|raw| raw.decode_some(self.bump))
    }

    fn address(&self, raw: Option<Raw<'b>>) -> Option<std::net::IpAddr> {
        let text = std::str::from_utf8(raw?.text()).ok()?;
        text.parse::<std::net::IpAddr>()
            .ok()
            .map(|ip| ip.to_canonical())
    }

    fn authentication(&self, action: AuthenticationAction) -> Activity<'b> {
        let message = self.message;
        let user = match action {
            AuthenticationAction::AssignSession => message.login_user,
            _ => message.account(self.bump),
        };
        if action == AuthenticationAction::StartSession
            && let Some(scheduler) = self.decode(message.exe).filter(|exe| runs_jobs(exe))
        {
            return Activity::Job(JobActivity { user, scheduler });
        }
        Activity::Authentication(AuthenticationStep {
            action,
            user,
            exe: self.decode(message.exe),
            source: self
                .address(message.address)
                .or_else(|| self.address(message.hostname)),
            terminal: message.terminal,
        })
    }

    /// USER_MGMT and USER_CHAUTHTOK are written for whatever shadow-utils do to an account: `op=` says
    /// what (src/useradd.c, usermod.c, passwd.c, chage.c; audit-documentation's specs).
    fn account(&self, action: AccountAction) -> Activity<'b> {
        let message = self.message;
        let phrase = message.phrase();
        if let (AccountAction::Modify, Some(_)) = (action, message.member_of) {
            return self.group(GroupAction::Modify);
        }
        let action = match (action, phrase) {
            (AccountAction::Modify | AccountAction::ChangePassword, Some(phrase)) => change(phrase),
            (action, _) => action,
        };
        Activity::Account(AccountChange {
            action,
            user: message.account(self.bump),
            operation: phrase,
        })
    }

    fn group(&self, action: GroupAction) -> Activity<'b> {
        let message = self.message;
        let phrase = message.phrase().unwrap_or_default();
        let named = message.account(self.bump);
        let (group, user) = match self.decode(message.member_of) {
            Some(name) => (
                Account {
                    id: None,
                    name: Some(name),
                },
                named,
            ),
            None => (named, Account::default()),
        };
        let has_user = user.id.is_some() || user.name.is_some();
        let action = match action {
            GroupAction::Modify if has_user && phrase.starts_with(b"add") => GroupAction::AddUser,
            GroupAction::Modify
                if has_user && (phrase.starts_with(b"del") || phrase.starts_with(b"remov")) =>
            {
                GroupAction::RemoveUser
            }
            GroupAction::Modify if has(phrase, b"passw") => GroupAction::ChangePassword,
            action => action,
        };
        Activity::Group(GroupChange {
            action,
            group,
            user,
            operation: message.phrase(),
        })
    }

    fn process(&self, action: ProcessAction) -> Activity<'b> {
        let message = self.message;
        let target = Target {
            pid: message.pid,
            comm: self.decode(message.comm),
            path: match action {
                ProcessAction::Command => None,
                _ => self.decode(message.exe),
            },
            command: self.decode(message.command),
            cwd: self.decode(message.cwd),
            ..Target::default()
        };
        Activity::Process(ProcessActivity {
            action,
            target,
            signal: message.signal,
            exit_code: None,
        })
    }

    fn application(&self, kind: ApplicationKind, action: ApplicationAction) -> Activity<'b> {
        let operation = self.decode(self.message.operation);
        // dnf and rpm say `op=install`, `op=update`, `op=remove`; libvirt `op=start`, `op=stop`.
        let action = match (kind, operation) {
            (ApplicationKind::Package | ApplicationKind::VirtualMachine, Some(operation)) => {
                match operation {
                    b"start" | b"create" => ApplicationAction::Start,
                    b"stop" | b"destroy" => ApplicationAction::Stop,
                    b"install" => ApplicationAction::Install,
                    b"remove" | b"erase" => ApplicationAction::Remove,
                    b"update" | b"upgrade" => ApplicationAction::Update,
                    _ => ApplicationAction::Other,
                }
            }
            (ApplicationKind::Package, None) => ApplicationAction::Other,
            (_, _) => action,
        };
        Activity::Application(ApplicationActivity {
            action,
            kind,
            name: self.decode(self.message.thing),
            operation,
        })
    }

    fn configuration(&self, area: ConfigurationArea) -> Activity<'b> {
        let message = self.message;
        let what = match area {
            ConfigurationArea::Runlevel => message.new_level,
            ConfigurationArea::Firewall | ConfigurationArea::NetworkDevice => {
                self.decode(message.thing)
            }
            _ => message
                .phrase()
                .or(message.setting.map(|(name, _)| name))
                .or_else(|| self.decode(message.thing)),
        };
        let weakened = match area {
            ConfigurationArea::Audit if message.setting == Some((b"audit_enabled", b"0")) => {
                Some(Weakened::AuditOff)
            }
            ConfigurationArea::Security if message.enabled == Some(b"0") => {
                Some(Weakened::SelinuxOff)
            }
            ConfigurationArea::Security if message.enforcing == Some(b"0") => {
                Some(Weakened::Permissive)
            }
            _ => None,
        };
        Activity::Configuration(ConfigurationChange {
            area,
            what,
            weakened,
        })
    }
}

/// What the words of `op=` say was done to an account.
fn change(phrase: &[u8]) -> AccountAction {
    if has(phrase, b"unlock") {
        AccountAction::Unlock
    } else if has(phrase, b"lock") {
        AccountAction::Lock
    } else if has(phrase, b"passw") || has(phrase, b"chauthtok") {
        AccountAction::ChangePassword
    } else {
        AccountAction::Modify
    }
}

fn has(text: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(text, part).is_some()
}

fn runs_jobs(exe: &[u8]) -> bool {
    matches!(
        file_name(exe),
        b"cron" | b"crond" | b"atd" | b"anacron" | b"fcron"
    )
}
