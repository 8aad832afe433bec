//! A calendar as its clients write it.

use jiff::civil::Date;
use serde_json::{Map, Value};

use crate::domain::calendar::{Calendar, CalendarDraft, WEEKDAYS};
use crate::domain::team_calendar::Draft;
use crate::domain::text::Name;
use crate::fields::{Fields, members};
use crate::problem::{Allowed, Fault, Problem};

const ZONE: Allowed = Allowed::Must("must be an IANA time zone name, such as Europe/Berlin");
const WEEK: Allowed = Allowed::Must("must be an object of weekdays, each with a list of intervals");
const DATES: Allowed = Allowed::Must("must be an object of dates, each with a list of intervals");
const HOLIDAYS: Allowed = Allowed::Must("must be a list of dates as YYYY-MM-DD");
const DATE: Allowed = Allowed::Must("must be a date as YYYY-MM-DD");
const DAY: Allowed = Allowed::Must("must be a list of intervals");
const INTERVAL: Allowed =
    Allowed::Must("must be a start and an end, such as [\"09:00\", \"17:00\"]");

/// Whether a name is one under which a day may stand.
type IsDay = fn(&str) -> bool;

/// A day's intervals, as they were written.
type Day = Vec<(String, String)>;

/// Reads a calendar that is to be kept.
pub fn draft(mut fields: Fields) -> Result<Draft, Problem> {
    let name = fields.text("name", (Name::MIN_CHARS, Name::MAX_CHARS), Name::new);
    let opening = opening(&mut fields).map(|(opening, _)| opening);
    let is_default = fields.boolean("default", false);
    let draft = (|| {
        Some(Draft {
            name: name?,
            opening: opening?,
            is_default: is_default?,
        })
    })();
    fields.finish(draft)
}

/// Reads a change: what is absent stays as it was, within `hours` and `exceptions` too, where
/// `null` closes a weekday and takes an exception away (RFC 7396).
pub fn change(mut fields: Fields, was: &Draft) -> Result<Draft, Problem> {
    let mut was = members(was)?;
    let days: [(&str, IsDay); 2] = [("hours", is_weekday), ("exceptions", is_date)];
    for (within, is_day) in days {
        let Some(patch) = fields.take_object(within) else {
            continue;
        };
        let days = was
            .entry(within)
            .or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(days) = days {
            merge(days, patch, is_day);
        }
    }
    draft(fields.over(was))
}

/// Reads a calendar that is used once: its opening, and the calendar that it makes.
pub fn inline(mut fields: Fields) -> Result<Calendar, Problem> {
    let calendar = opening(&mut fields).map(|(_, calendar)| calendar);
    fields.finish(calendar)
}

/// Lays days over days. A `null` under a name that is none stays, to be refused.
fn merge(days: &mut Map<String, Value>, patch: Map<String, Value>, is_day: IsDay) {
    for (name, day) in patch {
        if day.is_null() && is_day(&name) {
            days.shift_remove(&name);
        } else {
            days.insert(name, day);
        }
    }
}

fn is_weekday(name: &str) -> bool {
    WEEKDAYS.contains(&name)
}

/// Only as it is told: `jiff` also reads dates without hyphens.
fn is_date(name: &str) -> bool {
    name.parse::<Date>()
        .is_ok_and(|date| date.to_string() == name)
}

fn opening(fields: &mut Fields) -> Option<(CalendarDraft, Calendar)> {
    let zone = match fields.required("timeZone", &ZONE) {
        Some(Value::String(zone)) => Some(zone),
        Some(_) => fields.refuse("timeZone", Fault::Type, ZONE),
        None => None,
    };
    let hours = week(fields);
    let holidays = holidays(fields);
    let exceptions = exceptions(fields);
    let mut draft = CalendarDraft {
        time_zone: zone?,
        hours: hours?,
        holidays: holidays?,
        exceptions: exceptions?,
    };
    match Calendar::parse(&draft) {
        Ok(calendar) => {
            calendar.time_zone().clone_into(&mut draft.time_zone);
            Some((draft, calendar))
        }
        Err(errors) => {
            for error in errors {
                let field = error.member().to_owned();
                fields.refuse::<()>(field, Fault::Low, Allowed::InCalendar(error.fault()));
            }
            None
        }
    }
}

fn week(fields: &mut Fields) -> Option<[Day; 7]> {
    let Value::Object(given) = fields.required("hours", &WEEK)? else {
        return fields.refuse("hours", Fault::Type, WEEK);
    };
    let mut week: [Day; 7] = Default::default();
    let mut whole = true;
    for (name, value) in given {
        let field = format!("hours.{name}");
        let Some((_, place)) = WEEKDAYS
            .iter()
            .zip(&mut week)
            .find(|(weekday, _)| **weekday == name)
        else {
            fields.refuse::<()>(field, Fault::Unknown, Allowed::Nothing);
            whole = false;
            continue;
        };
        match day(fields, &field, value) {
            Some(day) => *place = day,
            None => whole = false,
        }
    }
    whole.then_some(week)
}

fn holidays(fields: &mut Fields) -> Option<Vec<String>> {
    let given = match fields.take("holidays") {
        None => return Some(Vec::new()),
        Some(Value::Array(given)) => given,
        Some(_) => return fields.refuse("holidays", Fault::Type, HOLIDAYS),
    };
    let mut dates = Vec::with_capacity(given.len());
    for (number, date) in given.into_iter().enumerate() {
        match date {
            Value::String(date) => dates.push(date),
            _ => return fields.refuse(format!("holidays[{number}]"), Fault::Type, DATE),
        }
    }
    Some(dates)
}

fn exceptions(fields: &mut Fields) -> Option<Vec<(String, Day)>> {
    let given = match fields.take("exceptions") {
        None => return Some(Vec::new()),
        Some(Value::Object(given)) => given,
        Some(_) => return fields.refuse("exceptions", Fault::Type, DATES),
    };
    let days = given.into_iter().map(|(date, value)| {
        let field = format!(
            "exceptions.{}",
            date.chars().take(MAX_DATE_CHARS).collect::<String>()
        );
        Some((date, day(fields, &field, value)?))
    });
    days.collect()
}

/// Characters of a date that is none that a refusal repeats.
const MAX_DATE_CHARS: usize = 32;

fn day(fields: &mut Fields, field: &str, value: Value) -> Option<Day> {
    let Value::Array(given) = value else {
        return fields.refuse(field.to_owned(), Fault::Type, DAY);
    };
    let mut day = Day::with_capacity(given.len());
    for (number, interval) in given.into_iter().enumerate() {
        match pair(interval) {
            Some(interval) => day.push(interval),
            None => return fields.refuse(format!("{field}[{number}]"), Fault::Type, INTERVAL),
        }
    }
    Some(day)
}

fn pair(interval: Value) -> Option<(String, String)> {
    let Value::Array(interval) = interval else {
        return None;
    };
    let mut ends = interval.into_iter();
    match (ends.next(), ends.next(), ends.next()) {
        (Some(Value::String(start)), Some(Value::String(end)), None) => Some((start, end)),
        _ => None,
    }
}
