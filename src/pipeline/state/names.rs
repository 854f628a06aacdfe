//! Names of users by number, as records of the host gave them.
//!
//! A RAW log has numbers only; but who logs on is named (`USER_START acct="alice" auid=1102`), and that
//! name holds for the records after it.

use crate::model::Tracked;

/// More users than this do not log on to one host; what comes after stays a number.
const MOST: usize = 4096;

/// A longer name is none of an account.
const MOST_BYTES: usize = 256;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    pub by_id: Tracked<u32, Box<[u8]>>,
}

impl Names {
    pub fn learn(&mut self, id: u32, name: &[u8]) {
        if name.len() > MOST_BYTES {
            return;
        }
        let known = self.by_id.get(&id);
        if known.is_some_and(|known| &**known == name)
            || (known.is_none() && self.by_id.len() >= MOST)
        {
            return;
        }
        self.by_id.insert(id, name.into());
    }

    pub fn get(&self, id: u32) -> Option<&[u8]> {
        self.by_id.get(&id).map(|name| &**name)
    }
}
