//! Plain values that every stage speaks: hosts, times, events, alerts, limits.
//!
//! Place in the flow: below everything. It refuses to know any stage, any format, any clock and any
//! file; it imports nothing of this crate outside itself.

pub mod activity;
pub mod alert;
pub mod audit;
pub mod due;
pub mod eight;
pub mod envelope;
pub mod event;
pub mod evicted;
pub mod field;
pub mod flow;
pub mod gap;
pub mod hashing;
pub mod hexadecimal;
pub mod indicator;
pub mod input;
pub mod logon;
pub mod output;
pub mod path;
pub mod process;
pub mod reject;
pub mod ring;
pub mod schema;
pub mod select;
pub mod session;
pub mod settings;
pub mod sixteen;
pub mod slots;
pub mod time;
pub mod tracked;
pub mod weight;
pub mod within;

pub use alert::{Alert, Severity};
pub use due::Due;
pub use event::{EventUid, Kind, Stamp};
pub use evicted::Evicted;
pub use flow::Flow;
pub use hashing::Hashing;
pub use indicator::{Hit, Indicator, IndicatorKind};
pub use input::{Input, Source};
pub use logon::Logon;
pub use output::{OutputKind, Outputs};
pub use process::Process;
pub use reject::Reject;
pub use ring::Ring;
pub use schema::Schema;
pub use settings::Settings;
pub use slots::Slots;
pub use time::Timestamp;
pub use tracked::{Map, Tracked};
pub use weight::Weigh;
pub use within::Within;
