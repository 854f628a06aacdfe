//! The real port: librdkafka's clients, and this machine's clocks and threads.
//!
//! Place in the flow: under the worker, in the place of port.rs's traits. What is peculiar about the client is
//! known here and nowhere else. It refuses to decide anything, and to return before a wait is over: each
//! future is done when it is first polled.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, ConsumerContext, ConsumerGroupMetadata};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{BorrowedMessage, Message, OwnedMessage};
use rdkafka::statistics::Statistics;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList, TopicPartitionListElem};
use rdkafka::{consumer::Consumer as _, producer::BaseProducer, producer::Producer as _};

use super::ledger::Ledger;
use super::port::{
    Committed, Consumer, Decision, Isolation, Named, Polled, Port, ReadFrom, Reader, StateRecord,
    ToCommit, Transactional, Written, finish,
};
use super::rebalance::{Group, answer_assigned, answer_revoked};
use super::{CONNECT, Shared, client, hearing, topics};

mod producer;

use producer::{LiveProducer, Reports};

/// The client forgets within this what it knew of partitions before it was told where to read them: its threads do that
/// one after the other.
const BEGINS_WITHIN: Duration = Duration::from_millis(100);

#[derive(Clone)]
pub struct Live {
    shared: Arc<Shared>,
}

impl Live {
    pub fn new(shared: &Arc<Shared>) -> Live {
        Live {
            shared: Arc::clone(shared),
        }
    }
}

impl Port for Live {
    type Membership = ConsumerGroupMetadata;
    type Consumer = LiveConsumer;
    type Producer = LiveProducer;
    type Reader = LiveReader;

    fn consumer(&self, worker: usize) -> Result<LiveConsumer, KafkaError> {
        let config = &self.shared.config;
        let client = client::consumer(&config.kafka, config.delivery, &config.memory, worker);
        let born = Instant::now();
        let consumer = client.create_with_context(Group::default())?;
        Ok(LiveConsumer {
            client: Arc::new(consumer),
            born,
            sent_at: Cell::default(),
        })
    }

    fn producer(
        &self,
        worker: usize,
        transactional: Option<Transactional<'_>>,
        ledger: &Arc<Ledger>,
    ) -> Result<LiveProducer, KafkaError> {
        let config = &self.shared.config;
        let client = match transactional {
            None => client::producer(config),
            Some(transactional) => client::transactional(config, transactional),
        };
        let reports = Reports::new(&self.shared, worker, ledger);
        client.create_with_context(reports).map(LiveProducer)
    }

    fn reader(&self) -> Result<LiveReader, KafkaError> {
        let kafka = &self.shared.config.kafka;
        let reader = |isolation| client::reader(kafka, isolation).create_with_context(Silent);
        Ok(LiveReader {
            committed: reader(client::READ_COMMITTED)?,
            all: reader(client::READ_UNCOMMITTED)?,
        })
    }

    fn transactional_id(&self, worker: usize) -> String {
        let (pid, now) = (std::process::id(), self.wall_ms());
        format!(
            "{}-{pid:x}-{now:x}-{worker}",
            self.shared.config.kafka.group
        )
    }

    async fn fence(&self, id: &str, most: Duration) -> Result<(), KafkaError> {
        let config = &self.shared.config;
        let owner = Transactional {
            id,
            batch_bytes: usize::MAX,
        };
        let client = client::transactional(config, owner);
        let producer: BaseProducer = client.create()?;
        producer.init_transactions(most)
    }

    async fn complete_topics(&self) -> Result<(), String> {
        let made = topics::ensure_ours(&self.shared.config, CONNECT);
        made.map(drop).map_err(|error| error.to_string())
    }

    fn now(&self) -> Instant {
        Instant::now()
    }

    fn wall_ms(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.map_or(0, |since| {
            i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
        })
    }

    async fn sleep(&self, time: Duration) {
        thread::sleep(time);
    }

    fn beside(
        &self,
        name: &str,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let thread = thread::Builder::new().name(name.to_owned());
        thread.spawn(move || finish(work)).map(drop)
    }
}

pub struct LiveConsumer {
    /// The last one that holds the client closes it, which it allows from any thread.
    client: Arc<BaseConsumer<Group>>,
    born: Instant,
    /// Its age when it was last told where to read; statistics that are older are of what it read before.
    sent_at: Cell<Duration>,
}

impl LiveConsumer {
    fn was_sent(&self) {
        self.sent_at.set(self.born.elapsed() + BEGINS_WITHIN);
    }
}

impl Consumer for LiveConsumer {
    type Membership = ConsumerGroupMetadata;
    type Message<'c> = BorrowedMessage<'c>;

    fn subscribe(&self, topics: &[&str]) -> Result<(), KafkaError> {
        self.client.subscribe(topics)
    }

    fn poll(&self) -> Polled<BorrowedMessage<'_>> {
        self.client.poll(Duration::ZERO)
    }

    async fn wait(&self, most: Duration) -> Polled<BorrowedMessage<'_>> {
        self.client.poll(most)
    }

    fn keep(message: BorrowedMessage<'_>) -> OwnedMessage {
        message.detach()
    }

    fn decision(&self) -> Option<Decision> {
        self.client.context().decision()
    }

    fn has_decision(&self) -> bool {
        self.client.context().has_decision()
    }

    fn take_up(&self, partitions: &[ReadFrom]) -> Result<(), KafkaError> {
        let taken = answer_assigned(&self.client, &list_of(partitions, Offset::Invalid)?);
        self.was_sent();
        taken
    }

    fn give_up(&self, partitions: &[Named]) -> Result<(), KafkaError> {
        answer_revoked(&self.client, &list(partitions))
    }

    fn pause(&self) -> Result<(), KafkaError> {
        self.client.pause(&self.client.assignment()?)
    }

    fn resume(&self) -> Result<(), KafkaError> {
        self.client.resume(&self.client.assignment()?)
    }

    async fn seek(&self, to: &[ReadFrom], most: Duration) -> Result<(), KafkaError> {
        let sought = self
            .client
            .seek_partitions(list_of(to, Offset::Beginning)?, most)?;
        self.was_sent();
        sought.elements().iter().try_for_each(|entry| entry.error())
    }

    async fn committed(
        &self,
        partitions: &[Named],
        most: Duration,
    ) -> Result<Vec<Committed>, KafkaError> {
        let all = self.client.committed_offsets(list(partitions), most)?;
        let committed = |entry: &TopicPartitionListElem<'_>| {
            entry.error()?;
            Ok(Committed {
                partition: (entry.topic().to_owned(), entry.partition()),
                offset: match entry.offset() {
                    Offset::Offset(offset) => Some(offset),
                    _ => None,
                },
                metadata: metadata(entry),
            })
        };
        all.elements().iter().map(committed).collect()
    }

    async fn watermarks(
        &self,
        partition: &Named,
        most: Duration,
    ) -> Result<(i64, i64), KafkaError> {
        watermarks_of(&self.client, partition, most)
    }

    fn membership(&self) -> Option<ConsumerGroupMetadata> {
        self.client.group_metadata()
    }

    /// The client reports only a commit that is waited for, and the worker must not wait: a thread does.
    fn commit(&self, offsets: Vec<ToCommit>) -> io::Result<()> {
        let consumer = Arc::clone(&self.client);
        let ask = move || {
            let commit = |list| consumer.commit(&list, CommitMode::Sync);
            let result = offsets_of(&offsets).and_then(commit);
            consumer.context().commit_ended(result);
        };
        let thread = thread::Builder::new().name("commit".into());
        thread.spawn(ask).map(drop)
    }

    fn commit_ended(&self) -> Option<Result<(), String>> {
        self.client.context().commit_result()
    }

    fn statistics(&self) -> Option<Statistics> {
        let is_of_now =
            |stats: &Statistics| i128::from(stats.age) > self.sent_at.get().as_micros() as i128;
        self.client.context().stats().filter(is_of_now)
    }

    fn close(&self) {
        self.client.context().close();
    }
}

/// Of a leader that is gone the client learns nothing by itself where it does not read the partition: it asks who is not
/// there, or, where the cluster no longer names that broker, says that there is no such partition, for minutes
/// (`rd_kafka_topic_partition_list_query_leaders`). So it is told to find out who leads now.
fn watermarks_of<C: ConsumerContext>(
    client: &BaseConsumer<C>,
    (topic, partition): &Named,
    most: Duration,
) -> KafkaResult<(i64, i64)> {
    let ask = || client.fetch_watermarks(topic, *partition, most);
    ask().or_else(|error| match client.fetch_metadata(Some(topic), most) {
        Ok(_) => ask(),
        Err(_) => Err(error),
    })
}

pub struct LiveReader {
    committed: BaseConsumer<Silent>,
    all: BaseConsumer<Silent>,
}

impl LiveReader {
    fn of(&self, isolation: Isolation) -> &BaseConsumer<Silent> {
        match isolation {
            Isolation::Committed => &self.committed,
            Isolation::All => &self.all,
        }
    }

    fn end_of_each(&self, topic: &str, most: Duration) -> KafkaResult<TopicPartitionList> {
        let known = self.all.fetch_metadata(Some(topic), most)?;
        let mut list = TopicPartitionList::new();
        for partition in known.topics().iter().flat_map(|topic| topic.partitions()) {
            list.add_partition_offset(topic, partition.id(), Offset::End)?;
        }
        Ok(list)
    }
}

impl Reader for LiveReader {
    async fn watermarks(
        &self,
        isolation: Isolation,
        partition: &Named,
        most: Duration,
    ) -> Result<(i64, i64), KafkaError> {
        watermarks_of(self.of(isolation), partition, most)
    }

    fn read(&self, partition: Option<&Named>) -> Result<(), KafkaError> {
        let Some((topic, partition)) = partition else {
            return self.committed.unassign();
        };
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, *partition, Offset::Beginning)?;
        self.committed.assign(&list)
    }

    async fn first_of(
        &self,
        (topic, partition): &Named,
        from: i64,
        key: &[u8],
        most: Duration,
    ) -> Result<Option<Vec<u8>>, KafkaError> {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, *partition, Offset::Offset(from))?;
        self.all.assign(&list)?;
        let until = Instant::now() + most;
        let found = loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.all.poll(left) {
                Some(Ok(record)) if record.key() == Some(key) => {
                    break Ok(record.payload().map(<[u8]>::to_vec));
                }
                Some(Ok(_)) => {}
                Some(Err(KafkaError::PartitionEOF(at))) if at == *partition => break Ok(None),
                Some(Err(error)) => break Err(error),
                None => break Ok(None),
            }
        };
        self.all.unassign()?;
        found
    }

    async fn wait(&self, most: Duration) -> Polled<StateRecord> {
        let record = |message: BorrowedMessage<'_>| StateRecord {
            key: message.key().unwrap_or_default().to_vec(),
            value: message.payload().map(<[u8]>::to_vec),
        };
        self.committed.poll(most).map(|polled| polled.map(record))
    }

    async fn ends(
        &self,
        topic: &str,
        isolation: Isolation,
        most: Duration,
    ) -> Result<BTreeMap<i32, i64>, KafkaError> {
        let client = self.of(isolation);
        let ends = client.offsets_for_times(self.end_of_each(topic, most)?, most)?;
        let ends = ends.elements();
        let ends = ends.iter().map(|end| {
            end.error()?;
            Ok((end.partition(), offset(end).unwrap_or(0)))
        });
        ends.collect()
    }

    async fn written_on(&self, topic: &str, most: Duration) -> Result<Vec<Written>, KafkaError> {
        // A reader of what is committed would be told to ask again while a commit is under way.
        let list = self.end_of_each(topic, most)?;
        let committed = self.all.committed_offsets(list, most)?;
        let ends = self.ends(topic, Isolation::Committed, most).await?;
        let all = ends.into_iter().map(|(partition, end)| {
            let committed = committed.find_partition(topic, partition);
            let committed = committed.and_then(|entry| {
                let metadata = metadata(&entry).unwrap_or_default();
                Some((offset(&entry)?, metadata))
            });
            Written::of(partition, committed, end)
        });
        Ok(all.collect())
    }
}

/// What goes wrong comes back as an error, and is told by who asked.
pub struct Silent;

impl ClientContext for Silent {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        client::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        hearing::tell("reader of state", &error, reason);
    }
}

impl ConsumerContext for Silent {}

fn list(partitions: &[Named]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for (topic, partition) in partitions {
        list.add_partition(topic, *partition);
    }
    list
}

/// `first`: what the client calls the first record there is.
fn list_of(partitions: &[ReadFrom], first: Offset) -> KafkaResult<TopicPartitionList> {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for ((topic, partition), from) in partitions {
        let from = from.map_or(first, Offset::Offset);
        list.add_partition(topic, *partition).set_offset(from)?;
    }
    Ok(list)
}

fn offsets_of(offsets: &[ToCommit]) -> KafkaResult<TopicPartitionList> {
    let mut list = TopicPartitionList::with_capacity(offsets.len());
    for offset in offsets {
        let mut entry = list.add_partition(&offset.partition.0, offset.partition.1);
        entry.set_offset(Offset::Offset(offset.offset))?;
        entry.set_metadata(&*offset.metadata);
    }
    Ok(list)
}

fn offset(entry: &TopicPartitionListElem<'_>) -> Option<i64> {
    match entry.offset() {
        Offset::Offset(offset) => Some(offset),
        _ => None,
    }
}

/// The client's accessor panics on bytes that are not UTF-8.
fn metadata(entry: &TopicPartitionListElem<'_>) -> Option<String> {
    catch_unwind(AssertUnwindSafe(|| entry.metadata().to_owned())).ok()
}
