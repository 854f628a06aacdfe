//! Flow records, each format by its own door: any bytes stay within bounds and survive a change of owner,
//! and a flow written in the format reads back with the same ends, times and counts.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use chrono::DateTime;
use trailhound::model::Flow;
use trailhound::model::settings::default_internal_networks;
use trailhound::pipeline::flow::FlowReader;

use super::Choices;

const HEADER: &str = "FlowStartTime,FlowEndTime,VMName,VMIPAddress,PublicIPs,SrcIP,DestIP,SrcPort,L4Protocol,L7Protocol,DestPort,FlowDirection,FlowStatus,AllowedInFlows,DeniedInFlows,OutboundBytes,InboundBytes,OutboundPackets,InboundPackets,NSGRule\n";

/// What a flow says, whatever the format.
struct Made {
    ms: i64,
    ips: [IpAddr; 2],
    ports: [u16; 2],
    protocol: (u8, &'static str, &'static str),
    /// Bytes and packets from the source, then from the destination.
    counts: [u64; 4],
}

impl Made {
    fn new(bytes: &[u8]) -> Made {
        let choices = &mut Choices::new(bytes);
        Made {
            // Until 2096, in milliseconds.
            ms: (choices.number(6) % 4_000_000_000_000) as i64,
            ips: [ip(choices), ip(choices)],
            ports: [choices.number(2) as u16, choices.number(2) as u16],
            protocol: [(6, "tcp", "T"), (17, "udp", "U")][usize::from(choices.byte() % 2)],
            // Floats tell whole numbers up to 2^53.
            counts: [(); 4].map(|()| choices.number(8) >> 11),
        }
    }

    fn compare(&self, flow: &Flow) {
        let ends = [flow.src.ip, flow.dst.ip];
        assert_eq!(ends, self.ips.map(|ip| Some(ip.to_canonical())));
        assert_eq!([flow.src.port, flow.dst.port], self.ports.map(Some));
        assert_eq!(flow.start.0, self.ms);
        assert_eq!(flow.protocol, Some(self.protocol.0));
        let (src, dst) = (&flow.src, &flow.dst);
        let counts = [src.bytes, dst.bytes, src.packets, dst.packets];
        assert_eq!(counts, self.counts.map(Some));
    }

    fn iso(&self) -> String {
        let time = DateTime::from_timestamp_millis(self.ms).unwrap_or_default();
        time.format("%Y-%m-%d %H:%M:%S%.3f").to_string()
    }
}

fn ip(choices: &mut Choices<'_>) -> IpAddr {
    match choices.byte() % 2 {
        0 => Ipv4Addr::from(choices.number(4) as u32).into(),
        _ => Ipv6Addr::from(u128::from(choices.number(8)) << 64 | u128::from(choices.number(8)))
            .into(),
    }
}

pub fn zeek(bytes: &[u8]) {
    bounded(b"", bytes);
    let made = Made::new(bytes);
    let ([src, dst], [src_port, dst_port]) = (made.ips, made.ports);
    let [src_bytes, dst_bytes, src_packets, dst_packets] = made.counts;
    let (seconds, millis) = (made.ms / 1000, made.ms % 1000);
    let text = format!(
        "{{\"ts\":{seconds}.{millis:03},\"uid\":\"C1\",\"id.orig_h\":\"{src}\",\"id.orig_p\":{src_port},\"id.resp_h\":\"{dst}\",\"id.resp_p\":{dst_port},\"proto\":\"{}\",\"orig_bytes\":{src_bytes},\"resp_bytes\":{dst_bytes},\"orig_pkts\":{src_packets},\"resp_pkts\":{dst_packets}}}",
        made.protocol.1
    );
    made.compare(only(&[text.as_bytes()]).as_ref());
}

pub fn azure_json(bytes: &[u8]) {
    bounded(b"", bytes);
    let made = Made::new(bytes);
    let ([src, dst], [src_port, dst_port]) = (made.ips, made.ports);
    let [src_bytes, dst_bytes, src_packets, dst_packets] = made.counts;
    let text = format!(
        "{{\"records\":[{{\"FlowStartTime_t\":\"{}\",\"SrcIP_s\":\"{src}\",\"DestIP_s\":\"{dst}\",\"SrcPort_d\":{src_port},\"DestPort_d\":{dst_port}.0,\"L4Protocol_s\":\"{}\",\"OutboundBytes_d\":{src_bytes}.0,\"InboundBytes_d\":{dst_bytes},\"OutboundPackets_d\":\"{src_packets}\",\"InboundPackets_d\":{dst_packets}}}]}}",
        made.iso(),
        made.protocol.2
    );
    made.compare(only(&[text.as_bytes()]).as_ref());
}

pub fn azure_csv(bytes: &[u8]) {
    bounded(b"", bytes);
    bounded(HEADER.as_bytes(), bytes);
    let made = Made::new(bytes);
    let ([src, dst], [src_port, dst_port]) = (made.ips, made.ports);
    let [src_bytes, dst_bytes, src_packets, dst_packets] = made.counts;
    let row = format!(
        "{},,web01,,,{src},\"{dst}\",{src_port},{},,{dst_port},O,A,1,0,{src_bytes},{dst_bytes},{src_packets},{dst_packets},\n",
        made.iso(),
        made.protocol.2
    );
    made.compare(only(&[HEADER.as_bytes(), row.as_bytes()]).as_ref());
}

fn reader() -> FlowReader {
    FlowReader::new(&default_internal_networks())
}

/// The one flow that these records hold.
fn only(records: &[&[u8]]) -> Box<Flow> {
    let (mut reader, mut flows) = (reader(), Vec::new());
    for record in records {
        let read = reader.read(record, &mut |flow| flows.push(flow));
        assert!(
            read.is_ok(),
            "{read:?}: {}",
            String::from_utf8_lossy(record)
        );
    }
    assert_eq!(flows.len(), 1);
    Box::new(flows.remove(0))
}

fn bounded(before: &[u8], record: &[u8]) {
    let mut first = reader();
    let mut flows = Vec::new();
    let _ = first.read(before, &mut |_| {});
    let mut next = reader();
    next.restore(&first.save());
    let read = first.read(record, &mut |flow| flows.push(flow));
    // An address takes two bytes at least.
    assert!(flows.len() <= record.len());
    assert!(flows.iter().all(|flow| text_of(flow) <= 16 * record.len()));
    assert!(first.save().len() <= before.len().max(record.len()));
    // A header that came before goes with the lane.
    let mut again = Vec::new();
    assert_eq!(next.read(record, &mut |flow| again.push(flow)), read);
    assert_eq!(again, flows);
}

fn text_of(flow: &Flow) -> usize {
    let extra: usize = flow.extra.iter().map(|(_, text)| text.len()).sum();
    let names = [
        &flow.src.name,
        &flow.dst.name,
        &flow.service,
        &flow.original_uid,
    ];
    let names: usize = names.into_iter().flatten().map(|text| text.len()).sum();
    extra + names
}
