//! Tests of the saved form: what is written when, and what is refused.

use std::collections::BTreeMap;

use super::super::keyed::Key;
use super::super::saved::VERSION;
use super::*;

/// The last value of each key.
#[derive(Default)]
pub struct Saved {
    pub pairs: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Of the last time: keys that were written, and that are gone.
    written: Vec<Vec<u8>>,
    gone: Vec<Vec<u8>>,
}

impl Saved {
    pub fn follow(&mut self, lane: &mut Lane) {
        (self.written, self.gone) = (Vec::new(), Vec::new());
        lane.changes(&Bookmark::default(), &mut |key, value| match value {
            Some(value) => {
                assert!(!self.written.contains(&key.to_vec()), "told once");
                self.written.push(key.to_vec());
                self.pairs.insert(key.to_vec(), value.to_vec());
            }
            None => {
                self.gone.push(key.to_vec());
                assert!(self.pairs.remove(key).is_some(), "it was told before");
            }
        });
    }

    pub fn lane(&self, settings: Arc<Settings>) -> Result<Lane, RestoreError> {
        let pairs = self.pairs.clone().into_iter().rev();
        let restored = Lane::restore(settings, pairs)?;
        Ok(restored.expect("something was saved").0)
    }

    fn kinds(keys: &[Vec<u8>]) -> Vec<&'static str> {
        let key = |bytes: &Vec<u8>| postcard::take_from_bytes::<Key>(bytes).unwrap().0;
        let kind = |key: Key| match key {
            Key::Lane => "lane",
            Key::Host(_) => "host",
            Key::HostName(_) => "name",
            Key::Event(..) => "event",
            Key::Released(..) => "released",
            Key::Session(..) => "session",
            Key::Attempt(..) => "attempt",
            Key::UserName(..) => "user",
            Key::Ended(..) => "ended",
            Key::Carrier(_) => "carrier",
            Key::SessionNumber(..) => "number",
            Key::Processes(..) => "processes",
            Key::Story(..) => "story",
            Key::Patterns(..) => "patterns",
            _ => "other",
        };
        keys.iter().map(|bytes| kind(key(bytes))).collect()
    }
}

struct Told {
    lane: Lane,
    saved: Saved,
    offset: i64,
}

impl Told {
    fn new() -> Told {
        Told {
            lane: Lane::tracked(settings()),
            saved: Saved::default(),
            offset: 0,
        }
    }

    /// Takes lines and tells which kinds of records are written then, and which are gone.
    fn after(&mut self, lines: &[String]) -> (Vec<&'static str>, Vec<&'static str>) {
        for line in lines {
            let input = input(line.as_bytes(), self.offset);
            self.lane.step(
                Timestamp(0),
                input,
                &IntelSet::default(),
                &mut Outputs::new(),
            );
            self.offset += 1;
        }
        self.saved.follow(&mut self.lane);
        let Saved { written, gone, .. } = &self.saved;
        (Saved::kinds(written), Saved::kinds(gone))
    }
}

#[test]
fn only_what_changed_is_written_and_what_came_and_went_never() {
    let mut told = Told::new();
    let (first, second) = (program_start("web01", 1), program_start("web02", 2));
    // A whole event leaves no trace but the clocks of its host, the program that it started, and its pattern.
    let none = Vec::<&str>::new();
    assert_eq!(
        told.after(&first),
        (
            vec![
                "carrier",
                "name",
                "host",
                "released",
                "processes",
                "patterns",
                "lane"
            ],
            none.clone()
        )
    );
    assert_eq!(
        told.after(&second[..2]),
        (
            vec!["carrier", "name", "host", "event", "lane"],
            none.clone()
        )
    );
    assert_eq!(told.after(&[]), (vec!["lane"], none.clone()));
    assert_eq!(
        told.after(&second[2..3]),
        (vec!["host", "event", "lane"], none)
    );
    assert_eq!(
        told.after(&second[3..]),
        (
            vec!["host", "released", "processes", "patterns", "lane"],
            vec!["event"]
        )
    );
    let opened = logon(500, 100, true);
    let (kinds, gone) = told.after(&opened);
    assert!(gone.is_empty());
    assert_eq!(
        kinds,
        ["name", "host", "event", "event", "lane"],
        "they settle"
    );
}

#[test]
fn a_session_is_written_once_and_goes_with_its_end() {
    let mut told = Told::new();
    let end = |serial: u64| {
        format!(
            "type=USER_END msg=audit({}.000:{serial}): pid=500 uid=0 auid=1101 ses=38 msg='op=PAM:session_close acct=\"deploy\" exe=\"/usr/sbin/sshd\" res=success'",
            1_700_000_000 + serial
        )
    };
    let later: Vec<String> = (0..140)
        .flat_map(|n| program_start("key01", 20_000 + n))
        .collect();
    told.after(&logon(500, 100, true));
    let (kinds, _) = told.after(&later);
    let count = |kinds: &[&str], kind| kinds.iter().filter(|other| **other == kind).count();
    assert_eq!(
        (
            count(&kinds, "session"),
            count(&kinds, "user"),
            count(&kinds, "attempt")
        ),
        (1, 1, 0)
    );
    assert_eq!(count(&kinds, "released"), 9, "128 stamps, in pages");
    let (kinds, _) = told.after(&program_start("key01", 20_700));
    assert_eq!(
        (count(&kinds, "session"), count(&kinds, "released")),
        (0, 1)
    );
    told.after(&[end(300)]);
    let later: Vec<String> = (0..140)
        .flat_map(|n| program_start("key01", 50_000 + n))
        .collect();
    let (kinds, gone) = told.after(&later);
    assert_eq!(
        (count(&kinds, "ended"), gone),
        (1, vec!["event", "session", "number"]),
        "the session, the open event of its end, and its number: serials that begin anew are of another boot"
    );
}

#[test]
fn a_host_that_is_forgotten_leaves_nothing_behind() {
    let mut bounded = Settings::clone(&settings());
    bounded.limits.hosts = 2;
    let mut told = Told::new();
    told.lane = Lane::tracked(Arc::new(bounded.clone()));
    told.after(&logon(500, 100, true).map_hosts("web01"));
    let later: Vec<String> = (0..200)
        .flat_map(|n| program_start("web01", 300 + n))
        .collect();
    told.after(&later);
    for n in 2..9 {
        told.after(&program_start(&format!("web0{n}"), 900 + n));
        told.saved
            .lane(Arc::new(bounded.clone()))
            .expect("whole hosts");
    }
    let hosts = told
        .saved
        .pairs
        .keys()
        .filter_map(|key| postcard::from_bytes::<Key>(key).unwrap().host());
    let hosts: std::collections::BTreeSet<u64> = hosts.collect();
    assert!(hosts.len() <= 2 && !hosts.contains(&0), "{hosts:?}");
}

trait MapHosts {
    fn map_hosts(self, node: &str) -> Vec<String>;
}

impl MapHosts for Vec<String> {
    fn map_hosts(self, node: &str) -> Vec<String> {
        self.iter()
            .map(|line| format!("node={node} {line}"))
            .collect()
    }
}

#[test]
fn a_value_that_is_too_long_for_a_record_is_cut_and_grows_and_goes() {
    let mut told = Told::new();
    let lines = program_start("web01", 1);
    let long = |n: usize| {
        lines[1].replace(
            "argc=2",
            &format!("argc=9000{n} a{n}=\"{}\"", "x".repeat(30_000)),
        )
    };
    let mut goes_on = |lines: &[String]| {
        told.after(lines);
        assert!(
            told.saved
                .pairs
                .values()
                .all(|value| value.len() < 300 << 10)
        );
        told.lane = told.saved.lane(settings()).unwrap();
        (told.saved.pairs.len(), told.lane.open_bytes())
    };
    let small = goes_on(&lines[..1]).0;
    let (many, bytes) = goes_on(&(10..40).map(long).collect::<Vec<_>>());
    assert_eq!((many, bytes > 900_000), (small + 3, true));
    let (more, _) = goes_on(&(40..60).map(long).collect::<Vec<_>>());
    assert!(more > many);
    // It times out.
    let later: Vec<String> = (0..140)
        .flat_map(|n| program_start("web01", 90_000 + n))
        .collect();
    assert_eq!(
        goes_on(&later),
        (small + 11, 0),
        "nine pages of stamps, a hole, a page of programs and one of patterns, and no event"
    );
}

#[test]
fn another_version_and_damaged_records_are_refused() {
    let mut told = Told::new();
    told.after(&program_start("web01", 1)[..2]);
    let saved = &mut told.saved;
    assert!(saved.lane(settings()).is_ok());
    let (key, value) = saved.pairs.pop_last().unwrap();
    let refused = |saved: &Saved| saved.lane(settings()).err();
    for (wrong, error) in [
        (vec![VERSION + 1, 0], RestoreError::Version(VERSION + 1)),
        (
            vec![],
            RestoreError::Damaged("a record without a version".into()),
        ),
    ] {
        saved.pairs.insert(key.clone(), wrong);
        assert_eq!(refused(saved), Some(error));
    }
    for end in 1..value.len() {
        saved.pairs.insert(key.clone(), value[..end].to_vec());
        assert!(matches!(refused(saved), Some(RestoreError::Damaged(_))));
    }
    saved.pairs.remove(&key);
    let (key, _) = saved.pairs.pop_first().unwrap();
    assert_eq!(key, Key::Lane.bytes());
    assert!(matches!(refused(saved), Some(RestoreError::Damaged(_))));
    assert!(
        Lane::restore(settings(), BTreeMap::<Vec<u8>, Vec<u8>>::new())
            .unwrap()
            .is_none()
    );
}

#[test]
fn an_event_that_is_newer_than_its_host_is_refused() {
    let mut told = Told::new();
    told.after(&program_start("web01", 1)[..2]);
    let host = Key::Host(0).bytes();
    let before = told.saved.pairs[&host].clone();
    told.after(&program_start("web01", 2)[..2]);
    told.saved.pairs.insert(host, before);
    assert_eq!(
        told.saved.lane(settings()).err(),
        Some(RestoreError::Damaged(
            "host 0 without the lines of an event".into()
        ))
    );
}

/// Found by the fuzzer: each was taken, and what was written after it could not be read again.
#[test]
fn what_does_not_fit_together_is_refused() {
    let mut told = Told::new();
    let lines = [program_start("web01", 1), program_start("web01", 5)].concat();
    told.after(&lines);
    told.after(&program_start("web02", 1)[..2]);
    let pairs = &told.saved.pairs;
    let of = |is_it: fn(&Key) -> bool| {
        let all = pairs
            .keys()
            .map(|bytes| (bytes, postcard::take_from_bytes(bytes)));
        let mut all = all.filter(|(_, key)| key.as_ref().is_ok_and(|(key, _)| is_it(key)));
        all.next().expect("such a key").0.clone()
    };
    let lane = Key::Lane.bytes();
    let event = of(|key| matches!(key, Key::Event(..)));
    let hole = of(|key| matches!(key, Key::Hole(..)));
    let page = of(|key| matches!(key, Key::Released(..)));
    let moved = |from: &[u8], to: Vec<u8>| (to, pairs[from].clone());
    let last = |key: &[u8], byte| [&key[..key.len() - 1], &[byte]].concat();
    let longer = |key: &[u8]| (key.to_vec(), [&pairs[key][..], b"\0"].concat());
    let empty = postcard::to_extend(
        &(Bookmark::default(), 0u64, 0u64, 0u64, None::<i64>),
        vec![VERSION, 0],
    );
    for (what, (key, value)) in [
        ("the event of another stamp", moved(&event, last(&event, 3))),
        ("a hole at another place", moved(&hole, last(&hole, 0))),
        ("a page in another slot", moved(&page, last(&page, 5))),
        ("a key written otherwise", moved(&lane, vec![0x80, 0])),
        ("part 0", moved(&lane, vec![0, 0])),
        (
            "a part behind the last",
            moved(&event, [&event[..], &[3]].concat()),
        ),
        ("more than the value", longer(&lane)),
        ("a lane that knows no host", (lane.clone(), empty.unwrap())),
    ] {
        let mut saved = Saved::default();
        saved.pairs = told.saved.pairs.clone();
        assert!(saved.lane(settings()).is_ok());
        saved.pairs.insert(key, value);
        let refused = saved.lane(settings()).err();
        assert!(matches!(refused, Some(RestoreError::Damaged(_))), "{what}");
    }
}

proptest::proptest! {
    /// What comes back from outside may be anything.
    #[test]
    fn any_bytes_are_taken_or_refused(changes in proptest::collection::vec((0usize..99, 0usize..400, proptest::prelude::any::<u8>()), 1..6)) {
        let mut told = Told::new();
        told.after(&logon(500, 100, true));
        told.after(&program_start("web01", 1)[..3]);
        let mut pairs: Vec<(Vec<u8>, Vec<u8>)> = told.saved.pairs.into_iter().collect();
        for (pair, at, byte) in changes {
            let many = pairs.len();
            let (key, value) = &mut pairs[pair % many];
            let at = at % (key.len() + value.len());
            match at.checked_sub(key.len()) {
                Some(at) => value[at] = byte,
                None => key[at] = byte,
            }
        }
        if let Ok(Some((mut lane, _))) = Lane::restore(settings(), pairs) {
            let (intel, mut out) = (IntelSet::default(), Outputs::new());
            for line in [program_start("web01", 1), program_start("web01", 2), logon(600, 101, true)].concat() {
                lane.step(Timestamp(1_795_318_700_000), input(line.as_bytes(), 9), &intel, &mut out);
            }
            lane.tick(Timestamp(1_795_318_900_000), &intel, &mut out);
            lane.finish(&intel, &mut out);
        }
    }
}
