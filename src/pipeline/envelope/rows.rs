//! Rows of Log Analytics' AuditLog: one event a row, its records as `[{'TYPE': ['k=v', …]}, …]`.
//!
//! As CSV (a notebook's export) the columns are …, Computer, mssg_id, AuditdMessage: the one that is
//! `SECONDS.MILLIS:SERIAL` is the stamp, the one before it the host, the one behind it the records,
//! written by Python or as JSON. As JSON the members have these names. The words of a record were
//! parted at its spaces, so they are written again with one space between: white space within a
//! quoted `msg='…'` is one space, all else is as it was. It refuses a row of which it cannot read all.

use simd_json::prelude::*;

use crate::model::Reject;

use super::members::Row;

/// Begins a line.
pub fn head(line: &mut Vec<u8>, kind: &[u8], stamp: &[u8]) {
    for part in [b"type=", kind, b" msg=audit(", stamp, b"): "] {
        line.extend_from_slice(part);
    }
}

/// Writes the lines of a row in JSON into `lines`.
pub fn of_json(row: Row<'_, '_>, lines: &mut Vec<u8>) -> Result<(), Reject> {
    lines.clear();
    if !is_stamp(row.stamp.as_bytes()) {
        return Err(Reject::BadStamp);
    }
    if let Some(text) = row.records.as_str() {
        let stamp = row.stamp.as_bytes();
        return literal(text.as_bytes(), stamp, lines).ok_or(Reject::NoLine);
    }
    let records = row.records.as_array().ok_or(Reject::NoLine)?;
    for record in records.iter() {
        for (kind, words) in record.as_object().ok_or(Reject::NoLine)?.iter() {
            head(lines, kind.as_bytes(), row.stamp.as_bytes());
            for word in words.as_array().ok_or(Reject::NoLine)?.iter() {
                let word = word.as_str().ok_or(Reject::NoLine)?;
                word.bytes().for_each(|b| lines.push(within_a_line(b)));
                lines.push(b' ');
            }
            lines.push(b'\n');
        }
    }
    Ok(())
}

/// What a line of CSV is.
#[derive(Debug, PartialEq, Eq)]
pub enum Csv {
    /// A row; the lines are written, and the host is this.
    Row(Vec<u8>),
    /// The names of the columns.
    Header,
}

/// Reads a line of CSV; `None` where it is none of this table.
pub fn of_csv(text: &[u8], lines: &mut Vec<u8>) -> Option<Csv> {
    lines.clear();
    let (mut host, mut stamp) = (Vec::new(), Vec::new());
    let (mut is_header, mut rest) = (false, Some(text));
    while let Some(from) = rest {
        let (field, after) = field(from)?;
        if field.starts_with(b"[{") && is_stamp(&stamp) {
            literal(&field, &stamp, lines)?;
            return Some(Csv::Row(host));
        }
        is_header |= stamp == b"mssg_id" && field == b"AuditdMessage";
        host = std::mem::replace(&mut stamp, field);
        rest = after;
    }
    is_header.then_some(Csv::Header)
}

/// A field, without its quotes, and what follows its comma; `None` where a quote is not closed.
fn field(text: &[u8]) -> Option<(Vec<u8>, Option<&[u8]>)> {
    let Some(quoted) = text.strip_prefix(b"\"") else {
        let end = memchr::memchr(b',', text);
        let field = &text[..end.unwrap_or(text.len())];
        return Some((field.to_vec(), end.map(|end| &text[end + 1..])));
    };
    let (mut field, mut rest) = (Vec::new(), quoted);
    loop {
        let end = memchr::memchr(b'"', rest)?;
        field.extend_from_slice(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.first() {
            Some(b'"') => field.push(b'"'),
            Some(b',') => return Some((field, Some(&rest[1..]))),
            None => return Some((field, None)),
            Some(_) => return None,
        }
        rest = &rest[1..];
    }
}

/// Digits, a point, digits, a colon, digits: the line's reader says whether it is a stamp.
fn is_stamp(text: &[u8]) -> bool {
    let mut parts = text.split(|b| matches!(b, b'.' | b':'));
    let mut digits = || {
        parts
            .next()
            .is_some_and(|part| !part.is_empty() && part.iter().all(u8::is_ascii_digit))
    };
    digits() && digits() && digits() && parts.next().is_none()
}

/// Writes the lines of `[{'TYPE': ['k=v', …]}, …]`, in Python's quotes or JSON's.
fn literal(text: &[u8], stamp: &[u8], lines: &mut Vec<u8>) -> Option<()> {
    let mut rest = Literal { rest: text };
    rest.need(b'[')?;
    while !rest.take(b']') {
        rest.need(b'{')?;
        while !rest.take(b'}') {
            let mut kind = Vec::new();
            rest.text(&mut kind)?;
            rest.need(b':')?;
            head(lines, &kind, stamp);
            rest.need(b'[')?;
            while !rest.take(b']') {
                rest.text(lines)?;
                lines.push(b' ');
                rest.take(b',');
            }
            lines.push(b'\n');
            rest.take(b',');
        }
        rest.take(b',');
    }
    rest.rest.trim_ascii().is_empty().then_some(())
}

/// Lists, objects and texts as Python's `repr` or JSON writes them, from the front on.
struct Literal<'a> {
    rest: &'a [u8],
}

impl Literal<'_> {
    fn take(&mut self, mark: u8) -> bool {
        let rest = self.rest.trim_ascii_start();
        let found = rest.first() == Some(&mark);
        self.rest = if found { &rest[1..] } else { rest };
        found
    }

    fn need(&mut self, mark: u8) -> Option<()> {
        self.take(mark).then_some(())
    }

    /// Appends a text in either quotes.
    fn text(&mut self, out: &mut Vec<u8>) -> Option<()> {
        let (&quote, mut rest) = self.rest.trim_ascii_start().split_first()?;
        if !matches!(quote, b'\'' | b'"') {
            return None;
        }
        loop {
            let end = memchr::memchr2(quote, b'\\', rest)?;
            out.extend(rest[..end].iter().map(|&b| within_a_line(b)));
            let mark = rest[end];
            rest = &rest[end + 1..];
            if mark == quote {
                self.rest = rest;
                return Some(());
            }
            rest = escape(rest, out)?;
        }
    }
}

/// Appends what stands behind a backslash, and gives what follows.
fn escape<'a>(text: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
    let (&mark, rest) = text.split_first()?;
    let digits = match mark {
        b'x' => 2,
        b'u' => 4,
        b'U' => 8,
        b'n' | b'r' | b't' | b'b' | b'f' => {
            out.push(b' ');
            return Some(rest);
        }
        b'\\' | b'\'' | b'"' | b'/' => {
            out.push(mark);
            return Some(rest);
        }
        _ => return None,
    };
    let (number, rest) = rest.split_at_checked(digits)?;
    let number = u32::from_str_radix(std::str::from_utf8(number).ok()?, 16).ok()?;
    let letter = char::from_u32(number)?;
    let mut bytes = [0; 4];
    let bytes = letter.encode_utf8(&mut bytes).bytes();
    out.extend(bytes.map(within_a_line));
    Some(rest)
}

/// An end of line within a word would make two lines of it.
fn within_a_line(b: u8) -> u8 {
    match b {
        b'\n' | b'\r' => b' ',
        b => b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Option<(Csv, String)> {
        let mut lines = Vec::new();
        let csv = of_csv(text.as_bytes(), &mut lines)?;
        Some((csv, String::from_utf8(lines).unwrap()))
    }

    #[test]
    fn a_row_of_csv_is_the_lines_of_an_event() {
        let row = r#"7,52b1,2019-02-18 16:00:00,web01,1550505627.301:9077922,"[{'USER_END': ['pid=28056', ""msg='op=PAM:session_close"", 'acct=""root""', ""res=success'""]}, {'CWD': ['cwd=""/""']}]""#;
        let lines = "type=USER_END msg=audit(1550505627.301:9077922): pid=28056 msg='op=PAM:session_close acct=\"root\" res=success' \ntype=CWD msg=audit(1550505627.301:9077922): cwd=\"/\" \n";
        assert_eq!(
            read(row),
            Some((Csv::Row(b"web01".to_vec()), lines.to_owned()))
        );
    }

    #[test]
    fn the_names_of_columns_are_no_row() {
        let header = ",TenantId,TimeGenerated,Computer,mssg_id,AuditdMessage";
        assert_eq!(read(header), Some((Csv::Header, String::new())));
    }

    #[test]
    fn what_is_broken_is_no_row() {
        for wrong in [
            "1.000:1,\"[{'CWD': ['x']}\"",
            "1.000,\"[{'CWD': ['x']}]\"",
            "web01,1.000:1,\"[{'CWD': ['x']}]",
            "web01,1.000:1,\"[{'CWD': ['x]}]\"",
            "web01,1.000:1,\"[{'CWD': 7}]\"",
            "a,b,c",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn python_and_json_escape_alike() {
        let mut lines = Vec::new();
        literal(
            br#"[{'A': ['a\'b', "\x41\u00e9\\"]}]"#,
            b"1.0:2",
            &mut lines,
        )
        .unwrap();
        assert_eq!(
            String::from_utf8(lines).unwrap(),
            "type=A msg=audit(1.0:2): a'b A\u{e9}\\ \n"
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[\\[\\]{}'\",:a-z0-9. \\\\]{0,60}") {
            read(&text);
            read(&format!("h,1.000:1,[{{{text}"));
            literal(text.as_bytes(), b"1.000:1", &mut Vec::new());
        }
    }
}
