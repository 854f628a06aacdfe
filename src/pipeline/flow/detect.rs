//! Which format a record is of, from its first byte and its names.
//!
//! Looks at names only; whether the values are any good, the format's own file says.

use super::json::Json;
use super::{azure_traffic_analytics as azure, zeek_conn};

/// What a JSON value holds.
pub enum Shape<'a> {
    /// Several rows: an array, or Azure's `{"records":[…]}`.
    Rows(Json<'a>),
    AzureTrafficAnalytics,
    /// The conn record itself, out of its envelope.
    ZeekConn(Json<'a>),
    Unknown,
}

pub fn json(value: Json<'_>) -> Shape<'_> {
    if value.is_array() {
        return Shape::Rows(value);
    }
    if let Some(records) = value.get("records").filter(|r| r.is_array()) {
        return Shape::Rows(records);
    }
    if zeek_conn::is_conn(value) {
        return Shape::ZeekConn(value);
    }
    // Zeek's Kafka plugin can tag each record with its stream.
    if let Some(conn) = value.get("conn").filter(|c| zeek_conn::is_conn(*c)) {
        return Shape::ZeekConn(conn);
    }
    if azure::is_row(value.fields().map(|(name, _)| name)) {
        return Shape::AzureTrafficAnalytics;
    }
    Shape::Unknown
}
