//! Where the shared data are, and the count of what was compared.

use std::collections::BTreeMap;
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

    /// Tells the counts; fails where a difference has no class, where a class is not in the document, and
    /// where fewer values were compared than there are known to be.
    pub fn done(self, at_least: usize) {
        let different: usize = self.explained.values().sum();
        let all = self.equal + different + self.unexplained.len();
        println!(
            "{}: {all} values compared, {} equal, {different} different and explained, {} different",
            self.peer,
            self.equal,
            self.unexplained.len()
        );
        let shown = self.unexplained.len().min(600);
        assert!(
            self.unexplained.is_empty(),
            "{} of {all} values differ:\n{}",
            self.unexplained.len(),
            self.unexplained[..shown].join("\n")
        );
        let document = include_str!("../../docs/differences.md");
        for (class, count) in &self.explained {
            println!("  {count:6} {class}");
            assert!(
                document.contains(class),
                "docs/differences.md has no `{class}`"
            );
        }
        assert!(all >= at_least, "{}: only {all} values compared", self.peer);
    }
}
