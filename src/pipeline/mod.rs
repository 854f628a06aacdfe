//! The pure part: bytes and times in, outputs out.
//!
//! It opens no file, reads no clock and no environment, starts no thread and knows no Kafka, so the
//! same bytes give the same result in the daemon, in `replay`, in a test and in a simulated crash.
//! A stage imports `model` only, never another stage; [`lane`] alone composes them. tests/tidy reads
//! the `use` lines and holds this.

// What they forbid stands in clippy.toml.
#![deny(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::disallowed_macros
)]

pub mod envelope;
pub mod audit;
pub mod flow;
pub mod state;
pub mod intel;
pub mod detect;
pub mod encode;
pub mod lane;
