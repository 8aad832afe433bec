//! Calendars, as clients write them.

use jiff::civil::Date;
use serde_json::{Map, Value, json};

use crate::domain::calendar::{Calendar, DayHours, Schedule, ScheduleReason, WEEKDAYS, WeekHours};
use crate::domain::team_calendar::CalendarDraft;
use crate::domain::text::Name;
use crate::fields::Fields;
use crate::problem::{Problem, Reason, TeamReason};

/// The most characters that a violation repeats of a key that is not a date.
const MAX_DATE_CHARS: usize = 32;

/// Whether a name is that of a day.
type IsDay = fn(&str) -> bool;

/// Reads a calendar of a team.
pub fn draft(mut fields: Fields) -> Result<CalendarDraft, Problem> {
    let name = fields.text("name", (Name::MIN_CHARS, Name::MAX_CHARS), Name::new);
    let schedule = schedule(&mut fields).map(|(schedule, _)| schedule);
    let is_default = fields.boolean("default", false);
    let draft = (|| {
        Some(CalendarDraft {
            name: name?,
            schedule: schedule?,
            is_default: is_default?,
        })
    })();
    fields.finish(draft)
}

/// Reads a change: absent members stay as they are, within `hours` and `exceptions`, too, where
/// `null` closes a weekday and removes an exception (RFC 7396).
pub fn change(mut fields: Fields, current: &CalendarDraft) -> Result<CalendarDraft, Problem> {
    let mut current = members(current);
    let days: [(&str, IsDay); 2] = [("hours", is_weekday), ("exceptions", is_date)];
    for (member, is_day) in days {
        let Some(patch) = fields.take_object(member) else {
            continue;
        };
        if let Some(Value::Object(days)) = current.get_mut(member) {
            merge(days, patch, is_day);
        }
    }
    draft(fields.over(current))
}

/// Reads a calendar that a request brings along, and parses it.
pub fn inline(mut fields: Fields) -> Result<Calendar, Problem> {
    let calendar = schedule(&mut fields).map(|(_, calendar)| calendar);
    fields.finish(calendar)
}

/// A calendar's members, as a client would write them.
pub fn members(calendar: &CalendarDraft) -> Map<String, Value> {
    let Schedule {
        time_zone,
        hours,
        holidays,
        exceptions,
    } = &calendar.schedule;
    let open = WEEKDAYS
        .iter()
        .zip(hours)
        .filter(|(_, day)| !day.is_empty());
    let hours: Map<String, Value> = open
        .map(|(weekday, day)| ((*weekday).to_owned(), json!(day)))
        .collect();
    let exceptions: Map<String, Value> = exceptions
        .iter()
        .map(|(date, day)| (date.clone(), json!(day)))
        .collect();
    let mut members = Map::new();
    let mut add = |name: &str, value: Value| members.insert(name.to_owned(), value);
    add("name", calendar.name.as_str().into());
    add("timeZone", time_zone.as_str().into());
    add("hours", hours.into());
    add("holidays", holidays.as_slice().into());
    add("exceptions", exceptions.into());
    add("default", calendar.is_default.into());
    members
}

/// Merges days into days. A `null` whose name is not that of a day stays, to be refused.
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

/// Only in the form in which dates are shown: `jiff` also reads them without hyphens.
fn is_date(name: &str) -> bool {
    name.parse::<Date>()
        .is_ok_and(|date| date.to_string() == name)
}

fn schedule(fields: &mut Fields) -> Option<(Schedule, Calendar)> {
    let zone = match fields.required("timeZone") {
        Some(Value::String(zone)) => Some(zone),
        Some(_) => {
            let reason = TeamReason::Schedule(ScheduleReason::UnknownZone);
            fields.refuse("timeZone", Reason::Team(reason))
        }
        None => None,
    };
    let hours = week(fields);
    let holidays = holidays(fields);
    let exceptions = exceptions(fields);
    let mut schedule = Schedule {
        time_zone: zone?,
        hours: hours?,
        holidays: holidays?,
        exceptions: exceptions?,
    };
    match Calendar::parse(&schedule) {
        Ok(calendar) => {
            calendar.time_zone().clone_into(&mut schedule.time_zone);
            Some((schedule, calendar))
        }
        Err(violations) => {
            for violation in violations {
                let reason = TeamReason::Schedule(violation.reason());
                fields.refuse::<()>(violation.member().to_owned(), Reason::Team(reason));
            }
            None
        }
    }
}

fn week(fields: &mut Fields) -> Option<WeekHours> {
    let Value::Object(given) = fields.required("hours")? else {
        return fields.refuse("hours", Reason::Team(TeamReason::NotAWeek));
    };
    let mut week = WeekHours::default();
    let mut valid = true;
    for (name, value) in given {
        let field = format!("hours.{name}");
        let mut weekdays = WEEKDAYS.iter().zip(&mut week);
        let Some((_, hours)) = weekdays.find(|(weekday, _)| **weekday == name) else {
            fields.refuse::<()>(field, Reason::Unknown);
            valid = false;
            continue;
        };
        match day(fields, &field, value) {
            Some(day) => *hours = day,
            None => valid = false,
        }
    }
    valid.then_some(week)
}

fn holidays(fields: &mut Fields) -> Option<Vec<String>> {
    let given = match fields.take("holidays") {
        None => return Some(Vec::new()),
        Some(Value::Array(given)) => given,
        Some(_) => return fields.refuse("holidays", Reason::Team(TeamReason::NotHolidays)),
    };
    let mut dates = Vec::with_capacity(given.len());
    for (index, date) in given.into_iter().enumerate() {
        match date {
            Value::String(date) => dates.push(date),
            _ => {
                let reason = TeamReason::Schedule(ScheduleReason::InvalidDate);
                return fields.refuse(format!("holidays[{index}]"), Reason::Team(reason));
            }
        }
    }
    Some(dates)
}

fn exceptions(fields: &mut Fields) -> Option<Vec<(String, DayHours)>> {
    let given = match fields.take("exceptions") {
        None => return Some(Vec::new()),
        Some(Value::Object(given)) => given,
        Some(_) => return fields.refuse("exceptions", Reason::Team(TeamReason::NotExceptions)),
    };
    let days = given.into_iter().map(|(date, value)| {
        let key: String = date.chars().take(MAX_DATE_CHARS).collect();
        let hours = day(fields, &format!("exceptions.{key}"), value)?;
        Some((date, hours))
    });
    days.collect()
}

fn day(fields: &mut Fields, field: &str, value: Value) -> Option<DayHours> {
    let Value::Array(given) = value else {
        return fields.refuse(field.to_owned(), Reason::Team(TeamReason::NotADay));
    };
    let mut day = DayHours::with_capacity(given.len());
    for (index, value) in given.into_iter().enumerate() {
        match interval(value) {
            Some(interval) => day.push(interval),
            None => {
                let field = format!("{field}[{index}]");
                return fields.refuse(field, Reason::Team(TeamReason::NotAnInterval));
            }
        }
    }
    Some(day)
}

fn interval(value: Value) -> Option<(String, String)> {
    let Value::Array(ends) = value else {
        return None;
    };
    let mut ends = ends.into_iter();
    match (ends.next(), ends.next(), ends.next()) {
        (Some(Value::String(start)), Some(Value::String(end)), None) => Some((start, end)),
        _ => None,
    }
}
