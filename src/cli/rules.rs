//! Reads Sigma rules for commands that run without the daemon.
//!
//! Place in the flow: before the first line. A rule that is not taken is told and passed over. It refuses to
//! watch files: the daemon's loader does.

use std::path::PathBuf;
use std::sync::Arc;

use crate::pipeline::detect::RuleSet;
use crate::runtime::rules;

/// Told of all files; a folder of rules for other systems would fill the screen.
const TOLD: usize = 5;

#[derive(Debug, clap::Args)]
pub(super) struct RuleArgs {
    /// Files of Sigma rules, and folders of them
    #[arg(long, value_name = "PATH", num_args = 1..)]
    rules: Vec<PathBuf>,
    /// The rules that come with the program, too
    #[arg(long)]
    pack: bool,
}

pub(super) fn load(args: &RuleArgs) -> anyhow::Result<Arc<RuleSet>> {
    let loaded = rules::load(&args.rules, args.pack)?;
    for refused in loaded.refused.iter().take(TOLD) {
        eprintln!(
            "{}: {}: not taken: {}",
            refused.file, refused.title, refused.reason
        );
    }
    if let Some(more) = loaded.refused.len().checked_sub(TOLD + 1) {
        eprintln!("{} more rules were not taken", more + 1);
    }
    Ok(Arc::new(loaded.set))
}
