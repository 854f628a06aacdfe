//! A system call with its companions → what it was about.
//!
//! PATH, SOCKADDR, CWD and OBJ_PID records are read only where the call has to do with them.

use std::net::IpAddr;

use bumpalo::Bump;

use crate::model::activity::{
    Activity, ConfigurationChange, File, FileAction, FileActivity, FileKind, KernelAction,
    KernelActivity, MemoryAction, MemoryActivity, ModuleActivity, NetworkAction, NetworkActivity,
    ProcessAction, ProcessActivity, Target,
};
use crate::model::audit::AuditField;

use super::super::fields::Raw;
use super::super::keys as key;
use super::super::opened::{self, Opened};
use super::super::record_types::RecordType;
use super::super::sockaddr::{self, SockAddr};
use super::super::syscall::Syscall;
use super::paths::{self, Paths};
use super::verbs::{Known, NO_AT, Verb};

/// AT_FDCWD (include/uapi/linux/fcntl.h), as 32 bits of a register.
const FROM_CWD: u32 = -100i32 as u32;
/// AT_REMOVEDIR of unlinkat.
const REMOVE_DIRECTORY: u64 = 0x200;

/// What stands behind one system call.
pub struct Behind<'b> {
    pub records: &'b [Opened<'b>],
    pub call: &'b Syscall<'b>,
    pub known: Known,
    pub bump: &'b Bump,
}

impl<'b> Behind<'b> {
    pub fn activity(&self) -> Activity<'b> {
        match self.known.verb {
            Verb::File(action) => self.file(action),
            Verb::Network(action) => self.socket(action),
            Verb::Process(action) => self.process(action),
            Verb::Ptrace => self.process(ptrace(self.call.arguments()[0])),
            Verb::Memory(action) => self.memory(action),
            Verb::Module(action) => Activity::Module(ModuleActivity {
                action,
                name: None,
                path: self.named_file(FileAction::Open).path,
            }),
            Verb::Configure(area) => Activity::Configuration(ConfigurationChange {
                area,
                what: Some(self.known.name.as_bytes()),
                weakened: None,
            }),
            Verb::Invoke | Verb::SocketCall => self.kernel(),
        }
    }

    /// A field of the first record of a type.
    fn value(&self, kind: RecordType, word: u64) -> Option<Raw<'b>> {
        opened::first(self.records, kind)?.find(word)
    }

    fn kernel(&self) -> Activity<'b> {
        Activity::Kernel(KernelActivity {
            action: KernelAction::Invoke,
            name: self.known.name.as_bytes(),
            is_call: true,
        })
    }

    fn file(&self, action: FileAction) -> Activity<'b> {
        let paths = Paths::read(self.records);
        let action = match action {
            FileAction::Open if paths.created() => FileAction::Create,
            FileAction::Delete if self.removes_directory() => FileAction::RemoveDirectory,
            action => action,
        };
        let (file, other) = self.files(&paths, action);
        Activity::File(FileActivity {
            action,
            file,
            other,
            open_flags: self.open_flags(),
        })
    }

    fn files(&self, paths: &Paths<'b>, action: FileAction) -> (File<'b>, Option<File<'b>>) {
        let cwd = self.value(RecordType::CWD, key::CWD);
        paths::files(paths, action, cwd, self.starts_from_cwd(), self.bump)
    }

    fn named_file(&self, action: FileAction) -> File<'b> {
        self.files(&Paths::read(self.records), action).0
    }

    /// Names relative to a descriptor cannot be made absolute: no record says what it is.
    fn starts_from_cwd(&self) -> bool {
        if self.known.at == NO_AT {
            return true;
        }
        let directory = self
            .call
            .arguments()
            .get(self.known.at as usize)
            .copied()
            .flatten();
        directory.is_none_or(|fd| fd as u32 == FROM_CWD)
    }

    fn removes_directory(&self) -> bool {
        self.known.name == "unlinkat"
            && self.call.arguments()[2].is_some_and(|flags| flags & REMOVE_DIRECTORY != 0)
    }

    fn open_flags(&self) -> Option<u64> {
        match self.known.name {
            "open" => self.call.arguments()[1],
            "openat" => self.call.arguments()[2],
            _ => None,
        }
    }

    fn socket(&self, action: NetworkAction) -> Activity<'b> {
        let address = self
            .value(RecordType::SOCKADDR, key::SADDR)
            .and_then(|raw| sockaddr::read_hex(raw.text(), self.bump));
        let inet = |ip: IpAddr, port| {
            Activity::Network(NetworkActivity {
                action,
                ip: Some(ip.to_canonical()),
                port: Some(port),
            })
        };
        match address {
            Some(SockAddr::Inet { ip, port }) => inet(ip.into(), port),
            Some(SockAddr::Inet6 { ip, port, .. }) => inet(ip.into(), port),
            Some(SockAddr::Unix {
                path,
                is_abstract: false,
            }) if !path.is_empty() => self.socket_file(action, path),
            Some(_) => self.kernel(),
            // listen has no address, accept need not ask for one. What kind of socket it is no
            // record says; most that are listened to and watched are of the network.
            None if matches!(action, NetworkAction::Listen | NetworkAction::Accept) => {
                Activity::Network(NetworkActivity {
                    action,
                    ip: None,
                    port: None,
                })
            }
            None => self.kernel(),
        }
    }

    /// A socket of AF_UNIX that has a path is a file.
    fn socket_file(&self, action: NetworkAction, path: &'b [u8]) -> Activity<'b> {
        let action = match action {
            NetworkAction::Bind => FileAction::BindSocket,
            _ => FileAction::OpenSocket,
        };
        let mut file = self.named_file(action);
        file.path = file.path.or(Some(path));
        file.kind = FileKind::Socket;
        Activity::File(FileActivity {
            action,
            file,
            other: None,
            open_flags: None,
        })
    }

    fn process(&self, action: ProcessAction) -> Activity<'b> {
        let arguments = self.call.arguments();
        let mut told = ProcessActivity {
            action,
            target: Target {
                pid: self.call.pid,
                ..Target::default()
            },
            signal: None,
            exit_code: None,
        };
        match action {
            ProcessAction::Launch => {
                told.target.path = self.named_file(FileAction::Open).path;
                let cwd = self.value(RecordType::CWD, key::CWD);
                told.target.cwd = cwd.and_then(|raw| raw.decode_some(self.bump));
            }
            // Only the lower eight bits reach whoever waits for it.
            ProcessAction::Exit => told.exit_code = arguments[0].map(|code| code as u32 & 0xff),
            ProcessAction::Signal => {
                let at = match self.known.name {
                    "tgkill" | "rt_tgsigqueueinfo" => 2,
                    _ => 1,
                };
                told.signal = arguments[at].map(|signal| signal as u32);
                let pid = if self.known.name == "pidfd_send_signal" {
                    None
                } else {
                    arguments[0]
                };
                told.target = self.other_process(pid);
            }
            ProcessAction::Trace | ProcessAction::Inject => {
                let pid = match self.known.name {
                    "ptrace" => arguments[1],
                    "pidfd_getfd" => None,
                    _ => arguments[0],
                };
                told.target = self.other_process(pid);
            }
            ProcessAction::Fork => {
                let child = self.call.exit.and_then(|pid| u32::try_from(pid).ok());
                told.target.pid = child.filter(|&pid| pid > 0).or(told.target.pid);
            }
            _ => {}
        }
        Activity::Process(told)
    }

    /// As OBJ_PID names it; else by the argument, where that is one process.
    fn other_process(&self, argument: Option<u64>) -> Target<'b> {
        let pid = argument.filter(|pid| (1..=i32::MAX as u64).contains(pid));
        let mut target = Target {
            pid: pid.map(|pid| pid as u32),
            ..Target::default()
        };
        let Some(record) = opened::first(self.records, RecordType::OBJ_PID) else {
            return target;
        };
        for &AuditField { word, raw, .. } in record.fields {
            match word {
                key::OPID => target.pid = raw.id(),
                key::OUID => target.user.id = raw.id(),
                key::NAME_OF_OUID => target.user.name = super::super::records::name(raw),
                key::OSES => target.session = raw.id(),
                key::OCOMM => target.comm = Raw::decode_some(raw, self.bump),
                _ => {}
            }
        }
        target
    }

    fn memory(&self, action: MemoryAction) -> Activity<'b> {
        let [_, size, protection, _] = self.call.arguments();
        let (size, protection) = match (action, self.known.name) {
            (_, "brk") => (None, None),
            (MemoryAction::Release, _) | (_, "mremap") => (size, None),
            _ => (size, protection),
        };
        Activity::Memory(MemoryActivity {
            action,
            size,
            protection,
        })
    }
}

/// Requests that write into the other process (include/uapi/linux/ptrace.h): POKETEXT, POKEDATA,
/// POKEUSR, SETREGS, SETFPREGS, SETREGSET.
fn ptrace(request: Option<u64>) -> ProcessAction {
    match request {
        Some(4 | 5 | 6 | 13 | 15 | 0x4205) => ProcessAction::Inject,
        _ => ProcessAction::Trace,
    }
}
