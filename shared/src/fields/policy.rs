//! Rocket.Chat policies, as clients write them.

use serde_json::{Map, Value};

use crate::domain::minutes::Minutes;
use crate::domain::policy::PolicyDraft;
use crate::domain::text::{Description, PolicyName};
use crate::fields::Fields;
use crate::problem::Problem;

/// Reads a policy. All three members are required, and there are no others.
pub fn draft(mut fields: Fields) -> Result<PolicyDraft, Problem> {
    let name = fields.text(
        "name",
        (PolicyName::MIN_CHARS, PolicyName::MAX_CHARS),
        PolicyName::new,
    );
    let description = fields.text(
        "description",
        (Description::MIN_CHARS, Description::MAX_CHARS),
        Description::new,
    );
    let due_time_in_minutes = fields.minutes("dueTimeInMinutes", Minutes::MAX_POLICY_DUE_TIME);
    let draft = (|| {
        Some(PolicyDraft {
            name: name?,
            description: description?,
            due_time_in_minutes: due_time_in_minutes?,
        })
    })();
    fields.finish(draft)
}

/// A policy's members, as a client would write them.
pub fn members(policy: &PolicyDraft) -> Map<String, Value> {
    let mut members = Map::new();
    let mut add = |name: &str, value: Value| members.insert(name.to_owned(), value);
    add("name", policy.name.as_str().into());
    add("description", policy.description.as_str().into());
    add("dueTimeInMinutes", policy.due_time_in_minutes.get().into());
    members
}
