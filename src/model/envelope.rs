//! How audit lines are carried: seen from the bytes, or fixed by configuration with JSON pointers.

use std::str::FromStr;

/// The form of input records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// Seen from the first byte.
    #[default]
    Auto,
    /// Text, also where it begins like JSON.
    Lines,
    /// JSON always.
    Json,
}

impl FromStr for Form {
    type Err = ();

    fn from_str(text: &str) -> Result<Form, ()> {
        match text {
            "auto" => Ok(Form::Auto),
            "lines" => Ok(Form::Lines),
            "json" => Ok(Form::Json),
            _ => Err(()),
        }
    }
}

/// One step of a pointer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A member of an object, or the place in a list.
    Name(String),
    /// `*`: every element of a list.
    Each,
}

/// A JSON pointer (RFC 6901), taken apart; a step `*` stands for every element of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer(pub Vec<Step>);

impl FromStr for Pointer {
    type Err = ();

    fn from_str(text: &str) -> Result<Pointer, ()> {
        let steps = text.strip_prefix('/').ok_or(())?.split('/');
        steps
            .map(step)
            .collect::<Option<_>>()
            .map(Pointer)
            .ok_or(())
    }
}

/// `~1` is a slash and `~0` a tilde; a tilde before anything else is a mistake.
fn step(text: &str) -> Option<Step> {
    if text == "*" {
        return Some(Step::Each);
    }
    let mut parts = text.split('~');
    let mut name = parts.next()?.to_owned();
    for part in parts {
        name.push(match part.as_bytes().first()? {
            b'0' => '~',
            b'1' => '/',
            _ => return None,
        });
        name.push_str(&part[1..]);
    }
    Some(Step::Name(name))
}

/// What is fixed of the envelope.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    pub form: Form,
    /// Where the lines stand in a JSON record; `None`: in the members of the known shippers.
    pub line: Option<Pointer>,
    /// Where the host stands; `None`: likewise.
    pub host: Option<Pointer>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_are_those_of_rfc_6901_and_a_star() {
        let name = |text: &str| Step::Name(text.to_owned());
        let read = |text: &str| text.parse::<Pointer>().map(|pointer| pointer.0);
        assert_eq!(read("/host/name"), Ok(vec![name("host"), name("name")]));
        assert_eq!(
            read("/records/*/a~1b~0c"),
            Ok(vec![name("records"), Step::Each, name("a/b~c")])
        );
        assert_eq!(read("/"), Ok(vec![name("")]));
        for wrong in ["", "host", "/a~", "/a~2"] {
            assert_eq!(read(wrong), Err(()), "{wrong}");
        }
    }
}
