//! Which field is read as what: the table behind [`super::interpret`].
//!
//! Place in the flow: [`super`] looks a field up here, then reads it. The fields are those of
//! audit-userspace's field dictionary; how each is written is the kernel's (`audit_log_*` in kernel/audit.c
//! and kernel/auditsc.c, and the record's own source). A field that is not here means what it says.

use super::super::record_types::RecordType;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// A user, group or session: 4294967295 is unset.
    Id,
    /// Text that is in hex where it holds a space, a quote, or a byte outside ASCII.
    Text,
    /// The same, several texts parted by 0x01.
    Keys,
    /// The same, parted by NUL.
    Title,
    Keystrokes,
    Arch,
    Syscall,
    UringOperation,
    Argument(usize),
    Exit,
    Errno,
    Result,
    Address,
    Mode,
    Permissions,
    /// Bits of read, write, exec, attr.
    Watch,
    Yes,
    Capability,
    CapabilitySet,
    Signal,
    List,
    NetfilterFamily,
    NetfilterHook,
    NetfilterVerdict,
    Protocol,
    Seccomp,
    OpenFlags,
    MmapFlags,
    /// By its number.
    OneOf(&'static [&'static str]),
}

/// linux/netfilter.h, NF_DROP and what follows.
pub const VERDICTS: [&str; 6] = ["drop", "accept", "stolen", "queue", "repeat", "stop"];
/// linux/audit.h: `audit_enabled`; 2 is AUDIT_LOCKED.
const ENABLED: &[&str] = &["disabled", "enabled", "locked"];
/// linux/audit.h, AUDIT_FAIL_*.
const FAILURE: &[&str] = &["silent", "printk", "panic"];
/// linux/fanotify.h, FAN_ALLOW and FAN_DENY.
const FANOTIFY: &[&str] = &["unknown", "allow", "deny"];
/// fs/notify/fanotify, trust as fapolicyd gives it.
const TRUST: &[&str] = &["no", "yes", "unknown"];

/// How a field of a record is read.
pub fn of(kind: RecordType, key: &[u8]) -> Option<Reading> {
    // A field that means something else in some records comes first.
    match (kind.name().unwrap_or_default(), key) {
        ("EXECVE", b"argc") => return None,
        ("EXECVE", [b'a', b'0'..=b'9', ..]) if !key.ends_with(b"_len") => {
            return Some(Reading::Text);
        }
        ("AVC" | "NETFILTER_PKT", b"saddr") => return None,
        ("MQ_OPEN", b"mode") => return Some(Reading::Permissions),
        ("CRYPTO_KEY_USER", b"fp") => return None,
        ("MAC_STATUS" | "USER_MAC_STATUS", b"enabled") => return None,
        ("PATH" | "MAC_IPSEC_EVENT", b"flags") => return None,
        ("NETFILTER_CFG", b"op" | b"table") => return None,
        _ => {}
    }
    Some(match key {
        b"auid" | b"uid" | b"euid" | b"suid" | b"fsuid" | b"ouid" | b"oauid" | b"old-auid"
        | b"old_auid" | b"new_auid" | b"iuid" | b"id" | b"inode_uid" | b"sauid" | b"obj_uid"
        | b"gid" | b"egid" | b"sgid" | b"fsgid" | b"ogid" | b"igid" | b"inode_gid" | b"obj_gid"
        | b"new_gid" | b"ses" | b"oses" | b"old-ses" => Reading::Id,
        b"comm" | b"exe" | b"cwd" | b"name" | b"acct" | b"cmd" | b"ocomm" | b"path" | b"dir"
        | b"file" | b"watch" | b"vm" | b"grp" | b"new_group" | b"device" | b"cgroup"
        | b"root_dir" | b"sw" | b"old-chardev" | b"new-chardev" | b"old-disk" | b"new-disk"
        | b"old-fs" | b"new-fs" | b"old-net" | b"new-net" | b"old-rng" | b"new-rng"
        | b"invalid_context" | b"apparmor" | b"operation" | b"denied_mask" | b"info"
        | b"profile" | b"requested_mask" | b"new-name" | b"old-name" | b"peer" | b"target" => {
            Reading::Text
        }
        b"key" => Reading::Keys,
        b"proctitle" => Reading::Title,
        b"data" => Reading::Keystrokes,
        b"arch" => Reading::Arch,
        b"syscall" => Reading::Syscall,
        b"uring_op" => Reading::UringOperation,
        b"a0" => Reading::Argument(0),
        b"a1" => Reading::Argument(1),
        b"a2" => Reading::Argument(2),
        b"a3" => Reading::Argument(3),
        b"exit" => Reading::Exit,
        b"errno" => Reading::Errno,
        b"res" | b"result" => Reading::Result,
        b"saddr" => Reading::Address,
        b"mode" => Reading::Mode,
        b"perm" | b"perm_mask" => Reading::Watch,
        b"prom" | b"old_prom" => Reading::Yes,
        b"capability" => Reading::Capability,
        b"cap_fp" | b"cap_fi" | b"cap_pp" | b"cap_pi" | b"cap_pe" | b"cap_pa" | b"fp" | b"fi"
        | b"old_pp" | b"old_pi" | b"old_pe" | b"old_pa" | b"new_pp" | b"new_pi" | b"new_pe"
        | b"new_pa" | b"pp" | b"pi" | b"pe" | b"pa" => Reading::CapabilitySet,
        b"sig" | b"sigev_signo" => Reading::Signal,
        b"list" => Reading::List,
        b"family" => Reading::NetfilterFamily,
        b"hook" => Reading::NetfilterHook,
        b"action" => Reading::NetfilterVerdict,
        b"proto" => Reading::Protocol,
        b"code" => Reading::Seccomp,
        b"oflag" => Reading::OpenFlags,
        b"flags" => Reading::MmapFlags,
        b"audit_enabled" => Reading::OneOf(ENABLED),
        b"audit_failure" => Reading::OneOf(FAILURE),
        b"resp" => Reading::OneOf(FANOTIFY),
        b"subj_trust" | b"obj_trust" => Reading::OneOf(TRUST),
        _ => return None,
    })
}
