//! A map that can say which of its keys changed since it was asked last.
//!
//! Place in the flow: the state of a lane that is saved key by key stands in such maps. A change costs a
//! mark; nothing is serialised and nothing compared before somebody asks. What came and went between two
//! questions is not told: nobody has it. Where nobody ever asks ([`Tracked::track`]), there are no marks.
//! It knows what it weighs, too, by what comes and goes and not by looking.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hash};
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::weight::{self, Weigh};

/// By what a map may be tracked.
pub trait MapKey: Ord + Hash + Copy {}

impl<K: Ord + Hash + Copy> MapKey for K {}

/// What may be tracked.
pub trait Map<K, V>: Default {
    fn get(&self, key: &K) -> Option<&V>;
    fn get_mut(&mut self, key: &K) -> Option<&mut V>;
    fn insert(&mut self, key: K, value: V) -> Option<V>;
    fn remove(&mut self, key: &K) -> Option<V>;
    /// Removes it where that is asked for of the value.
    fn remove_if(&mut self, key: &K, goes: impl FnOnce(&V) -> bool) -> Option<V> {
        match self.get(key).is_some_and(goes) {
            true => self.remove(key),
            false => None,
        }
    }
    /// What a map with so many entries weighs, beside what they point to.
    fn weight(entries: usize) -> usize;
    /// Gives memory back where little of it is used.
    fn shrink(&mut self);
    fn len(&self) -> usize;
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    fn iter<'m>(&'m self) -> impl Iterator<Item = (&'m K, &'m V)>
    where
        K: 'm,
        V: 'm;
}

macro_rules! map {
    () => {
        fn get(&self, key: &K) -> Option<&V> {
            self.get(key)
        }
        fn get_mut(&mut self, key: &K) -> Option<&mut V> {
            self.get_mut(key)
        }
        fn insert(&mut self, key: K, value: V) -> Option<V> {
            self.insert(key, value)
        }
        fn remove(&mut self, key: &K) -> Option<V> {
            self.remove(key)
        }
        fn len(&self) -> usize {
            self.len()
        }
        fn iter<'m>(&'m self) -> impl Iterator<Item = (&'m K, &'m V)>
        where
            K: 'm,
            V: 'm,
        {
            self.iter()
        }
    };
}

impl<K: Ord, V> Map<K, V> for BTreeMap<K, V> {
    map!();

    fn weight(entries: usize) -> usize {
        weight::tree(entries, size_of::<(K, V)>())
    }

    fn shrink(&mut self) {}
}

/// For what is looked up often, and whose order nobody sees.
impl<K: Hash + Eq, V, S: BuildHasher + Default> Map<K, V> for HashMap<K, V, S> {
    map!();

    fn weight(entries: usize) -> usize {
        weight::table(entries, size_of::<(K, V)>())
    }

    fn shrink(&mut self) {
        if self.capacity() > SMALL && self.len() < self.capacity() / 8 {
            self.shrink_to(self.len() * 2);
        }
    }
}

/// A table with no more places is kept.
pub(super) const SMALL: usize = 64;

#[derive(Clone, Debug)]
pub struct Tracked<K, V, M = BTreeMap<K, V>> {
    map: M,
    /// Bytes of all of it; and of these the map's own, beside what the values point to.
    weight: usize,
    own: usize,
    /// Keys touched since the last question, and whether each was there then. `None`: nobody asks.
    touched: Option<HashMap<K, bool, FixedState>>,
    values: PhantomData<V>,
}

/// A value that is being changed: its map weighs it anew when it is let go.
pub struct Held<'m, V: Weigh> {
    value: &'m mut V,
    /// Of the map, without this value.
    weight: &'m mut usize,
}

impl<V: Weigh> Deref for Held<'_, V> {
    type Target = V;

    #[inline]
    fn deref(&self) -> &V {
        self.value
    }
}

impl<V: Weigh> DerefMut for Held<'_, V> {
    #[inline]
    fn deref_mut(&mut self) -> &mut V {
        self.value
    }
}

impl<V: Weigh> Drop for Held<'_, V> {
    #[inline]
    fn drop(&mut self) {
        *self.weight += self.value.heap();
    }
}

impl<K: MapKey, V: Weigh, M: Map<K, V>> Tracked<K, V, M> {
    /// From now on changes are marked. What is here already counts as told.
    pub fn track(&mut self) {
        self.touched = Some(HashMap::default());
    }

    pub fn get(&self, key: &K) -> Option<&V> {
        self.map.get(key)
    }

    /// For changing it: it counts as changed.
    #[inline]
    pub fn get_mut(&mut self, key: &K) -> Option<Held<'_, V>> {
        let value = self.map.get_mut(key)?;
        if let Some(touched) = &mut self.touched {
            touched.entry(*key).or_insert(true);
        }
        let weight = &mut self.weight;
        *weight -= value.heap();
        Some(Held { value, weight })
    }

    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.weight += value.heap();
        let old = self.map.insert(key, value);
        match &old {
            Some(old) => self.weight -= old.heap(),
            None => self.weigh_map(),
        }
        self.touch(key, old.is_some());
        old
    }

    pub fn remove(&mut self, key: &K) -> Option<V> {
        self.remove_if(key, |_| true)
    }

    /// Removes it where that is asked for of the value.
    #[inline]
    pub fn remove_if(&mut self, key: &K, goes: impl FnOnce(&V) -> bool) -> Option<V> {
        let old = self.map.remove_if(key, goes)?;
        self.weight -= old.heap();
        self.map.shrink();
        self.weigh_map();
        self.touch(*key, true);
        Some(old)
    }

    /// Bytes of all of it.
    #[inline]
    pub fn weight(&self) -> usize {
        self.weight
    }

    /// The same, reckoned from the values.
    pub fn weigh_anew(&self) -> usize {
        self.values().map(V::heap).sum::<usize>() + M::weight(self.map.len())
    }

    /// Empties it.
    pub fn take(&mut self) -> M {
        let all = std::mem::take(&mut self.map);
        (self.weight, self.own) = (0, 0);
        all.iter().for_each(|(key, _)| self.touch(*key, true));
        all
    }

    pub fn contains_key(&self, key: &K) -> bool {
        self.map.get(key).is_some()
    }

    pub fn len(&self) -> usize {
        self.map.len()
    }

    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.map.iter().map(|(_, value)| value)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.map.iter()
    }

    /// Puts back what was saved: no change.
    pub fn restore(&mut self, key: K, value: V) {
        self.weight += value.heap();
        let old = self.map.insert(key, value);
        self.weight -= old.as_ref().map_or(0, V::heap);
        self.weigh_map();
    }

    /// Tells every key that changed since the last question, in order, with its value; none: it is gone.
    pub fn changes(&mut self, mut each: impl FnMut(K, Option<&V>)) {
        let touched = self.touched.iter_mut().flat_map(HashMap::drain);
        let mut touched: Vec<(K, bool)> = touched.collect();
        touched.sort_unstable();
        if let Some(marks) = &mut self.touched {
            Map::shrink(marks);
        }
        for (key, was_there) in touched {
            let value = self.map.get(&key);
            if was_there || value.is_some() {
                each(key, value);
            }
        }
    }

    /// Whether there may be changes to tell.
    pub fn is_touched(&self) -> bool {
        self.touched
            .as_ref()
            .is_some_and(|touched| !touched.is_empty())
    }

    /// Every key that somebody who asked has: all of these are to be forgotten with the map.
    pub fn told(&self) -> impl Iterator<Item = K> {
        let touched = self.touched.iter().flatten();
        let told_and_touched = touched.clone().filter(|(_, was_there)| **was_there);
        let keys = self.map.iter().map(|(key, _)| key);
        let untouched = keys.filter(|key| {
            let touched = self.touched.as_ref();
            touched.is_none_or(|touched| !touched.contains_key(*key))
        });
        told_and_touched
            .map(|(key, _)| *key)
            .chain(untouched.copied())
    }

    /// It has more entries, or fewer.
    #[inline]
    fn weigh_map(&mut self) {
        let own = M::weight(self.map.len());
        self.weight = self.weight - self.own + own;
        self.own = own;
    }

    fn touch(&mut self, key: K, was_there: bool) {
        if let Some(touched) = &mut self.touched {
            touched.entry(key).or_insert(was_there);
        }
    }
}

impl<K: MapKey, V, M: PartialEq> PartialEq for Tracked<K, V, M> {
    fn eq(&self, other: &Tracked<K, V, M>) -> bool {
        self.map == other.map && self.touched == other.touched
    }
}

impl<K: MapKey, V, M: Eq> Eq for Tracked<K, V, M> {}

impl<K, V, M: Default> Default for Tracked<K, V, M> {
    fn default() -> Tracked<K, V, M> {
        Tracked {
            map: M::default(),
            weight: 0,
            own: 0,
            touched: None,
            values: PhantomData,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Text = Box<[u8]>;

    fn text(bytes: u8) -> Text {
        vec![bytes; bytes.into()].into()
    }

    fn told(map: &Tracked<u8, Text>) -> Vec<u8> {
        let mut all: Vec<u8> = map.told().collect();
        all.sort_unstable();
        all
    }

    fn asked(map: &mut Tracked<u8, Text>) -> Vec<(u8, Option<u8>)> {
        let mut all = Vec::new();
        map.changes(|key, value| all.push((key, value.map(|value| value.len() as u8))));
        all
    }

    #[test]
    fn only_what_changed_is_told_and_what_came_and_went_is_not() {
        let mut map = Tracked::<u8, Text>::default();
        map.insert(9, text(9));
        map.track();
        map.insert(1, text(10));
        map.insert(2, text(20));
        map.remove(&2);
        map.remove(&3);
        assert_eq!(asked(&mut map), [(1, Some(10))]);
        assert_eq!(asked(&mut map), []);
        *map.get_mut(&1).unwrap() = text(11);
        map.remove(&9);
        assert_eq!(told(&map), [1, 9]);
        assert_eq!(asked(&mut map), [(1, Some(11)), (9, None)]);
        map.remove(&1);
        map.insert(1, text(12));
        map.insert(4, text(1));
        assert_eq!(told(&map), [1]);
        map.take();
        assert_eq!(asked(&mut map), [(1, None)]);
    }

    proptest::proptest! {
        /// Whoever takes over what is told has the map, and never a key to remove that they have not. What it weighs
        /// is known without a look at it.
        #[test]
        fn a_follower_has_the_same(steps in proptest::collection::vec((0u8..4, 0u8..6, 0u8..90), 0..200)) {
            let (mut map, mut follower) = (Tracked::<u8, Text>::default(), BTreeMap::new());
            map.track();
            for (what, key, value) in steps {
                proptest::prop_assert_eq!(map.weight(), map.weigh_anew());
                match what {
                    0 => { map.insert(key, text(value)); }
                    1 => { map.remove(&key); }
                    2 => { if let Some(mut known) = map.get_mut(&key) { *known = text(value); } }
                    _ => {
                        let told: std::collections::BTreeSet<u8> = map.told().collect();
                        proptest::prop_assert_eq!(told, follower.keys().copied().collect());
                        let mut unknown = None;
                        map.changes(|key, value| match value {
                            Some(value) => { follower.insert(key, value.clone()); }
                            None => if follower.remove(&key).is_none() { unknown = Some(key); }
                        });
                        proptest::prop_assert_eq!(unknown, None);
                        proptest::prop_assert_eq!(&map.map, &follower);
                    }
                }
            }
        }
    }
}
