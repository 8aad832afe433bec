//! A policy as Rocket.Chat tells it: differently after each verb.

use jiff::Timestamp;
use serde::Serialize;

use crate::domain::id::PolicyId;
use crate::domain::policy::{Draft, Policy};
use crate::reply::{Answer, Reply};

/// A new policy: under `sla`, without the time of its last change.
pub fn created(policy: &Policy) -> Answer {
    #[derive(Serialize)]
    struct Created<'a> {
        #[serde(flatten)]
        draft: &'a Draft,
        #[serde(rename = "_id")]
        id: &'a PolicyId,
    }
    Reply::created(&Under {
        sla: Created {
            draft: &policy.draft,
            id: &policy.id,
        },
    })
}

/// A replaced policy: under `sla`, its id last.
pub fn updated(policy: &Policy) -> Answer {
    #[derive(Serialize)]
    struct Updated<'a> {
        #[serde(flatten)]
        draft: &'a Draft,
        #[serde(rename = "_updatedAt")]
        updated_at: String,
        #[serde(rename = "_id")]
        id: &'a PolicyId,
    }
    let updated_at = milliseconds(policy.updated_at);
    Reply::ok(&Under {
        sla: Updated {
            draft: &policy.draft,
            updated_at,
            id: &policy.id,
        },
    })
}

/// One policy: its members at the top level.
pub fn one(policy: &Policy) -> Answer {
    Reply::ok(&Whole::of(policy))
}

/// Some policies out of `total`, from the one numbered `offset`.
pub fn page(policies: &[&Policy], offset: u64, total: usize) -> Answer {
    #[derive(Serialize)]
    struct Page<'a> {
        sla: Vec<Whole<'a>>,
        count: usize,
        offset: u64,
        total: usize,
    }
    let sla: Vec<_> = policies.iter().map(|policy| Whole::of(policy)).collect();
    Reply::ok(&Page {
        count: sla.len(),
        sla,
        offset,
        total,
    })
}

#[derive(Serialize)]
struct Under<T> {
    sla: T,
}

#[derive(Serialize)]
struct Whole<'a> {
    #[serde(rename = "_id")]
    id: &'a PolicyId,
    #[serde(flatten)]
    draft: &'a Draft,
    #[serde(rename = "_updatedAt")]
    updated_at: String,
}

impl Whole<'_> {
    fn of(policy: &Policy) -> Whole<'_> {
        let updated_at = milliseconds(policy.updated_at);
        Whole {
            id: &policy.id,
            draft: &policy.draft,
            updated_at,
        }
    }
}

fn milliseconds(instant: Timestamp) -> String {
    instant.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}
