//! Where indicators are looked for: addresses of logons and flows, names of hosts, and inside the
//! arguments of processes.
//!
//! Place in the flow: between the finished event and its encoding; the hits stand on the event itself.

use std::net::IpAddr;

use crate::model::{Flow, Hit, Indicator, Logon, Process};

use super::IntelSet;

/// Hits of one event that are told: one argument can hold an address ten thousand times.
const MOST_HITS: usize = 64;

/// Hits in the arguments of a program start.
pub fn process(set: &IntelSet, process: &Process<'_>, hits: &mut Vec<Hit>) {
    if set.is_empty() {
        return;
    }
    for (i, arg) in process.argv.iter().enumerate() {
        if hits.len() >= MOST_HITS {
            return;
        }
        text(set, arg, &|| format!("unmapped.argv[{i}]"), hits);
    }
}

/// Hits in a logon: where it came from, and what a sudo wanted to run.
pub fn logon(set: &IntelSet, logon: &Logon, hits: &mut Vec<Hit>) {
    if set.is_empty() {
        return;
    }
    address(set, logon.src_ip, "src_endpoint.ip", hits);
    if let Some(name) = &logon.src_host {
        domain(set, name, "src_endpoint.hostname", hits);
    }
    if let Some(command) = &logon.command {
        text(set, command, &|| "unmapped.command".to_string(), hits);
    }
}

/// Hits in a flow: either end.
pub fn flow(set: &IntelSet, flow: &Flow, hits: &mut Vec<Hit>) {
    if set.is_empty() {
        return;
    }
    address(set, flow.src.ip, "src_endpoint.ip", hits);
    address(set, flow.dst.ip, "dst_endpoint.ip", hits);
}

fn address(set: &IntelSet, ip: Option<IpAddr>, field: &str, hits: &mut Vec<Hit>) {
    let Some(ip) = ip else {
        return;
    };
    set.ip(ip, &mut |indicator| {
        hits.push(whole(&ip.to_string(), field, indicator))
    });
}

fn domain(set: &IntelSet, name: &str, field: &str, hits: &mut Vec<Hit>) {
    set.domain(name, &mut |indicator| {
        hits.push(whole(name, field, indicator))
    });
}

fn whole(observed: &str, field: &str, indicator: Indicator) -> Hit {
    Hit {
        field: field.into(),
        span: (0, observed.len() as u32),
        observed: observed.into(),
        indicator,
    }
}

fn text(set: &IntelSet, text: &[u8], field: &dyn Fn() -> String, hits: &mut Vec<Hit>) {
    set.text(text, &mut |span, indicator| {
        if hits.len() >= MOST_HITS {
            return;
        }
        hits.push(Hit {
            field: field().into(),
            observed: String::from_utf8_lossy(&text[span.clone()]).into(),
            span: (span.start as u32, span.end as u32),
            indicator,
        });
    });
}
