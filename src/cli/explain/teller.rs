//! Puts the steps of the lane into words, line by line and event by event.
//!
//! Place in the flow: steps in, text out. It remembers of each open event how many records came and what
//! its system call was, and forgets that when the event goes.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::ops::Range;

use super::envelope::Envelope;
use super::{event, line, mark, told};
use crate::cli::paint::{Paint, short, visible};
use crate::model::alert::host_in_words;
use crate::model::{OutputKind, Outputs, Reject, Schema, Stamp};
use crate::pipeline::audit::event::Event;
use crate::pipeline::audit::interpret::Call;
use crate::pipeline::audit::line::{Record, locate};
use crate::pipeline::lane::trace::Step;

/// More of a line is not shown; its fields follow anyway.
const LONGEST: usize = 200;

/// The lane holds no more open events than this.
const MOST_OPEN: usize = 20_000;

enum Item {
    Text(String),
    /// Outputs by their places.
    Told(Range<usize>),
}

/// What the envelope said of the line whose records come.
#[derive(Default)]
struct Carried {
    host: Option<Vec<u8>>,
    text: Vec<u8>,
    /// Where it came, with its carrier: a refusal of these very bytes is of this line.
    raw: (usize, usize),
    /// How many records came out of it.
    records: usize,
}

#[derive(Default)]
struct Open {
    records: usize,
    call: Call,
    /// What came under its carrier's name may be of this event too; the lane says so when it goes.
    may_have_more: bool,
}

pub(super) struct Teller {
    paint: Paint,
    schema: Schema,
    default_host: Option<String>,
    envelope: Envelope,
    carried: Carried,
    items: Vec<Item>,
    open: BTreeMap<(String, Stamp), Open>,
    ended: bool,
}

impl Teller {
    pub(super) fn new(paint: Paint, schema: Schema, default_host: Option<String>) -> Teller {
        Teller {
            paint,
            schema,
            default_host,
            envelope: Envelope::default(),
            carried: Carried::default(),
            items: Vec::new(),
            open: BTreeMap::new(),
            ended: false,
        }
    }

    /// The next input record.
    pub(super) fn begin(&mut self, number: i64, value: &[u8]) {
        self.envelope = Envelope::of(value);
        self.carried = Carried::default();
        let head = self.paint.bold(&format!("line {number}"));
        self.say(format!("{head}\n    | {}\n", short(value, LONGEST)));
    }

    /// The input has ended.
    pub(super) fn begin_end(&mut self) {
        self.ended = true;
        let head = self.paint.bold("end of the input");
        self.say(format!("{head}\n"));
    }

    pub(super) fn step(&mut self, step: Step<'_>) {
        match step {
            Step::Line(line) => {
                self.carried = Carried {
                    host: line.host.map(<[u8]>::to_vec),
                    text: line.text.to_vec(),
                    raw: span(line.raw),
                    records: 0,
                };
            }
            Step::Record { record, host, late } => self.record(record, host, late),
            Step::Refused { reject, raw } => self.refused(reject, raw),
            Step::Event {
                host,
                event,
                cut,
                told,
            } => {
                let open = self.open.remove(&(host.to_owned(), event.stamp));
                let head = format!("event {} of {}", event.stamp, named(host));
                let mut text = format!("{}\n", self.paint.bold(&head));
                self.push(
                    &mut text,
                    "records",
                    &types(event.records().map(|(_, name, _)| name)),
                );
                if let Some(said) = self.taken_over(event, open.unwrap_or_default()) {
                    self.push(&mut text, "hosts", &said);
                }
                self.push(&mut text, "why", &event::why(event, cut, self.ended));
                self.say(text);
                self.items.push(Item::Told(told));
            }
        }
    }

    fn record(&mut self, record: &Record<'_>, host: &str, late: bool) {
        let mut text = String::new();
        self.carry(&mut text);
        let why = self.why_host(record, host);
        self.push(&mut text, "host", &format!("{}, {why}", named(host)));
        let of = (host.to_owned(), record.stamp);
        let mut open = self.open.remove(&of).unwrap_or_default();
        open.records += 1;
        open.may_have_more |= self.carrier_has(host, record.stamp);
        let is_call = matches!(record.kind.name(), Some("SYSCALL" | "SECCOMP" | "URINGOP"));
        if is_call {
            open.call = Call::read(record.body);
        }
        text += &line::describe(record, open.call, self.paint);
        let place = match late {
            true => "which has gone out".to_owned(),
            false => self.place(&open),
        };
        if !late {
            self.open.insert(of, open);
        }
        // An event that another host took over does not go out under the name that it began with.
        if self.open.len() > MOST_OPEN {
            self.open.pop_first();
        }
        self.push(&mut text, "event", &format!("{}, {place}", record.stamp));
        self.say(text);
    }

    /// The place of a record in its event.
    fn place(&self, open: &Open) -> String {
        match open.records {
            1 if open.may_have_more => format!(
                "begun by this record, or by those of {} with this stamp",
                named(&self.carrier())
            ),
            _ if open.may_have_more => "one more record of it".to_owned(),
            1 => "begun by this record".to_owned(),
            n => format!("record {n} of it"),
        }
    }

    /// The envelope of the line whose record or refusal comes.
    fn carry(&mut self, text: &mut String) {
        self.carried.records += 1;
        if self.carried.records > 1 {
            let said = "none: it stands behind another record, on one line with it";
            return self.push(text, "envelope", said);
        }
        let line = &self.carried.text;
        self.push(text, "envelope", &self.envelope.around(line));
        if let Some(line) = self.envelope.line(line, LONGEST) {
            self.push(text, "line", &line);
        }
    }

    /// The name that this line's host has where no node= gives another.
    fn carrier(&self) -> String {
        match &self.carried.host {
            Some(host) => String::from_utf8_lossy(host).into_owned(),
            None => self.default_host.clone().unwrap_or_default(),
        }
    }

    fn carrier_has(&self, host: &str, stamp: Stamp) -> bool {
        let carrier = self.carrier();
        carrier != host && self.open.contains_key(&(carrier, stamp))
    }

    /// Of an event that holds more than came under its host's name: where the rest came.
    fn taken_over(&mut self, event: &Event, open: Open) -> Option<String> {
        let rest = event.records().count().checked_sub(open.records)?;
        let mut all = self.open.iter().filter(|_| open.may_have_more);
        let is_it =
            |(of, open): &(&(String, Stamp), &Open)| of.1 == event.stamp && open.records == rest;
        let of = all.find(is_it)?.0.clone();
        self.open.remove(&of);
        Some(format!(
            "{rest} of them came as records of {}, which is this host by another name",
            named(&of.0)
        ))
    }

    /// Which word named the host; the lane has decided by it.
    fn why_host(&self, record: &Record<'_>, host: &str) -> String {
        let is = |name: &[u8]| String::from_utf8_lossy(name) == host;
        let carried = self.carried.host.as_deref();
        if record.node.is_some_and(is) {
            "by node= in the line".to_owned()
        } else if carried.is_some_and(is) {
            self.envelope.host(host, &self.carried.text)
        } else if self.default_host.as_deref() == Some(host) {
            "by --host".to_owned()
        } else if host.is_empty() {
            "for nothing names one; --host can".to_owned()
        } else {
            "by other lines of its carrier".to_owned()
        }
    }

    fn refused(&mut self, reject: Reject, raw: &[u8]) {
        let mut text = String::new();
        let is_of_line = !matches!(reject, Reject::BadJson | Reject::NoLine)
            && self.carried.raw == span(raw)
            && !self.carried.text.is_empty();
        // A late record has said it already.
        if is_of_line && reject != Reject::Late {
            self.carry(&mut text);
        }
        let said = format!("{}: {}", reject.as_str(), reject.explain());
        let said = self.paint.red(&said);
        self.push(&mut text, "refused", &said);
        match reject {
            Reject::NotAudit | Reject::BadStamp if is_of_line => {
                if let Some((offset, expected)) = locate(&self.carried.text) {
                    text += &mark::at(&self.carried.text, offset, expected, self.paint);
                }
            }
            Reject::BadJson => {
                if let Some(offset) = broken_json(raw) {
                    text += &mark::at(raw, offset, "valid JSON", self.paint);
                }
            }
            Reject::Late => {
                let why = "the event was told without it; it is a dead letter";
                self.push(&mut text, "late", why);
            }
            _ => {}
        }
        self.say(text);
    }

    /// Writes what was said, with the outputs in their places.
    pub(super) fn end(&mut self, out: &Outputs, to: &mut impl Write) -> io::Result<()> {
        let mut next = 0;
        if self.items.len() == 1 && out.is_empty() && !self.ended {
            let mut text = String::new();
            let said = "no line in it: the names of columns, or an empty list";
            self.push(&mut text, "nothing", said);
            self.say(text);
        }
        for item in std::mem::take(&mut self.items) {
            match item {
                Item::Text(text) => to.write_all(text.as_bytes())?,
                Item::Told(told) => {
                    next = told.end;
                    self.told(out, told, to)?;
                }
            }
        }
        self.told(out, next..out.len(), to)?;
        writeln!(to)
    }

    fn told(&self, out: &Outputs, told: Range<usize>, to: &mut impl Write) -> io::Result<()> {
        let mut text = String::new();
        for output in out.iter().skip(told.start).take(told.len()) {
            if let OutputKind::Event(kind) = output.kind {
                let said = format!(
                    "{} {}",
                    kind.as_str(),
                    told::summary(output.value, self.schema)
                );
                self.push(&mut text, "told", &said);
            }
        }
        to.write_all(text.as_bytes())
    }

    fn push(&self, text: &mut String, what: &str, said: &str) {
        line::push(text, what, said, self.paint);
    }

    fn say(&mut self, text: String) {
        self.items.push(Item::Text(text));
    }
}

fn span(bytes: &[u8]) -> (usize, usize) {
    (bytes.as_ptr() as usize, bytes.len())
}

fn named(host: &str) -> String {
    visible(host_in_words(host).as_bytes())
}

/// `SYSCALL, EXECVE, CWD, 2 PATH`
fn types<'n>(names: impl Iterator<Item = &'n [u8]>) -> String {
    let mut counted: Vec<(&[u8], usize)> = Vec::new();
    for name in names {
        match counted.iter_mut().find(|(known, _)| *known == name) {
            Some((_, count)) => *count += 1,
            None => counted.push((name, 1)),
        }
    }
    let shown = counted.iter().map(|(name, count)| match count {
        1 => short(name, 64),
        many => format!("{many} {}", short(name, 64)),
    });
    shown.collect::<Vec<_>>().join(", ")
}

/// Where a JSON text breaks, by a reader that tells places.
fn broken_json(raw: &[u8]) -> Option<usize> {
    let error = serde_json::from_slice::<serde::de::IgnoredAny>(raw).err()?;
    let mut lines = raw.split_inclusive(|b| *b == b'\n');
    let before: usize = lines
        .by_ref()
        .take(error.line().saturating_sub(1))
        .map(<[u8]>::len)
        .sum();
    Some(before + error.column().saturating_sub(1))
}
