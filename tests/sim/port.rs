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
use trailhound::runtime::Ledger;
use trailhound::runtime::port::{Port, Transactional};

use crate::brokers::{Cluster, lock};
use crate::client::Client;
use crate::group::Membership;
use crate::outbox::Outbox;

mod consumer;
mod producer;
mod reader;

use consumer::SimulatedConsumer;
use producer::SimulatedProducer;
use reader::SimulatedReader;

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

    fn consumer(&self, _: usize) -> Result<SimulatedConsumer, KafkaError> {
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

    /// A partition is there as soon as somebody names it.
    async fn complete_topics(&self) -> Result<(), String> {
        call(&self.cluster).await;
        Ok(())
    }

    fn now(&self) -> Instant {
        let now = u64::try_from(lock(&self.cluster).now).unwrap_or(0);
        self.began + Duration::from_millis(now)
    }

    fn wall_ms(&self) -> i64 {
        lock(&self.cluster).wall()
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
