//! An event while its records are joined: their bytes, and what they promise.
//!
//! Place in the flow: [`super::correlate`] fills it and decides when it goes; [`super::normalise`]
//! reads it. It copies each body once, into one buffer, and takes no field apart that it needs not.

use memchr::memmem;
use serde::{Deserialize, Serialize};

use crate::model::process::{Completeness, Cut};
use crate::model::{Stamp, Timestamp, eight, sixteen};

use super::execve;
use super::fields::{Fields, ROOM, word};
use super::line::Record;
use super::record_types::RecordType;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Part {
    kind: RecordType,
    /// Length of the type's name before the body, for types without a number.
    name: u8,
    start: u32,
    end: u32,
}

/// One record of an event.
#[derive(Clone, Debug)]
pub struct RecordParts<'e> {
    pub kind: RecordType,
    /// The type as written.
    pub name: &'e [u8],
    pub body: &'e [u8],
    pub fields: Fields<'e>,
}

/// Of a large event no more memory than this is kept.
const MOST_KEPT: usize = 4 << 10;
const MOST_PARTS: usize = 64;

/// A larger event grows by a quarter, and not to twice its size.
const LARGE: usize = 2 * USUAL_BYTES;

/// What most events need, asked for at once.
const USUAL_BYTES: usize = 768;
const USUAL_PARTS: usize = 6;

/// How far an event has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Readiness {
    /// Something that was promised is not here.
    #[default]
    Open,
    /// Nothing more was promised; companions of the serial may still come.
    Settling,
    /// Nothing more can come.
    Whole,
}

/// What the correlation must know of the host that sends the records.
#[derive(Clone, Copy, Debug)]
pub struct Habits {
    /// It writes PROCTITLE records (kernels before 3.14 did not): one was seen.
    pub proctitle: bool,
    /// It writes none: several events ended without.
    pub no_proctitle: bool,
    /// What its programs send stands alone: several such events ended without a SYSCALL, and none with it.
    pub messages_alone: bool,
    /// Its lines come out of order, so EOE does not say that nothing more comes.
    pub disorder: bool,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Event {
    pub stamp: Stamp,
    /// Offset of the input record that its first line came in.
    pub first_offset: i64,
    /// The host's count of lines at its newest line.
    pub last_line: u64,
    /// Arrival clock at its newest line.
    pub arrived: Timestamp,
    /// Grows with each event of the lane: the oldest is evicted first.
    pub age: u64,
    pub readiness: Readiness,
    /// It stands in the saved state, as it was at some time.
    #[serde(skip)]
    pub saved: bool,
    parts: Vec<Part>,
    #[serde(with = "serde_bytes")]
    bytes: Vec<u8>,
    /// Which records are here: [`Role`]s of all of them.
    roles: u8,
    paths: u32,
    arguments: execve::Tally,
    /// `items=` of the SYSCALL record: how many PATH records belong to it.
    items: u32,
    /// The SYSCALL record is an execve or execveat that succeeded.
    started_a_program: bool,
    rank: u8,
}

impl Event {
    /// What a new event takes, itself and the memory for what most hold.
    pub const WITH_ROOM: usize = size_of::<Event>() + USUAL_BYTES + USUAL_PARTS * size_of::<Part>();

    /// An event with memory for what most hold.
    pub fn with_room() -> Event {
        Event {
            bytes: Vec::with_capacity(USUAL_BYTES),
            parts: Vec::with_capacity(USUAL_PARTS),
            ..Event::default()
        }
    }

    /// Makes a used event new, keeping its memory where that is not much. What the stamp, the arrival and
    /// the first record set is left.
    pub fn reset(&mut self) {
        self.saved = false;
        self.parts.clear();
        self.bytes.clear();
        if self.bytes.capacity() > MOST_KEPT {
            self.bytes.shrink_to(MOST_KEPT);
            self.parts.shrink_to(MOST_PARTS);
        }
        self.roles = 0;
        self.paths = 0;
        self.items = 0;
        self.started_a_program = false;
        self.rank = 0;
        self.arguments = execve::Tally::default();
    }

    /// Bytes that a record adds to its event.
    pub fn weight(record: &Record<'_>) -> usize {
        own_name(record).len() + record.body.len() + ROOM.len() + size_of::<Part>()
    }

    pub fn bytes(&self) -> usize {
        self.bytes.len() + self.parts.len() * size_of::<Part>()
    }

    #[inline]
    pub fn is_larger_than(&self, bytes: usize) -> bool {
        self.bytes.len() > bytes
    }

    /// Adds a record. Gives false where it came before one that the kernel writes after it.
    pub fn push(&mut self, record: &Record<'_>) -> bool {
        let kind = record.kind;
        let name = own_name(record);
        if !name.is_empty() {
            self.bytes.extend_from_slice(name);
        }
        if self.bytes.len() >= LARGE {
            self.make_room(record.body.len());
        }
        let start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(record.body);
        let end = self.bytes.len() as u32;
        self.bytes.extend_from_slice(&ROOM);
        self.parts.push(Part {
            kind,
            name: name.len() as u8,
            start,
            end,
        });
        let Role { roles, rank } = ROLES[kind.index()];
        self.roles |= roles;
        self.paths += (kind == RecordType::PATH) as u32;
        if roles & Role::PROMISES != 0 {
            self.take_promises(kind, record.body);
        }
        let in_order = rank >= self.rank;
        self.rank = self.rank.max(rank);
        in_order
    }

    #[cold]
    fn make_room(&mut self, body: usize) {
        let needed = body + ROOM.len();
        if self.bytes.capacity() - self.bytes.len() < needed {
            self.bytes.reserve_exact(needed.max(self.bytes.len() / 4));
        }
    }

    fn take_promises(&mut self, kind: RecordType, body: &[u8]) {
        if kind == RecordType::SYSCALL {
            self.items = items(body);
            self.started_a_program = started_a_program(body);
        } else {
            self.arguments.add(body);
        }
    }

    /// Any of these roles.
    fn has(&self, roles: u8) -> bool {
        self.roles & roles != 0
    }

    /// Decides anew how far the event has come. It is reckoned without branches: nobody can foretell them.
    pub fn judge(&mut self, habits: Habits) {
        let is_open = !self.has(Role::SYSCALL)
            | (habits.proctitle & !self.has(Role::EOE | Role::PROCTITLE))
            | !self.keeps_promises();
        let is_whole = self.has(Role::EOE) & !habits.disorder & self.has_what_it_mostly_has(habits);
        let of_syscall = match (is_open, is_whole) {
            (true, _) => Readiness::Open,
            (false, true) => Readiness::Whole,
            (false, false) => Readiness::Settling,
        };
        // Alone so far: a SYSCALL of the same serial may follow (LOGIN, CONFIG_CHANGE, USER_*).
        let alone = self.has(Role::DAEMON)
            | (self.has(Role::USER) & habits.messages_alone & !habits.disorder);
        let alone = match alone {
            true => Readiness::Whole,
            false => Readiness::Settling,
        };
        self.readiness = if self.is_lone() { alone } else { of_syscall };
    }

    /// Its parts stand within its bytes: what was saved came back from outside.
    pub fn is_sound(&self) -> bool {
        self.parts.iter().all(|part| {
            (part.name as u32) <= part.start
                && part.start <= part.end
                && part.end as usize + ROOM.len() <= self.bytes.len()
        })
    }

    pub fn lacks_proctitle(&self) -> bool {
        self.has(Role::SYSCALL) && !self.has(Role::PROCTITLE)
    }

    /// A program sent it, or a part of it.
    pub fn is_message(&self) -> bool {
        self.has(Role::USER)
    }

    /// Stands alone so far: records that need no SYSCALL.
    pub fn is_lone(&self) -> bool {
        !self.has(Role::PART_OF_SYSCALL)
    }

    pub fn kinds(&self) -> impl Iterator<Item = RecordType> {
        self.parts.iter().map(|part| part.kind)
    }

    /// Name of the type and body of each record, in order of arrival.
    pub fn records(&self) -> impl Iterator<Item = (RecordType, &[u8], &[u8])> {
        let records = self.records_with_fields();
        records.map(|record| (record.kind, record.name, record.body))
    }

    /// The records with their fields, in order of arrival.
    pub fn records_with_fields(&self) -> impl Iterator<Item = RecordParts<'_>> {
        self.parts.iter().map(|part| self.parts_of(part))
    }

    /// The first record of a type.
    pub fn record(&self, kind: RecordType) -> Option<RecordParts<'_>> {
        let part = self.parts.iter().find(|part| part.kind == kind)?;
        Some(self.parts_of(part))
    }

    fn parts_of(&self, part: &Part) -> RecordParts<'_> {
        let (start, end) = (part.start as usize, part.end as usize);
        let name = match part.kind.name() {
            Some(name) => name.as_bytes(),
            None => &self.bytes[start - part.name as usize..start],
        };
        RecordParts {
            kind: part.kind,
            name,
            body: &self.bytes[start..end],
            fields: Fields::with_room(&self.bytes[start..end + ROOM.len()]),
        }
    }

    /// Bodies of the records of one type.
    pub fn bodies(&self, kind: RecordType) -> impl Iterator<Item = &[u8]> + Clone {
        self.parts
            .iter()
            .filter(move |part| part.kind == kind)
            .map(|part| &self.bytes[part.start as usize..part.end as usize])
    }

    pub fn body(&self, kind: RecordType) -> Option<&[u8]> {
        self.bodies(kind).next()
    }

    /// What is missing, where the event was cut off.
    pub fn completeness(&self, cut: Option<Cut>) -> Completeness {
        if cut.is_none() {
            return Completeness::default();
        }
        Completeness {
            cut,
            no_syscall: self.has(Role::PART_OF_SYSCALL) && !self.has(Role::SYSCALL),
            no_execve: self.started_a_program && !self.has(Role::EXECVE),
            no_proctitle: self.has(Role::PART_OF_SYSCALL) && !self.has(Role::PROCTITLE),
            args_missing: 0,
            paths_missing: self.items.saturating_sub(self.paths),
        }
    }

    /// Counted, never searched: an event may have a million records.
    fn keeps_promises(&self) -> bool {
        let has_its_arguments = match self.has(Role::EXECVE) {
            true => self.arguments.is_complete(),
            false => !self.started_a_program,
        };
        (self.paths >= self.items) & has_its_arguments
    }

    /// PROCTITLE where the host writes it, and CWD where there are paths (audit_alloc_name in
    /// kernel/auditsc.c takes both). A rule may exclude either, so they are waited for, not promised.
    fn has_what_it_mostly_has(&self, habits: Habits) -> bool {
        (self.has(Role::PROCTITLE) | habits.no_proctitle)
            & ((self.items == 0) | self.has(Role::CWD))
    }
}

/// A type without a number is kept by its name.
fn own_name<'a>(record: &Record<'a>) -> &'a [u8] {
    match record.kind {
        RecordType::OTHER => record.type_name,
        _ => b"",
    }
}

/// `items=` of a SYSCALL record.
fn items(body: &[u8]) -> u32 {
    // Behind `a0=… a1=… a2=… a3=…`, before the ids: the first `m` of the record, nearly always.
    let near = sixteen::find(body, b'm').and_then(|at| at.checked_sub(4));
    let near = near.filter(|&at| body[at..].starts_with(ITEMS));
    let count = near.or_else(|| memmem::find(body, ITEMS)).map(|at| {
        let digits = body[at + ITEMS.len()..].iter();
        let digits = digits.take_while(|b| b.is_ascii_digit());
        digits.fold(0u32, |n, b| {
            n.saturating_mul(10).saturating_add((b - b'0') as u32)
        })
    });
    count.unwrap_or(0)
}

const ITEMS: &[u8] = b" items=";

/// A successful execve or execveat, by architecture and number.
fn started_a_program(body: &[u8]) -> bool {
    // `arch=c000003e syscall=59 success=yes`
    let Some((head, rest)) = body.split_first_chunk::<22>() else {
        return false;
    };
    let Some(end) = rest.iter().take(11).position(|&b| b == b' ') else {
        return false;
    };
    let (call, rest) = rest.split_at(end);
    if !rest.starts_with(b" success=yes") || !matches!(rest.get(12), None | Some(b' ')) {
        return false;
    }
    let arch = eight::load(head, 5);
    let mut known = EXEC_CALLS.iter();
    head.starts_with(b"arch=")
        && head.ends_with(b" syscall=")
        && known.any(|(known, numbers)| *known == arch && numbers.contains(&call))
}

/// execve and execveat, from the kernel's system call tables (arch/*/…/syscall*.tbl); the
/// architectures are AUDIT_ARCH_* of include/uapi/linux/audit.h.
#[rustfmt::skip]
const EXEC_CALLS: &[(u64, &[&[u8]])] = &[
    (word(b"c000003e"), &[b"59", b"322", b"1073742344", b"1073742369"]), // x86-64, and x32
    (word(b"40000003"), &[b"11", b"358"]),  // i386
    (word(b"c00000b7"), &[b"221", b"281"]), // aarch64
    (word(b"40000028"), &[b"11", b"387"]),  // arm
    (word(b"c0000015"), &[b"11", b"362"]),  // ppc64le
    (word(b"80000015"), &[b"11", b"362"]),  // ppc64
    (word(b"80000016"), &[b"11", b"354"]),  // s390x
    (word(b"c00000f3"), &[b"221", b"281"]), // riscv64
];

/// What records of one type say of their event: a line costs one look-up.
#[derive(Clone, Copy)]
struct Role {
    roles: u8,
    /// The order in which the kernel writes the records of one event (kernel/auditsc.c, audit_log_exit).
    rank: u8,
}

impl Role {
    const SYSCALL: u8 = 1;
    const PART_OF_SYSCALL: u8 = 2;
    const EXECVE: u8 = 4;
    const CWD: u8 = 8;
    const PROCTITLE: u8 = 16;
    const EOE: u8 = 32;
    const DAEMON: u8 = 64;
    const USER: u8 = 128;
    /// Those of records that say what else is to come.
    const PROMISES: u8 = Role::SYSCALL | Role::EXECVE;

    const fn of(kind: RecordType) -> Role {
        let (own, rank) = match kind {
            RecordType::SYSCALL => (Role::SYSCALL, 1),
            RecordType::EXECVE => (Role::EXECVE, 2),
            RecordType::BPRM_FCAPS | RecordType::SOCKADDR | RecordType::SOCKETCALL => (0, 2),
            RecordType::CAPSET | RecordType::MMAP | RecordType::FD_PAIR => (0, 2),
            RecordType::IPC | RecordType::OBJ_PID => (0, 2),
            RecordType::CWD => (Role::CWD, 3),
            RecordType::PATH => (0, 4),
            RecordType::PROCTITLE => (Role::PROCTITLE, 5),
            RecordType::EOE => (Role::EOE, 6),
            _ => (0, 0),
        };
        let part = if kind.is_part_of_syscall() {
            Role::PART_OF_SYSCALL
        } else {
            0
        };
        let daemon = if kind.is_daemon() { Role::DAEMON } else { 0 };
        let user = if kind.is_user_message() {
            Role::USER
        } else {
            0
        };
        Role {
            roles: own | part | daemon | user,
            rank,
        }
    }
}

const ROLES: [Role; RecordType::COUNT + 1] = {
    let mut roles = [Role { roles: 0, rank: 0 }; RecordType::COUNT + 1];
    let mut i = 0;
    while i < RecordType::COUNT {
        roles[i] = Role::of(RecordType::of_index(i));
        i += 1;
    }
    roles
};

#[cfg(test)]
#[path = "event_tests.rs"]
mod tests;
