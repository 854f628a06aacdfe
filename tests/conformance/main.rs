//! Conformance: what peers read out of the same records, beside what we read.
//!
//! Each module reads one peer's published results, or a record's own names, and compares value by value. A
//! difference is a failure unless it is of a class that docs/differences.md lists, with who is right and why;
//! the counts of each class are printed. The results and the recordings are no part of this project: where
//! they are not beside it (or at $TRAILHOUND_SHARED), this says so and tests nothing.

mod auditd_parser;
mod auparse;
mod ausearch;
mod dictionary;
mod enriched;
mod go_libaudit;
mod headers;
mod ours;
mod shared;
