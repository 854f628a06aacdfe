//! Tests of [`super`]: what an event promises, and how far it has come.

use super::*;
use crate::pipeline::audit::line;

const MODERN: Habits = Habits {
    proctitle: true,
    no_proctitle: false,
    messages_alone: false,
    disorder: false,
};

fn event(lines: &[&str]) -> Event {
    let mut event = Event::default();
    for text in lines {
        let line = format!(
            "type={} msg=audit(1.000:1): {}",
            &text[..text.find(' ').unwrap()],
            &text[text.find(' ').unwrap()..]
        );
        event.push(&line::read(line.as_bytes()).unwrap());
    }
    event
}

fn readiness(lines: &[&str], habits: Habits) -> Readiness {
    let mut event = event(lines);
    event.judge(habits);
    event.readiness
}

const SYSCALL: &str = "SYSCALL arch=c000003e syscall=59 success=yes exit=0 items=2 pid=1";

#[test]
fn promises_are_items_and_arguments() {
    let mut lines = vec![
        SYSCALL,
        "EXECVE argc=2 a0=\"a\" a1=\"b\"",
        "CWD cwd=\"/\"",
        "PATH item=0",
        "PROCTITLE proctitle=\"a\"",
    ];
    assert_eq!(readiness(&lines, MODERN), Readiness::Open);
    lines.push("PATH item=1");
    assert_eq!(readiness(&lines, MODERN), Readiness::Settling);
    lines.push("EOE ");
    assert_eq!(readiness(&lines, MODERN), Readiness::Whole);
    let disorder = Habits {
        disorder: true,
        ..MODERN
    };
    assert_eq!(readiness(&lines, disorder), Readiness::Settling);
}

#[test]
fn a_program_start_without_execve_is_open() {
    let lines = [
        SYSCALL,
        "PATH item=0",
        "PATH item=1",
        "PROCTITLE proctitle=\"a\"",
        "EOE ",
    ];
    assert_eq!(readiness(&lines, MODERN), Readiness::Open);
    let failed = [
        "SYSCALL arch=c000003e syscall=59 success=no exit=-2 items=0",
        "PROCTITLE proctitle=\"a\"",
        "EOE ",
    ];
    assert_eq!(readiness(&failed, MODERN), Readiness::Whole);
}

#[test]
fn a_kernel_without_proctitle_is_not_waited_for() {
    let old = Habits {
        proctitle: false,
        no_proctitle: true,
        ..MODERN
    };
    let lines = [
        "SYSCALL arch=c000003e syscall=2 success=yes items=1",
        "PATH item=0",
    ];
    assert_eq!(readiness(&lines, old), Readiness::Settling);
    assert_eq!(readiness(&lines, MODERN), Readiness::Open);
}

#[test]
fn what_programs_send_is_whole_where_it_stands_alone() {
    let alone = Habits {
        messages_alone: true,
        ..MODERN
    };
    assert_eq!(readiness(&["USER_LOGIN pid=1"], alone), Readiness::Whole);
    assert_eq!(readiness(&["LOGIN pid=1"], alone), Readiness::Settling);
    let disorder = Habits {
        disorder: true,
        ..alone
    };
    assert_eq!(
        readiness(&["USER_LOGIN pid=1"], disorder),
        Readiness::Settling
    );
}

#[test]
fn lone_records_settle_and_those_of_the_daemon_do_not() {
    assert_eq!(
        readiness(&["USER_LOGIN pid=1"], MODERN),
        Readiness::Settling
    );
    assert_eq!(
        readiness(&["DAEMON_START op=start"], MODERN),
        Readiness::Whole
    );
    assert_eq!(
        readiness(
            &[
                "LOGIN pid=1",
                "SYSCALL arch=c000003e syscall=1 success=yes items=0"
            ],
            MODERN
        ),
        Readiness::Open
    );
}

#[test]
fn a_program_start_is_known_by_its_call_and_success() {
    for (body, wanted) in [
        ("arch=c000003e syscall=59 success=yes", true),
        ("arch=c000003e syscall=1073742344 success=yes exit=0", true),
        ("arch=c00000b7 syscall=221 success=yes exit=0", true),
        ("arch=c00000b7 syscall=59 success=yes exit=0", false),
        ("arch=c000003e syscall=059 success=yes exit=0", false),
        ("arch=c000003e syscall=59 success=no exit=-2", false),
        ("arch=c000003e syscall=59 success=yesterday", false),
        ("arch=c000003e syscall=59  success=yes exit=0", false),
        ("arch=c000003e personality=8 success=yes exit=0", false),
        ("arch=x86_64 syscall=execve success=yes exit=0", false),
        ("arch=c000003e syscall=59", false),
        ("", false),
    ] {
        assert_eq!(started_a_program(body.as_bytes()), wanted, "{body}");
    }
}

#[test]
fn a_used_event_is_as_a_new_one_and_weighs_what_it_took() {
    let lines = [
        SYSCALL,
        "EXECVE argc=2 a0=\"a\"",
        "AUOMS_X x",
        "PATH item=0",
    ];
    let mut used = event(&lines);
    used.reset();
    assert_eq!(used.bytes(), 0);
    let line = b"type=NEW msg=audit(0.000:0): x=1";
    let record = line::read(line).unwrap();
    let mut new = Event::default();
    used.push(&record);
    new.push(&record);
    assert_eq!(format!("{used:?}"), format!("{new:?}"));
    assert_eq!(new.bytes(), Event::weight(&record));
}

#[test]
fn a_type_without_a_number_keeps_its_name() {
    let event = event(&["AUOMS_EXECVE argc=1", "CWD cwd=\"/\""]);
    let names: Vec<_> = event.records().map(|(_, name, _)| name.to_vec()).collect();
    assert_eq!(names, [b"AUOMS_EXECVE".to_vec(), b"CWD".to_vec()]);
}
