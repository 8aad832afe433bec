//! Reports: how many targets were met in a span of days, and how long it took.

pub mod durations;
pub mod summary;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::{Date, ISOWeekDate, Weekday, date};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use crate::domain::calendar::zone::Zone;
use crate::domain::clock::Metric;
use crate::domain::plan::PlannedBy;
use crate::domain::priority::Priority;

use summary::{Cell, CellKey, Day, DaySummary};

/// The most days of a span: a year.
pub const MAX_DAYS: i64 = 366;

/// The first day of a report. Before it, offsets of time zones need not be multiples of a quarter hour.
pub const FIRST_DAY: Date = date(2000, 1, 1);

/// The last day of a report. What follows of the year 9999 may lie beyond what can be represented.
pub const LAST_DAY: Date = date(9999, 12, 28);

/// Some days in a time zone, from the first one's beginning to the last one's end.
#[derive(Clone, Debug)]
pub struct Span {
    from: Date,
    to: Date,
    zone: ReportZone,
    start: Timestamp,
    end: Timestamp,
}

/// The time zone of a report.
#[derive(Clone, Debug)]
pub struct ReportZone(Arc<Zone>);

/// Why days make no span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanError {
    /// The last day is before the first one.
    Reversed,
    /// There are more than [`MAX_DAYS`].
    TooLong,
}

/// What the rows of a report stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupBy {
    /// Days.
    Day,
    /// Weeks of ISO 8601, which begin on Monday.
    Week,
    /// Months.
    Month,
    /// Priorities.
    Priority,
    /// Rules, and policies.
    Rule,
    /// Metrics.
    Metric,
}

/// What a row of a report stands for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// A day.
    Day(Date),
    /// A week, by its Monday.
    Week(Date),
    /// A month, by its first day.
    Month(Date),
    /// A priority.
    Priority(Priority),
    /// A rule or a policy.
    Rule(PlannedBy),
    /// A metric.
    Metric(Metric),
}

/// How many targets were met, and how long it took.
#[derive(Clone, Debug)]
pub struct Report {
    /// The days.
    pub span: Span,
    /// What the rows stand for.
    pub group_by: GroupBy,
    /// For each group and metric with cycles, their sum, in that order.
    pub rows: BTreeMap<(Group, Metric), Cell>,
    /// For each metric with cycles, the sum of all groups.
    pub totals: BTreeMap<Metric, Cell>,
}

impl ReportZone {
    /// The zone with an IANA name, in upper or lower case; `None` if there is none.
    pub fn named(name: &str) -> Option<ReportZone> {
        Zone::named(name).map(ReportZone)
    }

    /// Coordinated Universal Time.
    pub fn utc() -> ReportZone {
        ReportZone(Zone::utc())
    }

    /// The name as the IANA database spells it.
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// The day of an instant.
    pub fn date(&self, instant: Timestamp) -> Date {
        instant.to_zoned(self.rules().clone()).date()
    }

    fn rules(&self) -> &TimeZone {
        self.0.source()
    }

    /// When a day begins. A day that the zone skipped begins when the next one does.
    fn start(&self, day: Date) -> Option<Timestamp> {
        let zoned = day.to_zoned(self.rules().clone()).ok()?;
        Some(zoned.start_of_day().ok()?.timestamp())
    }
}

impl Span {
    /// The days from one to another.
    pub fn new(from: Date, to: Date, zone: ReportZone) -> Result<Span, SpanError> {
        if to < from {
            return Err(SpanError::Reversed);
        }
        let (from, to) = (from.max(FIRST_DAY), to.min(LAST_DAY));
        if (to - from).get_days() >= i32::try_from(MAX_DAYS).unwrap_or(i32::MAX) {
            return Err(SpanError::TooLong);
        }
        let next = to.checked_add(1.day()).unwrap_or(to);
        Ok(Span {
            start: zone.start(from).unwrap_or(Timestamp::MIN),
            end: zone.start(next).unwrap_or(Timestamp::MAX),
            from,
            to,
            zone,
        })
    }

    /// The first day.
    pub fn from(&self) -> Date {
        self.from
    }

    /// The last day.
    pub fn to(&self) -> Date {
        self.to
    }

    /// The time zone.
    pub fn zone(&self) -> &ReportZone {
        &self.zone
    }

    /// Whether an instant lies in it.
    pub fn contains(&self, instant: Timestamp) -> bool {
        (self.start..self.end).contains(&instant)
    }

    /// The first and the last day of UTC that it has a part of.
    pub fn days(&self) -> (Day, Day) {
        let last = self.end - 1.nanosecond();
        (Day::of(self.start), Day::of(last.max(self.start)))
    }
}

impl GroupBy {
    /// All of them.
    pub const ALL: [GroupBy; 6] = [
        GroupBy::Day,
        GroupBy::Week,
        GroupBy::Month,
        GroupBy::Priority,
        GroupBy::Rule,
        GroupBy::Metric,
    ];
    /// All of them, as clients write them.
    pub const WORDS: &[&str] = &["day", "week", "month", "priority", "rule", "metric"];

    /// Reads one; `None` for any other word.
    pub fn parse(text: &str) -> Option<GroupBy> {
        GroupBy::ALL.into_iter().find(|one| one.as_str() == text)
    }

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            GroupBy::Day => "day",
            GroupBy::Week => "week",
            GroupBy::Month => "month",
            GroupBy::Priority => "priority",
            GroupBy::Rule => "rule",
            GroupBy::Metric => "metric",
        }
    }

    /// The group of facts that have this in common, and are counted on a day of the report's zone.
    fn group(self, cell: &CellKey, day: Date) -> Group {
        match self {
            GroupBy::Day => Group::Day(day),
            GroupBy::Week => Group::Week(monday(day)),
            GroupBy::Month => Group::Month(day.first_of_month()),
            GroupBy::Priority => Group::Priority(cell.priority),
            GroupBy::Rule => Group::Rule(cell.planned_by.clone()),
            GroupBy::Metric => Group::Metric(cell.metric),
        }
    }
}

impl Report {
    /// The report of a span, from the summaries of the days that it has a part of.
    pub fn new(span: Span, group_by: GroupBy, days: &BTreeMap<Day, DaySummary>) -> Report {
        let mut report = Report {
            span,
            group_by,
            rows: BTreeMap::new(),
            totals: BTreeMap::new(),
        };
        for (day, summary) in days {
            report.add(*day, summary);
        }
        report
    }

    fn add(&mut self, day: Day, summary: &DaySummary) {
        // The day of a quarter hour takes a search in the zone's data; many cells share it.
        let mut last = None;
        for (key, cell) in &summary.cells {
            let date = match last {
                Some((quarter, date)) if quarter == key.quarter => date,
                _ => {
                    let start = key.quarter.start(day);
                    let is_inside = self.span.contains(start);
                    is_inside.then(|| self.span.zone.date(start))
                }
            };
            last = Some((key.quarter, date));
            if let Some(date) = date {
                let group = self.group_by.group(key, date);
                let row = self.rows.entry((group, key.metric)).or_default();
                row.merge(cell);
                self.totals.entry(key.metric).or_default().merge(cell);
            }
        }
    }
}

impl Group {
    /// The group as clients see it: a date, a week such as `2026-W45`, a month such as `2026-11`, or a
    /// word or an id.
    pub fn name(&self) -> String {
        match self {
            Group::Day(day) => day.to_string(),
            Group::Week(monday) => {
                let week = ISOWeekDate::from(*monday);
                format!("{:04}-W{:02}", week.year(), week.week())
            }
            Group::Month(first) => format!("{:04}-{:02}", first.year(), first.month()),
            Group::Priority(priority) => priority.as_str().to_owned(),
            Group::Rule(by) => by.id().to_owned(),
            Group::Metric(metric) => metric.as_str().to_owned(),
        }
    }
}

impl Cell {
    /// The share of targets that were met, in hundredths of a percent, rounded down so that only all of
    /// them are 100 %; `None` if none was decided.
    pub fn achieved_basis_points(&self) -> Option<i64> {
        let decided = self.achieved + self.breached;
        (decided > 0).then(|| self.achieved * 10_000 / decided)
    }

    /// The mean of the durations, rounded to seconds; `None` if there is none.
    pub fn average_seconds(&self) -> Option<i64> {
        let count: i64 = self.durations.bins().map(|(_, number)| number).sum();
        (count > 0).then(|| (self.elapsed_seconds + count / 2) / count)
    }
}

fn monday(day: Date) -> Date {
    let back = day.weekday().since(Weekday::Monday);
    day.checked_sub(i64::from(back).days()).unwrap_or(day)
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZoneDatabase;

    use super::*;

    #[test]
    fn the_words_of_groups_are_those_of_all_groups() {
        assert_eq!(GroupBy::ALL.map(GroupBy::as_str), GroupBy::WORDS);
        for group_by in GroupBy::ALL {
            assert_eq!(GroupBy::parse(group_by.as_str()), Some(group_by));
        }
        assert_eq!(GroupBy::parse("year"), None);
    }

    #[test]
    fn since_the_first_day_every_offset_is_a_multiple_of_a_quarter_hour() {
        let start = ReportZone::utc().start(FIRST_DAY).expect("a day");
        let database = TimeZoneDatabase::bundled();
        for name in database.available() {
            let zone = database.get(name.as_str()).expect("a zone");
            let first = zone.to_offset(start);
            let later = zone.following(start).take(1_000);
            let later = later.map(|transition| transition.offset());
            for offset in std::iter::once(first).chain(later) {
                assert_eq!(offset.seconds() % 900, 0, "{name}: {offset}");
            }
        }
    }

    #[test]
    fn a_span_begins_and_ends_with_the_days_of_its_zone() {
        let span = |from: &str, to: &str, zone| {
            let day = |text: &str| text.parse().expect("a date");
            let zone = ReportZone::named(zone).expect("a zone");
            let span = Span::new(day(from), day(to), zone).expect("a span");
            let (first, last) = span.days();
            let instants = [span.start, span.end].map(|at| at.to_string());
            (instants, [first, last].map(|day| day.date().to_string()))
        };
        let expect = |instants: [&str; 2], days: [&str; 2]| {
            (instants.map(str::to_owned), days.map(str::to_owned))
        };
        assert_eq!(
            span("2026-03-29", "2026-03-29", "Europe/Berlin"),
            expect(
                ["2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"],
                ["2026-03-28", "2026-03-29"]
            )
        );
        assert_eq!(
            span("2026-03-29", "2026-03-29", "UTC"),
            expect(
                ["2026-03-29T00:00:00Z", "2026-03-30T00:00:00Z"],
                ["2026-03-29", "2026-03-29"]
            )
        );
        // Samoa skipped the 30th.
        assert_eq!(
            span("2011-12-29", "2011-12-30", "Pacific/Apia"),
            expect(
                ["2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z"],
                ["2011-12-29", "2011-12-30"]
            )
        );
        assert_eq!(
            span("2026-01-01", "2026-12-31", "Asia/Kathmandu"),
            expect(
                ["2025-12-31T18:15:00Z", "2026-12-31T18:15:00Z"],
                ["2025-12-31", "2026-12-31"]
            )
        );
    }

    #[test]
    fn a_week_is_named_for_the_year_that_has_its_thursday() {
        let name = |day: Date| Group::Week(monday(day)).name();
        assert_eq!(name(date(2026, 12, 31)), "2026-W53");
        assert_eq!(name(date(2027, 1, 3)), "2026-W53");
        assert_eq!(name(date(2027, 1, 4)), "2027-W01");
    }

    #[test]
    fn only_all_of_them_are_a_hundred_percent() {
        let cell = |achieved, breached| Cell {
            achieved,
            breached,
            ..Cell::default()
        };
        assert_eq!(cell(99_999, 1).achieved_basis_points(), Some(9_999));
        assert_eq!(cell(3, 0).achieved_basis_points(), Some(10_000));
        assert_eq!(cell(0, 0).achieved_basis_points(), None);
    }
}
