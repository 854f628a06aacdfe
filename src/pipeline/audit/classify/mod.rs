//! The records of a finished event → what it was about, who did it, and how it ended.
//!
//! Place in the flow: [`super::normalise`] asks it for every event that is no program start.
//!
//! - [`lone`]: record types that say by themselves what happened
//! - [`calls`]: system calls, by [`verbs`], with their [`paths`]
//! - [`decision`]: what a security module or seccomp decided
//! - [`message`]: the fields of a record that is no part of a system call; [`words`]: what is no field
//!
//! A record that says by its type what happened goes before the system call that it came with: LOGIN
//! is no write, NETFILTER_CFG no setsockopt. A decision (AVC, SECCOMP) goes beside the call that it is
//! about. It knows no schema and gives no severity; records that nothing is known of are
//! [`Activity::Other`], whole as they are.

mod calls;
mod decision;
mod lone;
mod message;
mod paths;
mod verbs;
pub mod words;

use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;

use crate::model::activity::{
    Activity, Actor, Call, Decision, FileAction, FileActivity, KernelAction, KernelActivity,
    NetworkAction,
};

use super::opened::Opened;
use super::record_types::RecordType;
use super::records as values;
use super::syscall::Syscall;
use super::tables::Arch;
use calls::Behind;
use message::Message;
use paths::Paths;
use verbs::{Known, Verb};

const SYSCALL: u16 = 1300;
const SECCOMP: u16 = 1326;
const URINGOP: u16 = 1336;
const ANOM_LINK: u16 = 1702;
const ANOM_CREAT: u16 = 1703;

/// What is known of an event beside its records.
pub struct Facts<'b> {
    pub record_type: u16,
    pub activity: Activity<'b>,
    pub actor: Actor<'b>,
    pub call: Option<Call>,
    pub decision: Option<Decision>,
    pub anomaly: bool,
    pub keys: &'b [&'b [u8]],
    pub words: &'b [(&'b [u8], &'b [u8])],
    /// A connection that had not failed when the call returned.
    pub in_progress: bool,
}

/// The records that matter, found in one pass over their types.
struct Found<'b> {
    first: Option<(u16, &'b Opened<'b>)>,
    subject: Option<(u16, lone::Subject, &'b Opened<'b>)>,
    call: Option<&'b Syscall<'b>>,
    decision: Option<(u16, Decision, &'b Opened<'b>)>,
    words: BumpVec<'b, (&'b [u8], &'b [u8])>,
    anomaly: bool,
}

impl<'b> Found<'b> {
    fn search(records: &'b [Opened<'b>], bump: &'b Bump) -> Found<'b> {
        let mut found = Found {
            first: None,
            subject: None,
            call: None,
            decision: None,
            words: BumpVec::new_in(bump),
            anomaly: false,
        };
        for record in records {
            // Nearly all records are one of these and say nothing by themselves.
            if matches!(
                record.kind,
                RecordType::PATH | RecordType::PROCTITLE | RecordType::CWD
            ) {
                continue;
            }
            let number = record.kind.number().unwrap_or(0);
            if found.first.is_none() {
                found.first = Some((number, record));
            }
            match number {
                SYSCALL => found.call = found.call.or(record.call),
                URINGOP if found.call.is_none() => {
                    found.call = Some(bump.alloc(Syscall::read(record.body)));
                }
                URINGOP => {}
                // The other parts of a system call.
                1302..=1304 | 1306..=1323 | 1327 | 1337 => {}
                _ => found.take(number, record, bump),
            }
        }
        found
    }

    fn take(&mut self, number: u16, record: &'b Opened<'b>, bump: &'b Bump) {
        self.anomaly |= matches!(number, 1700..1800 | 2100..2200);
        if self.subject.is_none() {
            self.subject = lone::subject(number).map(|subject| (number, subject, record));
        }
        if self.decision.is_none() {
            self.decision = decision::of(number, record.body).map(|told| (number, told, record));
        }
        if record.has_words {
            let words = words::of(record.body, bump);
            self.words.extend(words.map(|words| (record.name, words)));
        }
    }
}

/// `records`: those of the event, but for EOE.
pub fn facts<'b>(records: &'b [Opened<'b>], bump: &'b Bump) -> Facts<'b> {
    let found = Found::search(records, bump);
    let syscall = found.call;
    let known = syscall.and_then(known);
    let call = syscall.map(|syscall| call(syscall, known));
    // Of a record that says by itself what happened; else of whatever stands alone.
    let own = match (&found.subject, &found.decision) {
        (Some((_, _, record)), _) | (None, Some((_, _, record))) => Some(*record),
        (None, None) if syscall.is_none() => found.first.map(|(_, record)| record),
        (None, None) => None,
    };
    let message = own.map(Message::read);

    let (record_type, activity) = match (found.subject, syscall, found.decision, &message) {
        (Some((number, subject, _)), _, _, Some(message)) => {
            (number, lone::activity(subject, message, bump))
        }
        (_, Some(call), ..) => (SYSCALL, of_call(records, call, known, bump)),
        (_, _, Some((number @ (ANOM_LINK | ANOM_CREAT), ..)), _) => {
            (number, suspicious(records, bump))
        }
        (_, _, Some((number, ..)), Some(message)) => (number, of_decision(number, message)),
        _ => (found.first.map_or(0, |(number, _)| number), Activity::Other),
    };
    let actor = match (syscall, &message) {
        (Some(call), _) => actor(call, bump),
        (None, Some(message)) => message.actor(bump),
        (None, None) => Actor::default(),
    };
    let keys = match (syscall, &message) {
        (Some(call), _) => call.keys(bump),
        (None, Some(message)) => values::keys(message.key, bump),
        (None, None) => &[],
    };
    Facts {
        record_type,
        in_progress: is_in_progress(&activity, call.as_ref()),
        activity,
        actor,
        call,
        decision: found.decision.map(|(_, decision, _)| decision),
        anomaly: found.anomaly,
        keys,
        words: found.words.into_bump_slice(),
    }
}

/// A non-blocking connect returns before the connection is made (connect(2)): no failure.
fn is_in_progress(activity: &Activity<'_>, call: Option<&Call>) -> bool {
    matches!(activity, Activity::Network(network) if network.action == NetworkAction::Connect)
        && call.is_some_and(|call| call.error == Some("EINPROGRESS"))
}

/// The system call that a SYSCALL record names, by number; else by a name in it.
fn known(call: &Syscall<'_>) -> Option<Known> {
    if call.is_uring {
        return verbs::of_uring(call.number?);
    }
    let by_number = match (arch(call), call.number) {
        (Some(arch), Some(number)) => verbs::by_number(arch, number),
        _ => None,
    };
    let known = by_number.or_else(|| verbs::by_name(std::str::from_utf8(call.call_name?).ok()?))?;
    match known.verb {
        Verb::SocketCall => verbs::behind_socketcall(call.arguments()[0]?).or(Some(known)),
        _ => Some(known),
    }
}

fn arch(call: &Syscall<'_>) -> Option<Arch> {
    let text = call.arch?.text();
    // What nearly every record has.
    if text == b"c000003e" {
        return Some(Arch::X86_64);
    }
    Arch::read(text)
}

fn call(call: &Syscall<'_>, known: Option<Known>) -> Call {
    let arch = arch(call);
    let error = match call.exit {
        // Errors are -1 to -4095 (include/linux/err.h, MAX_ERRNO).
        Some(exit @ -4095..=-1) if call.success != Some(true) => {
            let number = exit.unsigned_abs() as u32;
            arch.unwrap_or(Arch::X86_64).errno(number)
        }
        _ => None,
    };
    Call {
        arch: arch.map(Arch::name),
        number: call.number,
        name: known.map(|known| known.name),
        exit: call.exit,
        error,
        arguments: call.arguments(),
    }
}

fn actor<'b>(call: &Syscall<'b>, bump: &'b Bump) -> Actor<'b> {
    Actor {
        pid: call.pid,
        ppid: call.ppid,
        exe: call.exe.and_then(|raw| raw.decode_some(bump)),
        comm: call.comm.and_then(|raw| raw.decode_some(bump)),
        user: call.user,
        effective_user: call.effective_user,
        group: call.group,
        effective_group: call.effective_group,
        login_user: call.login_user,
        session: call.session,
        tty: call.tty,
    }
}

fn of_call<'b>(
    records: &'b [Opened<'b>],
    call: &'b Syscall<'b>,
    known: Option<Known>,
    bump: &'b Bump,
) -> Activity<'b> {
    match known {
        Some(known) => Behind {
            records,
            call,
            known,
            bump,
        }
        .activity(),
        None => Activity::Kernel(KernelActivity {
            action: KernelAction::Invoke,
            name: call.call_name.unwrap_or(b"unknown"),
            is_call: true,
        }),
    }
}

/// A decision that no SYSCALL record came with: seccomp names the call, an AVC the class of the object.
fn of_decision<'b>(number: u16, message: &Message<'b>) -> Activity<'b> {
    let name = match (number, message.class) {
        (SECCOMP, _) => seccomp_call(message),
        (_, Some(class)) => Some(class),
        _ => None,
    };
    match name {
        Some(name) => Activity::Kernel(KernelActivity {
            action: KernelAction::Invoke,
            name,
            is_call: number == SECCOMP,
        }),
        None => Activity::Other,
    }
}

/// A link or a creation that the kernel refused to follow, without the call that it was for.
fn suspicious<'b>(records: &'b [Opened<'b>], bump: &'b Bump) -> Activity<'b> {
    let action = FileAction::Suspicious;
    let (file, _) = paths::files(&Paths::read(records), action, None, true, bump);
    Activity::File(FileActivity {
        action,
        file,
        other: None,
        open_flags: None,
    })
}

fn seccomp_call<'b>(message: &Message<'b>) -> Option<&'b [u8]> {
    let arch = Arch::read(message.arch?.text())?;
    let name = arch.syscall(message.call?.id()?)?;
    Some(name.as_bytes())
}

#[cfg(test)]
mod tests;
