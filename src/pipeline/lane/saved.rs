//! The saved form of a lane: what it needs to go on as if it had not stopped.
//!
//! Format: one byte of version, then the hosts, in postcard (a compact serde format that holds any
//! bytes). Counters of what was read are not saved: they are of the process that read.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::Settings;

use super::Lane;
use super::carriers::Carriers;
use super::hosts::{Host, Hosts};

/// Of this release.
const VERSION: u8 = 4;

#[derive(Serialize, Deserialize)]
struct Saved<H, C> {
    hosts: H,
    carriers: C,
    flows: Vec<u8>,
    told_before: i64,
}

/// Why a saved form was not taken.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    #[error("saved state of version {0}; this release reads version {VERSION}")]
    Version(u8),
    #[error("saved state that cannot be read: {0}")]
    Damaged(String),
}

impl Lane {
    pub fn save(&self) -> Vec<u8> {
        let saved = Saved {
            hosts: self.state.hosts.iter().collect::<Vec<&Host>>(),
            carriers: self.state.hosts.carriers.save(),
            flows: self.flows.save(),
            told_before: self.state.told_before,
        };
        // Plain values into memory: nothing in them can fail to be written.
        postcard::to_extend(&saved, vec![VERSION]).unwrap_or_default()
    }

    /// A lane that goes on from a saved form.
    pub fn restore(settings: Arc<Settings>, saved: &[u8]) -> Result<Lane, RestoreError> {
        let damaged = |what: &dyn std::fmt::Display| RestoreError::Damaged(what.to_string());
        let (version, bytes) = saved.split_first().ok_or_else(|| damaged(&"it is empty"))?;
        if *version != VERSION {
            return Err(RestoreError::Version(*version));
        }
        type Carried = Vec<(Box<[u8]>, Option<Box<[u8]>>)>;
        let saved: Saved<Vec<Host>, Carried> =
            postcard::from_bytes(bytes).map_err(|error| damaged(&error))?;
        let mut lane = Lane::new(settings.clone());
        lane.state.hosts = Hosts::restore(&settings, saved.hosts);
        lane.state.hosts.carriers = Carriers::restore(saved.carriers);
        lane.state.told_before = saved.told_before;
        lane.flows.restore(&saved.flows);
        Ok(lane)
    }
}
