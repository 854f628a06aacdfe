//! The fields of a SYSCALL record.
//!
//! Place in the flow: [`super::normalise`] and [`super::classify`] read it here, once for each event.
//! The kernel writes the fields in one order (kernel/auditsc.c: audit_log_exit, audit_log_task_info), so
//! they are read by it; where a record has another, by their names. It refuses to know what a call does.

use bumpalo::Bump;

use crate::model::audit::ROW;
use crate::model::process::Account;
use crate::model::{Within, eight, hexadecimal, sixteen};

use super::fields::{Field, Fields, Raw};
use super::keys as key;
use super::records::{keys, name, some};

/// A SYSCALL record, with the names of its ENRICHED part.
#[derive(Clone, Copy, Debug, Default)]
pub struct Syscall<'a> {
    pub arch: Option<Raw<'a>>,
    /// The system call by number; of a URINGOP record, the operation of io_uring.
    pub number: Option<u32>,
    /// Its name, where the record gives one (ENRICHED, or ausearch's interpretation).
    pub call_name: Option<&'a [u8]>,
    pub is_uring: bool,
    arguments: [Option<&'a [u8]>; 4],
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
        let mut call = Syscall::default();
        call.read_fields(Fields::new(body));
        call
    }

    /// Reads all fields of a record into one that says nothing yet.
    #[inline]
    pub fn read_fields(&mut self, mut fields: Fields<'a>) {
        let text = fields.text();
        let mut row = Row {
            rest: text,
            each: |_| {},
        };
        match self.numbers(&mut row) {
            Some(()) => {
                self.names(&mut row);
                fields.advance(text.len() - row.rest.len());
            }
            None => *self = Syscall::default(),
        }
        self.take_all(fields);
    }

    /// As [`Syscall::read_fields`]. Gives the values of [`ROW`] and the fields behind them, where the record
    /// begins with just these and JSON can hold them as they are; else no values and all fields.
    pub fn open<'b>(
        &mut self,
        mut fields: Fields<'a>,
        bump: &'b Bump,
    ) -> (&'b [Within<'a>], Fields<'a>) {
        let text = fields.text();
        let values = bump.alloc([Within::new(text, 0); ROW.len()]);
        let mut count = 0;
        let mut row = Row {
            rest: text,
            each: |value| {
                // A call of another personality has one more.
                if let Some(place) = values.get_mut(count) {
                    *place = value;
                }
                count += 1;
            },
        };
        if self.numbers(&mut row).is_none() {
            *self = Syscall::default();
            self.take_all(fields.clone());
            return (&[], fields);
        }
        let (all, numbers) = (fields.clone(), text.len() - row.rest.len());
        fields.advance(numbers);
        let behind = fields.clone();
        let before = row.rest.len();
        self.names(&mut row);
        fields.advance(before - row.rest.len());
        self.take_all(fields);
        match count == ROW.len() && sixteen::is_plain(&text[..numbers]) {
            true => (values, behind),
            false => (&[], all),
        }
    }

    fn take_all(&mut self, fields: Fields<'a>) {
        for Field { word, raw, .. } in fields {
            self.take(word, raw);
        }
    }

    /// The fields up to `comm=`, which only have numbers and plain words; `None` where one is not where
    /// the kernel writes it.
    #[inline(always)]
    fn numbers(&mut self, row: &mut Row<'a, impl FnMut(Within<'a>)>) -> Option<()> {
        self.arch = Some(Raw::Bare(row.word(b"arch=")?));
        // What is no number of a call is told as its name.
        self.number = Some(row.id(b" syscall=")??);
        if row.rest.starts_with(b" per=") {
            row.word(b" per=")?;
        }
        if let Some(success) = row.word(b" success=") {
            self.success = Some(success == b"yes");
            self.exit = match row.word(b" exit=")? {
                b"0" => Some(0),
                exit => Raw::Bare(exit).number(),
            };
        }
        self.arguments = [
            Some(row.word(b" a0=")?),
            Some(row.word(b" a1=")?),
            Some(row.word(b" a2=")?),
            Some(row.word(b" a3=")?),
        ];
        row.id(b" items=")?;
        self.ppid = row.id(b" ppid=")?;
        self.pid = row.id(b" pid=")?;
        self.login_user.id = row.id(b" auid=")?;
        self.user.id = row.id(b" uid=")?;
        self.group.id = row.id(b" gid=")?;
        self.effective_user.id = row.id(b" euid=")?;
        row.id(b" suid=")?;
        row.id(b" fsuid=")?;
        self.effective_group.id = row.id(b" egid=")?;
        row.id(b" sgid=")?;
        row.id(b" fsgid=")?;
        self.tty = some(Raw::Bare(row.word(b" tty=")?));
        self.session = row.id(b" ses=")?;
        Some(())
    }

    /// What comes behind them, as far as it is in order; whatever is not so is read by its name.
    #[inline(always)]
    fn names(&mut self, row: &mut Row<'a, impl FnMut(Within<'a>)>) {
        if let Some(comm) = row.quoted(b" comm=\"") {
            self.comm = Some(Raw::Quoted(comm));
            if let Some(exe) = row.quoted(b" exe=\"") {
                self.exe = Some(Raw::Quoted(exe));
                row.skip(b" subj=");
                self.key = row.quoted(b" key=\"").map(Raw::Quoted);
            }
        }
    }

    fn take(&mut self, word: u64, raw: Raw<'a>) {
        match word {
            key::ARCH => self.arch = Some(raw),
            key::SYSCALL => match raw.id() {
                Some(number) => self.number = Some(number),
                None => self.call_name = some(raw),
            },
            key::URING_OP => (self.is_uring, self.number) = (true, raw.id()),
            key::A0 => self.arguments[0] = Some(raw.text()),
            key::A1 => self.arguments[1] = Some(raw.text()),
            key::A2 => self.arguments[2] = Some(raw.text()),
            key::A3 => self.arguments[3] = Some(raw.text()),
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
        self.arguments.map(|text| hexadecimal::number(text?))
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

/// Fields read one after the other, each value given on.
struct Row<'a, F: FnMut(Within<'a>)> {
    rest: &'a [u8],
    each: F,
}

/// A name with what is mostly behind it. The text behind the fields of numbers is longer than that; where
/// it is not, they are read by their names.
const NEAR: usize = 32;

/// No id, as the kernel writes it.
const UNSET: &[u8] = b"4294967295";

impl<'a, F: FnMut(Within<'a>)> Row<'a, F> {
    #[inline(always)]
    fn near(&self, name: &[u8]) -> Option<&'a [u8; NEAR]> {
        let near = self.rest.first_chunk::<NEAR>()?;
        near.starts_with(name).then_some(near)
    }

    /// A value without quotes, where the field of this name is next.
    #[inline(always)]
    fn word<const N: usize>(&mut self, name: &[u8; N]) -> Option<&'a [u8]> {
        let text = self.rest;
        let value = self.bare(name)?;
        (self.each)(Within::new(&text[N..], value.len()));
        Some(value)
    }

    /// As [`Row::word`], without giving it on.
    #[inline(always)]
    fn bare<const N: usize>(&mut self, name: &[u8; N]) -> Option<&'a [u8]> {
        let near = self.near(name)?;
        if matches!(near[N], b'"' | b'\'' | b'{') {
            return None;
        }
        let mut value = [0; 16];
        value.copy_from_slice(&near[N..N + 16]);
        let end = match sixteen::before(sixteen::blanks(value)) {
            0 => return None,
            16 => far_end(self.rest, N + 16),
            length => N + length,
        };
        let value = self.rest.get(N..end)?;
        // Of old programs, and no part of the value ([`Fields`]); `(none)` keeps its own.
        if matches!(value, [.., b')' | b','] if value[0] != b'(') {
            return None;
        }
        self.rest = &self.rest[end..];
        Some(value)
    }

    /// Goes past a value without quotes, where the field of this name is next.
    #[inline(always)]
    fn skip<const N: usize>(&mut self, name: &[u8; N]) {
        let before = self.rest;
        if self.bare(name).is_some() && !matches!(self.rest.first(), Some(b' ' | 0x1D)) {
            self.rest = before;
        }
    }

    /// A value in quotes, where the field of this name, which ends with the first quote, is next.
    #[inline(always)]
    fn quoted<const N: usize>(&mut self, name: &[u8; N]) -> Option<&'a [u8]> {
        if !self.rest.starts_with(name) {
            return None;
        }
        let mut end = N;
        loop {
            let bytes = *self.rest.get(end..)?.first_chunk::<16>()?;
            let length = sixteen::before(sixteen::equal(bytes, b'"'));
            end += length;
            if length < 16 {
                break;
            }
        }
        let value = self.rest.get(N..end)?;
        self.rest = &self.rest[end + 1..];
        Some(value)
    }

    /// An id, where the field of this name is next; `Some(None)` for one that is unset.
    #[inline(always)]
    fn id<const N: usize>(&mut self, name: &[u8; N]) -> Option<Option<u32>> {
        let near = self.near(name)?;
        if near[N..].starts_with(UNSET) && near[N + UNSET.len()] == b' ' {
            (self.each)(Within::new(&self.rest[N..], UNSET.len()));
            self.rest = &self.rest[N + UNSET.len()..];
            return Some(None);
        }
        let (value, digits) = eight::number(near, N);
        match digits {
            0 => None,
            8 => self.long_id(N),
            digits if near[N + digits] <= b' ' => {
                (self.each)(Within::new(&self.rest[N..], digits));
                self.rest = &self.rest[N + digits..];
                Some(Some(value as u32))
            }
            _ => None,
        }
    }

    /// An id of eight digits or more: mostly one that is unset.
    fn long_id(&mut self, from: usize) -> Option<Option<u32>> {
        let (text, end) = (self.rest, far_end(self.rest, from));
        let id = Raw::Bare(&text[from..end]);
        if end - from > 10 || id.number::<i64>()? < 0 {
            return None;
        }
        (self.each)(Within::new(&text[from..], end - from));
        self.rest = &text[end..];
        Some(id.id())
    }
}

#[inline(never)]
fn far_end(text: &[u8], from: usize) -> usize {
    let rest = text[from..].iter();
    from + rest.take_while(|b| **b > b' ').count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::audit::fields::ROOM;
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

    const ORDER: &str = "arch=c000003e syscall=59 per=400000 success=yes exit=-13 a0=1 a1=2f a2=7ffe a3=8 items=2 ppid=7 pid=8 auid=4294967295 uid=0 gid=1 euid=2 suid=3 fsuid=4 egid=5 sgid=6 fsgid=7 tty=(none) ses=12345678 comm=\"id\" exe=\"/usr/bin/id\" subj=a:b key=(null)";

    #[test]
    fn the_order_of_the_kernel_is_read_by_order() {
        let roomy = [ORDER.as_bytes(), &ROOM].concat();
        let mut row = Row {
            rest: &roomy,
            each: |_| {},
        };
        let mut call = Syscall::default();
        call.numbers(&mut row).unwrap();
        call.names(&mut row);
        assert!(row.rest.starts_with(b" key="));
        assert_eq!((call.exit, call.session), (Some(-13), Some(12_345_678)));
    }

    #[test]
    fn what_comes_behind_the_row_is_no_part_of_it() {
        let usual = ORDER.replace(" per=400000", "");
        for behind in ["", "\x1dUID=\"root\" AUID=\"x\""] {
            let roomy = [usual.as_bytes(), behind.as_bytes(), &ROOM].concat();
            let (bump, mut call) = (Bump::new(), Syscall::default());
            let (row, rest) = call.open(Fields::with_room(&roomy), &bump);
            assert_eq!(row.len(), ROW.len());
            let next = rest.clone().next().map(|field| field.key);
            assert_eq!(next, Some(b"comm".as_slice()));
        }
    }

    proptest! {
        /// Whatever is left out, doubled, or written otherwise: both ways say the same.
        #[test]
        fn order_and_names_say_the_same(
            changes in prop::collection::vec((0usize..27, "|[0-9]{1,12}|-1|\"a\"|\"a b|6162|x=1|unset|none[,)]|a\x01"), 0..3),
            behind in prop::sample::select(vec!["", " subj=a", "\x1dUID=\"root\" AUID=\"x\""]),
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
            let body = fields.join(" ") + behind;
            let (bump, text) = (Bump::new(), body.as_bytes());
            let mut opened = Syscall::default();
            let (row, rest) = opened.open(Fields::new(text), &bump);
            let keys: Vec<_> = Fields::new(text).map(|field| (field.key, field.raw.text())).collect();
            let names = ROW.iter().map(|name| name.as_bytes());
            let mut split: Vec<_> = names.zip(row.iter().map(|value| value.text())).collect();
            split.extend(rest.map(|field| (field.key, field.raw.text())));
            prop_assert_eq!(split, keys);
            prop_assert_eq!(format!("{opened:?}"), format!("{:?}", by_name(text)));
            let roomy = [text, &ROOM].concat();
            let mut in_room = Syscall::default();
            in_room.read_fields(Fields::with_room(&roomy));
            prop_assert_eq!(format!("{in_room:?}"), format!("{opened:?}"));
            let (read, named) = (Syscall::read(body.as_bytes()), by_name(body.as_bytes()));
            prop_assert_eq!(format!("{read:?}"), format!("{named:?}"));
        }
    }
}
