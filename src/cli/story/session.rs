//! One session as it is gathered: its logon, and its processes under those that started them.
//!
//! Place in the flow: [`super::book`] puts documents in, [`super::print`] takes it out. A process that did the like
//! of the one before it, under the same parent, is counted with it and not kept: a loop stays one line.

use std::collections::BTreeMap;

/// Programs that one process ran, one after the other (`exec`).
const MOST_PROGRAMS: usize = 8;

/// After so many starts of a host a number is another process: the kernel gives numbers out in turn.
const SAME_WITHIN: usize = 8_192;

/// Processes of one session that are kept.
const MOST_NODES: usize = 20_000;

#[derive(Debug, Default)]
pub(super) struct Program {
    pub(super) time: i64,
    pub(super) line: String,
    /// Who it runs as.
    pub(super) user: String,
}

/// A process, or several that did the like.
#[derive(Debug, Default)]
pub(super) struct Node {
    ppid: u64,
    /// The host's count of starts.
    nth: usize,
    pub(super) programs: Vec<Program>,
    pub(super) children: Vec<usize>,
    /// What is to be seen of it: hits, switches.
    pub(super) marks: Vec<String>,
    /// How it ended, where a record says.
    pub(super) end: Option<(i64, String)>,
    /// How many it stands for, and when the last of them began.
    pub(super) times: usize,
    pub(super) last: i64,
    shape: String,
}

#[derive(Debug, Default)]
pub(super) struct Session {
    pub(super) number: String,
    pub(super) user: String,
    pub(super) service: String,
    pub(super) method: String,
    pub(super) terminal: String,
    pub(super) from: String,
    pub(super) began: i64,
    pub(super) ended: Option<i64>,
    /// False: the daemon began later than it.
    pub(super) is_seen: bool,
    pub(super) alerts: Vec<(i64, String)>,
    /// What everything that was seen of it adds up to.
    pub(super) verdict: Option<String>,
    pub(super) nodes: Vec<Node>,
    /// Of parents outside of the session, and of parents that were not seen.
    pub(super) roots: Vec<usize>,
    pub(super) strays: Vec<usize>,
    /// Programs that were started, in all.
    pub(super) starts: usize,
    pub(super) untold: usize,
    by_pid: BTreeMap<u64, usize>,
}

/// A start as its document tells it.
pub(super) struct Start {
    pub(super) pid: u64,
    pub(super) ppid: u64,
    /// Its parent's parent, and so on: a fork that started no program has no line of its own.
    pub(super) ancestors: Vec<u64>,
    /// The parent is known, in the session or outside.
    pub(super) has_parent: bool,
    pub(super) nth: usize,
    pub(super) program: Program,
    pub(super) marks: Vec<String>,
}

impl Session {
    pub(super) fn new(number: &str, began: i64) -> Session {
        Session {
            number: number.to_owned(),
            began,
            ..Session::default()
        }
    }

    pub(super) fn start(&mut self, start: Start) {
        self.starts += 1;
        let known = self.by_pid.get(&start.pid).copied();
        if let Some(at) = known
            && self.nodes[at].ppid == start.ppid
            && self.nodes[at].times == 1
            && self.nodes[at].programs.len() < MOST_PROGRAMS
            && start.nth - self.nodes[at].nth < SAME_WITHIN
        {
            // It replaced itself.
            let node = &mut self.nodes[at];
            node.marks.extend(start.marks);
            node.shape.clear();
            node.programs.push(start.program);
            return;
        }
        let mut line = std::iter::once(&start.ppid).chain(&start.ancestors);
        let parent = line.find_map(|pid| self.by_pid.get(pid).copied());
        let parent = parent.filter(|_| start.has_parent);
        let siblings = match parent {
            Some(parent) => &self.nodes[parent].children,
            None if start.has_parent => &self.roots,
            None => &self.strays,
        };
        let shape = format!("{} {}", start.program.user, shape(&start.program.line));
        let before = siblings.last().copied().filter(|&at| {
            let node = &self.nodes[at];
            node.shape == shape && node.children.is_empty() && node.marks.is_empty()
        });
        if let Some(at) = before.filter(|_| start.marks.is_empty()) {
            self.nodes[at].times += 1;
            self.nodes[at].last = start.program.time;
            self.by_pid.insert(start.pid, at);
            return;
        }
        if self.nodes.len() >= MOST_NODES {
            self.untold += 1;
            return;
        }
        let at = self.nodes.len();
        self.nodes.push(Node {
            ppid: start.ppid,
            nth: start.nth,
            last: start.program.time,
            programs: vec![start.program],
            children: Vec::new(),
            marks: start.marks,
            end: None,
            times: 1,
            shape,
        });
        match parent {
            Some(parent) => self.nodes[parent].children.push(at),
            None if start.has_parent => self.roots.push(at),
            None => self.strays.push(at),
        }
        self.by_pid.insert(start.pid, at);
    }

    /// Marks a process, where it is known.
    pub(super) fn mark(&mut self, pid: u64, mark: String) {
        if let Some(&at) = self.by_pid.get(&pid)
            && !self.nodes[at].marks.contains(&mark)
        {
            self.nodes[at].marks.push(mark);
        }
    }

    pub(super) fn end(&mut self, pid: u64, time: i64, how: String) {
        if let Some(&at) = self.by_pid.get(&pid)
            && self.nodes[at].times == 1
        {
            self.nodes[at].end = Some((time, how));
        }
    }

    /// What it did, without times and numbers: sessions that did the like are printed once.
    pub(super) fn shape(&self) -> String {
        let mut text = format!(
            "{}\0{}\0{}\0{}",
            self.user, self.service, self.from, self.is_seen
        );
        for node in &self.nodes {
            let programs = node.programs.iter().map(|program| shape(&program.line));
            text.push('\n');
            text.extend(programs);
            text.extend(node.marks.iter().map(String::as_str));
        }
        text
    }
}

/// A command line in which every number is the same.
fn shape(line: &str) -> String {
    let mut shape = String::with_capacity(line.len());
    for c in line.chars() {
        match c {
            '0'..='9' if shape.ends_with('#') => {}
            '0'..='9' => shape.push('#'),
            c => shape.push(c),
        }
    }
    shape
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(pid: u64, ppid: u64, line: &str) -> Start {
        Start {
            pid,
            ppid,
            ancestors: Vec::new(),
            has_parent: ppid != 0,
            nth: 0,
            program: Program {
                time: 0,
                line: line.to_owned(),
                user: String::new(),
            },
            marks: Vec::new(),
        }
    }

    #[test]
    fn a_number_that_came_round_is_another_process() {
        let mut session = Session::default();
        session.start(start(1, 0, "bash"));
        session.start(start(2, 1, "true"));
        session.start(Start {
            nth: SAME_WITHIN,
            ..start(2, 1, "false")
        });
        assert_eq!((session.nodes.len(), session.strays.len()), (3, 1));
    }

    #[test]
    fn the_like_is_one_line_and_the_replaced_one_process() {
        let mut session = Session::default();
        session.start(start(1, 0, "bash"));
        for n in 0..50 {
            session.start(start(2 + n, 1, &format!("sleep {n}")));
        }
        session.start(start(90, 1, "env x"));
        session.start(start(90, 1, "x"));
        session.start(start(91, 90, "id"));
        assert_eq!((session.nodes.len(), session.starts), (4, 54));
        assert_eq!(session.nodes[1].times, 50);
        assert_eq!(session.nodes[2].programs.len(), 2);
        assert_eq!(session.nodes[2].children, [3]);
    }
}
