//! The lines of each flood, by their number.
//!
//! Place in the flow: under the tests. Nothing is random: the same number makes the same line.

use std::io::Write;

/// Begin of the time of all floods, in milliseconds.
pub const BEGIN: i64 = 1_795_318_668_000;

struct Stamp {
    ms: i64,
    serial: u64,
}

fn head(line: &mut Vec<u8>, host: impl std::fmt::Display, kind: &str, stamp: Stamp) {
    let time = BEGIN + stamp.ms;
    let (seconds, millis, serial) = (time / 1000, time % 1000, stamp.serial);
    let begun = write!(
        line,
        "node={host} type={kind} msg=audit({seconds}.{millis:03}:{serial}): "
    );
    begun.expect("written");
}

fn syscall(line: &mut Vec<u8>, number: u32, items: u32, pid: u64) {
    let written = write!(
        line,
        "arch=c000003e syscall={number} success=yes exit=0 a0=55d0c0 a1=55d0c8 a2=55d0d0 a3=8 items={items} \
         ppid={} pid={pid} auid=1000 uid=1000 gid=1000 euid=1000 suid=1000 fsuid=1000 egid=1000 sgid=1000 \
         fsgid=1000 tty=pts0 ses=3 comm=\"job\" exe=\"/usr/bin/job\" key=\"exec\"",
        pid - 1
    );
    written.expect("written");
}

fn path(line: &mut Vec<u8>, item: u64) {
    let written = write!(
        line,
        "item={item} name=\"/srv/data/file-{item}\" inode=131 dev=fd:00 mode=0100644 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL"
    );
    written.expect("written");
}

/// Calls that promise a path which never comes, of a thousand hosts; no time passes.
pub fn unfinished(n: u64, line: &mut Vec<u8>) {
    let (ms, serial) = (0, n / 1000);
    head(line, n % 1000, "SYSCALL", Stamp { ms, serial });
    syscall(line, 2, 1, 1000 + serial);
}

/// One event, of which more and more paths come.
pub fn endless(n: u64, line: &mut Vec<u8>) {
    let (ms, serial) = (0, 7);
    let stamp = Stamp { ms, serial };
    if n == 0 {
        head(line, "web01", "SYSCALL", stamp);
        syscall(line, 2, 900_000_000, 1000);
    } else {
        head(line, "web01", "PATH", stamp);
        path(line, n);
    }
}

/// One host, a new serial on each line but those of program starts, with gaps between: processes, commands, sessions
/// and addresses that are new each time. A thousand lines take a second.
pub fn serials(n: u64, line: &mut Vec<u8>) {
    of_one_host("web01", n, line);
}

/// The same, with a line of another host now and then.
pub fn serials_beside_others(n: u64, line: &mut Vec<u8>) {
    match n % 100 {
        99 => {
            let (ms, serial) = (n as i64, n / 1000);
            let host = format_args!("quiet{}", n / 100 % 20);
            head(line, host, "USER_AUTH", Stamp { ms, serial });
            logon(line, 1, n, "op=PAM:authentication");
        }
        _ => of_one_host("loud", n, line),
    }
}

fn of_one_host(host: &str, n: u64, line: &mut Vec<u8>) {
    let (ms, event) = (n as i64, n / 4);
    let stamp = |serial| Stamp { ms, serial };
    // Three lines of a start are one event; the fourth line is alone.
    match n % 4 {
        0 => {
            head(
                line,
                host,
                "SYSCALL",
                Stamp {
                    ms,
                    serial: event * 4,
                },
            );
            syscall(line, 59, 0, 1000 + event);
        }
        1 => {
            let ms = ms - 1;
            head(
                line,
                host,
                "EXECVE",
                Stamp {
                    ms,
                    serial: event * 4,
                },
            );
            write!(line, "argc=2 a0=\"job\" a1=\"{}\"", words(event)).expect("written");
        }
        2 => {
            let ms = ms - 2;
            head(
                line,
                host,
                "PROCTITLE",
                Stamp {
                    ms,
                    serial: event * 4,
                },
            );
            line.extend_from_slice(b"proctitle=\"job\"");
        }
        _ if event % 2 == 0 => {
            head(line, host, "LOGIN", stamp(event * 4 + 2));
            let pid = 10_000_000 + event;
            write!(
                line,
                "pid={pid} uid=0 old-auid=4294967295 auid=1000 tty=(none) old-ses=4294967295 ses={event} res=1"
            )
            .expect("written");
        }
        _ => {
            head(line, host, "USER_LOGIN", stamp(event * 4 + 2));
            logon(line, 10_000_000 + event, event, "op=login");
        }
    }
}

/// A command whose pattern is new each time: letters are not masked.
fn words(mut n: u64) -> String {
    let mut word = String::from("w");
    while n > 0 {
        word.push((b'a' + (n % 26) as u8) as char);
        n /= 26;
    }
    word
}

fn logon(line: &mut Vec<u8>, pid: u64, n: u64, op: &str) {
    let written = write!(
        line,
        "pid={pid} uid=0 auid=4294967295 ses=4294967295 msg='{op} acct=\"user{n}\" exe=\"/usr/sbin/sshd\" hostname=? \
         addr=10.{}.{}.{} terminal=ssh res=failed'",
        n >> 16 & 255,
        n >> 8 & 255,
        n & 255
    );
    written.expect("written");
}

/// A hundred thousand hosts, one after the other and then again: a program start and a failed logon each.
pub fn hosts(n: u64, line: &mut Vec<u8>) {
    let (host, ms) = (n / 4 % 100_000, (n / 4) as i64);
    let serial = 100 + n / 400_000 * 10;
    let host = format_args!("host-{host:06}.rack-17.dc.example.net");
    let stamp = |serial| Stamp { ms, serial };
    match n % 4 {
        0 => {
            head(line, host, "SYSCALL", stamp(serial));
            syscall(line, 59, 0, 1000 + serial);
        }
        1 => {
            head(line, host, "EXECVE", stamp(serial));
            line.extend_from_slice(b"argc=2 a0=\"job\" a1=\"nightly\"");
        }
        2 => {
            head(line, host, "PROCTITLE", stamp(serial));
            line.extend_from_slice(b"proctitle=\"job\"");
        }
        _ => {
            head(line, host, "USER_LOGIN", stamp(serial + 1));
            logon(line, 4000, n, "op=login");
        }
    }
}

/// Of each of a thousand hosts ten events that wait for paths: eight lines and a thousand bytes each, as events have.
pub fn ten_open_each(n: u64, line: &mut Vec<u8>) {
    let (host, round) = (n % 1000, n / 1000);
    // Ten rounds begin an event each; in the others they grow.
    let serial = 50 + round % 10;
    let stamp = Stamp { ms: 0, serial };
    if round < 10 {
        head(line, host, "SYSCALL", stamp);
        syscall(line, 2, 900, 1000 + serial);
    } else {
        head(line, host, "PATH", stamp);
        path(line, round);
    }
}
