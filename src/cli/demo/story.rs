//! What the demonstration is fed: a recorded attack, flows that fit it, and when each comes.
//!
//! Place in the flow: bundled bytes → messages with their moment. The lines are a real kernel's; the
//! flows are our own. It refuses to change a byte of the recording.

use std::time::Duration;

use anyhow::Context;
use memchr::memmem;

const ATTACK: &[u8] = include_bytes!("recording/attack.log.zst");
const FLOWS: &str = include_str!("recording/flows.ndjson");
pub(super) const INDICATORS: &str = include_str!("recording/indicators.txt");

/// The recorded host.
pub(super) const HOST: &str = "web01";
/// The address that the attack comes from.
pub(super) const ATTACKER: &str = "203.0.113.66";
/// A line that a full disk cut short: it belongs in the dead-letter topic.
const DAMAGED: &[u8] = b"node=web01 type=SYSCALL msg=audit(17953188";

/// The recording runs this much faster than it happened.
pub(super) const SPEED: u32 = 6;
/// The part that is sent at once, so that the daemon has something to answer with.
const PROLOGUE_MS: i64 = 500;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Channel {
    Audit,
    Flow,
}

pub(super) struct Message {
    /// Since the prologue; `None`: it is part of it.
    pub(super) at: Option<Duration>,
    pub(super) channel: Channel,
    pub(super) bytes: Vec<u8>,
}

/// All messages, in the order they are sent.
pub(super) fn messages() -> anyhow::Result<Vec<Message>> {
    let recording = zstd::decode_all(ATTACK).context("the bundled recording")?;
    let lines = recording
        .split(|b| *b == b'\n')
        .filter(|line| !line.is_empty());
    let mut clocked: Vec<(i64, Channel, &[u8])> = Vec::new();
    let mut now = 0;
    for line in lines {
        // Lines of different processors mix: the order is the recording's, the moment only rises.
        now = millis(line, b"msg=audit(").unwrap_or(now).max(now);
        clocked.push((now, Channel::Audit, line));
    }
    let begin = clocked.first().map_or(0, |(at, ..)| *at);
    clocked.push((now, Channel::Audit, DAMAGED));
    for flow in FLOWS.lines() {
        let at = millis(flow.as_bytes(), b"\"ts\":").unwrap_or(now);
        clocked.push((at, Channel::Flow, flow.as_bytes()));
    }
    // Stable: the order within a channel stays.
    clocked.sort_by_key(|(at, ..)| *at);
    Ok(clocked
        .into_iter()
        .map(|(at, channel, bytes)| Message {
            at: u64::try_from(at - begin - PROLOGUE_MS)
                .ok()
                .map(|ms| Duration::from_millis(ms) / SPEED),
            channel,
            bytes: bytes.to_vec(),
        })
        .collect())
}

/// `SECONDS.MILLIS` after `mark`.
fn millis(text: &[u8], mark: &[u8]) -> Option<i64> {
    let from = memmem::find(text, mark)? + mark.len();
    let digits: Vec<u8> = text[from..]
        .iter()
        .copied()
        .take_while(|b| b.is_ascii_digit() || *b == b'.')
        .collect();
    let (seconds, millis) = std::str::from_utf8(&digits).ok()?.split_once('.')?;
    Some(seconds.parse::<i64>().ok()? * 1000 + millis.parse::<i64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_story_is_short_and_has_a_prologue() {
        let all = messages().unwrap();
        assert!(all.first().is_some_and(|message| message.at.is_none()));
        let last = all.iter().filter_map(|message| message.at).max().unwrap();
        assert!(last < Duration::from_secs(12), "{last:?}");
        assert_eq!(all.iter().filter(|m| m.channel == Channel::Flow).count(), 7);
    }
}
