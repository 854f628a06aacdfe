//! A map whose entries stand side by side, found by a table of their places.
//!
//! Place in the flow: what a host has hundreds of, up to a bound. A hash table that holds its entries itself and
//! is full to its bound doubles when one goes and another comes, for the places of the gone count as used until then. Here
//! only the table of places does, five bytes for each. Nobody sees the order.
//!
//! It is told, and saved, in pages of [`PAGE`] places: who comes stands where one went before, so a new entry in the
//! place of an old one is one piece that changed, and several in a row are fewer than they are.

use std::hash::{BuildHasher, Hash};

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use serde::{Deserialize, Serialize};

use super::hashing::Hashing;
use super::tracked::{Map, MapKey, SMALL};

/// Places that are told as one. More are fewer records where much changes, and more bytes where little does.
pub const PAGE: usize = 4;

#[derive(Clone, Debug)]
pub struct Slots<K, V> {
    places: HashTable<u32>,
    entries: Vec<(K, V)>,
    /// Places of entries that are gone.
    free: Vec<u32>,
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
        let place = self.places.find(Hashing.hash_one(key), is_it)?;
        Some(*place as usize)
    }

    /// The place that a new entry gets.
    fn next(&self) -> usize {
        let end = self.entries.len();
        self.free.last().map_or(end, |place| *place as usize)
    }

    /// Gives a key this place, unless it has one: then that.
    #[inline]
    fn claim(&mut self, key: &K, place: usize) -> Option<usize> {
        let entries = &self.entries;
        let hash_of = |at: &u32| Hashing.hash_one(&entries[*at as usize].0);
        let is_it = |at: &u32| entries[*at as usize].0 == *key;
        match self.places.entry(Hashing.hash_one(key), is_it, hash_of) {
            Entry::Occupied(known) => Some(*known.get() as usize),
            Entry::Vacant(vacant) => {
                vacant.insert(place as u32);
                None
            }
        }
    }
}

/// An entry, with its place in its page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placed<K, V>(u8, K, V);

impl<K, V> Placed<K, V> {
    pub fn value(&mut self) -> &mut V {
        &mut self.2
    }
}

impl<K: MapKey, V: Serialize + Default> Slots<K, V> {
    /// Out of its pages, in any order; `None` where one says what no other can be beside.
    pub fn of_pages(pages: Vec<(u32, Vec<Placed<K, V>>)>) -> Option<Slots<K, V>>
    where
        K: Default,
    {
        let mut all = Slots::default();
        let many: usize = pages.iter().map(|(_, page)| page.len()).sum();
        for (page, entries) in pages {
            for Placed(at, key, value) in entries {
                let place = (page as usize) * PAGE + usize::from(at);
                // It would have shrunk.
                if usize::from(at) >= PAGE || place > SMALL + PAGE + 8 * many {
                    return None;
                }
                all.put(place, key, value)?;
            }
        }
        let is_free = |place: &usize| all.find(&all.entries[*place].0) != Some(*place);
        let free = (0..all.entries.len()).rev().filter(is_free);
        all.free = free.map(|place| place as u32).collect();
        Some(all)
    }

    fn page(&self, part: u32) -> impl Iterator<Item = Placed<K, &V>> {
        let first = part as usize * PAGE;
        let entries = self.entries.get(first..).unwrap_or_default();
        let entries = (0..).zip(entries.iter().take(PAGE));
        // A place whose entry is gone has its key still.
        let is_there = move |at: u8, key| self.find(key) == Some(first + usize::from(at));
        let there = entries.filter(move |(at, (key, _))| is_there(*at, key));
        there.map(|(at, (key, value))| Placed(at, *key, value))
    }

    /// `None` where the key is there already, or another at this place.
    fn put(&mut self, place: usize, key: K, value: V) -> Option<()>
    where
        K: Default,
    {
        while self.entries.len() <= place {
            self.make_room();
            self.entries.push((K::default(), V::default()));
        }
        let is_taken = self.find(&self.entries[place].0) == Some(place);
        if is_taken || self.claim(&key, place).is_some() {
            return None;
        }
        self.entries[place] = (key, value);
        Some(())
    }
}

impl<K: MapKey, V: Serialize + Default> Map<K, V> for Slots<K, V> {
    type Part = u32;
    type Piece<'m>
        = Vec<Placed<K, &'m V>>
    where
        K: 'm,
        V: 'm;

    #[inline]
    fn part_of(&self, key: &K) -> Option<u32> {
        self.find(key).map(|place| (place / PAGE) as u32)
    }

    fn part_for(&self, _: &K) -> u32 {
        (self.next() / PAGE) as u32
    }

    fn has_part(&self, part: u32) -> bool {
        self.page(part).next().is_some()
    }

    fn piece(&self, part: u32) -> Option<Vec<Placed<K, &V>>> {
        let page: Vec<_> = self.page(part).collect();
        (!page.is_empty()).then_some(page)
    }

    fn parts(&self) -> impl Iterator<Item = u32> {
        self.places.iter().map(|at| at / PAGE as u32)
    }

    #[inline]
    fn get(&self, key: &K) -> Option<&V> {
        self.find(key).map(|at| &self.entries[at].1)
    }

    #[inline]
    fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.find(key).map(|at| &mut self.entries[at].1)
    }

    fn insert(&mut self, key: K, value: V) -> Option<V> {
        if let Some(at) = self.claim(&key, self.next()) {
            return Some(std::mem::replace(&mut self.entries[at].1, value));
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
        let hash = Hashing.hash_one(key);
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

    fn shrink(&mut self, mut moves: impl FnMut(&Self, u32)) {
        let (entries, left) = (self.entries.len(), self.places.len());
        if entries > SMALL && left < entries / 8 {
            (0..entries.div_ceil(PAGE)).for_each(|part| moves(self, part as u32));
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
        }
    }
}

impl<K: MapKey, V: Serialize + PartialEq + Default> PartialEq for Slots<K, V> {
    fn eq(&self, other: &Slots<K, V>) -> bool {
        let mut all = self.iter();
        self.len() == other.len() && all.all(|(key, value)| other.get(key) == Some(value))
    }
}

impl<K: MapKey, V: Serialize + Eq + Default> Eq for Slots<K, V> {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// The fuzzer's: both were found at that place, and weighed as the one that stood there.
    #[test]
    fn two_at_one_place_are_refused() {
        let page = |second| vec![(1, vec![Placed(0, 7u32, 1u8), Placed(second, 8, 2)])];
        assert!(Slots::of_pages(page(1)).is_some());
        assert!(Slots::of_pages(page(0)).is_none());
    }

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
                            Map::shrink(&mut slots, |_, _| ());
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
