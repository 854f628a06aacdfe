//! Reads indicator files for commands that run without the daemon.
//!
//! Place in the flow: before the first line. A file that cannot be read is an error; a line in it that
//! is no indicator is told and passed over. It refuses to watch files: the daemon's loader does.

use std::path::PathBuf;

use anyhow::Context;

use crate::pipeline::intel::{Builder, IntelSet};

/// Told of one file; a feed of the wrong kind would fill the screen.
const TOLD: usize = 5;

pub(super) fn load(files: &[PathBuf]) -> anyhow::Result<IntelSet> {
    let mut builder = Builder::default();
    for file in files {
        let name = file.display().to_string();
        let text = std::fs::read(file).with_context(|| format!("{name}: cannot be read"))?;
        let loaded = builder.add(&name, &text);
        for (line, expected) in loaded.refused.iter().take(TOLD) {
            eprintln!("{name}:{line}: no indicator; {expected}");
        }
        if let Some(more) = loaded.refused.len().checked_sub(TOLD + 1) {
            eprintln!("{name}: {} more lines hold no indicator", more + 1);
        }
    }
    Ok(builder.build())
}
