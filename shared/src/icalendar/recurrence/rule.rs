//! Parses the text of a rule, strictly: unknown or repeated parts, gaps in lists and numbers out of
//! range are refused.

use std::ops::RangeInclusive;

use jiff::civil::Weekday;

use super::{Days, End, Frequency, Positions, Rule, Skip, Weekdays};
use crate::icalendar::lines::BLANKS;
use crate::icalendar::time::{Moment, Side};

/// The highest number of a weekday in `BYDAY`: no weekday occurs more often in a year.
const MAX_WEEKDAY_NUMBER: i32 = 53;

const OUT_OF_RANGE: &str = "a number of the rule is out of range";
const UNKNOWN_WEEKDAY: &str = "the rule names an unknown weekday";
const NOT_WITH_FREQ: &str = "a part of the rule does not go with its FREQ";
const NOT_A_NUMBER: &str = "a number of the rule cannot be read";

/// The parts of a rule and their names.
const PART_NAMES: [(&str, Part); 16] = [
    ("FREQ", Part::Frequency),
    ("UNTIL", Part::Until),
    ("COUNT", Part::Count),
    ("INTERVAL", Part::Interval),
    ("BYSECOND", Part::Time(60)),
    ("BYMINUTE", Part::Time(59)),
    ("BYHOUR", Part::Time(23)),
    ("BYDAY", Part::Weekdays),
    ("BYMONTHDAY", Part::MonthDays),
    ("BYYEARDAY", Part::YearDays),
    ("BYWEEKNO", Part::WeekNumbers),
    ("BYMONTH", Part::Months),
    ("BYSETPOS", Part::Positions),
    ("WKST", Part::WeekStart),
    ("RSCALE", Part::Scale),
    ("SKIP", Part::Skip),
];

#[derive(Clone, Copy)]
enum Part {
    Frequency,
    Until,
    Count,
    Interval,
    /// Hours, minutes or seconds from 0 to this maximum, which have no meaning for dates.
    Time(i32),
    Weekdays,
    MonthDays,
    YearDays,
    WeekNumbers,
    Months,
    Positions,
    WeekStart,
    Scale,
    Skip,
}

/// The values of the parts that have been read.
#[derive(Default)]
struct Parts {
    /// The bits of those [`PART_NAMES`] that have occurred.
    seen: u32,
    frequency: Option<Frequency>,
    until: Option<End>,
    count: Option<End>,
    interval: Option<u32>,
    week_start: Option<Weekday>,
    is_gregorian: bool,
    skip: Skip,
    days: Days,
    positions: Option<Positions<6>>,
}

impl Rule {
    /// Reads a rule. `side` is the side of UTC on which the event takes place, for an `UNTIL` in
    /// UTC.
    pub fn parse(text: &str, side: Side) -> Result<Rule, &'static str> {
        let mut parts = Parts::default();
        for part in text.split(';') {
            let (name, value) = part
                .split_once('=')
                .ok_or("a part of the rule has no value")?;
            let (index, part) = PART_NAMES
                .iter()
                .enumerate()
                .find(|(_, (known, _))| known.eq_ignore_ascii_case(name))
                .map(|(index, (_, part))| (index, *part))
                .ok_or("a part of the rule is unknown")?;
            if parts.seen & (1 << index) != 0 {
                return Err("a part of the rule is given twice");
            }
            parts.seen |= 1 << index;
            parts.set(part, value.trim_end_matches(BLANKS), side)?;
        }
        parts.rule()
    }
}

impl Parts {
    fn set(&mut self, part: Part, value: &str, side: Side) -> Result<(), &'static str> {
        let has_gap = |item: &str| item.is_empty() || item.contains(char::is_whitespace);
        if value.split(',').any(has_gap) {
            return Err("a part of the rule has an empty value or spaces");
        }
        match part {
            Part::Frequency => self.frequency = Some(frequency(value)?),
            Part::Until => {
                let moment = Moment::parse(value).ok_or("UNTIL of the rule is no date")?;
                self.until = Some(End::Until(moment.last_date(side)));
            }
            Part::Count => match value.parse() {
                Ok(0) => return Err("COUNT of the rule must be at least 1"),
                Ok(count) => self.count = Some(End::Count(count)),
                Err(_) => return Err("COUNT of the rule is no number"),
            },
            Part::Interval => match value.parse() {
                Ok(0) => return Err("INTERVAL of the rule must be at least 1"),
                Ok(interval) => self.interval = Some(interval),
                Err(_) => return Err("INTERVAL of the rule is no number"),
            },
            Part::Time(max) => {
                for number in value.split(',') {
                    in_range(number, 0..=max)?;
                }
            }
            Part::Weekdays => self.days.weekdays = Some(weekdays(value)?),
            Part::MonthDays => self.days.month_days = Some(signed(value, 31)?),
            Part::YearDays => self.days.year_days = Some(signed(value, 366)?),
            Part::WeekNumbers => self.days.week_numbers = Some(signed(value, 53)?),
            Part::Months => {
                let mut months = Positions::default();
                for number in value.split(',') {
                    months.insert(in_range(number, 1..=12)?);
                }
                self.days.months = Some(months);
            }
            Part::Positions => self.positions = Some(signed(value, 366)?),
            Part::WeekStart => self.week_start = Some(weekday(value)?),
            Part::Scale if value.eq_ignore_ascii_case("GREGORIAN") => self.is_gregorian = true,
            Part::Scale => return Err("the rule is in a calendar other than the Gregorian"),
            Part::Skip => self.skip = skip(value)?,
        }
        Ok(())
    }

    /// The rule that the parts make up, unless they contradict each other.
    fn rule(self) -> Result<Rule, &'static str> {
        let days = self.days;
        let frequency = self.frequency.ok_or("the rule has no FREQ")?;
        let counts_weekdays = days.weekdays.is_some_and(|days| days.is_numbered());
        let fits = match frequency {
            Frequency::Daily => {
                !counts_weekdays && days.year_days.is_none() && days.week_numbers.is_none()
            }
            Frequency::Weekly => {
                !counts_weekdays
                    && days.year_days.is_none()
                    && days.week_numbers.is_none()
                    && days.month_days.is_none()
            }
            Frequency::Monthly => days.year_days.is_none() && days.week_numbers.is_none(),
            Frequency::Yearly => true,
        };
        if !fits {
            return Err(NOT_WITH_FREQ);
        }
        if counts_weekdays && days.week_numbers.is_some() {
            return Err("the rule counts weekdays within numbered weeks");
        }
        let selects = days.months.is_some()
            || days.month_days.is_some()
            || days.year_days.is_some()
            || days.week_numbers.is_some()
            || days.weekdays.is_some();
        if self.positions.is_some() && !selects {
            return Err("BYSETPOS has nothing to choose from");
        }
        let end = match (self.until, self.count) {
            (Some(_), Some(_)) => return Err("the rule has both UNTIL and COUNT"),
            (until, count) => until.or(count).unwrap_or(End::Never),
        };
        if self.skip != Skip::Omit && !self.is_gregorian {
            return Err("the rule has SKIP without RSCALE");
        }
        Ok(Rule {
            frequency,
            interval: self.interval.unwrap_or(1).into(),
            end,
            week_start: self.week_start.unwrap_or(Weekday::Monday),
            skip: self.skip,
            days,
            positions: self.positions,
        })
    }
}

fn frequency(text: &str) -> Result<Frequency, &'static str> {
    const FREQUENCIES: [(&str, Option<Frequency>); 7] = [
        ("SECONDLY", None),
        ("MINUTELY", None),
        ("HOURLY", None),
        ("DAILY", Some(Frequency::Daily)),
        ("WEEKLY", Some(Frequency::Weekly)),
        ("MONTHLY", Some(Frequency::Monthly)),
        ("YEARLY", Some(Frequency::Yearly)),
    ];
    let found = FREQUENCIES
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(text));
    let (_, frequency) = found.ok_or("FREQ of the rule is unknown")?;
    frequency.ok_or("an all-day event cannot repeat within a day")
}

fn skip(text: &str) -> Result<Skip, &'static str> {
    const SKIPS: [(&str, Skip); 3] = [
        ("OMIT", Skip::Omit),
        ("BACKWARD", Skip::Backward),
        ("FORWARD", Skip::Forward),
    ];
    let found = SKIPS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(text));
    found
        .map(|(_, skip)| *skip)
        .ok_or("SKIP of the rule is unknown")
}

fn weekday(text: &str) -> Result<Weekday, &'static str> {
    const WEEKDAYS: [(&str, Weekday); 7] = [
        ("MO", Weekday::Monday),
        ("TU", Weekday::Tuesday),
        ("WE", Weekday::Wednesday),
        ("TH", Weekday::Thursday),
        ("FR", Weekday::Friday),
        ("SA", Weekday::Saturday),
        ("SU", Weekday::Sunday),
    ];
    let found = WEEKDAYS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(text));
    found.map(|(_, weekday)| *weekday).ok_or(UNKNOWN_WEEKDAY)
}

/// Reads weekdays with or without a number, such as `MO,-1SU`.
fn weekdays(text: &str) -> Result<Weekdays, &'static str> {
    let mut weekdays = Weekdays::default();
    for item in text.split(',') {
        let split = item.len().checked_sub(2);
        let split = split.and_then(|at| item.split_at_checked(at));
        let (number, name) = split.ok_or(UNKNOWN_WEEKDAY)?;
        let weekday = weekday(name)?;
        if number.is_empty() {
            weekdays.all.insert(weekday.to_monday_one_offset().into());
            continue;
        }
        let number = in_range(number, -MAX_WEEKDAY_NUMBER..=MAX_WEEKDAY_NUMBER)?;
        let index = usize::try_from(weekday.to_monday_zero_offset()).unwrap_or_default();
        match weekdays.numbered.get_mut(index) {
            Some(numbers) if number != 0 => numbers.insert(number),
            _ => return Err(OUT_OF_RANGE),
        }
    }
    Ok(weekdays)
}

/// Reads positions up to `max`, counted from the first or, with a minus sign, from the last.
fn signed<const WORDS: usize>(text: &str, max: i32) -> Result<Positions<WORDS>, &'static str> {
    let mut positions = Positions::default();
    for number in text.split(',') {
        match in_range(number, -max..=max)? {
            0 => return Err(OUT_OF_RANGE),
            number => positions.insert(number),
        }
    }
    Ok(positions)
}

fn in_range(text: &str, range: RangeInclusive<i32>) -> Result<i32, &'static str> {
    let number = text.parse().map_err(|_| NOT_A_NUMBER)?;
    if range.contains(&number) {
        Ok(number)
    } else {
        Err(OUT_OF_RANGE)
    }
}
