//! Open time on the local timeline: that of a wall clock which never changes.
//!
//! A *local second* is a wall-clock time, as the number of seconds from 1970-01-01T00:00 on the
//! same clock. On this timeline every day has 86,400 seconds and every date exists. [`super::line`]
//! adds what a zone skips or repeats. A *local day* is a local second divided by 86,400, rounded
//! down.
//!
//! It answers two questions, both without a loop over days:
//!
//! - [`LocalHours::open_before`]: how many open seconds are there before a local second?
//! - [`LocalHours::select`]: which local second is the n-th open one?
//!
//! Whole weeks take one multiplication. Each special day (a holiday or an exception) keeps the sum
//! of the differences between special and ordinary days so far, and is found by binary search.

/// The length of a day on the local timeline.
pub(super) const DAY_SECONDS: i64 = 86_400;

const WEEK_DAYS: i64 = 7;

const WEEK_SECONDS: i64 = WEEK_DAYS * DAY_SECONDS;

/// Local day 0 was a Thursday, three days after a Monday.
const EPOCH_DAYS_AFTER_MONDAY: i64 = 3;

/// Open time within one day: `[start, end)` in seconds of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Interval {
    pub(super) start: i64,
    pub(super) end: i64,
}

impl Interval {
    /// No time at all. It is never stored.
    pub(super) const EMPTY: Interval = Interval { start: 0, end: 0 };

    /// From midnight to midnight.
    pub(super) const WHOLE_DAY: Interval = Interval {
        start: 0,
        end: DAY_SECONDS,
    };
}

/// The hours of one day, as a slice of an [`Intervals`].
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Day {
    first: usize,
    count: usize,
    open_seconds: i64,
}

impl Day {
    /// A day without open time.
    pub(super) const CLOSED: Day = Day {
        first: 0,
        count: 0,
        open_seconds: 0,
    };
}

/// The intervals of all days, in one allocation for the whole calendar.
#[derive(Clone, Debug, Default)]
pub(super) struct Intervals(Vec<Interval>);

impl Intervals {
    /// Stores the hours of one day, and joins intervals that touch. `sorted` must be in ascending
    /// order and free of overlaps.
    pub(super) fn store(&mut self, sorted: impl IntoIterator<Item = Interval>) -> Day {
        let first = self.0.len();
        let mut open_seconds = 0;
        for interval in sorted {
            open_seconds += interval.end - interval.start;
            match self.0.get_mut(first..).and_then(|day| day.last_mut()) {
                Some(last) if last.end == interval.start => last.end = interval.end,
                _ => self.0.push(interval),
            }
        }
        Day {
            first,
            count: self.0.len() - first,
            open_seconds,
        }
    }

    fn of(&self, day: Day) -> &[Interval] {
        self.0
            .get(day.first..day.first + day.count)
            .unwrap_or_default()
    }
}

/// A holiday or an exception: a date whose hours replace those of its weekday.
#[derive(Clone, Copy, Debug)]
struct SpecialDay {
    /// The local day.
    day: i64,
    hours: Day,
    /// Open seconds before this day.
    open_before: i64,
    /// How many more open seconds the special days up to and including this one have than their
    /// weekdays; negative if they have fewer.
    surplus: i64,
}

/// How much open time there is before a second, and whether the second itself is open.
#[derive(Clone, Copy, Debug)]
pub(super) struct Position {
    pub(super) open_before: i64,
    pub(super) is_open: bool,
}

/// An open local second.
#[derive(Clone, Copy, Debug)]
pub(super) struct OpenLocalSecond {
    pub(super) local: i64,
    /// Open seconds from this one, inclusive, to the end of its interval.
    pub(super) run: i64,
}

/// The hours of a calendar on the local timeline.
#[derive(Clone, Debug)]
pub(super) struct LocalHours {
    intervals: Intervals,
    /// The hours of each weekday, Monday first, with the open seconds of the week before it.
    weekdays: [(Day, i64); 7],
    /// Open seconds of a week without special days.
    week_open_seconds: i64,
    /// In ascending order.
    special_days: Vec<SpecialDay>,
}

impl LocalHours {
    /// Puts the parts together. `weekdays` begins with Monday; `special_days` are local days in
    /// ascending order, without duplicates.
    pub(super) fn new(
        intervals: Intervals,
        weekdays: [Day; 7],
        special_days: &[(i64, Day)],
    ) -> Self {
        let mut week_open_seconds = 0;
        let weekdays = weekdays.map(|day| {
            let before = week_open_seconds;
            week_open_seconds += day.open_seconds;
            (day, before)
        });
        let mut hours = Self {
            intervals,
            weekdays,
            week_open_seconds,
            special_days: Vec::with_capacity(special_days.len()),
        };
        let mut surplus = 0;
        for &(day, own_hours) in special_days {
            let (weekday, ordinary_before) = hours.ordinary(day);
            let open_before = ordinary_before + surplus;
            surplus += own_hours.open_seconds - weekday.open_seconds;
            hours.special_days.push(SpecialDay {
                day,
                hours: own_hours,
                open_before,
                surplus,
            });
        }
        hours
    }

    /// Open seconds before `local`, counted from Monday 1969-12-29 (negative before that day), and
    /// whether `local` itself is open.
    pub(super) fn position(&self, local: i64) -> Position {
        let (hours, before_day) = self.day(local.div_euclid(DAY_SECONDS));
        self.position_in_day(hours, before_day, local.rem_euclid(DAY_SECONDS))
    }

    /// Open seconds before `local`; see [`Self::position`].
    pub(super) fn open_before(&self, local: i64) -> i64 {
        self.position(local).open_before
    }

    /// Open seconds before each of two local seconds: the readings of a clock before and after it
    /// is changed. They nearly always lie on the same day.
    pub(super) fn open_before_both(&self, first: i64, second: i64) -> (i64, i64) {
        let day = first.div_euclid(DAY_SECONDS);
        if second.div_euclid(DAY_SECONDS) != day {
            return (self.open_before(first), self.open_before(second));
        }
        let (hours, before_day) = self.day(day);
        let open_before = |local: i64| {
            self.position_in_day(hours, before_day, local.rem_euclid(DAY_SECONDS))
                .open_before
        };
        (open_before(first), open_before(second))
    }

    /// The open second that has exactly `open_before` open seconds before it.
    ///
    /// It exists if the week has open time. Calendars without any are refused.
    pub(super) fn select(&self, open_before: i64) -> Option<OpenLocalSecond> {
        let later = self
            .special_days
            .partition_point(|special| special.open_before <= open_before);
        let special = later
            .checked_sub(1)
            .and_then(|index| self.special_days.get(index));
        let mut surplus = 0;
        if let Some(special) = special {
            let into_day = open_before - special.open_before;
            if into_day < special.hours.open_seconds {
                return self.select_in_day(special.day, special.hours, into_day);
            }
            surplus = special.surplus;
        }
        let ordinary = open_before - surplus;
        let week = ordinary.checked_div_euclid(self.week_open_seconds)?;
        let into_week = ordinary - week * self.week_open_seconds;
        let monday = week * WEEK_DAYS - EPOCH_DAYS_AFTER_MONDAY;
        for (day, &(hours, before)) in (monday..).zip(&self.weekdays) {
            let into_day = into_week - before;
            if into_day < hours.open_seconds {
                return self.select_in_day(day, hours, into_day);
            }
        }
        None
    }

    /// The number of consecutive open seconds from `local` on, at most `limit`; 0 if `local` is
    /// closed.
    pub(super) fn run(&self, local: i64, limit: i64) -> i64 {
        let last = local + limit;
        let mut at = local;
        while at < last {
            at = at.max(self.always_open_until(at.div_euclid(DAY_SECONDS)).min(last));
            let day = at.div_euclid(DAY_SECONDS);
            let second_of_day = at.rem_euclid(DAY_SECONDS);
            let end = self
                .intervals
                .of(self.day(day).0)
                .iter()
                .find(|interval| interval.start <= second_of_day && second_of_day < interval.end)
                .map(|interval| interval.end);
            let Some(end) = end else { break };
            at = day * DAY_SECONDS + end;
            if end < DAY_SECONDS {
                break;
            }
        }
        at.min(last) - local
    }

    /// If the week has no closed time, the local second at which the next special day begins.
    /// Without this shortcut, a run over such weeks would go day by day.
    fn always_open_until(&self, day: i64) -> i64 {
        if self.week_open_seconds < WEEK_SECONDS {
            return i64::MIN;
        }
        self.special_days
            .get(self.special_days_before(day))
            .map_or(i64::MAX, |special| special.day * DAY_SECONDS)
    }

    /// The hours of a date and the open seconds before it.
    fn day(&self, day: i64) -> (Day, i64) {
        let (weekday, ordinary_before) = self.ordinary(day);
        let next = self.special_days_before(day);
        match self.special_days.get(next) {
            Some(special) if special.day == day => (special.hours, special.open_before),
            _ => {
                let surplus = next
                    .checked_sub(1)
                    .and_then(|index| self.special_days.get(index))
                    .map_or(0, |special| special.surplus);
                (weekday, ordinary_before + surplus)
            }
        }
    }

    /// The number of special days before `day`. Most days in question are before the first or after
    /// the last.
    fn special_days_before(&self, day: i64) -> usize {
        let special_days = &self.special_days;
        match (special_days.first(), special_days.last()) {
            (Some(first), _) if day <= first.day => 0,
            (_, Some(last)) if day > last.day => special_days.len(),
            _ => special_days.partition_point(|special| special.day < day),
        }
    }

    /// The hours of a date's weekday and the open seconds before the date, as if there were no
    /// special days.
    fn ordinary(&self, day: i64) -> (Day, i64) {
        let from_monday = day + EPOCH_DAYS_AFTER_MONDAY;
        let week = from_monday.div_euclid(WEEK_DAYS);
        let weekday = usize::try_from(from_monday.rem_euclid(WEEK_DAYS)).unwrap_or_default();
        let (hours, before) = self.weekdays.get(weekday).copied().unwrap_or_default();
        (hours, week * self.week_open_seconds + before)
    }

    fn position_in_day(&self, hours: Day, before_day: i64, second_of_day: i64) -> Position {
        let mut open_before = before_day;
        let mut is_open = false;
        for interval in self.intervals.of(hours) {
            if second_of_day < interval.start {
                break;
            }
            open_before += second_of_day.min(interval.end) - interval.start;
            is_open = second_of_day < interval.end;
        }
        Position {
            open_before,
            is_open,
        }
    }

    fn select_in_day(&self, day: i64, hours: Day, into_day: i64) -> Option<OpenLocalSecond> {
        let mut left = into_day;
        for interval in self.intervals.of(hours) {
            let length = interval.end - interval.start;
            if left < length {
                return Some(OpenLocalSecond {
                    local: day * DAY_SECONDS + interval.start + left,
                    run: length - left,
                });
            }
            left -= length;
        }
        None
    }
}
