//! The first four arguments of a system call, and the call itself, by name.
//!
//! Place in the flow: [`super::interpret`] comes here for `syscall=` and `a0=` to `a3=`. The kernel writes
//! the registers in hex (`audit_log_exit` in kernel/auditsc.c); which argument stands where is that of the
//! call (include/linux/syscalls.h). An argument that is an address, a size or a descriptor means no more
//! than it says.

use super::super::fields::Raw;
use super::super::tables;
use super::{Call, Meaning, mmap, open};

/// The name of `syscall=`, and of the call behind socketcall.
pub fn call(call: &Call, raw: Raw<'_>) -> Option<Meaning<'static>> {
    let number = raw.number()?;
    let name = match call.arch {
        Some(arch) => arch.syscall(number)?,
        None => return None,
    };
    let inner = call.arguments[0].filter(|_| name == "socketcall");
    Some(match inner.and_then(|n| tables::socket_call(n as u32)) {
        Some(inner) => Meaning::Inner { name, inner },
        None => Meaning::Name(name),
    })
}

pub fn argument(call: &Call, at: usize, value: u64) -> Option<Meaning<'static>> {
    let name = call.name?;
    match at {
        0 => first(call, name, value),
        1 => second(call, name, value),
        2 => third(call, name, value),
        _ => fourth(call, name, value),
    }
}

/// A number that is one of several.
fn name(name: Option<&'static str>) -> Option<Meaning<'static>> {
    name.map(Meaning::Name)
}

fn flags(flags: tables::Flags) -> Option<Meaning<'static>> {
    Some(Meaning::Flags(flags))
}

fn permissions(mode: u64) -> Option<Meaning<'static>> {
    Some(Meaning::Mode(tables::permissions(mode as u32)))
}

fn signal(call: &Call, number: u64) -> Option<Meaning<'static>> {
    name(call.arch?.signal(number as u32))
}

/// A user or group: all ones leave it as it is.
fn id(value: u64) -> Option<Meaning<'static>> {
    Some(match value as u32 {
        u32::MAX => Meaning::Name("unset"),
        id => Meaning::Number(id),
    })
}

/// A directory's descriptor: -100 is the working directory (AT_FDCWD, linux/fcntl.h).
fn directory(value: u64) -> Option<Meaning<'static>> {
    (value as u32 as i32 == -100).then_some(Meaning::Name("AT_FDCWD"))
}

/// Backwards calls of clone have the flags second (CONFIG_CLONE_BACKWARDS2, s390).
fn clone_is_backwards(call: &Call) -> bool {
    call.arch
        .is_some_and(|arch| arch.name().starts_with("s390"))
}

/// `mmap` of 32-bit x86, ARM and of s390 takes the address of all its arguments (sys_old_mmap).
fn takes_arguments(call: &Call) -> bool {
    let old = ["i386", "arm", "armeb", "s390", "s390x", "m68k"];
    !call.arch.is_some_and(|arch| old.contains(&arch.name()))
}

fn first(call: &Call, called: &str, value: u64) -> Option<Meaning<'static>> {
    match called {
        "rt_sigaction" | "sigaction" | "signal" => signal(call, value),
        "clone" if !clone_is_backwards(call) => flags(tables::clone_flags(value)),
        "unshare" => flags(tables::clone_flags(value & !0x7f)),
        "clock_settime" | "clock_gettime" | "clock_adjtime" | "clock_nanosleep" => {
            name(tables::clock(value))
        }
        "ptrace" => name(tables::ptrace_request(value)),
        "prctl" => name(tables::prctl_option(value)),
        "getrlimit" | "setrlimit" | "ugetrlimit" => name(tables::rlimit(value)),
        "socket" | "socketpair" => name(tables::family(value as u32)),
        "socketcall" => name(tables::socket_call(value as u32)),
        "setuid" | "setreuid" | "setresuid" | "setfsuid" | "setgid" | "setregid" | "setresgid"
        | "setfsgid" | "setuid32" | "setreuid32" | "setresuid32" | "setfsuid32" | "setgid32"
        | "setregid32" | "setresgid32" | "setfsgid32" => id(value),
        "openat" | "openat2" | "mkdirat" | "mknodat" | "fchownat" | "futimesat" | "fchmodat"
        | "fchmodat2" | "faccessat" | "faccessat2" | "utimensat" | "utimensat_time64"
        | "unlinkat" | "linkat" | "renameat" | "renameat2" | "readlinkat" | "newfstatat"
        | "fstatat64" | "statx" | "execveat" | "name_to_handle_at" | "move_mount" | "open_tree"
        | "mount_setattr" => directory(value),
        _ => None,
    }
}

fn second(call: &Call, called: &str, value: u64) -> Option<Meaning<'static>> {
    match called {
        "open" | "mq_open" => flags(open(call.arch, value)),
        "access" => flags(tables::access_mode(value)),
        "chmod" | "fchmod" | "creat" | "mkdir" => permissions(value),
        "mknod" => Some(Meaning::Mode(tables::mode(value as u32))),
        "fcntl" | "fcntl64" => name(tables::fcntl_command(value)),
        "epoll_ctl" => name(tables::epoll_request(value)),
        "kill" | "tkill" | "rt_sigqueueinfo" | "pidfd_send_signal" => signal(call, value),
        "socket" | "socketpair" => name(tables::socket_type(value)),
        "setsockopt" | "getsockopt" => name(tables::socket_level(value as u32)),
        "setns" => flags(tables::clone_flags(value & !0x7f)),
        "clone" if clone_is_backwards(call) => flags(tables::clone_flags(value)),
        "umount2" => flags(tables::umount_flags(value)),
        "sched_setscheduler" => name(tables::scheduler(value)),
        "prlimit64" => name(tables::rlimit(value)),
        "chown" | "lchown" | "fchown" | "chown32" | "lchown32" | "fchown32" | "setreuid"
        | "setresuid" | "setregid" | "setresgid" | "setreuid32" | "setresuid32" | "setregid32"
        | "setresgid32" => id(value),
        "prctl" => match tables::prctl_option(call.argument(0))? {
            "PR_CAPBSET_READ" | "PR_CAPBSET_DROP" => name(tables::capability(value as u32)),
            "PR_SET_PDEATHSIG" => signal(call, value),
            _ => None,
        },
        _ => None,
    }
}

fn third(call: &Call, called: &str, value: u64) -> Option<Meaning<'static>> {
    let creates = |flags: u64| open(call.arch, flags).has("O_CREAT");
    match called {
        "openat" => flags(open(call.arch, value)),
        "open" | "mq_open" if creates(call.argument(1)) => permissions(value),
        "fchmodat" | "fchmodat2" | "mkdirat" => permissions(value),
        "mknodat" => Some(Meaning::Mode(tables::mode(value as u32))),
        "faccessat" | "faccessat2" => flags(tables::access_mode(value)),
        "mmap" if takes_arguments(call) => flags(tables::protection(value)),
        "mmap2" | "mprotect" | "pkey_mprotect" => flags(tables::protection(value)),
        "tgkill" | "rt_tgsigqueueinfo" => signal(call, value),
        "socket" | "socketpair" => match call.argument(0) {
            16 => name(tables::netlink_family(value as u32)),
            2 | 10 => name(tables::protocol(value as u32)),
            _ => None,
        },
        "lseek" => name(tables::seek(value)),
        "unlinkat" => (value == 0x200).then_some(Meaning::Name("AT_REMOVEDIR")),
        "linkat" | "renameat" | "renameat2" => directory(value),
        "sendmsg" | "recvmsg" => flags(tables::message_flags(value)),
        "fcntl" | "fcntl64" => match tables::fcntl_command(call.argument(1))? {
            "F_SETFD" => (value == 1).then_some(Meaning::Name("FD_CLOEXEC")),
            "F_SETFL" => flags(open(call.arch, value)),
            _ => None,
        },
        "chown" | "lchown" | "fchown" | "fchownat" | "chown32" | "lchown32" | "fchown32"
        | "setresuid" | "setresgid" | "setresuid32" | "setresgid32" => id(value),
        _ => None,
    }
}

fn fourth(call: &Call, called: &str, value: u64) -> Option<Meaning<'static>> {
    match called {
        "mmap" if takes_arguments(call) => flags(mmap(call.arch, value)),
        "mmap2" => flags(mmap(call.arch, value)),
        "mount" => flags(tables::mount_flags(value)),
        "openat" if open(call.arch, call.argument(2)).has("O_CREAT") => permissions(value),
        "recv" | "recvfrom" | "recvmmsg" | "send" | "sendto" | "sendmmsg" => {
            flags(tables::message_flags(value))
        }
        "faccessat2" | "fchmodat2" | "newfstatat" | "fstatat64" => flags(tables::at_flags(value)),
        "fchownat" => id(value),
        _ => None,
    }
}
