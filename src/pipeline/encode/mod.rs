//! Writes finished events down, straight into bytes: no tree of JSON in between.
//!
//! - [`json`]: the writer
//! - [`ocsf`]: OCSF 1.8.0
//!
//! An encoder only writes down what the model holds; it decides nothing.

pub mod json;
pub mod ocsf;
