//! Lanes that live, and lanes that die: what each says of the same steps.
//!
//! Place in the flow: under the tests. A death loses the lane and all that came after the last commit;
//! the last value of each key is all that is left.

use std::collections::BTreeMap;
use std::sync::Arc;

use trailhound::model::{Input, OutputKind, Outputs, Settings, Source, Timestamp};
use trailhound::pipeline::intel::IntelSet;
use trailhound::pipeline::lane::{Bookmark, Lane};

/// What happens to a lane.
#[derive(Clone)]
pub enum Step {
    Line {
        source: Source,
        key: Vec<u8>,
        value: Vec<u8>,
    },
    /// So many milliseconds, in silence.
    TimePasses(i64),
}

/// Kind, key and value of each output.
pub type Told = Vec<(OutputKind, Vec<u8>, String)>;

/// xorshift64*.
pub struct Numbers(u64);

impl Numbers {
    pub fn new(seed: u64) -> Numbers {
        Numbers(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % bound
    }

    /// Shuffles within blocks.
    pub fn shuffle<T>(&mut self, all: &mut [T], block: usize) {
        for block in all.chunks_mut(block) {
            for i in (1..block.len()).rev() {
                block.swap(i, self.below(i as u64 + 1) as usize);
            }
        }
    }
}

/// The arrival clock moves on a millisecond with each step.
const BEGIN: i64 = 1_795_318_668_000;

fn take(lane: &mut Lane, step: &Step, at: usize, now: &mut i64, out: &mut Outputs) {
    let intel = IntelSet::default();
    *now += 1;
    match step {
        Step::Line { source, key, value } => {
            let input = Input {
                source: *source,
                value,
                key: Some(key),
                host: None,
                offset: at as i64,
            };
            lane.step(Timestamp(*now), input, &intel, out);
        }
        Step::TimePasses(ms) => {
            *now += ms;
            lane.tick(Timestamp(*now), &intel, out);
        }
    }
}

fn told(out: &mut Outputs, all: &mut Told) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    all.extend(
        out.iter()
            .map(|output| (output.kind, output.key.to_vec(), text(output.value))),
    );
    out.clear();
}

/// One life, from the first step to the end of the input.
pub fn undisturbed(settings: &Arc<Settings>, steps: &[Step]) -> Told {
    let mut lane = Lane::new(Arc::clone(settings));
    let (mut out, mut all, mut now) = (Outputs::new(), Told::new(), BEGIN);
    for (at, step) in steps.iter().enumerate() {
        take(&mut lane, step, at, &mut now, &mut out);
    }
    lane.finish(&IntelSet::default(), &mut out);
    told(&mut out, &mut all);
    all
}

/// The last value of each key, and what it cost to write them.
#[derive(Default)]
pub struct Saved {
    pairs: BTreeMap<Vec<u8>, Vec<u8>>,
    pub bytes: usize,
    pub records: usize,
    /// By the first byte of the key, which tells the kind.
    pub kinds: BTreeMap<u8, (usize, usize)>,
}

impl Saved {
    fn commit(&mut self, lane: &mut Lane, bookmark: &Bookmark) {
        lane.changes(bookmark, &mut |key, value| {
            let bytes = key.len() + value.map_or(0, <[u8]>::len);
            self.bytes += bytes;
            self.records += 1;
            let kind = self.kinds.entry(key[0]).or_default();
            *kind = (kind.0 + 1, kind.1 + bytes);
            match value {
                Some(value) => drop(self.pairs.insert(key.to_vec(), value.to_vec())),
                None => assert!(
                    self.pairs.remove(key).is_some(),
                    "a key that was never told"
                ),
            }
        });
    }

    /// The pairs come in another order than they were written.
    fn lane(&self, settings: &Arc<Settings>) -> (Lane, Bookmark) {
        let pairs = self.pairs.clone().into_iter().rev();
        let restored = Lane::restore(Arc::clone(settings), pairs).expect("its own saved form");
        restored.unwrap_or_else(|| {
            let bookmark = Bookmark {
                now: BEGIN,
                ..Bookmark::default()
            };
            (Lane::tracked(Arc::clone(settings)), bookmark)
        })
    }
}

/// Many lives: commits and deaths wherever the numbers want them.
pub fn died_often(settings: &Arc<Settings>, steps: &[Step], numbers: &mut Numbers) -> Told {
    let (commit, die) = (1 + numbers.below(60), 2 + numbers.below(300));
    let (mut saved, mut committed) = (Saved::default(), Told::new());
    let (mut out, mut uncommitted) = (Outputs::new(), Told::new());
    let (mut lane, bookmark) = saved.lane(settings);
    let (mut at, mut now) = (0, bookmark.now);
    while at < steps.len() {
        take(&mut lane, &steps[at], at, &mut now, &mut out);
        at += 1;
        told(&mut out, &mut uncommitted);
        if numbers.below(commit) == 0 {
            let bookmark = Bookmark {
                next: at as i64,
                now,
                writer: "life".into(),
            };
            saved.commit(&mut lane, &bookmark);
            committed.append(&mut uncommitted);
        }
        if numbers.below(die) == 0 {
            uncommitted.clear();
            let (born, bookmark) = saved.lane(settings);
            (lane, at, now) = (born, bookmark.next as usize, bookmark.now);
        }
    }
    lane.finish(&IntelSet::default(), &mut out);
    told(&mut out, &mut uncommitted);
    committed.append(&mut uncommitted);
    committed
}

/// One life with a commit after every so many steps: what is written.
pub fn lived(settings: &Arc<Settings>, steps: &[Step], every: usize) -> Saved {
    let mut saved = Saved::default();
    let (mut lane, mut bookmark) = saved.lane(settings);
    let mut out = Outputs::new();
    for (at, step) in steps.iter().enumerate() {
        take(&mut lane, step, at, &mut bookmark.now, &mut out);
        out.clear();
        if at % every == every - 1 {
            bookmark.next = at as i64 + 1;
            saved.commit(&mut lane, &bookmark);
        }
    }
    saved
}
