//! A value of a row, whether it came as JSON or as CSV, and what it can mean.
//!
//! Formats write one thing in several ways (`443`, `"443"`, `443.0`; an epoch or ISO text): that is
//! undone here, once. A value that means nothing is `None`; whether that matters, the format says.

use std::net::IpAddr;

use chrono::{DateTime, NaiveDateTime};
use simd_json::{Node, StaticNode};
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use crate::model::{EventUid, Timestamp};

use super::json::Json;

/// 9999-12-31, the last time that ISO text and OCSF readers can show.
const LAST_SECOND: f64 = 253_402_300_799.0;

#[derive(Clone, Copy, Debug, Default)]
pub enum Cell<'a> {
    #[default]
    Absent,
    Text(&'a str),
    Number(f64),
    Whole(u64),
    Flag(bool),
    List(Json<'a>),
}

impl<'a> Cell<'a> {
    pub fn of_json(value: Json<'a>) -> Cell<'a> {
        if let Some(text) = value.text() {
            return Cell::of_text(text);
        }
        match value.plain() {
            Some(StaticNode::U64(whole)) => Cell::Whole(whole),
            Some(StaticNode::I64(number)) => match u64::try_from(number) {
                Ok(whole) => Cell::Whole(whole),
                Err(_) => Cell::Number(number as f64),
            },
            Some(StaticNode::F64(number)) => Cell::Number(number),
            Some(StaticNode::Bool(flag)) => Cell::Flag(flag),
            None if value.is_array() => Cell::List(value),
            Some(StaticNode::Null) | None => Cell::Absent,
        }
    }

    /// Blank, `-` and the null of a Python export are nothing.
    pub fn of_text(text: &'a str) -> Cell<'a> {
        match text.trim() {
            "" | "-" | "nan" | "NaN" | "None" | "null" => Cell::Absent,
            text => Cell::Text(text),
        }
    }

    pub fn is_absent(&self) -> bool {
        matches!(self, Cell::Absent)
    }

    pub fn text(&self) -> Option<&'a str> {
        match self {
            Cell::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn owned(&self) -> Option<Box<str>> {
        self.text().map(Box::from)
    }

    pub fn flag(&self) -> Option<bool> {
        match self {
            Cell::Flag(flag) => Some(*flag),
            Cell::Text("T" | "true" | "True") => Some(true),
            Cell::Text("F" | "false" | "False") => Some(false),
            _ => None,
        }
    }

    pub fn number(&self) -> Option<f64> {
        match self {
            Cell::Number(number) => Some(*number),
            Cell::Whole(whole) => Some(*whole as f64),
            Cell::Text(text) => text.parse().ok(),
            _ => None,
        }
        .filter(|n: &f64| n.is_finite())
    }

    /// A count; `4.0` is 4, `4.5` and `-1` are nothing.
    pub fn whole(&self) -> Option<u64> {
        if let Cell::Whole(whole) = self {
            return Some(*whole);
        }
        if let Some(whole) = self.text().and_then(|t| t.parse().ok()) {
            return Some(whole);
        }
        let number = self.number()?;
        // Above 2^53 a float no longer tells every whole number.
        let fits = (0.0..9_007_199_254_740_992.0).contains(&number) && number.fract() == 0.0;
        fits.then_some(number as u64)
    }

    pub fn port(&self) -> Option<u16> {
        self.whole().and_then(|n| u16::try_from(n).ok())
    }

    pub fn ip(&self) -> Option<IpAddr> {
        self.text().and_then(ip)
    }

    /// Epoch seconds (a number, or as text) or ISO text; without an offset it is UTC.
    pub fn time(&self) -> Option<Timestamp> {
        if let Some(seconds) = self.number() {
            let known = seconds.abs() <= LAST_SECOND;
            return known.then(|| Timestamp((seconds * 1000.0).round() as i64));
        }
        let text = self.text()?;
        if let Ok(time) = DateTime::parse_from_rfc3339(text) {
            return Some(Timestamp(time.timestamp_millis()));
        }
        let text = text.trim_end_matches(['Z', 'z']);
        ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"]
            .iter()
            .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
            .map(|time| Timestamp(time.and_utc().timestamp_millis()))
    }
}

pub fn ip(text: &str) -> Option<IpAddr> {
    let ip: IpAddr = text.trim().parse().ok()?;
    Some(ip.to_canonical())
}

/// IANA number of a protocol by its name, number, or Azure's letter.
pub fn protocol(cell: Cell<'_>) -> Option<u8> {
    if let Some(number) = cell.whole() {
        return u8::try_from(number).ok();
    }
    let text = cell.text()?;
    [
        (6, "tcp"),
        (6, "t"),
        (17, "udp"),
        (17, "u"),
        (1, "icmp"),
        (1, "i"),
        (58, "icmp6"),
        (58, "ipv6-icmp"),
        (132, "sctp"),
    ]
    .iter()
    .find(|(_, name)| text.eq_ignore_ascii_case(name))
    .map(|(number, _)| *number)
}

/// The identity of a row: its format and its bytes. Its flows count from it.
#[derive(Clone, Copy, Debug)]
pub struct RowId(u128);

impl RowId {
    pub fn of_text(format: &str, row: &[u8]) -> RowId {
        let mut hasher = Xxh3::new();
        hasher.update(format.as_bytes());
        hasher.update(&[0]);
        hasher.update(row);
        RowId(hasher.digest128())
    }

    /// Over names and values in their order, so that the envelope and the white space around a row do
    /// not change it.
    pub fn of_json(format: &str, row: Json<'_>) -> RowId {
        let mut hasher = Xxh3::new();
        hasher.update(format.as_bytes());
        for node in row.nodes() {
            absorb(&mut hasher, node);
        }
        RowId(hasher.digest128())
    }

    pub fn flow(self, index: u32) -> EventUid {
        let mut bytes = [0; 20];
        let (id, place) = bytes.split_at_mut(16);
        id.copy_from_slice(&self.0.to_be_bytes());
        place.copy_from_slice(&index.to_be_bytes());
        EventUid(xxh3_128(&bytes))
    }
}

/// Each node with its kind and length, so that no two rows run together alike.
fn absorb(hasher: &mut Xxh3, node: &Node<'_>) {
    let mut part = |kind: u8, bytes: &[u8]| {
        hasher.update(&[kind]);
        hasher.update(bytes);
    };
    match node {
        Node::String(text) => {
            part(b's', &(text.len() as u64).to_be_bytes());
            hasher.update(text.as_bytes());
        }
        Node::Object { len, .. } => part(b'{', &(*len as u64).to_be_bytes()),
        Node::Array { len, .. } => part(b'[', &(*len as u64).to_be_bytes()),
        Node::Static(StaticNode::I64(n)) => part(b'i', &n.to_be_bytes()),
        Node::Static(StaticNode::U64(n)) => part(b'u', &n.to_be_bytes()),
        Node::Static(StaticNode::F64(n)) => part(b'f', &n.to_bits().to_be_bytes()),
        Node::Static(StaticNode::Bool(flag)) => part(b'b', &[u8::from(*flag)]),
        Node::Static(StaticNode::Null) => part(b'0', &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_however_they_are_written() {
        for cell in [
            Cell::of_text("443.0"),
            Cell::of_text(" 443 "),
            Cell::Whole(443),
            Cell::Number(443.0),
        ] {
            assert_eq!((cell.port(), cell.whole()), (Some(443), Some(443)));
        }
        for cell in [
            Cell::of_text("4.5"),
            Cell::of_text("-1"),
            Cell::Number(f64::MAX),
            Cell::of_text("inf"),
            Cell::of_text("-"),
        ] {
            assert_eq!(cell.whole(), None);
        }
        assert_eq!(Cell::Whole(65_536).port(), None);
    }

    #[test]
    fn times_are_utc_unless_they_say_otherwise() {
        let at = Some(Timestamp(1_549_981_360_697));
        for text in [
            "2019-02-12 14:22:40.697",
            "2019-02-12T14:22:40.697",
            "2019-02-12T14:22:40.6970000Z",
            "2019-02-12T15:22:40.697+01:00",
            "1549981360.697",
        ] {
            assert_eq!(Cell::of_text(text).time(), at, "{text}");
        }
        assert_eq!(Cell::Number(1_549_981_360.697).time(), at);
        assert_eq!(Cell::Number(1e300).time(), None);
        assert_eq!(Cell::of_text("yesterday").time(), None);
    }

    #[test]
    fn protocols_are_known_by_name_number_and_letter() {
        for (text, number) in [
            ("T", Some(6)),
            ("udp", Some(17)),
            ("17", Some(17)),
            ("I", Some(1)),
            ("x", None),
            ("300", None),
        ] {
            assert_eq!(protocol(Cell::of_text(text)), number);
        }
    }
}
