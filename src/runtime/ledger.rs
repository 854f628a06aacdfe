//! The ledger: which outputs are on their way, and which of them did not arrive.
//!
//! Place in the flow: between the producer, which reports to it, and the sink, which asks it. Two epochs are
//! alive at a time: the one that outputs are counted in, and the one closed by the last mark. An output
//! carries its epoch through the client, so reports may come in any order. It refuses to say what a failure
//! means.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Message, OwnedMessage};

use super::sizes::reckon;
use super::{Shared, lock};

/// Flags of an output's number; its lowest bit is the epoch.
pub(super) const EPOCH: usize = 1;
pub(super) const ALONE: usize = 2;
pub(super) const BUNDLE: usize = 4;
/// It is tried once more, and nothing beside it.
pub(super) const AGAIN: usize = 8;

pub struct Ledger {
    shared: Arc<Shared>,
    in_flight: [AtomicUsize; 2],
    transactional: bool,
    /// Refused for their size by the brokers, with their number.
    refused: Mutex<VecDeque<(OwnedMessage, usize)>>,
    /// Of these, those that are on their way again.
    again: AtomicUsize,
    /// With transactions: topic and size of the largest that was refused for its size.
    too_large: Mutex<Option<(String, usize)>>,
    /// Topic and reason of the first that failed.
    failed: Mutex<Option<(String, KafkaError)>>,
}

impl Ledger {
    pub(super) fn new(shared: &Arc<Shared>, transactional: bool) -> Ledger {
        Ledger {
            shared: Arc::clone(shared),
            in_flight: [AtomicUsize::new(0), AtomicUsize::new(0)],
            transactional,
            refused: Mutex::default(),
            again: AtomicUsize::new(0),
            too_large: Mutex::default(),
            failed: Mutex::default(),
        }
    }

    /// Report: the brokers have it.
    pub fn delivered(&self, number: usize) {
        self.shared.metrics.outputs_delivered.inc();
        self.tried(number);
        self.done(number);
    }

    /// Report: the brokers do not have it.
    pub fn failed(
        &self,
        number: usize,
        topic: &str,
        error: &KafkaError,
        message: impl FnOnce() -> OwnedMessage,
    ) {
        self.tried(number);
        let too_large = KafkaError::MessageProduction(RDKafkaErrorCode::MessageSizeTooLarge);
        if *error == too_large {
            let message = message();
            if !self.transactional {
                // Stays in flight: its second try, or its notice, stands in for it.
                lock(&self.refused).push_back((message, number));
                return;
            }
            self.refused_for_size(&message);
        }
        lock(&self.failed).get_or_insert_with(|| (topic.to_owned(), error.clone()));
        if self.transactional {
            self.done(number);
        }
    }

    fn refused_for_size(&self, message: &OwnedMessage) {
        let (key, value) = (message.key(), message.payload());
        let bytes = reckon(
            key.unwrap_or_default(),
            value.unwrap_or_default(),
            message.headers(),
        );
        let mut largest = lock(&self.too_large);
        if largest.as_ref().is_none_or(|(_, most)| *most < bytes) {
            *largest = Some((message.topic().to_owned(), bytes));
        }
    }

    pub(super) fn take_too_large(&self) -> Option<(String, usize)> {
        lock(&self.too_large).take()
    }

    /// One more is on its way.
    pub(super) fn add(&self, number: usize) {
        self.in_flight[number & EPOCH].fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn done(&self, number: usize) {
        self.in_flight[number & EPOCH].fetch_sub(1, Ordering::AcqRel);
    }

    /// Outputs of an epoch that are not yet acknowledged.
    pub(super) fn of_epoch(&self, epoch: usize) -> usize {
        self.in_flight[epoch].load(Ordering::Acquire)
    }

    pub(super) fn take_failed(&self) -> Option<(String, KafkaError)> {
        lock(&self.failed).take()
    }

    /// Whether outputs that were refused wait for their second try, or are at it.
    pub(super) fn has_refused(&self) -> bool {
        !lock(&self.refused).is_empty() || self.again.load(Ordering::Acquire) > 0
    }

    /// One is about to be sent again, with [`AGAIN`] in its number.
    pub(super) fn tries_again(&self) {
        self.again.fetch_add(1, Ordering::AcqRel);
    }

    /// It was reported, or not sent.
    pub(super) fn tried(&self, number: usize) {
        if number & AGAIN != 0 {
            self.again.fetch_sub(1, Ordering::AcqRel);
        }
    }

    pub(super) fn take_refused(&self) -> Option<(OwnedMessage, usize)> {
        lock(&self.refused).pop_front()
    }

    pub(super) fn put_refused_back(&self, message: OwnedMessage, number: usize) {
        lock(&self.refused).push_front((message, number));
    }
}
