//! A program start: ProcessEvent, ProcessCreated.
//!
//! The actor is who logged on (auid), or where nobody did, who the process ran as before; the target
//! user is the effective one. Where the record of a mandatory field was lost, a process id (which must
//! be a number) is `0`, a name `unknown`, the command line the program's name; `AdditionalFields.missing`
//! names the record.

use crate::model::process::Account;
use crate::model::{Hit, Process};

use super::super::common::{file_name, is_lossy, origin, write_stamp};
use super::super::iso::Iso;
use super::super::json::{Object, base64, string};
use super::common::{self, ACTOR, Head, TARGET};

const SCHEMA: &str = concat!(
    r#""EventSchema":"ProcessEvent","EventSchemaVersion":"0.1.4","EventVendor":"Linux","#,
    r#""EventProduct":"auditd","EventType":"ProcessCreated","EventCount":1,"#,
    r#""EventResult":"Success","EventSeverity":"Informational""#
);

pub fn write(out: &mut Vec<u8>, process: &Process<'_>, hits: &[Hit]) {
    let time = Iso::of(process.stamp.time);
    let mut o = Object::begin(out);
    let head = Head {
        schema: SCHEMA,
        uid: process.uid,
        start: &time,
        end: &time,
        generated: &time,
        host: process.host,
    };
    head.write(&mut o);
    head.device(&mut o);
    o.text_of("EventOriginalUid", |out| write_stamp(out, process.stamp));
    if let Some(exit) = process.exit {
        o.number_as_text("EventOriginalResultDetails", exit);
    }
    common::user_always(&mut o, &ACTOR, &process.login_user, &process.user);
    common::user_always(&mut o, &TARGET, effective(process), &process.user);
    if let Some(session) = process.session {
        o.number_as_text("TargetUserSessionId", session);
    }
    common::ip(&mut o, "SrcIpAddr", process.origin.src_ip());
    o.number_as_text("ActingProcessId", process.ppid.unwrap_or(0));
    if let Some(parent) = process.ancestors.first() {
        o.text_if("ActingProcessName", parent.exe);
        o.text_if("ActingProcessFilename", parent.exe.map(file_name));
        o.text_if("ActingProcessCommandLine", parent.command);
        if let Some(started) = parent.started {
            o.time("ActingProcessCreationTime", &Iso::of(started));
        }
    }
    if let Some(grandparent) = process.ancestors.get(1) {
        o.number_as_text("ParentProcessId", grandparent.pid);
        o.text_if("ParentProcessName", grandparent.exe);
        if let Some(started) = grandparent.started {
            o.time("ParentProcessCreationTime", &Iso::of(started));
        }
    }
    o.number_as_text("TargetProcessId", process.pid.unwrap_or(0));
    let name = process.exe.or(process.comm).unwrap_or(b"unknown");
    o.text("TargetProcessName", name);
    o.text_if("TargetProcessFilename", process.exe.map(file_name));
    let argv = match process.argv {
        [] => &[name],
        argv => argv,
    };
    o.joined("TargetProcessCommandLine", b" ", argv);
    o.text_if("TargetProcessCurrentDirectory", process.cwd);
    if !process.keys.is_empty() {
        o.joined("RuleName", b", ", process.keys);
    }
    common::threat(&mut o, hits, |_| Some("TargetProcessCommandLine"));
    o.object("AdditionalFields", |a| write_additional(a, process, hits));
    o.end();
}

fn effective<'p>(process: &'p Process<'p>) -> &'p Account<'p> {
    if process.effective_user.id.is_some() || process.effective_user.name.is_some() {
        &process.effective_user
    } else {
        &process.user
    }
}

fn write_additional(a: &mut Object<'_>, process: &Process<'_>, hits: &[Hit]) {
    a.array("argv", process.argv, |out, arg| string(out, arg));
    if process.argv.iter().any(|arg| is_lossy(arg)) {
        a.array("argv_b64", process.argv, |out, arg| base64(out, arg));
    }
    a.text_if("comm", process.comm);
    a.text_if("tty", process.tty);
    a.number_if("uid", process.user.id);
    a.number_if("euid", process.effective_user.id);
    a.number_if("gid", process.group.id);
    a.number_if("egid", process.effective_group.id);
    origin(a, process.origin);
    a.text_if("new_pattern", process.new_pattern);
    common::labels(a, process.labels);
    common::completeness(a, &process.completeness);
    common::indicators(a, hits);
}
