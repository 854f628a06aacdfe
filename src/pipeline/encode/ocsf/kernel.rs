//! kernel_extension_activity (1002) of modules, and kernel_activity (1003) of system calls that have no
//! class of their own.

use crate::model::activity::{KernelAction, KernelActivity, ModuleAction, ModuleActivity};

use super::super::json::Object;
use super::common;

macro_rules! module_head {
    ($id:tt $type:literal $name:literal) => {
        common::head!([1 "System Activity" 1002 "Kernel Extension Activity"] $id $type $name)
    };
}

macro_rules! head {
    ($id:tt $type:literal $name:literal) => {
        common::head!([1 "System Activity" 1003 "Kernel Activity"] $id $type $name)
    };
}

pub fn module_head(action: ModuleAction) -> &'static str {
    match action {
        ModuleAction::Load => module_head!(1 100201 "Load"),
        ModuleAction::Unload => module_head!(2 100202 "Unload"),
    }
}

/// A module by its name; its file where a PATH record names one.
pub fn module(o: &mut Object<'_>, activity: &ModuleActivity<'_>) {
    o.object("driver", |d| {
        d.object("file", |f| {
            let of_path = activity.path.map(common::file_name);
            f.text("name", activity.name.or(of_path).unwrap_or(b"(unknown)"));
            f.text_if("path", activity.path);
            f.raw(match activity.path {
                Some(_) => r#""type_id":1,"type":"Regular File""#,
                None => r#""type_id":0,"type":"Unknown""#,
            });
        });
    });
}

pub fn head(action: KernelAction) -> &'static str {
    match action {
        KernelAction::Create => head!(1 100301 "Create"),
        KernelAction::Delete => head!(3 100303 "Delete"),
        KernelAction::Invoke => head!(4 100304 "Invoke"),
    }
}

pub fn members(o: &mut Object<'_>, activity: &KernelActivity<'_>) {
    o.object("kernel", |k| {
        k.text("name", activity.name);
        if activity.is_call {
            k.raw(r#""type_id":2,"type":"System Call""#);
            k.text("system_call", activity.name);
        } else {
            k.raw(r#""type_id":0,"type":"Unknown""#);
        }
    });
}
