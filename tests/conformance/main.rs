//! Conformance: the lines of others read as they read them, or a reason why not.
//!
//! [`walk`] takes every file of the audit corpus through the lane. Each other module reads one peer's published
//! results, or a record's own names, and compares value by value with what we read. A difference is a
//! failure unless it is of a class that docs/differences.md lists, with who is right and why; the counts are
//! printed (`--nocapture`). The results and the recordings are no part of this project: where they are not
//! beside it (or at $TRAILHOUND_SHARED), this says so and tests nothing.

#![allow(clippy::unwrap_used)]

mod auditd_parser;
mod auoms;
mod auparse;
mod ausearch;
mod beats;
mod coalesce;
mod dictionary;
mod enriched;
mod go_libaudit;
mod headers;
mod laurel;
mod lux;
mod ours;
mod reading;
mod replayed;
mod shared;
mod walk;
