//! docs/SCHEMAS.md: the fields of ECS and ASIM that are written, by kind, made from the documents.

use std::collections::BTreeSet;
use std::fmt::Write;

use serde_json::Value;
use trailhound::model::{Kind, Schema};

use super::{ecs, inputs};

const HEAD: &str = include_str!("head.md");

/// Names of the fields of a kind: dotted for ECS, at the top for ASIM.
fn names(schema: Schema, kind: Kind, documents: &[(Kind, Value)]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (_, document) in documents.iter().filter(|(of, _)| *of == kind) {
        if schema == Schema::Asim {
            let members = document.as_object().into_iter().flatten();
            names.extend(members.map(|(name, _)| name.clone()));
        } else {
            ecs::leaves(document, "", false, &mut |path, _, _| {
                names.insert(match ecs::custom(path) {
                    // Names below are those of the records.
                    Some(name) => name.to_owned(),
                    None => path.to_owned(),
                });
            });
        }
    }
    names
}

fn reference() -> String {
    let mut text = HEAD.to_owned();
    let mut put = |line: std::fmt::Arguments<'_>| {
        text.write_fmt(line).expect("writing to memory");
    };
    put(format_args!(
        "\n## Fields of our own in ECS\n\n| field | what it holds |\n|---|---|\n"
    ));
    for (name, what) in ecs::CUSTOM {
        put(format_args!("| `{name}` | {what} |\n"));
    }
    for (schema, title) in [(Schema::Ecs, "ECS"), (Schema::Asim, "ASIM")] {
        let documents = inputs::own(schema);
        for kind in Kind::ALL {
            let names = names(schema, kind, &documents);
            assert!(!names.is_empty(), "no {} in {title}", kind.as_str());
            put(format_args!("\n## {title}: {}\n\n", kind.as_str()));
            let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            put(format_args!("{}\n", names.join(", ")));
        }
    }
    text
}

#[test]
fn the_reference_is_not_stale() {
    let path = inputs::root().join("docs/SCHEMAS.md");
    let made = reference();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &made).expect("docs/SCHEMAS.md can be written");
        return;
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    let first = made
        .lines()
        .zip(written.lines())
        .find(|(made, written)| made != written);
    assert!(
        made == written,
        "docs/SCHEMAS.md is stale (UPDATE_GOLDEN=1 cargo test --test schemas makes it again): {first:?}"
    );
}
