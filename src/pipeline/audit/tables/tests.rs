//! The tables against numbers that are known from elsewhere. What other programs and headers say of
//! them is compared in tests/conformance/headers.rs.

use super::*;

#[test]
fn every_table_is_sorted_so_that_it_can_be_searched() {
    let tables: [&[(u64, &str)]; 10] = [
        ERRNOS,
        ERRNOS_MIPS,
        ERRNO_TEXTS,
        SIGNALS,
        CAPABILITIES,
        FAMILIES,
        PROTOCOLS,
        PTRACE_REQUESTS,
        PRCTL_OPTIONS,
        SECCOMP_ACTIONS,
    ];
    for table in tables {
        assert!(table.windows(2).all(|pair| pair[0].0 < pair[1].0));
        for (number, name) in table {
            assert_eq!(name_of(table, *number), Some(*name));
        }
    }
}

#[test]
fn calls_are_named_by_architecture() {
    for (code, number, name) in [
        (0xc000_003e, 59, "execve"),
        (0xc000_003e, 257, "openat"),
        (0xc000_003e, 0x4000_0000 + 520, "execve"),
        (0xc000_003e, 0x4000_0000, "read"),
        (0x4000_0003, 11, "execve"),
        (0x4000_0003, 102, "socketcall"),
        (0xc000_00b7, 221, "execve"),
        (0xc000_00b7, 56, "openat"),
        (0x4000_0028, 11, "execve"),
        (0x4000_0028, 322, "openat"),
        (0xc000_0015, 11, "execve"),
        (0xc000_0015, 286, "openat"),
        (0x8000_0016, 11, "execve"),
        (0x8000_0016, 288, "openat"),
        (0xc000_00f3, 221, "execve"),
        (0xc000_0102, 221, "execve"),
        (0x0000_0008, 4011, "execve"),
        (0x8000_0008, 5057, "execve"),
        (0xc000_003e, 435, "clone3"),
    ] {
        let arch = Arch::of(code).expect("it is known");
        assert_eq!(arch.syscall(number), Some(name), "{} {number}", arch.name());
    }
    assert_eq!(Arch::X86_64.syscall(400), None);
    assert_eq!(Arch::X86_64.syscall(u32::MAX), None);
    assert_eq!(Arch::of(0x8000_0008).and_then(|mips| mips.syscall(1)), None);
    assert_eq!(Arch::of(0), None);
}

#[test]
fn calls_that_came_since_2019_have_one_number_everywhere() {
    for code in [
        0xc000_003e,
        0x4000_0003,
        0xc000_00b7,
        0x4000_0028,
        0xc000_0015,
        0x8000_0016,
        0xc000_00f3,
    ] {
        let arch = Arch::of(code).expect("it is known");
        assert_eq!(arch.syscall(424), Some("pidfd_send_signal"));
        assert_eq!(arch.syscall(437), Some("openat2"));
        assert_eq!(arch.syscall(452), Some("fchmodat2"));
        assert_eq!(arch.syscall_number("openat2"), Some(437));
    }
}

#[test]
fn architectures_are_read_from_number_and_name() {
    assert_eq!(Arch::read(b"c000003e"), Some(Arch::X86_64));
    assert_eq!(Arch::read(b"x86_64"), Some(Arch::X86_64));
    assert_eq!(Arch::read(b"40000003"), Some(Arch::I386));
    assert_eq!(Arch::read(b"x"), None);
    assert_eq!(Arch::read(b"\xff"), None);
    assert!(Arch::X86_64.is_64_bit() && !Arch::ARM.is_64_bit());
    assert!(Arch::of(0x8000_0016).is_some_and(|s390x| !s390x.is_little_endian()));
}

#[test]
fn errors_have_a_name_and_a_text() {
    assert_eq!(
        (errno(2), errno_text(2)),
        (Some("ENOENT"), Some("No such file or directory"))
    );
    assert_eq!(
        (errno(115), errno_text(115)),
        (Some("EINPROGRESS"), Some("Operation now in progress"))
    );
    assert_eq!(
        (errno(11), errno(35), errno(95)),
        (Some("EAGAIN"), Some("EDEADLK"), Some("EOPNOTSUPP"))
    );
    assert_eq!(
        (errno(0), errno(4000), errno(512)),
        (None, None, Some("ERESTARTSYS"))
    );
    let mips = Arch::of(8).expect("it is known");
    assert_eq!(
        (mips.errno(2), mips.errno(89)),
        (Some("ENOENT"), Some("ENOSYS"))
    );
}

#[test]
fn flags_are_written_as_names_and_what_is_left() {
    assert_eq!(open_flags(0).to_string(), "O_RDONLY");
    assert_eq!(open_flags(0o1102).to_string(), "O_RDWR|O_CREAT|O_TRUNC");
    assert_eq!(
        open_flags(0x90800).to_string(),
        "O_RDONLY|O_NONBLOCK|O_DIRECTORY|O_CLOEXEC"
    );
    assert_eq!(open_flags(0x101001).to_string(), "O_WRONLY|O_SYNC");
    assert_eq!(open_flags(1 << 40).to_string(), "O_RDONLY|0x10000000000");
    assert!(open_flags(0x41).has("O_CREAT") && !open_flags(1).has("O_RDONLY"));
    // O_DIRECTORY and O_NOFOLLOW have other bits on ARM.
    assert_eq!(
        Arch::AARCH64.open_flags(0x84000).to_string(),
        "O_RDONLY|O_DIRECTORY|O_CLOEXEC"
    );
    assert_eq!(protection(0).to_string(), "PROT_NONE");
    assert_eq!(protection(5).to_string(), "PROT_READ|PROT_EXEC");
    assert_eq!(mmap_flags(0x22).to_string(), "MAP_PRIVATE|MAP_ANONYMOUS");
    assert_eq!(
        clone_flags(0x0120_0011).to_string(),
        "CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID|SIGCHLD"
    );
    assert_eq!(access_mode(0).to_string(), "F_OK");
    assert_eq!(access_mode(6).to_string(), "R_OK|W_OK");
    assert_eq!(mount_flags(0).to_string(), "0x0");
}

#[test]
fn modes_name_the_kind_of_file() {
    assert_eq!(mode(0o100_644).to_string(), "file,644");
    assert_eq!(mode(0o041_777).to_string(), "dir,sticky,777");
    assert_eq!(mode(0o104_755).to_string(), "file,suid,755");
    assert_eq!(mode(0o644).to_string(), "000,644");
    assert_eq!(permissions(0o600).to_string(), "0600");
}

#[test]
fn sets_of_capabilities_are_lists() {
    assert_eq!(capabilities(0).to_string(), "none");
    assert_eq!(capabilities(0x3000).to_string(), "net_admin,net_raw");
    assert_eq!(
        capabilities(1 << 63 | 1).to_string(),
        "chown,0x8000000000000000"
    );
}

#[test]
fn other_numbers_have_the_kernels_names() {
    assert_eq!(signal(15), Some("SIGTERM"));
    assert_eq!(capability(21), Some("sys_admin"));
    assert_eq!(
        (family(1), family(10), family(16), family(40)),
        (Some("local"), Some("inet6"), Some("netlink"), Some("vsock"))
    );
    assert_eq!((protocol(6), protocol(17)), (Some("tcp"), Some("udp")));
    assert_eq!(socket_type(0o2000001), Some("SOCK_STREAM"));
    assert_eq!(socket_call(3), Some("connect"));
    assert_eq!(seccomp_action(0x8000_0000), Some("kill-process"));
    assert_eq!(seccomp_action(0x0005_0001), Some("errno"));
    assert_eq!(ptrace_request(16), Some("PTRACE_ATTACH"));
    assert_eq!(prctl_option(38), Some("PR_SET_NO_NEW_PRIVS"));
    assert_eq!(fcntl_command(1030), Some("F_DUPFD_CLOEXEC"));
    assert_eq!(rlimit(7), Some("RLIMIT_NOFILE"));
    assert_eq!(audit_list(4), Some("exit"));
    assert_eq!(uring_operation(18), Some("openat"));
}
