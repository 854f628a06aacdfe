//! A logon, a logoff, an account switch: Authentication, and its Logon, Logoff, Elevate.

use crate::model::logon::{LogonActivity, Method, Principal};
use crate::model::process::Account;
use crate::model::{Hit, Logon};

use super::super::common::write_stamp;
use super::super::iso::Iso;
use super::super::json::Object;
use super::common::{self, ACTOR, Head, TARGET};

macro_rules! schema {
    ($vendor:literal, $product:literal) => {
        concat!(
            r#""EventSchema":"Authentication","EventSchemaVersion":"0.1.4","EventVendor":""#,
            $vendor,
            r#"","EventProduct":""#,
            $product,
            r#"","EventCount":1"#
        )
    };
}

/// Vendor and product by the program that logs on, as far as ASIM's list of them has it.
fn schema(service: &str) -> &'static str {
    match service {
        "sshd" => schema!("OpenBSD", "OpenSSH"),
        "su" => schema!("Linux", "su"),
        "sudo" => schema!("Linux", "sudo"),
        _ => schema!("Linux", "auditd"),
    }
}

pub fn write(out: &mut Vec<u8>, logon: &Logon, hits: &[Hit]) {
    let time = Iso::of(logon.stamp.time);
    let mut o = Object::begin(out);
    let head = Head {
        schema: schema(&logon.service),
        uid: logon.uid,
        start: &Iso::of(logon.started),
        end: &time,
        generated: &time,
        host: &logon.host,
    };
    head.write(&mut o);
    head.device(&mut o);
    o.text_of("EventOriginalUid", |out| write_stamp(out, logon.stamp));
    o.raw(match logon.activity {
        LogonActivity::Logon => r#""EventType":"Logon""#,
        LogonActivity::Logoff => r#""EventType":"Logoff""#,
        LogonActivity::Switch => r#""EventType":"Elevate""#,
    });
    o.raw(match (logon.success, failure(logon)) {
        (true, _) => r#""EventResult":"Success","EventSeverity":"Informational""#,
        (false, details) => details,
    });
    if let Some(kind) = sign_in_type(logon) {
        o.plain("EventSubType", kind);
    }
    write_who(&mut o, logon);
    write_where(&mut o, logon);
    common::threat(&mut o, hits, threat_field);
    common::threat_address(&mut o, hits, threat_field);
    o.object("AdditionalFields", |a| write_additional(a, logon, hits));
    o.end();
}

/// The reasons are a closed list.
fn failure(logon: &Logon) -> &'static str {
    match logon.method {
        _ if logon.unknown_user => {
            r#""EventResult":"Failure","EventSeverity":"Low","EventResultDetails":"No such user""#
        }
        Some(Method::Password) => {
            r#""EventResult":"Failure","EventSeverity":"Low","EventResultDetails":"Incorrect password""#
        }
        Some(Method::PublicKey) => {
            r#""EventResult":"Failure","EventSeverity":"Low","EventResultDetails":"Incorrect key""#
        }
        None => r#""EventResult":"Failure","EventSeverity":"Low","EventResultDetails":"Other""#,
    }
}

/// By the service: what asked says how it was logged on. A switch happens inside a logon.
fn sign_in_type(logon: &Logon) -> Option<&'static str> {
    if logon.activity == LogonActivity::Switch {
        return None;
    }
    match &*logon.service {
        "sshd" => Some("RemoteInteractive"),
        "cron" | "crond" | "atd" | "anacron" | "systemd" | "systemd-executor" => Some("Service"),
        "login" | "gdm-session-worker" | "lightdm" | "sddm-helper" => Some("Interactive"),
        _ if logon.src_ip.is_some() => Some("Remote"),
        _ => None,
    }
}

fn threat_field(ocsf: &str) -> Option<&'static str> {
    (ocsf == "src_endpoint.ip").then_some("SrcIpAddr")
}

fn account(who: &Principal) -> Account<'_> {
    Account {
        id: who.id,
        name: who.name.as_deref(),
    }
}

fn write_who(o: &mut Object<'_>, logon: &Logon) {
    common::user(o, &TARGET, &account(&logon.user));
    if let Some(actor) = &logon.actor {
        common::user(o, &ACTOR, &account(actor));
    }
    if let Some(session) = logon.session {
        o.number_as_text("TargetSessionId", session);
    }
    match logon.method {
        Some(Method::Password) => {
            o.raw(r#""LogonMethod":"Username & Password""#);
        }
        Some(Method::PublicKey) => {
            o.raw(r#""LogonMethod":"PKI""#);
        }
        None => {}
    }
}

fn write_where(o: &mut Object<'_>, logon: &Logon) {
    common::ip(o, "SrcIpAddr", logon.src_ip);
    o.text_if("SrcHostname", logon.src_host.as_deref().map(str::as_bytes));
    if !logon.host.is_empty() {
        o.text("TargetHostname", logon.host.as_bytes());
    }
    if !logon.service.is_empty() {
        o.text("TargetAppName", logon.service.as_bytes());
        o.raw(r#""TargetAppType":"Service""#);
    }
    if logon.exe.is_some() {
        o.text_if("ActingAppName", logon.exe.as_deref());
        o.raw(r#""ActingAppType":"Process""#);
    }
    if let Some(pid) = logon.pid {
        o.number_as_text("ActingAppId", pid);
    }
}

fn write_additional(a: &mut Object<'_>, logon: &Logon, hits: &[Hit]) {
    a.array("records", &logon.records, |out, stamp| {
        out.push(b'"');
        write_stamp(out, *stamp);
        out.push(b'"');
    });
    a.text_if("terminal", logon.terminal.as_deref());
    a.text_if("command", logon.command.as_deref());
    a.number_if("duration_ms", logon.duration_ms);
    if let Some(of) = logon.logon_uid {
        a.uid("logon_uid", of);
    }
    common::labels(a, &logon.labels);
    common::indicators(a, hits);
}
