//! Rules, as cStar shows them: seven members, and up to two more where they are set.

use serde::Serialize;

use crate::domain::id::{CalendarId, RuleId};
use crate::domain::minutes::Minutes;
use crate::domain::priority::Priority;
use crate::domain::rule::Rule;
use crate::domain::text::Name;
use crate::reply::{Answer, Reply};

/// One rule, with its version as the entity tag.
pub fn one(rule: &Rule) -> Answer {
    Ok(Reply::ok(&View::of(rule))?.version(rule.version))
}

/// A new rule, with its version as the entity tag.
pub fn created(rule: &Rule) -> Answer {
    Ok(Reply::created(&View::of(rule))?.version(rule.version))
}

/// All rules of a team.
pub fn list(rules: &[Rule]) -> Answer {
    let views: Vec<View<'_>> = rules.iter().map(View::of).collect();
    Reply::ok(&views)
}

/// Not nested, since flattened structs cost several times as much to serialize.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct View<'a> {
    id: &'a RuleId,
    name: &'a Name,
    priority: Priority,
    response_target: u32,
    resolution_target: u32,
    business_hours_only: bool,
    enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    calendar_id: Option<&'a CalendarId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_response_target: Option<u32>,
}

impl View<'_> {
    fn of(rule: &Rule) -> View<'_> {
        let draft = &rule.draft;
        View {
            id: &rule.id,
            name: &draft.name,
            priority: draft.priority,
            response_target: draft.targets.response().get(),
            resolution_target: draft.targets.resolution().get(),
            business_hours_only: draft.business_hours_only,
            enabled: draft.enabled,
            calendar_id: draft.calendar_id.as_ref(),
            next_response_target: draft.next_response_target.map(Minutes::get),
        }
    }
}
