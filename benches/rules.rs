//! What rules cost: the whole lane without any, with each rule of the pack alone, and with the whole pack, on the
//! lines of the generator and of the recorded attack. The figure to hold: the pack takes no more than a quarter off the lane's throughput.

#![allow(clippy::unwrap_used)]

#[allow(dead_code, reason = "each bench uses a part")]
#[path = "generate/drive.rs"]
mod drive;
mod generate;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};

use drive::drive_to_end;
use generate::{Line, Shape, traffic};
use trailhound::model::{Outputs, Settings};
use trailhound::pipeline::detect::RuleSet;
use trailhound::pipeline::detect::sigma::Builder;
use trailhound::pipeline::detect::sigma::pack::PACK;
use trailhound::pipeline::lane::Lane;

fn run(lines: &[Line], settings: &Arc<Settings>, rules: &Arc<RuleSet>, out: &mut Outputs) {
    let mut lane = Lane::new(Arc::clone(settings));
    lane.follow_rules(rules);
    black_box(drive_to_end(&mut lane, lines, out));
}

fn of<'t>(texts: impl IntoIterator<Item = &'t str>) -> Arc<RuleSet> {
    let mut builder = Builder::default();
    for text in texts {
        assert_eq!(builder.add(text).refused, []);
    }
    Arc::new(builder.build())
}

/// Name and rules of each bench.
fn sets() -> Vec<(String, Arc<RuleSet>)> {
    let mut all = vec![
        ("none".to_owned(), of([])),
        (
            "the pack".to_owned(),
            of(PACK.iter().map(|(_, text)| *text)),
        ),
    ];
    let rules = PACK.iter().flat_map(|(_, text)| text.split("\n---\n"));
    all.extend(rules.map(|rule| {
        let title = rule.lines().find_map(|line| line.strip_prefix("title: "));
        (title.unwrap().to_owned(), of([rule]))
    }));
    all
}

fn rules(criterion: &mut Criterion) {
    let settings = drive::settings();
    let made = traffic(Shape {
        events: 20_000,
        hosts: 1,
        eoe: true,
    });
    let packed = include_bytes!("../src/cli/demo/recording/attack.log.zst");
    let attack = zstd::decode_all(&packed[..]).unwrap();
    let attack = attack.split(|b| *b == b'\n').map(|text| Line {
        text: text.to_vec(),
        time: 0,
    });
    let mut out = Outputs::new();
    for (name, lines) in [("made", made.lines), ("attack", attack.collect())] {
        let mut group = criterion.benchmark_group(format!("rules/{name}"));
        group.throughput(Throughput::Elements(lines.len() as u64));
        for (rule, set) in sets() {
            group.bench_function(rule, |b| {
                b.iter(|| run(&lines, &settings, &set, &mut out));
            });
        }
        group.finish();
    }
}

criterion_group! {
    name = cost;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1));
    targets = rules
}
criterion_main!(cost);
