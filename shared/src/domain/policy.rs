//! SLA policies: how long a visitor of a Rocket.Chat workspace may wait.

use crate::domain::{
    id::PolicyId,
    minutes::Minutes,
    text::{Description, PolicyName},
    version::Version,
};
use jiff::Timestamp;

/// The most policies a workspace may have, so that sorting and searching stay one bounded read.
pub const MAX_POLICIES: u32 = 1_000;

/// A policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Its id.
    pub id: PolicyId,
    /// What its owner decides.
    pub draft: PolicyDraft,
    /// When it was last written, to the millisecond.
    pub updated_at: Timestamp,
    /// The number of times it has been written.
    pub version: Version,
}

/// Everything about a policy that its owner decides. Name and due time are each unique.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyDraft {
    /// Its name.
    pub name: PolicyName,
    /// What it is for.
    pub description: Description,
    /// How soon a response is due.
    pub due_time_in_minutes: Minutes,
}

impl Policy {
    /// A new policy.
    pub fn new(id: PolicyId, draft: PolicyDraft, now: Timestamp) -> Policy {
        Policy {
            id,
            draft,
            updated_at: to_millisecond(now),
            version: Version::default(),
        }
    }

    /// The next version of the policy, with this draft.
    #[must_use]
    pub fn replaced(&self, draft: PolicyDraft, now: Timestamp) -> Policy {
        let (id, version) = (self.id.clone(), self.version.next());
        Policy {
            id,
            draft,
            updated_at: to_millisecond(now),
            version,
        }
    }
}

/// Clients see milliseconds, so nothing finer is stored.
fn to_millisecond(now: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_stored_to_the_millisecond_and_counts_its_versions() {
        let at = |text: &str| text.parse::<Timestamp>().expect("a timestamp");
        let now = at("2026-11-22T10:00:17.001999Z");
        let draft = PolicyDraft {
            name: PolicyName::new("a".to_owned()).expect("a name"),
            description: Description::new(String::new()).expect("a description"),
            due_time_in_minutes: Minutes::new(4, Minutes::MAX_POLICY_DUE_TIME).expect("a due time"),
        };
        let policy = Policy::new(PolicyId::new(now, &[0; 10]), draft.clone(), now);
        assert_eq!(policy.updated_at, at("2026-11-22T10:00:17.001Z"));
        assert_eq!(policy.version.get(), 1);
        let later = at("2026-11-22T10:00:18.0009Z");
        let replaced = policy.replaced(draft, later);
        assert_eq!(replaced.updated_at, at("2026-11-22T10:00:18Z"));
        assert_eq!((&replaced.id, replaced.version.get()), (&policy.id, 2));
    }
}
