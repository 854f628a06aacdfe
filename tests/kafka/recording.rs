//! The recordings as lines of several hosts, and what `replay` makes of them.
//!
//! Place in the flow: what goes in and what must come out. At the end of each host stands a line of
//! the far future, so that every wait has ended by the host's own time, in `replay` and in the daemon
//! alike; what is still in the making at the end of a file would otherwise come out in `replay` only.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use flate2::read::GzDecoder;

/// Document by its `metadata.uid`.
pub type Documents = BTreeMap<String, String>;

/// One host's lines.
pub struct Host {
    pub name: String,
    pub lines: Vec<Vec<u8>>,
    /// The lines do not name it; the message key does.
    by_key: bool,
}

/// A host of each form: named by its lines, and by the key alone.
pub fn hosts(count: usize) -> Vec<Host> {
    let raw = lines("raw.plugin.log.gz");
    let enriched = lines("enriched.plugin.log.gz");
    (0..count)
        .map(|i| {
            let source = if i % 2 == 0 { &raw } else { &enriched };
            Host::with(format!("host{i}"), i % 3 == 2, source)
        })
        .collect()
}

/// Hosts of which each is attacked once, and has an administrator, cron and a service: the three recordings.
pub fn attacked() -> Vec<Host> {
    let names = ["raw", "enriched", "node"];
    names
        .into_iter()
        .map(|name| {
            let mut lines = lines(&format!("{name}.plugin.log.gz"));
            for line in &mut lines {
                if line.starts_with(b"node=web01 ") {
                    line.drain(..b"node=web01 ".len());
                }
            }
            Host::with(name.to_owned(), false, &lines)
        })
        .collect()
}

impl Host {
    fn with(name: String, by_key: bool, lines: &[Vec<u8>]) -> Host {
        let prefix = if by_key {
            String::new()
        } else {
            format!("node={name} ")
        };
        let future = (0..2).map(|second| {
            format!(
                "type=CRED_DISP msg=audit({}.000:{}): pid=1 uid=0 auid=0 ses=1",
                1_900_000_000 + second * 7200,
                900_000_000 + second
            )
        });
        let lines = lines
            .iter()
            .cloned()
            .chain(future.map(String::into_bytes))
            .map(|line| [prefix.as_bytes(), &line].concat())
            .collect();
        Host {
            name,
            lines,
            by_key,
        }
    }

    /// Without end records, as log files are, and without the lines of the far future that end all waits: then it is silent.
    pub fn falls_silent(mut self) -> Host {
        self.lines.truncate(self.lines.len() - 2);
        self.lines
            .retain(|line| !String::from_utf8_lossy(line).contains("type=EOE "));
        self
    }

    /// What it says first, and the rest.
    pub fn halve(mut self) -> (Host, Host) {
        let rest = Host {
            name: self.name.clone(),
            lines: self.lines.split_off(self.lines.len() / 2),
            ..self
        };
        (self, rest)
    }
}

/// Line by line in turn, as hosts talk at the same time.
pub fn interleaved(hosts: &[Host]) -> impl Iterator<Item = (&str, &[u8])> {
    let longest = hosts.iter().map(|host| host.lines.len()).max().unwrap_or(0);
    (0..longest).flat_map(move |i| {
        hosts
            .iter()
            .filter_map(move |host| Some((host.name.as_str(), host.lines.get(i)?.as_slice())))
    })
}

/// What `replay` prints for these hosts. A host that lines do not name is replayed on its own.
pub fn expected(hosts: &[Host], folder: &Path) -> Documents {
    expected_with(hosts, folder, &[])
}

/// The same, with more arguments.
pub fn expected_with(hosts: &[Host], folder: &Path, more: &[&str]) -> Documents {
    let mut all = Documents::new();
    for host in hosts {
        let file = folder.join(format!("{}.log", host.name));
        let mut text = host.lines.join(&b'\n');
        text.push(b'\n');
        std::fs::write(&file, text).expect("written");
        let mut arguments = vec!["--as", "audit"];
        arguments.extend(more);
        if host.by_key {
            arguments.extend(["--host", &host.name]);
        }
        all.extend(replay(&file, &arguments));
    }
    assert!(
        all.len() > 200 * hosts.len(),
        "replay printed {} documents",
        all.len()
    );
    all
}

pub fn replay(file: &Path, arguments: &[&str]) -> Documents {
    let output = Command::new(env!("CARGO_BIN_EXE_trailhound"))
        .arg("replay")
        .args(arguments)
        .arg(file)
        .stdin(Stdio::null())
        .output()
        .expect("replay runs");
    if !output.status.success() {
        std::io::stderr().write_all(&output.stderr).expect("stderr");
        panic!("replay failed");
    }
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.lines()
        .map(|line| (uid(line), line.to_owned()))
        .collect()
}

pub fn uid(document: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(document).expect("JSON");
    let uid = value.pointer("/metadata/uid").and_then(|uid| uid.as_str());
    uid.unwrap_or_else(|| panic!("no uid: {document}"))
        .to_owned()
}

pub fn lines(name: &str) -> Vec<Vec<u8>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name);
    let mut text = Vec::new();
    GzDecoder::new(std::fs::File::open(&file).expect("a recording"))
        .read_to_end(&mut text)
        .expect("gzip");
    text.split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(<[u8]>::to_vec)
        .collect()
}
