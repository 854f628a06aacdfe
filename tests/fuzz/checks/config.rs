//! A configuration text, with a value in the environment behind a zero byte: it is trusted or every
//! mistake has a place and says what was expected; a secret is in neither; the answer follows the input.

use std::ffi::OsString;
use std::path::Path;

use trailhound::config::{Beside, parse};

const SECRET: &str = "tr41lh0und-s3cret-0f-the-check";

pub fn check(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (file, value) = text.split_once('\0').unwrap_or((&text, ""));
    // The check opens no file of this machine: a path that is not relative may be a device.
    if text.contains("file") && text.contains(['/', '\\']) || text.contains(SECRET) {
        return;
    }
    let mut beside = Beside::default();
    for (name, value) in [
        ("TRAILHOUND__KAFKA__GROUP", value),
        ("TRAILHOUND__OUTPUT__KINDS", value),
        ("TRAILHOUND__KAFKA__PROPERTIES__SASL_PASSWORD", SECRET),
    ] {
        if !value.is_empty() {
            beside
                .environment
                .insert(name.into(), OsString::from(value));
        }
    }
    let read = || parse("t.toml", file, Path::new("no-such-directory"), &beside);
    let said = format!("{:?}", read());
    assert_eq!(said, format!("{:?}", read()));
    assert!(!said.contains(SECRET));
    assert!(said.len() <= 16_384 + 64 * text.len(), "{}", said.len());
    match read() {
        Err(error) => {
            let told = |m: &trailhound::config::Mistake| {
                !m.place.is_empty() && !m.what.is_empty() && !m.expected.is_empty()
            };
            assert!(!error.mistakes.is_empty() && error.mistakes.iter().all(told));
        }
        Ok(config) => {
            let limits = &config.lane.limits;
            assert!(limits.events_per_host <= limits.events);
            assert!(limits.bytes_per_host <= limits.bytes);
            assert!(limits.line_bytes <= limits.bytes_per_host);
            assert!(config.workers > 0);
        }
    }
}
