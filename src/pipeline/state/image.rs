//! What of a program is remembered: its path, its command line, when it started.
//!
//! Place in the flow: [`super::processes`] keeps one for each process, and tells it as an ancestor. It is one piece
//! of memory, since a host has hundreds. Of a command line no more than [`MOST_COMMAND`] bytes are kept.

use serde::{Deserialize, Serialize};

use crate::model::process::Ancestor;
use crate::model::{Process, Timestamp};

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
    pub fn of_start(process: &Process<'_>, exe: &[u8]) -> Image {
        let started = Some(process.stamp.time);
        if process.argv.is_empty() {
            return Image {
                started,
                ..Image::of_path(exe)
            };
        }
        let exe = &exe[..exe.len().min(MOST_EXE)];
        let length = match process.joined {
            Some(joined) => joined.text().len(),
            None => {
                process
                    .argv
                    .iter()
                    .map(|argument| argument.len() + 1)
                    .sum::<usize>()
                    - 1
            }
        };
        let most = exe.len() + MOST_COMMAND;
        let mut text = Vec::with_capacity((exe.len() + length).min(most + CUT.len()));
        text.extend_from_slice(exe);
        if !write_command(process, &mut text, most) {
            text.extend_from_slice(CUT);
        }
        Image {
            text: text.into(),
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

/// Adds the command line, as far as the text may grow. False: it did not fit.
fn write_command(process: &Process<'_>, text: &mut Vec<u8>, most: usize) -> bool {
    let mut put = |more: &[u8]| {
        let fits = more.len().min(most - text.len());
        text.extend_from_slice(&more[..fits]);
        fits == more.len()
    };
    match process.joined {
        Some(joined) => put(joined.text()),
        None => {
            let mut arguments = process.argv.iter().enumerate();
            arguments.all(|(i, argument)| (i == 0 || put(b" ")) && put(argument))
        }
    }
}
