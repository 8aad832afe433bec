//! A Rocket.Chat policy as its clients write it.

use crate::domain::minutes::Minutes;
use crate::domain::policy::Draft;
use crate::domain::text::{Description, PolicyName};
use crate::fields::Fields;
use crate::problem::Problem;

/// Reads a policy. All three members are required, and no other may be there.
pub fn draft(mut fields: Fields) -> Result<Draft, Problem> {
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
    let due_time_in_minutes = fields.minutes("dueTimeInMinutes", Minutes::POLICY_MAX);
    let draft = (|| {
        Some(Draft {
            name: name?,
            description: description?,
            due_time_in_minutes: due_time_in_minutes?,
        })
    })();
    fields.finish(draft)
}
