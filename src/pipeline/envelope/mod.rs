//! Takes the shipper's part off: one input record → audit lines, each with the host that the shipper
//! names.
//!
//! Place in the flow: first. It knows what carries a line (bare, `node=`, syslog, JSON of Filebeat,
//! Fluent Bit, Vector), several lines in one record, CRLF; it does not read the line. The form is seen
//! from the first byte and the keys.

mod json;
mod syslog;

use memchr::memchr2;

use crate::model::Reject;

/// One line, and what its carrier says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// The host by the shipper's word; `node=` in the line goes before it.
    pub host: Option<&'a [u8]>,
    /// From `node=` or `type=` on, where there is one.
    pub text: &'a [u8],
    /// The line as it came, with its carrier: what a dead letter must hold.
    pub raw: &'a [u8],
}

/// Takes a line, or the bytes that hold none and why.
pub type Each<'e> = dyn FnMut(Result<Line<'_>, (Reject, &[u8])>) + 'e;

/// Opens records; keeps the memory that JSON needs.
#[derive(Default)]
pub struct Opener {
    json: json::Reader,
}

impl Opener {
    /// Hands out the lines of a record in order; `Err` with the bytes where they hold no line.
    pub fn open(&mut self, value: &[u8], each: &mut Each<'_>) {
        match value.iter().find(|b| !b.is_ascii_whitespace()) {
            Some(b'{') => self.json.open(value, each),
            _ => split(value, |line, raw| each(Ok(bare_or_syslog(line, raw)))),
        }
    }
}

fn bare_or_syslog<'a>(line: &'a [u8], raw: &'a [u8]) -> Line<'a> {
    let (host, text) = if line.starts_with(b"type=") || line.starts_with(b"node=") {
        (None, line)
    } else {
        syslog::strip(line)
    };
    Line { host, text, raw }
}

/// Lines of a text, parted by CR, LF or both, without empty ones; each also with what parts it from the
/// next, so that these together are the text.
fn split<'a>(text: &'a [u8], mut each: impl FnMut(&'a [u8], &'a [u8])) {
    let is_end = |b: &u8| matches!(b, b'\n' | b'\r');
    let mut rest = text;
    while let Some(begin) = rest.iter().position(|b| !is_end(b)) {
        let end = memchr2(b'\n', b'\r', &rest[begin..]).map_or(rest.len(), |end| begin + end);
        let ends = rest[end..].iter().take_while(|b| is_end(b)).count();
        each(&rest[begin..end], &rest[..end + ends]);
        rest = &rest[end + ends..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Opened = Vec<Result<(Option<String>, String), Reject>>;

    fn open(value: &[u8]) -> Opened {
        let mut lines = Vec::new();
        Opener::default().open(value, &mut |line| {
            lines.push(match line {
                Ok(line) => Ok((
                    line.host.map(|h| String::from_utf8_lossy(h).into_owned()),
                    String::from_utf8_lossy(line.text).into_owned(),
                )),
                Err((reject, _)) => Err(reject),
            });
        });
        lines
    }

    fn line(host: Option<&str>, text: &str) -> Result<(Option<String>, String), Reject> {
        Ok((host.map(str::to_string), text.to_string()))
    }

    const CWD: &str = "type=CWD msg=audit(1.000:1): cwd=\"/\"";

    #[test]
    fn bare_lines_with_cr_and_lf() {
        let value = format!("{CWD}\r\nnode=web01 {CWD}\n\n{CWD}");
        assert_eq!(
            open(value.as_bytes()),
            [
                line(None, CWD),
                line(None, &format!("node=web01 {CWD}")),
                line(None, CWD)
            ]
        );
    }

    #[test]
    fn syslog_in_its_forms() {
        for prefix in [
            "Nov 22 03:40:11 web01 audisp-syslog: ",
            "<13>Nov  2 03:40:11 web01 audispd: ",
            "2019-03-02T00:10:06.101234+00:00 web01 tag_audit_log: ",
            "<13>1 2019-03-02T00:10:06.101Z web01 auditd 17 - [meta x=\"a b\"] ",
        ] {
            assert_eq!(
                open(format!("{prefix}{CWD}").as_bytes()),
                [line(Some("web01"), CWD)],
                "{prefix}"
            );
            let with_node = format!("node=web02 {CWD}");
            assert_eq!(
                open(format!("{prefix}{with_node}").as_bytes()),
                [line(Some("web01"), &with_node)]
            );
        }
    }

    #[test]
    fn json_of_the_shippers() {
        let escaped = CWD.replace('"', "\\\"");
        for (value, host) in [
            (
                format!(
                    "{{\"@timestamp\":\"x\",\"message\":\"{escaped}\",\"host\":{{\"name\":\"web01\"}}}}"
                ),
                Some("web01"),
            ),
            (
                format!("{{\"@timestamp\":1.5,\"log\":\"{escaped}\\n\"}}"),
                None,
            ),
            (
                format!(
                    "{{\"host\":\"web01\",\"message\":\"{escaped}\",\"source_type\":\"file\"}}"
                ),
                Some("web01"),
            ),
            (
                format!(
                    "{{\"event\":{{\"original\":\"{escaped}\"}},\"host\":{{\"name\":\"web01\"}}}}"
                ),
                Some("web01"),
            ),
        ] {
            assert_eq!(open(value.as_bytes()), [line(host, CWD)], "{value}");
        }
    }

    #[test]
    fn several_lines_in_one_json_message_and_several_documents_in_one_record() {
        let escaped = CWD.replace('"', "\\\"");
        let one = format!("{{\"message\":\"{escaped}\\r{escaped}\\n\"}}");
        assert_eq!(
            open(format!("{one}\n{one}\n").as_bytes()),
            vec![line(None, CWD); 4]
        );
        assert_eq!(
            open(format!("{{\n \"message\":\n \"{escaped}\"\n}}").as_bytes()),
            [line(None, CWD)]
        );
    }

    #[test]
    fn json_without_a_line_and_broken_json() {
        assert_eq!(open(b"{\"a\":1}"), [Err(Reject::NoLine)]);
        assert_eq!(open(b"{\"message\":7}"), [Err(Reject::NoLine)]);
        assert_eq!(open(b"{\"message\":\"x"), [Err(Reject::BadJson)]);
    }

    #[test]
    fn what_is_rejected_is_given_back_as_it_came() {
        for value in [
            &b"{\"a\":1} \r\n{\"message\":\"hi\"}\n"[..],
            b"hello\r",
            b"\n\nhello \r\n\r\nworld",
            b" {\"broken\": \r\n",
        ] {
            let mut raws = Vec::new();
            Opener::default().open(value, &mut |line| {
                raws.extend_from_slice(match line {
                    Ok(line) => line.raw,
                    Err((_, raw)) => raw,
                });
            });
            assert_eq!(raws, value, "{}", String::from_utf8_lossy(value));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(value: Vec<u8>) {
            open(&value);
        }

        #[test]
        fn no_text_makes_it_panic(value in "[<0-9>]{0,5}[a-zA-Z0-9 :{}\"\\[\\],=]{0,80}") {
            open(value.as_bytes());
        }
    }
}
