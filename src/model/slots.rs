//! A map whose entries stand side by side, found by a table of their places.
//!
//! Place in the flow: what a host has hundreds of, up to a bound. A hash table that holds its entries itself and
//! is full to its bound doubles when one goes and another comes, for the places of the gone count as used until then. Here
//! only the table of places does, five bytes for each. Nobody sees the order.

use std::hash::{BuildHasher, Hash};

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::tracked::{Map, SMALL};

#[derive(Clone, Debug)]
pub struct Slots<K, V> {
    places: HashTable<u32>,
    entries: Vec<(K, V)>,
    /// Places of entries that are gone.
    free: Vec<u32>,
    hasher: FixedState,
}

/// A list of more entries grows by so many, or by an eighth: where thousands of hosts grow together, memory that
/// doubles is memory that is not there.
const STEP: usize = 64;

/// The room that a list of so many entries has.
#[inline]
const fn room(entries: usize) -> usize {
    match entries {
        0 => 0,
        1..=STEP => entries.next_power_of_two(),
        _ => (entries + entries / 8 / STEP * STEP).next_multiple_of(STEP),
    }
}

impl<K: Hash + Eq, V> Slots<K, V> {
    fn make_room(&mut self) {
        let many = self.entries.len();
        if many == self.entries.capacity() {
            self.entries.reserve_exact(room(many + 1) - many);
        }
    }

    #[inline]
    fn find(&self, key: &K) -> Option<usize> {
        let is_it = |at: &u32| self.entries[*at as usize].0 == *key;
        let place = self.places.find(self.hasher.hash_one(key), is_it)?;
        Some(*place as usize)
    }
}

impl<K: Hash + Eq + Copy, V: Default> Map<K, V> for Slots<K, V> {
    #[inline]
    fn get(&self, key: &K) -> Option<&V> {
        self.find(key).map(|at| &self.entries[at].1)
    }

    #[inline]
    fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.find(key).map(|at| &mut self.entries[at].1)
    }

    fn insert(&mut self, key: K, value: V) -> Option<V> {
        let entries = &self.entries;
        let hash_of = |at: &u32| self.hasher.hash_one(entries[*at as usize].0);
        let is_it = |at: &u32| entries[*at as usize].0 == key;
        let hash = self.hasher.hash_one(key);
        match self.places.entry(hash, is_it, hash_of) {
            Entry::Occupied(place) => {
                let at = *place.get() as usize;
                return Some(std::mem::replace(&mut self.entries[at].1, value));
            }
            Entry::Vacant(place) => {
                let free = self.free.last().copied();
                place.insert(free.unwrap_or(entries.len() as u32));
            }
        }
        match self.free.pop() {
            Some(at) => self.entries[at as usize] = (key, value),
            None => {
                self.make_room();
                self.entries.push((key, value));
            }
        }
        None
    }

    fn remove(&mut self, key: &K) -> Option<V> {
        self.remove_if(key, |_| true)
    }

    #[inline]
    fn remove_if(&mut self, key: &K, goes: impl FnOnce(&V) -> bool) -> Option<V> {
        let entries = &self.entries;
        let is_it = |at: &u32| entries[*at as usize].0 == *key;
        let hash = self.hasher.hash_one(key);
        let place = self.places.find_entry(hash, is_it).ok()?;
        if !goes(&entries[*place.get() as usize].1) {
            return None;
        }
        let (at, _) = place.remove();
        self.free.push(at);
        Some(std::mem::take(&mut self.entries[at as usize].1))
    }

    fn len(&self) -> usize {
        self.places.len()
    }

    fn iter<'m>(&'m self) -> impl Iterator<Item = (&'m K, &'m V)>
    where
        K: 'm,
        V: 'm,
    {
        let entries = self.places.iter().map(|at| &self.entries[*at as usize]);
        entries.map(|(key, value)| (key, value))
    }

    #[inline]
    fn weight(entries: usize) -> usize {
        if entries == 0 {
            return 0;
        }
        // As many places as the next power of two are too few for a table that is never full: it has twice as many.
        room(entries) * size_of::<(K, V)>()
            + 2 * entries.next_power_of_two() * (size_of::<u32>() + 1)
    }

    fn shrink(&mut self) {
        let (entries, left) = (self.entries.len(), self.places.len());
        if entries > SMALL && left < entries / 8 {
            let mut all = std::mem::take(self);
            for at in all.places.drain() {
                let (key, value) = &mut all.entries[at as usize];
                self.insert(*key, std::mem::take(value));
            }
        }
    }
}

impl<K, V> Default for Slots<K, V> {
    fn default() -> Slots<K, V> {
        Slots {
            places: HashTable::new(),
            entries: Vec::new(),
            free: Vec::new(),
            hasher: FixedState::default(),
        }
    }
}

impl<K: Hash + Eq + Copy, V: PartialEq + Default> PartialEq for Slots<K, V> {
    fn eq(&self, other: &Slots<K, V>) -> bool {
        let mut all = self.iter();
        self.len() == other.len() && all.all(|(key, value)| other.get(key) == Some(value))
    }
}

impl<K: Hash + Eq + Copy, V: Eq + Default> Eq for Slots<K, V> {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    proptest::proptest! {
        #[test]
        fn it_is_a_map(steps in proptest::collection::vec((0u8..3, 0u16..300, 0u8..9), 0..900)) {
            let (mut slots, mut map) = (Slots::<u16, u8>::default(), BTreeMap::new());
            for (what, key, value) in steps {
                match what {
                    0 => proptest::prop_assert_eq!(slots.insert(key, value), map.insert(key, value)),
                    1 => {
                        // Many go, so that it shrinks.
                        for key in key..key + 150 {
                            proptest::prop_assert_eq!(Map::remove(&mut slots, &key), map.remove(&key));
                            Map::shrink(&mut slots);
                        }
                    }
                    _ => proptest::prop_assert_eq!(slots.get_mut(&key), map.get_mut(&key)),
                }
                let mut all: Vec<(&u16, &u8)> = slots.iter().collect();
                all.sort();
                proptest::prop_assert!(all.into_iter().eq(&map));
            }
        }
    }

    #[test]
    fn one_in_one_out_at_the_bound_takes_no_more() {
        let mut slots = Slots::<u32, [u64; 7]>::default();
        for n in 0..20_000 {
            if n >= 448 {
                assert!(Map::remove(&mut slots, &(n - 448)).is_some());
            }
            slots.insert(n, [0; 7]);
            let places = slots.places.allocation_size();
            let taken = slots.entries.capacity() * size_of::<(u32, [u64; 7])>() + places;
            let reckoned = <Slots<u32, [u64; 7]> as Map<_, _>>::weight(slots.len());
            assert!(n < 8 || taken <= reckoned + 64, "{n}: {taken} {reckoned}");
        }
    }
}
