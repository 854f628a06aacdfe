//! The indicator files: loaded at start, looked at again and again, swapped in whole.
//!
//! Place in the flow: beside it; a worker takes the newest set before each batch. A new set is built on
//! a thread of its own, so no lane ever waits for it. It refuses to serve half of the files: where one
//! cannot be read, the last good set stays in use, and the log and a counter say so.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;

use super::Shared;
use super::reload::{Reload, Seen, Unreadable, look, unreadable};
use crate::pipeline::intel::{Builder, IntelSet};
use crate::telemetry::Metrics;

/// Refused lines of one file that the log names; the rest is counted.
const NAMED: usize = 5;

struct Loaded {
    set: IntelSet,
    seen: Vec<Seen>,
    refused: usize,
}

/// The first load: here a file that cannot be read is a mistake of the configuration.
pub(super) fn load_first(
    files: &[PathBuf],
    metrics: &Metrics,
) -> anyhow::Result<(IntelSet, Vec<Seen>)> {
    let loaded = load(files).context("loading indicators")?;
    publish(metrics, &loaded);
    Ok((loaded.set, loaded.seen))
}

/// Looks at the files in turn and swaps in a fresh set where one has changed.
pub(super) async fn keep_fresh(shared: Arc<Shared>, seen: Vec<Seen>) {
    if shared.config.intel.files.is_empty() {
        return;
    }
    let files = shared.config.intel.files.clone();
    let take = |loaded: Loaded| {
        publish(&shared.metrics, &loaded);
        shared.metrics.intel_reloads.inc();
        tracing::info!(
            indicators = loaded.set.len(),
            refused = loaded.refused,
            "indicators reloaded"
        );
        shared.intel.store(Arc::new(loaded.set));
        loaded.seen
    };
    Reload {
        what: "indicators",
        interval: shared.config.intel.reload_interval,
        now: shared.look.subscribe(),
        read: move |before: &Vec<Seen>| reload(&files, before),
        take,
        failed: || shared.metrics.intel_reload_failures.inc(),
    }
    .keep_fresh(seen)
    .await;
}

fn reload(files: &[PathBuf], before: &[Seen]) -> Result<Option<Loaded>, Unreadable> {
    let now: Vec<Seen> = files
        .iter()
        .map(|path| look(path))
        .collect::<Result<_, _>>()?;
    if now == before {
        return Ok(None);
    }
    load(files).map(Some)
}

fn load(files: &[PathBuf]) -> Result<Loaded, Unreadable> {
    let mut builder = Builder::default();
    let mut seen = Vec::with_capacity(files.len());
    let mut refused = 0;
    for path in files {
        // Looked at before it is read: what changes in between is seen the next time.
        seen.push(look(path)?);
        let text = fs::read(path).map_err(|source| unreadable(path, source))?;
        let name = path.display().to_string();
        let loaded = builder.add(&name, &text);
        refused += loaded.refused.len();
        for (line, expected) in loaded.refused.iter().take(NAMED) {
            tracing::warn!("{name}:{line}: {expected}");
        }
        tracing::debug!(
            file = name,
            indicators = loaded.indicators,
            refused = loaded.refused.len()
        );
    }
    Ok(Loaded {
        set: builder.build(),
        seen,
        refused,
    })
}

fn publish(metrics: &Metrics, loaded: &Loaded) {
    let gauge = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    metrics.indicators.set(gauge(loaded.set.len()));
    metrics.indicator_refused_lines.set(gauge(loaded.refused));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_seen_and_a_file_that_vanished_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("list.txt");
        fs::write(&path, "203.0.113.66\n").expect("written");
        let files = [path.clone()];
        let seen = load(&files).expect("loaded").seen;
        assert!(reload(&files, &seen).expect("read").is_none());

        let next = folder.path().join("next");
        fs::write(&next, "203.0.113.67\n").expect("written");
        fs::rename(&next, &path).expect("renamed");
        let seen = reload(&files, &seen).expect("read").expect("changed").seen;
        assert!(reload(&files, &seen).expect("read").is_none());

        fs::remove_file(&path).expect("removed");
        let error = reload(&files, &seen).err().expect("vanished").to_string();
        assert!(error.contains("list.txt"), "{error}");
    }
}
