//! Previews, as clients ask for them.

use jiff::Timestamp;
use jiff::fmt::temporal::Pieces;
use serde_json::Value;

use crate::domain::calendar::Calendar;
use crate::domain::forecast::ForecastOptions;
use crate::domain::id::CalendarId;
use crate::domain::minutes::Minutes;
use crate::domain::priority::Priority;
use crate::domain::rule::Targets;
use crate::fields::rule::{PRIORITIES, targets};
use crate::fields::{Fields, calendar};
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
pub fn request(mut fields: Fields) -> Result<PreviewRequest, Problem> {
    let created_at = match fields.required("createdAt") {
        None => None,
        Some(value) => instant(&mut fields, "createdAt", &value),
    };
    let targets = requested_targets(&mut fields);
    let business_hours_only = match fields.has("businessHoursOnly") {
        true => fields.boolean("businessHoursOnly", false).map(Some),
        false => Some(None),
    };
    let calendar = requested_calendar(&mut fields);
    let as_of = match fields.take("asOf") {
        None => Some(None),
        Some(value) => instant(&mut fields, "asOf", &value).map(Some),
    };
    let as_of = match (created_at, as_of) {
        (Some(from), Some(Some(at))) if at < from => {
            fields.refuse("asOf", Reason::Team(TeamReason::BeforeCreatedAt))
        }
        (_, as_of) => as_of,
    };
    let trace = fields.boolean("trace", false);
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
        })
    })();
    fields.finish(request)
}

fn instant(fields: &mut Fields, field: &'static str, value: &Value) -> Option<Timestamp> {
    let Value::String(text) = value else {
        return fields.refuse(field, Reason::Team(TeamReason::NotAnInstant));
    };
    if !is_rfc3339(text) {
        return fields.refuse(field, Reason::Team(TeamReason::NotAnInstant));
    }
    match text.parse() {
        Ok(instant) => Some(instant),
        // Date, time and offset are valid, and RFC 3339 cannot write a year that is too early.
        Err(_) if Pieces::parse(text).is_ok() => {
            fields.refuse(field, Reason::Team(TeamReason::InstantTooLate))
        }
        Err(_) => fields.refuse(field, Reason::Team(TeamReason::NotAnInstant)),
    }
}

/// Whether a text has the form of RFC 3339's `date-time`, with at most nine digits of a fraction.
/// `jiff` reads more than that: forms that other programs do not understand, and parts that it ignores.
fn is_rfc3339(text: &str) -> bool {
    let digits_as_zero = |c: char| {
        if c.is_ascii_digit() {
            '0'
        } else {
            c.to_ascii_uppercase()
        }
    };
    let form: String = text.chars().map(digits_as_zero).collect();
    let Some(rest) = form.strip_prefix("0000-00-00T00:00:00") else {
        return false;
    };
    let offset = match rest.strip_prefix('.') {
        None => rest,
        Some(fraction) => {
            let offset = fraction.trim_start_matches('0');
            if !(1..=9).contains(&(fraction.len() - offset.len())) {
                return false;
            }
            offset
        }
    };
    let hours = text
        .get(text.len().saturating_sub(5)..)
        .and_then(|end| end.get(..2));
    let within_a_day = || {
        hours
            .and_then(|hours| hours.parse::<u8>().ok())
            .is_some_and(|hours| hours < 24)
    };
    match offset {
        "Z" => true,
        "+00:00" | "-00:00" => within_a_day(),
        _ => false,
    }
}

fn requested_targets(fields: &mut Fields) -> Option<RequestedTargets> {
    let has_targets = fields.has("responseTarget") || fields.has("resolutionTarget");
    if !has_targets {
        return fields
            .word("priority", PRIORITIES, Priority::parse)
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusal(created_at: &str) -> Option<Reason> {
        let Value::Object(members) = json!({"createdAt": created_at, "priority": "high"}) else {
            return None;
        };
        match request(Fields::new(members)) {
            Err(Problem::Invalid(violations)) => {
                violations.first().map(|first| first.reason.clone())
            }
            _ => None,
        }
    }

    #[test]
    fn instants_that_do_not_exist_and_instants_that_are_too_late_differ() {
        for (created_at, refused) in [
            ("9999-12-30T22:00:00.999999999Z", None),
            (
                "9999-12-30T22:00:01Z",
                Some(Reason::Team(TeamReason::InstantTooLate)),
            ),
            (
                "9999-12-31T23:59:59+23:59",
                Some(Reason::Team(TeamReason::InstantTooLate)),
            ),
            (
                "9999-12-31T23:59:60Z",
                Some(Reason::Team(TeamReason::InstantTooLate)),
            ),
            (
                "9999-12-31T24:00:00Z",
                Some(Reason::Team(TeamReason::NotAnInstant)),
            ),
            (
                "9999-12-32T00:00:00Z",
                Some(Reason::Team(TeamReason::NotAnInstant)),
            ),
            (
                "9999-12-31T00:00:00+00:60",
                Some(Reason::Team(TeamReason::NotAnInstant)),
            ),
            ("0000-01-01T00:00:00+23:59", None),
        ] {
            assert_eq!(refusal(created_at), refused, "{created_at}");
        }
    }
}
