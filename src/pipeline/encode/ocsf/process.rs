//! process_activity (1007), Launch.
//!
//! Most documents are of this class: what is the same in all of them is copied in as few texts as
//! possible, each with the punctuation around it.

use std::ops::Range;

use crate::model::process::{Account, Ancestor};
use crate::model::session::Origin;
use crate::model::{Hit, Process, Within, sixteen};

use super::super::common::is_lossy;
use super::super::json::{Object, base64, string, string_part};
use super::super::numbers::digits;
use super::{common, origin};

const HEAD: &str = concat!(
    r#"{"activity_id":1,"activity_name":"Launch","category_uid":1,"category_name":"System Activity","#,
    r#""class_uid":1007,"class_name":"Process Activity","type_uid":100701,"#,
    r#""type_name":"Process Activity: Launch","severity_id":1,"severity":"Informational","#,
    r#""status_id":1,"status":"Success","launch_type_id":3,"launch_type":"Exec","time":"#
);

pub fn write(out: &mut Vec<u8>, process: &Process<'_>, hits: &[Hit]) {
    let joined = process.joined.filter(|joined| is_plain(*joined));
    write_head(out, process);
    write_device(out, process.host);
    let parent = write_actor(out, process);
    write_process(out, process, joined, parent);
    write_observables(out, process, hits);
    write_unmapped(out, process, joined);
}

#[inline(always)]
fn put(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

#[inline(always)]
fn number(out: &mut Vec<u8>, before: &str, number: u32) {
    put(out, before);
    digits(out, number);
}

#[inline(always)]
fn number_if(out: &mut Vec<u8>, before: &str, id: Option<u32>) {
    if let Some(id) = id {
        number(out, before, id);
    }
}

#[inline(always)]
fn text(out: &mut Vec<u8>, before: &str, text: &[u8], after: &str) {
    put(out, before);
    string_part(out, text);
    put(out, after);
}

/// Members of an object that has some, and is still open.
fn members(out: &mut Vec<u8>, write: impl FnOnce(&mut Object<'_>)) {
    let start = out.len();
    let mut object = Object::begin(out);
    write(&mut object);
    // What opens an object becomes what parts members.
    if out.len() > start + 1 {
        out[start] = b',';
    } else {
        out.truncate(start);
    }
}

/// A user or group, as [`common::user`] writes it; `before`: what precedes it where it has an id, and
/// where it has none.
#[inline(always)]
fn account(out: &mut Vec<u8>, before: [&str; 2], who: &Account<'_>) {
    match (who.id, who.name) {
        (Some(id), None) => {
            number(out, before[0], id);
            put(out, r#""}"#);
        }
        (Some(id), Some(name)) => {
            number(out, before[0], id);
            text(out, r#"","name":""#, name, r#""}"#);
        }
        (None, Some(name)) => text(out, before[1], name, r#""}"#),
        (None, None) => {}
    }
}

fn write_head(out: &mut Vec<u8>, process: &Process<'_>) {
    put(out, HEAD);
    origin::write_time(out, process.stamp.time);
    match process.exit {
        // What the call returns where it succeeds.
        Some(0) => put(
            out,
            common::product!(r#","status_code":"0","metadata":{"#, r#","uid":""#),
        ),
        Some(exit) => {
            put(out, r#","status_code":""#);
            digits(out, exit);
            put(out, common::product!(r#"","metadata":{"#, r#","uid":""#));
        }
        None => put(out, common::product!(r#","metadata":{"#, r#","uid":""#)),
    }
    origin::write(out, process.uid, process.stamp);
    put(out, r#"""#);
    if !process.keys.is_empty() || !process.labels.is_empty() {
        members(out, |m| common::labels(m, process.keys, process.labels));
    }
}

fn write_device(out: &mut Vec<u8>, host: &str) {
    if host.is_empty() {
        put(out, r#"},"device":{"name":"unknown"#);
    } else {
        put(out, r#"},"device":{"hostname":""#);
        string_part(out, host.as_bytes());
    }
    put(out, r#"","type_id":0,"type":"Unknown"},"actor":{"#);
}

/// Gives where the parent's members stand.
fn write_actor(out: &mut Vec<u8>, process: &Process<'_>) -> Range<usize> {
    let login = &process.login_user;
    let is_known = login.id.is_some() || login.name.is_some();
    account(out, [r#""user":{"uid":""#, r#""user":{"name":""#], login);
    match process.ppid {
        Some(_) if is_known => put(out, r#","process":{"#),
        Some(_) => put(out, r#""process":{"#),
        None if is_known => put(out, r#"},"process":{"#),
        None => {
            let comm = process.comm.unwrap_or(b"unknown");
            text(out, r#""app_name":""#, comm, r#""},"process":{"#);
        }
    }
    let start = out.len();
    let Some(ppid) = process.ppid else {
        return start..start;
    };
    number(out, r#""pid":"#, ppid);
    if let Some(parent) = process.ancestors.first() {
        write_ancestor(out, parent);
    }
    let end = out.len();
    put(out, r#"}},"process":{"#);
    start..end
}

/// What is known of an ancestor beside its pid.
fn write_ancestor(out: &mut Vec<u8>, ancestor: &Ancestor<'_>) {
    if let Some(exe) = ancestor.exe {
        text(out, r#","name":""#, common::file_name(exe), r#""#);
        text(out, r#"","path":""#, exe, r#"""#);
    }
    if let Some(command) = ancestor.command {
        text(out, r#","cmd_line":""#, command, r#"""#);
    }
    if let Some(started) = ancestor.started {
        put(out, r#","created_time":"#);
        origin::write_time(out, started);
    }
}

/// The parent, and where more is known the whole line, as the schema has it.
fn write_parents(out: &mut Vec<u8>, ancestors: &[Ancestor<'_>], parent: Range<usize>) {
    if !parent.is_empty() {
        put(out, r#","parent_process":{"#);
        out.extend_from_within(parent.clone());
        put(out, "}");
    }
    if let [_, more @ ..] = ancestors
        && !more.is_empty()
    {
        put(out, r#","ancestry":[{"#);
        out.extend_from_within(parent);
        for ancestor in more {
            number(out, r#"},{"pid":"#, ancestor.pid);
            write_ancestor(out, ancestor);
        }
        put(out, "}]");
    }
}

fn write_observables(out: &mut Vec<u8>, process: &Process<'_>, hits: &[Hit]) {
    let (src_ip, new_pattern) = (process.origin.src_ip(), process.new_pattern);
    if !hits.is_empty() || src_ip.is_some() || new_pattern.is_some() {
        members(out, |o| {
            common::enrichments(o, hits, new_pattern);
            common::observables(o, hits, &[(common::SESSION_IP, src_ip)]);
        });
    }
}

fn write_process(
    out: &mut Vec<u8>,
    process: &Process<'_>,
    joined: Option<Within<'_>>,
    parent: Range<usize>,
) {
    match process.pid {
        Some(pid) => number(out, r#""pid":"#, pid),
        // The record that has the pid was lost; the schema wants one of pid and uid.
        None => {
            put(out, r#""uid":""#);
            out.extend_from_slice(&process.uid.to_hex());
            put(out, r#"""#);
        }
    }
    match (process.exe, process.comm) {
        (Some(exe), _) => write_file(out, exe),
        (None, Some(comm)) => text(out, r#","name":""#, comm, r#"""#),
        (None, None) => {}
    }
    if !process.argv.is_empty() {
        write_command(out, process.argv, joined);
    }
    if let Some(cwd) = process.cwd {
        text(out, r#","working_directory":""#, cwd, r#"""#);
    }
    account(
        out,
        [r#","user":{"uid":""#, r#","user":{"name":""#],
        &process.user,
    );
    number_if(out, r#","euid":"#, process.effective_user.id);
    number_if(out, r#","egid":"#, process.effective_group.id);
    number_if(out, r#","auid":"#, process.login_user.id);
    account(
        out,
        [r#","group":{"uid":""#, r#","group":{"name":""#],
        &process.group,
    );
    write_session(out, process);
    write_parents(out, process.ancestors, parent);
    put(out, "}");
}

/// Name and path of the program, twice: the second is a copy of the first.
fn write_file(out: &mut Vec<u8>, exe: &[u8]) {
    let start = out.len();
    put(out, r#","name":""#);
    string_part(out, common::file_name(exe));
    text(out, r#"","path":""#, exe, r#"""#);
    let end = out.len();
    put(out, r#","file":{"#);
    out.extend_from_within(start + 1..end);
    put(out, r#","type_id":1,"type":"Regular File"}"#);
}

fn write_command(out: &mut Vec<u8>, argv: &[&[u8]], joined: Option<Within<'_>>) {
    put(out, r#","cmd_line":""#);
    match joined {
        Some(joined) => out.extend_from_slice(joined.text()),
        None => {
            for (i, arg) in argv.iter().enumerate() {
                if i > 0 {
                    out.push(b' ');
                }
                string_part(out, arg);
            }
        }
    }
    put(out, r#"""#);
}

fn write_session(out: &mut Vec<u8>, process: &Process<'_>) {
    match (process.session, process.tty) {
        (Some(session), Some(tty)) => {
            number(out, r#","session":{"uid":""#, session);
            text(out, r#"","terminal":""#, tty, r#"""#);
        }
        (Some(session), None) => {
            number(out, r#","session":{"uid":""#, session);
            put(out, r#"""#);
        }
        (None, Some(tty)) => text(out, r#","session":{"terminal":""#, tty, r#"""#),
        (None, None) => return,
    }
    if let Origin::Of(session) = process.origin {
        put(out, r#","created_time":"#);
        origin::write_time(out, session.started);
        if session.src_ip.is_some() {
            put(out, r#","is_remote":true"#);
        }
    }
    put(out, "}");
}

fn write_unmapped(out: &mut Vec<u8>, process: &Process<'_>, joined: Option<Within<'_>>) {
    put(out, r#","unmapped":{"argv":["#);
    match joined {
        Some(joined) if !process.argv.is_empty() => {
            write_plain(out, joined, process.argv);
            put(out, "]");
        }
        _ => write_arguments(out, process.argv),
    }
    if let Some(comm) = process.comm {
        text(out, r#","comm":""#, comm, r#"""#);
    }
    if process.effective_user.name != process.user.name
        && let Some(name) = process.effective_user.name
    {
        text(out, r#","effective_user_name":""#, name, r#"""#);
    }
    members(out, |u| common::origin(u, process.origin));
    if process.completeness.cut.is_none() {
        return put(out, r#","complete":true}}"#);
    }
    members(out, |u| common::completeness(u, &process.completeness));
    put(out, "}}");
}

fn write_arguments(out: &mut Vec<u8>, argv: &[&[u8]]) {
    for (i, arg) in argv.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        string(out, arg);
    }
    put(out, "]");
    if argv.iter().any(|arg| is_lossy(arg)) {
        members(out, |u| {
            u.array("argv_b64", argv, |out, arg| base64(out, arg));
        });
    }
}

/// Whether JSON can hold all of a text as it is.
fn is_plain(text: Within<'_>) -> bool {
    let mut special = 0;
    for at in (0..text.len()).step_by(16) {
        let Some(chunk) = text.chunk::<16>(at) else {
            return false;
        };
        special |= sixteen::special(*chunk) & sixteen::up_to(text.len() - at);
    }
    special == 0
}

/// Arguments that JSON can hold as they are, out of the text in which they stand one behind the other.
fn write_plain(out: &mut Vec<u8>, joined: Within<'_>, argv: &[&[u8]]) {
    const SHORT: usize = 32;
    out.push(b'"');
    let mut at = 0;
    for arg in argv {
        let end = out.len() + arg.len();
        match joined.chunk::<SHORT>(at) {
            Some(chunk) if arg.len() <= SHORT => {
                out.extend_from_slice(chunk);
                out.truncate(end);
            }
            _ => out.extend_from_slice(arg),
        }
        put(out, r#"",""#);
        at += arg.len() + 1;
    }
    // Behind the last there is no comma.
    out.truncate(out.len() - 2);
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::model::{EventUid, Stamp};
    use proptest::prelude::*;

    fn process<'p>(argv: &'p [&'p [u8]], joined: Option<Within<'p>>) -> Process<'p> {
        Process {
            uid: EventUid(7),
            host: "web01",
            stamp: Stamp::default(),
            pid: Some(8),
            exe: argv.first().copied(),
            argv,
            joined,
            ..Process::default()
        }
    }

    proptest! {
        #[test]
        fn arguments_that_stand_joined_are_written_as_any_others(
            argv in prop::collection::vec("[ -~]{0,40}|[a-z]{0,50}|\\PC{0,5}", 0..9),
            room in 0usize..40,
        ) {
            let list: Vec<&[u8]> = argv.iter().map(String::as_bytes).collect();
            let (text, mut one, mut other) = (argv.join(" "), Vec::new(), Vec::new());
            let held = [text.as_bytes(), &vec![b'"'; room]].concat();
            write(&mut one, &process(&list, Some(Within::new(&held, text.len()))), &[]);
            write(&mut other, &process(&list, None), &[]);
            prop_assert!(serde_json::from_slice::<serde_json::Value>(&one).is_ok());
            prop_assert_eq!(one, other);
        }
    }
}
