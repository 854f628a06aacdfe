//! trailhound follows the audit trail: raw Linux audit lines and network-flow records in; process,
//! logon and flow events, enriched with threat intelligence, and alerts out.
//!
//! The code map, in the order the data flows (docs/ARCHITECTURE.md tells more):
//!
//! - [`model`]: plain values that everything else speaks
//! - [`pipeline`]: bytes and times in, outputs out; pure
//! - [`config`]: what was written → what may be trusted
//! - [`telemetry`]: every metric, declared once
//! - [`runtime`]: Kafka, files, HTTP, signals
//! - [`cli`]: what users type

pub mod cli;
pub mod config;
pub mod model;
pub mod pipeline;
pub mod runtime;
pub mod telemetry;
