//! Filters and labels, and what was lost before it came here, through the whole lane.

use super::*;
use crate::model::select::{Pattern, Selector};
use crate::pipeline::intel::{Builder, IntelSet};

fn patterns(globs: &[&str]) -> Vec<Pattern> {
    globs
        .iter()
        .map(|glob| Pattern::new(glob).unwrap())
        .collect()
}

fn selector(name: &str) -> Selector {
    Selector {
        name: name.into(),
        ..Selector::default()
    }
}

/// Documents by kind, and the statistics; the lane is saved and restored before each line.
fn told(settings: Settings, intel: &IntelSet, lines: &[String]) -> (Vec<(Kind, String)>, Stats) {
    let (settings, mut out) = (Arc::new(settings), Outputs::new());
    let mut lane = Lane::tracked(settings.clone());
    let mut saved = saved_tests::Saved::default();
    for (offset, line) in lines.iter().enumerate() {
        let stats = lane.stats().clone();
        saved.follow(&mut lane);
        lane = saved.lane(settings.clone()).unwrap();
        lane.state.stats = stats;
        let input = input(line.as_bytes(), offset as i64);
        lane.step(Timestamp(0), input, intel, &mut out);
    }
    lane.finish(intel, &mut out);
    let documents = out.iter().filter_map(|output| match output.kind {
        OutputKind::Event(kind) => Some((kind, String::from_utf8_lossy(output.value).into_owned())),
        OutputKind::DeadLetter(_) => None,
    });
    (documents.collect(), lane.stats().clone())
}

fn with(change: impl FnOnce(&mut Settings)) -> Settings {
    let mut all = Settings::clone(&settings());
    change(&mut all);
    all
}

#[test]
fn what_a_filter_drops_is_counted_by_the_filter_and_labels_stand_beside_the_keys() {
    let settings = with(|s| {
        s.selection.filters = vec![
            Selector {
                types: patterns(&["SERVICE_*"]),
                ..selector("services")
            },
            Selector {
                exes: patterns(&["/usr/bin/*"]),
                login_users: patterns(&["2000"]),
                ..selector("robot")
            },
        ];
        s.selection.labels = vec![
            Selector {
                keys: patterns(&["exec"]),
                ..selector("watched")
            },
            Selector {
                users: patterns(&["1"]),
                ..selector("never")
            },
        ];
    });
    let mut lines = program_start("web01", 1);
    lines.extend(
        program_start("web01", 2)
            .iter()
            .map(|line| line.replace("auid=1000", "auid=2000")),
    );
    lines.push("node=web01 type=SERVICE_START msg=audit(1700000009.000:9): pid=1 uid=0 msg='unit=x res=success'".into());
    let (told, stats) = told(settings, &IntelSet::default(), &lines);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].1.contains(r#""labels":["exec","watched"]"#),
        "{}",
        told[0].1
    );
    assert_eq!(stats.filtered, [1, 1]);
    assert_eq!(stats.events[Kind::Process as usize], 1);
}

#[test]
fn what_is_dropped_is_known_to_sessions_and_detections_all_the_same() {
    let all = || selector("all of sshd");
    let settings = with(|s| {
        s.selection.filters = vec![Selector {
            exes: patterns(&["/usr/sbin/sshd"]),
            ..all()
        }];
    });
    let mut lines: Vec<String> = (0..7)
        .flat_map(|n| logon(500 + n, 200 + u64::from(n), false))
        .collect();
    lines.extend(logon(600, 300, true));
    // In a RAW log the name of the user is known from the logon that was dropped.
    lines.extend(
        program_start("", 50_000)
            .iter()
            .map(|line| line.replace("node= ", "").replace("auid=1000", "auid=1101")),
    );
    let (told, stats) = told(settings, &IntelSet::default(), &lines);
    let kinds: Vec<Kind> = told.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, [Kind::Alert, Kind::Alert, Kind::Process], "{told:?}");
    assert!(told[1].1.contains("guessed-logon"));
    assert!(told[2].1.contains(r#""name":"deploy""#), "{}", told[2].1);
    assert!(stats.filtered[0] >= 17, "{stats:?}");
}

#[test]
fn what_holds_an_indicator_is_told_whatever_a_filter_says() {
    let settings = with(|s| {
        s.selection.filters = vec![Selector {
            exes: patterns(&["**"]),
            ..selector("everything")
        }];
    });
    let mut builder = Builder::default();
    builder.add("bad.txt", b"evil.example\n");
    let intel = builder.build();
    let lines: Vec<String> = program_start("web01", 1)
        .iter()
        .map(|line| line.replace("a1=FF20", "a1=\"https://evil.example/x\""))
        .collect();
    let (told, stats) = told(settings, &intel, &lines);
    let kinds: Vec<Kind> = told.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(
        (kinds, stats.filtered.len()),
        (vec![Kind::Process, Kind::Alert], 0)
    );
}

#[test]
fn gaps_are_counted_and_told_where_that_is_wanted() {
    let serials = (1..=400).filter(|n| ![300, 301, 310].contains(n));
    let mut lines: Vec<String> = serials.flat_map(|n| program_start("web01", n)).collect();
    for block in lines.chunks_mut(40) {
        block.reverse();
    }
    let (quiet, stats) = told(with(|_| {}), &IntelSet::default(), &lines);
    assert_eq!((stats.gaps, stats.missing_events), (2, 3));
    assert!(quiet.iter().all(|(kind, _)| *kind == Kind::Process));
    let settings = with(|s| s.tell_gaps = true);
    let (loud, _) = told(settings, &IntelSet::default(), &lines);
    let alerts: Vec<_> = loud
        .iter()
        .filter(|(kind, _)| *kind == Kind::Alert)
        .collect();
    assert_eq!(alerts.len(), 2);
    let first: serde_json::Value = serde_json::from_str(&alerts[0].1).unwrap();
    assert_eq!(
        first["unmapped"],
        serde_json::json!({"first_serial": 300, "last_serial": 301, "missing": 2})
    );
    assert_eq!(first["finding_info"]["analytic"]["uid"], "lost-events");
}

#[test]
fn the_words_of_kernel_and_auditd_are_counted() {
    let kernel = |lost: u32| {
        format!(
            "Nov 22 03:40:11 web01 kernel: audit: audit_lost={lost} audit_rate_limit=0 audit_backlog_limit=64"
        )
    };
    let lines = [
        kernel(500),
        "Nov 22 03:40:11 web01 kernel: audit: backlog limit exceeded".to_owned(),
        kernel(512),
        // It began again after a boot, and was set anew.
        kernel(3),
        "node=web01 type=CONFIG_CHANGE msg=audit(1700000000.000:7): op=set lost=0 old=5 auid=0 ses=1 res=1".to_owned(),
        "node=web01 type=DAEMON_ERR msg=audit(1700000001.000:70): op=x res=failed".to_owned(),
    ];
    let (_, stats) = told(with(|_| {}), &IntelSet::default(), &lines);
    assert_eq!(stats.kernel_lost, 1 + 12 + 3 + 2);
    assert_eq!((stats.kernel_limits, stats.daemon_failures), (1, 1));
    assert_eq!(
        stats.rejects[Reject::NotAudit.index()],
        4,
        "they are no audit records"
    );
}
