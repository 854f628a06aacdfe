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
//! A process is younger than the one whose child it is, and than the LOGIN of its session: so it is known from which
//! place on it can have got its number, and that the host has come there.
//!
//! An ancestor further up is the one that its child had when it started, whatever became of it since.
//!
//! Bounded by number; [`super::room`] says who goes.

use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;
use serde::{Deserialize, Serialize};

use crate::model::process::{Ancestor, Did, Witness};
use crate::model::{Process, Slots, Timestamp, Tracked, Weigh};

use super::cursor::{Cursor, next_of, position, turn_of};
use super::image::Image;
use super::room::{Line, Room, Ticket};
use super::texts::Texts;

/// So many ancestors are told.
pub const MOST_ANCESTORS: usize = 4;

const INIT: u32 = 1;
/// `ses=4294967295`
const UNSET: u32 = u32::MAX;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    image: Image,
    /// Where numbers were when it was last known to live, or farther.
    alive: u64,
    /// The line it stands in, and the number of its ticket.
    line: Line,
    number: u32,
    /// It does not go when it is its turn: it has children, or where it stands for such, did something since.
    stays: bool,
    /// The turn in which it got its number, or an earlier one, from 1 on; 0: not known.
    born: u16,
    ppid: u32,
    session: u32,
    /// Of the process, over all programs that it runs; and of the one that started it, 0 where that is unknown.
    life: u32,
    parent: u32,
}

// A host has hundreds: with its number each is one line of the cache.
const _: () = assert!(size_of::<(u32, Node)>() == 64);

impl Node {
    /// It got its number here or later; 0: not known.
    fn born(&self, pid: u32) -> u64 {
        match self.born {
            0 => 0,
            turn => position(u32::from(turn) - 1, pid),
        }
    }

    /// Shares its text with others.
    pub fn share(&mut self, texts: &mut Texts) {
        self.image.share(texts);
    }

    fn is_dead(&self) -> bool {
        self.line == Line::Dead
    }

    fn ticket(&self) -> Ticket {
        Ticket {
            line: self.line,
            number: self.number,
        }
    }
}

impl Weigh for Node {
    #[inline]
    fn heap(&self) -> usize {
        self.image.heap() + TICKETS
    }
}

/// Bytes of its tickets, void ones too.
const TICKETS: usize = 24;

/// How a process began, as far as that is known: whose child, of which life, and from which place on.
struct Began {
    ppid: Option<u32>,
    parent: u32,
    born: u64,
}

/// What a program start says of its process before it is told.
#[derive(Clone, Copy, Debug, Default)]
pub struct Coming {
    /// It is the process known by its number. False: it is another, or that is not certain.
    same: bool,
    /// From where on it can have got its number; 0: not known.
    born: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Processes {
    pub nodes: Tracked<u32, Node, Slots<u32, Node>>,
    pub cursor: Cursor,
    /// Lives and tickets given out.
    pub lives: u32,
    /// Processes that were let go because the bound was reached.
    pub dropped: u64,
    /// Made from the nodes.
    room: Room,
}

impl Processes {
    /// A program starts in this process. `since`: where numbers were when its session began, 0 where that is not
    /// known.
    pub fn comes(&mut self, process: &Process<'_>, since: u64) -> Coming {
        let Some(pid) = process.pid else {
            return Coming::default();
        };
        let session = process.session.unwrap_or(UNSET);
        let known = self.nodes.get(&pid);
        let known = known.filter(|node| !node.is_dead() && node.session == session);
        let born = self.born(pid, process.ppid, since);
        match known {
            Some(node) if Some(node.ppid) == process.ppid => {
                if self.cursor.is_still(pid, node.alive) {
                    return Coming { same: true, born };
                }
                self.cursor.may_see(pid);
            }
            // An orphan is init's.
            Some(_) if process.ppid == Some(INIT) => self.cursor.may_see(pid),
            _ => self.cursor.see(pid),
        }
        self.cursor.has_come_to(born);
        Coming { same: false, born }
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
            all.push(node.image.ancestor(pid));
            match self.nodes.get(&node.ppid) {
                Some(up) if up.life == node.parent && all.len() < MOST_ANCESTORS => {
                    (pid, node) = (node.ppid, up);
                }
                _ => return all.into_bump_slice(),
            }
        }
    }

    /// A program has started, with this command line. `coming`: what [`Processes::comes`] said.
    pub fn start(
        &mut self,
        process: &Process<'_>,
        line: &[u8],
        coming: Coming,
        most: usize,
        texts: &mut Texts,
    ) {
        let (Some(pid), Some(exe)) = (process.pid, process.exe) else {
            // A start that lost its record: what is known by the number may be gone.
            if let Some(pid) = process.pid {
                self.remove(pid);
            }
            return;
        };
        let session = process.session.unwrap_or(UNSET);
        let parent = self.touch_parent(process.ppid, session);
        let line = Some(line).filter(|_| !process.argv.is_empty());
        let image = Image::of_start(exe, line, process.stamp.time, texts);
        if coming.same
            && let Some(mut node) = self.nodes.get_mut(&pid)
        {
            // It replaced itself.
            node.image = image;
            node.alive = node.alive.max(self.cursor.at_least());
            return;
        }
        let began = Began {
            ppid: process.ppid,
            parent,
            born: coming.born,
        };
        self.insert(pid, began, session, image, most);
    }

    /// What another event says of a process that lives.
    pub fn witness(&mut self, witness: &Witness<'_>, most: usize, texts: &mut Texts) {
        let (pid, session) = (witness.pid, witness.session.unwrap_or(UNSET));
        if witness.did == Did::Assigned {
            if let Some(mut node) = self.nodes.get_mut(&pid) {
                node.session = session;
            }
            return;
        }
        if let Some(exe) = witness.exe {
            self.lives(witness, exe, session, most, texts);
        }
        match witness.did {
            Did::Forked(child) => self.fork(pid, child, witness.time, most),
            Did::Exited => self.die(pid),
            Did::Nothing | Did::Assigned => {}
        }
    }

    /// The host started anew, or nobody looked for a while.
    pub fn forget(&mut self) {
        self.nodes.take();
        self.room = Room::default();
        self.cursor.forget();
    }

    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Puts the nodes back from their saved form: who goes next is made anew.
    pub fn restored(&mut self, nodes: Slots<u32, Node>) {
        self.nodes.put_back(nodes);
        let tickets = self.nodes.iter().map(|(pid, node)| (node.ticket(), *pid));
        let mut tickets: Vec<(Ticket, u32)> = tickets.collect();
        tickets.sort_unstable();
        for (ticket, pid) in tickets {
            self.room.enter(pid, ticket);
        }
    }

    /// From where on a process can have got its number: it is younger than its parent, whoever that is by now, and
    /// than its session.
    fn born(&self, pid: u32, ppid: Option<u32>, since: u64) -> u64 {
        let parent = ppid.and_then(|ppid| Some((ppid, self.nodes.get(&ppid)?)));
        let after = parent
            .map_or(0, |(ppid, parent)| parent.born(ppid))
            .max(since);
        match after {
            0 => 0,
            after => next_of(pid, after),
        }
    }

    fn living(&self, pid: u32, session: u32) -> Option<&Node> {
        let node = self.nodes.get(&pid)?;
        let is_it = pid == INIT
            || (!node.is_dead()
                && node.session == session
                && !self.cursor.came_round(pid, node.alive));
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
            Some(mut node) => {
                node.alive = node.alive.max(now);
                node.stays = true;
                node.life
            }
            None => 0,
        }
    }

    /// A process did something while it ran this program.
    fn lives(
        &mut self,
        witness: &Witness<'_>,
        exe: &[u8],
        session: u32,
        most: usize,
        texts: &mut Texts,
    ) {
        let cursor = &self.cursor;
        if let Some(mut node) = self.nodes.get_mut(&witness.pid)
            && !node.is_dead()
            && node.session == session
            && node.image.exe() == exe
            // An orphan is init's.
            && (node.parent == 0
                || witness.ppid.is_none_or(|ppid| ppid == node.ppid || ppid == INIT))
            && !cursor.came_round(witness.pid, node.alive)
        {
            node.alive = node.alive.max(cursor.at_least());
            node.stays |= node.line == Line::Parents;
            if node.parent != 0 || witness.ppid.is_none_or(|ppid| ppid == INIT) {
                return;
            }
        } else {
            // Its start was not seen, or it is another process by now.
            let began = Began {
                ppid: None,
                parent: 0,
                born: self.born(witness.pid, witness.ppid, 0),
            };
            let image = Image::of_path(exe, texts);
            self.insert(witness.pid, began, session, image, most);
        }
        let parent = self.touch_parent(witness.ppid, session);
        if let Some(mut node) = self.nodes.get_mut(&witness.pid) {
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
                && !known.is_dead()
                && !self.cursor.came_round(child, known.alive)
        });
        self.cursor.gave_out(child);
        if began {
            return;
        }
        let Some(mut node) = self.nodes.get_mut(&pid) else {
            return;
        };
        node.stays = true;
        node.alive = node.alive.max(self.cursor.at_least());
        let image = node.image.forked(time);
        drop(node);
        let began = Began {
            ppid: Some(pid),
            parent: life,
            born: self.cursor.latest(child),
        };
        self.insert(child, began, session, image, most);
    }

    fn die(&mut self, pid: u32) {
        if self.nodes.contains_key(&pid) {
            self.stand(pid, Line::Dead);
        }
    }

    fn remove(&mut self, pid: u32) {
        if let Some(node) = self.nodes.remove(&pid) {
            self.room.leave(node.line);
        }
    }

    /// It goes over to the end of a line.
    fn stand(&mut self, pid: u32, line: Line) {
        let Ticket { line, number } = self.ticket(pid, line);
        if let Some(mut node) = self.nodes.get_mut(&pid) {
            self.room.leave(node.line);
            (node.line, node.number) = (line, number);
        }
    }

    fn insert(&mut self, pid: u32, began: Began, session: u32, image: Image, most: usize) {
        if self.nodes.len() >= most && !self.nodes.contains_key(&pid) {
            self.make_room(most);
        }
        let Ticket { line, number } = self.ticket(pid, Line::Childless);
        let born = match began.born {
            0 => 0,
            born => u16::try_from(turn_of(born).saturating_add(1)).unwrap_or(u16::MAX),
        };
        let node = Node {
            image,
            alive: self.cursor.at_least().max(began.born),
            line,
            number,
            stays: false,
            born,
            ppid: began.ppid.unwrap_or(0),
            session,
            life: number,
            parent: began.parent,
        };
        if let Some(old) = self.nodes.insert(pid, node) {
            self.room.leave(old.line);
        }
        let (nodes, tickets) = (&self.nodes, self.room.tickets());
        if tickets > nodes.len() + nodes.len().max(64) {
            let is_of = |node: &Node, ticket| node.ticket() == ticket;
            let is_valid = |pid, ticket| nodes.get(&pid).is_some_and(|node| is_of(node, ticket));
            self.room.retain(is_valid);
        }
    }

    /// The number of its ticket is that of its life too. 0 is no life.
    fn ticket(&mut self, pid: u32, line: Line) -> Ticket {
        self.lives = self.lives.wrapping_add(1).max(1);
        let number = self.lives;
        let ticket = Ticket { line, number };
        self.room.enter(pid, ticket);
        ticket
    }

    /// One goes.
    fn make_room(&mut self, most: usize) {
        while let Some((pid, ticket)) = self.room.next(most / 4) {
            let mut is_valid = false;
            let gone = self.nodes.remove_if(&pid, |node| {
                is_valid = node.ticket() == ticket;
                // Any shell was without a child once.
                is_valid && (node.is_dead() || !node.stays)
            });
            if gone.is_some() {
                self.room.leave(ticket.line);
                self.dropped += 1;
                return;
            }
            if is_valid {
                self.stand(pid, Line::Parents);
                if let Some(mut node) = self.nodes.get_mut(&pid) {
                    node.stays = false;
                }
            }
        }
    }

    /// Lets go who goes next until so many are left.
    pub fn trim(&mut self, most: usize) {
        let mut before = usize::MAX;
        while self.nodes.len() > most && self.nodes.len() < before {
            before = self.nodes.len();
            self.make_room(most);
        }
    }
}

#[cfg(test)]
#[path = "processes_tests.rs"]
mod tests;
