//! System calls → what they do.
//!
//! A table by name, and from it, once for each architecture, a table by number: an event costs one look
//! into it. What is in neither is a call that this stage says nothing more of. It knows no arguments and
//! no records.

use std::sync::LazyLock;

use crate::model::activity::{
    ConfigurationArea as Area, FileAction as File, MemoryAction as Memory, ModuleAction as Module,
    NetworkAction as Network, ProcessAction as Process,
};

use super::super::tables::Arch;

/// What a system call does, before its arguments are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Nothing that has a class of its own.
    Invoke,
    File(File),
    Network(Network),
    Process(Process),
    /// By its request.
    Ptrace,
    Memory(Memory),
    Module(Module),
    Configure(Area),
    /// The i386 and s390 door to all calls on sockets: `a0` says which.
    SocketCall,
}

/// One system call of the table.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    pub name: &'static str,
    pub verb: Verb,
    /// Which argument is the directory that a relative name starts from; [`NO_AT`] for none.
    pub at: u8,
}

pub const NO_AT: u8 = u8::MAX;

const fn at(name: &'static str, verb: Verb, at: u8) -> Known {
    Known { name, verb, at }
}

const fn call(name: &'static str, verb: Verb) -> Known {
    at(name, verb, NO_AT)
}

use Verb::{Configure, File as F, Invoke, Memory as M, Module as K, Network as N, Process as P};

/// Sorted by name.
#[rustfmt::skip]
const CALLS: &[Known] = &[
    call("accept", N(Network::Accept)), call("accept4", N(Network::Accept)),
    call("access", F(File::Stat)),
    call("adjtimex", Configure(Area::Time)),
    call("bind", N(Network::Bind)),
    call("brk", M(Memory::Allocate)),
    call("chdir", F(File::ChangeDirectory)), call("chmod", F(File::ChangeMode)),
    call("chown", F(File::ChangeOwner)), call("chown32", F(File::ChangeOwner)),
    call("chroot", F(File::ChangeDirectory)),
    call("clock_adjtime", Configure(Area::Time)), call("clock_adjtime64", Configure(Area::Time)),
    call("clock_settime", Configure(Area::Time)), call("clock_settime64", Configure(Area::Time)),
    call("clone", P(Process::Fork)), call("clone3", P(Process::Fork)),
    call("connect", N(Network::Connect)),
    call("creat", F(File::Open)),
    call("create_module", K(Module::Load)), call("delete_module", K(Module::Unload)),
    call("execve", P(Process::Launch)), at("execveat", P(Process::Launch), 0),
    call("exit", P(Process::Exit)), call("exit_group", P(Process::Exit)),
    at("faccessat", F(File::Stat), 0), at("faccessat2", F(File::Stat), 0),
    call("fallocate", F(File::Write)),
    call("fchdir", F(File::ChangeDirectory)),
    call("fchmod", F(File::ChangeMode)), at("fchmodat", F(File::ChangeMode), 0),
    at("fchmodat2", F(File::ChangeMode), 0),
    call("fchown", F(File::ChangeOwner)), call("fchown32", F(File::ChangeOwner)),
    at("fchownat", F(File::ChangeOwner), 0),
    call("fgetxattr", F(File::GetAttribute)),
    call("finit_module", K(Module::Load)),
    call("flistxattr", F(File::GetAttribute)),
    call("fork", P(Process::Fork)),
    call("fremovexattr", F(File::RemoveAttribute)), call("fsetxattr", F(File::SetAttribute)),
    call("fstat", F(File::Stat)), call("fstat64", F(File::Stat)),
    at("fstatat64", F(File::Stat), 0),
    call("fstatfs", F(File::StatFilesystem)), call("fstatfs64", F(File::StatFilesystem)),
    call("ftruncate", F(File::Truncate)), call("ftruncate64", F(File::Truncate)),
    at("futimesat", F(File::ChangeTimes), 0),
    call("getdents", F(File::Read)), call("getdents64", F(File::Read)),
    call("getxattr", F(File::GetAttribute)), at("getxattrat", F(File::GetAttribute), 0),
    call("init_module", K(Module::Load)),
    call("ioprio_set", P(Process::Schedule)),
    call("kill", P(Process::Signal)),
    call("lchown", F(File::ChangeOwner)), call("lchown32", F(File::ChangeOwner)),
    call("lgetxattr", F(File::GetAttribute)),
    call("link", F(File::Link)), at("linkat", F(File::Link), 2),
    call("listen", N(Network::Listen)),
    call("listxattr", F(File::GetAttribute)), at("listxattrat", F(File::GetAttribute), 0),
    call("llistxattr", F(File::GetAttribute)),
    call("lremovexattr", F(File::RemoveAttribute)), call("lsetxattr", F(File::SetAttribute)),
    call("lstat", F(File::Stat)), call("lstat64", F(File::Stat)),
    call("mkdir", F(File::CreateDirectory)), at("mkdirat", F(File::CreateDirectory), 0),
    call("mknod", F(File::CreateDevice)), at("mknodat", F(File::CreateDevice), 0),
    call("mmap", M(Memory::Allocate)), call("mmap2", M(Memory::Allocate)),
    call("mount", F(File::Mount)), at("move_mount", F(File::Mount), 2),
    call("mprotect", M(Memory::Protect)),
    call("mremap", M(Memory::Allocate)),
    call("munmap", M(Memory::Release)),
    at("newfstatat", F(File::Stat), 0),
    call("nice", P(Process::Schedule)),
    call("open", F(File::Open)),
    call("open_by_handle_at", F(File::Open)),
    at("openat", F(File::Open), 0), at("openat2", F(File::Open), 0),
    call("pidfd_getfd", P(Process::Trace)), call("pidfd_send_signal", P(Process::Signal)),
    call("pivot_root", F(File::Mount)),
    call("pkey_mprotect", M(Memory::Protect)),
    call("pread64", F(File::Read)), call("preadv", F(File::Read)), call("preadv2", F(File::Read)),
    call("process_vm_readv", P(Process::Trace)), call("process_vm_writev", P(Process::Inject)),
    call("ptrace", Verb::Ptrace),
    call("pwrite64", F(File::Write)), call("pwritev", F(File::Write)), call("pwritev2", F(File::Write)),
    call("read", F(File::Read)),
    call("readlink", F(File::ReadLink)), at("readlinkat", F(File::ReadLink), 0),
    call("readv", F(File::Read)),
    call("recv", N(Network::Receive)), call("recvfrom", N(Network::Receive)),
    call("recvmmsg", N(Network::Receive)), call("recvmmsg_time64", N(Network::Receive)),
    call("recvmsg", N(Network::Receive)),
    call("removexattr", F(File::RemoveAttribute)), at("removexattrat", F(File::RemoveAttribute), 0),
    call("rename", F(File::Rename)), at("renameat", F(File::Rename), 0),
    at("renameat2", F(File::Rename), 0),
    call("rmdir", F(File::RemoveDirectory)),
    call("rt_sigqueueinfo", P(Process::Signal)), call("rt_tgsigqueueinfo", P(Process::Signal)),
    call("sched_setattr", P(Process::Schedule)), call("sched_setparam", P(Process::Schedule)),
    call("sched_setscheduler", P(Process::Schedule)),
    call("send", N(Network::Send)), call("sendmmsg", N(Network::Send)),
    call("sendmsg", N(Network::Send)), call("sendto", N(Network::Send)),
    call("setdomainname", Configure(Area::Name)),
    call("setfsgid", P(Process::SetGroup)), call("setfsgid32", P(Process::SetGroup)),
    call("setfsuid", P(Process::SetUser)), call("setfsuid32", P(Process::SetUser)),
    call("setgid", P(Process::SetGroup)), call("setgid32", P(Process::SetGroup)),
    call("setgroups", P(Process::SetGroup)), call("setgroups32", P(Process::SetGroup)),
    call("sethostname", Configure(Area::Name)),
    call("setpriority", P(Process::Schedule)),
    call("setregid", P(Process::SetGroup)), call("setregid32", P(Process::SetGroup)),
    call("setresgid", P(Process::SetGroup)), call("setresgid32", P(Process::SetGroup)),
    call("setresuid", P(Process::SetUser)), call("setresuid32", P(Process::SetUser)),
    call("setreuid", P(Process::SetUser)), call("setreuid32", P(Process::SetUser)),
    call("settimeofday", Configure(Area::Time)),
    call("setuid", P(Process::SetUser)), call("setuid32", P(Process::SetUser)),
    call("setxattr", F(File::SetAttribute)), at("setxattrat", F(File::SetAttribute), 0),
    call("socketcall", Verb::SocketCall),
    call("stat", F(File::Stat)), call("stat64", F(File::Stat)),
    call("statfs", F(File::StatFilesystem)), call("statfs64", F(File::StatFilesystem)),
    at("statx", F(File::Stat), 0),
    call("stime", Configure(Area::Time)),
    call("swapoff", Configure(Area::System)), call("swapon", Configure(Area::System)),
    call("symlink", F(File::Symlink)), at("symlinkat", F(File::Symlink), 1),
    call("tgkill", P(Process::Signal)), call("tkill", P(Process::Signal)),
    call("truncate", F(File::Truncate)), call("truncate64", F(File::Truncate)),
    call("umount", F(File::Unmount)), call("umount2", F(File::Unmount)),
    call("unlink", F(File::Delete)), at("unlinkat", F(File::Delete), 0),
    call("ustat", F(File::StatFilesystem)),
    call("utime", F(File::ChangeTimes)), at("utimensat", F(File::ChangeTimes), 0),
    at("utimensat_time64", F(File::ChangeTimes), 0), call("utimes", F(File::ChangeTimes)),
    call("vfork", P(Process::Fork)),
    call("write", F(File::Write)), call("writev", F(File::Write)),
];

/// By name; for what has no table by number, and for names that a record carries.
pub fn by_name(name: &str) -> Option<Known> {
    let at = CALLS.binary_search_by_key(&name, |known| known.name);
    at.ok().map(|i| CALLS[i])
}

/// By the architecture and the number. `None`: the number is no call of it.
pub fn by_number(arch: Arch, number: u32) -> Option<Known> {
    let prepared = || {
        TABLES
            .iter()
            .find(|(of, _)| *of == arch)?
            .1
            .get(number as usize)
    };
    if let Some(&known) = prepared() {
        return known;
    }
    named(arch, number)
}

fn named(arch: Arch, number: u32) -> Option<Known> {
    let name = arch.syscall(number)?;
    Some(by_name(name).unwrap_or(call(name, Invoke)))
}

/// Numbers are dense below this on the architectures prepared.
const NUMBERS: u32 = 512;

type Table = (Arch, Vec<Option<Known>>);

static TABLES: LazyLock<[Table; 4]> = LazyLock::new(|| {
    [Arch::X86_64, Arch::AARCH64, Arch::I386, Arch::ARM].map(|arch| {
        (
            arch,
            (0..NUMBERS).map(|number| named(arch, number)).collect(),
        )
    })
});

/// Calls behind `socketcall`, by its first argument (include/uapi/linux/net.h).
pub fn behind_socketcall(number: u64) -> Option<Known> {
    Some(match number {
        1 => call("socket", Invoke),
        2 => call("bind", N(Network::Bind)),
        3 => call("connect", N(Network::Connect)),
        4 => call("listen", N(Network::Listen)),
        5 => call("accept", N(Network::Accept)),
        9 => call("send", N(Network::Send)),
        10 => call("recv", N(Network::Receive)),
        11 => call("sendto", N(Network::Send)),
        12 => call("recvfrom", N(Network::Receive)),
        16 => call("sendmsg", N(Network::Send)),
        17 => call("recvmsg", N(Network::Receive)),
        18 => call("accept4", N(Network::Accept)),
        19 => call("recvmmsg", N(Network::Receive)),
        20 => call("sendmmsg", N(Network::Send)),
        _ => return None,
    })
}

/// The call that an operation of io_uring stands for (include/uapi/linux/io_uring.h, IORING_OP_*). Its
/// record has no arguments, so no directory is known.
pub fn of_uring(operation: u32) -> Option<Known> {
    let name = match operation {
        1 => "readv",
        2 => "writev",
        9 => "sendmsg",
        10 => "recvmsg",
        13 => "accept",
        16 => "connect",
        17 => "fallocate",
        18 => "openat",
        21 => "statx",
        22 => "read",
        23 => "write",
        26 => "send",
        27 => "recv",
        28 => "openat2",
        35 => "renameat",
        36 => "unlinkat",
        37 => "mkdirat",
        38 => "symlinkat",
        39 => "linkat",
        41 => "fsetxattr",
        42 => "setxattr",
        43 => "fgetxattr",
        44 => "getxattr",
        55 => "ftruncate",
        56 => "bind",
        57 => "listen",
        _ => return None,
    };
    by_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_so_that_it_can_be_searched() {
        let unsorted = CALLS.windows(2).find(|pair| pair[0].name >= pair[1].name);
        assert!(unsorted.is_none(), "{unsorted:?}");
    }

    #[test]
    fn every_name_is_a_call_of_some_architecture() {
        for known in CALLS {
            let arches = [Arch::X86_64, Arch::I386, Arch::ARM, Arch::AARCH64];
            // Not behind these doors: the old ways of other machines.
            let elsewhere = ["send", "recv", "utimensat_time64", "recvmmsg_time64"];
            assert!(
                elsewhere.contains(&known.name)
                    || arches
                        .iter()
                        .any(|a| a.syscall_number(known.name).is_some()),
                "{}",
                known.name
            );
        }
    }

    #[test]
    fn numbers_and_names_give_the_same() {
        for (arch, number, name, verb) in [
            (Arch::X86_64, 257, "openat", F(File::Open)),
            (Arch::X86_64, 42, "connect", N(Network::Connect)),
            (Arch::AARCH64, 56, "openat", F(File::Open)),
            (Arch::I386, 102, "socketcall", Verb::SocketCall),
            (Arch::X86_64, 157, "prctl", Invoke),
        ] {
            let known = by_number(arch, number).unwrap();
            assert_eq!((known.name, known.verb), (name, verb));
        }
        assert!(by_number(Arch::X86_64, 9999).is_none());
        assert_eq!(by_number(Arch::X86_64, 0x4000_0101).unwrap().name, "openat");
        assert_eq!(of_uring(18).unwrap().name, "openat");
        for operation in 0..80 {
            of_uring(operation);
        }
    }
}
