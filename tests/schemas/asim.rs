//! ASIM: every field that is written is in its schema's published list with the right type, its value
//! in the closed list where there is one, and every mandatory field is there.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde_json::Value;
use trailhound::model::{Kind, Schema};

use super::{Findings, inputs, is_time};

#[derive(Debug, Default)]
struct Field {
    class: String,
    kind: String,
    /// The one value that it may have.
    fixed: String,
    allowed: BTreeSet<String>,
}

type Fields = BTreeMap<String, Field>;

/// The schemas by their names.
struct Asim(BTreeMap<String, Fields>);

impl Asim {
    fn read() -> Option<Asim> {
        let mut all = BTreeMap::new();
        for name in [
            "process_event",
            "authentication",
            "network_session",
            "alert_event",
        ] {
            let (name, fields) = yaml(&inputs::official(&format!("asim/{name}.yaml"))?);
            all.insert(name, fields);
        }
        let tester = inputs::official("asim/ASimTester-2024-11.csv")?;
        for line in tester.lines().skip(1) {
            let columns: Vec<&str> = line.split(',').collect();
            let [name, kind, class, schema, _, values, ..] = columns[..] else {
                panic!("a row of the tester: {line}");
            };
            // The newer YAML is the measure where there is one; the tester adds values to it.
            let is_new = !["ProcessEvent", "Authentication", "NetworkSession"].contains(&schema);
            if !is_new && !all.contains_key(schema) {
                continue;
            }
            let fields: &mut Fields = all.entry(schema.to_owned()).or_default();
            if is_new {
                let field = fields.entry(name.to_owned()).or_default();
                field.class = class.to_owned();
                field.kind = kind.to_owned();
            }
            // Vendors and products of the parsers that were there in 2024.
            if !["EventVendor", "EventProduct"].contains(&name)
                && let Some(field) = fields.get_mut(name)
            {
                let values = values
                    .split('|')
                    .map(str::trim)
                    .filter(|value| !value.is_empty());
                field.allowed.extend(values.map(str::to_owned));
            }
        }
        Some(Asim(all))
    }

    fn check(&self, document: &Value) -> Vec<String> {
        let schema = document["EventSchema"].as_str().unwrap_or_default();
        let Some(fields) = self.0.get(schema) else {
            return vec![format!("EventSchema: {schema:?} is no schema")];
        };
        let mut wrong = Vec::new();
        for (name, value) in document.as_object().into_iter().flatten() {
            let Some(field) = fields.get(name) else {
                // Other schemas have it; where a session came from must be found by one name.
                let is_ours = (schema, name.as_str()) == ("ProcessEvent", "SrcIpAddr");
                if name != "TimeGenerated" && !is_ours {
                    wrong.push(format!("{schema}.{name}: not in the schema"));
                }
                continue;
            };
            if !fits(&field.kind, value) {
                wrong.push(format!("{schema}.{name}: {value} is no {}", field.kind));
            }
            let text = value.as_str().unwrap_or_default();
            if !field.fixed.is_empty() && field.fixed != text {
                wrong.push(format!("{schema}.{name}: {value} is not {}", field.fixed));
            }
            if !field.allowed.is_empty() && !field.allowed.contains(text) {
                wrong.push(format!("{schema}.{name}: {value} is not allowed"));
            }
            if text.is_empty() && value.is_string() {
                wrong.push(format!("{schema}.{name}: empty"));
            }
        }
        for (name, field) in fields {
            // `Type` is the table, which Log Analytics fills in.
            if field.class.starts_with("Mandatory") && document[name].is_null() && name != "Type" {
                wrong.push(format!("{schema}.{name}: missing"));
            }
        }
        for (name, kind) in [
            ("ActorUserId", "ActorUserIdType"),
            ("ActorUsername", "ActorUsernameType"),
            ("TargetUserId", "TargetUserIdType"),
            ("TargetUsername", "TargetUsernameType"),
            ("TargetAppName", "TargetAppType"),
            ("Username", "UsernameType"),
        ] {
            if document[name].is_null() != document[kind].is_null() {
                wrong.push(format!("{schema}: {kind} goes with {name}"));
            }
        }
        if !document["TimeGenerated"].as_str().is_some_and(is_time) {
            wrong.push(format!(
                "{schema}.TimeGenerated: {}",
                document["TimeGenerated"]
            ));
        }
        common(document, &mut wrong);
        wrong
    }
}

/// What holds for every schema; the YAML names these lists in words only.
fn common(document: &Value, wrong: &mut Vec<String>) {
    for (name, allowed) in [
        ("EventResult", &["Success", "Partial", "Failure", "NA"][..]),
        ("EventSeverity", &["Informational", "Low", "Medium", "High"]),
    ] {
        let value = &document[name];
        if !value.is_null() && !value.as_str().is_some_and(|text| allowed.contains(&text)) {
            wrong.push(format!("{name}: {value} is not allowed"));
        }
    }
    let confidence = &document["ThreatConfidence"];
    if !confidence.is_null() && confidence.as_u64().is_none_or(|level| level > 100) {
        wrong.push(format!("ThreatConfidence: {confidence}"));
    }
}

fn fits(kind: &str, value: &Value) -> bool {
    let text = value.as_str();
    match kind.to_ascii_lowercase().as_str() {
        "integer" | "int" | "long" => value.as_i64().is_some(),
        "confidencelevel (integer)" | "risklevel (integer)" => value.as_i64().is_some(),
        "boolean" | "bool" => value.is_boolean(),
        "date/time" | "datetime" => text.is_some_and(is_time),
        "ip address" => text.is_some_and(|ip| ip.parse::<IpAddr>().is_ok()),
        "dynamic" => value.is_object(),
        _ => value.is_string(),
    }
}

/// Name and fields of a schema: the published files have one member a line, lists below.
fn yaml(text: &str) -> (String, Fields) {
    let (mut name, mut fields, mut current, mut in_values) =
        (String::new(), Fields::new(), String::new(), false);
    for line in text.lines() {
        if let Some(value) = line.strip_prefix("name: ") {
            name = value.to_owned();
        } else if let Some(value) = line.strip_prefix("- name: ") {
            current = value.to_owned();
            fields.insert(current.clone(), Field::default());
        } else if let Some(field) = fields.get_mut(&current) {
            if let Some(value) = line.strip_prefix("  - ").filter(|_| in_values) {
                field.allowed.insert(plain(value));
                continue;
            }
            in_values = line == "  allowed_values:";
            if let Some(value) = line.strip_prefix("  class: ") {
                field.class = value.to_owned();
            } else if let Some(value) = line.strip_prefix("  type: ") {
                field.kind = value.to_owned();
            } else if let Some(value) = line.strip_prefix("  value: ") {
                field.fixed = value.trim_matches('\'').to_owned();
            }
        }
    }
    (name, fields)
}

/// A value without the words that explain it.
fn plain(value: &str) -> String {
    let value = value.trim_matches('\'');
    let end = value.find([':', '(', '.']).unwrap_or(value.len());
    value[..end].trim().to_owned()
}

#[test]
fn every_field_is_in_its_schema_and_none_that_is_mandatory_is_missing() {
    let Some(asim) = Asim::read() else { return };
    let mut findings = Findings::default();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (_, document) in inputs::own(Schema::Asim)
        .into_iter()
        .chain(inputs::recorded(Schema::Asim))
    {
        let schema = document["EventSchema"].as_str().unwrap_or_default();
        *counts.entry(schema.to_owned()).or_default() += 1;
        for what in asim.check(&document) {
            findings.add(what, &document);
        }
    }
    eprintln!("ASIM documents checked: {counts:?}");
    findings.none();
    for schema in [
        "ProcessEvent",
        "Authentication",
        "NetworkSession",
        "AlertEvent",
        "AuditEvent",
    ] {
        assert!(counts.contains_key(schema), "{schema} must have been seen");
    }
}

#[test]
fn the_version_in_the_header_is_the_documents() {
    for (kind, document) in inputs::own(Schema::Asim) {
        if kind != Kind::Audit {
            let version = trailhound::pipeline::encode::version(Schema::Asim, kind);
            assert_eq!(document["EventSchemaVersion"], version, "{document}");
        }
    }
}

#[test]
fn the_checks_can_fail() {
    let Some(asim) = Asim::read() else { return };
    let (_, good) = inputs::own(Schema::Asim).swap_remove(0);
    assert_eq!(asim.check(&good), Vec::<String>::new());
    for (name, value) in [
        ("EventType", Value::from("Process")),
        ("EventSchemaVersion", "9".into()),
        ("EventCount", "1".into()),
        ("EventStartTime", "yesterday".into()),
        ("ActingProcessId", Value::Null),
        ("TargetUsernameType", "Nick".into()),
        ("Colour", "red".into()),
    ] {
        let mut document = good.clone();
        document[name] = value;
        assert!(!asim.check(&document).is_empty(), "{name}");
    }
    assert_eq!(plain("Threat (Represents a …)"), "Threat");
    assert_eq!(plain("'Remote: Use when'"), "Remote");
}
