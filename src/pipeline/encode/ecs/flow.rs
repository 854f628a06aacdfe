//! A network flow: network, connection.

use std::net::IpAddr;

use crate::model::flow::{Endpoint, FlowActivity, Verdict};
use crate::model::{Flow, Hit};

use super::super::common::{protocol_name, sum};
use super::super::iso::Iso;
use super::super::json::{Object, string};
use super::common;

pub fn write(out: &mut Vec<u8>, flow: &Flow, community_uid: Option<&str>, hits: &[Hit]) {
    let time = Iso::of(flow.start);
    let mut o = Object::begin(out);
    common::head(&mut o, &time, &flow.host);
    o.object("event", |e| write_event(e, flow, &time));
    write_endpoint(&mut o, "source", &flow.src);
    write_endpoint(&mut o, "destination", &flow.dst);
    o.object("network", |n| write_network(n, flow, community_uid));
    let ips = [flow.src.ip, flow.dst.ip];
    if ips.iter().any(Option::is_some) {
        o.object("related", |r| common::related_ips(r, &ips));
    }
    common::sightings(&mut o, hits, &time);
    o.object("trailhound", |t| {
        t.bool("direction_told", flow.direction_told);
        t.number_if("count", flow.count);
        if let Some(uid) = &flow.original_uid {
            t.text("original_uid", uid.as_bytes());
        }
        if !flow.extra.is_empty() {
            t.object("extra", |x| {
                for (name, value) in &flow.extra {
                    x.text(name, value.as_bytes());
                }
            });
        }
    });
    o.end();
}

fn write_event(e: &mut Object<'_>, flow: &Flow, time: &Iso) {
    e.raw(r#""kind":"event","category":["network"],"action":"network_flow","module":"trailhound","dataset":"trailhound.flow""#);
    e.plain("provider", flow.format);
    let kinds = [
        Some("connection"),
        match flow.activity {
            FlowActivity::Open => Some("start"),
            FlowActivity::Close => Some("end"),
            FlowActivity::Refuse | FlowActivity::Traffic => None,
        },
        match flow.verdict {
            Some(Verdict::Allowed) => Some("allowed"),
            Some(Verdict::Denied) => Some("denied"),
            None => None,
        },
    ];
    e.array("type", kinds.into_iter().flatten(), |out, kind| {
        string(out, kind.as_bytes())
    });
    if flow.activity == FlowActivity::Refuse || flow.verdict == Some(Verdict::Denied) {
        e.raw(r#""outcome":"failure""#);
    }
    e.uid("id", flow.uid);
    e.time("start", time);
    if let Some(end) = flow.end {
        e.time("end", &Iso::of(end));
        let millis = end.since(flow.start).max(0);
        e.number("duration", millis.saturating_mul(1_000_000));
    }
}

fn write_endpoint(o: &mut Object<'_>, key: &str, endpoint: &Endpoint) {
    if *endpoint == Endpoint::default() {
        return;
    }
    o.object(key, |e| {
        common::address(e, endpoint.ip, endpoint.name.as_deref());
        e.number_if("port", endpoint.port);
        e.number_if("bytes", endpoint.bytes);
        e.number_if("packets", endpoint.packets);
    });
}

fn write_network(n: &mut Object<'_>, flow: &Flow, community_uid: Option<&str>) {
    n.plain(
        "direction",
        flow.direction
            .map_or("unknown", |direction| direction.as_str()),
    );
    if let Some(protocol) = flow.protocol {
        n.number_as_text("iana_number", protocol);
        if let Some(name) = protocol_name(protocol) {
            n.plain("transport", name);
        }
    }
    match flow.src.ip.or(flow.dst.ip) {
        Some(IpAddr::V4(_)) => {
            n.raw(r#""type":"ipv4""#);
        }
        Some(IpAddr::V6(_)) => {
            n.raw(r#""type":"ipv6""#);
        }
        None => {}
    }
    if let Some(service) = &flow.service {
        // The schema wants it in small letters.
        if service.bytes().any(|b| b.is_ascii_uppercase()) {
            n.text("protocol", service.to_ascii_lowercase().as_bytes());
        } else {
            n.text("protocol", service.as_bytes());
        }
    }
    n.number_if("bytes", sum(flow.src.bytes, flow.dst.bytes));
    n.number_if("packets", sum(flow.src.packets, flow.dst.packets));
    if let Some(uid) = community_uid {
        n.text("community_id", uid.as_bytes());
    }
}
