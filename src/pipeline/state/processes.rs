//! The processes of one host, by pid: which program runs in each, and who started it.
//!
//! Place in the flow: the lane asks it for the ancestors of each program start before it tells that, and gives
//! it every start and what other events say of living processes ([`Witness`]). The stream is all there is:
//! most rule sets tell program starts alone, so forks and exits mostly go unseen.
//!
//! It is sure or silent. A `ppid` is the process that is known by that number unless
//!
//! - it was told to be dead, or is of another session (`ses`) than its child. init, which takes in orphans of all
//!   sessions, is excepted;
//! - the kernel may have given the number out again since it was known to live. Numbers are given out in turn
//!   (kernel/pid.c, idr_alloc_cyclic), so that takes as long as the numbers go round ([`Cursor`]).
//!
//! An ancestor further up is the one that its child had when it started, whatever became of it since.
//!
//! Bounded by number: the dead go first, then what was silent long and never had a child, then what was silent
//! longest. The command line is kept to [`MOST_COMMAND`] bytes.

use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use crate::model::process::{Ancestor, Did, Witness};
use crate::model::{Process, Timestamp, Tracked};

use super::cursor::Cursor;

/// So many ancestors are told.
pub const MOST_ANCESTORS: usize = 4;

/// Bytes of a command line that are kept.
pub const MOST_COMMAND: usize = 512;

/// Stands behind what was cut.
const CUT: &[u8] = "…".as_bytes();

/// No system has longer paths (PATH_MAX).
const MOST_EXE: usize = 4096;

const INIT: u32 = 1;
/// `ses=4294967295`
const UNSET: u32 = u32::MAX;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// The program, and its command line behind it.
    text: Box<[u8]>,
    exe_len: u16,
    has_command: bool,
    has_children: bool,
    dead: bool,
    ppid: u32,
    session: u32,
    /// Of the process, over all programs that it runs; and of the one that started it, 0 where that is unknown.
    life: u32,
    parent: u32,
    /// When the program started, where that was seen.
    started: Option<Timestamp>,
    /// Where numbers were when it was last known to live.
    alive: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Processes {
    pub nodes: Tracked<u32, Node, HashMap<u32, Node, FixedState>>,
    pub cursor: Cursor,
    pub lives: u32,
    /// Processes that were let go because the bound was reached.
    pub dropped: u64,
}

/// What of the program is known.
struct Image<'a> {
    exe: &'a [u8],
    command: Option<&'a [u8]>,
    started: Option<Timestamp>,
}

impl Processes {
    /// A program starts in this process. False: it is another process than the one known by its number.
    pub fn comes(&mut self, process: &Process<'_>) -> bool {
        let Some(pid) = process.pid else {
            return false;
        };
        let session = process.session.unwrap_or(UNSET);
        let same = self.nodes.get(&pid).is_some_and(|node| {
            !node.dead
                && Some(node.ppid) == process.ppid
                && node.session == session
                && self.cursor.is_still(pid, node.alive)
        });
        if !same {
            self.see(pid);
        }
        same
    }

    /// The parent, its parent, and so on, as far as they are certain.
    pub fn ancestors<'b>(
        &'b self,
        ppid: Option<u32>,
        session: Option<u32>,
        bump: &'b Bump,
    ) -> &'b [Ancestor<'b>] {
        let Some(mut pid) = ppid else {
            return &[];
        };
        let Some(mut node) = self.living(pid, session.unwrap_or(UNSET)) else {
            return &[];
        };
        let mut all = BumpVec::with_capacity_in(MOST_ANCESTORS, bump);
        loop {
            all.push(node.ancestor(pid));
            match self.nodes.get(&node.ppid) {
                Some(up) if up.life == node.parent && all.len() < MOST_ANCESTORS => {
                    (pid, node) = (node.ppid, up);
                }
                _ => return all.into_bump_slice(),
            }
        }
    }

    /// A program has started. `same`: what [`Processes::comes`] said.
    pub fn start(&mut self, process: &Process<'_>, same: bool, most: usize) {
        let (Some(pid), Some(exe)) = (process.pid, process.exe) else {
            // A start that lost its record: what is known by the number may be gone.
            if let Some(pid) = process.pid {
                self.nodes.remove(&pid);
            }
            return;
        };
        let session = process.session.unwrap_or(UNSET);
        let parent = self.touch_parent(process.ppid, session);
        let mut line = [0; MOST_COMMAND + CUT.len()];
        let known = (!process.argv.is_empty()).then(|| {
            let length = write_command(process, &mut line);
            &line[..length]
        });
        let image = Image {
            exe,
            command: known,
            started: Some(process.stamp.time),
        };
        if same && let Some(node) = self.nodes.get_mut(&pid) {
            // It replaced itself.
            node.show(&image);
            node.alive = self.cursor.at_least();
            return;
        }
        self.insert(pid, process.ppid, parent, session, &image, most);
    }

    /// What another event says of a process that lives.
    pub fn witness(&mut self, witness: &Witness<'_>, most: usize) {
        let (pid, session) = (witness.pid, witness.session.unwrap_or(UNSET));
        if witness.did == Did::Assigned {
            if let Some(node) = self.nodes.get_mut(&pid) {
                node.session = session;
            }
            return;
        }
        if let Some(exe) = witness.exe {
            self.lives(witness, exe, session, most);
        }
        match witness.did {
            Did::Forked(child) => self.fork(pid, child, witness.time, most),
            Did::Exited => {
                if let Some(node) = self.nodes.get_mut(&pid) {
                    node.dead = true;
                }
            }
            Did::Nothing | Did::Assigned => {}
        }
    }

    /// The host started anew, or nobody looked for a while.
    pub fn forget(&mut self) {
        self.nodes.take();
        self.cursor = Cursor::default();
    }

    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// A number is new: where numbers are is known the better, and that of the process that said so first.
    fn see(&mut self, pid: u32) {
        if let Some(believed) = self.cursor.see(pid)
            && let Some(node) = self.nodes.get_mut(&believed)
        {
            node.alive = self.cursor.at_least();
        }
    }

    fn living(&self, pid: u32, session: u32) -> Option<&Node> {
        let node = self.nodes.get(&pid)?;
        let is_it = pid == INIT
            || (!node.dead && node.session == session && !self.cursor.came_round(pid, node.alive));
        is_it.then_some(node)
    }

    /// The life of a parent, which has shown to be alive.
    fn touch_parent(&mut self, ppid: Option<u32>, session: u32) -> u32 {
        let Some(ppid) = ppid else {
            return 0;
        };
        if self.living(ppid, session).is_none() {
            return 0;
        }
        let now = self.cursor.at_least();
        match self.nodes.get_mut(&ppid) {
            Some(node) => {
                node.alive = now;
                node.has_children = true;
                node.life
            }
            None => 0,
        }
    }

    /// A process did something while it ran this program.
    fn lives(&mut self, witness: &Witness<'_>, exe: &[u8], session: u32, most: usize) {
        let cursor = &self.cursor;
        if let Some(node) = self.nodes.get_mut(&witness.pid)
            && !node.dead
            && node.session == session
            && node.exe() == exe
            // An orphan is init's.
            && (node.parent == 0
                || witness.ppid.is_none_or(|ppid| ppid == node.ppid || ppid == INIT))
            && !cursor.came_round(witness.pid, node.alive)
        {
            node.alive = cursor.at_least();
            if node.parent != 0 || witness.ppid.is_none_or(|ppid| ppid == INIT) {
                return;
            }
        } else {
            // Its start was not seen, or it is another process by now.
            let image = Image {
                exe,
                command: None,
                started: None,
            };
            self.insert(witness.pid, None, 0, session, &image, most);
        }
        let parent = self.touch_parent(witness.ppid, session);
        if let Some(node) = self.nodes.get_mut(&witness.pid) {
            node.ppid = witness.ppid.unwrap_or(node.ppid);
            node.parent = parent;
        }
    }

    /// A copy of the process that forked. What vfork started has its program before the record of the fork is
    /// written: that one stays.
    fn fork(&mut self, pid: u32, child: u32, time: Timestamp, most: usize) {
        let Some(node) = self.nodes.get(&pid) else {
            return;
        };
        let (session, life) = (node.session, node.life);
        let began = self.nodes.get(&child).is_some_and(|known| {
            known.ppid == pid
                && known.session == session
                && !known.dead
                && !self.cursor.came_round(child, known.alive)
        });
        self.see(child);
        if began {
            return;
        }
        let Some(node) = self.nodes.get_mut(&pid) else {
            return;
        };
        node.has_children = true;
        node.alive = self.cursor.at_least();
        let (text, exe_len) = (node.text.clone(), usize::from(node.exe_len));
        let image = Image {
            exe: &text[..exe_len],
            command: node.has_command.then_some(&text[exe_len..]),
            started: Some(time),
        };
        self.insert(child, Some(pid), life, session, &image, most);
    }

    fn insert(
        &mut self,
        pid: u32,
        ppid: Option<u32>,
        parent: u32,
        session: u32,
        image: &Image<'_>,
        most: usize,
    ) {
        if self.nodes.len() >= most && !self.nodes.contains_key(&pid) {
            self.make_room(most);
        }
        // 0 is no life.
        self.lives = self.lives.wrapping_add(1).max(1);
        let mut node = Node {
            text: Box::default(),
            exe_len: 0,
            has_command: false,
            has_children: false,
            dead: false,
            ppid: ppid.unwrap_or(0),
            session,
            life: self.lives,
            parent,
            started: None,
            alive: self.cursor.at_least(),
        };
        node.show(image);
        self.nodes.insert(pid, node);
    }

    /// A quarter at once, and nothing is sorted: so each costs little.
    fn make_room(&mut self, most: usize) {
        let mut ages: Vec<u64> = self.nodes.values().map(|node| node.alive).collect();
        let (many, old) = ((most / 4).max(1), ages.len() - ages.len() / 4);
        let Some(at) = old.min(ages.len()).checked_sub(1) else {
            return;
        };
        // Any shell was without a child once.
        let old = *ages.select_nth_unstable(at).1;
        let rank = |node: &Node| match node {
            node if node.dead => 0,
            node if !node.has_children && node.alive <= old => 1,
            _ => 2u8,
        };
        let ranked = self
            .nodes
            .iter()
            .map(|(pid, node)| (rank(node), node.alive, *pid));
        let mut ranked: Vec<(u8, u64, u32)> = ranked.collect();
        let many = many.min(ranked.len());
        ranked.select_nth_unstable(many - 1);
        self.dropped += many as u64;
        for (.., pid) in &ranked[..many] {
            self.nodes.remove(pid);
        }
    }
}

impl Node {
    fn exe(&self) -> &[u8] {
        &self.text[..usize::from(self.exe_len)]
    }

    fn show(&mut self, image: &Image<'_>) {
        let exe = &image.exe[..image.exe.len().min(MOST_EXE)];
        self.exe_len = exe.len() as u16;
        self.text = match image.command {
            Some(command) => [exe, command].concat().into(),
            None => exe.into(),
        };
        self.has_command = image.command.is_some();
        self.started = image.started;
    }

    fn ancestor(&self, pid: u32) -> Ancestor<'_> {
        let command = &self.text[usize::from(self.exe_len)..];
        Ancestor {
            pid,
            exe: Some(self.exe()),
            command: self.has_command.then_some(command),
            started: self.started,
        }
    }
}

/// Gives how many bytes it has.
fn write_command(process: &Process<'_>, line: &mut [u8; MOST_COMMAND + CUT.len()]) -> usize {
    let mut length = 0;
    let mut put = |text: &[u8]| {
        let room = MOST_COMMAND - length;
        let fits = text.len().min(room);
        line[length..length + fits].copy_from_slice(&text[..fits]);
        length += fits;
        fits == text.len()
    };
    let whole = match process.joined {
        Some(joined) => put(joined.text()),
        None => {
            let mut arguments = process.argv.iter().enumerate();
            arguments.all(|(i, argument)| (i == 0 || put(b" ")) && put(argument))
        }
    };
    if !whole {
        line[length..length + CUT.len()].copy_from_slice(CUT);
        length += CUT.len();
    }
    length
}

#[cfg(test)]
#[path = "processes_tests.rs"]
mod tests;
