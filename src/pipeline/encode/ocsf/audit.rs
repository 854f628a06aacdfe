//! base_event (0) for every audit event that is no program start: all its records, field by field,
//! under `unmapped.records`. Nothing that was in them is left out.

use crate::model::audit::AuditEvent;

use super::super::json::Object;
use super::common;

const HEAD: &str = concat!(
    r#""activity_id":0,"activity_name":"Unknown","category_uid":0,"category_name":"Uncategorized","#,
    r#""class_uid":0,"class_name":"Base Event","type_uid":0,"type_name":"Base Event: Unknown","#,
    r#""severity_id":1,"severity":"Informational""#
);

pub fn write(out: &mut Vec<u8>, event: &AuditEvent<'_>) {
    let mut o = Object::begin(out);
    o.raw(HEAD);
    o.raw(match event.success {
        Some(true) => r#""status_id":1,"status":"Success""#,
        Some(false) => r#""status_id":2,"status":"Failure""#,
        None => r#""status_id":0,"status":"Unknown""#,
    });
    o.number("time", event.stamp.time.0);
    common::metadata(&mut o, event.uid, event.stamp, |m| {
        m.raw(r#""profiles":["host"]"#);
        m.text_if(
            "event_code",
            event.records.first().map(|record| record.kind),
        );
        common::labels(m, &[], event.labels);
    });
    common::device(&mut o, event.host);
    o.object("unmapped", |u| {
        common::completeness(u, &event.completeness);
        common::records(u, event.records);
    });
    o.end();
}
