//! The files of Sigma rules: loaded at start, looked at again and again, swapped in whole.
//!
//! Place in the flow: beside it, as [`super::intel`]; a worker takes the newest set before each batch. A rule that
//! cannot be used is named and passed over, for folders of rules hold some for other systems always; a file or
//! folder that cannot be read is an error, and while the daemon runs the last good set stays in use.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Shared;
use super::reload::{Reload, Seen, Unreadable, look, unreadable};
use crate::pipeline::detect::RuleSet;
use crate::pipeline::detect::sigma::Builder;
use crate::pipeline::detect::sigma::pack::PACK;

/// Refused rules that the log names; the rest is counted.
const NAMED: usize = 5;

/// Folders within folders: one that lies deeper is told and not looked into, for it may be a link in a circle.
const DEEPEST: usize = 16;

/// Each file of rules, and how it was seen; and the folders that are too deep.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Files {
    seen: Vec<(PathBuf, Seen)>,
    too_deep: Vec<PathBuf>,
}

/// A rule that was not taken: its file, its title where it has one, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    pub file: String,
    pub title: String,
    pub reason: String,
}

/// Rules, and what was not taken.
#[derive(Default)]
pub struct Loaded {
    pub set: RuleSet,
    pub files: usize,
    pub refused: Vec<Refused>,
    seen: Files,
}

/// Loads files, and folders with all below, and where it is wanted the rules that come with the program.
///
/// # Errors
/// What cannot be read.
pub fn load(paths: &[PathBuf], pack: bool) -> anyhow::Result<Loaded> {
    Ok(read(paths, pack)?)
}

pub(super) fn load_first(paths: &[PathBuf], pack: bool) -> anyhow::Result<Loaded> {
    let loaded = load(paths, pack)?;
    tell(&loaded);
    Ok(loaded)
}

/// Looks at the files in turn and swaps in a fresh set where one has changed.
pub(super) async fn keep_fresh(shared: Arc<Shared>, seen: Files) {
    let rules = &shared.config.rules;
    if rules.files.is_empty() {
        return;
    }
    let (files, pack) = (rules.files.clone(), rules.pack);
    let take = |loaded: Loaded| {
        tell(&loaded);
        let (set, seen) = loaded.into_parts();
        shared.rules.store(Arc::new(set));
        seen
    };
    Reload {
        what: "rules",
        interval: rules.reload_interval,
        now: shared.look.subscribe(),
        read: move |before: &Files| match of(&files)? == *before {
            true => Ok(None),
            false => read(&files, pack).map(Some),
        },
        take,
        failed: || {},
    }
    .keep_fresh(seen)
    .await;
}

impl Loaded {
    pub(super) fn into_parts(self) -> (RuleSet, Files) {
        (self.set, self.seen)
    }
}

fn tell(loaded: &Loaded) {
    for refused in loaded.refused.iter().take(NAMED) {
        tracing::warn!("{}: {}: {}", refused.file, refused.title, refused.reason);
    }
    tracing::info!(
        rules = loaded.set.len(),
        files = loaded.files,
        refused = loaded.refused.len(),
        "rules loaded"
    );
}

fn read(paths: &[PathBuf], pack: bool) -> Result<Loaded, Unreadable> {
    let mut builder = Builder::default();
    let (mut files, mut refused) = (0, Vec::new());
    let mut add = |name: &str, text: &str| {
        files += 1;
        let loaded = builder.add(text);
        refused.extend(loaded.refused.into_iter().map(|(title, reason)| Refused {
            file: name.to_owned(),
            title,
            reason,
        }));
    };
    if pack {
        PACK.iter().for_each(|(name, text)| add(name, text));
    }
    // Looked at before they are read: what changes in between is seen the next time.
    let seen = of(paths)?;
    for (path, _) in &seen.seen {
        let text = fs::read(path).map_err(|source| unreadable(path, source))?;
        add(&path.display().to_string(), &String::from_utf8_lossy(&text));
    }
    refused.extend(seen.too_deep.iter().map(|folder| Refused {
        file: folder.display().to_string(),
        title: "a folder".to_owned(),
        reason: format!("lies more than {DEEPEST} folders deep, and is not looked into"),
    }));
    Ok(Loaded {
        set: builder.build(),
        files,
        refused,
        seen,
    })
}

/// The files, those of folders in the order of their names.
fn of(paths: &[PathBuf]) -> Result<Files, Unreadable> {
    let mut found = Found::default();
    for path in paths {
        found.walk(path, true, DEEPEST)?;
    }
    let seen = found.files.into_iter();
    let seen = seen.map(|path| look(&path).map(|seen| (path, seen)));
    Ok(Files {
        seen: seen.collect::<Result<_, Unreadable>>()?,
        too_deep: found.too_deep,
    })
}

#[derive(Default)]
struct Found {
    files: Vec<PathBuf>,
    too_deep: Vec<PathBuf>,
}

impl Found {
    fn walk(&mut self, path: &Path, given: bool, deep: usize) -> Result<(), Unreadable> {
        let wrong = |source: io::Error| unreadable(path, source);
        if !fs::metadata(path).map_err(wrong)?.is_dir() {
            let is_yaml = path
                .extension()
                .is_some_and(|end| end == "yml" || end == "yaml");
            if given || is_yaml {
                self.files.push(path.to_owned());
            }
            return Ok(());
        }
        if deep == 0 {
            self.too_deep.push(path.to_owned());
            return Ok(());
        }
        let mut entries = Vec::new();
        for entry in fs::read_dir(path).map_err(wrong)? {
            entries.push(entry.map_err(wrong)?.path());
        }
        entries.sort();
        entries
            .iter()
            .try_for_each(|entry| self.walk(entry, false, deep - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: &str = "title: a\nlogsource:\n  category: process_creation\ndetection:\n  s:\n    Image: /a\n  condition: s\n";

    #[test]
    fn folders_are_read_with_all_below_and_what_is_no_rule_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let below = folder.path().join("below");
        fs::create_dir(&below).expect("made");
        fs::write(below.join("a.yml"), RULE).expect("written");
        fs::write(folder.path().join("b.yaml"), "title: [").expect("written");
        fs::write(folder.path().join("README.md"), "no rule").expect("written");
        let paths = [folder.path().to_owned()];
        let loaded = load(&paths, false).expect("loads");
        assert_eq!(
            (loaded.set.len(), loaded.files, loaded.refused.len()),
            (1, 2, 1)
        );
        assert!(loaded.refused[0].file.ends_with("b.yaml"));
        assert!(load(&paths, true).expect("loads").set.len() > 20);
        let before = of(&paths).expect("seen");
        fs::write(below.join("c.yml"), RULE).expect("written");
        assert_ne!(of(&paths).expect("seen"), before);
        let mut deep = folder.path().to_owned();
        for _ in 0..DEEPEST {
            deep.push("d");
        }
        fs::create_dir_all(&deep).expect("made");
        fs::write(deep.join("d.yml"), RULE).expect("written");
        let told = load(&paths, false).expect("loads").refused;
        let told = told
            .iter()
            .find(|refused| refused.file == deep.display().to_string());
        assert!(told.is_some_and(|refused| refused.reason.contains("16 folders deep")));
        let missing = load(&[folder.path().join("no")], false);
        assert!(missing.is_err_and(|error| error.to_string().contains("no")));
    }
}
