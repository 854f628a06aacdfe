//! What a value weighs: the bytes of memory that it takes, reckoned from what it holds.
//!
//! Place in the flow: a lane adds up the weights of all that it remembers and holds the sum below its share of
//! `limits.memory`. A weight depends on nothing but the value: two lanes that hold the same weigh the same, also
//! where one was made out of the other's saved form. So it refuses to ask an allocator, or a container how much it has set
//! aside.

use std::collections::BTreeSet;

/// A value with memory beside its own size.
pub trait Weigh {
    /// Bytes of the memory that it points to.
    fn heap(&self) -> usize;
}

/// One piece of memory: allocators give them out in steps.
#[inline]
pub const fn block(bytes: usize) -> usize {
    bytes.next_multiple_of(16)
}

/// A hash table with this many entries of this size: filled to seven eighths at most, in powers of two, with a byte
/// of its own for each place.
#[inline]
pub const fn table(entries: usize, size: usize) -> usize {
    if entries == 0 {
        return 0;
    }
    let places = (entries * 8 / 7 + 1).next_power_of_two();
    places * (size + 1)
}

/// A tree with this many entries of this size: keys that rise leave its nodes a good half full.
#[inline]
pub const fn tree(entries: usize, size: usize) -> usize {
    2 * entries * size
}

/// A list that grows by doubling.
#[inline]
pub const fn list(entries: usize, size: usize) -> usize {
    entries * size * 3 / 2
}

/// A set of texts.
pub fn texts(set: &BTreeSet<Box<str>>) -> usize {
    let bytes: usize = set.iter().map(|text| block(text.len())).sum();
    tree(set.len(), size_of::<Box<str>>()) + bytes
}

/// A text that may be missing. For one that is not, half a step is reckoned.
#[inline]
pub fn some<T: AsRef<[u8]> + ?Sized>(text: Option<&T>) -> usize {
    text.map_or(0, |text| text.as_ref().len() + 8)
}

impl Weigh for i32 {
    fn heap(&self) -> usize {
        0
    }
}

impl Weigh for Box<[u8]> {
    fn heap(&self) -> usize {
        block(self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_reckoned_as_the_map_makes_it() {
        use hashbrown::HashMap;
        let mut map: HashMap<u32, [u32; 4], foldhash::fast::FixedState> = HashMap::default();
        for n in 0..3000 {
            map.insert(n, [n; 4]);
            let (made, reckoned) = (map.allocation_size(), table(map.len(), 20));
            // Beside the places stand some bytes of the table itself.
            assert!(
                made <= reckoned + 64 && reckoned <= 2 * made + 64,
                "{n}: {made} {reckoned}"
            );
        }
    }
}
