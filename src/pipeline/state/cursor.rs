//! Where the numbers of processes are: how far a host has gone round with its pids.
//!
//! Place in the flow: [`super::processes`] shows it each number that is new. The kernel gives pids out in turn
//! and starts again at `pid_max` (kernel/pid.c, alloc_pid), 32,768 or more; how many nobody tells. Starts are
//! seen a little out of order, some late, and some by processes that are old: a step that is far needs a second
//! number that is far too before it is believed. Until then both are taken for possible.
//!
//! It refuses to be sure where it cannot be: a turn in which no start is seen at all goes unnoticed.

use serde::{Deserialize, Serialize};

/// Numbers so far apart may be seen in any order.
const NEAR: u32 = 4096;

/// A process that was alive so few numbers before its own came round kept it: to have died in between, and been
/// followed by one that never starts a program, in the same session, is no chance to reckon with.
const JUST_BEFORE: u64 = 1024;

/// Where numbers go round: by default, and at most (include/linux/threads.h, PID_MAX_DEFAULT, PID_MAX_LIMIT).
const ENDS: [u32; 2] = [1 << 15, 1 << 22];

/// Turn and number, as one that rises.
fn position(turn: u32, pid: u32) -> u64 {
    u64::from(turn) << 32 | u64::from(pid)
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    turn: u32,
    newest: u32,
    /// A number far from the newest, that may be where the host is.
    far: Option<u32>,
}

impl Cursor {
    /// A process of this number began. Gives the number that is believed by it: that of the process which was
    /// the first to be far.
    pub fn see(&mut self, pid: u32) -> Option<u32> {
        if self.newest == 0 || pid.abs_diff(self.newest) <= NEAR {
            self.newest = self.newest.max(pid);
            self.far = None;
            return None;
        }
        // Two that are far, one after the other: the host is there, wherever it was between.
        let Some(far) = self.far.take() else {
            self.far = Some(pid);
            return None;
        };
        let again = pid < far && far - pid > NEAR;
        self.turn += u32::from(far < self.newest) + u32::from(again);
        self.newest = if again { pid } else { far.max(pid) };
        (!again).then_some(far)
    }

    /// The farthest that it may have come.
    #[inline]
    pub fn now(&self) -> u64 {
        match self.far {
            Some(far) if far < self.newest => position(self.turn + 1, far),
            Some(far) => position(self.turn, far),
            None => position(self.turn, self.newest),
        }
    }

    /// So far it has come for certain.
    #[inline]
    pub fn at_least(&self) -> u64 {
        position(self.turn, self.newest)
    }

    /// Whether who acts under a number now is the process that was known to live then, and not one that was
    /// given it a moment ago, unseen.
    pub fn is_still(&self, pid: u32, alive: u64) -> bool {
        let turn = (self.now() >> 32) as u32;
        let turns_soon = ENDS
            .iter()
            .any(|end| (end - NEAR..=*end).contains(&self.newest));
        position(turn, pid) <= alive && !(turns_soon && pid <= NEAR)
    }

    /// Whether a number may have been given out again, to another than the process that was known to live then.
    #[inline]
    pub fn came_round(&self, pid: u32, alive: u64) -> bool {
        let in_turn = position((alive >> 32) as u32, pid);
        let next = match in_turn > alive + JUST_BEFORE {
            true => in_turn,
            false => in_turn + (1 << 32),
        };
        next <= self.now()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_given_out_again_only_when_they_have_gone_round() {
        let mut cursor = Cursor::default();
        cursor.see(30_000);
        let alive = cursor.at_least();
        for pid in [30_002, 30_001, 32_000, 32_760] {
            cursor.see(pid);
            assert!(!cursor.came_round(30_000, alive), "{pid}");
        }
        for pid in [
            310, 312, 4_000, 8_000, 12_000, 16_000, 20_000, 24_000, 28_000,
        ] {
            cursor.see(pid);
            assert!(!cursor.came_round(30_000, alive), "{pid}");
        }
        cursor.see(30_005);
        assert!(cursor.came_round(30_000, alive));
        assert!(!cursor.came_round(31_000, alive), "later in this turn");
    }

    #[test]
    fn an_old_process_that_starts_a_program_turns_nothing() {
        let mut cursor = Cursor::default();
        cursor.see(20_000);
        let alive = cursor.at_least();
        cursor.see(500);
        assert!(cursor.came_round(400, alive), "it may have");
        cursor.see(20_001);
        assert!(!cursor.came_round(400, alive), "it has not");
    }

    #[test]
    fn who_was_alive_just_before_kept_its_number() {
        let mut cursor = Cursor::default();
        cursor.see(9_500);
        let alive = cursor.at_least();
        cursor.see(10_010);
        assert!(!cursor.came_round(10_000, alive));
        let mut later = cursor.clone();
        for pid in [32_000, 32_010, 310, 5_000, 10_005] {
            later.see(pid);
        }
        assert!(later.came_round(10_000, alive), "once");
        let mut late = Cursor::default();
        late.see(7_000);
        let alive = late.at_least();
        late.see(10_010);
        assert!(late.came_round(10_000, alive));
    }
}
