//! A cStar rule as its clients write it.

use crate::domain::id::CalendarId;
use crate::domain::minutes::Minutes;
use crate::domain::priority::Priority;
use crate::domain::rule::{Draft, Targets};
use crate::domain::text::Name;
use crate::fields::{Fields, members};
use crate::problem::{Allowed, Fault, Problem};

pub(super) const PRIORITIES: &[&str] = &["low", "normal", "high", "urgent"];

/// Reads a rule. `businessHoursOnly` is false unless given, `enabled` true.
pub fn draft(mut fields: Fields) -> Result<Draft, Problem> {
    let name = fields.text("name", (Name::MIN_CHARS, Name::MAX_CHARS), Name::new);
    let priority = fields.word("priority", PRIORITIES, Priority::parse);
    let response = fields.minutes("responseTarget", Minutes::RULE_MAX);
    let resolution = fields.minutes("resolutionTarget", Minutes::RULE_MAX);
    let targets = targets(&mut fields, response, resolution);
    let business_hours_only = fields.boolean("businessHoursOnly", false);
    let enabled = fields.boolean("enabled", true);
    let calendar_id = fields.optional("calendarId", Allowed::CALENDAR_ID, CalendarId::parse);
    let draft = (|| {
        Some(Draft {
            name: name?,
            priority: priority?,
            targets: targets?,
            business_hours_only: business_hours_only?,
            enabled: enabled?,
            calendar_id: calendar_id?,
        })
    })();
    fields.finish(draft)
}

/// Reads a change: members that are absent stay as they were, and `null` takes the calendar away.
pub fn change(fields: Fields, was: &Draft) -> Result<Draft, Problem> {
    draft(fields.over(members(was)?).without_null("calendarId"))
}

/// Reads two promises that have been read one by one.
pub(super) fn targets(
    fields: &mut Fields,
    response: Option<Minutes>,
    resolution: Option<Minutes>,
) -> Option<Targets> {
    let (response, resolution) = (response?, resolution?);
    Targets::new(response, resolution).or_else(|| {
        let allowed = Allowed::AtLeastField {
            field: "responseTarget",
            value: response.get(),
        };
        fields.refuse("resolutionTarget", Fault::Low, allowed)
    })
}
