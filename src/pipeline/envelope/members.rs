//! Which members of a document carry a line, and which name the host: the table of shippers.
//!
//! | shipper | line | host |
//! |---|---|---|
//! | Filebeat, Elastic Agent, Logstash | `message`, `event.original` | `host.name`, `host` |
//! | auditbeat | `auditd.messages[]` | `host.name` |
//! | Fluent Bit, Docker's log | `log` | – |
//! | Fluentd | `message` | `hostname` |
//! | Vector | `message` | `host` |
//! | NXLog | `raw_event`, `Message` | `Hostname` |
//! | journald | `MESSAGE` with `_AUDIT_ID` | `_HOSTNAME` |
//! | Azure Log Analytics | `RawData`, `SyslogMessage`; `AuditdMessage` with `mssg_id` | `Computer` |
//! | auoms | `RecordText` | `Computer` |
//!
//! One pass over the members of a document. It refuses to know what a line says: of two members that
//! may carry one, the one in which `audit(` stands does.

use memchr::memmem;
use simd_json::prelude::*;
use simd_json::tape::{Array, Value};

/// The text of a line's member.
#[derive(Clone, Copy)]
pub enum Text<'t, 'i> {
    Plain(&'i str),
    /// journald writes what is not printable UTF-8 as a list of bytes.
    Numbers(Value<'t, 'i>),
}

impl Text<'_, '_> {
    pub fn has_line(&self) -> bool {
        match self {
            Text::Plain(text) => memmem::find(text.as_bytes(), b"audit(").is_some(),
            Text::Numbers(_) => false,
        }
    }
}

/// What journald says of an audit record beside its text.
#[derive(Clone, Copy, Default)]
pub struct Journal<'i> {
    pub id: Option<Number<'i>>,
    pub kind: Option<Number<'i>>,
    pub kind_name: Option<&'i str>,
    pub micros: Option<Number<'i>>,
}

impl Journal<'_> {
    pub fn is_audit(&self) -> bool {
        self.id.is_some()
    }
}

/// A number, which journald writes as text and some shippers as a number.
#[derive(Clone, Copy)]
pub enum Number<'i> {
    Text(&'i str),
    Value(u64),
}

impl Number<'_> {
    pub fn get(self) -> Option<u64> {
        match self {
            Number::Text(text) => text.parse().ok(),
            Number::Value(value) => Some(value),
        }
    }
}

/// The members of one document that are of use.
#[derive(Default)]
pub struct Members<'t, 'i> {
    host: Option<(u8, &'i str)>,
    line: Option<(u8, Text<'t, 'i>)>,
    messages: Option<Value<'t, 'i>>,
    records: Option<Value<'t, 'i>>,
    pub journal: Journal<'i>,
    row: Option<Value<'t, 'i>>,
    row_id: Option<&'i str>,
}

/// A row of Log Analytics' AuditLog: the stamp of an event, and its records.
pub struct Row<'t, 'i> {
    pub stamp: &'i str,
    pub records: Value<'t, 'i>,
}

impl<'t, 'i> Members<'t, 'i> {
    pub fn read(root: Value<'t, 'i>) -> Members<'t, 'i> {
        let mut members = Members::default();
        for (name, value) in root.as_object().iter().flat_map(|object| object.iter()) {
            members.take(name, value);
        }
        members
    }

    fn take(&mut self, name: &str, value: Value<'t, 'i>) {
        match name {
            "message" => self.take_line(0, value),
            "log" => self.take_line(1, value),
            "event" => value
                .get("original")
                .into_iter()
                .for_each(|original| self.take_line(2, original)),
            "RawData" => self.take_line(3, value),
            "RecordText" => self.take_line(4, value),
            "raw_event" => self.take_line(5, value),
            "Message" => self.take_line(6, value),
            "MESSAGE" => self.take_line(7, value),
            "SyslogMessage" => self.take_line(8, value),
            "auditd" => self.messages = value.get("messages").filter(|all| all.is_array()),
            "records" => self.records = Some(value).filter(|all| all.is_array()),
            "host" => {
                let name = value.get("name").or_else(|| value.get("hostname"));
                self.take_host(0, name.unwrap_or(value));
            }
            "hostname" => self.take_host(1, value),
            "Hostname" => self.take_host(2, value),
            "Computer" => self.take_host(3, value),
            "HostName" => self.take_host(4, value),
            "_HOSTNAME" => self.take_host(5, value),
            "_AUDIT_ID" => self.journal.id = number(value),
            "_AUDIT_TYPE" => self.journal.kind = number(value),
            "_AUDIT_TYPE_NAME" => self.journal.kind_name = value.into_string(),
            "_SOURCE_REALTIME_TIMESTAMP" => self.journal.micros = number(value),
            "AuditdMessage" => self.row = Some(value),
            "mssg_id" => self.row_id = value.into_string(),
            _ => {}
        }
    }

    fn take_host(&mut self, rank: u8, value: Value<'t, 'i>) {
        let Some(name) = value.into_string().filter(|name| !name.is_empty()) else {
            return;
        };
        if self.host.is_none_or(|(before, _)| rank < before) {
            self.host = Some((rank, name));
        }
    }

    fn take_line(&mut self, rank: u8, value: Value<'t, 'i>) {
        let text = match value.into_string() {
            Some(text) => Text::Plain(text),
            None if value.is_array() => Text::Numbers(value),
            None => return,
        };
        let better =
            self.line
                .is_none_or(|(before, held)| match (text.has_line(), held.has_line()) {
                    (true, false) => true,
                    (false, true) => false,
                    _ => rank < before,
                });
        if better {
            self.line = Some((rank, text));
        }
    }

    pub fn host(&self) -> Option<&'i str> {
        self.host.map(|(_, name)| name)
    }

    pub fn line(&self) -> Option<Text<'t, 'i>> {
        self.line.map(|(_, text)| text)
    }

    pub fn messages(&self) -> Option<Array<'t, 'i>> {
        self.messages.as_ref()?.as_array()
    }

    pub fn records(&self) -> Option<Array<'t, 'i>> {
        self.records.as_ref()?.as_array()
    }

    pub fn row(&self) -> Option<Row<'t, 'i>> {
        Some(Row {
            stamp: self.row_id?,
            records: self.row?,
        })
    }

    /// Holds documents and no line.
    pub fn is_holder(&self) -> bool {
        self.records.is_some() && self.line.is_none()
    }
}

fn number<'i>(value: Value<'_, 'i>) -> Option<Number<'i>> {
    match value.into_string() {
        Some(text) => Some(Number::Text(text)),
        None => value.as_u64().map(Number::Value),
    }
}
