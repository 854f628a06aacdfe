//! Every audit event that is no program start, in the schema that fits: FileEvent, NetworkSession
//! (EndpointNetworkSession), UserManagement, and AuditEvent for the rest. All its records stand, field by
//! field, under `AdditionalFields.records`: nothing that was in them is left out.
//!
//! A step of a logon is an AuditEvent, never an Authentication: the logon is told once, as kind `logon`.

use crate::model::activity::Activity;
use crate::model::audit::AuditEvent;
use crate::model::process::Account;

use super::super::common::{origin, records, words, write_stamp};
use super::super::iso::Iso;
use super::super::json::Object;
use super::common::{self, ACTOR, Head};
use super::{account, file, operation, socket};

/// What is written before and after the fields of a schema.
pub struct Frame<'f, 'e> {
    pub event: &'f AuditEvent<'e>,
    pub schema: &'static str,
    /// The schema's name for the rule.
    pub rule: &'static str,
}

pub fn write(out: &mut Vec<u8>, event: &AuditEvent<'_>) {
    let mut o = Object::begin(out);
    let done = match &event.activity {
        Activity::File(activity) => file::write(&mut o, event, activity),
        Activity::Network(activity) => socket::write(&mut o, event, activity),
        Activity::Account(change) => account::write_user(&mut o, event, change),
        Activity::Group(change) => account::write_group(&mut o, event, change),
        _ => false,
    };
    if !done {
        operation::write(&mut o, event);
    }
    o.end();
}

impl Frame<'_, '_> {
    pub fn open(&self, o: &mut Object<'_>) {
        let event = self.event;
        let time = Iso::of(event.stamp.time);
        let head = Head {
            schema: self.schema,
            uid: event.uid,
            start: &time,
            end: &time,
            generated: &time,
            host: event.host,
        };
        head.write(o);
        head.device(o);
        o.text_of("EventOriginalUid", |out| write_stamp(out, event.stamp));
        o.text("EventOriginalType", first_kind(event));
        o.raw(match event.success {
            Some(true) => r#""EventResult":"Success""#,
            Some(false) => r#""EventResult":"Failure""#,
            None => r#""EventResult":"NA""#,
        });
        o.raw(match event.anomaly {
            true => r#""EventSeverity":"Medium""#,
            false => r#""EventSeverity":"Informational""#,
        });
        if let Some(call) = event.call {
            match (call.error, call.exit) {
                (Some(error), _) => {
                    o.plain("EventOriginalResultDetails", error);
                }
                (None, Some(exit)) => {
                    o.number_as_text("EventOriginalResultDetails", exit);
                }
                (None, None) => {}
            }
        }
        if !event.keys.is_empty() {
            o.joined(self.rule, b", ", event.keys);
        }
    }

    /// Who did it, where the schema wants a name: as for a program start.
    pub fn actor_always(&self, o: &mut Object<'_>) {
        let actor = &self.event.actor;
        common::user_always(o, &ACTOR, &actor.login_user, &actor.user);
        self.session(o);
    }

    pub fn actor(&self, o: &mut Object<'_>) {
        let actor = &self.event.actor;
        let is_known = |who: &Account<'_>| who.id.is_some() || who.name.is_some();
        if is_known(&actor.login_user) || is_known(&actor.user) {
            common::user_always(o, &ACTOR, &actor.login_user, &actor.user);
        }
        self.session(o);
    }

    fn session(&self, o: &mut Object<'_>) {
        if let Some(session) = self.event.actor.session {
            o.number_as_text("ActorSessionId", session);
        }
        // Of a connection it is an end of that, and a step of a logon has its own.
        let has_its_own = match &self.event.activity {
            Activity::Network(_) => true,
            Activity::Authentication(step) => step.source.is_some(),
            _ => false,
        };
        if !has_its_own {
            common::ip(o, "SrcIpAddr", self.event.origin.src_ip());
        }
    }

    /// The program that did it, by the keys of a schema.
    pub fn program(&self, o: &mut Object<'_>, name: &str, id: &str, kind: Option<&str>) {
        let actor = &self.event.actor;
        if let Some(exe) = actor.exe.or(actor.comm) {
            o.text(name, exe);
            if let Some(kind) = kind {
                o.raw(kind);
            }
        }
        if let Some(pid) = actor.pid {
            o.number_as_text(id, pid);
        }
    }

    /// `AdditionalFields`, with what `more` adds.
    pub fn close(&self, o: &mut Object<'_>, more: impl FnOnce(&mut Object<'_>)) {
        let event = self.event;
        o.object("AdditionalFields", |a| {
            common::completeness(a, &event.completeness);
            if let Some(name) = event.call.and_then(|call| call.name) {
                a.plain("syscall", name);
            }
            a.number_if("ppid", event.actor.ppid);
            a.number_if("uid", event.actor.user.id);
            a.number_if("euid", event.actor.effective_user.id);
            a.text_if("tty", event.actor.tty);
            if let Some(decision) = event.decision {
                a.plain("decided_by", decision.by.as_str());
                a.plain("ruling", operation::ruling(decision.ruling));
            }
            origin(a, event.origin);
            common::labels(a, event.labels);
            more(a);
            words(a, event.words);
            records(a, "records", event.records);
        });
    }
}

/// Type of the first record that names one.
pub fn first_kind<'e>(event: &AuditEvent<'e>) -> &'e [u8] {
    let kinds = event.records.iter().map(|record| record.kind);
    let mut named = kinds.filter(|kind| !kind.is_empty());
    named.next().unwrap_or(b"unknown")
}
