//! Microsoft Sentinel's Advanced Security Information Model: ProcessEvent, Authentication,
//! NetworkSession, AlertEvent, and for the other audit events AuditEvent, FileEvent, NetworkSession,
//! UserManagement.
//!
//! Place in the flow: last. Field names and values are those of the schemas
//! (learn.microsoft.com/azure/sentinel/normalization-about-schemas), mandatory fields always there.
//! What they have no place for goes under `AdditionalFields`. Aliases (`User`, `IpAddr`, …) are not
//! written, but for the mandatory `Dvc`: a table's function makes them.

mod account;
pub mod alert;
pub mod audit;
mod common;
mod file;
pub mod flow;
pub mod logon;
mod operation;
pub mod process;
mod socket;

use crate::model::Kind;

/// The version of the schema that a kind is written in, as documents and headers carry it. Kind `audit`
/// has AuditEvent's; documents of it in another schema carry that schema's.
pub fn version(kind: Kind) -> &'static str {
    match kind {
        Kind::Process => "0.1.4",
        Kind::Logon => "0.1.4",
        Kind::Flow => "0.2.7",
        Kind::Alert => "0.1",
        Kind::Audit => "0.1.2",
    }
}
