//! Community ID 1.0 of a flow: one name for both directions, the same in Zeek, Suricata and here
//! (github.com/corelight/community-id-spec).

use std::net::IpAddr;

use base64::Engine;
use sha1::{Digest, Sha1};

use crate::model::Flow;

/// Where both ends and ports are known and the protocol has ports: TCP, UDP, SCTP.
pub fn uid(flow: &Flow) -> Option<String> {
    let protocol = flow
        .protocol
        .filter(|protocol| matches!(protocol, 6 | 17 | 132))?;
    let mut ends = [
        (bytes(flow.src.ip?), flow.src.port?),
        (bytes(flow.dst.ip?), flow.dst.port?),
    ];
    ends.sort();
    let mut hash = Sha1::new();
    // The seed, 0.
    hash.update([0, 0]);
    hash.update(&ends[0].0);
    hash.update(&ends[1].0);
    hash.update([protocol, 0]);
    hash.update(ends[0].1.to_be_bytes());
    hash.update(ends[1].1.to_be_bytes());
    let digest = base64::engine::general_purpose::STANDARD.encode(hash.finalize());
    Some(format!("1:{digest}"))
}

fn bytes(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::flow::{Endpoint, FlowActivity};
    use crate::model::{EventUid, Timestamp};

    fn end(ip: &str, port: u16) -> Endpoint {
        Endpoint {
            ip: ip.parse().ok(),
            port: Some(port),
            ..Endpoint::default()
        }
    }

    #[test]
    fn the_specifications_own_example_holds_in_both_directions() {
        let flow = |src, dst| Flow {
            uid: EventUid(0),
            host: "".into(),
            format: "test",
            original_uid: None,
            start: Timestamp(0),
            end: None,
            src,
            dst,
            protocol: Some(6),
            service: None,
            direction: None,
            direction_told: false,
            verdict: None,
            activity: FlowActivity::Traffic,
            count: None,
            extra: Vec::new(),
        };
        let ends = || (end("128.232.110.120", 34855), end("66.35.250.204", 80));
        let ((a, b), (c, d)) = (ends(), ends());
        let example = Some("1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
        assert_eq!(uid(&flow(a, b)).as_deref(), example);
        assert_eq!(uid(&flow(d, c)).as_deref(), example);
    }
}
