//! The fuzz targets' checks, without a fuzzer: over every seed, over seeds with bytes changed, and over
//! every input that once broke one.
//!
//! `./run` fuzzes the same checks for as long as one likes. TRAILHOUND_FUZZ_SEEDS=DIRECTORY makes this write
//! the seeds there, a directory for each target.

#![allow(clippy::unwrap_used)]

mod checks;
mod seeds;

use proptest::prelude::*;

type Check = fn(&[u8]);

const TARGETS: [(&str, Check); 11] = [
    ("envelope", checks::envelope::check),
    ("line", checks::line::check),
    ("values", checks::values::check),
    ("execve", checks::execve::check),
    ("flow_azure_json", checks::flow::azure_json),
    ("flow_azure_csv", checks::flow::azure_csv),
    ("flow_zeek", checks::flow::zeek),
    ("indicators", checks::indicators::check),
    ("config", checks::config::check),
    ("lane", checks::lane::check),
    ("saved", checks::saved::check),
];

#[test]
fn every_target_has_its_door_and_its_seeds() {
    let manifest = include_str!("Cargo.toml");
    let doors = manifest.matches("[[bin]]").count();
    assert_eq!(doors, TARGETS.len());
    for (name, check) in TARGETS {
        assert!(
            manifest.contains(&format!("path = \"targets/{name}.rs\"")),
            "{name}"
        );
        let all = seeds::of(name);
        assert!(!all.is_empty(), "{name}");
        all.iter().for_each(|seed| check(seed));
        if let Some(directory) = std::env::var_os("TRAILHOUND_FUZZ_SEEDS") {
            let directory = std::path::Path::new(&directory).join(name);
            std::fs::create_dir_all(&directory).unwrap();
            for (number, seed) in all.iter().enumerate() {
                std::fs::write(directory.join(format!("seed{number}")), seed).unwrap();
            }
        }
    }
}

/// Inputs that once broke a check, in the order in which the fuzzer came upon them.
const BROKE: [(&str, &[u8]); 11] = [
    ("values", b"arc=0,,040,,"),
    ("values", b"op=start ADDR={ '\0\0sasuccesc"),
    ("values", b"\xd9\xd9=' au\xd9='\x01\0\xd9"),
    ("indicators", b"htvps://a.eaEv::/48\n"),
    ("indicators", b"a://b.example/x//\n"),
    ("indicators", b"::ffff:20:ffff:2/24\0::1 ::2"),
    (
        "line",
        b"type=AVC\0\0\0\0 msg=audit(1795318758.002:192913): x",
    ),
    ("indicators", b"# a\nhttps://a.exampl[:/]/.0[da/39]"),
    (
        "config",
        b"[kafka]\nbootstrap_servers = \"a:1\"\n[kafka.properties]\na = [1]\nb = [1]\nc = [1]\nd = [1]\ne = [1]\nf = [1]\ng = [1]\nh = [1]\n",
    ),
    ("indicators", b"ad3ttpsh://..e74fca-)(:/))))))))))9"),
    ("values", b"pid=1 msg\0='op=x acct=y' res=1"),
];

#[test]
fn what_broke_once_holds() {
    for (name, input) in BROKE {
        let (_, check) = TARGETS.iter().find(|(n, _)| *n == name).unwrap();
        check(input);
    }
}

/// A change of a seed: where, how many bytes go, and what stands there then.
type Change = (prop::sample::Index, usize, Vec<u8>);

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let bytes = prop::collection::vec(any::<u8>(), 0..4);
    prop::collection::vec((any::<prop::sample::Index>(), 0usize..6, bytes), 0..6)
}

fn changed(seed: &[u8], changes: &[Change]) -> Vec<u8> {
    let mut seed = seed.to_vec();
    for (at, many, bytes) in changes {
        let start = at.index(seed.len() + 1);
        let end = (start + many).min(seed.len());
        seed.splice(start..end, bytes.iter().copied());
    }
    seed
}

fn hold(name: &str, which: prop::sample::Index, changes: &[Change], any: &[u8]) {
    let seeds = seeds::of(name);
    let (_, check) = TARGETS.iter().find(|(n, _)| *n == name).unwrap();
    check(&changed(which.get::<Vec<u8>>(&seeds), changes));
    check(any);
}

macro_rules! holds_for_changed_seeds {
    ($($name:ident: $cases:literal,)*) => {
        $(proptest! {
            #![proptest_config(ProptestConfig::with_cases($cases))]
            #[test]
            fn $name(which: prop::sample::Index, changes in changes(), any: Vec<u8>) {
                hold(stringify!($name), which, &changes, &any);
            }
        })*
    };
}

holds_for_changed_seeds! {
    envelope: 256,
    line: 256,
    values: 256,
    execve: 128,
    flow_azure_json: 256,
    flow_azure_csv: 256,
    flow_zeek: 256,
    indicators: 128,
    config: 128,
    lane: 24,
    saved: 256,
}
