//! authentication (3002): Logon, Logoff, Account Switch.

use crate::model::logon::{LogonActivity, Method, Principal};
use crate::model::process::Account;
use crate::model::session::Origin;
use crate::model::{Hit, Logon};

use super::super::json::Object;
use super::common;

/// `type_uid` of a logon event.
pub fn type_uid(activity: LogonActivity) -> u32 {
    match activity {
        LogonActivity::Logon => 300_201,
        LogonActivity::Logoff => 300_202,
        LogonActivity::Switch => 300_207,
    }
}

pub fn write(out: &mut Vec<u8>, logon: &Logon, hits: &[Hit]) {
    let mut o = Object::begin(out);
    o.raw(match logon.activity {
        LogonActivity::Logon => {
            r#""activity_id":1,"activity_name":"Logon","type_uid":300201,"type_name":"Authentication: Logon""#
        }
        LogonActivity::Logoff => {
            r#""activity_id":2,"activity_name":"Logoff","type_uid":300202,"type_name":"Authentication: Logoff""#
        }
        LogonActivity::Switch => {
            r#""activity_id":7,"activity_name":"Account Switch","type_uid":300207,"type_name":"Authentication: Account Switch","account_switch_type_id":1,"account_switch_type":"Substitute User""#
        }
    });
    o.raw(r#""category_uid":3,"category_name":"Identity & Access Management","class_uid":3002,"class_name":"Authentication","severity_id":1,"severity":"Informational""#);
    o.raw(if logon.success {
        r#""status_id":1,"status":"Success""#
    } else {
        r#""status_id":2,"status":"Failure""#
    });
    if logon.unknown_user {
        o.raw(r#""status_detail":"The account does not exist on the host""#);
    }
    o.number("time", logon.stamp.time.0);
    o.number("start_time", logon.started.0);
    if let Some(duration) = logon.duration_ms {
        o.number("duration", duration)
            .number("end_time", logon.stamp.time.0);
    }
    common::metadata(&mut o, logon.uid, logon.stamp, |m| {
        m.raw(r#""profiles":["host"]"#);
        if let Some(of) = logon.logon_uid {
            m.display("correlation_uid", of);
        }
        common::labels(m, &[], &logon.labels);
    });
    common::device(&mut o, &logon.host);
    write_who(&mut o, logon);
    write_where(&mut o, logon);
    common::sightings(&mut o, hits, &[("src_endpoint.ip", logon.src_ip)]);
    o.object("unmapped", |u| write_unmapped(u, logon));
    o.end();
}

fn account(who: &Principal) -> Account<'_> {
    Account {
        id: who.id,
        name: who.name.as_deref(),
    }
}

fn write_who(o: &mut Object<'_>, logon: &Logon) {
    let mut user = account(&logon.user);
    if user.id.is_none() && user.name.is_none() {
        // The schema requires a user; the records named none.
        user.name = Some(b"(unknown)");
    }
    common::user(o, "user", &user);
    if let Some(actor) = logon
        .actor
        .as_ref()
        .filter(|a| a.id.is_some() || a.name.is_some())
    {
        o.object("actor", |a| common::user(a, "user", &account(actor)));
    }
    o.object("service", |s| {
        let name = if logon.service.is_empty() {
            "unknown"
        } else {
            &logon.service
        };
        s.text("name", name.as_bytes());
    });
    if let Some(pid) = logon.pid {
        o.object("logon_process", |p| {
            p.number("pid", pid);
            p.text_if("path", logon.exe.as_deref());
        });
    }
    if logon.method == Some(Method::Password) {
        o.raw(r#""auth_factors":[{"factor_type_id":11,"factor_type":"Password"}]"#);
    }
}

fn write_where(o: &mut Object<'_>, logon: &Logon) {
    if logon.src_ip.is_some() || logon.src_host.is_some() {
        o.object("src_endpoint", |e| {
            if let Some(ip) = logon.src_ip {
                e.address("ip", ip);
            }
            e.text_if("hostname", logon.src_host.as_deref().map(str::as_bytes));
        });
    }
    if !logon.host.is_empty() {
        o.object("dst_endpoint", |e| {
            e.text("hostname", logon.host.as_bytes());
        });
    }
    if let Some(kind) = logon_type(logon) {
        o.raw(kind);
    }
    o.bool(
        "is_remote",
        logon.src_ip.is_some() || logon.src_host.is_some(),
    );
    common::session(o, logon.session, logon.terminal.as_deref(), Origin::None);
}

/// By the service: what asked says how it was logged on. A switch happens inside a logon.
fn logon_type(logon: &Logon) -> Option<&'static str> {
    if logon.activity == LogonActivity::Switch {
        return None;
    }
    match &*logon.service {
        "sshd" => Some(r#""logon_type_id":10,"logon_type":"Remote Interactive""#),
        "cron" | "crond" | "atd" | "anacron" => Some(r#""logon_type_id":4,"logon_type":"Batch""#),
        "login" | "gdm-session-worker" | "lightdm" | "sddm-helper" => {
            Some(r#""logon_type_id":2,"logon_type":"Interactive""#)
        }
        "systemd" | "systemd-executor" => Some(r#""logon_type_id":5,"logon_type":"OS Service""#),
        _ => None,
    }
}

fn write_unmapped(u: &mut Object<'_>, logon: &Logon) {
    u.array("records", &logon.records, |out, stamp| {
        out.push(b'"');
        common::write_stamp(out, *stamp);
        out.push(b'"');
    });
    if let Some(method) = logon.method {
        u.plain("method", method.as_str());
    }
    u.text_if("command", logon.command.as_deref());
    if let Some(of) = logon.logon_uid {
        u.display("logon_uid", of);
    }
}
