//! The open events of a lane in the order in which they began, where no clock ends their waits.
//!
//! Place in the flow: hosts.rs puts each event in as it begins, and out as it goes; the lane asks whose turn it is.
//! `replay` has no arrival clock, so what a host that falls silent has open would stay open until a bound is reached: of many hosts
//! with few lines that is most of what they have in memory. It refuses to know what an event waits for.

use std::collections::VecDeque;

/// In the place of an event that has gone.
const GONE: u32 = u32::MAX;

/// Hosts of events, by age.
#[derive(Debug, Default)]
pub struct Turns {
    /// `None`: a clock ends the waits, and nobody asks here.
    younger: Option<usize>,
    /// Age of the first.
    first: u64,
    hosts: VecDeque<u32>,
}

impl Turns {
    /// It is an event's turn when so many younger ones have begun.
    pub fn new(younger: Option<usize>) -> Turns {
        Turns {
            younger,
            ..Turns::default()
        }
    }

    /// An event of this age begins, the youngest of all.
    #[inline]
    pub fn begin(&mut self, age: u64, host: usize) {
        if self.younger.is_none() {
            return;
        }
        if self.hosts.is_empty() {
            self.first = age;
        }
        self.hosts.push_back(host as u32);
    }

    /// An event goes.
    #[inline]
    pub fn end(&mut self, age: u64) {
        let at = age.wrapping_sub(self.first) as usize;
        if let Some(host) = self.hosts.get_mut(at) {
            *host = GONE;
            self.pass_gone();
        }
    }

    fn pass_gone(&mut self) {
        while self.hosts.front() == Some(&GONE) {
            self.hosts.pop_front();
            self.first += 1;
        }
    }

    /// Whether [`Turns::next`] has one to give.
    #[inline]
    pub fn is_due(&self) -> bool {
        self.younger.is_some_and(|most| self.hosts.len() > most)
    }

    /// Age and host of the event whose turn it is. It has one turn.
    pub fn next(&mut self) -> Option<(u64, usize)> {
        if !self.is_due() {
            return None;
        }
        let (age, host) = (self.first, self.hosts.pop_front()?);
        self.first += 1;
        self.pass_gone();
        Some((age, host as usize))
    }

    /// These hosts, which have nothing open, are forgotten; who stood behind them moves up. They are in their order.
    pub fn forget(&mut self, gone: &[usize]) {
        for host in self.hosts.iter_mut().filter(|host| **host != GONE) {
            *host -= gone.partition_point(|gone| *gone < *host as usize) as u32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(turns: &mut Turns) -> Vec<(u64, usize)> {
        std::iter::from_fn(|| turns.next()).collect()
    }

    #[test]
    fn the_oldest_that_is_open_has_its_turn_once() {
        let mut all = Turns::new(Some(3));
        for age in 10..15 {
            all.begin(age, age as usize);
        }
        all.end(11);
        assert_eq!(turns(&mut all), [(10, 10)]);
        all.end(10);
        all.end(12);
        assert_eq!(turns(&mut all), []);
        (15..18).for_each(|age| all.begin(age, age as usize));
        all.forget(&[2, 3, 14]);
        assert_eq!(turns(&mut all), [(13, 11), (14, 12)]);
    }

    #[test]
    fn with_a_clock_nothing_is_kept() {
        let mut all = Turns::new(None);
        (0..9).for_each(|age| all.begin(age, 1));
        assert!(all.hosts.is_empty() && !all.is_due());
        all.end(3);
    }
}
