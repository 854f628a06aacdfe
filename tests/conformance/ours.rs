//! A record as we read it, in the forms that peers' results can be compared with.

use bumpalo::Bump;
use trailhound::pipeline::audit::fields::{Field, Fields, Raw};
use trailhound::pipeline::audit::interpret::{Call, Meaning, Record, decision, interpret};
use trailhound::pipeline::audit::line;
use trailhound::pipeline::audit::record_types::RecordType;

/// One field.
#[derive(Clone, Debug)]
pub struct Value {
    pub key: String,
    /// As written, with its quotes.
    pub written: String,
    /// Without quotes, decoded where the kernel encodes.
    pub text: String,
    /// What it means, where that is more than it says.
    pub meaning: Option<String>,
}

impl Value {
    /// The meaning, or the text.
    pub fn best(&self) -> &str {
        self.meaning.as_deref().unwrap_or(&self.text)
    }
}

pub struct Ours {
    pub kind: RecordType,
    /// In order; those of a nested `msg='…'` stand where it stood. Without the record's own names.
    pub fields: Vec<Value>,
    /// Its own names: the fields in capitals.
    pub names: Vec<(String, String)>,
}

impl Ours {
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.fields.iter().find(|field| field.key == key)
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn written(raw: Raw<'_>) -> String {
    match raw {
        Raw::Bare(text) => lossy(text),
        Raw::Quoted(text) => format!("\"{}\"", lossy(text)),
        Raw::Nested(text) => format!("'{}'", lossy(text)),
    }
}

/// Reads a line; `None` where it is no audit record.
pub fn read(text: &[u8]) -> Option<Ours> {
    let record = line::read(text).ok()?;
    let bump = Bump::new();
    let mut ours = Ours {
        kind: record.kind,
        fields: Vec::new(),
        names: Vec::new(),
    };
    if let Some((said, about)) = decision(record.body) {
        for (key, text) in [("seresult", said.to_vec()), ("seperms", about.to_vec())] {
            let text = lossy(&text).replace(' ', ",");
            ours.fields.push(Value {
                key: key.to_owned(),
                written: text.clone(),
                text,
                meaning: None,
            });
        }
    }
    collect(&mut ours, record.body, &Call::read(record.body), &bump);
    Some(ours)
}

fn collect(ours: &mut Ours, body: &[u8], call: &Call, bump: &Bump) {
    for Field { key, raw, .. } in Fields::new(body) {
        match raw {
            Raw::Nested(inner) if key == b"msg" => {
                collect(ours, inner, call, bump);
                continue;
            }
            raw if key.first().is_some_and(u8::is_ascii_uppercase) => {
                ours.names.push((lossy(key), lossy(raw.text())));
                continue;
            }
            _ => {}
        }
        let meaning = interpret(ours.kind, key, raw, call, bump);
        let text = match meaning {
            Some(Meaning::Text(text) | Meaning::Keys(text) | Meaning::Title(text)) => text,
            Some(Meaning::Keystrokes(text)) => text,
            _ => raw.text(),
        };
        ours.fields.push(Value {
            key: lossy(key),
            written: written(raw),
            text: lossy(text),
            meaning: meaning.map(|meaning| meaning.to_string()),
        });
    }
}

/// What a field means in a record of this type and call.
pub fn meaning(kind: &str, key: &str, text: &str, call: &Call) -> Option<String> {
    let bump = Bump::new();
    let body = format!("{key}={text}");
    let field = Fields::new(body.as_bytes()).next()?;
    let record = Record::new(RecordType::read(kind.as_bytes()), body.as_bytes(), *call);
    record
        .meaning(&field, &bump)
        .map(|meaning| meaning.to_string())
}
