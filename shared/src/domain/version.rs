//! Versions of resources, which optimistic locking compares.

use std::fmt::{self, Write as _};

use serde::{Deserialize, Serialize};

use crate::domain::digest::Digest;

/// The number of times a resource has been written, including its creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(u64);

impl Version {
    /// The version of something that has a default and has never been written.
    pub const NEVER_WRITTEN: Version = Version(0);

    /// A version that was read from the table.
    pub fn stored(number: u64) -> Version {
        Version(number)
    }

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

/// The version of a new resource.
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

/// The length of a list's tag: enough digits to distinguish any two lists of one team.
const LIST_TAG_DIGITS: usize = 16;

/// A tag for a list of resources, in hexadecimal digits. It changes with their ids, versions and
/// order.
pub fn list_tag<'a>(resources: impl Iterator<Item = (&'a str, Version)>) -> String {
    let mut ids_and_versions = String::new();
    for (id, version) in resources {
        // Ids and versions contain no spaces. Writing to a String does not fail.
        let _ = write!(ids_and_versions, "{id} {version} ");
    }
    let mut tag = Digest::of(&ids_and_versions).as_str().to_owned();
    tag.truncate(LIST_TAG_DIGITS);
    tag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_count_from_one() {
        let first = Version::default();
        assert_eq!((first.get(), first.next().get()), (1, 2));
        assert_eq!(first.next().to_string(), "2");
        assert_eq!(Version(u64::MAX).next(), Version(u64::MAX));
    }

    #[test]
    fn the_tag_of_a_list_changes_with_an_id_a_version_or_the_order() {
        let (one, two) = (Version(1), Version(2));
        let lists: [&[(&str, Version)]; 6] = [
            &[],
            &[("a", one)],
            &[("a", two)],
            &[("b", one)],
            &[("a", one), ("b", one)],
            &[("b", one), ("a", one)],
        ];
        let tags = lists.map(|list| list_tag(list.iter().copied()));
        for (index, tag) in tags.iter().enumerate() {
            assert!(tag.len() == LIST_TAG_DIGITS && tag.bytes().all(|b| b.is_ascii_hexdigit()));
            assert_eq!(tags.iter().position(|other| other == tag), Some(index));
        }
        assert_eq!(list_tag([("a", one)].into_iter()), tags[1]);
    }
}
