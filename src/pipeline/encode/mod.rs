//! Writes finished events down, straight into bytes: no tree of JSON in between.
//!
//! - [`json`]: the writer, with [`numbers`]
//! - [`iso`]: times as text
//! - [`ocsf`], [`ecs`], [`asim`]: one for each schema, with a file for each kind
//!
//! An encoder only writes down what the model holds; it decides nothing. The functions here are the
//! one place where a schema is chosen.

pub mod asim;
mod common;
pub mod ecs;
pub mod iso;
pub mod json;
mod numbers;
pub mod ocsf;

use crate::model::audit::AuditEvent;
use crate::model::{Alert, Flow, Hit, Kind, Logon, Process, Schema};

/// The schema's version, as documents and headers carry it.
pub fn version(schema: Schema, kind: Kind) -> &'static str {
    match schema {
        Schema::Ocsf => ocsf::VERSION,
        Schema::Ecs => ecs::VERSION,
        Schema::Asim => asim::version(kind),
    }
}

/// Where a document of the schema has its id, as a JSON pointer.
pub fn uid_pointer(schema: Schema) -> &'static str {
    match schema {
        Schema::Ocsf => "/metadata/uid",
        Schema::Ecs => "/event/id",
        Schema::Asim => "/EventUid",
    }
}

pub fn process(out: &mut Vec<u8>, schema: Schema, process: &Process<'_>, hits: &[Hit]) {
    match schema {
        Schema::Ocsf => ocsf::process::write(out, process, hits),
        Schema::Ecs => ecs::process::write(out, process, hits),
        Schema::Asim => asim::process::write(out, process, hits),
    }
}

pub fn logon(out: &mut Vec<u8>, schema: Schema, logon: &Logon, hits: &[Hit]) {
    match schema {
        Schema::Ocsf => ocsf::logon::write(out, logon, hits),
        Schema::Ecs => ecs::logon::write(out, logon, hits),
        Schema::Asim => asim::logon::write(out, logon, hits),
    }
}

pub fn flow(
    out: &mut Vec<u8>,
    schema: Schema,
    flow: &Flow,
    community_uid: Option<&str>,
    hits: &[Hit],
) {
    match schema {
        Schema::Ocsf => ocsf::flow::write(out, flow, community_uid, hits),
        Schema::Ecs => ecs::flow::write(out, flow, community_uid, hits),
        Schema::Asim => asim::flow::write(out, flow, community_uid, hits),
    }
}

pub fn alert(out: &mut Vec<u8>, schema: Schema, alert: &Alert) {
    match schema {
        Schema::Ocsf => ocsf::alert::write(out, alert),
        Schema::Ecs => ecs::alert::write(out, alert),
        Schema::Asim => asim::alert::write(out, alert),
    }
}

pub fn audit(out: &mut Vec<u8>, schema: Schema, event: &AuditEvent<'_>) {
    match schema {
        Schema::Ocsf => ocsf::audit::write(out, event),
        Schema::Ecs => ecs::audit::write(out, event),
        Schema::Asim => asim::audit::write(out, event),
    }
}
