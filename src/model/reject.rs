//! Why an input could not be read. Each reason is a label of a counter, a header of the dead-letter
//! topic and a row of the summary; the list is closed so that none is forgotten in any of them.

/// The reason an input record or line was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Reject {
    /// It begins like JSON and is none.
    BadJson,
    /// JSON, but none of the known shippers' fields carries a line.
    NoLine,
    /// No `type=… msg=audit(…):` in the line.
    NotAudit,
    /// `audit(…)` does not hold SECONDS.MILLIS:SERIAL.
    BadStamp,
    /// The line is longer than `limits.line_bytes`.
    TooLong,
    /// A line of an event that had already gone out.
    Late,
    /// The flow record is of no known format.
    FlowFormat,
    /// The flow record lacks or breaks a field that it cannot do without.
    FlowField,
}

impl Reject {
    pub const ALL: [Reject; 8] = [
        Reject::BadJson,
        Reject::NoLine,
        Reject::NotAudit,
        Reject::BadStamp,
        Reject::TooLong,
        Reject::Late,
        Reject::FlowFormat,
        Reject::FlowField,
    ];

    /// The label: `bad_json`, `no_line`, …
    pub fn as_str(self) -> &'static str {
        match self {
            Reject::BadJson => "bad_json",
            Reject::NoLine => "no_line",
            Reject::NotAudit => "not_audit",
            Reject::BadStamp => "bad_stamp",
            Reject::TooLong => "too_long",
            Reject::Late => "late",
            Reject::FlowFormat => "flow_format",
            Reject::FlowField => "flow_field",
        }
    }

    /// The same for people.
    pub fn explain(self) -> &'static str {
        match self {
            Reject::BadJson => "begins like JSON and is not valid JSON",
            Reject::NoLine => "JSON without a field that carries an audit line",
            Reject::NotAudit => "no 'type=… msg=audit(…):' in the line",
            Reject::BadStamp => "audit(…) is not SECONDS.MILLIS:SERIAL",
            Reject::TooLong => "the line is longer than limits.line_bytes",
            Reject::Late => "its event had already gone out",
            Reject::FlowFormat => "a flow record of no known format",
            Reject::FlowField => "a flow record without addresses or time, or with a broken field",
        }
    }

    pub fn index(self) -> usize {
        self as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_is_the_place_in_the_list() {
        for (i, reject) in Reject::ALL.into_iter().enumerate() {
            assert_eq!(reject.index(), i);
        }
    }
}
