//! Calendars, as clients see them.

use serde::{Serialize, Serializer};

use crate::domain::calendar::{DayHours, Schedule, WEEKDAYS, WeekHours};
use crate::domain::id::CalendarId;
use crate::domain::team_calendar::{CalendarSummary, TeamCalendar};
use crate::domain::text::Name;
use crate::problem::Problem;
use crate::reply::{Answer, Reply};

/// One calendar, with its version as the entity tag.
pub fn one(calendar: &TeamCalendar) -> Answer {
    Ok(Reply::ok(&View::of(calendar))?.version(calendar.version))
}

/// A new calendar, with its version as the entity tag.
pub fn created(calendar: &TeamCalendar) -> Answer {
    Ok(Reply::created(&View::of(calendar))?.version(calendar.version))
}

/// All calendars of a team, without their holidays and exceptions.
pub fn list(calendars: &[CalendarSummary]) -> Answer {
    let views: Vec<SummaryView<'_>> = calendars.iter().map(SummaryView::of).collect();
    Reply::ok(&views)
}

/// The JSON of one calendar.
pub fn json(calendar: &TeamCalendar) -> Result<String, Problem> {
    serde_json::to_string(&View::of(calendar)).map_err(|error| Problem::Internal(Box::new(error)))
}

/// The bytes that a schedule has as JSON.
pub fn schedule_bytes(schedule: &Schedule) -> Result<usize, Problem> {
    let json = serde_json::to_vec(&ScheduleView::of(schedule));
    json.map(|json| json.len())
        .map_err(|error| Problem::Internal(Box::new(error)))
}

#[derive(Serialize)]
struct View<'a> {
    id: &'a CalendarId,
    name: &'a Name,
    #[serde(flatten)]
    schedule: ScheduleView<'a>,
    default: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ScheduleView<'a> {
    time_zone: &'a str,
    #[serde(serialize_with = "open_weekdays")]
    hours: &'a WeekHours,
    holidays: &'a [String],
    #[serde(serialize_with = "dates")]
    exceptions: &'a [(String, DayHours)],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SummaryView<'a> {
    id: &'a CalendarId,
    name: &'a Name,
    time_zone: &'a str,
    #[serde(serialize_with = "open_weekdays")]
    hours: &'a WeekHours,
    holiday_count: usize,
    exception_count: usize,
    default: bool,
}

impl View<'_> {
    fn of(calendar: &TeamCalendar) -> View<'_> {
        View {
            id: &calendar.id,
            name: &calendar.draft.name,
            schedule: ScheduleView::of(&calendar.draft.schedule),
            default: calendar.draft.is_default,
        }
    }
}

impl ScheduleView<'_> {
    fn of(schedule: &Schedule) -> ScheduleView<'_> {
        ScheduleView {
            time_zone: &schedule.time_zone,
            hours: &schedule.hours,
            holidays: &schedule.holidays,
            exceptions: &schedule.exceptions,
        }
    }
}

impl SummaryView<'_> {
    fn of(calendar: &CalendarSummary) -> SummaryView<'_> {
        SummaryView {
            id: &calendar.id,
            name: &calendar.name,
            time_zone: &calendar.time_zone,
            hours: &calendar.hours,
            holiday_count: calendar.holiday_count,
            exception_count: calendar.exception_count,
            default: calendar.is_default,
        }
    }
}

/// An object with a member for each weekday that has hours.
fn open_weekdays<S: Serializer>(week: &&WeekHours, serializer: S) -> Result<S::Ok, S::Error> {
    let open = WEEKDAYS
        .iter()
        .zip(*week)
        .filter(|(_, day)| !day.is_empty());
    serializer.collect_map(open)
}

/// An object with a member for each date, in the order of the client.
fn dates<S: Serializer>(dates: &&[(String, DayHours)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(dates.iter().map(|(date, day)| (date, day)))
}
