//! A map that can say which of its parts changed since it was asked last.
//!
//! Place in the flow: the state of a lane that is saved piece by piece stands in such maps. What is told as one is
//! the map's to say: an entry, or a page of some ([`slots`](super::slots)). A change costs a
//! mark; nothing is serialised and nothing compared before somebody asks. What came and went between two
//! questions is not told: nobody has it. Where nobody ever asks ([`Tracked::track`]), there are no marks.
//! It knows what it weighs, too, by what comes and goes and not by looking.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, Hash};
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use hashbrown::HashMap;
use serde::Serialize;

use super::hashing::Hashing;
use super::weight::{self, Weigh};

/// By what a map may be tracked.
pub trait MapKey: Ord + Hash + Copy + Serialize {}

impl<K: Ord + Hash + Copy + Serialize> MapKey for K {}

/// What may be tracked.
pub trait Map<K, V: Serialize>: Default {
    /// Names what is told as one.
    type Part: MapKey;
    /// What is told of a part that is there.
    type Piece<'m>: Serialize
    where
        Self: 'm,
        K: 'm,
        V: 'm;
    /// The part in which a key stands.
    fn part_of(&self, key: &K) -> Option<Self::Part>;
    /// The part in which a key would stand that is not here.
    fn part_for(&self, key: &K) -> Self::Part;
    fn has_part(&self, part: Self::Part) -> bool;
    /// None: nothing is in it.
    fn piece(&self, part: Self::Part) -> Option<Self::Piece<'_>>;
    /// Every part in which something is, some more than once.
    fn parts(&self) -> impl Iterator<Item = Self::Part>;
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
    /// Gives memory back where little of it is used. What stands in other parts then is told before, part by part.
    fn shrink(&mut self, moves: impl FnMut(&Self, Self::Part));
    fn len(&self) -> usize;
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    fn iter<'m>(&'m self) -> impl Iterator<Item = (&'m K, &'m V)>
    where
        K: 'm,
        V: 'm;
}

/// A map whose entries are told each alone.
macro_rules! map {
    () => {
        type Part = K;
        type Piece<'m>
            = &'m V
        where
            Self: 'm,
            K: 'm,
            V: 'm;
        fn part_of(&self, key: &K) -> Option<K> {
            self.contains_key(key).then_some(*key)
        }
        fn part_for(&self, key: &K) -> K {
            *key
        }
        fn has_part(&self, key: K) -> bool {
            self.contains_key(&key)
        }
        fn piece(&self, key: K) -> Option<&V> {
            self.get(&key)
        }
        fn parts(&self) -> impl Iterator<Item = K> {
            self.keys().copied()
        }
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

impl<K: MapKey, V: Serialize> Map<K, V> for BTreeMap<K, V> {
    map!();

    fn weight(entries: usize) -> usize {
        weight::tree(entries, size_of::<(K, V)>())
    }

    fn shrink(&mut self, _: impl FnMut(&Self, K)) {}
}

/// For what is looked up often, and whose order nobody sees.
impl<K: MapKey, V: Serialize, S: BuildHasher + Default> Map<K, V> for HashMap<K, V, S> {
    map!();

    fn weight(entries: usize) -> usize {
        weight::table(entries, size_of::<(K, V)>())
    }

    fn shrink(&mut self, _: impl FnMut(&Self, K)) {
        shrink(self);
    }
}

fn shrink<K: Hash + Eq, V, S: BuildHasher>(table: &mut HashMap<K, V, S>) {
    if table.capacity() > SMALL && table.len() < table.capacity() / 8 {
        table.shrink_to(table.len() * 2);
    }
}

/// A table with no more places is kept.
pub(super) const SMALL: usize = 64;

#[derive(Clone, Debug)]
pub struct Tracked<K: MapKey, V: Serialize, M: Map<K, V> = BTreeMap<K, V>> {
    map: M,
    /// Bytes of all of it.
    weight: usize,
    /// `None`: nothing was touched since the last question. In most hosts nothing was, and there are thousands.
    touched: Option<Box<Touched<M::Part>>>,
    /// Somebody asks.
    is_tracked: bool,
    entries: PhantomData<(K, V)>,
}

/// Parts touched since the last question, and whether something was in each then.
type Touched<P> = HashMap<P, bool, Hashing>;

/// Marks a part, before the map is changed.
#[inline]
fn touch<P: MapKey>(
    touched: &mut Option<Box<Touched<P>>>,
    part: P,
    was_there: impl FnOnce() -> bool,
) {
    let touched = touched.get_or_insert_default();
    touched.entry(part).or_insert_with(was_there);
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

impl<K: MapKey, V: Serialize + Weigh, M: Map<K, V>> Tracked<K, V, M> {
    /// From now on changes are marked. What is here already counts as told.
    pub fn track(&mut self) {
        self.is_tracked = true;
    }

    pub fn get(&self, key: &K) -> Option<&V> {
        self.map.get(key)
    }

    /// For changing it: it counts as changed.
    #[inline]
    pub fn get_mut(&mut self, key: &K) -> Option<Held<'_, V>> {
        if self.is_tracked
            && let Some(part) = self.map.part_of(key)
        {
            touch(&mut self.touched, part, || true);
        }
        let value = self.map.get_mut(key)?;
        let weight = &mut self.weight;
        *weight -= value.heap();
        Some(Held { value, weight })
    }

    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        if self.is_tracked {
            let touched = &mut self.touched;
            match self.map.part_of(&key) {
                Some(part) => touch(touched, part, || true),
                None => {
                    let part = self.map.part_for(&key);
                    touch(touched, part, || self.map.has_part(part));
                }
            }
        }
        self.put(key, value)
    }

    fn put(&mut self, key: K, value: V) -> Option<V> {
        self.weight += value.heap();
        let old = self.map.insert(key, value);
        match &old {
            Some(old) => self.weight -= old.heap(),
            None => self.weigh_map(self.map.len() - 1),
        }
        old
    }

    pub fn remove(&mut self, key: &K) -> Option<V> {
        self.remove_if(key, |_| true)
    }

    /// Removes it where that is asked for of the value.
    #[inline]
    pub fn remove_if(&mut self, key: &K, goes: impl FnOnce(&V) -> bool) -> Option<V> {
        let map = &mut self.map;
        let old = match self.is_tracked {
            false => map.remove_if(key, goes)?,
            true => {
                let part = map.part_of(key)?;
                let old = map.remove_if(key, goes)?;
                touch(&mut self.touched, part, || true);
                old
            }
        };
        self.weight -= old.heap();
        map.shrink(|map, part| {
            if self.is_tracked {
                touch(&mut self.touched, part, || map.has_part(part));
            }
        });
        self.weigh_map(self.map.len() + 1);
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
        self.weight = 0;
        if self.is_tracked {
            let touched = &mut self.touched;
            all.parts().for_each(|part| touch(touched, part, || true));
        }
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
        self.put(key, value);
    }

    /// The same of all of it, in the place of what was here.
    pub fn put_back(&mut self, map: M) {
        self.map = map;
        self.weight = self.weigh_anew();
    }

    /// Tells every part that changed since the last question, in order, with what is in it; none: nothing is.
    pub fn changes(&mut self, mut each: impl FnMut(M::Part, Option<M::Piece<'_>>)) {
        let touched = self.touched.take();
        let mut touched: Vec<_> = touched.into_iter().flat_map(|touched| *touched).collect();
        touched.sort_unstable();
        for (part, was_there) in touched {
            let piece = self.map.piece(part);
            if was_there || piece.is_some() {
                each(part, piece);
            }
        }
    }

    /// Whether there may be changes to tell.
    pub fn is_touched(&self) -> bool {
        self.touched.is_some()
    }

    /// Every part that somebody who asked has: all of these are to be forgotten with the map.
    pub fn told(&self) -> BTreeSet<M::Part> {
        let touched = self.touched.as_deref();
        let is_untouched =
            |part: &M::Part| touched.is_none_or(|touched| !touched.contains_key(part));
        let told_and_touched = touched.into_iter().flatten();
        let told_and_touched = told_and_touched.filter(|(_, was_there)| **was_there);
        told_and_touched
            .map(|(part, _)| *part)
            .chain(self.map.parts().filter(is_untouched))
            .collect()
    }

    /// It had so many entries before.
    #[inline]
    fn weigh_map(&mut self, before: usize) {
        self.weight = self.weight - M::weight(before) + M::weight(self.map.len());
    }
}

impl<K: MapKey, V: Serialize, M: Map<K, V> + PartialEq> PartialEq for Tracked<K, V, M> {
    fn eq(&self, other: &Tracked<K, V, M>) -> bool {
        self.map == other.map && self.touched == other.touched
    }
}

impl<K: MapKey, V: Serialize, M: Map<K, V> + Eq> Eq for Tracked<K, V, M> {}

impl<K: MapKey, V: Serialize, M: Map<K, V>> Default for Tracked<K, V, M> {
    fn default() -> Tracked<K, V, M> {
        Tracked {
            map: M::default(),
            weight: 0,
            touched: None,
            is_tracked: false,
            entries: PhantomData,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Slots;
    use super::*;

    type Text = Box<[u8]>;

    fn text(bytes: u8) -> Text {
        vec![bytes; bytes.into()].into()
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
        assert_eq!(map.told(), [1, 9].into());
        assert_eq!(asked(&mut map), [(1, Some(11)), (9, None)]);
        map.remove(&1);
        map.insert(1, text(12));
        map.insert(4, text(1));
        assert_eq!(map.told(), [1].into());
        map.take();
        assert_eq!(asked(&mut map), [(1, None)]);
    }

    /// What somebody has who takes over what is told, in bytes.
    type Follower<P> = BTreeMap<P, Vec<u8>>;

    /// Whoever takes over what is told has the map, and never a part to remove that they have not. What it weighs
    /// is known without a look at it.
    fn follow<M: Map<u8, Text>>(steps: &[(u8, u8, u8)], has_all: impl Fn(&M, &Follower<M::Part>)) {
        let (mut map, mut follower) = (Tracked::<u8, Text, M>::default(), Follower::new());
        map.track();
        for &(what, key, value) in steps {
            assert_eq!(map.weight(), map.weigh_anew());
            match what {
                0..6 => drop(map.insert(key, text(value))),
                // Many go, so that it shrinks.
                6 => (0..key).for_each(|key| drop(map.remove(&key))),
                7 => drop(map.remove(&key)),
                8 => {
                    if let Some(mut known) = map.get_mut(&key) {
                        *known = text(value);
                    }
                }
                9 if key == 0 => drop(map.take()),
                _ => {
                    assert!(map.told().iter().eq(follower.keys()));
                    map.changes(|part, piece| match piece {
                        Some(piece) => {
                            follower.insert(part, postcard::to_allocvec(&piece).unwrap());
                        }
                        None => assert!(follower.remove(&part).is_some()),
                    });
                    has_all(&map.map, &follower);
                }
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn a_follower_has_the_same(
            steps in proptest::collection::vec((0u8..12, 0u8..=255, 0u8..90), 0..600)
        ) {
            follow::<BTreeMap<u8, Text>>(&steps, |map, follower| {
                let saved = map.iter().map(|(key, text)| (*key, postcard::to_allocvec(text).unwrap()));
                assert!(saved.eq(follower.clone()));
            });
            follow::<Slots<u8, Text>>(&steps, |map, follower| {
                let pages = follower.iter();
                let pages = pages.map(|(page, saved)| (*page, postcard::from_bytes(saved).unwrap()));
                let again = Slots::of_pages(pages.collect()).unwrap();
                assert!(again == *map);
                // Who goes on from it tells the same pages.
                let told = |all: &Slots<u8, Text>| all.parts().collect::<BTreeSet<u32>>();
                assert_eq!(told(&again), told(map));
            });
        }
    }
}
