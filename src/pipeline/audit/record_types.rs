//! Audit record types: name and number.
//!
//! Place in the flow: the line reader looks a type up here once; everything behind it compares
//! [`RecordType`]s. Names and numbers are those of Linux `include/uapi/linux/audit.h` and of
//! audit-userspace `lib/audit-records.h` and `lib/msg_typetab.h`. It knows nothing of what a type means.

use serde::{Deserialize, Serialize};

/// A known record type: its place in the table of names. [`RecordType::OTHER`] is any other.
/// Saved by its number: the table grows from release to release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "u16", into = "u16")]
pub struct RecordType(u16);

impl From<RecordType> for u16 {
    fn from(kind: RecordType) -> u16 {
        kind.number().unwrap_or(0)
    }
}

impl From<u16> for RecordType {
    fn from(number: u16) -> RecordType {
        let place = TABLE.iter().position(|(_, known)| *known == number);
        place.map_or(RecordType::OTHER, RecordType::of_index)
    }
}

impl RecordType {
    /// A type that the table does not know; its name is kept with the record.
    pub const OTHER: RecordType = RecordType(u16::MAX);
    pub const SYSCALL: RecordType = RecordType::known("SYSCALL");
    pub const EXECVE: RecordType = RecordType::known("EXECVE");
    pub const CWD: RecordType = RecordType::known("CWD");
    pub const PATH: RecordType = RecordType::known("PATH");
    pub const PROCTITLE: RecordType = RecordType::known("PROCTITLE");
    pub const EOE: RecordType = RecordType::known("EOE");
    pub const SOCKADDR: RecordType = RecordType::known("SOCKADDR");
    pub const SOCKETCALL: RecordType = RecordType::known("SOCKETCALL");
    pub const BPRM_FCAPS: RecordType = RecordType::known("BPRM_FCAPS");
    pub const CAPSET: RecordType = RecordType::known("CAPSET");
    pub const IPC: RecordType = RecordType::known("IPC");
    pub const MMAP: RecordType = RecordType::known("MMAP");
    pub const OBJ_PID: RecordType = RecordType::known("OBJ_PID");
    pub const FD_PAIR: RecordType = RecordType::known("FD_PAIR");
    pub const LOGIN: RecordType = RecordType::known("LOGIN");
    pub const USER_AUTH: RecordType = RecordType::known("USER_AUTH");
    pub const USER_ACCT: RecordType = RecordType::known("USER_ACCT");
    pub const USER_START: RecordType = RecordType::known("USER_START");
    pub const USER_END: RecordType = RecordType::known("USER_END");
    pub const USER_LOGIN: RecordType = RecordType::known("USER_LOGIN");
    pub const USER_LOGOUT: RecordType = RecordType::known("USER_LOGOUT");
    pub const USER_CMD: RecordType = RecordType::known("USER_CMD");
    pub const CRED_ACQ: RecordType = RecordType::known("CRED_ACQ");
    pub const CRED_REFR: RecordType = RecordType::known("CRED_REFR");
    pub const CONFIG_CHANGE: RecordType = RecordType::known("CONFIG_CHANGE");
    pub const ANOM_ABEND: RecordType = RecordType::known("ANOM_ABEND");
    pub const SYSTEM_BOOT: RecordType = RecordType::known("SYSTEM_BOOT");
    pub const DAEMON_START: RecordType = RecordType::known("DAEMON_START");
    pub const DAEMON_ABORT: RecordType = RecordType::known("DAEMON_ABORT");
    pub const DAEMON_ERR: RecordType = RecordType::known("DAEMON_ERR");

    /// For the constants above: a name that is not in the table does not compile.
    const fn known(name: &str) -> RecordType {
        let mut i = 0;
        while i < TABLE.len() {
            if same(TABLE[i].0.as_bytes(), name.as_bytes()) {
                return RecordType(i as u16);
            }
            i += 1;
        }
        panic!("no such record type");
    }

    /// Reads `SYSCALL`, `1300`, or `UNKNOWN[1300]` (how ausearch and old auditds write a number that
    /// they have no name for).
    pub fn read(name: &[u8]) -> RecordType {
        if let Ok(i) = TABLE.binary_search_by(|(known, _)| known.as_bytes().cmp(name)) {
            return RecordType(i as u16);
        }
        let digits = name
            .strip_prefix(b"UNKNOWN[")
            .and_then(|rest| rest.strip_suffix(b"]"))
            .unwrap_or(name);
        std::str::from_utf8(digits)
            .ok()
            .and_then(|digits| digits.parse::<u16>().ok())
            .and_then(|number| TABLE.iter().position(|(_, known)| *known == number))
            .map_or(RecordType::OTHER, |i| RecordType(i as u16))
    }

    /// Reads a name of at most sixteen bytes, given as a number of sixteen, the first in the lowest and
    /// zeros behind it. `None`: it is to be searched for.
    #[inline(always)]
    pub fn read_short(name: u128) -> Option<RecordType> {
        let index = SLOTS[slot(name)] as usize;
        (SHORT[index] == name).then_some(RecordType(index as u16))
    }

    /// `None` for [`RecordType::OTHER`].
    pub fn name(self) -> Option<&'static str> {
        TABLE.get(self.0 as usize).map(|(name, _)| *name)
    }

    pub fn number(self) -> Option<u16> {
        TABLE.get(self.0 as usize).map(|(_, number)| *number)
    }

    /// How many types are known.
    pub const COUNT: usize = TABLE.len();

    /// Below [`RecordType::COUNT`] for a known type, and that for any other.
    pub const fn index(self) -> usize {
        if (self.0 as usize) < TABLE.len() {
            self.0 as usize
        } else {
            TABLE.len()
        }
    }

    /// The type of an [`index`](RecordType::index).
    pub const fn of_index(index: usize) -> RecordType {
        if index < TABLE.len() {
            RecordType(index as u16)
        } else {
            RecordType::OTHER
        }
    }

    /// Written by auditd itself, outside the kernel's serials: stands alone (numbers 1200–1299).
    pub const fn is_daemon(self) -> bool {
        let index = self.index();
        index < TABLE.len() && TABLE[index].1 / 100 == 12
    }

    /// Sent by a program through the kernel, which gives it a serial of its own (numbers 1100–1199 and 2100–2999 of
    /// include/uapi/linux/audit.h).
    pub const fn is_user_message(self) -> bool {
        let index = self.index();
        index < TABLE.len() && matches!(TABLE[index].1, 1100..=1199 | 2100..=2999)
    }

    /// Exists only as a part of a system call's event, so a SYSCALL record belongs to it.
    pub const fn is_part_of_syscall(self) -> bool {
        matches!(
            self,
            RecordType::SYSCALL
                | RecordType::EXECVE
                | RecordType::CWD
                | RecordType::PATH
                | RecordType::PROCTITLE
                | RecordType::SOCKADDR
                | RecordType::SOCKETCALL
                | RecordType::BPRM_FCAPS
                | RecordType::CAPSET
                | RecordType::IPC
                | RecordType::MMAP
                | RecordType::OBJ_PID
                | RecordType::FD_PAIR
        )
    }
}

const fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}

/// Where a short name is looked for. The factor was searched for: by it no two names of the table meet.
#[inline(always)]
const fn slot(name: u128) -> usize {
    let mixed = (name as u64 ^ (name >> 64) as u64).wrapping_mul(0xDC32_23EE_EA85_2F6B);
    (mixed >> 53) as usize
}

/// The names of [`TABLE`] that fit sixteen bytes, as numbers; 0 for a longer one.
const SHORT: [u128; 256] = {
    let mut short = [0; 256];
    let mut i = 0;
    while i < TABLE.len() {
        let name = TABLE[i].0.as_bytes();
        let mut at = name.len();
        while at > 0 && name.len() <= 16 {
            at -= 1;
            short[i] = short[i] << 8 | name[at] as u128;
        }
        i += 1;
    }
    short
};

/// The place of a name in [`TABLE`], by its [`slot`]; where no name has it stands the first of all, which
/// says no for itself.
const SLOTS: [u8; 2048] = {
    let mut slots = [0; 2048];
    let mut i = TABLE.len();
    while i > 0 {
        i -= 1;
        if SHORT[i] != 0 {
            slots[slot(SHORT[i])] = i as u8;
        }
    }
    slots
};

/// Sorted by name. CONTAINER_OP and SIGNAL_INFO2 are of a patch that some distributions carried;
/// CONTAINER_ID of the same patch had a number that is TIME_INJOFFSET's today, so it is known by its own
/// name alone, as any other.
#[rustfmt::skip]
const TABLE: &[(&str, u16)] = &[
    ("AA", 1500), ("ACCT_LOCK", 1135), ("ACCT_UNLOCK", 1136), ("ADD", 1003), ("ADD_GROUP", 1116),
    ("ADD_RULE", 1011), ("ADD_USER", 1114), ("ANOM_ABEND", 1701), ("ANOM_ACCESS_FS", 2111),
    ("ANOM_ADD_ACCT", 2114), ("ANOM_AMTU_FAIL", 2107), ("ANOM_CREAT", 1703),
    ("ANOM_CRYPTO_FAIL", 2110), ("ANOM_DEL_ACCT", 2115), ("ANOM_EXEC", 2112), ("ANOM_LINK", 1702),
    ("ANOM_LOGIN_ACCT", 2103), ("ANOM_LOGIN_FAILURES", 2100), ("ANOM_LOGIN_LOCATION", 2104),
    ("ANOM_LOGIN_ROOT", 2119), ("ANOM_LOGIN_SERVICE", 2118), ("ANOM_LOGIN_SESSIONS", 2102),
    ("ANOM_LOGIN_TIME", 2101), ("ANOM_MAX_DAC", 2105), ("ANOM_MAX_MAC", 2106),
    ("ANOM_MK_EXEC", 2113), ("ANOM_MOD_ACCT", 2116), ("ANOM_ORIGIN_FAILURES", 2120),
    ("ANOM_PROMISCUOUS", 1700), ("ANOM_RBAC_FAIL", 2108), ("ANOM_RBAC_INTEGRITY_FAIL", 2109),
    ("ANOM_ROOT_TRANS", 2117), ("ANOM_SESSION", 2121), ("APPARMOR_ALLOWED", 1502),
    ("APPARMOR_AUDIT", 1501), ("APPARMOR_DENIED", 1503), ("APPARMOR_ERROR", 1506),
    ("APPARMOR_HINT", 1504), ("APPARMOR_KILL", 1507), ("APPARMOR_STATUS", 1505), ("AVC", 1400),
    ("AVC_PATH", 1402), ("BPF", 1334), ("BPRM_FCAPS", 1321), ("CAPSET", 1322), ("CHGRP_ID", 1119),
    ("CHUSER_ID", 1125), ("CONFIG_CHANGE", 1305), ("CONTAINER_OP", 1020), ("CRED_ACQ", 1103),
    ("CRED_DISP", 1104), ("CRED_REFR", 1110), ("CRYPTO_FAILURE_USER", 2405),
    ("CRYPTO_IKE_SA", 2408), ("CRYPTO_IPSEC_SA", 2409), ("CRYPTO_KEY_USER", 2404),
    ("CRYPTO_LOGIN", 2402), ("CRYPTO_LOGOUT", 2403), ("CRYPTO_PARAM_CHANGE_USER", 2401),
    ("CRYPTO_REPLAY_USER", 2406), ("CRYPTO_SESSION", 2407), ("CRYPTO_TEST_USER", 2400),
    ("CWD", 1307), ("DAC_CHECK", 1118), ("DAEMON_ABORT", 1202), ("DAEMON_ACCEPT", 1207),
    ("DAEMON_CLOSE", 1208), ("DAEMON_CONFIG", 1203), ("DAEMON_END", 1201), ("DAEMON_ERR", 1209),
    ("DAEMON_RECONFIG", 1204), ("DAEMON_RESUME", 1206), ("DAEMON_ROTATE", 1205),
    ("DAEMON_START", 1200), ("DEL", 1004), ("DEL_GROUP", 1117), ("DEL_RULE", 1012),
    ("DEL_USER", 1115), ("DEV_ALLOC", 2307), ("DEV_DEALLOC", 2308), ("DM_CTRL", 1338),
    ("DM_EVENT", 1339), ("EOE", 1320), ("EVENT_LISTENER", 1335), ("EXECVE", 1309),
    ("FANOTIFY", 1331), ("FD_PAIR", 1317), ("FEATURE_CHANGE", 1328), ("FS_RELABEL", 2309),
    ("FS_WATCH", 1301), ("GET", 1000), ("GET_FEATURE", 1019), ("GRP_AUTH", 1126),
    ("GRP_CHAUTHTOK", 1133), ("GRP_MGMT", 1132), ("INTEGRITY_DATA", 1800),
    ("INTEGRITY_EVM_XATTR", 1806), ("INTEGRITY_HASH", 1803), ("INTEGRITY_METADATA", 1801),
    ("INTEGRITY_PCR", 1804), ("INTEGRITY_POLICY_RULE", 1807), ("INTEGRITY_RULE", 1805),
    ("INTEGRITY_STATUS", 1802), ("INTEGRITY_USERSPACE", 1808), ("IPC", 1303),
    ("IPC_SET_PERM", 1311), ("IPE_ACCESS", 1420), ("IPE_CONFIG_CHANGE", 1421),
    ("IPE_POLICY_LOAD", 1422), ("KERNEL", 2000), ("KERNEL_OTHER", 1316), ("KERN_MODULE", 1330),
    ("LABEL_LEVEL_CHANGE", 2304), ("LABEL_OVERRIDE", 2303), ("LANDLOCK_ACCESS", 1423),
    ("LANDLOCK_DOMAIN", 1424), ("LIST", 1002), ("LIST_RULES", 1013), ("LOGIN", 1006),
    ("MAC_CALIPSO_ADD", 1418), ("MAC_CALIPSO_DEL", 1419), ("MAC_CHECK", 1134),
    ("MAC_CIPSOV4_ADD", 1407), ("MAC_CIPSOV4_DEL", 1408), ("MAC_CONFIG_CHANGE", 1405),
    ("MAC_IPSEC_ADDSA", 1411), ("MAC_IPSEC_ADDSPD", 1413), ("MAC_IPSEC_DELSA", 1412),
    ("MAC_IPSEC_DELSPD", 1414), ("MAC_IPSEC_EVENT", 1415), ("MAC_MAP_ADD", 1409),
    ("MAC_MAP_DEL", 1410), ("MAC_OBJ_CONTEXTS", 1426), ("MAC_POLICY_LOAD", 1403),
    ("MAC_STATUS", 1404), ("MAC_TASK_CONTEXTS", 1425), ("MAC_UNLBL_ALLOW", 1406),
    ("MAC_UNLBL_STCADD", 1416), ("MAC_UNLBL_STCDEL", 1417), ("MAKE_EQUIV", 1015), ("MMAP", 1323),
    ("MQ_GETSETATTR", 1315), ("MQ_NOTIFY", 1314), ("MQ_OPEN", 1312), ("MQ_SENDRECV", 1313),
    ("NETFILTER_CFG", 1325), ("NETFILTER_PKT", 1324), ("OBJ_PID", 1318), ("OPENAT2", 1337),
    ("PATH", 1302), ("PROCTITLE", 1327), ("REPLACE", 1329), ("RESP_ACCT_LOCK", 2207),
    ("RESP_ACCT_LOCK_TIMED", 2205), ("RESP_ACCT_REMOTE", 2204), ("RESP_ACCT_UNLOCK_TIMED", 2206),
    ("RESP_ALERT", 2201), ("RESP_ANOMALY", 2200), ("RESP_EXEC", 2210), ("RESP_HALT", 2212),
    ("RESP_KILL_PROC", 2202), ("RESP_ORIGIN_BLOCK", 2213), ("RESP_ORIGIN_BLOCK_TIMED", 2214),
    ("RESP_ORIGIN_UNBLOCK_TIMED", 2215), ("RESP_SEBOOL", 2209), ("RESP_SINGLE", 2211),
    ("RESP_TERM_ACCESS", 2203), ("RESP_TERM_LOCK", 2208), ("ROLE_ASSIGN", 2301),
    ("ROLE_MODIFY", 2311), ("ROLE_REMOVE", 2302), ("SECCOMP", 1326), ("SELINUX_ERR", 1401),
    ("SERVICE_START", 1130), ("SERVICE_STOP", 1131), ("SET", 1001), ("SET_FEATURE", 1018),
    ("SIGNAL_INFO", 1010), ("SIGNAL_INFO2", 1021), ("SOCKADDR", 1306), ("SOCKETCALL", 1304),
    ("SOFTWARE_UPDATE", 1138), ("SYSCALL", 1300), ("SYSTEM_BOOT", 1127), ("SYSTEM_RUNLEVEL", 1129),
    ("SYSTEM_SHUTDOWN", 1128), ("TEST", 1120), ("TIME_ADJNTPVAL", 1333), ("TIME_INJOFFSET", 1332),
    ("TRIM", 1014), ("TRUSTED_APP", 1121), ("TTY", 1319), ("TTY_GET", 1016), ("TTY_SET", 1017),
    ("URINGOP", 1336), ("USER", 1005), ("USER_ACCT", 1101), ("USER_AUTH", 1100), ("USER_AVC", 1107),
    ("USER_CHAUTHTOK", 1108), ("USER_CMD", 1123), ("USER_DEVICE", 1137), ("USER_END", 1106),
    ("USER_ERR", 1109), ("USER_LABELED_EXPORT", 2305), ("USER_LOGIN", 1112), ("USER_LOGOUT", 1113),
    ("USER_MAC_CONFIG_CHANGE", 2312), ("USER_MAC_POLICY_LOAD", 2310), ("USER_MAC_STATUS", 2313),
    ("USER_MGMT", 1102), ("USER_ROLE_CHANGE", 2300), ("USER_SELINUX_ERR", 1122),
    ("USER_START", 1105), ("USER_TTY", 1124), ("USER_UNLABELED_EXPORT", 2306),
    ("USYS_CONFIG", 1111), ("VIRT_CONTROL", 2500), ("VIRT_CREATE", 2504), ("VIRT_DESTROY", 2505),
    ("VIRT_INTEGRITY_CHECK", 2503), ("VIRT_MACHINE_ID", 2502), ("VIRT_MIGRATE_IN", 2506),
    ("VIRT_MIGRATE_OUT", 2507), ("VIRT_RESOURCE", 2501), ("WATCH_INS", 1007), ("WATCH_LIST", 1009),
    ("WATCH_REM", 1008),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_so_that_it_can_be_searched() {
        assert!(TABLE.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    #[test]
    fn a_short_name_is_read_as_any() {
        let short = |name: &str| {
            let bytes = name.bytes().rev();
            RecordType::read_short(bytes.fold(0, |n, b| n << 8 | b as u128))
        };
        for (name, _) in TABLE.iter().filter(|(name, _)| name.len() <= 16) {
            assert_eq!(
                short(name),
                Some(RecordType::read(name.as_bytes())),
                "{name}"
            );
        }
        for none in ["", "A", "SYSCAL", "SYSCALLS"] {
            assert_eq!(short(none), None, "{none}");
        }
    }

    #[test]
    fn every_type_goes_by_a_number_of_its_own() {
        for kind in (0..=RecordType::COUNT).map(RecordType::of_index) {
            assert_eq!(RecordType::from(u16::from(kind)), kind, "{:?}", kind.name());
        }
    }

    #[test]
    fn names_numbers_and_unknowns_are_read() {
        assert_eq!(RecordType::read(b"EXECVE"), RecordType::EXECVE);
        assert_eq!(RecordType::read(b"1309"), RecordType::EXECVE);
        assert_eq!(RecordType::read(b"UNKNOWN[1327]"), RecordType::PROCTITLE);
        assert_eq!(RecordType::read(b"AUOMS_EXECVE"), RecordType::OTHER);
        assert_eq!(RecordType::read(b"UNKNOWN[99999999]"), RecordType::OTHER);
        assert_eq!(
            RecordType::read(b"UNKNOWN[1423]").name(),
            Some("LANDLOCK_ACCESS")
        );
        assert_eq!(RecordType::read(b"1425").name(), Some("MAC_TASK_CONTEXTS"));
        assert_eq!(RecordType::SYSCALL.number(), Some(1300));
        assert!(RecordType::read(b"DAEMON_START").is_daemon());
    }
}
