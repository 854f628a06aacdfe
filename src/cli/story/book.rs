//! What the lane told, gathered by host and session.
//!
//! Place in the flow: documents → sessions. Each start of a program carries its session and what is known of its
//! logon; nothing is looked up here. It is bounded: what is beyond is counted.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::Value;

use super::session::{Program, Session, Start};

/// Where an alert says that it is of a story.
pub(in crate::cli) const STORY: &str = "/unmapped/story";

/// Sessions of one host that are kept.
const MOST_SESSIONS: usize = 10_000;

/// An alert comes soon behind the start that it is about, or before it.
const RECENT: usize = 512;

/// Alerts of one host that are kept.
const MOST_ALERTS: usize = 1_000;

/// Flows are of no session, and a router or a gateway has none.
const FLOW: u64 = 4001;

/// An address that did not get in, and as whom it tried.
#[derive(Debug, Default)]
pub(in crate::cli) struct Refused {
    pub(super) times: usize,
    pub(super) users: BTreeSet<String>,
    pub(super) first: i64,
}

#[derive(Debug, Default)]
pub(in crate::cli) struct Host {
    pub(super) sessions: Vec<Session>,
    pub(super) refused: BTreeMap<String, Refused>,
    /// That are of no session: severity, when, and the sentence.
    pub(super) alerts: Vec<(i64, String)>,
    /// Programs that were started outside of any session, by program.
    pub(super) services: BTreeMap<String, usize>,
    pub(super) untold: usize,
    starts: usize,
    by_key: BTreeMap<(String, String), usize>,
    /// The session of each event that may prove an alert.
    by_event: BTreeMap<String, usize>,
    /// The newest starts: id, session, pid.
    recent: VecDeque<(String, usize, u64)>,
    /// Marks whose start did not come yet, by its id: on a broker the two are in different topics.
    early: VecDeque<(String, String)>,
}

/// Everything, by the name of the host.
#[derive(Debug, Default)]
pub(in crate::cli) struct Book {
    pub(super) hosts: BTreeMap<String, Host>,
}

impl Book {
    pub(in crate::cli) fn take(&mut self, document: &Value) {
        let class = document.get("class_uid").and_then(Value::as_u64);
        let activity = document.get("activity_id").and_then(Value::as_u64);
        if class == Some(FLOW) {
            return;
        }
        let name = text(document, "/device/hostname");
        let host = self.hosts.entry(name).or_default();
        match (class, activity) {
            // What failed to start, and what sudo says that it ran, have the class too.
            (Some(1007), Some(1))
                if document["status_id"] == 1 && document.get("launch_type").is_some() =>
            {
                host.start(document);
            }
            (Some(1007), Some(2)) => host.end(document),
            (Some(3002), Some(1)) => host.logon(document),
            (Some(3002), Some(2)) => host.logoff(document),
            (Some(3002), Some(7)) => host.switch(document),
            (Some(2004), _) => host.alert(document),
            _ => {}
        }
    }
}

impl Host {
    /// The session of this number that the event carries; a new one where it is the first of it.
    fn session(
        &mut self,
        number: String,
        logon: String,
        time: i64,
    ) -> Option<(usize, &mut Session)> {
        let key = (number, logon);
        let at = match self.by_key.get(&key) {
            Some(&at) => at,
            None if self.sessions.len() >= MOST_SESSIONS => {
                self.untold += 1;
                return None;
            }
            None => {
                let at = self.sessions.len();
                self.sessions.push(Session::new(&key.0, time));
                self.by_key.insert(key, at);
                at
            }
        };
        self.sessions.get_mut(at).map(|session| (at, session))
    }

    fn start(&mut self, document: &Value) {
        let process = &document["process"];
        let number = text(process, "/session/uid");
        let line = text(process, "/cmd_line");
        let name = text(process, "/name");
        if number.is_empty() {
            *self.services.entry(name).or_default() += 1;
            return;
        }
        self.starts += 1;
        let nth = self.starts;
        let known = &document["unmapped"]["session"];
        let (time, uid) = (time(document), text(document, "/metadata/uid"));
        let marks = hits(document);
        let is_marked = !marks.is_empty();
        let early = self.early.iter().filter(|(of, _)| *of == uid);
        let early: Vec<String> = early.map(|(_, mark)| mark.clone()).collect();
        self.early.retain(|(of, _)| *of != uid);
        let Some((at, session)) = self.session(number, text(known, "/logon_uid"), time) else {
            return;
        };
        if session.service.is_empty() {
            session.is_seen = known.get("start_time").is_some();
            session.from = text(known, "/src_ip");
            session.service = text(known, "/service");
            session.method = text(known, "/method");
        }
        if session.user.is_empty() {
            session.user = name_of(&document["actor"]["user"]);
        }
        let user = name_of(&process["user"]);
        let ancestors = process["ancestry"].as_array().into_iter().flatten();
        let pid = process["pid"].as_u64().unwrap_or_default();
        session.start(Start {
            pid,
            ppid: process["parent_process"]["pid"]
                .as_u64()
                .unwrap_or_default(),
            ancestors: ancestors.filter_map(|one| one["pid"].as_u64()).collect(),
            has_parent: !text(process, "/parent_process/path").is_empty(),
            nth,
            program: Program {
                time,
                line: if line.is_empty() { name } else { line },
                user,
            },
            marks,
        });
        early.into_iter().for_each(|mark| session.mark(pid, mark));
        if is_marked {
            self.by_event.insert(uid.clone(), at);
        }
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back((uid, at, pid));
    }

    fn end(&mut self, document: &Value) {
        let (number, time) = (text(document, "/actor/session/uid"), time(document));
        let logon = text(document, "/unmapped/session/logon_uid");
        let pid = document["process"]["pid"].as_u64();
        let (Some(&at), Some(pid)) = (self.by_key.get(&(number, logon)), pid) else {
            return;
        };
        let how = match (
            document["exit_code"].as_i64(),
            document["unmapped"]["signal"].as_i64(),
        ) {
            (_, Some(signal)) => format!("died of signal {signal}"),
            (Some(code), _) => format!("exit {code}"),
            (None, None) => return,
        };
        self.sessions[at].end(pid, time, how);
    }

    fn logon(&mut self, document: &Value) {
        let (from, time) = (text(document, "/src_endpoint/ip"), time(document));
        let user = name_of(&document["user"]);
        if document["status_id"] == 2 {
            let from = if from.is_empty() {
                "this host".to_owned()
            } else {
                from
            };
            let refused = self.refused.entry(from).or_insert_with(|| Refused {
                first: time,
                ..Refused::default()
            });
            refused.times += 1;
            refused.users.insert(user);
            return;
        }
        let number = text(document, "/session/uid");
        let uid = text(document, "/metadata/uid");
        if number.is_empty() {
            return;
        }
        let Some((at, session)) = self.session(number, uid.clone(), time) else {
            return;
        };
        session.is_seen = true;
        session.user = user;
        session.service = text(document, "/service/name");
        session.method = text(document, "/unmapped/method");
        session.terminal = text(document, "/session/terminal");
        session.from = from;
        session.began = time;
        self.by_event.insert(uid, at);
    }

    fn logoff(&mut self, document: &Value) {
        let key = (
            text(document, "/session/uid"),
            text(document, "/unmapped/logon_uid"),
        );
        if let Some(&at) = self.by_key.get(&key) {
            self.sessions[at].ended = Some(time(document));
        }
    }

    /// sudo and su are of a session that is there.
    fn switch(&mut self, document: &Value) {
        let number = text(document, "/session/uid");
        let pid = document["logon_process"]["pid"]
            .as_u64()
            .unwrap_or_default();
        let user = name_of(&document["user"]);
        let mark = match document["status_id"] == 2 {
            true => format!("refused to become {user}"),
            false => format!("became {user}"),
        };
        let sessions = self.sessions.iter_mut().rev();
        let of = sessions.filter(|session| session.number == number).take(1);
        for session in of {
            session.mark(pid, mark.clone());
        }
    }

    /// A rule that a start matches marks it. What all of them add up to stands with the session, the newest
    /// word in place of the ones before.
    fn alert(&mut self, document: &Value) {
        if document.pointer("/unmapped/matched").is_some() {
            return self.matched(document);
        }
        if let Some(story) = document.pointer(STORY) {
            return self.verdict(document, story);
        }
        let severity = text(document, "/severity").to_lowercase();
        let told = format!("{severity}: {}", text(document, "/message"));
        let events = document["finding_info"]["related_events"].as_array();
        let mut events = events.into_iter().flatten().rev();
        let of = events.find_map(|event| self.by_event.get(event["uid"].as_str()?).copied());
        let alerts = match of {
            Some(at) => &mut self.sessions[at].alerts,
            None => &mut self.alerts,
        };
        match alerts.len() < MOST_ALERTS {
            true => alerts.push((time(document), told)),
            false => self.untold += 1,
        }
    }

    fn matched(&mut self, document: &Value) {
        // What tells nothing by itself is not marked.
        if document["severity_id"].as_u64() <= Some(1) {
            return;
        }
        let uid = text(document, "/finding_info/related_events/0/uid");
        let title = text(document, "/finding_info/title");
        let mark = format!("{}: {title}", text(document, "/severity").to_lowercase());
        match self.recent.iter().rev().find(|(of, ..)| *of == uid) {
            Some((_, at, pid)) => self.sessions[*at].mark(*pid, mark),
            None => {
                if self.early.len() == RECENT {
                    self.early.pop_front();
                }
                self.early.push_back((uid, mark));
            }
        }
    }

    fn verdict(&mut self, document: &Value, story: &Value) {
        let numbers = story["sessions"].as_array().into_iter().flatten();
        let numbers: Vec<String> = numbers.map(Value::to_string).collect();
        let mut sessions = self.sessions.iter_mut().rev();
        if let Some(session) = sessions.find(|session| numbers.contains(&session.number)) {
            let severity = text(document, "/severity").to_uppercase();
            session.verdict = Some(format!("{severity}: {}", text(document, "/message")));
        }
    }
}

/// The indicators that stand in an event, each once.
fn hits(document: &Value) -> Vec<String> {
    let hits = document["enrichments"].as_array();
    let mut all: Vec<String> = Vec::new();
    for hit in hits.into_iter().flatten() {
        let mark = format!("indicator {}", text(hit, "/data/indicator"));
        if !all.contains(&mark) {
            all.push(mark);
        }
    }
    all
}

fn text(document: &Value, path: &str) -> String {
    let text = document.pointer(path).and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}

fn time(document: &Value) -> i64 {
    document
        .get("time")
        .and_then(Value::as_i64)
        .unwrap_or_default()
}

/// A user by name, else by number.
fn name_of(user: &Value) -> String {
    let name = text(user, "/name");
    if name.is_empty() {
        text(user, "/uid")
    } else {
        name
    }
}
