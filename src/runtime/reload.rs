//! Files that are looked at again and again, and read anew where one has changed.
//!
//! Place in the flow: under [`super::intel`] and [`super::rules`]. Files are read on a thread of its own, so no lane
//! ever waits for one. It refuses to take half of them: where one cannot be read, the last good ones stay in use,
//! which is told once.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::watch;

/// What tells one content of a file from the next: a file that is renamed over the old one differs by
/// its inode, one that is written in place by its time or its size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    modified: (i64, i64),
    size: u64,
    inode: u64,
}

#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", path.display())]
pub struct Unreadable {
    path: PathBuf,
    source: io::Error,
}

pub fn look(path: &Path) -> Result<Seen, Unreadable> {
    let metadata = fs::metadata(path).map_err(|source| unreadable(path, source))?;
    Ok(Seen {
        modified: (metadata.mtime(), metadata.mtime_nsec()),
        size: metadata.size(),
        inode: metadata.ino(),
    })
}

pub fn unreadable(path: &Path, source: io::Error) -> Unreadable {
    Unreadable {
        path: path.to_owned(),
        source,
    }
}

/// How files of a kind are kept fresh.
pub struct Reload<Read, Take, Failed> {
    /// What stands in them, for the log.
    pub what: &'static str,
    pub interval: Duration,
    /// Looks now, without waiting for that.
    pub now: watch::Receiver<()>,
    /// Reads all, where they are not as they were seen last.
    pub read: Read,
    /// Takes what was read into use, and gives how it was seen.
    pub take: Take,
    /// Called each time that they could not be read.
    pub failed: Failed,
}

impl<Read, Take, Failed> Reload<Read, Take, Failed> {
    /// Goes on for ever.
    pub async fn keep_fresh<S, L>(mut self, mut seen: S)
    where
        S: Clone + Send + 'static,
        L: Send + 'static,
        Read: Fn(&S) -> Result<Option<L>, Unreadable> + Clone + Send + 'static,
        Take: FnMut(L) -> S,
        Failed: Fn(),
    {
        let (what, mut failing) = (self.what, false);
        loop {
            tokio::select! {
                () = tokio::time::sleep(self.interval) => {}
                Ok(()) = self.now.changed() => {}
            }
            let (read, before) = (self.read.clone(), seen.clone());
            match tokio::task::spawn_blocking(move || read(&before)).await {
                Ok(Ok(None)) => failing = false,
                Ok(Ok(Some(loaded))) => {
                    seen = (self.take)(loaded);
                    failing = false;
                }
                Ok(Err(error)) => {
                    (self.failed)();
                    if !std::mem::replace(&mut failing, true) {
                        tracing::error!("{error}; the last good {what} stay in use");
                    }
                }
                Err(error) => {
                    (self.failed)();
                    tracing::error!(%error, "loading {what}");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Reads one file, and counts what was taken and what failed.
    fn watched<'c>(
        path: &Path,
        interval: Duration,
        now: watch::Receiver<()>,
        (taken, failed): (&'c AtomicUsize, &'c AtomicUsize),
    ) -> impl Future<Output = ()> + 'c {
        let (file, seen) = (path.to_owned(), look(path).expect("seen"));
        let reload = Reload {
            what: "lists",
            interval,
            now,
            read: move |before: &Seen| {
                let now = look(&file)?;
                Ok((now != *before).then_some(now))
            },
            take: |now| {
                taken.fetch_add(1, Ordering::Relaxed);
                now
            },
            failed: || {
                failed.fetch_add(1, Ordering::Relaxed);
            },
        };
        reload.keep_fresh(seen)
    }

    fn run(watched: impl Future<Output = ()>, change: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build();
        runtime.expect("a runtime").block_on(async {
            tokio::select! {
                () = watched => unreachable!("it goes on for ever"),
                () = change => {}
            }
        });
    }

    async fn until(is_so: impl Fn() -> bool) {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    #[test]
    fn what_has_changed_is_taken_and_what_cannot_be_read_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("list");
        fs::write(&path, "a").expect("written");
        let (taken, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let (_now, receiver) = watch::channel(());
        let often = Duration::from_millis(1);
        run(watched(&path, often, receiver, (&taken, &failed)), async {
            fs::write(&path, "longer").expect("written");
            until(|| taken.load(Ordering::Relaxed) > 0).await;
            fs::remove_file(&path).expect("removed");
            until(|| failed.load(Ordering::Relaxed) > 1).await;
        });
        assert_eq!(taken.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn who_asks_does_not_wait_for_the_next_look() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("list");
        fs::write(&path, "a").expect("written");
        let (taken, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let (now, receiver) = watch::channel(());
        let seldom = Duration::from_secs(86_400);
        run(watched(&path, seldom, receiver, (&taken, &failed)), async {
            for (times, text) in [(1, "longer"), (2, "longer still")] {
                fs::write(&path, text).expect("written");
                now.send_replace(());
                until(|| taken.load(Ordering::Relaxed) == times).await;
            }
        });
        assert_eq!(failed.load(Ordering::Relaxed), 0);
    }
}
