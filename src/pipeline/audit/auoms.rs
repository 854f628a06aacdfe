//! auoms (Microsoft's OMS-Auditd-Plugin) joins an event itself and writes one record: AUOMS_EXECVE.
//!
//! `type=AUOMS_EXECVE audit(…): … pid=… exe="…" … argc=N cmdline="…" redactors=… containerid=…`. Texts
//! stand in quotes and are not encoded, so a quote within one ends it here; what stands first counts.
//! `cmdline` is the arguments, each quoted as bash would read it (StringUtils.cpp, bash_escape_string)
//! with one space between, so they come back exactly: an empty one is nothing between two spaces.
//! `<...>` and `<2...4>` mark what auoms did not get (ExecveConverter.cpp). Where the arguments are not
//! `argc`, or one of them has such a mark, the start is told as cut at its source.
//!
//! It refuses any other record of auoms: AUOMS_SYSCALL and the rest are no program starts.

use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;
use memchr::memmem;

use crate::model::process::Cut;
use crate::model::{EventUid, Process};

use super::event::Event;
use super::fields::{Field, Fields, Raw, decode_hex, word};
use super::keys as key;
use super::record_types::RecordType;

/// The program start that auoms tells in one record.
pub fn process<'b>(event: &'b Event, host: &'b str, bump: &'b Bump) -> Option<Process<'b>> {
    let is_this =
        |kind: RecordType, name: &[u8]| kind == RecordType::OTHER && name == b"AUOMS_EXECVE";
    let (_, _, body) = event
        .records()
        .find(|(kind, name, _)| is_this(*kind, name))?;
    let (before, command) = match memmem::find(body, b" cmdline=\"") {
        Some(at) => (&body[..at], &body[at + 10..]),
        None => (body, &b""[..]),
    };
    // The quote that closes it is the last before what auoms writes behind.
    let end = memmem::rfind(command, b"\" redactors=").or(memchr::memrchr(b'"', command));
    let (mut process, mut success, mut argc) = (empty(event, host), false, 0u32);
    for Field {
        key,
        word: name,
        raw,
        ..
    } in Fields::new(before)
    {
        match name {
            SUCCESS => success |= raw.text() == b"yes",
            ARGC => argc = raw.number().unwrap_or(0),
            _ => take(&mut process, key, name, raw, bump),
        }
    }
    if !success {
        return None;
    }
    let arguments = words(&command[..end.unwrap_or(command.len())], bump);
    process.argv = arguments.list;
    let missing = argc.saturating_sub(process.argv.len() as u32);
    let marked = arguments.marked;
    process.completeness.args_missing = missing.max(marked as u32);
    if marked || argc as usize != process.argv.len() || end.is_none() {
        process.completeness.cut = Some(Cut::Source);
    }
    Some(process)
}

const SUCCESS: u64 = key::SUCCESS;
const ARGC: u64 = word(b"argc");
const CWD: u64 = word(b"cwd");
const USER: u64 = word(b"user");
const GROUP: u64 = word(b"group");
const KEYS: u64 = word(b"key_r");

fn empty<'b>(event: &Event, host: &'b str) -> Process<'b> {
    Process {
        uid: EventUid::of("process", host, event.stamp),
        host,
        stamp: event.stamp,
        ..Process::default()
    }
}

/// The first of a name counts: the numbers stand before the texts, which a program can choose.
fn take<'b>(process: &mut Process<'b>, key: &'b [u8], name: u64, raw: Raw<'b>, bump: &'b Bump) {
    fn first<T>(held: &mut Option<T>, value: Option<T>) {
        *held = held.take().or(value);
    }
    let text = Some(raw.text()).filter(|text| !matches!(*text, b"(none)" | b"?" | b"" | b"unset"));
    match name {
        key::PID => first(&mut process.pid, raw.id()),
        key::PPID => first(&mut process.ppid, raw.id()),
        key::AUID => first(&mut process.login_user.id, raw.id()),
        key::UID => first(&mut process.user.id, raw.id()),
        key::GID => first(&mut process.group.id, raw.id()),
        key::EUID => first(&mut process.effective_user.id, raw.id()),
        key::EGID => first(&mut process.effective_group.id, raw.id()),
        key::SES => first(&mut process.session, raw.id()),
        key::EXIT => first(&mut process.exit, raw.number()),
        key::TTY => first(&mut process.tty, text),
        key::COMM => first(&mut process.comm, text),
        key::EXE => first(&mut process.exe, text),
        CWD => first(&mut process.cwd, text),
        USER => first(&mut process.user.name, text),
        GROUP => first(&mut process.group.name, text),
        KEYS if process.keys.is_empty() => {
            let keys = decode_hex(raw.text(), bump).unwrap_or(raw.text());
            let keys = keys.split(|&b| b == 1).filter(|key| !key.is_empty());
            process.keys = BumpVec::from_iter_in(keys, bump).into_bump_slice();
        }
        _ => match key {
            b"audit_user" => first(&mut process.login_user.name, text),
            b"effective_user" => first(&mut process.effective_user.name, text),
            b"effective_group" => first(&mut process.effective_group.name, text),
            _ => {}
        },
    }
}

struct Words<'b> {
    list: &'b [&'b [u8]],
    /// auoms says that something is missing.
    marked: bool,
}

/// Takes a command line apart as bash does, but for spaces: each ends an argument.
fn words<'b>(text: &[u8], bump: &'b Bump) -> Words<'b> {
    let mut list = BumpVec::new_in(bump);
    let (mut word, mut marked) = (BumpVec::new_in(bump), false);
    let mut rest = text;
    while let Some((&b, after)) = rest.split_first() {
        rest = match (b, after) {
            (b' ', _) => {
                let whole = std::mem::replace(&mut word, BumpVec::new_in(bump));
                list.push(whole.into_bump_slice() as &[u8]);
                after
            }
            (b'"', _) => quoted(after, b'"', b"\"\\$`", &mut word),
            (b'\'', _) => quoted(after, b'\'', b"", &mut word),
            (b'$', [b'\'', after @ ..]) => ansi(after, &mut word),
            (b'\\', [escaped, after @ ..]) => {
                word.push(*escaped);
                after
            }
            _ => {
                // Bare, a program's own would be quoted.
                marked |= b == b'<';
                word.push(b);
                after
            }
        };
    }
    if !text.is_empty() {
        list.push(word.into_bump_slice() as &[u8]);
    }
    Words {
        list: list.into_bump_slice(),
        marked,
    }
}

/// Up to the quote that closes; a backslash counts before these bytes only.
fn quoted<'t>(text: &'t [u8], quote: u8, escaped: &[u8], word: &mut BumpVec<'_, u8>) -> &'t [u8] {
    let mut rest = text;
    loop {
        rest = match rest {
            [] => return rest,
            [b, after @ ..] if *b == quote => return after,
            [b'\\', b, after @ ..] if escaped.contains(b) => {
                word.push(*b);
                after
            }
            [b, after @ ..] => {
                word.push(*b);
                after
            }
        };
    }
}

/// `$'…'`
fn ansi<'t>(text: &'t [u8], word: &mut BumpVec<'_, u8>) -> &'t [u8] {
    let mut rest = text;
    loop {
        rest = match rest {
            [] => return rest,
            [b'\'', after @ ..] => return after,
            [b'\\', b'x', high, low, after @ ..]
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                let digit = |b: u8| (b as char).to_digit(16).unwrap_or(0) as u8;
                word.push(digit(*high) << 4 | digit(*low));
                after
            }
            [b'\\', b, after @ ..] if letter(*b).is_some() => {
                word.extend(letter(*b));
                after
            }
            [b, after @ ..] => {
                word.push(*b);
                after
            }
        };
    }
}

fn letter(b: u8) -> Option<u8> {
    Some(match b {
        b'a' => 7,
        b'b' => 8,
        b't' => b'\t',
        b'n' => b'\n',
        b'v' => 11,
        b'f' => 12,
        b'r' => b'\r',
        b'e' => 27,
        b'\'' => b'\'',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> (Vec<String>, bool) {
        let bump = Bump::new();
        let words = words(text.as_bytes(), &bump);
        let list = words.list.iter();
        let list = list.map(|word| String::from_utf8_lossy(word).into_owned());
        (list.collect(), words.marked)
    }

    fn whole(text: &str, want: &[&str]) {
        let want: Vec<String> = want.iter().map(|word| (*word).to_owned()).collect();
        assert_eq!(read(text), (want, false), "{text}");
    }

    #[test]
    fn arguments_are_quoted_as_bash_reads_them() {
        whole(
            "bash -c \"{echo,Y+&}|{base64,-d}\"",
            &["bash", "-c", "{echo,Y+&}|{base64,-d}"],
        );
        whole("a  b ", &["a", "", "b", ""]);
        whole(
            "echo 'it is!' \"\\\"q\\\" \\$x\" it\\'s",
            &["echo", "it is!", "\"q\" $x", "it's"],
        );
        whole("printf $'a\\tb\\xFFc\\'d'", &["printf", "a\tb\u{fffd}c'd"]);
        whole("", &[]);
    }

    #[test]
    fn what_auoms_did_not_get_is_marked() {
        assert!(read("arg1 arg2 01<...>34 arg4").1);
        assert!(read("arg1 <1...3>").1);
        assert!(!read("sh -c \"a <b\"").1);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(text: Vec<u8>) {
            words(&text, &Bump::new());
        }

        /// In double quotes as auoms writes them.
        #[test]
        fn what_is_quoted_comes_back(args in proptest::collection::vec("[a-z \"$`\\\\|<>]{1,9}", 1..5)) {
            let quote = |arg: &String| {
                let escaped: String = arg.chars().flat_map(|c| {
                    "\"$`\\".contains(c).then_some('\\').into_iter().chain([c])
                }).collect();
                format!("\"{escaped}\"")
            };
            let line = args.iter().map(quote).collect::<Vec<_>>().join(" ");
            prop_assert_eq!(read(&line), (args, false));
        }
    }
}
