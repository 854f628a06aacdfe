//! docs/METRICS.md is made from `src/telemetry.rs`, and this fails when it is stale.
//!
//! UPDATE_GOLDEN=1 makes it again.

#![allow(clippy::unwrap_used)]

const SOURCE: &str = include_str!("../src/telemetry.rs");
const PAGE: &str = "docs/METRICS.md";

const HEAD: &str = "\
# Metrics

This file is made from `src/telemetry.rs`; a test fails when it is stale
(`UPDATE_GOLDEN=1 cargo test --test metrics` makes it again). Beside these stand Prometheus' own `process_*`.

| metric | type | labels | what |
|---|---|---|---|
";

/// `events: IntCounterVec = \"events_total\" [\"kind\"];` with the doc comment before it, as a row.
fn row(help: &str, declaration: &str) -> String {
    let (_, rest) = declaration.split_once(": ").unwrap();
    let (kind, rest) = rest.split_once(" = ").unwrap();
    let mut texts = rest.split('"').skip(1).step_by(2);
    let name = texts.next().unwrap();
    let labels: Vec<_> = texts.map(|label| format!("`{label}`")).collect();
    let kind = match kind {
        "IntCounter" | "IntCounterVec" => "counter",
        "IntGauge" | "IntGaugeVec" | "GaugeVec" => "gauge",
        "Histogram" => "histogram",
        other => panic!("{other} is a type that this test does not know"),
    };
    format!(
        "| `trailhound_{name}` | {kind} | {} | {help} |\n",
        labels.join(", ")
    )
}

fn page() -> String {
    let declared = SOURCE.split_once("metrics! {\n").unwrap().1;
    let declared = declared.split_once("\n}\n").unwrap().0;
    let (mut page, mut help) = (HEAD.to_owned(), String::new());
    for line in declared.lines().map(str::trim) {
        match line.strip_prefix("///") {
            Some(text) => help += text,
            None => page += &row(std::mem::take(&mut help).trim(), line),
        }
    }
    page
}

#[test]
fn the_page_is_what_is_declared() {
    let page = page();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(PAGE, &page).unwrap();
    }
    let stands = std::fs::read_to_string(PAGE).unwrap_or_default();
    assert_eq!(
        stands, page,
        "UPDATE_GOLDEN=1 cargo test --test metrics makes {PAGE} again"
    );
}

#[test]
fn every_metric_that_the_readme_names_is_declared() {
    let (page, readme) = (page(), std::fs::read_to_string("README.md").unwrap());
    let table = readme.split_once("| metric (`trailhound_…`)").unwrap().1;
    let table = table.split_once("\n\n").unwrap().0;
    let first_cells = table
        .lines()
        .skip(2)
        .filter_map(|row| row.split('|').nth(1));
    for name in first_cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)) {
        let name = name.split_once('{').map_or(name, |(name, _)| name);
        let name = name.trim_end_matches('*');
        assert!(
            page.contains(&format!("`trailhound_{name}")),
            "README.md: {name}"
        );
    }
}

#[test]
fn every_metric_that_an_alert_asks_for_is_declared() {
    let (page, rules) = (
        page(),
        std::fs::read_to_string("deploy/prometheus/alerts.yml").unwrap(),
    );
    let words = rules.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let names: Vec<&str> = words
        .filter(|word| word.starts_with("trailhound_"))
        .collect();
    assert!(names.len() > 10);
    for name in names {
        assert!(page.contains(&format!("`{name}`")), "alerts.yml: {name}");
    }
}
