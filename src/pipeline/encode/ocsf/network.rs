//! network_activity (4001) of a process: what it did with an internet socket. Flows are [`super::flow`].

use crate::model::activity::{NetworkAction, NetworkActivity};
use crate::model::audit::AuditEvent;

use super::super::json::Object;
use super::common;

macro_rules! head {
    ($id:tt $type:literal $name:literal) => {
        common::head!([4 "Network Activity" 4001 "Network Activity"] $id $type $name)
    };
}

pub fn head(event: &AuditEvent<'_>, action: NetworkAction) -> &'static str {
    let failed = event.success == Some(false);
    match action {
        NetworkAction::Connect if failed => match event.call.and_then(|call| call.error) {
            Some("ECONNREFUSED") => head!(5 400105 "Refuse"),
            _ => head!(4 400104 "Fail"),
        },
        NetworkAction::Accept if failed => head!(4 400104 "Fail"),
        NetworkAction::Connect | NetworkAction::Accept | NetworkAction::Accepted => {
            head!(1 400101 "Open")
        }
        NetworkAction::Closed => head!(2 400102 "Close"),
        NetworkAction::Send | NetworkAction::Receive => head!(6 400106 "Traffic"),
        NetworkAction::Listen => head!(7 400107 "Listen"),
        // A client may bind too: it says nothing of listening.
        NetworkAction::Bind => head!(99 400199 "Bind"),
    }
}

pub fn members(o: &mut Object<'_>, event: &AuditEvent<'_>, activity: &NetworkActivity) {
    let inbound = match activity.action {
        NetworkAction::Connect | NetworkAction::Send => false,
        NetworkAction::Accept
        | NetworkAction::Receive
        | NetworkAction::Accepted
        | NetworkAction::Closed => true,
        NetworkAction::Bind | NetworkAction::Listen => {
            endpoint(o, "src_endpoint", event, activity);
            return;
        }
    };
    if inbound && activity.ip.is_none() {
        // Who came is not known, only where.
        endpoint(o, "dst_endpoint", event, activity);
    } else {
        let far = if inbound {
            "src_endpoint"
        } else {
            "dst_endpoint"
        };
        endpoint(o, far, event, activity);
    }
    o.object("connection_info", |c| {
        c.raw(match (activity.ip, inbound) {
            (Some(ip), _) if ip.is_loopback() => r#""direction_id":4,"direction":"Local""#,
            (_, true) => r#""direction_id":1,"direction":"Inbound""#,
            (_, false) => r#""direction_id":2,"direction":"Outbound""#,
        });
    });
}

/// The schema wants one end at least; without an address it is the host's.
fn endpoint(o: &mut Object<'_>, key: &str, event: &AuditEvent<'_>, activity: &NetworkActivity) {
    o.object(key, |e| {
        match activity.ip {
            Some(ip) => {
                e.address("ip", ip);
            }
            None if event.host.is_empty() => {
                e.raw(r#""name":"unknown""#);
            }
            None => {
                e.text("hostname", event.host.as_bytes());
            }
        }
        e.number_if("port", activity.port);
    });
}
