//! What the value of a field means: `exit=-13` → `EACCES(Permission denied)`, `a2=80000` of an openat →
//! `O_RDONLY|O_CLOEXEC`.
//!
//! Place in the flow: beside decoding, for whoever explains a record or needs one name of it; the hot path
//! does not come here. A name that the record carries itself (the capitals of its ENRICHED part) wins over
//! ours. No user or group is looked up: the host that wrote the record knows them, this one does not. A
//! field that means no more than it says has no [`Meaning`].

mod arguments;
mod meaning;
mod reading;

pub use meaning::Meaning;

use bumpalo::Bump;

use super::fields::{Field, Fields, Raw};
use super::record_types::RecordType;
use super::tables::{self, Arch};
use reading::Reading;

/// The system call that a record tells of, so far as its fields need it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Call {
    pub arch: Option<Arch>,
    pub name: Option<&'static str>,
    /// The first four arguments.
    pub arguments: [Option<u64>; 4],
}

impl Call {
    /// Of the body of a SYSCALL, SECCOMP or URINGOP record.
    pub fn read(body: &[u8]) -> Call {
        let (mut call, mut number) = (Call::default(), None);
        for Field { key, raw, .. } in Fields::new(body) {
            match key {
                b"arch" => call.arch = Arch::read(raw.text()),
                b"syscall" => number = raw.number(),
                [b'a', digit @ b'0'..=b'3'] => {
                    call.arguments[(digit - b'0') as usize] = hexadecimal(raw);
                }
                _ => {}
            }
        }
        call.name = call.arch.zip(number).and_then(|(arch, n)| arch.syscall(n));
        call
    }

    fn argument(&self, at: usize) -> u64 {
        self.arguments[at].unwrap_or(0)
    }
}

/// A record whose fields are asked for their meaning.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    pub kind: RecordType,
    pub body: &'a [u8],
    /// Of the event; for the record of the call itself, [`Call::read`] of its body.
    pub call: Call,
}

impl<'a> Record<'a> {
    pub fn new(kind: RecordType, body: &'a [u8], call: Call) -> Record<'a> {
        Record { kind, body, call }
    }

    /// What a field of this record means.
    pub fn meaning(&self, field: &Field<'a>, bump: &'a Bump) -> Option<Meaning<'a>> {
        match self.own_name(field.key) {
            Some(name) => Some(Meaning::Named(name.text())),
            None => interpret(self.kind, field.key, field.raw, &self.call, bump),
        }
    }

    /// The name that ENRICHED gave a field: auditd writes it under the field's name in capitals.
    pub fn own_name(&self, key: &[u8]) -> Option<Raw<'a>> {
        if !key.iter().any(u8::is_ascii_lowercase) {
            return None;
        }
        let same = |known: &[u8]| {
            let mut pairs = known.iter().zip(key);
            known.len() == key.len() && pairs.all(|(a, b)| *a == b.to_ascii_uppercase())
        };
        Fields::new(self.body)
            .find(|field| same(field.key))
            .map(|field| field.raw)
    }
}

/// What the value of a field means by the kernel's numbers; `None` where it says all by itself.
pub fn interpret<'a>(
    kind: RecordType,
    key: &[u8],
    raw: Raw<'a>,
    call: &Call,
    bump: &'a Bump,
) -> Option<Meaning<'a>> {
    let arch = call.arch;
    match reading::of(kind, key)? {
        Reading::Id => id(raw),
        Reading::Text => Some(Meaning::Text(raw.decode_some(bump)?)),
        Reading::Keys => Some(Meaning::Keys(raw.decode_some(bump)?)),
        Reading::Title => Some(Meaning::Title(raw.decode_some(bump)?)),
        Reading::Keystrokes => Some(Meaning::Keystrokes(raw.decode_some(bump)?)),
        Reading::Arch => Arch::read(raw.text()).map(|arch| Meaning::Name(arch.name())),
        Reading::Syscall => arguments::call(call, raw),
        Reading::UringOperation => tables::uring_operation(raw.number()?).map(Meaning::Name),
        Reading::Argument(at) => arguments::argument(call, at, hexadecimal(raw)?),
        Reading::Exit => error(raw.number().filter(|n| *n < 0)?, arch),
        Reading::Errno => error(raw.number()?, arch),
        Reading::Result => named(match raw.number()? {
            0u32 => "failed",
            1 => "success",
            _ => return None,
        }),
        Reading::Address => super::sockaddr::read_hex(raw.text(), bump).map(Meaning::Address),
        Reading::Mode => octal(raw).map(|mode| Meaning::Mode(tables::mode(mode))),
        Reading::Permissions => octal(raw).map(|mode| Meaning::Mode(tables::permissions(mode))),
        Reading::Watch => raw.number().map(Meaning::Watch),
        Reading::Yes => named(if raw.number::<u32>()? == 0 {
            "no"
        } else {
            "yes"
        }),
        Reading::Capability => tables::capability(raw.number()?).map(Meaning::Name),
        Reading::CapabilitySet => {
            hexadecimal(raw).map(|set| Meaning::Capabilities(tables::capabilities(set)))
        }
        Reading::Signal => {
            let number = raw.number()?;
            arch.map_or_else(|| tables::signal(number), |arch| arch.signal(number))
                .map(Meaning::Name)
        }
        Reading::List => tables::audit_list(raw.number()?).map(Meaning::Name),
        Reading::NetfilterFamily => tables::netfilter_family(raw.number()?).map(Meaning::Name),
        Reading::NetfilterHook => tables::netfilter_hook(raw.number()?).map(Meaning::Name),
        Reading::NetfilterVerdict => reading::VERDICTS
            .get(raw.number::<usize>()?)
            .map(|name| Meaning::Name(name)),
        Reading::Protocol => tables::protocol(raw.number()?).map(Meaning::Name),
        Reading::Seccomp => {
            let code = u32::try_from(hexadecimal(raw)?).ok()?;
            tables::seccomp_action(code).map(Meaning::Name)
        }
        Reading::OpenFlags => hexadecimal(raw).map(|flags| Meaning::Flags(open(arch, flags))),
        Reading::MmapFlags => hexadecimal(raw).map(|flags| Meaning::Flags(mmap(arch, flags))),
        Reading::OneOf(names) => names
            .get(raw.number::<usize>()?)
            .map(|name| Meaning::Name(name)),
    }
}

/// `denied { read write }` of a security module's own words, which are no fields: what was decided, and
/// the permissions that it was about.
pub fn decision(body: &[u8]) -> Option<(&[u8], &[u8])> {
    let open = memchr::memchr(b'{', body)?;
    let close = open + memchr::memchr(b'}', &body[open..])?;
    let mut words = body[..open].split(|b| *b == b' ').rev();
    let said = words.find(|word| !word.is_empty())?;
    matches!(said, b"denied" | b"granted").then(|| (said, body[open + 1..close].trim_ascii()))
}

fn open(arch: Option<Arch>, flags: u64) -> tables::Flags {
    arch.map_or_else(|| tables::open_flags(flags), |arch| arch.open_flags(flags))
}

fn mmap(arch: Option<Arch>, flags: u64) -> tables::Flags {
    arch.map_or_else(|| tables::mmap_flags(flags), |arch| arch.mmap_flags(flags))
}

fn named(name: &'static str) -> Option<Meaning<'static>> {
    Some(Meaning::Name(name))
}

/// Of an id only this can be said here: that it is unset. auditd itself writes -1.
fn id(raw: Raw<'_>) -> Option<Meaning<'static>> {
    matches!(raw.text(), b"4294967295" | b"-1").then_some(Meaning::Name("unset"))
}

/// The kernel's errors are at most 4095 (MAX_ERRNO, include/linux/err.h); a large number is an address.
fn error(number: i64, arch: Option<Arch>) -> Option<Meaning<'static>> {
    let positive = u32::try_from(number.unsigned_abs()).ok()?;
    let name = match arch {
        Some(arch) => arch.errno(positive),
        None => tables::errno(positive),
    };
    let generic = tables::errno(positive);
    let text = tables::errno_text(positive).filter(|_| name == generic);
    name.map(|name| Meaning::Error { name, text })
}

fn hexadecimal(raw: Raw<'_>) -> Option<u64> {
    let text = std::str::from_utf8(raw.text()).ok()?;
    u64::from_str_radix(text.strip_prefix("0x").unwrap_or(text), 16).ok()
}

fn octal(raw: Raw<'_>) -> Option<u32> {
    u32::from_str_radix(std::str::from_utf8(raw.text()).ok()?, 8).ok()
}

#[cfg(test)]
mod tests;
