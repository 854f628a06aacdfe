//! Rows of Azure Traffic Analytics: AzureNetworkAnalytics_CL, NTANetAnalytics, and msticpy's export.
//!
//! Names come with and without their type (`SrcIP_s`, `SrcIP`) and in other case (`SrcIp`). In rows
//! of AzurePublic and ExternalPublic flows SrcIP and DestIP are blank: the ends are the VM's address
//! and the list of public ones, and FlowDirection says which is which. Each public address becomes a
//! flow; what the row counts in sum is told on the first only, so that sums over flows stay true.
//!
//! msticpy's export repeats a row for each public address and names it in AllExtIPs: there a row is
//! that one flow. FlowEndTime is when the last of the flows began (learn.microsoft.com, Traffic
//! analytics schema), so it is kept beside and no flow is given an end.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::model::flow::{Direction, Endpoint, FlowActivity, Verdict};
use crate::model::{Flow, Reject};

use super::direction;
use super::json::Json;
use super::row::{Cell, RowId, ip, protocol};

pub const FORMAT: &str = "azure_traffic_analytics";

/// The columns that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Column {
    Start,
    LastStart,
    FlowType,
    ResourceGroup,
    Vm,
    SrcVm,
    DstVm,
    VmIp,
    PublicIps,
    SrcPublicIps,
    DstPublicIps,
    OneExternalIp,
    SrcIp,
    DstIp,
    Protocol,
    Service,
    SrcPort,
    DstPort,
    Direction,
    Status,
    AllowedIn,
    AllowedOut,
    DeniedIn,
    DeniedOut,
    SrcBytes,
    DstBytes,
    SrcPackets,
    DstPackets,
    VmRegion,
    RemoteRegion,
    Country,
    Rule,
}

const COLUMNS: usize = Column::Rule as usize + 1;

/// The longest name that is read, with its suffix.
const MAX_NAME: usize = 32;

/// The column of a name as it stands in a row or a header.
pub fn column(name: &str) -> Option<Column> {
    let mut buffer = [0; MAX_NAME];
    let lower = buffer.get_mut(..name.len())?;
    lower.copy_from_slice(name.as_bytes());
    lower.make_ascii_lowercase();
    let lower = std::str::from_utf8(lower).ok()?;
    let typed = ["_s", "_d", "_t", "_g", "_b"];
    let bare = typed.iter().find_map(|suffix| lower.strip_suffix(suffix));
    Some(match bare.unwrap_or(lower) {
        "flowstarttime" => Column::Start,
        "flowendtime" => Column::LastStart,
        "flowtype" => Column::FlowType,
        "resourcegroup" => Column::ResourceGroup,
        "vmname" | "vm" => Column::Vm,
        "vm1" | "srcvm" => Column::SrcVm,
        "vm2" | "destvm" => Column::DstVm,
        "vmipaddress" | "vmip" => Column::VmIp,
        "publicips" => Column::PublicIps,
        "srcpublicips" => Column::SrcPublicIps,
        "destpublicips" => Column::DstPublicIps,
        "allextips" => Column::OneExternalIp,
        "srcip" => Column::SrcIp,
        "destip" => Column::DstIp,
        "l4protocol" => Column::Protocol,
        "l7protocol" => Column::Service,
        "srcport" => Column::SrcPort,
        "destport" => Column::DstPort,
        "flowdirection" => Column::Direction,
        "flowstatus" => Column::Status,
        "allowedinflows" => Column::AllowedIn,
        "allowedoutflows" => Column::AllowedOut,
        "deniedinflows" => Column::DeniedIn,
        "deniedoutflows" => Column::DeniedOut,
        "outboundbytes" | "bytessrctodest" => Column::SrcBytes,
        "inboundbytes" | "bytesdesttosrc" => Column::DstBytes,
        "outboundpackets" | "packetssrctodest" => Column::SrcPackets,
        "inboundpackets" | "packetsdesttosrc" => Column::DstPackets,
        "vmregion" | "region" => Column::VmRegion,
        "remoteregion" | "azureregion" => Column::RemoteRegion,
        "country" => Column::Country,
        "nsgrule" | "aclrule" => Column::Rule,
        _ => return None,
    })
}

/// Whether these names are a row's, or a header's.
pub fn is_row<'a>(names: impl Iterator<Item = &'a str>) -> bool {
    let (mut start, mut protocol) = (false, false);
    for name in names {
        match column(name) {
            Some(Column::Start) => start = true,
            Some(Column::Protocol) => protocol = true,
            _ => {}
        }
    }
    start && protocol
}

pub struct Row<'a> {
    cells: [Cell<'a>; COLUMNS],
    id: RowId,
}

impl<'a> Row<'a> {
    pub fn of_json(row: Json<'a>) -> Row<'a> {
        let mut cells = [Cell::Absent; COLUMNS];
        for (name, value) in row.fields() {
            if let Some(column) = column(name) {
                set(&mut cells, column, Cell::of_json(value));
            }
        }
        Row {
            cells,
            id: RowId::of_json(FORMAT, row),
        }
    }

    pub fn of_csv(
        line: &[u8],
        columns: &[Option<Column>],
        fields: impl Iterator<Item = &'a str>,
    ) -> Row<'a> {
        let mut cells = [Cell::Absent; COLUMNS];
        for (column, field) in columns.iter().zip(fields) {
            if let Some(column) = column {
                set(&mut cells, *column, Cell::of_text(field));
            }
        }
        Row {
            cells,
            id: RowId::of_text(FORMAT, line),
        }
    }

    fn cell(&self, column: Column) -> Cell<'a> {
        self.cells.get(column as usize).copied().unwrap_or_default()
    }
}

/// Of two names for one column the first that has a value stays.
fn set<'a>(cells: &mut [Cell<'a>; COLUMNS], column: Column, cell: Cell<'a>) {
    if let Some(place) = cells.get_mut(column as usize).filter(|c| c.is_absent()) {
        *place = cell;
    }
}

/// One address of a list, and what Azure's `IP|started|ended|packets out|in|bytes out|in` tells of it.
#[derive(Clone, Copy, Debug)]
struct Peer {
    ip: IpAddr,
    /// Packets from source, from destination; bytes from source, from destination.
    traffic: Option<[u64; 4]>,
}

fn peer(entry: &str) -> Option<Peer> {
    let mut parts = entry.split('|');
    let ip = ip(parts.next()?)?;
    let numbers: Vec<u64> = parts.map_while(|p| p.trim().parse().ok()).collect();
    let traffic = match numbers.as_slice() {
        [_, _, traffic @ ..] => traffic.first_chunk().copied(),
        _ => None,
    };
    Some(Peer { ip, traffic })
}

/// `['1.2.3.4', '5.6.7.8']`, `1.2.3.4|1|0|… 5.6.7.8|…`, a JSON array, or a single address.
/// Public addresses of one row; Azure's own rows list a few dozen at the most.
const MOST_PEERS: usize = 1024;

/// Bytes of a region, a machine or a rule that are kept.
const MOST_TEXT: usize = 256;

fn peers(cell: Cell<'_>) -> Vec<Peer> {
    let apart = |c: char| c.is_whitespace() || matches!(c, ',' | '[' | ']' | '\'' | '"' | ';');
    match cell {
        Cell::Text(text) => text.split(apart).filter_map(peer).collect(),
        Cell::List(list) => list.items().filter_map(|v| peer(v.text()?)).collect(),
        _ => Vec::new(),
    }
}

pub fn read(row: &Row<'_>, internal: &[IpNet], each: &mut dyn FnMut(Flow)) -> Result<(), Reject> {
    let start = row.cell(Column::Start).time().ok_or(Reject::FlowField)?;
    let told = told_direction(row.cell(Column::Direction));
    let (sources, mut destinations) = ends(row, told);
    if sources.len() > 1 {
        // No row has lists at both ends; one that claims it must not multiply.
        destinations.truncate(1);
    }
    if sources.len().max(destinations.len()) > MOST_PEERS {
        return Err(Reject::FlowField);
    }
    let pairs = sources
        .iter()
        .flat_map(|s| destinations.iter().map(move |d| (*s, *d)));
    let only = one_of(row.cell(Column::OneExternalIp), &sources, &destinations);
    let mut found = false;
    for (index, (src, dst)) in (0u32..).zip(pairs) {
        if only.is_some_and(|only| src.ip != only && dst.ip != only) {
            continue;
        }
        found = true;
        let direction = told.unwrap_or_else(|| direction::of_addresses(internal, src.ip, dst.ip));
        let mut flow = Flow {
            uid: row.id.flow(index),
            host: host(row, told).unwrap_or_else(|| src.ip.to_string().into()),
            format: FORMAT,
            original_uid: None,
            start,
            end: None,
            src: source(row, src, told),
            dst: destination(row, dst, told),
            protocol: protocol(row.cell(Column::Protocol)),
            service: row.cell(Column::Service).owned(),
            direction: Some(direction),
            direction_told: told.is_some(),
            verdict: None,
            activity: FlowActivity::Traffic,
            count: None,
            extra: extra(row),
        };
        decide(row, &mut flow);
        measure(row, &mut flow, src.traffic.or(dst.traffic), index == 0);
        each(flow);
    }
    if found {
        Ok(())
    } else {
        Err(Reject::FlowField)
    }
}

fn told_direction(cell: Cell<'_>) -> Option<Direction> {
    match cell.text()? {
        "I" | "i" | "Inbound" | "inbound" => Some(Direction::Inbound),
        "O" | "o" | "Outbound" | "outbound" => Some(Direction::Outbound),
        _ => None,
    }
}

fn ends(row: &Row<'_>, told: Option<Direction>) -> (Vec<Peer>, Vec<Peer>) {
    let (near, far) = (Column::VmIp, Column::PublicIps);
    let (src, dst) = match told {
        Some(Direction::Inbound) => (Some(far), Some(near)),
        Some(Direction::Outbound) => (Some(near), Some(far)),
        _ => (None, None),
    };
    let first = |columns: [Option<Column>; 3]| {
        let lists = columns.into_iter().flatten().map(|c| peers(row.cell(c)));
        lists
            .into_iter()
            .find(|list| !list.is_empty())
            .unwrap_or_default()
    };
    (
        first([Some(Column::SrcIp), Some(Column::SrcPublicIps), src]),
        first([Some(Column::DstIp), Some(Column::DstPublicIps), dst]),
    )
}

/// The address that an exploded row is about, where its list has several.
fn one_of(cell: Cell<'_>, sources: &[Peer], destinations: &[Peer]) -> Option<IpAddr> {
    let ip = cell.ip()?;
    let lists = [sources, destinations];
    let listed = |list: &&[Peer]| list.len() > 1 && list.iter().any(|p| p.ip == ip);
    lists.iter().any(listed).then_some(ip)
}

/// `resource-group/machine` → machine.
fn machine(cell: Cell<'_>) -> Option<Box<str>> {
    let name = cell.text()?.rsplit('/').next()?;
    (!name.is_empty()).then(|| name.into())
}

fn source(row: &Row<'_>, peer: Peer, told: Option<Direction>) -> Endpoint {
    let vm = (told == Some(Direction::Outbound)).then(|| machine(row.cell(Column::Vm)));
    Endpoint {
        ip: Some(peer.ip),
        port: row.cell(Column::SrcPort).port(),
        name: machine(row.cell(Column::SrcVm)).or(vm.flatten()),
        bytes: None,
        packets: None,
    }
}

fn destination(row: &Row<'_>, peer: Peer, told: Option<Direction>) -> Endpoint {
    let vm = (told == Some(Direction::Inbound)).then(|| machine(row.cell(Column::Vm)));
    Endpoint {
        ip: Some(peer.ip),
        port: row.cell(Column::DstPort).port(),
        name: machine(row.cell(Column::DstVm)).or(vm.flatten()),
        bytes: None,
        packets: None,
    }
}

/// The machine at whose interface the flow was seen.
fn host(row: &Row<'_>, told: Option<Direction>) -> Option<Box<str>> {
    let sides = match told {
        Some(Direction::Inbound) => [Column::DstVm, Column::SrcVm],
        _ => [Column::SrcVm, Column::DstVm],
    };
    let [near, far] = sides.map(|column| machine(row.cell(column)));
    machine(row.cell(Column::Vm)).or(near).or(far)
}

/// The verdict: as told, else by what was counted.
fn decide(row: &Row<'_>, flow: &mut Flow) {
    let sum = |columns: [Column; 2]| -> u64 {
        let counts = columns.map(|column| row.cell(column).whole().unwrap_or(0));
        counts.into_iter().fold(0, u64::saturating_add)
    };
    let allowed = sum([Column::AllowedIn, Column::AllowedOut]);
    let denied = sum([Column::DeniedIn, Column::DeniedOut]);
    flow.verdict = match row.cell(Column::Status).text() {
        Some("A" | "Allowed") => Some(Verdict::Allowed),
        Some("D" | "Denied") => Some(Verdict::Denied),
        _ if allowed > 0 => Some(Verdict::Allowed),
        _ if denied > 0 => Some(Verdict::Denied),
        _ => None,
    };
    flow.count = match flow.verdict {
        Some(Verdict::Denied) => Some(denied),
        _ => Some(allowed),
    }
    .filter(|count| *count > 0);
    if flow.verdict == Some(Verdict::Allowed) && denied > 0 {
        flow.extra.push(("denied_flows", denied.to_string().into()));
    }
}

/// Traffic of this address where its entry tells it; the row's sums stand on its first flow.
fn measure(row: &Row<'_>, flow: &mut Flow, own: Option<[u64; 4]>, first: bool) {
    if let Some([src_packets, dst_packets, src_bytes, dst_bytes]) = own {
        (flow.src.packets, flow.dst.packets) = (Some(src_packets), Some(dst_packets));
        (flow.src.bytes, flow.dst.bytes) = (Some(src_bytes), Some(dst_bytes));
    } else if first {
        flow.src.packets = row.cell(Column::SrcPackets).whole();
        flow.dst.packets = row.cell(Column::DstPackets).whole();
        flow.src.bytes = row.cell(Column::SrcBytes).whole();
        flow.dst.bytes = row.cell(Column::DstBytes).whole();
    }
    if !first {
        flow.count = None;
        flow.extra.retain(|(name, _)| *name != "denied_flows");
    }
}

/// These words stand in each flow of a row: they must not multiply what somebody sent.
fn kept(mut text: Box<str>) -> Box<str> {
    if text.len() > MOST_TEXT {
        let end = (0..=MOST_TEXT)
            .rev()
            .find(|&end| text.is_char_boundary(end));
        text = text[..end.unwrap_or(0)].into();
    }
    text
}

fn extra(row: &Row<'_>) -> Vec<(&'static str, Box<str>)> {
    [
        ("flow_type", Column::FlowType),
        ("vm_region", Column::VmRegion),
        ("remote_region", Column::RemoteRegion),
        ("country", Column::Country),
        ("resource_group", Column::ResourceGroup),
        ("vm", Column::Vm),
        ("rule", Column::Rule),
        ("last_flow_start", Column::LastStart),
    ]
    .into_iter()
    .filter_map(|(name, column)| Some((name, kept(row.cell(column).owned()?))))
    .collect()
}
