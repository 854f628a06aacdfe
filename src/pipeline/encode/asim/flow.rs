//! A network flow: NetworkSession; `Flow` where one record sums up several.

use std::net::IpAddr;

use crate::model::flow::{Direction, FlowActivity, Verdict};
use crate::model::{Flow, Hit};

use super::super::common::{protocol_name, sum};
use super::super::iso::Iso;
use super::super::json::{Object, string_part};
use super::common::{self, Head};

macro_rules! schema {
    ($vendor:literal, $product:literal) => {
        concat!(
            r#""EventSchema":"NetworkSession","EventSchemaVersion":"0.2.7","EventVendor":""#,
            $vendor,
            r#"","EventProduct":""#,
            $product,
            "\""
        )
    };
}

/// Vendor and product by the format, as far as ASIM's list of them has it.
fn schema(format: &str) -> &'static str {
    match format.split('_').next() {
        Some("azure") => schema!("Microsoft", "Azure NSG flows"),
        Some("zeek") => schema!("Corelight", "Zeek"),
        Some("aws") => schema!("AWS", "VPC"),
        _ => schema!("trailhound", "trailhound"),
    }
}

pub fn write(out: &mut Vec<u8>, flow: &Flow, community_uid: Option<&str>, hits: &[Hit]) {
    let start = Iso::of(flow.start);
    let end = flow.end.map(Iso::of);
    let mut o = Object::begin(out);
    let head = Head {
        schema: schema(flow.format),
        uid: flow.uid,
        start: &start,
        end: end.as_ref().unwrap_or(&start),
        generated: &start,
        host: &flow.host,
    };
    head.write(&mut o);
    head.device(&mut o);
    write_what(&mut o, flow);
    write_ends(&mut o, flow);
    write_network(&mut o, flow);
    common::threat(&mut o, hits, threat_field);
    common::threat_address(&mut o, hits, threat_field);
    o.object("AdditionalFields", |a| {
        a.plain("format", flow.format);
        a.bool("direction_told", flow.direction_told);
        if let Some(uid) = community_uid {
            a.text("community_id", uid.as_bytes());
        }
        for (name, value) in &flow.extra {
            a.text(name, value.as_bytes());
        }
        common::indicators(a, hits);
    });
    o.end();
}

fn write_what(o: &mut Object<'_>, flow: &Flow) {
    o.raw(match (flow.count, flow.activity) {
        (Some(_), _) => r#""EventType":"Flow""#,
        (None, FlowActivity::Open) => r#""EventType":"NetworkSession","EventSubType":"Start""#,
        (None, FlowActivity::Close) => r#""EventType":"NetworkSession","EventSubType":"End""#,
        (None, _) => r#""EventType":"NetworkSession""#,
    });
    o.number("EventCount", flow.count.unwrap_or(1));
    // The schema derives result and severity from the action.
    o.raw(match flow.verdict {
        Some(Verdict::Denied) => {
            r#""DvcAction":"Deny","EventResult":"Failure","EventSeverity":"Low""#
        }
        Some(Verdict::Allowed) if flow.activity != FlowActivity::Refuse => {
            r#""DvcAction":"Allow","EventResult":"Success","EventSeverity":"Informational""#
        }
        Some(Verdict::Allowed) => {
            r#""DvcAction":"Allow","EventResult":"Failure","EventSeverity":"Informational""#
        }
        None if flow.activity == FlowActivity::Refuse => {
            r#""EventResult":"Failure","EventSeverity":"Informational""#
        }
        None => r#""EventResult":"Success","EventSeverity":"Informational""#,
    });
}

fn write_ends(o: &mut Object<'_>, flow: &Flow) {
    let (src, dst) = (&flow.src, &flow.dst);
    common::ip(o, "SrcIpAddr", src.ip);
    o.number_if("SrcPortNumber", src.port);
    o.text_if("SrcHostname", src.name.as_deref().map(str::as_bytes));
    o.number_if("SrcBytes", src.bytes);
    o.number_if("SrcPackets", src.packets);
    common::ip(o, "DstIpAddr", dst.ip);
    o.number_if("DstPortNumber", dst.port);
    o.text_if("DstHostname", dst.name.as_deref().map(str::as_bytes));
    o.number_if("DstBytes", dst.bytes);
    o.number_if("DstPackets", dst.packets);
    o.number_if("NetworkBytes", sum(src.bytes, dst.bytes));
    o.number_if("NetworkPackets", sum(src.packets, dst.packets));
}

fn write_network(o: &mut Object<'_>, flow: &Flow) {
    o.raw(match flow.direction {
        Some(Direction::Inbound) => r#""NetworkDirection":"Inbound""#,
        Some(Direction::Outbound) => r#""NetworkDirection":"Outbound""#,
        Some(Direction::Internal) => r#""NetworkDirection":"Local""#,
        Some(Direction::External) => r#""NetworkDirection":"External""#,
        None => r#""NetworkDirection":"NA""#,
    });
    if let Some(protocol) = flow.protocol {
        match protocol_name(protocol) {
            Some(name) => o.text_of("NetworkProtocol", |out| {
                out.extend(name.bytes().map(|b| b.to_ascii_uppercase()));
            }),
            None => o.number_as_text("NetworkProtocol", protocol),
        };
    }
    match flow.src.ip.or(flow.dst.ip) {
        Some(IpAddr::V4(_)) => {
            o.raw(r#""NetworkProtocolVersion":"IPv4""#);
        }
        Some(IpAddr::V6(_)) => {
            o.raw(r#""NetworkProtocolVersion":"IPv6""#);
        }
        None => {}
    }
    if let Some(service) = &flow.service {
        o.text_of("NetworkApplicationProtocol", |out| {
            string_part(out, service.as_bytes());
        });
    }
    if let Some(end) = flow.end {
        o.number("NetworkDuration", end.since(flow.start).max(0));
    }
    if let Some(uid) = &flow.original_uid {
        o.text("NetworkSessionId", uid.as_bytes());
    }
}

fn threat_field(ocsf: &str) -> Option<&'static str> {
    match ocsf {
        "src_endpoint.ip" => Some("SrcIpAddr"),
        "dst_endpoint.ip" => Some("DstIpAddr"),
        _ => None,
    }
}
