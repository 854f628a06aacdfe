//! ECS: every field that is written is in the published list with the right type and an allowed value,
//! or is one of our own.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde_json::Value;
use trailhound::model::{Kind, Schema};

use super::{Findings, inputs, is_time};

/// Fields that ECS has not, and what they hold. `*`: any below.
pub const CUSTOM: &[(&str, &str)] = &[
    (
        "auditd.argv_b64",
        "the arguments as base64, where one of them is not UTF-8",
    ),
    (
        "auditd.data.*",
        "fields of the records by their own names, as auditbeat has them",
    ),
    (
        "auditd.message_type",
        "type of the first record, in small letters, as auditbeat has it",
    ),
    (
        "auditd.record_ids",
        "`SECONDS.MILLIS:SERIAL` of the records that were joined into a logon",
    ),
    (
        "auditd.records.*",
        "kind `audit`: every record with every field, decoded",
    ),
    ("auditd.result", "`success` or `fail`, as auditbeat has it"),
    (
        "auditd.session",
        "the logon session (`ses=`), as auditbeat has it",
    ),
    (
        "auditd.words.*",
        "kind `audit`: words of records that are no field, by type of their record",
    ),
    (
        "trailhound.ancestry.*",
        "kind `process`: the parent's parent and so on, as far as they are known: `pid`, `executable`, `command_line`",
    ),
    ("trailhound.complete", "every record that was promised came"),
    ("trailhound.count", "flows that the record sums up"),
    (
        "trailhound.cut",
        "why an incomplete event went out: `timed_out`, `evicted`, `input_ended`",
    ),
    (
        "trailhound.decision.by",
        "kind `audit`: what decided about access: `SELinux`, `AppArmor`, `seccomp`, …",
    ),
    (
        "trailhound.decision.ruling",
        "`allowed`, `denied`, or `logged`: would have been denied",
    ),
    (
        "trailhound.direction_told",
        "the flow's record told the direction; otherwise the addresses did",
    ),
    (
        "trailhound.evidence.id",
        "`event.id` of an event that proves the alert",
    ),
    ("trailhound.evidence.occurred", "its time"),
    (
        "trailhound.evidence_total",
        "how many there are; at most 20 are listed",
    ),
    (
        "trailhound.extra.*",
        "what the flow's record has beside, by its own names",
    ),
    (
        "trailhound.gap.first_serial",
        "alert of lost events: the first serial that is missing",
    ),
    ("trailhound.gap.last_serial", "the last one"),
    ("trailhound.gap.missing", "how many are missing"),
    ("trailhound.logon_uid", "logoff: `event.id` of the logon"),
    (
        "trailhound.matched.*",
        "alert of a rule: the fields by which an event matched, `field` and `value`",
    ),
    ("trailhound.method", "`password` or `publickey`"),
    ("trailhound.missing", "what an incomplete event lacks"),
    (
        "trailhound.new_path",
        "kind `audit`: what a file was renamed to",
    ),
    (
        "trailhound.new_pattern",
        "kind `process`: the pattern of a command that is new to its host",
    ),
    (
        "trailhound.object",
        "kind `audit`: what was loaded, started, configured",
    ),
    (
        "trailhound.operation",
        "kind `audit`: what the program says it did (`op=`)",
    ),
    ("trailhound.original_uid", "the flow record's own id"),
    (
        "trailhound.session.*",
        "the logon of the event's session: `src_ip`, `logon_uid`, `service`, `method`, `terminal`, `start_time` (ms); \
        `logon_seen` is false where it was not seen",
    ),
    (
        "trailhound.story.*",
        "alert of a story: `uid` (the same whenever it is told), `step` (`created`, `updated`, `closed`), `points`, `suppressed` (signs that weigh nothing, by reason), `sessions`, `stages`",
    ),
    ("trailhound.severity", "severity of an alert in words"),
    (
        "trailhound.signal",
        "kind `audit`: number of the signal that was sent, or that a program died of",
    ),
    ("trailhound.tags", "alert of a rule: the rule's tags"),
    (
        "trailhound.target.comm",
        "kind `audit`: the process that it was done to",
    ),
    (
        "trailhound.target.executable",
        "the program that was to start, or that died",
    ),
    ("trailhound.target.pid", "its process id"),
    ("trailhound.target.session", "its logon session"),
    (
        "trailhound.weakened",
        "a protection that is off from now on: `audit_off`, `permissive`, `selinux_off`",
    ),
    (
        "user.audit.id",
        "who logged on (`auid=`), as auditbeat has it",
    ),
    ("user.audit.name", "their name"),
];

/// The list of [`CUSTOM`] that a path is of.
pub fn custom(path: &str) -> Option<&'static str> {
    let mut names = CUSTOM.iter().map(|(name, _)| *name);
    names.find(|name| match name.strip_suffix('*') {
        Some(prefix) => path.starts_with(prefix),
        None => *name == path,
    })
}

/// Every leaf with its dotted path, whether a list is around it, and its value.
pub fn leaves<'v>(
    value: &'v Value,
    path: &str,
    listed: bool,
    leaf: &mut dyn FnMut(&str, bool, &'v Value),
) {
    match value {
        Value::Object(members) => {
            for (name, inner) in members {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                leaves(inner, &path, false, leaf);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| leaves(item, path, true, leaf)),
        scalar => leaf(path, listed, scalar),
    }
}

struct Ecs(Value);

impl Ecs {
    fn check(&self, document: &Value) -> Vec<String> {
        let mut wrong = Vec::new();
        leaves(document, "", false, &mut |path, listed, value| {
            if custom(path).is_some() {
                return;
            }
            let field = &self.0[path];
            if field.is_null() {
                wrong.push(format!("{path}: not in ECS"));
                return;
            }
            let list = field["array"] == true;
            if list != listed && !path.starts_with("threat.enrichments") {
                wrong.push(format!("{path}: a list: {list}"));
            }
            if !fits(field["type"].as_str().unwrap_or_default(), value) {
                wrong.push(format!("{path}: {value} is no {}", field["type"]));
            }
            for key in ["allowed", "expected"] {
                let values = field[key].as_array();
                if values.is_some_and(|values| !values.contains(value)) {
                    wrong.push(format!("{path}: {value} is not {key}"));
                }
            }
            if field["pattern"].is_string() {
                wrong.push(format!("{path}: has a pattern, which is not looked at"));
            }
        });
        self.kinds(document, &mut wrong);
        for needed in [
            "/@timestamp",
            "/ecs/version",
            "/event/kind",
            "/event/id",
            "/event/category/0",
            "/event/type/0",
        ] {
            if document.pointer(needed).is_none() {
                wrong.push(format!("{needed}: missing"));
            }
        }
        wrong
    }

    /// Each type must be expected of a category.
    fn kinds(&self, document: &Value, wrong: &mut Vec<String>) {
        let list = |name: &str| {
            document["event"][name]
                .as_array()
                .cloned()
                .unwrap_or_default()
        };
        let expected = &self.0["event.category"]["expected_event_types"];
        for kind in list("type") {
            let fine = list("category").iter().any(|category| {
                let types = expected[category.as_str().unwrap_or_default()].as_array();
                types.is_some_and(|types| types.contains(&kind))
            });
            if !fine {
                wrong.push(format!(
                    "event.type: {kind} is not expected of {}",
                    document["event"]["category"]
                ));
            }
        }
    }
}

fn fits(kind: &str, value: &Value) -> bool {
    match kind {
        "keyword" | "wildcard" | "match_only_text" => value.is_string(),
        "long" => value.as_i64().is_some(),
        "boolean" => value.is_boolean(),
        "date" => value.as_str().is_some_and(is_time),
        "ip" => value
            .as_str()
            .is_some_and(|ip| ip.parse::<IpAddr>().is_ok()),
        _ => false,
    }
}

fn ecs() -> Option<Ecs> {
    let text = inputs::official("ecs/ecs-9.4.0-flat.json")?;
    Some(Ecs(
        serde_json::from_str(&text).expect("the published list is JSON")
    ))
}

#[test]
fn every_field_is_in_the_schema_or_one_of_our_own() {
    let Some(ecs) = ecs() else { return };
    let mut findings = Findings::default();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (kind, document) in inputs::own(Schema::Ecs)
        .into_iter()
        .chain(inputs::recorded(Schema::Ecs))
    {
        *counts.entry(kind.as_str()).or_default() += 1;
        for what in ecs.check(&document) {
            findings.add(what, &document);
        }
    }
    eprintln!("ECS documents checked: {counts:?}");
    findings.none();
    assert_eq!(
        counts.len(),
        Kind::ALL.len(),
        "each kind must have been seen"
    );
}

#[test]
fn every_custom_field_is_written() {
    let mut unseen: BTreeSet<&str> = CUSTOM.iter().map(|(name, _)| *name).collect();
    for (_, document) in inputs::own(Schema::Ecs) {
        leaves(&document, "", false, &mut |path, _, _| {
            if let Some(name) = custom(path) {
                unseen.remove(name);
            }
        });
    }
    assert!(unseen.is_empty(), "{unseen:?}");
}

#[test]
fn the_checks_can_fail() {
    let Some(ecs) = ecs() else { return };
    let (_, good) = inputs::own(Schema::Ecs).swap_remove(0);
    assert_eq!(ecs.check(&good), Vec::<String>::new());
    let wrong = |pointer: &str, value: Value| {
        let mut document = good.clone();
        *document.pointer_mut(pointer).expect("it is there") = value;
        ecs.check(&document)
    };
    for (pointer, value) in [
        ("/event/outcome", "fine".into()),
        ("/event/type", vec!["denied"].into()),
        ("/event/category", "process".into()),
        ("/@timestamp", "2023-11-14 22:13:20".into()),
        ("/process/pid", "8".into()),
        ("/host", serde_json::json!({"nome": "web01"})),
    ] {
        assert!(!wrong(pointer, value).is_empty(), "{pointer}");
    }
}
