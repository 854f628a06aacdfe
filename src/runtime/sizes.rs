//! What topics take: how large a batch of records may be.
//!
//! Place in the flow: learnt from the settings of the topics at start, asked by the sink and its bundles. A topic may take less by
//! now, or its settings be nobody's to see; then refusals say how much is too much. It refuses to ask the brokers.

use std::collections::BTreeMap;
use std::sync::Mutex;

use rdkafka::message::{Header, Headers, OwnedHeaders};

use super::client::BATCH_BYTES;
use super::lock;

/// Bytes of a record. What the client adds to it, and a batch of one, is less than what is reckoned here.
pub fn reckon(key: &[u8], value: &[u8], headers: Option<&OwnedHeaders>) -> usize {
    const BATCH: usize = 100;
    const EACH: usize = 10;
    let header = |h: Header<'_, &[u8]>| h.key.len() + h.value.map_or(0, <[u8]>::len) + EACH;
    let headers = headers.into_iter().flat_map(Headers::iter);
    key.len() + value.len() + headers.map(header).sum::<usize>() + BATCH
}

/// What is known of topics, by their names.
#[derive(Debug, Default)]
pub struct Sizes(Mutex<BTreeMap<String, Takes>>);

/// Bytes that a topic takes.
#[derive(Clone, Copy, Debug)]
struct Takes {
    /// Of a record alone.
    record: usize,
    /// Of a batch of several.
    batch: usize,
}

/// What a topic is taken to take since it refused something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learnt {
    /// It may take the record, and refuse it beside others.
    Batch(usize),
    /// It takes no such record.
    Record(usize),
}

impl Sizes {
    /// As their settings say.
    pub fn set(&self, sizes: BTreeMap<String, usize>) {
        let takes = |bytes| Takes {
            record: bytes,
            batch: bytes,
        };
        let sizes = sizes.into_iter();
        *lock(&self.0) = sizes.map(|(name, bytes)| (name, takes(bytes))).collect();
    }

    /// Bytes of a record alone, by topic.
    pub fn records(&self) -> BTreeMap<String, usize> {
        let all = lock(&self.0);
        let all = all.iter();
        all.map(|(name, takes)| (name.clone(), takes.record))
            .collect()
    }

    pub fn record(&self, topic: &str) -> Option<usize> {
        lock(&self.0).get(topic).map(|takes| takes.record)
    }

    /// Bytes of a batch that all topics take: a producer makes no larger ones for any of them, but for one of a single record.
    pub fn batch(&self) -> usize {
        smallest(&lock(&self.0))
    }

    /// A topic refused a batch, the largest record of which has so many bytes; `made`: of how many bytes its producer makes them.
    /// What it does take is narrowed down, so that few refusals find it.
    pub fn refused(&self, topic: &str, record: usize, made: usize) -> Learnt {
        let mut all = lock(&self.0);
        let batch = smallest(&all).min(BATCH_BYTES);
        if batch < made.min(BATCH_BYTES) {
            // Another worker has learnt of it meanwhile, and this one made its batch before.
            return Learnt::Batch(batch);
        }
        let takes = all.entry(topic.to_owned()).or_insert(Takes {
            record: usize::MAX,
            batch,
        });
        if record < batch {
            takes.batch = record.max(batch / 2);
            return Learnt::Batch(takes.batch);
        }
        // It was alone.
        takes.record = takes.record.min(record - record / 8);
        takes.batch = takes.batch.min(takes.record);
        Learnt::Record(takes.record)
    }
}

fn smallest(all: &BTreeMap<String, Takes>) -> usize {
    let batches = all.values().map(|takes| takes.batch);
    batches.min().unwrap_or(usize::MAX)
}

impl Learnt {
    pub fn bytes(self) -> usize {
        match self {
            Learnt::Batch(bytes) | Learnt::Record(bytes) => bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends records as the sink and the client do, until all are taken or known to be too large. Gives how many of them are told as
    /// too large, and how often it began again.
    fn send(sizes: &Sizes, records: &[usize], takes: usize) -> (usize, usize) {
        for refusals in 0.. {
            let most = sizes.record("t").unwrap_or(usize::MAX);
            let at_once = sizes.batch().min(BATCH_BYTES);
            let sent: Vec<usize> = records.iter().copied().filter(|r| *r <= most).collect();
            let mut batches: Vec<Vec<usize>> = Vec::new();
            for record in &sent {
                match batches.last_mut() {
                    Some(batch) if batch.iter().sum::<usize>() + record <= at_once => {
                        batch.push(*record);
                    }
                    _ => batches.push(vec![*record]),
                }
            }
            let refused = batches
                .iter()
                .find(|batch| batch.iter().sum::<usize>() > takes);
            match refused.and_then(|batch| batch.iter().max()) {
                Some(largest) => sizes.refused("t", *largest, at_once),
                None => return (records.len() - sent.len(), refusals),
            };
        }
        unreachable!()
    }

    #[test]
    fn what_a_topic_takes_is_found_by_a_few_refusals() {
        let records: Vec<usize> = (0..600).map(|n| 900 + n).collect();
        for takes in [950, 1_500, 6_000, 500_000, 2_000_000] {
            let too_large = records.iter().filter(|r| **r > takes).count();
            let nearly = records.iter().filter(|r| **r > takes - takes / 8).count();
            let (told, refusals) = send(&Sizes::default(), &records, takes);
            assert!((too_large..=nearly).contains(&told), "{takes}: {told}");
            assert!(refusals <= 16, "{takes}: {refusals} refusals");
        }
    }

    #[test]
    fn a_setting_that_became_smaller_is_found_too() {
        let sizes = Sizes::default();
        sizes.set(BTreeMap::from([
            ("t".into(), 1_048_588),
            ("u".into(), 50_000),
        ]));
        assert_eq!(sizes.refused("t", 6_500, 50_000), Learnt::Batch(25_000));
        // Two workers at once.
        assert_eq!(sizes.refused("t", 6_600, 50_000), Learnt::Batch(25_000));
        assert_eq!(send(&sizes, &[6_500; 20], 10_000).0, 0);
        assert_eq!((sizes.record("u"), sizes.batch()), (Some(50_000), 12_500));
        assert_eq!(sizes.refused("u", 40_000, 12_500), Learnt::Record(35_000));
        assert_eq!(sizes.refused("u", 60_000, 12_500), Learnt::Record(35_000));
    }
}
