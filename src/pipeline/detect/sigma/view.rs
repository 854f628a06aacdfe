//! Events as Sigma rules see them: the one table of what a rule's field is here.
//!
//! Place in the flow: between the model and the engine. Names of categories are Sigma's own (`Image`,
//! `CommandLine`, `TargetFilename`, …), those of `service: auditd` are the records'. A field that is not in the
//! table is absent. Values are borrowed where they are text.

use std::borrow::Cow;

use rsigma_eval::{Event, EventValue};
use serde_json::Value;

use crate::model::Process;
use crate::model::activity::{FileAction, FileActivity, NetworkAction, NetworkActivity};
use crate::model::audit::{AuditEvent, AuditRecord};
use crate::model::process::Account;

type Field<'v> = Option<EventValue<'v>>;

/// Nearly all text is sound, which is seen much faster than where it is not.
fn lossy(text: &[u8]) -> Cow<'_, str> {
    str::from_utf8(text).map_or_else(|_| String::from_utf8_lossy(text), Cow::Borrowed)
}

fn bytes(text: &[u8]) -> EventValue<'_> {
    EventValue::Str(lossy(text))
}

fn maybe(text: Option<&[u8]>) -> Field<'_> {
    text.map(bytes)
}

fn number(number: impl Into<i64>) -> EventValue<'static> {
    EventValue::Int(number.into())
}

fn word(word: &str) -> EventValue<'_> {
    EventValue::Str(Cow::Borrowed(word))
}

fn user<'v>(who: &Account<'v>) -> Field<'v> {
    match (who.name, who.id) {
        (Some(name), _) => Some(bytes(name)),
        (None, Some(id)) => Some(EventValue::Str(id.to_string().into())),
        (None, None) => None,
    }
}

/// The text between `a` and the end, as a number: `a0`, `a12`.
fn argument(name: &str) -> Option<usize> {
    let digits = name.strip_prefix('a')?;
    let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| digits.parse().ok()).flatten()
}

/// What is looked through before the engine is asked.
pub enum Raw<'v> {
    Absent,
    Text(Cow<'v, [u8]>),
    Other,
}

pub trait View: Event {
    /// A field as it came, where making text of it would cost more than looking through it.
    fn raw(&self, name: &str) -> Raw<'_> {
        Raw::of(self.get_field(name))
    }
}

impl<'v> Raw<'v> {
    fn of(field: Field<'v>) -> Raw<'v> {
        match field {
            None => Raw::Absent,
            Some(EventValue::Str(Cow::Borrowed(text))) => Raw::Text(text.as_bytes().into()),
            Some(EventValue::Str(Cow::Owned(text))) => Raw::Text(text.into_bytes().into()),
            Some(_) => Raw::Other,
        }
    }
}

/// A program start by the names of `process_creation`.
pub struct Start<'p> {
    process: &'p Process<'p>,
    line: Option<Cow<'p, [u8]>>,
}

/// A program start as its EXECVE record.
pub struct Execve<'p>(pub &'p Process<'p>);

/// A program start as its SYSCALL record.
pub struct StartCall<'p>(pub &'p Process<'p>);

/// A file that was made, by the names of `file_event`.
pub struct Created<'e> {
    event: &'e AuditEvent<'e>,
    path: &'e [u8],
}

/// A connection that was begun, by the names of `network_connection`.
pub struct Connection<'e> {
    event: &'e AuditEvent<'e>,
    activity: &'e NetworkActivity,
}

/// One record of an event.
pub struct Record<'e> {
    pub event: &'e AuditEvent<'e>,
    pub record: &'e AuditRecord<'e>,
}

impl<'p> Start<'p> {
    const NAMES: [&'static str; 10] = [
        "Image",
        "CommandLine",
        "ParentImage",
        "ParentCommandLine",
        "CurrentDirectory",
        "User",
        "ProcessId",
        "ParentProcessId",
        "LogonId",
        "SourceIp",
    ];

    pub fn of(process: &'p Process<'p>) -> Start<'p> {
        let has_line = !process.argv.is_empty();
        Start {
            process,
            line: has_line.then(|| process.command_line()),
        }
    }

    fn field(&self, name: &str) -> Field<'_> {
        let process = self.process;
        let parent = process.ancestors.first();
        match name {
            "Image" => maybe(process.exe),
            "CommandLine" => maybe(self.line.as_deref()),
            "ParentImage" => maybe(parent?.exe),
            "ParentCommandLine" => maybe(parent?.command),
            "CurrentDirectory" => maybe(process.cwd),
            "User" => user(&process.effective_user).or_else(|| user(&process.user)),
            "ProcessId" => process.pid.map(number),
            "ParentProcessId" => process.ppid.map(number),
            "LogonId" => process.session.map(number),
            "SourceIp" => Some(EventValue::Str(process.origin.src_ip()?.to_string().into())),
            _ => None,
        }
    }
}

impl Execve<'_> {
    const NAMES: [&'static str; 2] = ["type", "argc"];

    fn field(&self, name: &str) -> Field<'_> {
        match name {
            "type" => Some(word("EXECVE")),
            "argc" => Some(number(self.0.argv.len() as u32)),
            name => maybe(self.0.argv.get(argument(name)?).copied()),
        }
    }
}

impl StartCall<'_> {
    const NAMES: [&'static str; 14] = [
        "type", "SYSCALL", "syscall", "success", "exe", "comm", "key", "pid", "ppid", "auid",
        "uid", "euid", "ses", "tty",
    ];

    fn field(&self, name: &str) -> Field<'_> {
        let process = self.0;
        match name {
            "type" => Some(word("SYSCALL")),
            "SYSCALL" | "syscall" => Some(word("execve")),
            "success" => Some(word("yes")),
            "exe" => maybe(process.exe),
            "comm" => maybe(process.comm),
            "key" => Some(EventValue::Array(
                process.keys.iter().map(|key| bytes(key)).collect(),
            )),
            "pid" => process.pid.map(number),
            "ppid" => process.ppid.map(number),
            "auid" => process.login_user.id.map(number),
            "uid" => process.user.id.map(number),
            "euid" => process.effective_user.id.map(number),
            "ses" => process.session.map(number),
            "tty" => maybe(process.tty),
            _ => None,
        }
    }
}

impl<'e> Created<'e> {
    const NAMES: [&'static str; 4] = ["TargetFilename", "Image", "User", "ProcessId"];

    pub fn of(event: &'e AuditEvent<'e>, activity: &'e FileActivity<'e>) -> Option<Created<'e>> {
        let made = match activity.action {
            FileAction::Create
            | FileAction::Link
            | FileAction::Symlink
            | FileAction::CreateDevice => activity.file.path,
            FileAction::Rename => activity.other.and_then(|other| other.path),
            _ => None,
        };
        let path = made.filter(|_| event.success == Some(true))?;
        Some(Created { event, path })
    }

    fn field(&self, name: &str) -> Field<'_> {
        let actor = &self.event.actor;
        match name {
            "TargetFilename" => Some(bytes(self.path)),
            "Image" => maybe(actor.exe),
            "User" => user(&actor.effective_user).or_else(|| user(&actor.user)),
            "ProcessId" => actor.pid.map(number),
            _ => None,
        }
    }
}

impl<'e> Connection<'e> {
    const NAMES: [&'static str; 6] = [
        "Initiated",
        "DestinationIp",
        "DestinationPort",
        "Image",
        "User",
        "ProcessId",
    ];

    pub fn of(event: &'e AuditEvent<'e>, activity: &'e NetworkActivity) -> Option<Connection<'e>> {
        let is_begun = activity.action == NetworkAction::Connect && event.success != Some(false);
        (is_begun && activity.ip.is_some()).then_some(Connection { event, activity })
    }

    fn field(&self, name: &str) -> Field<'_> {
        let actor = &self.event.actor;
        match name {
            "Initiated" => Some(word("true")),
            "DestinationIp" => Some(EventValue::Str(self.activity.ip?.to_string().into())),
            "DestinationPort" => self.activity.port.map(number),
            "Image" => maybe(actor.exe),
            "User" => user(&actor.effective_user).or_else(|| user(&actor.user)),
            "ProcessId" => actor.pid.map(number),
            _ => None,
        }
    }
}

impl Record<'_> {
    /// A record's own names are not known beforehand.
    const NAMES: [&'static str; 2] = ["type", "SYSCALL"];

    fn field(&self, name: &str) -> Field<'_> {
        let call = self.event.call.as_ref().and_then(|call| call.name);
        match name {
            "type" => Some(bytes(self.record.kind)),
            // By name, as ENRICHED records have it in capitals.
            "SYSCALL" | "syscall" if self.record.kind == b"SYSCALL" && call.is_some() => {
                call.map(word)
            }
            name => {
                let mut fields = self.record.all();
                let (_, value) = fields.find(|(key, _)| *key == name.as_bytes())?;
                Some(bytes(value))
            }
        }
    }

    fn texts(&self, each: &mut dyn FnMut(&str) -> bool) -> bool {
        let mut values = self.record.all();
        values.any(|(_, value)| each(&lossy(value)))
    }
}

/// An [`Event`] of a view that has these names.
macro_rules! event {
    ($view:ident, $more:expr) => {
        impl Event for $view<'_> {
            fn get_field(&self, path: &str) -> Option<EventValue<'_>> {
                self.field(path)
            }

            fn any_string_value(&self, pred: &dyn Fn(&str) -> bool) -> bool {
                let more: fn(&Self, &mut dyn FnMut(&str) -> bool) -> bool = $more;
                let mut named = Self::NAMES.iter().filter_map(|name| self.field(name));
                named.any(|value| value.as_str().is_some_and(|text| pred(&text)))
                    || more(self, &mut |text| pred(text))
            }

            fn all_string_values(&self) -> Vec<Cow<'_, str>> {
                let more: fn(&Self, &mut dyn FnMut(&str) -> bool) -> bool = $more;
                let named = Self::NAMES.iter().filter_map(|name| self.field(name));
                let mut all: Vec<Cow<'_, str>> = named
                    .filter_map(|value| Some(Cow::Owned(value.as_str()?.into_owned())))
                    .collect();
                more(self, &mut |text| {
                    all.push(Cow::Owned(text.to_owned()));
                    false
                });
                all
            }

            fn to_json(&self) -> Value {
                let named = Self::NAMES.iter();
                let members = named
                    .filter_map(|name| Some(((*name).to_owned(), self.field(name)?.to_json())));
                Value::Object(members.collect())
            }
        }
    };
}

impl View for Start<'_> {
    fn raw(&self, name: &str) -> Raw<'_> {
        let text = match name {
            "Image" => self.process.exe,
            "CommandLine" => self.line.as_deref(),
            _ => return Raw::of(self.field(name)),
        };
        text.map_or(Raw::Absent, |text| Raw::Text(text.into()))
    }
}

impl View for Execve<'_> {}
impl View for StartCall<'_> {}
impl View for Created<'_> {}
impl View for Connection<'_> {}
impl View for Record<'_> {}

event!(Start, |_, _| false);
event!(StartCall, |_, _| false);
event!(Created, |_, _| false);
event!(Connection, |_, _| false);
event!(Record, |record, each| record.texts(each));
event!(Execve, |start, each| {
    let mut arguments = start.0.argv.iter();
    arguments.any(|argument| each(&lossy(argument)))
});
