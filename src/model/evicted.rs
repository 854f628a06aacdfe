//! What `limits.memory` makes a lane let go, by kind, as it is counted and told.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evicted {
    /// An open event: it went out as it was.
    Event,
    /// All that was known of a host that was silent longest.
    Host,
    /// A process: what it starts later names no parent.
    Process,
    /// A session, or a logon in the making.
    Session,
    /// An address whose failed logons were counted.
    Source,
    /// A story: what comes of it later begins another.
    Story,
    /// A command pattern: its host is learnt from anew.
    Pattern,
}

impl Evicted {
    pub const ALL: [Evicted; 7] = [
        Evicted::Event,
        Evicted::Host,
        Evicted::Process,
        Evicted::Session,
        Evicted::Source,
        Evicted::Story,
        Evicted::Pattern,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Evicted::Event => "event",
            Evicted::Host => "host",
            Evicted::Process => "process",
            Evicted::Session => "session",
            Evicted::Source => "source",
            Evicted::Story => "story",
            Evicted::Pattern => "pattern",
        }
    }

    pub fn index(self) -> usize {
        self as usize
    }
}
