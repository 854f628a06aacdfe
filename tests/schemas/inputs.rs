//! Documents of all kinds in a schema, from lines of this file, the golden folders, and the recordings.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use trailhound::model::output::OutputKind;
use trailhound::model::schema::Schemas;
use trailhound::model::settings::Rarity;
use trailhound::model::{Input, Kind, Outputs, Schema, Settings, Source, Timestamp};
use trailhound::pipeline::intel::{Builder, IntelSet};
use trailhound::pipeline::lane::Lane;

/// A program start, guesses, a switch, other events, and flows, made up: each field that is written
/// comes of one of these or of a golden folder.
const AUDIT: &str = include_str!("lines.log");

const FLOWS: &str = r#"{"records":[{"FlowStartTime_t":"2024-05-01T10:00:00Z","FlowType_s":"ExternalPublic","VMIP_s":"10.1.0.4","VM_s":"shop/vm-a","PublicIPs_s":"203.0.113.66|2|2|30|20|3000|2000 198.51.100.8|1|1|3|2|300|200","L4Protocol_s":"T","L7Protocol_s":"HTTPS","DestPort_d":443.0,"FlowDirection_s":"O","AllowedOutFlows_d":3,"DeniedOutFlows_d":0},{"FlowStartTime_t":"2024-05-01T10:00:00Z","SrcIP_s":"10.1.0.4","DestIP_s":"10.1.0.5","L4Protocol_s":"U","DestPort_d":53,"FlowDirection_s":"I","DeniedInFlows_d":2}]}
{"ts":1714557600.25,"uid":"Cabc","id.orig_h":"2001:db8:66::9","id.orig_p":50000,"id.resp_h":"198.51.100.9","id.resp_p":22,"proto":"tcp","duration":null,"conn_state":"REJ"}
{"ts":1714557600.25,"uid":"Cabd","id.orig_h":"10.1.0.9","id.orig_p":8,"id.resp_h":"10.1.0.1","id.resp_p":0,"proto":"icmp","conn_state":"OTH","orig_bytes":64}
"#;

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub fn shared() -> PathBuf {
    let given = std::env::var_os("TRAILHOUND_SHARED").map(PathBuf::from);
    given.unwrap_or_else(|| root().join("../shared"))
}

/// A published file, where it is there.
pub fn official(name: &str) -> Option<String> {
    let file = shared().join("schemas").join(name);
    match std::fs::read_to_string(&file) {
        Ok(text) => Some(text),
        Err(error) => {
            eprintln!(
                "NOT TESTED against the published schema: {}: {error}; set TRAILHOUND_SHARED",
                file.display()
            );
            None
        }
    }
}

fn intel() -> IntelSet {
    let mut builder = Builder::default();
    let list =
        b"203.0.113.66\n2001:db8:66::/48\nevil.example\nhttp://evil.example/x\n65.55.44.109\n\
        2001:db8::bad\nd41d8cd98f00b204e9800998ecf8427e\nda39a3ee5e6b4b0d3255bfef95601890afd80709\n\
        e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n";
    assert!(builder.add("list.txt", list).refused.is_empty());
    builder.build()
}

fn documents(schema: Schema, source: Source, text: &[u8], intel: &IntelSet) -> Vec<(Kind, Value)> {
    let settings = Settings {
        kinds: Kind::ALL.into_iter().collect(),
        schemas: Schemas::all(schema),
        default_host: Some("host01".to_owned()),
        tell_gaps: true,
        rarity: Some(Rarity { learning_ms: 0 }),
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
    let events = out.iter().filter_map(|output| match output.kind {
        OutputKind::Event(kind) => Some((kind, output.value)),
        OutputKind::DeadLetter(_) => None,
    });
    events
        .map(|(kind, value)| {
            let document = serde_json::from_slice(value).expect("an output is JSON");
            (kind, document)
        })
        .collect()
}

/// What is in the project: the lines of this test, and the golden folders.
pub fn own(schema: Schema) -> Vec<(Kind, Value)> {
    let intel = intel();
    let mut all = documents(schema, Source::Audit, AUDIT.as_bytes(), &intel);
    all.extend(documents(schema, Source::Flow, FLOWS.as_bytes(), &intel));
    let attack = std::fs::read(root().join("src/cli/demo/recording/attack.log.zst"));
    let attack =
        zstd::decode_all(&attack.expect("the demonstration's recording")[..]).expect("zstd");
    all.extend(documents(schema, Source::Audit, &attack, &intel));
    for folder in std::fs::read_dir(root().join("tests/golden")).expect("golden folders") {
        let folder = folder.expect("a folder").path();
        for file in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            if file.file_name().to_string_lossy().starts_with("input.") {
                all.extend(of_file(schema, &file.path(), &intel).expect("a golden input"));
            }
        }
    }
    all
}

fn of_file(schema: Schema, path: &Path, intel: &IntelSet) -> Option<Vec<(Kind, Value)>> {
    let text = std::fs::read(path).ok()?;
    let source = if memchr::memmem::find(&text, b"audit(").is_some() {
        Source::Audit
    } else {
        Source::Flow
    };
    Some(documents(schema, source, &text, intel))
}

/// The recordings beside the project.
pub fn recorded(schema: Schema) -> Vec<(Kind, Value)> {
    const FILES: [&str; 16] = [
        "live/raw.audit.log",
        "live/raw.plugin.log",
        "live/enriched.audit.log",
        "live/enriched.plugin.log",
        "live/node.plugin.log",
        "live/node.syslog.log",
        "live/daemon.audit.log",
        "flow/msticpy/az_net_flows.csv",
        "flow/otrf-apt29/day1_SCRANTON_conn.log",
        "flow/slips/test9_conn.json.log",
        "audit/msticpy/auditd_log.txt",
        "audit/go-libaudit/audit-rhel7.log",
        "audit/beats-filebeat/audit-rhel7.log",
        "audit/beats-filebeat/test.log",
        "audit/laurel/record-connect.txt",
        "audit/plaso/selinux.log",
    ];
    let intel = intel();
    let mut all = Vec::new();
    for name in FILES {
        let path = shared().join("corpus").join(name);
        match of_file(schema, &path, &intel) {
            Some(documents) => all.extend(documents),
            None => eprintln!("NOT TESTED: {} is not there", path.display()),
        }
    }
    all
}
