//! The coordinator of the consumer group: members, generations, who has which partition, and what is committed.
//!
//! As Kafka has it: a member that is not heard of for its session's time is put out; whoever comes or goes
//! begins a rebalance, which ends with a new generation once all members have joined again; the assignment is
//! sticky; and where it is cooperative, a partition that another member still has is first taken from that one
//! and given in a later generation. Offsets of another generation, or of nobody's member, are refused.

use std::collections::{BTreeMap, BTreeSet};

use trailhound::runtime::port::Named;

use crate::coordinator::Offsets;

/// Milliseconds that a rebalance waits for a member that is there.
const REBALANCE: i64 = 60_000;

/// 0 is nobody.
pub type MemberId = u64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Membership {
    pub member: MemberId,
    pub generation: u64,
}

#[derive(Default)]
struct Member {
    heard: i64,
    /// Joined for the generation that is to come.
    joined: bool,
    /// What it says that it has.
    owned: BTreeSet<Named>,
    assigned: BTreeSet<Named>,
}

pub struct Group {
    pub cooperative: bool,
    /// Milliseconds without a word after which a member is put out.
    pub session: i64,
    /// All that is to be read.
    pub partitions: Vec<Named>,
    pub committed: Offsets,
    generation: u64,
    /// Since when members are waited for.
    joining: Option<i64>,
    members: BTreeMap<MemberId, Member>,
    last: MemberId,
    /// The deliberate fault: whoever comes may commit.
    pub ignores_fences: bool,
}

/// What a member hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    AllIsWell,
    Rebalancing,
    Unknown,
}

impl Group {
    pub fn new(partitions: Vec<Named>, cooperative: bool) -> Group {
        Group {
            cooperative,
            session: 15_000,
            partitions,
            committed: Offsets::new(),
            generation: 0,
            joining: None,
            members: BTreeMap::new(),
            last: 0,
            ignores_fences: false,
        }
    }

    /// Joins, as a new member or again; `None`: such a member is not known.
    pub fn join(&mut self, member: MemberId, owned: BTreeSet<Named>, now: i64) -> Option<MemberId> {
        let id = match member {
            0 => {
                self.last += 1;
                self.last
            }
            known if self.members.contains_key(&known) => known,
            _ => return None,
        };
        let member = self.members.entry(id).or_default();
        (member.heard, member.joined, member.owned) = (now, true, owned);
        self.joining.get_or_insert(now);
        Some(id)
    }

    pub fn heartbeat(&mut self, member: MemberId, now: i64) -> Heard {
        match self.members.get_mut(&member) {
            None => Heard::Unknown,
            Some(member) => {
                member.heard = now;
                match self.joining {
                    Some(_) if !member.joined => Heard::Rebalancing,
                    _ => Heard::AllIsWell,
                }
            }
        }
    }

    /// The new generation and its assignment, once all have joined.
    pub fn sync(&self, member: MemberId) -> Option<(u64, BTreeSet<Named>)> {
        let known = self.members.get(&member)?;
        (!known.joined).then(|| (self.generation, known.assigned.clone()))
    }

    pub fn leave(&mut self, member: MemberId, now: i64) {
        if self.members.remove(&member).is_some() {
            self.joining.get_or_insert(now);
        }
    }

    pub fn accepts(&self, of: Membership) -> bool {
        self.ignores_fences
            || (self.members.contains_key(&of.member) && of.generation == self.generation)
    }

    pub fn time_out(&mut self, now: i64) {
        let waited = self.joining.map_or(0, |since| now - since);
        let (before, session) = (self.members.len(), self.session);
        self.members.retain(|_, member| {
            now - member.heard <= session && (member.joined || waited <= REBALANCE)
        });
        if self.members.len() < before {
            self.joining.get_or_insert(now);
        }
        if self.joining.is_some() && self.members.values().all(|member| member.joined) {
            self.complete();
        }
    }

    fn complete(&mut self) {
        self.generation += 1;
        self.joining = None;
        let target = self.target();
        let owned: Vec<(MemberId, BTreeSet<Named>)> = self
            .members
            .iter()
            .map(|(id, member)| (*id, member.owned.clone()))
            .collect();
        for (id, member) in &mut self.members {
            member.joined = false;
            member.assigned = target[id].clone();
            if self.cooperative {
                let others = owned.iter().filter(|(other, _)| other != id);
                for (_, theirs) in others {
                    member
                        .assigned
                        .retain(|partition| !theirs.contains(partition));
                }
            }
        }
    }

    /// Each member keeps what it has, up to its share; the rest goes to who has less.
    fn target(&self) -> BTreeMap<MemberId, BTreeSet<Named>> {
        let mut target = BTreeMap::new();
        let mut free: BTreeSet<Named> = self.partitions.iter().cloned().collect();
        let (count, members) = (self.partitions.len(), self.members.len().max(1));
        for (place, (id, member)) in self.members.iter().enumerate() {
            let share = count / members + usize::from(place < count % members);
            let keeps = member.owned.iter().filter(|owned| free.contains(*owned));
            let keeps: BTreeSet<Named> = keeps.take(share).cloned().collect();
            free.retain(|partition| !keeps.contains(partition));
            target.insert(*id, keeps);
        }
        for (place, has) in target.values_mut().enumerate() {
            let share = count / members + usize::from(place < count % members);
            while has.len() < share {
                let Some(partition) = free.pop_first() else {
                    break;
                };
                has.insert(partition);
            }
        }
        target
    }
}
