//! account_change (3001) and group_management (3006).

use crate::model::activity::{AccountAction, AccountChange, GroupAction, GroupChange};

use super::super::json::Object;
use super::common;

macro_rules! account_head {
    ($id:tt $type:literal $name:literal) => {
        common::head!([3 "Identity & Access Management" 3001 "Account Change"] $id $type $name)
    };
}

macro_rules! group_head {
    ($id:tt $type:literal $name:literal) => {
        common::head!([3 "Identity & Access Management" 3006 "Group Management"] $id $type $name)
    };
}

pub fn account_head(action: AccountAction) -> &'static str {
    match action {
        AccountAction::Create => account_head!(1 300101 "Create"),
        AccountAction::ChangePassword => account_head!(3 300103 "Password Change"),
        AccountAction::Delete => account_head!(6 300106 "Delete"),
        AccountAction::AssignRole => account_head!(7 300107 "Attach Policy"),
        AccountAction::RemoveRole => account_head!(8 300108 "Detach Policy"),
        AccountAction::Lock => account_head!(9 300109 "Lock"),
        AccountAction::Unlock => account_head!(12 300112 "Unlock"),
        AccountAction::Modify => account_head!(99 300199 "Modify"),
    }
}

pub fn account(o: &mut Object<'_>, change: &AccountChange<'_>) {
    common::required_user(o, "user", &change.user);
}

pub fn group_head(action: GroupAction) -> &'static str {
    match action {
        GroupAction::AddUser => group_head!(3 300603 "Add User"),
        GroupAction::RemoveUser => group_head!(4 300604 "Remove User"),
        GroupAction::Delete => group_head!(5 300605 "Delete"),
        GroupAction::Create => group_head!(6 300606 "Create"),
        GroupAction::Modify => group_head!(99 300699 "Modify"),
        GroupAction::ChangePassword => group_head!(99 300699 "Password Change"),
    }
}

pub fn group(o: &mut Object<'_>, change: &GroupChange<'_>) {
    common::required_user(o, "group", &change.group);
    common::user(o, "user", &change.user);
}
