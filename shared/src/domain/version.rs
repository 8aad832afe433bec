//! How often a thing has been written: what optimistic locking compares.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The number of times a thing has been written, its creation included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(u64);

impl Version {
    /// The version after this one.
    #[must_use]
    pub fn next(self) -> Version {
        Version(self.0.saturating_add(1))
    }
}

/// Something just created.
impl Default for Version {
    fn default() -> Version {
        Version(1)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
