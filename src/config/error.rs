//! Mistakes in a configuration, each with its place, what stands there and what was expected.
//!
//! Place in the flow: every stage of `config` adds to one list, so a user sees all mistakes at once.
//! It refuses to show the value of a property, which may be a secret.

use std::fmt;

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// `FILE:LINE:COLUMN`, the name of an environment variable, or that of a flag.
    pub place: String,
    pub what: String,
    pub expected: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {}; expected {}",
            self.place, self.what, self.expected
        )
    }
}

/// All mistakes of a configuration, in the order they were found.
#[derive(Clone, Debug, thiserror::Error)]
pub struct ConfigError {
    pub mistakes: Vec<Mistake>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, mistake) in self.mistakes.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            mistake.fmt(f)?;
        }
        Ok(())
    }
}

/// Collects mistakes.
#[derive(Debug, Default)]
pub(super) struct Mistakes(Vec<Mistake>);

impl Mistakes {
    /// Adds a mistake; the first at a place is told alone, for the next would be its consequence.
    pub(super) fn add(
        &mut self,
        place: impl Into<String>,
        what: impl Into<String>,
        expected: impl Into<String>,
    ) {
        let place = place.into();
        if self.0.iter().all(|mistake| mistake.place != place) {
            self.0.push(Mistake {
                place,
                what: what.into(),
                expected: expected.into(),
            });
        }
    }

    pub(super) fn into_result<T>(self, value: T) -> Result<T, ConfigError> {
        if self.0.is_empty() {
            Ok(value)
        } else {
            Err(ConfigError { mistakes: self.0 })
        }
    }
}
