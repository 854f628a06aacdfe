//! Says of an event with hits what the alert needs to know: what happened, to whom, from where.

use std::net::IpAddr;

use crate::model::alert::Behaviour;
use crate::model::audit::AuditEvent;
use crate::model::flow::Verdict;
use crate::model::{Alert, Flow, Hit, Logon, Process};
use crate::pipeline::detect::indicators::{self, Sighted};
use crate::pipeline::detect::sigma;
use crate::pipeline::encode::ocsf;
use crate::pipeline::state::logons::shown;

/// A program start, of which `what` is to be told.
fn start<'p>(process: &'p Process<'_>, what: &'p str) -> Sighted<'p> {
    Sighted {
        uid: process.uid,
        type_uid: ocsf::TYPE_LAUNCH,
        host: process.host,
        time: process.stamp.time,
        user: process.login_user.name.or(process.user.name),
        src_ip: process.origin.src_ip(),
        what,
        succeeded: true,
    }
}

pub fn of_process(process: &Process<'_>, hits: Vec<Hit>) -> Alert {
    let program = process.exe.or(process.comm).map(String::from_utf8_lossy);
    let program = program.as_deref().unwrap_or("a program");
    let what = format!("the command line of {program}");
    indicators::alert(&start(process, &what), hits)
}

/// A rule that a program start matches.
pub fn of_behaviour(process: &Process<'_>, behaviour: Behaviour) -> Alert {
    let command = process.command_line();
    let command = String::from_utf8_lossy(&command);
    sigma::alert(&start(process, &command), behaviour)
}

/// A rule that another audit event matches.
pub fn of_behaviour_of(event: &AuditEvent<'_>, behaviour: Behaviour) -> Alert {
    let program = event.actor.exe.or(event.actor.comm);
    let program = String::from_utf8_lossy(program.unwrap_or(b"a program")).into_owned();
    let what = match event.call.and_then(|call| call.name) {
        Some(call) => format!("{program}, {call}"),
        None => program,
    };
    let event = Sighted {
        uid: event.uid,
        type_uid: ocsf::audit::type_uid(event),
        host: event.host,
        time: event.stamp.time,
        user: event.actor.login_user.name.or(event.actor.user.name),
        src_ip: event.origin.src_ip(),
        what: &what,
        succeeded: event.success != Some(false),
    };
    sigma::alert(&event, behaviour)
}

pub fn of_logon(logon: &Logon, hits: Vec<Hit>) -> Alert {
    let from = logon.src_ip.map(|ip| format!(" from {ip}"));
    let a = if logon.success { "a" } else { "a failed" };
    let event = Sighted {
        uid: logon.uid,
        type_uid: ocsf::logon::type_uid(logon.activity),
        host: &logon.host,
        time: logon.stamp.time,
        user: logon.user.name.as_deref(),
        src_ip: logon.src_ip,
        what: &format!(
            "{a} logon of {}{}",
            shown(&logon.user),
            from.unwrap_or_default()
        ),
        succeeded: logon.success,
    };
    indicators::alert(&event, hits)
}

pub fn of_flow(flow: &Flow, hits: Vec<Hit>) -> Alert {
    let end = |ip: Option<IpAddr>| ip.map_or("an unknown address".into(), |ip| ip.to_string());
    let event = Sighted {
        uid: flow.uid,
        type_uid: ocsf::flow::type_uid(flow.activity),
        host: &flow.host,
        time: flow.start,
        user: None,
        src_ip: flow.src.ip,
        what: &format!("a flow from {} to {}", end(flow.src.ip), end(flow.dst.ip)),
        succeeded: flow.verdict != Some(Verdict::Denied),
    };
    indicators::alert(&event, hits)
}
