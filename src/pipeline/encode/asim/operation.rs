//! Everything else: AuditEvent, an operation on an object.

use crate::model::activity::{
    Activity, ApplicationAction, ApplicationKind, ConfigurationArea, KernelAction, LogAction,
    MemoryAction, ModuleAction, ProcessAction, Ruling,
};
use crate::model::audit::AuditEvent;

use super::super::json::Object;
use super::audit::{Frame, first_kind};

const SCHEMA: &str = concat!(
    r#""EventSchema":"AuditEvent","EventSchemaVersion":"0.1.2","EventVendor":"Linux","#,
    r#""EventProduct":"auditd","EventCount":1"#
);

pub fn write(o: &mut Object<'_>, event: &AuditEvent<'_>) {
    let frame = Frame {
        event,
        schema: SCHEMA,
        rule: "RuleName",
    };
    frame.open(o);
    o.plain("EventType", event_type(&event.activity));
    match event.call.and_then(|call| call.name) {
        Some(name) => o.plain("Operation", name),
        None => o.text("Operation", first_kind(event)),
    };
    frame.actor(o);
    frame.program(
        o,
        "ActingAppName",
        "ActingAppId",
        Some(r#""ActingAppType":"Process""#),
    );
    let (kind, object) = object(&event.activity);
    if let Some(object) = object.filter(|object| !object.is_empty()) {
        o.text("Object", object);
        o.plain("ObjectType", kind);
    }
    if let Activity::Authentication(step) = &event.activity {
        super::common::ip(o, "SrcIpAddr", step.source);
    }
    frame.close(o, |a| write_more(a, &event.activity));
}

fn event_type(activity: &Activity<'_>) -> &'static str {
    match activity {
        Activity::Process(process) => match process.action {
            ProcessAction::Launch | ProcessAction::Command => "Execute",
            ProcessAction::Fork => "Create",
            ProcessAction::Exit | ProcessAction::Signal => "Terminate",
            ProcessAction::Trace => "Read",
            ProcessAction::SetUser
            | ProcessAction::SetGroup
            | ProcessAction::Schedule
            | ProcessAction::Inject => "Set",
        },
        Activity::Memory(memory) => match memory.action {
            MemoryAction::Allocate => "Create",
            MemoryAction::Protect => "Set",
            MemoryAction::Release => "Delete",
        },
        Activity::Module(module) => match module.action {
            ModuleAction::Load => "Install",
            ModuleAction::Unload => "Delete",
        },
        Activity::Application(application) => match application.action {
            ApplicationAction::Start => "Start",
            ApplicationAction::Stop => "Stop",
            ApplicationAction::Install | ApplicationAction::Update => "Install",
            ApplicationAction::Remove => "Delete",
            ApplicationAction::Other => "Other",
        },
        Activity::Job(_) => "Execute",
        Activity::Configuration(change) if change.weakened.is_some() => "Disable",
        Activity::Configuration(_) => "Set",
        Activity::Log(action) => match action {
            LogAction::Start | LogAction::Resume => "Start",
            LogAction::Stop | LogAction::Abort => "Stop",
            LogAction::Rotate | LogAction::Error => "Other",
        },
        Activity::Kernel(kernel) => match kernel.action {
            KernelAction::Create => "Create",
            KernelAction::Delete => "Delete",
            KernelAction::Invoke => "Execute",
        },
        // Files and sockets that have no schema of their own for lack of a path or an address.
        _ => "Other",
    }
}

/// Type of the object, and its name.
fn object<'e>(activity: &Activity<'e>) -> (&'static str, Option<&'e [u8]>) {
    match activity {
        Activity::File(file) => ("Other", file.file.path.or(file.file.folder)),
        Activity::Process(process) => {
            let target = &process.target;
            let named = target.path.or(target.command).or(target.comm);
            ("Other", named)
        }
        Activity::Module(module) => ("Other", module.name.or(module.path)),
        Activity::Application(application) => match application.kind {
            ApplicationKind::Service => ("Service", application.name),
            _ => ("Other", application.name),
        },
        Activity::Job(job) => ("Scheduled Task", Some(job.scheduler)),
        Activity::Configuration(change) => match change.area {
            ConfigurationArea::Audit
            | ConfigurationArea::Firewall
            | ConfigurationArea::SecurityPolicy
            | ConfigurationArea::Integrity => ("Policy Rule", change.what),
            _ => ("Configuration Atom", change.what),
        },
        Activity::Log(_) => ("Event Log", Some(b"audit")),
        Activity::Authentication(step) => ("Other", step.user.name),
        Activity::Kernel(kernel) if !kernel.is_call => ("Other", Some(kernel.name)),
        _ => ("Other", None),
    }
}

fn write_more(a: &mut Object<'_>, activity: &Activity<'_>) {
    match activity {
        Activity::Process(process) => {
            a.number_if("target_pid", process.target.pid);
            a.number_if("signal", process.signal);
            a.number_if("exit_code", process.exit_code);
            a.text_if("command", process.target.command);
            a.text_if("cwd", process.target.cwd);
        }
        Activity::Application(application) => {
            a.text_if("operation", application.operation);
        }
        Activity::Authentication(step) => {
            a.text_if("terminal", step.terminal);
        }
        _ => {}
    }
}

pub fn ruling(ruling: Ruling) -> &'static str {
    match ruling {
        Ruling::Allowed => "allowed",
        Ruling::Denied => "denied",
        Ruling::Logged => "logged",
    }
}
