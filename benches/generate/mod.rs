//! Audit lines of many hosts, made up: the same bytes for the same shape.
//!
//! Used by the benches, and by tests/generator.rs, which checks that a lane finds in them exactly the
//! events that are counted here. The shapes are those of the live recordings: mostly program starts,
//! then files and connections, then lone records, and now and then a cron job that logs on and off.
//! It refuses to be random: its numbers come from a fixed seed.

/// Events whose lines mix.
const OPEN_AT_ONCE: usize = 4;

/// Begin of the time of all shapes, in milliseconds.
const BEGIN: i64 = 1_795_318_668_000;

/// What is made.
#[derive(Clone, Copy)]
pub struct Shape {
    pub events: usize,
    pub hosts: usize,
    /// With EOE records, as from a plugin; or without, as in a log file.
    pub eoe: bool,
}

/// One line and when it arrives.
pub struct Line {
    pub text: Vec<u8>,
    pub time: i64,
}

/// The lines of a shape, and what stands in them.
#[derive(Default)]
pub struct Traffic {
    pub lines: Vec<Line>,
    pub bytes: usize,
    pub program_starts: u64,
    /// Sessions: a logon and a logoff each.
    pub sessions: u64,
    /// Events that are no program start.
    pub others: u64,
}

/// xorshift64*.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % bound
    }
}

/// The lines of one event that are not written yet, last first.
struct Open {
    rest: Vec<String>,
}

/// Makes the lines of a shape.
pub fn traffic(shape: Shape) -> Traffic {
    let mut numbers = Numbers(0x7261_696C_686F_756E);
    let mut made = Traffic::default();
    let mut open: Vec<Open> = Vec::new();
    let mut serials = vec![1000; shape.hosts];
    let mut event = 0;
    while event < shape.events || !open.is_empty() {
        let time = BEGIN + event as i64;
        if event < shape.events && open.len() < OPEN_AT_ONCE {
            let host = numbers.below(shape.hosts as u64);
            let bodies = event_of(event, time, &mut numbers, &mut made);
            let serial = &mut serials[host as usize];
            let stamped = stamp_each(&bodies, serial, host, time, shape.eoe);
            open.push(Open {
                rest: stamped.into_iter().rev().collect(),
            });
            event += 1;
        }
        let which = numbers.below(open.len() as u64) as usize;
        if let Some(line) = open[which].rest.pop() {
            made.bytes += line.len();
            made.lines.push(Line {
                text: line.into_bytes(),
                time,
            });
        }
        if open[which].rest.is_empty() {
            // In order: which event the numbers choose next must not depend on how it left.
            open.remove(which);
        }
    }
    made
}

/// Whole lines of the records of an event. Those that begin with `+` are an event of their own, with those behind
/// them that begin with `&`. `serial` is the host's latest: none is left out, as no host's are where nothing is lost.
fn stamp_each(bodies: &[String], serial: &mut u64, host: u64, time: i64, eoe: bool) -> Vec<String> {
    let mut lines = Vec::with_capacity(bodies.len() + 1);
    let line = |body: &str, serial: u64| {
        let (kind, rest) = body.split_once(' ').unwrap_or((body, ""));
        format!(
            "node=host{host:05} type={kind} msg=audit({}.{:03}:{serial}): {rest}",
            time / 1000,
            time % 1000
        )
    };
    let mut has_syscall = false;
    for body in bodies {
        let begins_one = body.starts_with('+') || body.starts_with("SYSCALL");
        *serial += u64::from(begins_one);
        has_syscall |= body.starts_with("SYSCALL");
        let body = body.trim_start_matches(['+', '&']);
        if eoe || body != "EOE" {
            lines.push(line(body, *serial));
        }
    }
    if eoe && has_syscall {
        lines.push(line("EOE", *serial));
    }
    lines
}

fn event_of(event: usize, time: i64, numbers: &mut Numbers, made: &mut Traffic) -> Vec<String> {
    let pid = 1000 + (event as u64 * 7) % 31_000;
    if event % 50 == 49 {
        made.sessions += 1;
        made.others += 5;
        return session(pid, time);
    }
    match numbers.below(20) {
        0..=10 => {
            made.program_starts += 1;
            program_start(pid, numbers)
        }
        11..=14 => {
            made.others += 1;
            file(pid)
        }
        15..=17 => {
            made.others += 1;
            connection(pid, numbers)
        }
        18 => {
            made.others += 1;
            failed_start(pid)
        }
        _ => {
            made.others += 1;
            vec![format!(
                "+USER_ACCT pid={pid} uid=0 auid=4294967295 ses=4294967295 msg='op=PAM:accounting grantors=pam_permit acct=\"backup\" exe=\"/usr/sbin/atd\" hostname=? addr=? terminal=atd res=success'"
            )]
        }
    }
}

fn syscall(number: u32, outcome: &str, items: u32, pid: u64, program: &str) -> String {
    format!(
        "SYSCALL arch=c000003e syscall={number} {outcome} a0=55d0c8a1f2a0 a1=55d0c8a2a9d0 a2=55d0c8a2e7f0 a3=8 items={items} ppid={} pid={pid} auid=1102 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=pts1 ses=36 comm=\"{program}\" exe=\"/usr/bin/{program}\" key=\"exec\"\x1dARCH=x86_64 SYSCALL=call AUID=\"alice\" UID=\"root\" GID=\"root\" EUID=\"root\" SUID=\"root\" FSUID=\"root\" EGID=\"root\" SGID=\"root\" FSGID=\"root\"",
        pid - 1
    )
}

fn path(item: u32, name: &str) -> String {
    format!(
        "PATH item={item} name=\"{name}\" inode={} dev=fe:00 mode=0100755 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0\x1dOUID=\"root\" OGID=\"root\"",
        4096 + item
    )
}

fn program_start(pid: u64, numbers: &mut Numbers) -> Vec<String> {
    const PROGRAMS: [&str; 8] = ["tail", "ls", "grep", "curl", "id", "stat", "date", "sed"];
    let program = PROGRAMS[numbers.below(8) as usize];
    let arguments = 1 + numbers.below(5);
    let mut execve = format!("EXECVE argc={} a0=\"{program}\"", arguments + 1);
    for i in 1..=arguments {
        execve += &match numbers.below(8) {
            0 => format!(" a{i}=2F746D702F61206220{:02X}", 0x30 + i),
            1 => format!(
                " a{i}=\"http://cdn{}.example.org/p/{i}\"",
                numbers.below(900)
            ),
            _ => format!(" a{i}=\"/var/log/app/{}.log\"", numbers.below(100_000)),
        };
    }
    vec![
        syscall(59, "success=yes exit=0", 2, pid, program),
        execve,
        "CWD cwd=\"/home/alice\"".to_owned(),
        path(0, &format!("/usr/bin/{program}")),
        path(1, "/lib64/ld-linux-x86-64.so.2"),
        "PROCTITLE proctitle=7461696C002D6E0033002F6574632F686F737473".to_owned(),
    ]
}

fn file(pid: u64) -> Vec<String> {
    vec![
        syscall(257, "success=yes exit=3", 1, pid, "cat"),
        "CWD cwd=\"/root\"".to_owned(),
        path(0, "/etc/shadow"),
        "PROCTITLE proctitle=636174002F6574632F736861646F77".to_owned(),
    ]
}

fn connection(pid: u64, numbers: &mut Numbers) -> Vec<String> {
    let (a, b) = (numbers.below(256), numbers.below(256));
    vec![
        syscall(42, "success=no exit=-115", 0, pid, "curl"),
        format!(
            "SOCKADDR saddr=02001F90CB00{a:02X}{b:02X}0000000000000000\x1dSADDR={{ saddr_fam=inet laddr=203.0.{a}.{b} lport=8080 }}"
        ),
        "PROCTITLE proctitle=\"curl\"".to_owned(),
    ]
}

fn failed_start(pid: u64) -> Vec<String> {
    vec![
        syscall(59, "success=no exit=-2", 1, pid, "env"),
        "CWD cwd=\"/\"".to_owned(),
        "PATH item=0 name=\"/usr/local/sbin/run-parts\" nametype=UNKNOWN cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0".to_owned(),
        "PROCTITLE proctitle=\"env\"".to_owned(),
    ]
}

/// A cron job from its first record to its last. The session number is the time's, so that no two are
/// the same.
fn session(pid: u64, time: i64) -> Vec<String> {
    let ses = (time - BEGIN + 1) as u64;
    let pam = |kind: &str, ids: &str, op: &str| {
        format!(
            "+{kind} pid={pid} uid=0 {ids} msg='op=PAM:{op} grantors=pam_permit acct=\"root\" exe=\"/usr/sbin/cron\" hostname=? addr=? terminal=cron res=success'"
        )
    };
    let (unset, set) = (
        "auid=4294967295 ses=4294967295",
        format!("auid=0 ses={ses}"),
    );
    vec![
        pam("USER_ACCT", unset, "accounting"),
        pam("CRED_ACQ", unset, "setcred"),
        format!(
            "+LOGIN pid={pid} uid=0 old-auid=4294967295 auid=0 tty=(none) old-ses=4294967295 ses={ses} res=1"
        ),
        format!(
            "&SYSCALL arch=c000003e syscall=1 success=yes exit=1 a0=7 a1=7ffd2c0e5a10 a2=1 a3=0 items=0 ppid=812 pid={pid} auid=0 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=(none) ses={ses} comm=\"cron\" exe=\"/usr/sbin/cron\" key=(null)"
        ),
        "&PROCTITLE proctitle=2F7573722F7362696E2F43524F4E002D66".to_owned(),
        "&EOE".to_owned(),
        pam("USER_START", &set, "session_open"),
        pam("USER_END", &set, "session_close"),
    ]
}
