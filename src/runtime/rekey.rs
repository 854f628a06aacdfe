//! The re-key stage: lines of an input that is not keyed by host, written on to the topic that the lanes read.
//!
//! Place in the flow: in the worker, beside its lanes, with the same consumer, producer and transactions: what was read
//! of the input is committed together with what was written on, or not at all. A partition of the input has a seat as
//! any other, whose lane stays empty: the stage has no state. Records of all its partitions that this worker
//! reads go in the order of their timestamps (abreast.rs), each with its own timestamp and headers, so that the lanes'
//! clocks and what names hosts stay as they were.
//!
//! It refuses to read a line further than to its host, and to refuse what a lane can refuse.

use std::sync::Arc;

use rdkafka::message::{Headers, Message, OwnedHeaders, OwnedMessage};

use super::abreast::{Abreast, Outlook};
use super::clock::Moment;
use super::error::WorkerError;
use super::port::{Port, Producer};
use super::seat::Seat;
use super::sink::{Origin, Parcel, Refusal, Sink};
use super::worker::{Key, Worker};
use crate::config::Config;
use crate::model::output::Output;
use crate::model::{Input, OutputKind, Reject, Source};
use crate::pipeline::lane::rekey::{Counts, Part, Rekeyer};
use crate::telemetry::Metrics;

/// Records written on between two looks at deliveries, commits and rebalances.
const AT_ONCE: usize = 2048;
/// Milliseconds that one partition may be written on further than another that stands still.
const AHEAD: i64 = 500;
/// What a record that is held takes beside its bytes: its topic's name, its headers, and places to put them.
const BESIDE: usize = 256;

pub(super) struct Rekey {
    /// The input's place among the worker's topics.
    from: usize,
    to: Arc<str>,
    rekeyer: Rekeyer,
    held: Abreast<OwnedMessage>,
    counted: Counts,
}

/// A part of a record that a full queue did not take.
struct Rest {
    host: Vec<u8>,
    /// `None`: all of the record.
    text: Option<Vec<u8>>,
    reject: Option<Reject>,
}

impl Rekey {
    /// `from`: the input's place among the worker's topics. `None` where the producers key.
    pub fn of(config: &Config, from: usize) -> Option<Rekey> {
        let to = Arc::from(config.topics.audit_rekeyed.as_deref()?);
        let held = config.memory.held_kbytes * 1024;
        Some(Rekey {
            from,
            to,
            rekeyer: Rekeyer::new(&config.lane),
            held: Abreast::new(usize::try_from(held).unwrap_or(usize::MAX)),
            counted: Counts::default(),
        })
    }

    pub fn is_from(&self, topic: usize) -> bool {
        self.from == topic
    }

    pub fn add(&mut self, key: Key) {
        if self.is_from(key.0) {
            self.held.add(key.1);
        }
    }

    pub fn remove(&mut self, key: Key) {
        if self.is_from(key.0) {
            self.held.remove(key.1);
        }
    }

    /// It is a partition of the input, and nothing is held of it.
    pub fn has_written_all(&self, key: Key) -> bool {
        self.is_from(key.0) && self.held.is_dry(key.1)
    }

    pub fn clear(&mut self) {
        self.held.clear();
    }

    fn count(&mut self, metrics: &Metrics) {
        let (now, was) = (self.rekeyer.counts(), self.counted);
        metrics.rekeyed_records.inc_by(now.records - was.records);
        metrics.rekeyed_lines.inc_by(now.lines - was.lines);
        metrics
            .rekeyed_unnamed_lines
            .inc_by(now.unnamed - was.unnamed);
        metrics
            .rekeyed_parted_records
            .inc_by(now.parted - was.parted);
        self.counted = now;
    }
}

/// What all parts of one record share.
struct Record<'m> {
    to: &'m str,
    value: &'m [u8],
    headers: Option<&'m OwnedHeaders>,
    /// The header that names a host.
    host_header: &'m str,
    timestamp: Option<i64>,
    offset: i64,
    origin: Origin<'m>,
}

impl Record<'_> {
    /// A part of a record may be of another host than its header says.
    fn unnamed(&self) -> Option<OwnedHeaders> {
        let others = self.headers?.iter();
        let others = others.filter(|header| header.key != self.host_header);
        Some(others.fold(OwnedHeaders::new(), OwnedHeaders::insert))
    }

    fn send<R: Producer>(&self, sink: &mut Sink<R>, part: Part<'_>) -> Result<(), Refusal> {
        let (key, value, headers) = match part {
            Part::Whole { host } => (host, self.value, self.headers.cloned()),
            Part::Lines { host, text } => (host, text, self.unnamed()),
            Part::Refused { reject, host, raw } => {
                let letter = Output {
                    kind: OutputKind::DeadLetter(reject),
                    key: host,
                    value: raw,
                    offset: self.offset,
                };
                return sink.send(&letter, self.origin);
            }
        };
        let parcel = Parcel {
            topic: self.to,
            // Also an empty one: lines of which nobody knows whose they are stay together.
            key: Some(key),
            value,
            headers,
            timestamp: self.timestamp,
            offset: self.offset,
        };
        sink.hand_over(parcel, self.origin)
    }
}

impl<P: Port> Worker<P> {
    pub(super) fn is_unkeyed(&self, topic: usize) -> bool {
        let rekey = self.rekey.as_ref();
        rekey.is_some_and(|rekey| rekey.is_from(topic))
    }

    /// Whether a record is to be written on, and not for a lane.
    pub(super) fn is_to_be_keyed(&self, message: &impl Message) -> bool {
        let rekey = self.rekey.as_ref();
        rekey.is_some_and(|rekey| *self.topics[rekey.from].1 == *message.topic())
    }

    /// Takes a record that is to be written on.
    pub(super) fn hold(&mut self, message: OwnedMessage, at: Moment) {
        let Some(rekey) = &mut self.rekey else {
            return;
        };
        let (partition, timestamp) = (message.partition(), message.timestamp().to_millis());
        self.ends.record(rekey.from, partition);
        let bytes = [message.payload(), message.key()];
        let size = bytes.into_iter().flatten().map(<[u8]>::len).sum::<usize>() + BESIDE;
        rekey
            .held
            .push(partition, (timestamp, at.wall), size, message);
    }

    /// Writes on what is held, as far as it is its turn.
    pub(super) async fn write_on(&mut self) -> Result<(), WorkerError> {
        // It goes along as an argument: handing over may wait, and reads on meanwhile.
        let Some(mut rekey) = self.rekey.take() else {
            return Ok(());
        };
        let result = self.write_held(&mut rekey).await;
        // Records that came meanwhile are strays.
        rekey.count(&self.shared.metrics);
        self.rekey = Some(rekey);
        result
    }

    async fn write_held(&mut self, rekey: &mut Rekey) -> Result<(), WorkerError> {
        let (now, at) = (self.port.now(), self.moment());
        let is_own = |partition| self.seats.contains_key(&(rekey.from, partition));
        let upstream = self.upstream.as_ref();
        let stands = upstream.and_then(|upstream| upstream.stands_at(now, is_own));
        for _ in 0..AT_ONCE {
            let outlook = |partition| self.outlook((rekey.from, partition), at);
            let is_ahead = stands.is_some_and(|stands| self.is_ahead(rekey, stands));
            let Some(message) = rekey.held.next((now, at.wall), is_ahead, outlook) else {
                break;
            };
            self.write_one(rekey, &message).await?;
            let key = (rekey.from, message.partition());
            if let Some(seat) = self.seats.get_mut(&key) {
                let timestamp = message.timestamp().to_millis();
                let timestamp = timestamp.map(|timestamp| timestamp.min(at.wall));
                seat.wrote(message.offset(), timestamp, at);
            }
        }
        Ok(())
    }

    /// All of one's own that have more were written on further than another partition, which stands still there. So of two
    /// that stand still never each waits for the other.
    fn is_ahead(&self, rekey: &Rekey, stands: i64) -> bool {
        let mut filled = rekey.held.filled();
        filled.all(|partition| {
            let seat = self.seats.get(&(rekey.from, partition));
            let wrote = seat.and_then(Seat::last_written);
            wrote.is_some_and(|wrote| wrote > stands.saturating_add(AHEAD))
        })
    }

    /// What may come of a partition of the input.
    fn outlook(&self, key: Key, at: Moment) -> Outlook {
        let at_end = self.ends.at_end(key.0, key.1);
        let seat = self.seats.get(&key);
        seat.map_or(Outlook::Away, |seat| seat.outlook(at_end, at))
    }

    async fn write_one(
        &mut self,
        rekey: &mut Rekey,
        message: &OwnedMessage,
    ) -> Result<(), WorkerError> {
        let shared = Arc::clone(&self.shared);
        let host_header = shared.config.kafka.host_header.as_str();
        let headers = message.headers();
        let mut named = headers.into_iter().flat_map(Headers::iter);
        let host = named.find(|header| header.key == host_header);
        let record = Record {
            to: &rekey.to,
            value: message.payload().unwrap_or_default(),
            headers,
            host_header,
            timestamp: message.timestamp().to_millis(),
            offset: message.offset(),
            origin: Origin {
                topic: message.topic(),
                partition: message.partition(),
            },
        };
        let input = Input {
            source: Source::Audit,
            value: record.value,
            key: message.key(),
            host: host.and_then(|header| header.value),
            offset: record.offset,
        };
        let (mut result, mut rest) = (Ok(()), Vec::new());
        let (sink, metrics) = (&mut self.sink, &shared.metrics);
        rekey.rekeyer.part(&input, &mut |part| {
            if let Part::Refused { reject, .. } = part {
                metrics.rejects.with_label_values(&[reject.as_str()]).inc();
            }
            if result.is_err() {
                return;
            }
            let sent = match rest.is_empty() {
                true => record.send(sink, part),
                false => Err(Refusal::Full),
            };
            match sent {
                Ok(()) => {}
                Err(Refusal::Full) => rest.push(Rest::of(part)),
                Err(Refusal::Failed(error)) => result = Err(error),
            }
        });
        result?;
        for part in rest {
            self.send_when_there_is_room(&record, &part).await?;
        }
        Ok(())
    }

    async fn send_when_there_is_room(
        &mut self,
        record: &Record<'_>,
        rest: &Rest,
    ) -> Result<(), WorkerError> {
        let since = self.port.now();
        self.shared.metrics.backpressure.inc();
        loop {
            self.wait_for_room(since).await?;
            match record.send(&mut self.sink, rest.part()) {
                Ok(()) => return self.had_room(since),
                Err(Refusal::Full) => {}
                Err(Refusal::Failed(error)) => return Err(error.into()),
            }
        }
    }
}

impl Rest {
    fn of(part: Part<'_>) -> Rest {
        let (host, text, reject) = match part {
            Part::Whole { host } => (host, None, None),
            Part::Lines { host, text } => (host, Some(text), None),
            Part::Refused { reject, host, raw } => (host, Some(raw), Some(reject)),
        };
        Rest {
            host: host.to_vec(),
            text: text.map(<[u8]>::to_vec),
            reject,
        }
    }

    fn part(&self) -> Part<'_> {
        let host = &self.host;
        match (&self.text, self.reject) {
            (None, _) => Part::Whole { host },
            (Some(text), None) => Part::Lines { host, text },
            (Some(raw), Some(reject)) => Part::Refused { reject, host, raw },
        }
    }
}
