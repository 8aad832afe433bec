//! Open time between instants, and the instants at which a budget is used up.
//!
//! Everything here is exact to the nanosecond and allocates nothing, except
//! [`trace`]. The questions agree with each other by construction:
//! [`elapsed`] adds up where [`is_open`], and [`due`] inverts [`elapsed`].
//!
//! Within 2000–2069 a question costs the same over a week as over ten years.
//! Elsewhere it is just as exact, at a cost that grows with the clock changes
//! between the instants.

use std::fmt;

use jiff::{SignedDuration, Timestamp};

use crate::domain::calendar::Calendar;

/// Days after the start within which a due date is looked for: ten years, of
/// which three can be leap years. No agreement runs longer, and a calendar of
/// nothing but holidays must end in an error instead of a search.
pub const MAX_SEARCH_DAYS: i64 = 3_653;

/// OpenPeriods that one [`trace`] holds: two years of working days with a lunch
/// break, about 90 kB as JSON.
pub const MAX_TRACE_PERIODS: usize = 1_000;

const SECONDS_PER_DAY: i64 = 86_400;

const NANOSECONDS_PER_SECOND: i32 = 1_000_000_000;

const MAX_SEARCH_SECONDS: i64 = MAX_SEARCH_DAYS * SECONDS_PER_DAY;

/// The two ends of the period of time in which a budget is exactly used up.
///
/// They differ only if the budget ends at a closing time. Then `due_at` is that
/// closing time, the date that people expect, and `breach_at` is the next
/// opening: a reply in between is still in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    due_at: Timestamp,
    breach_at: Timestamp,
}

impl Due {
    /// The earliest instant at which the budget is used up.
    pub fn due_at(self) -> Timestamp {
        self.due_at
    }

    /// The latest instant at which no more than the budget is used up. Any
    /// later instant is a breach.
    pub fn breach_at(self) -> Timestamp {
        self.breach_at
    }
}

/// Why there is no due date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeadlineError {
    /// The target is negative.
    TargetNegative,
    /// The due date, or the opening after it, is more than [`MAX_SEARCH_DAYS`]
    /// after the start.
    BeyondSearch,
    /// The due date, or the opening after it, is after the last instant that
    /// can be represented, at the end of the year 9999.
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
    calendar.line().is_open(Instant::of(at).second)
}

/// The open time from one instant to another.
///
/// Backwards it is negative: `elapsed(c, a, b) == -elapsed(c, b, a)`, so that
/// `elapsed(c, a, b) + elapsed(c, b, d) == elapsed(c, a, d)` in any order.
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
    let line = calendar.line();
    let (from, to) = (Instant::of(from), Instant::of(to));
    let seconds = line.open_between(from.second, to.second);
    let nanoseconds = open_fraction(calendar, to) - open_fraction(calendar, from);
    SignedDuration::new(seconds, nanoseconds)
}

/// When a target of open time, counted from an instant, is used up.
///
/// A target of nothing is due at once, even outside of open time, and breached
/// after the next opening.
///
/// # Errors
///
/// See [`DeadlineError`]. Both instants are looked for, so a target that ends
/// at the last closing time for ten years has no answer either.
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

    /// The time between the two.
    pub fn length(self) -> SignedDuration {
        self.to.duration_since(self.from)
    }
}

/// The open periods that [`elapsed`] counts, in order.
///
/// Each is as long as it can be: hours that touch, at midnight too, are one
/// period, also across a clock change. Around the clock there is just one.
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

/// The open periods from one instant to another, none if `to <= from`.
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
///     panic!("Friday's end and Monday's beginning")
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

/// The same periods as [`trace`], one by one and without an end but `to`.
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
    /// The second from which on to look, a closed one except at the beginning.
    at: i64,
    /// The second at which to stop.
    end: i64,
}

impl Iterator for OpenPeriods<'_> {
    type Item = OpenPeriod;

    fn next(&mut self) -> Option<OpenPeriod> {
        if self.to <= self.from || self.at >= self.end {
            return None;
        }
        let line = self.calendar.line();
        let Some(open) = line.nth_open(self.at, 0, self.end - 1) else {
            self.at = self.end;
            return None;
        };
        self.at = line.next_closed(open.second, self.end);
        let from = Timestamp::from_second(open.second).unwrap_or(self.from);
        let to = Timestamp::from_second(self.at).unwrap_or(self.to);
        Some(OpenPeriod {
            from: from.max(self.from),
            to: to.min(self.to),
        })
    }
}

/// An instant, split where open time can begin or end.
#[derive(Clone, Copy)]
struct Instant {
    /// The Unix second that it lies in, rounded down before 1970 too.
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

/// The open nanoseconds of an instant's second that lie before the instant.
fn open_fraction(calendar: &Calendar, at: Instant) -> i32 {
    if at.nanosecond > 0 && calendar.line().is_open(at.second) {
        at.nanosecond
    } else {
        0
    }
}

/// The due date, if both of its instants are in the second `last` or earlier.
///
/// Open seconds are numbered from the one that `from` lies in, or the first
/// after it. Where the budget ends within a second, that second is open and
/// both instants lie in it. Where it ends between two open seconds, it is used
/// up at the end of the first of them, and exceeded after the beginning of the
/// second.
fn search(calendar: &Calendar, from: Timestamp, target: SignedDuration, last: i64) -> Option<Due> {
    let line = calendar.line();
    let start = Instant::of(from);
    let nanoseconds = open_fraction(calendar, start) + target.subsec_nanos();
    let skip = target.as_secs() + i64::from(nanoseconds / NANOSECONDS_PER_SECOND);
    let nanosecond = nanoseconds % NANOSECONDS_PER_SECOND;
    if nanosecond > 0 || target.is_zero() {
        let open = line.nth_open(start.second, skip, last)?;
        let end = Timestamp::new(open.second, nanosecond).ok()?;
        return Some(Due {
            due_at: if target.is_zero() { from } else { end },
            breach_at: end,
        });
    }
    let before = line.nth_open(start.second, skip - 1, last)?;
    let due_second = before.second + 1;
    let breach_second = if before.run > 1 {
        due_second
    } else {
        line.nth_open(start.second, skip, last)?.second
    };
    if breach_second > last {
        return None;
    }
    Some(Due {
        due_at: Timestamp::from_second(due_second).ok()?,
        breach_at: Timestamp::from_second(breach_second).ok()?,
    })
}

// The properties that hold for all calendars are in tests/open_time.rs.
#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a timestamp")
    }

    #[test]
    fn a_trace_ends_before_an_opening_at_its_end() {
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
    fn nothing_is_open_backwards_or_at_once_within_a_second_either() {
        let calendar = Calendar::built_in();
        let (early, late) = (at("2026-01-12T10:00:00.25Z"), at("2026-01-12T10:00:00.5Z"));
        for (from, to) in [(late, early), (early, early)] {
            assert_eq!(periods(calendar, from, to).next(), None);
        }
        assert_eq!(periods(calendar, early, late).count(), 1);
    }

    #[test]
    fn an_error_says_which_bound_was_met() {
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
