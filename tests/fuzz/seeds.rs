//! What the fuzzer begins with: lines of the benches' generator and a few of each form, all made up here.
//!
//! `./run` has them written out (TRAILHOUND_FUZZ_SEEDS names the directory); the test runs every check over
//! them, and over what becomes of them when bytes are changed.

#[path = "../../benches/generate/mod.rs"]
mod generate;

use generate::{Shape, traffic};

/// Lines with every trap of a head, a value and a list of arguments.
const LINES: [&str; 16] = [
    "type=SYSCALL msg=audit(1795318752.528:192906): arch=c000003e syscall=59 success=yes exit=0 a0=1 items=2 ppid=1 pid=2 auid=1000 uid=0 tty=pts0 ses=3 comm=\"id\" exe=\"/usr/bin/id\" subj==unconfined key=(null)\x1dARCH=x86_64 SYSCALL=execve AUID=\"alice\" UID=\"root\"",
    "type=EXECVE msg=audit(1795318752.528:192906): argc=3 a0=\"id\" a1=\"\" a2=FF20C3A4",
    "type=EXECVE msg=audit(1795318752.528:192906): argc=2 a0=\"sh\" a1_len=12 a1[0]=2F62 a1[1]=696E2F7368",
    "node=web01 type=CWD msg=audit(1795318752.528:192906): cwd=\"/\"",
    "type=PATH msg=audit(1795318752.528:192906): item=0 name=2F746D702F612062 inode=7 mode=0100755 nametype=NORMAL\x1dOUID=\"root\"",
    "type=UNKNOWN[1327] msg=audit(1795318752.528:192906): proctitle=6964002D75",
    "type=EOE msg=audit(1795318752.528:192906): ",
    "type=1326 audit(1795318753.001:192907): auid=4294967295 uid=0 ses=4294967295 pid=9 comm=\"x\" sig=31 arch=c000003e syscall=101 code=0x0",
    "type=LOGIN msg=audit(1795318754.001:192908): login pid=7 uid=0 old auid=4294967295 new auid=1000 old ses=4294967295 new ses=3 res=1",
    "type=USER_LOGIN msg=audit(1795318754.002:192909): pid=7 uid=0 auid=1000 ses=3 msg='op=login id=1000 exe=\"/usr/sbin/sshd\" hostname=203.0.113.66 addr=203.0.113.66 terminal=ssh res=success'\x1dUID=\"root\" ID=\"alice\"",
    "type=USER_AUTH msg=audit(1795318755.002:192910): pid=8 uid=0 auid=4294967295 ses=4294967295 msg='op=PAM:authentication grantors=? acct=\"(unknown)\" exe=\"/usr/sbin/sshd\" hostname=203.0.113.66 addr=203.0.113.66 terminal=ssh res=failed'",
    "type=USER_CMD msg=audit(1795318756.002:192911): pid=9 uid=1000 auid=1000 ses=3 msg='cwd=\"/root\" cmd=6375726C20687474703A2F2F6576696C2E6578616D706C652F61 terminal=pts/0 res=success'",
    "type=SOCKADDR msg=audit(1795318757.002:192912): saddr=02001F90CB0071420000000000000000\x1dSADDR={ saddr_fam=inet laddr=203.0.113.66 lport=8080 }",
    "type=DAEMON_START msg=audit(1795318750.000:1): op=start ver=3.0 format=enriched kernel=6.1 auid=4294967295 pid=1 res=success",
    "type=AVC msg=audit(1795318758.002:192913): avc:  denied  { read write } for  pid=9 comm=\"x\" name=\"y\" scontext=a:b:c tclass=file",
    "type=USER_START msg=audit(): pid=1",
];

/// Bytes to begin with, for a target of this name.
pub fn of(target: &str) -> Vec<Vec<u8>> {
    let lines = || LINES.iter().map(|line| line.as_bytes().to_vec());
    match target {
        "envelope" => envelopes(),
        "line" => lines().collect(),
        "values" => lines().filter_map(|line| body(&line)).collect(),
        "execve" => arguments(),
        "flow_azure_json" => texts(&AZURE_JSON),
        "flow_azure_csv" => texts(&AZURE_CSV),
        "flow_zeek" => texts(&ZEEK),
        "indicators" => texts(&INDICATORS),
        "config" => configurations(),
        "lane" => lanes(),
        "saved" => changes(),
        _ => Vec::new(),
    }
}

fn texts(all: &[&str]) -> Vec<Vec<u8>> {
    all.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn body(line: &[u8]) -> Option<Vec<u8>> {
    let at = line.windows(3).position(|part| part == b"): ")?;
    Some(line[at + 3..].to_vec())
}

fn envelopes() -> Vec<Vec<u8>> {
    let line = LINES[3];
    let quoted = line.replace('"', "\\\"");
    vec![
        LINES.join("\r\n").into_bytes(),
        format!("<13>Nov  2 03:40:11 web01 audispd: {line}").into_bytes(),
        format!("<13>1 2019-03-02T00:10:06.101Z web01 auditd 17 - [meta x=\"a b\"] {line}\n").into_bytes(),
        format!("Nov 22 03:40:11 web01 kernel: [   12.345678] audit: {line}").into_bytes(),
        format!("host=web01 {line}").into_bytes(),
        format!("{{\"@timestamp\":\"x\",\"message\":\"{quoted}\\r{quoted}\",\"host\":{{\"name\":\"web01\"}}}}\n{{\"message\":\"\"}}\n").into_bytes(),
        format!("{{\"log\":\"{quoted}\\n\",\"hostname\":\"w\"}}").into_bytes(),
        format!("{{\n\"event\":{{\"original\":\"{quoted}\"}},\n\"host\":\"w\"}}").into_bytes(),
        format!("[{{\"message\":\"{quoted}\"}},{{\"log\":\"{quoted}\"}}]").into_bytes(),
        b",TenantId,Computer,mssg_id,AuditdMessage\n0,x,web01,1.000:1,\"[{'CWD': ['cwd=\"\"/\"\"']}, {'EOE': []}]\"\n".to_vec(),
        b"{\"Computer\":\"web01\",\"mssg_id\":\"1.000:1\",\"AuditdMessage\":[{\"CWD\":[\"cwd=/\"]},{\"EOE\":[]}]}".to_vec(),
        b"{\"MESSAGE\":[67,87,68,32,120],\"_AUDIT_ID\":\"9\",\"_AUDIT_TYPE_NAME\":\"CWD\",\"_HOSTNAME\":\"w\",\"_SOURCE_REALTIME_TIMESTAMP\":\"1000\"}".to_vec(),
        format!("{{\"records\":[{{\"RawData\":\"{quoted}\",\"Computer\":\"w\"}}]}}").into_bytes(),
    ]
}

/// Choices of `checks/execve.rs`: room, order, then lengths and patterns.
fn arguments() -> Vec<Vec<u8>> {
    let mut all = texts(&["argc=2 a0=\"a\" a1_len=4 a1[0]=\"b\" a1[1]=\"c\"\nargc=1 a0=61"]);
    all.push(
        [0, 3, 255]
            .iter()
            .copied()
            .chain(*b"abc d\"e\xff")
            .collect(),
    );
    all.push(
        [40, 1]
            .into_iter()
            .chain((0..40).flat_map(|n| [n * 5, b'x', n]))
            .collect(),
    );
    all.push(
        [0, 0]
            .into_iter()
            .chain((0..60).flat_map(|n| [230, b'/', b'a' + n % 26]))
            .collect(),
    );
    all
}

const AZURE_JSON: [&str; 2] = [
    "{\"records\":[{\"FlowStartTime\":\"2026-11-22 03:40:45.000\",\"FlowEndTime_t\":\"2026-11-22T03:40:46Z\",\"FlowType\":\"ExternalPublic\",\"VMName\":\"rg/web01\",\"VMIPAddress\":\"10.20.0.5\",\"PublicIPs_s\":\"203.0.113.66|1|0|5|6|700|800 203.0.113.67|2|1\",\"SrcIP\":\"\",\"DestIP\":\"\",\"L4Protocol\":\"T\",\"DestPort_d\":443.0,\"FlowDirection\":\"O\",\"FlowStatus_s\":\"A\",\"AllowedOutFlows\":\"4\",\"DeniedOutFlows_d\":1}]}",
    "[{\"FlowStartTime\":1795318845,\"SrcIp\":\"10.20.0.20\",\"DestIp\":\"2001:db8::5\",\"DestPublicIps\":[\"203.0.113.66\"],\"L4Protocol\":\"U\",\"FlowDirection\":\"Inbound\",\"FlowStatus\":\"Denied\"}]",
];

const AZURE_CSV: [&str; 2] = [
    "2026-11-22 03:40:45.000,2026-11-22 03:40:46.000,web01,10.20.0.5,\"['203.0.113.66', '203.0.113.67']\",,,51514,T,http,8000.0,O,A,4,0,1,2,3,4,rule\n",
    "FlowStartTime,AllExtIPs,L4Protocol,SrcIP,DestIP\n2026-11-22 03:40:45,203.0.113.66,T,10.0.0.1,\"203.0.113.66 203.0.113.67\"\n",
];

const ZEEK: [&str; 3] = [
    "{\"ts\":1795318813.201,\"uid\":\"C1\",\"id.orig_h\":\"10.20.0.20\",\"id.orig_p\":51514,\"id.resp_h\":\"10.20.0.5\",\"id.resp_p\":22,\"proto\":\"tcp\",\"service\":\"ssh\",\"duration\":20.04,\"orig_bytes\":4213,\"conn_state\":\"SF\",\"local_orig\":true,\"local_resp\":true,\"history\":\"ShAd\"}",
    "{\"conn\":{\"@timestamp\":\"2026-11-22T03:40:13.201Z\",\"id_orig_h\":\"fe80::1\",\"id_resp_h\":\"ff02::fb\",\"id_resp_p\":5353,\"proto\":\"udp\",\"duration\":null}}\n{\"ts\":1,\"id\":{\"orig_h\":\"10.0.0.1\",\"resp_h\":\"::ffff:203.0.113.66\"},\"proto\":\"icmp\"}",
    "{\"ts\":22.33,\"id.orig_h\":\"10.0.0.1\",\"id.resp_h\":\"x\"}",
];

const INDICATORS: [&str; 3] = [
    "# a list\n203[.]0[.]113[.]66\t# note\n2001:DB8::1\n198.51.100.0/24\n2001:db8:1::/48\n*.Evil.Example.\nhxxp://Evil.example/a#b\n0123456789abcdef0123456789abcdef\n0/0\ncom\n\0curl http://evil.example/a -o x 203.0.113.66:80 www.evil.example 198.51.100.7 [2001:db8:1::7] 0123456789ABCDEF0123456789ABCDEF",
    "\u{feff}\"BÜCHER.example\",\nhttps://a.example:8443/p?q=1\n::ffff:203.0.113.66\0https://A.example:8443/p?q=1 bücher.example",
    "da39a3ee5e6b4b0d3255bfef95601890afd80709\ne3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n",
];

fn configurations() -> Vec<Vec<u8>> {
    let example = include_str!("../../deploy/trailhound.example.toml");
    let keys: Vec<&str> = example
        .lines()
        .filter(|line| !line.starts_with("# "))
        .collect();
    let all = keys.join("\n").replace("#: ", "");
    vec![
        all.into_bytes(),
        b"[kafka]\nbootstrap_servers = \"a:1\"\n[limits]\nline_bytes = \"64KiB\"\n[kafka.properties]\nsecurity.protocol = \"ssl\"\n\"sasl.username\" = { env = \"WHO\" }\0alert, audit".to_vec(),
        b"wrokers = 2\n[waits]\nevent = \"2 s\"\nsettle = 50\n[output]\nkinds = [\"proces\"]\n".to_vec(),
    ]
}

fn lanes() -> Vec<Vec<u8>> {
    let mut all = vec![LINES.join("\n").into_bytes()];
    for eoe in [true, false] {
        let made = traffic(Shape {
            events: 60,
            hosts: 3,
            eoe,
        });
        let (mut text, mut time) = (Vec::new(), 0);
        for (number, line) in made.lines.iter().take(60).enumerate() {
            text.extend_from_slice(&line.text);
            text.push(b'\n');
            match number % 20 {
                5 => {
                    let passed = (line.time - time).clamp(1, 30);
                    time = line.time;
                    text.push(1);
                    text.resize(text.len() + passed as usize, b'.');
                    text.push(b'\n');
                }
                9 => text.extend_from_slice(b"\x02\n"),
                13 => text.extend_from_slice(&[b"\x03", ZEEK[0].as_bytes(), b"\n"].concat()),
                17 => text.extend_from_slice(b"\x04\n"),
                _ => {}
            }
        }
        all.push(text);
    }
    all.extend(envelopes().into_iter().map(|message| {
        let ends = message.iter().map(|b| if *b == b'\n' { 5 } else { *b });
        ends.collect()
    }));
    all
}

/// Changes of `checks/saved.rs`: none, and one of each sort in the first records.
fn changes() -> Vec<Vec<u8>> {
    let sorts = (0..5).flat_map(|what| (0..32).map(move |which| vec![what, which, 0, 3, 5, 0xff]));
    std::iter::once(Vec::new()).chain(sorts).collect()
}
