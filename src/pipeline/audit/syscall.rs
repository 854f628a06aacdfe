//! The fields of a SYSCALL record.
//!
//! Place in the flow: [`super::normalise`] and [`super::classify`] read it here, once for each event.
//! The kernel writes the fields in one order (kernel/auditsc.c: audit_log_exit, audit_log_task_info), so
//! they are read by it; where a record has another, by their names. It refuses to know what a call does.

use bumpalo::Bump;

use crate::model::eight;
use crate::model::process::Account;

use super::fields::{Field, Fields, Raw};
use super::keys as key;
use super::records::{hexadecimal, keys, name, some};

/// A SYSCALL record, with the names of its ENRICHED part.
#[derive(Clone, Copy, Debug, Default)]
pub struct Syscall<'a> {
    pub arch: Option<Raw<'a>>,
    /// The system call by number; of a URINGOP record, the operation of io_uring.
    pub number: Option<u32>,
    /// Its name, where the record gives one (ENRICHED, or ausearch's interpretation).
    pub call_name: Option<&'a [u8]>,
    pub is_uring: bool,
    arguments: [Option<Raw<'a>>; 4],
    pub success: Option<bool>,
    pub exit: Option<i64>,
    pub pid: Option<u32>,
    pub ppid: Option<u32>,
    pub login_user: Account<'a>,
    pub user: Account<'a>,
    pub group: Account<'a>,
    pub effective_user: Account<'a>,
    pub effective_group: Account<'a>,
    pub session: Option<u32>,
    pub tty: Option<&'a [u8]>,
    pub comm: Option<Raw<'a>>,
    pub exe: Option<Raw<'a>>,
    pub key: Option<Raw<'a>>,
}

impl<'a> Syscall<'a> {
    pub fn read(body: &'a [u8]) -> Syscall<'a> {
        let (mut call, rest) = Syscall::in_order(body).unwrap_or((Syscall::default(), body));
        for Field { word, raw, .. } in Fields::new(rest) {
            call.take(word, raw);
        }
        call
    }

    /// The fields that only have numbers and plain words, and the text behind them; `None` where one is
    /// not where the kernel writes it.
    fn in_order(body: &'a [u8]) -> Option<(Syscall<'a>, &'a [u8])> {
        let mut row = Row { rest: body };
        let mut call = Syscall {
            arch: row.word(b"arch=").map(Raw::Bare),
            ..Syscall::default()
        };
        call.arch?;
        // What is no number of a call is told as its name.
        call.number = Some(row.id(b" syscall=")??);
        row.word(b" per=");
        if let Some(success) = row.word(b" success=") {
            call.success = Some(success == b"yes");
            call.exit = Raw::Bare(row.word(b" exit=")?).number();
        }
        for (i, name) in [b" a0=", b" a1=", b" a2=", b" a3="].into_iter().enumerate() {
            call.arguments[i] = Some(Raw::Bare(row.word(name)?));
        }
        row.id(b" items=")?;
        call.ppid = row.id(b" ppid=")?;
        call.pid = row.id(b" pid=")?;
        call.login_user.id = row.id(b" auid=")?;
        call.user.id = row.id(b" uid=")?;
        call.group.id = row.id(b" gid=")?;
        call.effective_user.id = row.id(b" euid=")?;
        row.id(b" suid=")?;
        row.id(b" fsuid=")?;
        call.effective_group.id = row.id(b" egid=")?;
        row.id(b" sgid=")?;
        row.id(b" fsgid=")?;
        call.tty = some(Raw::Bare(row.word(b" tty=")?));
        call.session = row.id(b" ses=")?;
        Some((call, row.rest))
    }

    fn take(&mut self, word: u64, raw: Raw<'a>) {
        match word {
            key::ARCH => self.arch = Some(raw),
            key::SYSCALL => match raw.id() {
                Some(number) => self.number = Some(number),
                None => self.call_name = some(raw),
            },
            key::URING_OP => (self.is_uring, self.number) = (true, raw.id()),
            key::A0 => self.arguments[0] = Some(raw),
            key::A1 => self.arguments[1] = Some(raw),
            key::A2 => self.arguments[2] = Some(raw),
            key::A3 => self.arguments[3] = Some(raw),
            key::SUCCESS => self.success = Some(raw.text() == b"yes"),
            key::EXIT => self.exit = raw.number(),
            key::PPID => self.ppid = raw.id(),
            key::PID => self.pid = raw.id(),
            key::AUID => self.login_user.id = raw.id(),
            key::UID => self.user.id = raw.id(),
            key::GID => self.group.id = raw.id(),
            key::EUID => self.effective_user.id = raw.id(),
            key::EGID => self.effective_group.id = raw.id(),
            key::TTY => self.tty = some(raw),
            key::SES => self.session = raw.id(),
            key::COMM => self.comm = Some(raw),
            key::EXE => self.exe = Some(raw),
            key::KEY => self.key = Some(raw),
            key::NAME_OF_SYSCALL => self.call_name = some(raw),
            key::NAME_OF_AUID => self.login_user.name = name(raw),
            key::NAME_OF_UID => self.user.name = name(raw),
            key::NAME_OF_GID => self.group.name = name(raw),
            key::NAME_OF_EUID => self.effective_user.name = name(raw),
            key::NAME_OF_EGID => self.effective_group.name = name(raw),
            _ => {}
        }
    }

    /// The first four arguments, as far as they are numbers.
    pub fn arguments(&self) -> [Option<u64>; 4] {
        self.arguments.map(|raw| hexadecimal(raw?))
    }

    /// The keys of the rules that matched; several are parted by 0x01 (kernel/audit.c, audit_log_key
    /// writes one; audisp and auditctl join them so).
    pub fn keys<'b>(&self, bump: &'b Bump) -> &'b [&'b [u8]]
    where
        'a: 'b,
    {
        keys(self.key, bump)
    }
}

/// Fields read one after the other.
struct Row<'a> {
    rest: &'a [u8],
}

impl<'a> Row<'a> {
    /// A value without quotes, where the field of this name is next.
    #[inline(always)]
    fn word(&mut self, name: &[u8]) -> Option<&'a [u8]> {
        let text = self.rest.strip_prefix(name)?;
        let mut end = 0;
        loop {
            let spaces = eight::below(eight::load(text, end), 0x21);
            end += eight::before(spaces);
            if spaces != 0 {
                break;
            }
        }
        let end = end.min(text.len());
        let value = &text[..end];
        if matches!(value.first(), None | Some(b'"' | b'\'' | b'{')) {
            return None;
        }
        self.rest = &text[end..];
        Some(value)
    }

    /// An id, where the field of this name is next; `Some(None)` for one that is unset.
    #[inline(always)]
    fn id(&mut self, name: &[u8]) -> Option<Option<u32>> {
        let text = self.rest.strip_prefix(name)?;
        let (mut value, mut digits) = eight::number(text, 0);
        if digits == 8 {
            let (low, more) = eight::number(text, 8);
            if more > 2 {
                return None;
            }
            value = value * [1, 10, 100][more] + low;
            digits += more;
        }
        if digits == 0 || text.get(digits).is_some_and(|&b| b > b' ') {
            return None;
        }
        self.rest = &text[digits..];
        Some(u32::try_from(value).ok().filter(|&id| id != u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn by_name(body: &[u8]) -> Syscall<'_> {
        let mut call = Syscall::default();
        Fields::new(body).for_each(|field| call.take(field.word, field.raw));
        call
    }

    #[test]
    fn a_syscall_with_names_is_read() {
        let body = b"arch=c000003e syscall=59 success=yes exit=0 a0=1 items=2 ppid=7 pid=8 auid=1102 uid=0 gid=0 euid=0 tty=(none) ses=4294967295 comm=\"id\" exe=\"/usr/bin/id\" key=6578656301736574\x1dAUID=\"alice\" UID=\"root\" GID=\"unknown(0)\"";
        let (bump, call) = (Bump::new(), Syscall::read(body));
        assert_eq!(
            (call.pid, call.ppid, call.session, call.tty),
            (Some(8), Some(7), None, None)
        );
        assert_eq!(
            call.login_user,
            Account {
                id: Some(1102),
                name: Some(b"alice")
            }
        );
        assert_eq!(
            call.group,
            Account {
                id: Some(0),
                name: None
            }
        );
        assert_eq!(call.keys(&bump), [b"exec".as_slice(), b"set"]);
    }

    const ORDER: &str = "arch=c000003e syscall=59 per=400000 success=yes exit=-13 a0=1 a1=2f a2=7ffe a3=8 items=2 ppid=7 pid=8 auid=4294967295 uid=0 gid=1 euid=2 suid=3 fsuid=4 egid=5 sgid=6 fsgid=7 tty=(none) ses=12345678 comm=\"id\" exe=\"/usr/bin/id\" key=(null)";

    #[test]
    fn the_order_of_the_kernel_is_read_by_order() {
        let (call, rest) = Syscall::in_order(ORDER.as_bytes()).unwrap();
        assert!(rest.starts_with(b" comm="));
        assert_eq!((call.exit, call.session), (Some(-13), Some(12_345_678)));
    }

    proptest! {
        /// Whatever is left out, doubled, or written otherwise: both ways say the same.
        #[test]
        fn order_and_names_say_the_same(
            changes in prop::collection::vec((0usize..26, "|[0-9]{1,12}|-1|\"a\"|x=1|unset"), 0..3),
        ) {
            let mut fields: Vec<String> = ORDER.split(' ').map(String::from).collect();
            for (at, text) in changes {
                let field = &mut fields[at];
                *field = match (text.as_str(), field.split_once('=')) {
                    ("", _) | (_, None) => String::new(),
                    (text, Some((name, _))) => format!("{name}={text}"),
                };
            }
            fields.retain(|field| !field.is_empty());
            let body = fields.join(" ");
            let (read, named) = (Syscall::read(body.as_bytes()), by_name(body.as_bytes()));
            prop_assert_eq!(format!("{read:?}"), format!("{named:?}"));
        }
    }
}
