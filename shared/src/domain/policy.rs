//! SLA policies: what a Rocket.Chat workspace promises its visitors.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::{
    id::PolicyId,
    minutes::Minutes,
    text::{Description, PolicyName},
};

/// The most policies a workspace may have, so that sorting and searching stay one bounded read.
pub const MAX_POLICIES: u32 = 1_000;

/// A policy as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Who it is.
    pub id: PolicyId,
    /// What it says.
    pub draft: Draft,
    /// When it was last written.
    pub updated_at: Timestamp,
}

/// Everything about a policy that its owner decides. Name and due time are each unique.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Draft {
    /// What it is called.
    pub name: PolicyName,
    /// What it is for.
    pub description: Description,
    /// How soon an answer is due.
    pub due_time_in_minutes: Minutes,
}

impl Policy {
    /// A new policy.
    pub fn new(id: PolicyId, draft: Draft, now: Timestamp) -> Policy {
        Policy {
            id,
            draft,
            updated_at: now,
        }
    }
}
