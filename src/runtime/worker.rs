//! A worker: one thread with one consumer, one producer and the lanes of its partitions.
//!
//! Place in the flow: it is the flow, and all that it has of Kafka and of time comes through a port (port.rs). It polls records, gives them to their lane, hands the outputs to
//! the sink and commits. What it holds:
//!
//! 1. An output is handed over before the offset of its input may be committed (offsets.rs, sink.rs).
//! 2. A full producer stops the input: a worker never holds the outputs of more than one record, but for events that wait
//!    to be one message, which have a bound (sink/bundles.rs).
//! 3. Lanes come and go only between two records (rebalance.rs, handover.rs, takeup.rs).
//!
//! Where delivery is exactly once, a commit is a transaction (transaction.rs), and after an abort the lanes
//! begin again at the last one.
//!
//! It refuses to share a lane, to lock on the way of the data, and to go on after an output that
//! cannot be delivered: then it ends with an error, and what was not committed is read again.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Headers, Message, OwnedMessage};

use super::Shared;
use super::abreast::Outlook;
use super::clock::Moment;
use super::commit::Progress;
use super::eof::Ends;
use super::error::WorkerError;
use super::leader::HEARD_WITHIN_MS;
use super::port::{Consumer, Decision, Named, Port};
use super::rekey::Rekey;
use super::restore::Reading;
use super::room::LetGo;
use super::seat::Seat;
use super::sink::{Origin, Refusal, Sink};
use super::takeup::Doubts;
use super::upstream::{self, Upstream};
use super::view::AlertView;
use crate::config::{Config, Delivery};
use crate::model::envelope::Form;
use crate::model::output::Output;
use crate::model::{Input, Kind, OutputKind, Outputs, Settings, Source};
use crate::pipeline::intel::IntelSet;

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

/// Topic (its place in `Worker::topics`) and partition.
pub(super) type Key = (usize, i32);

pub struct Worker<P: Port> {
    pub(super) id: usize,
    pub(super) port: P,
    pub(super) shared: Arc<Shared>,
    pub(super) consumer: Rc<P::Consumer>,
    pub(super) sink: Sink<P::Producer>,
    pub(super) topics: Vec<(Source, Arc<str>)>,
    pub(super) seats: BTreeMap<Key, Seat>,
    pub(super) ends: Ends,
    pub(super) intel: Arc<IntelSet>,
    pub(super) settings: Arc<Settings>,
    /// Where the producers do not key: what writes their lines on to the lanes.
    pub(super) rekey: Option<Rekey>,
    /// And whether all of them are.
    pub(super) upstream: Option<Arc<Upstream>>,
    pub(super) outputs: Outputs,
    pub(super) progress: Progress,
    /// Where its steady clock begins.
    began: Instant,
    pub(super) last_view: Instant,
    pub(super) brokers_away: bool,
    /// So was a topic of the input, since the group gave partitions last.
    pub(super) input_away: bool,
    /// What could not be carried out yet: next time again.
    pub(super) postponed: Option<Decision>,
    /// When the brokers did not say last what was committed, or did not have the state.
    pub(super) asked_in_vain: Option<Instant>,
    /// State of lanes that are being taken up.
    pub(super) readings: Vec<Reading>,
    /// Since when a topic of the state lacks a partition that the input has.
    pub(super) no_state: Option<Instant>,
    pub(super) doubts: Doubts,
    pub(super) let_go: LetGo,
    /// Read while the consumer was being stopped.
    pub(super) strays: VecDeque<OwnedMessage>,
}

impl<P: Port> Worker<P> {
    pub fn new(port: P, shared: &Arc<Shared>, id: usize) -> Result<Worker<P>, WorkerError> {
        let config = &shared.config;
        let mut topics: Vec<(Source, Arc<str>)> = [
            (Source::Audit, config.topics.audit_lanes()),
            (Source::Flow, config.topics.flow_in.as_deref()),
        ]
        .into_iter()
        .filter_map(|(source, name)| Some((source, Arc::from(name?))))
        .collect();
        let rekey = Rekey::of(config, topics.len());
        if let (Some(_), Some(input)) = (&rekey, &config.topics.audit_in) {
            topics.push((Source::Audit, Arc::from(input.as_str())));
        }
        let upstream = match &rekey {
            Some(_) => Some(Upstream::watch(&port, shared)?),
            None => None,
        };
        Ok(Worker {
            id,
            shared: Arc::clone(shared),
            consumer: Rc::new(port.consumer(id)?),
            sink: Sink::new(&port, shared, id)?,
            topics,
            seats: BTreeMap::new(),
            ends: Ends::default(),
            intel: shared.intel.load_full(),
            settings: Arc::new(settings_of_lanes(config)),
            rekey,
            upstream,
            outputs: Outputs::new(),
            progress: Progress::default(),
            began: port.now(),
            last_view: port.now(),
            brokers_away: false,
            input_away: false,
            postponed: None,
            asked_in_vain: None,
            readings: Vec::new(),
            no_state: None,
            doubts: Doubts::new(),
            let_go: LetGo::default(),
            strays: VecDeque::new(),
            port,
        })
    }

    /// Turns until it is told to stop, then leaves the group in order.
    pub async fn run(mut self) -> Result<(), WorkerError> {
        let result = self.live().await;
        for seat in self.seats.values_mut() {
            seat.ungauge(&self.shared.metrics);
            self.shared.metrics.assigned_partitions.dec();
            self.shared.room.leave(seat.source);
            let name = (seat.topic.to_string(), seat.partition);
            self.shared.view.partitions.remove(&name);
        }
        result
    }

    async fn live(&mut self) -> Result<(), WorkerError> {
        self.begin().await?;
        while !self.shared.stop.is_set() {
            match self.turn().await {
                Err(why) if why.is_abortable() => self.start_over(&why).await?,
                result => result?,
            }
        }
        self.hand_over_all().await
    }

    /// First the producer's name, which fences whoever had it; then the group.
    async fn begin(&mut self) -> Result<(), WorkerError> {
        let mut told = self.port.now();
        while !self.shared.stop.is_set() {
            match self.sink.init(CONNECT).await {
                Ok(true) => break,
                Ok(false) => self.shared.view.turn(self.id),
                Err(error) => return Err(WorkerError::NoTransactions(error.to_string())),
            }
            if self.since(told) > TELL_EVERY {
                told = self.port.now();
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

    pub(super) fn moment(&self) -> Moment {
        let steady = self.since(self.began).as_millis();
        Moment {
            wall: self.port.wall_ms(),
            steady: i64::try_from(steady).unwrap_or(i64::MAX),
        }
    }

    pub(super) fn since(&self, began: Instant) -> Duration {
        self.port.now().saturating_duration_since(began)
    }

    pub(super) fn named(&self, (topic, partition): Key) -> Named {
        (self.topics[topic].1.to_string(), partition)
    }

    pub(super) fn key(&self, (name, partition): &Named) -> Option<Key> {
        let mut topics = self.topics.iter();
        let topic = topics.position(|(_, topic)| **topic == **name)?;
        Some((topic, *partition))
    }

    async fn turn(&mut self) -> Result<(), WorkerError> {
        self.shared.view.turn(self.id);
        self.intel = self.shared.intel.load_full();
        self.rebalance().await?;
        let rules = self.shared.rules.load_full();
        let share = self.shared.room.share();
        for seat in self.seats.values_mut() {
            seat.lane.follow_rules(&rules);
            seat.lane.share(share);
        }
        self.intake().await?;
        self.tick().await?;
        self.sink.serve()?;
        match self.shared.config.delivery {
            Delivery::ExactlyOnce => self.commit_if_due().await?,
            Delivery::AtLeastOnce => {
                self.send_bundles_in_turn().await?;
                self.commit()?;
            }
        }
        self.observe();
        Ok(())
    }

    /// Reads what is there, at most a batch.
    async fn intake(&mut self) -> Result<(), WorkerError> {
        let consumer = Rc::clone(&self.consumer);
        let mut at = self.moment();
        for read in 0..BATCH {
            // Before anything newer, or a position would pass them.
            while let Some(stray) = self.strays.pop_front() {
                match self.is_to_be_keyed(&stray) {
                    true => self.hold(stray, at),
                    false => self.take(&stray, at).await?,
                }
            }
            let polled = match read {
                0 => consumer.wait(NAP).await,
                _ => consumer.poll(),
            };
            if read % 64 == 0 {
                at = self.moment();
            }
            match polled {
                None => break,
                Some(Ok(message)) if self.is_to_be_keyed(&message) => {
                    self.hold(P::Consumer::keep(message), at);
                }
                Some(Ok(message)) => self.take(&message, at).await?,
                Some(Err(error)) => self.news(error)?,
            }
            if self.readings.is_empty() && consumer.has_decision() {
                break;
            }
        }
        self.write_on().await?;
        for seat in self.seats.values_mut() {
            self.let_go.add(seat.count(&self.shared.metrics));
        }
        self.look_for_split_hosts();
        Ok(())
    }

    /// Gives one record to its lane, and what comes out to the sink.
    async fn take<M: Message>(&mut self, message: &M, at: Moment) -> Result<(), WorkerError> {
        match self.step(message, at) {
            Some(key) if !self.outputs.is_empty() => self.hand_to_sink(key).await,
            _ => Ok(()),
        }
    }

    /// Gives one record to its lane, where there is one.
    fn step<M: Message>(&mut self, message: &M, at: Moment) -> Option<Key> {
        let mut topics = self.topics.iter();
        let topic = topics.position(|(_, name)| **name == *message.topic())?;
        let key = (topic, message.partition());
        let seat = self.seats.get_mut(&key)?;
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
        let now = seat.clock.record(message.timestamp().to_millis(), at.wall);
        seat.ticked = now.0;
        seat.lane.step(now, input, &self.intel, &mut self.outputs);
        seat.read(message.offset(), at);
        self.ends.record(key.0, key.1);
        Some(key)
    }

    /// Hands all outputs over. A queue that is full stops the input until there is room.
    pub(super) async fn hand_to_sink(&mut self, key: Key) -> Result<(), WorkerError> {
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
            match self.sink.send(&output, origin) {
                Ok(()) => {}
                Err(Refusal::Full) => self.hand_over_when_there_is_room(&output, origin).await?,
                Err(Refusal::Failed(error)) => return Err(error.into()),
            }
        }
        self.outputs = outputs;
        self.outputs.clear();
        Ok(())
    }

    /// Hands over what waited for more of its kind, before a position may pass it.
    pub(super) async fn send_bundles_in_turn(&mut self) -> Result<(), WorkerError> {
        let since = self.port.now();
        loop {
            match self.sink.send_bundles() {
                Ok(()) => return self.had_room(since),
                Err(Refusal::Full) => self.wait_for_room(since).await?,
                Err(Refusal::Failed(error)) => return Err(error.into()),
            }
        }
    }

    async fn hand_over_when_there_is_room(
        &mut self,
        output: &Output<'_>,
        origin: Origin<'_>,
    ) -> Result<(), WorkerError> {
        self.shared.metrics.backpressure.inc();
        let since = self.port.now();
        loop {
            self.wait_for_room(since).await?;
            match self.sink.send(output, origin) {
                Ok(()) => break,
                Err(Refusal::Full) => {}
                Err(Refusal::Failed(error)) => return Err(error.into()),
            }
        }
        self.had_room(since)
    }

    /// There was room at last: the input goes on, where it was stopped.
    pub(super) fn had_room(&self, since: Instant) -> Result<(), WorkerError> {
        if self.since(since) >= SHORT_WAIT {
            self.consumer.resume()?;
        }
        Ok(())
    }

    /// The consumer has to be polled also while it is stopped, or the group takes it for dead.
    pub(super) async fn wait_for_room(&mut self, since: Instant) -> Result<(), WorkerError> {
        let waited = self.since(since);
        if self.shared.stop.is_set() && waited > self.shared.config.shutdown_deadline {
            return Err(WorkerError::Interrupted);
        }
        self.shared.view.turn(self.id);
        self.sink.serve_for(Duration::from_millis(2)).await?;
        if waited < SHORT_WAIT {
            return Ok(());
        }
        self.consumer.pause()?;
        let consumer = Rc::clone(&self.consumer);
        match consumer.wait(Duration::from_millis(10)).await {
            Some(Ok(message)) => self.strays.push_back(P::Consumer::keep(message)),
            Some(Err(error)) => self.news(error)?,
            None => {}
        }
        Ok(())
    }

    /// What the client reports between records. Mostly news, not failures: brokers go and come back.
    fn news(&mut self, error: KafkaError) -> Result<(), WorkerError> {
        let at = self.moment();
        match error {
            KafkaError::PartitionEOF(partition) => {
                let topic = self.ends.eof(partition);
                let seat = topic.and_then(|topic| self.seats.get_mut(&(topic, partition)));
                if let Some(seat) = seat {
                    seat.at_end(at);
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
                self.tell_what_is_away(code);
                Ok(())
            }
            error => {
                self.shared.metrics.broker_errors.inc();
                tracing::warn!(worker = self.id, %error, "from the consumer");
                Ok(())
            }
        }
    }

    /// Once, until it is there again.
    fn tell_what_is_away(&mut self, code: RDKafkaErrorCode) {
        match code {
            RDKafkaErrorCode::AllBrokersDown => {
                if !std::mem::replace(&mut self.brokers_away, true) {
                    tracing::warn!(worker = self.id, "the brokers are away; waiting for them");
                }
            }
            RDKafkaErrorCode::UnknownTopicOrPartition => {
                if !std::mem::replace(&mut self.input_away, true) {
                    let inputs: Vec<&str> = self.topics.iter().map(|(_, name)| &**name).collect();
                    tracing::warn!(
                        worker = self.id,
                        ?inputs,
                        "the brokers do not know a topic of the input; waiting for it"
                    );
                }
            }
            _ => tracing::debug!(worker = self.id, %code, "from the brokers"),
        }
    }

    /// Lets time pass in the lanes that have read all there is.
    async fn tick(&mut self) -> Result<(), WorkerError> {
        let at = self.moment();
        let upstream = self.upstream.as_ref();
        let is_fresh = upstream.is_some_and(|upstream| upstream.is_fresh(self.port.now()));
        let grace = upstream::grace(&self.shared);
        let keys: Vec<Key> = self.seats.keys().copied().collect();
        for key in keys {
            let Some(seat) = self.seats.get_mut(&key) else {
                continue;
            };
            let outlook = seat.outlook(self.ends.at_end(key.0, key.1), at);
            if outlook != Outlook::AtEnd
                || (seat.is_rekeyed && !(is_fresh && seat.is_quiet(at, grace)))
            {
                seat.clock.stall();
                continue;
            }
            let Some(now) = seat.clock.idle(at.steady) else {
                continue;
            };
            if now.0 - seat.ticked >= TICK_MS {
                seat.ticked = now.0;
                seat.lane.tick(now, &self.intel, &mut self.outputs);
                if !self.outputs.is_empty() {
                    seat.changed = true;
                    self.hand_to_sink(key).await?;
                }
            }
        }
        Ok(())
    }

    /// One lane leaves: what is whole goes out.
    pub(super) async fn leave(&mut self, key: Key) -> Result<(), WorkerError> {
        if let Some(seat) = self.seats.get_mut(&key) {
            seat.lane.leave(&self.intel, &mut self.outputs);
            self.let_go.add(seat.count(&self.shared.metrics));
        }
        self.hand_to_sink(key).await
    }
}

/// A document that the re-key stage parted goes on as lines, so the form of what a lane reads cannot be fixed to
/// documents there. And of lines of one millisecond in several partitions nobody knows the order, what two workers
/// write on of one event is there as late as the later commit, and what stands behind a leader that died as late as that is
/// known.
fn settings_of_lanes(config: &Config) -> Settings {
    let mut settings = config.lane.clone();
    if config.topics.audit_rekeyed.is_none() {
        return settings;
    }
    let apart = i64::try_from(config.commit.interval.as_millis()).unwrap_or(i64::MAX);
    let apart = apart.saturating_add(500 + HEARD_WITHIN_MS);
    let waits = &mut settings.waits;
    waits.shuffled = true;
    for wait in [
        &mut waits.settle_ms,
        &mut waits.lone_ms,
        &mut waits.event_ms,
    ] {
        *wait = apart.max(*wait);
    }
    if settings.envelope.form == Form::Json {
        settings.envelope.form = Form::Auto;
    }
    settings
}

/// However it ends, also by a panic: the consumer's close must not wait for an answer of the loop that
/// is gone. Fields drop in their order: the consumer leaves the group, then the producer goes.
impl<P: Port> Drop for Worker<P> {
    fn drop(&mut self) {
        if let Some(upstream) = &self.upstream {
            upstream.let_go();
        }
        self.consumer.close();
    }
}
