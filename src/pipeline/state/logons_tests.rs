//! Tests of [`super`], with the records that sshd, sudo, su and cron really write.

use super::*;
use crate::model::process::Account;
use crate::model::{Stamp, Timestamp};

const UNSET: Account<'static> = Account {
    id: None,
    name: None,
};

/// One record at `ms`, as the audit stage reads it.
#[derive(Clone, Copy)]
struct Told<'a> {
    kind: AuthKind,
    ms: i64,
    pid: u32,
    exe: &'a str,
    acct: &'a str,
    ok: bool,
    ses: Option<u32>,
    auid: Option<u32>,
    addr: &'a str,
}

fn record<'a>(told: &Told<'a>) -> AuthRecord<'a> {
    let some = |text: &'a str| (!text.is_empty()).then_some(text.as_bytes());
    AuthRecord {
        kind: told.kind,
        stamp: Stamp {
            time: Timestamp(told.ms),
            serial: told.ms as u64,
        },
        pid: Some(told.pid),
        user: UNSET,
        login_user: Account {
            id: told.auid,
            name: None,
        },
        session: told.ses,
        success: Some(told.ok),
        operation: (told.kind == AuthKind::Authentication).then_some(b"PAM:authentication"),
        grantors: (told.acct == "bob by root").then_some(b"pam_rootok"),
        account: some(told.acct),
        id: UNSET,
        exe: some(told.exe),
        hostname: None,
        address: some(told.addr),
        terminal: None,
        command: None,
    }
}

const SSHD: Told<'static> = Told {
    kind: AuthKind::Authentication,
    ms: 0,
    pid: 7,
    exe: "/usr/sbin/sshd",
    acct: "alice",
    ok: true,
    ses: None,
    auid: None,
    addr: "10.20.0.20",
};

fn run(records: &[Told<'_>], most: usize) -> Vec<Arc<Logon>> {
    let (mut logons, mut names, mut all) = (Logons::default(), Names::default(), Vec::new());
    let mut context = Context {
        sessions: &mut Sessions::default(),
        host: "web01",
        names: &mut names,
        wait_ms: 10_000,
        most,
        offset: 0,
    };
    for told in records {
        logons.advance(Timestamp(told.ms), &mut context, &mut |decided| {
            all.push(decided.logon)
        });
        logons.take(&record(told), &mut context, &mut |decided| {
            all.push(decided.logon)
        });
        // What is saved makes the rest.
        let mut restored = Logons::default();
        for (pid, attempt) in logons.attempts.iter() {
            restored.attempts.restore(*pid, attempt.clone());
        }
        for (pid, session) in logons.sessions.iter() {
            restored.sessions.restore(*pid, session.clone());
        }
        restored.ended = logons.ended.clone();
        restored.restored(10_000);
        logons = restored;
    }
    logons.finish(&mut context, &mut |decided| all.push(decided.logon));
    all
}

#[test]
fn one_connection_is_one_logon_and_one_logoff() {
    use AuthKind::*;
    let all = run(
        &[
            SSHD,
            Told {
                kind: Account,
                ms: 1,
                ..SSHD
            },
            Told {
                kind: Credentials,
                ms: 2,
                ..SSHD
            },
            Told {
                kind: Assigned,
                ms: 3,
                exe: "",
                acct: "",
                addr: "",
                ses: Some(36),
                auid: Some(1102),
                ..SSHD
            },
            Told {
                kind: SessionStart,
                ms: 4,
                ses: Some(36),
                auid: Some(1102),
                ..SSHD
            },
            Told {
                kind: Credentials,
                ms: 5,
                pid: 8,
                ses: Some(36),
                auid: Some(1102),
                ..SSHD
            },
            Told {
                kind: Login,
                ms: 6,
                acct: "",
                ses: Some(36),
                auid: Some(1102),
                ..SSHD
            },
            Told {
                kind: SessionEnd,
                ms: 5004,
                ses: Some(36),
                auid: Some(1102),
                ..SSHD
            },
        ],
        100,
    );
    assert_eq!(all.len(), 2);
    let (logon, end) = (&all[0], &all[1]);
    assert_eq!(
        (logon.activity, logon.success),
        (LogonActivity::Logon, true)
    );
    assert_eq!(
        (&*logon.service, shown(&logon.user).as_str()),
        ("sshd", "alice")
    );
    assert_eq!(
        (logon.session, logon.src_ip.map(|ip| ip.to_string())),
        (Some(36), Some("10.20.0.20".into()))
    );
    assert_eq!(logon.records.len(), 5);
    assert_eq!(
        (end.activity, end.duration_ms, end.logon_uid),
        (LogonActivity::Logoff, Some(5000), Some(logon.uid))
    );
    assert_eq!(end.stamp.time.since(end.started), 5000);
}

#[test]
fn a_guess_at_an_unknown_user_is_one_failure_with_the_name_as_typed() {
    use AuthKind::*;
    let failed = Told { ok: false, ..SSHD };
    let all = run(
        &[
            Told {
                kind: Login,
                ms: 1,
                acct: "(invalid user)",
                ..failed
            },
            Told {
                kind: Login,
                ms: 2,
                acct: "(invalid user)",
                ..failed
            },
            Told {
                ms: 3,
                acct: "oracle db",
                ..failed
            },
            Told {
                kind: Login,
                ms: 1500,
                acct: "(invalid user)",
                ..failed
            },
            Told {
                kind: Command,
                ms: 20_000,
                pid: 9,
                ..failed
            },
        ],
        100,
    );
    assert_eq!(
        (
            all[0].success,
            all[0].unknown_user,
            shown(&all[0].user).as_str()
        ),
        (false, true, "oracle db")
    );
    assert_eq!(all.iter().filter(|logon| logon.pid == Some(7)).count(), 1);
}

#[test]
fn one_that_fails_and_then_gets_in_is_one_good_logon() {
    use AuthKind::*;
    let all = run(
        &[
            Told { ok: false, ..SSHD },
            Told { ms: 3000, ..SSHD },
            Told {
                kind: SessionStart,
                ms: 3001,
                ses: Some(1),
                auid: Some(1),
                ..SSHD
            },
        ],
        100,
    );
    assert_eq!(all.len(), 1);
    assert!(all[0].success);
}

#[test]
fn sudo_names_who_switched_and_to_whom() {
    use AuthKind::*;
    let sudo = Told {
        exe: "/usr/bin/sudo",
        addr: "",
        ses: Some(36),
        auid: Some(1102),
        pid: 9,
        ..SSHD
    };
    let all = run(
        &[
            Told {
                kind: SessionStart,
                ms: 0,
                ses: Some(36),
                auid: Some(1102),
                ..SSHD
            },
            Told { ms: 1, ..sudo },
            Told {
                kind: Account,
                ms: 2,
                ..sudo
            },
            Told {
                kind: Credentials,
                ms: 3,
                acct: "root",
                ..sudo
            },
            Told {
                kind: SessionStart,
                ms: 4,
                acct: "root",
                ..sudo
            },
            Told {
                ms: 10,
                pid: 10,
                ok: false,
                ..sudo
            },
            Told {
                kind: Command,
                ms: 11,
                pid: 10,
                ok: false,
                acct: "",
                ..sudo
            },
            Told {
                kind: Command,
                ms: 12,
                pid: 10,
                ok: false,
                acct: "",
                ..sudo
            },
        ],
        100,
    );
    assert_eq!(all.len(), 3);
    for (switch, ok) in [(&all[1], true), (&all[2], false)] {
        assert_eq!(
            (switch.activity, switch.success),
            (LogonActivity::Switch, ok)
        );
        assert_eq!(shown(switch.actor.as_ref().unwrap()), "alice");
        assert_eq!(shown(&switch.user), "root");
    }
}

#[test]
fn sudo_without_a_logon_before_it_is_named_by_its_own_records() {
    let sudo = Told {
        exe: "/usr/bin/sudo",
        addr: "",
        ses: Some(36),
        auid: Some(1102),
        ..SSHD
    };
    let start = Told {
        kind: AuthKind::SessionStart,
        ms: 1,
        acct: "root",
        ..sudo
    };
    let all = run(&[sudo, start], 100);
    assert_eq!(shown(all[0].actor.as_ref().unwrap()), "alice");
    assert_eq!(shown(&all[0].user), "root");
}

#[test]
fn su_that_failed_names_the_account_it_wanted() {
    let su = Told {
        exe: "/usr/bin/su",
        addr: "",
        ses: Some(36),
        auid: Some(1102),
        pid: 9,
        acct: "bob",
        ok: false,
        ..SSHD
    };
    let all = run(&[su], 100);
    assert_eq!(
        (
            shown(&all[0].user).as_str(),
            shown(all[0].actor.as_ref().unwrap()).as_str()
        ),
        ("bob", "uid 1102")
    );
}

#[test]
fn a_bound_lets_the_oldest_go_and_tells_it() {
    let all = run(
        &(0..10)
            .map(|n| Told {
                ms: n,
                pid: n as u32 + 1,
                ok: false,
                ..SSHD
            })
            .collect::<Vec<_>>(),
        3,
    );
    assert_eq!(all.len(), 10);
}

#[test]
fn failures_of_a_source_are_told_before_it_gets_in() {
    let mut records: Vec<Told> = (0..6)
        .map(|n| Told {
            ms: n * 1000,
            pid: 20 + n as u32,
            ok: false,
            ..SSHD
        })
        .collect();
    let good = Told {
        kind: AuthKind::SessionStart,
        ms: 6500,
        ses: Some(38),
        auid: Some(1101),
        ..SSHD
    };
    records.push(good);
    let all = run(&records, 100);
    let good: Vec<bool> = all.iter().map(|logon| logon.success).collect();
    assert_eq!(good, [false, false, false, false, false, false, true]);
}

#[test]
fn root_is_asked_for_no_password() {
    let su = Told {
        exe: "/usr/bin/su",
        addr: "",
        acct: "bob by root",
        ok: true,
        ..SSHD
    };
    let start = Told {
        kind: AuthKind::SessionStart,
        ms: 1,
        ..su
    };
    let all = run(&[su, start], 100);
    assert_eq!((all[0].success, all[0].method), (true, None));
}

#[test]
fn what_red_hats_sshd_tells_twice_and_thrice_is_one_logon_and_one_logoff() {
    use AuthKind::*;
    let of = Told {
        ses: Some(5),
        auid: Some(1001),
        ..SSHD
    };
    let all = run(
        &[
            SSHD,
            Told {
                kind: SessionStart,
                ms: 100,
                ..of
            },
            Told {
                kind: Login,
                ms: 200,
                acct: "",
                ..of
            },
            Told {
                kind: SessionStart,
                ms: 201,
                acct: "",
                ..of
            },
            Told {
                kind: SessionEnd,
                ms: 50_200,
                acct: "",
                ..of
            },
            Told {
                kind: SessionEnd,
                ms: 50_201,
                acct: "",
                ..of
            },
            Told {
                kind: SessionEnd,
                ms: 50_210,
                ..of
            },
        ],
        100,
    );
    let told: Vec<_> = all
        .iter()
        .map(|logon| (logon.activity, logon.duration_ms))
        .collect();
    assert_eq!(
        told,
        [
            (LogonActivity::Logon, None),
            (LogonActivity::Logoff, Some(50_100))
        ]
    );
}

#[test]
fn a_process_id_that_comes_round_is_another_switch() {
    use AuthKind::*;
    let sudo = Told {
        kind: SessionStart,
        exe: "/usr/bin/sudo",
        addr: "",
        ses: Some(36),
        auid: Some(1102),
        acct: "root",
        ..SSHD
    };
    let all = run(
        &[
            sudo,
            Told {
                ms: 900_000,
                acct: "postgres",
                ..sudo
            },
        ],
        100,
    );
    assert_eq!(
        all.iter()
            .map(|logon| shown(&logon.user))
            .collect::<Vec<_>>(),
        ["root", "postgres"]
    );
}

#[test]
fn a_logon_that_was_just_told_is_read_again() {
    let (mut logons, mut names) = (Logons::default(), Names::default());
    let mut context = Context {
        sessions: &mut Sessions::default(),
        host: "web01",
        names: &mut names,
        wait_ms: 10_000,
        most: 9,
        offset: 70,
    };
    let start = Told {
        kind: AuthKind::SessionStart,
        ses: Some(36),
        auid: Some(1102),
        ..SSHD
    };
    logons.take(&record(&start), &mut context, &mut |_| {});
    assert_eq!(logons.first_offset(), Some(70));
    logons.advance(Timestamp(20_000), &mut context, &mut |_| {});
    assert_eq!(logons.first_offset(), None);
}
