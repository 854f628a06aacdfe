//! Keys of fields as numbers ([`word`]): a `match` on text would compare them one by one.
//!
//! `NAME_OF_` marks the names that ENRICHED adds in capitals.

use super::fields::word;

pub const ACCT: u64 = word(b"acct");
pub const ADDR: u64 = word(b"addr");
pub const AUID: u64 = word(b"auid");
pub const CMD: u64 = word(b"cmd");
pub const COMM: u64 = word(b"comm");
pub const EGID: u64 = word(b"egid");
pub const EUID: u64 = word(b"euid");
pub const EXE: u64 = word(b"exe");
pub const EXIT: u64 = word(b"exit");
pub const GID: u64 = word(b"gid");
pub const GRANTORS: u64 = word(b"grantors");
pub const HOSTNAME: u64 = word(b"hostname");
pub const ID: u64 = word(b"id");
pub const KEY: u64 = word(b"key");
pub const MSG: u64 = word(b"msg");
pub const NAME_OF_AUID: u64 = word(b"AUID");
pub const NAME_OF_EGID: u64 = word(b"EGID");
pub const NAME_OF_EUID: u64 = word(b"EUID");
pub const NAME_OF_GID: u64 = word(b"GID");
pub const NAME_OF_ID: u64 = word(b"ID");
pub const NAME_OF_UID: u64 = word(b"UID");
pub const OP: u64 = word(b"op");
pub const PID: u64 = word(b"pid");
pub const PPID: u64 = word(b"ppid");
pub const RES: u64 = word(b"res");
pub const RESULT: u64 = word(b"result");
pub const SES: u64 = word(b"ses");
pub const SUCCESS: u64 = word(b"success");
pub const TERMINAL: u64 = word(b"terminal");
pub const TTY: u64 = word(b"tty");
pub const UID: u64 = word(b"uid");
