//! Whose place goes next, where the processes of a host are too many.
//!
//! Place in the flow: [`super::processes`] puts each process in a line as it begins, and takes from the lines who
//! goes. The dead go first; then who never had a child, but for the newest; then parents, of whom who did
//! something since it came in line stands in it once more.
//!
//! It refuses to look at all processes to find one: with many hosts none of theirs is in a cache.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Line {
    #[default]
    Dead,
    Childless,
    Parents,
}

/// Where a process stands in line. A newer ticket of it makes an older one void.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ticket {
    pub line: Line,
    /// Grows with each ticket of the host.
    pub number: u32,
}

/// Process ids with their tickets, the oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Room {
    lines: [VecDeque<(u32, u32)>; 3],
    /// How many processes stand in each: void tickets are none.
    standing: [usize; 3],
}

impl Room {
    pub fn enter(&mut self, pid: u32, ticket: Ticket) {
        self.lines[ticket.line as usize].push_back((pid, ticket.number));
        self.standing[ticket.line as usize] += 1;
    }

    /// A process that stood in this line is gone, or stands elsewhere: its ticket is void.
    pub fn leave(&mut self, line: Line) {
        self.standing[line as usize] -= 1;
    }

    /// Who goes next, if the ticket is not void. So many without a child stay while there are parents.
    pub fn next(&mut self, childless: usize) -> Option<(u32, Ticket)> {
        let many = |line: Line| self.standing[line as usize];
        let line = match () {
            () if many(Line::Dead) > 0 => Line::Dead,
            () if many(Line::Childless) > childless || many(Line::Parents) == 0 => Line::Childless,
            () => Line::Parents,
        };
        let (pid, number) = self.lines[line as usize].pop_front()?;
        Some((pid, Ticket { line, number }))
    }

    /// How many tickets there are, void ones too.
    pub fn tickets(&self) -> usize {
        self.lines.iter().map(VecDeque::len).sum()
    }

    /// Throws void tickets away.
    pub fn retain(&mut self, mut stays: impl FnMut(u32, Ticket) -> bool) {
        for line in [Line::Dead, Line::Childless, Line::Parents] {
            let all = &mut self.lines[line as usize];
            all.retain(|&(pid, number)| stays(pid, Ticket { line, number }));
            all.shrink_to(2 * all.len());
        }
    }
}
