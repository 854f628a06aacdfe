//! What of a program is remembered: its path, its command line, when it started.
//!
//! Place in the flow: [`super::processes`] keeps one for each process, and tells it as an ancestor. It is one piece
//! of memory, since a host has hundreds. Of a command line no more than [`MOST_COMMAND`] bytes are kept.

use serde::{Deserialize, Serialize};

use crate::model::Timestamp;
use crate::model::process::Ancestor;

pub const MOST_COMMAND: usize = 512;

/// Stands behind what was cut.
pub const CUT: &[u8] = "…".as_bytes();

/// No system has longer paths (PATH_MAX).
const MOST_EXE: usize = 4096;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// The path, and the command line behind it.
    #[serde(with = "serde_bytes")]
    text: Box<[u8]>,
    exe_len: u16,
    has_command: bool,
    /// Where the start was seen.
    started: Option<Timestamp>,
}

impl Image {
    /// `line`: its arguments with one space between, where any are known.
    pub fn of_start(exe: &[u8], line: Option<&[u8]>, time: Timestamp) -> Image {
        let started = Some(time);
        let Some(line) = line else {
            return Image {
                started,
                ..Image::of_path(exe)
            };
        };
        let exe = &exe[..exe.len().min(MOST_EXE)];
        let (line, rest) = line.split_at(line.len().min(MOST_COMMAND));
        let cut = if rest.is_empty() { b"" } else { CUT };
        Image {
            text: [exe, line, cut].concat().into(),
            exe_len: exe.len() as u16,
            has_command: true,
            started,
        }
    }

    /// No more of it is known.
    pub fn of_path(exe: &[u8]) -> Image {
        let exe = &exe[..exe.len().min(MOST_EXE)];
        Image {
            text: exe.into(),
            exe_len: exe.len() as u16,
            has_command: false,
            started: None,
        }
    }

    /// The same program in a process that was forked.
    pub fn forked(&self, time: Timestamp) -> Image {
        Image {
            started: Some(time),
            ..self.clone()
        }
    }

    pub fn exe(&self) -> &[u8] {
        let exe = self.text.get(..usize::from(self.exe_len));
        exe.unwrap_or(&self.text)
    }

    pub fn ancestor(&self, pid: u32) -> Ancestor<'_> {
        let command = self.text.get(usize::from(self.exe_len)..);
        Ancestor {
            pid,
            exe: Some(self.exe()),
            command: command.filter(|_| self.has_command),
            started: self.started,
        }
    }
}
