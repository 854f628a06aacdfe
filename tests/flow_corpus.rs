//! Flow recordings of others, read where the corpus stands beside the project.
//!
//! Their bytes are not copied into the project; where they are missing the tests say so and end.

use std::collections::BTreeMap;
use std::path::PathBuf;

use trailhound::model::Flow;
use trailhound::model::flow::Direction;
use trailhound::model::settings::default_internal_networks;
use trailhound::pipeline::flow::FlowReader;
use trailhound::pipeline::intel::Builder;

fn corpus(path: &str) -> Option<String> {
    let shared = std::env::var_os("TRAILHOUND_SHARED").map(PathBuf::from);
    let shared =
        shared.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"));
    let file = shared.join("corpus/flow").join(path);
    match std::fs::read_to_string(&file) {
        Ok(text) => Some(text),
        Err(error) => {
            eprintln!(
                "NOT TESTED: {}: {error}; set TRAILHOUND_SHARED",
                file.display()
            );
            None
        }
    }
}

fn read(text: &str) -> Vec<Vec<Flow>> {
    let mut reader = FlowReader::new(&default_internal_networks());
    let mut rows = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let mut flows = Vec::new();
        let result = reader.read(line.as_bytes(), &mut |flow| flows.push(flow));
        assert_eq!(result, Ok(()), "line {}", number + 1);
        rows.push(flows);
    }
    rows
}

fn count<'a, K: Ord>(
    flows: impl Iterator<Item = &'a Flow>,
    key: impl Fn(&Flow) -> K,
) -> BTreeMap<K, usize> {
    flows.fold(BTreeMap::new(), |mut counts, flow| {
        *counts.entry(key(flow)).or_default() += 1;
        counts
    })
}

#[test]
fn every_row_of_the_traffic_analytics_export_gives_a_flow() {
    let Some(text) = corpus("msticpy/az_net_flows.csv") else {
        return;
    };
    let rows = read(&text);
    assert_eq!(rows.len(), 461, "a header and 460 rows");
    assert!(rows[0].is_empty());
    assert!(rows[1..].iter().all(|flows| flows.len() == 1));
    let flows: Vec<&Flow> = rows.iter().flatten().collect();
    assert!(
        flows
            .iter()
            .all(|f| f.src.ip.is_some() && f.dst.ip.is_some() && f.direction_told)
    );
    let ways = count(flows.iter().copied(), |f| {
        f.direction.map(Direction::as_str)
    });
    let verdicts = count(flows.iter().copied(), |f| format!("{:?}", f.verdict));
    let connections: u64 = flows.iter().filter_map(|f| f.count).sum();
    eprintln!(
        "{} flows: {ways:?} {verdicts:?}, {connections} connections",
        flows.len()
    );
    assert_eq!(
        ways,
        BTreeMap::from([(Some("inbound"), 7), (Some("outbound"), 453)])
    );
    let mut ids: Vec<_> = flows.iter().map(|f| f.uid).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 460, "an id for each");
}

#[test]
fn indicators_hit_the_flows_that_hold_them_and_no_other() {
    let Some(text) = corpus("msticpy/az_net_flows.csv") else {
        return;
    };
    let rows = read(&text);
    let hits = |indicator: &str| {
        let mut builder = Builder::default();
        builder.add("test", indicator.as_bytes());
        let set = builder.build();
        let mut hits = 0;
        for ip in rows
            .iter()
            .flatten()
            .flat_map(|f| [f.src.ip, f.dst.ip])
            .flatten()
        {
            set.ip(ip, &mut |_| hits += 1);
        }
        hits
    };
    // The column that names each row's far end, by plain text.
    let in_text = |ip: &str| {
        text.lines()
            .filter(|l| l.split(',').rev().nth(1) == Some(ip))
            .count()
    };
    for ip in ["65.55.44.109", "13.71.172.128", "23.97.60.214"] {
        eprintln!("{ip}: {} flows", hits(ip));
        assert_eq!(hits(ip), in_text(ip), "{ip}");
    }
}

#[test]
fn zeek_recordings_are_read_whole() {
    for (path, lines) in [
        ("otrf-apt29/day1_NASHUA_conn.log", 479),
        ("otrf-apt29/day1_SCRANTON_conn.log", 134),
        ("otrf-apt29/day2_UTICA-A_conn.log", 353),
        ("otrf-apt29/day2_UTICA-C_conn.log", 31),
        ("slips/test9_conn.json.log", 576),
    ] {
        let Some(text) = corpus(path) else {
            return;
        };
        let rows = read(&text);
        assert_eq!(rows.iter().flatten().count(), lines, "{path}");
        let ways = count(rows.iter().flatten(), |f| {
            f.direction.map(Direction::as_str)
        });
        let ends = count(rows.iter().flatten(), |f| format!("{:?}", f.activity));
        eprintln!("{path}: {ways:?} {ends:?}");
    }
}
