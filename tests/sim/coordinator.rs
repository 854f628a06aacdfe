//! The coordinator of transactions: who has a producer's name, and how transactions end.
//!
//! As Kafka has it: taking a name raises its epoch, and whoever has an older one is fenced at the next call; what
//! it had begun is aborted first, and until that is done the name is not given. The end of a transaction is
//! decided at once and told to each partition later, one by one, in any order, the group's offsets among
//! them. A transaction that stays open past its time is aborted, and its producer fenced.

use std::collections::{BTreeMap, BTreeSet};

use trailhound::runtime::port::{Named, ToCommit};

use crate::log::Txn;

/// A call that was not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Another has this name.
    Fenced,
    /// The transaction before is still ending.
    Concurrent,
}

pub type Offsets = BTreeMap<Named, (i64, String)>;

/// Where an end is to be told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    Partition(Named),
    Group,
}

/// The end of a transaction at one place.
pub struct Mark {
    pub txn: Txn,
    pub commit: bool,
    pub place: Place,
    pub offsets: Offsets,
}

enum State {
    Empty,
    Open {
        txn: Txn,
        began: i64,
        partitions: BTreeSet<Named>,
        offsets: Offsets,
    },
    Ending {
        txn: Txn,
        commit: bool,
        left: BTreeSet<Place>,
        offsets: Offsets,
    },
}

struct Name {
    epoch: u64,
    state: State,
}

#[derive(Default)]
pub struct Coordinator {
    names: BTreeMap<String, Name>,
    last: Txn,
    pub timeout: i64,
    /// The deliberate fault: an older epoch is as good as the newest.
    pub ignores_fences: bool,
}

impl Coordinator {
    /// Gives the epoch of the new owner.
    pub fn init(&mut self, id: &str) -> Result<u64, Refused> {
        let name = self.names.entry(id.to_owned()).or_insert(Name {
            epoch: 0,
            state: State::Empty,
        });
        match &name.state {
            State::Empty => {
                name.epoch += 1;
                Ok(name.epoch)
            }
            State::Open { .. } => {
                name.epoch += 1;
                end(name, false);
                Err(Refused::Concurrent)
            }
            State::Ending { .. } => Err(Refused::Concurrent),
        }
    }

    /// The transaction that a producer's next record or offset is in.
    fn open(&mut self, id: &str, epoch: u64, now: i64) -> Result<&mut State, Refused> {
        let ignores = self.ignores_fences;
        let name = self.names.get_mut(id).ok_or(Refused::Fenced)?;
        if name.epoch != epoch && !ignores {
            return Err(Refused::Fenced);
        }
        match name.state {
            State::Empty => {
                self.last += 1;
                name.state = State::Open {
                    txn: self.last,
                    began: now,
                    partitions: BTreeSet::new(),
                    offsets: Offsets::new(),
                };
            }
            State::Open { .. } => {}
            State::Ending { .. } => return Err(Refused::Concurrent),
        }
        Ok(&mut name.state)
    }

    pub fn add_partition(
        &mut self,
        (id, epoch): (&str, u64),
        partition: &Named,
        now: i64,
    ) -> Result<Txn, Refused> {
        let state = self.open(id, epoch, now)?;
        match state {
            State::Open {
                txn, partitions, ..
            } => {
                partitions.insert(partition.clone());
                Ok(*txn)
            }
            _ => Err(Refused::Concurrent),
        }
    }

    pub fn add_offsets(
        &mut self,
        (id, epoch): (&str, u64),
        of: &[ToCommit],
        now: i64,
    ) -> Result<(), Refused> {
        if let State::Open { offsets, .. } = self.open(id, epoch, now)? {
            let each = of.iter();
            let each = each.map(|o| (o.partition.clone(), (o.offset, o.metadata.to_string())));
            offsets.extend(each);
        }
        Ok(())
    }

    /// Decides how the open transaction ends. Asked again, it says the same.
    pub fn end(&mut self, (id, epoch): (&str, u64), commit: bool) -> Result<(), Refused> {
        let ignores = self.ignores_fences;
        let name = self.names.get_mut(id).ok_or(Refused::Fenced)?;
        if name.epoch != epoch && !ignores {
            return Err(Refused::Fenced);
        }
        end(name, commit);
        Ok(())
    }

    /// Aborts what stays open for too long.
    pub fn time_out(&mut self, now: i64) {
        for name in self.names.values_mut() {
            if matches!(name.state, State::Open { began, .. } if now - began > self.timeout) {
                name.epoch += 1;
                end(name, false);
            }
        }
    }

    /// Tells one of the places that wait for it of the end of a transaction.
    pub fn mark(&mut self, choose: impl FnOnce(usize) -> usize) -> Option<Mark> {
        let waits = |name: &&mut Name| matches!(name.state, State::Ending { .. });
        let mut ending: Vec<&mut Name> = self.names.values_mut().filter(waits).collect();
        if ending.is_empty() {
            return None;
        }
        let which = choose(ending.len() * 97);
        let count = ending.len();
        let name = &mut ending[which % count];
        let State::Ending {
            txn,
            commit,
            left,
            offsets,
        } = &mut name.state
        else {
            return None;
        };
        let place = left.iter().nth(which / count % left.len().max(1)).cloned();
        let mark = place.map(|place| Mark {
            txn: *txn,
            commit: *commit,
            offsets: match place {
                Place::Group => std::mem::take(offsets),
                Place::Partition(_) => Offsets::new(),
            },
            place,
        });
        if let Some(mark) = &mark {
            left.remove(&mark.place);
        }
        if left.is_empty() {
            name.state = State::Empty;
        }
        mark
    }

    /// A transaction has offsets, and is not told to all places to have ended.
    pub fn is_ending(&self) -> bool {
        self.names.values().any(|name| match &name.state {
            State::Empty => false,
            State::Open { offsets, .. } => !offsets.is_empty(),
            State::Ending { .. } => true,
        })
    }

    /// Offsets of this partition are in a transaction that has not ended.
    pub fn is_pending(&self, partition: &Named) -> bool {
        self.names.values().any(|name| match &name.state {
            State::Empty => false,
            State::Open { offsets, .. } | State::Ending { offsets, .. } => {
                offsets.contains_key(partition)
            }
        })
    }
}

fn end(name: &mut Name, commit: bool) {
    let State::Open {
        txn,
        partitions,
        offsets,
        ..
    } = &mut name.state
    else {
        return;
    };
    let mut left: BTreeSet<Place> = std::mem::take(partitions)
        .into_iter()
        .map(Place::Partition)
        .collect();
    if !offsets.is_empty() {
        left.insert(Place::Group);
    }
    name.state = State::Ending {
        txn: *txn,
        commit,
        left,
        offsets: std::mem::take(offsets),
    };
}
