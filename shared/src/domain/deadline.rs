//! Open time between instants, and the instants at which a target is used up.
//!
//! All results are exact to the nanosecond, and nothing but [`trace`] allocates memory. The
//! functions agree with each other by construction: [`elapsed`] adds up the time that [`is_open`],
//! and [`due`] inverts [`elapsed`].
//!
//! From 2000 to 2069, the cost hardly depends on how far apart the instants are. Elsewhere the
//! results are just as exact, but the cost grows with the number of clock changes between the
//! instants.

use std::fmt;

use jiff::{SignedDuration, Timestamp};

use crate::domain::calendar::Calendar;

/// How many days after the start the search for a due date ends: ten years, of which three can be
/// leap years. No agreement runs longer, and a calendar of nothing but holidays must cause an error
/// rather than an endless search.
pub const MAX_SEARCH_DAYS: i64 = 3_653;

/// The most periods of one [`trace`]: two years of working days with a lunch break, or about 90 kB
/// as JSON.
pub const MAX_TRACE_PERIODS: usize = 1_000;

const SECONDS_PER_DAY: i64 = 86_400;

const NANOSECONDS_PER_SECOND: i32 = 1_000_000_000;

const MAX_SEARCH_SECONDS: i64 = MAX_SEARCH_DAYS * SECONDS_PER_DAY;

/// The first and the last instant at which a target is exactly used up.
///
/// They differ only if the target ends at a closing time. Then `due_at` is that closing time, which
/// is the due date that people expect, and `breach_at` is the next opening time: a reply in between
/// is still in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    due_at: Timestamp,
    breach_at: Timestamp,
}

impl Due {
    /// The earliest instant at which the target is used up.
    pub fn due_at(self) -> Timestamp {
        self.due_at
    }

    /// The latest instant at which no more than the target is used up. Any later instant is a
    /// breach.
    pub fn breach_at(self) -> Timestamp {
        self.breach_at
    }
}

/// Why there is no due date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeadlineError {
    /// The target is negative.
    TargetNegative,
    /// The due date, or the next opening time after it, is more than [`MAX_SEARCH_DAYS`] after the
    /// start.
    BeyondSearch,
    /// The due date, or the next opening time after it, is after the last instant that can be
    /// represented, at the end of the year 9999.
    BeyondTime,
}

impl fmt::Display for DeadlineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TargetNegative => f.write_str("the target is negative"),
            Self::BeyondSearch => f.write_str("the due date is more than ten years away"),
            Self::BeyondTime => f.write_str("the due date is after the year 9999"),
        }
    }
}

impl std::error::Error for DeadlineError {}

/// Whether the calendar is open at an instant.
pub fn is_open(calendar: &Calendar, at: Timestamp) -> bool {
    calendar.timeline().is_open(Instant::of(at).second)
}

/// The open time from one instant to another.
///
/// It is negative if `to` is before `from`: `elapsed(c, a, b) == -elapsed(c, b, a)`. So
/// `elapsed(c, a, b) + elapsed(c, b, d) == elapsed(c, a, d)` holds for instants in any order.
///
/// ```
/// use jiff::{SignedDuration, Timestamp};
/// use shared::domain::calendar::Calendar;
/// use shared::domain::deadline::elapsed;
///
/// let friday: Timestamp = "2026-01-09T16:59:59.5Z".parse()?;
/// let monday: Timestamp = "2026-01-12T09:00:01Z".parse()?;
/// let open = elapsed(Calendar::built_in(), friday, monday);
/// assert_eq!(open, SignedDuration::from_millis(1_500));
/// # Ok::<(), jiff::Error>(())
/// ```
pub fn elapsed(calendar: &Calendar, from: Timestamp, to: Timestamp) -> SignedDuration {
    if to < from {
        return -elapsed(calendar, to, from);
    }
    let timeline = calendar.timeline();
    let (from, to) = (Instant::of(from), Instant::of(to));
    let seconds = timeline.open_between(from.second, to.second);
    let nanoseconds = open_fraction(calendar, to) - open_fraction(calendar, from);
    SignedDuration::new(seconds, nanoseconds)
}

/// When a target of open time, counted from an instant, is used up.
///
/// A target of zero is due at once, even outside open time, and breached after the next opening
/// time.
///
/// # Errors
///
/// See [`DeadlineError`]. Both instants must be found, so a target that ends at the last closing
/// time for ten years causes an error, too.
///
/// ```
/// use jiff::{SignedDuration, Timestamp};
/// use shared::domain::calendar::Calendar;
/// use shared::domain::deadline::due;
///
/// let friday: Timestamp = "2026-01-09T16:00:00Z".parse()?;
/// let due = due(Calendar::built_in(), friday, SignedDuration::from_mins(60))?;
/// assert_eq!(due.due_at().to_string(), "2026-01-09T17:00:00Z");
/// assert_eq!(due.breach_at().to_string(), "2026-01-12T09:00:00Z");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn due(
    calendar: &Calendar,
    from: Timestamp,
    target: SignedDuration,
) -> Result<Due, DeadlineError> {
    if target.is_negative() {
        return Err(DeadlineError::TargetNegative);
    }
    if target > SignedDuration::from_secs(MAX_SEARCH_SECONDS) {
        return Err(DeadlineError::BeyondSearch);
    }
    let start = Instant::of(from);
    let last = start.second + MAX_SEARCH_SECONDS;
    let (last, beyond) = if last <= Timestamp::MAX.as_second() {
        (last, DeadlineError::BeyondSearch)
    } else {
        (Timestamp::MAX.as_second(), DeadlineError::BeyondTime)
    };
    search(calendar, from, target, last).ok_or(beyond)
}

/// A period of time that is open throughout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenPeriod {
    from: Timestamp,
    to: Timestamp,
}

impl OpenPeriod {
    /// Its first instant.
    pub fn from(self) -> Timestamp {
        self.from
    }

    /// The first instant after it.
    pub fn to(self) -> Timestamp {
        self.to
    }

    /// The time from the first to the second.
    pub fn length(self) -> SignedDuration {
        self.to.duration_since(self.from)
    }
}

/// The open periods that [`elapsed`] counts, in order.
///
/// Each is as long as possible: adjacent hours form one period, even across midnight or a clock
/// change. A calendar that is open around the clock has only one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    periods: Vec<OpenPeriod>,
    truncated: bool,
}

impl Trace {
    /// The periods, at most [`MAX_TRACE_PERIODS`].
    pub fn periods(&self) -> &[OpenPeriod] {
        &self.periods
    }

    /// Whether there are more periods than these.
    pub fn is_truncated(&self) -> bool {
        self.truncated
    }
}

/// The open periods from one instant to another; none if `to <= from`.
///
/// Unless the trace is truncated, their lengths add up to [`elapsed`].
///
/// ```
/// use jiff::Timestamp;
/// use shared::domain::calendar::Calendar;
/// use shared::domain::deadline::trace;
///
/// let friday: Timestamp = "2026-01-09T16:00:00Z".parse()?;
/// let monday: Timestamp = "2026-01-12T10:00:00Z".parse()?;
/// let trace = trace(Calendar::built_in(), friday, monday);
/// let [first, second] = trace.periods() else {
///     panic!("the end of Friday and the beginning of Monday")
/// };
/// assert_eq!(first.to().to_string(), "2026-01-09T17:00:00Z");
/// assert_eq!(second.from().to_string(), "2026-01-12T09:00:00Z");
/// # Ok::<(), jiff::Error>(())
/// ```
pub fn trace(calendar: &Calendar, from: Timestamp, to: Timestamp) -> Trace {
    let mut all = periods(calendar, from, to);
    let periods = all.by_ref().take(MAX_TRACE_PERIODS).collect();
    Trace {
        periods,
        truncated: all.next().is_some(),
    }
}

/// The same periods as [`trace`], one by one, and without its limit.
pub fn periods(calendar: &Calendar, from: Timestamp, to: Timestamp) -> OpenPeriods<'_> {
    let end = Instant::of(to);
    OpenPeriods {
        calendar,
        from,
        to,
        at: Instant::of(from).second,
        end: end.second + i64::from(end.nanosecond > 0),
    }
}

/// An iterator over open periods; see [`periods`].
#[derive(Clone, Debug)]
pub struct OpenPeriods<'a> {
    calendar: &'a Calendar,
    from: Timestamp,
    to: Timestamp,
    /// The second at which the search for the next period begins: closed, except the first time.
    at: i64,
    /// The second at which the search ends.
    end: i64,
}

impl Iterator for OpenPeriods<'_> {
    type Item = OpenPeriod;

    fn next(&mut self) -> Option<OpenPeriod> {
        if self.to <= self.from || self.at >= self.end {
            return None;
        }
        let timeline = self.calendar.timeline();
        let Some(open) = timeline.nth_open(self.at, 0, self.end - 1) else {
            self.at = self.end;
            return None;
        };
        self.at = timeline.next_closed(open.second, self.end);
        let from = Timestamp::from_second(open.second).unwrap_or(self.from);
        let to = Timestamp::from_second(self.at).unwrap_or(self.to);
        Some(OpenPeriod {
            from: from.max(self.from),
            to: to.min(self.to),
        })
    }
}

/// An instant, split into a whole second and a fraction. Open time begins and ends at whole
/// seconds.
#[derive(Clone, Copy)]
struct Instant {
    /// The Unix second that contains it: rounded down, even before 1970.
    second: i64,
    /// Nanoseconds into that second, never negative.
    nanosecond: i32,
}

impl Instant {
    fn of(at: Timestamp) -> Self {
        let (second, nanosecond) = (at.as_second(), at.subsec_nanosecond());
        if nanosecond < 0 {
            return Self {
                second: second - 1,
                nanosecond: nanosecond + NANOSECONDS_PER_SECOND,
            };
        }
        Self { second, nanosecond }
    }
}

/// The open nanoseconds between the start of an instant's second and the instant.
fn open_fraction(calendar: &Calendar, at: Instant) -> i32 {
    if at.nanosecond > 0 && calendar.timeline().is_open(at.second) {
        at.nanosecond
    } else {
        0
    }
}

/// The due date, if neither of its instants is after the second `last`.
///
/// Open seconds are numbered from the one that contains `from`, or else from the first one after
/// it. If the target ends within a second, that second is open and contains both instants. If it
/// ends between two open seconds, it is used up at the end of the first of them, and exceeded after
/// the start of the second.
fn search(calendar: &Calendar, from: Timestamp, target: SignedDuration, last: i64) -> Option<Due> {
    let timeline = calendar.timeline();
    let start = Instant::of(from);
    let nanoseconds = open_fraction(calendar, start) + target.subsec_nanos();
    let skip = target.as_secs() + i64::from(nanoseconds / NANOSECONDS_PER_SECOND);
    let nanosecond = nanoseconds % NANOSECONDS_PER_SECOND;
    if nanosecond > 0 || target.is_zero() {
        let open = timeline.nth_open(start.second, skip, last)?;
        let end = Timestamp::new(open.second, nanosecond).ok()?;
        return Some(Due {
            due_at: if target.is_zero() { from } else { end },
            breach_at: end,
        });
    }
    let last_open = timeline.nth_open(start.second, skip - 1, last)?;
    let due_second = last_open.second + 1;
    let breach_second = if last_open.run > 1 {
        due_second
    } else {
        timeline.nth_open(start.second, skip, last)?.second
    };
    if breach_second > last {
        return None;
    }
    Some(Due {
        due_at: Timestamp::from_second(due_second).ok()?,
        breach_at: Timestamp::from_second(breach_second).ok()?,
    })
}

// tests/open_time.rs tests the properties that hold for all calendars.
#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::Schedule;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a timestamp")
    }

    #[test]
    fn a_trace_that_ends_at_an_opening_time_does_not_include_what_follows() {
        let calendar = Calendar::built_in();
        let (saturday, monday) = (at("2026-01-10T00:00:00Z"), at("2026-01-12T09:00:00Z"));
        assert_eq!(trace(calendar, saturday, monday).periods(), []);
        let nanosecond = SignedDuration::from_nanos(1);
        let traced = trace(calendar, saturday, monday + nanosecond);
        let open = traced
            .periods()
            .iter()
            .map(|open| (open.from(), open.length()));
        assert_eq!(open.collect::<Vec<_>>(), [(monday, nanosecond)]);
    }

    #[test]
    fn hours_that_touch_are_one_period() {
        let hours = [("09:00", "12:00"), ("12:00", "17:00")];
        let hours = hours.map(|(start, end)| (start.to_owned(), end.to_owned()));
        let schedule = Schedule {
            time_zone: "UTC".to_owned(),
            hours: std::array::from_fn(|_| hours.to_vec()),
            ..Schedule::default()
        };
        let calendar = Calendar::parse(&schedule).expect("a calendar");
        let (midnight, next) = (at("2026-01-12T00:00:00Z"), at("2026-01-13T00:00:00Z"));
        let open = periods(&calendar, midnight, next).map(|open| open.length());
        assert_eq!(Vec::from_iter(open), [SignedDuration::from_hours(8)]);
    }

    #[test]
    fn a_due_date_far_in_the_future_follows_the_clock_changes_there() {
        let schedule = Schedule {
            time_zone: "Europe/Berlin".to_owned(),
            hours: std::array::from_fn(|_| vec![("09:00".to_owned(), "17:00".to_owned())]),
            ..Schedule::default()
        };
        let calendar = Calendar::parse(&schedule).expect("a calendar");
        let from = at("2069-12-31T00:00:00Z");
        for days in [1, 2, 200] {
            let target = SignedDuration::from_hours(8 * days);
            let due = due(&calendar, from, target).expect("soon enough");
            assert_eq!(elapsed(&calendar, from, due.due_at()), target, "{days}");
        }
        let summer = due(&calendar, from, SignedDuration::from_hours(8 * 200));
        let summer = summer.expect("soon enough").due_at();
        assert_eq!(summer, at("2070-07-18T15:00:00Z"));
    }

    #[test]
    fn there_are_no_periods_backwards_or_between_equal_instants() {
        let calendar = Calendar::built_in();
        let (early, late) = (at("2026-01-12T10:00:00.25Z"), at("2026-01-12T10:00:00.5Z"));
        for (from, to) in [(late, early), (early, early)] {
            assert_eq!(periods(calendar, from, to).next(), None);
        }
        assert_eq!(periods(calendar, early, late).count(), 1);
    }

    #[test]
    fn an_error_says_which_bound_was_exceeded() {
        for (error, message) in [
            (DeadlineError::TargetNegative, "the target is negative"),
            (
                DeadlineError::BeyondSearch,
                "the due date is more than ten years away",
            ),
            (
                DeadlineError::BeyondTime,
                "the due date is after the year 9999",
            ),
        ] {
            assert_eq!(error.to_string(), message);
        }
    }
}
