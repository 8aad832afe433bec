//! How often a thing has been written: what optimistic locking compares.

use std::fmt::{self, Write as _};

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
    let mut ids_and_versions = String::new();
    for (id, version) in things {
        // Neither has a space. Writing to a String does not fail.
        let _ = write!(ids_and_versions, "{id} {version} ");
    }
    let mut tag = Digest::of(&ids_and_versions).as_str().to_owned();
    tag.truncate(LIST_TAG_DIGITS);
    tag
}
