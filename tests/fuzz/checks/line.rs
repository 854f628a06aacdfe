//! The head of a line: written anew from what was read, it reads the same.

use trailhound::pipeline::audit::line;
use trailhound::pipeline::audit::record_types::RecordType;

pub fn check(bytes: &[u8]) {
    let Ok(record) = line::read(bytes) else {
        return;
    };
    assert!(record.body.len() + record.type_name.len() <= bytes.len());
    assert_eq!(record.kind, RecordType::read(record.type_name));
    let mut written = Vec::new();
    if let Some(node) = record.node {
        written.extend_from_slice(b"node=");
        written.extend_from_slice(node);
        written.push(b' ');
    }
    written.extend_from_slice(b"type=");
    written.extend_from_slice(record.type_name);
    written.extend_from_slice(format!(" msg=audit({}): ", record.stamp).as_bytes());
    written.extend_from_slice(record.body);
    assert_eq!(line::read(&written), Ok(record));
}
