//! What `replay` says on stderr: a progress bar on the way, a summary at the end.
//!
//! Place in the flow: beside it. It refuses to say anything on stdout.

use std::fmt;
use std::io::IsTerminal;
use std::path::PathBuf;

use indicatif::{ProgressBar, ProgressStyle};

use super::open::is_stdin;
use crate::cli::paint::harmless;
use crate::model::{Evicted, Kind, Reject};
use crate::pipeline::lane::{PatternCounts, Stats};

/// A bar over the bytes of all files; hidden where nobody sees it, where events run over the same
/// terminal, and where the length is not known.
pub(super) fn progress(files: &[PathBuf]) -> ProgressBar {
    let seen = std::io::stderr().is_terminal() && !std::io::stdout().is_terminal();
    let bytes: Option<u64> = files
        .iter()
        .map(|file| match std::fs::metadata(file) {
            Ok(about) if about.is_file() && !is_stdin(file) => Some(about.len()),
            _ => None,
        })
        .sum();
    let Some(bytes) = bytes.filter(|_| seen) else {
        return ProgressBar::hidden();
    };
    let bar = ProgressBar::new(bytes);
    let template = "{bar:40} {percent:>3}% {bytes}/{total_bytes} {bytes_per_sec} {eta}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

/// Characters of a pattern that are shown.
const MOST_PATTERN: usize = 400;

pub(super) struct Summary<'s> {
    pub(super) stats: &'s Stats,
    pub(super) seconds: f64,
    /// Where they were asked for.
    pub(super) patterns: Option<&'s PatternCounts>,
}

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Stats {
            records,
            lines,
            bytes,
            events,
            incomplete,
            evicted,
            filtered,
            gaps,
            missing_events,
            kernel_lost,
            kernel_limits,
            daemon_failures,
            rejects,
            hits,
            matches,
            suppressed,
            forgotten,
            forgotten_processes,
            by_memory,
        } = self.stats;
        let rate = *lines as f64 / self.seconds.max(1e-6);
        writeln!(
            f,
            "lines        {lines} in {records} records, {bytes} bytes"
        )?;
        writeln!(
            f,
            "time         {:.3} s, {rate:.0} lines a second",
            self.seconds
        )?;
        write!(f, "events      ")?;
        for (kind, count) in Kind::ALL.into_iter().zip(events) {
            write!(f, " {} {count}", kind.as_str())?;
        }
        writeln!(f, "\nincomplete   {incomplete}, of them {evicted} evicted")?;
        let losses = [gaps, kernel_lost, kernel_limits, daemon_failures];
        if losses.into_iter().any(|count| *count > 0) {
            writeln!(
                f,
                "lost before  {missing_events} events in {gaps} gaps of serials; kernels say {kernel_lost} records and {kernel_limits} limits exceeded, auditd {daemon_failures} failures"
            )?;
        }
        if !filtered.is_empty() {
            writeln!(f, "filtered     {}", filtered.iter().sum::<u64>())?;
        }
        writeln!(f, "hits         {hits}")?;
        if *matches > 0 {
            let weightless: u64 = suppressed.iter().sum();
            writeln!(
                f,
                "matches      {matches} of rules; {weightless} signs weigh nothing in a story"
            )?;
        }
        writeln!(
            f,
            "forgotten    {forgotten} sessions, sources and hosts, {forgotten_processes} processes, for a bound"
        )?;
        let let_go = Evicted::ALL.iter().zip(by_memory);
        let let_go = let_go.filter(|(_, count)| **count > 0);
        for (kind, count) in let_go {
            writeln!(f, "  {:<11}{count}  for memory", kind.as_str())?;
        }
        writeln!(f, "rejected     {}", rejects.iter().sum::<u64>())?;
        for (reject, count) in Reject::ALL
            .into_iter()
            .zip(rejects)
            .filter(|(_, count)| **count > 0)
        {
            writeln!(f, "  {:<11}{count}  {}", reject.as_str(), reject.explain())?;
        }
        self.patterns.map_or(Ok(()), |patterns| {
            let all = patterns.sorted();
            let starts = patterns.total();
            writeln!(f, "patterns     {} of {starts} program starts", all.len())?;
            for (pattern, count) in all {
                let pattern = String::from_utf8_lossy(pattern);
                writeln!(f, "  {count:<10} {}", harmless(&pattern, MOST_PATTERN))?;
            }
            Ok(())
        })
    }
}
