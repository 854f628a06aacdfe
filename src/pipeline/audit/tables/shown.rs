//! Numbers that are written as several names: flags, modes, sets of capabilities. They are [`Display`]ed
//! straight into whatever is written.
//!
//! Place in the flow: what the functions of the module above give. Bits without a name are not lost: what
//! is left over stands as `0x…` at the end.

use std::fmt::{self, Display, Formatter};

use super::{capability, file_type, flags, signal};

/// A number of several bits.
#[derive(Clone, Copy, Debug)]
pub struct Flags {
    table: &'static [(u64, &'static str)],
    value: u64,
    /// Said first, or alone: O_RDONLY, PROT_NONE.
    first: Option<&'static str>,
    /// A signal in the lowest byte, which no name of the table covers.
    signal: Option<&'static str>,
    /// Bits that `first` and `signal` told.
    told: u64,
}

impl Flags {
    pub(super) fn new(table: &'static [(u64, &'static str)], value: u64) -> Flags {
        Flags {
            table,
            value,
            first: None,
            signal: None,
            told: 0,
        }
    }

    /// Zero has a name.
    pub(super) fn or(
        table: &'static [(u64, &'static str)],
        value: u64,
        zero: &'static str,
    ) -> Flags {
        let first = (value == 0).then_some(zero);
        Flags {
            first,
            ..Flags::new(table, value)
        }
    }

    /// The two lowest bits are one number (O_ACCMODE).
    pub(super) fn open(table: &'static [(u64, &'static str)], value: u64) -> Flags {
        let (first, told) = match value & 3 {
            _ if table.is_empty() => (None, 0),
            0 => (Some("O_RDONLY"), 0),
            1 => (Some("O_WRONLY"), 1),
            2 => (Some("O_RDWR"), 2),
            // Neither read nor write, for ioctl alone (open(2)).
            _ => (None, 0),
        };
        Flags {
            first,
            told,
            ..Flags::new(table, value)
        }
    }

    pub(super) fn clone(value: u64) -> Flags {
        // 0x80 is CLONE_NEWTIME to unshare and clone3, which have no signal here.
        let number = value & 0xff;
        let signal = signal(number as u32);
        Flags {
            told: if signal.is_some() { number } else { 0 },
            signal,
            ..Flags::new(flags::CLONE, value)
        }
    }

    pub fn value(self) -> u64 {
        self.value
    }

    /// The names, in the order in which they are written, and the bits that have none.
    fn each(self, mut say: impl FnMut(&'static str) -> fmt::Result) -> Result<u64, fmt::Error> {
        let mut left = self.value & !self.told;
        if let Some(first) = self.first {
            say(first)?;
        }
        for (bits, name) in self.table {
            if left & bits == *bits {
                say(name)?;
                left &= !bits;
            }
        }
        if let Some(signal) = self.signal {
            say(signal)?;
        }
        Ok(left)
    }

    /// Whether this name is among those that are written.
    pub fn has(self, name: &str) -> bool {
        let mut found = false;
        let done = self.each(|said| {
            found |= said == name;
            Ok(())
        });
        done.is_ok() && found
    }
}

impl Display for Flags {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut any = false;
        let left = self.each(|name| {
            let between = if any { "|" } else { "" };
            any = true;
            write!(f, "{between}{name}")
        })?;
        match (left, any) {
            (0, true) => Ok(()),
            (left, true) => write!(f, "|{left:#x}"),
            (left, false) => write!(f, "{left:#x}"),
        }
    }
}

/// `file,644`, `dir,sticky,777`; or the permissions alone: `0644`, `suid,0755`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode {
    bits: u32,
    with_type: bool,
}

impl Mode {
    pub(super) fn with_type(bits: u32) -> Mode {
        Mode {
            bits,
            with_type: true,
        }
    }

    pub(super) fn permissions(bits: u32) -> Mode {
        Mode {
            bits,
            with_type: false,
        }
    }
}

impl Display for Mode {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.with_type {
            match file_type(self.bits) {
                Some(name) => write!(f, "{name},")?,
                // The number in the place of the type, as auparse writes it.
                None => write!(f, "{:03o},", (self.bits & 0o170_000) >> 12)?,
            }
        }
        for (bit, name) in [(0o4000, "suid,"), (0o2000, "sgid,"), (0o1000, "sticky,")] {
            if self.bits & bit != 0 {
                f.write_str(name)?;
            }
        }
        let zero = if self.with_type { "" } else { "0" };
        write!(f, "{zero}{:03o}", self.bits & 0o777)
    }
}

/// A set of capabilities: names with commas between them, `none` for the empty set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities(pub(super) u64);

impl Display for Capabilities {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("none");
        }
        let (mut left, mut between) = (self.0, "");
        while left != 0 {
            let number = left.trailing_zeros();
            let Some(name) = capability(number) else {
                // Bits of a newer kernel, or the full set that older ones write for root.
                return write!(f, "{between}{left:#x}");
            };
            write!(f, "{between}{name}")?;
            between = ",";
            left &= left - 1;
        }
        Ok(())
    }
}
