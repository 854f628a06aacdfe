//! What happens to the system itself: application_lifecycle (6002), scheduled_job_activity (1006),
//! device_config_state_change (5019), event_log_activity (1008).

use crate::model::activity::{
    ApplicationAction, ApplicationActivity, ApplicationKind, ConfigurationArea,
    ConfigurationChange, JobActivity, LogAction, Weakened,
};

use super::super::json::Object;
use super::common;

macro_rules! application_head {
    ($id:tt $type:literal $name:literal) => {
        common::head!([6 "Application Activity" 6002 "Application Lifecycle"] $id $type $name)
    };
}

pub fn application_head(action: ApplicationAction) -> &'static str {
    match action {
        ApplicationAction::Install => application_head!(1 600201 "Install"),
        ApplicationAction::Remove => application_head!(2 600202 "Remove"),
        ApplicationAction::Start => application_head!(3 600203 "Start"),
        ApplicationAction::Stop => application_head!(4 600204 "Stop"),
        ApplicationAction::Update => application_head!(8 600208 "Update"),
        ApplicationAction::Other => application_head!(99 600299 "Other"),
    }
}

pub fn application(o: &mut Object<'_>, activity: &ApplicationActivity<'_>) {
    o.object("app", |a| {
        let otherwise: &[u8] = match activity.kind {
            ApplicationKind::System => b"operating system",
            _ => b"(unknown)",
        };
        a.text("name", activity.name.unwrap_or(otherwise));
    });
}

pub const JOB: &str =
    common::head!([1 "System Activity" 1006 "Scheduled Job Activity"] 6 100606 "Start");

/// No record has the job's name: it is called by its scheduler.
pub fn job(o: &mut Object<'_>, activity: &JobActivity<'_>) {
    o.object("job", |j| {
        j.text("name", common::file_name(activity.scheduler));
        common::user(j, "user", &activity.user);
    });
}

pub const CONFIGURATION: &str =
    common::head!([5 "Discovery" 5019 "Device Config State Change"] 1 501901 "Log");

pub fn configuration(o: &mut Object<'_>, change: &ConfigurationChange<'_>) {
    match change.weakened {
        Some(Weakened::AuditOff) => o.raw(
            r#""state_id":1,"state":"Disabled","security_states":[{"state_id":4,"state":"Protection off"}]"#,
        ),
        Some(Weakened::Permissive) => {
            o.raw(r#""security_states":[{"state_id":4,"state":"Protection off"}]"#)
        }
        Some(Weakened::SelinuxOff) => o.raw(
            r#""state_id":1,"state":"Disabled","security_states":[{"state_id":16,"state":"SELinux disabled"}]"#,
        ),
        None => o,
    };
}

pub fn configuration_unmapped(u: &mut Object<'_>, change: &ConfigurationChange<'_>) {
    u.plain("area", area(change.area));
    u.text_if("what", change.what);
}

fn area(area: ConfigurationArea) -> &'static str {
    match area {
        ConfigurationArea::Audit => "audit",
        ConfigurationArea::AuditDaemon => "auditd",
        ConfigurationArea::Firewall => "firewall",
        ConfigurationArea::SecurityPolicy => "security policy",
        ConfigurationArea::Security => "security",
        ConfigurationArea::Time => "time",
        ConfigurationArea::Name => "name",
        ConfigurationArea::Runlevel => "runlevel",
        ConfigurationArea::NetworkDevice => "network device",
        ConfigurationArea::Integrity => "integrity",
        ConfigurationArea::System => "system",
    }
}

macro_rules! log_head {
    ($id:tt $type:literal $name:literal) => {
        common::head!([1 "System Activity" 1008 "Event Log Activity"] $id $type $name)
    };
}

pub fn log_head(action: LogAction) -> &'static str {
    match action {
        LogAction::Rotate => log_head!(5 100805 "Rotate"),
        LogAction::Start => log_head!(6 100806 "Start"),
        LogAction::Stop | LogAction::Abort => log_head!(7 100807 "Stop"),
        LogAction::Resume => log_head!(9 100809 "Enable"),
        LogAction::Error => log_head!(99 100899 "Error"),
    }
}

pub fn log(o: &mut Object<'_>) {
    o.raw(r#""log_name":"audit","log_provider":"auditd""#);
}
