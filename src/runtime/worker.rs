//! A worker: one thread with one consumer, one producer and the lanes of its partitions.
//!
//! Place in the flow: it is the flow. It polls records, gives them to their lane, hands the outputs to
//! the sink and commits. What it holds:
//!
//! 1. An output is handed over before the offset of its input may be committed (offsets.rs, sink.rs).
//! 2. A full producer stops the input: a worker never holds the outputs of more than one record.
//! 3. Lanes come and go only between two records (rebalance.rs, handover.rs).
//!
//! Where delivery is exactly once, a commit is a transaction (transaction.rs), and after an abort the lanes
//! begin again at the last one.
//!
//! It refuses to share a lane, to lock on the way of the data, and to go on after an output that
//! cannot be delivered: then it ends with an error, and what was not committed is read again.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Headers, Message};

use super::Shared;
use super::commit::Progress;
use super::eof::Ends;
use super::handover::Doubts;
use super::rebalance::Group;
use super::restore::Reading;
use super::seat::Seat;
use super::sink::{Origin, Refusal, Sink, SinkError};
use super::view::AlertView;
use super::{client, wall_ms};
use crate::config::Delivery;
use crate::model::{Input, Kind, OutputKind, Outputs, Settings, Source};
use crate::pipeline::intel::IntelSet;
use crate::pipeline::lane::RestoreError;

/// Records read between two looks at deliveries, commits and rebalances.
const BATCH: usize = 512;
/// How long a worker sleeps where nothing is to be read; also how late a delivery can be noticed.
const NAP: Duration = Duration::from_millis(5);
/// Progress of an idle lane's clock between two ticks.
const TICK_MS: i64 = 25;
/// A producer queue that is full for longer stops the consumer itself, not only this loop.
const SHORT_WAIT: Duration = Duration::from_millis(500);
/// One try to have the producer's name.
const CONNECT: Duration = Duration::from_secs(1);
const TELL_EVERY: Duration = Duration::from_secs(10);
const VIEW_EVERY: Duration = Duration::from_millis(500);

#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    #[error(transparent)]
    Sink(#[from] SinkError),
    #[error("Kafka: {0}")]
    Kafka(#[from] KafkaError),
    #[error("starting a thread: {0}")]
    Thread(#[from] std::io::Error),
    #[error("stopped while the brokers took no outputs; what was not committed is read again")]
    Interrupted,
    #[error(
        "the brokers do not let this producer have transactions: {0}. It needs a rule of access to transactional \
         ids that begin with the group; brokers without transactions need delivery = \"at_least_once\""
    )]
    NoTransactions(String),
    #[error(
        "the topic of the state lacks a partition that its input has: {0}. \
         `trailhound check-config FILE --connect` says which, and what to do"
    )]
    NoState(KafkaError),
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
        matches!(self, WorkerError::Sink(SinkError::Aborted { .. }))
    }

    /// This worker can do no more, and another may begin in its place.
    pub(super) fn is_of_this_worker_alone(&self) -> bool {
        matches!(self, WorkerError::Sink(SinkError::Unusable { .. }))
    }
}

/// Topic (its place in `Worker::topics`) and partition.
pub(super) type Key = (usize, i32);

pub struct Worker {
    pub(super) id: usize,
    pub(super) shared: Arc<Shared>,
    pub(super) consumer: Arc<BaseConsumer<Group>>,
    pub(super) sink: Sink,
    pub(super) topics: Vec<(Source, Arc<str>)>,
    pub(super) seats: BTreeMap<Key, Seat>,
    pub(super) ends: Ends,
    pub(super) intel: Arc<IntelSet>,
    pub(super) settings: Arc<Settings>,
    pub(super) outputs: Outputs,
    pub(super) progress: Progress,
    last_view: Instant,
    brokers_away: bool,
    /// State of lanes that are being taken up.
    pub(super) reading: Option<Reading>,
    /// Since when a topic of the state lacks a partition that the input has.
    pub(super) no_state_since: Option<Instant>,
    pub(super) doubts: Doubts,
    /// Read while the consumer was being stopped.
    pub(super) strays: VecDeque<rdkafka::message::OwnedMessage>,
}

impl Worker {
    pub fn new(shared: &Arc<Shared>, id: usize) -> Result<Worker, WorkerError> {
        let config = &shared.config;
        let consumer: BaseConsumer<Group> = client::consumer(&config.kafka, config.delivery)
            .create_with_context(Group::new(shared))?;
        let topics: Vec<(Source, Arc<str>)> = [
            (Source::Audit, &config.topics.audit_in),
            (Source::Flow, &config.topics.flow_in),
        ]
        .into_iter()
        .filter_map(|(source, name)| Some((source, Arc::from(name.as_deref()?))))
        .collect();
        Ok(Worker {
            id,
            shared: Arc::clone(shared),
            consumer: Arc::new(consumer),
            sink: Sink::new(shared, id)?,
            topics,
            seats: BTreeMap::new(),
            ends: Ends::default(),
            intel: shared.intel.load_full(),
            settings: Arc::new(config.lane.clone()),
            outputs: Outputs::new(),
            progress: Progress::default(),
            last_view: Instant::now(),
            brokers_away: false,
            reading: None,
            no_state_since: None,
            doubts: Doubts::new(),
            strays: VecDeque::new(),
        })
    }

    /// Turns until it is told to stop, then leaves the group in order.
    pub fn run(mut self) -> Result<(), WorkerError> {
        let result = self
            .begin()
            .and_then(|()| self.turn_until_stopped())
            .and_then(|()| self.hand_over_all());
        for seat in self.seats.values_mut() {
            seat.ungauge(&self.shared.metrics);
            self.shared.metrics.assigned_partitions.dec();
            let name = (seat.topic.to_string(), seat.partition);
            self.shared.view.partitions.remove(&name);
        }
        result
    }

    /// First the producer's name, which fences whoever had it; then the group.
    fn begin(&mut self) -> Result<(), WorkerError> {
        let mut told = Instant::now();
        while !self.shared.stop.is_set() {
            match self.sink.init(CONNECT) {
                Ok(true) => break,
                Ok(false) => self.shared.view.turn(self.id),
                Err(error) => return Err(WorkerError::NoTransactions(error.to_string())),
            }
            if told.elapsed() > TELL_EVERY {
                told = Instant::now();
                tracing::warn!(
                    worker = self.id,
                    "waiting for the brokers' coordinator of transactions"
                );
            }
        }
        let names: Vec<&str> = self.topics.iter().map(|(_, name)| &**name).collect();
        self.consumer.subscribe(&names)?;
        tracing::info!(
            worker = self.id,
            transactional_id = self.sink.id(),
            "worker started"
        );
        Ok(())
    }

    fn turn_until_stopped(&mut self) -> Result<(), WorkerError> {
        while !self.shared.stop.is_set() {
            match self.turn() {
                Err(why) if why.is_abortable() => self.start_over(&why)?,
                result => result?,
            }
        }
        Ok(())
    }

    fn turn(&mut self) -> Result<(), WorkerError> {
        self.shared.view.turn(self.id);
        self.intel = self.shared.intel.load_full();
        self.rebalance()?;
        let rules = self.shared.rules.load_full();
        let lanes = self.seats.values_mut().map(|seat| &mut seat.lane);
        lanes.for_each(|lane| lane.follow_rules(&rules));
        self.intake()?;
        self.tick()?;
        self.sink.poll(Duration::ZERO)?;
        match self.shared.config.delivery {
            Delivery::ExactlyOnce => self.commit_if_due()?,
            Delivery::AtLeastOnce => self.commit()?,
        }
        self.observe();
        Ok(())
    }

    /// Reads what is there, at most a batch.
    fn intake(&mut self) -> Result<(), WorkerError> {
        let consumer = Arc::clone(&self.consumer);
        let mut nap = NAP;
        let mut wall = wall_ms();
        for read in 0..BATCH {
            // Before anything newer, or a position would pass them.
            while let Some(stray) = self.strays.pop_front() {
                self.take(&stray, wall_ms())?;
            }
            match consumer.poll(nap) {
                None => break,
                Some(Ok(message)) => {
                    if nap > Duration::ZERO || read % 64 == 0 {
                        wall = wall_ms();
                    }
                    self.take(&message, wall)?;
                }
                Some(Err(error)) => self.news(error)?,
            }
            // The wait is only for the first.
            nap = Duration::ZERO;
            if self.reading.is_none() && consumer.context().has_decision() {
                break;
            }
        }
        for seat in self.seats.values_mut() {
            seat.count(&self.shared.metrics);
        }
        Ok(())
    }

    /// Gives one record to its lane, and what comes out to the sink.
    fn take<M: Message>(&mut self, message: &M, wall: i64) -> Result<(), WorkerError> {
        let Some(topic) = self
            .topics
            .iter()
            .position(|(_, name)| **name == *message.topic())
        else {
            return Ok(());
        };
        let key = (topic, message.partition());
        let Some(seat) = self.seats.get_mut(&key) else {
            return Ok(());
        };
        let header = &self.shared.config.kafka.host_header;
        let host = message
            .headers()
            .and_then(|headers| headers.iter().find(|entry| entry.key == header))
            .and_then(|entry| entry.value);
        let input = Input {
            source: seat.source,
            value: message.payload().unwrap_or_default(),
            key: message.key(),
            host,
            offset: message.offset(),
        };
        let now = seat.clock.record(message.timestamp().to_millis(), wall);
        seat.ticked = now.0;
        seat.lane.step(now, input, &self.intel, &mut self.outputs);
        seat.read(message.offset(), wall);
        self.ends.record(key.0, key.1);
        if !self.outputs.is_empty() {
            self.hand_to_sink(key)?;
        }
        Ok(())
    }

    /// Hands all outputs over. A queue that is full stops the input until there is room.
    pub(super) fn hand_to_sink(&mut self, key: Key) -> Result<(), WorkerError> {
        let outputs = std::mem::take(&mut self.outputs);
        let topic = Arc::clone(&self.topics[key.0].1);
        let origin = Origin {
            topic: &topic,
            partition: key.1,
        };
        for output in outputs.iter() {
            if output.kind == OutputKind::Event(Kind::Alert) {
                AlertView::read(output.key, output.value)
                    .into_iter()
                    .for_each(|alert| self.shared.view.alert(alert));
            }
            let mut full_since = None;
            loop {
                match self.sink.send(&output, origin) {
                    Ok(()) => break,
                    Err(Refusal::Failed(error)) => return Err(error.into()),
                    Err(Refusal::Full) => {
                        let since = *full_since.get_or_insert_with(|| {
                            self.shared.metrics.backpressure.inc();
                            Instant::now()
                        });
                        self.wait_for_room(since)?;
                    }
                }
            }
            if full_since.is_some_and(|since| since.elapsed() >= SHORT_WAIT) {
                let assignment = self.consumer.assignment()?;
                self.consumer.resume(&assignment)?;
            }
        }
        self.outputs = outputs;
        self.outputs.clear();
        Ok(())
    }

    /// The consumer has to be polled also while it is stopped, or the group takes it for dead.
    fn wait_for_room(&mut self, since: Instant) -> Result<(), WorkerError> {
        let waited = since.elapsed();
        if self.shared.stop.is_set() && waited > self.shared.config.shutdown_deadline {
            return Err(WorkerError::Interrupted);
        }
        self.shared.view.turn(self.id);
        self.sink.poll(Duration::from_millis(2))?;
        if waited < SHORT_WAIT {
            return Ok(());
        }
        let assignment = self.consumer.assignment()?;
        self.consumer.pause(&assignment)?;
        let consumer = Arc::clone(&self.consumer);
        match consumer.poll(Duration::from_millis(10)) {
            Some(Ok(message)) => self.strays.push_back(message.detach()),
            Some(Err(error)) => self.news(error)?,
            None => {}
        }
        Ok(())
    }

    /// What the client reports between records. Mostly news, not failures: brokers go and come back.
    fn news(&mut self, error: KafkaError) -> Result<(), WorkerError> {
        let wall = wall_ms();
        match error {
            KafkaError::PartitionEOF(partition) => {
                self.ends.eof(partition);
                for (key, seat) in &mut self.seats {
                    if self.ends.at_end(key.0, key.1) && key.1 == partition {
                        seat.at_end(wall);
                    }
                }
                Ok(())
            }
            KafkaError::MessageConsumptionFatal(_) => Err(error.into()),
            KafkaError::MessageConsumption(code) => {
                self.shared.metrics.broker_errors.inc();
                let connection = matches!(
                    code,
                    RDKafkaErrorCode::AllBrokersDown
                        | RDKafkaErrorCode::BrokerTransportFailure
                        | RDKafkaErrorCode::Resolve
                        | RDKafkaErrorCode::OperationTimedOut
                );
                if connection {
                    self.seats.values_mut().for_each(Seat::unheard);
                }
                if code == RDKafkaErrorCode::AllBrokersDown {
                    if !std::mem::replace(&mut self.brokers_away, true) {
                        tracing::warn!(worker = self.id, "the brokers are away; waiting for them");
                    }
                } else {
                    tracing::debug!(worker = self.id, %code, "from the brokers");
                }
                Ok(())
            }
            error => {
                self.shared.metrics.broker_errors.inc();
                tracing::warn!(worker = self.id, %error, "from the consumer");
                Ok(())
            }
        }
    }

    /// Lets time pass in the lanes that have read all there is.
    fn tick(&mut self) -> Result<(), WorkerError> {
        let wall = wall_ms();
        let keys: Vec<Key> = self.seats.keys().copied().collect();
        for key in keys {
            let Some(seat) = self.seats.get_mut(&key) else {
                continue;
            };
            if !self.ends.at_end(key.0, key.1) || !seat.leader_is_there(wall) {
                seat.clock.stall();
                continue;
            }
            let Some(now) = seat.clock.idle(wall) else {
                continue;
            };
            if now.0 - seat.ticked >= TICK_MS {
                seat.ticked = now.0;
                seat.lane.tick(now, &self.intel, &mut self.outputs);
                if !self.outputs.is_empty() {
                    seat.changed = true;
                    self.hand_to_sink(key)?;
                }
            }
        }
        Ok(())
    }

    /// One lane leaves: what is whole goes out.
    pub(super) fn leave(&mut self, key: Key) -> Result<(), WorkerError> {
        if let Some(seat) = self.seats.get_mut(&key) {
            seat.lane.leave(&self.intel, &mut self.outputs);
            seat.count(&self.shared.metrics);
        }
        self.hand_to_sink(key)
    }

    /// Metrics and the live view.
    fn observe(&mut self) {
        let wall = wall_ms();
        if let Some(stats) = self.consumer.context().stats() {
            let mut queued = (0, 0);
            for (key, seat) in &mut self.seats {
                if let Some(at_end) = seat.statistics(&stats, wall) {
                    self.ends.settle(key.0, key.1, at_end);
                    if at_end {
                        seat.caught_up();
                    }
                }
            }
            for partition in stats
                .topics
                .values()
                .flat_map(|topic| topic.partitions.values())
            {
                queued.0 += partition.fetchq_cnt;
                queued.1 += i64::try_from(partition.fetchq_size).unwrap_or(i64::MAX);
            }
            let worker = self.id.to_string();
            let metrics = &self.shared.metrics;
            metrics
                .consumer_queue_messages
                .with_label_values(&[&worker])
                .set(queued.0);
            metrics
                .consumer_queue_bytes
                .with_label_values(&[&worker])
                .set(queued.1);
            let up = stats.brokers.values().any(|broker| broker.state == "UP");
            if up && std::mem::replace(&mut self.brokers_away, false) {
                tracing::info!(worker = self.id, "the brokers are back");
            }
        }
        if self.last_view.elapsed() >= VIEW_EVERY {
            self.last_view = Instant::now();
            for seat in self.seats.values_mut() {
                seat.gauge(&self.shared.metrics, wall);
                let name = (seat.topic.to_string(), seat.partition);
                self.shared.view.partitions.insert(name, seat.view(self.id));
            }
        }
    }
}

/// However it ends, also by a panic: the consumer's close must not wait for an answer of the loop that
/// is gone. Fields drop in their order: the consumer leaves the group, then the producer goes.
impl Drop for Worker {
    fn drop(&mut self) {
        self.consumer.context().close();
    }
}
