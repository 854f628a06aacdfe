//! The simulated port: a worker's calls, answered by the brokers of the simulation.
//!
//! Each call that may wait gives way once or more, and fails now and then: before it was carried out, or after,
//! when only the answer is lost.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::OwnedMessage;
use rdkafka::statistics::Statistics;
use trailhound::runtime::Ledger;
use trailhound::runtime::port::{
    Broken, Committed, Consumer, Decision, Isolation, Named, Outgoing, Polled, Port, Producer,
    ReadFrom, Reader, StateRecord, Step, ToCommit, Transactional, Written,
};

use crate::brokers::{Brokers, Cluster, Fault, lock};
use crate::client::Client;
use crate::coordinator::Refused;
use crate::group::Membership;
use crate::log::Record;
use crate::outbox::{Outbox, Queued};
use crate::script::REKEYED;

/// Wall time at which a simulation begins.
pub const BEGIN: i64 = 1_795_318_668_000;

/// Gives way to others, at least once, until the time has come.
struct Wait {
    cluster: Cluster,
    until: i64,
    gave_way: bool,
}

impl Future for Wait {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        let cluster = Arc::clone(&self.cluster);
        let mut brokers = lock(&cluster);
        if std::mem::replace(&mut self.gave_way, true) && brokers.now >= self.until {
            return Poll::Ready(());
        }
        brokers.wake = self.until;
        Poll::Pending
    }
}

fn wait(cluster: &Cluster, most: Duration) -> Wait {
    let most = i64::try_from(most.as_millis()).unwrap_or(i64::MAX);
    let until = lock(cluster).now.saturating_add(most);
    Wait {
        cluster: Arc::clone(cluster),
        until,
        gave_way: false,
    }
}

/// A call on its way to the brokers.
fn call(cluster: &Cluster) -> Wait {
    wait(cluster, Duration::ZERO)
}

fn timed_out() -> KafkaError {
    KafkaError::MetadataFetch(RDKafkaErrorCode::OperationTimedOut)
}

#[derive(Clone)]
pub struct Simulated {
    pub cluster: Cluster,
    pub node: usize,
    pub began: Instant,
}

impl Port for Simulated {
    type Membership = Membership;
    type Consumer = SimulatedConsumer;
    type Producer = SimulatedProducer;
    type Reader = SimulatedReader;

    fn consumer(&self) -> Result<SimulatedConsumer, KafkaError> {
        let mut brokers = lock(&self.cluster);
        let (id, now) = (brokers.handle(), brokers.now);
        brokers.clients.insert(id, Client::new(self.node, now));
        Ok(SimulatedConsumer {
            cluster: Arc::clone(&self.cluster),
            id,
            node: self.node,
        })
    }

    fn producer(
        &self,
        _: usize,
        transactional: Option<Transactional<'_>>,
        ledger: &Arc<Ledger>,
    ) -> Result<SimulatedProducer, KafkaError> {
        let mut brokers = lock(&self.cluster);
        let id = brokers.handle();
        let name = transactional.map(|transactional| transactional.id);
        let outbox = Outbox::new(self.node, name, ledger);
        brokers.outboxes.insert(id, outbox);
        Ok(SimulatedProducer {
            cluster: Arc::clone(&self.cluster),
            id,
        })
    }

    fn reader(&self) -> Result<SimulatedReader, KafkaError> {
        Ok(SimulatedReader {
            cluster: Arc::clone(&self.cluster),
            node: self.node,
            reading: std::sync::Mutex::default(),
        })
    }

    fn transactional_id(&self, worker: usize) -> String {
        let unique = lock(&self.cluster).handle();
        format!("sim-{}-{worker}-{unique}", self.node)
    }

    fn now(&self) -> Instant {
        let now = u64::try_from(lock(&self.cluster).now).unwrap_or(0);
        self.began + Duration::from_millis(now)
    }

    fn wall_ms(&self) -> i64 {
        BEGIN + lock(&self.cluster).now
    }

    fn sleep(&self, time: Duration) -> impl Future<Output = ()> + Send {
        wait(&self.cluster, time)
    }

    fn beside(&self, _: &str, work: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
        lock(&self.cluster)
            .started
            .push((self.node, Box::pin(work)));
        Ok(())
    }
}

pub struct SimulatedConsumer {
    cluster: Cluster,
    id: usize,
    node: usize,
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

pub struct SimulatedProducer {
    cluster: Cluster,
    id: usize,
}

impl SimulatedProducer {
    fn with<T>(&self, ask: impl FnOnce(&mut Brokers, &mut Outbox) -> T) -> Option<T> {
        let mut brokers = lock(&self.cluster);
        let mut outbox = brokers.outboxes.remove(&self.id)?;
        let answer = ask(&mut brokers, &mut outbox);
        brokers.outboxes.insert(self.id, outbox);
        Some(answer)
    }

    /// A call to the coordinator of transactions, which may fail before it is carried out, or after.
    async fn ask(
        &self,
        carry_out: impl FnOnce(&mut Brokers, &mut Outbox) -> Result<(), Refused>,
        done: impl FnOnce(&mut Outbox),
    ) -> Step {
        call(&self.cluster).await;
        let answer = self.with(|brokers, outbox| {
            if brokers.fails(outbox.node) {
                return Ok(false);
            }
            match carry_out(brokers, outbox) {
                Ok(()) if brokers.fails(outbox.node) => Ok(false),
                Ok(()) => {
                    done(outbox);
                    Ok(true)
                }
                Err(Refused::Concurrent) => Ok(false),
                Err(Refused::Fenced) => {
                    brokers.count("producers fenced");
                    Err(outbox.fence())
                }
            }
        });
        answer.unwrap_or(Ok(false))
    }

    fn state(&self) -> Result<(), Broken> {
        self.with(|_, outbox| outbox.state()).unwrap_or(Ok(()))
    }
}

/// What it had begun stays open at the brokers.
impl Drop for SimulatedProducer {
    fn drop(&mut self) {
        lock(&self.cluster).outboxes.remove(&self.id);
    }
}

fn name(outbox: &Outbox) -> (&str, u64) {
    (outbox.id.as_deref().unwrap_or_default(), outbox.epoch)
}

impl Producer for SimulatedProducer {
    type Membership = Membership;

    fn send(&self, record: Outgoing<'_>) -> Result<(), KafkaError> {
        let sent = self.with(|brokers, outbox| {
            if outbox.fatal.is_some() {
                return Err(KafkaError::MessageProduction(RDKafkaErrorCode::Fatal));
            }
            if outbox.broken.is_some() || (outbox.id.is_some() && !outbox.begun) {
                return Err(KafkaError::MessageProduction(RDKafkaErrorCode::State));
            }
            if outbox.queue.len() >= brokers.queue {
                return Err(KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull));
            }
            let key = record.key.unwrap_or_default();
            let number = record.partition.unwrap_or_else(|| match record.topic {
                REKEYED => brokers.partition_of(REKEYED, key),
                _ => 0,
            });
            outbox.queue.push_back(Queued {
                partition: (record.topic.to_owned(), number),
                record: Record {
                    key: key.to_vec(),
                    value: record.payload.map(<[u8]>::to_vec),
                    timestamp: record.timestamp.unwrap_or(BEGIN + brokers.now),
                },
                number: record.delivery_opaque,
            });
            Ok(())
        });
        sent.unwrap_or(Ok(()))
    }

    fn serve(&self) {
        self.with(|_, outbox| outbox.serve());
    }

    async fn serve_for(&self, most: Duration) {
        wait(&self.cluster, most).await;
        self.serve();
    }

    fn in_flight(&self) -> usize {
        self.with(|_, outbox| outbox.queue.len() + outbox.reports.len())
            .unwrap_or(0)
    }

    fn purge(&self) {
        self.with(|_, outbox| outbox.fail_queue(RDKafkaErrorCode::PurgeQueue));
    }

    fn fatal_error(&self) -> Option<String> {
        self.with(|_, outbox| outbox.fatal.clone()).flatten()
    }

    async fn init(&self, _: Duration) -> Step {
        let init = |brokers: &mut Brokers, outbox: &mut Outbox| {
            let id = outbox.id.clone().unwrap_or_default();
            outbox.epoch = brokers.coordinator.init(&id)?;
            Ok(())
        };
        self.ask(init, |_| ()).await
    }

    fn begin(&self) -> Step {
        self.state()?;
        self.with(|_, outbox| outbox.begun = true);
        Ok(true)
    }

    async fn send_offsets(&self, offsets: &[ToCommit], of: &Membership, _: Duration) -> Step {
        self.state()?;
        let accepted = self.with(|brokers, _| brokers.group.accepts(*of));
        if accepted == Some(false) {
            lock(&self.cluster).count("offsets of an old generation");
            let reason = "a generation that is over".to_owned();
            self.with(|_, outbox| outbox.broken = Some(reason.clone()));
            return Err(Broken::Abortable(reason));
        }
        let send = |brokers: &mut Brokers, outbox: &mut Outbox| {
            if !brokers.group.accepts(*of) {
                return Err(Refused::Concurrent);
            }
            let now = brokers.now;
            if brokers.fault == Some(Fault::OffsetsFirst) {
                let each = offsets.iter();
                let each = each.map(|o| (o.partition.clone(), (o.offset, o.metadata.to_string())));
                brokers.group.committed.extend(each);
                return Ok(());
            }
            brokers.coordinator.add_offsets(name(outbox), offsets, now)
        };
        self.ask(send, |_| ()).await
    }

    async fn commit(&self, _: Duration) -> Step {
        self.state()?;
        if self.in_flight() > 0 {
            call(&self.cluster).await;
            return Ok(false);
        }
        let end = |brokers: &mut Brokers, outbox: &mut Outbox| {
            brokers.coordinator.end(name(outbox), true)
        };
        self.ask(end, |outbox| outbox.begun = false).await
    }

    async fn abort(&self, _: Duration) -> Step {
        if let Err(fatal @ Broken::Fatal(_)) = self.state() {
            return Err(fatal);
        }
        let end = |brokers: &mut Brokers, outbox: &mut Outbox| {
            brokers.coordinator.end(name(outbox), false)
        };
        let done = |outbox: &mut Outbox| {
            outbox.begun = false;
            outbox.broken = None;
        };
        self.ask(end, done).await
    }
}

pub struct SimulatedReader {
    cluster: Cluster,
    node: usize,
    /// The partition that is read, and where.
    reading: std::sync::Mutex<Option<(Named, i64)>>,
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

    async fn written_on(&self, topic: &str, _: Duration) -> Result<Vec<Written>, KafkaError> {
        call(&self.cluster).await;
        let mut brokers = lock(&self.cluster);
        if brokers.fails(self.node) {
            return Err(timed_out());
        }
        let partitions = brokers.partitions(topic).into_iter();
        let written = partitions.map(|partition| Written {
            partition: partition.1,
            committed: brokers
                .group
                .committed
                .get(&partition)
                .map(|(offset, _)| *offset),
            end: brokers.log(&partition).end(Isolation::Committed),
        });
        Ok(written.collect())
    }

    async fn fence(&self, id: &str, most: Duration) -> Result<(), KafkaError> {
        let until = lock(&self.cluster).now + most.as_millis() as i64;
        loop {
            call(&self.cluster).await;
            let mut brokers = lock(&self.cluster);
            if !brokers.fails(self.node) && brokers.coordinator.init(id).is_ok() {
                brokers.count("owners fenced");
                return Ok(());
            }
            if brokers.now > until {
                return Err(timed_out());
            }
        }
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
