//! When a tick has to look at a host again.
//!
//! Place in the flow: hosts.rs says which host had a line or changed, [`Lane::tick`](super::Lane::tick) looks at those whose time has come and says when
//! the next thing of each is due by the arrival clock. The times stand side by side, apart from all else that is known of a host: a lane
//! that has read everything ticks forty times a second, and of thousands of hosts none is in a cache. It refuses to know what is due.

use crate::model::Timestamp;

use super::directory::take_out;

/// At the next tick.
const AWAKE: Timestamp = Timestamp(i64::MIN);

/// By the place of the host.
#[derive(Debug, Default)]
pub struct Wakes(Vec<Timestamp>);

impl Wakes {
    pub fn add(&mut self) {
        self.0.push(AWAKE);
    }

    /// Something of the host changed: what is due next may be another.
    #[inline]
    pub fn wake(&mut self, host: usize) {
        self.0[host] = AWAKE;
    }

    /// Nothing of the host is due before.
    pub fn sleep(&mut self, host: usize, until: Timestamp) {
        self.0[host] = until;
    }

    pub fn sleeps(&self, host: usize, now: Timestamp) -> bool {
        self.0[host] > now
    }

    /// The next host from this one on that is to be looked at.
    pub fn next(&self, from: usize, now: Timestamp) -> Option<usize> {
        let mut rest = self.0.get(from..)?.iter();
        rest.position(|time| *time <= now).map(|at| from + at)
    }

    /// Those that stood behind a host that is gone move up. The places are in their order.
    pub fn forget(&mut self, hosts: &[usize]) {
        take_out(&mut self.0, hosts);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_stands_behind_a_host_that_is_gone_keeps_its_time() {
        let mut wakes = Wakes::default();
        (0..5).for_each(|_| wakes.add());
        (0..4).for_each(|host| wakes.sleep(host, Timestamp(10 + host as i64)));
        assert_eq!(
            wakes.next(0, Timestamp(9)),
            Some(4),
            "nobody looked at it yet"
        );
        wakes.forget(&[0, 2]);
        assert_eq!(wakes.next(0, Timestamp(10)), Some(2));
        assert_eq!(wakes.next(0, Timestamp(11)), Some(0));
        assert!(wakes.sleeps(1, Timestamp(12)) && !wakes.sleeps(1, Timestamp(13)));
        assert_eq!(wakes.next(3, Timestamp(99)), None);
    }
}
