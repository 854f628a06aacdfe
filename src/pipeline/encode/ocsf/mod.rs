//! OCSF 1.8.0: process_activity, authentication, network_activity and detection_finding of the kinds
//! that are joined; of every other audit event the class that fits ([`audit`] chooses).
//!
//! Place in the flow: last. Field names, ids and captions are those of the schema
//! (schema.ocsf.io/1.8.0). What the schema has no place for goes under `unmapped`. Deprecated fields
//! (`is_src_dst_assignment_known`, the finding's `comment`) are not written.

mod account;
pub mod alert;
pub mod audit;
mod common;
mod file;
pub mod flow;
mod kernel;
pub mod logon;
mod network;
mod origin;
pub mod process;
mod system;
mod task;

/// The schema's version, as documents and headers carry it.
pub const VERSION: &str = "1.8.0";

/// `type_uid` of a program start: Process Activity: Launch.
pub const TYPE_LAUNCH: u32 = 100_701;
