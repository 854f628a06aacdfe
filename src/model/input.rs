//! What a lane is given: the bytes of one input record and what its carrier says of it.

/// Which stage reads a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Raw audit lines, in any envelope.
    Audit,
    /// Network-flow records.
    Flow,
}

/// One input record: a Kafka message, or one line of a file.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    pub source: Source,
    pub value: &'a [u8],
    /// The message key: the host of last resort (DESIGN §3).
    pub key: Option<&'a [u8]>,
    /// The Kafka header that names the host, where there is one.
    pub host: Option<&'a [u8]>,
    /// Where the record stands in its input; only ever grows within a lane.
    pub offset: i64,
}
