//! The encoding of schedules in the table: minutes and days as numbers, each as the distance from the
//! one before, in postcard's variable-length integers.
//!
//! The largest schedule has 48 KiB as JSON, and each KiB costs two write units in a transaction.
//! Encoded, it has less than twelve.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::domain::calendar::{DayHours, Schedule, WeekHours};
use crate::problem::Problem;

/// For each interval the minutes from the end of the one before it (from midnight, for the first)
/// to its start, and its length in minutes. Clients may list a day's intervals in any order, so the
/// first number may be negative.
type DayMinutes = Vec<(i16, i16)>;

/// The first format. A later one adds a variant.
#[derive(Serialize, Deserialize)]
enum Encoded {
    V1(ScheduleV1),
}

#[derive(Serialize, Deserialize)]
struct ScheduleV1 {
    time_zone: String,
    hours: [DayMinutes; 7],
    /// Each as days from the one before it, the first from the Unix epoch; in the client's order.
    holidays: Vec<i32>,
    exceptions: Vec<(i32, DayMinutes)>,
}

#[derive(Serialize, Deserialize)]
enum EncodedHours {
    V1([DayMinutes; 7]),
}

/// Encodes a schedule that has been checked.
pub(super) fn encode(schedule: &Schedule) -> Result<Vec<u8>, Problem> {
    let mut holidays = Distances::default();
    let mut exceptions = Distances::default();
    let encoded = ScheduleV1 {
        time_zone: schedule.time_zone.clone(),
        hours: week_minutes(&schedule.hours)?,
        holidays: schedule
            .holidays
            .iter()
            .map(|date| holidays.to(date))
            .collect::<Result<_, _>>()?,
        exceptions: schedule
            .exceptions
            .iter()
            .map(|(date, day)| Ok((exceptions.to(date)?, day_minutes(day)?)))
            .collect::<Result<_, Problem>>()?,
    };
    postcard::to_allocvec(&Encoded::V1(encoded)).map_err(internal)
}

/// Decodes a schedule.
pub(super) fn decode(bytes: &[u8]) -> Result<Schedule, Problem> {
    let Encoded::V1(encoded) = postcard::from_bytes(bytes).map_err(internal)?;
    let mut holidays = Distances::default();
    let mut exceptions = Distances::default();
    Ok(Schedule {
        time_zone: encoded.time_zone,
        hours: week(&encoded.hours)?,
        holidays: encoded
            .holidays
            .into_iter()
            .map(|distance| holidays.from(distance))
            .collect::<Result<_, _>>()?,
        exceptions: encoded
            .exceptions
            .into_iter()
            .map(|(distance, minutes)| Ok((exceptions.from(distance)?, day(&minutes)?)))
            .collect::<Result<_, Problem>>()?,
    })
}

/// Encodes the hours of a week that have been checked.
pub(super) fn encode_hours(hours: &WeekHours) -> Result<Vec<u8>, Problem> {
    postcard::to_allocvec(&EncodedHours::V1(week_minutes(hours)?)).map_err(internal)
}

/// Decodes the hours of a week.
pub(super) fn decode_hours(bytes: &[u8]) -> Result<WeekHours, Problem> {
    let EncodedHours::V1(hours) = postcard::from_bytes(bytes).map_err(internal)?;
    week(&hours)
}

/// Turns dates into their distances from one another, and back.
#[derive(Default)]
struct Distances {
    last: i32,
}

impl Distances {
    fn to(&mut self, date: &str) -> Result<i32, Problem> {
        let date: Date = date.parse().map_err(internal)?;
        let since_epoch = date.duration_since(Date::constant(1970, 1, 1));
        let days = i32::try_from(since_epoch.as_hours() / 24).map_err(internal)?;
        let distance = days - self.last;
        self.last = days;
        Ok(distance)
    }

    fn from(&mut self, distance: i32) -> Result<String, Problem> {
        self.last = self.last.checked_add(distance).ok_or_else(corrupt)?;
        let days = jiff::Span::new().try_days(self.last).map_err(internal)?;
        let date = Date::constant(1970, 1, 1).checked_add(days);
        date.map(|date| date.to_string()).map_err(internal)
    }
}

fn week_minutes(week: &WeekHours) -> Result<[DayMinutes; 7], Problem> {
    let mut minutes: [DayMinutes; 7] = Default::default();
    for (place, day) in minutes.iter_mut().zip(week) {
        *place = day_minutes(day)?;
    }
    Ok(minutes)
}

fn week(minutes: &[DayMinutes; 7]) -> Result<WeekHours, Problem> {
    let mut week: WeekHours = Default::default();
    for (place, minutes) in week.iter_mut().zip(minutes) {
        *place = day(minutes)?;
    }
    Ok(week)
}

fn day_minutes(day: &DayHours) -> Result<DayMinutes, Problem> {
    let mut end_before = 0;
    let mut minutes = DayMinutes::with_capacity(day.len());
    for (start, end) in day {
        let (start, end) = (minute(start)?, minute(end)?);
        minutes.push((start - end_before, end - start));
        end_before = end;
    }
    Ok(minutes)
}

fn day(minutes: &DayMinutes) -> Result<DayHours, Problem> {
    let mut end_before = 0_i16;
    let mut day = DayHours::with_capacity(minutes.len());
    for (gap, length) in minutes {
        let start = end_before.checked_add(*gap).ok_or_else(corrupt)?;
        let end = start.checked_add(*length).ok_or_else(corrupt)?;
        day.push((time(start), time(end)));
        end_before = end;
    }
    Ok(day)
}

/// The minute of the day of a checked `HH:MM`.
fn minute(time: &str) -> Result<i16, Problem> {
    let (hour, minute) = time.split_once(':').ok_or_else(corrupt)?;
    let (hour, minute): (i16, i16) = (
        hour.parse().map_err(internal)?,
        minute.parse().map_err(internal)?,
    );
    Ok(hour * 60 + minute)
}

fn time(minute: i16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

fn internal(error: impl std::error::Error + Send + Sync + 'static) -> Problem {
    Problem::Internal(Box::new(error))
}

fn corrupt() -> Problem {
    Problem::Internal("a stored calendar is corrupt".into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn times() -> impl Strategy<Value = (String, String)> {
        (0_i16..1_440)
            .prop_flat_map(|start| (Just(start), start + 1..=1_440))
            .prop_map(|(start, end)| (time(start), time(end)))
    }

    fn dates() -> impl Strategy<Value = String> {
        (0_i16..=9_999, 1_i8..=12, 1_i8..=28)
            .prop_map(|(year, month, day)| Date::constant(year, month, day).to_string())
    }

    fn days() -> impl Strategy<Value = DayHours> {
        proptest::collection::vec(times(), 0..24)
    }

    fn schedules() -> impl Strategy<Value = Schedule> {
        let week = proptest::array::uniform7(days());
        let holidays = proptest::collection::vec(dates(), 0..50);
        let exceptions = proptest::collection::vec((dates(), days()), 0..20);
        (week, holidays, exceptions).prop_map(|(hours, holidays, exceptions)| Schedule {
            time_zone: "America/Argentina/ComodRivadavia".to_owned(),
            hours,
            holidays,
            exceptions,
        })
    }

    proptest! {
        #[test]
        fn an_opening_is_read_as_it_was_written(schedule in schedules()) {
            let encoded = encode(&schedule).expect("a schedule");
            prop_assert_eq!(decode(&encoded).expect("a schedule"), schedule.clone());
            let hours = encode_hours(&schedule.hours).expect("hours");
            prop_assert_eq!(decode_hours(&hours).expect("hours"), schedule.hours);
        }

        #[test]
        fn what_is_corrupt_is_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = (decode(&bytes), decode_hours(&bytes));
        }
    }

    #[test]
    fn a_week_of_many_intervals_and_a_thousand_dates_are_small() {
        let hour = |hour: i16| (time(hour * 60), time(hour * 60 + 59));
        let day: DayHours = (0..24).map(hour).collect();
        let hours: WeekHours = std::array::from_fn(|_| day.clone());
        assert!(encode_hours(&hours).expect("hours").len() < 360);
        let date = |day: i32| Distances::default().from(20_000 + day).expect("a date");
        let schedule = Schedule {
            time_zone: "Europe/Berlin".to_owned(),
            hours,
            holidays: (0..1_000).map(date).collect(),
            exceptions: (0..1_000).map(|day| (date(day), vec![hour(9)])).collect(),
        };
        assert!(encode(&schedule).expect("a schedule").len() < 8_000);
    }
}
