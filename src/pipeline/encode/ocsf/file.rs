//! file_activity (1001): watched paths, mounts, and sockets that are files.

use crate::model::activity::{File, FileAction, FileActivity, FileKind};

use super::super::json::Object;
use super::common;

macro_rules! head {
    ($id:tt $type:literal $name:literal) => {
        common::head!([1 "System Activity" 1001 "File System Activity"] $id $type $name)
    };
}

pub fn head(action: FileAction) -> &'static str {
    match action {
        FileAction::Create
        | FileAction::CreateDirectory
        | FileAction::CreateDevice
        | FileAction::Link
        | FileAction::Symlink
        | FileAction::BindSocket => head!(1 100101 "Create"),
        FileAction::Read | FileAction::ReadLink => head!(2 100102 "Read"),
        FileAction::Write | FileAction::Truncate => head!(3 100103 "Update"),
        FileAction::Delete | FileAction::RemoveDirectory => head!(4 100104 "Delete"),
        FileAction::Rename => head!(5 100105 "Rename"),
        FileAction::ChangeTimes | FileAction::SetAttribute | FileAction::RemoveAttribute => {
            head!(6 100106 "Set Attributes")
        }
        FileAction::ChangeMode | FileAction::ChangeOwner => head!(7 100107 "Set Security"),
        FileAction::Stat | FileAction::StatFilesystem | FileAction::GetAttribute => {
            head!(8 100108 "Get Attributes")
        }
        FileAction::Mount => head!(12 100112 "Mount"),
        FileAction::Unmount => head!(13 100113 "Unmount"),
        FileAction::Open | FileAction::OpenSocket => head!(14 100114 "Open"),
        FileAction::ChangeDirectory => head!(99 100199 "Change Directory"),
        FileAction::Suspicious => head!(99 100199 "Suspicious Link"),
    }
}

pub fn members(o: &mut Object<'_>, activity: &FileActivity<'_>) {
    o.number_if("access_mask", activity.open_flags);
    o.object("file", |f| write(f, &activity.file));
    if let (FileAction::Rename, Some(other)) = (activity.action, &activity.other) {
        o.object("file_result", |f| write(f, other));
    }
}

pub fn unmapped(u: &mut Object<'_>, activity: &FileActivity<'_>) {
    if let (FileAction::Link | FileAction::Symlink, Some(other)) =
        (activity.action, &activity.other)
    {
        u.text_if("link_target", other.path);
    }
}

fn write(f: &mut Object<'_>, file: &File<'_>) {
    match file.path {
        Some(path) => {
            f.text("name", common::file_name(path)).text("path", path);
        }
        // The call named a descriptor, or failed; the schema wants a name.
        None => {
            f.raw(r#""name":"(unknown)""#);
            f.text_if("parent_folder", file.folder);
        }
    }
    f.raw(match file.kind {
        FileKind::Unknown => r#""type_id":0,"type":"Unknown""#,
        FileKind::Regular => r#""type_id":1,"type":"Regular File""#,
        FileKind::Directory => r#""type_id":2,"type":"Folder""#,
        FileKind::CharacterDevice => r#""type_id":3,"type":"Character Device""#,
        FileKind::BlockDevice => r#""type_id":4,"type":"Block Device""#,
        FileKind::Socket => r#""type_id":5,"type":"Local Socket""#,
        FileKind::Fifo => r#""type_id":6,"type":"Named Pipe""#,
        FileKind::Symlink => r#""type_id":7,"type":"Symbolic Link""#,
    });
    if let Some(inode) = file.inode {
        f.number_as_text("uid", inode);
    }
    common::user(f, "owner", &file.owner);
}
