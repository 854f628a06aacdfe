//! Which node the lines of a carrier name, so that records of one event that do and do not carry
//! `node=` meet.
//!
//! A carrier is what names the host where a line does not: the envelope's host, the header, the key.
//! One whose lines name a single node is that machine by another name; one whose lines name several
//! is a relay, and what it brings without a name is its own. It refuses to guess by the carrier alone:
//! a record without a name goes to the node only where that has an event of the same stamp.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

/// The node that the lines of a carrier name; `None`: they name several.
pub type Node = Option<Box<[u8]>>;

#[derive(Default)]
pub struct Carriers {
    by_name: HashMap<Box<[u8]>, Node, FixedState>,
    /// Carriers that changed since the last question; `None`: nobody asks. Few: one changes twice at most.
    touched: Option<Vec<Box<[u8]>>>,
}

impl Carriers {
    /// A line of this carrier names this node. Beyond `most` carriers nothing new is learned.
    pub fn names(&mut self, carrier: &[u8], node: &[u8], most: usize) {
        let is_full = self.by_name.len() >= most;
        match self.by_name.get_mut(carrier) {
            Some(known) if known.as_deref() == Some(node) => {}
            Some(None) => {}
            Some(known) => {
                *known = None;
                self.touch(carrier);
            }
            None if is_full => {}
            None => {
                self.by_name.insert(carrier.into(), Some(node.into()));
                self.touch(carrier);
            }
        }
    }

    fn touch(&mut self, carrier: &[u8]) {
        if let Some(touched) = &mut self.touched {
            touched.push(carrier.into());
        }
    }

    /// From now on changes are marked.
    pub fn track(&mut self) {
        self.touched = Some(Vec::new());
    }

    /// Tells what changed since the last question; a carrier is never forgotten.
    pub fn changes(&mut self, mut each: impl FnMut(&[u8], Option<&[u8]>)) {
        let mut touched = self
            .touched
            .as_mut()
            .map(std::mem::take)
            .unwrap_or_default();
        touched.sort_unstable();
        touched.dedup();
        for carrier in touched {
            each(&carrier, self.node(&carrier));
        }
    }

    /// No line has named a node beside its carrier.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// The one node that the lines of a carrier name.
    pub fn node(&self, carrier: &[u8]) -> Option<&[u8]> {
        self.by_name.get(carrier)?.as_deref()
    }

    /// Puts back what was saved.
    pub fn restore(&mut self, carrier: Box<[u8]>, node: Node) {
        self.by_name.insert(carrier, node);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_carrier_of_several_nodes_is_a_relay() {
        let mut carriers = Carriers::default();
        carriers.track();
        assert_eq!(carriers.node(b"c"), None);
        carriers.names(b"c", b"a", 1);
        carriers.names(b"c", b"a", 1);
        assert_eq!(carriers.node(b"c"), Some(b"a".as_slice()));
        carriers.names(b"d", b"a", 1);
        assert_eq!(carriers.node(b"d"), None, "beyond the bound");
        carriers.names(b"c", b"b", 1);
        carriers.names(b"c", b"a", 1);
        assert_eq!(carriers.node(b"c"), None);
        let mut changes = Vec::new();
        carriers
            .changes(|carrier, node| changes.push((carrier.to_vec(), node.map(<[u8]>::to_vec))));
        assert_eq!(changes, [(b"c".to_vec(), None)]);
        carriers.names(b"c", b"d", 1);
        carriers.changes(|_, _| panic!("nothing has changed"));
    }
}
