//! `trailhound demo`: a recorded attack through the whole daemon, told as it happens.

use super::Failure;

#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) fn run(_args: &Args) -> Result<(), Failure> {
    Err(anyhow::anyhow!("the daemon is not in this build").into())
}
