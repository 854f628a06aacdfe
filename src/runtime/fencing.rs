//! Ending what owners before have left open: their transactions.
//!
//! Place in the flow: in reading the state of lanes (restore.rs), and behind it. A transaction on the state of a lane, or
//! on lines that were re-keyed for it, holds up the lane; one on the outputs holds up everybody who reads what is
//! committed, until it times out. It can only be of an owner that died or does not know that it is none any
//! more: whoever hands over in order has committed first, and has taken its name out of the state. Such an owner is
//! fenced: its producer's name is taken from it, which aborts what it had begun. It refuses to fence who only
//! commits slowly: a transaction must have stood still for longer than a commit takes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use rdkafka::error::KafkaError;

use super::Shared;
use super::port::{Isolation, Named, Port, Reader};
use super::restore::{ASK, Pairs, StateReader, bookmark_of, timed_out};
use super::topics;
use crate::config::Config;
use crate::pipeline::lane::{self, Bookmark};

/// A transaction that is being committed ends within this; one that stays open longer is of an owner before.
const ENDING: Duration = Duration::from_millis(500);
/// Longest wait for an open transaction to end, before others have their turn.
const OPEN: Duration = Duration::from_secs(10);

/// Output partitions on which a transaction is open, and where each begins.
type Open = BTreeMap<Named, i64>;

/// Who wrote a state and did not hand it over in order; not this worker, whose name is `own`.
pub(super) fn owner(bookmark: Option<&Bookmark>, own: &str) -> Option<Box<str>> {
    let owner = &bookmark?.writer;
    (!owner.is_empty() && **owner != *own).then(|| owner.clone())
}

/// Fences owners before where some transaction on the outputs goes on for longer than any commit takes.
pub(super) async fn release_outputs<P: Port>(
    port: P,
    shared: Arc<Shared>,
    owners: BTreeSet<Box<str>>,
) {
    if let Err(error) = fence_who_holds_up(&port, &shared.config, &owners).await {
        // It times out by itself.
        tracing::info!(%error, "open transactions on the outputs stay open");
    }
}

async fn fence_who_holds_up<P: Port>(
    port: &P,
    config: &Config,
    owners: &BTreeSet<Box<str>>,
) -> Result<(), KafkaError> {
    if let Some(partition) = held_up(port, config).await? {
        for owner in owners {
            fence(port, &partition, owner).await?;
        }
    }
    Ok(())
}

/// An output partition on which one transaction is open for longer than a commit takes.
async fn held_up<P: Port>(port: &P, config: &Config) -> Result<Option<Named>, KafkaError> {
    let reader = port.reader()?;
    let before = open_outputs(&reader, config).await?;
    if before.is_empty() {
        return Ok(None);
    }
    port.sleep(ENDING + config.commit.interval).await;
    let now = open_outputs(&reader, config).await?;
    let mut before = before.into_iter();
    let stands = before.find(|(partition, begin)| now.get(partition) == Some(begin));
    Ok(stands.map(|(partition, _)| partition))
}

async fn open_outputs(reader: &impl Reader, config: &Config) -> Result<Open, KafkaError> {
    let mut open = Open::new();
    for topic in topics::outputs(config) {
        let ends = reader.ends(topic, Isolation::All, ASK).await?;
        let stable = reader.ends(topic, Isolation::Committed, ASK).await?;
        let begins = stable.into_iter();
        let begins = begins.filter(|(number, begin)| ends.get(number) > Some(begin));
        open.extend(begins.map(|(number, begin)| ((topic.to_owned(), number), begin)));
    }
    Ok(open)
}

impl<P: Port> StateReader<P> {
    /// Where lines are re-keyed, an owner that died may also have an open transaction on what the lane reads.
    pub(super) async fn release_input(&self, (state, number): &Named, pairs: &Pairs) {
        let topics = &self.shared.config.topics;
        let Some(input) = topics.audit_rekeyed.as_ref() else {
            return;
        };
        if let Some(owner) = owner(bookmark_of(pairs).as_ref(), &self.own)
            && topics.audit_state.as_ref() == Some(state)
        {
            let input = (input.clone(), *number);
            if let Err(error) = self.wait_for_open_transactions(&input, Some(&*owner)).await {
                // It times out by itself.
                tracing::info!(topic = input.0, partition = number, %error, "an open transaction stays open");
            }
        }
    }

    /// Gives the first offset and the one after the last. `owner`: who may have one open, beside those that are
    /// alive; else that stands in the partition.
    pub(super) async fn wait_for_open_transactions(
        &self,
        partition: &Named,
        owner: Option<&str>,
    ) -> Result<(i64, i64), KafkaError> {
        let ending = match owner {
            Some(_) => ENDING + self.shared.config.commit.interval,
            None => ENDING,
        };
        let end_of = |isolation| self.reader.watermarks(isolation, partition, ASK);
        let (low, high) = end_of(Isolation::All).await?;
        let began = self.port.now();
        let mut fenced = false;
        loop {
            let (_, stable) = end_of(Isolation::Committed).await?;
            if stable >= high {
                return Ok((low, high));
            }
            if self.since(began) > OPEN {
                return Err(timed_out());
            }
            if self.since(began) > ending && !fenced {
                fenced = true;
                match owner {
                    Some(owner) => fence(&self.port, partition, owner).await?,
                    None => self.fence_owner(partition, (low, stable)).await?,
                }
            }
            self.port.sleep(Duration::from_millis(20)).await;
        }
    }

    async fn fence_owner(&self, partition: &Named, span: (i64, i64)) -> Result<(), KafkaError> {
        let (topic, number) = partition;
        // Whoever died in its first transaction has its name in that alone.
        let key = lane::bookmark_key();
        let begun = self.reader.first_of(partition, span.1, &key, ASK).await?;
        let begun = begun.and_then(|value| lane::bookmark(&value));
        let mut named = owner(begun.as_ref(), &self.own);
        if named.is_none() {
            let (pairs, _) = self.to_the_end(partition, span).await?;
            named = owner(bookmark_of(&pairs).as_ref(), &self.own);
        }
        let Some(owner) = named else {
            tracing::info!(
                topic,
                partition = number,
                "waiting for an open transaction to end"
            );
            return Ok(());
        };
        fence(&self.port, partition, &owner).await
    }
}

async fn fence<P: Port>(
    port: &P,
    (topic, partition): &Named,
    owner: &str,
) -> Result<(), KafkaError> {
    tracing::info!(
        topic,
        partition,
        owner,
        "ending the open transaction of an owner before"
    );
    port.fence(owner, ASK).await
}
