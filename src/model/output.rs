//! What a lane gives back: finished documents as bytes, in order, each with its key.
//!
//! All documents stand in one buffer, each ended by a newline, so that `replay` can write the buffer
//! as it is and the daemon can hand each slice to the producer without a copy in between.

use std::ops::Range;

use super::{Kind, Reject};

/// Where an output goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputKind {
    Event(Kind),
    /// The input as it came, with the reason.
    DeadLetter(Reject),
}

#[derive(Clone, Debug)]
struct Item {
    kind: OutputKind,
    key: Range<usize>,
    value: Range<usize>,
    offset: i64,
}

/// One finished output, borrowed from [`Outputs`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Output<'a> {
    pub kind: OutputKind,
    /// The host (empty where none is known).
    pub key: &'a [u8],
    /// The document without its newline; for a dead letter the input, byte for byte.
    pub value: &'a [u8],
    /// Dead letter: offset of the input record that it came in.
    pub offset: i64,
}

/// More memory than this is not kept for the next step: few make so much at once.
const MOST_KEPT: usize = 4 << 20;

/// The outputs of one or more steps, in order. Reused: [`Outputs::clear`] keeps the memory.
#[derive(Debug, Default)]
pub struct Outputs {
    documents: Vec<u8>,
    /// Dead letters stand apart from the documents: they are bytes of others, of any form.
    rejected: Vec<u8>,
    keys: Vec<u8>,
    items: Vec<Item>,
}

impl Outputs {
    pub fn new() -> Outputs {
        Outputs::default()
    }

    pub fn clear(&mut self) {
        for bytes in [&mut self.documents, &mut self.rejected] {
            bytes.clear();
            bytes.shrink_to(MOST_KEPT);
        }
        self.keys.clear();
        self.items.clear();
    }

    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Bytes held, to bound a batch.
    pub fn bytes(&self) -> usize {
        self.documents.len() + self.rejected.len() + self.keys.len()
    }

    /// All documents (not the dead letters), one a line.
    pub fn ndjson(&self) -> &[u8] {
        &self.documents
    }

    /// Adds one document: `write` appends it to the buffer, without a newline.
    pub fn document(&mut self, kind: Kind, key: &[u8], write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.documents.len();
        write(&mut self.documents);
        let value = start..self.documents.len();
        self.documents.push(b'\n');
        self.push(OutputKind::Event(kind), key, value, 0);
    }

    /// Adds one dead letter.
    pub fn dead_letter(&mut self, reason: Reject, key: &[u8], bytes: &[u8], offset: i64) {
        let start = self.rejected.len();
        self.rejected.extend_from_slice(bytes);
        let value = start..self.rejected.len();
        self.push(OutputKind::DeadLetter(reason), key, value, offset);
    }

    pub fn iter(&self) -> impl Iterator<Item = Output<'_>> {
        self.items.iter().map(|item| Output {
            kind: item.kind,
            key: &self.keys[item.key.clone()],
            value: match item.kind {
                OutputKind::Event(_) => &self.documents[item.value.clone()],
                OutputKind::DeadLetter(_) => &self.rejected[item.value.clone()],
            },
            offset: item.offset,
        })
    }

    fn push(&mut self, kind: OutputKind, key: &[u8], value: Range<usize>, offset: i64) {
        // Neighbours mostly share their host.
        let key = match self.items.last() {
            Some(last) if key.is_empty() && last.key.is_empty() => 0..0,
            Some(last) if !key.is_empty() && &self.keys[last.key.clone()] == key => {
                last.key.clone()
            }
            _ => {
                let start = self.keys.len();
                self.keys.extend_from_slice(key);
                start..self.keys.len()
            }
        };
        self.items.push(Item {
            kind,
            key,
            value,
            offset,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_come_back_in_order_with_their_keys() {
        let mut out = Outputs::new();
        out.document(Kind::Process, b"web01", |b| b.extend_from_slice(b"{1}"));
        out.dead_letter(Reject::NotAudit, b"web01", b"junk\n\xff", 7);
        out.document(Kind::Alert, b"db01", |b| b.extend_from_slice(b"{2}"));
        let all: Vec<_> = out.iter().collect();
        assert_eq!(all[0].value, b"{1}");
        assert_eq!(all[1].value, b"junk\n\xff");
        assert_eq!((all[1].key, all[1].offset), (b"web01".as_slice(), 7));
        assert_eq!(
            (all[2].key, all[2].value),
            (b"db01".as_slice(), b"{2}".as_slice())
        );
        assert_eq!(out.ndjson(), b"{1}\n{2}\n");
        out.clear();
        assert!(out.is_empty() && out.bytes() == 0);
    }
}
