//! The arguments of an EXECVE record that has all of them in order, as nearly every one does.
//!
//! Place in the flow: [`super::execve`] asks here first, and reads field by field what is otherwise. The
//! arguments are written one behind the other with one space between, so that the whole command line
//! stands in memory too.

use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;

use crate::model::{Within, eight, hexadecimal, sixteen};

use super::execve::Arguments;

/// Bytes behind the last argument that may be written and read.
const ROOM: usize = 32;

/// `argc=N a0="…" a1=… …` and nothing else; `None` for anything else.
pub fn in_order<'b>(body: &[u8], bump: &'b Bump) -> Option<Arguments<'b>> {
    let rest = body.strip_prefix(b"argc=")?;
    let (promised, digits) = eight::number(rest, 0);
    if digits == 0 || digits == 8 {
        return None;
    }
    let text = bump.alloc_slice_fill_copy(body.len() + ROOM, b' ');
    let mut line = Line {
        body,
        at: body.len() - rest.len() + digits,
        text: &mut *text,
        end: 0,
    };
    // One is at least ` a0=""`.
    let most = (promised as usize).min(body.len() / 6);
    let mut lengths: BumpVec<'_, u32> = BumpVec::with_capacity_in(most, bump);
    while line.at < body.len() {
        let start = line.end;
        line.argument(lengths.len())?;
        lengths.push((line.end - start) as u32);
        // The space between.
        *line.text.get_mut(line.end)? = b' ';
        line.end += 1;
    }
    let (end, text) = (line.end.saturating_sub(1), &*text);
    let mut list = BumpVec::with_capacity_in(lengths.len(), bump);
    let mut at = 0;
    for &length in &lengths {
        let end = at + length as usize;
        list.push(&text[at..end]);
        at = end + 1;
    }
    Some(Arguments {
        missing: (promised as u32).saturating_sub(lengths.len() as u32),
        list: list.into_bump_slice(),
        joined: Some(Within::new(text, end)),
    })
}

/// The record on the left, what has been read of it on the right.
struct Line<'l> {
    body: &'l [u8],
    at: usize,
    text: &'l mut [u8],
    end: usize,
}

impl Line<'_> {
    /// Reads the argument of this number, where it is next.
    #[inline(always)]
    fn argument(&mut self, number: usize) -> Option<()> {
        let (name, length) = name(number)?;
        if eight::lowest(eight::load(self.body, self.at), length) != name {
            return None;
        }
        self.at += length;
        if self.body.get(self.at) == Some(&b'"') {
            self.at += 1;
            self.quoted()
        } else {
            self.hexadecimal()
        }
    }

    /// Up to the next quote.
    #[inline(always)]
    fn quoted(&mut self) -> Option<()> {
        loop {
            let bytes = sixteen::load(self.body.get(self.at..)?);
            *self.text.get_mut(self.end..)?.first_chunk_mut()? = bytes;
            let length = sixteen::before(sixteen::equal(bytes, b'"'));
            self.at += length;
            self.end += length;
            if length < 16 {
                self.at += 1;
                return Some(());
            }
        }
    }

    /// Up to the next space or the end.
    #[inline(always)]
    fn hexadecimal(&mut self) -> Option<()> {
        let start = self.at;
        loop {
            let digits = sixteen::load(self.body.get(self.at..)?);
            let (bytes, count) = hexadecimal::bytes(digits);
            *self.text.get_mut(self.end..)?.first_chunk_mut()? = bytes;
            self.at += count;
            self.end += count / 2;
            if count < 16 {
                let is_whole = count.is_multiple_of(2) && digits[count] == b' ' && self.at > start;
                return is_whole.then_some(());
            }
        }
    }
}

/// ` a12=`, the first in the lowest byte, and its length.
#[inline(always)]
fn name(number: usize) -> Option<(u64, usize)> {
    let digit = |value: usize, at: usize| (b'0' as u64 + value as u64) << (8 * at);
    let sign = |at: usize| (b'=' as u64) << (8 * at);
    let start = u64::from_le_bytes([b' ', b'a', 0, 0, 0, 0, 0, 0]);
    let (tens, hundreds) = (number / 10, number / 100);
    Some(match number {
        0..10 => (start | digit(number, 2) | sign(3), 4),
        10..100 => (start | digit(tens, 2) | digit(number % 10, 3) | sign(4), 5),
        100..1000 => {
            let last = digit(tens % 10, 3) | digit(number % 10, 4) | sign(5);
            (start | digit(hundreds, 2) | last, 6)
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_kernel() {
        for number in [0, 7, 10, 42, 99, 100, 305, 999] {
            let (word, length) = name(number).unwrap();
            let text = format!(" a{number}=");
            assert_eq!(&word.to_le_bytes()[..length], text.as_bytes());
            assert_eq!(length, text.len());
        }
        assert_eq!(name(1000), None);
    }

    #[test]
    fn what_is_not_in_order_is_left_to_others() {
        let bump = Bump::new();
        let read = |body: &[u8]| in_order(body, &bump).map(|read| read.list.concat());
        assert_eq!(read(b"argc=2 a0=\"sh\" a1=2D63"), Some(b"sh-c".to_vec()));
        for body in [
            &b"argc=2 a1=\"x\" a0=\"y\""[..],
            b"argc=1 a0=\"cut",
            b"argc=1 a0=",
            b"argc=1 a0=41424",
            b"argc=1 a0=(null)",
            b"argc=1 a0=4142\x1dX=1",
            b"argc=2 a0=\"x\" a1_len=4 a1[0]=4142",
        ] {
            assert_eq!(read(body), None, "{}", String::from_utf8_lossy(body));
        }
    }
}
