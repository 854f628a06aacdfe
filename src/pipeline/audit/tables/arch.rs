//! Architectures as audit records name them, and what differs between them.
//!
//! Place in the flow: `arch=` of a SYSCALL, SECCOMP or URINGOP record is looked up here; all behind it asks
//! the [`Arch`]. It never guesses an architecture: a record without one has none.

use super::flags::{MMAP, MMAP_MIPS, MMAP_POWERPC, OPEN, OPEN_ARM, OPEN_MIPS, OPEN_POWERPC};
use super::numbers::{ERRNOS, ERRNOS_MIPS, SIGNALS, SIGNALS_MIPS};
use super::{Flags, name_of, syscalls};

/// An architecture: its place in the table of codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Arch(u8);

/// Which numbering an architecture follows where not all agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dialect {
    Generic,
    Arm,
    PowerPc,
    Mips,
    /// Alpha, SPARC, PA-RISC: numbers of errors and flags of their own, which are not in the tables.
    Other,
}

struct Known {
    code: u32,
    name: &'static str,
    dialect: Dialect,
    /// Taken off a number before it is looked up.
    base: u32,
    calls: &'static [&'static str],
}

const fn known(
    code: u32,
    name: &'static str,
    dialect: Dialect,
    base: u32,
    calls: &'static [&'static str],
) -> Known {
    Known {
        code,
        name,
        dialect,
        base,
        calls,
    }
}

/// Sorted by code: AUDIT_ARCH_* of linux/audit.h, an ELF machine number with bit 31 for 64 bits and bit 30
/// for little-endian. Names are those of auditctl. 31-bit s390 has a call table of its own, which is not
/// in the source and left out of Linux since 6.19; Itanium, Alpha, SPARC, PA-RISC have none here either.
#[rustfmt::skip]
const KNOWN: &[Known] = &[
    known(0x0000_0002, "sparc", Dialect::Other, 0, &[]),
    known(0x0000_0004, "m68k", Dialect::Generic, 0, &[]),
    known(0x0000_0008, "mips", Dialect::Mips, 4000, syscalls::mips::NAMES),
    known(0x0000_000f, "parisc", Dialect::Other, 0, &[]),
    known(0x0000_0014, "ppc", Dialect::PowerPc, 0, syscalls::ppc::NAMES),
    known(0x0000_0016, "s390", Dialect::Generic, 0, &[]),
    known(0x0000_0028, "armeb", Dialect::Arm, 0, syscalls::arm::NAMES),
    known(0x4000_0003, "i386", Dialect::Generic, 0, syscalls::i386::NAMES),
    known(0x4000_0008, "mipsel", Dialect::Mips, 4000, syscalls::mips::NAMES),
    known(0x4000_0028, "arm", Dialect::Arm, 0, syscalls::arm::NAMES),
    known(0x4000_00f3, "riscv32", Dialect::Generic, 0, syscalls::riscv32::NAMES),
    known(0x4000_0102, "loongarch32", Dialect::Generic, 0, &[]),
    known(0x8000_0008, "mips64", Dialect::Mips, 5000, syscalls::mips64::NAMES),
    known(0x8000_000f, "parisc64", Dialect::Other, 0, &[]),
    known(0x8000_0015, "ppc64", Dialect::PowerPc, 0, syscalls::ppc64::NAMES),
    known(0x8000_0016, "s390x", Dialect::Generic, 0, syscalls::s390x::NAMES),
    known(0x8000_002b, "sparc64", Dialect::Other, 0, &[]),
    known(0x8000_00b7, "aarch64_be", Dialect::Arm, 0, syscalls::aarch64::NAMES),
    known(0xc000_0008, "mipsel64", Dialect::Mips, 5000, syscalls::mips64::NAMES),
    known(0xc000_0015, "ppc64le", Dialect::PowerPc, 0, syscalls::ppc64::NAMES),
    known(0xc000_0032, "ia64", Dialect::Generic, 0, &[]),
    known(0xc000_003e, "x86_64", Dialect::Generic, 0, syscalls::x86_64::NAMES),
    known(0xc000_00b7, "aarch64", Dialect::Arm, 0, syscalls::aarch64::NAMES),
    known(0xc000_00f3, "riscv64", Dialect::Generic, 0, syscalls::riscv64::NAMES),
    known(0xc000_0102, "loongarch64", Dialect::Generic, 0, syscalls::loongarch64::NAMES),
    known(0xc000_9026, "alpha", Dialect::Other, 0, &[]),
];

/// Bit of an x86-64 call number that says x32 (`__X32_SYSCALL_BIT`, asm/unistd.h).
const X32: u32 = 0x4000_0000;

impl Arch {
    pub const X86_64: Arch = Arch::constant(0xc000_003e);
    pub const I386: Arch = Arch::constant(0x4000_0003);
    pub const AARCH64: Arch = Arch::constant(0xc000_00b7);
    pub const ARM: Arch = Arch::constant(0x4000_0028);

    const fn constant(code: u32) -> Arch {
        let mut i = 0;
        while i < KNOWN.len() {
            if KNOWN[i].code == code {
                return Arch(i as u8);
            }
            i += 1;
        }
        panic!("no such architecture");
    }

    /// By the number of `arch=`.
    pub fn of(code: u32) -> Option<Arch> {
        // What nearly every record has.
        if code == 0xc000_003e {
            return Some(Arch::X86_64);
        }
        let at = KNOWN.binary_search_by_key(&code, |known| known.code);
        at.ok().map(|i| Arch(i as u8))
    }

    /// By the text of `arch=`: hexadecimal digits, or the name that ausearch and ENRICHED write.
    pub fn read(text: &[u8]) -> Option<Arch> {
        let text = std::str::from_utf8(text).ok()?;
        let by_code = u32::from_str_radix(text, 16).ok().and_then(Arch::of);
        by_code.or_else(|| {
            let at = KNOWN.iter().position(|known| known.name == text);
            at.map(|i| Arch(i as u8))
        })
    }

    fn known(self) -> &'static Known {
        &KNOWN[self.0 as usize]
    }

    pub fn code(self) -> u32 {
        self.known().code
    }

    pub fn name(self) -> &'static str {
        self.known().name
    }

    pub fn is_64_bit(self) -> bool {
        self.code() & 0x8000_0000 != 0
    }

    pub fn is_little_endian(self) -> bool {
        self.code() & 0x4000_0000 != 0
    }

    /// The name of a system call; `None` where the number is no call, or newer than the tables.
    pub fn syscall(self, number: u32) -> Option<&'static str> {
        let known = self.known();
        let (table, at) = match number & X32 != 0 && self == Arch::X86_64 {
            true => (syscalls::x32::NAMES, number & !X32),
            false => (known.calls, number.checked_sub(known.base)?),
        };
        match table.get(at as usize) {
            Some(&"") | None => None,
            Some(name) => Some(name),
        }
    }

    /// The number of a system call of this name.
    pub fn syscall_number(self, name: &str) -> Option<u32> {
        let known = self.known();
        let at = known.calls.iter().position(|call| *call == name)?;
        (!name.is_empty()).then(|| at as u32 + known.base)
    }

    /// As [`super::errno`], by this architecture's own numbers.
    pub fn errno(self, number: u32) -> Option<&'static str> {
        match self.known().dialect {
            Dialect::Mips => name_of(ERRNOS_MIPS, number as u64),
            // Alpha, SPARC, PA-RISC have the old numbers of Unix alone in common with the rest.
            Dialect::Other if number > 34 => None,
            // errno.h of PowerPC has EDEADLOCK where others have a hole.
            Dialect::PowerPc if number == 58 => Some("EDEADLOCK"),
            _ => name_of(ERRNOS, number as u64),
        }
    }

    pub fn signal(self, number: u32) -> Option<&'static str> {
        match self.known().dialect {
            Dialect::Mips => name_of(SIGNALS_MIPS, number as u64),
            Dialect::Other => None,
            _ => name_of(SIGNALS, number as u64),
        }
    }

    /// The flags of open and its like.
    pub fn open_flags(self, flags: u64) -> Flags {
        let table = match self.known().dialect {
            Dialect::Generic => OPEN,
            Dialect::Arm => OPEN_ARM,
            Dialect::PowerPc => OPEN_POWERPC,
            Dialect::Mips => OPEN_MIPS,
            Dialect::Other => &[],
        };
        Flags::open(table, flags)
    }

    pub fn mmap_flags(self, flags: u64) -> Flags {
        let table = match self.known().dialect {
            Dialect::Generic | Dialect::Arm => MMAP,
            Dialect::PowerPc => MMAP_POWERPC,
            Dialect::Mips => MMAP_MIPS,
            Dialect::Other => &[],
        };
        Flags::new(table, flags)
    }
}

const _: () = {
    let mut i = 1;
    while i < KNOWN.len() {
        assert!(KNOWN[i - 1].code < KNOWN[i].code, "sorted, to be searched");
        i += 1;
    }
};
