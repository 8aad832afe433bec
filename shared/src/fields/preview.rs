//! Previews, as clients ask for them.

use jiff::Timestamp;
use serde_json::Value;

use crate::domain::calendar::Calendar;
use crate::domain::forecast::ForecastOptions;
use crate::domain::id::CalendarId;
use crate::domain::minutes::Minutes;
use crate::domain::priority::Priority;
use crate::domain::rule::Targets;
use crate::domain::ticket::NewEvent;
use crate::fields::rule::targets;
use crate::fields::{Fields, calendar, instant, ticket};
use crate::problem::{Problem, Reason, TeamReason};

/// A request for a preview.
#[derive(Debug)]
pub struct PreviewRequest {
    /// The ticket, and how much the preview includes.
    pub options: ForecastOptions,
    /// Where the targets come from.
    pub targets: RequestedTargets,
    /// Whether only business hours count, if the client says so.
    pub business_hours_only: Option<bool>,
    /// The calendar, if the client says which.
    pub calendar: Option<RequestedCalendar>,
    /// What happens to the ticket, if the client says so.
    pub events: Option<Vec<NewEvent>>,
}

/// Where the targets come from.
#[derive(Debug)]
pub enum RequestedTargets {
    /// From the rule for this priority.
    OfRule(Priority),
    /// From the request.
    Given(Targets),
}

/// The calendar that a request asks for.
#[derive(Debug)]
pub enum RequestedCalendar {
    /// One of the team's calendars.
    OfTeam(CalendarId),
    /// A calendar that the request brings along.
    Inline(Box<Calendar>),
}

/// Reads a request for a preview.
pub fn request(mut fields: Fields, now: Timestamp) -> Result<PreviewRequest, Problem> {
    let created_at = match fields.required("createdAt") {
        None => None,
        Some(value) => instant::member(&mut fields, "createdAt", &value),
    };
    let targets = requested_targets(&mut fields);
    let business_hours_only = match fields.has("businessHoursOnly") {
        true => fields.boolean("businessHoursOnly", false).map(Some),
        false => Some(None),
    };
    let calendar = requested_calendar(&mut fields);
    let as_of = match fields.take("asOf") {
        None => Some(None),
        Some(value) => instant::member(&mut fields, "asOf", &value).map(Some),
    };
    let as_of = match (created_at, as_of) {
        (Some(from), Some(Some(at))) if at < from => {
            fields.refuse("asOf", Reason::Team(TeamReason::BeforeCreatedAt))
        }
        (_, as_of) => as_of,
    };
    let trace = fields.boolean("trace", false);
    let events = ticket::preview_events(&mut fields, now);
    let request = (|| {
        Some(PreviewRequest {
            options: ForecastOptions {
                created_at: created_at?,
                as_of: as_of?,
                trace: trace?,
            },
            targets: targets?,
            business_hours_only: business_hours_only?,
            calendar: calendar?,
            events: events?,
        })
    })();
    fields.finish(request)
}

fn requested_targets(fields: &mut Fields) -> Option<RequestedTargets> {
    let has_targets = fields.has("responseTarget") || fields.has("resolutionTarget");
    if !has_targets {
        return fields
            .word("priority", Priority::WORDS, Priority::parse)
            .map(RequestedTargets::OfRule);
    }
    let has_priority = fields.take("priority").is_some();
    if has_priority {
        fields.refuse::<()>("priority", Reason::Team(TeamReason::TargetsGiven));
    }
    let response = fields.minutes("responseTarget", Minutes::MAX_RULE_TARGET);
    let resolution = fields.minutes("resolutionTarget", Minutes::MAX_RULE_TARGET);
    let targets = targets(fields, response, resolution)?;
    (!has_priority).then_some(RequestedTargets::Given(targets))
}

fn requested_calendar(fields: &mut Fields) -> Option<Option<RequestedCalendar>> {
    let id = fields.optional("calendarId", TeamReason::UnknownCalendar, CalendarId::parse);
    let Some(value) = fields.take("calendar") else {
        return Some(id?.map(RequestedCalendar::OfTeam));
    };
    if id.as_ref().is_none_or(Option::is_some) {
        return fields.refuse("calendarId", Reason::Team(TeamReason::CalendarGiven));
    }
    let Value::Object(members) = value else {
        return fields.refuse("calendar", Reason::Team(TeamReason::NotACalendar));
    };
    match calendar::inline(Fields::new(members)) {
        Ok(calendar) => Some(Some(RequestedCalendar::Inline(Box::new(calendar)))),
        Err(Problem::Invalid(violations)) => {
            fields.refuse_within("calendar", violations);
            None
        }
        Err(_) => fields.refuse("calendar", Reason::Team(TeamReason::NotACalendar)),
    }
}
