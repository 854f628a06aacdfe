//! Lines, made up after real ones, → what they were about.

use super::*;
use crate::model::activity::{
    AccountAction, ApplicationAction, ConfigurationArea, Decider, FileAction, GroupAction,
    LogAction, ProcessAction, Ruling, Weakened,
};
use crate::pipeline::audit::event::Event;
use crate::pipeline::audit::{line, opened};

fn event(records: &[&str]) -> Event {
    let mut event = Event::default();
    for record in records {
        let (kind, body) = record.split_once(' ').unwrap();
        let line = format!("type={kind} msg=audit(1.000:1): {body}");
        event.push(&line::read(line.as_bytes()).unwrap());
    }
    event
}

/// A SYSCALL of x86-64 by number, with what is said of it.
fn syscall(number: u32, more: &str) -> String {
    format!(
        "SYSCALL arch=c000003e syscall={number} {more} items=0 ppid=1 pid=9 auid=1000 uid=0 gid=0 euid=0 egid=0 tty=pts0 ses=4 comm=\"x\" exe=\"/usr/bin/x\" key=\"k\""
    )
}

fn with<T>(records: &[&str], look: impl FnOnce(Facts<'_>) -> T) -> T {
    let (event, bump) = (event(records), Bump::new());
    look(facts(opened::all(&event, &bump), &bump))
}

fn file_action(records: &[&str]) -> Option<FileAction> {
    with(records, |facts| match facts.activity {
        Activity::File(file) => Some(file.action),
        _ => None,
    })
}

#[test]
fn an_open_creates_where_a_name_was_made() {
    let open = syscall(257, "success=yes exit=3 a0=ffffff9c a1=1 a2=241 a3=1b6");
    let made = "PATH item=1 name=\"/etc/x\" inode=7 mode=0100644 nametype=CREATE";
    let there = "PATH item=0 name=\"/etc/x\" inode=7 mode=0100644 nametype=NORMAL";
    assert_eq!(file_action(&[&open, made]), Some(FileAction::Create));
    assert_eq!(file_action(&[&open, there]), Some(FileAction::Open));
    with(&[&open, there], |facts| {
        let Activity::File(file) = facts.activity else {
            panic!("{:?}", facts.activity)
        };
        assert_eq!(file.open_flags, Some(0x241));
        assert_eq!(facts.call.unwrap().name, Some("openat"));
        assert_eq!((facts.actor.pid, facts.actor.session), (Some(9), Some(4)));
        assert_eq!(facts.keys, [b"k".as_slice()]);
    });
}

#[test]
fn unlinkat_with_its_flag_takes_a_directory_away() {
    let gone = "PATH item=1 name=\"d\" nametype=DELETE";
    let file = syscall(263, "success=yes exit=0 a0=ffffff9c a1=1 a2=0 a3=0");
    let directory = syscall(263, "success=yes exit=0 a0=ffffff9c a1=1 a2=200 a3=0");
    assert_eq!(file_action(&[&file, gone]), Some(FileAction::Delete));
    assert_eq!(
        file_action(&[&directory, gone]),
        Some(FileAction::RemoveDirectory)
    );
}

#[test]
fn a_connection_goes_to_an_address_a_path_or_the_kernel() {
    let connect = syscall(42, "success=no exit=-111 a0=3 a1=1 a2=10 a3=0");
    with(
        &[&connect, "SOCKADDR saddr=020001BBCB0071420000000000000000"],
        |facts| {
            let Activity::Network(network) = facts.activity else {
                panic!("{:?}", facts.activity)
            };
            assert_eq!(network.ip, Some("203.0.113.66".parse().unwrap()));
            assert_eq!(
                (network.action, network.port),
                (NetworkAction::Connect, Some(443))
            );
            assert_eq!(facts.call.unwrap().error, Some("ECONNREFUSED"));
            assert!(!facts.in_progress);
        },
    );
    let unix = "SOCKADDR saddr=01002F72756E2F7800";
    assert_eq!(file_action(&[&connect, unix]), Some(FileAction::OpenSocket));
    with(
        &[&connect, "SOCKADDR saddr=100000000000000000000000"],
        |facts| {
            assert!(matches!(facts.activity, Activity::Kernel(k) if k.name == b"connect"));
        },
    );
    let mapped = "SOCKADDR saddr=0A0001BB0000000000000000000000000000FFFFCB00714200000000";
    with(&[&connect, mapped], |facts| {
        assert!(
            matches!(facts.activity, Activity::Network(n) if n.ip == Some("203.0.113.66".parse().unwrap()))
        );
    });
}

#[test]
fn a_connection_under_way_has_not_failed() {
    let connect = syscall(42, "success=no exit=-115 a0=3 a1=1 a2=10 a3=0");
    let address = "SOCKADDR saddr=020001BBCB0071420000000000000000";
    assert!(with(&[&connect, address], |facts| facts.in_progress));
    let open = syscall(2, "success=no exit=-115 a0=3 a1=1 a2=10 a3=0");
    assert!(!with(&[&open], |facts| facts.in_progress));
}

#[test]
fn a_socketcall_is_what_stands_behind_it() {
    let call =
        "SYSCALL arch=40000003 syscall=102 success=yes exit=0 a0=3 a1=bf a2=0 a3=0 items=0 pid=9";
    let address = "SOCKADDR saddr=02000035CB0071010000000000000000";
    with(&[call, address], |facts| {
        assert!(
            matches!(facts.activity, Activity::Network(n) if n.action == NetworkAction::Connect)
        );
        assert_eq!(facts.call.unwrap().name, Some("connect"));
    });
}

#[test]
fn what_says_by_its_type_what_happened_goes_before_its_call() {
    let write = syscall(1, "success=yes exit=1 a0=3 a1=1 a2=10 a3=0");
    for (record, number) in [
        (
            "LOGIN pid=9 uid=0 old-auid=4294967295 auid=1000 old-ses=4294967295 ses=4 res=1",
            1006,
        ),
        ("CONFIG_CHANGE op=add_rule key=\"z\" list=4 res=1", 1305),
        ("NETFILTER_CFG table=filter family=2 entries=4", 1325),
        ("KERN_MODULE name=\"evil\"", 1330),
    ] {
        for records in [[record, &write], [&write, record]] {
            with(&records, |facts| {
                assert_eq!(facts.record_type, number);
                assert_eq!(facts.actor.exe, Some(b"/usr/bin/x".as_slice()));
                assert_eq!(facts.keys, [b"k".as_slice()]);
            });
        }
    }
    with(
        &["CONFIG_CHANGE auid=0 ses=1 op=add_rule key=\"z\" list=4 res=1"],
        |facts| {
            assert_eq!(facts.keys, [b"z".as_slice()]);
            assert!(
                matches!(facts.activity, Activity::Configuration(c) if c.what == Some(b"add_rule"))
            );
        },
    );
}

#[test]
fn accounts_and_groups_by_what_the_program_says() {
    let told = |kind: &str, msg: &str| {
        let record = format!(
            "{kind} pid=9 uid=0 auid=1000 ses=4 msg='{msg} exe=\"/usr/sbin/x\" hostname=? addr=? terminal=pts/0 res=success'"
        );
        with(&[&record], |facts| match facts.activity {
            Activity::Account(change) => format!(
                "account {:?} {:?}",
                change.action,
                change.user.name.map(String::from_utf8_lossy)
            ),
            Activity::Group(change) => format!(
                "group {:?} {:?} {:?}",
                change.action,
                change.group.name.map(String::from_utf8_lossy),
                change.user.name.map(String::from_utf8_lossy)
            ),
            other => format!("{other:?}"),
        })
    };
    for (kind, msg, want) in [
        (
            "ADD_USER",
            "op=add-user acct=\"bob\"",
            format!("account {:?} Some(\"bob\")", AccountAction::Create),
        ),
        (
            "USER_CHAUTHTOK",
            "op=PAM:chauthtok acct=\"bob\"",
            format!("account {:?} Some(\"bob\")", AccountAction::ChangePassword),
        ),
        (
            "USER_CHAUTHTOK",
            "op=change max age acct=\"bob\"",
            format!("account {:?} Some(\"bob\")", AccountAction::Modify),
        ),
        (
            "USER_MGMT",
            "op=lock-account acct=\"bob\"",
            format!("account {:?} Some(\"bob\")", AccountAction::Lock),
        ),
        (
            "USER_MGMT",
            "op=unlock-account acct=\"bob\"",
            format!("account {:?} Some(\"bob\")", AccountAction::Unlock),
        ),
        (
            "USER_MGMT",
            "op=add-user-to-group grp=\"wheel\" acct=\"bob\"",
            format!(
                "group {:?} Some(\"wheel\") Some(\"bob\")",
                GroupAction::AddUser
            ),
        ),
        (
            "USER_MGMT",
            "op=deleting user from group acct=\"bob\" grp=\"wheel\"",
            format!(
                "group {:?} Some(\"wheel\") Some(\"bob\")",
                GroupAction::RemoveUser
            ),
        ),
        (
            "GRP_MGMT",
            "op=add-shadow-group acct=\"wheel\"",
            format!("group {:?} Some(\"wheel\") None", GroupAction::Modify),
        ),
        (
            "DEL_GROUP",
            "op=delete-group acct=\"wheel\"",
            format!("group {:?} Some(\"wheel\") None", GroupAction::Delete),
        ),
    ] {
        assert_eq!(told(kind, msg), want, "{kind} {msg}");
    }
}

#[test]
fn signals_have_their_target_by_argument_or_record() {
    let kill = syscall(62, "success=yes exit=0 a0=7b a1=9 a2=0 a3=0");
    let target = "OBJ_PID opid=124 oauid=-1 ouid=33 oses=-1 ocomm=\"nginx\"";
    with(&[&kill], |facts| {
        assert!(
            matches!(facts.activity, Activity::Process(p) if p.target.pid == Some(123) && p.signal == Some(9))
        );
    });
    with(&[&kill, target], |facts| {
        let Activity::Process(process) = facts.activity else {
            panic!("{:?}", facts.activity)
        };
        assert_eq!(
            (process.target.pid, process.target.user.id),
            (Some(124), Some(33))
        );
        assert_eq!(process.target.comm, Some(b"nginx".as_slice()));
    });
    // A process group is no process.
    let group = syscall(62, "success=yes exit=0 a0=ffffffffffffff85 a1=f a2=0 a3=0");
    with(&[&group], |facts| {
        assert!(matches!(facts.activity, Activity::Process(p) if p.target.pid.is_none()));
    });
}

#[test]
fn ptrace_that_writes_is_an_injection() {
    for (request, want) in [("5", ProcessAction::Inject), ("4206", ProcessAction::Trace)] {
        let ptrace = syscall(
            101,
            &format!("success=yes exit=0 a0={request} a1=7b a2=0 a3=0"),
        );
        with(&[&ptrace], |facts| {
            assert!(
                matches!(facts.activity, Activity::Process(p) if p.action == want && p.target.pid == Some(123))
            );
        });
    }
}

#[test]
fn a_denial_stands_beside_the_call_that_it_is_about() {
    let open = syscall(257, "success=no exit=-13 a0=ffffff9c a1=1 a2=0 a3=0");
    let denial =
        "AVC avc:  denied  { read } for  pid=9 comm=\"x\" name=\"shadow\" tclass=file permissive=0";
    with(
        &[
            denial,
            &open,
            "PATH item=0 name=\"/etc/shadow\" nametype=NORMAL",
        ],
        |facts| {
            assert!(matches!(facts.activity, Activity::File(f) if f.action == FileAction::Open));
            let decision = facts.decision.unwrap();
            assert_eq!(
                (decision.by, decision.ruling),
                (Decider::Selinux, Ruling::Denied)
            );
            assert_eq!(facts.call.unwrap().error, Some("EACCES"));
        },
    );
    with(&[denial], |facts| {
        assert!(matches!(facts.activity, Activity::Kernel(k) if k.name == b"file" && !k.is_call));
        assert_eq!(facts.record_type, 1400);
        assert_eq!(facts.actor.pid, Some(9));
    });
    let seccomp = "SECCOMP auid=1000 uid=33 gid=33 ses=4 pid=9 comm=\"x\" exe=\"/usr/bin/x\" sig=31 arch=c000003e syscall=101 compat=0 ip=0x7f code=0x0";
    with(&[seccomp], |facts| {
        assert!(matches!(facts.activity, Activity::Kernel(k) if k.name == b"ptrace" && k.is_call));
        assert_eq!(facts.decision.unwrap().ruling, Ruling::Denied);
    });
}

#[test]
fn services_logs_and_what_is_switched_off() {
    let service = "SERVICE_STOP pid=1 uid=0 auid=4294967295 ses=4294967295 msg='unit=auditd comm=\"systemd\" exe=\"/usr/lib/systemd/systemd\" hostname=? addr=? terminal=? res=success'";
    with(&[service], |facts| {
        assert!(
            matches!(facts.activity, Activity::Application(a) if a.action == ApplicationAction::Stop && a.name == Some(b"auditd"))
        );
    });
    let package =
        "SOFTWARE_UPDATE pid=1 uid=0 msg='op=remove sw=\"aide-1\" sw_type=rpm res=success'";
    with(&[package], |facts| {
        assert!(
            matches!(facts.activity, Activity::Application(a) if a.action == ApplicationAction::Remove && a.name == Some(b"aide-1"))
        );
    });
    with(
        &["DAEMON_END op=terminate auid=0 pid=1 res=success"],
        |facts| {
            assert!(matches!(facts.activity, Activity::Log(LogAction::Stop)));
        },
    );
    for (record, area, weakened) in [
        (
            "CONFIG_CHANGE op=set audit_enabled=0 old=1 auid=0 ses=1 res=1",
            ConfigurationArea::Audit,
            Weakened::AuditOff,
        ),
        (
            "MAC_STATUS enforcing=0 old_enforcing=1 auid=0 ses=1 enabled=1 old-enabled=1 lsm=selinux res=1",
            ConfigurationArea::Security,
            Weakened::Permissive,
        ),
    ] {
        with(&[record], |facts| {
            assert!(
                matches!(facts.activity, Activity::Configuration(c) if c.area == area && c.weakened == Some(weakened)),
                "{:?}",
                facts.activity
            );
        });
    }
}

#[test]
fn steps_of_a_logon_are_no_logon_and_a_job_is_no_step() {
    let start = |exe: &str| {
        format!(
            "USER_START pid=9 uid=0 auid=0 ses=4 msg='op=PAM:session_open grantors=pam_unix acct=\"root\" exe=\"{exe}\" hostname=203.0.113.7 addr=203.0.113.7 terminal=ssh res=success'"
        )
    };
    with(&[&start("/usr/sbin/sshd")], |facts| {
        let Activity::Authentication(step) = facts.activity else {
            panic!("{:?}", facts.activity)
        };
        assert_eq!(step.user.name, Some(b"root".as_slice()));
        assert_eq!(step.source, Some("203.0.113.7".parse().unwrap()));
    });
    with(&[&start("/usr/sbin/crond")], |facts| {
        assert!(
            matches!(facts.activity, Activity::Job(job) if job.scheduler == b"/usr/sbin/crond")
        );
    });
}

#[test]
fn a_failed_start_names_the_program_that_was_to_be() {
    let exec = syscall(59, "success=no exit=-13 a0=1 a1=2 a2=3 a3=0");
    let records = [
        exec.as_str(),
        "CWD cwd=\"/home/ann\"",
        "PATH item=0 name=\"./run\" nametype=NORMAL",
    ];
    with(&records, |facts| {
        let Activity::Process(process) = facts.activity else {
            panic!("{:?}", facts.activity)
        };
        assert_eq!(process.action, ProcessAction::Launch);
        assert_eq!(process.target.path, Some(b"/home/ann/./run".as_slice()));
        assert_eq!(facts.actor.exe, Some(b"/usr/bin/x".as_slice()));
    });
}

#[test]
fn an_operation_of_io_uring_is_the_call_that_does_the_same() {
    let uring = "URINGOP uring_op=18 success=yes exit=5 items=1 ppid=1 pid=9 uid=0 gid=0 euid=0 subj=unconfined key=\"k\"";
    with(
        &[uring, "PATH item=0 name=\"/etc/shadow\" nametype=NORMAL"],
        |facts| {
            assert!(
                matches!(facts.activity, Activity::File(f) if f.file.path == Some(b"/etc/shadow"))
            );
            assert_eq!(facts.call.unwrap().name, Some("openat"));
        },
    );
}

#[test]
fn what_nothing_is_known_of_stays_what_it_is() {
    with(&["SOMETHING_NEW a=1 pid=7"], |facts| {
        assert!(matches!(facts.activity, Activity::Other));
        assert_eq!((facts.record_type, facts.actor.pid), (0, Some(7)));
    });
    with(&["PATH item=0 name=\"/x\" nametype=NORMAL"], |facts| {
        assert!(matches!(facts.activity, Activity::Other));
    });
    let unknown = syscall(9999, "success=yes exit=0 a0=1 a1=2 a2=3 a3=0");
    with(&[&unknown], |facts| {
        assert!(matches!(facts.activity, Activity::Kernel(k) if k.name == b"unknown"));
    });
}

#[test]
fn an_anomaly_is_called_one() {
    let abend = "ANOM_ABEND auid=1000 uid=33 gid=33 ses=4 pid=9 comm=\"httpd\" exe=\"/usr/sbin/httpd\" sig=11 res=1";
    with(&[abend], |facts| {
        assert!(facts.anomaly);
        assert!(
            matches!(facts.activity, Activity::Process(p) if p.action == ProcessAction::Exit && p.signal == Some(11))
        );
    });
    let link = "ANOM_LINK op=follow_link ppid=1 pid=9 comm=\"x\" exe=\"/usr/bin/x\" res=0";
    assert_eq!(file_action(&[link]), Some(FileAction::Suspicious));
}
