//! The fields of the records about authentication, and how values say nothing.
//!
//! Place in the flow: [`super::normalise`] and the lane read them here, once for each event. Values
//! are taken as the record has them; nothing is looked up elsewhere.

use bumpalo::Bump;

use crate::model::audit::{AuditField, AuthKind, AuthRecord};
use crate::model::process::Account;
use crate::model::{Stamp, hexadecimal};

use super::fields::Raw;
use super::keys as key;
use super::opened::Opened;
use super::record_types::RecordType;

/// The keys of a `key=`.
pub fn keys<'b>(raw: Option<Raw<'b>>, bump: &'b Bump) -> &'b [&'b [u8]] {
    match raw.and_then(|raw| raw.decode_some(bump)) {
        Some(keys) if keys.contains(&1) => {
            let parts = keys.split(|&b| b == 1).filter(|key| !key.is_empty());
            bumpalo::collections::Vec::from_iter_in(parts, bump).into_bump_slice()
        }
        Some(key) => bump.alloc_slice_copy(&[key]),
        None => &[],
    }
}

/// An argument of a system call, in hexadecimal digits.
pub fn hexadecimal(raw: Raw<'_>) -> Option<u64> {
    hexadecimal::number(raw.text())
}

pub fn some(raw: Raw<'_>) -> Option<&[u8]> {
    match raw.text() {
        b"(none)" | b"(null)" | b"?" | b"" => None,
        text => Some(text),
    }
}

/// A name of the ENRICHED part; auditd writes `unset` for 4294967295 and `unknown(1000)` for an id
/// that it could not look up (audit-userspace auparse/interpret.c).
pub fn name(raw: Raw<'_>) -> Option<&[u8]> {
    match raw.text() {
        b"unset" | b"" | b"?" => None,
        text if text.starts_with(b"unknown(") => None,
        text => Some(text),
    }
}

/// What a record type says of an authentication; `None` for every other type.
pub fn auth_kind(kind: RecordType) -> Option<AuthKind> {
    Some(match kind {
        RecordType::USER_AUTH => AuthKind::Authentication,
        RecordType::USER_ACCT => AuthKind::Account,
        RecordType::CRED_ACQ | RecordType::CRED_REFR => AuthKind::Credentials,
        RecordType::LOGIN => AuthKind::Assigned,
        RecordType::USER_START => AuthKind::SessionStart,
        RecordType::USER_END | RecordType::USER_LOGOUT => AuthKind::SessionEnd,
        RecordType::USER_LOGIN => AuthKind::Login,
        RecordType::USER_CMD => AuthKind::Command,
        _ => return None,
    })
}

/// What a record says of an authentication.
pub fn read_auth<'b>(
    kind: AuthKind,
    stamp: Stamp,
    opened: &Opened<'b>,
    bump: &'b Bump,
) -> AuthRecord<'b> {
    let mut record = AuthRecord {
        kind,
        stamp,
        pid: None,
        user: Account::default(),
        login_user: Account::default(),
        session: None,
        success: None,
        operation: None,
        grantors: None,
        account: None,
        id: Account::default(),
        exe: None,
        hostname: None,
        address: None,
        terminal: None,
        command: None,
    };
    // LOGIN names the old values first, as `old-auid=` or `old auid=` (kernel/auditsc.c,
    // audit_log_set_loginuid): the last of a name is the new one.
    for field in opened.fields {
        take(&mut record, field, bump);
    }
    record
}

/// Before 2007 audit-userspace wrote `(hostname=h, addr=a, terminal=t res=success)`.
#[inline]
pub fn without_brackets(raw: Raw<'_>) -> Raw<'_> {
    match raw {
        Raw::Bare(text @ [.., b')' | b',']) if !text.contains(&b'(') => {
            let text = text.strip_suffix(b")").unwrap_or(text);
            Raw::Bare(text.strip_suffix(b",").unwrap_or(text))
        }
        raw => raw,
    }
}

fn take<'b>(record: &mut AuthRecord<'b>, field: &AuditField<'b>, bump: &'b Bump) {
    let outer = !field.is_inner;
    let raw = if outer {
        field.raw
    } else {
        without_brackets(field.raw)
    };
    let decoded = || match field.decoded {
        None => raw.decode_some(bump),
        decoded => decoded,
    };
    match field.word {
        key::PID => record.pid = raw.id(),
        key::UID if outer => record.user.id = raw.id(),
        key::AUID if outer => record.login_user.id = raw.id(),
        key::SES if outer => record.session = raw.id(),
        key::OP => record.operation = some(raw),
        key::GRANTORS => record.grantors = some(raw),
        key::ACCT => record.account = decoded(),
        key::ID => record.id.id = raw.id(),
        key::EXE => record.exe = decoded(),
        key::HOSTNAME => record.hostname = some(raw),
        key::ADDR => record.address = some(raw),
        key::TERMINAL => record.terminal = some(raw),
        key::CMD => record.command = decoded(),
        key::RES | key::RESULT => {
            record.success = Some(matches!(raw.text(), b"success" | b"1" | b"yes"));
        }
        key::NAME_OF_UID => record.user.name = name(raw),
        key::NAME_OF_AUID => record.login_user.name = name(raw),
        key::NAME_OF_ID => record.id.name = name(raw),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    const STAMP: Stamp = Stamp {
        time: Timestamp(0),
        serial: 0,
    };

    #[test]
    fn a_failed_logon_is_read() {
        let body = b"pid=6513 uid=0 auid=4294967295 ses=4294967295 msg='op=login acct=28696E76616C6964207573657229 exe=\"/usr/sbin/sshd\" hostname=? addr=203.0.113.66 terminal=sshd res=failed'\x1dUID=\"root\" AUID=\"unset\"";
        let bump = Bump::new();
        let record = read_auth(AuthKind::Login, STAMP, &Opened::of_body(body, &bump), &bump);
        assert_eq!(record.account, Some(b"(invalid user)".as_slice()));
        assert_eq!(record.address, Some(b"203.0.113.66".as_slice()));
        assert_eq!((record.hostname, record.success), (None, Some(false)));
        assert_eq!(record.login_user, Account::default());
    }

    #[test]
    fn the_form_in_brackets_is_read() {
        let body = b"user pid=2 uid=0 auid=0 msg='PAM: session open acct=\"root\" : exe=\"/usr/sbin/crond\" (hostname=h.example, addr=192.0.2.1, terminal=cron res=success)'";
        let bump = Bump::new();
        let record = read_auth(
            AuthKind::SessionStart,
            STAMP,
            &Opened::of_body(body, &bump),
            &bump,
        );
        assert_eq!(
            (record.hostname, record.address),
            (Some(b"h.example".as_slice()), Some(b"192.0.2.1".as_slice()))
        );
        assert_eq!(
            (record.account, record.success),
            (Some(b"root".as_slice()), Some(true))
        );
    }

    #[test]
    fn login_tells_the_new_session() {
        let bump = Bump::new();
        for body in [
            b"pid=2558 uid=0 old-auid=4294967295 auid=1102 tty=(none) old-ses=4294967295 ses=36 res=1".as_slice(),
            b"login pid=2558 uid=0 old auid=4294967295 new auid=1102 old ses=4294967295 new ses=36 res=1",
        ] {
            let record = read_auth(AuthKind::Assigned, STAMP, &Opened::of_body(body, &bump), &bump);
            assert_eq!((record.pid, record.login_user.id, record.session), (Some(2558), Some(1102), Some(36)));
            assert_eq!(record.success, Some(true));
        }
    }
}
