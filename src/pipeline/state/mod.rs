//! What a lane remembers of a host: logons in the making, sessions, processes, names of
//! users, command patterns, serials.
//!
//! Place in the flow: after an event is whole, before intel and detection. Every type here has a saved
//! form and goes on from it as if it had never stopped. It is bounded for each host, and never knows
//! a name that no record of that host gave.

mod attempt;
mod cursor;
mod image;
pub mod logons;
pub mod mask;
pub mod names;
pub mod patterns;
pub mod processes;
mod room;
pub mod serials;
pub mod sessions;
mod texts;

pub use cursor::Cursor;
pub use logons::Logons;
pub use names::Names;
pub use patterns::Patterns;
pub use processes::Processes;
pub use serials::Serials;
pub use sessions::Sessions;
pub use texts::Texts;
