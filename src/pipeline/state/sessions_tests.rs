//! Sessions by their numbers: what is known of them, what is not, and their bound.

use super::*;
use crate::model::logon::{LogonActivity, Principal};
use crate::model::{EventUid, Stamp};

fn session(pid: u32, login_user: u32, started: i64) -> Session {
    Session {
        logon_uid: Some(EventUid(7)),
        src_ip: Some([203, 0, 113, 66].into()),
        service: "sshd".into(),
        login_user: Some(login_user),
        pid,
        started: Timestamp(started),
        ..Session::default()
    }
}

fn logon(service: &str, pid: u32, number: u32) -> Logon {
    Logon {
        uid: EventUid(9),
        host: "web01".into(),
        stamp: Stamp::default(),
        activity: LogonActivity::Logon,
        success: true,
        service: service.into(),
        exe: None,
        user: Principal {
            name: None,
            id: Some(1101),
        },
        actor: None,
        src_ip: Some([10, 20, 0, 20].into()),
        src_host: None,
        method: None,
        terminal: None,
        session: Some(number),
        pid: Some(pid),
        command: None,
        unknown_user: false,
        started: Timestamp(5),
        duration_ms: None,
        logon_uid: None,
        records: Vec::new(),
        labels: Vec::new(),
    }
}

#[test]
fn a_number_without_a_logon_is_unseen_and_one_of_another_auid_too() {
    let mut sessions = Sessions::default();
    sessions.begin(36, session(1, 1102, 0), 8);
    assert_eq!(sessions.origin(None, None), Origin::None);
    assert_eq!(sessions.origin(Some(35), Some(1102)), Origin::Unseen);
    assert_eq!(sessions.origin(Some(36), Some(1101)), Origin::Unseen);
    assert_eq!(sessions.origin(Some(36), None), Origin::Unseen);
    let known = sessions.origin(Some(36), Some(1102));
    assert_eq!(known.src_ip(), Some([203, 0, 113, 66].into()));
}

#[test]
fn only_who_began_a_session_says_more_of_it() {
    let mut sessions = Sessions::default();
    sessions.begin(36, session(1, 1101, 0), 8);
    sessions.logged_on(&logon("newgrp", 2, 36), false, 0, 8);
    let known = sessions.origin(Some(36), Some(1101)).session().unwrap();
    assert_eq!(
        (&*known.service, known.logon_uid),
        ("sshd", Some(EventUid(7)))
    );
    sessions.logged_on(&logon("sshd", 1, 36), true, 0, 8);
    let known = sessions.origin(Some(36), Some(1101)).session().unwrap();
    assert_eq!(known.logon_uid, Some(EventUid(9)));
    assert!(sessions.of(Some(36), 2).is_none() && sessions.of(Some(36), 1).is_some());
}

#[test]
fn a_session_that_was_not_given_out_before_our_eyes_is_believed_of_services_alone() {
    let mut sessions = Sessions::default();
    sessions.logged_on(&logon("newgrp", 2, 40), false, 0, 8);
    assert!(sessions.is_empty());
    sessions.logged_on(&logon("sshd", 2, 40), false, 0, 8);
    assert!(sessions.origin(Some(40), Some(1101)).session().is_some());
}

#[test]
fn numbers_that_begin_again_are_of_a_new_boot() {
    let mut sessions = Sessions::default();
    sessions.begin(500, session(1, 1101, 0), 8);
    sessions.begin(490, session(2, 1101, 0), 8);
    assert_eq!(sessions.len(), 2, "two processors");
    sessions.begin(1, session(3, 0, 0), 8);
    assert_eq!(sessions.len(), 1);
    assert_eq!(sessions.origin(Some(500), Some(1101)), Origin::Unseen);
}

#[test]
fn what_ended_goes_first() {
    let mut sessions = Sessions::default();
    for number in 1..=4 {
        sessions.begin(number, session(number, 0, i64::from(number)), 4);
    }
    sessions.of(Some(3), 3).unwrap().ended = Some(Timestamp(9));
    sessions.begin(5, session(5, 0, 5), 4);
    assert_eq!(sessions.origin(Some(3), Some(0)), Origin::Unseen);
    sessions.begin(6, session(6, 0, 6), 4);
    assert_eq!(sessions.origin(Some(1), Some(0)), Origin::Unseen);
    assert_eq!((sessions.len(), sessions.dropped), (4, 2));
}
