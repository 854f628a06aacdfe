//! A gap in a host's serials: audit events of which no line came here.

use super::Timestamp;

/// Serials that the kernel of a host gave out and that were never seen.
///
/// The kernel takes a serial when it begins to write the first record of an event, behind its exclude
/// rules and its backlog limit (kernel/audit.c, audit_log_start): what either of these drops leaves no
/// gap. A gap is what was written and then lost, or left out, on the way: by the rate limit, auditd, a
/// plug-in's filter, the shipper, the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    pub first: u32,
    /// Below `first` where the serials came round.
    pub last: u32,
    pub missing: u64,
    /// The newest event time before it.
    pub after: Timestamp,
    /// Time of the event that showed it.
    pub before: Timestamp,
}
