//! A producer of the simulation: its queue, and its calls to the coordinator of transactions.

use std::time::Duration;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use trailhound::runtime::port::{Broken, Outgoing, Producer, Step, ToCommit};

use super::{BEGIN, call, wait};
use crate::brokers::{Brokers, Cluster, Fault, lock};
use crate::coordinator::Refused;
use crate::group::Membership;
use crate::log::Record;
use crate::outbox::{Outbox, Queued};
use crate::script::REKEYED;

pub struct SimulatedProducer {
    pub(super) cluster: Cluster,
    pub(super) id: usize,
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
