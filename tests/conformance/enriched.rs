//! Records that carry names beside the numbers: auditd's on the host that wrote them. What we make of the
//! number must be the name.

use std::fs;
use std::path::{Path, PathBuf};

use crate::ours::{self, Ours};
use crate::shared::{Tally, corpus};

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the recordings") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// At most so much of a file: names repeat.
const ENOUGH: usize = 16 << 20;

fn text(path: &Path) -> Vec<u8> {
    let bytes = fs::read(path).expect("a recording");
    let mut text = match path.extension().and_then(|e| e.to_str()) {
        Some("zst") => {
            use std::io::Read;
            let reader = zstd::Decoder::new(bytes.as_slice()).expect("zstd");
            let mut text = Vec::new();
            reader
                .take(ENOUGH as u64)
                .read_to_end(&mut text)
                .expect("zstd");
            text
        }
        _ => bytes,
    };
    text.truncate(ENOUGH);
    text
}

fn compare(tally: &mut Tally, place: &str, ours: &Ours) {
    for (name, theirs) in &ours.names {
        let Some(field) = ours.get(&name.to_lowercase()) else {
            continue;
        };
        let (have, theirs) = match name.as_str() {
            "SYSCALL" | "ARCH" => (field.best(), theirs.as_str()),
            "SADDR" => (field.best(), theirs.as_str()),
            // Of users and groups only this can be known here.
            _ if theirs == "unset" => (field.best(), "unset"),
            _ => continue,
        };
        let class = match (name.as_str(), theirs) {
            ("SADDR", "saddr_fam=local sockaddr len too short") => {
                Some("auditd: a socket without a name is called too short")
            }
            ("SADDR", theirs) if theirs.starts_with("fam=") => {
                Some("auditd before 2.8: `fam=` for `saddr_fam=`")
            }
            ("SADDR", theirs) if theirs.starts_with("unknown-family(0)") => {
                Some("auditd: family 0 has no name")
            }
            // 0A00DE99 00000000 0000000000000000 00002A02CF400000: its end was moved to its front.
            ("SADDR", "saddr_fam=inet6 laddr=2a02:cf40:: lport=56985") => {
                Some("elastic's sample: an address that was made unknown")
            }
            _ => None,
        };
        let place = format!("{place} {name} {}", field.written);
        tally.compare(&place, have, theirs, class);
    }
}

#[test]
fn numbers_mean_what_the_records_own_names_say() {
    let Some(corpus) = corpus() else { return };
    let mut paths = Vec::new();
    files(&corpus.join("audit"), &mut paths);
    files(&corpus.join("live"), &mut paths);
    paths.sort();
    let mut tally = Tally::new("names in ENRICHED records");
    for path in paths {
        let text = text(&path);
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        for (number, line) in (1..).zip(text.split(|&b| b == b'\n')) {
            if let Some(ours) = line.contains(&0x1d).then(|| ours::read(line)).flatten() {
                compare(&mut tally, &format!("{name}:{number}"), &ours);
            }
        }
    }
    tally.done(20_000);
}
