//! Writes outputs: documents to stdout in large pieces, rejects to their file.
//!
//! Place in the flow: the end. It refuses to go through the line-buffered stdout of std.

use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use crate::model::{OutputKind, Outputs};

/// Why writing ended before the input did.
#[derive(Debug, thiserror::Error)]
pub(super) enum SinkError {
    /// The reader of stdout went away, as `head` does: not a failure.
    #[error("stdout was closed")]
    Closed,
    #[error("stdout: {0}")]
    Stdout(io::Error),
    #[error("{0}: {1}")]
    Rejects(PathBuf, io::Error),
}

pub(super) struct Sink {
    stdout: File,
    rejects: Option<(PathBuf, BufWriter<File>)>,
}

impl Sink {
    pub(super) fn open(rejects: Option<&Path>) -> Result<Sink, anyhow::Error> {
        let stdout = io::stdout()
            .as_fd()
            .try_clone_to_owned()
            .map_err(SinkError::Stdout)?;
        let rejects = match rejects {
            None => None,
            Some(path) => {
                let file = File::create(path)
                    .map_err(|error| SinkError::Rejects(path.to_owned(), error))?;
                Some((path.to_owned(), BufWriter::new(file)))
            }
        };
        Ok(Sink {
            stdout: stdout.into(),
            rejects,
        })
    }

    pub(super) fn write(&mut self, out: &Outputs) -> Result<(), SinkError> {
        self.stdout
            .write_all(out.ndjson())
            .map_err(|error| match error.kind() {
                ErrorKind::BrokenPipe => SinkError::Closed,
                _ => SinkError::Stdout(error),
            })?;
        if let Some((path, file)) = &mut self.rejects {
            for output in out.iter() {
                if let OutputKind::DeadLetter(_) = output.kind {
                    file.write_all(output.value)
                        .and_then(|()| file.write_all(b"\n"))
                        .map_err(|error| SinkError::Rejects(path.clone(), error))?;
                }
            }
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Result<(), SinkError> {
        match self.rejects {
            None => Ok(()),
            Some((path, mut file)) => file
                .flush()
                .map_err(|error| SinkError::Rejects(path, error)),
        }
    }
}
