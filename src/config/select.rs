//! The tables `[[filter]]` and `[[label]]`: every key, and what was written → selectors that may be trusted.
//!
//! Place in the flow: beside [`super::written`], for tables that can stand several times and cannot be
//! set by the environment. Like there, the list of keys below is the only one. It refuses a filter without a
//! condition, which would drop everything.

use config::{Map, Value, ValueKind};

use super::layers::Reader;
use super::value::Readable;
use super::written::{Field, Section};
use crate::model::Kind;
use crate::model::select::{Pattern, Selection, Selector};
use crate::model::settings::Kinds;

const PATTERNS: &str = "a list of patterns such as [\"/usr/lib/jvm/**/java\", \"java*\"]";

macro_rules! tables {
    ($( $(#[doc = $about:literal])* $name:literal { $( $(#[doc = $doc:literal])* $key:literal: $form:expr, )* } )*) => {
        /// The tables that can stand several times.
        pub const TABLES: &[Section] = &[ $( Section {
            name: $name,
            docs: &[$($about),*],
            fields: &[ $( Field {
                path: concat!($name, ".", $key),
                docs: &[$($doc),*],
                form: $form,
                default: "",
            }, )* ],
        }, )* ];
    };
}

tables! {
    /// Events that are not told. The table can stand several times. All conditions in it must hold; of a
    /// list, one. An event that is dropped is counted by the filter's name, and sessions, names and
    /// detections know it all the same. Alerts are never dropped, nor is an event that holds an indicator.
    ///
    /// Patterns: `*` and `?` stop at a slash, `**` does not; `[a-z]`, `{one,other}`.
    "filter" {
        /// The name under which dropped events are counted.
        "name": <String as Readable>::FORM,
        /// The kinds that it looks at, out of process, logon and audit. Without this: all three.
        "kind": <Vec<Kind> as Readable>::FORM,
        /// The key of the audit rule; `(null)` where there is none. A logon is joined from several
        /// events: it has no key and no record type, and never meets these two conditions.
        "key": PATTERNS,
        /// The type of one of the event's records: `"SERVICE_*"`.
        "type": PATTERNS,
        /// Who runs it (uid), or the account that it is about (acct): by name or number.
        "user": PATTERNS,
        /// Who logged on (auid): by name or number; `unset` for daemons. Of a logon: who switched.
        "login_user": PATTERNS,
        /// The program, with its path.
        "exe": PATTERNS,
    }

    /// Events that get a label, in the document's `metadata.labels`. The table can stand several times, also
    /// with the same name. Conditions are those of a filter.
    "label" {
        /// The label.
        "name": <String as Readable>::FORM,
        /// As in a filter.
        "kind": <Vec<Kind> as Readable>::FORM,
        /// As in a filter.
        "key": PATTERNS,
        /// As in a filter.
        "type": PATTERNS,
        /// As in a filter.
        "user": PATTERNS,
        /// As in a filter.
        "login_user": PATTERNS,
        /// As in a filter.
        "exe": PATTERNS,
    }
}

/// Reads all filters and labels; what is wrong with them goes into the reader's list.
pub(super) fn read(reader: &mut Reader<'_>) -> Selection {
    Selection {
        filters: selectors(reader, "filter"),
        labels: selectors(reader, "label"),
    }
}

fn selectors(reader: &mut Reader<'_>, list: &'static str) -> Vec<Selector> {
    let tables = reader.tables(list);
    let mut all = Vec::new();
    for table in &tables {
        if let ValueKind::Table(keys) = &table.kind {
            let mut one = One {
                reader,
                list,
                place: table.origin().unwrap_or_default().to_owned(),
                keys,
            };
            all.push(one.read());
        }
    }
    all
}

/// One table.
struct One<'t, 'r> {
    reader: &'t mut Reader<'r>,
    list: &'static str,
    place: String,
    keys: &'t Map<String, Value>,
}

impl One<'_, '_> {
    fn read(&mut self) -> Selector {
        let selector = Selector {
            name: self.name().into(),
            kinds: self.kinds(),
            keys: self.patterns("key"),
            types: self.patterns("type"),
            users: self.patterns("user"),
            login_users: self.patterns("login_user"),
            exes: self.patterns("exe"),
        };
        if self.keys.keys().all(|key| key == "name") {
            let what = format!("a [[{}]] without a condition", self.list);
            let expected = "one of kind, key, type, user, login_user, exe";
            self.reader.mistakes.add(&*self.place, what, expected);
        }
        selector
    }

    fn wrong(&mut self, value: &Value, what: &str, expected: &str) {
        let place = value.origin().unwrap_or(&self.place);
        self.reader.mistakes.add(place, what, expected);
    }

    fn name(&mut self) -> String {
        let Some(value) = self.keys.get("name") else {
            let what = format!("'{}.name' is missing", self.list);
            self.reader
                .mistakes
                .add(&*self.place, what, <String as Readable>::FORM);
            return String::new();
        };
        match <String as Readable>::read(value, false) {
            Ok(name) if !name.is_empty() => name,
            _ => {
                let what = format!("'{}.name' cannot be {}", self.list, shown(value));
                self.wrong(value, &what, <String as Readable>::FORM);
                String::new()
            }
        }
    }

    fn kinds(&mut self) -> Option<Kinds> {
        let value = self.keys.get("kind")?;
        let read = <Vec<Kind> as Readable>::read(value, false).ok();
        let fits = |kind: &Kind| matches!(kind, Kind::Process | Kind::Logon | Kind::Audit);
        match read.filter(|kinds| !kinds.is_empty() && kinds.iter().all(fits)) {
            Some(kinds) => Some(kinds.into_iter().collect()),
            None => {
                let what = format!("'{}.kind' cannot be {}", self.list, shown(value));
                let expected = "a list out of \"process\", \"logon\" and \"audit\"";
                self.wrong(value, &what, expected);
                None
            }
        }
    }

    fn patterns(&mut self, key: &str) -> Vec<Pattern> {
        let Some(value) = self.keys.get(key) else {
            return Vec::new();
        };
        let ValueKind::Array(items) = &value.kind else {
            let what = format!("'{}.{key}' cannot be {}", self.list, shown(value));
            self.wrong(value, &what, PATTERNS);
            return Vec::new();
        };
        if items.is_empty() {
            let what = format!("'{}.{key}' is empty", self.list);
            self.wrong(value, &what, PATTERNS);
        }
        let mut patterns = Vec::new();
        for item in items {
            let ValueKind::String(text) = &item.kind else {
                let what = format!("'{}.{key}' cannot have {}", self.list, shown(item));
                self.wrong(item, &what, PATTERNS);
                continue;
            };
            match Pattern::new(text) {
                Ok(pattern) => patterns.push(pattern),
                Err(error) => {
                    let what = format!("'{}.{key}' has {text:?}: {error}", self.list);
                    self.wrong(item, &what, PATTERNS);
                }
            }
        }
        patterns
    }
}

fn shown(value: &Value) -> String {
    match &value.kind {
        ValueKind::String(text) => format!("{:?}", text.chars().take(60).collect::<String>()),
        ValueKind::Table(_) => "a table".to_owned(),
        ValueKind::Array(items) => {
            let items: Vec<_> = items.iter().take(4).map(shown).collect();
            format!("[{}]", items.join(", "))
        }
        other => other.to_string(),
    }
}
