//! Every audit event that is no program start: the class that fits, and base_event (0) for the rest.
//!
//! What all classes share stands here; each class adds its own members. All records stand field by
//! field under `unmapped.records`, whatever the class: nothing that was in them is left out. Which
//! event goes to which class, and why, is docs/CLASSES.md.

use crate::model::activity::{Activity, Decision, Ruling};
use crate::model::audit::AuditEvent;

use super::super::common::{records, words};
use super::super::json::Object;
use super::{account, common, file, kernel, network, system, task};

const BASE: &str = concat!(
    r#""activity_id":0,"activity_name":"Unknown","category_uid":0,"category_name":"Uncategorized","#,
    r#""class_uid":0,"class_name":"Base Event","type_uid":0,"type_name":"Base Event: Unknown""#
);

pub fn write(out: &mut Vec<u8>, event: &AuditEvent<'_>) {
    let mut o = Object::begin(out);
    o.raw(head(event));
    o.raw(severity(event));
    write_status(&mut o, event);
    o.number("time", event.stamp.time.0);
    common::metadata(&mut o, event.uid, event.stamp, |m| {
        if let Some(profiles) = profiles(event) {
            m.raw(profiles);
        }
        m.text_if(
            "event_code",
            event.records.first().map(|record| record.kind),
        );
        common::labels(m, event.keys, event.labels);
    });
    common::device(&mut o, event.host);
    let required = is_of_system(&event.activity);
    common::actor(&mut o, &event.actor, event.origin, required);
    if let Some(decision) = &event.decision {
        write_decision(&mut o, decision);
    }
    write_members(&mut o, event);
    common::sightings(&mut o, &[], &[(common::SESSION_IP, event.origin.src_ip())]);
    o.object("unmapped", |u| {
        common::origin(u, event.origin);
        if let Some(call) = event.call {
            u.text_if("syscall", call.name.map(str::as_bytes));
        }
        write_unmapped(u, &event.activity);
        common::completeness(u, &event.completeness);
        words(u, event.words);
        records(u, "records", event.records);
    });
    o.end();
}

/// `type_uid` of the class and activity that an event goes to.
pub fn type_uid(event: &AuditEvent<'_>) -> u32 {
    const MARK: &str = r#""type_uid":"#;
    let head = head(event);
    let digits = head.split_once(MARK).map_or("", |(_, rest)| rest);
    let digits = digits.split(',').next().unwrap_or_default();
    digits.parse().unwrap_or_default()
}

fn head(event: &AuditEvent<'_>) -> &'static str {
    match &event.activity {
        Activity::File(activity) => file::head(activity.action),
        Activity::Network(activity) => network::head(event, activity.action),
        Activity::Process(activity) => task::head(activity),
        Activity::Memory(activity) => task::memory_head(activity.action),
        Activity::Account(change) => account::account_head(change.action),
        Activity::Group(change) => account::group_head(change.action),
        Activity::Module(activity) => kernel::module_head(activity.action),
        Activity::Kernel(activity) => kernel::head(activity.action),
        Activity::Application(activity) => system::application_head(activity.action),
        Activity::Job(_) => system::JOB,
        Activity::Configuration(_) => system::CONFIGURATION,
        Activity::Log(action) => system::log_head(*action),
        // The logon is told as kind logon; authentication (3002) here would be another one.
        Activity::Authentication(_) | Activity::Other => BASE,
    }
}

fn write_members(o: &mut Object<'_>, event: &AuditEvent<'_>) {
    match &event.activity {
        Activity::File(activity) => file::members(o, activity),
        Activity::Network(activity) => network::members(o, event, activity),
        Activity::Process(activity) => task::members(o, event, activity),
        Activity::Memory(activity) => task::memory(o, event, activity),
        Activity::Account(change) => account::account(o, change),
        Activity::Group(change) => account::group(o, change),
        Activity::Module(activity) => kernel::module(o, activity),
        Activity::Kernel(activity) => kernel::members(o, activity),
        Activity::Application(activity) => system::application(o, activity),
        Activity::Job(activity) => system::job(o, activity),
        Activity::Configuration(change) => system::configuration(o, change),
        Activity::Log(_) => system::log(o),
        Activity::Authentication(_) | Activity::Other => {}
    }
}

fn write_unmapped(u: &mut Object<'_>, activity: &Activity<'_>) {
    match activity {
        Activity::File(activity) => file::unmapped(u, activity),
        Activity::Process(activity) => task::unmapped(u, activity),
        Activity::Configuration(change) => system::configuration_unmapped(u, change),
        _ => {}
    }
}

/// Classes of the system that want an actor; device is theirs too, without the profile of hosts.
fn is_of_system(activity: &Activity<'_>) -> bool {
    matches!(
        activity,
        Activity::File(_)
            | Activity::Process(_)
            | Activity::Memory(_)
            | Activity::Module(_)
            | Activity::Kernel(_)
    )
}

fn profiles(event: &AuditEvent<'_>) -> Option<&'static str> {
    match (is_of_system(&event.activity), event.decision.is_some()) {
        (true, false) => None,
        (true, true) => Some(r#""profiles":["security_control"]"#),
        (false, false) => Some(r#""profiles":["host"]"#),
        (false, true) => Some(r#""profiles":["host","security_control"]"#),
    }
}

/// What the records themselves call unusual: an anomaly or a protection that goes off more than a denial.
fn severity(event: &AuditEvent<'_>) -> &'static str {
    let weakened = matches!(&event.activity, Activity::Configuration(c) if c.weakened.is_some());
    match event.decision.map(|decision| decision.ruling) {
        _ if event.anomaly || weakened => r#""severity_id":3,"severity":"Medium""#,
        Some(Ruling::Denied | Ruling::Logged) => r#""severity_id":2,"severity":"Low""#,
        _ => r#""severity_id":1,"severity":"Informational""#,
    }
}

fn write_status(o: &mut Object<'_>, event: &AuditEvent<'_>) {
    o.raw(match event.success {
        Some(true) => r#""status_id":1,"status":"Success""#,
        Some(false) => r#""status_id":2,"status":"Failure""#,
        None => r#""status_id":0,"status":"Unknown""#,
    });
    if let Some(error) = event.call.and_then(|call| call.error) {
        o.plain("status_code", error);
    }
}

fn write_decision(o: &mut Object<'_>, decision: &Decision) {
    o.raw(match decision.ruling {
        Ruling::Allowed => {
            r#""action_id":1,"action":"Allowed","disposition_id":1,"disposition":"Allowed""#
        }
        Ruling::Denied => {
            r#""action_id":2,"action":"Denied","disposition_id":2,"disposition":"Blocked""#
        }
        Ruling::Logged => {
            r#""action_id":3,"action":"Observed","disposition_id":17,"disposition":"Logged""#
        }
    });
    o.object("policy", |p| {
        p.plain("name", decision.by.as_str());
    });
}
