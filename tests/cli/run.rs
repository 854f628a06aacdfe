//! The daemon and its signals, while no broker answers.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr};

use super::*;

/// A daemon, and what it says, line by line.
struct Daemon {
    process: Child,
    said: BufReader<ChildStderr>,
}

impl Daemon {
    fn start(config: &Path) -> Daemon {
        let mut process = trailhound(&["run", "--config", config.to_str().unwrap()])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(process.stderr.take().unwrap());
        Daemon { process, said }
    }

    /// The next line that says this.
    fn says(&mut self, what: &str) -> String {
        let mut all = String::new();
        loop {
            let from = all.len();
            let read = self.said.read_line(&mut all).unwrap();
            assert!(read > 0, "it ended, and did not say {what}:\n{all}");
            if all[from..].contains(what) {
                return all.split_off(from);
            }
        }
    }

    fn signal(&self, name: &str) {
        let pid = self.process.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.unwrap().success());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn sighup_has_files_looked_at_and_ends_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (config, intel) = (folder.path().join("t.toml"), folder.path().join("list.txt"));
    std::fs::write(
        &config,
        "[kafka]\nbootstrap_servers = \"127.0.0.1:1\"\n[http]\nlisten = false\n\
         [intel]\nfiles = [\"list.txt\"]\nreload_interval = \"1d\"\n",
    )
    .unwrap();
    std::fs::write(&intel, "203.0.113.66\n").unwrap();
    let mut daemon = Daemon::start(&config);
    daemon.says("can be reached");
    std::fs::write(&intel, "203.0.113.66\n203.0.113.67\n").unwrap();
    daemon.signal("HUP");
    let told = daemon.says("indicators reloaded");
    assert!(told.contains("indicators=2"), "{told}");
    daemon.signal("TERM");
    assert!(daemon.process.wait().unwrap().success());
}
