//! Every output against the official OCSF 1.8.0 schema, and what a schema cannot say: `type_uid`, and
//! the captions beside ids.
//!
//! Runs the library's lane over a few lines of its own, the golden folders, and the recordings beside
//! the project. The official files are read where they stand; where they do not, that is said, and
//! type_uid and the captions of this file's own table are still held. No event at all is a failure.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use jsonschema::{Draft, Validator};
use serde_json::{Value, json};
use trailhound::model::output::OutputKind;
use trailhound::model::select::{Selection, Selector};
use trailhound::model::settings::Rarity;
use trailhound::model::{Input, Kind, Outputs, Settings, Source, Timestamp};
use trailhound::pipeline::intel::{Builder, IntelSet};
use trailhound::pipeline::lane::Lane;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn shared() -> PathBuf {
    let given = std::env::var_os("TRAILHOUND_SHARED").map(PathBuf::from);
    given.unwrap_or_else(|| root().join("../shared"))
}

fn official(name: &str) -> Option<Value> {
    let file = shared().join("schemas/ocsf").join(name);
    match std::fs::read(&file) {
        Ok(bytes) => Some(serde_json::from_slice(&bytes).expect("the official file is JSON")),
        Err(error) => {
            eprintln!(
                "NOT TESTED against the official schema: {}: {error}; set TRAILHOUND_SHARED",
                file.display()
            );
            None
        }
    }
}

/// A program start, a guessed logon with its end, and flows, made up: so that there is always something to hold.
const AUDIT: &str = r#"node=web01 type=SYSCALL msg=audit(1700000000.100:7): arch=c000003e syscall=59 success=yes exit=0 a0=1 items=1 ppid=7 pid=8 auid=1000 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=pts0 ses=3 comm="curl" exe="/usr/bin/curl" key="exec"
node=web01 type=EXECVE msg=audit(1700000000.100:7): argc=2 a0="curl" a1="http://evil.example/x"
node=web01 type=CWD msg=audit(1700000000.100:7): cwd="/root"
node=web01 type=PATH msg=audit(1700000000.100:7): item=0 name="/usr/bin/curl"
node=web01 type=PROCTITLE msg=audit(1700000000.100:7): proctitle=6375726C
node=web01 type=EOE msg=audit(1700000000.100:7): 
node=web01 type=USER_AUTH msg=audit(1700000001.000:8): pid=90 uid=0 auid=4294967295 ses=4294967295 msg='op=PAM:authentication acct="root" exe="/usr/sbin/sshd" hostname=203.0.113.66 addr=203.0.113.66 terminal=ssh res=failed'
node=web01 type=USER_LOGIN msg=audit(1700000002.000:9): pid=90 uid=0 auid=4294967295 ses=4294967295 msg='op=login acct="root" exe="/usr/sbin/sshd" hostname=? addr=203.0.113.66 terminal=ssh res=failed'
node=web01 type=SYSCALL msg=audit(1700000003.000:10): arch=c000003e syscall=59 success=no exit=-2 a0=1 items=0 ppid=7 pid=8 auid=1000 uid=0 gid=0 euid=0 tty=pts0 ses=3 comm="sh" exe="/bin/sh" key=(null)
node=web01 type=CONFIG_CHANGE msg=audit(1700000004.000:11): auid=0 ses=1 op=add_rule key="x" list=4 res=1
"#;

const FLOWS: &str = r#"{"records":[{"FlowStartTime_t":"2024-05-01T10:00:00Z","FlowType_s":"ExternalPublic","VMIP_s":"10.1.0.4","VM_s":"shop/vm-a","PublicIPs_s":"203.0.113.66|2|2|30|20|3000|2000 198.51.100.8|1|1|3|2|300|200","L4Protocol_s":"T","L7Protocol_s":"https","DestPort_d":443.0,"FlowDirection_s":"O","AllowedOutFlows_d":3,"DeniedOutFlows_d":0},{"FlowStartTime_t":"2024-05-01T10:00:00Z","SrcIP_s":"10.1.0.4","DestIP_s":"10.1.0.5","L4Protocol_s":"U","DestPort_d":53,"FlowDirection_s":"I","DeniedInFlows_d":2}]}
{"ts":1714557600.25,"uid":"Cabc","id.orig_h":"2001:db8::9","id.orig_p":50000,"id.resp_h":"198.51.100.9","id.resp_p":22,"proto":"tcp","duration":null,"conn_state":"REJ"}
{"ts":1714557600.25,"uid":"Cabd","id.orig_h":"10.1.0.9","id.orig_p":8,"id.resp_h":"10.1.0.1","id.resp_p":0,"proto":"icmp","conn_state":"OTH","orig_bytes":64}
"#;

fn intel() -> IntelSet {
    let mut builder = Builder::default();
    let list =
        b"203.0.113.66\n2001:db8:66::/48\nevil.example\nhttp://evil.example/x\n65.55.44.109\n";
    assert!(builder.add("list.txt", list).refused.is_empty());
    builder.build()
}

/// All documents that a lane makes of these lines.
fn documents(source: Source, text: &[u8], intel: &IntelSet) -> Vec<Value> {
    let settings = Settings {
        kinds: Kind::ALL.into_iter().collect(),
        default_host: Some("host01".to_owned()),
        tell_gaps: true,
        rarity: Some(Rarity { learning_ms: 0 }),
        selection: Selection {
            labels: vec![Selector {
                name: "everything".into(),
                ..Selector::default()
            }],
            ..Selection::default()
        },
        ..Settings::default()
    };
    let mut lane = Lane::new(Arc::new(settings));
    let pack = trailhound::runtime::rules::load(&[], true).expect("the rules that come along");
    lane.follow_rules(&Arc::new(pack.set));
    let mut out = Outputs::new();
    for (offset, value) in (0..).zip(text.split(|b| *b == b'\n')) {
        let input = Input {
            source,
            value,
            key: None,
            host: None,
            offset,
        };
        lane.step(Timestamp(0), input, intel, &mut out);
    }
    lane.finish(intel, &mut out);
    let events = out
        .iter()
        .filter(|o| matches!(o.kind, OutputKind::Event(_)));
    events
        .map(|o| serde_json::from_slice(o.value).expect("an output is JSON"))
        .collect()
}

/// Name, source and text of whatever is there to be read.
fn inputs() -> Vec<(String, Source, Vec<u8>)> {
    // An attack from its first guess to its last stage: a finding that grows is seen here alone.
    let recording = root().join("src/cli/demo/recording/attack.log.zst");
    let recording = std::fs::File::open(recording).expect("the recording of the demo");
    let attack = zstd::decode_all(recording).expect("whole");
    let mut inputs = vec![
        ("lines of this test".to_owned(), Source::Audit, AUDIT.into()),
        ("flows of this test".to_owned(), Source::Flow, FLOWS.into()),
        ("the demo's attack".to_owned(), Source::Audit, attack),
    ];
    let mut add = |path: PathBuf, source: Source| {
        if let Ok(text) = std::fs::read(&path) {
            inputs.push((path.display().to_string(), source, text));
        }
    };
    for folder in std::fs::read_dir(root().join("tests/golden"))
        .into_iter()
        .flatten()
        .flatten()
    {
        let path = folder.path().join("input.log");
        let audit =
            std::fs::read(&path).is_ok_and(|text| memchr::memmem::find(&text, b"audit(").is_some());
        add(path, if audit { Source::Audit } else { Source::Flow });
    }
    for name in [
        "raw.audit",
        "raw.plugin",
        "enriched.audit",
        "enriched.plugin",
        "node.audit",
        "node.plugin",
        "node.syslog",
        "daemon.audit",
    ] {
        add(
            shared().join(format!("corpus/live/{name}.log")),
            Source::Audit,
        );
    }
    for name in [
        "msticpy/az_net_flows.csv",
        "otrf-apt29/day1_SCRANTON_conn.log",
        "slips/test9_conn.json.log",
    ] {
        add(shared().join("corpus/flow").join(name), Source::Flow);
    }
    for path in files_below(&shared().join("corpus/audit")) {
        add(path, Source::Audit);
    }
    inputs
}

/// Files with audit lines in them, in order.
fn files_below(folder: &std::path::Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if std::fs::read(&path)
                .is_ok_and(|text| memchr::memmem::find(&text, b"audit(").is_some())
            {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// One validator for each class, made when the class first comes by: all 26 at once take long.
struct Schema {
    official: Option<Value>,
    classes: BTreeMap<u64, Option<Validator>>,
}

impl Schema {
    fn new() -> Schema {
        Schema {
            official: official("ocsf-1.8.0.schema.json"),
            classes: BTreeMap::new(),
        }
    }

    fn check(&mut self, event: &Value) -> Vec<String> {
        let Some(official) = &self.official else {
            return Vec::new();
        };
        let Some(class) = event["class_uid"].as_u64() else {
            return vec!["class_uid: missing".to_owned()];
        };
        let validator = self
            .classes
            .entry(class)
            .or_insert_with(|| compile(official, class));
        match validator {
            Some(validator) => {
                let told =
                    |e: jsonschema::ValidationError<'_>| format!("{}: {e}", e.instance_path());
                validator.iter_errors(event).map(told).collect()
            }
            None => vec![format!("class_uid: {class} is no class of the schema")],
        }
    }
}

fn compile(official: &Value, class: u64) -> Option<Validator> {
    let definitions = official["$defs"].as_object()?;
    let (name, _) = definitions.iter().find(|(name, d)| {
        name.starts_with("class_") && d["properties"]["class_uid"]["const"] == class
    })?;
    let schema = json!({ "$ref": format!("#/$defs/{name}"), "$defs": definitions });
    let options = jsonschema::options().with_draft(Draft::Draft202012);
    Some(
        options
            .build(&schema)
            .expect("the official schema compiles"),
    )
}

/// What the classes and ids are called; holds also without the official files.
const CLASSES: [(u64, u64, &str, &str); 15] = [
    (0, 0, "Base Event", "Uncategorized"),
    (1001, 1, "File System Activity", "System Activity"),
    (1002, 1, "Kernel Extension Activity", "System Activity"),
    (1003, 1, "Kernel Activity", "System Activity"),
    (1004, 1, "Memory Activity", "System Activity"),
    (1006, 1, "Scheduled Job Activity", "System Activity"),
    (1007, 1, "Process Activity", "System Activity"),
    (1008, 1, "Event Log Activity", "System Activity"),
    (2004, 2, "Detection Finding", "Findings"),
    (3001, 3, "Account Change", "Identity & Access Management"),
    (3002, 3, "Authentication", "Identity & Access Management"),
    (3006, 3, "Group Management", "Identity & Access Management"),
    (4001, 4, "Network Activity", "Network Activity"),
    (5019, 5, "Device Config State Change", "Discovery"),
    (6002, 6, "Application Lifecycle", "Application Activity"),
];

/// An activity 99 is Other, and called by the source's own word.
const ACTIVITIES: [(u64, &str); 66] = [
    (0, "Base Event: Unknown"),
    (100101, "File System Activity: Create"),
    (100102, "File System Activity: Read"),
    (100103, "File System Activity: Update"),
    (100104, "File System Activity: Delete"),
    (100105, "File System Activity: Rename"),
    (100106, "File System Activity: Set Attributes"),
    (100107, "File System Activity: Set Security"),
    (100108, "File System Activity: Get Attributes"),
    (100112, "File System Activity: Mount"),
    (100113, "File System Activity: Unmount"),
    (100114, "File System Activity: Open"),
    (100199, "File System Activity: Other"),
    (100201, "Kernel Extension Activity: Load"),
    (100202, "Kernel Extension Activity: Unload"),
    (100301, "Kernel Activity: Create"),
    (100303, "Kernel Activity: Delete"),
    (100304, "Kernel Activity: Invoke"),
    (100401, "Memory Activity: Allocate Page"),
    (100402, "Memory Activity: Modify Page"),
    (100403, "Memory Activity: Delete Page"),
    (100606, "Scheduled Job Activity: Start"),
    (100701, "Process Activity: Launch"),
    (100702, "Process Activity: Terminate"),
    (100703, "Process Activity: Open"),
    (100704, "Process Activity: Inject"),
    (100705, "Process Activity: Set User ID"),
    (100799, "Process Activity: Other"),
    (100805, "Event Log Activity: Rotate"),
    (100806, "Event Log Activity: Start"),
    (100807, "Event Log Activity: Stop"),
    (100809, "Event Log Activity: Enable"),
    (100899, "Event Log Activity: Other"),
    (200401, "Detection Finding: Create"),
    (200402, "Detection Finding: Update"),
    (200403, "Detection Finding: Close"),
    (300101, "Account Change: Create"),
    (300103, "Account Change: Password Change"),
    (300106, "Account Change: Delete"),
    (300107, "Account Change: Attach Policy"),
    (300108, "Account Change: Detach Policy"),
    (300109, "Account Change: Lock"),
    (300112, "Account Change: Unlock"),
    (300199, "Account Change: Other"),
    (300201, "Authentication: Logon"),
    (300202, "Authentication: Logoff"),
    (300207, "Authentication: Account Switch"),
    (300603, "Group Management: Add User"),
    (300604, "Group Management: Remove User"),
    (300605, "Group Management: Delete"),
    (300606, "Group Management: Create"),
    (300699, "Group Management: Other"),
    (400101, "Network Activity: Open"),
    (400102, "Network Activity: Close"),
    (400104, "Network Activity: Fail"),
    (400105, "Network Activity: Refuse"),
    (400106, "Network Activity: Traffic"),
    (400107, "Network Activity: Listen"),
    (400199, "Network Activity: Other"),
    (501901, "Device Config State Change: Log"),
    (600201, "Application Lifecycle: Install"),
    (600202, "Application Lifecycle: Remove"),
    (600203, "Application Lifecycle: Start"),
    (600204, "Application Lifecycle: Stop"),
    (600208, "Application Lifecycle: Update"),
    (600299, "Application Lifecycle: Other"),
];

const SEVERITIES: [&str; 6] = [
    "Unknown",
    "Informational",
    "Low",
    "Medium",
    "High",
    "Critical",
];

fn identity(event: &Value) -> Vec<String> {
    let number = |name: &str| event[name].as_u64().unwrap_or(u64::MAX);
    let mut wrong = Vec::new();
    let mut hold = |true_of_it: bool, what: &str| {
        if !true_of_it {
            wrong.push(what.to_owned());
        }
    };
    let class = CLASSES.iter().find(|c| c.0 == number("class_uid"));
    hold(
        class.is_some_and(|c| c.1 == number("category_uid")),
        "category_uid is not the class's",
    );
    hold(
        class.is_some_and(|c| event["class_name"] == c.2),
        "class_name is not class_uid's",
    );
    hold(
        class.is_some_and(|c| event["category_name"] == c.3),
        "category_name is not category_uid's",
    );
    let kind = number("class_uid")
        .saturating_mul(100)
        .saturating_add(number("activity_id"));
    hold(
        number("type_uid") == kind,
        "type_uid is not class_uid * 100 + activity_id",
    );
    let name = ACTIVITIES.iter().find(|a| a.0 == kind).map_or("", |a| a.1);
    hold(event["type_name"] == name, "type_name is not type_uid's");
    let activity = name.split(": ").nth(1).unwrap_or_default();
    let is_own_word = activity == "Other" && event["activity_name"].is_string();
    hold(
        is_own_word || event["activity_name"] == activity,
        "activity_name is not activity_id's",
    );
    let severity = usize::try_from(number("severity_id"))
        .ok()
        .and_then(|i| SEVERITIES.get(i));
    hold(
        severity.is_some_and(|s| event["severity"] == *s),
        "severity is not severity_id's",
    );
    wrong
}

/// Every caption beside an id, by the official enumerations, down through all objects.
fn captions(
    compiled: &Value,
    attributes: &Value,
    value: &Value,
    path: &str,
    wrong: &mut Vec<String>,
) {
    for (name, inner) in value.as_object().into_iter().flatten() {
        let attribute = &attributes[name];
        let here = format!("{path}.{name}");
        if let (Some(sibling), Some(id)) = (attribute["sibling"].as_str(), inner.as_i64()) {
            let caption = &attribute["enum"][id.to_string()]["caption"];
            let told = &value[sibling];
            // 99 is Other: its caption is the source's own word.
            if id != 99 && caption.is_string() && !told.is_null() && told != caption {
                wrong.push(format!("{here}: {id} is {caption}, not {told}"));
            }
        }
        if let Some(object) = attribute["object_type"].as_str() {
            let attributes = &compiled["objects"][object]["attributes"];
            let all = inner
                .as_array()
                .map_or(std::slice::from_ref(inner), Vec::as_slice);
            all.iter()
                .for_each(|inner| captions(compiled, attributes, inner, &here, wrong));
        }
    }
}

fn class_attributes(compiled: &Value, class: u64) -> &Value {
    let classes = compiled["classes"].as_object().into_iter().flatten();
    let mut attributes = classes
        .filter(|(_, c)| c["uid"] == class)
        .map(|(_, c)| &c["attributes"]);
    attributes.next().unwrap_or(&Value::Null)
}

#[test]
fn every_output_is_valid_and_called_by_its_right_name() {
    let (mut schema, compiled, intel) = (
        Schema::new(),
        official("ocsf-1.8.0.compiled.min.json"),
        intel(),
    );
    let mut wrong: BTreeMap<String, (usize, String)> = BTreeMap::new();
    let mut classes: BTreeMap<u64, usize> = BTreeMap::new();
    let mut kinds: BTreeSet<u64> = BTreeSet::new();
    let mut empty = Vec::new();
    for (name, source, text) in inputs() {
        let events = documents(source, &text, &intel);
        // Others' files may be of a dialect that is not read; what is read of them is told elsewhere.
        if events.is_empty() && !name.contains("corpus/audit") {
            empty.push(name.clone());
        }
        let mut here: BTreeMap<u64, usize> = BTreeMap::new();
        for event in &events {
            let class = event["class_uid"].as_u64().unwrap_or(u64::MAX);
            *here.entry(class).or_default() += 1;
            kinds.extend(event["type_uid"].as_u64());
            let mut found = schema.check(event);
            found.extend(identity(event));
            if let Some(compiled) = &compiled {
                captions(
                    compiled,
                    class_attributes(compiled, class),
                    event,
                    "",
                    &mut found,
                );
            }
            for what in found {
                let seen = wrong
                    .entry(what)
                    .or_insert_with(|| (0, format!("{name}: {event}")));
                seen.0 += 1;
            }
        }
        eprintln!("{name}: {here:?}");
        for (class, n) in here {
            *classes.entry(class).or_default() += n;
        }
    }
    eprintln!("events by class: {classes:?}");
    let told: Vec<String> = wrong
        .iter()
        .map(|(what, (n, first))| format!("{n} × {what}\n    first in {first}"))
        .collect();
    assert!(
        told.is_empty(),
        "{} findings\n{}",
        told.len(),
        told.join("\n")
    );
    assert!(empty.is_empty(), "no event at all came of {empty:?}");
    let seen: BTreeSet<u64> = classes.into_keys().collect();
    let expected: BTreeSet<u64> = CLASSES.iter().map(|c| c.0).collect();
    assert_eq!(seen, expected, "each class must have been seen");
    let unseen = ACTIVITIES.iter().filter(|a| !kinds.contains(&a.0));
    let unseen: Vec<_> = unseen.collect();
    assert!(unseen.is_empty(), "never seen: {unseen:?}");
}

#[test]
fn the_checks_can_fail() {
    let intel = intel();
    let mut event = documents(Source::Audit, AUDIT.as_bytes(), &intel).swap_remove(0);
    assert_eq!(identity(&event), Vec::<String>::new());
    let good = event.clone();
    event["type_uid"] = json!(100702);
    event["severity"] = json!("High");
    assert_eq!(identity(&event).len(), 2);
    let mut schema = Schema::new();
    if schema.official.is_some() {
        assert_eq!(schema.check(&good), Vec::<String>::new());
        event["no_such_field"] = json!(1);
        event["time"] = json!("today");
        assert!(schema.check(&event).len() >= 2);
        event["class_uid"] = json!(77);
        assert_eq!(schema.check(&event).len(), 1);
    }
    if let Some(compiled) = official("ocsf-1.8.0.compiled.min.json") {
        let mut wrong = Vec::new();
        event["device"]["type_id"] = json!(1);
        event["device"]["type"] = json!("Toaster");
        captions(
            &compiled,
            class_attributes(&compiled, 1007),
            &event,
            "",
            &mut wrong,
        );
        assert!(
            wrong.iter().any(|w| w.starts_with(".device.type_id")),
            "{wrong:?}"
        );
    }
}

#[test]
fn the_tables_of_this_file_are_the_schemas() {
    let Some(compiled) = official("ocsf-1.8.0.compiled.min.json") else {
        return;
    };
    for (uid, _, name, _) in CLASSES {
        let attributes = class_attributes(&compiled, uid);
        assert!(attributes.is_object(), "{name}");
        for (kind, full) in ACTIVITIES.iter().filter(|a| a.0 / 100 == uid) {
            let caption =
                attributes["activity_id"]["enum"][(kind % 100).to_string()]["caption"].as_str();
            assert_eq!(format!("{name}: {}", caption.unwrap_or_default()), *full);
        }
    }
}
