//! PATH records → the file that a call was about, and the other one that it had to do with.
//!
//! The kernel writes a PATH for every name that a call looked up, each with its part in it
//! (`nametype=`, include/linux/audit.h AUDIT_TYPE_*). Which of them is meant follows from the call. It
//! opens nothing and follows no link.

use bumpalo::Bump;

use crate::model::activity::{File, FileAction, FileKind};
use crate::model::audit::AuditField;

use super::super::fields::Raw;
use super::super::keys as key;
use super::super::opened::Opened;
use super::super::record_types::RecordType;
use super::super::records::name;

/// The part of a name in the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Normal,
    Parent,
    Create,
    Delete,
    /// Named, but not there.
    Unknown,
}

/// What a PATH record says, undecoded.
#[derive(Clone, Copy)]
struct Named<'a> {
    part: Part,
    name: Option<Raw<'a>>,
    mode: Option<u32>,
    file: File<'a>,
}

/// The first record of each part, in the order of [`Part`]. An event of a million records costs no more.
pub struct Paths<'a> {
    first: [Option<Named<'a>>; 5],
    directory: Option<Named<'a>>,
}

impl<'a> Paths<'a> {
    pub fn read(records: &[Opened<'a>]) -> Paths<'a> {
        let mut paths = Paths {
            first: [None; 5],
            directory: None,
        };
        let records = records.iter();
        for record in records.filter(|record| record.kind == RecordType::PATH) {
            let named = read(record);
            let first = &mut paths.first[named.part as usize];
            if first.is_none() {
                *first = Some(named);
            }
            if paths.directory.is_none() && named.part == Part::Normal && is_directory(named.mode) {
                paths.directory = Some(named);
            }
        }
        paths
    }

    fn pick(&self, order: &[Part]) -> Option<Named<'a>> {
        order.iter().find_map(|part| self.first[*part as usize])
    }

    /// The file that the action is about.
    fn main(&self, action: FileAction) -> Option<Named<'a>> {
        use Part::{Create, Delete, Normal, Unknown};
        match action {
            FileAction::Rename | FileAction::Delete | FileAction::RemoveDirectory => {
                self.pick(&[Delete, Normal, Unknown, Create])
            }
            // mount(2) looks the device up too.
            FileAction::Mount => self
                .directory
                .or_else(|| self.pick(&[Normal, Unknown, Create])),
            _ => self.pick(&[Create, Normal, Unknown, Delete]),
        }
    }

    /// Rename: the new name. Link: what was there before. Symlink: its target, which was not looked up.
    fn other(&self, action: FileAction) -> Option<Named<'a>> {
        match action {
            FileAction::Rename => self.pick(&[Part::Create]),
            FileAction::Link => self.pick(&[Part::Normal]),
            FileAction::Symlink => self.pick(&[Part::Unknown, Part::Normal]),
            _ => None,
        }
    }

    /// Of a call that failed the kernel may have the directory alone. From a descriptor it writes the
    /// current one in its place (kernel/audit.c, audit_log_name), which is nothing to tell.
    fn folder(&self, cwd: Option<Raw<'a>>, bump: &'a Bump) -> File<'a> {
        let parent = self.pick(&[Part::Parent]).filter(|_| cwd.is_some());
        File {
            folder: parent.and_then(|parent| parent.decode(cwd, bump).path),
            ..File::default()
        }
    }

    /// A name was made that was not there before.
    pub fn created(&self) -> bool {
        self.first[Part::Create as usize].is_some()
    }
}

/// The file that `action` is about, and the other one. `from_cwd`: relative names start from the current
/// directory, not from a descriptor.
pub fn files<'b>(
    paths: &Paths<'b>,
    action: FileAction,
    cwd: Option<Raw<'b>>,
    from_cwd: bool,
    bump: &'b Bump,
) -> (File<'b>, Option<File<'b>>) {
    let cwd = cwd.filter(|_| from_cwd);
    let main = match paths.main(action) {
        Some(named) => named.decode(cwd, bump),
        None => paths.folder(cwd, bump),
    };
    // What a symlink points to is text: it starts from where the link stands.
    let cwd = cwd.filter(|_| action != FileAction::Symlink);
    let other = paths.other(action).map(|named| named.decode(cwd, bump));
    (main, other)
}

impl<'b> Named<'b> {
    fn decode(self, cwd: Option<Raw<'b>>, bump: &'b Bump) -> File<'b> {
        let path = self.name.and_then(|raw| raw.decode_some(bump));
        File {
            path: path.map(|path| absolute(path, cwd, bump)),
            ..self.file
        }
    }
}

fn absolute<'b>(path: &'b [u8], cwd: Option<Raw<'b>>, bump: &'b Bump) -> &'b [u8] {
    if path.first() == Some(&b'/') {
        return path;
    }
    let Some(cwd) = cwd.and_then(|raw| raw.decode_some(bump)) else {
        return path;
    };
    let cwd = cwd.strip_suffix(b"/").unwrap_or(cwd);
    let mut whole = bumpalo::collections::Vec::with_capacity_in(cwd.len() + 1 + path.len(), bump);
    whole.extend_from_slice_copy(cwd);
    whole.push(b'/');
    whole.extend_from_slice_copy(path);
    whole.into_bump_slice()
}

fn read<'a>(record: &Opened<'a>) -> Named<'a> {
    let mut named = Named {
        part: Part::Normal,
        name: None,
        mode: None,
        file: File::default(),
    };
    let file = &mut named.file;
    for &AuditField { word, raw, .. } in record.fields {
        match word {
            key::NAME => named.name = Some(raw),
            key::INODE => file.inode = raw.number(),
            key::DEV => file.device = Some(raw.text()),
            key::MODE => named.mode = octal(raw.text()),
            key::OUID => file.owner.id = raw.id(),
            key::OGID => file.group.id = raw.id(),
            key::NAME_OF_OUID => file.owner.name = name(raw),
            key::NAME_OF_OGID => file.group.name = name(raw),
            // As objtype in the kernels of Red Hat 7.
            key::NAMETYPE | key::OBJTYPE => named.part = part(raw.text()),
            _ => {}
        }
    }
    file.mode = named.mode.map(|mode| mode & 0o7777);
    file.kind = named.mode.map(kind).unwrap_or_default();
    named
}

fn part(text: &[u8]) -> Part {
    match text {
        b"PARENT" => Part::Parent,
        b"CREATE" => Part::Create,
        b"DELETE" => Part::Delete,
        b"UNKNOWN" => Part::Unknown,
        _ => Part::Normal,
    }
}

fn octal(text: &[u8]) -> Option<u32> {
    if text.is_empty() || text.len() > 8 {
        return None;
    }
    let digit = |value: u32, b: &u8| Some(value << 3 | (*b as char).to_digit(8)?);
    text.iter().try_fold(0, digit)
}

fn is_directory(mode: Option<u32>) -> bool {
    mode.is_some_and(|mode| kind(mode) == FileKind::Directory)
}

fn kind(mode: u32) -> FileKind {
    match mode & 0o170_000 {
        0o140_000 => FileKind::Socket,
        0o120_000 => FileKind::Symlink,
        0o100_000 => FileKind::Regular,
        0o060_000 => FileKind::BlockDevice,
        0o040_000 => FileKind::Directory,
        0o020_000 => FileKind::CharacterDevice,
        0o010_000 => FileKind::Fifo,
        _ => FileKind::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::audit::event::Event;
    use crate::pipeline::audit::{line, opened};

    fn event(bodies: &[&str]) -> Event {
        let mut event = Event::default();
        for body in bodies {
            let line = format!("type=PATH msg=audit(1.000:1): {body}");
            event.push(&line::read(line.as_bytes()).unwrap());
        }
        event
    }

    fn told(event: &Event, action: FileAction, from_cwd: bool) -> (String, Option<String>) {
        let bump = Bump::new();
        let text = |file: File<'_>| String::from_utf8_lossy(file.path.unwrap_or(b"-")).into_owned();
        let cwd = Some(Raw::Quoted(b"/etc/"));
        let (file, other) = files(
            &Paths::read(opened::all(event, &bump)),
            action,
            cwd,
            from_cwd,
            &bump,
        );
        (text(file), other.map(text))
    }

    #[test]
    fn a_rename_has_its_old_and_its_new_name() {
        let event = event(&[
            "item=0 name=\"/etc/\" inode=1 mode=040755 nametype=PARENT",
            "item=1 name=\"/etc/\" inode=1 mode=040755 nametype=PARENT",
            "item=2 name=\"shadow+\" inode=7 mode=0100640 nametype=DELETE",
            "item=3 name=\"/etc/shadow\" inode=6 mode=0100640 nametype=DELETE",
            "item=4 name=\"/etc/shadow\" inode=7 mode=0100640 nametype=CREATE",
        ]);
        let want = ("/etc/shadow+".to_owned(), Some("/etc/shadow".to_owned()));
        assert_eq!(told(&event, FileAction::Rename, true), want);
        assert_eq!(told(&event, FileAction::Rename, false).0, "shadow+");
    }

    #[test]
    fn what_was_made_or_taken_away_is_meant_and_not_where() {
        let parent = "item=0 name=\"/tmp/\" inode=1 mode=041777 nametype=PARENT";
        let made = event(&[parent, "item=1 name=2F746D702F6120622F nametype=CREATE"]);
        assert_eq!(
            told(&made, FileAction::CreateDirectory, true).0,
            "/tmp/a b/"
        );
        let gone = event(&[parent, "item=1 name=\"/tmp/x\" nametype=DELETE"]);
        assert_eq!(told(&gone, FileAction::Delete, true).0, "/tmp/x");
    }

    #[test]
    fn a_directory_alone_is_not_what_was_meant() {
        let refused = event(&["item=0 name=\"/tmp/\" inode=1 mode=041777 nametype=PARENT"]);
        let (bump, cwd) = (Bump::new(), Some(Raw::Quoted(b"/")));
        let (paths, action) = (
            Paths::read(opened::all(&refused, &bump)),
            FileAction::RemoveDirectory,
        );
        let file = files(&paths, action, cwd, true, &bump).0;
        assert_eq!((file.path, file.inode), (None, None));
        assert_eq!(file.folder, Some(b"/tmp/".as_slice()));
        assert_eq!(files(&paths, action, cwd, false, &bump).0.folder, None);
    }

    #[test]
    fn a_mount_is_about_its_directory() {
        let event = event(&[
            "item=0 name=\"/dev/sda1\" mode=060660 nametype=NORMAL",
            "item=1 name=\"/mnt\" mode=040755 nametype=NORMAL",
        ]);
        assert_eq!(told(&event, FileAction::Mount, true).0, "/mnt");
    }

    #[test]
    fn a_link_has_what_it_points_to() {
        let event = event(&[
            "item=0 name=\"../target\" nametype=UNKNOWN",
            "item=1 name=\"/tmp/\" nametype=PARENT",
            "item=2 name=\"/tmp/link\" mode=0120777 nametype=CREATE",
        ]);
        let want = ("/tmp/link".to_owned(), Some("../target".to_owned()));
        assert_eq!(told(&event, FileAction::Symlink, true), want);
    }

    #[test]
    fn modes_give_kind_and_permissions() {
        let event = event(&[
            "item=0 name=(null) inode=7 dev=fd:01 mode=0104755 ouid=0 ogid=5 OUID=\"root\"",
        ]);
        let bump = Bump::new();
        let (file, _) = files(
            &Paths::read(opened::all(&event, &bump)),
            FileAction::ChangeMode,
            None,
            true,
            &bump,
        );
        assert_eq!((file.kind, file.mode), (FileKind::Regular, Some(0o4755)));
        assert_eq!((file.inode, file.path), (Some(7), None));
        assert_eq!(
            (file.owner.name, file.group.id),
            (Some(b"root".as_slice()), Some(5))
        );
    }
}
