//! Filters and labels: what they look at, and an event that one of them drops.
//!
//! A filter only keeps an event from being told. Sessions, names and detections know it all the same, and
//! what holds an indicator is told whatever a filter says.

use bumpalo::Bump;

use crate::model::logon::Principal;
use crate::model::process::Account;
use crate::model::select::{Choice, Facts};
use crate::model::{Kind, Logon, Schema};

use super::Stats;
use super::desk::Teller;
use super::hosts::Host;

impl Teller<'_> {
    /// As [`Teller::tell`], unless a filter drops it. What holds an indicator is never dropped.
    pub fn tell_chosen(
        &mut self,
        choice: &Choice<'_>,
        hits: usize,
        kind: Kind,
        key: &[u8],
        write: impl FnOnce(&mut Vec<u8>, Schema),
    ) {
        match choice.filter {
            Some(filter) if hits == 0 => self.stats.filter(filter),
            _ => self.tell(kind, key, write),
        }
    }
}

impl Stats {
    fn filter(&mut self, filter: usize) {
        if self.filtered.len() <= filter {
            self.filtered.resize(filter + 1, 0);
        }
        self.filtered[filter] += 1;
    }
}

/// What a logon says of itself; it is joined from several events, so it has no key and no record type.
pub fn facts_of(logon: &Logon) -> Facts<'_> {
    Facts {
        kind: Some(Kind::Logon),
        exe: logon.exe.as_deref(),
        users: vec![account(&logon.user)],
        login_user: logon.actor.as_ref().map(account),
        ..Facts::default()
    }
}

/// Fills in the names that an earlier record of the host gave.
pub fn with_known_names<'b>(mut facts: Facts<'b>, host: &Host, bump: &'b Bump) -> Facts<'b> {
    for who in facts.users.iter_mut().chain(&mut facts.login_user) {
        let name = who.id.and_then(|id| host.names.get(id));
        who.name = who.name.or(name.map(|name| &*bump.alloc_slice_copy(name)));
    }
    facts
}

fn account(who: &Principal) -> Account<'_> {
    Account {
        id: who.id,
        name: who.name.as_deref(),
    }
}
