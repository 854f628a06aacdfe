//! A finished event → plain values: a [`Process`], or every record decoded.
//!
//! Place in the flow: after [`super::correlate`] let the event go, before state, intel and encoding.
//! It gives what the records say; names that they do not carry are filled in by the lane from earlier
//! records of the host.

use bumpalo::Bump;

use crate::model::audit::{AuditEvent, AuditRecord};
use crate::model::process::Cut;
use crate::model::session::Origin;
use crate::model::{EventUid, Process};

use super::auoms;
use super::classify;
use super::event::Event;
use super::execve;
use super::fields::Fields;
use super::opened::Opened;
use super::record_types::RecordType;
use super::syscall::Syscall;

/// The program start that this event is, where it is one: a SYSCALL that succeeded with an EXECVE, or
/// what is left of that after a loss.
pub fn process<'b>(
    event: &'b Event,
    cut: Option<Cut>,
    host: &'b str,
    bump: &'b Bump,
) -> Option<Process<'b>> {
    let mut completeness = event.completeness(cut);
    if event.body(RecordType::EXECVE).is_none() && !completeness.no_execve {
        return auoms::process(event, host, bump);
    }
    let mut call = Syscall::default();
    if let Some(record) = event.record(RecordType::SYSCALL) {
        call.read_fields(record.fields);
    }
    // The kernel writes EXECVE for a start that succeeded alone; without a SYSCALL it is the proof.
    if call.success == Some(false) {
        return None;
    }
    let arguments = execve::assemble(event.bodies(RecordType::EXECVE), bump);
    completeness.args_missing = arguments.missing;
    let cwd = event
        .body(RecordType::CWD)
        .and_then(|body| working_directory(body, bump));
    Some(Process {
        uid: EventUid::of("process", host, event.stamp),
        host,
        stamp: event.stamp,
        pid: call.pid,
        ppid: call.ppid,
        exe: call.exe.and_then(|raw| raw.decode_some(bump)),
        comm: call.comm.and_then(|raw| raw.decode_some(bump)),
        argv: arguments.list,
        joined: arguments.joined,
        cwd,
        user: call.user,
        effective_user: call.effective_user,
        group: call.group,
        effective_group: call.effective_group,
        login_user: call.login_user,
        session: call.session,
        origin: Origin::None,
        ancestors: &[],
        new_pattern: None,
        tty: call.tty,
        keys: call.keys(bump),
        labels: &[],
        exit: call.exit,
        completeness,
    })
}

/// Where a CWD record says that it was.
fn working_directory<'b>(body: &'b [u8], bump: &'b Bump) -> Option<&'b [u8]> {
    // All that the record holds, nearly always.
    if let Some(text) = body.strip_prefix(b"cwd=\"")
        && let Some(end) = memchr::memchr(b'"', text)
    {
        return Some(&text[..end]);
    }
    Fields::find(body, b"cwd").and_then(|raw| raw.decode_some(bump))
}

/// Every record of the event with every field decoded, and what it was about; `opened` are its records.
pub fn audit_event<'b>(
    event: &'b Event,
    opened: &'b [Opened<'b>],
    cut: Option<Cut>,
    host: &'b str,
    bump: &'b Bump,
) -> AuditEvent<'b> {
    let records = opened.iter().map(|record| AuditRecord {
        kind: record.name,
        row: record.row,
        fields: record.fields,
    });
    let success = opened.iter().find_map(|record| record.success);
    let facts = classify::facts(opened, bump);
    AuditEvent {
        uid: EventUid::of("audit", host, event.stamp),
        host,
        stamp: event.stamp,
        success: success.filter(|_| !facts.in_progress),
        record_type: facts.record_type,
        activity: facts.activity,
        actor: facts.actor,
        origin: Origin::None,
        call: facts.call,
        decision: facts.decision,
        anomaly: facts.anomaly,
        keys: facts.keys,
        words: facts.words,
        records: bump.alloc_slice_fill_iter(records),
        labels: &[],
        completeness: event.completeness(cut),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::audit::line;
    use crate::pipeline::audit::opened;

    fn event(lines: &[&str]) -> Event {
        let mut event = Event::default();
        for line in lines {
            let record = line::read(line.as_bytes()).unwrap();
            event.stamp = record.stamp;
            event.push(&record);
        }
        event
    }

    #[test]
    fn the_exe_of_a_memory_file_and_a_stale_title() {
        let event = event(&[
            "type=SYSCALL msg=audit(1.000:1): arch=c000003e syscall=322 success=yes exit=0 items=1 ppid=1 pid=2 auid=1101 uid=1101 ses=38 comm=\"memfd:kworker\" exe=2F6D656D66643A6B776F726B6572202864656C6574656429 key=\"exec\"",
            "type=EXECVE msg=audit(1.000:1): argc=1 a0=5B6B776F726B65722F303A315D20",
            "type=CWD msg=audit(1.000:1): cwd=2F746D702F6120622F",
            "type=PROCTITLE msg=audit(1.000:1): proctitle=\"python3\"",
        ]);
        let bump = Bump::new();
        let process = process(&event, None, "web01", &bump).unwrap();
        assert_eq!(process.exe, Some(b"/memfd:kworker (deleted)".as_slice()));
        assert_eq!(process.argv, [b"[kworker/0:1] ".as_slice()]);
        assert_eq!(process.cwd, Some(b"/tmp/a b/".as_slice()));
    }

    #[test]
    fn a_start_that_failed_is_no_process() {
        let event = event(&[
            "type=SYSCALL msg=audit(1.000:1): arch=c000003e syscall=59 success=no exit=-2 items=0 ppid=1 pid=2",
        ]);
        let bump = Bump::new();
        assert!(process(&event, None, "web01", &bump).is_none());
        let audit = audit_event(&event, opened::all(&event, &bump), None, "web01", &bump);
        assert_eq!(audit.success, Some(false));
    }

    #[test]
    fn a_start_that_lost_its_arguments_is_told_as_that() {
        let event = event(&[
            "type=SYSCALL msg=audit(1.000:1): arch=c000003e syscall=59 success=yes exit=0 items=2 ppid=1 pid=2",
        ]);
        let bump = Bump::new();
        let process = process(&event, Some(Cut::TimedOut), "web01", &bump).unwrap();
        assert!(process.argv.is_empty() && process.completeness.no_execve);
        assert_eq!(process.completeness.paths_missing, 2);
    }
}
