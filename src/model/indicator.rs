//! Indicators of compromise and what they hit.

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum IndicatorKind {
    Ipv4,
    Ipv6,
    Cidr,
    Domain,
    Url,
    Md5,
    Sha1,
    Sha256,
}

impl IndicatorKind {
    pub fn as_str(self) -> &'static str {
        match self {
            IndicatorKind::Ipv4 => "ipv4",
            IndicatorKind::Ipv6 => "ipv6",
            IndicatorKind::Cidr => "cidr",
            IndicatorKind::Domain => "domain",
            IndicatorKind::Url => "url",
            IndicatorKind::Md5 => "md5",
            IndicatorKind::Sha1 => "sha1",
            IndicatorKind::Sha256 => "sha256",
        }
    }
}

/// One indicator, as a hit names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Indicator {
    pub kind: IndicatorKind,
    /// Refanged, in canonical form: `203.0.113.66`, `evil.example`.
    pub value: Box<str>,
    /// The file that it stands in, as configured.
    pub file: Box<str>,
    /// Its line there, from 1.
    pub line: u32,
}

/// Where in an event an indicator was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hit {
    /// The field, by its OCSF path: `src_endpoint.ip`, `process.cmd_line`, `unmapped.argv[2]`.
    pub field: Box<str>,
    /// What stands there: the address, or the whole token.
    pub observed: Box<str>,
    /// Bytes from..to within the field; 0..len where the whole field matched.
    pub span: (u32, u32),
    pub indicator: Indicator,
}
