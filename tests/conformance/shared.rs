//! Where the shared data are, and the count of what was compared.
//!
//! Each [`Tally`] has a section of docs/differences.md, `### NAME`, whose `**classes**` its differences have.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The folder of recordings and results, where it is there.
pub fn corpus() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let shared = std::env::var_os("TRAILHOUND_SHARED").map_or(beside, PathBuf::from);
    let corpus = shared.join("corpus");
    if !corpus.join("expected").exists() {
        eprintln!(
            "NOT TESTED: no recordings and results at {}",
            corpus.display()
        );
        return None;
    }
    Some(corpus)
}

/// What was compared with one peer.
pub struct Tally {
    peer: &'static str,
    equal: usize,
    /// By class of docs/differences.md.
    explained: BTreeMap<&'static str, usize>,
    unexplained: Vec<String>,
}

impl Tally {
    pub fn new(peer: &'static str) -> Tally {
        Tally {
            peer,
            equal: 0,
            explained: BTreeMap::new(),
            unexplained: Vec::new(),
        }
    }

    /// Compares one value. `class` names a known difference.
    pub fn compare(&mut self, place: &str, ours: &str, theirs: &str, class: Option<&'static str>) {
        if ours == theirs {
            self.equal += 1;
        } else if let Some(class) = class {
            *self.explained.entry(class).or_default() += 1;
        } else {
            self.unexplained
                .push(format!("{place}: ours `{ours}`, theirs `{theirs}`"));
        }
    }

    /// Tells the counts; fails where a difference has no class, where a class is not in its section of the
    /// document or one there no longer occurs, and where fewer values were compared than there are known to be.
    pub fn done(self, at_least: usize) {
        let different: usize = self.explained.values().sum();
        let all = self.equal + different + self.unexplained.len();
        println!("| {} | {all} | {} | {different} |", self.peer, self.equal);
        for (class, count) in &self.explained {
            println!("|   {class} | | | {count} |");
        }
        let shown = self.unexplained.len().min(600);
        assert!(
            self.unexplained.is_empty(),
            "{} of {all} values differ:\n{}",
            self.unexplained.len(),
            self.unexplained[..shown].join("\n")
        );
        let occurred: BTreeSet<&str> = self.explained.keys().copied().collect();
        let explained = classes(self.peer);
        assert_eq!(
            occurred, explained,
            "docs/differences.md, section {}: left what occurs, right what it explains",
            self.peer
        );
        assert!(all >= at_least, "{}: only {all} values compared", self.peer);
    }
}

/// The classes in a section of docs/differences.md: what is bold at the head of a point.
fn classes(section: &str) -> BTreeSet<&'static str> {
    let document = include_str!("../../docs/differences.md");
    let heading = format!("### {section}");
    let lines = document.lines().skip_while(|line| **line != heading);
    let lines = lines.skip(1).take_while(|line| !line.starts_with('#'));
    let points = lines.filter_map(|line| line.strip_prefix("- **"));
    points
        .filter_map(|point| Some(point.split_once("**")?.0))
        .collect()
}
