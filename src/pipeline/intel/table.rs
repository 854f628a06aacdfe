//! How indicators are kept: sorted arrays, and names in one text arena.
//!
//! A million of them must fit 64 bytes each and be asked for every address and name of every event,
//! so there is no allocation for each indicator: an address is its bits and its origin, a name is
//! 16 bytes and its text. Everything here is exact; what a token is, is not known here.

use xxhash_rust::xxh3::xxh3_64;

/// Where an indicator was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    pub line: u32,
    /// Index into the set's list of files.
    pub file: u16,
}

/// Keys of fixed size, sorted; the first origin of a key stays.
#[derive(Debug)]
pub struct Table<K> {
    entries: Vec<(K, Origin)>,
}

impl<K> Default for Table<K> {
    fn default() -> Table<K> {
        Table {
            entries: Vec::new(),
        }
    }
}

impl<K: Ord> Table<K> {
    pub fn push(&mut self, key: K, origin: Origin) {
        self.entries.push((key, origin));
    }

    /// Sorts and drops repeats. The sort is stable, so the one read first stays.
    pub fn settle(&mut self) {
        self.entries.sort_by(|a, b| a.0.cmp(&b.0));
        self.entries.dedup_by(|later, first| later.0 == first.0);
    }

    pub fn shrink(&mut self) {
        self.entries.shrink_to_fit();
    }

    /// Only after [`Table::settle`].
    pub fn find(&self, key: &K) -> Option<Origin> {
        let at = self.entries.binary_search_by(|entry| entry.0.cmp(key));
        at.ok().and_then(|i| self.entries.get(i)).map(|e| e.1)
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn memory(&self) -> usize {
        self.entries.capacity() * size_of::<(K, Origin)>()
    }
}

/// Networks: one table for each prefix length that occurs, the longest first.
#[derive(Debug)]
pub struct Networks<K> {
    by_length: Vec<(u8, Table<K>)>,
}

impl<K> Default for Networks<K> {
    fn default() -> Networks<K> {
        Networks {
            by_length: Vec::new(),
        }
    }
}

impl<K: Ord> Networks<K> {
    /// `key` must already be masked to `length` bits.
    pub fn push(&mut self, key: K, length: u8, origin: Origin) {
        let at = self
            .by_length
            .binary_search_by(|(have, _)| length.cmp(have))
            .unwrap_or_else(|i| {
                self.by_length.insert(i, (length, Table::default()));
                i
            });
        if let Some((_, table)) = self.by_length.get_mut(at) {
            table.push(key, origin);
        }
    }

    pub fn settle(&mut self) {
        self.by_length.iter_mut().for_each(|(_, t)| t.settle());
    }

    pub fn shrink(&mut self) {
        self.by_length.iter_mut().for_each(|(_, t)| t.shrink());
    }

    /// Every network that covers an address, given the address masked to each length.
    pub fn covering(&self, masked: impl Fn(u8) -> K, mut each: impl FnMut(K, u8, Origin)) {
        for (length, table) in &self.by_length {
            let key = masked(*length);
            if let Some(origin) = table.find(&key) {
                each(key, *length, origin);
            }
        }
    }

    pub fn is_empty(&self) -> bool {
        self.by_length.is_empty()
    }

    pub fn len(&self) -> usize {
        self.by_length.iter().map(|(_, t)| t.len()).sum()
    }

    pub fn memory(&self) -> usize {
        self.by_length.iter().map(|(_, t)| t.memory()).sum()
    }
}

#[derive(Clone, Copy, Debug)]
struct Name {
    hash: u32,
    at: u32,
    line: u32,
    file: u16,
    len: u16,
}

/// Texts (domains, or URLs), sorted by hash.
#[derive(Debug, Default)]
pub struct Names {
    arena: Vec<u8>,
    entries: Vec<Name>,
}

fn hash(text: &[u8]) -> u32 {
    // The upper half is as good as the lower; 32 bits leave a handful of collisions in a million,
    // which the comparison of the texts settles.
    (xxh3_64(text) >> 32) as u32
}

fn text_of<'a>(arena: &'a [u8], name: &Name) -> &'a [u8] {
    let at = name.at as usize;
    arena.get(at..at + name.len as usize).unwrap_or_default()
}

impl Names {
    /// False where the text is too long or the arena is full (4 GiB).
    pub fn push(&mut self, text: &[u8], origin: Origin) -> bool {
        let (Ok(at), Ok(len)) = (u32::try_from(self.arena.len()), u16::try_from(text.len())) else {
            return false;
        };
        self.arena.extend_from_slice(text);
        self.entries.push(Name {
            hash: hash(text),
            at,
            line: origin.line,
            file: origin.file,
            len,
        });
        true
    }

    pub fn settle(&mut self) {
        let arena = &self.arena;
        let same = |a: &Name, b: &Name| a.hash == b.hash && text_of(arena, a) == text_of(arena, b);
        self.entries.sort_by(|a, b| {
            let by_text = || text_of(arena, a).cmp(text_of(arena, b));
            a.hash.cmp(&b.hash).then_with(by_text)
        });
        self.entries.dedup_by(|later, first| same(later, first));
    }

    /// Drops the texts of repeats and spare room.
    pub fn shrink(&mut self) {
        let kept: usize = self.entries.iter().map(|n| n.len as usize).sum();
        let mut arena = Vec::with_capacity(kept);
        for name in &mut self.entries {
            let text = text_of(&self.arena, name);
            // Fits: the arena only gets shorter.
            name.at = arena.len() as u32;
            arena.extend_from_slice(text);
        }
        self.arena = arena;
        self.entries.shrink_to_fit();
    }

    /// Only after [`Names::settle`].
    pub fn find(&self, text: &[u8]) -> Option<Origin> {
        let wanted = hash(text);
        let first = self.entries.partition_point(|n| n.hash < wanted);
        self.entries
            .iter()
            .skip(first)
            .take_while(|n| n.hash == wanted)
            .find(|n| text_of(&self.arena, n) == text)
            .map(|n| Origin {
                line: n.line,
                file: n.file,
            })
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn memory(&self) -> usize {
        self.arena.capacity() + self.entries.capacity() * size_of::<Name>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(line: u32) -> Origin {
        Origin { line, file: 0 }
    }

    #[test]
    fn the_first_of_equal_keys_stays() {
        let mut table = Table::default();
        for (line, key) in [(1, 9u32), (2, 4), (3, 9)] {
            table.push(key, origin(line));
        }
        table.settle();
        assert_eq!(table.len(), 2);
        assert_eq!(table.find(&9), Some(origin(1)));
        assert_eq!(table.find(&5), None);
    }

    #[test]
    fn names_keep_their_first_origin_and_lose_the_text_of_repeats() {
        let mut names = Names::default();
        for line in 1..=50 {
            assert!(names.push(b"evil.example", origin(line)));
            assert!(names.push(format!("h{line}.example").as_bytes(), origin(line)));
        }
        names.settle();
        names.shrink();
        assert_eq!(names.len(), 51);
        assert_eq!(names.find(b"evil.example"), Some(origin(1)));
        assert_eq!(names.find(b"h37.example"), Some(origin(37)));
        assert_eq!(names.find(b"h51.example"), None);
        assert!(names.arena.len() < 51 * 12);
        assert_eq!(size_of::<Name>(), 16);
    }

    #[test]
    fn networks_answer_the_longest_first() {
        let mut nets = Networks::default();
        nets.push(0x0a00_0000u32, 8, origin(1));
        nets.push(0x0a01_0000, 16, origin(2));
        nets.push(0x0b00_0000, 8, origin(3));
        nets.settle();
        let mut seen = Vec::new();
        let mask = |length: u8| 0x0a01_0203u32 & (u32::MAX << (32 - length));
        nets.covering(mask, |_, length, o| seen.push((length, o.line)));
        assert_eq!(seen, [(16, 2), (8, 1)]);
    }
}
