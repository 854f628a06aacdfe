//! The forms that a written value can have: text, counts, durations, sizes, lists, …
//!
//! Place in the flow: one merged value → one typed value of [`super::written`]. It knows how a value is
//! written, and refuses to know what it is for: ranges and relations are [`super::trusted`]'s.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use config::{Value, ValueKind};
use ipnet::IpNet;

use crate::model::envelope::{Form, Pointer};
use crate::model::{Kind, Schema};

/// A value that can be read from the merged layers.
pub trait Readable: Sized + Default {
    /// What is expected, in the words of a mistake and of the reference.
    const FORM: &'static str;

    /// `text_only`: the value comes from a place that has nothing but text (the environment, a flag),
    /// so numbers, truth values and lists are read from text too.
    ///
    /// An error is the value that is wrong: this one, or one within it.
    fn read(value: &Value, text_only: bool) -> Result<Self, &Value>;
}

fn text(value: &Value) -> Option<&str> {
    match &value.kind {
        ValueKind::String(text) => Some(text),
        _ => None,
    }
}

fn truth(value: &Value, text_only: bool) -> Option<bool> {
    match &value.kind {
        ValueKind::Boolean(truth) => Some(*truth),
        ValueKind::String(text) if text_only => text.trim().parse().ok(),
        _ => None,
    }
}

fn count(value: &Value, text_only: bool) -> Option<u64> {
    match &value.kind {
        ValueKind::I64(number) => u64::try_from(*number).ok(),
        ValueKind::U64(number) => Some(*number),
        ValueKind::String(text) if text_only => text.trim().parse().ok(),
        _ => None,
    }
}

fn list<T>(
    value: &Value,
    text_only: bool,
    item: impl Fn(&str) -> Option<T>,
) -> Result<Vec<T>, &Value> {
    match &value.kind {
        ValueKind::Array(values) => values
            .iter()
            .map(|value| text(value).and_then(&item).ok_or(value))
            .collect(),
        ValueKind::String(text) if text_only => text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(item)
            .collect::<Option<_>>()
            .ok_or(value),
        _ => Err(value),
    }
}

impl Readable for String {
    const FORM: &'static str = "a text in quotes";

    fn read(value: &Value, _: bool) -> Result<String, &Value> {
        text(value).map(str::to_owned).ok_or(value)
    }
}

impl Readable for bool {
    const FORM: &'static str = "true or false";

    fn read(value: &Value, text_only: bool) -> Result<bool, &Value> {
        truth(value, text_only).ok_or(value)
    }
}

impl Readable for u64 {
    const FORM: &'static str = "a whole number";

    fn read(value: &Value, text_only: bool) -> Result<u64, &Value> {
        count(value, text_only).ok_or(value)
    }
}

impl Readable for Duration {
    const FORM: &'static str = "a duration such as \"200ms\", \"5s\", \"2m\" or \"1h30m\"";

    fn read(value: &Value, _: bool) -> Result<Duration, &Value> {
        text(value).and_then(duration).ok_or(value)
    }
}

/// Bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size(pub u64);

impl Readable for Size {
    const FORM: &'static str =
        "a size such as \"64KiB\", \"48MiB\", \"1GiB\", or a number of bytes";

    fn read(value: &Value, text_only: bool) -> Result<Size, &Value> {
        match text(value) {
            Some(text) => size(text),
            None => count(value, text_only),
        }
        .map(Size)
        .ok_or(value)
    }
}

/// Something that `false` or an empty text switches off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrOff<T>(pub Option<T>);

impl<T> Default for OrOff<T> {
    fn default() -> OrOff<T> {
        OrOff(None)
    }
}

fn or_off<T>(
    value: &Value,
    text_only: bool,
    read: impl Fn(&str) -> Option<T>,
) -> Result<OrOff<T>, &Value> {
    match (truth(value, text_only), text(value)) {
        (Some(false), _) | (_, Some("")) => Ok(OrOff(None)),
        (_, Some(text)) => read(text).map(|on| OrOff(Some(on))).ok_or(value),
        _ => Err(value),
    }
}

impl Readable for OrOff<String> {
    const FORM: &'static str = "a text in quotes, or false";

    fn read(value: &Value, text_only: bool) -> Result<OrOff<String>, &Value> {
        or_off(value, text_only, |text| Some(text.to_owned()))
    }
}

impl Readable for OrOff<SocketAddr> {
    const FORM: &'static str = "an address and port such as \"127.0.0.1:9464\", or false";

    fn read(value: &Value, text_only: bool) -> Result<OrOff<SocketAddr>, &Value> {
        or_off(value, text_only, |text| text.parse().ok())
    }
}

impl Readable for OrOff<Duration> {
    const FORM: &'static str = "a duration such as \"7d\", or false";

    fn read(value: &Value, text_only: bool) -> Result<OrOff<Duration>, &Value> {
        or_off(value, text_only, duration)
    }
}

impl Readable for OrOff<Pointer> {
    const FORM: &'static str = "a JSON pointer such as \"/host/name\", or \"\"";

    fn read(value: &Value, text_only: bool) -> Result<OrOff<Pointer>, &Value> {
        or_off(value, text_only, |text| text.parse().ok())
    }
}

impl Readable for Form {
    const FORM: &'static str = "\"auto\", \"lines\" or \"json\"";

    fn read(value: &Value, _: bool) -> Result<Form, &Value> {
        text(value).and_then(|text| text.parse().ok()).ok_or(value)
    }
}

impl Readable for Vec<PathBuf> {
    const FORM: &'static str = "a list of paths such as [\"/etc/trailhound/intel.txt\"]";

    fn read(value: &Value, text_only: bool) -> Result<Vec<PathBuf>, &Value> {
        list(value, text_only, |text| {
            (!text.is_empty()).then(|| PathBuf::from(text))
        })
    }
}

impl Readable for Schema {
    const FORM: &'static str = "\"ocsf\", \"ecs\" or \"asim\"";

    fn read(value: &Value, _: bool) -> Result<Schema, &Value> {
        text(value).and_then(|text| text.parse().ok()).ok_or(value)
    }
}

impl Readable for Vec<Kind> {
    const FORM: &'static str =
        "a list out of \"process\", \"logon\", \"flow\", \"alert\" and \"audit\"";

    fn read(value: &Value, text_only: bool) -> Result<Vec<Kind>, &Value> {
        list(value, text_only, |text| text.parse().ok())
    }
}

impl Readable for Vec<IpNet> {
    const FORM: &'static str = "a list of networks such as [\"10.0.0.0/8\", \"fc00::/7\"]";

    fn read(value: &Value, text_only: bool) -> Result<Vec<IpNet>, &Value> {
        list(value, text_only, |text| text.parse().ok())
    }
}

/// The value of a property: itself, or where it stands.
#[derive(Clone, PartialEq, Eq)]
pub enum Property {
    Plain(String),
    File(PathBuf),
    Env(String),
}

/// Never shows what it holds.
impl std::fmt::Debug for Property {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

/// Properties by their librdkafka name, each with the value's own place (for mistakes).
#[derive(Clone, Debug, Default)]
pub struct Properties(pub BTreeMap<String, (Property, Option<String>)>);

impl Readable for Properties {
    const FORM: &'static str =
        "librdkafka names with texts, numbers, true or false, { file = \"…\" } or { env = \"…\" }";

    fn read(value: &Value, _: bool) -> Result<Properties, &Value> {
        let mut all = Properties::default();
        // Twice, so that what the environment says stands last, under whichever spelling.
        flatten(value, "", &mut all, false)?;
        flatten(value, "", &mut all, true)?;
        Ok(all)
    }
}

/// `security.protocol = "ssl"` without quotes is TOML for nested tables, and no environment variable
/// can hold a dot: both spellings become the dotted name.
fn flatten<'v>(
    value: &'v Value,
    name: &str,
    all: &mut Properties,
    from_text: bool,
) -> Result<(), &'v Value> {
    let (origin, property) = match &value.kind {
        ValueKind::Table(table) => match secret(table) {
            Some((place, secret)) if !name.is_empty() => (place, secret),
            _ => {
                // In one order, so that of several mistakes always the same is told.
                let mut entries: Vec<_> = table.iter().collect();
                entries.sort_unstable_by_key(|(key, _)| *key);
                for (key, value) in entries {
                    let inner = match name {
                        "" => key.clone(),
                        _ => format!("{name}.{key}"),
                    };
                    flatten(value, &inner, all, from_text)?;
                }
                return Ok(());
            }
        },
        ValueKind::String(text) => (value.origin(), Property::Plain(text.clone())),
        ValueKind::Boolean(truth) => (value.origin(), Property::Plain(truth.to_string())),
        ValueKind::I64(number) => (value.origin(), Property::Plain(number.to_string())),
        ValueKind::Float(number) => (value.origin(), Property::Plain(number.to_string())),
        _ => return Err(value),
    };
    let is_text = super::layers::text_only(origin);
    if is_text == from_text {
        let name = if is_text {
            name.replace('_', ".")
        } else {
            name.to_owned()
        };
        all.0.insert(name, (property, origin.map(str::to_owned)));
    }
    Ok(())
}

/// Where the secret is named, and what names it.
fn secret(table: &config::Map<String, Value>) -> Option<(Option<&str>, Property)> {
    let mut entries = table.iter();
    match (entries.next(), entries.next()) {
        (Some((key, value)), None) => match (key.as_str(), text(value)?) {
            ("file", path) => Some((value.origin(), Property::File(PathBuf::from(path)))),
            ("env", name) => Some((value.origin(), Property::Env(name.to_owned()))),
            _ => None,
        },
        _ => None,
    }
}

/// Reads `1h30m`, `200ms`, …: whole numbers, each with its unit.
pub fn duration(text: &str) -> Option<Duration> {
    let millis = units(text, |unit| match unit {
        "ms" => Some(1),
        "s" => Some(1_000),
        "m" | "min" => Some(60_000),
        "h" => Some(3_600_000),
        "d" => Some(86_400_000),
        _ => None,
    })?;
    Some(Duration::from_millis(millis))
}

/// Reads `48MiB`, `64 KiB`, `1GB`, `1024`.
pub fn size(text: &str) -> Option<u64> {
    units(text, |unit| match unit {
        "" | "B" => Some(1),
        "kB" | "KB" => Some(1_000),
        "MB" => Some(1_000_000),
        "GB" => Some(1_000_000_000),
        "KiB" => Some(1 << 10),
        "MiB" => Some(1 << 20),
        "GiB" => Some(1 << 30),
        _ => None,
    })
}

/// Sums `NUMBER UNIT NUMBER UNIT …`; `None` for anything else, and where it overflows.
fn units(text: &str, factor: impl Fn(&str) -> Option<u64>) -> Option<u64> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    let mut sum = 0u64;
    while !rest.is_empty() {
        let (number, after) = rest.split_at(
            rest.find(|c: char| !c.is_ascii_digit())
                .unwrap_or(rest.len()),
        );
        let after = after.trim_start();
        let (unit, after) = after.split_at(
            after
                .find(|c: char| !c.is_ascii_alphabetic())
                .unwrap_or(after.len()),
        );
        let value = number.parse::<u64>().ok()?.checked_mul(factor(unit)?)?;
        sum = sum.checked_add(value)?;
        rest = after.trim_start();
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        assert_eq!(duration("1h30m"), Some(Duration::from_secs(5400)));
        assert_eq!(duration(" 200 ms "), Some(Duration::from_millis(200)));
        for wrong in [
            "",
            "5",
            "s",
            "5 parsecs",
            "-1s",
            "1.5s",
            "99999999999999999999s",
        ] {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn sizes_have_units_or_none() {
        assert_eq!(size("48MiB"), Some(48 << 20));
        assert_eq!(size("1024"), Some(1024));
        assert_eq!(size("1 GB"), Some(1_000_000_000));
        for wrong in ["", "MiB", "4 8MiBs", "1TiB", "18446744073709551615GiB"] {
            assert_eq!(size(wrong), None, "{wrong}");
        }
    }
}
