//! Sessions and ancestors of recorded processes: the truth file says from where each came, the log itself who
//! its parent was.
//!
//! The recordings of the attack do not go round with their pids, so there the newest record of a pid before a
//! start tells its parent for certain. In the load they do; there each worker's processes have one parent.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use trailhound::model::output::OutputKind;
use trailhound::model::{Input, Kind, Outputs, Settings, Source, Timestamp};
use trailhound::pipeline::intel::IntelSet;
use trailhound::pipeline::lane::Lane;

use super::shared;

/// Documents of all kinds, in order.
pub fn documents(text: &[u8]) -> Vec<Value> {
    let settings = Settings {
        kinds: Kind::ALL.into_iter().collect(),
        default_host: Some("web01".to_owned()),
        ..Settings::default()
    };
    let (mut lane, intel) = (Lane::new(Arc::new(settings)), IntelSet::default());
    let (mut out, mut all) = (Outputs::new(), Vec::new());
    let mut take = |out: &mut Outputs| {
        for output in out.iter() {
            if matches!(output.kind, OutputKind::Event(_)) {
                all.push(serde_json::from_slice(output.value).expect("JSON"));
            }
        }
        out.clear();
    };
    for (offset, value) in (0..).zip(text.split(|b| *b == b'\n')) {
        let input = Input {
            source: Source::Audit,
            value,
            key: None,
            host: None,
            offset,
        };
        lane.step(Timestamp(0), input, &intel, &mut out);
        take(&mut out);
    }
    lane.finish(&intel, &mut out);
    take(&mut out);
    all
}

fn text<'v>(document: &'v Value, path: &str) -> Option<&'v str> {
    document.pointer(path).and_then(Value::as_str)
}

fn is_process(document: &&Value) -> bool {
    document["class_uid"] == 1007
        && document["activity_id"] == 1
        && document["launch_type"] == "Exec"
}

struct Truth(Vec<Value>);

impl Truth {
    fn read(path: &Path) -> Truth {
        let text = fs::read_to_string(path).expect("the truth");
        Truth(
            text.lines()
                .map(|line| serde_json::from_str(line).expect("JSON"))
                .collect(),
        )
    }

    fn of(&self, kind: &str) -> impl Iterator<Item = &Value> {
        self.0.iter().filter(move |item| item["kind"] == kind)
    }
}

/// Of each process of the truth: `(right, not found, wrong)`.
fn sources(truth: &Truth, documents: &[Value]) -> (usize, usize, usize) {
    // The script's sessions in the order of logons of a user from an address, as the log has them.
    let logons: Vec<&Value> = documents
        .iter()
        .filter(|d| d["class_uid"] == 3002 && d["activity_id"] == 1 && d["status_id"] == 1)
        .filter(|d| text(d, "/service/name") == Some("sshd"))
        .collect();
    let mut taken = vec![false; logons.len()];
    let mut sessions: HashMap<&str, (&Value, &str)> = HashMap::new();
    for logon in truth.of("logon") {
        let (Some(session), Some(src)) = (logon["session"].as_str(), logon["src"].as_str()) else {
            continue;
        };
        let fits = |d: &Value| {
            text(d, "/user/name") == logon["user"].as_str()
                && text(d, "/src_endpoint/ip") == Some(src)
        };
        let at = (0..logons.len()).find(|&at| !taken[at] && fits(logons[at]));
        let at = at.unwrap_or_else(|| panic!("no logon for {logon}"));
        taken[at] = true;
        sessions.insert(session, (logons[at], src));
    }
    let mut used = vec![false; documents.len()];
    let (mut right, mut missing, mut wrong) = (0, 0, 0);
    for process in truth.of("process") {
        let Some(session) = process["session"].as_str() else {
            continue;
        };
        let (logon, src) = sessions[session];
        let number = text(logon, "/session/uid").expect("a session");
        let argv = &process["argv"];
        let b64 = &process["argv_b64"];
        let fits = |d: &Value| {
            text(d, "/process/session/uid") == Some(number)
                && if b64.is_null() {
                    d["unmapped"]["argv"] == *argv
                } else {
                    d["unmapped"]["argv_b64"] == *b64
                }
        };
        let at = (0..documents.len())
            .find(|&at| !used[at] && is_process(&&documents[at]) && fits(&documents[at]));
        let Some(at) = at else {
            missing += 1;
            continue;
        };
        used[at] = true;
        let known = &documents[at]["unmapped"]["session"];
        let is_right = known["src_ip"] == src
            && known["logon_uid"] == logon["metadata"]["uid"]
            && known["service"] == "sshd";
        right += usize::from(is_right);
        wrong += usize::from(!is_right);
    }
    (right, missing, wrong)
}

/// What the log says of parents, by pid: the program of its newest record, and the command line of its newest
/// start.
#[derive(Default)]
struct Log(HashMap<u64, (String, Option<String>)>);

/// Parents of program starts.
#[derive(Default)]
struct Parents {
    right: usize,
    /// The log says nothing of them before.
    unknown: usize,
    /// The log does, and they are not told: they may have been another's number by then.
    withheld: usize,
    wrong: usize,
}

fn parents(documents: &[Value]) -> Parents {
    let (mut log, mut figures) = (Log::default(), Parents::default());
    for document in documents {
        let actor = match is_process(&document) {
            true => &document["process"],
            false => &document["actor"]["process"],
        };
        if is_process(&document) {
            let told = &document["process"]["parent_process"];
            let known = told["pid"].as_u64().and_then(|pid| log.0.get(&pid));
            match (known, told["path"].as_str()) {
                (None, None) => figures.unknown += 1,
                (Some(_), None) => figures.withheld += 1,
                (Some((exe, command)), Some(path))
                    if exe == path && command.as_deref() == told["cmd_line"].as_str() =>
                {
                    figures.right += 1;
                }
                _ => {
                    eprintln!("{known:?} and not {told}");
                    figures.wrong += 1;
                }
            }
        }
        let (Some(pid), Some(exe)) = (actor["pid"].as_u64(), actor["path"].as_str()) else {
            continue;
        };
        let command = match is_process(&document) {
            true => actor["cmd_line"].as_str().map(cut),
            false => match log.0.remove(&pid) {
                Some((known, command)) if known == exe => command,
                _ => None,
            },
        };
        log.0.insert(pid, (exe.to_owned(), command));
    }
    figures
}

fn cut(command: &str) -> String {
    match command.len() {
        0..=512 => command.to_owned(),
        _ => String::from_utf8_lossy(&command.as_bytes()[..512]).into_owned() + "…",
    }
}

#[test]
fn every_intended_process_carries_its_source_and_its_parent() {
    let Some(shared) = shared() else {
        return;
    };
    let live = shared.join("corpus/live");
    for name in ["raw", "enriched", "node"] {
        let truth = Truth::read(&live.join(format!("{name}.truth.jsonl")));
        let log = fs::read(live.join(format!("{name}.plugin.log"))).expect("the recording");
        let documents = documents(&log);
        let (right, missing, wrong) = sources(&truth, &documents);
        eprintln!(
            "{name}: sources of {right} of {} right, {wrong} wrong",
            right + missing + wrong
        );
        assert!(
            right > 80 && missing == 0 && wrong == 0,
            "{name}: {right} {missing} {wrong}"
        );
        let Parents {
            right,
            unknown,
            withheld,
            wrong,
        } = parents(&documents);
        let said = format!(
            "{name}: {right} parents right, {unknown} unknown, {withheld} withheld, {wrong} wrong"
        );
        eprintln!("{said}");
        assert!(
            wrong == 0 && right > 5 * unknown && withheld * 100 <= right,
            "{said}"
        );
    }
}

#[test]
fn the_workers_of_the_load_have_one_parent_each() {
    let Some(shared) = shared() else {
        return;
    };
    let packed = fs::read(shared.join("corpus/live/load.plugin.log.zst")).expect("the recording");
    let log = zstd::decode_all(&packed[..]).expect("zstd");
    let (mut right, mut unknown, mut wrong) = (0, 0, 0);
    let mut parents: HashMap<String, (u64, String)> = HashMap::new();
    for document in documents(&log).iter().filter(is_process) {
        let Some([program, worker, _]) = document["unmapped"]["argv"].as_array().map(Vec::as_slice)
        else {
            continue;
        };
        if program != "/bin/true" {
            continue;
        }
        let told = &document["process"]["parent_process"];
        let pid = told["pid"].as_u64().expect("a parent's pid");
        let Some(command) = told["cmd_line"].as_str() else {
            unknown += 1;
            continue;
        };
        let worker = worker.as_str().expect("a worker").to_owned();
        let known = parents
            .entry(worker)
            .or_insert_with(|| (pid, command.to_owned()));
        match *known == (pid, command.to_owned()) && command == "-bash" {
            true => right += 1,
            false => wrong += 1,
        }
    }
    eprintln!("load: {right} parents right, {unknown} unknown, {wrong} wrong; {parents:?}");
    assert!(
        right > 30_000 && wrong == 0 && unknown * 100 < right,
        "{right} {unknown} {wrong}"
    );
}
