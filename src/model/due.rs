//! What is due when: a set of keys by time, so that nothing is searched for on each event.

use std::collections::BTreeSet;

use super::Timestamp;

/// Keys with the time at which each is due. A key stands in it once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due<K: Ord> {
    set: BTreeSet<(Timestamp, K)>,
    /// The time of the first, or one that never comes: mostly nothing is due, and the set need not be looked at.
    next: Timestamp,
}

const NEVER: Timestamp = Timestamp(i64::MAX);

impl<K: Ord + Copy> Due<K> {
    /// Moves a key from the time that it had, if any, to a new one.
    pub fn set(&mut self, key: K, old: Option<Timestamp>, new: Timestamp) {
        if old == Some(new) {
            return;
        }
        if let Some(old) = old {
            self.set.remove(&(old, key));
        }
        self.set.insert((new, key));
        self.look();
    }

    pub fn remove(&mut self, key: K, at: Timestamp) {
        self.set.remove(&(at, key));
        self.look();
    }

    /// Takes out the next key that is due at `now`.
    #[inline]
    pub fn pop(&mut self, now: Timestamp) -> Option<K> {
        if now < self.next {
            return None;
        }
        let (_, key) = self.set.pop_first()?;
        self.look();
        Some(key)
    }

    /// When the next key is due; where there is none, never.
    pub fn next(&self) -> Timestamp {
        self.next
    }

    /// The key that is due next, whenever that is.
    pub fn first(&self) -> Option<K> {
        self.set.first().map(|(_, key)| *key)
    }

    fn look(&mut self) {
        self.next = self.set.first().map_or(NEVER, |(time, _)| *time);
    }
}

impl<K: Ord> Default for Due<K> {
    fn default() -> Due<K> {
        Due {
            set: BTreeSet::new(),
            next: NEVER,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_out_in_the_order_of_their_times() {
        let mut due = Due::default();
        due.set('a', None, Timestamp(5));
        due.set('b', None, Timestamp(3));
        due.set('a', Some(Timestamp(5)), Timestamp(1));
        assert_eq!(due.first(), Some('a'));
        assert_eq!(due.pop(Timestamp(2)), Some('a'));
        assert_eq!(due.pop(Timestamp(2)), None);
        due.remove('b', Timestamp(3));
        assert_eq!(due.pop(Timestamp(9)), None);
    }
}
