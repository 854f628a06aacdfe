//! A consumer as its client library keeps it: membership, decisions of the group, positions.
//!
//! As librdkafka has it: heartbeats and joins go on by themselves while the process runs; a decision waits for its
//! answer, and until then the member does not join again; what was revoked is answered before what was given
//! is told; where the group does not know the member any more, or was not heard for a session's time, all
//! is lost.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{OwnedMessage, Timestamp};
use rdkafka::statistics::{Broker, Partition, Statistics};
use trailhound::runtime::port::{Decision, Isolation, Named, ReadFrom, ToCommit};

use crate::brokers::Brokers;
use crate::group::{Heard, Membership};

/// Milliseconds between two reports.
const STATISTICS: i64 = 1_000;

pub struct Fetch {
    position: i64,
    paused: bool,
    end_told: bool,
}

pub struct Client {
    pub node: usize,
    pub subscribed: bool,
    pub membership: Membership,
    /// Joined, and waiting for the assignment.
    waits: bool,
    heard: i64,
    must_join: bool,
    pub decisions: VecDeque<Decision>,
    unanswered: bool,
    /// To be told once what was revoked is answered.
    then: Option<BTreeSet<Named>>,
    pub fetches: BTreeMap<Named, Fetch>,
    reported: i64,
    /// Commits without a transaction, on their way, and how they ended.
    commits: VecDeque<Vec<ToCommit>>,
    pub commits_ended: VecDeque<Result<(), String>>,
}

impl Client {
    pub fn new(node: usize, now: i64) -> Client {
        Client {
            node,
            subscribed: false,
            membership: Membership {
                member: 0,
                generation: 0,
            },
            waits: false,
            heard: now,
            must_join: true,
            decisions: VecDeque::new(),
            unanswered: false,
            then: None,
            fetches: BTreeMap::new(),
            reported: now,
            commits: VecDeque::new(),
            commits_ended: VecDeque::new(),
        }
    }

    fn tell(&mut self, decision: Decision) {
        self.decisions.push_back(decision);
        self.unanswered = true;
    }

    fn owned(&self) -> BTreeSet<Named> {
        self.fetches.keys().cloned().collect()
    }

    pub fn take_up(&mut self, partitions: &[ReadFrom]) {
        self.unanswered = false;
        self.tell_ends_again();
        for (partition, from) in partitions {
            let fetch = Fetch {
                position: from.unwrap_or(0),
                paused: false,
                end_told: false,
            };
            self.fetches.insert(partition.clone(), fetch);
        }
    }

    pub fn give_up(&mut self, partitions: &[Named]) {
        self.unanswered = false;
        self.tell_ends_again();
        for partition in partitions {
            self.fetches.remove(partition);
        }
        self.must_join = true;
        if let Some(then) = self.then.take() {
            self.tell(Decision::Assigned(then.into_iter().collect()));
        }
    }

    /// Around a rebalance the library stops all fetches and begins them anew, also of what stays.
    fn tell_ends_again(&mut self) {
        self.fetches
            .values_mut()
            .for_each(|fetch| fetch.end_told = false);
    }

    pub fn pause(&mut self, paused: bool) {
        for fetch in self.fetches.values_mut() {
            fetch.paused = paused;
        }
    }

    pub fn seek(&mut self, to: &[ReadFrom]) -> Result<(), KafkaError> {
        for (partition, from) in to {
            let Some(fetch) = self.fetches.get_mut(partition) else {
                return Err(KafkaError::Seek(format!("{partition:?} is not assigned")));
            };
            fetch.position = from.unwrap_or(0);
            fetch.end_told = false;
        }
        Ok(())
    }

    pub fn commit(&mut self, offsets: Vec<ToCommit>) {
        self.commits.push_back(offsets);
    }

    fn forget_member(&mut self) {
        self.membership.member = 0;
        self.waits = false;
    }

    /// The group's answer to having joined.
    fn follow(&mut self, generation: u64, assigned: &BTreeSet<Named>, cooperative: bool) {
        self.waits = false;
        self.membership.generation = generation;
        let owned = self.owned();
        let given: BTreeSet<Named> = assigned.difference(&owned).cloned().collect();
        let revoked: Vec<Named> = owned.difference(assigned).cloned().collect();
        if revoked.is_empty() || !cooperative {
            self.tell(Decision::Assigned(given.into_iter().collect()));
        } else {
            self.then = Some(given);
            self.tell(Decision::Revoked(revoked));
        }
    }
}

impl Brokers {
    /// One thing that the library's thread does for a consumer.
    pub fn client_goes_on(&mut self, id: usize) {
        let Some(mut client) = self.clients.remove(&id) else {
            return;
        };
        if self.runs(client.node) && client.subscribed {
            if self.is_heard(client.node) {
                self.client_talks(&mut client);
            } else if self.now - client.heard > self.group.session {
                client.forget_member();
            }
            let outcast = client.membership.member == 0 && !client.unanswered;
            if outcast && !client.fetches.is_empty() {
                self.count("assignments lost");
                client.tell(Decision::Lost(client.owned().into_iter().collect()));
            }
        }
        self.clients.insert(id, client);
    }

    fn client_talks(&mut self, client: &mut Client) {
        if let Some(offsets) = client.commits.pop_front() {
            let accepted = self.group.accepts(client.membership);
            let each = offsets.into_iter();
            if accepted {
                let offsets = each.map(|o| (o.partition, (o.offset, o.metadata.into_owned())));
                self.group.committed.extend(offsets);
            }
            let stale = || "a generation that is over".to_owned();
            client
                .commits_ended
                .push_back(accepted.then_some(()).ok_or_else(stale));
        }
        let heard = match client.membership.member {
            0 => Heard::Rebalancing,
            member => self.group.heartbeat(member, self.now),
        };
        client.heard = self.now;
        if heard == Heard::Unknown {
            return client.forget_member();
        }
        if client.unanswered {
            return;
        }
        if heard == Heard::AllIsWell && client.waits {
            if let Some((generation, assigned)) = self.group.sync(client.membership.member) {
                // The generation is known before the assignment is.
                if client.membership.generation == generation {
                    client.follow(generation, &assigned, self.group.cooperative);
                    self.count("assignments");
                }
                client.membership.generation = generation;
            }
            return;
        }
        if heard == Heard::Rebalancing || client.must_join {
            self.join(client);
        }
    }

    fn join(&mut self, client: &mut Client) {
        let owned = client.owned();
        if client.membership.member == 0 && !owned.is_empty() {
            // What is lost is told first.
            return;
        }
        if !self.group.cooperative && !owned.is_empty() {
            return client.tell(Decision::Revoked(owned.into_iter().collect()));
        }
        match self.group.join(client.membership.member, owned, self.now) {
            None => client.forget_member(),
            Some(member) => {
                client.membership.member = member;
                client.waits = true;
                client.must_join = false;
            }
        }
    }

    /// A record or news of any partition, in any order between partitions.
    pub fn poll(&mut self, id: usize) -> Option<Result<OwnedMessage, KafkaError>> {
        let client = self.clients.get(&id)?;
        if !self.is_heard(client.node) {
            let down = KafkaError::MessageConsumption(RDKafkaErrorCode::AllBrokersDown);
            return self.numbers.once_in(30).then_some(Err(down));
        }
        for partition in self.readable(id) {
            if self.numbers.once_in(10) {
                return None;
            }
            let fetch = self.clients.get_mut(&id)?.fetches.get_mut(&partition)?;
            match self.logs.get(&partition)?.next(fetch.position) {
                Ok((offset, record)) => {
                    fetch.position = offset + 1;
                    fetch.end_told = false;
                    return Some(Ok(OwnedMessage::new(
                        record.value.clone(),
                        Some(record.key.clone()),
                        partition.0,
                        Timestamp::CreateTime(record.timestamp),
                        partition.1,
                        offset,
                        None,
                    )));
                }
                Err(end) => {
                    fetch.position = fetch.position.max(end);
                    if !std::mem::replace(&mut fetch.end_told, true) {
                        return Some(Err(KafkaError::PartitionEOF(partition.1)));
                    }
                }
            }
        }
        None
    }

    /// Partitions of which there is something to give, beginning with any.
    fn readable(&mut self, id: usize) -> Vec<Named> {
        let Some(client) = self.clients.get(&id) else {
            return Vec::new();
        };
        let has_news = |(partition, fetch): &(&Named, &Fetch)| {
            let end = self.logs[*partition].end(Isolation::Committed);
            !fetch.paused && (!fetch.end_told || fetch.position < end)
        };
        let news = client.fetches.iter().filter(has_news);
        let mut readable: Vec<Named> = news.map(|(partition, _)| partition.clone()).collect();
        if !readable.is_empty() {
            let first = self.numbers.below(readable.len() as u64) as usize;
            readable.rotate_left(first);
        }
        readable
    }

    /// What the library reports of a consumer about once a second.
    pub fn statistics(&mut self, id: usize) -> Option<Statistics> {
        let node = self.clients.get(&id)?.node;
        if !self.is_heard(node) {
            return None;
        }
        let client = self.clients.get_mut(&id)?;
        if self.now - client.reported < STATISTICS {
            return None;
        }
        client.reported = self.now;
        let time = self.wall() / 1000;
        let client = &self.clients[&id];
        let mut statistics = Statistics {
            time,
            ..Statistics::default()
        };
        let broker = Broker {
            nodeid: 1,
            state: "UP".to_owned(),
            ..Broker::default()
        };
        statistics.brokers.insert("1".to_owned(), broker);
        for ((topic, number), fetch) in &client.fetches {
            let log = &self.logs[&(topic.clone(), *number)];
            let partition = Partition {
                leader: 1,
                broker: 1,
                hi_offset: log.end(Isolation::All),
                ls_offset: log.end(Isolation::Committed),
                app_offset: fetch.position,
                eof_offset: if fetch.end_told { fetch.position } else { -1 },
                ..Partition::default()
            };
            let of = statistics.topics.entry(topic.clone());
            let of = of.or_default();
            of.partitions.insert(*number, partition);
        }
        Some(statistics)
    }
}
