//! A network flow, whatever format it came in.

use std::net::IpAddr;

use super::{EventUid, Timestamp};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Inbound,
    Outbound,
    /// Both ends inside.
    Internal,
    /// Both ends outside.
    External,
}

impl Direction {
    pub fn as_str(self) -> &'static str {
        match self {
            Direction::Inbound => "inbound",
            Direction::Outbound => "outbound",
            Direction::Internal => "internal",
            Direction::External => "external",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Allowed,
    Denied,
}

/// What became of the connection, where the record tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowActivity {
    Open,
    Close,
    Refuse,
    Traffic,
}

/// One end of a flow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoint {
    pub ip: Option<IpAddr>,
    pub port: Option<u16>,
    /// Host or machine name where the record has it.
    pub name: Option<Box<str>>,
    pub bytes: Option<u64>,
    pub packets: Option<u64>,
}

/// One flow, or several of the same ends that one record sums up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    pub uid: EventUid,
    /// Who saw it: the machine or sensor, else the source address. The output key.
    pub host: Box<str>,
    /// `azure_traffic_analytics`, `zeek_conn`, …
    pub format: &'static str,
    /// The record's own id, where it has one (Zeek's uid).
    pub original_uid: Option<Box<str>>,
    pub start: Timestamp,
    pub end: Option<Timestamp>,
    pub src: Endpoint,
    pub dst: Endpoint,
    /// IANA number.
    pub protocol: Option<u8>,
    /// https, dns, …
    pub service: Option<Box<str>>,
    pub direction: Option<Direction>,
    /// True where the record said the direction, false where the addresses did.
    pub direction_told: bool,
    pub verdict: Option<Verdict>,
    pub activity: FlowActivity,
    /// How many flows the record sums up; `None`: one, or told by a sibling of the same record.
    pub count: Option<u64>,
    /// What the schema has no place for: name and value as text.
    pub extra: Vec<(&'static str, Box<str>)>,
}
