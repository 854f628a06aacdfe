//! Which partitions have been read to their end.
//!
//! Place in the flow: between the consumer's end-of-partition news and the arrival clocks. The client
//! names the partition of such news, but not its topic, and audit and flow topics mostly have the same
//! partition numbers. This works the topic out: a partition is told to be at its end at most once
//! between two of its records, so as many such news as there are candidates, with no record of any
//! candidate in between, means all of them. What stays unclear is settled by the statistics, which do
//! name the topic, a second later.
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
    /// News of this partition number that could not be told apart, since the last record.
    unclear: usize,
}

impl Ends {
    /// A partition was assigned; `topic` is any number that stands for its topic.
    pub fn add(&mut self, topic: usize, partition: i32) {
        self.remove(topic, partition);
        self.forget_unclear(partition);
        self.known.push(End {
            topic,
            partition,
            at_end: false,
            unclear: 0,
        });
    }

    pub fn remove(&mut self, topic: usize, partition: i32) {
        self.known
            .retain(|end| (end.topic, end.partition) != (topic, partition));
        self.forget_unclear(partition);
    }

    /// A record of this partition was read.
    pub fn record(&mut self, topic: usize, partition: i32) {
        if let Some(end) = self.find(topic, partition) {
            end.at_end = false;
            if end.unclear > 0 {
                self.forget_unclear(partition);
            }
        }
    }

    /// The client said that a partition of this number, of whatever topic, was read to its end.
    pub fn eof(&mut self, partition: i32) {
        let candidates = |end: &&mut End| end.partition == partition && !end.at_end;
        let count = self.known.iter_mut().filter(candidates).count();
        for end in self.known.iter_mut().filter(candidates) {
            end.unclear += 1;
            if end.unclear >= count {
                end.at_end = true;
            }
        }
        if self
            .known
            .iter()
            .all(|end| end.partition != partition || end.at_end)
        {
            self.forget_unclear(partition);
        }
    }

    /// The statistics say whether all was read.
    pub fn settle(&mut self, topic: usize, partition: i32, at_end: bool) {
        if let Some(end) = self.find(topic, partition) {
            end.at_end = at_end;
        }
    }

    pub fn at_end(&self, topic: usize, partition: i32) -> bool {
        self.known
            .iter()
            .any(|end| (end.topic, end.partition) == (topic, partition) && end.at_end)
    }

    fn find(&mut self, topic: usize, partition: i32) -> Option<&mut End> {
        self.known
            .iter_mut()
            .find(|end| (end.topic, end.partition) == (topic, partition))
    }

    fn forget_unclear(&mut self, partition: i32) {
        for end in self
            .known
            .iter_mut()
            .filter(|end| end.partition == partition)
        {
            end.unclear = 0;
        }
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
        ends.eof(1);
        assert!(ends.at_end(AUDIT, 1) && !ends.at_end(AUDIT, 0));
        ends.record(AUDIT, 1);
        assert!(!ends.at_end(AUDIT, 1));
    }

    #[test]
    fn one_news_for_two_candidates_decides_nothing_and_two_decide_both() {
        let mut ends = both();
        ends.eof(3);
        assert!(!ends.at_end(AUDIT, 3) && !ends.at_end(FLOW, 3));
        ends.eof(3);
        assert!(ends.at_end(AUDIT, 3) && ends.at_end(FLOW, 3));
        // The quiet topic stays at its end, so the next news can only be the other's.
        ends.record(AUDIT, 3);
        ends.eof(3);
        assert!(ends.at_end(AUDIT, 3) && ends.at_end(FLOW, 3));
    }

    #[test]
    fn a_record_in_between_makes_unclear_news_worthless() {
        let mut ends = both();
        ends.eof(3);
        ends.record(AUDIT, 3);
        ends.eof(3);
        assert!(!ends.at_end(AUDIT, 3) && !ends.at_end(FLOW, 3));
        ends.settle(FLOW, 3, true);
        ends.record(AUDIT, 3);
        ends.eof(3);
        assert!(ends.at_end(AUDIT, 3));
    }

    #[test]
    fn statistics_settle_it_both_ways() {
        let mut ends = both();
        ends.eof(3);
        ends.eof(3);
        ends.settle(AUDIT, 3, false);
        assert!(!ends.at_end(AUDIT, 3) && ends.at_end(FLOW, 3));
    }
}
