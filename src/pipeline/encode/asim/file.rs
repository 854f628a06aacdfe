//! What was done to a file: FileEvent.
//!
//! It refuses what names no path (a call on a descriptor), and mounts: both are AuditEvents.

use crate::model::activity::{FileAction, FileActivity};
use crate::model::audit::AuditEvent;

use super::super::common::file_name;
use super::super::json::Object;
use super::audit::Frame;

const SCHEMA: &str = concat!(
    r#""EventSchema":"FileEvent","EventSchemaVersion":"0.2.2","EventVendor":"Linux","#,
    r#""EventProduct":"auditd","EventCount":1"#
);

/// False: it is no FileEvent, and nothing was written.
pub fn write(o: &mut Object<'_>, event: &AuditEvent<'_>, activity: &FileActivity<'_>) -> bool {
    let (Some(kind), Some(path)) = (event_type(activity.action), activity.file.path) else {
        return false;
    };
    let other = activity.other.and_then(|other| other.path);
    // A rename has its new name as the target; a link what it points to as the source.
    let (source, target) = match (activity.action, other) {
        (FileAction::Rename, Some(new)) => (Some(path), new),
        (FileAction::Link | FileAction::Symlink, other) => (other, path),
        _ => (None, path),
    };
    let frame = Frame {
        event,
        schema: SCHEMA,
        rule: "RuleName",
    };
    frame.open(o);
    o.plain("EventType", kind);
    frame.actor_always(o);
    frame.program(o, "ActingProcessName", "ActingProcessId", None);
    o.text("TargetFilePath", target)
        .text("TargetFileName", file_name(target));
    o.raw(r#""TargetFilePathType":"Unix""#);
    if let Some(source) = source {
        o.text("SrcFilePath", source)
            .text("SrcFileName", file_name(source));
        o.raw(r#""SrcFilePathType":"Unix""#);
    }
    frame.close(o, |a| {
        let file = &activity.file;
        a.number_if("inode", file.inode);
        a.number_if("mode", file.mode);
        a.number_if("owner", file.owner.id);
        a.number_if("group", file.group.id);
    });
    true
}

fn event_type(action: FileAction) -> Option<&'static str> {
    match action {
        FileAction::Open
        | FileAction::Read
        | FileAction::ReadLink
        | FileAction::GetAttribute
        | FileAction::Stat
        | FileAction::StatFilesystem
        | FileAction::ChangeDirectory
        | FileAction::OpenSocket
        | FileAction::Suspicious => Some("FileAccessed"),
        FileAction::Create
        | FileAction::CreateDevice
        | FileAction::Link
        | FileAction::Symlink
        | FileAction::BindSocket => Some("FileCreated"),
        FileAction::CreateDirectory => Some("FolderCreated"),
        FileAction::Write | FileAction::Truncate => Some("FileModified"),
        FileAction::Delete => Some("FileDeleted"),
        FileAction::RemoveDirectory => Some("FolderDeleted"),
        FileAction::Rename => Some("FileRenamed"),
        FileAction::ChangeMode
        | FileAction::ChangeOwner
        | FileAction::ChangeTimes
        | FileAction::SetAttribute
        | FileAction::RemoveAttribute => Some("FileAttributesUpdated"),
        FileAction::Mount | FileAction::Unmount => None,
    }
}
