//! process_activity (1007), Launch.

use crate::model::{Hit, Process};

use super::super::common::is_lossy;
use super::super::json::{Object, base64, string};
use super::common;

const HEAD: &str = concat!(
    r#""activity_id":1,"activity_name":"Launch","category_uid":1,"category_name":"System Activity","#,
    r#""class_uid":1007,"class_name":"Process Activity","type_uid":100701,"#,
    r#""type_name":"Process Activity: Launch","severity_id":1,"severity":"Informational","#,
    r#""status_id":1,"status":"Success","launch_type_id":3,"launch_type":"Exec""#
);

pub fn write(out: &mut Vec<u8>, process: &Process<'_>, hits: &[Hit]) {
    let mut o = Object::begin(out);
    o.raw(HEAD);
    o.number("time", process.stamp.time.0);
    if let Some(exit) = process.exit {
        o.number_as_text("status_code", exit);
    }
    common::metadata(&mut o, process.uid, process.stamp, |m| {
        common::labels(m, process.keys, process.labels);
    });
    common::device(&mut o, process.host);
    write_actor(&mut o, process);
    o.object("process", |p| write_process(p, process));
    common::sightings(&mut o, hits, &[]);
    o.object("unmapped", |u| write_unmapped(u, process));
    o.end();
}

fn write_actor(o: &mut Object<'_>, process: &Process<'_>) {
    o.object("actor", |a| {
        let login = &process.login_user;
        common::user(a, "user", login);
        if let Some(ppid) = process.ppid {
            a.object("process", |p| {
                p.number("pid", ppid);
            });
        } else if login.id.is_none() && login.name.is_none() {
            a.text("app_name", process.comm.unwrap_or(b"unknown"));
        }
    });
}

fn write_process(p: &mut Object<'_>, process: &Process<'_>) {
    match process.pid {
        Some(pid) => p.number("pid", pid),
        // The record that has the pid was lost; the schema wants one of pid and uid.
        None => p.display("uid", process.uid),
    };
    if let Some(exe) = process.exe {
        let name = common::file_name(exe);
        p.text("name", name);
        p.text("path", exe);
        p.object("file", |f| {
            f.text("name", name).text("path", exe);
            f.raw(r#""type_id":1,"type":"Regular File""#);
        });
    } else {
        p.text_if("name", process.comm);
    }
    if !process.argv.is_empty() {
        p.joined("cmd_line", b" ", process.argv);
    }
    p.text_if("working_directory", process.cwd);
    common::user(p, "user", &process.user);
    p.number_if("euid", process.effective_user.id);
    p.number_if("egid", process.effective_group.id);
    p.number_if("auid", process.login_user.id);
    common::user(p, "group", &process.group);
    common::session(p, process.session, process.tty);
    if let Some(ppid) = process.ppid {
        p.object("parent_process", |parent| {
            parent.number("pid", ppid);
        });
    }
}

fn write_unmapped(u: &mut Object<'_>, process: &Process<'_>) {
    u.array("argv", process.argv, |out, arg| string(out, arg));
    if process.argv.iter().any(|arg| is_lossy(arg)) {
        u.array("argv_b64", process.argv, |out, arg| base64(out, arg));
    }
    u.text_if("comm", process.comm);
    if process.effective_user.name != process.user.name {
        u.text_if("effective_user_name", process.effective_user.name);
    }
    common::completeness(u, &process.completeness);
}
