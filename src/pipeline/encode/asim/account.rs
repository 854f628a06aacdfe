//! A change of an account or a group: UserManagement.

use crate::model::activity::{AccountAction, AccountChange, GroupAction, GroupChange};
use crate::model::audit::AuditEvent;

use super::super::json::Object;
use super::audit::Frame;
use super::common::{self, Keys, TARGET};

const SCHEMA: &str = concat!(
    r#""EventSchema":"UserManagement","EventSchemaVersion":"0.1.2","EventVendor":"Linux","#,
    r#""EventProduct":"auditd","EventCount":1"#
);

const GROUP: Keys = Keys {
    id: "GroupId",
    id_type: r#""GroupIdType":"UID""#,
    name: "GroupName",
    name_type: r#""GroupNameType":"Simple""#,
};

pub fn write_user(o: &mut Object<'_>, event: &AuditEvent<'_>, change: &AccountChange<'_>) -> bool {
    let frame = Frame {
        event,
        schema: SCHEMA,
        rule: "RuleName",
    };
    frame.open(o);
    o.plain(
        "EventType",
        match change.action {
            AccountAction::Create => "UserCreated",
            AccountAction::Delete => "UserDeleted",
            AccountAction::Modify | AccountAction::AssignRole | AccountAction::RemoveRole => {
                "UserModified"
            }
            AccountAction::ChangePassword => "PasswordChanged",
            AccountAction::Lock => "UserLocked",
            AccountAction::Unlock => "UserUnlocked",
        },
    );
    who(o, &frame);
    common::user(o, &TARGET, &change.user);
    frame.close(o, |a| {
        a.text_if("operation", change.operation);
    });
    true
}

pub fn write_group(o: &mut Object<'_>, event: &AuditEvent<'_>, change: &GroupChange<'_>) -> bool {
    let frame = Frame {
        event,
        schema: SCHEMA,
        rule: "RuleName",
    };
    frame.open(o);
    o.plain(
        "EventType",
        match change.action {
            GroupAction::Create => "GroupCreated",
            GroupAction::Delete => "GroupDeleted",
            GroupAction::Modify | GroupAction::ChangePassword => "GroupModified",
            GroupAction::AddUser => "UserAddedToGroup",
            GroupAction::RemoveUser => "UserRemovedFromGroup",
        },
    );
    who(o, &frame);
    common::user(o, &GROUP, &change.group);
    common::user(o, &TARGET, &change.user);
    frame.close(o, |a| {
        a.text_if("operation", change.operation);
    });
    true
}

fn who(o: &mut Object<'_>, frame: &Frame<'_, '_>) {
    frame.actor_always(o);
    frame.program(
        o,
        "ActingAppName",
        "ActingAppId",
        Some(r#""ActingAppType":"Process""#),
    );
}
