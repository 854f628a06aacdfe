//! The daemon as a child process, its configuration and its topics.
//!
//! Place in the flow: between the clients. It is the real binary with a file, as a user would run it.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::broker::{Broker, free_port, signal};
use crate::clients;

/// The kinds that are written, which end the names of their topics.
pub const KINDS: [&str; 4] = ["process", "logon", "flow", "alert"];

/// Configuration: all kinds are written, also the one that nobody has who does not ask for it.
pub const ALL_KINDS: &str = r#"[output]
kinds = ["process", "logon", "flow", "alert", "audit"]
"#;

/// Each member has the same share of each topic's partitions, and lets go of all around a rebalance.
pub const EAGER: &str = "[kafka.properties]\n\"partition.assignment.strategy\" = \"range\"\n";

/// The brokers assign partitions, and not one of the members.
pub const BROKERS_ASSIGN: &str = "\"group.protocol\" = \"consumer\"\n";

/// One test's own topics, group and folder.
pub struct Place {
    pub servers: String,
    pub replication: i32,
    pub prefix: String,
    pub delivery: &'static str,
    /// `waits.settle`.
    pub settle: &'static str,
    pub folder: TempDir,
    /// Arguments and environment of daemons beside the usual.
    pub arguments: Vec<&'static str>,
    pub environment: Vec<(&'static str, String)>,
}

impl Place {
    /// Input topics are made at once, so that they can be filled before a daemon starts.
    pub fn new(broker: &Broker, prefix: &str) -> Place {
        let place = Place {
            servers: broker.servers(),
            replication: broker.replication(),
            prefix: prefix.to_owned(),
            delivery: "at_least_once",
            settle: "1s",
            folder: tempfile::tempdir().expect("a folder"),
            arguments: Vec::new(),
            environment: Vec::new(),
        };
        let (audit, flow) = (place.topic("audit.raw"), place.topic("flow.raw"));
        clients::make_topics(&place.servers, &[&audit, &flow], 4, &[]);
        place
    }

    /// The same, for daemons that deliver exactly once. An event that has all but its end record settles for
    /// longer than a broker that freezes is taken for one that is there, or that record would come late.
    pub fn exactly_once(broker: &Broker, prefix: &str) -> Place {
        Place {
            delivery: "exactly_once",
            settle: "4s",
            ..Place::new(broker, prefix)
        }
    }

    pub fn topic(&self, name: &str) -> String {
        format!("{}.{name}", self.prefix)
    }

    /// Waits are longer than any pause that a test makes: a producer that is away in the middle of an event
    /// would rightly have it told as incomplete, and `replay` knows no such pause.
    pub fn config(&self, more: &str) -> String {
        let topics: String = ["process", "logon", "flow", "alert", "audit"]
            .iter()
            .map(|kind| format!("{kind} = \"{}\"\n", self.topic(kind)))
            .collect();
        format!(
            "workers = 1\ndelivery = \"{}\"\n[kafka]\nbootstrap_servers = \"{}\"\ngroup = \"{}\"\ncreate_topics = true\nreplication = {}\n\
             [topics]\naudit_in = \"{}\"\nflow_in = \"{}\"\n{topics}dead_letter = \"{}\"\n\
             [waits]\nevent = \"30s\"\nsettle = \"{}\"\n{more}\n",
            self.delivery,
            self.servers,
            self.prefix,
            self.replication,
            self.topic("audit.raw"),
            self.topic("flow.raw"),
            self.topic("deadletter"),
            self.settle,
        )
    }

    pub fn start(&self, name: &str, more: &str) -> Daemon {
        self.start_by(&self.servers, name, more)
    }

    /// By another way to the brokers than the tests' own.
    pub fn start_by(&self, servers: &str, name: &str, more: &str) -> Daemon {
        let properties = if more.contains("[kafka.properties]") {
            ""
        } else {
            "[kafka.properties]\n"
        };
        let timeouts = match more.contains(BROKERS_ASSIGN) {
            // They say when a member is taken for dead too.
            true => "",
            false => "\"session.timeout.ms\" = \"6000\"\n\"heartbeat.interval.ms\" = \"1000\"\n",
        };
        let config = self.config(&format!("{more}\n{properties}{timeouts}"));
        self.start_with(name, &config.replace(&self.servers, servers))
    }

    pub fn start_with(&self, name: &str, config: &str) -> Daemon {
        let file = self.folder.path().join(format!("{name}.toml"));
        fs::write(&file, config).expect("written");
        let http = format!("127.0.0.1:{}", free_port());
        let log = self.folder.path().join(format!("{name}.log"));
        let process = Command::new(env!("CARGO_BIN_EXE_trailhound"))
            .args(["run", "--http-listen", &http, "--config"])
            .arg(&file)
            .args(&self.arguments)
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(&log).expect("a log"))
            .spawn()
            .expect("the daemon starts");
        Daemon { process, http, log }
    }
}

impl Place {
    /// What `check-config --connect` says of the file of a daemon that was started.
    pub fn check_config(&self, name: &str) -> (ExitStatus, String) {
        let (status, _, said) =
            self.check_config_of(&self.folder.path().join(format!("{name}.toml")));
        (status, said)
    }

    /// Exit status, stdout and stderr.
    pub fn check_config_of(&self, file: &Path) -> (ExitStatus, String, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_trailhound"))
            .args(["check-config", "--connect"])
            .arg(file)
            .envs(self.environment.iter().cloned())
            .output()
            .expect("it runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status, text(&output.stdout), text(&output.stderr))
    }
}

pub struct Daemon {
    process: Child,
    http: String,
    log: PathBuf,
}

impl Daemon {
    pub fn pid(&self) -> String {
        self.process.id().to_string()
    }

    /// SIGTERM, and its exit status.
    pub fn stop(mut self) -> ExitStatus {
        signal("TERM", &self.pid());
        self.wait()
    }

    /// SIGTERM, and it must end in order.
    pub fn stop_well(self) {
        let log = self.log.clone();
        let status = self.stop();
        assert!(status.success(), "{status}; its log:\n{}", read(&log));
    }

    pub fn kill(mut self) {
        self.process.kill().expect("killed");
        self.process.wait().expect("waited for");
    }

    /// It does nothing, and others may take it for dead.
    pub fn freeze(&self) {
        signal("STOP", &self.pid());
    }

    pub fn thaw(&self) {
        signal("CONT", &self.pid());
    }

    /// Waits for it to end by itself.
    pub fn wait(&mut self) -> ExitStatus {
        wait_for("the daemon to end", || {
            self.process.try_wait().expect("a child")
        })
    }

    /// The end of what it printed.
    pub fn log(&self) -> String {
        read(&self.log)
    }

    /// All that it printed.
    pub fn whole_log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Status and body of one request.
    pub fn get(&self, path: &str) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect(&self.http).ok()?;
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .ok()?;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )
        .ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let status = answer.split(' ').nth(1)?.parse().ok()?;
        let body = answer.split_once("\r\n\r\n")?.1.to_owned();
        Some((status, body))
    }

    pub fn wait_ready(&self) {
        wait_for("readiness", || {
            self.get("/readyz").filter(|(status, _)| *status == 200)
        });
    }

    /// One number of `/metrics`.
    pub fn metric(&self, name: &str) -> Option<f64> {
        let (_, text) = self.get("/metrics")?;
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
        line.parse().ok()
    }

    /// One of its own, by its name without `trailhound_`; 0 where it is not told.
    pub fn counted(&self, name: &str) -> f64 {
        self.metric(&format!("trailhound_{name}")).unwrap_or(0.0)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            println!("--- log of the daemon\n{}", self.log());
        }
    }
}

fn read(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(60)..].join("\n")
}

/// Looks again and again. The bound only keeps a broken test from running for ever.
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(90);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}
