//! A partition: records, markers of transactions, and what each kind of reader may see of it.
//!
//! As Kafka has it: a marker takes an offset and is no record; a reader of committed records stops at the first
//! record of the oldest open transaction (the last stable offset), and is never given aborted ones.

use std::collections::{BTreeMap, BTreeSet};

use trailhound::runtime::port::Isolation;

/// A transaction, of whatever producer.
pub type Txn = u64;

#[derive(Clone)]
pub struct Record {
    pub key: Vec<u8>,
    pub value: Option<Vec<u8>>,
    pub timestamp: i64,
}

struct Entry {
    /// `None`: a marker, or compacted away.
    record: Option<Record>,
    txn: Option<Txn>,
}

#[derive(Default)]
pub struct Log {
    entries: Vec<Entry>,
    /// Open transactions, with their first offset here.
    open: BTreeMap<Txn, i64>,
    aborted: BTreeSet<Txn>,
}

impl Log {
    pub fn append(&mut self, record: Record, txn: Option<Txn>) {
        if let Some(txn) = txn {
            self.open.entry(txn).or_insert(self.entries.len() as i64);
        }
        self.entries.push(Entry {
            record: Some(record),
            txn,
        });
    }

    /// A transaction ends here.
    pub fn mark(&mut self, txn: Txn, commit: bool) {
        if self.open.remove(&txn).is_some() {
            self.entries.push(Entry {
                record: None,
                txn: None,
            });
        }
        if !commit {
            self.aborted.insert(txn);
        }
    }

    /// The offset after the last one that this reader gets to.
    pub fn end(&self, isolation: Isolation) -> i64 {
        let stable = self.open.values().min().copied();
        let all = self.entries.len() as i64;
        match isolation {
            Isolation::Committed => stable.unwrap_or(all),
            Isolation::All => all,
        }
    }

    /// The first committed record from this offset on, with its offset; or, where there is none, its end.
    pub fn next(&self, from: i64) -> Result<(i64, &Record), i64> {
        let end = self.end(Isolation::Committed);
        for offset in from.max(0)..end {
            let entry = &self.entries[offset as usize];
            let aborted = entry.txn.is_some_and(|txn| self.aborted.contains(&txn));
            if let Some(record) = entry.record.as_ref().filter(|_| !aborted) {
                return Ok((offset, record));
            }
        }
        Err(end)
    }

    /// Also what is not committed, or was aborted.
    pub fn all_from(&self, from: i64) -> impl Iterator<Item = &Record> {
        let entries = self.entries.iter().skip(from.max(0) as usize);
        entries.filter_map(|entry| entry.record.as_ref())
    }

    pub fn committed(&self) -> impl Iterator<Item = &Record> {
        let mut at = 0;
        std::iter::from_fn(move || {
            let (offset, record) = self.next(at).ok()?;
            at = offset + 1;
            Some(record)
        })
    }

    /// Of each key only the last record stays, as far as transactions have ended.
    pub fn compact(&mut self) {
        let end = self.end(Isolation::Committed) as usize;
        let mut newer = BTreeSet::new();
        for entry in self.entries[..end].iter_mut().rev() {
            let aborted = entry.txn.is_some_and(|txn| self.aborted.contains(&txn));
            let Some(record) = &entry.record else {
                continue;
            };
            if aborted || !newer.insert(record.key.clone()) {
                entry.record = None;
            }
        }
    }
}
