//! Time as a plain number. Nothing here reads a clock: time is an argument.

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01 UTC, the resolution of a kernel stamp (`audit(1700000000.123:7)`)
/// and of OCSF's `timestamp_t`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Milliseconds from `earlier` to `self`; negative where `earlier` is later.
    pub fn since(self, earlier: Timestamp) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    pub fn plus(self, millis: i64) -> Timestamp {
        Timestamp(self.0.saturating_add(millis))
    }
}
