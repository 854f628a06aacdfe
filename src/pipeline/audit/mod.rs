//! The audit stages: line → record → event → values.
//!
//! - [`line`]: the head of one line (node, type, stamp) and its body
//! - [`record_types`]: names and numbers of record types
//! - [`correlate`]: joins the records of one event, in any order, within bounds
//! - [`event`]: an event while it is joined, and what its records promise
//! - [`fields`]: `key=value`, quoted, hex, nested
//! - [`execve`]: exact arguments from EXECVE records; `arguments`: of one that has them all in order
//! - [`auoms`]: Microsoft's agent, which joins a start's records itself and writes one
//! - [`syscall`]: the fields of a SYSCALL record
//! - [`records`]: the fields of a record about an authentication
//! - [`facts`]: what an event says of itself, for filters and labels
//! - [`health`]: what kernel and auditd say of their own losses
//! - [`tables`]: what numbers mean, [`sockaddr`]: what an address means
//! - [`interpret`]: what the value of a field means
//! - [`opened`]: a record whose fields have been read; `usual`: those that records mostly have; [`classify`]: what an event that is no program start was about
//! - [`normalise`]: a finished event → [`Process`](crate::model::Process)
//!
//! It never reads PROCTITLE for arguments, never asks this machine for a name, and never drops a line
//! without saying so.

mod arguments;
mod auoms;
pub mod classify;
pub mod correlate;
pub mod event;
pub mod execve;
pub mod facts;
pub mod fields;
pub mod health;
mod keys;
pub mod interpret;
pub mod line;
pub mod normalise;
pub mod witness;
pub mod opened;
pub mod record_types;
pub mod records;
pub mod sockaddr;
pub mod syscall;
pub mod tables;
mod usual;
