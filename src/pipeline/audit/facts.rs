//! What an event says of itself, for filters and labels.
//!
//! Place in the flow: beside [`super::normalise`], and only where filters or labels are configured. It
//! takes the first of each field, over all records in order of arrival.

use bumpalo::Bump;

use crate::model::Kind;
use crate::model::process::Account;
use crate::model::select::Facts;

use super::event::Event;
use super::fields::{Field, Fields, Raw};
use super::keys as key;
use super::record_types::RecordType;
use super::records::{keys, name};

/// The facts of an event that will be of this kind.
pub fn of<'b>(event: &'b Event, kind: Kind, bump: &'b Bump) -> Facts<'b> {
    let mut facts = Facts {
        kind: Some(kind),
        ..Facts::default()
    };
    for (kind, name, body) in event.records() {
        if kind == RecordType::EOE {
            continue;
        }
        facts.types.push(name);
        // An EXECVE has arguments, a PATH the owner of a file: none of them says who did it.
        if matches!(kind, RecordType::EXECVE | RecordType::PATH) {
            continue;
        }
        let mut who = Who::default();
        read(body, true, &mut who, &mut facts, bump);
        if who.user != Account::default() {
            facts.users.push(who.user);
        }
        facts.login_user = facts.login_user.or(who.login.then_some(who.login_user));
    }
    facts
}

#[derive(Default)]
struct Who<'b> {
    user: Account<'b>,
    login: bool,
    login_user: Account<'b>,
}

fn read<'b>(body: &'b [u8], outer: bool, who: &mut Who<'b>, facts: &mut Facts<'b>, bump: &'b Bump) {
    for Field { word, raw, .. } in Fields::new(body) {
        match word {
            key::UID if outer => who.user.id = raw.id(),
            key::NAME_OF_UID => who.user.name = name(raw),
            key::AUID if outer => {
                who.login = true;
                who.login_user.id = raw.id();
            }
            key::NAME_OF_AUID => who.login_user.name = name(raw),
            key::EXE => facts.exe = facts.exe.or_else(|| raw.decode_some(bump)),
            key::ACCT => facts.users.push(Account {
                id: None,
                name: raw.decode_some(bump),
            }),
            key::KEY if facts.keys.is_empty() => {
                facts.keys.extend(keys(Some(raw), bump));
            }
            key::MSG if outer => {
                if let Raw::Nested(inner) = raw {
                    read(inner, false, who, facts, bump);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::audit::line;

    fn event(lines: &[&str]) -> Event {
        let mut event = Event::default();
        for line in lines {
            event.push(&line::read(line.as_bytes()).unwrap());
        }
        event
    }

    #[test]
    fn a_syscall_and_a_message_of_pam_say_who() {
        let event = event(&[
            "type=SYSCALL msg=audit(1.000:1): syscall=59 auid=4294967295 uid=33 exe=\"/usr/bin/id\" key=\"a\"\x1dAUID=\"unset\" UID=\"www-data\"",
            "type=USER_CMD msg=audit(1.000:1): uid=1001 auid=1001 msg='acct=\"root\" exe=\"/usr/bin/sudo\"'",
            "type=EOE msg=audit(1.000:1): ",
        ]);
        let bump = Bump::new();
        let facts = of(&event, Kind::Audit, &bump);
        assert_eq!(facts.types, [&b"SYSCALL"[..], b"USER_CMD"]);
        assert_eq!(facts.keys, [b"a"]);
        assert_eq!(facts.exe, Some(&b"/usr/bin/id"[..]));
        assert_eq!(facts.login_user, Some(Account::default()));
        let account = |id, name| Account { id, name };
        assert_eq!(
            facts.users,
            [
                account(Some(33), Some(&b"www-data"[..])),
                account(None, Some(b"root")),
                account(Some(1001), None),
            ]
        );
    }
}
