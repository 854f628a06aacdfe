//! process_activity (1007) that is no program start, and memory_activity (1004).

use crate::model::activity::{
    MemoryAction, MemoryActivity, ProcessAction, ProcessActivity, Target,
};
use crate::model::audit::AuditEvent;
use crate::model::session::Origin;

use super::super::json::Object;
use super::common;

macro_rules! head {
    ($id:tt $type:literal $name:literal) => {
        common::head!([1 "System Activity" 1007 "Process Activity"] $id $type $name)
    };
}

/// Signals that a process is ended with: SIGINT, SIGQUIT, SIGABRT, SIGKILL, SIGTERM. What others do is
/// the program's own to say.
const ENDING: [u32; 5] = [2, 3, 6, 9, 15];

pub fn head(activity: &ProcessActivity<'_>) -> &'static str {
    match activity.action {
        ProcessAction::Launch => head!(1 100701 "Launch"),
        ProcessAction::Exit => head!(2 100702 "Terminate"),
        ProcessAction::Signal if activity.signal.is_some_and(|s| ENDING.contains(&s)) => {
            head!(2 100702 "Terminate")
        }
        ProcessAction::Trace => head!(3 100703 "Open"),
        ProcessAction::Inject => head!(4 100704 "Inject"),
        ProcessAction::SetUser => head!(5 100705 "Set User ID"),
        ProcessAction::Signal => head!(99 100799 "Signal"),
        ProcessAction::SetGroup => head!(99 100799 "Set Group ID"),
        ProcessAction::Fork => head!(99 100799 "Fork"),
        ProcessAction::Schedule => head!(99 100799 "Schedule"),
        ProcessAction::Command => head!(99 100799 "Command"),
    }
}

pub fn members(o: &mut Object<'_>, event: &AuditEvent<'_>, activity: &ProcessActivity<'_>) {
    if activity.action == ProcessAction::Launch {
        o.raw(r#""launch_type_id":3,"launch_type":"Exec""#);
    }
    o.number_if("exit_code", activity.exit_code);
    o.object("process", |p| {
        let target = &activity.target;
        write_pid(p, event, target.pid);
        // A start that failed left the process as it was: what it is stands under actor.
        let is_self = target.pid == event.actor.pid && activity.action != ProcessAction::Launch;
        if is_self && activity.action != ProcessAction::Command {
            common::process_of(p, &event.actor);
        } else {
            write(p, target);
        }
    });
}

pub fn unmapped(u: &mut Object<'_>, activity: &ProcessActivity<'_>) {
    u.number_if("signal", activity.signal);
}

fn write(p: &mut Object<'_>, target: &Target<'_>) {
    match target.path {
        Some(path) => {
            p.text("name", common::file_name(path)).text("path", path);
        }
        None => {
            p.text_if("name", target.comm);
        }
    }
    p.text_if("cmd_line", target.command);
    p.text_if("working_directory", target.cwd);
    common::user(p, "user", &target.user);
    common::session(p, target.session, None, Origin::None);
}

/// The schema wants one of pid and uid; the record that has the pid may be lost.
fn write_pid(p: &mut Object<'_>, event: &AuditEvent<'_>, pid: Option<u32>) {
    match pid {
        Some(pid) => p.number("pid", pid),
        None => p.display("uid", event.uid),
    };
}

macro_rules! memory_head {
    ($id:tt $type:literal $name:literal) => {
        common::head!([1 "System Activity" 1004 "Memory Activity"] $id $type $name)
    };
}

pub fn memory_head(action: MemoryAction) -> &'static str {
    match action {
        MemoryAction::Allocate => memory_head!(1 100401 "Allocate Page"),
        MemoryAction::Protect => memory_head!(2 100402 "Modify Page"),
        MemoryAction::Release => memory_head!(3 100403 "Delete Page"),
    }
}

pub fn memory(o: &mut Object<'_>, event: &AuditEvent<'_>, activity: &MemoryActivity) {
    o.number_if("requested_permissions", activity.protection);
    o.number_if("size", activity.size);
    o.object("process", |p| {
        write_pid(p, event, event.actor.pid);
        common::process_of(p, &event.actor);
    });
}
