//! The paths that code names: `crate::…` and `super::…`, groups in braces taken apart, from the root.

/// A path from the crate's root, and where it stands in the code.
#[derive(Debug, PartialEq, Eq)]
pub struct Named {
    pub at: usize,
    pub path: Vec<String>,
}

/// The module of a file: `src/pipeline/flow/row.rs` is pipeline, flow, row.
pub fn module(name: &str) -> Vec<String> {
    let path = name.trim_start_matches("src/").trim_end_matches(".rs");
    let mut module: Vec<String> = path.split('/').map(str::to_owned).collect();
    if matches!(
        module.last().map(String::as_str),
        Some("mod" | "lib" | "main")
    ) {
        module.pop();
    }
    module
}

/// All paths into this crate that `code`, of `module`, names.
pub fn named(code: &str, module: &[String]) -> Vec<Named> {
    let mut found = Vec::new();
    for root in ["crate", "super", "trailhound"] {
        for (at, _) in code.match_indices(&format!("{root}::")) {
            // `super` within `super::super` and `crate` within `$crate` are no beginning.
            let before = code[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | ':' | '$')) {
                continue;
            }
            let mut paths = Vec::new();
            tree(&code[at..], &mut Vec::new(), &mut paths);
            let resolved = paths.iter().map(|path| resolve(path, module));
            found.extend(resolved.map(|path| Named { at, path }));
        }
    }
    found
}

/// Reads one path or group; gives what is left.
fn tree<'a>(text: &'a str, prefix: &mut Vec<String>, paths: &mut Vec<Vec<String>>) -> &'a str {
    let depth = prefix.len();
    let mut rest = text.trim_start();
    loop {
        let end = rest
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        if let Some(mut group) = rest.strip_prefix('{') {
            loop {
                group = tree(group, prefix, paths).trim_start();
                match group.strip_prefix(',') {
                    Some(more) if !more.trim_start().starts_with('}') => group = more,
                    Some(more) => group = more.trim_start(),
                    None => break,
                }
                if group.starts_with('}') {
                    break;
                }
            }
            prefix.truncate(depth);
            return group.strip_prefix('}').unwrap_or(group);
        }
        prefix.push(rest[..end].to_owned());
        rest = &rest[end..];
        match rest.strip_prefix("::") {
            // `crate::a::<T>` and `crate::a::*` end here.
            Some(more) if !more.starts_with(['<', '*']) => rest = more.trim_start(),
            _ => break,
        }
    }
    paths.push(prefix.clone());
    prefix.truncate(depth);
    // A renamed import, or a glob: whatever stands before the next separator.
    rest.find([',', '}', ';', '\n'])
        .map_or("", |end| &rest[end..])
}

fn resolve(path: &[String], module: &[String]) -> Vec<String> {
    let ups = path.iter().take_while(|part| *part == "super").count();
    let rest = path
        .iter()
        .skip(ups.max(1))
        .filter(|part| *part != "self")
        .cloned();
    let base = if ups > 0 {
        module.len().saturating_sub(ups)
    } else {
        0
    };
    module.iter().take(base).cloned().chain(rest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(code: &str, file: &str) -> Vec<String> {
        let found = named(code, &module(file));
        found.iter().map(|n| n.path.join("::")).collect()
    }

    #[test]
    fn groups_are_taken_apart() {
        let code =
            "use crate::{model::{Flow, flow::{self, Verdict}}, pipeline::audit::*};\nuse std::fmt;";
        let expected = [
            "model::Flow",
            "model::flow",
            "model::flow::Verdict",
            "pipeline::audit",
        ];
        assert_eq!(paths(code, "src/cli/mod.rs"), expected);
        assert_eq!(
            paths("use crate::a::{\n    b,\n    c as d,\n};", "src/x.rs"),
            ["a::b", "a::c"]
        );
    }

    #[test]
    fn super_counts_from_the_file() {
        let file = "src/pipeline/flow/row.rs";
        assert_eq!(
            paths("super::json::Json", file),
            ["pipeline::flow::json::Json"]
        );
        assert_eq!(
            paths("use super::super::audit::line;", file),
            ["pipeline::audit::line"]
        );
        assert_eq!(
            paths("use super::audit;", "src/pipeline/flow/mod.rs"),
            ["pipeline::audit"]
        );
        assert_eq!(
            paths("x(crate::model::Kind::ALL)", file),
            ["model::Kind::ALL"]
        );
        assert_eq!(paths("use trailhound::cli;", "src/main.rs"), ["cli"]);
    }
}
