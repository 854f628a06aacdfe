//! What carried a line, for people: the head before it, or the member of a document that holds it.
//!
//! Place in the flow: an input record, and the line that the lane took out of it → text. The lane has
//! decided; this looks up where what it took stands, and names the places as JSON pointers, which is how
//! the configuration names them. A text that stands in several members is told with all of them.

use serde_json::Value;

use crate::cli::paint::{short, visible};

/// More places of one text are not told.
const MOST_PLACES: usize = 3;

/// An input record, opened for looking up.
#[derive(Default)]
pub(super) struct Envelope {
    value: Vec<u8>,
    /// The texts of a document, each with its pointer; empty where it is none.
    members: Vec<(String, String)>,
}

impl Envelope {
    pub(super) fn of(value: &[u8]) -> Envelope {
        let mut members = Vec::new();
        let begin = value.strip_prefix("\u{feff}".as_bytes()).unwrap_or(value);
        if begin.trim_ascii_start().starts_with(b"{") || begin.trim_ascii_start().starts_with(b"[")
        {
            // The kernel's time in brackets is no document, and what is none has no members.
            if let Ok(document) = serde_json::from_slice(begin) {
                collect(&document, &mut String::new(), &mut members);
            }
        }
        Envelope {
            value: value.trim_ascii_end().to_vec(),
            members,
        }
    }

    /// What was taken off to get the line.
    pub(super) fn around(&self, line: &[u8]) -> String {
        if !self.members.is_empty() {
            let places = self.holding(line);
            return match places.as_slice() {
                [] => "JSON, from whose members the line was written anew".to_owned(),
                places => format!("JSON, the line in {}", places.join(" and ")),
            };
        }
        let is_audit = line.starts_with(b"type=") || line.starts_with(b"node=");
        match self.value.strip_suffix(line.trim_ascii_end()) {
            Some([]) if is_audit => "none: a bare line".to_owned(),
            Some([]) => "none that is known".to_owned(),
            Some(head) => format!("the head \"{}\"", visible(head.trim_ascii_end())),
            None if self.shows(line) => "none: one of several lines".to_owned(),
            None => "a row, from which the line was written anew".to_owned(),
        }
    }

    /// The line itself, where the input record does not show it as it is.
    pub(super) fn line(&self, line: &[u8], most: usize) -> Option<String> {
        let shows = self.members.is_empty() && self.shows(line);
        (!shows).then(|| short(line, most))
    }

    fn shows(&self, line: &[u8]) -> bool {
        memchr::memmem::find(&self.value, line.trim_ascii_end()).is_some()
    }

    /// Which word of the envelope is the host of this line.
    pub(super) fn host(&self, host: &str, line: &[u8]) -> String {
        let places = self.naming(host, line);
        match places.as_slice() {
            [] if self.members.is_empty() && self.line(line, 0).is_some() => {
                "by its row".to_owned()
            }
            [] => "by the head before the line".to_owned(),
            places => format!("by the envelope, {}", places.join(" and ")),
        }
    }

    fn holding(&self, line: &[u8]) -> Vec<&str> {
        let holds = |text: &str| memchr::memmem::find(text.as_bytes(), line).is_some();
        let all = self.members.iter().filter(|(_, text)| holds(text));
        all.map(|(at, _)| at.as_str()).take(MOST_PLACES).collect()
    }

    /// Of members that are the host, those nearest to the line: a list has many documents.
    fn naming(&self, host: &str, line: &[u8]) -> Vec<&str> {
        let place = self.holding(line).first().copied().unwrap_or_default();
        let near = |at: &str| {
            let steps = at.split('/').zip(place.split('/'));
            steps.take_while(|(a, b)| a == b).count()
        };
        let all = self.members.iter().filter(|(_, text)| text == host);
        let all: Vec<&str> = all.map(|(at, _)| at.as_str()).collect();
        let nearest = all.iter().map(|at| near(at)).max().unwrap_or_default();
        let all = all.into_iter().filter(|at| near(at) == nearest);
        all.take(MOST_PLACES).collect()
    }
}

/// The texts of a document, in its order. How deep it goes the reader has bounded.
fn collect(value: &Value, at: &mut String, members: &mut Vec<(String, String)>) {
    let mut step = |name: &str, value: &Value| {
        let before = at.len();
        at.push('/');
        at.push_str(&name.replace('~', "~0").replace('/', "~1"));
        collect(value, at, members);
        at.truncate(before);
    };
    match value {
        Value::Object(object) => object.iter().for_each(|(name, value)| step(name, value)),
        Value::Array(list) => {
            let all = list.iter().enumerate();
            all.for_each(|(i, value)| step(&i.to_string(), value));
        }
        Value::String(text) => members.push((visible(at.as_bytes()), text.clone())),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_places_of_line_and_host_are_those_of_one_document() {
        let value = br#"[{"m":"line 1","host":{"name":"a"}},{"a/b":"line 2","host":"a","x":"a"}]"#;
        let envelope = Envelope::of(value);
        assert_eq!(envelope.around(b"line 2"), "JSON, the line in /1/a~1b");
        assert_eq!(
            envelope.host("a", b"line 2"),
            "by the envelope, /1/host and /1/x"
        );
        assert_eq!(
            envelope.host("a", b"line 1"),
            "by the envelope, /0/host/name"
        );
        assert_eq!(envelope.host("b", b"line 1"), "by the head before the line");
    }

    #[test]
    fn what_is_no_document_is_a_head_or_nothing() {
        let line = b"type=CWD msg=audit(1.000:1): x";
        assert_eq!(Envelope::of(line).around(line), "none: a bare line");
        let kernels = [b"[   1.5] audit: ".as_slice(), line].concat();
        let envelope = Envelope::of(&kernels);
        assert_eq!(envelope.around(line), "the head \"[   1.5] audit:\"");
        assert_eq!(envelope.line(line, 9), None);
        assert_eq!(envelope.host("web", line), "by the head before the line");
        let known = Envelope::of(b"hello").around(b"hello");
        assert_eq!(known, "none that is known");
    }
}
