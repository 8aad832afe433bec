//! cStar rules, as clients write them.

use serde_json::{Map, Value};

use crate::domain::id::CalendarId;
use crate::domain::minutes::Minutes;
use crate::domain::priority::Priority;
use crate::domain::rule::{RuleDraft, Targets};
use crate::domain::text::Name;
use crate::fields::Fields;
use crate::problem::{Problem, Reason, TeamReason};

/// Reads a rule. `businessHoursOnly` is false unless given, `enabled` true.
pub fn draft(mut fields: Fields) -> Result<RuleDraft, Problem> {
    let name = fields.text("name", (Name::MIN_CHARS, Name::MAX_CHARS), Name::new);
    let priority = fields.word("priority", Priority::WORDS, Priority::parse);
    let response = fields.minutes("responseTarget", Minutes::MAX_RULE_TARGET);
    let resolution = fields.minutes("resolutionTarget", Minutes::MAX_RULE_TARGET);
    let targets = targets(&mut fields, response, resolution);
    let business_hours_only = fields.boolean("businessHoursOnly", false);
    let enabled = fields.boolean("enabled", true);
    let calendar_id = fields.optional("calendarId", TeamReason::UnknownCalendar, CalendarId::parse);
    let next_response = fields.optional_minutes("nextResponseTarget", Minutes::MAX_RULE_TARGET);
    let draft = (|| {
        Some(RuleDraft {
            name: name?,
            priority: priority?,
            targets: targets?,
            business_hours_only: business_hours_only?,
            enabled: enabled?,
            next_response_target: next_response?,
            calendar_id: calendar_id?,
        })
    })();
    fields.finish(draft)
}

/// Reads a change: absent members stay as they are, and `null` removes an optional one.
pub fn change(fields: Fields, current: &RuleDraft) -> Result<RuleDraft, Problem> {
    let merged = fields.over(members(current));
    draft(
        merged
            .without_null("calendarId")
            .without_null("nextResponseTarget"),
    )
}

/// Checks two targets against each other.
pub(super) fn targets(
    fields: &mut Fields,
    response: Option<Minutes>,
    resolution: Option<Minutes>,
) -> Option<Targets> {
    let (response, resolution) = (response?, resolution?);
    Targets::new(response, resolution).or_else(|| {
        let reason = TeamReason::LessThan {
            field: "responseTarget",
            value: response.get(),
        };
        fields.refuse("resolutionTarget", Reason::Team(reason))
    })
}

/// A rule's members, as a client would write them.
pub fn members(rule: &RuleDraft) -> Map<String, Value> {
    let mut members = Map::new();
    let mut add = |name: &str, value: Value| members.insert(name.to_owned(), value);
    add("name", rule.name.as_str().into());
    add("priority", rule.priority.as_str().into());
    add("responseTarget", rule.targets.response().get().into());
    add("resolutionTarget", rule.targets.resolution().get().into());
    add("businessHoursOnly", rule.business_hours_only.into());
    add("enabled", rule.enabled.into());
    if let Some(calendar) = &rule.calendar_id {
        add("calendarId", calendar.as_str().into());
    }
    if let Some(target) = rule.next_response_target {
        add("nextResponseTarget", target.get().into());
    }
    members
}
