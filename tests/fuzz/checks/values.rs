//! The fields of a record and their values: written anew they read the same, hex goes back into the same
//! hex, and any bytes that the kernel wrote come back as they were.

use bumpalo::Bump;
use trailhound::model::audit::AuthKind;
use trailhound::model::{Stamp, Timestamp};
use trailhound::pipeline::audit::event::RecordParts;
use trailhound::pipeline::audit::fields::{Field, Fields, ROOM, Raw, word};
use trailhound::pipeline::audit::opened::Opened;
use trailhound::pipeline::audit::record_types::RecordType;
use trailhound::pipeline::audit::records::read_auth;
use trailhound::pipeline::audit::syscall::Syscall;

pub fn check(bytes: &[u8]) {
    fields(bytes);
    kernel_text(bytes);
    records(bytes);
    in_their_order(bytes);
}

/// A record is the same whether its fields are looked for in the order of its type or by their names.
fn in_their_order(body: &[u8]) {
    let (bump, roomy) = (Bump::new(), [body, &ROOM].concat());
    let mut by_name = Vec::new();
    flatten(body, &mut by_name);
    for kind in [
        RecordType::PATH,
        RecordType::USER_AUTH,
        RecordType::LOGIN,
        RecordType::CWD,
    ] {
        let parts = RecordParts {
            kind,
            name: b"",
            body,
            fields: Fields::with_room(&roomy),
        };
        let opened = Opened::read(parts, &bump);
        let fields = opened.fields.iter().map(|field| (field.key(), field.raw));
        assert!(fields.eq(by_name.iter().copied()), "{kind:?}");
        for field in opened.fields {
            let plain = field.plain().map(|plain| plain.text());
            assert!(plain.is_none_or(|plain| plain == field.value()));
        }
    }
}

fn flatten<'a>(body: &'a [u8], all: &mut Vec<(&'a [u8], Raw<'a>)>) {
    for field in Fields::new(body) {
        match field.raw {
            Raw::Nested(inner) if field.word == word(b"msg") => flatten(inner, all),
            raw => all.push((field.key, raw)),
        }
    }
}

fn fields(body: &[u8]) {
    let bump = Bump::new();
    let read: Vec<Field<'_>> = Fields::new(body).collect();
    let mut written = Vec::new();
    for field in &read {
        assert_eq!(field.word, word(field.key));
        let decoded = field.raw.decode(&bump);
        if let Raw::Bare(text) = field.raw
            && decoded != text
        {
            assert!(hex::encode(decoded).as_bytes().eq_ignore_ascii_case(text));
        }
        assert_ne!(field.raw.id(), Some(u32::MAX), "unset is no id");
        write(*field, &mut written);
    }
    let again: Vec<Field<'_>> = Fields::new(&written).collect();
    assert_eq!(again, read, "{:?}", String::from_utf8_lossy(&written));
}

/// One field in the form in which its value was read.
fn write(field: Field<'_>, out: &mut Vec<u8>) {
    let (open, text, close): (&[u8], _, &[u8]) = match field.raw {
        // Of commas and brackets at the end the last is no part of the value, but of `(null)` it is.
        Raw::Bare(text) if matches!(text.last(), Some(b',' | b')')) && !text.contains(&b'(') => {
            (b"", text, b",")
        }
        Raw::Bare(text) => (b"", text, b""),
        Raw::Quoted(text) => (b"\"", text, b"\""),
        // A quote within could end it; then it stood in braces.
        Raw::Nested(text) => {
            let quoted = [field.key, b"='", text, b"' "].concat();
            match Fields::new(&quoted).next() == Some(field) {
                true => (b"'", text, b"'"),
                false => (b"{ ", text, b" }"),
            }
        }
    };
    for part in [field.key, b"=", open, text, close, b" "] {
        out.extend_from_slice(part);
    }
}

/// A value as kernel/audit.c writes it (audit_log_untrustedstring): in hex where a byte is a quote, below
/// 0x21 or above 0x7e; else quoted.
pub fn as_the_kernel_writes(value: &[u8]) -> Vec<u8> {
    if value
        .iter()
        .all(|b| (0x21..=0x7e).contains(b) && *b != b'"')
    {
        [b"\"", value, b"\""].concat()
    } else {
        hex::encode_upper(value).into_bytes()
    }
}

fn kernel_text(value: &[u8]) {
    // C strings: a value has no zero, but those that are counted (addresses, titles) do.
    let body = [
        b"comm=",
        as_the_kernel_writes(value).as_slice(),
        b" exe=\"/bin/x\"",
    ]
    .concat();
    let bump = Bump::new();
    let read = Fields::find(&body, b"comm").map(|raw| raw.decode(&bump));
    assert_eq!(read, Some(value));
    let exe = Fields::find(&body, b"exe").map(Raw::text);
    assert_eq!(exe, Some(b"/bin/x".as_slice()));
}

fn records(body: &[u8]) {
    let bump = Bump::new();
    let call = Syscall::read(body);
    let keys: usize = call.keys(&bump).iter().map(|key| key.len()).sum();
    assert!(keys <= body.len());
    let stamp = Stamp {
        time: Timestamp(1),
        serial: 1,
    };
    for kind in [
        AuthKind::Authentication,
        AuthKind::Assigned,
        AuthKind::Command,
    ] {
        let parts = RecordParts {
            kind: RecordType::USER_AUTH,
            name: b"USER_AUTH",
            body,
            fields: Fields::new(body),
        };
        let record = read_auth(kind, stamp, &Opened::read(parts, &bump), &bump);
        let texts = [record.account, record.exe, record.command, record.address];
        assert!(
            texts
                .into_iter()
                .flatten()
                .all(|text| text.len() <= body.len())
        );
    }
}
