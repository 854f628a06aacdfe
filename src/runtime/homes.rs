//! In which partition the lines of each host come: a host has one, where its producer keys by host.
//!
//! Place in the flow: beside it, shared by the workers of one process. A lane that meets a host it did not know
//! is asked for it here, and nobody else: no line waits for it. What lanes of other processes met is not known, so
//! silence is no proof. It refuses to grow without bound, and to keep names.

use dashmap::DashMap;
use xxhash_rust::xxh3::xxh3_64;

use super::port::Port;
use super::worker::Worker;

/// Hosts that are remembered; nothing is learned of more.
const MOST: usize = 65_536;

/// No partition has this number: it was told that the host has several.
const SEVERAL: i32 = -1;

#[derive(Default)]
pub struct Homes {
    by_host: DashMap<u64, i32>,
}

impl Homes {
    /// A lane met a host. Gives the partition in which its lines came before, where that is another; once.
    pub fn meet(&self, host: &[u8], partition: i32) -> Option<i32> {
        let host = xxh3_64(host);
        if let Some(mut home) = self.by_host.get_mut(&host) {
            let is_told = *home == SEVERAL || *home == partition;
            return (!is_told).then(|| std::mem::replace(&mut *home, SEVERAL));
        }
        if self.by_host.len() < MOST {
            self.by_host.insert(host, partition);
        }
        None
    }
}

impl<P: Port> Worker<P> {
    /// Hosts that a lane met and that another lane of this process has are told: their producer does not key.
    pub(super) fn look_for_split_hosts(&mut self) {
        for seat in self.seats.values_mut() {
            for host in seat.lane.take_met() {
                let Some(before) = self.shared.homes.meet(&host, seat.partition) else {
                    continue;
                };
                let metric = &self.shared.metrics.split_hosts;
                if metric.get() == 0 {
                    tracing::warn!(
                        worker = self.id, topic = %seat.topic, host = %String::from_utf8_lossy(&host),
                        partitions = ?[before, seat.partition],
                        "lines of one host come in several partitions, and its events may be torn apart: let the \
                         producers key by host, or set audit.rekey = true. Told once; split_hosts_total counts on"
                    );
                }
                metric.inc();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_of_two_partitions_is_told_once() {
        let homes = Homes::default();
        assert_eq!(homes.meet(b"web01", 3), None);
        assert_eq!(homes.meet(b"db01", 0), None);
        assert_eq!(homes.meet(b"web01", 3), None);
        assert_eq!(homes.meet(b"web01", 1), Some(3));
        assert_eq!(homes.meet(b"web01", 2), None);
        assert_eq!(homes.meet(b"db01", 0), None);
    }

    #[test]
    fn a_flood_of_names_has_an_end() {
        let homes = Homes::default();
        for number in 0..MOST as u32 + 1000 {
            homes.meet(&number.to_le_bytes(), 0);
        }
        assert_eq!(homes.by_host.len(), MOST);
        assert_eq!(homes.meet(&7u32.to_le_bytes(), 1), Some(0));
    }
}
