//! A consumer of the simulation: what its client holds, what the group tells it.

use std::io;
use std::time::Duration;

use rdkafka::error::KafkaError;
use rdkafka::message::OwnedMessage;
use rdkafka::statistics::Statistics;
use trailhound::runtime::port::{
    Committed, Consumer, Decision, Isolation, Named, Polled, ReadFrom, ToCommit,
};

use super::{call, timed_out, wait};
use crate::brokers::{Cluster, lock};
use crate::client::Client;
use crate::group::Membership;

pub struct SimulatedConsumer {
    pub(super) cluster: Cluster,
    pub(super) id: usize,
    pub(super) node: usize,
}

impl SimulatedConsumer {
    fn with<T>(&self, ask: impl FnOnce(&mut Client) -> T) -> Option<T> {
        lock(&self.cluster).clients.get_mut(&self.id).map(ask)
    }
}

impl Consumer for SimulatedConsumer {
    type Membership = Membership;
    type Message<'c> = OwnedMessage;

    fn subscribe(&self, _: &[&str]) -> Result<(), KafkaError> {
        self.with(|client| client.subscribed = true);
        Ok(())
    }

    fn poll(&self) -> Polled<OwnedMessage> {
        lock(&self.cluster).poll(self.id)
    }

    async fn wait(&self, most: Duration) -> Polled<OwnedMessage> {
        let most = lock(&self.cluster)
            .numbers
            .below(most.as_millis() as u64 + 1);
        wait(&self.cluster, Duration::from_millis(most)).await;
        self.poll()
    }

    fn keep(message: OwnedMessage) -> OwnedMessage {
        message
    }

    fn decision(&self) -> Option<Decision> {
        self.with(|client| client.decisions.pop_front()).flatten()
    }

    fn has_decision(&self) -> bool {
        self.with(|client| !client.decisions.is_empty())
            .unwrap_or(false)
    }

    fn take_up(&self, partitions: &[ReadFrom]) -> Result<(), KafkaError> {
        self.with(|client| client.take_up(partitions));
        Ok(())
    }

    fn give_up(&self, partitions: &[Named]) -> Result<(), KafkaError> {
        self.with(|client| client.give_up(partitions));
        Ok(())
    }

    fn pause(&self) -> Result<(), KafkaError> {
        self.with(|client| client.pause(true));
        Ok(())
    }

    fn resume(&self) -> Result<(), KafkaError> {
        self.with(|client| client.pause(false));
        Ok(())
    }

    async fn seek(&self, to: &[ReadFrom], _: Duration) -> Result<(), KafkaError> {
        call(&self.cluster).await;
        if lock(&self.cluster).fails(self.node) {
            return Err(timed_out());
        }
        self.with(|client| client.seek(to)).unwrap_or(Ok(()))
    }

    async fn committed(
        &self,
        partitions: &[Named],
        _: Duration,
    ) -> Result<Vec<Committed>, KafkaError> {
        call(&self.cluster).await;
        let mut brokers = lock(&self.cluster);
        let pending = |partition| brokers.coordinator.is_pending(partition);
        if partitions.iter().any(pending) || brokers.fails(self.node) {
            return Err(timed_out());
        }
        let committed = |partition: &Named| {
            let found = brokers.group.committed.get(partition);
            Committed {
                partition: partition.clone(),
                offset: found.map(|(offset, _)| *offset),
                metadata: Some(found.map_or(String::new(), |(_, text)| text.clone())),
            }
        };
        Ok(partitions.iter().map(committed).collect())
    }

    async fn watermarks(&self, partition: &Named, _: Duration) -> Result<(i64, i64), KafkaError> {
        call(&self.cluster).await;
        let mut brokers = lock(&self.cluster);
        if brokers.fails(self.node) {
            return Err(timed_out());
        }
        Ok((0, brokers.log(partition).end(Isolation::Committed)))
    }

    fn membership(&self) -> Option<Membership> {
        self.with(|client| client.membership)
    }

    fn commit(&self, offsets: Vec<ToCommit>) -> io::Result<()> {
        self.with(|client| client.commit(offsets));
        Ok(())
    }

    fn commit_ended(&self) -> Option<Result<(), String>> {
        self.with(|client| client.commits_ended.pop_front())
            .flatten()
    }

    fn statistics(&self) -> Option<Statistics> {
        lock(&self.cluster).statistics(self.id)
    }

    fn close(&self) {}
}

impl Drop for SimulatedConsumer {
    fn drop(&mut self) {
        let mut brokers = lock(&self.cluster);
        let now = brokers.now;
        if let Some(client) = brokers.clients.remove(&self.id)
            && brokers.is_heard(self.node)
        {
            brokers.group.leave(client.membership.member, now);
        }
    }
}
