//! Detection: events and their hits in, alerts out.
//!
//! - [`gaps`]: serials that are missing
//! - [`guessing`]: a source address that fails to log on again and again
//! - [`indicators`]: an indicator of compromise that stands in an event
//! - [`sigma`]: rules about what programs do
//! - [`verdict`]: what all of these add up to
//!
//! It sees finished events only, never a record; its counters are lane state, bounded, with a saved
//! form.

pub mod gaps;
pub mod guessing;
pub mod indicators;
pub mod sigma;
pub mod verdict;

pub use guessing::Guesses;
pub use sigma::RuleSet;
pub use verdict::Stories;
