//! Policies, as Rocket.Chat shows them: in another shape after each method.

use jiff::Timestamp;
use serde::Serialize;

use crate::domain::id::PolicyId;
use crate::domain::policy::Policy;
use crate::domain::text::{Description, PolicyName};
use crate::reply::{Answer, Reply};

/// A new policy: under `sla`, without the time of its last change.
pub fn created(policy: &Policy) -> Answer {
    #[derive(Serialize)]
    struct Created<'a> {
        #[serde(flatten)]
        draft: DraftView<'a>,
        #[serde(rename = "_id")]
        id: &'a PolicyId,
    }
    Reply::created(&Nested {
        sla: Created {
            draft: DraftView::of(policy),
            id: &policy.id,
        },
    })
}

/// A replaced policy: under `sla`, with its id last.
pub fn updated(policy: &Policy) -> Answer {
    #[derive(Serialize)]
    struct Updated<'a> {
        #[serde(flatten)]
        draft: DraftView<'a>,
        #[serde(rename = "_updatedAt")]
        updated_at: String,
        #[serde(rename = "_id")]
        id: &'a PolicyId,
    }
    Reply::ok(&Nested {
        sla: Updated {
            draft: DraftView::of(policy),
            updated_at: milliseconds(policy.updated_at),
            id: &policy.id,
        },
    })
}

/// One policy: with its members at the top level.
pub fn one(policy: &Policy) -> Answer {
    Reply::ok(&View::of(policy))
}

/// Some of `total` policies, the first of which has the index `offset`.
pub fn page(policies: &[&Policy], offset: u64, total: usize) -> Answer {
    #[derive(Serialize)]
    struct Page<'a> {
        sla: Vec<View<'a>>,
        count: usize,
        offset: u64,
        total: usize,
    }
    let sla: Vec<_> = policies.iter().map(|policy| View::of(policy)).collect();
    Reply::ok(&Page {
        count: sla.len(),
        sla,
        offset,
        total,
    })
}

#[derive(Serialize)]
struct Nested<T> {
    sla: T,
}

#[derive(Serialize)]
struct View<'a> {
    #[serde(rename = "_id")]
    id: &'a PolicyId,
    #[serde(flatten)]
    draft: DraftView<'a>,
    #[serde(rename = "_updatedAt")]
    updated_at: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DraftView<'a> {
    name: &'a PolicyName,
    description: &'a Description,
    due_time_in_minutes: u32,
}

impl View<'_> {
    fn of(policy: &Policy) -> View<'_> {
        View {
            id: &policy.id,
            draft: DraftView::of(policy),
            updated_at: milliseconds(policy.updated_at),
        }
    }
}

impl DraftView<'_> {
    fn of(policy: &Policy) -> DraftView<'_> {
        DraftView {
            name: &policy.draft.name,
            description: &policy.draft.description,
            due_time_in_minutes: policy.draft.due_time_in_minutes.get(),
        }
    }
}

fn milliseconds(instant: Timestamp) -> String {
    instant.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}
