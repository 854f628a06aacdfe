//! A call on an internet socket: NetworkSession, EndpointNetworkSession, with the process at this end.

use crate::model::activity::{NetworkAction, NetworkActivity};
use crate::model::audit::AuditEvent;
use crate::model::process::Account;

use super::super::json::Object;
use super::audit::Frame;
use super::common::{self, Keys};

const SCHEMA: &str = concat!(
    r#""EventSchema":"NetworkSession","EventSchemaVersion":"0.2.7","EventVendor":"Linux","#,
    r#""EventProduct":"auditd","EventCount":1,"EventType":"EndpointNetworkSession""#
);

/// The keys of one end.
struct End {
    ip: &'static str,
    port: &'static str,
    host: &'static str,
    process: &'static str,
    pid: &'static str,
    user: Keys,
}

const SRC: End = End {
    ip: "SrcIpAddr",
    port: "SrcPortNumber",
    host: "SrcHostname",
    process: "SrcProcessName",
    pid: "SrcProcessId",
    user: Keys {
        id: "SrcUserId",
        id_type: r#""SrcUserIdType":"UID""#,
        name: "SrcUsername",
        name_type: r#""SrcUsernameType":"Simple""#,
    },
};

const DST: End = End {
    ip: "DstIpAddr",
    port: "DstPortNumber",
    host: "DstHostname",
    process: "DstProcessName",
    pid: "DstProcessId",
    user: Keys {
        id: "DstUserId",
        id_type: r#""DstUserIdType":"UID""#,
        name: "DstUsername",
        name_type: r#""DstUsernameType":"Simple""#,
    },
};

pub fn write(o: &mut Object<'_>, event: &AuditEvent<'_>, activity: &NetworkActivity) -> bool {
    let frame = Frame {
        event,
        schema: SCHEMA,
        rule: "NetworkRuleName",
    };
    frame.open(o);
    let (near, far) = match activity.action {
        NetworkAction::Connect => {
            o.raw(r#""EventSubType":"Start","NetworkDirection":"Outbound""#);
            (&SRC, &DST)
        }
        NetworkAction::Send => {
            o.raw(r#""NetworkDirection":"Outbound""#);
            (&SRC, &DST)
        }
        NetworkAction::Accept | NetworkAction::Accepted => {
            o.raw(r#""EventSubType":"Start","NetworkDirection":"Inbound""#);
            (&DST, &SRC)
        }
        NetworkAction::Closed => {
            o.raw(r#""EventSubType":"End","NetworkDirection":"Inbound""#);
            (&DST, &SRC)
        }
        NetworkAction::Receive => {
            o.raw(r#""NetworkDirection":"Inbound""#);
            (&DST, &SRC)
        }
        NetworkAction::Bind | NetworkAction::Listen => {
            o.raw(r#""NetworkDirection":"Listen""#);
            (&DST, &SRC)
        }
    };
    let named = if activity.is_near() { near } else { far };
    common::ip(o, named.ip, activity.ip);
    o.number_if(named.port, activity.port);
    if let Some(ip) = activity.ip {
        o.plain(
            "NetworkProtocolVersion",
            if ip.is_ipv4() { "IPv4" } else { "IPv6" },
        );
    }
    if !event.host.is_empty() {
        o.text(near.host, event.host.as_bytes());
    }
    frame.program(o, near.process, near.pid, None);
    common::user(o, &near.user, effective(event));
    frame.close(o, |a| {
        a.number_if("auid", event.actor.login_user.id);
        if let Some(session) = event.actor.session {
            a.number_as_text("session", session);
        }
    });
    true
}

fn effective<'a, 'e>(event: &'a AuditEvent<'e>) -> &'a Account<'e> {
    let actor = &event.actor;
    if actor.effective_user.id.is_some() || actor.effective_user.name.is_some() {
        &actor.effective_user
    } else {
        &actor.user
    }
}
