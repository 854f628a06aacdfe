//! Indicators of compromise: read from text, kept compactly, matched against addresses and text.

pub mod sightings;

use std::net::IpAddr;
use std::ops::Range;

use crate::model::Indicator;

/// An immutable set of indicators; a reload makes a new one.
#[derive(Default)]
pub struct IntelSet {}

impl IntelSet {
    pub fn is_empty(&self) -> bool {
        true
    }

    pub fn len(&self) -> usize {
        0
    }

    /// Every address indicator and network that covers `ip`.
    pub fn ip(&self, _ip: IpAddr, _each: &mut dyn FnMut(Indicator)) {}

    /// Every domain indicator that is `name` or a parent of it.
    pub fn domain(&self, _name: &str, _each: &mut dyn FnMut(Indicator)) {}

    /// Every whole token of `text` that an indicator matches, with its span.
    pub fn text(&self, _text: &[u8], _each: &mut dyn FnMut(Range<usize>, Indicator)) {}
}

/// What was read of one file.
#[derive(Debug, Default)]
pub struct Loaded {
    pub indicators: usize,
    /// Line (from 1) and what was expected there.
    pub refused: Vec<(u32, String)>,
}

/// Collects files into a set.
#[derive(Default)]
pub struct Builder {}

impl Builder {
    /// Reads the text of one file; `file` is the name that hits will carry.
    pub fn add(&mut self, _file: &str, _text: &[u8]) -> Loaded {
        Loaded::default()
    }

    pub fn build(self) -> IntelSet {
        IntelSet::default()
    }
}
