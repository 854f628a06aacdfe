//! The file rules of the pack over recorded events: what makes a way back in, and what only looks like it.
//!
//! tests/data/files_made.log.gz was recorded with auditd 3.0.9 on Linux 6.18 (rules on /home, /etc/systemd/system, /etc/sudoers.d
//! and /etc/profile.d, writing and attributes). Against: useradd fills a new home, dpkg installs a package with all three kinds of file,
//! a user who may not tries to, neighbours and backups of the files are made, and what is there is read, or written
//! further without being made.

use std::io::Read;

use super::{documents, pack};

#[test]
fn what_makes_a_way_back_in_is_told_and_what_looks_like_it_is_not() {
    let packed = std::fs::read("tests/data/files_made.log.gz").unwrap();
    let mut log = Vec::new();
    let mut reader = flate2::read::GzDecoder::new(&packed[..]);
    reader.read_to_end(&mut log).unwrap();
    let all = documents(&log, pack());
    let alerts = all.iter().filter(|d| d["class_uid"] == 2004);
    let told = alerts.filter_map(|alert| {
        let matched = alert["unmapped"]["matched"].as_array()?;
        let made = matched
            .iter()
            .find(|one| one["field"] == "TargetFilename")?;
        let title = alert["finding_info"]["title"].as_str()?;
        Some((title, made["value"].as_str()?))
    });
    let told: Vec<(&str, &str)> = told.collect();
    let (keys, unit) = (
        "File of keys for logging on is made",
        "Systemd unit is made",
    );
    let (shell, sudo) = (
        "File that shells read at start is made",
        "Rights of sudo are changed",
    );
    assert_eq!(
        told,
        [
            (keys, "/home/thtest/.ssh/authorized_keys"),
            (keys, "/home/thtest/.ssh/authorized_keys2"),
            (unit, "/home/thtest/.config/systemd/user/upd.timer"),
            // Renamed to; then made anew.
            (shell, "/home/thtest/.profile"),
            (shell, "/home/thtest/.bashrc"),
            (unit, "/etc/systemd/system/thtest.service"),
            (sudo, "/etc/sudoers.d/thtest"),
            (shell, "/etc/profile.d/thtest.sh"),
        ]
    );
    let others = all.iter().filter(|d| d["class_uid"] != 2004).count();
    assert!(others > 50, "{others} events that are told too");
}
