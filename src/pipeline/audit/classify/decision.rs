//! What a security module, seccomp or a listener decided, of the record that says so.
//!
//! It judges nothing: a denial is what the record calls one.

use crate::model::activity::{Decider, Decision, Ruling};

use super::super::fields::Fields;

/// The decision of a record of this number.
pub fn of(number: u16, body: &[u8]) -> Option<Decision> {
    let (by, ruling) = match number {
        // AppArmor writes AVC records too (security/apparmor/audit.c).
        1400 | 1107 | 1500..1508 => match Fields::find(body, b"apparmor") {
            Some(word) => (Decider::AppArmor, apparmor(word.text())?),
            None => (Decider::Selinux, selinux(body)?),
        },
        1326 => (Decider::Seccomp, seccomp(body)?),
        // Landlock writes denials alone (security/landlock/audit.c), IPE what it would have denied too
        // (security/ipe/audit.c).
        1423 => (Decider::Landlock, Ruling::Denied),
        1420 => match Fields::find(body, b"enforcing") {
            Some(raw) if raw.text() == b"0" => (Decider::Ipe, Ruling::Logged),
            _ => (Decider::Ipe, Ruling::Denied),
        },
        1331 => (Decider::Fanotify, fanotify(body)?),
        // fs/namei.c, audit_log_path_denied
        1702 | 1703 => (Decider::Links, Ruling::Denied),
        _ => return None,
    };
    Some(Decision { by, ruling })
}

fn apparmor(word: &[u8]) -> Option<Ruling> {
    Some(match word {
        b"DENIED" | b"KILLED" => Ruling::Denied,
        // Complain mode.
        b"ALLOWED" => Ruling::Logged,
        b"AUDIT" => Ruling::Allowed,
        _ => return None,
    })
}

/// `avc:  denied  { read } for …` (security/selinux/avc.c).
fn selinux(body: &[u8]) -> Option<Ruling> {
    let head = body.split(|&b| b == b'{').next().unwrap_or_default();
    if memchr::memmem::find(head, b"granted").is_some() {
        return Some(Ruling::Allowed);
    }
    memchr::memmem::find(head, b"denied")?;
    let permissive = Fields::find(body, b"permissive");
    Some(match permissive.map(|raw| raw.text().starts_with(b"1")) {
        Some(true) => Ruling::Logged,
        _ => Ruling::Denied,
    })
}

/// By `code=` (include/uapi/linux/seccomp.h, SECCOMP_RET_*); kernels before 3.5 wrote a signal alone.
fn seccomp(body: &[u8]) -> Option<Ruling> {
    let Some(code) = Fields::find(body, b"code") else {
        return Fields::find(body, b"sig").map(|_| Ruling::Denied);
    };
    let digits = code.text().strip_prefix(b"0x")?;
    let digits = &digits[..digits.len().min(8)];
    let code = u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    Some(match code & 0xffff_0000 {
        0x7fff_0000 => Ruling::Allowed,
        0x7ffc_0000 => Ruling::Logged,
        _ => Ruling::Denied,
    })
}

/// include/uapi/linux/fanotify.h: FAN_ALLOW is 1, FAN_DENY 2.
fn fanotify(body: &[u8]) -> Option<Ruling> {
    match Fields::find(body, b"resp")?.number::<u32>()? & 3 {
        1 => Some(Ruling::Allowed),
        2 => Some(Ruling::Denied),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rulings_are_those_of_the_records() {
        for (number, body, want) in [
            (
                1400,
                "avc:  denied  { read } for  pid=1 comm=\"x\" tclass=file permissive=0",
                Some((Decider::Selinux, Ruling::Denied)),
            ),
            (
                1400,
                "avc:  denied  { read } for  pid=1 comm=\"x\" tclass=file permissive=1",
                Some((Decider::Selinux, Ruling::Logged)),
            ),
            (
                1400,
                "avc:  granted  { load } for  pid=1",
                Some((Decider::Selinux, Ruling::Allowed)),
            ),
            (
                1400,
                "apparmor=\"DENIED\" operation=\"open\" profile=\"x\"",
                Some((Decider::AppArmor, Ruling::Denied)),
            ),
            (
                1400,
                "apparmor=\"ALLOWED\" operation=\"open\"",
                Some((Decider::AppArmor, Ruling::Logged)),
            ),
            (1400, "apparmor=\"STATUS\" operation=\"profile_load\"", None),
            (
                1326,
                "auid=1 sig=31 syscall=2 code=0x0",
                Some((Decider::Seccomp, Ruling::Denied)),
            ),
            (
                1326,
                "auid=1 sig=0 syscall=2 code=0x7ffc0000",
                Some((Decider::Seccomp, Ruling::Logged)),
            ),
            (
                1326,
                "auid=1 sig=0 syscall=2 code=0x50001",
                Some((Decider::Seccomp, Ruling::Denied)),
            ),
            (1331, "resp=2", Some((Decider::Fanotify, Ruling::Denied))),
            (
                1702,
                "op=follow_link ppid=1",
                Some((Decider::Links, Ruling::Denied)),
            ),
            (1300, "apparmor=\"DENIED\"", None),
        ] {
            let told = of(number, body.as_bytes()).map(|d| (d.by, d.ruling));
            assert_eq!(told, want, "{body}");
        }
    }
}
