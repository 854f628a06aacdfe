//! The rules themselves. Each gives its findings as `file:line: what`; none means it is kept.

use super::paths::{module, named};
use super::source::Source;

/// Where a path belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Layer {
    Root,
    Model,
    Stage(String),
    Lane,
    /// `pipeline` itself: it only names its stages.
    Pipeline,
    Config,
    Telemetry,
    Runtime,
    Cli,
    Unknown(String),
}

fn layer(path: &[String]) -> Layer {
    let part = |i: usize| path.get(i).map(String::as_str);
    match (part(0), part(1)) {
        (None | Some("lib" | "main"), _) => Layer::Root,
        (Some("model"), _) => Layer::Model,
        (Some("pipeline"), None) => Layer::Pipeline,
        (Some("pipeline"), Some("lane")) => Layer::Lane,
        (Some("pipeline"), Some(stage)) => Layer::Stage(stage.to_owned()),
        (Some("config"), _) => Layer::Config,
        (Some("telemetry"), _) => Layer::Telemetry,
        (Some("runtime"), _) => Layer::Runtime,
        (Some("cli"), _) => Layer::Cli,
        (Some(other), _) => Layer::Unknown(other.to_owned()),
    }
}

fn may_import(from: &Layer, to: &Layer) -> bool {
    use Layer::{Cli, Config, Lane, Model, Pipeline, Root, Runtime, Stage, Telemetry, Unknown};
    match (from, to) {
        (_, Unknown(_)) | (Unknown(_), _) => false,
        (from, to) if from == to => true,
        (Root | Cli, _) => true,
        (Stage(_) | Lane | Config | Telemetry | Runtime, Model) => true,
        (Lane, Stage(_)) | (Telemetry, Lane) => true,
        (Runtime, Pipeline | Lane | Stage(_) | Config | Telemetry) => true,
        _ => false,
    }
}

pub fn imports(source: &Source) -> Vec<String> {
    let own = module(&source.name);
    let from = layer(&own);
    let (shipped, tests) = source.code.split_at(source.tests_from);
    // Inside a module of tests `super` is the file itself.
    let mut inside = own.clone();
    if !shipped.is_empty() {
        inside.push("tests".to_owned());
    }
    let all = [(0, shipped, &own), (source.tests_from, tests, &inside)];
    let paths = all.iter().flat_map(|(offset, code, module)| {
        named(code, module)
            .into_iter()
            .map(move |n| (offset + n.at, n.path))
    });
    paths
        .filter(|(_, path)| !may_import(&from, &layer(path)))
        .map(|(at, path)| {
            let to = path.join("::");
            format!(
                "{}:{}: {from:?} may not import {to}",
                source.name,
                source.line(at)
            )
        })
        .collect()
}

/// Crates that read clocks, talk to networks, or print: none of the pipeline's or the model's.
const IMPURE: [&str; 14] = [
    "rdkafka",
    "tokio",
    "axum",
    "prometheus",
    "dashmap",
    "arc_swap",
    "tracing",
    "tracing_subscriber",
    "config",
    "toml",
    "clap",
    "indicatif",
    "anyhow",
    "zstd",
];

pub fn foreign_crates(source: &Source) -> Vec<String> {
    let pure = matches!(
        layer(&module(&source.name)),
        Layer::Model | Layer::Stage(_) | Layer::Lane | Layer::Pipeline
    );
    let names = IMPURE.iter().filter(|_| pure);
    let used = names.flat_map(|name| {
        let start = |at: usize| {
            let before = source.code[..at].chars().next_back();
            !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | ':'))
        };
        let found = source.code.match_indices(*name);
        found
            .filter(move |(at, _)| start(*at) && source.code[at + name.len()..].starts_with("::"))
            .map(move |(at, _)| (at, *name))
    });
    used.map(|(at, name)| {
        format!(
            "{}:{}: {name} has no place in the pure part",
            source.name,
            source.line(at)
        )
    })
    .collect()
}

pub fn opening(source: &Source) -> Vec<String> {
    let opens = source.text.trim_start().starts_with("//! ");
    let finding = format!(
        "{}:1: begins without '//! ' and what it is for",
        source.name
    );
    if opens { Vec::new() } else { vec![finding] }
}

pub fn length(source: &Source) -> Vec<String> {
    let lines = source.text.lines().count();
    let finding = format!("{}:601: {lines} lines; 600 is the most", source.name);
    if lines <= 600 {
        Vec::new()
    } else {
        vec![finding]
    }
}

fn find(source: &Source, text: &str, needles: &[&str]) -> Vec<String> {
    let lines = (1..).zip(text.lines());
    lines
        .flat_map(|(number, line)| {
            let found = needles.iter().filter(move |needle| line.contains(**needle));
            found.map(move |needle| format!("{}:{number}: {needle}", source.name))
        })
        .collect()
}

pub fn undone(source: &Source) -> Vec<String> {
    // Put together here, so that this file keeps its own rule.
    let words = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X:"),
    ];
    let mut found = find(source, &source.text, &words);
    let code = [
        "todo!",
        "unimplemented!",
        "allow(dead_code)",
        "allow(unused",
        "dbg!",
    ];
    found.extend(find(source, &source.code, &code));
    found
}

pub fn unwraps(source: &Source) -> Vec<String> {
    find(source, source.shipped(), &[".unwrap()", ".expect("])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(rule: fn(&Source) -> Vec<String>, name: &str, text: &str) -> usize {
        rule(&Source::new(name, text)).len()
    }

    #[test]
    fn walls_hold() {
        for (name, bad) in [
            (
                "src/model/flow.rs",
                "use crate::pipeline::flow::FlowReader;",
            ),
            ("src/model/flow.rs", "use super::super::config::Config;"),
            (
                "src/pipeline/flow/mod.rs",
                "use crate::pipeline::audit::line;",
            ),
            ("src/pipeline/flow/mod.rs", "use super::audit::line;"),
            ("src/pipeline/flow/row.rs", "use super::super::audit;"),
            (
                "src/pipeline/intel/mod.rs",
                "use crate::{model::Flow, pipeline::lane::Lane};",
            ),
            (
                "src/pipeline/audit/mod.rs",
                "fn f() { crate::telemetry::LINES.inc() }",
            ),
            ("src/pipeline/lane/saved.rs", "use crate::config::Config;"),
            ("src/config/mod.rs", "use crate::runtime::run;"),
            ("src/config/mod.rs", "use crate::pipeline::lane::Lane;"),
            ("src/telemetry.rs", "use crate::pipeline::audit::line;"),
            ("src/runtime/mod.rs", "use crate::cli::Args;"),
            ("src/runtime/mod.rs", "use crate::elsewhere::Thing;"),
            (
                "src/pipeline/flow/mod.rs",
                "fn a() {}\n#[cfg(test)]\nmod tests {\n    use super::super::audit::line;\n}",
            ),
        ] {
            assert_eq!(findings(imports, name, bad), 1, "{name}: {bad}");
        }
    }

    #[test]
    fn what_is_allowed_passes() {
        for (name, good) in [
            (
                "src/pipeline/flow/row.rs",
                "use crate::model::Flow;\nuse super::json::Json;",
            ),
            (
                "src/pipeline/lane.rs",
                "use crate::pipeline::{audit::line, flow::FlowReader};\nuse crate::model::Kind;",
            ),
            (
                "src/pipeline/lane/saved.rs",
                "use super::hosts::Host;\nuse super::Lane;",
            ),
            (
                "src/pipeline/flow/mod.rs",
                "// use crate::pipeline::audit;\nfn f() { g(\"crate::cli::x\") }",
            ),
            (
                "src/pipeline/flow/mod.rs",
                "fn a() {}\n#[cfg(test)]\nmod tests {\n    use super::*;\n    use crate::model::Kind;\n}",
            ),
            (
                "src/runtime/mod.rs",
                "use crate::{config::Config, model::Kind, pipeline::lane::Lane, telemetry};",
            ),
            ("src/telemetry.rs", "use crate::pipeline::lane::Stats;"),
            ("src/main.rs", "fn main() { trailhound::cli::main() }"),
        ] {
            let source = Source::new(name, good);
            assert_eq!(imports(&source), Vec::<String>::new(), "{name}: {good}");
        }
    }

    #[test]
    fn the_other_rules_find_their_examples() {
        assert_eq!(
            findings(
                foreign_crates,
                "src/pipeline/flow/mod.rs",
                "use rdkafka::Message;"
            ),
            1
        );
        assert_eq!(
            findings(
                foreign_crates,
                "src/model/mod.rs",
                "fn f() { tracing::info!(1) }"
            ),
            1
        );
        assert_eq!(
            findings(
                foreign_crates,
                "src/runtime/mod.rs",
                "use rdkafka::Message;"
            ),
            0
        );
        assert_eq!(findings(opening, "src/a.rs", "use std::fmt;\n//! late"), 1);
        assert_eq!(findings(opening, "src/a.rs", "//!\nfn a() {}"), 1);
        assert_eq!(findings(length, "src/a.rs", &"\n".repeat(601)), 1);
        assert_eq!(findings(length, "src/a.rs", &"\n".repeat(600)), 0);
        for bad in [
            concat!("// TO", "DO: x"),
            "fn f() { todo!() }",
            "#[allow(dead_code)]",
            concat!("/* FIX", "ME */"),
        ] {
            assert_eq!(findings(undone, "src/a.rs", bad), 1, "{bad}");
        }
        for bad in ["fn f() { x.unwrap() }", "fn f() { x.expect(\"y\") }"] {
            assert_eq!(findings(unwraps, "src/a.rs", bad), 1, "{bad}");
            let tests = format!("#[cfg(test)]\nmod tests {{ {bad} }}");
            assert_eq!(findings(unwraps, "src/a.rs", &tests), 0);
        }
        assert_eq!(
            findings(
                unwraps,
                "src/a.rs",
                "// x.unwrap()\nfn f() { g(\".unwrap()\") }"
            ),
            0
        );
    }
}
