//! Zeek's conn log as JSON: one connection a record.
//!
//! Reads `id.orig_h`, `id_orig_h` (field-name maps, Logstash) and a nested `id`; the time as epoch
//! float or ISO text. An absent or null duration is a connection that Zeek saw no end of, not one of
//! no length. Zeek decides nothing, so there is no verdict.

use ipnet::IpNet;

use crate::model::flow::{Endpoint, FlowActivity};
use crate::model::{Flow, Reject};

use super::direction;
use super::json::Json;
use super::row::{Cell, RowId, protocol};

pub const FORMAT: &str = "zeek_conn";

pub fn is_conn(object: Json<'_>) -> bool {
    let names = ["id.orig_h", "id_orig_h"];
    names.iter().any(|name| object.get(name).is_some())
        || object
            .get("id")
            .is_some_and(|id| id.get("orig_h").is_some())
}

/// A record, and the nested `id` where it has one.
struct Conn<'a> {
    record: Json<'a>,
    id: Option<Json<'a>>,
}

impl<'a> Conn<'a> {
    fn cell(&self, name: &str) -> Cell<'a> {
        self.record.get(name).map(Cell::of_json).unwrap_or_default()
    }

    fn first(&self, names: &[&str]) -> Cell<'a> {
        let cells = names.iter().map(|name| self.cell(name));
        cells
            .into_iter()
            .find(|c| !c.is_absent())
            .unwrap_or_default()
    }

    fn id(&self, dotted: &str, underscored: &str, nested: &str) -> Cell<'a> {
        let cell = self.first(&[dotted, underscored]);
        match self.id {
            Some(id) if cell.is_absent() => id.get(nested).map(Cell::of_json).unwrap_or_default(),
            _ => cell,
        }
    }
}

pub fn read(
    record: Json<'_>,
    internal: &[IpNet],
    each: &mut dyn FnMut(Flow),
) -> Result<(), Reject> {
    let conn = Conn {
        record,
        id: record.get("id").filter(|id| id.is_object()),
    };
    let src_ip = conn.id("id.orig_h", "id_orig_h", "orig_h").ip();
    let dst_ip = conn.id("id.resp_h", "id_resp_h", "resp_h").ip();
    let start = conn.first(&["ts", "@timestamp"]).time();
    let (Some(src_ip), Some(dst_ip), Some(start)) = (src_ip, dst_ip, start) else {
        return Err(Reject::FlowField);
    };
    let sides = conn
        .cell("local_orig")
        .flag()
        .zip(conn.cell("local_resp").flag());
    let direction = match sides {
        Some((orig, resp)) => direction::of_sides(orig, resp),
        None => direction::of_addresses(internal, src_ip, dst_ip),
    };
    let sensor = conn
        .first(&["_system_name", "@system", "system_name", "peer"])
        .owned();
    let duration = conn.cell("duration").number().filter(|d| *d >= 0.0);
    each(Flow {
        uid: RowId::of_json(FORMAT, record).flow(0),
        host: sensor.unwrap_or_else(|| src_ip.to_string().into()),
        format: FORMAT,
        original_uid: conn.cell("uid").owned(),
        start,
        end: duration.map(|d| start.plus((d * 1000.0).round() as i64)),
        src: Endpoint {
            ip: Some(src_ip),
            port: conn.id("id.orig_p", "id_orig_p", "orig_p").port(),
            name: None,
            bytes: conn.cell("orig_bytes").whole(),
            packets: conn.cell("orig_pkts").whole(),
        },
        dst: Endpoint {
            ip: Some(dst_ip),
            port: conn.id("id.resp_p", "id_resp_p", "resp_p").port(),
            name: None,
            bytes: conn.cell("resp_bytes").whole(),
            packets: conn.cell("resp_pkts").whole(),
        },
        protocol: protocol(conn.cell("proto")),
        service: conn.cell("service").owned(),
        direction: Some(direction),
        direction_told: sides.is_some(),
        verdict: None,
        activity: activity(&conn),
        count: None,
        extra: extra(&conn),
    });
    Ok(())
}

/// Zeek's conn_state (its manual, base/protocols/conn/main.zeek) says something of TCP only; of UDP
/// and ICMP it merely tells which side was heard.
fn activity(conn: &Conn<'_>) -> FlowActivity {
    if protocol(conn.cell("proto")) != Some(6) {
        return FlowActivity::Traffic;
    }
    match conn.cell("conn_state").text() {
        Some("SF" | "RSTO" | "RSTR") => FlowActivity::Close,
        Some("S1" | "S2" | "S3") => FlowActivity::Open,
        Some("REJ") => FlowActivity::Refuse,
        _ => FlowActivity::Traffic,
    }
}

fn extra(conn: &Conn<'_>) -> Vec<(&'static str, Box<str>)> {
    ["conn_state", "history"]
        .into_iter()
        .filter_map(|name| Some((name, conn.cell(name).owned()?)))
        .collect()
}
