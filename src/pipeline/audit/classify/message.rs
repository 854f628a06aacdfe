//! The fields of a record that is no part of a system call, read once.
//!
//! Values stay as written until somebody asks for them: most are never looked at.

use bumpalo::Bump;

use crate::model::activity::Actor;
use crate::model::audit::AuditField;
use crate::model::process::Account;

use super::super::fields::{Fields, Raw};
use super::super::keys as key;
use super::super::opened::Opened;
use super::super::records::{name, some, without_brackets};

#[derive(Clone, Copy, Debug, Default)]
pub struct Message<'a> {
    body: &'a [u8],
    pub pid: Option<u32>,
    pub user: Account<'a>,
    pub group: Account<'a>,
    pub login_user: Account<'a>,
    pub session: Option<u32>,
    pub operation: Option<Raw<'a>>,
    pub account: Option<Raw<'a>>,
    /// `id=`: a user's number or a group's.
    pub id: Account<'a>,
    /// `grp=`
    pub member_of: Option<Raw<'a>>,
    pub exe: Option<Raw<'a>>,
    pub comm: Option<Raw<'a>>,
    pub hostname: Option<Raw<'a>>,
    pub address: Option<Raw<'a>>,
    pub port: Option<u16>,
    pub terminal: Option<&'a [u8]>,
    pub command: Option<Raw<'a>>,
    pub cwd: Option<Raw<'a>>,
    pub key: Option<Raw<'a>>,
    /// Unit, package, machine, module, table, boolean, feature or device: what the record is about.
    pub thing: Option<Raw<'a>>,
    pub signal: Option<u32>,
    /// SECCOMP
    pub arch: Option<Raw<'a>>,
    pub call: Option<Raw<'a>>,
    pub code: Option<&'a [u8]>,
    /// AVC
    pub class: Option<&'a [u8]>,
    /// The name of a setting that begins with `audit_`, and its value.
    pub setting: Option<(&'a [u8], &'a [u8])>,
    pub enforcing: Option<&'a [u8]>,
    pub enabled: Option<&'a [u8]>,
    pub new_level: Option<&'a [u8]>,
}

impl<'a> Message<'a> {
    pub fn read(record: &Opened<'a>) -> Message<'a> {
        let mut message = Message {
            body: record.body,
            ..Message::default()
        };
        for field in record.fields {
            message.take(field);
        }
        message
    }

    fn take(&mut self, field: &AuditField<'a>) {
        let outer = !field.is_inner;
        let raw = match outer {
            true => field.raw,
            false => without_brackets(field.raw),
        };
        match field.word {
            key::PID => self.pid = self.pid.or(raw.id()),
            key::UID if outer => self.user.id = raw.id(),
            key::GID if outer => self.group.id = raw.id(),
            key::AUID if outer => self.login_user.id = raw.id(),
            key::SES if outer => self.session = raw.id(),
            key::NAME_OF_UID => self.user.name = name(raw),
            key::NAME_OF_GID => self.group.name = name(raw),
            key::NAME_OF_AUID => self.login_user.name = name(raw),
            key::NAME_OF_ID => self.id.name = name(raw),
            key::OP => self.operation = Some(raw),
            key::ACCT => self.account = Some(raw),
            key::ID => self.id.id = raw.id(),
            key::GRP => self.member_of = Some(raw),
            key::EXE => self.exe = Some(raw),
            key::COMM => self.comm = Some(raw),
            key::HOSTNAME => self.hostname = Some(raw),
            key::ADDR => self.address = Some(raw),
            key::PORT => self.port = raw.number(),
            key::TERMINAL => self.terminal = some(raw),
            key::CMD => self.command = Some(raw),
            key::CWD => self.cwd = Some(raw),
            key::KEY => self.key = Some(raw),
            key::UNIT
            | key::SW
            | key::VM
            | key::NAME
            | key::TABLE
            | key::BOOL
            | key::FEATURE
            | key::DEV => self.thing = self.thing.or(Some(raw)),
            key::SIG => self.signal = raw.id(),
            key::ARCH => self.arch = Some(raw),
            key::SYSCALL => self.call = Some(raw),
            key::CODE => self.code = Some(raw.text()),
            key::TCLASS => self.class = Some(raw.text()),
            key::ENABLED => self.enabled = Some(raw.text()),
            0 => self.take_long(field.key(), raw),
            _ => {}
        }
    }

    /// Keys of more than eight bytes.
    fn take_long(&mut self, key: &'a [u8], raw: Raw<'a>) {
        match key {
            b"enforcing" => self.enforcing = Some(raw.text()),
            b"new-level" => self.new_level = Some(raw.text()),
            _ if self.setting.is_none() && key.starts_with(b"audit_") => {
                self.setting = Some((key, raw.text()));
            }
            _ => {}
        }
    }

    /// `op=` with the words that belong to it: before 2015 audit-userspace's friends wrote
    /// `op=adding user to group acct=…`. Without `op=`, the words that the text begins with.
    pub fn phrase(&self) -> Option<&'a [u8]> {
        // Older kernels quoted it: `op="add_rule"` (RHEL 7, 4.10).
        if let Some(Raw::Quoted(text)) = self.operation {
            return Some(text);
        }
        let text = match Fields::find(self.body, b"msg") {
            Some(Raw::Nested(inner)) => inner,
            _ => self.body,
        };
        let text = match memchr::memmem::find(text, b"op=") {
            Some(at) => &text[at + 3..],
            None => text,
        };
        let mut end = 0;
        for word in text.split_inclusive(|&b| b == b' ') {
            if word.contains(&b'=') {
                break;
            }
            end += word.len();
        }
        Some(text[..end].trim_ascii()).filter(|phrase| !phrase.is_empty())
    }

    /// `acct=` and `id=`.
    pub fn account<'b>(&self, bump: &'b Bump) -> Account<'b>
    where
        'a: 'b,
    {
        let named = self.account.and_then(|raw| raw.decode_some(bump));
        Account {
            id: self.id.id,
            name: named.or(self.id.name),
        }
    }

    pub fn actor<'b>(&self, bump: &'b Bump) -> Actor<'b>
    where
        'a: 'b,
    {
        Actor {
            pid: self.pid,
            exe: self.exe.and_then(|raw| raw.decode_some(bump)),
            comm: self.comm.and_then(|raw| raw.decode_some(bump)),
            user: self.user,
            group: self.group,
            login_user: self.login_user,
            session: self.session,
            tty: self.terminal,
            ..Actor::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_old_and_new() {
        for (body, want) in [
            ("pid=1 msg='op=add-user id=7 exe=\"/x\"'", Some("add-user")),
            (
                "pid=1 msg='op=adding user to group acct=\"b\"'",
                Some("adding user to group"),
            ),
            (
                "pid=1 msg='changing system time exe=\"/x\"'",
                Some("changing system time"),
            ),
            ("auid=0 ses=1 op=add_rule key=\"x\"", Some("add_rule")),
            (
                "auid=0 ses=1 op=\"remove_rule\" key=\"x\" list=4 res=1",
                Some("remove_rule"),
            ),
            ("auid=0 res=1", None),
        ] {
            let bump = Bump::new();
            let record = Opened::of_body(body.as_bytes(), &bump);
            let phrase = Message::read(&record).phrase();
            assert_eq!(phrase, want.map(str::as_bytes), "{body}");
        }
    }

    #[test]
    fn the_outer_user_did_it_and_the_inner_one_it_was_done_to() {
        let body = b"pid=9 uid=0 auid=1000 ses=4 msg='op=lock-account id=1001 exe=\"/usr/bin/passwd\" terminal=pts/0 res=success'\x1dUID=\"root\" AUID=\"ann\" ID=\"bob\"";
        let bump = Bump::new();
        let message = Message::read(&Opened::of_body(body, &bump));
        let actor = message.actor(&bump);
        assert_eq!(
            (actor.pid, actor.user.id, actor.login_user.name),
            (Some(9), Some(0), Some(b"ann".as_slice()))
        );
        let account = message.account(&bump);
        assert_eq!(
            (account.id, account.name),
            (Some(1001), Some(b"bob".as_slice()))
        );
    }
}
