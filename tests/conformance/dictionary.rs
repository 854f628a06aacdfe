//! audit-userspace's field dictionary: what it calls encoded is decoded here.

use std::fs;

use trailhound::pipeline::audit::interpret::Call;

use crate::ours;
use crate::shared::{Tally, corpus};

#[test]
fn encoded_fields_are_decoded() {
    let Some(corpus) = corpus() else { return };
    let dictionary = corpus.join("../schemas/audit/field-dictionary.csv");
    let dictionary = fs::read_to_string(dictionary).expect("the dictionary");
    let mut tally = Tally::new("field dictionary");
    for row in dictionary.lines().skip(1) {
        let mut columns = row.split(',');
        let (name, format) = (
            columns.next().unwrap_or_default(),
            columns.next().unwrap_or_default(),
        );
        if format != "encoded" || name.contains('[') {
            continue;
        }
        let have = match name {
            "saddr" => ours::meaning("SOCKADDR", name, "0100002F78", &Call::default()),
            "data" => ours::meaning("TTY", name, "612062", &Call::default()),
            _ => ours::meaning("USER", name, "612062", &Call::default()),
        };
        let want = match name {
            "saddr" => "saddr_fam=local path=@/x",
            "data" => "\"a b\"",
            _ => "a b",
        };
        let class = (name == "addr").then_some("field dictionary: `addr` is called encoded");
        tally.compare(
            name,
            &have.unwrap_or_else(|| "as written".into()),
            want,
            class,
        );
    }
    tally.done(30);
}
