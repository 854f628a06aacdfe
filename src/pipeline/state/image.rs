//! What of a program is remembered: its path, its command line, when it started.
//!
//! Place in the flow: [`super::processes`] keeps one for each process, and tells it as an ancestor. It is one piece
//! of memory, since a host has hundreds, and processes with the same text share it. Of a command line no more than [`MOST_COMMAND`] bytes are kept.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::process::Ancestor;
use crate::model::weight::block;
use crate::model::{Timestamp, Weigh};

use super::texts::Texts;

pub const MOST_COMMAND: usize = 512;

/// Stands behind what was cut.
pub const CUT: &[u8] = "…".as_bytes();

/// No system has longer paths (PATH_MAX).
const MOST_EXE: usize = 4096;

/// Of the length that stands before the path: a command line stands behind it.
const HAS_COMMAND: u16 = 1 << 15;

const NEVER: Timestamp = Timestamp(i64::MIN);

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// Two bytes of length, the path, and the command line behind it.
    #[serde(with = "shared")]
    text: Arc<[u8]>,
    /// Where the start was seen.
    started: Timestamp,
}

impl Image {
    /// `line`: its arguments with one space between, where any are known.
    pub fn of_start(exe: &[u8], line: Option<&[u8]>, time: Timestamp, texts: &mut Texts) -> Image {
        let Some(line) = line else {
            return Image {
                started: time,
                ..Image::of_path(exe, texts)
            };
        };
        let exe = &exe[..exe.len().min(MOST_EXE)];
        let (line, rest) = line.split_at(line.len().min(MOST_COMMAND));
        let cut = if rest.is_empty() { b"" } else { CUT };
        let head = (exe.len() as u16 | HAS_COMMAND).to_le_bytes();
        Image {
            text: texts.join(&[&head, exe, line, cut]),
            started: time,
        }
    }

    /// No more of it is known.
    pub fn of_path(exe: &[u8], texts: &mut Texts) -> Image {
        let exe = &exe[..exe.len().min(MOST_EXE)];
        let head = (exe.len() as u16).to_le_bytes();
        Image {
            text: texts.join(&[&head, exe]),
            started: NEVER,
        }
    }

    /// Shares its text with others.
    pub fn share(&mut self, texts: &mut Texts) {
        self.text = texts.join(&[&self.text]);
    }

    /// The same program in a process that was forked.
    pub fn forked(&self, time: Timestamp) -> Image {
        Image {
            started: time,
            ..self.clone()
        }
    }

    /// The path; the command line, where there is one.
    fn parts(&self) -> (&[u8], Option<&[u8]>) {
        let Some((head, text)) = self.text.split_first_chunk() else {
            return (b"", None);
        };
        let head = u16::from_le_bytes(*head);
        let exe_len = usize::from(head & !HAS_COMMAND);
        let (exe, line) = text.split_at_checked(exe_len).unwrap_or((text, b""));
        (exe, (head & HAS_COMMAND != 0).then_some(line))
    }

    pub fn exe(&self) -> &[u8] {
        self.parts().0
    }

    pub fn ancestor(&self, pid: u32) -> Ancestor<'_> {
        let (exe, command) = self.parts();
        Ancestor {
            pid,
            exe: Some(exe),
            command,
            started: (self.started != NEVER).then_some(self.started),
        }
    }
}

impl Weigh for Image {
    #[inline]
    fn heap(&self) -> usize {
        block(self.text.len() + 16)
    }
}

/// The bytes as they are.
mod shared {
    use std::sync::Arc;

    use serde::{Deserializer, Serializer};

    pub fn serialize<S: Serializer>(text: &Arc<[u8]>, to: S) -> Result<S::Ok, S::Error> {
        serde_bytes::serialize(&**text, to)
    }

    pub fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<Arc<[u8]>, D::Error> {
        let text: Box<[u8]> = serde_bytes::deserialize(from)?;
        Ok(text.into())
    }
}
