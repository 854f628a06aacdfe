//! Prints what was gathered: plain text, a tree for each session.
//!
//! Place in the flow: sessions → terminal. Nothing in an event can steer that, and colour says nothing that the
//! words do not.

use std::collections::HashMap;
use std::io::{self, Write};

use super::book::{Book, Host, Refused};
use super::session::{Node, Session};
use crate::cli::paint::{Paint, harmless};

/// Characters of a command line that are shown.
const MOST_LINE: usize = 160;

/// Lines of one session.
const MOST_LINES: usize = 400;

/// A tree this deep is shown no deeper.
const DEEPEST: usize = 24;

pub(in crate::cli) struct Print {
    pub(in crate::cli) paint: Paint,
    /// Only what came from this address.
    pub(in crate::cli) from: Option<String>,
}

impl Print {
    pub(in crate::cli) fn book(&self, book: &Book, out: &mut impl Write) -> io::Result<()> {
        let mut first = true;
        for (name, host) in &book.hosts {
            let mut told = Vec::new();
            self.host(host, &mut told)?;
            if told.is_empty() && self.from.is_some() {
                continue;
            }
            if !std::mem::take(&mut first) {
                writeln!(out)?;
            }
            let name = if name.is_empty() { "unknown" } else { name };
            writeln!(
                out,
                "{}",
                self.paint.bold(&format!("host {}", harmless(name, 80)))
            )?;
            out.write_all(&told)?;
        }
        Ok(())
    }

    fn host(&self, host: &Host, out: &mut impl Write) -> io::Result<()> {
        // Sessions that did the like, as cron's do, are printed once.
        let mut like: HashMap<String, usize> = HashMap::new();
        let mut alike: HashMap<usize, usize> = HashMap::new();
        for (at, session) in host.sessions.iter().enumerate() {
            let is_plain =
                session.alerts.is_empty() && session.from.is_empty() && session.verdict.is_none();
            let first = match is_plain {
                true => *like.entry(session.shape()).or_insert(at),
                false => at,
            };
            *alike.entry(first).or_default() += 1;
        }
        for (at, session) in host.sessions.iter().enumerate() {
            let is_wanted = self.from.as_ref().is_none_or(|from| *from == session.from);
            let Some(times) = alike.get(&at).copied().filter(|_| is_wanted) else {
                continue;
            };
            self.session(session, times, host.refused.get(&session.from), out)?;
        }
        if self.from.is_some() {
            return Ok(());
        }
        for (ip, refused) in &host.refused {
            if !host.sessions.iter().any(|session| session.from == *ip) {
                let tried = tried(refused);
                writeln!(
                    out,
                    "\n{} refused: {tried}",
                    self.paint.bold(&harmless(ip, 45))
                )?;
            }
        }
        for (time, alert) in &host.alerts {
            writeln!(
                out,
                "\n{}  {}",
                clock(*time),
                self.paint.with("31", &harmless(alert, 400))
            )?;
        }
        self.services(host, out)
    }

    fn services(&self, host: &Host, out: &mut impl Write) -> io::Result<()> {
        if !host.services.is_empty() {
            let mut all: Vec<_> = host.services.iter().collect();
            all.sort_by_key(|(name, times)| (std::cmp::Reverse(**times), *name));
            let starts: usize = host.services.values().sum();
            let shown: Vec<String> = all
                .iter()
                .take(8)
                .map(|(name, times)| format!("{} {times}", harmless(name, 40)))
                .collect();
            let more = if all.len() > 8 { ", …" } else { "" };
            let what = if starts == 1 { "program" } else { "programs" };
            writeln!(
                out,
                "\n{starts} {what} started outside of any session: {}{more}",
                shown.join(", ")
            )?;
        }
        if host.untold > 0 {
            writeln!(out, "\n{} more events are not shown", host.untold)?;
        }
        Ok(())
    }

    fn session(
        &self,
        session: &Session,
        times: usize,
        refused: Option<&Refused>,
        out: &mut impl Write,
    ) -> io::Result<()> {
        writeln!(out, "\n{}", self.paint.bold(&headline(session)))?;
        if let Some(refused) = refused.filter(|refused| refused.first < session.began) {
            writeln!(out, "  before: {}", tried(refused))?;
        }
        for (time, alert) in &session.alerts {
            writeln!(
                out,
                "  {}  {}",
                clock(*time),
                self.paint.with("31", &harmless(alert, 400))
            )?;
        }
        if let Some(verdict) = &session.verdict {
            writeln!(out, "  {}", self.paint.red(&harmless(verdict, 1_200)))?;
        }
        let mut lines = MOST_LINES;
        for &root in &session.roots {
            self.node(session, root, 0, &mut lines, out)?;
        }
        if lines > 0 && !session.strays.is_empty() {
            writeln!(out, "  started by processes of which no record tells:")?;
        }
        for &stray in &session.strays {
            self.node(session, stray, 1, &mut lines, out)?;
        }
        if lines == 0 || session.untold > 0 {
            writeln!(out, "  … {} programs in all", session.starts)?;
        }
        if let Some(ended) = session.ended {
            let took = duration(ended - session.began);
            writeln!(out, "  {}  logged off after {took}", clock(ended))?;
        }
        if times > 1 {
            writeln!(out, "  … and {} more sessions like this one", times - 1)?;
        }
        Ok(())
    }

    fn node(
        &self,
        session: &Session,
        at: usize,
        depth: usize,
        lines: &mut usize,
        out: &mut impl Write,
    ) -> io::Result<()> {
        let node = &session.nodes[at];
        for (n, program) in node.programs.iter().enumerate() {
            if *lines == 0 {
                return Ok(());
            }
            *lines -= 1;
            let mut line = format!(
                "{}{}",
                "  ".repeat(depth.min(DEEPEST)),
                if n > 0 { "= " } else { "" }
            );
            line.push_str(&harmless(&program.line, MOST_LINE));
            if program.user != session.user {
                line.push_str(&format!("  [as {}]", harmless(&program.user, 32)));
            }
            let marks = if n + 1 == node.programs.len() {
                self.marks(node)
            } else {
                String::new()
            };
            writeln!(
                out,
                "  {}  {line}{marks}",
                self.paint.faint(&clock(program.time))
            )?;
        }
        for &child in &node.children {
            self.node(session, child, depth + 1, lines, out)?;
        }
        Ok(())
    }

    fn marks(&self, node: &Node) -> String {
        let mut marks = String::new();
        if node.times > 1 {
            marks.push_str(&format!(
                "  and {} more until {}",
                node.times - 1,
                clock(node.last)
            ));
        }
        if let Some((time, how)) = &node.end {
            marks.push_str(&format!("  ({how} at {})", clock(*time)));
        }
        for mark in &node.marks {
            let colour = if mark.starts_with("became") {
                "33"
            } else {
                "1;31"
            };
            marks.push_str("  ");
            marks.push_str(
                &self
                    .paint
                    .with(colour, &format!("<- {}", harmless(mark, 80))),
            );
        }
        marks
    }
}

fn headline(session: &Session) -> String {
    let mut line = format!(
        "{}  session {}: {}",
        day(session.began),
        harmless(&session.number, 12),
        harmless(&session.user, 32)
    );
    if !session.is_seen {
        return line + ", whose logon was not seen";
    }
    if !session.from.is_empty() {
        line.push_str(&format!(" from {}", harmless(&session.from, 45)));
    }
    if !session.service.is_empty() {
        line.push_str(&format!(" by {}", harmless(&session.service, 20)));
    }
    if !session.method.is_empty() {
        line.push_str(&format!(", {}", harmless(&session.method, 20)));
    }
    line
}

fn tried(refused: &Refused) -> String {
    let users: Vec<String> = refused
        .users
        .iter()
        .take(8)
        .map(|user| harmless(user, 32))
        .collect();
    let more = if refused.users.len() > 8 { ", …" } else { "" };
    let what = if refused.times == 1 {
        "logon"
    } else {
        "logons"
    };
    format!(
        "{} failed {what} since {} as {}{more}",
        refused.times,
        clock(refused.first),
        users.join(", ")
    )
}

/// `2026-11-22 03:37:49`, UTC.
fn day(time: i64) -> String {
    let day = chrono::DateTime::from_timestamp_millis(time);
    day.map_or_else(
        || "?".to_owned(),
        |day| day.format("%Y-%m-%d %H:%M:%S").to_string(),
    )
}

fn clock(time: i64) -> String {
    let day = chrono::DateTime::from_timestamp_millis(time);
    day.map_or_else(|| "?".to_owned(), |day| day.format("%H:%M:%S").to_string())
}

fn duration(ms: i64) -> String {
    let seconds = ms.max(0) / 1000;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn printed(book: &Book, from: Option<&str>) -> String {
        let mut out = Vec::new();
        let print = Print {
            paint: Paint(false),
            from: from.map(str::to_owned),
        };
        print.book(book, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn nothing_in_an_event_steers_the_terminal() {
        let mut book = Book::default();
        book.take(&json!({"class_uid": 1007, "activity_id": 1, "status_id": 1, "launch_type": "Exec", "time": 1,
            "device": {"hostname": "web\u{1b}[2J"}, "process": {"pid": 5, "name": "id",
            "cmd_line": "id \u{1b}]0;x\u{7}\u{202e}", "session": {"uid": "3"}, "user": {"name": "a\rb"}}}));
        let text = printed(&book, None);
        assert!(
            text.contains("id .]0;x..") && text.contains("[as a.b]"),
            "{text}"
        );
        assert!(
            !text.contains('\x1b') && text.contains("logon was not seen"),
            "{text}"
        );
    }

    #[test]
    fn an_alert_that_comes_before_its_start_marks_it_too() {
        let mut book = Book::default();
        book.take(&json!({"class_uid": 2004, "severity": "High", "severity_id": 4, "device": {"hostname": "web"},
            "finding_info": {"title": "Reverse shell", "related_events": [{"uid": "e1"}]}, "unmapped": {"matched": []}}));
        book.take(&json!({"class_uid": 1007, "activity_id": 1, "status_id": 1, "launch_type": "Exec", "time": 1,
            "metadata": {"uid": "e1"}, "device": {"hostname": "web"},
            "process": {"pid": 5, "name": "sh", "session": {"uid": "3"}}}));
        let text = printed(&book, None);
        assert!(text.contains("<- high: Reverse shell"), "{text}");
    }

    #[test]
    fn a_host_with_nothing_from_the_address_that_is_asked_for_has_no_heading() {
        let mut book = Book::default();
        book.take(&json!({"class_uid": 4001, "activity_id": 6, "time": 1, "device": {"hostname": "router"}}));
        book.take(&json!({"class_uid": 1007, "activity_id": 1, "status_id": 1, "launch_type": "Exec", "time": 1,
            "device": {"hostname": "web"}, "process": {"pid": 5, "name": "id", "session": {"uid": "3"}}}));
        // Flows are of no session.
        assert!(
            printed(&book, None).starts_with("host web\n"),
            "{}",
            printed(&book, None)
        );
        assert_eq!(printed(&book, Some("203.0.113.66")), "");
    }
}
