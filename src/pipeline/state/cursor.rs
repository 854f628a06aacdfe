//! Where the numbers of processes are: how far a host has gone round with its pids.
//!
//! Place in the flow: [`super::processes`] shows it each number that is new. The kernel gives pids out in turn
//! and starts again at `pid_max` (kernel/pid.c, alloc_pid), 32,768 or more; how many nobody tells. A number that
//! starts a program was given out just now, or long ago to a process that does so only now: an old one. Which of
//! these, no record says. So all places are kept where the host may be, each with how many starts since must be of
//! old processes if it is there; what is known for certain is what all of them have in common.
//!
//! What is relied on:
//!
//! 1. Of [`ALL_OLD`] processes that start their first program one after the other, one is new.
//! 2. Between two new ones the host does not go on by [`FAR`] numbers or more. A turn in which no start is seen at all
//!    goes unnoticed.
//!
//! Where no place is left one of these was not so, and whatever was known before may have come round.

use serde::{Deserialize, Serialize};

/// So many starts one after the other are not all of old processes.
const ALL_OLD: u8 = 12;

/// New ones are no farther apart: half of the shortest turn.
const FAR: u32 = LEAST_END / 2;

/// Numbers so far apart may be seen in any order.
const NEAR: u32 = 4096;

/// The same, of the first ones that are seen, of which nothing is known.
const SWAPPED: u64 = 64;

/// A process that was alive so few numbers before its own came round kept it: to have died in between, and been
/// followed by one that never starts a program, in the same session, is no chance to reckon with.
const JUST_BEFORE: u64 = 1024;

/// Where numbers go round at the earliest (include/linux/threads.h, PID_MAX_DEFAULT).
const LEAST_END: u32 = 1 << 15;

/// More than [`ALL_OLD`] starts can give, as long as they are of one mind about the turn or two.
const MOST_PLACES: usize = 40;

/// No host comes so far.
const MOST: u64 = 1 << 62;

/// Turn and number, as one that rises.
pub fn position(turn: u32, pid: u32) -> u64 {
    u64::from(turn) << 32 | u64::from(pid)
}

pub fn turn_of(at: u64) -> u32 {
    (at >> 32) as u32
}

/// Where a number is given out next, there or later.
pub fn next_of(pid: u32, from: u64) -> u64 {
    let in_turn = position(turn_of(from), pid);
    match in_turn >= from {
        true => in_turn,
        false => in_turn + (1 << 32),
    }
}

/// Where a process got its number, if the host was `at` that place when the new one before it did, and it is new.
fn given_out(pid: u32, at: u64) -> Option<u64> {
    let newest = at as u32;
    if pid.saturating_add(NEAR) >= newest {
        return (pid.saturating_sub(newest) < FAR).then(|| position(turn_of(at), pid));
    }
    // Over the end of the numbers, which is not below the newest.
    let over = pid.saturating_add(LEAST_END.saturating_sub(newest));
    (over < FAR).then(|| position(turn_of(at).wrapping_add(1), pid))
}

/// Where the host may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    at: u64,
    /// So many starts since are of old processes then.
    old: u8,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Saved", try_from = "Saved")]
pub struct Cursor {
    places: Vec<Place>,
    /// It has come so far whichever is right.
    least: u64,
    /// Starts since nothing was known; from [`ALL_OLD`] on one of the places is right.
    starts: u8,
    /// Of the places. Made from them, and asked for with each event.
    nearest: u64,
    farthest: u64,
}

/// Written with each commit: places are close together, so each is its distance from the one before.
#[derive(Serialize, Deserialize)]
struct Saved {
    least: u64,
    starts: u8,
    steps: Vec<(i64, u8)>,
}

impl From<Cursor> for Saved {
    fn from(cursor: Cursor) -> Saved {
        let mut before = cursor.least;
        let step = |place: &Place| {
            let before = std::mem::replace(&mut before, place.at);
            (place.at.wrapping_sub(before) as i64, place.old)
        };
        Saved {
            least: cursor.least,
            starts: cursor.starts,
            steps: cursor.places.iter().map(step).collect(),
        }
    }
}

impl TryFrom<Saved> for Cursor {
    type Error = &'static str;

    fn try_from(saved: Saved) -> Result<Cursor, &'static str> {
        let mut at = saved.least;
        let place = |&(step, old): &(i64, u8)| {
            at = at.wrapping_add_signed(step);
            Place { at, old }
        };
        let mut cursor = Cursor {
            places: saved.steps.iter().map(place).collect(),
            least: saved.least,
            starts: saved.starts,
            ..Cursor::default()
        };
        let is_sound = |place: &Place| place.old < ALL_OLD && place.at < MOST;
        if cursor.least >= MOST || !cursor.places.iter().all(is_sound) {
            return Err("places where no process id can be");
        }
        cursor.look();
        Ok(cursor)
    }
}

impl Cursor {
    /// A process of this number starts its first program.
    pub fn see(&mut self, pid: u32) {
        self.take(pid, true);
    }

    /// The same, or it is the one that was known by this number and has started another: no word on who is new.
    pub fn may_see(&mut self, pid: u32) {
        self.take(pid, false);
    }

    fn take(&mut self, pid: u32, is_first: bool) {
        if !self.goes_on(pid, is_first) {
            self.weigh(pid, is_first);
        }
    }

    /// The usual, made short: a number ahead of all places, and not far from any. False: it is not so.
    fn goes_on(&mut self, pid: u32, is_first: bool) -> bool {
        let turn = turn_of(self.farthest);
        let is_ahead = turn == turn_of(self.nearest)
            && pid > self.farthest as u32
            && pid - (self.nearest as u32) < FAR;
        if !is_ahead || self.starts < ALL_OLD || self.places.len() >= MOST_PLACES {
            return false;
        }
        let at = position(turn, pid);
        let mut old = 0;
        if is_first {
            self.places.iter_mut().for_each(|place| place.old += 1);
            self.places.retain(|place| place.old < ALL_OLD);
        } else {
            old = self.places.iter().map(|place| place.old).min().unwrap_or(0);
        }
        self.places.push(Place { at, old });
        self.farthest = at;
        let nearest = self.places.iter().map(|place| place.at).min();
        self.nearest = nearest.unwrap_or(at);
        true
    }

    fn weigh(&mut self, pid: u32, is_first: bool) {
        let mut new: Option<Place> = None;
        let older = u8::from(is_first);
        for place in &mut self.places {
            let old = if is_first { 0 } else { place.old };
            match given_out(pid, place.at) {
                // Seen a little late.
                Some(at) if at <= place.at => place.old = old,
                Some(at) => {
                    let known = new.get_or_insert(Place { at, old });
                    known.at = known.at.max(at);
                    known.old = known.old.min(old);
                    place.old += older;
                }
                None => place.old += older,
            }
        }
        self.places.retain(|place| place.old < ALL_OLD);
        if let Some(new) = new {
            add(&mut self.places, new);
        }
        if self.starts < ALL_OLD {
            let at = self.at_first(pid);
            if self.places.is_empty() {
                self.least = at;
            }
            add(&mut self.places, Place { at, old: 0 });
            self.starts += older;
        }
        self.check(pid);
    }

    /// A number was given out just now: a fork that was told.
    pub fn gave_out(&mut self, pid: u32) {
        let mut places = Vec::with_capacity(1);
        for place in &self.places {
            if let Some(at) = given_out(pid, place.at) {
                let at = at.max(place.at);
                add(&mut places, Place { at, old: 0 });
            }
        }
        if self.starts < ALL_OLD {
            let at = self.at_first(pid);
            add(&mut places, Place { at, old: 0 });
            self.starts = ALL_OLD;
        }
        self.places = places;
        self.check(pid);
    }

    /// Where a new process got its number if nothing is known: behind the first one that was seen, or just before it.
    fn at_first(&self, pid: u32) -> u64 {
        next_of(pid, self.least.saturating_sub(SWAPPED)).max(self.least)
    }

    /// It is known to have come so far.
    pub fn has_come_to(&mut self, at: u64) {
        if at > self.least {
            self.least = at;
            let mut places = Vec::with_capacity(self.places.len());
            for place in &self.places {
                let at = place.at.max(at);
                add(&mut places, Place { at, ..*place });
            }
            self.places = places;
            self.look();
        }
    }

    /// What was relied on was not so: begin anew, behind all that was.
    fn check(&mut self, pid: u32) {
        if self.places.is_empty() || self.places.len() > MOST_PLACES {
            self.forget();
            self.weigh(pid, true);
        }
        self.look();
    }

    fn look(&mut self) {
        let all = || self.places.iter().map(|place| place.at);
        let nearest = all().min().filter(|_| self.starts >= ALL_OLD);
        self.nearest = nearest.unwrap_or(0).max(self.least);
        self.farthest = all().max().unwrap_or(0).max(self.least);
    }

    /// Whatever was known before may have come round.
    pub fn forget(&mut self) {
        let turn = turn_of(self.now()).saturating_add(2);
        *self = Cursor {
            least: position(turn, 0),
            ..Cursor::default()
        };
        self.look();
    }

    /// The farthest that it may have come.
    #[inline]
    pub fn now(&self) -> u64 {
        self.farthest
    }

    /// So far it has come for certain.
    #[inline]
    pub fn at_least(&self) -> u64 {
        self.nearest
    }

    /// Where this number was given out at the earliest, if that was just now.
    pub fn latest(&self, pid: u32) -> u64 {
        next_of(pid, self.at_least().saturating_sub(u64::from(NEAR)))
    }

    /// Whether who acts under a number now is the process that was known to live then, and not one that was
    /// given it a moment ago, unseen.
    pub fn is_still(&self, pid: u32, alive: u64) -> bool {
        let is_older = |place: &Place| given_out(pid, place.at).is_none_or(|at| at <= alive);
        self.starts >= ALL_OLD && self.places.iter().all(is_older)
    }

    /// Whether a number may have been given out again, to another than the process that was known to live then.
    #[inline]
    pub fn came_round(&self, pid: u32, alive: u64) -> bool {
        next_of(pid, alive + JUST_BEFORE + 1) <= self.now()
    }
}

/// Places that are whole turns apart fit whatever comes alike. The farther one stands for both: what was known before
/// is then only the older, and what comes to be known is counted from there.
fn add(places: &mut Vec<Place>, new: Place) {
    match places
        .iter_mut()
        .find(|place| place.at as u32 == new.at as u32)
    {
        Some(place) => {
            place.at = place.at.max(new.at);
            place.old = place.old.min(new.old);
        }
        None => places.push(new),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fuzzer's: the next start had added to 255.
    #[test]
    fn saved_places_where_no_host_can_be_are_refused() {
        let read = |least: u64, step: i64, old: u8| {
            let saved = postcard::to_allocvec(&(least, 2u8, vec![(step, old)])).unwrap();
            postcard::from_bytes::<Cursor>(&saved).is_ok()
        };
        assert!(read(7, 1, ALL_OLD - 1));
        assert!(!read(7, 1, u8::MAX) && !read(u64::MAX, 0, 0) && !read(7, -9, 0));
    }

    /// A host that is known to be at this number.
    fn at(pid: u32) -> Cursor {
        let mut cursor = Cursor::default();
        (pid - 20..=pid).for_each(|pid| cursor.see(pid));
        assert_eq!(cursor.now() as u32, pid);
        assert_eq!(cursor.at_least() as u32, pid + 1 - u32::from(ALL_OLD));
        let saved = postcard::to_allocvec(&cursor).unwrap();
        assert_eq!(postcard::from_bytes::<Cursor>(&saved).unwrap(), cursor);
        assert!(saved.len() < 50, "{}", saved.len());
        cursor
    }

    #[test]
    fn the_first_ones_may_be_seen_in_any_order() {
        let mut cursor = Cursor::default();
        for pid in [2_523, 2_521, 2_525, 2_524, 2_529, 2_530, 2_526] {
            cursor.see(pid);
        }
        (2_531..=2_541).for_each(|pid| cursor.see(pid));
        assert_eq!(cursor.now(), position(0, 2_541));
    }

    #[test]
    fn a_number_is_given_out_again_only_when_they_have_gone_round() {
        let mut cursor = at(30_000);
        let alive = cursor.at_least();
        for pid in [30_002, 30_001, 32_000, 32_760] {
            cursor.see(pid);
            assert!(!cursor.came_round(30_000, alive), "{pid}");
        }
        for pid in [310, 312, 4_000, 8_000, 20_000, 24_000, 28_000] {
            cursor.see(pid);
            assert!(!cursor.came_round(30_000, alive), "{pid}");
        }
        cursor.see(30_005);
        assert!(cursor.came_round(30_000, alive));
        assert!(!cursor.came_round(31_000, alive), "later in this turn");
    }

    #[test]
    fn old_processes_that_look_like_a_turn_make_what_was_known_doubtful_and_not_what_comes() {
        let mut cursor = at(5_000);
        let before = cursor.at_least();
        [19_000, 27_000].iter().for_each(|pid| cursor.see(*pid));
        (5_001..5_020).for_each(|pid| cursor.see(pid));
        assert!(cursor.came_round(400, before));
        let alive = cursor.at_least();
        (5_020..5_040).for_each(|pid| cursor.see(pid));
        assert!(!cursor.came_round(400, alive));
    }

    #[test]
    fn old_processes_that_start_a_program_turn_nothing() {
        let mut cursor = at(20_000);
        let alive = cursor.at_least();
        cursor.see(3_000);
        assert!(cursor.came_round(400, alive), "it may have");
        for pid in 20_001..20_000 + u32::from(ALL_OLD) {
            cursor.see(pid);
            assert!(cursor.came_round(400, alive), "it still may");
        }
        cursor.see(20_015);
        assert!(!cursor.came_round(400, alive), "it has not");
        // Behind by less than half a turn: it cannot have.
        cursor.see(8_000);
        assert!(!cursor.came_round(400, alive));
    }

    #[test]
    fn an_old_process_just_ahead_of_the_newest_proves_nothing() {
        let mut cursor = at(20_000);
        cursor.see(23_000);
        let alive = cursor.at_least();
        assert!((alive as u32) < 20_000, "the host need not be there");
        for pid in 20_001..20_020 {
            cursor.see(pid);
        }
        cursor.see(22_900);
        assert!(cursor.came_round(22_500, alive), "unseen, and in this turn");
    }

    #[test]
    fn who_was_alive_just_before_kept_its_number() {
        let mut cursor = at(9_500);
        let alive = cursor.at_least();
        cursor.see(10_010);
        assert!(!cursor.came_round(10_000, alive));
        let mut later = cursor.clone();
        for pid in [22_000, 32_000, 32_010, 310, 5_000, 10_005] {
            later.see(pid);
        }
        assert!(later.came_round(10_000, alive), "once");
        let mut late = at(7_000);
        let alive = late.at_least();
        late.see(10_010);
        assert!(late.came_round(10_000, alive));
    }

    #[test]
    fn where_all_that_was_thought_is_wrong_nothing_before_is_believed() {
        let mut cursor = at(5_000);
        let alive = cursor.at_least();
        for pid in (25_000..).take(usize::from(ALL_OLD)) {
            assert!(!cursor.came_round(6_500, alive), "half a turn is too far");
            cursor.see(pid);
        }
        assert!([300, 6_500, 30_000].map(|pid| cursor.came_round(pid, alive)) == [true; 3]);
        cursor.gave_out(25_100);
        assert_eq!(cursor.at_least() as u32, 25_100, "a fork that was told");
        assert_eq!(cursor.now(), cursor.at_least());
    }

    #[test]
    fn a_program_that_replaces_itself_is_no_new_process() {
        let mut cursor = at(20_000);
        let alive = cursor.at_least();
        assert!(cursor.is_still(5_000, alive));
        cursor.see(23_000);
        (0..20).for_each(|_| cursor.may_see(23_000));
        assert!(cursor.at_least() <= position(0, 20_000));
    }
}
