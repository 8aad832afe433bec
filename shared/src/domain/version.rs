//! How often a thing has been written: what optimistic locking compares.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::digest::Digest;

/// The number of times a thing has been written, its creation included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(u64);

impl Version {
    /// The number of writes.
    pub fn get(self) -> u64 {
        self.0
    }

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

/// Digits of a list's tag: enough to tell two lists of one team apart.
const LIST_TAG_DIGITS: usize = 16;

/// What tells two lists of things apart by their ids and versions, in hexadecimal digits.
pub fn list_tag<'a>(things: impl Iterator<Item = (&'a str, Version)>) -> String {
    let told: Vec<String> = things
        .map(|(id, version)| format!("{id} {version}"))
        .collect();
    let told: Vec<&str> = told.iter().map(String::as_str).collect();
    Digest::of_all(&told)
        .as_str()
        .chars()
        .take(LIST_TAG_DIGITS)
        .collect()
}
