//! Rebalances as typed states: what the group decided, and that the worker has not acted on yet.
//!
//! Place in the flow: between the consumer's callbacks and the worker. The client calls back inside
//! `poll`, on the worker's thread, in the middle of whatever the worker does; here the call is only
//! written down, and the client waits. The worker then hands over or takes up lanes between two batches
//! and answers with (un)assign. So no partition can leave before its offset is committed: the group goes
//! on only after the answer. It refuses to answer by itself, but for one case: while the consumer is
//! being closed nobody is left to answer, and a close without an answer would wait forever.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::statistics::Statistics;
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::{RDKafkaErrorCode, RDKafkaRespErr};

use super::port::Decision;
use super::{client, hearing, lock};

/// The consumer's side of the callbacks.
#[derive(Default)]
pub struct Group {
    decisions: Mutex<VecDeque<Decision>>,
    stats: Mutex<Option<Statistics>>,
    commits: Mutex<VecDeque<Result<(), String>>>,
    closing: AtomicBool,
}

impl Group {
    /// The oldest decision that waits for an answer.
    pub fn decision(&self) -> Option<Decision> {
        lock(&self.decisions).pop_front()
    }

    pub fn has_decision(&self) -> bool {
        !lock(&self.decisions).is_empty()
    }

    /// The newest statistics, once.
    pub fn stats(&self) -> Option<Statistics> {
        lock(&self.stats).take()
    }

    /// A commit has ended. Where there was nothing to commit, the group had it already.
    pub fn commit_ended(&self, result: KafkaResult<()>) {
        let result = match result {
            Err(KafkaError::ConsumerCommit(RDKafkaErrorCode::NoOffset)) => Ok(()),
            other => other.map_err(|error| error.to_string()),
        };
        lock(&self.commits).push_back(result);
    }

    /// The result of a commit, once.
    pub fn commit_result(&self) -> Option<Result<(), String>> {
        lock(&self.commits).pop_front()
    }

    /// From now on partitions are given back without the worker.
    pub fn close(&self) {
        self.closing.store(true, Ordering::Release);
    }
}

impl ClientContext for Group {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        client::log(level, facility, message);
    }

    /// Polling gives it too, and there it is counted.
    fn error(&self, error: KafkaError, reason: &str) {
        hearing::tell("consumer", &error, reason);
    }

    fn stats(&self, stats: Statistics) {
        *lock(&self.stats) = Some(stats);
    }
}

impl ConsumerContext for Group {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        code: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        if self.closing.load(Ordering::Acquire) {
            answer_leaving(consumer, code, partitions);
            return;
        }
        let named = partitions
            .elements()
            .iter()
            .map(|element| (element.topic().to_owned(), element.partition()))
            .collect();
        let decision = match code {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => Decision::Assigned(named),
            _ if consumer.assignment_lost() => Decision::Lost(named),
            _ => Decision::Revoked(named),
        };
        lock(&self.decisions).push_back(decision);
    }
}

/// Tells the client that the assignment was taken up.
pub fn answer_assigned<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    partitions: &TopicPartitionList,
) -> KafkaResult<()> {
    match consumer.rebalance_protocol() {
        RebalanceProtocol::Cooperative => consumer.incremental_assign(partitions),
        RebalanceProtocol::Eager | RebalanceProtocol::None => consumer.assign(partitions),
    }
}

/// Tells the client that the partitions were given up.
pub fn answer_revoked<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    partitions: &TopicPartitionList,
) -> KafkaResult<()> {
    match consumer.rebalance_protocol() {
        RebalanceProtocol::Cooperative => consumer.incremental_unassign(partitions),
        RebalanceProtocol::Eager | RebalanceProtocol::None => consumer.unassign(),
    }
}

fn answer_leaving<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    code: RDKafkaRespErr,
    partitions: &TopicPartitionList,
) {
    let answer = match code {
        RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => {
            answer_assigned(consumer, &TopicPartitionList::new())
        }
        _ => answer_revoked(consumer, partitions),
    };
    if let Err(error) = answer {
        tracing::debug!(%error, "giving partitions back while closing");
    }
}
