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
