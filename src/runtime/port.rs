//! The port: all that a worker asks of Kafka and of time, and nothing of it reaches a worker otherwise.
//!
//! Place in the flow: between the worker's logic and whoever keeps the log. [`live`](super::live) is the real one, over
//! librdkafka; the simulation (tests/sim) is another, with a log, a group and a clock of its own.
//!
//! 1. A call that may wait is a future. The real port waits inside the call, so its futures are done when
//!    they are first polled, and a worker's thread is [`finish`]. The simulated one gives way to others there:
//!    each await is a step, before and after which anything may happen.
//! 2. Nothing on the way of a record is awaited: `poll` and `send` never wait.
//! 3. Errors have the kind that the worker's answer depends on; the rest is the client's own words.
//!
//! It refuses to decide anything: what a refusal means for lanes and offsets is the worker's.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use rdkafka::error::KafkaError;
use rdkafka::message::{Message, OwnedMessage};
use rdkafka::producer::BaseRecord;
use rdkafka::statistics::Statistics;

use super::ledger::Ledger;
use super::offsets::WrittenOn;

/// Partition of a topic, by name.
pub type Named = (String, i32);

/// What the group decided. In order; each waits until the one before was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// These partitions are this consumer's now; may be none.
    Assigned(Vec<Named>),
    /// These go to another consumer: hand them over, commit, then answer.
    Revoked(Vec<Named>),
    /// These are gone already, and with them the right to commit.
    Lost(Vec<Named>),
}

/// A partition, and where to read on in it; `None`: at the first record there is.
pub type ReadFrom = (Named, Option<i64>);

/// An input offset that is to be committed.
#[derive(Clone, Debug)]
pub struct ToCommit {
    pub partition: Named,
    pub offset: i64,
    pub metadata: Cow<'static, str>,
}

/// What the group has committed for a partition.
#[derive(Clone, Debug)]
pub struct Committed {
    pub partition: Named,
    pub offset: Option<i64>,
    /// `None` where it is not text: anybody can commit any bytes.
    pub metadata: Option<String>,
}

/// A producer whose outputs count when their transaction is committed.
#[derive(Clone, Copy, Debug)]
pub struct Transactional<'t> {
    /// Its name, which no other that lives has.
    pub id: &'t str,
    /// No batch is larger, or a broker would refuse it, and with it the transaction.
    pub batch_bytes: usize,
}

/// Why a transaction cannot go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Broken {
    /// It has to be aborted.
    Abortable(String),
    /// The producer can do no more: another has its name, or worse.
    Fatal(String),
}

/// What a call on a transaction came to; false: it is not done, and is to be called again.
pub type Step = Result<bool, Broken>;

/// A record for the producer; its number comes back with the report.
pub type Outgoing<'r> = BaseRecord<'r, [u8], [u8], usize>;

/// What `poll` gives: a record, or news.
pub type Polled<M> = Option<Result<M, KafkaError>>;

/// One record of the state.
pub struct StateRecord {
    pub key: Vec<u8>,
    pub value: Option<Vec<u8>>,
}

/// How far the group has come in one partition of an input.
#[derive(Clone, Copy, Debug)]
pub struct Written {
    pub partition: i32,
    /// What the group has committed, or the end that it says it has read to.
    pub committed: Option<i64>,
    /// Timestamp of the last record that it has written on.
    pub time: Option<i64>,
    /// The offset after the last record that counts.
    pub end: i64,
}

impl Written {
    /// `committed`: offset and metadata.
    pub fn of(partition: i32, committed: Option<(i64, impl AsRef<str>)>, end: i64) -> Written {
        let (offset, metadata) = committed.unzip();
        let beside = metadata.and_then(|metadata| WrittenOn::parse(metadata.as_ref()));
        let beside = beside.unwrap_or_default();
        Written {
            partition,
            committed: offset.map(|offset| beside.end.map_or(offset, |end| end.max(offset))),
            time: beside.time,
            end,
        }
    }
}

/// Which records count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// Those before the first open transaction.
    Committed,
    All,
}

/// The brokers, and time.
pub trait Port: Clone + Send + Sync + 'static {
    /// What the brokers know a member of the group by, at one moment.
    type Membership;
    type Consumer: Consumer<Membership = Self::Membership>;
    type Producer: Producer<Membership = Self::Membership>;
    type Reader: Reader;

    fn consumer(&self, worker: usize) -> Result<Self::Consumer, KafkaError>;

    /// `transactional`: `None` where delivery is at least once.
    fn producer(
        &self,
        worker: usize,
        transactional: Option<Transactional<'_>>,
        ledger: &Arc<Ledger>,
    ) -> Result<Self::Producer, KafkaError>;

    fn reader(&self) -> Result<Self::Reader, KafkaError>;

    /// A name for a transactional producer. No two workers that live have the same: the one that came
    /// later would end the other. It begins with the group, for rules of access by prefix.
    fn transactional_id(&self, worker: usize) -> String;

    /// Takes this name of a transactional producer for a moment, which aborts what its owner had begun.
    fn fence(
        &self,
        id: &str,
        most: Duration,
    ) -> impl Future<Output = Result<(), KafkaError>> + Send;

    /// Has topics made that are missing, but for inputs, and partitions of the state, where the configuration says so.
    /// An error says what is missing, and what to do about it.
    fn complete_topics(&self) -> impl Future<Output = Result<(), String>> + Send;

    /// For durations.
    fn now(&self) -> Instant;

    /// Milliseconds since 1970; for arrival times, never for event times.
    fn wall_ms(&self) -> i64;

    fn sleep(&self, time: Duration) -> impl Future<Output = ()> + Send;

    /// Has something done beside the worker, which goes on meanwhile.
    fn beside(&self, name: &str, work: impl Future<Output = ()> + Send + 'static)
    -> io::Result<()>;
}

/// A member of the group.
pub trait Consumer: 'static {
    type Membership;
    type Message<'c>: Message
    where
        Self: 'c;

    /// Joins the group.
    fn subscribe(&self, topics: &[&str]) -> Result<(), KafkaError>;

    /// A record or news that are there.
    fn poll(&self) -> Polled<Self::Message<'_>>;

    /// A record or news that come within this time.
    fn wait(&self, most: Duration) -> impl Future<Output = Polled<Self::Message<'_>>>;

    /// A record that outlives the next call.
    fn keep(message: Self::Message<'_>) -> OwnedMessage;

    /// The oldest decision of the group that was not given out.
    fn decision(&self) -> Option<Decision>;

    fn has_decision(&self) -> bool;

    /// Answers the group: these are taken up. The group goes on only after an answer.
    fn take_up(&self, partitions: &[ReadFrom]) -> Result<(), KafkaError>;

    /// Answers the group: these are given up.
    fn give_up(&self, partitions: &[Named]) -> Result<(), KafkaError>;

    /// Partitions that are assigned give no records, and give them again.
    fn pause(&self) -> Result<(), KafkaError>;
    fn resume(&self) -> Result<(), KafkaError>;

    /// Has assigned partitions read on from elsewhere.
    fn seek(&self, to: &[ReadFrom], most: Duration)
    -> impl Future<Output = Result<(), KafkaError>>;

    /// What the group has committed; where delivery is exactly once, an error while that is about to change.
    fn committed(
        &self,
        partitions: &[Named],
        most: Duration,
    ) -> impl Future<Output = Result<Vec<Committed>, KafkaError>>;

    /// The first offset there is, and the one after the last.
    fn watermarks(
        &self,
        partition: &Named,
        most: Duration,
    ) -> impl Future<Output = Result<(i64, i64), KafkaError>>;

    /// Of this moment: the brokers refuse offsets of a generation that is over.
    fn membership(&self) -> Option<Self::Membership>;

    /// Begins a commit without a transaction.
    fn commit(&self, offsets: Vec<ToCommit>) -> io::Result<()>;

    /// How the commit ended, once.
    fn commit_ended(&self) -> Option<Result<(), String>>;

    /// The newest statistics, once; none that were made before it was last told where to read.
    fn statistics(&self) -> Option<Statistics>;

    /// From now on the group is answered without the worker.
    fn close(&self);
}

/// Who hands outputs to the brokers. Each is reported to the [`Ledger`] while the producer is served.
pub trait Producer: 'static {
    type Membership;

    fn send(&self, record: Outgoing<'_>) -> Result<(), KafkaError>;

    /// Serves the reports that are there.
    fn serve(&self);

    /// Serves reports that come within this time.
    fn serve_for(&self, most: Duration) -> impl Future<Output = ()>;

    /// Records that were taken and not reported.
    fn in_flight(&self) -> usize;

    /// Reports as failed what was not sent yet.
    fn purge(&self);

    fn fatal_error(&self) -> Option<String>;

    /// Makes the producer's name its own: whoever had it is fenced.
    fn init(&self, most: Duration) -> impl Future<Output = Step>;

    fn begin(&self) -> Step;

    /// Puts input offsets into the transaction.
    fn send_offsets(
        &self,
        offsets: &[ToCommit],
        of: &Self::Membership,
        most: Duration,
    ) -> impl Future<Output = Step>;

    fn commit(&self, most: Duration) -> impl Future<Output = Step>;

    fn abort(&self, most: Duration) -> impl Future<Output = Step>;
}

/// Who reads partitions of the state, and looks at others, outside of the group.
pub trait Reader: Send + Sync + 'static {
    /// The first offset there is, and the one after the last that counts.
    fn watermarks(
        &self,
        isolation: Isolation,
        partition: &Named,
        most: Duration,
    ) -> impl Future<Output = Result<(i64, i64), KafkaError>> + Send;

    /// Begins at the first record, or ends.
    fn read(&self, partition: Option<&Named>) -> Result<(), KafkaError>;

    /// A committed record or news that come within this time.
    fn wait(&self, most: Duration) -> impl Future<Output = Polled<StateRecord>> + Send;

    /// The first value of a key from an offset on, also where it is not committed.
    fn first_of(
        &self,
        partition: &Named,
        from: i64,
        key: &[u8],
        most: Duration,
    ) -> impl Future<Output = Result<Option<Vec<u8>>, KafkaError>> + Send;

    /// Where each partition of a topic ends.
    fn ends(
        &self,
        topic: &str,
        isolation: Isolation,
        most: Duration,
    ) -> impl Future<Output = Result<BTreeMap<i32, i64>, KafkaError>> + Send;

    /// How far the group has come in each partition of a topic, also where that is about to change.
    fn written_on(
        &self,
        topic: &str,
        most: Duration,
    ) -> impl Future<Output = Result<Vec<Written>, KafkaError>> + Send;
}

/// Does what a thread does whose waits are inside its calls.
pub fn finish<T>(work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    loop {
        if let Poll::Ready(done) = work.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return done;
        }
    }
}
