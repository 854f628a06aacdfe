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

/// A value of the table.
pub enum Raw<'v> {
    /// As it came: to make text of it costs more than to look through it, and most of it is only looked through.
    Text(Cow<'v, [u8]>),
    Other(EventValue<'v>),
}

type Field<'v> = Option<Raw<'v>>;

/// What rules are asked about.
pub trait View: Event {
    fn raw(&self, name: &str) -> Option<Raw<'_>>;
}

impl<'v> Raw<'v> {
    fn for_the_engine(self) -> EventValue<'v> {
        match self {
            Raw::Text(Cow::Borrowed(text)) => EventValue::Str(lossy(text)),
            Raw::Text(Cow::Owned(text)) => EventValue::Str(lossy(&text).into_owned().into()),
            Raw::Other(value) => value,
        }
    }
}

/// Nearly all text is sound, which is seen much faster than where it is not.
fn lossy(text: &[u8]) -> Cow<'_, str> {
    str::from_utf8(text).map_or_else(|_| String::from_utf8_lossy(text), Cow::Borrowed)
}

fn bytes(text: &[u8]) -> Raw<'_> {
    Raw::Text(text.into())
}

fn maybe(text: Option<&[u8]>) -> Field<'_> {
    text.map(bytes)
}

fn number(number: impl Into<i64>) -> Raw<'static> {
    Raw::Other(EventValue::Int(number.into()))
}

fn word(word: &str) -> Raw<'_> {
    bytes(word.as_bytes())
}

fn shown(value: impl ToString) -> Raw<'static> {
    Raw::Text(value.to_string().into_bytes().into())
}

fn user<'v>(who: &Account<'v>) -> Field<'v> {
    maybe(who.name).or_else(|| who.id.map(shown))
}

/// The text between `a` and the end, as a number: `a0`, `a12`.
fn argument(name: &str) -> Option<usize> {
    let digits = name.strip_prefix('a')?;
    let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| digits.parse().ok()).flatten()
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
            "SourceIp" => process.origin.src_ip().map(shown),
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
            "key" => {
                let keys = process.keys.iter().map(|key| EventValue::Str(lossy(key)));
                Some(Raw::Other(EventValue::Array(keys.collect())))
            }
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
            "DestinationIp" => self.activity.ip.map(shown),
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

/// A [`View`] that has these names.
macro_rules! view {
    ($view:ident, $more:expr) => {
        impl View for $view<'_> {
            fn raw(&self, name: &str) -> Field<'_> {
                self.field(name)
            }
        }

        impl Event for $view<'_> {
            fn get_field(&self, path: &str) -> Option<EventValue<'_>> {
                self.field(path).map(Raw::for_the_engine)
            }

            fn any_string_value(&self, pred: &dyn Fn(&str) -> bool) -> bool {
                let more: fn(&Self, &mut dyn FnMut(&str) -> bool) -> bool = $more;
                let mut named = Self::NAMES.iter().filter_map(|name| self.get_field(name));
                named.any(|value| value.as_str().is_some_and(|text| pred(&text)))
                    || more(self, &mut |text| pred(text))
            }

            fn all_string_values(&self) -> Vec<Cow<'_, str>> {
                let more: fn(&Self, &mut dyn FnMut(&str) -> bool) -> bool = $more;
                let named = Self::NAMES.iter().filter_map(|name| self.get_field(name));
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
                    .filter_map(|name| Some(((*name).to_owned(), self.get_field(name)?.to_json())));
                Value::Object(members.collect())
            }
        }
    };
}

view!(Start, |_, _| false);
view!(StartCall, |_, _| false);
view!(Created, |_, _| false);
view!(Connection, |_, _| false);
view!(Record, |record, each| record.texts(each));
view!(Execve, |start, each| {
    let mut arguments = start.0.argv.iter();
    arguments.any(|argument| each(&lossy(argument)))
});
