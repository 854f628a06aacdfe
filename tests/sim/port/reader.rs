//! A reader of the simulation: the state of a lane, read to its end; where topics end, and where re-keyed lines are.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::error::KafkaError;
use trailhound::runtime::port::{Isolation, Named, Polled, Reader, StateRecord, Written};

use super::{call, timed_out};
use crate::brokers::{Cluster, lock};

pub struct SimulatedReader {
    pub(super) cluster: Cluster,
    pub(super) node: usize,
    /// The partition that is read, and where.
    pub(super) reading: std::sync::Mutex<Option<(Named, i64)>>,
}

impl Reader for SimulatedReader {
    async fn watermarks(
        &self,
        isolation: Isolation,
        partition: &Named,
        _: Duration,
    ) -> Result<(i64, i64), KafkaError> {
        call(&self.cluster).await;
        let mut brokers = lock(&self.cluster);
        if brokers.fails(self.node) {
            return Err(timed_out());
        }
        Ok((0, brokers.log(partition).end(isolation)))
    }

    fn read(&self, partition: Option<&Named>) -> Result<(), KafkaError> {
        let mut reading = self.reading.lock().expect("of one thread");
        *reading = partition.map(|partition| (partition.clone(), 0));
        Ok(())
    }

    async fn wait(&self, _: Duration) -> Polled<StateRecord> {
        let next = self.next();
        let gives_way = lock(&self.cluster).numbers.once_in(20);
        if gives_way || next.is_none() {
            call(&self.cluster).await;
        }
        next
    }

    async fn first_of(
        &self,
        partition: &Named,
        from: i64,
        key: &[u8],
        _: Duration,
    ) -> Result<Option<Vec<u8>>, KafkaError> {
        call(&self.cluster).await;
        let mut brokers = lock(&self.cluster);
        if brokers.fails(self.node) {
            return Err(timed_out());
        }
        let log = brokers.log(partition);
        let first = log.all_from(from).find(|record| record.key == key);
        Ok(first.and_then(|record| record.value.clone()))
    }

    async fn ends(
        &self,
        topic: &str,
        isolation: Isolation,
        _: Duration,
    ) -> Result<BTreeMap<i32, i64>, KafkaError> {
        call(&self.cluster).await;
        let mut brokers = lock(&self.cluster);
        if brokers.fails(self.node) {
            return Err(timed_out());
        }
        let partitions = brokers.partitions(topic).into_iter();
        let ends =
            partitions.map(|partition| (partition.1, brokers.log(&partition).end(isolation)));
        Ok(ends.collect())
    }

    async fn written_on(&self, topic: &str, _: Duration) -> Result<Vec<Written>, KafkaError> {
        call(&self.cluster).await;
        let mut brokers = lock(&self.cluster);
        if brokers.fails(self.node) {
            return Err(timed_out());
        }
        let partitions = brokers.partitions(topic).into_iter();
        let written = partitions.map(|partition| {
            let committed = brokers.group.committed.get(&partition).cloned();
            let end = brokers.log(&partition).end(Isolation::Committed);
            Written::of(partition.1, committed, end)
        });
        Ok(written.collect())
    }
}

impl SimulatedReader {
    fn next(&self) -> Polled<StateRecord> {
        let mut brokers = lock(&self.cluster);
        let mut reading = self.reading.lock().expect("of one thread");
        let (partition, at) = reading.as_mut()?;
        if brokers.fails(self.node) {
            return None;
        }
        match brokers.log(partition).next(*at) {
            Ok((offset, record)) => {
                *at = offset + 1;
                Some(Ok(StateRecord {
                    key: record.key.clone(),
                    value: record.value.clone(),
                }))
            }
            Err(_) => Some(Err(KafkaError::PartitionEOF(partition.1))),
        }
    }
}
