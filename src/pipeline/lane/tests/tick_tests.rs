//! Tests of the tick: a host is looked at when something of it is due, and that is as if all were looked at each time.

use proptest::prelude::*;

use super::saved_tests::Saved;
use super::*;

const BEGIN: i64 = 1_700_000_000_000;

/// What a host says, or that time passes.
#[derive(Clone, Debug)]
enum Step {
    /// So many lines of an event that has this form, with serials left out before it.
    Says {
        host: u8,
        form: u8,
        left_out: u64,
    },
    Passes(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let says = (0u8..4, 0u8..6, 0u64..3);
    let says = says.prop_map(|(host, form, left_out)| Step::Says {
        host,
        form,
        left_out,
    });
    let passes = prop_oneof![
        0i64..60,
        0i64..4_000,
        9_000i64..130_000,
        500_000i64..900_000
    ];
    prop_oneof![3 => says, 2 => passes.prop_map(Step::Passes)]
}

fn lines(host: u8, form: u8, stamp: &str, pid: u64) -> Vec<String> {
    let auth = |what: &str, res: &str| {
        vec![format!(
            "type={what} msg=audit({stamp}): pid={pid} uid=0 auid=1000 ses=5 msg='op=PAM:authentication acct=\"deploy\" exe=\"/usr/sbin/sshd\" hostname=203.0.113.66 addr=203.0.113.66 terminal=ssh res={res}'"
        )]
    };
    let whole = |many| program_start("@", 1).into_iter().take(many);
    let of_start = |many| -> Vec<String> {
        let lines = whole(many).map(|line| line.replace("1700000000.007:1", stamp));
        lines.map(|line| line.replace("node=@ ", "")).collect()
    };
    let all = match form {
        0 => auth("USER_AUTH", "failed"),
        1 => auth("USER_START", "success"),
        2 => vec![format!(
            "type=LOGIN msg=audit({stamp}): pid={pid} uid=0 old-auid=4294967295 auid=1000 old-ses=4294967295 ses=5 res=1"
        )],
        3 => of_start(2),
        4 => of_start(5),
        _ => of_start(6),
    };
    let named = all.into_iter().map(|line| format!("node=web{host} {line}"));
    named.collect()
}

/// What is told, and what is saved at last. `all`: each tick looks at all hosts.
fn told(steps: &[Step], all: bool) -> (Vec<String>, Stats, Saved) {
    let mut settings = Settings::clone(&settings());
    settings.tell_gaps = true;
    let (intel, mut out) = (IntelSet::default(), Outputs::new());
    let mut lane = Lane::tracked(Arc::new(settings));
    let (mut saved, mut now, mut told) = (Saved::default(), BEGIN, Vec::new());
    let mut serials = [1u64; 4];
    for (n, step) in (0u64..).zip(steps) {
        match step {
            Step::Says {
                host,
                form,
                left_out,
            } => {
                let serial = &mut serials[usize::from(*host)];
                *serial += 1 + left_out;
                let stamp = format!("{}.{:03}:{serial}", now / 1000, now % 1000);
                for line in lines(*host, *form, &stamp, n / 2) {
                    let input = input(line.as_bytes(), n as i64);
                    lane.step(Timestamp(now), input, &intel, &mut out);
                }
            }
            Step::Passes(ms) => {
                now += ms;
                if all {
                    (0..lane.hosts()).for_each(|host| lane.state.hosts.wakes.wake(host));
                }
                lane.tick(Timestamp(now), &intel, &mut out);
                saved.follow(&mut lane);
                told.push(format!("{n} {:?} {:?}", lane.hold(), lane.rebuild_from()));
            }
        }
        // When it was told counts too.
        let texts = out
            .iter()
            .map(|output| String::from_utf8_lossy(output.value));
        told.extend(texts.map(|text| format!("{n} {text}")));
        out.clear();
    }
    saved.follow(&mut lane);
    (told, lane.stats().clone(), saved)
}

proptest! {
    #[test]
    fn to_look_at_what_is_due_is_to_look_at_all(steps in proptest::collection::vec(step(), 1..60)) {
        let (some, all) = (told(&steps, false), told(&steps, true));
        prop_assert_eq!(some.0, all.0);
        prop_assert_eq!(some.1, all.1);
        prop_assert_eq!(some.2.pairs, all.2.pairs);
    }
}

#[test]
fn a_host_that_has_nothing_due_sleeps() {
    let (intel, mut out) = (IntelSet::default(), Outputs::new());
    let mut lane = Lane::new(settings());
    let sleeps = |lane: &Lane, now| lane.state.hosts.wakes.next(0, Timestamp(now)).is_none();
    let line = lines(1, 0, "1700000000.000:7", 9);
    lane.step(
        Timestamp(BEGIN),
        input(line[0].as_bytes(), 0),
        &intel,
        &mut out,
    );
    assert!(!sleeps(&lane, BEGIN));
    lane.tick(Timestamp(BEGIN), &intel, &mut out);
    assert!(
        sleeps(&lane, BEGIN + 249) && !sleeps(&lane, BEGIN + 250),
        "a record alone"
    );
    lane.tick(Timestamp(BEGIN + 250), &intel, &mut out);
    assert_eq!(lane.open_events(), 0);
    assert!(
        sleeps(&lane, BEGIN + 9_999) && !sleeps(&lane, BEGIN + 10_000),
        "a logon that failed"
    );
    lane.tick(Timestamp(BEGIN + 10_000), &intel, &mut out);
    assert_eq!(lane.stats().events[Kind::Logon as usize], 1);
    assert!(sleeps(&lane, BEGIN + 10_001));
}
