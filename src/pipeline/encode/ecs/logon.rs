//! A logon, a logoff, an account switch: authentication, and session where one began or ended.
//!
//! A switch has the switching user in `user`, the new one in `user.effective` and `user.target`.

use crate::model::logon::{LogonActivity, Principal};
use crate::model::process::Account;
use crate::model::{Hit, Logon};

use super::super::common::write_stamp;
use super::super::iso::Iso;
use super::super::json::Object;
use super::common;

pub fn write(out: &mut Vec<u8>, logon: &Logon, hits: &[Hit]) {
    let time = Iso::of(logon.stamp.time);
    let mut o = Object::begin(out);
    common::head(&mut o, &time, &logon.host);
    o.object("event", |e| write_event(e, logon, &time));
    o.object("user", |u| write_user(u, logon));
    if logon.src_ip.is_some() || logon.src_host.is_some() {
        o.object("source", |s| {
            common::address(s, logon.src_ip, logon.src_host.as_deref())
        });
    }
    write_process(&mut o, logon);
    write_related(&mut o, logon);
    common::tags(&mut o, &[], &logon.labels);
    common::sightings(&mut o, hits, &time);
    o.object("auditd", |a| write_auditd(a, logon));
    if logon.method.is_some() || logon.logon_uid.is_some() {
        o.object("trailhound", |t| {
            if let Some(method) = logon.method {
                t.plain("method", method.as_str());
            }
            if let Some(of) = logon.logon_uid {
                t.uid("logon_uid", of);
            }
        });
    }
    o.end();
}

/// What happened. A switch that failed left no USER_LOGIN, only USER_AUTH and its like: `info`.
fn told(logon: &Logon) -> &'static str {
    match (logon.activity, logon.success) {
        (LogonActivity::Logon, true) => {
            r#""category":["authentication","session"],"type":["start"],"action":"logged-in""#
        }
        (LogonActivity::Logon, false) => {
            r#""category":["authentication"],"type":["start"],"action":"logged-in""#
        }
        (LogonActivity::Logoff, _) => {
            r#""category":["authentication","session"],"type":["end"],"action":"logged-out""#
        }
        (LogonActivity::Switch, true) => {
            r#""category":["authentication"],"type":["start"],"action":"switched-user""#
        }
        (LogonActivity::Switch, false) => {
            r#""category":["authentication"],"type":["info"],"action":"switched-user""#
        }
    }
}

fn write_event(e: &mut Object<'_>, logon: &Logon, time: &Iso) {
    e.raw(r#""kind":"event","module":"auditd","dataset":"auditd.log""#);
    e.raw(told(logon));
    e.raw(if logon.success {
        r#""outcome":"success""#
    } else {
        r#""outcome":"failure""#
    });
    if logon.unknown_user {
        e.raw(r#""reason":"The account does not exist on the host""#);
    }
    e.uid("id", logon.uid);
    e.number("sequence", logon.stamp.serial);
    e.time("start", &Iso::of(logon.started));
    if let Some(millis) = logon.duration_ms {
        e.time("end", time);
        e.number("duration", millis.max(0).saturating_mul(1_000_000));
    }
}

fn account(who: &Principal) -> Account<'_> {
    Account {
        id: who.id,
        name: who.name.as_deref(),
    }
}

fn write_user(u: &mut Object<'_>, logon: &Logon) {
    let user = account(&logon.user);
    if logon.activity != LogonActivity::Switch {
        common::account(u, &user);
        return;
    }
    if let Some(actor) = &logon.actor {
        common::account(u, &account(actor));
    }
    common::who(u, "effective", &user);
    common::who(u, "target", &user);
}

/// The program that let them in, or did not.
fn write_process(o: &mut Object<'_>, logon: &Logon) {
    if logon.pid.is_some() || logon.exe.is_some() {
        o.object("process", |p| {
            p.number_if("pid", logon.pid);
            p.text_if("executable", logon.exe.as_deref());
            if !logon.service.is_empty() {
                p.text("name", logon.service.as_bytes());
            }
        });
    }
    if !logon.service.is_empty() {
        o.object("service", |s| {
            s.text("name", logon.service.as_bytes());
        });
    }
}

fn write_related(o: &mut Object<'_>, logon: &Logon) {
    let actor = logon.actor.as_ref().and_then(|actor| actor.name.as_deref());
    let users = [actor, logon.user.name.as_deref()];
    if logon.src_ip.is_none() && users.iter().all(Option::is_none) {
        return;
    }
    o.object("related", |r| {
        if logon.src_ip.is_some() {
            common::related_ips(r, &[logon.src_ip]);
        }
        if users.iter().any(Option::is_some) {
            common::related_users(r, &users);
        }
    });
}

fn write_auditd(a: &mut Object<'_>, logon: &Logon) {
    if let Some(session) = logon.session {
        a.number_as_text("session", session);
    }
    a.array("record_ids", &logon.records, |out, stamp| {
        out.push(b'"');
        write_stamp(out, *stamp);
        out.push(b'"');
    });
    if logon.terminal.is_some() || logon.command.is_some() {
        a.object("data", |d| {
            d.text_if("terminal", logon.terminal.as_deref());
            d.text_if("cmd", logon.command.as_deref());
        });
    }
}
