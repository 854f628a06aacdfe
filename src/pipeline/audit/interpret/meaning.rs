//! What a value was found to mean, and how that is written.
//!
//! Place in the flow: what [`super::interpret`] gives. Bytes that are no UTF-8 are written as U+FFFD; whoever
//! needs them exactly takes them from the variant.

use std::fmt::{self, Display, Formatter, Write};

use super::super::sockaddr::SockAddr;
use super::super::tables::{Capabilities, Flags, Mode};

#[derive(Clone, Copy, Debug)]
pub enum Meaning<'a> {
    /// The name of a number.
    Name(&'static str),
    /// The name that the record itself carries.
    Named(&'a [u8]),
    /// A number that was in another base.
    Number(u32),
    /// `socketcall(connect)`
    Inner {
        name: &'static str,
        inner: &'static str,
    },
    /// `EACCES(Permission denied)`
    Error {
        name: &'static str,
        text: Option<&'static str>,
    },
    Flags(Flags),
    Mode(Mode),
    Capabilities(Capabilities),
    /// Bits of an audit rule's permissions.
    Watch(u32),
    Address(SockAddr<'a>),
    /// Decoded bytes.
    Text(&'a [u8]),
    /// Keys of rules, parted by 0x01.
    Keys(&'a [u8]),
    /// A command line whose arguments are parted by NUL.
    Title(&'a [u8]),
    /// What was typed on a terminal.
    Keystrokes(&'a [u8]),
}

impl Meaning<'_> {
    /// Decoded from how it was written, no more.
    pub fn is_text(&self) -> bool {
        use Meaning::{Keys, Keystrokes, Text, Title};
        matches!(self, Text(_) | Keys(_) | Title(_) | Keystrokes(_))
    }
}

impl Display for Meaning<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Meaning::Name(name) => f.write_str(name),
            Meaning::Named(text) | Meaning::Text(text) => {
                f.write_str(&String::from_utf8_lossy(text))
            }
            Meaning::Number(number) => number.fmt(f),
            Meaning::Inner { name, inner } => write!(f, "{name}({inner})"),
            Meaning::Error { name, text: None } => f.write_str(name),
            Meaning::Error {
                name,
                text: Some(text),
            } => write!(f, "{name}({text})"),
            Meaning::Flags(flags) => flags.fmt(f),
            Meaning::Mode(mode) => mode.fmt(f),
            Meaning::Capabilities(set) => set.fmt(f),
            Meaning::Watch(bits) => watch(*bits, f),
            Meaning::Address(address) => address.fmt(f),
            Meaning::Keys(keys) => parts(keys, 1, ",", f),
            Meaning::Title(title) => parts(title.strip_suffix(b"\0").unwrap_or(title), 0, " ", f),
            Meaning::Keystrokes(typed) => keystrokes(typed, f),
        }
    }
}

fn parts(text: &[u8], by: u8, with: &str, f: &mut Formatter<'_>) -> fmt::Result {
    for (i, part) in text.split(|b| *b == by).enumerate() {
        if i > 0 {
            f.write_str(with)?;
        }
        f.write_str(&String::from_utf8_lossy(part))?;
    }
    Ok(())
}

/// AUDIT_PERM_* of linux/audit.h. A rule without any stands for all (`audit_match_perm`).
fn watch(bits: u32, f: &mut Formatter<'_>) -> fmt::Result {
    let bits = if bits == 0 { 15 } else { bits };
    let mut between = "";
    for (bit, name) in [(4, "read"), (2, "write"), (1, "exec"), (8, "attr")] {
        if bits & bit != 0 {
            write!(f, "{between}{name}")?;
            between = ",";
        }
    }
    if bits & !15 != 0 {
        write!(f, "{between}{:#x}", bits & !15)?;
    }
    Ok(())
}

/// Text in quotes, other keys by name, commas between: `"ls",<ret>`.
fn keystrokes(typed: &[u8], f: &mut Formatter<'_>) -> fmt::Result {
    let (mut rest, mut between) = (typed, "");
    while let Some(&first) = rest.first() {
        f.write_str(between)?;
        between = ",";
        let printable = rest
            .iter()
            .take_while(|b| **b >= b' ' && **b != 0x7f)
            .count();
        if printable > 0 {
            write!(f, "\"{}\"", String::from_utf8_lossy(&rest[..printable]))?;
            rest = &rest[printable..];
            continue;
        }
        let arrow = match rest {
            [0x1b, b'[', b'A', ..] => Some("up"),
            [0x1b, b'[', b'B', ..] => Some("down"),
            [0x1b, b'[', b'C', ..] => Some("right"),
            [0x1b, b'[', b'D', ..] => Some("left"),
            _ => None,
        };
        if let Some(name) = arrow {
            write!(f, "<{name}>")?;
            rest = &rest[3..];
            continue;
        }
        match first {
            b'\r' => f.write_str("<ret>")?,
            b'\n' => f.write_str("<nl>")?,
            b'\t' => f.write_str("<tab>")?,
            0x1b => f.write_str("<esc>")?,
            8 | 0x7f => f.write_str("<backspace>")?,
            other => {
                f.write_str("<^")?;
                f.write_char((other + b'@') as char)?;
                f.write_char('>')?;
            }
        }
        rest = &rest[1..];
    }
    Ok(())
}
