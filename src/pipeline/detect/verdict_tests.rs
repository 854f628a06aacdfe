//! Stories: what adds up, what does not, and how often they are told.

use super::*;

fn seen(time: i64, outside: bool, of: &str, level: Severity, tags: &[&str]) -> Seen {
    Seen {
        session: Some(38),
        source: outside.then(|| [203, 0, 113, 66].into()),
        is_outside: outside,
        user: Some(b"deploy".as_slice().into()),
        login_user: Some(1101),
        routine: None,
        what: of.into(),
        evidence: Evidence {
            uid: EventUid(time as u128 + 1),
            type_uid: 100_701,
            time: Timestamp(time),
        },
        weights: vec![Weight {
            rule: Arc::new(RuleInfo {
                id: of.into(),
                title: of.into(),
                description: "".into(),
                severity: level,
                tags: tags.iter().map(|tag| (*tag).into()).collect(),
            }),
            points: Verdict::default().points.of(level),
        }],
    }
}

fn origin(seen: &Seen) -> Origin {
    Origin {
        offset: seen.evidence.time.0,
        time: seen.evidence.time,
    }
}

fn run(all: &[Seen]) -> (Stories, Vec<Alert>) {
    let (mut stories, mut told) = (Stories::default(), Vec::new());
    for seen in all {
        stories.take(
            seen,
            origin(seen),
            "web01",
            &Verdict::default(),
            &mut |alert| told.push(alert),
        );
        // The saved form goes on as if nothing had been.
        let mut again = Stories {
            looked: stories.looked,
            ..Stories::default()
        };
        for (key, story) in stories.all.iter() {
            let saved = postcard::to_allocvec(story).unwrap();
            again.restore(*key, postcard::from_bytes(&saved).unwrap());
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
    let (mut stories, mut most) = (Stories::default(), 0);
    for n in 0..1_000 {
        let mut one = seen(n, false, "x", Severity::Low, RUN);
        one.session = Some(n as u32);
        stories.take(
            &one,
            origin(&one),
            "web01",
            &Verdict::default(),
            &mut |_| {},
        );
        most = most.max(stories.all.len());
    }
    assert_eq!(most, MOST_STORIES);
    // The last time an eighth went was at the 993rd.
    let kept = KEPT_STORIES + 8;
    let counts = (stories.all.len(), stories.dropped);
    assert_eq!(counts, (kept, 1_000 - kept as u64));
    let oldest = 1_000 - kept as u32;
    let mut sessions = stories.all.iter().map(|(key, _)| *key);
    assert!(sessions.all(|key| matches!(key, Key::Session(n) if n >= oldest)));
}

#[test]
fn one_user_from_an_address_inside_is_one_story_and_a_bastion_is_not() {
    let mut all = vec![
        seen(0, false, "download", Severity::High, C2),
        seen(1, false, "run", Severity::High, RUN),
        seen(2, false, "cron", Severity::High, STAY),
    ];
    let with = |all: &mut Vec<Seen>, users: [u32; 3]| {
        for (n, (seen, user)) in (40u32..).zip(all.iter_mut().zip(users)) {
            seen.session = Some(n);
            seen.source = Some([10, 0, 0, 9].into());
            seen.login_user = Some(user);
        }
    };
    with(&mut all, [7, 7, 7]);
    assert_eq!(
        run(&all).1[0].finding.as_ref().unwrap().sessions,
        [40, 41, 42]
    );
    with(&mut all, [7, 8, 9]);
    assert!(run(&all).1.is_empty(), "three people of one bastion");
}

#[test]
fn what_an_account_that_a_story_made_does_is_of_that_story() {
    let first = seen(0, true, "account", Severity::High, STAY);
    let (mut stories, mut told) = run(std::slice::from_ref(&first));
    stories.made(&first, "eve");
    stories.made(&seen(0, false, "x", Severity::Low, RUN), "bob");
    let mut restored = Stories::default();
    let all = stories.all.iter().map(|(key, of)| (*key, of.clone()));
    all.for_each(|(key, story)| restored.restore(key, story));
    assert_eq!(restored, stories);
    let mut stories = restored;
    let mut later = vec![
        seen(1, false, "run", Severity::High, RUN),
        seen(2, false, "suid", Severity::High, RISE),
    ];
    for (user, count) in [("bob", 0), ("eve", 1)] {
        for one in &mut later {
            one.user = Some(user.as_bytes().into());
            one.session = Some(99);
            one.login_user = None;
            stories.take(one, origin(one), "web01", &Verdict::default(), &mut |a| {
                told.push(a)
            });
        }
        assert_eq!(told.len(), count, "{user}");
    }
    let finding = told[0].finding.as_ref().unwrap();
    assert_eq!(finding.sessions, [38, 99]);
    assert!(told[0].message.contains("eve"), "{}", told[0].message);
}

#[test]
fn what_weighs_nothing_is_counted_by_its_reason() {
    let mut all = vec![
        seen(0, true, "id", Severity::Informational, &[]),
        seen(1, true, "run", Severity::High, RUN),
        seen(2, true, "run", Severity::High, RUN),
        seen(3, true, "cron", Severity::Medium, STAY),
        seen(4, true, "unit", Severity::Medium, STAY),
        seen(5, true, "suid", Severity::High, RISE),
        seen(6, true, "more", Severity::High, C2),
    ];
    all[3].routine = Some(Suppressed::Packages);
    all[4].routine = Some(Suppressed::Configuration);
    all[5].routine = Some(Suppressed::Packages);
    let (stories, told) = run(&all);
    let last = told.last().unwrap();
    assert_eq!(last.finding.as_ref().unwrap().suppressed, [1, 1, 1, 1]);
    assert_eq!(last.finding.as_ref().unwrap().points, 2 + 6 + 6 + 6);
    let words = "1 are what everyone does, 1 repeat what has counted, 1 are a package manager's";
    assert!(last.message.contains(words), "{}", last.message);
    assert_eq!(stories.all.len(), 1);
}

#[test]
fn groups_and_software_are_no_tactics() {
    let tags = ["attack.g0049", "attack.s0005", "attack.initial_access"];
    let mut all = vec![seen(0, true, "a", Severity::Critical, &tags)];
    all.push(seen(1, true, "b", Severity::Critical, RUN));
    assert!(run(&all).1.is_empty(), "two tactics");
}

#[test]
fn who_has_no_saved_form_reads_again_what_stories_of_weight_need() {
    let take = |stories: &mut Stories, seen: &Seen, origin: Origin| {
        stories.take(seen, origin, "web01", &Verdict::default(), &mut |_| {});
    };
    let at = |offset, time| Origin {
        offset,
        time: Timestamp(time),
    };
    let hour = MOST_READ_AGAIN_MS;
    let mut stories = Stories::default();
    let survey = seen(5, true, "survey", Severity::Informational, &[]);
    take(&mut stories, &survey, at(5, 5));
    assert_eq!(stories.first_offset(), None, "everyone does it");
    let download = seen(9, true, "download", Severity::Medium, C2);
    take(&mut stories, &download, at(9, 9).with_logon(at(2, 3)));
    assert_eq!(stories.first_offset(), Some(2), "its signs and its logon");
    // The logon of a session that is open for days is not read again for it.
    let other = seen(9 + hour, false, "run", Severity::Medium, RUN);
    let sign = at(70, 9 + hour);
    let mut long = Stories::default();
    take(&mut long, &other, sign.with_logon(at(1, 0)));
    assert_eq!(long.first_offset(), Some(70));
    // Nor is a story that goes on and on.
    let run = seen(9 + hour, true, "run", Severity::Medium, RUN);
    take(&mut stories, &run, at(80, 9 + hour));
    assert_eq!(stories.first_offset(), None);
}
