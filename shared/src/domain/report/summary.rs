//! The sum of a day's facts, from which reports over any span, in any time zone, are added up.
//!
//! A day is one of UTC, and its parts are quarter hours: since 2000 the offset of every time zone is a
//! multiple of one, so each quarter hour lies in one day of any zone.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::domain::clock::Metric;
use crate::domain::clock::fact::{CycleFact, Outcome};
use crate::domain::plan::PlannedBy;
use crate::domain::priority::Priority;
use crate::domain::report::durations::Durations;

/// The length of a part of a day.
const QUARTER_HOUR: SignedDuration = SignedDuration::from_mins(15);

/// A day of UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(Date);

/// A quarter hour of a day, from 0 to 95.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quarter(u8);

/// What a summary keeps of a fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// Where it is counted.
    pub cell: CellKey,
    /// As what.
    pub outcome: Outcome,
    /// Its duration, if it stopped and was not cancelled.
    pub elapsed_seconds: Option<u64>,
}

/// What the facts of a cell have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CellKey {
    /// When they are counted.
    pub quarter: Quarter,
    /// The metric.
    pub metric: Metric,
    /// The priority.
    pub priority: Priority,
    /// The rule or the policy.
    pub planned_by: PlannedBy,
}

/// The sum of some facts. While changes are applied, a number can be below zero.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// The number of cycles that stopped in time.
    pub achieved: i64,
    /// The number of those in breach.
    pub breached: i64,
    /// The number of those that were cancelled.
    pub cancelled: i64,
    /// The number of those that are open.
    pub open: i64,
    /// The sum of the durations, in seconds.
    pub elapsed_seconds: i64,
    /// The durations.
    pub durations: Durations,
}

/// The sum of a day's facts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DaySummary {
    /// The cells with facts.
    pub cells: BTreeMap<CellKey, Cell>,
}

/// What is counted of a ticket on a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountedDay {
    /// The day.
    pub day: Day,
    /// A checksum of its facts as they are stored.
    pub checksum: u32,
    /// What summaries keep of them.
    pub tallies: Vec<Tally>,
}

/// How a write of a ticket changes a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayChange {
    /// The day.
    pub day: Day,
    /// What is no longer counted.
    pub removed: Vec<Tally>,
    /// What is counted instead.
    pub added: Vec<Tally>,
}

impl Day {
    /// The day of an instant.
    pub fn of(instant: Timestamp) -> Day {
        Day(instant.to_zoned(TimeZone::UTC).date())
    }

    /// A day that is stored as a number of days since the Unix epoch.
    pub fn of_number(number: i32) -> Option<Day> {
        let hours = i64::from(number).checked_mul(24)?;
        let instant = Timestamp::UNIX_EPOCH.checked_add(SignedDuration::try_from_hours(hours)?);
        Some(Day::of(instant.ok()?))
    }

    /// A date as a day of UTC.
    pub fn of_date(date: Date) -> Option<Day> {
        date.to_zoned(TimeZone::UTC).ok().map(|_| Day(date))
    }

    /// The number of days since the Unix epoch.
    pub fn number(self) -> i32 {
        let seconds = self.start().as_second();
        i32::try_from(seconds.div_euclid(86_400)).unwrap_or_default()
    }

    /// The date.
    pub fn date(self) -> Date {
        self.0
    }

    /// When the day begins.
    pub fn start(self) -> Timestamp {
        let midnight = self.0.to_zoned(TimeZone::UTC);
        midnight.map_or(Timestamp::MIN, |midnight| midnight.timestamp())
    }
}

impl Quarter {
    /// The quarter hour of an instant.
    pub fn of(instant: Timestamp) -> Quarter {
        let start = Day::of(instant).start();
        let minutes = start.duration_until(instant).as_mins() / QUARTER_HOUR.as_mins();
        Quarter(minutes.clamp(0, 95) as u8)
    }

    /// A stored quarter hour; `None` if a day has none with this number.
    pub fn of_number(number: u8) -> Option<Quarter> {
        (number < 96).then_some(Quarter(number))
    }

    /// Its number, from 0.
    pub fn number(self) -> u8 {
        self.0
    }

    /// When it begins on a day.
    pub fn start(self, day: Day) -> Timestamp {
        let since = QUARTER_HOUR * i32::from(self.0);
        day.start().saturating_add(since).unwrap_or(Timestamp::MAX)
    }
}

impl Tally {
    /// What a summary keeps of a fact.
    pub fn of(fact: &CycleFact) -> Tally {
        let counts = fact.outcome != Outcome::Cancelled;
        Tally {
            cell: CellKey {
                quarter: Quarter::of(fact.counted_at),
                metric: fact.metric,
                priority: fact.priority,
                planned_by: fact.planned_by.clone(),
            },
            outcome: fact.outcome,
            elapsed_seconds: fact.elapsed_seconds.filter(|_| counts),
        }
    }
}

impl DayChange {
    /// The change from some facts of a day to others; `None` if the sum stays the same.
    pub fn between(day: Day, before: &[Tally], after: &[Tally]) -> Option<DayChange> {
        let (mut removed, mut added) = (Vec::new(), after.to_vec());
        for tally in before {
            match added.iter().position(|other| other == tally) {
                None => removed.push(tally.clone()),
                Some(same) => drop(added.swap_remove(same)),
            }
        }
        let is_empty = removed.is_empty() && added.is_empty();
        (!is_empty).then_some(DayChange {
            day,
            removed,
            added,
        })
    }
}

impl DaySummary {
    /// Applies a change.
    pub fn apply(&mut self, change: &DayChange) {
        for tally in &change.removed {
            self.count(tally, -1);
        }
        for tally in &change.added {
            self.count(tally, 1);
        }
    }

    /// Counts a fact so many times; no longer counts it if that is below zero.
    pub fn count(&mut self, tally: &Tally, times: i64) {
        let cell = self.cells.entry(tally.cell.clone()).or_default();
        *match tally.outcome {
            Outcome::Achieved => &mut cell.achieved,
            Outcome::Breached => &mut cell.breached,
            Outcome::Cancelled => &mut cell.cancelled,
            Outcome::Open => &mut cell.open,
        } += times;
        if let Some(seconds) = tally.elapsed_seconds {
            let seconds_in_all = i64::try_from(seconds).unwrap_or(i64::MAX);
            cell.elapsed_seconds += seconds_in_all * times;
            cell.durations.add(seconds, times);
        }
        if *cell == Cell::default() {
            self.cells.remove(&tally.cell);
        }
    }
}

impl Cell {
    /// Adds the numbers of another one.
    pub fn merge(&mut self, other: &Cell) {
        self.achieved += other.achieved;
        self.breached += other.breached;
        self.cancelled += other.cancelled;
        self.open += other.open;
        self.elapsed_seconds += other.elapsed_seconds;
        self.durations.merge(&other.durations);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_96_quarter_hours() {
        for number in 0..96 {
            assert_eq!(
                Quarter::of_number(number).map(Quarter::number),
                Some(number)
            );
        }
        assert_eq!(Quarter::of_number(96), None);
    }

    #[test]
    fn a_fact_that_is_counted_so_many_times_adds_its_duration_as_often() {
        let tally = Tally {
            cell: CellKey {
                quarter: Quarter(0),
                metric: Metric::Resolution,
                priority: Priority::Low,
                planned_by: PlannedBy::Request,
            },
            outcome: Outcome::Achieved,
            elapsed_seconds: Some(60),
        };
        let mut summary = DaySummary::default();
        summary.count(&tally, 3);
        summary.count(&tally, -1);
        let cell = &summary.cells[&tally.cell];
        assert_eq!((cell.achieved, cell.elapsed_seconds), (2, 120));
        summary.count(&tally, -2);
        assert!(summary.cells.is_empty());
    }
}
