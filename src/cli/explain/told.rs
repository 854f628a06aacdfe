//! What was told, as one line: the id and the gist of a document.
//!
//! Place in the flow: a document as it would go to a topic → text. Each schema has its names for the same.

use serde_json::Value;

use crate::cli::paint::short;
use crate::model::Schema;

/// More of the gist is not shown.
const LONGEST: usize = 100;

/// Where a schema has what this tells.
struct Places {
    id: &'static str,
    what: &'static [&'static str],
    outcome: &'static str,
    /// The first that is there says most.
    gist: &'static [&'static str],
}

const OCSF: Places = Places {
    id: "/metadata/uid",
    what: &["/type_name"],
    outcome: "/status",
    gist: &[
        "/message",
        "/process/cmd_line",
        "/user/name",
        "/user/uid",
        "/file/path",
        "/dst_endpoint/ip",
        "/metadata/event_code",
    ],
};

const ECS: Places = Places {
    id: "/event/id",
    what: &["/event/category/0", "/event/action"],
    outcome: "/event/outcome",
    gist: &[
        "/message",
        "/process/command_line",
        "/file/path",
        "/destination/ip",
        "/event/code",
        "/user/name",
        "/user/id",
        "/source/ip",
    ],
};

const ASIM: Places = Places {
    id: "/EventUid",
    what: &["/EventSchema", "/EventType"],
    outcome: "/EventResult",
    gist: &[
        "/EventMessage",
        "/TargetProcessCommandLine",
        "/TargetFilePath",
        "/Object",
        "/DstIpAddr",
        "/TargetUsername",
        "/TargetUserId",
        "/SrcIpAddr",
        "/EventOriginalType",
    ],
};

/// The id and the gist of a document.
pub(super) fn summary(document: &[u8], schema: Schema) -> String {
    let places = match schema {
        Schema::Ocsf => OCSF,
        Schema::Ecs => ECS,
        Schema::Asim => ASIM,
    };
    let Ok(document) = serde_json::from_slice::<Value>(document) else {
        return String::new();
    };
    let at = |path: &&str| document.pointer(path).and_then(Value::as_str);
    let id = at(&places.id).unwrap_or("?");
    let what: Vec<&str> = places.what.iter().filter_map(at).collect();
    let failed = at(&places.outcome).is_some_and(|word| word.eq_ignore_ascii_case("failure"));
    let failed = if failed { ", Failure" } else { "" };
    let mut said = format!("{id}: {}{failed}", what.join(": "));
    if let Some(gist) = places.gist.iter().find_map(at) {
        said += &format!(": {}", short(gist.as_bytes(), LONGEST));
    }
    said
}
