//! What several schemas share: the common fields, users, hits.

use std::net::IpAddr;

use crate::model::process::{Account, Completeness};
use crate::model::{EventUid, Hit, IndicatorKind};

use super::super::common::missing;
use super::super::iso::Iso;
use super::super::json::{Object, string, string_part};

/// The feeds that are read tell no confidence. Between the ends of the scale of 0 to 100.
const CONFIDENCE: &str = r#""ThreatConfidence":50"#;

/// Fields that every document has beside those of its schema.
pub struct Head<'h> {
    /// `"EventSchema":…,"EventSchemaVersion":…,"EventVendor":…,"EventProduct":…`.
    pub schema: &'static str,
    pub uid: EventUid,
    pub start: &'h Iso,
    pub end: &'h Iso,
    /// When it became known.
    pub generated: &'h Iso,
    pub host: &'h str,
}

impl Head<'_> {
    pub fn write(&self, o: &mut Object<'_>) {
        o.time("TimeGenerated", self.generated);
        o.raw(self.schema);
        o.raw(concat!(
            r#""EventProductVersion":""#,
            env!("CARGO_PKG_VERSION"),
            "\""
        ));
        o.time("EventStartTime", self.start);
        o.time("EventEndTime", self.end);
        o.uid("EventUid", self.uid);
    }

    /// The device; a host without a name has one that says so, for the field is mandatory.
    pub fn device(&self, o: &mut Object<'_>) {
        if self.host.is_empty() {
            o.raw(r#""Dvc":"unknown""#);
        } else {
            o.text("Dvc", self.host.as_bytes());
            self.hostname(o);
        }
    }

    pub fn hostname(&self, o: &mut Object<'_>) {
        if !self.host.is_empty() {
            o.text("DvcHostname", self.host.as_bytes());
        }
    }
}

/// The keys of a user's fields.
pub struct Keys {
    pub id: &'static str,
    pub id_type: &'static str,
    pub name: &'static str,
    pub name_type: &'static str,
}

pub const ACTOR: Keys = Keys {
    id: "ActorUserId",
    id_type: r#""ActorUserIdType":"UID""#,
    name: "ActorUsername",
    name_type: r#""ActorUsernameType":"Simple""#,
};

pub const TARGET: Keys = Keys {
    id: "TargetUserId",
    id_type: r#""TargetUserIdType":"UID""#,
    name: "TargetUsername",
    name_type: r#""TargetUsernameType":"Simple""#,
};

/// A user's number and name, where known.
pub fn user(o: &mut Object<'_>, keys: &Keys, who: &Account<'_>) {
    user_id(o, keys, who);
    if let Some(name) = who.name {
        o.text(keys.name, name);
        o.raw(keys.name_type);
    }
}

/// The same where the name is mandatory: the number stands in for it, or that of the next; none of them
/// known is said.
pub fn user_always(o: &mut Object<'_>, keys: &Keys, who: &Account<'_>, next: &Account<'_>) {
    user_id(o, keys, who);
    let known = [who, next];
    let known = known.iter().find(|a| a.id.is_some() || a.name.is_some());
    match known {
        Some(Account {
            name: Some(name), ..
        }) => o.text(keys.name, name),
        Some(Account { id: Some(id), .. }) => o.number_as_text(keys.name, *id),
        _ => o.plain(keys.name, "unknown"),
    };
    o.raw(keys.name_type);
}

fn user_id(o: &mut Object<'_>, keys: &Keys, who: &Account<'_>) {
    if let Some(id) = who.id {
        o.number_as_text(keys.id, id);
        o.raw(keys.id_type);
    }
}

/// Threat fields of the first hit: the schema has room for one. All are in [`indicators`].
/// `field` is the schema's name of a hit's field, where it has one for threats.
pub fn threat(o: &mut Object<'_>, hits: &[Hit], field: fn(&str) -> Option<&'static str>) {
    let told = hits.iter().find(|hit| field(&hit.field).is_some());
    let Some(hit) = told.or(hits.first()) else {
        return;
    };
    if let Some(field) = field(&hit.field) {
        o.plain("ThreatField", field);
    }
    o.text("ThreatName", hit.indicator.value.as_bytes());
    o.text_of("ThreatId", |out| {
        string_part(out, hit.indicator.file.as_bytes());
        out.push(b':');
        out.extend_from_slice(itoa::Buffer::new().format(hit.indicator.line).as_bytes());
    });
    o.raw(CONFIDENCE);
}

/// `ThreatIpAddr` of the first hit on an address.
pub fn threat_address(o: &mut Object<'_>, hits: &[Hit], field: fn(&str) -> Option<&'static str>) {
    if let Some(hit) = hits.iter().find(|hit| field(&hit.field).is_some()) {
        o.text("ThreatIpAddr", hit.observed.as_bytes());
    }
}

/// In `AdditionalFields`: every hit.
pub fn indicators(a: &mut Object<'_>, hits: &[Hit]) {
    if hits.is_empty() {
        return;
    }
    a.objects("indicators", hits, |i, hit| {
        i.text("indicator", hit.indicator.value.as_bytes());
        i.plain("kind", hit.indicator.kind.as_str());
        i.text("file", hit.indicator.file.as_bytes());
        i.number("line", hit.indicator.line);
        i.text("field", hit.field.as_bytes());
        i.text("observed", hit.observed.as_bytes());
        i.number("start", hit.span.0).number("end", hit.span.1);
    });
}

/// `IndicatorType`.
pub fn indicator_type(kind: IndicatorKind) -> &'static str {
    match kind {
        IndicatorKind::Ipv4 | IndicatorKind::Ipv6 | IndicatorKind::Cidr => "Ip",
        IndicatorKind::Domain => "Host",
        IndicatorKind::Url => "Url",
        IndicatorKind::Md5 | IndicatorKind::Sha1 | IndicatorKind::Sha256 => "File",
    }
}

/// In `AdditionalFields`: the labels of the configuration.
pub fn labels(a: &mut Object<'_>, labels: &[impl AsRef<str>]) {
    if !labels.is_empty() {
        a.array("labels", labels, |out, label| {
            string(out, label.as_ref().as_bytes())
        });
    }
}

/// In `AdditionalFields`: whether the event was whole, and if not, what is missing.
pub fn completeness(a: &mut Object<'_>, completeness: &Completeness) {
    let Some(cut) = completeness.cut else {
        a.bool("complete", true);
        return;
    };
    a.bool("complete", false).plain("cut", cut.as_str());
    a.array("missing", missing(completeness), |out, what| {
        string(out, what.as_bytes())
    });
}

pub fn ip(o: &mut Object<'_>, key: &str, ip: Option<IpAddr>) {
    if let Some(ip) = ip {
        o.address(key, ip);
    }
}
