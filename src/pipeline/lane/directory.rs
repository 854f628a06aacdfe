//! Which host has a name.
//!
//! Place in the flow: each line that names its host is looked up here. The names stand side by side, apart from
//! all else that is known of a host: where hosts are many nothing else of them is in a cache. It refuses to know
//! what a name is of.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use smallvec::SmallVec;

/// Most names of hosts fit; with its length it is half a cache line.
type Name = SmallVec<[u8; 23]>;

/// Names, and the place of each.
#[derive(Default)]
pub struct Directory {
    names: Vec<Name>,
    places: HashTable<u32>,
    hasher: FixedState,
}

impl Directory {
    #[inline]
    pub fn find(&self, name: &[u8]) -> Option<usize> {
        let is_it = |place: &u32| self.is(*place as usize, name);
        let place = self.places.find(self.hasher.hash_one(name), is_it)?;
        Some(*place as usize)
    }

    /// Whether this place has the name.
    #[inline]
    pub fn is(&self, place: usize, name: &[u8]) -> bool {
        self.names.get(place).is_some_and(|known| same(known, name))
    }

    /// Gives the next place to a name that has none.
    pub fn add(&mut self, name: &[u8]) -> usize {
        let place = self.names.len();
        self.names.push(Name::from_slice(name));
        self.enter(place);
        place
    }

    fn enter(&mut self, place: usize) {
        let (names, hasher, place) = (&self.names, &self.hasher, place as u32);
        let hash = |place: &u32| hasher.hash_one(&*names[*place as usize]);
        self.places.insert_unique(hash(&place), place, hash);
    }

    /// Takes names away; who stood behind them moves up. The places are in their order.
    pub fn remove(&mut self, places: &[usize]) {
        take_out(&mut self.names, places);
        self.places.clear();
        (0..self.names.len()).for_each(|place| self.enter(place));
    }
}

/// Takes places out of a list that has one for each host; who stood behind them moves up. They are in their order.
pub fn take_out<T>(all: &mut Vec<T>, places: &[usize]) {
    let mut at = 0;
    all.retain(|_| {
        at += 1;
        places.binary_search(&(at - 1)).is_err()
    });
}

/// Compares names. An empty one points nowhere, and there memcmp of glibc costs a hundred nanoseconds: its
/// masked load of no bytes faults, and the processor mends that in microcode.
#[inline]
pub fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && (a.is_empty() || a == b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_where_it_stands_also_after_others_went() {
        let mut directory = Directory::default();
        let names: Vec<String> = (0..500)
            .map(|i| format!("{}{i}", "long-".repeat(i % 9)))
            .collect();
        for (place, name) in names.iter().enumerate() {
            assert_eq!(directory.find(name.as_bytes()), None);
            assert_eq!(directory.add(name.as_bytes()), place);
        }
        let gone: Vec<usize> = (0..500).filter(|i| i % 3 == 0).collect();
        directory.remove(&gone);
        let mut place = 0;
        for (i, name) in names.iter().enumerate() {
            let is_there = i % 3 != 0;
            assert_eq!(directory.find(name.as_bytes()), is_there.then_some(place));
            assert!(!is_there || directory.is(place, name.as_bytes()));
            place += is_there as usize;
        }
        assert_eq!(directory.find(b""), None);
        assert_eq!(directory.add(b""), place);
        assert_eq!(directory.find(b""), Some(place));
    }
}
