//! Paths of files, as records write them.
//!
//! Place in the flow: a program is known by the last part of its path wherever it is held against names, and a document
//! names it so. It refuses to ask a file system, and to take anything for a mistake.

/// The last part of a path; a deleted file keeps its mark.
pub fn file_name(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|&b| b != b'/').map_or(0, |at| at + 1);
    match memchr::memrchr(b'/', &path[..end]) {
        Some(at) => &path[at + 1..end],
        None if end > 0 => &path[..end],
        // The root, or nothing.
        None => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_part_of_a_path() {
        for (path, name) in [
            ("/usr/bin/sudo", "sudo"),
            ("sudo", "sudo"),
            ("/etc/cron.d/", "cron.d"),
            ("/tmp/x (deleted)", "x (deleted)"),
            ("//", "//"),
            ("", ""),
        ] {
            assert_eq!(file_name(path.as_bytes()), name.as_bytes(), "{path}");
        }
    }
}
