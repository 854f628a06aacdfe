//! One event for people: why it was held to be whole, or what is missing.
//!
//! Place in the flow: an [`Event`] as the lane let it go → text. What is missing is what the event itself
//! and the joining of arguments say.

use bumpalo::Bump;

use crate::model::process::Cut;
use crate::pipeline::audit::event::{Event, Readiness};
use crate::pipeline::audit::execve;
use crate::pipeline::audit::fields::Fields;
use crate::pipeline::audit::normalise;
use crate::pipeline::audit::record_types::RecordType;

/// Why it went, as one sentence.
pub(super) fn why(event: &Event, cut: Option<Cut>, ended: bool) -> String {
    let bump = Bump::new();
    // auoms joins an event itself, and says what it did not get.
    let at_source = || normalise::process(event, None, "", &bump)?.completeness.cut;
    match cut.or_else(at_source) {
        Some(cut) => format!(
            "incomplete: {}; missing: {}",
            match cut {
                Cut::TimedOut => "its host's time moved past it by the time-out",
                Cut::Evicted => "a bound was reached",
                Cut::Ended => "the input ended",
                Cut::Source => "it lost something before it came",
            },
            missing(event, cut)
        ),
        None => format!("whole: {}{}", proof(event, ended), promises(event)),
    }
}

fn proof(event: &Event, ended: bool) -> &'static str {
    let daemon = event.kinds().any(RecordType::is_daemon);
    match event.readiness {
        Readiness::Whole if daemon => "auditd's own record stands alone",
        Readiness::Whole => "EOE came, and all that was promised",
        _ if ended && event.is_lone() => {
            "records that need no SYSCALL; the input ended while one could have followed"
        }
        _ if event.kinds().any(|kind| kind == RecordType::EOE) => match ended {
            true => {
                "nothing is missing; lines of this host may come behind EOE, and the input ended"
            }
            false => "nothing is missing, and nothing came behind EOE in the time to settle",
        },
        _ if ended => "nothing is missing; the input ended while companions could have followed",
        _ if event.is_lone() => {
            "records that need no SYSCALL, and none followed in the time to settle"
        }
        _ => "nothing is missing, and no companion followed in the time to settle",
    }
}

/// What the records promised and brought.
fn promises(event: &Event) -> String {
    let number = |kind, key: &[u8]| -> Option<u64> {
        Fields::find(event.body(kind)?, key).and_then(|raw| raw.number())
    };
    let came = |kind| event.kinds().filter(|k| *k == kind).count();
    let mut kept = String::new();
    if let Some(items) = number(RecordType::SYSCALL, b"items") {
        kept += &format!("; items={items}: {} PATH", came(RecordType::PATH));
    }
    if let Some(argc) = number(RecordType::EXECVE, b"argc") {
        let bump = Bump::new();
        let arguments = execve::assemble(event.bodies(RecordType::EXECVE), &bump);
        kept += &format!("; argc={argc}: {} arguments", arguments.list.len());
    }
    if event.kinds().any(|kind| kind == RecordType::SYSCALL) {
        let proctitle = came(RecordType::PROCTITLE) > 0;
        kept += if proctitle {
            "; PROCTITLE came"
        } else {
            "; no PROCTITLE came"
        };
    }
    kept
}

fn missing(event: &Event, cut: Cut) -> String {
    let what = event.completeness(Some(cut));
    let bump = Bump::new();
    let arguments = match cut {
        Cut::Source => normalise::process(event, None, "", &bump)
            .map_or(0, |process| process.completeness.args_missing),
        _ => execve::assemble(event.bodies(RecordType::EXECVE), &bump).missing,
    };
    let mut all = Vec::new();
    if what.no_syscall {
        all.push("SYSCALL".to_owned());
    }
    if what.no_execve {
        all.push("EXECVE".to_owned());
    }
    if arguments > 0 {
        let many = if arguments == 1 { "" } else { "s" };
        all.push(format!(
            "{arguments} argument{many} (the line or a line of them was cut or lost)"
        ));
    }
    if what.paths_missing > 0 {
        all.push(format!("{} PATH", what.paths_missing));
    }
    if what.no_proctitle {
        all.push("PROCTITLE".to_owned());
    }
    if all.is_empty() {
        all.push("a record that was promised".to_owned());
    }
    all.join(", ")
}
