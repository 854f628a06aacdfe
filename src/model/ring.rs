//! The newest values of a kind, up to a bound, which can say what came since it was asked last.
//!
//! Place in the flow: short memories of a lane (stamps of events that went out) stand in such rings. They
//! are saved in pages of [`PAGE`] values, each page in a slot that the ring uses again when it comes
//! round, so that one more value costs one page, not all of them.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// Values of one page.
pub const PAGE: u64 = 16;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ring<T, const MOST: usize> {
    /// Oldest first.
    items: VecDeque<T>,
    /// Of all time.
    pushed: u64,
    /// Of these, those that were there when somebody asked last.
    told: u64,
    /// The slots that somebody who asked has, a bit each.
    slots: u32,
}

/// A part of a ring: values in a row, the first of which was the `first`th of all time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    pub first: u64,
    pub items: Vec<T>,
}

impl<T: Clone, const MOST: usize> Ring<T, MOST> {
    /// Pages that may hold a value that is remembered: one more than fit, since they begin anywhere.
    const SLOTS: u64 = {
        let slots = MOST as u64 / PAGE + 1;
        assert!(slots <= u32::BITS as u64);
        slots
    };

    pub fn push(&mut self, item: T) {
        if self.items.len() == MOST {
            self.items.pop_front();
        }
        self.items.push_back(item);
        self.pushed += 1;
    }

    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.items.iter()
    }

    /// The oldest, where as many are remembered as may be.
    pub fn oldest_of_all(&self) -> Option<&T> {
        self.items.front().filter(|_| self.items.len() == MOST)
    }

    pub fn contains(&self, item: &T) -> bool
    where
        T: PartialEq,
    {
        self.items.contains(item)
    }

    pub fn len(&self) -> usize {
        self.items.len()
    }

    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// How many there were in all time.
    pub fn pushed(&self) -> u64 {
        self.pushed
    }

    /// Tells the pages that changed since the last question, each with its slot.
    pub fn changes(&mut self, mut each: impl FnMut(u8, Page<T>)) {
        let held = self.pushed - self.items.len() as u64;
        let mut page = self.told.max(held) / PAGE;
        while page * PAGE < self.pushed {
            let first = (page * PAGE).max(held);
            let last = (page * PAGE + PAGE).min(self.pushed);
            let items = (first - held) as usize..(last - held) as usize;
            let items = self.items.range(items).cloned().collect();
            let slot = page % Self::SLOTS;
            self.slots |= 1 << slot;
            each(slot as u8, Page { first, items });
            page += 1;
        }
        self.told = self.pushed;
    }

    /// The slots that somebody who asked has.
    pub fn told(&self) -> impl Iterator<Item = u8> + use<T, MOST> {
        let slots = self.slots;
        (0..Self::SLOTS as u8).filter(move |slot| slots & 1 << slot != 0)
    }

    /// A ring out of its pages, each with its slot, in any order; `None` where one is missing, or is another slot's.
    pub fn of_pages(pushed: u64, pages: Vec<(u8, Page<T>)>) -> Option<Ring<T, MOST>> {
        let many = pushed.min(MOST as u64);
        let is_own = |(slot, page): &(u8, Page<T>)| {
            let fits = page.first % PAGE + page.items.len() as u64 <= PAGE;
            fits && page.first < pushed && page.first / PAGE % Self::SLOTS == u64::from(*slot)
        };
        if pushed > 1 << 62 || !pages.iter().all(is_own) {
            return None;
        }
        let slots = pages.iter().fold(0, |slots, (slot, _)| slots | 1 << slot);
        let numbered = |(_, page): (u8, Page<T>)| (page.first..).zip(page.items);
        let mut all: Vec<(u64, T)> = pages.into_iter().flat_map(numbered).collect();
        all.retain(|(number, _)| (pushed - many..pushed).contains(number));
        all.sort_by_key(|(number, _)| *number);
        let is_whole = (pushed - many..pushed).eq(all.iter().map(|(number, _)| *number));
        is_whole.then(|| Ring {
            items: all.into_iter().map(|(_, item)| item).collect(),
            pushed,
            told: pushed,
            slots,
        })
    }
}

impl<T, const MOST: usize> Default for Ring<T, MOST> {
    fn default() -> Ring<T, MOST> {
        Ring {
            items: VecDeque::new(),
            pushed: 0,
            told: 0,
            slots: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    proptest::proptest! {
        /// Asked at any time, what was told so far is the ring.
        #[test]
        fn it_comes_back_out_of_its_pages(steps in proptest::collection::vec(0u16..90, 0..40)) {
            let mut ring: Ring<u64, 48> = Ring::default();
            let mut slots = BTreeMap::new();
            for many in steps {
                (0..many).for_each(|_| ring.push(ring.pushed() * 7));
                ring.changes(|slot, page| { slots.insert(slot, page); });
                proptest::prop_assert_eq!(
                    slots.keys().copied().collect::<Vec<_>>(), ring.told().collect::<Vec<_>>());
                proptest::prop_assert!(slots.len() <= 4);
                let pages = slots.clone().into_iter().rev().collect();
                proptest::prop_assert_eq!(Ring::of_pages(ring.pushed(), pages), Some(ring.clone()));
            }
        }
    }

    #[test]
    fn one_more_value_costs_one_page_and_a_missing_page_is_seen() {
        let mut ring: Ring<u8, 32> = Ring::default();
        (0..40).for_each(|n| ring.push(n));
        ring.changes(|_, _| {});
        ring.push(40);
        let mut told = Vec::new();
        ring.changes(|slot, page| told.push((slot, page)));
        let page = Page {
            first: 32,
            items: (32..41).collect(),
        };
        assert_eq!(told, [(2, page.clone())]);
        assert_eq!(Ring::<u8, 32>::of_pages(41, vec![(2, page)]), None);
    }
}
