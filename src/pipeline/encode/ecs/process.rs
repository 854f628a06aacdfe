//! A program start: process, start.
//!
//! `process.name` is the last part of `exe`, not `comm`, which a program sets as it likes and the
//! kernel cuts at 15 bytes; that is in `auditd.data.comm`.

use crate::model::process::Account;
use crate::model::{Hit, Process};

use super::super::common::{file_name, is_lossy, origin};
use super::super::iso::Iso;
use super::super::json::{Object, base64, string};
use super::common;

const EVENT: &str = concat!(
    r#""kind":"event","category":["process"],"type":["start"],"action":"executed","#,
    r#""outcome":"success","module":"auditd","dataset":"auditd.log""#
);

pub fn write(out: &mut Vec<u8>, process: &Process<'_>, hits: &[Hit]) {
    let time = Iso::of(process.stamp.time);
    let mut o = Object::begin(out);
    common::head(&mut o, &time, process.host);
    o.object("event", |e| {
        e.raw(EVENT);
        e.uid("id", process.uid);
        e.number("sequence", process.stamp.serial);
    });
    o.object("process", |p| write_process(p, process));
    o.object("user", |u| write_user(u, process));
    let src_ip = process.origin.src_ip();
    if src_ip.is_some() {
        o.object("source", |s| common::address(s, src_ip, None));
        o.object("related", |r| common::related_ips(r, &[src_ip]));
    }
    common::tags(&mut o, process.keys, process.labels);
    common::sightings(&mut o, hits, &time);
    o.object("auditd", |a| write_auditd(a, process));
    o.object("trailhound", |t| {
        origin(t, process.origin);
        t.text_if("new_pattern", process.new_pattern);
        if let [_, more @ ..] = process.ancestors
            && !more.is_empty()
        {
            t.objects("ancestry", more, |a, ancestor| {
                a.number("pid", ancestor.pid);
                a.text_if("executable", ancestor.exe);
                a.text_if("command_line", ancestor.command);
            });
        }
        common::completeness(t, &process.completeness)
    });
    o.end();
}

fn write_process(p: &mut Object<'_>, process: &Process<'_>) {
    p.number_if("pid", process.pid);
    if let Some(ppid) = process.ppid {
        p.object("parent", |parent| {
            parent.number("pid", ppid);
            let Some(known) = process.ancestors.first() else {
                return;
            };
            if let Some(exe) = known.exe {
                parent.text("executable", exe);
                parent.text("name", file_name(exe));
            }
            parent.text_if("command_line", known.command);
            if let Some(started) = known.started {
                parent.time("start", &Iso::of(started));
            }
        });
    }
    if let Some(exe) = process.exe {
        p.text("executable", exe).text("name", file_name(exe));
    } else {
        p.text_if("name", process.comm);
    }
    if !process.argv.is_empty() {
        p.array("args", process.argv, |out, arg| string(out, arg));
        p.number("args_count", process.argv.len());
        p.joined("command_line", b" ", process.argv);
    }
    p.text_if("working_directory", process.cwd);
    common::who(p, "real_user", &process.user);
    common::who(p, "real_group", &process.group);
    common::who(p, "user", &process.effective_user);
    common::who(p, "group", &process.effective_group);
}

/// Who it runs as (effective), and who logged on.
fn write_user(u: &mut Object<'_>, process: &Process<'_>) {
    common::account(u, effective(process));
    common::who(u, "group", &process.effective_group);
    common::who(u, "effective", &process.effective_user);
    common::who(u, "audit", &process.login_user);
}

fn effective<'p>(process: &'p Process<'p>) -> &'p Account<'p> {
    if common::is_known(&process.effective_user) {
        &process.effective_user
    } else {
        &process.user
    }
}

fn write_auditd(a: &mut Object<'_>, process: &Process<'_>) {
    a.raw(r#""message_type":"syscall","result":"success""#);
    if let Some(session) = process.session {
        a.number_as_text("session", session);
    }
    if process.argv.iter().any(|arg| is_lossy(arg)) {
        a.array("argv_b64", process.argv, |out, arg| base64(out, arg));
    }
    a.object("data", |d| {
        d.text_if("comm", process.comm);
        d.text_if("tty", process.tty);
        if let Some(exit) = process.exit {
            d.number_as_text("exit", exit);
        }
    });
}
