//! Recurrence rules of all-day events, RFC 5545 section 3.3.10. They are expanded in a bounded
//! number of steps; see [`Work`].
//!
//! The lists of a rule become bit sets, so that testing a day costs the same however long they are.
//! Years, months and weeks that a rule does not select are skipped as a whole. The expansion of a
//! rule without `COUNT` begins shortly before the first date that counts, not at the start of the
//! event.

mod rule;

use jiff::Span;
use jiff::civil::{Date, Weekday};

use super::{DateRange, Work};
use crate::domain::calendar::MAX_HOLIDAYS;

/// The steps that a period costs even if none of its days is tested.
const PERIOD_STEPS: usize = 4;

/// The steps that it costs to find the numbered weeks of a year.
const WEEKS_STEPS: usize = 14;

/// An `RRULE` of an all-day event.
#[derive(Debug)]
pub(super) struct Rule {
    frequency: Frequency,
    interval: i64,
    end: End,
    week_start: Weekday,
    skip: Skip,
    days: Days,
    /// `BYSETPOS`.
    positions: Option<Positions<6>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Frequency {
    Daily,
    Weekly,
    Monthly,
    Yearly,
}

#[derive(Clone, Copy, Debug)]
enum End {
    Never,
    Until(Date),
    Count(u32),
}

/// What happens to a day that a month does not have, RFC 7529.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Skip {
    #[default]
    Omit,
    Backward,
    Forward,
}

/// The days that the `BY…` parts select. An absent part selects all days.
#[derive(Clone, Debug, Default)]
struct Days {
    months: Option<Positions<1>>,
    month_days: Option<Positions<1>>,
    year_days: Option<Positions<6>>,
    week_numbers: Option<Positions<1>>,
    weekdays: Option<Weekdays>,
}

/// `BYDAY`.
#[derive(Clone, Copy, Debug, Default)]
struct Weekdays {
    /// Weekdays without a number, of which every one is selected; Monday is 1.
    all: Positions<1>,
    /// Weekdays with a number, such as the last one of a month; Monday comes first.
    numbered: [Positions<1>; 7],
}

/// The period within which numbered weekdays are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    Month,
    Year,
}

/// A set of positions, counted from the first (1) or the last (-1), up to `64 * WORDS - 1`.
#[derive(Clone, Copy, Debug)]
struct Positions<const WORDS: usize> {
    from_first: [u64; WORDS],
    from_last: [u64; WORDS],
}

impl Rule {
    /// The days in `window` on which an event that starts on `start` recurs.
    ///
    /// # Errors
    ///
    /// The reason, if the rule gives more than [`MAX_HOLIDAYS`] dates or takes too many steps.
    pub fn occurrences(
        &self,
        start: Date,
        window: DateRange,
        work: &mut Work,
    ) -> Result<Vec<Date>, &'static str> {
        let (last, mut left) = match self.end {
            End::Never => (window.last, u32::MAX),
            End::Until(date) => (window.last.min(date), u32::MAX),
            End::Count(count) => (window.last, count),
        };
        let mut number = match self.end {
            End::Never | End::Until(_) => self.periods_before(start, window.first),
            End::Count(_) => 0,
        };
        let days = self.days.with_defaults(self.frequency, start);
        let mut candidates = Vec::new();
        let mut previous = None;
        let mut dates = Vec::new();
        while let Some(first) = self.period(start, number).filter(|first| *first <= last) {
            self.select(&days, first, &mut candidates, work)?;
            for date in candidates.drain(..) {
                // A day that SKIP moves into the next month may be selected again in that month.
                if date < start || Some(date) <= previous {
                    continue;
                }
                if date > last {
                    return Ok(dates);
                }
                previous = Some(date);
                if date >= window.first {
                    if dates.len() == MAX_HOLIDAYS {
                        return Err("the rule gives more dates than a calendar may have");
                    }
                    dates.push(date);
                }
                left -= 1;
                if left == 0 {
                    return Ok(dates);
                }
            }
            number += 1;
        }
        Ok(dates)
    }

    /// The number of periods without a date on or after `date`, or one less.
    fn periods_before(&self, start: Date, date: Date) -> i64 {
        let years = i64::from(date.year()) - i64::from(start.year());
        let days = start.duration_until(date).as_hours() / 24;
        let units = match self.frequency {
            Frequency::Daily => days,
            Frequency::Weekly => days / 7,
            Frequency::Monthly => years * 12 + i64::from(date.month()) - i64::from(start.month()),
            Frequency::Yearly => years,
        };
        // A period may extend into the next one: a week into the next year, or a month whose day
        // SKIP moves into the next month.
        (units / self.interval - 1).max(0)
    }

    /// The first day of a period; `None` after the year 9999. Period 0 contains `start`.
    fn period(&self, start: Date, number: i64) -> Option<Date> {
        let offset = number.checked_mul(self.interval)?;
        match self.frequency {
            Frequency::Daily => add_days(start, offset),
            Frequency::Weekly => add_days(self.week_of(start)?, offset.checked_mul(7)?),
            Frequency::Monthly => {
                let months = i64::from(start.year()) * 12 + i64::from(start.month()) - 1;
                let months = months.checked_add(offset)?;
                let year = i16::try_from(months.div_euclid(12)).ok()?;
                let month = i8::try_from(months.rem_euclid(12)).ok()? + 1;
                Date::new(year, month, 1).ok()
            }
            Frequency::Yearly => {
                let year = i64::from(start.year()).checked_add(offset)?;
                let year = i16::try_from(year).ok()?;
                match self.days.week_numbers {
                    None => Date::new(year, 1, 1).ok(),
                    // The first week has at least four days in the year, so it contains 4 January.
                    Some(_) => self.week_of(Date::new(year, 1, 4).ok()?),
                }
            }
        }
    }

    /// The first day of the week that contains a date.
    fn week_of(&self, date: Date) -> Option<Date> {
        add_days(date, -i64::from(date.weekday().since(self.week_start)))
    }

    /// Appends the days that the rule selects from a period to `selected`, in ascending order.
    fn select(
        &self,
        days: &Days,
        first: Date,
        selected: &mut Vec<Date>,
        work: &mut Work,
    ) -> Result<(), &'static str> {
        work.charge_steps(PERIOD_STEPS)?;
        match (self.frequency, days.week_numbers) {
            (Frequency::Daily, _) => days.select(first, 1, Scope::Month, selected, work)?,
            (Frequency::Weekly, _) => days.select(first, 7, Scope::Month, selected, work)?,
            (Frequency::Monthly, _) => self.select_month(days, first, selected, work)?,
            (Frequency::Yearly, None) => {
                for month in 1..=12 {
                    if let Ok(first) = Date::new(first.year(), month, 1) {
                        self.select_month(days, first, selected, work)?;
                    }
                }
            }
            (Frequency::Yearly, Some(numbers)) => {
                let weeks = weeks_of_year(first);
                work.charge_steps(WEEKS_STEPS)?;
                for week in (1..=weeks).filter(|week| numbers.contains(*week, weeks)) {
                    if let Some(first) = add_days(first, i64::from(week - 1) * 7) {
                        days.select(first, 7, Scope::Year, selected, work)?;
                    }
                }
            }
        }
        if self.skip != Skip::Omit {
            selected.sort_unstable();
            selected.dedup();
        }
        if let Some(positions) = self.positions {
            let total = count(selected.len());
            let mut position = 0;
            selected.retain(|_| {
                position += 1;
                positions.contains(position, total)
            });
        }
        Ok(())
    }

    fn select_month(
        &self,
        days: &Days,
        first: Date,
        selected: &mut Vec<Date>,
        work: &mut Work,
    ) -> Result<(), &'static str> {
        let is_selected = |months: Positions<1>| months.contains(first.month().into(), 12);
        if !days.months.is_none_or(is_selected) {
            return Ok(());
        }
        let scope = match (self.frequency, self.days.months) {
            (Frequency::Yearly, None) => Scope::Year,
            _ => Scope::Month,
        };
        let length = first.days_in_month().into();
        days.select(first, length, scope, selected, work)?;
        let missing = |month_days: Positions<1>| {
            (length + 1..=31).any(|day| month_days.contains_from_first(day))
        };
        if days.month_days.is_some_and(missing) {
            match self.skip {
                Skip::Omit => {}
                Skip::Backward => selected.push(first.last_of_month()),
                Skip::Forward => selected.extend(first.last_of_month().tomorrow()),
            }
        }
        Ok(())
    }
}

impl Days {
    /// Takes what the rule does not specify from the first day of the event.
    fn with_defaults(&self, frequency: Frequency, start: Date) -> Days {
        let mut days = self.clone();
        let selects_days = days.month_days.is_some()
            || days.year_days.is_some()
            || days.week_numbers.is_some()
            || days.weekdays.is_some();
        if selects_days {
            return days;
        }
        match frequency {
            Frequency::Daily => {}
            Frequency::Weekly => {
                let mut weekdays = Weekdays::default();
                weekdays
                    .all
                    .insert(start.weekday().to_monday_one_offset().into());
                days.weekdays = Some(weekdays);
            }
            Frequency::Monthly => days.month_days = Some(Positions::of(start.day().into())),
            Frequency::Yearly => {
                days.month_days = Some(Positions::of(start.day().into()));
                let month = || Positions::of(start.month().into());
                days.months.get_or_insert_with(month);
            }
        }
        days
    }

    /// Appends to `selected` those of `length` days, from `first` on, that the rule selects.
    fn select(
        &self,
        first: Date,
        length: i32,
        scope: Scope,
        selected: &mut Vec<Date>,
        work: &mut Work,
    ) -> Result<(), &'static str> {
        work.charge_steps(usize::try_from(length).unwrap_or_default())?;
        let mut next = Some(first);
        for _ in 0..length {
            let Some(date) = next else { break };
            if self.contains(date, scope) {
                selected.push(date);
            }
            next = date.tomorrow().ok();
        }
        Ok(())
    }

    /// Whether a day of a selected week, month or year is itself selected.
    fn contains(&self, date: Date, scope: Scope) -> bool {
        let in_months = |months: &Positions<1>| months.contains(date.month().into(), 12);
        let in_month_days =
            |days: &Positions<1>| days.contains(date.day().into(), date.days_in_month().into());
        let in_year_days = |days: &Positions<6>| {
            days.contains(date.day_of_year().into(), date.days_in_year().into())
        };
        self.months.as_ref().is_none_or(in_months)
            && self.month_days.as_ref().is_none_or(in_month_days)
            && self.year_days.as_ref().is_none_or(in_year_days)
            && self
                .weekdays
                .as_ref()
                .is_none_or(|days| days.contains(date, scope))
    }
}

impl Weekdays {
    fn is_numbered(&self) -> bool {
        self.numbered.iter().any(|numbers| !numbers.is_empty())
    }

    fn contains(&self, date: Date, scope: Scope) -> bool {
        let weekday = date.weekday();
        if self
            .all
            .contains_from_first(weekday.to_monday_one_offset().into())
        {
            return true;
        }
        let index = usize::try_from(weekday.to_monday_zero_offset()).unwrap_or_default();
        let Some(numbered) = self.numbered.get(index) else {
            return false;
        };
        let (day, days): (i32, i32) = match scope {
            Scope::Month => (date.day().into(), date.days_in_month().into()),
            Scope::Year => (date.day_of_year().into(), date.days_in_year().into()),
        };
        let number = (day - 1) / 7 + 1;
        numbered.contains(number, number + (days - day) / 7)
    }
}

impl<const WORDS: usize> Positions<WORDS> {
    fn of(number: i32) -> Self {
        let mut positions = Self::default();
        positions.insert(number);
        positions
    }

    fn insert(&mut self, number: i32) {
        let bits = if number > 0 {
            &mut self.from_first
        } else {
            &mut self.from_last
        };
        let (word, bit) = (number.unsigned_abs() / 64, number.unsigned_abs() % 64);
        if let Some(word) = bits.get_mut(word as usize) {
            *word |= 1 << bit;
        }
    }

    fn is_empty(&self) -> bool {
        let mut words = self.from_first.iter().chain(&self.from_last);
        words.all(|word| *word == 0)
    }

    /// Whether the set contains number `position` of `total`.
    fn contains(&self, position: i32, total: i32) -> bool {
        is_set(&self.from_first, position) || is_set(&self.from_last, total + 1 - position)
    }

    fn contains_from_first(&self, position: i32) -> bool {
        is_set(&self.from_first, position)
    }
}

impl<const WORDS: usize> Default for Positions<WORDS> {
    fn default() -> Self {
        Self {
            from_first: [0; WORDS],
            from_last: [0; WORDS],
        }
    }
}

/// The number of weeks in the year whose first week begins on `first`. The last week contains 28
/// December.
fn weeks_of_year(first: Date) -> i32 {
    let year = first.saturating_add(Span::new().days(3)).year();
    let last = Date::new(year, 12, 28).unwrap_or(Date::MAX);
    count(first.duration_until(last).as_hours() / 24 / 7) + 1
}

fn add_days(date: Date, days: i64) -> Option<Date> {
    date.checked_add(Span::new().try_days(days).ok()?).ok()
}

/// Converts a small number to the type that counts days.
fn count(number: impl TryInto<i32>) -> i32 {
    number.try_into().unwrap_or(i32::MAX)
}

/// Whether a number is in a set. The work of a rule consists of these lookups.
fn is_set(bits: &[u64], number: i32) -> bool {
    #[cfg(test)]
    tests::count_lookup();
    let (word, bit) = (number.unsigned_abs() / 64, number.unsigned_abs() % 64);
    let word = bits.get(word as usize);
    word.is_some_and(|word| (word >> bit) & 1 == 1)
}

#[cfg(test)]
mod tests;
