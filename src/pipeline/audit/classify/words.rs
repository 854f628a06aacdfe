//! The words of a record that belong to no field: `avc:  denied  { read } for`, `changing system time`.
//!
//! The fields of a record leave them out, and nothing of it may be lost. Records that are parts of a
//! system call have none and are not asked.

use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;

/// The words between the fields, in order, with one space between; nothing where there are none.
pub fn of<'b>(body: &'b [u8], bump: &'b Bump) -> Option<&'b [u8]> {
    let mut words = BumpVec::new_in(bump);
    let mut quoted = false;
    for token in body.split(|&b| matches!(b, b' ' | 0x1D)) {
        let was_quoted = quoted;
        let quotes = token.iter().filter(|&&b| b == b'"').count();
        quoted ^= quotes % 2 == 1;
        // `msg='` opens a message: what stands behind it is a word like any other.
        let word = token.strip_prefix(b"msg='").unwrap_or(token);
        let word = word.strip_suffix(b"'").unwrap_or(word);
        if was_quoted || quotes > 0 || word.is_empty() || word.contains(&b'=') {
            continue;
        }
        if !words.is_empty() {
            words.push(b' ');
        }
        words.extend_from_slice_copy(word);
    }
    (!words.is_empty()).then(|| words.into_bump_slice() as &[u8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_between_fields_are_kept() {
        for (body, want) in [
            (
                "avc:  denied  { read write } for  pid=1 comm=\"a b\" name=\"x\" tclass=file",
                "avc: denied { read write } for",
            ),
            (
                "pid=1 uid=0 msg='changing system time exe=\"/x\" res=success'",
                "changing system time",
            ),
            (
                "pid=1 msg='op=change max age acct=\"bob\" res=success'\x1dUID=\"root\"",
                "max age",
            ),
            ("login pid=7 old auid=1", "login old"),
            ("auid=0 ses=1 op=add_rule key=\"z\" list=4 res=1", ""),
            ("pid=1 msg=' comm=\"x\" res=success'", ""),
            (
                "pid=1 msg='cwd=\"/home/a b/c d\" cmd=6C73 terminal=pts/0 res=success'",
                "",
            ),
        ] {
            let bump = Bump::new();
            let words = of(body.as_bytes(), &bump).unwrap_or_default();
            assert_eq!(words, want.as_bytes(), "{body}");
        }
    }
}
