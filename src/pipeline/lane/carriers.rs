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
type Node = Option<Box<[u8]>>;

#[derive(Default)]
pub struct Carriers {
    by_name: HashMap<Box<[u8]>, Node, FixedState>,
}

impl Carriers {
    /// A line of this carrier names this node. Beyond `most` carriers nothing new is learned.
    pub fn names(&mut self, carrier: &[u8], node: &[u8], most: usize) {
        let is_full = self.by_name.len() >= most;
        match self.by_name.get_mut(carrier) {
            Some(known) if known.as_deref() == Some(node) => {}
            Some(known) => *known = None,
            None if is_full => {}
            None => {
                self.by_name.insert(carrier.into(), Some(node.into()));
            }
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

    pub fn save(&self) -> Vec<(&[u8], Option<&[u8]>)> {
        let all = self.by_name.iter();
        all.map(|(carrier, node)| (&**carrier, node.as_deref()))
            .collect()
    }

    pub fn restore(saved: Vec<(Box<[u8]>, Node)>) -> Carriers {
        Carriers {
            by_name: saved.into_iter().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_carrier_of_several_nodes_is_a_relay() {
        let mut carriers = Carriers::default();
        assert_eq!(carriers.node(b"c"), None);
        carriers.names(b"c", b"a", 1);
        carriers.names(b"c", b"a", 1);
        assert_eq!(carriers.node(b"c"), Some(b"a".as_slice()));
        carriers.names(b"d", b"a", 1);
        assert_eq!(carriers.node(b"d"), None, "beyond the bound");
        carriers.names(b"c", b"b", 1);
        carriers.names(b"c", b"a", 1);
        assert_eq!(carriers.node(b"c"), None);
        assert_eq!(carriers.save(), [(b"c".as_slice(), None)]);
    }
}
