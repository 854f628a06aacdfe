//! Apache Kafka brokers on loopback, one or several of a cluster: fetched, started, frozen, killed, stopped.
//!
//! Place in the flow: under all tests. The broker runs under a shell that waits for the end of its
//! standard input, which is ours: however this program ends, the broker goes too. It refuses to use a
//! broker that was there before.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

const VERSION: &str = "4.1.1";
const LOGGER: &str = "1.7.36";

/// Listeners beside the plain one; who makes them gives where they are.
pub trait Door {
    /// The settings of the broker with them.
    fn settings(&self, plain: &str) -> String;

    /// What the storage is formatted with beside.
    fn format(&self) -> Vec<String> {
        Vec::new()
    }
}

pub struct NoDoor;

impl Door for NoDoor {
    fn settings(&self, plain: &str) -> String {
        plain.to_owned()
    }
}

/// One node, which is broker and controller.
pub struct Broker {
    folder: TempDir,
    jars: PathBuf,
    /// Where clients find the cluster.
    servers: String,
    /// How often each record is kept: once for each node of the cluster.
    replication: i32,
    process: Option<Child>,
}

impl Broker {
    /// # Errors
    /// Why there is no broker: what is missing, or the end of its log.
    pub fn start() -> Result<Broker, String> {
        let mut cluster = Broker::start_cluster(&[NoDoor])?;
        cluster.pop().ok_or_else(|| "no broker".to_owned())
    }

    /// A node for each door. Records are kept once by each node, and half of these suffice.
    ///
    /// # Errors
    /// As [`Broker::start`].
    pub fn start_cluster<D: Door>(doors: &[D]) -> Result<Vec<Broker>, String> {
        let jars = fetch()?;
        let ports: Vec<_> = doors.iter().map(|_| (free_port(), free_port())).collect();
        let mut cluster = Vec::new();
        for (node, door) in doors.iter().enumerate() {
            let mut broker = Broker::make(&jars, node, &ports, door)?;
            broker.format(&door.format())?;
            broker.spawn()?;
            cluster.push(broker);
        }
        // None is ready before most of them are there.
        for broker in &cluster {
            broker.wait_until_started()?;
        }
        Ok(cluster)
    }

    fn make(
        jars: &Path,
        node: usize,
        ports: &[(u16, u16)],
        door: &impl Door,
    ) -> Result<Broker, String> {
        let folder = tempfile::Builder::new()
            .prefix("trailhound-kafka-")
            .tempdir()
            .map_err(|error| error.to_string())?;
        let (port, controller) = ports[node];
        let voters = ports.iter().zip(1..);
        let voters = voters.map(|((_, port), id)| format!("{id}@127.0.0.1:{port}"));
        let voters = voters.collect::<Vec<_>>().join(",");
        let servers = ports.iter().map(|(port, _)| format!("127.0.0.1:{port}"));
        let servers = servers.collect::<Vec<_>>().join(",");
        let replication = ports.len();
        let suffice = replication.div_ceil(2);
        let (node, path) = (node + 1, folder.path().display());
        let properties = format!(
            "process.roles=broker,controller\nnode.id={node}\ncontroller.quorum.voters={voters}\n\
             listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n\
             advertised.listeners=PLAINTEXT://127.0.0.1:{port}\ncontroller.listener.names=CONTROLLER\n\
             inter.broker.listener.name=PLAINTEXT\n\
             listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\n\
             log.dirs={path}/data\nauto.create.topics.enable=false\nnum.partitions=4\n\
             default.replication.factor={replication}\nmin.insync.replicas={suffice}\n\
             offsets.topic.replication.factor={replication}\noffsets.topic.num.partitions=4\n\
             transaction.state.log.replication.factor={replication}\ntransaction.state.log.min.isr={suffice}\n\
             transaction.state.log.num.partitions=4\n\
             share.coordinator.state.topic.replication.factor=1\nshare.coordinator.state.topic.min.isr=1\n\
             group.initial.rebalance.delay.ms=0\ngroup.min.session.timeout.ms=1000\n\
             group.consumer.session.timeout.ms=6000\ngroup.consumer.min.session.timeout.ms=6000\n\
             group.consumer.heartbeat.interval.ms=1000\ngroup.consumer.min.heartbeat.interval.ms=1000\n\
             log.cleaner.dedupe.buffer.size=16777216\n"
        );
        let properties = door.settings(&properties);
        fs::write(folder.path().join("server.properties"), properties)
            .map_err(|error| error.to_string())?;
        Ok(Broker {
            folder,
            jars: jars.to_owned(),
            servers,
            replication: replication as i32,
            process: None,
        })
    }

    pub fn servers(&self) -> String {
        self.servers.clone()
    }

    pub fn replication(&self) -> i32 {
        self.replication
    }

    /// It is there and does nothing: connections stay open and no answer comes.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    pub fn thaw(&self) {
        self.signal("CONT");
    }

    /// `kill -9`; the data stays.
    pub fn kill(&mut self) {
        self.signal("KILL");
        if let Some(mut process) = self.process.take() {
            drop(process.stdin.take());
            let _ = process.wait();
        }
    }

    pub fn run_again(&mut self) {
        let started = self.spawn().and_then(|()| self.wait_until_started());
        started.expect("the broker starts again");
    }

    /// After a test, whatever it did: thawed and running.
    pub fn heal(&mut self) {
        if self.process.is_some() {
            self.thaw();
        } else {
            self.run_again();
        }
    }

    fn format(&self, more: &[String]) -> Result<(), String> {
        let output = self
            .java("kafka.tools.StorageTool")
            .args(["format", "-t", "5L6g3nShT-eMCtK--X86sw", "-c"])
            .arg(self.path("server.properties"))
            .args(more)
            .output()
            .map_err(|error| format!("java: {error}"))?;
        if output.status.success() {
            Ok(())
        } else {
            Err(format!(
                "formatting: {}",
                String::from_utf8_lossy(&output.stderr)
            ))
        }
    }

    fn spawn(&mut self) -> Result<(), String> {
        let log = fs::File::create(self.path("log")).map_err(|error| error.to_string())?;
        let errors = log.try_clone().map_err(|error| error.to_string())?;
        let script = "\"$@\" </dev/null & echo $! > \"$PID_FILE\"; read -r _; kill -KILL $! 2>/dev/null; wait";
        let process = Command::new("sh")
            .args([
                "-c",
                script,
                "sh",
                "java",
                "-Xms128m",
                "-Xmx384m",
                "-XX:+UseSerialGC",
                "-cp",
            ])
            .arg(format!("{}/lib/*", self.jars.display()))
            .arg("kafka.Kafka")
            .arg(self.path("server.properties"))
            .env("PID_FILE", self.path("pid"))
            .stdin(Stdio::piped())
            .stdout(log)
            .stderr(errors)
            .spawn()
            .map_err(|error| format!("sh: {error}"))?;
        self.process = Some(process);
        Ok(())
    }

    fn wait_until_started(&self) -> Result<(), String> {
        let deadline = Instant::now() + Duration::from_secs(90);
        while Instant::now() < deadline {
            if self.log().contains("Kafka Server started") {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let log = self.log();
        let end = log.lines().rev().take(15).collect::<Vec<_>>();
        Err(format!(
            "the broker did not start; the end of its log, backwards:\n{}",
            end.join("\n")
        ))
    }

    fn log(&self) -> String {
        fs::read(self.path("log"))
            .map(|log| String::from_utf8_lossy(&log).into_owned())
            .unwrap_or_default()
    }

    fn java(&self, class: &str) -> Command {
        let mut command = Command::new("java");
        command
            .arg("-cp")
            .arg(format!("{}/lib/*", self.jars.display()))
            .arg(class);
        command
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn signal(&self, name: &str) {
        if let Ok(pid) = fs::read_to_string(self.path("pid")) {
            signal(name, pid.trim());
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Sends a signal to one process.
pub fn signal(name: &str, pid: &str) {
    let _ = Command::new("kill")
        .args([&format!("-{name}"), pid])
        .stderr(Stdio::null())
        .status();
}

/// A port of loopback that nobody listens on.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a free port on loopback")
        .port()
}

/// The folder with the broker's jars; fetched at the first time.
fn fetch() -> Result<PathBuf, String> {
    let base = match std::env::var_os("TRAILHOUND_KAFKA_JARS") {
        Some(folder) => PathBuf::from(folder),
        None => {
            let home =
                std::env::var_os("HOME").ok_or("neither TRAILHOUND_KAFKA_JARS nor HOME is set")?;
            Path::new(&home).join(".cache/trailhound-kafka")
        }
    };
    let jars = base.join(VERSION);
    probe("java", "-version")?;
    if jars.join(".complete").exists() {
        return Ok(jars);
    }
    probe("mvn", "-version")?;
    println!(
        "kafka: fetching Apache Kafka {VERSION} with Maven into {}",
        jars.display()
    );
    fs::create_dir_all(&jars).map_err(|error| format!("{}: {error}", jars.display()))?;
    let dependency = |group: &str, artifact: &str, version: &str| {
        format!(
            "<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>\
             <version>{version}</version></dependency>"
        )
    };
    let pom = format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\"><modelVersion>4.0.0</modelVersion>\
         <groupId>lab</groupId><artifactId>broker</artifactId><version>1</version><dependencies>{}{}{}\
         </dependencies></project>",
        dependency("org.apache.kafka", "kafka_2.13", VERSION),
        dependency("org.apache.kafka", "kafka-tools", VERSION),
        dependency("org.slf4j", "slf4j-simple", LOGGER),
    );
    fs::write(jars.join("pom.xml"), pom).map_err(|error| error.to_string())?;
    let output = Command::new("mvn")
        .args(["-q", "-B", "-f"])
        .arg(jars.join("pom.xml"))
        .args(["dependency:copy-dependencies", "-DincludeScope=runtime"])
        .arg(format!("-DoutputDirectory={}", jars.join("lib").display()))
        .output()
        .map_err(|error| format!("mvn: {error}"))?;
    if !output.status.success() {
        return Err(format!(
            "Maven: {}",
            String::from_utf8_lossy(&output.stdout)
        ));
    }
    fs::write(jars.join(".complete"), "").map_err(|error| error.to_string())?;
    Ok(jars)
}

fn probe(program: &str, argument: &str) -> Result<(), String> {
    Command::new(program)
        .arg(argument)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .map(drop)
        .map_err(|error| format!("{program} cannot be run: {error}"))
}
