//! The formats as a whole: rows in, flows out; and the recordings of the corpus, where it stands
//! beside the project. Rows written here are made up.

use std::net::IpAddr;

use proptest::prelude::*;

use super::*;
use crate::model::Timestamp;
use crate::model::flow::{Direction, FlowActivity, Verdict};
use crate::model::settings::default_internal_networks;

fn reader() -> FlowReader {
    FlowReader::new(&default_internal_networks())
}

fn read_on(reader: &mut FlowReader, record: &str) -> (Vec<Flow>, Result<(), Reject>) {
    let mut flows = Vec::new();
    let result = reader.read(record.as_bytes(), &mut |flow| flows.push(flow));
    (flows, result)
}

fn read(record: &str) -> (Vec<Flow>, Result<(), Reject>) {
    read_on(&mut reader(), record)
}

fn good(record: &str) -> Vec<Flow> {
    let (flows, result) = read(record);
    assert_eq!(result, Ok(()), "{record}");
    flows
}

fn ends(flow: &Flow) -> (String, String) {
    let text = |ip: Option<IpAddr>| ip.map(|ip| ip.to_string()).unwrap_or_default();
    (text(flow.src.ip), text(flow.dst.ip))
}

const AZURE: &str = r#"{"SubType_s":"FlowLog","FlowStartTime_t":"2024-05-01T10:00:00Z","FlowEndTime_t":"2024-05-01T10:59:00Z",
"FlowType_s":"ExternalPublic","SrcIP_s":"","DestIP_s":"","VMIP_s":"10.1.0.4","VM_s":"shop/vm-a",
"PublicIPs_s":"198.51.100.7|2|2|30|20|3000|2000 198.51.100.8|1|1|3|2|300|200","L4Protocol_s":"T","L7Protocol_s":"https",
"DestPort_d":443.0,"FlowDirection_s":"O","AllowedOutFlows_d":3,"AllowedInFlows_d":0,"DeniedInFlows_d":0,"DeniedOutFlows_d":0,
"Region_s":"eastus","Country_s":"us"}"#;

const ZEEK: &str = r#"{"ts":1714557600.25,"uid":"Cabc","id.orig_h":"10.1.0.9","id.orig_p":50000,"id.resp_h":"198.51.100.9",
"id.resp_p":22,"proto":"tcp","service":"ssh","duration":1.5,"orig_bytes":10,"resp_bytes":20,"orig_pkts":1,"resp_pkts":2,"conn_state":"SF","history":"ShAdDaFf"}"#;

#[test]
fn a_row_of_public_addresses_is_a_flow_for_each() {
    let record = format!("{{\"records\":[{AZURE}]}}");
    let flows = good(&record);
    assert_eq!(flows.len(), 2);
    assert_eq!(ends(&flows[0]), ("10.1.0.4".into(), "198.51.100.7".into()));
    assert_eq!(ends(&flows[1]), ("10.1.0.4".into(), "198.51.100.8".into()));
    let first = &flows[0];
    assert_eq!((first.count, flows[1].count), (Some(3), None));
    assert_eq!(
        (first.direction, first.direction_told),
        (Some(Direction::Outbound), true)
    );
    assert_eq!(
        (first.verdict, first.protocol, first.dst.port),
        (Some(Verdict::Allowed), Some(6), Some(443))
    );
    assert_eq!(
        (first.src.bytes, first.dst.bytes, first.src.packets),
        (Some(3000), Some(2000), Some(30))
    );
    assert_eq!(flows[1].src.bytes, Some(300));
    assert_eq!(
        (&*first.host, first.src.name.as_deref()),
        ("vm-a", Some("vm-a"))
    );
    assert_eq!(
        (first.start, first.end),
        (Timestamp(1_714_557_600_000), None)
    );
    assert!(
        first
            .extra
            .contains(&("last_flow_start", "2024-05-01T10:59:00Z".into()))
    );
    assert_ne!(first.uid, flows[1].uid);
}

#[test]
fn the_envelope_does_not_change_the_ids() {
    let ids = |record: &str| good(record).iter().map(|f| f.uid).collect::<Vec<_>>();
    let alone = ids(AZURE);
    assert_eq!(ids(&format!("{{\"records\":[{AZURE}]}}")), alone);
    assert_eq!(ids(&format!("[{AZURE}]")), alone);
    assert_ne!(ids(&AZURE.replace("443.0", "444.0")), alone);
}

#[test]
fn inbound_and_denied_are_told() {
    let row = AZURE
        .replace("\"FlowDirection_s\":\"O\"", "\"FlowDirection_s\":\"I\"")
        .replace("\"AllowedOutFlows_d\":3", "\"AllowedOutFlows_d\":0")
        .replace("\"DeniedInFlows_d\":0", "\"DeniedInFlows_d\":9");
    let flows = good(&row);
    assert_eq!(ends(&flows[0]), ("198.51.100.7".into(), "10.1.0.4".into()));
    assert_eq!(
        (flows[0].verdict, flows[0].count),
        (Some(Verdict::Denied), Some(9))
    );
    assert_eq!(flows[0].direction, Some(Direction::Inbound));
    assert_eq!(flows[0].dst.name.as_deref(), Some("vm-a"));
}

#[test]
fn the_virtual_network_schema_is_read() {
    let flows = good(
        r#"{"FlowStartTime":"2024-05-01T10:00:00Z","SrcIp":"10.1.0.4","DestIp":"","DestPublicIps":"203.0.113.1|1|0|1|1|1|1",
        "SrcVm":"rg/app","L4Protocol":"U","DestPort":53,"FlowDirection":"Outbound","FlowStatus":"Denied","BytesSrcToDest":5}"#,
    );
    assert_eq!(ends(&flows[0]), ("10.1.0.4".into(), "203.0.113.1".into()));
    assert_eq!(
        (flows[0].verdict, flows[0].protocol, flows[0].count),
        (Some(Verdict::Denied), Some(17), None)
    );
    assert_eq!(&*flows[0].host, "app");
}

const HEADER: &str = ",FlowStartTime,VMName,VMIPAddress,PublicIPs,SrcIP,DestIP,L4Protocol,DestPort,FlowDirection,AllowedOutFlows,AllowedInFlows,AllExtIPs";

#[test]
fn an_exploded_export_gives_a_flow_for_each_row() {
    let mut reader = reader();
    let row = |n: u32, ip: &str| {
        format!(
            "{n},2024-05-01 10:00:00.500,vm-a,10.1.0.4,\"['198.51.100.7', '198.51.100.8']\",,,T,443.0,O,18.0,0.0,{ip}"
        )
    };
    assert_eq!(read_on(&mut reader, HEADER), (vec![], Ok(())));
    let (first, _) = read_on(&mut reader, &row(1, "198.51.100.8"));
    let (second, _) = read_on(&mut reader, &row(2, "198.51.100.7"));
    assert_eq!(
        (ends(&first[0]).1.as_str(), first.len(), first[0].count),
        ("198.51.100.8", 1, None)
    );
    assert_eq!(
        (ends(&second[0]).1.as_str(), second.len(), second[0].count),
        ("198.51.100.7", 1, Some(18))
    );
    let (all, result) = read_on(&mut reader, &row(3, ""));
    assert_eq!((all.len(), result), (2, Ok(())));
}

#[test]
fn the_header_is_saved_and_taken_up() {
    let row = "1,2024-05-01 10:00:00,,,,10.1.0.4,10.1.0.5,T,22.0,I,0,2,10.1.0.4";
    assert_eq!(read(row), (vec![], Err(Reject::FlowFormat)));
    let mut first = reader();
    assert_eq!(first.save(), b"");
    let whole = read_on(&mut first, &format!("{HEADER}\r\n{row}\r\n"));
    assert_eq!((whole.0.len(), &*whole.0[0].host), (1, "10.1.0.4"));
    let mut second = reader();
    second.restore(&first.save());
    assert_eq!(read_on(&mut second, row), whole);
    assert_eq!(second.save(), first.save());
    second.restore(b"nonsense");
    assert_eq!(second.save(), b"");
    assert_eq!(
        read_on(&mut first, "too,few"),
        (vec![], Err(Reject::FlowField))
    );
}

#[test]
fn a_conn_record_is_read_in_each_of_its_dresses() {
    let flat = good(ZEEK);
    let flow = &flat[0];
    assert_eq!(ends(flow), ("10.1.0.9".into(), "198.51.100.9".into()));
    assert_eq!(
        (flow.start, flow.end),
        (
            Timestamp(1_714_557_600_250),
            Some(Timestamp(1_714_557_601_750))
        )
    );
    assert_eq!(
        (flow.src.port, flow.dst.port, flow.protocol),
        (Some(50000), Some(22), Some(6))
    );
    assert_eq!((flow.src.bytes, flow.dst.packets), (Some(10), Some(2)));
    assert_eq!(
        (flow.direction, flow.direction_told),
        (Some(Direction::Outbound), false)
    );
    assert_eq!(
        (flow.activity, flow.original_uid.as_deref()),
        (FlowActivity::Close, Some("Cabc"))
    );
    assert_eq!(good(&format!("{{\"conn\":{ZEEK}}}")), flat);
    let same = |record: &str| {
        let mut flows = good(record);
        flows[0].uid = flow.uid;
        assert_eq!(flows, flat, "{record}");
    };
    same(&ZEEK.replace("id.", "id_"));
    same(&ZEEK.replace("1714557600.25", "\"2024-05-01T10:00:00.250Z\""));
    same(
        &ZEEK
            .replace(
                "\"id.orig_h\":\"10.1.0.9\",\"id.orig_p\":50000,\"id.resp_h\":\"198.51.100.9\",",
                "",
            )
            .replace(
                "\"id.resp_p\":22",
                r#""id":{"orig_h":"10.1.0.9","orig_p":50000,"resp_h":"198.51.100.9","resp_p":22}"#,
            )
            .replace("\"198.51.100.9\",\n", "\"198.51.100.9\","),
    );
}

#[test]
fn what_zeek_does_not_say_is_not_made_up() {
    let record = ZEEK
        .replace(
            "\"duration\":1.5,\"orig_bytes\":10,\"resp_bytes\":20,",
            "\"duration\":null,",
        )
        .replace(
            "\"SF\"",
            "\"REJ\",\"local_orig\":false,\"local_resp\":true,\"_system_name\":\"sensor-1\"",
        );
    let flow = &good(&record)[0];
    assert_eq!(
        (flow.end, flow.src.bytes, flow.verdict, flow.count),
        (None, None, None, None)
    );
    assert_eq!(
        (flow.direction, flow.direction_told),
        (Some(Direction::Inbound), true)
    );
    assert_eq!(
        (flow.activity, &*flow.host),
        (FlowActivity::Refuse, "sensor-1")
    );
    let udp = ZEEK.replace("tcp", "udp");
    assert_eq!(good(&udp)[0].activity, FlowActivity::Traffic);
}

#[test]
fn good_rows_are_handed_out_beside_bad_ones() {
    let bad = r#"{"FlowStartTime_t":"never","L4Protocol_s":"T"}"#;
    let (flows, result) = read(&format!("{{\"records\":[{bad},{AZURE},{{}}]}}"));
    assert_eq!((flows.len(), result), (2, Err(Reject::FlowField)));
    let one_line = ZEEK.replace('\n', "");
    let (flows, result) = read(&format!("{one_line}\nnot json\n{one_line}\r\n"));
    assert_eq!((flows.len(), result), (2, Err(Reject::BadJson)));
    assert_eq!(good(&format!("[{one_line},[{one_line}]]")).len(), 2);
}

#[test]
fn unknown_shapes_are_refused() {
    for record in [
        "{}",
        "[1]",
        "{\"records\":[{\"a\":1}]}",
        "[[[[{}]]]]",
        "#fields\tts\tuid",
        "hello",
        "1,2,3",
    ] {
        assert_eq!(read(record), (vec![], Err(Reject::FlowFormat)), "{record}");
    }
    for record in ["{", "[1,", "{\"a\":}"] {
        assert_eq!(read(record), (vec![], Err(Reject::BadJson)), "{record}");
    }
    for record in ["", "  \r\n", "[]", "{\"records\":[]}"] {
        assert_eq!(read(record), (vec![], Ok(())), "{record}");
    }
    assert_eq!(
        read(&ZEEK.replace("10.1.0.9", "host")).1,
        Err(Reject::FlowField)
    );
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in any::<Vec<u8>>(), more in any::<Vec<u8>>()) {
        let mut reader = reader();
        let _ = reader.read(&bytes, &mut |_| {});
        let _ = reader.read(HEADER.as_bytes(), &mut |_| {});
        let _ = reader.read(&more, &mut |_| {});
        reader.restore(&bytes);
    }

    #[test]
    fn a_damaged_record_is_told_or_read(
        which in 0usize..3,
        cuts in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let row = "1,2024-05-01 10:00:00,a,10.1.0.4,\"['198.51.100.7']\",,,T,443.0,O,18.0,0.0,198.51.100.8";
        let mut bytes = [AZURE, ZEEK, row][which].as_bytes().to_vec();
        for (at, byte) in cuts {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let mut reader = reader();
        let _ = reader.read(HEADER.as_bytes(), &mut |_| {});
        let _ = reader.read(&bytes, &mut |flow| {
            assert!(flow.src.ip.is_some() && flow.dst.ip.is_some() && flow.direction.is_some());
        });
    }
}
