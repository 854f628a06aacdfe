//! Which offset may be committed, and where a new owner begins to read.
//!
//! Place in the flow: between the lanes and the consumer's commit. Pure: numbers in, numbers out; it
//! knows no client. What it holds:
//!
//! 1. The committed offset never passes the first record of an event that is still open, nor a record
//!    that was not read.
//! 2. It never goes back, also while a new owner reads again from before it.
//! 3. All outputs of records before it are acknowledged; the worker sees to that, by taking the
//!    position first and committing it when what was handed over by then has arrived.
//!
//! Format of the commit's metadata: `trailhound/1 rebuild=OFFSET` where reading again has to begin
//! before the committed offset; `trailhound/1 end=OFFSET time=MS` of an input that is written on: only markers of
//! transactions stand between offset and end, and the last record before had this timestamp (either may be missing);
//! `trailhound/1 state` where the rest stands in the topic of the state; else `trailhound/1`.

const VERSION: &str = "trailhound/1";

/// What stands beside an offset of an input that is written on, behind which nothing is open. It is believed for clocks
/// alone: reading goes on at the offset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WrittenOn {
    /// Up to there stands no record, only markers of transactions.
    pub end: Option<i64>,
    /// Timestamp of the last record that was written on.
    pub time: Option<i64>,
}

impl WrittenOn {
    pub fn metadata(&self) -> String {
        let mut text = VERSION.to_owned();
        for (name, value) in [(" end=", self.end), (" time=", self.time)] {
            if let Some(value) = value {
                text += name;
                text += &value.to_string();
            }
        }
        text
    }

    /// `None`: it is something else.
    pub fn parse(metadata: &str) -> Option<WrittenOn> {
        let mut written = WrittenOn::default();
        let mut words = metadata.strip_prefix(VERSION)?.split(' ');
        // Before the first blank stands nothing.
        words.next().filter(|before| before.is_empty())?;
        for word in words {
            match word.split_once('=')? {
                ("end", value) => written.end = Some(value.parse().ok()?),
                ("time", value) => written.time = Some(value.parse().ok()?),
                _ => return None,
            }
        }
        Some(written)
    }
}

/// Metadata of an offset that was committed together with the state of its lane.
pub const STATE: &str = "trailhound/1 state";

/// What the metadata of a commit says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beside {
    Nothing,
    /// Reading has to begin here.
    Rebuild(i64),
    /// What was open stands in the topic of the state.
    State,
}

/// What is committed for one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Events whose first record stands before this have gone out.
    pub offset: i64,
    /// Begin to read here to rebuild what is in the making; before `offset`.
    pub rebuild: Option<i64>,
}

impl Position {
    /// `next`: the record after the last one read. `floor`: the offset that was committed when this
    /// lane began. `hold` and `rebuild` as the lane says.
    pub fn of(next: i64, floor: i64, hold: Option<i64>, rebuild: Option<i64>) -> Position {
        let offset = hold.map_or(next, |hold| hold.min(next)).max(floor);
        // Where the lane is still reading again, what it has not reached yet is to be read again too.
        let from = rebuild.map_or(next, |rebuild| rebuild.min(next));
        Position {
            offset,
            rebuild: (from < offset).then_some(from),
        }
    }

    pub fn metadata(&self) -> String {
        match self.rebuild {
            Some(rebuild) => format!("{VERSION} rebuild={rebuild}"),
            None => VERSION.to_owned(),
        }
    }
}

/// Why a commit's metadata was ignored.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is not 'trailhound/1', 'trailhound/1 state', 'trailhound/1 end=OFFSET time=MS' or 'trailhound/1 rebuild=OFFSET'"
)]
pub struct BadMetadata(String);

/// Reads the metadata of a commit. Empty metadata is that of another program or of a tool that set
/// the offsets of the group: nothing to rebuild.
pub fn parse_metadata(text: &str) -> Result<Beside, BadMetadata> {
    match text {
        "" | VERSION => return Ok(Beside::Nothing),
        STATE => return Ok(Beside::State),
        _ => {}
    }
    if WrittenOn::parse(text).is_some() {
        return Ok(Beside::Nothing);
    }
    let rest = text.strip_prefix(VERSION);
    rest.and_then(|rest| rest.strip_prefix(" rebuild="))
        .and_then(|number| number.parse().ok())
        .filter(|offset| *offset >= 0)
        .map(Beside::Rebuild)
        .ok_or_else(|| BadMetadata(text.chars().take(80).collect()))
}

/// Where a lane begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// `None`: at the first record there is.
    pub read_from: Option<i64>,
    /// Events whose first record stands before this were told by an owner before.
    pub told_before: Option<i64>,
    /// The committed offset; ours never goes below it.
    pub floor: i64,
}

impl Start {
    /// Where to rebuild from, as the lane says. What a lane that has not read all of it again yet knows is not all
    /// that there was: it says nothing of what it comes to know by going on, and needs what stands before for.
    pub fn rebuild(&self, next: i64, lane: Option<i64>) -> Option<i64> {
        let again = self.read_from.filter(|_| next < self.floor);
        again.into_iter().chain(lane).min()
    }
}

/// Decides where a lane begins, from what was committed and the partition's low and high watermark.
/// A committed offset behind the end belongs to a topic that was since made anew: it says nothing.
/// What is no longer there is not asked for: a client sent out of range chooses itself where it goes on.
/// `at_end`: a group that has committed nothing begins with what comes from now on.
pub fn start(
    committed: Option<i64>,
    rebuild: Option<i64>,
    (low, high): (i64, i64),
    at_end: bool,
) -> Start {
    match committed {
        Some(offset) if offset <= high => {
            let offset = offset.max(low);
            let rebuild = rebuild
                .map(|from| from.max(low))
                .filter(|from| *from < offset);
            Start {
                read_from: Some(rebuild.unwrap_or(offset)),
                told_before: rebuild.map(|_| offset),
                floor: offset,
            }
        }
        _ => Start {
            read_from: (at_end && committed.is_none()).then_some(high),
            told_before: None,
            floor: 0,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_far_an_input_was_written_on_reads_back() {
        for (end, time) in [
            (None, None),
            (Some(9), None),
            (None, Some(-5)),
            (Some(3), Some(7)),
        ] {
            let written = WrittenOn { end, time };
            let metadata = written.metadata();
            assert_eq!(WrittenOn::parse(&metadata), Some(written));
            assert_eq!(parse_metadata(&metadata), Ok(Beside::Nothing));
        }
        for other in [
            "",
            "somebody else's end=9",
            "trailhound/1 end=x",
            "trailhound/12",
            STATE,
        ] {
            assert_eq!(WrittenOn::parse(other), None, "{other}");
        }
        assert!(parse_metadata("trailhound/1 end=x").is_err());
    }

    #[test]
    fn an_open_event_holds_the_offset() {
        assert_eq!(Position::of(100, 0, None, None).offset, 100);
        assert_eq!(Position::of(100, 0, Some(40), None).offset, 40);
        assert_eq!(
            Position::of(100, 0, Some(40), Some(7)),
            Position {
                offset: 40,
                rebuild: Some(7)
            }
        );
        // A lane that asks for nothing before its hold.
        assert_eq!(Position::of(100, 0, Some(40), Some(40)).rebuild, None);
    }

    #[test]
    fn the_floor_stays_while_a_new_owner_reads_again() {
        // Committed 500 with rebuild=100; record 219 was read last.
        let position = Position::of(220, 500, Some(150), Some(130));
        assert_eq!(
            position,
            Position {
                offset: 500,
                rebuild: Some(130)
            }
        );
        // Nothing is in the making, and yet 220..500 were not read again.
        let position = Position::of(220, 500, None, None);
        assert_eq!(
            position,
            Position {
                offset: 500,
                rebuild: Some(220)
            }
        );
        // A hold from before the floor is one of a told event.
        assert_eq!(Position::of(700, 500, Some(450), None).offset, 500);
    }

    #[test]
    fn a_start_is_the_inverse_of_a_position() {
        for (hold, rebuild) in [
            (None, None),
            (Some(40), None),
            (Some(40), Some(7)),
            (None, Some(9)),
        ] {
            let position = Position::of(100, 0, hold, rebuild);
            let read = parse_metadata(&position.metadata()).expect("our own metadata");
            let rebuilds = position.rebuild.map_or(Beside::Nothing, Beside::Rebuild);
            assert_eq!(read, rebuilds);
            let start = start(Some(position.offset), position.rebuild, (0, 100), false);
            assert_eq!(start.read_from, Some(rebuild.unwrap_or(position.offset)));
            assert_eq!(start.told_before, rebuild.map(|_| position.offset));
            assert_eq!(start.floor, position.offset);
        }
    }

    #[test]
    fn what_was_committed_for_another_topic_of_this_name_is_forgotten() {
        let fresh = Start {
            read_from: None,
            told_before: None,
            floor: 0,
        };
        assert_eq!(start(Some(500), Some(100), (0, 20), false), fresh);
        assert_eq!(start(None, None, (0, 20), false), fresh);
    }

    #[test]
    fn what_retention_deleted_is_not_asked_for() {
        let from = |read_from, told_before, floor| Start {
            read_from: Some(read_from),
            told_before,
            floor,
        };
        for at_end in [false, true] {
            let start = |rebuild, low| start(Some(500), rebuild, (low, 900), at_end);
            assert_eq!(start(Some(100), 50), from(100, Some(500), 500));
            // Only where to rebuild from is gone, in part or as a whole.
            assert_eq!(start(Some(100), 300), from(300, Some(500), 500));
            assert_eq!(start(Some(100), 500), from(500, None, 500));
            // Records that nobody read are gone too.
            assert_eq!(start(Some(100), 600), from(600, None, 600));
            assert_eq!(start(None, 600), from(600, None, 600));
            assert_eq!(start(None, 900), from(900, None, 900));
        }
    }

    #[test]
    fn who_ends_while_reading_again_leaves_all_of_it_to_the_next() {
        let start = start(Some(500), Some(100), (0, 900), false);
        assert_eq!(start.rebuild(220, None), Some(100));
        assert_eq!(start.rebuild(220, Some(150)), Some(100));
        assert_eq!(start.rebuild(220, Some(70)), Some(70));
        assert_eq!(start.rebuild(500, Some(150)), Some(150));
        assert_eq!(start.rebuild(500, None), None);
    }

    #[test]
    fn the_end_is_only_for_a_group_that_committed_nothing() {
        assert_eq!(start(None, None, (10, 20), true).read_from, Some(20));
        assert_eq!(start(Some(15), None, (10, 20), true).read_from, Some(15));
        assert_eq!(start(Some(500), None, (10, 20), true).read_from, None);
    }

    #[test]
    fn foreign_metadata_is_refused_not_read() {
        assert_eq!(parse_metadata(""), Ok(Beside::Nothing));
        assert_eq!(parse_metadata("trailhound/1"), Ok(Beside::Nothing));
        assert_eq!(parse_metadata(STATE), Ok(Beside::State));
        assert_eq!(
            parse_metadata("trailhound/1 rebuild=12"),
            Ok(Beside::Rebuild(12))
        );
        for bad in [
            "trailhound/2",
            "trailhound/1 rebuild=",
            "trailhound/1 rebuild=-4",
            "x",
            "trailhound/1 rebuild=1 ",
        ] {
            assert!(parse_metadata(bad).is_err(), "{bad}");
        }
    }
}
