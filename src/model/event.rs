//! What identifies an event, and the kinds that leave trailhound.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Timestamp, hexadecimal};

/// The kernel's own name for an event: `audit(SECONDS.MILLIS:SERIAL)`. Together with the node it is
/// the identity of an event; the serial alone is not (it starts again at boot, and DAEMON_* records
/// count on their own).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Stamp {
    pub time: Timestamp,
    pub serial: u64,
}

impl fmt::Display for Stamp {
    /// As the kernel writes it: `SECONDS.MILLIS:SERIAL`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (s, ms) = (self.time.0.div_euclid(1000), self.time.0.rem_euclid(1000));
        write!(f, "{s}.{ms:03}:{}", self.serial)
    }
}

/// 128-bit id of an output, a hash of its identity: the same input gives the same id in every run,
/// so a reader can drop a repeat. Shown as 32 hex digits.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct EventUid(pub u128);

impl EventUid {
    /// The id of what `tag` names about the event of this identity: the tag keeps apart the outputs
    /// that one event gives rise to.
    pub fn of(tag: &str, host: &str, stamp: Stamp) -> EventUid {
        let (time, serial) = (stamp.time.0.to_le_bytes(), stamp.serial.to_le_bytes());
        let parts = [
            tag.as_bytes(),
            &[0],
            host.as_bytes(),
            &[0],
            time.as_slice(),
            serial.as_slice(),
        ];
        // The state of a hash in parts is large, and nearly all hosts have short names.
        let mut whole = [0; 128];
        let mut rest = whole.as_mut_slice();
        for part in parts {
            let Some((place, after)) = rest.split_at_mut_checked(part.len()) else {
                return EventUid::of_parts(&parts);
            };
            place.copy_from_slice(part);
            rest = after;
        }
        let length = 128 - rest.len();
        EventUid(xxhash_rust::xxh3::xxh3_128(&whole[..length]))
    }

    fn of_parts(parts: &[&[u8]]) -> EventUid {
        let mut hash = xxhash_rust::xxh3::Xxh3Default::new();
        parts.iter().for_each(|part| hash.update(part));
        EventUid(hash.digest128())
    }

    /// The id of something that follows from the output of this id.
    pub fn derive(self, tag: &str) -> EventUid {
        let mut hash = xxhash_rust::xxh3::Xxh3Default::new();
        hash.update(tag.as_bytes());
        hash.update(&self.0.to_le_bytes());
        EventUid(hash.digest128())
    }

    pub fn to_hex(self) -> [u8; 32] {
        let mut hex = [0; 32];
        hex[..16].copy_from_slice(&hexadecimal::digits((self.0 >> 64) as u64));
        hex[16..].copy_from_slice(&hexadecimal::digits(self.0 as u64));
        hex
    }
}

impl fmt::Display for EventUid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// The kinds of finished events, as `--kind` and the output topics name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// One successful program start.
    Process,
    /// One logon, failed logon, account switch, or logoff.
    Logon,
    /// One network flow.
    Flow,
    /// One alert.
    Alert,
    /// Every other audit event; off unless asked for.
    Audit,
}

impl Kind {
    pub const ALL: [Kind; 5] = [
        Kind::Process,
        Kind::Logon,
        Kind::Flow,
        Kind::Alert,
        Kind::Audit,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Process => "process",
            Kind::Logon => "logon",
            Kind::Flow => "flow",
            Kind::Alert => "alert",
            Kind::Audit => "audit",
        }
    }
}

impl std::str::FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Kind, String> {
        Kind::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| {
                format!("'{text}' is no kind; expected process, logon, flow, alert or audit")
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_written_as_the_kernel_writes_it() {
        let stamp = Stamp {
            time: Timestamp(1_700_000_000_007),
            serial: 42,
        };
        assert_eq!(stamp.to_string(), "1700000000.007:42");
    }

    #[test]
    fn the_length_of_a_name_changes_not_how_it_is_hashed() {
        for length in [0, 90, 200] {
            let (host, stamp) = ("h".repeat(length), Stamp::default());
            let parts: [&[u8]; 5] = [b"tag", b"\0", host.as_bytes(), b"\0", &[0; 16]];
            assert_eq!(
                EventUid::of("tag", &host, stamp),
                EventUid::of_parts(&parts)
            );
        }
    }

    #[test]
    fn a_uid_is_32_hex_digits() {
        let uid = EventUid(0xab);
        assert_eq!(uid.to_hex().as_slice(), uid.to_string().as_bytes());
        assert_eq!(uid.to_string().len(), 32);
    }
}
