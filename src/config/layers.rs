//! The layers: built-in defaults, the TOML file, the environment, flags, merged by the `config` crate.
//!
//! Place in the flow: texts in, one merged tree out, in which each value knows where it was written.
//! Keys that do not exist are found here, for here the place of a key is known. It refuses to judge values.

use std::collections::BTreeMap;
use std::ffi::OsString;

use config::{Environment, Map, Source, Value, ValueKind};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::Mistakes;
use super::select::TABLES;
use super::value::Readable;
use super::written::{self, SECTIONS, Section};

/// What the `config` crate names as the origin of what it read from the environment.
const ENVIRONMENT: &str = "the environment";
/// Begins the names of environment variables that are ours.
const PREFIX: &str = "TRAILHOUND__";
const PROPERTIES: &str = "kafka.properties";

/// Whether a value of this origin can only be text.
pub(super) fn text_only(origin: Option<&str>) -> bool {
    origin.is_none_or(|origin| origin == ENVIRONMENT || origin.starts_with("--"))
}

/// A TOML text whose values carry their place.
#[derive(Clone, Debug)]
struct Document(Map<String, Value>);

impl Source for Document {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, config::ConfigError> {
        Ok(self.0.clone())
    }
}

/// The texts of all layers, to be merged.
pub(super) struct Layers<'a> {
    /// As the user named it.
    pub file: &'a str,
    pub toml: &'a str,
    pub environment: &'a BTreeMap<OsString, OsString>,
    /// Key, flag, value.
    pub flags: &'a [(&'static str, &'static str, String)],
}

/// The merged tree, read key by key.
pub(super) struct Reader<'a> {
    tree: Map<String, Value>,
    defaults: Map<String, Value>,
    file: &'a str,
    /// Where a section begins, for keys that are missing in it.
    sections: BTreeMap<String, String>,
    pub(super) mistakes: Mistakes,
}

impl<'a> Layers<'a> {
    pub(super) fn merge(self) -> Reader<'a> {
        let mut mistakes = Mistakes::default();
        let mut sections = BTreeMap::new();
        let file = Walk {
            file: self.file,
            text: self.toml,
            mistakes: &mut mistakes,
            sections: &mut sections,
        }
        .document();
        let environment = environment(self.environment, &mut mistakes);
        let defaults = defaults();
        let mut builder = config::Config::builder()
            .add_source(defaults.clone())
            .add_source(file)
            .add_source(environment);
        for (key, flag, value) in self.flags {
            let origin = (*flag).to_owned();
            let value = Value::new(Some(&origin), ValueKind::String(value.clone()));
            builder = builder.add_source(Document(Map::from_iter([((*key).to_owned(), value)])));
        }
        let tree = builder.build().map(|built| built.cache.kind);
        let tree = match tree {
            Ok(ValueKind::Table(tree)) => tree,
            Ok(_) => Map::new(),
            Err(error) => {
                mistakes.add(self.file, error.to_string(), "layers that can be merged");
                Map::new()
            }
        };
        Reader {
            tree,
            defaults: defaults.0,
            file: self.file,
            sections,
            mistakes,
        }
    }
}

impl Reader<'_> {
    /// Reads a key; where that is a mistake, its default stands in, so that no other check trips.
    pub(super) fn field<T: Readable>(&mut self, path: &str) -> T {
        let Some(value) = find(&self.tree, path) else {
            return T::default();
        };
        match T::read(value, text_only(value.origin())) {
            Ok(read) => read,
            Err(wrong) => {
                let what = format!("'{path}' cannot be {}", show(wrong, path));
                let place = self.place_of(path, wrong.origin());
                self.mistakes.add(place, what, T::FORM);
                find(&self.defaults, path)
                    .and_then(|value| T::read(value, false).ok())
                    .unwrap_or_default()
            }
        }
    }

    /// The tables of a list, as they were written.
    pub(super) fn tables(&self, list: &str) -> Vec<Value> {
        match self.tree.get(list).map(|value| &value.kind) {
            Some(ValueKind::Array(tables)) => tables.clone(),
            _ => Vec::new(),
        }
    }

    /// Where the value of a key was written; where it was not, the section that it is missing in.
    pub(super) fn place(&self, path: &str) -> String {
        let origin = find(&self.tree, path).and_then(Value::origin);
        self.place_of(path, origin)
    }

    pub(super) fn place_of(&self, path: &str, origin: Option<&str>) -> String {
        match origin {
            Some(ENVIRONMENT) => variable(path),
            Some(place) if !place.starts_with(DEFAULTS) => place.to_owned(),
            _ => path
                .rsplit_once('.')
                .and_then(|(section, _)| self.sections.get(section))
                .map_or(self.file, String::as_str)
                .to_owned(),
        }
    }
}

fn find<'t>(tree: &'t Map<String, Value>, path: &str) -> Option<&'t Value> {
    let mut parts = path.split('.');
    let mut value = tree.get(parts.next()?)?;
    for part in parts {
        match &value.kind {
            ValueKind::Table(table) => value = table.get(part)?,
            _ => return None,
        }
    }
    Some(value)
}

/// The environment variable that sets a key.
fn variable(path: &str) -> String {
    let (path, property) = match path.strip_prefix("kafka.properties.") {
        Some(property) => (PROPERTIES, Some(property)),
        None => (path, None),
    };
    let mut name = format!("{PREFIX}{}", path.replace('.', "__"));
    if let Some(property) = property {
        name.push_str("__");
        name.push_str(&property.replace('.', "_"));
    }
    format!("environment variable {}", name.to_uppercase())
}

const DEFAULTS: &str = "built-in defaults";

fn defaults() -> Document {
    let text: String = written::fields()
        .map(|field| format!("{} = {}\n", field.path, field.default))
        .collect();
    let mut mistakes = Mistakes::default();
    let document = Walk {
        file: DEFAULTS,
        text: &text,
        mistakes: &mut mistakes,
        sections: &mut BTreeMap::new(),
    }
    .document();
    debug_assert!(mistakes.into_result(()).is_ok());
    document
}

/// Keeps the variables that name a key; the others of our prefix are mistakes.
fn environment(variables: &BTreeMap<OsString, OsString>, mistakes: &mut Mistakes) -> Environment {
    let mut known = Map::new();
    for (name, value) in variables {
        let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else {
            continue;
        };
        let place = format!("environment variable {name}");
        let path = name[PREFIX.len()..].to_lowercase().replace("__", ".");
        let plain = path.split('.').all(|part| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        });
        let property = path
            .strip_prefix(PROPERTIES)
            .is_some_and(|rest| rest.len() > 1);
        let field =
            property || written::fields().any(|field| field.path == path && path != PROPERTIES);
        match value.to_str() {
            _ if !plain || !field => {
                let names = written::fields()
                    .map(|field| field.path)
                    .filter(|path| *path != PROPERTIES);
                let expected = match nearest(&path, names) {
                    Some(name) => format!("{PREFIX}{}", name.replace('.', "__").to_uppercase()),
                    None => format!("{PREFIX}SECTION__KEY of a key that exists"),
                };
                mistakes.add(place, "sets no key", expected);
            }
            None => mistakes.add(place, "is not UTF-8", "text"),
            Some(value) => {
                known.insert(name.to_owned(), value.to_owned());
            }
        }
    }
    Environment::with_prefix("TRAILHOUND")
        .prefix_separator("__")
        .separator("__")
        .source(Some(known))
}

/// The name that was probably meant.
fn nearest<'n>(wrong: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    names
        .map(|name| (strsim::damerau_levenshtein(wrong, name), name))
        .filter(|(distance, name)| *distance <= 1 + name.len() / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// What stands there, for a mistake. A property may be a secret.
fn show(value: &Value, path: &str) -> String {
    match &value.kind {
        ValueKind::Table(_) => "a table".to_owned(),
        ValueKind::Array(_) if path == PROPERTIES => "a list".to_owned(),
        ValueKind::Array(items) => {
            let items: Vec<_> = items.iter().take(4).map(|item| show(item, path)).collect();
            format!(
                "[{}{}]",
                items.join(", "),
                if items.len() == 4 { ", …" } else { "" }
            )
        }
        _ if path == PROPERTIES => "this value".to_owned(),
        ValueKind::String(text) => format!("{:?}", text.chars().take(60).collect::<String>()),
        other => other.to_string(),
    }
}

/// Walks one TOML text: checks the names, keeps the places.
struct Walk<'w> {
    file: &'w str,
    text: &'w str,
    mistakes: &'w mut Mistakes,
    sections: &'w mut BTreeMap<String, String>,
}

impl Walk<'_> {
    fn document(mut self) -> Document {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        for error in errors {
            let place = self.at(error.span().map_or(0, |span| span.start));
            let message = error
                .message()
                .lines()
                .next()
                .unwrap_or("invalid")
                .to_owned();
            self.mistakes
                .add(place, format!("invalid TOML: {message}"), "valid TOML");
        }
        let mut map = Map::new();
        for (key, value) in table.get_ref() {
            self.top(key, value, &mut map);
        }
        Document(map)
    }

    fn top(
        &mut self,
        key: &Spanned<std::borrow::Cow<'_, str>>,
        value: &Spanned<DeValue<'_>>,
        map: &mut Map<String, Value>,
    ) {
        let name = key.get_ref().as_ref();
        let place = self.at(key.span().start);
        let section = SECTIONS
            .iter()
            .find(|section| !name.is_empty() && section.name == name);
        if let Some(table) = TABLES.iter().find(|table| table.name == name) {
            let tables = self.tables(table, value, &place);
            map.insert(name.to_owned(), Value::new(Some(&place), tables));
            return;
        }
        let converted = match (section, value.get_ref()) {
            (Some(section), DeValue::Table(table)) => {
                self.sections.insert(name.to_owned(), place);
                let mut inner = Map::new();
                for (key, value) in table {
                    let path = format!("{name}.{}", key.get_ref());
                    if section.fields.iter().any(|field| field.path == path) {
                        inner.insert(key.get_ref().to_string(), self.value(value));
                    } else {
                        self.unknown(key, &path);
                    }
                }
                let origin = self.at(value.span().start);
                Value::new(Some(&origin), ValueKind::Table(inner))
            }
            (Some(_), other) => {
                self.sections.insert(name.to_owned(), place.clone());
                let what = format!("'{name}' is {}", article(other.type_str()));
                self.mistakes
                    .add(place, what, format!("the section [{name}]"));
                return;
            }
            (None, _) if written::fields().any(|field| field.path == name) => self.value(value),
            (None, _) => return self.unknown(key, name),
        };
        map.insert(name.to_owned(), converted);
    }

    /// Tables that stand several times: `[[filter]]`.
    fn tables(&mut self, table: &Section, value: &Spanned<DeValue<'_>>, place: &str) -> ValueKind {
        let (name, mut all) = (table.name, Vec::new());
        let items: Vec<_> = match value.get_ref() {
            DeValue::Array(items) => items.iter().collect(),
            _ => Vec::new(),
        };
        let tables = items.iter().filter_map(|item| match item.get_ref() {
            DeValue::Table(keys) => Some((item, keys)),
            _ => None,
        });
        for (item, keys) in tables {
            let mut inner = Map::new();
            for (key, value) in keys {
                let path = format!("{name}.{}", key.get_ref());
                if table.fields.iter().any(|field| field.path == path) {
                    inner.insert(key.get_ref().to_string(), self.value(value));
                } else {
                    let paths = table.fields.iter().map(|field| field.path);
                    let expected = match nearest(&path, paths) {
                        Some(meant) => format!("a key that exists; did you mean '{meant}'?"),
                        None => format!("one of {}", keys_of(table).join(", ")),
                    };
                    let place = self.at(key.span().start);
                    self.mistakes
                        .add(place, format!("unknown key '{path}'"), expected);
                }
            }
            let origin = self.at(item.span().start);
            all.push(Value::new(Some(&origin), ValueKind::Table(inner)));
        }
        if all.len() < items.len() || !matches!(value.get_ref(), DeValue::Array(_)) {
            let what = format!("'{name}' is {}", article(value.get_ref().type_str()));
            self.mistakes
                .add(place, what, format!("tables, each begun by [[{name}]]"));
        }
        ValueKind::Array(all)
    }

    fn unknown(&mut self, key: &Spanned<std::borrow::Cow<'_, str>>, path: &str) {
        let place = self.at(key.span().start);
        let sections = SECTIONS
            .iter()
            .chain(TABLES)
            .map(|section| section.name)
            .filter(|name| !name.is_empty());
        let names = || written::fields().map(|field| field.path);
        let last = |path: &str| path.rsplit('.').next().map(str::to_owned);
        let meant = nearest(path, names().chain(sections))
            .or_else(|| names().find(|name| last(name) == last(path)));
        let expected = match (meant, path.split_once('.')) {
            (Some(name), _) => format!("a key that exists; did you mean '{name}'?"),
            (None, Some((section, _))) => {
                let known = SECTIONS.iter().find(|known| known.name == section);
                format!(
                    "one of {}",
                    known.map(keys_of).unwrap_or_default().join(", ")
                )
            }
            (None, None) => {
                let names: Vec<_> = SECTIONS
                    .iter()
                    .map(|section| section.name)
                    .filter(|n| !n.is_empty())
                    .collect();
                format!(
                    "workers, delivery, or one of the sections {}",
                    names.join(", ")
                )
            }
        };
        self.mistakes
            .add(place, format!("unknown key '{path}'"), expected);
    }

    fn value(&mut self, value: &Spanned<DeValue<'_>>) -> Value {
        let origin = self.at(value.span().start);
        let kind = match value.get_ref() {
            DeValue::String(text) => ValueKind::String(text.to_string()),
            DeValue::Boolean(truth) => ValueKind::Boolean(*truth),
            DeValue::Integer(number) => {
                match i64::from_str_radix(number.as_str(), number.radix()) {
                    Ok(number) => ValueKind::I64(number),
                    Err(_) => ValueKind::Nil,
                }
            }
            DeValue::Float(number) => match number.as_str().parse() {
                Ok(number) => ValueKind::Float(number),
                Err(_) => ValueKind::Nil,
            },
            DeValue::Datetime(_) => ValueKind::Nil,
            DeValue::Array(items) => {
                ValueKind::Array(items.iter().map(|item| self.value(item)).collect())
            }
            DeValue::Table(table) => ValueKind::Table(
                table
                    .iter()
                    .map(|(key, value)| (key.get_ref().to_string(), self.value(value)))
                    .collect(),
            ),
        };
        Value::new(Some(&origin), kind)
    }

    fn at(&self, offset: usize) -> String {
        place(self.file, self.text, offset)
    }
}

/// `FILE:LINE:COLUMN` of a byte of a text.
pub(super) fn place(file: &str, text: &str, offset: usize) -> String {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let column = before
        .rsplit('\n')
        .next()
        .unwrap_or_default()
        .chars()
        .count()
        + 1;
    format!("{file}:{line}:{column}")
}

fn keys_of(section: &Section) -> Vec<&'static str> {
    let fields = section.fields.iter();
    fields
        .filter_map(|field| field.path.rsplit('.').next())
        .collect()
}

fn article(kind: &str) -> String {
    let vowel = kind.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {kind}", if vowel { "an" } else { "a" })
}
