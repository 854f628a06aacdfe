//! network_activity (4001): Open, Close, Refuse, Traffic.

use std::net::IpAddr;

use crate::model::flow::{Direction, Endpoint, FlowActivity, Verdict};
use crate::model::{Flow, Hit};

use super::super::common::{protocol_name, sum};
use super::super::json::Object;
use super::common;

/// `type_uid` of a flow event.
pub fn type_uid(activity: FlowActivity) -> u32 {
    match activity {
        FlowActivity::Open => 400_101,
        FlowActivity::Close => 400_102,
        FlowActivity::Refuse => 400_105,
        FlowActivity::Traffic => 400_106,
    }
}

pub fn write(out: &mut Vec<u8>, flow: &Flow, community_uid: Option<&str>, hits: &[Hit]) {
    let mut o = Object::begin(out);
    o.raw(match flow.activity {
        FlowActivity::Open => r#""activity_id":1,"activity_name":"Open","type_uid":400101,"type_name":"Network Activity: Open""#,
        FlowActivity::Close => r#""activity_id":2,"activity_name":"Close","type_uid":400102,"type_name":"Network Activity: Close""#,
        FlowActivity::Refuse => r#""activity_id":5,"activity_name":"Refuse","type_uid":400105,"type_name":"Network Activity: Refuse""#,
        FlowActivity::Traffic => r#""activity_id":6,"activity_name":"Traffic","type_uid":400106,"type_name":"Network Activity: Traffic""#,
    });
    o.raw(r#""category_uid":4,"category_name":"Network Activity","class_uid":4001,"class_name":"Network Activity","severity_id":1,"severity":"Informational""#);
    o.number("time", flow.start.0)
        .number("start_time", flow.start.0);
    if let Some(end) = flow.end {
        o.number("end_time", end.0)
            .number("duration", end.since(flow.start).max(0));
    }
    o.number_if("count", flow.count);
    match flow.verdict {
        Some(Verdict::Allowed) => {
            o.raw(r#""disposition_id":1,"disposition":"Allowed","action_id":1,"action":"Allowed""#)
        }
        Some(Verdict::Denied) => {
            o.raw(r#""disposition_id":2,"disposition":"Blocked","action_id":2,"action":"Denied""#)
        }
        None => &mut o,
    };
    common::plain_metadata(&mut o, flow.uid, |m| {
        m.plain("log_name", flow.format);
        m.raw(if flow.verdict.is_some() {
            r#""profiles":["host","security_control"]"#
        } else {
            r#""profiles":["host"]"#
        });
        m.text_if(
            "original_event_uid",
            flow.original_uid.as_deref().map(str::as_bytes),
        );
    });
    common::device(&mut o, &flow.host);
    write_endpoint(&mut o, "src_endpoint", &flow.src);
    write_endpoint(&mut o, "dst_endpoint", &flow.dst);
    o.text_if("app_name", flow.service.as_deref().map(str::as_bytes));
    o.object("connection_info", |c| {
        write_connection(c, flow, community_uid)
    });
    write_traffic(&mut o, flow);
    common::sightings(
        &mut o,
        hits,
        &[
            ("src_endpoint.ip", flow.src.ip),
            ("dst_endpoint.ip", flow.dst.ip),
        ],
    );
    o.object("unmapped", |u| {
        u.bool("direction_told", flow.direction_told);
        for (name, value) in &flow.extra {
            u.text(name, value.as_bytes());
        }
    });
    o.end();
}

fn write_endpoint(o: &mut Object<'_>, key: &str, endpoint: &Endpoint) {
    if endpoint.ip.is_none() && endpoint.name.is_none() {
        return;
    }
    o.object(key, |e| {
        if let Some(ip) = endpoint.ip {
            e.address("ip", ip);
        }
        e.text_if("name", endpoint.name.as_deref().map(str::as_bytes));
        e.number_if("port", endpoint.port);
    });
}

fn write_connection(c: &mut Object<'_>, flow: &Flow, community_uid: Option<&str>) {
    c.raw(match flow.direction {
        Some(Direction::Inbound) => r#""direction_id":1,"direction":"Inbound""#,
        Some(Direction::Outbound) => r#""direction_id":2,"direction":"Outbound""#,
        Some(Direction::Internal) => {
            r#""direction_id":3,"direction":"Lateral","boundary_id":2,"boundary":"Internal""#
        }
        Some(Direction::External) => {
            r#""direction_id":99,"direction":"external","boundary_id":3,"boundary":"External""#
        }
        None => r#""direction_id":0,"direction":"Unknown""#,
    });
    if let Some(protocol) = flow.protocol {
        c.number("protocol_num", protocol);
        c.plain("protocol_name", protocol_name(protocol).unwrap_or("other"));
    }
    match flow.src.ip.or(flow.dst.ip) {
        Some(IpAddr::V4(_)) => {
            c.raw(r#""protocol_ver_id":4,"protocol_ver":"Internet Protocol version 4 (IPv4)""#)
        }
        Some(IpAddr::V6(_)) => {
            c.raw(r#""protocol_ver_id":6,"protocol_ver":"Internet Protocol version 6 (IPv6)""#)
        }
        None => c,
    };
    if let Some(uid) = community_uid {
        c.text("community_uid", uid.as_bytes());
    }
}

fn write_traffic(o: &mut Object<'_>, flow: &Flow) {
    let (src, dst) = (&flow.src, &flow.dst);
    let counts = [src.bytes, dst.bytes, src.packets, dst.packets];
    if counts.iter().all(Option::is_none) {
        return;
    }
    o.object("traffic", |t| {
        t.number_if("bytes", sum(src.bytes, dst.bytes));
        t.number_if("bytes_out", src.bytes);
        t.number_if("bytes_in", dst.bytes);
        t.number_if("packets", sum(src.packets, dst.packets));
        t.number_if("packets_out", src.packets);
        t.number_if("packets_in", dst.packets);
    });
}
