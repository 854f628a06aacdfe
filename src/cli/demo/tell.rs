//! Tells a person what an output says, in one line.
//!
//! Place in the flow: output topics → terminal. It reads the documents as any SIEM would, by their OCSF
//! fields, and refuses to let anything in them steer the terminal.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::story::ATTACKER;
use crate::cli::paint::{Paint, harmless};
use crate::cli::story::{Book, STORY};

/// Programs that a person would look at twice in a session from outside.
const TELLING: [&str; 16] = [
    "id", "uname", "whoami", "cat", "sudo", "su", "wget", "curl", "chmod", "crontab", "base64",
    "find", "ps", "python3", "memfd", "nproc",
];

/// What came back, counted.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) events: BTreeMap<&'static str, u64>,
    pub(super) severities: BTreeMap<String, u64>,
    pub(super) dead_letters: u64,
    pub(super) hits: u64,
    /// Alerts of a guessed password from the attacker's address.
    pub(super) guessed: u64,
    /// Alerts of an indicator.
    pub(super) indicators: u64,
    /// Stories of the attacker's address that are held to be an attack.
    pub(super) attacks: u64,
    /// Programs of the attacker's sessions that were not told one by one.
    pub(super) untold: u64,
    /// All of it, by session.
    pub(super) book: Book,
    /// The attacker's sessions on the one host of the story.
    sessions: BTreeSet<String>,
}

impl Told {
    /// The line for one document, where it is worth one.
    pub(super) fn event(&mut self, document: &Value, paint: Paint) -> Option<String> {
        let hit = indicator(document);
        let (kind, words) = match document.get("class_uid").and_then(Value::as_u64) {
            Some(1007) => ("process", self.process(document, hit.is_some(), paint)),
            Some(3002) => ("logon", self.logon(document, paint)),
            Some(4001) => ("flow", Some(flow(document))),
            Some(2004) => ("alert", self.alert(document, paint)),
            _ => ("other", None),
        };
        *self.events.entry(kind).or_default() += 1;
        self.hits += u64::from(hit.is_some() && kind != "alert");
        let mark = match hit {
            Some(value) if kind != "alert" => paint.yellow(&format!("  <- indicator {value}")),
            _ => String::new(),
        };
        let time = paint.faint(&time(document));
        let kind = match kind {
            // One finding, told again as it grows.
            "alert" if document.pointer(STORY).is_some() => paint.red("STORY  "),
            "alert" => paint.red("ALERT  "),
            kind => format!("{kind:<7}"),
        };
        words.map(|words| format!("{time}  {kind}  {words}{mark}"))
    }

    pub(super) fn dead_letter(&mut self, bytes: &[u8], paint: Paint) -> String {
        self.dead_letters += 1;
        let text = harmless(&String::from_utf8_lossy(bytes), 60);
        format!(
            "{}  unread   kept byte for byte: {text}",
            paint.faint("        ")
        )
    }

    fn process(&mut self, document: &Value, hit: bool, paint: Paint) -> Option<String> {
        let session = at(document, "/process/session/uid");
        let outside = session.is_some_and(|session| self.sessions.contains(session));
        let name = at(document, "/process/name")
            .or_else(|| at(document, "/process/file/name"))
            .unwrap_or("?");
        let telling = TELLING.iter().any(|telling| name.starts_with(telling));
        if !(hit || outside && telling) {
            self.untold += u64::from(outside);
            return None;
        }
        let command = harmless(at(document, "/process/cmd_line").unwrap_or(name), 84);
        let user = user(document, "/process/user");
        Some(format!("{user}: {}", paint.bold(&command)))
    }

    fn logon(&mut self, document: &Value, paint: Paint) -> Option<String> {
        let service = at(document, "/service/name").unwrap_or("?");
        // Cron's logons come every minute.
        if service.starts_with("cron") {
            return None;
        }
        let who = user(document, "/user");
        let from = match at(document, "/src_endpoint/ip") {
            Some(ip) => format!(" from {}", harmless(ip, 45)),
            None => String::new(),
        };
        let failed = at(document, "/status") == Some("Failure");
        let words = match document.get("activity_id").and_then(Value::as_u64) {
            Some(2) => format!("{who} logged off{from}"),
            Some(7) => {
                let actor = user(document, "/actor/user");
                let verb = if failed { "failed to become" } else { "became" };
                format!("{actor} {verb} {who} ({})", harmless(service, 20))
            }
            _ if failed => format!("{who} failed to log on{from} ({})", harmless(service, 20)),
            _ => format!("{who} logged on{from} ({})", harmless(service, 20)),
        };
        if !failed && at(document, "/src_endpoint/ip") == Some(ATTACKER) {
            let session = at(document, "/session/uid").map(str::to_owned);
            self.sessions.extend(session);
        }
        Some(if failed {
            paint.yellow(&words)
        } else {
            paint.bold(&words)
        })
    }

    fn alert(&mut self, document: &Value, paint: Paint) -> Option<String> {
        let severity = at(document, "/severity").unwrap_or("Unknown").to_owned();
        let rule = document
            .pointer("/finding_info")
            .map(Value::to_string)
            .unwrap_or_default();
        let found = rule.contains("indicator-hit");
        // The sentence names the file of the indicator, by a path that means nothing here.
        let words = at(
            document,
            if found {
                "/finding_info/title"
            } else {
                "/message"
            },
        );
        let of_attacker = || document.to_string().contains(ATTACKER);
        let guessed = rule.contains("guessed-logon") && of_attacker();
        self.guessed += u64::from(guessed);
        self.attacks += u64::from(document.pointer(STORY).is_some() && of_attacker());
        self.indicators += u64::from(found);
        let words = format!(
            "{}: {}",
            severity.to_lowercase(),
            harmless(words.unwrap_or("?"), 160)
        );
        let is_telling = severity != "Informational";
        *self.severities.entry(severity).or_default() += 1;
        is_telling.then(|| if guessed { paint.red(&words) } else { words })
    }
}

fn flow(document: &Value) -> String {
    let end = |side: &str| {
        let ip = at(document, &format!("/{side}/ip")).unwrap_or("?");
        let port = document
            .pointer(&format!("/{side}/port"))
            .and_then(Value::as_u64);
        match port {
            Some(port) if ip.contains(':') => format!("[{ip}]:{port}"),
            Some(port) => format!("{ip}:{port}"),
            None => ip.to_owned(),
        }
    };
    let more = [
        at(document, "/connection_info/direction"),
        at(document, "/app_name"),
        at(document, "/disposition"),
    ];
    let more: Vec<_> = more.into_iter().flatten().map(str::to_lowercase).collect();
    harmless(
        &format!(
            "{} -> {} {}",
            end("src_endpoint"),
            end("dst_endpoint"),
            more.join(", ")
        ),
        110,
    )
}

/// The value of the first indicator that stands on an event.
fn indicator(document: &Value) -> Option<String> {
    let first = document.get("enrichments")?.as_array()?.first()?;
    let value = first
        .pointer("/data/indicator")
        .or_else(|| first.get("value"))?;
    Some(harmless(value.as_str()?, 60))
}

fn user(document: &Value, path: &str) -> String {
    let field = |name: &str| at(document, &format!("{path}/{name}"));
    let name = field("name").or_else(|| field("uid")).unwrap_or("somebody");
    harmless(name, 32)
}

fn at<'v>(document: &'v Value, path: &str) -> Option<&'v str> {
    document
        .pointer(path)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
}

/// The time of day of an event, UTC.
fn time(document: &Value) -> String {
    let seconds = document
        .get("time")
        .and_then(Value::as_i64)
        .unwrap_or_default()
        / 1000;
    let day = seconds.rem_euclid(86_400);
    format!("{:02}:{:02}:{:02}", day / 3600, day / 60 % 60, day % 60)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nothing_in_an_event_steers_the_terminal() {
        let document = json!({"class_uid": 3002, "activity_id": 1, "status": "Failure", "time": 0,
            "user": {"name": "a\u{1b}[2Jb"}, "service": {"name": "sshd\r"}, "src_endpoint": {"ip": "203.0.113.66"}});
        let line = Told::default().event(&document, Paint(false)).unwrap();
        assert_eq!(
            line,
            "00:00:00  logon    a.[2Jb failed to log on from 203.0.113.66 (sshd.)"
        );
    }

    #[test]
    fn alerts_are_counted_by_rule_and_severity() {
        let mut told = Told::default();
        let document = json!({"class_uid": 2004, "severity": "High", "message": "guessed from 203.0.113.66",
            "finding_info": {"analytic": {"uid": "guessed-logon"}}});
        assert!(told.event(&document, Paint(false)).is_some());
        assert_eq!(
            (told.guessed, told.indicators, told.severities["High"]),
            (1, 0, 1)
        );
    }
}
