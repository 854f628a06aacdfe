//! The fields that records mostly have, in the order in which they mostly come.
//!
//! Place in the flow: [`super::opened`] asks here, field by field, whether the next is one of these; what is
//! known of a name beforehand is not found out again. It refuses to read a record whose fields stand
//! otherwise: that is read by its names.

use crate::model::audit::USUAL;

use super::fields::{Field, Fields, word};
use super::keys as key;
use super::opened::is_encoded;
use super::record_types::RecordType;

/// A name, ready to be compared with sixteen bytes of text.
#[derive(Clone, Copy)]
struct Name {
    /// With the `=` behind it.
    text: u128,
    mask: u128,
    len: usize,
    word: u64,
    /// Its value may be hex.
    is_encoded: bool,
}

impl Name {
    const fn of(name: &str) -> Name {
        let (name, mut text, mut i) = (name.as_bytes(), 0, 0);
        assert!(name.len() < 16);
        while i < name.len() {
            text |= (name[i] as u128) << (8 * i);
            i += 1;
        }
        Name {
            text: text | (b'=' as u128) << (8 * i),
            mask: u128::MAX >> (8 * (15 - i)),
            len: name.len(),
            word: word(name),
            // No name of these is an argument.
            is_encoded: is_encoded(RecordType::OTHER, name, word(name)),
        }
    }

    /// Whether a text begins with this name and `=`.
    #[inline(always)]
    fn begins(&self, text: u128) -> bool {
        text & self.mask == self.text
    }
}

const NAMES: [Name; USUAL.len()] = {
    let (mut names, mut i) = ([Name::of(""); USUAL.len()], 0);
    while i < names.len() {
        names[i] = Name::of(USUAL[i]);
        i += 1;
    }
    names
};

/// What of [`USUAL`] may come next in a record.
#[derive(Clone, Copy, Debug)]
pub struct Usual {
    next: usize,
    end: usize,
}

impl Usual {
    pub fn of(kind: RecordType) -> Usual {
        let (next, end) = match kind {
            RecordType::SYSCALL => (0, 15),
            RecordType::PATH => (15, 32),
            RecordType::LOGIN => (54, 66),
            RecordType::CWD => (66, 67),
            RecordType::PROCTITLE => (67, 68),
            RecordType::SOCKADDR => (68, 69),
            // include/uapi/linux/audit.h: 1100–1199 of programs, 2100–2999 of programs too.
            kind if matches!(kind.number(), Some(1100..=1199 | 2100..=2999)) => (32, 54),
            _ => (0, 0),
        };
        Usual { next, end }
    }

    /// The next field and the place of its name, where it is one of those that may come. Once it is not,
    /// none is any more.
    #[inline(always)]
    pub fn field<'a>(&mut self, fields: &mut Fields<'a>) -> Option<(Field<'a>, usize)> {
        let text = match self.next < self.end {
            true => fields.next_sixteen().unwrap_or_default(),
            false => return None,
        };
        let names = NAMES[self.next..self.end].iter();
        for (at, name) in (self.next..).zip(names) {
            if name.begins(text) {
                let field = fields.named(name.len, name.word);
                // Of a message those within come next.
                let goes_on = field.is_some() || name.word == key::MSG;
                self.next = if goes_on { at + 1 } else { self.end };
                return Some((field?, at));
            }
        }
        self.next = self.end;
        None
    }
}

/// Whether the value of the field at this place of [`USUAL`] may be hex.
#[inline(always)]
pub fn may_be_hex(at: usize) -> bool {
    NAMES[at].is_encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_one_record_differ() {
        for kind in [
            RecordType::SYSCALL,
            RecordType::PATH,
            RecordType::LOGIN,
            RecordType::USER_AUTH,
            RecordType::CWD,
            RecordType::PROCTITLE,
            RecordType::SOCKADDR,
        ] {
            let Usual { next, end } = Usual::of(kind);
            let names = &USUAL[next..end];
            assert!(!names.is_empty() && !names.contains(&"type"));
            for (i, name) in names.iter().enumerate() {
                assert!(!names[..i].contains(name), "{name} of {kind:?}");
            }
        }
        let ends = (
            Usual::of(RecordType::SOCKADDR).end,
            Usual::of(RecordType::EOE).end,
        );
        assert_eq!(ends, (USUAL.len(), 0));
    }

    #[test]
    fn a_field_in_its_place_is_known_and_another_ends_it() {
        let body = b"item=0 inode=7 name=\"/x\" dev=08:01                ";
        let (mut fields, mut usual) = (Fields::new(body), Usual::of(RecordType::PATH));
        let mut next = || {
            let (field, at) = usual.field(&mut fields)?;
            Some((field.key, field.raw.text(), USUAL[at]))
        };
        assert_eq!(next(), Some((b"item".as_slice(), b"0".as_slice(), "item")));
        assert_eq!(
            next(),
            Some((b"inode".as_slice(), b"7".as_slice(), "inode"))
        );
        assert_eq!(next(), None, "name comes before inode");
        assert_eq!(next(), None, "and dev is not looked for any more");
        assert_eq!(
            fields.next().map(|field| field.key),
            Some(b"name".as_slice())
        );
    }
}
