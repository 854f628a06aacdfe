//! Elastic Common Schema 9.4, as nested objects.
//!
//! Place in the flow: last. Field names, types and values are those of the schema
//! (elastic.co/guide/en/ecs). What it has no place for goes under `auditd.*`, by auditbeat's names,
//! and `trailhound.*`; docs/SCHEMAS.md lists both. `event.original` is not written: the lines are in
//! the input topic.

pub mod alert;
pub mod audit;
mod common;
pub mod flow;
pub mod logon;
pub mod process;
mod told;

/// The schema's version, as documents and headers carry it.
pub const VERSION: &str = "9.4.0";
