//! How `limits.memory` is shared out: the program itself, the queues of the Kafka clients, what the re-key stage holds, and
//! the lanes.
//!
//! Place in the flow: checked values → [`Memory`], which the clients and the lanes are made by. A part is set aside for
//! the program; each worker's clients get their usual queues, or less where all of these would be more than half of the
//! rest; what is left is the lanes'. A queue whose size the user wrote in `[kafka.properties]` has that size. It refuses to give
//! anybody less than they can work with.

use std::collections::BTreeMap;

use super::Secret;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// Code, threads, connections, allocators, buffers of one record.
const PROGRAM: u64 = 40 * MIB;

/// The queues of one worker where nothing is scarce, in KiB: fetched and not yet read; one fetch, by which that can be
/// exceeded; handed over and not yet acknowledged; and where lines are re-keyed, held until all partitions have some.
const USUAL: [u64; 4] = [16 * KIB, KIB, 16 * KIB, 64 * KIB];
const LEAST: [u64; 4] = [2 * KIB, KIB / 8, 2 * KIB, 8 * KIB];

/// What each of them takes for each byte, in halves. The client has notes of its own for each message; and a fetch is
/// unpacked as a whole: audit lines are much like each other.
const TAKES: [u64; 4] = [3, 32, 3, 3];

/// Under these names the user may have written them.
const CONSUMER: &str = "queued.max.messages.kbytes";
const FETCH: &str = "fetch.max.bytes";
const PRODUCER: &str = "queue.buffering.max.kbytes";

/// The lanes are reckoned by what they hold. Memory that is free and not given back, and the
/// documents of what is let go, are the quarter that is left.
const RECKONED: (u64, u64) = (3, 4);

/// The lanes can do with no less.
const LEAST_LANES: u64 = 8 * MIB;

/// Who may take how much.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// All of it, in bytes.
    pub bytes: u64,
    /// Of the consumer of each worker: fetched and not yet read. One fetch, as the brokers send it, can go over it.
    pub consumer_kbytes: u64,
    pub fetch_kbytes: u64,
    /// Of the producer of each worker: handed over and not yet acknowledged.
    pub producer_kbytes: u64,
    /// Of the re-key stage of each worker: records whose turn has not come. None where producers key.
    pub held_kbytes: u64,
    /// What all lanes together may weigh, in bytes.
    pub lanes: usize,
}

impl Memory {
    /// # Errors
    /// What is expected of `limits.memory`.
    pub fn share_out(
        bytes: u64,
        workers: u64,
        rekeys: bool,
        properties: &BTreeMap<String, Secret>,
    ) -> Result<Memory, String> {
        let workers = workers.max(1);
        let written = |name: &str, unit: u64| {
            let value = properties.get(name)?.reveal().trim().parse::<u64>().ok()?;
            Some(value.div_ceil(unit))
        };
        let fixed = [
            written(CONSUMER, 1),
            written(FETCH, KIB),
            written(PRODUCER, 1),
            (!rekeys).then_some(0),
        ];
        let rest = bytes.saturating_sub(PROGRAM);
        // No more than half of the rest, and what the lanes cannot do without.
        let most = (rest / 2).min(rest.saturating_sub((LEAST_LANES / RECKONED.0 + 1) * RECKONED.1));
        let as_written = queues(fixed, [0; 4]);
        let others = queues(fixed, USUAL) - as_written;
        // Thousandths of the usual.
        let scale = match (most / workers).saturating_sub(as_written) {
            room if room >= others => 1000,
            room => room * 1000 / others,
        };
        let scaled: [u64; 4] = std::array::from_fn(|i| (USUAL[i] * scale / 1000).max(LEAST[i]));
        let needed = workers.saturating_mul(queues(fixed, LEAST));
        let needed = needed.saturating_add(PROGRAM + (LEAST_LANES / RECKONED.0 + 1) * RECKONED.1);
        let taken = workers.saturating_mul(queues(fixed, scaled));
        let lanes = rest.saturating_sub(taken) / RECKONED.1 * RECKONED.0;
        if bytes < needed || lanes < LEAST_LANES {
            return Err(too_small(needed, workers, &fixed));
        }
        let size = |i: usize| fixed[i].unwrap_or(scaled[i]);
        Ok(Memory {
            bytes,
            consumer_kbytes: size(0),
            fetch_kbytes: size(1),
            producer_kbytes: size(2),
            held_kbytes: size(3),
            lanes: usize::try_from(lanes).unwrap_or(usize::MAX),
        })
    }

    /// What the events of a worker that wait to be one message with others may take, in bytes: of the producer's part.
    pub fn bundles(&self, events_per_message: &[usize]) -> usize {
        match events_per_message.iter().any(|most| *most > 1) {
            true => usize::try_from(self.producer_kbytes * KIB / 4).unwrap_or(usize::MAX),
            false => 0,
        }
    }
}

/// Bytes that the queues of one worker take.
fn queues(fixed: [Option<u64>; 4], others: [u64; 4]) -> u64 {
    let sizes = fixed.iter().zip(others).zip(TAKES);
    sizes.fold(0u64, |sum, ((fixed, other), takes)| {
        let halves = fixed.unwrap_or(other).saturating_mul(takes);
        sum.saturating_add(halves.saturating_mul(KIB / 2))
    })
}

fn too_small(needed: u64, workers: u64, fixed: &[Option<u64>; 4]) -> String {
    let who = match workers {
        1 => "one worker".to_owned(),
        many => format!("{many} workers"),
    };
    let names = fixed.iter().zip([CONSUMER, FETCH, PRODUCER]);
    let names = names.filter_map(|(size, name)| size.map(|_| format!("'{name}'")));
    let names: Vec<String> = names.collect();
    let as_written = match names.is_empty() {
        true => String::new(),
        false => format!(
            " with {} as written in 'kafka.properties'",
            names.join(", ")
        ),
    };
    let mib = needed.div_ceil(MIB);
    format!("{mib}MiB or more for the program, the queues of {who}{as_written}, and the lanes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::settings::Limits;

    fn shared_out(mib: u64, workers: u64, written: &[(&str, &str)]) -> Result<Memory, String> {
        with_rekeying(false, mib, workers, written)
    }

    fn with_rekeying(
        rekeys: bool,
        mib: u64,
        workers: u64,
        written: &[(&str, &str)],
    ) -> Result<Memory, String> {
        let properties = written.iter();
        let properties =
            properties.map(|(name, value)| ((*name).into(), Secret::new((*value).into())));
        Memory::share_out(mib * MIB, workers, rekeys, &properties.collect())
    }

    /// What all parts take together, reckoned another way.
    fn total(memory: &Memory, workers: u64) -> u64 {
        let halves = memory.consumer_kbytes + memory.producer_kbytes + memory.held_kbytes;
        let queues = halves * 1536;
        let queues = queues + memory.fetch_kbytes * 16 * KIB;
        PROGRAM + workers * queues + memory.lanes as u64 / 3 * 4
    }

    #[test]
    fn the_default_leaves_the_queues_as_they_are() {
        let memory = shared_out(512, 1, &[]).unwrap();
        let queues = (
            memory.consumer_kbytes,
            memory.fetch_kbytes,
            memory.producer_kbytes,
        );
        assert_eq!(queues, (16 * KIB, KIB, 16 * KIB));
        assert_eq!(memory.lanes, Limits::default().memory);
        assert_eq!(memory.held_kbytes, 0);
        let rekeying = with_rekeying(true, 512, 1, &[]).unwrap();
        assert_eq!(rekeying.held_kbytes, 64 * KIB);
        assert_eq!(memory.lanes - rekeying.lanes, 72 << 20);
    }

    #[test]
    fn no_more_is_shared_out_than_there_is() {
        for (mib, rekeys) in [65, 80, 100, 300, 512, 4096]
            .into_iter()
            .flat_map(|mib| [(mib, false), (mib, true)])
        {
            for workers in [1, 2, 3, 7, 64, 256] {
                let Ok(memory) = with_rekeying(rekeys, mib, workers, &[]) else {
                    let least = if rekeys { 21 } else { 9 };
                    assert!(mib < 42 + 10 + workers * least, "{mib} for {workers}");
                    continue;
                };
                assert!(total(&memory, workers) <= mib * MIB, "{memory:?}");
                assert!(memory.lanes as u64 >= LEAST_LANES, "{memory:?}");
            }
        }
    }

    #[test]
    fn what_the_user_wrote_counts() {
        let memory = shared_out(512, 1, &[(CONSUMER, "65536")]).unwrap();
        assert_eq!(memory.consumer_kbytes, 64 * KIB);
        assert!(total(&memory, 1) <= 512 * MIB);
        let why = shared_out(512, 4, &[(CONSUMER, "131072"), (FETCH, "1048577")]).unwrap_err();
        assert_eq!(
            why,
            "895MiB or more for the program, the queues of 4 workers with 'queued.max.messages.kbytes', \
             'fetch.max.bytes' as written in 'kafka.properties', and the lanes"
        );
        assert!(shared_out(512, 1, &[(PRODUCER, "99999999999999999")]).is_err());
    }

    /// What is expected is enough, and less is not.
    #[test]
    fn what_is_expected_is_taken() {
        let written: [&[(&str, &str)]; 4] = [
            &[],
            &[(CONSUMER, "131072")],
            &[(CONSUMER, "131072"), (FETCH, "1048577")],
            &[(PRODUCER, "1024")],
        ];
        for written in written {
            for workers in [1, 2, 4, 9, 256] {
                let why = shared_out(1, workers, written).unwrap_err();
                let (mib, _) = why.split_once("MiB").unwrap();
                let mib: u64 = mib.parse().unwrap();
                assert!(shared_out(mib, workers, written).is_ok(), "{why}");
                assert!(shared_out(mib - 1, workers, written).is_err(), "{why}");
            }
        }
    }
}
