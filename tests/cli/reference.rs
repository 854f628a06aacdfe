//! docs/CONFIGURATION.md is made from the table of keys, and the example configuration has them all.

use std::fmt::Write;
use std::path::Path;

use trailhound::config::select::TABLES;
use trailhound::config::written::{SECTIONS, fields};
use trailhound::config::{Beside, load};

use super::golden;

const HEAD: &str = "\
# Configuration

This file is made from the doc comments of `src/config/written.rs`; a test fails when it is stale
(`UPDATE_GOLDEN=1 cargo test --test cli reference` makes it again).

The layers, each over the one before: built-in defaults, the TOML file, the environment, flags of
`trailhound run`. A key `section.key` is the variable `TRAILHOUND__SECTION__KEY`; there a list is parted by
commas. An unknown key, in the file or in the environment, is an error. The smallest configuration:

```toml
[kafka]
bootstrap_servers = \"localhost:9092\"
```

`trailhound check-config FILE` tells every mistake with its line, or prints what will be used.
";

fn reference() -> String {
    let mut text = HEAD.to_owned();
    let tables = TABLES
        .iter()
        .map(|table| (format!("[[{}]]", table.name), table));
    let sections = SECTIONS.iter().map(|section| match section.name {
        "" => ("Above all sections".to_owned(), section),
        name => (format!("[{name}]"), section),
    });
    for (title, section) in sections.chain(tables) {
        writeln!(text, "\n## {title}").unwrap();
        writeln!(text, "\n{}", prose(section.docs)).unwrap();
        for field in section.fields {
            let key = field.path.rsplit('.').next().unwrap();
            let default = match field.path {
                "kafka.bootstrap_servers" => "none: must be written".to_owned(),
                path if path.ends_with(".name") => "none: must be written".to_owned(),
                _ if field.default.is_empty() => "no condition".to_owned(),
                _ => format!("`{}`", field.default),
            };
            writeln!(text, "\n### `{key}`\n\n{}\n", prose(field.docs)).unwrap();
            writeln!(text, "- form: {}\n- default: {default}", field.form).unwrap();
        }
    }
    text
}

fn prose(docs: &[&str]) -> String {
    docs.iter()
        .map(|line| line.trim())
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn the_reference_is_not_stale() {
    golden(Path::new("docs/CONFIGURATION.md"), &reference())
        .unwrap_or_else(|wrong| panic!("{wrong}"));
}

#[test]
fn the_example_parses_and_has_every_key() {
    let path = Path::new("deploy/trailhound.example.toml");
    let text = std::fs::read_to_string(path).unwrap();
    load(path, &Beside::default()).unwrap_or_else(|error| panic!("{error}"));
    // Its optional keys are commented out: without the marks it must be right too.
    let all: String = text
        .lines()
        .map(|line| line.strip_prefix("#: ").unwrap_or(line).to_owned() + "\n")
        .collect();
    let parsed = toml::Value::Table(all.parse().unwrap_or_else(|error| panic!("{error}")));
    for field in fields().chain(TABLES.iter().flat_map(|table| table.fields)) {
        let found = field
            .path
            .split('.')
            .try_fold(&parsed, |value, part| match value.as_array() {
                Some(tables) => tables.first()?.get(part),
                None => value.get(part),
            })
            .is_some();
        assert!(found, "{} does not mention {}", path.display(), field.path);
    }
    trailhound::config::parse("example", &all, Path::new("deploy"), &Beside::default())
        .unwrap_or_else(|error| panic!("{error}"));
}
