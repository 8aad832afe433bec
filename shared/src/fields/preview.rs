//! A preview as its clients ask for it.

use jiff::Timestamp;
use jiff::fmt::temporal::Pieces;
use serde_json::Value;

use crate::domain::calendar::Calendar;
use crate::domain::id::CalendarId;
use crate::domain::minutes::Minutes;
use crate::domain::priority::Priority;
use crate::domain::rule::Targets;
use crate::fields::rule::{PRIORITIES, targets};
use crate::fields::{Fields, calendar};
use crate::problem::{Allowed, Fault, Problem};

const INSTANT: Allowed = Allowed::Must(
    "must be an RFC 3339 instant with an offset from UTC, such as 2026-11-22T09:00:00Z",
);
/// [`Timestamp::MAX`]: the calendar's last instant, less the greatest offset from UTC.
const NOT_AFTER: Allowed = Allowed::Must("must not be after 9999-12-30T22:00:00.999999999Z");
const NOT_BEFORE: Allowed = Allowed::Must("must not be before 'createdAt'");
const INSTEAD: Allowed =
    Allowed::Must("must be absent where 'responseTarget' and 'resolutionTarget' are given");
const ONE_CALENDAR: Allowed = Allowed::Must("must be absent where 'calendar' is given");
const CALENDAR: Allowed = Allowed::Must("must be an object with 'timeZone' and 'hours'");

/// What a preview is asked for.
#[derive(Debug)]
pub struct Preview {
    /// When the ticket comes in.
    pub created_at: Timestamp,
    /// What is promised.
    pub promise: Promise,
    /// Whether only open time counts, if the caller says so.
    pub business_hours_only: Option<bool>,
    /// What open time is, if the caller says so.
    pub hours: Option<Hours>,
    /// The instant at which the caller wants to know how things stand.
    pub as_of: Option<Timestamp>,
    /// Whether the counted stretches are to be told.
    pub trace: bool,
}

/// Where the promised lengths come from.
#[derive(Debug)]
pub enum Promise {
    /// From the rule for this priority.
    Rule(Priority),
    /// From the caller.
    Targets(Targets),
}

/// What open time is, as a caller says.
#[derive(Debug)]
pub enum Hours {
    /// One of the team's calendars.
    Kept(CalendarId),
    /// A calendar that came along.
    Inline(Box<Calendar>),
}

/// Reads what is asked.
pub fn draft(mut fields: Fields) -> Result<Preview, Problem> {
    let created_at = match fields.take("createdAt") {
        None => fields.refuse("createdAt", Fault::Missing, INSTANT),
        Some(value) => instant(&mut fields, "createdAt", &value),
    };
    let promise = promise(&mut fields);
    let business_hours_only = match fields.has("businessHoursOnly") {
        true => fields.boolean("businessHoursOnly", false).map(Some),
        false => Some(None),
    };
    let hours = hours(&mut fields);
    let as_of = match fields.take("asOf") {
        None => Some(None),
        Some(value) => instant(&mut fields, "asOf", &value).map(Some),
    };
    let as_of = match (created_at, as_of) {
        (Some(from), Some(Some(at))) if at < from => fields.refuse("asOf", Fault::Low, NOT_BEFORE),
        (_, as_of) => as_of,
    };
    let trace = fields.boolean("trace", false);
    let preview = (|| {
        Some(Preview {
            created_at: created_at?,
            promise: promise?,
            business_hours_only: business_hours_only?,
            hours: hours?,
            as_of: as_of?,
            trace: trace?,
        })
    })();
    fields.finish(preview)
}

fn instant(fields: &mut Fields, field: &'static str, value: &Value) -> Option<Timestamp> {
    let Value::String(text) = value else {
        return fields.refuse(field, Fault::Type, INSTANT);
    };
    if !is_rfc3339(text) {
        return fields.refuse(field, Fault::Low, INSTANT);
    }
    match text.parse() {
        Ok(instant) => Some(instant),
        // Date, time and offset exist, and no year that RFC 3339 can write is too early.
        Err(_) if Pieces::parse(text).is_ok() => fields.refuse(field, Fault::High, NOT_AFTER),
        Err(_) => fields.refuse(field, Fault::Low, INSTANT),
    }
}

/// Whether a text has the form of RFC 3339's `date-time`, with at most nine digits of a fraction.
/// `jiff` reads more: what other clients would not understand, or what it would pass over.
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

fn promise(fields: &mut Fields) -> Option<Promise> {
    let has_targets = fields.has("responseTarget") || fields.has("resolutionTarget");
    if !has_targets {
        return fields
            .word("priority", PRIORITIES, Priority::parse)
            .map(Promise::Rule);
    }
    let also = fields.take("priority").is_some();
    if also {
        fields.refuse::<()>("priority", Fault::Low, INSTEAD);
    }
    let response = fields.minutes("responseTarget", Minutes::RULE_MAX);
    let resolution = fields.minutes("resolutionTarget", Minutes::RULE_MAX);
    let targets = targets(fields, response, resolution)?;
    (!also).then_some(Promise::Targets(targets))
}

fn hours(fields: &mut Fields) -> Option<Option<Hours>> {
    let id = fields.optional("calendarId", Allowed::CALENDAR_ID, CalendarId::parse);
    let Some(value) = fields.take("calendar") else {
        return Some(id?.map(Hours::Kept));
    };
    if id.as_ref().is_none_or(Option::is_some) {
        return fields.refuse("calendarId", Fault::Low, ONE_CALENDAR);
    }
    let Value::Object(members) = value else {
        return fields.refuse("calendar", Fault::Type, CALENDAR);
    };
    match calendar::inline(Fields::new(members)) {
        Ok(calendar) => Some(Some(Hours::Inline(Box::new(calendar)))),
        Err(Problem::Invalid(violations)) => {
            fields.refuse_within("calendar", violations);
            None
        }
        Err(_) => fields.refuse("calendar", Fault::Type, CALENDAR),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusal(created_at: &str) -> Option<Allowed> {
        let Value::Object(members) = json!({"createdAt": created_at, "priority": "high"}) else {
            return None;
        };
        match draft(Fields::new(members)) {
            Err(Problem::Invalid(violations)) => {
                violations.first().map(|first| first.allowed.clone())
            }
            _ => None,
        }
    }

    #[test]
    fn the_latest_instant_is_the_one_that_a_refusal_names() {
        let latest = format!("must not be after {}", Timestamp::MAX);
        assert!(matches!(NOT_AFTER, Allowed::Must(text) if text == latest));
        for (created_at, refused) in [
            ("9999-12-30T22:00:00.999999999Z", None),
            ("9999-12-30T22:00:01Z", Some(NOT_AFTER)),
            ("9999-12-31T23:59:59+23:59", Some(NOT_AFTER)),
            ("9999-12-31T23:59:60Z", Some(NOT_AFTER)),
            ("9999-12-31T24:00:00Z", Some(INSTANT)),
            ("9999-12-32T00:00:00Z", Some(INSTANT)),
            ("9999-12-31T00:00:00+00:60", Some(INSTANT)),
            ("0000-01-01T00:00:00+23:59", None),
        ] {
            assert_eq!(refusal(created_at), refused, "{created_at}");
        }
    }
}
