//! What an event that is no program start says of the process that it is about: that it lives, in which
//! program, whose child it is; that it forked, or ended.
//!
//! Place in the flow: beside [`super::normalise`], for the process tree alone. Any system call that is audited
//! tells the program of its caller. It refuses threads (`CLONE_THREAD`): they are no process of their own.

use bumpalo::Bump;

use crate::model::Timestamp;
use crate::model::audit::AuthKind;
use crate::model::process::{Did, Witness};

use super::event::Event;
use super::opened::Opened;
use super::record_types::RecordType;
use super::records;
use super::syscall::Syscall;
use super::tables::Arch;

/// include/uapi/linux/sched.h
const CLONE_THREAD: u64 = 0x1_0000;

/// The SYSCALL record of an event whose records nobody has opened.
pub fn read_call<'b>(event: &'b Event, bump: &'b Bump) -> Option<&'b Syscall<'b>> {
    let record = event.record(RecordType::SYSCALL)?;
    let call = bump.alloc(Syscall::default());
    call.read_fields(record.fields);
    Some(call)
}

/// What a system call says of its caller.
pub fn of_call<'b>(call: &Syscall<'b>, time: Timestamp, bump: &'b Bump) -> Option<Witness<'b>> {
    Some(Witness {
        pid: call.pid?,
        ppid: call.ppid,
        exe: call.exe.and_then(|raw| raw.decode_some(bump)),
        session: call.session,
        time,
        did: did(call),
    })
}

/// What a program that died of a signal says by it.
pub fn of_death<'b>(event: &'b Event, bump: &'b Bump) -> Option<Witness<'b>> {
    let record = Opened::read(event.record(RecordType::ANOM_ABEND)?, bump);
    let record = records::read_auth(AuthKind::Command, event.stamp, &record, bump);
    Some(Witness {
        pid: record.pid?,
        ppid: None,
        exe: record.exe,
        session: record.session,
        time: event.stamp.time,
        did: Did::Exited,
    })
}

fn did(call: &Syscall<'_>) -> Did {
    let name = call.number.and_then(|number| {
        let arch = Arch::read(call.arch?.text())?;
        arch.syscall(number)
    });
    match (name, call.exit) {
        (Some("fork" | "vfork" | "clone" | "clone3"), Some(child @ 1..)) => {
            let is_thread = name == Some("clone")
                && call.arguments()[0].is_some_and(|flags| flags & CLONE_THREAD != 0);
            match u32::try_from(child) {
                Ok(child) if call.success == Some(true) && !is_thread => Did::Forked(child),
                _ => Did::Nothing,
            }
        }
        (Some("exit_group"), _) => Did::Exited,
        _ => Did::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::audit::line;

    fn told(lines: &[&str]) -> Vec<Did> {
        let mut event = Event::default();
        for line in lines {
            event.push(&line::read(line.as_bytes()).unwrap());
        }
        let bump = Bump::new();
        let call = read_call(&event, &bump);
        let call = call.and_then(|call| of_call(call, event.stamp.time, &bump));
        let call = call.map(|witness| witness.did);
        call.into_iter()
            .chain(of_death(&event, &bump).map(|witness| witness.did))
            .collect()
    }

    #[test]
    fn forks_and_ends_are_seen_and_threads_are_not() {
        let call = |number: u32, exit: &str, a0: &str| {
            told(&[&format!(
                "type=SYSCALL msg=audit(1.000:1): arch=c000003e syscall={number} success=yes exit={exit} a0={a0} a1=0 a2=0 a3=0 items=0 ppid=7 pid=8 auid=0 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=(none) ses=1 comm=\"sh\" exe=\"/bin/sh\" key=(null)"
            )])
        };
        assert_eq!(call(56, "4711", "1200011"), [Did::Forked(4711)]);
        assert_eq!(call(56, "4711", "3d0f00"), [Did::Nothing], "a thread");
        assert_eq!(call(57, "4711", "0"), [Did::Forked(4711)]);
        assert_eq!(call(57, "0", "0"), [Did::Nothing], "the child's side");
        assert_eq!(call(231, "0", "1"), [Did::Exited]);
        assert_eq!(call(257, "3", "ffffff9c"), [Did::Nothing]);
    }

    #[test]
    fn a_program_that_died_is_gone() {
        let lines = [
            "type=ANOM_ABEND msg=audit(1.000:1): auid=1102 uid=1102 gid=1102 ses=36 pid=2667 comm=\"sh\" exe=\"/usr/bin/dash\" sig=11 res=1",
        ];
        assert_eq!(told(&lines), [Did::Exited]);
    }
}
