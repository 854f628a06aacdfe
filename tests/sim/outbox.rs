//! A producer as its client library keeps it: what is queued, what is to be reported, and whether it can go on.
//!
//! As librdkafka has it: records of one partition are sent in order, partitions in any; a record that is refused
//! makes the transaction one that can only be aborted; a fenced producer can do no more.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{OwnedMessage, Timestamp};
use trailhound::runtime::Ledger;
use trailhound::runtime::port::{Broken, Named};

use crate::brokers::{Brokers, Fault};
use crate::coordinator::Refused;
use crate::log::Record;

/// A deliberate fault loses one record of the state in so many.
const SKIPPED: u64 = 40;

/// Where it failed, and why.
type Report = Result<(), (Named, RDKafkaErrorCode)>;

pub struct Queued {
    pub partition: Named,
    pub record: Record,
    pub number: usize,
}

pub struct Outbox {
    pub node: usize,
    /// `None` without transactions.
    pub id: Option<String>,
    pub epoch: u64,
    pub begun: bool,
    /// Why the transaction can only be aborted.
    pub broken: Option<String>,
    /// Why it can do no more.
    pub fatal: Option<String>,
    pub queue: VecDeque<Queued>,
    /// Sent, or failed, and to be reported.
    pub reports: VecDeque<(usize, Report)>,
    ledger: Arc<Ledger>,
}

impl Outbox {
    pub fn new(node: usize, id: Option<&str>, ledger: &Arc<Ledger>) -> Outbox {
        Outbox {
            node,
            id: id.map(str::to_owned),
            epoch: 0,
            begun: false,
            broken: None,
            fatal: None,
            queue: VecDeque::new(),
            reports: VecDeque::new(),
            ledger: Arc::clone(ledger),
        }
    }

    pub fn serve(&mut self) {
        for (number, report) in self.reports.drain(..) {
            match report {
                Ok(()) => self.ledger.delivered(number),
                Err((partition, code)) => {
                    let error = KafkaError::MessageProduction(code);
                    let topic = partition.0.clone();
                    self.ledger.failed(number, &topic, &error, || {
                        OwnedMessage::new(
                            None,
                            None,
                            partition.0,
                            Timestamp::NotAvailable,
                            partition.1,
                            -1,
                            None,
                        )
                    });
                }
            }
        }
    }

    /// All that is queued failed.
    pub fn fail_queue(&mut self, code: RDKafkaErrorCode) {
        for queued in self.queue.drain(..) {
            let report = Err((queued.partition, code));
            self.reports.push_back((queued.number, report));
        }
    }

    pub fn state(&self) -> Result<(), Broken> {
        match (&self.fatal, &self.broken) {
            (Some(reason), _) => Err(Broken::Fatal(reason.clone())),
            (None, Some(reason)) => Err(Broken::Abortable(reason.clone())),
            (None, None) => Ok(()),
        }
    }

    pub fn fence(&mut self) -> Broken {
        let reason = "fenced: another has this name".to_owned();
        self.fatal = Some(reason.clone());
        self.fail_queue(RDKafkaErrorCode::Fenced);
        Broken::Fatal(reason)
    }
}

impl Brokers {
    /// Some of what is queued for one partition is sent.
    pub fn send_queue(&mut self, id: usize) {
        let Some(mut outbox) = self.outboxes.remove(&id) else {
            return;
        };
        let stands = outbox.queue.is_empty() || outbox.fatal.is_some() || outbox.broken.is_some();
        if !stands && self.is_heard(outbox.node) {
            self.send_some(&mut outbox);
        }
        self.outboxes.insert(id, outbox);
    }

    fn send_some(&mut self, outbox: &mut Outbox) {
        let waiting: BTreeSet<&Named> = outbox.queue.iter().map(|q| &q.partition).collect();
        let waiting: Vec<Named> = waiting.into_iter().cloned().collect();
        let Some(partition) = self.numbers.one_of(&waiting).cloned() else {
            return;
        };
        let mut most = 1 + self.numbers.below(200) as usize;
        let txn = match &outbox.id {
            None => None,
            Some(name) => {
                let name = (name.as_str(), outbox.epoch);
                match self.coordinator.add_partition(name, &partition, self.now) {
                    Ok(txn) => Some(txn),
                    Err(Refused::Concurrent) => return,
                    Err(Refused::Fenced) => return drop(outbox.fence()),
                }
            }
        };
        if txn.is_some() && self.numbers.once_in(self.trouble * 3) {
            outbox.broken = Some("a record was refused".to_owned());
            return outbox.fail_queue(RDKafkaErrorCode::InvalidTimestamp);
        }
        let skips = self.fault == Some(Fault::StateSkipped) && partition.0.ends_with(".state");
        let mut rest = VecDeque::new();
        for queued in outbox.queue.drain(..) {
            if queued.partition != partition || most == 0 {
                rest.push_back(queued);
                continue;
            }
            most -= 1;
            outbox.reports.push_back((queued.number, Ok(())));
            if !(skips && self.numbers.once_in(SKIPPED)) {
                let log = self.logs.entry(queued.partition).or_default();
                log.append(queued.record, txn);
            }
        }
        outbox.queue = rest;
    }
}
