//! Stories: what adds up, what does not, and how often they are told.

use super::*;

fn seen(time: i64, outside: bool, of: &str, level: Severity, tags: &[&str]) -> Seen {
    Seen {
        session: Some(38),
        outside: outside.then(|| [203, 0, 113, 66].into()),
        user: Some(b"deploy".as_slice().into()),
        what: of.into(),
        evidence: Evidence {
            uid: EventUid(time as u128 + 1),
            type_uid: 100_701,
            time: Timestamp(time),
        },
        weights: vec![Weight {
            of: of.into(),
            title: of.into(),
            points: points(level),
            tags: tags.iter().map(|tag| (*tag).into()).collect(),
        }],
    }
}

fn run(all: &[Seen]) -> (Stories, Vec<Alert>) {
    let (mut stories, mut told) = (Stories::default(), Vec::new());
    for seen in all {
        stories.take(seen, "web01", &Verdict::default(), &mut |alert| {
            told.push(alert)
        });
        // The saved form goes on as if nothing had been.
        let mut again = Stories {
            looked: stories.looked,
            ..Stories::default()
        };
        for (key, story) in stories.all.iter() {
            let saved = postcard::to_allocvec(story).unwrap();
            again
                .all
                .restore(*key, postcard::from_bytes(&saved).unwrap());
        }
        stories = again;
    }
    (stories, told)
}

const C2: &[&str] = &["attack.command-and-control", "attack.t1105"];
const RUN: &[&str] = &["attack.execution", "attack.t1204.002"];
const STAY: &[&str] = &["attack.persistence", "attack.t1053.003"];
const HIDE: &[&str] = &["attack.defense-evasion", "attack.t1620"];
const RISE: &[&str] = &["attack.privilege_escalation", "attack.t1548.001"];

#[test]
fn one_finding_grows_and_closes_with_one_id() {
    let high = Severity::High;
    let (mut stories, mut told) = run(&[
        seen(0, true, "download", Severity::Medium, C2),
        seen(1, true, "run", Severity::Medium, RUN),
        seen(2, true, "cron", Severity::Medium, STAY),
        seen(3, true, "memfd", high, HIDE),
        seen(4, true, "memfd", high, HIDE),
        seen(5, true, "suid", high, RISE),
        seen(6, true, "more", high, RISE),
        seen(7, true, "worst", Severity::Critical, RUN),
    ]);
    let steps: Vec<_> = told
        .iter()
        .map(|a| (a.finding.as_ref().unwrap().step, a.severity))
        .collect();
    // 2 + 3 + 3 + 3 are 11; the memory file makes 17, and the last 39.
    let wanted = [
        (Step::Create, high),
        (Step::Update, high),
        (Step::Update, Severity::Critical),
    ];
    assert_eq!(steps, wanted);
    assert_eq!(told[0].finding.as_ref().unwrap().points, 17);
    let silent = Timestamp(9 + Verdict::default().silence_ms);
    stories.advance(silent, "web01", &Verdict::default(), &mut |alert| {
        told.push(alert)
    });
    let last = told.last().unwrap();
    assert_eq!(last.finding.as_ref().unwrap().step, Step::Close);
    let ids: BTreeSet<_> = told
        .iter()
        .map(|alert| alert.finding.as_ref().unwrap().uid)
        .collect();
    let documents: BTreeSet<_> = told.iter().map(|alert| alert.uid).collect();
    assert_eq!(
        (ids.len(), documents.len()),
        (1, told.len()),
        "one finding, each telling its own document"
    );
    assert!(
        last.message.contains("deploy from 203.0.113.66")
            && last.message.contains("download; run; cron; memfd")
    );
    stories.finish("web01", &mut |alert| told.push(alert));
    assert_eq!(
        told.last().unwrap().finding.as_ref().unwrap().step,
        Step::Close
    );
}

#[test]
fn what_everyone_does_adds_up_to_nothing() {
    let everyday: Vec<Seen> = (0..200)
        .map(|n| {
            seen(
                n,
                true,
                &format!("survey {n}"),
                Severity::Informational,
                &["attack.discovery"],
            )
        })
        .collect();
    assert!(run(&everyday).1.is_empty());
    let admin = [
        seen(
            0,
            false,
            "shadow",
            Severity::Low,
            &["attack.credential-access"],
        ),
        seen(1, false, "accounts", Severity::Low, &["attack.discovery"]),
        seen(2, false, "download", Severity::Medium, C2),
        seen(3, false, "cron", Severity::Medium, STAY),
    ];
    assert!(run(&admin).1.is_empty());
}

#[test]
fn one_loud_rule_is_no_story() {
    let loud: Vec<Seen> = (0..9)
        .map(|n| seen(n, true, &format!("r{n}"), Severity::Critical, RUN))
        .collect();
    assert!(run(&loud).1.is_empty(), "one tactic");
}

#[test]
fn sessions_of_one_source_are_one_story_and_no_session_is_none() {
    let mut all = vec![
        seen(0, true, "download", Severity::High, C2),
        seen(1, true, "run", Severity::High, RUN),
        seen(2, true, "cron", Severity::High, STAY),
    ];
    all[1].session = Some(39);
    let (_, told) = run(&all);
    assert_eq!(told[0].finding.as_ref().unwrap().sessions, [38, 39]);
    all.iter_mut().for_each(|seen| seen.session = None);
    assert!(run(&all).1.is_empty());
}

#[test]
fn stories_are_bounded() {
    let mut stories = Stories::default();
    for n in 0..1_000 {
        let mut one = seen(n, false, "x", Severity::Low, RUN);
        one.session = Some(n as u32);
        stories.take(&one, "web01", &Verdict::default(), &mut |_| {});
    }
    assert_eq!(
        (stories.all.len(), stories.dropped),
        (MOST_STORIES, 1_000 - MOST_STORIES as u64)
    );
}
