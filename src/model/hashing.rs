//! How the tables of a host hash: as `foldhash` does with a fixed seed, in no bytes.
//!
//! Place in the flow: of thousands of hosts each has several tables, and `FixedState` would stand in each, always the
//! same. It refuses to be random: the same lines make the same lane.

use std::hash::BuildHasher;

use foldhash::fast::{FixedState, FoldHasher};

#[derive(Clone, Copy, Debug, Default)]
pub struct Hashing;

impl BuildHasher for Hashing {
    type Hasher = FoldHasher<'static>;

    #[inline(always)]
    fn build_hasher(&self) -> FoldHasher<'static> {
        FixedState::default().build_hasher()
    }
}

const _: () = assert!(size_of::<Hashing>() == 0);
