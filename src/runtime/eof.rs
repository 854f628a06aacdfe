//! Which partitions have been read to their end.
//!
//! Place in the flow: between the consumer's end-of-partition news and the arrival clocks. The client
//! names the partition of such news, but not its topic, and audit and flow topics mostly have the same
//! partition numbers. And it repeats them: around each rebalance fetches of all partitions begin anew, and each
//! that was at its end before is told to be once more. So news count where only one topic has a partition of this
//! number here. For all others the statistics say it, which name the topic, within a second.
//!
//! It refuses to guess: an unclear partition counts as not at its end, and its time stands still.

/// End-of-partition states of the partitions that one consumer reads. Small: looked through, not hashed.
#[derive(Debug, Default)]
pub struct Ends {
    known: Vec<End>,
}

#[derive(Debug)]
struct End {
    topic: usize,
    partition: i32,
    at_end: bool,
}

impl Ends {
    /// A partition was assigned; `topic` is any number that stands for its topic.
    pub fn add(&mut self, topic: usize, partition: i32) {
        self.remove(topic, partition);
        self.known.push(End {
            topic,
            partition,
            at_end: false,
        });
    }

    pub fn remove(&mut self, topic: usize, partition: i32) {
        self.known
            .retain(|end| (end.topic, end.partition) != (topic, partition));
    }

    /// A record of this partition was read.
    pub fn record(&mut self, topic: usize, partition: i32) {
        self.settle(topic, partition, false);
    }

    /// The client said that a partition of this number, of whatever topic, was read to its end. Gives the topic, where
    /// that is clear.
    pub fn eof(&mut self, partition: i32) -> Option<usize> {
        let known = self.known.iter_mut();
        let mut all = known.filter(|end| end.partition == partition);
        let (Some(end), None) = (all.next(), all.next()) else {
            return None;
        };
        end.at_end = true;
        Some(end.topic)
    }

    /// The statistics say whether all was read.
    pub fn settle(&mut self, topic: usize, partition: i32, at_end: bool) {
        let mut all = self.known.iter_mut();
        if let Some(end) = all.find(|end| (end.topic, end.partition) == (topic, partition)) {
            end.at_end = at_end;
        }
    }

    pub fn at_end(&self, topic: usize, partition: i32) -> bool {
        self.known
            .iter()
            .any(|end| (end.topic, end.partition) == (topic, partition) && end.at_end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AUDIT: usize = 0;
    const FLOW: usize = 1;

    fn both() -> Ends {
        let mut ends = Ends::default();
        ends.add(AUDIT, 3);
        ends.add(FLOW, 3);
        ends
    }

    #[test]
    fn one_topic_is_never_unclear() {
        let mut ends = Ends::default();
        ends.add(AUDIT, 0);
        ends.add(AUDIT, 1);
        assert_eq!(ends.eof(1), Some(AUDIT));
        assert!(ends.at_end(AUDIT, 1) && !ends.at_end(AUDIT, 0));
        ends.record(AUDIT, 1);
        assert!(!ends.at_end(AUDIT, 1));
        assert_eq!(ends.eof(7), None);
    }

    /// A backlog of one topic was taken for read when the client repeated that the other had none.
    #[test]
    fn news_that_may_be_of_either_topic_decide_nothing_however_often_they_come() {
        let mut ends = both();
        ends.settle(FLOW, 3, true);
        for _ in 0..3 {
            assert_eq!(ends.eof(3), None);
            assert!(!ends.at_end(AUDIT, 3) && ends.at_end(FLOW, 3));
        }
        ends.remove(FLOW, 3);
        assert_eq!(ends.eof(3), Some(AUDIT));
        assert!(ends.at_end(AUDIT, 3));
    }

    #[test]
    fn statistics_settle_it_both_ways() {
        let mut ends = both();
        ends.settle(AUDIT, 3, true);
        ends.settle(FLOW, 3, true);
        ends.settle(AUDIT, 3, false);
        assert!(!ends.at_end(AUDIT, 3) && ends.at_end(FLOW, 3));
        ends.record(FLOW, 3);
        assert!(!ends.at_end(FLOW, 3));
    }
}
