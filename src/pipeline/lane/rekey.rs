//! Whose each line of a record is, where producers do not key: what a lane would say of it, told before any lane
//! has it.
//!
//! Place in the flow: before the lanes, between an input whose lines come in any partition and the topic that the
//! lanes read. A record whose lines are all of one host goes on as it came, byte for byte, so that the lane reads what
//! it would have read. One that holds lines of several is parted: each run of lines of one host goes on as text, and
//! what is no line is refused here, for its bytes may hold lines of others.
//!
//! It remembers nothing from record to record, so whoever reads a partition next goes on as the one before would
//! have. So it refuses to know that a carrier stands for a node (carriers.rs): a line without `node=` goes by its
//! carrier's name.

use std::ops::Range;

use crate::model::{Input, Reject, Settings};
use crate::pipeline::audit::line;
use crate::pipeline::envelope::{Line, Opener, begins_like_json};

/// What becomes of a record, or of a part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'r> {
    /// All of the record is of this host (empty: nobody says whose).
    Whole { host: &'r [u8] },
    /// Lines of one host, out of a record that has others.
    Lines { host: &'r [u8], text: &'r [u8] },
    /// What is no line, out of such a record.
    Refused {
        reject: Reject,
        host: &'r [u8],
        raw: &'r [u8],
    },
}

/// Counters since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub records: u64,
    pub lines: u64,
    /// Lines whose host neither they nor their carrier tell: the record's own key decided.
    pub unnamed: u64,
    /// Records that were parted.
    pub parted: u64,
}

/// Tells the hosts of records; keeps the memory that this needs.
pub struct Rekeyer {
    opener: Opener,
    default_host: Box<[u8]>,
    pieces: Pieces,
    counts: Counts,
}

/// The lines of one record, and what is none, with their hosts.
#[derive(Default)]
struct Pieces {
    bytes: Vec<u8>,
    all: Vec<Piece>,
}

struct Piece {
    host: Range<usize>,
    text: Range<usize>,
    reject: Option<Reject>,
}

impl Rekeyer {
    pub fn new(settings: &Settings) -> Rekeyer {
        let default_host = settings.default_host.as_deref().unwrap_or_default();
        Rekeyer {
            opener: Opener::new(settings.envelope.clone()),
            default_host: default_host.as_bytes().into(),
            pieces: Pieces::default(),
            counts: Counts::default(),
        }
    }

    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Hands out the parts of a record, in order; none where it holds nothing.
    pub fn part(&mut self, input: &Input<'_>, each: &mut dyn FnMut(Part<'_>)) {
        let Rekeyer {
            opener,
            default_host,
            pieces,
            counts,
        } = self;
        counts.records += 1;
        let last_resort = match default_host.is_empty() {
            true => input.key.unwrap_or_default(),
            false => default_host,
        };
        if opener.reads_lines()
            && let Some(record) = line::read_plain(input.value)
        {
            let named = record.node.or(input.host);
            counts.lines += 1;
            counts.unnamed += u64::from(named.is_none());
            let host = named.unwrap_or(last_resort);
            return each(Part::Whole { host });
        }
        pieces.clear();
        // A document with many bad lines is one thing to refuse.
        let mut refused = None;
        opener.open(input.value, &mut |line| match line {
            Ok(line) => {
                let named = node(&line).or(line.host).or(input.host);
                counts.lines += 1;
                counts.unnamed += u64::from(named.is_none());
                let (text, reject) = text_of(&line);
                pieces.push(named.unwrap_or(last_resort), text, reject);
            }
            Err((reject, raw)) => {
                let bytes = Some((raw.as_ptr() as usize, raw.len()));
                if std::mem::replace(&mut refused, bytes) != bytes {
                    pieces.push(input.host.unwrap_or(last_resort), raw, Some(reject));
                }
            }
        });
        match pieces.one_host() {
            Some(host) => each(Part::Whole { host }),
            None if pieces.all.is_empty() => {}
            None => {
                counts.parted += 1;
                pieces.hand_out(each);
            }
        }
    }
}

fn node<'a>(line: &Line<'a>) -> Option<&'a [u8]> {
    let record = line::read(line.text).ok()?;
    record.node.filter(|node| !node.is_empty())
}

/// What a lane shall read of a line whose record is parted: with its syslog head, which names the host, but without
/// the document around it. A text out of a document that would itself be read as one was never a line.
fn text_of<'a>(line: &Line<'a>) -> (&'a [u8], Option<Reject>) {
    let raw = line.raw.trim_ascii_end();
    if raw.ends_with(line.text.trim_ascii_end()) && !begins_like_json(raw) {
        (raw, None)
    } else {
        let reject = begins_like_json(line.text).then_some(Reject::NotAudit);
        (line.text, reject)
    }
}

impl Pieces {
    fn clear(&mut self) {
        self.bytes.clear();
        self.all.clear();
    }

    fn push(&mut self, host: &[u8], text: &[u8], reject: Option<Reject>) {
        let mut keep = |bytes: &[u8]| {
            let start = self.bytes.len();
            self.bytes.extend_from_slice(bytes);
            start..self.bytes.len()
        };
        let (host, text) = (keep(host), keep(text));
        self.all.push(Piece { host, text, reject });
    }

    fn host(&self, piece: &Piece) -> &[u8] {
        &self.bytes[piece.host.clone()]
    }

    /// The host of all, where it is one.
    fn one_host(&self) -> Option<&[u8]> {
        let (first, others) = self.all.split_first()?;
        let host = self.host(first);
        let is_one = others.iter().all(|piece| self.host(piece) == host);
        is_one.then_some(host)
    }

    /// Lines that follow each other and are of one host go together.
    fn hand_out(&self, each: &mut dyn FnMut(Part<'_>)) {
        let mut text = Vec::new();
        let together = |a: &Piece, b: &Piece| {
            self.host(a) == self.host(b) && (a.reject, b.reject) == (None, None)
        };
        for run in self.all.chunk_by(together) {
            let host = self.host(&run[0]);
            if let Some(reject) = run[0].reject {
                let raw = &self.bytes[run[0].text.clone()];
                each(Part::Refused { reject, host, raw });
                continue;
            }
            text.clear();
            for piece in run {
                if !text.is_empty() {
                    text.push(b'\n');
                }
                text.extend_from_slice(&self.bytes[piece.text.clone()]);
            }
            each(Part::Lines { host, text: &text });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Source;

    fn line(node: &str, serial: u64) -> String {
        let named = match node {
            "" => String::new(),
            node => format!("node={node} "),
        };
        format!("{named}type=CWD msg=audit(1700000000.000:{serial}): cwd=\"/\"")
    }

    /// What becomes of a record with the key `k`, one part a line, and its counts of lines, without a name, parted.
    fn parts(value: &str, header: Option<&str>) -> (Vec<String>, [u64; 3]) {
        let mut rekeyer = Rekeyer::new(&Settings::default());
        let mut all = Vec::new();
        let input = Input {
            source: Source::Audit,
            value: value.as_bytes(),
            key: Some(b"k"),
            host: header.map(str::as_bytes),
            offset: 7,
        };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        rekeyer.part(&input, &mut |part| {
            all.push(match part {
                Part::Whole { host } => format!("whole {}", text(host)),
                Part::Lines { host, text: lines } => format!("{}: {}", text(host), text(lines)),
                Part::Refused { reject, host, raw } => {
                    format!("refused {} {}: {}", reject.as_str(), text(host), text(raw))
                }
            });
        });
        let counts = rekeyer.counts();
        (all, [counts.lines, counts.unnamed, counts.parted])
    }

    #[test]
    fn a_record_of_one_host_goes_on_whole() {
        let node = line("web01", 1);
        assert_eq!(
            parts(&node, Some("h")),
            (vec!["whole web01".into()], [1, 0, 0])
        );
        let bare = line("", 1);
        assert_eq!(parts(&bare, Some("h")), (vec!["whole h".into()], [1, 0, 0]));
        assert_eq!(parts(&bare, None), (vec!["whole k".into()], [1, 1, 0]));
        let several = format!("{node}\r\n{}\n", line("web01", 2));
        assert_eq!(
            parts(&several, None),
            (vec!["whole web01".into()], [2, 0, 0])
        );
        let document = format!(
            r#"{{"host":{{"name":"db01"}},"message":{:?}}}"#,
            line("", 3)
        );
        assert_eq!(
            parts(&document, Some("h")),
            (vec!["whole db01".into()], [1, 0, 0])
        );
        // What the lane refuses goes to the lane.
        assert_eq!(
            parts("junk", Some("h")),
            (vec!["whole h".into()], [1, 0, 0])
        );
        assert_eq!(parts("{\"message\": ", None).0, ["whole k"]);
        assert_eq!(parts("\r\n", None), (vec![], [0, 0, 0]));
    }

    #[test]
    fn a_record_of_several_hosts_is_parted_in_order() {
        let (a1, a2, b, bare) = (line("a", 1), line("a", 2), line("b", 3), line("", 4));
        let (all, counts) = parts(&format!("{a1}\n{a2}\r\n{b}\n{a1}\n{bare}"), None);
        let expected = [
            format!("a: {a1}\n{a2}"),
            format!("b: {b}"),
            format!("a: {a1}"),
            format!("k: {bare}"),
        ];
        assert_eq!((all, counts), (expected.to_vec(), [5, 1, 1]));
    }

    #[test]
    fn a_syslog_head_goes_along_and_a_document_does_not() {
        let syslog = |host: &str| format!("<13>Nov 22 10:00:00 {host} audispd: {}", line("", 1));
        let (all, _) = parts(&format!("{}\n{}", syslog("a"), syslog("b")), None);
        assert_eq!(
            all,
            [format!("a: {}", syslog("a")), format!("b: {}", syslog("b"))]
        );
        let row = |host: &str| format!(r#"{{"Computer":"{host}","RawData":{:?}}}"#, line("", 1));
        let junk = r#"{"Computer":"c"}"#;
        let records = format!(r#"{{"records":[{},{junk},{}]}}"#, row("a"), row("b"));
        let (all, counts) = parts(&records, None);
        let bare = line("", 1);
        let expected = [
            format!("a: {bare}"),
            format!("refused no_line k: {records}"),
            format!("b: {bare}"),
        ];
        assert_eq!((all, counts), (expected.to_vec(), [2, 0, 1]));
    }

    #[test]
    fn a_text_within_a_document_is_never_read_as_one() {
        let row = |host: &str, text: &str| format!(r#"{{"Computer":"{host}","RawData":{text:?}}}"#);
        let inner = row("x", &line("", 1));
        let records = format!(
            r#"{{"records":[{},{}]}}"#,
            row("a", &inner),
            row("b", "junk")
        );
        let (all, _) = parts(&records, None);
        assert_eq!(
            all,
            [
                format!("refused not_audit a: {inner}"),
                "b: junk".to_owned()
            ]
        );
    }
}
