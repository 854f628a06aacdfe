//! Every audit event that is no program start: what it was about, and all its records, field by field,
//! under `auditd.records`. Nothing that was in them is left out.

use crate::model::activity::{Activity, AuthenticationStep, Call, FileActivity, FileKind};
use crate::model::activity::{NetworkAction, NetworkActivity, ProcessActivity, Ruling, Weakened};
use crate::model::audit::AuditEvent;
use crate::model::process::Account;

use super::super::common::{file_name, origin, records, words};
use super::super::iso::Iso;
use super::super::json::{Object, string_part};
use super::common;
use super::told::told;

pub fn write(out: &mut Vec<u8>, event: &AuditEvent<'_>) {
    let time = Iso::of(event.stamp.time);
    let mut o = Object::begin(out);
    common::head(&mut o, &time, event.host);
    o.object("event", |e| write_event(e, event));
    write_process(&mut o, event);
    write_user(&mut o, event);
    write_object(&mut o, event);
    let src_ip = event.origin.src_ip();
    if src_ip.is_some() && !names_a_peer(event) {
        o.object("source", |s| common::address(s, src_ip, None));
    }
    if let Some(error) = event.call.and_then(|call| call.error) {
        o.object("error", |e| {
            e.plain("code", error);
        });
    }
    common::tags(&mut o, event.keys, event.labels);
    o.object("auditd", |a| write_auditd(a, event));
    o.object("trailhound", |t| write_trailhound(t, event));
    o.end();
}

fn write_event(e: &mut Object<'_>, event: &AuditEvent<'_>) {
    let told = told(event);
    e.raw(if event.anomaly {
        r#""kind":"alert""#
    } else {
        r#""kind":"event""#
    });
    let more = |more| if event.anomaly { more } else { None };
    let raw = |out: &mut Vec<u8>, text: &str| out.extend_from_slice(text.as_bytes());
    let categories = [Some(told.category), more(Some(r#""intrusion_detection""#))];
    e.array("category", categories.into_iter().flatten(), raw);
    let types = [Some(told.kind), more(told.more_of_an_alert())];
    e.array("type", types.into_iter().flatten(), raw);
    match told.action {
        Some(action) => {
            e.plain("action", action);
        }
        None => {
            e.text_of("action", |out| lower(out, first_kind(event)));
        }
    }
    e.raw(match event.success {
        Some(true) => r#""outcome":"success","module":"auditd","dataset":"auditd.log""#,
        Some(false) => r#""outcome":"failure","module":"auditd","dataset":"auditd.log""#,
        None => r#""outcome":"unknown","module":"auditd","dataset":"auditd.log""#,
    });
    e.text("code", first_kind(event));
    e.uid("id", event.uid);
    e.number("sequence", event.stamp.serial);
}

/// Type of the first record; of a line that names none, that.
fn first_kind<'e>(event: &AuditEvent<'e>) -> &'e [u8] {
    let kinds = event.records.iter().map(|record| record.kind);
    let mut named = kinds.filter(|kind| !kind.is_empty());
    named.next().unwrap_or(b"unknown")
}

/// In small letters, as auditbeat has types of records.
fn lower(out: &mut Vec<u8>, text: &[u8]) {
    let start = out.len();
    string_part(out, text);
    out[start..].make_ascii_lowercase();
}

/// Who did it, and for some what they ran.
fn write_process(o: &mut Object<'_>, event: &AuditEvent<'_>) {
    let actor = &event.actor;
    let target = match &event.activity {
        Activity::Process(process) => Some(process),
        _ => None,
    };
    let exe = match &event.activity {
        Activity::Authentication(step) => actor.exe.or(step.exe),
        Activity::Job(job) => actor.exe.or(Some(job.scheduler)),
        _ => actor.exe,
    };
    let about_actor = [actor.pid.is_some(), exe.is_some(), actor.comm.is_some()];
    if !about_actor.contains(&true) && target.is_none() {
        return;
    }
    o.object("process", |p| {
        p.number_if("pid", actor.pid);
        if let Some(ppid) = actor.ppid {
            p.object("parent", |parent| {
                parent.number("pid", ppid);
            });
        }
        match exe {
            Some(exe) => {
                p.text("executable", exe).text("name", file_name(exe));
            }
            None => {
                p.text_if("name", actor.comm);
            }
        }
        common::who(p, "real_user", &actor.user);
        common::who(p, "real_group", &actor.group);
        common::who(p, "user", &actor.effective_user);
        common::who(p, "group", &actor.effective_group);
        if let Some(title) = of_record(event, b"PROCTITLE", b"proctitle") {
            p.text_of("title", |out| spaced(out, title));
        }
        let cwd = target.and_then(|process| process.target.cwd);
        let cwd = cwd.or_else(|| of_record(event, b"CWD", b"cwd"));
        p.text_if("working_directory", cwd);
        if let Some(process) = target {
            p.number_if("exit_code", process.exit_code);
            p.text_if("command_line", process.target.command);
        }
    });
}

/// A field of the first record of a type.
fn of_record<'e>(event: &AuditEvent<'e>, kind: &[u8], name: &[u8]) -> Option<&'e [u8]> {
    let mut records = event.records.iter();
    let record = records.find(|record| record.kind == kind)?;
    let field = record.all().find(|(key, _)| *key == name);
    field.map(|(_, value)| value)
}

/// Arguments that are parted by NUL, as a person reads them.
fn spaced(out: &mut Vec<u8>, title: &[u8]) {
    let title = title.strip_suffix(&[0]).unwrap_or(title);
    for (i, part) in title.split(|&b| b == 0).enumerate() {
        if i > 0 {
            out.push(b' ');
        }
        string_part(out, part);
    }
}

fn write_user(o: &mut Object<'_>, event: &AuditEvent<'_>) {
    let actor = &event.actor;
    let effective = match &event.activity {
        Activity::Authentication(step) => &step.user,
        Activity::Job(job) => &job.user,
        _ => &actor.effective_user,
    };
    let target = match &event.activity {
        Activity::Account(change) => change.user,
        Activity::Group(change) => change.user,
        Activity::Process(process) => process.target.user,
        _ => Account::default(),
    };
    let user = if common::is_known(&actor.effective_user) {
        &actor.effective_user
    } else {
        &actor.user
    };
    let known = [user, &actor.login_user, effective, &target];
    if known.into_iter().any(common::is_known) {
        o.object("user", |u| {
            common::account(u, user);
            common::who(u, "group", &actor.effective_group);
            common::who(u, "effective", effective);
            common::who(u, "target", &target);
            common::who(u, "audit", &actor.login_user);
        });
    }
    if let Activity::Group(change) = &event.activity {
        common::who(o, "group", &change.group);
    }
}

/// What it was done to, where the schema has a place for it.
fn write_object(o: &mut Object<'_>, event: &AuditEvent<'_>) {
    use crate::model::activity::ApplicationKind;
    let named = |o: &mut Object<'_>, key, name| {
        if let Some(name) = name {
            o.object(key, |s| {
                s.text("name", name);
            });
        }
    };
    match &event.activity {
        Activity::File(file) => write_file(o, file),
        Activity::Network(network) => write_network(o, network),
        Activity::Authentication(AuthenticationStep { source, .. }) if source.is_some() => {
            o.object("source", |s| common::address(s, *source, None));
            o.raw(r#""network":{"direction":"ingress"}"#);
        }
        Activity::Module(module) => {
            if let Some(path) = module.path {
                o.object("file", |f| {
                    f.text("path", path).text("name", file_name(path));
                });
            }
        }
        Activity::Application(application) => match application.kind {
            ApplicationKind::Service => named(o, "service", application.name),
            ApplicationKind::Package => named(o, "package", application.name),
            ApplicationKind::VirtualMachine | ApplicationKind::System => {}
        },
        Activity::Other => write_peer(o, event),
        _ => {}
    }
}

/// The event is about a connection or a logon of its own: `source` is that one's.
fn names_a_peer(event: &AuditEvent<'_>) -> bool {
    let ends = |ip: Option<_>, port: Option<u16>| ip.is_some() || port.is_some();
    match &event.activity {
        Activity::Network(network) => ends(network.ip, network.port),
        Activity::Authentication(step) => step.source.is_some(),
        Activity::Other => true,
        _ => false,
    }
}

/// sshd's far end, in its records about keys and ciphers.
fn write_peer(o: &mut Object<'_>, event: &AuditEvent<'_>) {
    let of = |name| {
        let kinds = [&b"CRYPTO_SESSION"[..], b"CRYPTO_KEY_USER"];
        let mut values = kinds.iter().map(|kind| of_record(event, kind, name));
        let value = values.find_map(|value| value)?;
        std::str::from_utf8(value).ok()
    };
    let Some(ip) = of(b"addr").and_then(|addr| addr.parse().ok()) else {
        return;
    };
    o.object("source", |s| {
        common::address(s, Some(ip), None);
        let port: Option<u16> = of(b"rport").and_then(|port| port.parse().ok());
        s.number_if("port", port);
    });
    o.raw(r#""network":{"direction":"ingress"}"#);
}

fn write_file(o: &mut Object<'_>, activity: &FileActivity<'_>) {
    use crate::model::activity::FileAction;
    let file = &activity.file;
    let links = matches!(activity.action, FileAction::Link | FileAction::Symlink);
    if file.path.is_none() && file.folder.is_none() && file.inode.is_none() {
        return;
    }
    o.object("file", |f| {
        match (file.path, file.folder) {
            (Some(path), _) => {
                f.text("path", path).text("name", file_name(path));
            }
            (None, folder) => {
                f.text_if("directory", folder);
            }
        }
        if links && let Some(target) = activity.other.and_then(|other| other.path) {
            f.text("target_path", target);
        }
        match file.kind {
            FileKind::Unknown => {}
            FileKind::Regular => {
                f.raw(r#""type":"file""#);
            }
            FileKind::Directory => {
                f.raw(r#""type":"dir""#);
            }
            FileKind::Symlink => {
                f.raw(r#""type":"symlink""#);
            }
            FileKind::CharacterDevice | FileKind::BlockDevice => {
                f.raw(r#""type":"device""#);
            }
            FileKind::Fifo => {
                f.raw(r#""type":"fifo""#);
            }
            FileKind::Socket => {
                f.raw(r#""type":"socket""#);
            }
        }
        if let Some(mode) = file.mode {
            f.text_of("mode", |out| octal(out, mode));
        }
        if let Some(inode) = file.inode {
            f.number_as_text("inode", inode);
        }
        f.text_if("device", file.device);
        if let Some(id) = file.owner.id {
            f.number_as_text("uid", id);
        }
        f.text_if("owner", file.owner.name);
        if let Some(id) = file.group.id {
            f.number_as_text("gid", id);
        }
        f.text_if("group", file.group.name);
    });
}

/// Permission bits in four digits, as auditbeat has them.
fn octal(out: &mut Vec<u8>, mode: u32) {
    out.extend([9, 6, 3, 0].map(|shift| b'0' + (mode >> shift & 7) as u8));
}

fn write_network(o: &mut Object<'_>, network: &NetworkActivity) {
    let (end, direction) = match network.action {
        NetworkAction::Connect | NetworkAction::Send => ("destination", Some("egress")),
        NetworkAction::Accept | NetworkAction::Receive => ("source", Some("ingress")),
        NetworkAction::Accepted | NetworkAction::Closed => ("source", Some("ingress")),
        NetworkAction::Bind | NetworkAction::Listen => ("server", None),
    };
    if network.ip.is_some() || network.port.is_some() {
        o.object(end, |e| {
            common::address(e, network.ip, None);
            e.number_if("port", network.port);
        });
    }
    o.object("network", |n| {
        if let Some(direction) = direction {
            n.plain("direction", direction);
        }
        if let Some(ip) = network.ip {
            n.plain("type", if ip.is_ipv4() { "ipv4" } else { "ipv6" });
        }
    });
}

fn write_auditd(a: &mut Object<'_>, event: &AuditEvent<'_>) {
    a.text_of("message_type", |out| lower(out, first_kind(event)));
    match event.success {
        Some(true) => {
            a.raw(r#""result":"success""#);
        }
        Some(false) => {
            a.raw(r#""result":"fail""#);
        }
        None => {}
    }
    if let Some(session) = event.actor.session {
        a.number_as_text("session", session);
    }
    let terminal = match &event.activity {
        Activity::Authentication(step) => step.terminal,
        _ => None,
    };
    if event.call.is_some() || event.actor.tty.is_some() || terminal.is_some() {
        a.object("data", |d| {
            if let Some(call) = &event.call {
                write_call(d, call);
            }
            d.text_if("comm", event.actor.comm);
            d.text_if("tty", event.actor.tty);
            d.text_if("terminal", terminal);
        });
    }
    words(a, event.words);
    records(a, "records", event.records);
}

fn write_call(d: &mut Object<'_>, call: &Call) {
    if let Some(arch) = call.arch {
        d.plain("arch", arch);
    }
    match (call.name, call.number) {
        (Some(name), _) => {
            d.plain("syscall", name);
        }
        (None, Some(number)) => {
            d.number_as_text("syscall", number);
        }
        (None, None) => {}
    }
    if let Some(exit) = call.exit {
        d.number_as_text("exit", exit);
    }
}

fn write_trailhound(t: &mut Object<'_>, event: &AuditEvent<'_>) {
    origin(t, event.origin);
    common::completeness(t, &event.completeness);
    if let Some(decision) = event.decision {
        t.object("decision", |d| {
            d.plain("by", decision.by.as_str());
            d.raw(match decision.ruling {
                Ruling::Allowed => r#""ruling":"allowed""#,
                Ruling::Denied => r#""ruling":"denied""#,
                Ruling::Logged => r#""ruling":"logged""#,
            });
        });
    }
    match &event.activity {
        Activity::File(FileActivity {
            action: crate::model::activity::FileAction::Rename,
            other: Some(other),
            ..
        }) => {
            t.text_if("new_path", other.path);
        }
        Activity::Process(process) => write_target(t, process),
        Activity::Module(module) => {
            t.text_if("object", module.name);
        }
        Activity::Application(application) => {
            t.text_if("object", application.name);
            t.text_if("operation", application.operation);
        }
        Activity::Account(change) => {
            t.text_if("operation", change.operation);
        }
        Activity::Group(change) => {
            t.text_if("operation", change.operation);
        }
        Activity::Configuration(change) => {
            t.text_if("object", change.what);
            if let Some(weakened) = change.weakened {
                t.plain("weakened", weakened_name(weakened));
            }
        }
        Activity::Kernel(kernel) if !kernel.is_call => {
            t.text("object", kernel.name);
        }
        _ => {}
    }
}

fn weakened_name(weakened: Weakened) -> &'static str {
    match weakened {
        Weakened::AuditOff => "audit_off",
        Weakened::Permissive => "permissive",
        Weakened::SelinuxOff => "selinux_off",
    }
}

/// The process that it was done to.
fn write_target(t: &mut Object<'_>, process: &ProcessActivity<'_>) {
    let target = &process.target;
    t.number_if("signal", process.signal);
    if target.pid.is_none() && target.path.is_none() && target.comm.is_none() {
        return;
    }
    t.object("target", |o| {
        o.number_if("pid", target.pid);
        o.text_if("executable", target.path);
        o.text_if("comm", target.comm);
        if let Some(session) = target.session {
            o.number_as_text("session", session);
        }
    });
}
