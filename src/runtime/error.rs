//! Why a worker ends, and whether it may begin again.
//!
//! Place in the flow: beside the worker. It says in words what a person can do, and refuses to decide who does it.

use std::sync::Arc;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::sink::SinkError;
use crate::pipeline::lane::RestoreError;

#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    #[error(transparent)]
    Sink(#[from] SinkError),
    #[error("Kafka: {0}")]
    Kafka(#[from] KafkaError),
    #[error("partition {partition} of '{topic}' is another worker's by now: its offset moves on")]
    Overtaken { topic: Arc<str>, partition: i32 },
    #[error("starting a thread: {0}")]
    Thread(#[from] std::io::Error),
    #[error("stopped while the brokers took no outputs; what was not committed is read again")]
    Interrupted,
    #[error(
        "the brokers do not let this producer have transactions: {0}. It needs a rule of access to transactional \
         ids that begin with the group; brokers without transactions need delivery = \"at_least_once\""
    )]
    NoTransactions(String),
    #[error("the topic of the state lacks a partition that its input has: {0}")]
    NoState(String),
    #[error(
        "the state in topic '{topic}', partition {partition}: {source}. {}",
        STATE_WAY_OUT
    )]
    State {
        topic: Arc<str>,
        partition: i32,
        source: RestoreError,
    },
}

const STATE_WAY_OUT: &str = "Start the release that wrote it; or, to go on without what was open and \
    remembered, stop all daemons of the group, delete the topic, and make it anew";

impl WorkerError {
    /// The transaction is to be aborted, and the lanes begin again.
    pub(super) fn is_abortable(&self) -> bool {
        matches!(
            self,
            WorkerError::Sink(SinkError::Aborted { .. } | SinkError::NoTopic { .. })
        )
    }

    /// A topic is to be made first, where that may be.
    pub(super) fn lacks_topic(&self) -> bool {
        matches!(self, WorkerError::Sink(SinkError::NoTopic { .. }))
    }

    /// This worker can do no more, and another may begin in its place.
    pub(super) fn is_of_this_worker_alone(&self) -> bool {
        matches!(
            self,
            WorkerError::Sink(SinkError::Unusable { .. } | SinkError::TooLarge { .. })
                | WorkerError::Overtaken { .. }
        )
    }
}

/// The brokers do not know the topic, or the partition.
pub(super) fn is_not_there(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::UnknownPartition
                | RDKafkaErrorCode::UnknownTopic
                | RDKafkaErrorCode::UnknownTopicOrPartition
        )
    )
}

/// An error with what caused it, for people. Errors that say their cause themselves have it behind them once more.
pub fn words(error: &anyhow::Error) -> String {
    let mut words = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if words.is_empty() {
            words = cause;
        } else if !words.contains(&cause) {
            words = format!("{words}: {cause}");
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn what_caused_an_error_is_said_once() {
        let code = RDKafkaErrorCode::TopicAuthorizationFailed;
        let error = WorkerError::from(KafkaError::OffsetFetch(code));
        let error = Err::<(), _>(error).context("worker 0").unwrap_err();
        assert_eq!(
            words(&error),
            "worker 0: Kafka: Offset fetch error: TopicAuthorizationFailed (Broker: Topic authorization failed)"
        );
    }
}
