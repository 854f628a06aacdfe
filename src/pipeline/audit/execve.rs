//! Exact arguments from EXECVE records.
//!
//! The kernel (kernel/auditsc.c, audit_log_execve_info) writes `argc=N a0="…" a1=…`, and where a
//! record is full goes on in another of the same event. A long argument is `a1_len=LEN a1[0]=…
//! a1[1]=…`, where LEN is the length as printed (twice the bytes when in hex). Nothing else is a
//! source of arguments: PROCTITLE is cut and can be stale.

use std::collections::BTreeMap;

use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;
use serde::{Deserialize, Serialize};

use crate::model::Within;

use super::arguments;
use super::fields::{Field, Fields, Raw};

/// What one field of an EXECVE record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Name {
    Count,
    /// `a3=`: part 0; `a3[2]=`: part 2.
    Part(u32, u32),
    /// `a3_len=`
    Length(u32),
}

fn read_name(key: &[u8]) -> Option<Name> {
    if key == b"argc" {
        return Some(Name::Count);
    }
    let (arg, rest) = read_index(key.strip_prefix(b"a")?)?;
    match rest {
        b"" => Some(Name::Part(arg, 0)),
        b"_len" => Some(Name::Length(arg)),
        _ => {
            let (part, rest) = read_index(rest.strip_prefix(b"[")?)?;
            (rest == b"]").then_some(Name::Part(arg, part))
        }
    }
}

fn read_index(text: &[u8]) -> Option<(u32, &[u8])> {
    let digits = text.iter().take_while(|b| b.is_ascii_digit()).count();
    if digits == 0 || digits > 9 {
        return None;
    }
    let value = text[..digits]
        .iter()
        .fold(0, |value, b| value * 10 + (b - b'0') as u32);
    Some((value, &text[digits..]))
}

/// The arguments, and how many were promised and did not come, or not to their last byte.
#[derive(Clone, Copy, Debug)]
pub struct Arguments<'b> {
    pub list: &'b [&'b [u8]],
    /// All of them with one space between, where they stand so in memory.
    pub joined: Option<Within<'b>>,
    pub missing: u32,
}

/// Where a field stands within its argument: `a1=`, `a1_len=`, `a1[0]=`, `a1[1]=`, …
const PLAIN: u32 = 0;
const LENGTH: u32 = 1;
const FIRST_PART: u32 = 2;

/// A field of an argument: its number, its place, its value.
type Piece<'b> = (u32, u32, Raw<'b>);

/// Puts the arguments together from the bodies of an event's EXECVE records, in any order.
pub fn assemble<'b>(
    bodies: impl Iterator<Item = &'b [u8]> + Clone,
    bump: &'b Bump,
) -> Arguments<'b> {
    let mut all = bodies.clone();
    if let (Some(body), None) = (all.next(), all.next())
        && let Some(arguments) = arguments::in_order(body, bump)
    {
        return arguments;
    }
    piece_by_piece(bodies, bump)
}

fn piece_by_piece<'b>(bodies: impl Iterator<Item = &'b [u8]>, bump: &'b Bump) -> Arguments<'b> {
    let mut promised = 0u32;
    let mut pieces: BumpVec<'b, Piece<'b>> = BumpVec::new_in(bump);
    let mut sorted = true;
    for body in bodies {
        for Field { key, raw, .. } in Fields::new(body) {
            let (arg, place) = match read_name(key) {
                Some(Name::Count) => {
                    promised = promised.max(raw.number().unwrap_or(0));
                    continue;
                }
                Some(Name::Part(arg, _)) if !key.ends_with(b"]") => (arg, PLAIN),
                Some(Name::Part(arg, part)) => (arg, FIRST_PART + part),
                Some(Name::Length(arg)) => (arg, LENGTH),
                None => continue,
            };
            sorted &= pieces.last().is_none_or(|&(a, p, _)| (a, p) < (arg, place));
            pieces.push((arg, place, raw));
        }
    }
    if !sorted {
        pieces.sort_by_key(|&(arg, place, _)| (arg, place));
    }
    let mut list = BumpVec::with_capacity_in(pieces.len(), bump);
    let mut whole = 0u32;
    for pieces in pieces.chunk_by(|a, b| a.0 == b.0) {
        match pieces {
            [(_, PLAIN, raw)] => {
                list.push(raw.decode(bump));
                whole += 1;
            }
            // All that came is its length.
            [(_, LENGTH, _)] => {}
            pieces => {
                list.push(join(pieces, bump));
                whole += is_whole(pieces) as u32;
            }
        }
    }
    Arguments {
        missing: promised.saturating_sub(whole),
        list: list.into_bump_slice(),
        joined: None,
    }
}

fn join<'b>(pieces: &[Piece<'b>], bump: &'b Bump) -> &'b [u8] {
    let mut whole = BumpVec::new_in(bump);
    for (_, _, raw) in pieces.iter().filter(|(_, place, _)| *place != LENGTH) {
        whole.extend_from_slice(raw.decode(bump));
    }
    whole.into_bump_slice()
}

/// Whether an argument in parts has each of them, to the length that was promised.
fn is_whole(pieces: &[Piece<'_>]) -> bool {
    let [(_, LENGTH, length), parts @ ..] = pieces else {
        // `a1=` written twice is as whole as once.
        return pieces.iter().any(|(_, place, _)| *place == PLAIN);
    };
    let in_a_row = (FIRST_PART..).zip(parts).all(|(n, part)| part.1 == n);
    let printed: usize = parts.iter().map(|(_, _, raw)| raw.text().len()).sum();
    in_a_row
        && length
            .number()
            .is_some_and(|length: usize| printed >= length)
}

/// What an event's EXECVE records have brought so far, counted record by record: an event of very many
/// records must not be read anew for each.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    promised: Option<u64>,
    /// Arguments that are there to their last byte.
    whole: u64,
    /// Of arguments in parts: bytes printed so far, and bytes promised.
    parts: BTreeMap<u32, (u64, Option<u64>)>,
}

impl Tally {
    /// Counts one more record.
    pub fn add(&mut self, body: &[u8]) {
        if *self == Tally::default()
            && let Some(argc) = one_record_is_complete(body)
        {
            self.promised = Some(argc);
            self.whole = argc;
            return;
        }
        for Field { key, raw, .. } in Fields::new(body) {
            match read_name(key) {
                Some(Name::Count) => self.promised = raw.number(),
                Some(Name::Part(arg, _)) if key.ends_with(b"]") => {
                    self.part(arg, raw.text().len() as u64, None);
                }
                Some(Name::Part(..)) => self.whole += 1,
                Some(Name::Length(arg)) => self.part(arg, 0, raw.number()),
                None => {}
            }
        }
    }

    /// Every argument that `argc` promises is there.
    pub fn is_complete(&self) -> bool {
        self.promised.is_some_and(|promised| self.whole >= promised)
    }

    fn part(&mut self, arg: u32, bytes: u64, promised: Option<u64>) {
        let whole = |(have, want): (u64, Option<u64>)| want.is_some_and(|want| have >= want);
        let entry = self.parts.entry(arg).or_default();
        let before = whole(*entry);
        entry.0 = entry.0.saturating_add(bytes);
        entry.1 = promised.or(entry.1);
        self.whole += (!before && whole(*entry)) as u64;
    }
}

/// The common case without a look at each argument: one record whose last field is the last of
/// `argc`; gives `argc`. `None`: it is not that simple.
fn one_record_is_complete(body: &[u8]) -> Option<u64> {
    let rest = body.strip_prefix(b"argc=")?;
    let (argc, _) = read_index(rest)?;
    // A value holds no space: the kernel would have written it in hex.
    let last = memchr::memrchr(b' ', body)? + 1;
    let end = memchr::memchr(b'=', &body[last..])?;
    match read_name(&body[last..last + end])? {
        Name::Part(arg, 0) if !body[last..last + end].ends_with(b"]") && arg + 1 == argc => {
            Some(argc.into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn argv(bodies: &[&[u8]]) -> (Vec<Vec<u8>>, u32, bool) {
        let bump = Bump::new();
        let arguments = assemble(bodies.iter().copied(), &bump);
        let list = arguments.list.iter().map(|arg| arg.to_vec()).collect();
        {
            let mut tally = Tally::default();
            bodies.iter().for_each(|body| tally.add(body));
            (list, arguments.missing, tally.is_complete())
        }
    }

    fn texts(list: &[Vec<u8>]) -> Vec<&str> {
        list.iter()
            .map(|arg| std::str::from_utf8(arg).unwrap())
            .collect()
    }

    #[test]
    fn quoted_hex_and_empty_arguments() {
        let (list, missing, complete) =
            argv(&[b"argc=4 a0=\"sh\" a1=\"\" a2=6120622063 a3=\"DEADBEEF\""]);
        assert_eq!(texts(&list), ["sh", "", "a b c", "DEADBEEF"]);
        assert_eq!((missing, complete), (0, true));
    }

    #[test]
    fn an_argument_in_chunks_over_records_in_any_order() {
        let first = b"argc=3 a0=\"echo\" a1_len=8 a1[0]=6120".as_slice();
        let second = b" a1[1]=6263 a2=\"end\"".as_slice();
        for bodies in [[first, second], [second, first]] {
            let (list, missing, complete) = argv(&bodies);
            assert_eq!(texts(&list), ["echo", "a bc", "end"]);
            assert_eq!((missing, complete), (0, true));
        }
        assert!(!argv(&[first]).2);
        // The second part of one, and all of the other.
        assert_eq!(argv(&[first]).1, 2);
    }

    #[test]
    fn an_argument_that_lost_a_part_is_missing() {
        for lost in [
            &b"argc=2 a0=\"x\" a1_len=10 a1[0]=3031 a1[2]=3334"[..],
            b"argc=2 a0=\"x\" a1_len=10 a1[1]=323334",
            b"argc=2 a0=\"x\" a1_len=10 a1[0]=3031",
            b"argc=2 a0=\"x\" a1_len=10",
            b"argc=2 a0=\"x\" a1[0]=3031 a1[1]=323334",
        ] {
            let (_, missing, complete) = argv(&[lost]);
            assert_eq!(missing, 1, "{}", String::from_utf8_lossy(lost));
            assert!(!complete);
        }
    }

    #[test]
    fn one_long_argument_that_just_fits_is_quoted() {
        let (list, _, complete) = argv(&[b"argc=2 a0=\"x\" a1_len=3 a1[0]=\"abc\""]);
        assert_eq!(texts(&list), ["x", "abc"]);
        assert!(complete);
    }

    #[test]
    fn a_count_without_its_arguments_allocates_nothing() {
        let (list, missing, complete) = argv(&[b"argc=4000000000 a0=\"x\" a999999999=\"y\""]);
        assert_eq!(list.len(), 2);
        assert_eq!(missing, 4_000_000_000 - 2);
        assert!(!complete);
    }

    proptest! {
        /// Whatever a record holds: both ways say the same.
        #[test]
        fn in_order_and_piece_by_piece_say_the_same(
            count in "[0-9]{1,9}|-1",
            values in prop::collection::vec("\"[ -!#-~]{0,40}\"|([0-9A-F]{2}){1,30}|[0-9A-Fa-f]{0,33}|\\PC{0,9}", 0..13),
            odd in prop::option::of((0usize..13, "a[0-9]{1,3}=\"x\"| +|\x1d|a1_len=4|a1\\[0\\]=4142|argc=7")),
        ) {
            let mut fields = vec![format!("argc={count}")];
            fields.extend(values.iter().enumerate().map(|(i, value)| format!("a{i}={value}")));
            if let Some((at, text)) = odd {
                fields.insert(at.min(fields.len()), text);
            }
            let (body, bump) = (fields.join(" "), Bump::new());
            let bodies = std::iter::once(body.as_bytes());
            let (read, pieces) = (assemble(bodies.clone(), &bump), piece_by_piece(bodies, &bump));
            prop_assert_eq!((read.list, read.missing), (pieces.list, pieces.missing));
            if let Some(joined) = read.joined {
                prop_assert_eq!(joined.text().to_vec(), read.list.join(&b' '));
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bodies: Vec<Vec<u8>>) {
            let bodies: Vec<_> = bodies.iter().map(Vec::as_slice).collect();
            argv(&bodies);
        }

        /// Arguments written as the kernel writes them, cut into records anywhere, come back exactly.
        #[test]
        fn arguments_survive_any_cut(
            args in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..60), 1..8),
            chunk in 1usize..20, per_record in 1usize..6, seed: u64,
        ) {
            let mut fields = Vec::new();
            for (i, arg) in args.iter().enumerate() {
                let plain = arg.iter().all(|b| (0x21..0x7f).contains(b) && *b != b'"');
                if plain && arg.len() <= chunk {
                    fields.push(format!("a{i}=\"{}\"", String::from_utf8_lossy(arg)));
                } else if arg.len() <= chunk {
                    fields.push(format!("a{i}={}", hex::encode_upper(arg)));
                } else {
                    for (j, part) in arg.chunks(chunk).enumerate() {
                        let length = if j == 0 { format!("a{i}_len={} ", arg.len() * 2) } else { String::new() };
                        fields.push(format!("{length}a{i}[{j}]={}", hex::encode_upper(part)));
                    }
                }
            }
            let mut records: Vec<String> = fields.chunks(per_record).map(|f| f.join(" ")).collect();
            records[0] = format!("argc={} {}", args.len(), records[0]);
            let by = seed as usize % records.len();
            records.rotate_left(by);
            let bodies: Vec<_> = records.iter().map(|r| r.as_bytes()).collect();
            let (list, missing, complete) = argv(&bodies);
            prop_assert_eq!(list, args);
            prop_assert_eq!((missing, complete), (0, true));
        }
    }
}
