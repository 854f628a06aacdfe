//! The process tree: parents that are known, unknown, and never wrong; its bound; its saved form.

use super::*;
use crate::pipeline::state::image::{CUT, MOST_COMMAND};
use proptest::prelude::*;

struct Told<'t> {
    pid: u32,
    ppid: u32,
    session: Option<u32>,
    argv: &'t [&'t [u8]],
}

fn process<'t>(told: &Told<'t>) -> Process<'t> {
    Process {
        host: "web01",
        pid: Some(told.pid),
        ppid: Some(told.ppid),
        exe: told.argv.first().copied(),
        argv: told.argv,
        session: told.session,
        ..Process::default()
    }
}

const MOST: usize = 448;

/// Starts a program; gives pids and command lines of its ancestors.
fn start(all: &mut Processes, pid: u32, ppid: u32, line: &str) -> Vec<(u32, String)> {
    in_session(all, pid, ppid, Some(5), line)
}

fn in_session(
    all: &mut Processes,
    pid: u32,
    ppid: u32,
    session: Option<u32>,
    line: &str,
) -> Vec<(u32, String)> {
    since(all, pid, ppid, session, line, 0)
}

/// In a session that began when numbers were there.
fn since(
    all: &mut Processes,
    pid: u32,
    ppid: u32,
    session: Option<u32>,
    line: &str,
    since: u64,
) -> Vec<(u32, String)> {
    let argv: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
    let told = Told {
        pid,
        ppid,
        session,
        argv: &argv,
    };
    let process = process(&told);
    let coming = all.comes(&process, since);
    let bump = Bump::new();
    let shown = all.ancestors(process.ppid, process.session, &bump);
    let shown = shown.iter().map(|a| {
        let text = a.command.or(a.exe).unwrap_or_default();
        (a.pid, String::from_utf8_lossy(text).into_owned())
    });
    let shown = shown.collect();
    let texts = &mut Texts::default();
    let line = process.command_line();
    all.start(&process, &line, coming, MOST, texts);
    shown
}

fn witness(pid: u32, ppid: Option<u32>, exe: &str, session: Option<u32>, did: Did) -> Witness<'_> {
    Witness {
        pid,
        ppid,
        exe: Some(exe.as_bytes()).filter(|exe| !exe.is_empty()),
        session,
        time: Timestamp(7),
        did,
    }
}

fn named(pairs: &[(u32, &str)]) -> Vec<(u32, String)> {
    pairs
        .iter()
        .map(|(pid, text)| (*pid, (*text).to_owned()))
        .collect()
}

#[test]
fn the_line_of_ancestors_is_told_over_programs_that_replace_themselves() {
    let mut all = Processes::default();
    assert_eq!(start(&mut all, 100, 99, "/bin/bash -l"), []);
    assert_eq!(
        start(&mut all, 101, 100, "/bin/sh x.sh"),
        named(&[(100, "/bin/bash -l")])
    );
    // `exec`: the same process, another program.
    assert_eq!(
        start(&mut all, 101, 100, "/usr/bin/env a"),
        named(&[(100, "/bin/bash -l")])
    );
    let line = start(&mut all, 102, 101, "/bin/id");
    assert_eq!(
        line,
        named(&[(101, "/usr/bin/env a"), (100, "/bin/bash -l")])
    );
}

#[test]
fn a_number_that_is_of_another_process_by_now_is_that_one() {
    let mut all = Processes::default();
    start(&mut all, 100, 99, "/bin/bash");
    start(&mut all, 101, 100, "/bin/sh old");
    start(&mut all, 102, 101, "/bin/child");
    // The number comes round; its new owner has another parent.
    start(&mut all, 101, 50, "/bin/sh new");
    assert_eq!(
        start(&mut all, 103, 101, "/bin/id"),
        named(&[(101, "/bin/sh new")])
    );
    // The old one is still who started the child.
    assert_eq!(
        start(&mut all, 104, 102, "/bin/id"),
        named(&[(102, "/bin/child")])
    );
}

#[test]
fn a_parent_of_another_session_is_unknown_and_init_is_not() {
    let mut all = Processes::default();
    in_session(&mut all, 1, 0, None, "/sbin/init");
    in_session(&mut all, 100, 1, Some(4), "/bin/bash");
    assert_eq!(in_session(&mut all, 101, 100, Some(5), "/bin/id"), []);
    assert_eq!(
        in_session(&mut all, 102, 1, Some(5), "/bin/id"),
        named(&[(1, "/sbin/init")])
    );
}

#[test]
fn other_events_tell_who_lives() {
    let mut all = Processes::default();
    let none = Did::Nothing;
    all.witness(
        &witness(500, None, "/usr/sbin/cron", None, none),
        MOST,
        &mut Texts::default(),
    );
    all.witness(
        &witness(700, Some(500), "/usr/sbin/cron", None, none),
        MOST,
        &mut Texts::default(),
    );
    all.witness(
        &witness(700, None, "", Some(37), Did::Assigned),
        MOST,
        &mut Texts::default(),
    );
    let line = in_session(&mut all, 701, 700, Some(37), "/bin/sh -c job");
    assert_eq!(
        line,
        named(&[(700, "/usr/sbin/cron"), (500, "/usr/sbin/cron")])
    );
    // It runs another program, and its start was not seen.
    all.witness(
        &witness(701, Some(700), "/usr/bin/perl", Some(37), none),
        MOST,
        &mut Texts::default(),
    );
    let line = in_session(&mut all, 702, 701, Some(37), "/bin/id");
    assert_eq!(line[0], (701, "/usr/bin/perl".to_owned()));
}

#[test]
fn forks_and_ends_are_followed_where_they_are_told() {
    let mut all = Processes::default();
    let bash = |did| witness(100, Some(99), "/bin/bash", Some(5), did);
    start(&mut all, 100, 99, "/bin/bash -l");
    all.witness(&bash(Did::Forked(101)), MOST, &mut Texts::default());
    let line = start(&mut all, 102, 101, "/bin/id");
    assert_eq!(line, named(&[(101, "/bin/bash -l"), (100, "/bin/bash -l")]));
    // vfork: the child's program is there before the record of the fork.
    start(&mut all, 103, 100, "/bin/sh v");
    all.witness(&bash(Did::Forked(103)), MOST, &mut Texts::default());
    assert_eq!(
        start(&mut all, 104, 103, "/bin/id")[0],
        (103, "/bin/sh v".to_owned())
    );
    all.witness(
        &witness(103, Some(100), "/bin/sh", Some(5), Did::Exited),
        MOST,
        &mut Texts::default(),
    );
    assert_eq!(start(&mut all, 105, 103, "/bin/id"), []);
}

#[test]
fn a_session_whose_login_was_seen_places_what_runs_in_it() {
    let mut all = Processes::default();
    // A thousand forks from one start to the next: any of them may be an old process.
    for pid in (1..=20).map(|n| n * 1_000) {
        in_session(&mut all, pid, 1, None, "/bin/job");
    }
    let login = all.cursor.at_least();
    assert!((login as u32) < 10_000);
    let shown = |began| {
        let mut all = all.clone();
        since(&mut all, 21_000, 20_500, Some(7), "/bin/bash", began);
        since(&mut all, 22_500, 21_000, Some(7), "/bin/id", began)
    };
    assert_eq!(shown(0), []);
    assert_eq!(shown(login), named(&[(21_000, "/bin/bash")]));
}

#[test]
fn after_a_boot_nobody_is_known() {
    let mut all = Processes::default();
    start(&mut all, 100, 99, "/bin/bash");
    all.forget();
    assert_eq!(start(&mut all, 101, 100, "/bin/id"), []);
}

#[test]
fn a_long_command_line_is_cut_and_marked() {
    let mut all = Processes::default();
    start(&mut all, 100, 99, &format!("/bin/sh {}", "x".repeat(600)));
    let line = start(&mut all, 101, 100, "/bin/id");
    assert!(line[0].1.ends_with("xx…") && line[0].1.len() == MOST_COMMAND + CUT.len());
}

#[test]
fn the_bound_lets_parents_live() {
    let mut all = Processes::default();
    all.nodes.track();
    start(&mut all, 10, 9, "/bin/bash");
    for pid in 11..9_000 {
        let line = start(&mut all, pid, 10, "/bin/true");
        assert_eq!(line.len(), 1, "{pid}");
        assert!(all.len() <= MOST);
    }
    // Counted, and not saved: it is taken away.
    let gone = std::mem::take(&mut all.dropped) as usize;
    assert_eq!(gone + all.len(), 8_990);
    let mut again = Processes {
        cursor: all.cursor.clone(),
        lives: all.lives,
        ..Processes::default()
    };
    let mut pages = Vec::new();
    all.nodes.changes(|number, page| {
        let saved = postcard::to_allocvec(&page.unwrap()).unwrap();
        pages.push((number, postcard::from_bytes(&saved).unwrap()));
    });
    again.restored(Slots::of_pages(pages).unwrap());
    for pid in 9_000..11_000 {
        for all in [&mut all, &mut again] {
            start(all, pid, 10 + pid % 3, "/bin/true");
        }
        assert!(
            again
                .nodes
                .iter()
                .all(|(pid, node)| all.nodes.get(pid) == Some(node))
        );
        assert_eq!(again.len(), all.len(), "{pid}");
    }
}

/// A process of the simulated host; its parent by place.
struct Proc {
    pid: u32,
    parent: Option<usize>,
    image: String,
    /// Its parent died: init took it in.
    orphan: bool,
    /// Where numbers were when it died.
    died: Option<u64>,
}

/// A host whose numbers go round at 32,768, of which starts of programs are seen alone.
#[derive(Default)]
struct Host {
    next: u32,
    turn: u64,
    all: Vec<Proc>,
}

impl Host {
    fn here(&self, pid: u32) -> u64 {
        self.turn << 32 | u64::from(pid)
    }

    /// A number that is free; where it may be, one that a dead process had. Not of one that died just before.
    fn number(&mut self, step: u32, again: bool) -> u32 {
        let last = self.next;
        let near = |pid: u32| (1..=1_500).contains(&pid.wrapping_sub(last));
        let just_died = |one: &Proc| {
            let here = self.here(one.pid);
            one.died
                .is_some_and(|then| then < here && here - then <= 1_100)
        };
        let free = |one: &Proc| one.died.is_some() && !just_died(one);
        let used = self.all.iter().find(|one| near(one.pid) && free(one));
        let used = used.map(|one| one.pid).filter(|_| again);
        let mut pid = used.unwrap_or(last + step);
        if pid >= 32_768 {
            pid = 300 + step % 100;
            self.turn += 1;
        }
        let taken = |pid: u32| {
            let here = self.here(pid);
            let close = |then: u64| then < here && here - then <= 1_100;
            let mut owner = self.all.iter().filter(|one| one.pid == pid);
            owner.any(|one| one.died.is_none_or(close))
        };
        while taken(pid) {
            pid += 1;
        }
        self.next = pid;
        pid
    }

    /// Pids and programs of one and its ancestors, as they are now or were last.
    fn line(&self, of: usize) -> Vec<(u32, String)> {
        let mut at = Some(of);
        let next = || {
            let one = &self.all[at?];
            at = one.parent;
            Some((one.pid, one.image.clone()))
        };
        std::iter::from_fn(next).collect()
    }

    fn add(&mut self, pid: u32, parent: usize, image: String) {
        self.all.push(Proc {
            pid,
            parent: Some(parent),
            image,
            orphan: false,
            died: None,
        });
    }
}

proptest! {
    /// Forks that never start a program take the numbers of the dead, in the same session, over many turns.
    #[test]
    fn what_is_told_of_ancestors_is_never_wrong(
        farthest in prop::sample::select(vec![30u32, 150, 1_500]),
        steps in prop::collection::vec((0u8..8, any::<prop::sample::Index>(), 0u32..1_500, any::<bool>()), 100..900),
    ) {
        let (mut all, mut host) = (Processes::default(), Host { next: 300, ..Host::default() });
        host.all.push(Proc { pid: 300, parent: None, image: "/bin/bash".to_owned(), orphan: true, died: None });
        start(&mut all, 300, 1, "/bin/bash");
        for (n, (what, who, step, again)) in steps.into_iter().enumerate() {
            let alive: Vec<usize> = (0..host.all.len()).filter(|&at| host.all[at].died.is_none()).collect();
            let at = alive[who.index(alive.len())];
            let (pid, name) = (host.all[at].pid, format!("/bin/p{n}"));
            let step = 1 + step % farthest;
            match what {
                // A child starts a program.
                0..=2 => {
                    let child = host.number(step, again);
                    let (told, line) = (start(&mut all, child, pid, &name), host.line(at));
                    prop_assert!(line.starts_with(&told), "{told:?} of {line:?}");
                    host.add(child, at, name);
                }
                // A child goes on with the program of its parent, unseen.
                3 => {
                    let child = host.number(step, again);
                    let image = host.all[at].image.clone();
                    host.add(child, at, image);
                }
                // It replaces its program.
                4 => {
                    let parent = host.all[at].parent.filter(|_| !host.all[at].orphan);
                    let ppid = parent.map_or(1, |parent| host.all[parent].pid);
                    let told = start(&mut all, pid, ppid, &name);
                    let line = parent.map_or(Vec::new(), |parent| host.line(parent));
                    prop_assert!(line.starts_with(&told), "{told:?} of {line:?}");
                    host.all[at].image = name;
                }
                // It dies; its children are init's.
                _ if alive.len() > 3 => {
                    host.all[at].died = Some(host.here(host.next));
                    let children = host.all.iter_mut().filter(|one| one.parent == Some(at));
                    children.for_each(|child| child.orphan = true);
                }
                _ => {}
            }
        }
    }
}
