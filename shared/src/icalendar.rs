//! Holidays as a calendar program exports them: all-day events of an iCalendar
//! file (RFC 5545).
//!
//! [`holidays`] reads every all-day `VEVENT` and tells the dates it lies on. An
//! event with a time of day is no holiday, nor is a cancelled one. Whatever
//! else a file may hold (time zones, tasks, alarms, properties of any vendor)
//! is passed over; what concerns an all-day event and cannot be read is
//! refused, naming the physical line, for a holiday that went missing in
//! silence is a deadline that is wrong.
//!
//! Rules are expanded by `ical-rs`, whose expansion works on civil dates, stops
//! at `UNTIL`, and needs no other crate. Lines are unfolded and split here, since
//! `ical-rs` and `icalendar` drop the number of the physical line, and `ical`,
//! which keeps it, takes bytes that are not UTF-8 for the end of the file.
//!
//! What RFC 5545 leaves open, or exporters do differently:
//!
//! - A byte-order mark, blank lines and bare line feeds are tolerated, a date of
//!   eight digits without `VALUE=DATE` is one, and several `VCALENDAR` may
//!   follow each other.
//! - Of a repeating event, the occurrences count that begin from one year before
//!   `today` until ten years after the later of `today` and its `DTSTART`.
//!   Dates that stand in the file themselves count wherever they lie.
//! - A `DTSTART` that its own rule does not give is no occurrence.
//! - In `EXDATE`, `RDATE` and `RECURRENCE-ID` of an all-day event, midnight
//!   stands for its date, whatever the zone; other times of day stand for none.
//! - `BYHOUR`, `BYMINUTE` and `BYSECOND` mean nothing on dates and are ignored,
//!   as section 3.3.10 says; a rule that breaks that section otherwise, an
//!   `EXRULE`, and an override of "this and all following" are refused.

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use ical::recur::expand::IcalRecurExpand;
use ical::recur::validate::IcalRecurRuleProblem;
use ical::recur::{IcalRecurDateTime, IcalRecurFreq, IcalRecurRule, IcalRecurRuleError};
use jiff::ToSpan;
use jiff::civil::Date;

use crate::domain::calendar::HOLIDAYS_MAX;

/// The largest file that is read: a thousand events, each with a lengthy description, fit.
pub const MAX_HOLIDAY_FILE_BYTES: usize = 256 * 1024;

/// Years before `today` from which occurrences of a rule count: what ended
/// longer ago is behind every clock that still runs.
pub const YEARS_BEHIND: i32 = 1;

/// Years after the later of `today` and `DTSTART` in which occurrences of a rule
/// count.
pub const YEARS_AHEAD: i32 = 10;

/// Days that the rules of one file are tested on, each counted once for every
/// number that its rule compares it with: some hundred yearly rules since 1900,
/// or half a second at
/// worst.
const RULE_TESTS_MAX: u64 = 20_000_000;

/// `BYDAY` counts the weekdays of a month or a year; no year has more.
const WEEKDAY_ORDINAL_MAX: u16 = 53;

/// Why a file gives no holidays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The file says something that is not understood.
    Unreadable {
        /// The physical line, from 1; of a folded line, the first.
        line: usize,
        /// What is wrong with it: a lowercase fragment that repeats nothing of
        /// the file.
        reason: &'static str,
    },
    /// The file was read and has more than [`HOLIDAYS_MAX`] dates.
    TooMany,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { line, reason } => write!(f, "line {line}: {reason}"),
            Self::TooMany => write!(f, "more than {HOLIDAYS_MAX} dates"),
        }
    }
}

impl std::error::Error for Refused {}

/// The dates of all all-day events of an iCalendar file, sorted, each once, at
/// most [`HOLIDAYS_MAX`]; see the [module](self) for what counts. `today` only
/// decides which occurrences of repeating events do.
///
/// The time it takes is bounded: files of any content up to
/// [`MAX_HOLIDAY_FILE_BYTES`] are answered within a second.
///
/// # Errors
///
/// [`Refused::Unreadable`] with the first line that cannot be read or
/// whose rule cannot be expanded, [`Refused::TooMany`] if all can.
///
/// ```
/// use jiff::civil::date;
/// use shared::icalendar::{Refused, holidays};
///
/// let file = "BEGIN:VCALENDAR\r\n\
///     BEGIN:VEVENT\r\n\
///     SUMMARY:Christmas\r\n\
///     DTSTART;VALUE=DATE:20261225\r\n\
///     DTEND;VALUE=DATE:20261227\r\n\
///     END:VEVENT\r\n\
///     END:VCALENDAR\r\n";
/// assert_eq!(
///     holidays(file.as_bytes(), date(2026, 11, 22)),
///     Ok(vec![date(2026, 12, 25), date(2026, 12, 26)]),
/// );
///
/// let file = file.replace("1225", "1232");
/// let refusal = holidays(file.as_bytes(), date(2026, 11, 22));
/// assert!(matches!(refusal, Err(Refused::Unreadable { line: 4, .. })));
/// ```
pub fn holidays(text: &[u8], today: Date) -> Result<Vec<Date>, Refused> {
    let events = events(text)?;
    let series = Series::of(&events, today);
    let mut tests_left = RULE_TESTS_MAX;
    let mut stretches = Vec::new();
    for event in &events {
        stretches.extend(event.stretches(&series, &mut tests_left)?);
    }
    dates(stretches)
}

/// The dates of stretches that may overlap.
fn dates(mut stretches: Vec<Stretch>) -> Result<Vec<Date>, Refused> {
    stretches.sort_unstable();
    let mut dates: Vec<Date> = Vec::new();
    for stretch in stretches {
        let mut next = match dates.last() {
            Some(last) if *last >= stretch.first => last.tomorrow().ok(),
            _ => Some(stretch.first),
        };
        while let Some(date) = next.filter(|date| *date <= stretch.last) {
            if dates.len() == HOLIDAYS_MAX {
                return Err(Refused::TooMany);
            }
            dates.push(date);
            next = date.tomorrow().ok();
        }
    }
    Ok(dates)
}

/// Days in a row, both ends included; first days sort first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Stretch {
    first: Date,
    last: Date,
}

/// What concerns several events: those that repeat, and the occurrences of theirs
/// that other events replace, by `UID`.
struct Series<'a> {
    today: Date,
    starts: HashMap<&'a str, Date>,
    replaced: HashMap<&'a str, BTreeSet<Date>>,
}

impl<'a> Series<'a> {
    fn of(events: &'a [Event], today: Date) -> Self {
        let mut series = Self {
            today,
            starts: HashMap::new(),
            replaced: HashMap::new(),
        };
        for event in events {
            let Some(uid) = event.uid.as_deref() else {
                continue;
            };
            match (event.replaces, &event.days) {
                (Replaces::Occurrence(date), _) => {
                    series.replaced.entry(uid).or_default().insert(date);
                }
                (Replaces::Nothing, Some(days)) if !days.rules.is_empty() => {
                    series.starts.insert(uid, days.first);
                }
                _ => {}
            }
        }
        series
    }

    /// The days on which occurrences of a rule that starts on `start` count.
    fn window(&self, start: Date) -> Stretch {
        let ahead = self.today.max(start).checked_add(YEARS_AHEAD.years());
        Stretch {
            first: self.today.saturating_sub(YEARS_BEHIND.years()),
            last: ahead.and_then(Date::yesterday).unwrap_or(Date::MAX),
        }
    }

    fn replaced(&self, uid: Option<&str>) -> Option<&BTreeSet<Date>> {
        self.replaced.get(uid?)
    }

    /// Whether the event stands for an occurrence that would not count itself.
    fn is_outside(&self, event: &Event) -> bool {
        let start = event.uid.as_deref().and_then(|uid| self.starts.get(uid));
        match (event.replaces, start) {
            (Replaces::Occurrence(date), Some(start)) => {
                let window = self.window(*start);
                date < window.first || date > window.last
            }
            _ => false,
        }
    }
}

/// A `VEVENT`.
#[derive(Debug)]
struct Event {
    uid: Option<String>,
    replaces: Replaces,
    /// None if the event has a time of day or is cancelled.
    days: Option<Days>,
}

/// What `RECURRENCE-ID` says.
#[derive(Clone, Copy, Debug)]
enum Replaces {
    Nothing,
    Occurrence(Date),
    /// An occurrence with a time of day, so none of an all-day event.
    Moment,
}

/// When an all-day event is.
#[derive(Debug)]
struct Days {
    first: Date,
    /// Days after the first on which it lasts.
    more: i32,
    rules: Vec<Rule>,
    added: Vec<Date>,
    excluded: BTreeSet<Date>,
}

impl Event {
    fn stretches(
        &self,
        series: &Series<'_>,
        tests_left: &mut u64,
    ) -> Result<Vec<Stretch>, Refused> {
        let Some(days) = self.days.as_ref().filter(|_| !series.is_outside(self)) else {
            return Ok(Vec::new());
        };
        let mut firsts: BTreeSet<Date> = days.added.iter().copied().collect();
        if days.rules.is_empty() {
            firsts.insert(days.first);
        }
        let window = series.window(days.first);
        for rule in &days.rules {
            firsts.extend(rule.occurrences(days.first, window, tests_left)?);
        }
        let replaced = match self.replaces {
            Replaces::Nothing => series.replaced(self.uid.as_deref()),
            Replaces::Occurrence(_) | Replaces::Moment => None,
        };
        let stays = |date: &Date| {
            !days.excluded.contains(date) && !replaced.is_some_and(|dates| dates.contains(date))
        };
        let stretch = |first: Date| Stretch {
            first,
            last: first.saturating_add(days.more.days()),
        };
        Ok(firsts.into_iter().filter(stays).map(stretch).collect())
    }
}

/// An `RRULE` of an all-day event.
#[derive(Debug)]
struct Rule {
    line: usize,
    rule: IcalRecurRule,
}

impl Rule {
    fn parse(property: &Property) -> Result<Self, Refused> {
        let refuse = |reason| property.refusal(reason);
        check_parts(&property.value).map_err(refuse)?;
        let mut rule =
            IcalRecurRule::parse(&property.value).map_err(|error| refuse(rule_error(&error)))?;
        rule.by_hour.clear();
        rule.by_minute.clear();
        rule.by_second.clear();
        // Repeated numbers mean nothing and cost time.
        sort(&mut rule.by_month);
        sort(&mut rule.by_month_day);
        sort(&mut rule.by_year_day);
        sort(&mut rule.by_week_no);
        sort(&mut rule.by_set_pos);
        rule.by_day
            .sort_unstable_by_key(|day| (day.ordinal, day.weekday));
        rule.by_day.dedup();
        check_rule(&rule).map_err(refuse)?;
        let line = property.line;
        Ok(Self { line, rule })
    }

    /// The days in `window` on which an event that starts on `start` recurs.
    fn occurrences(
        &self,
        start: Date,
        window: Stretch,
        tests_left: &mut u64,
    ) -> Result<Vec<Date>, Refused> {
        let refuse = |reason| Refused::Unreadable {
            line: self.line,
            reason,
        };
        *tests_left = tests_left
            .checked_sub(self.tests(start, window.last))
            .ok_or_else(|| refuse("the rules up to this one take too long to expand"))?;
        let last = end_of(window.last);
        let mut rule = self.rule.clone();
        // The expansion ends there instead of looking on for an occurrence.
        rule.until = Some(rule.until.map_or(last, |until| until.min(last)));
        let mut dates = Vec::new();
        for moment in IcalRecurExpand::new(rule, start_of(start)) {
            let Some(date) = date_of(moment).filter(|date| *date >= window.first) else {
                continue;
            };
            if dates.len() == HOLIDAYS_MAX {
                return Err(refuse("the rule gives more dates than a calendar may have"));
            }
            dates.push(date);
        }
        Ok(dates)
    }

    /// How many numbers the days up to `last` are compared with, at most.
    fn tests(&self, start: Date, last: Date) -> u64 {
        let rule = &self.rule;
        let until = rule.until.and_then(date_of).unwrap_or(last).min(last);
        // A period begins up to a year before its event and ends as late.
        let days = i64::from((until - start).get_days()).max(0) + 366;
        let numbers = rule.by_month.len()
            + rule.by_month_day.len()
            + rule.by_year_day.len()
            + rule.by_week_no.len()
            + rule.by_day.len()
            + rule.by_set_pos.len();
        days.unsigned_abs() * (numbers as u64 + 1)
    }
}

fn sort<T: Ord>(numbers: &mut Vec<T>) {
    numbers.sort_unstable();
    numbers.dedup();
}

/// Refuses what `ical-rs` reads generously: parts that it does not know or finds
/// twice, gaps in lists, and dates with signs.
fn check_parts(text: &str) -> Result<(), &'static str> {
    const KNOWN: [&str; 16] = [
        "FREQ",
        "UNTIL",
        "COUNT",
        "INTERVAL",
        "BYSECOND",
        "BYMINUTE",
        "BYHOUR",
        "BYDAY",
        "BYMONTHDAY",
        "BYYEARDAY",
        "BYWEEKNO",
        "BYMONTH",
        "BYSETPOS",
        "WKST",
        "RSCALE",
        "SKIP",
    ];
    let mut seen = BTreeSet::new();
    for part in text.split(';') {
        let (name, value) = part
            .split_once('=')
            .ok_or("a part of the rule has no value")?;
        let known = KNOWN
            .iter()
            .find(|known| known.eq_ignore_ascii_case(name))
            .ok_or("a part of the rule is unknown")?;
        if !seen.insert(known) {
            return Err("a part of the rule is given twice");
        }
        if value
            .split(',')
            .any(|item| item.is_empty() || item.contains(char::is_whitespace))
        {
            return Err("a part of the rule has an empty value or spaces");
        }
        if *known == "UNTIL" {
            moment(value).ok_or("UNTIL of the rule is no date")?;
        }
        if *known == "COUNT" && value.bytes().all(|byte| byte == b'0') {
            return Err("COUNT of the rule must be at least 1");
        }
    }
    Ok(())
}

fn rule_error(error: &IcalRecurRuleError) -> &'static str {
    match error {
        IcalRecurRuleError::Freq => "FREQ of the rule is unknown",
        IcalRecurRuleError::FreqMissing => "the rule has no FREQ",
        IcalRecurRuleError::Weekday => "the rule names an unknown weekday",
        IcalRecurRuleError::Skip => "SKIP of the rule is unknown",
        IcalRecurRuleError::DateTime => "UNTIL of the rule is no date",
        IcalRecurRuleError::Count(_) => "COUNT of the rule is no number",
        IcalRecurRuleError::Interval(_) => "INTERVAL of the rule is no number",
        IcalRecurRuleError::IntervalZero => "INTERVAL of the rule must be at least 1",
        IcalRecurRuleError::Ordinal(_) | IcalRecurRuleError::Number(_) => {
            "a number of the rule cannot be read"
        }
        IcalRecurRuleError::Range => "a number of the rule is out of range",
    }
}

/// Refuses what has no meaning for dates, or none that is known here.
fn check_rule(rule: &IcalRecurRule) -> Result<(), &'static str> {
    if matches!(
        rule.freq,
        IcalRecurFreq::Hourly | IcalRecurFreq::Minutely | IcalRecurFreq::Secondly
    ) {
        return Err("an all-day event cannot repeat within a day");
    }
    if rule
        .scale
        .as_deref()
        .is_some_and(|scale| scale != "GREGORIAN")
    {
        return Err("the rule is in a calendar other than the Gregorian");
    }
    let in_range = |ordinal: i16| (1..=WEEKDAY_ORDINAL_MAX).contains(&ordinal.unsigned_abs());
    if !rule
        .by_day
        .iter()
        .filter_map(|day| day.ordinal)
        .all(in_range)
    {
        return Err("a number of the rule is out of range");
    }
    match rule.problems().first() {
        None => Ok(()),
        Some(IcalRecurRuleProblem::PartFreq { .. } | IcalRecurRuleProblem::OrdinalFreq { .. }) => {
            Err("a part of the rule does not go with its FREQ")
        }
        Some(IcalRecurRuleProblem::OrdinalWithWeekNo) => {
            Err("the rule counts weekdays within numbered weeks")
        }
        Some(IcalRecurRuleProblem::SetPosAlone) => Err("BYSETPOS has nothing to choose from"),
        Some(IcalRecurRuleProblem::UntilWithCount) => Err("the rule has both UNTIL and COUNT"),
        Some(IcalRecurRuleProblem::SkipWithoutScale) => Err("the rule has SKIP without RSCALE"),
    }
}

fn start_of(date: Date) -> IcalRecurDateTime {
    IcalRecurDateTime::date(
        i32::from(date.year()),
        date.month().unsigned_abs(),
        date.day().unsigned_abs(),
    )
}

fn end_of(date: Date) -> IcalRecurDateTime {
    IcalRecurDateTime {
        hour: 23,
        minute: 59,
        second: 59,
        ..start_of(date)
    }
}

fn date_of(moment: IcalRecurDateTime) -> Option<Date> {
    Date::new(
        i16::try_from(moment.year).ok()?,
        i8::try_from(moment.month).ok()?,
        i8::try_from(moment.day).ok()?,
    )
    .ok()
}

/// The events of a file, its structure checked.
fn events(text: &[u8]) -> Result<Vec<Event>, Refused> {
    let mut events = Vec::new();
    let mut open: Vec<(usize, String)> = Vec::new();
    let mut properties = Vec::new();
    let mut last_line = 1;
    let mut any = false;
    for Unfolded { line, bytes } in unfolded(text) {
        last_line = line;
        let refuse = |reason| Refused::Unreadable { line, reason };
        let text = std::str::from_utf8(&bytes).map_err(|_| refuse("not UTF-8"))?;
        let property = Property::parse(text, line);
        let starts = property.as_ref().is_some_and(|property| {
            property.is("BEGIN") && property.value.eq_ignore_ascii_case("VCALENDAR")
        });
        if open.is_empty() && !starts {
            return Err(refuse(if any {
                "something follows END:VCALENDAR"
            } else {
                "the file must begin with BEGIN:VCALENDAR"
            }));
        }
        any = true;
        let property = property.ok_or_else(|| refuse("not a line of iCalendar"))?;
        let is_event = matches!(open.as_slice(), [_, (_, name)] if name == "VEVENT");
        if property.is("BEGIN") {
            open.push((line, property.value.to_ascii_uppercase()));
        } else if property.is("END") {
            let (begin, name) = open.pop().ok_or_else(|| refuse("END without BEGIN"))?;
            if !name.eq_ignore_ascii_case(&property.value) {
                return Err(refuse("END is not that of the component begun last"));
            }
            if is_event {
                events.push(event(begin, &std::mem::take(&mut properties))?);
            }
        } else if is_event {
            properties.push(property);
        }
    }
    match open.last() {
        Some((line, _)) => Err(Refused::Unreadable {
            line: *line,
            reason: "a component begins here and never ends",
        }),
        None if any => Ok(events),
        None => Err(Refused::Unreadable {
            line: last_line,
            reason: "the file must begin with BEGIN:VCALENDAR",
        }),
    }
}

/// Reads the properties of a `VEVENT` that began on line `begin`.
fn event(begin: usize, properties: &[Property]) -> Result<Event, Refused> {
    let start = only(properties, "DTSTART")?.ok_or(Refused::Unreadable {
        line: begin,
        reason: "the event has no DTSTART",
    })?;
    let status = only(properties, "STATUS")?;
    let cancelled = status.is_some_and(|status| status.value.eq_ignore_ascii_case("CANCELLED"));
    let uid = only(properties, "UID")?.map(|uid| uid.value.clone());
    let replaces = replaces(properties, uid.as_deref())?;
    let days = match start.moment()? {
        Moment::Day(first) if !cancelled => Some(days(first, properties, replaces)?),
        Moment::Day(_) | Moment::Midnight(_) | Moment::Time => None,
    };
    Ok(Event {
        uid,
        replaces,
        days,
    })
}

fn replaces(properties: &[Property], uid: Option<&str>) -> Result<Replaces, Refused> {
    let Some(property) = only(properties, "RECURRENCE-ID")? else {
        return Ok(Replaces::Nothing);
    };
    if uid.is_none() {
        return Err(property.refusal("RECURRENCE-ID needs a UID"));
    }
    if property.has_range {
        return Err(property.refusal("an event that changes all following ones cannot be read"));
    }
    Ok(match property.moment()?.date() {
        Some(date) => Replaces::Occurrence(date),
        None => Replaces::Moment,
    })
}

fn days(first: Date, properties: &[Property], replaces: Replaces) -> Result<Days, Refused> {
    let mut days = Days {
        first,
        more: more_days(first, properties)?,
        rules: Vec::new(),
        added: Vec::new(),
        excluded: BTreeSet::new(),
    };
    for property in properties {
        if property.is("RRULE") {
            if !matches!(replaces, Replaces::Nothing) {
                return Err(property.refusal("an event with RECURRENCE-ID cannot repeat"));
            }
            days.rules.push(Rule::parse(property)?);
        } else if property.is("EXRULE") {
            return Err(property.refusal("EXRULE is obsolete and cannot be read"));
        } else if property.is("RDATE") && !property.has_type("PERIOD") {
            days.added.extend(property.dates()?);
        } else if property.is("EXDATE") {
            days.excluded.extend(property.dates()?);
        }
    }
    Ok(days)
}

/// Days after `first` on which the event lasts.
fn more_days(first: Date, properties: &[Property]) -> Result<i32, Refused> {
    match (only(properties, "DTEND")?, only(properties, "DURATION")?) {
        (None, None) => Ok(0),
        (Some(_), Some(duration)) => Err(duration.refusal("DTEND is given too")),
        (Some(end), None) => match end.moment()? {
            Moment::Day(date) if date > first => Ok((date - first).get_days() - 1),
            Moment::Day(_) => Err(end.refusal("DTEND is not after DTSTART")),
            Moment::Midnight(_) | Moment::Time => {
                Err(end.refusal("DTEND has a time of day, DTSTART has none"))
            }
        },
        (None, Some(duration)) => {
            let more = whole_days(&duration.value)
                .ok_or_else(|| duration.refusal("DURATION is no number of days or weeks"))?
                - 1;
            first
                .checked_add(more.days())
                .map_err(|_| duration.refusal("the event lasts beyond the year 9999"))?;
            Ok(more)
        }
    }
}

/// Reads `P3D` or `P2W`; at most the days of all years there are.
fn whole_days(text: &str) -> Option<i32> {
    const DAYS_MAX: i32 = 9_999 * 366;
    let text = text.strip_prefix('+').unwrap_or(text);
    let text = text.strip_prefix(['P', 'p'])?;
    let (number, unit) = match (text.strip_suffix(['D', 'd']), text.strip_suffix(['W', 'w'])) {
        (Some(number), _) => (number, 1),
        (None, weeks) => (weeks?, 7),
    };
    digits(number)?
        .checked_mul(unit)
        .filter(|days| (1..=DAYS_MAX).contains(days))
}

/// The property of a name that may stand once.
fn only<'a>(properties: &'a [Property], name: &str) -> Result<Option<&'a Property>, Refused> {
    let mut named = properties.iter().filter(|property| property.is(name));
    let first = named.next();
    match named.next() {
        None => Ok(first),
        Some(second) => Err(second.refusal("the property is given twice")),
    }
}

/// A point in time, as far as all-day events are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    Day(Date),
    Midnight(Date),
    Time,
}

impl Moment {
    fn date(self) -> Option<Date> {
        match self {
            Self::Day(date) | Self::Midnight(date) => Some(date),
            Self::Time => None,
        }
    }
}

/// Reads `YYYYMMDD`, or with `THHMMSS` and perhaps `Z` behind it.
fn moment(text: &str) -> Option<Moment> {
    let (date, time) = match text.split_once(['T', 't']) {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let (year, date) = number::<4>(date)?;
    let (month, date) = number::<2>(date)?;
    let (day, rest) = number::<2>(date)?;
    if year == 0 || !rest.is_empty() {
        return None;
    }
    let date = Date::new(
        i16::try_from(year).ok()?,
        i8::try_from(month).ok()?,
        i8::try_from(day).ok()?,
    )
    .ok()?;
    let Some(time) = time else {
        return Some(Moment::Day(date));
    };
    let (hour, time) = number::<2>(time)?;
    let (minute, time) = number::<2>(time)?;
    let (second, zone) = number::<2>(time)?;
    if hour > 23 || minute > 59 || second > 60 || !matches!(zone, "" | "Z" | "z") {
        return None;
    }
    Some(match (hour, minute, second) {
        (0, 0, 0) => Moment::Midnight(date),
        _ => Moment::Time,
    })
}

/// A number of as many digits, and what follows it.
fn number<const DIGITS: usize>(text: &str) -> Option<(i32, &str)> {
    let (number, rest) = text.split_at_checked(DIGITS)?;
    Some((digits(number)?, rest))
}

fn digits(text: &str) -> Option<i32> {
    // Parsing alone would admit a sign.
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
}

/// A content line, section 3.1.
#[derive(Debug)]
struct Property {
    line: usize,
    name: String,
    /// What the parameter `VALUE` says.
    value_type: Option<String>,
    /// Whether there is a parameter `RANGE`.
    has_range: bool,
    value: String,
}

impl Property {
    fn parse(text: &str, line: usize) -> Option<Self> {
        let (name, mut rest) = token(text)?;
        let mut value_type = None;
        let mut has_range = false;
        loop {
            if let Some(value) = rest.strip_prefix(':') {
                return Some(Self {
                    line,
                    name: name.to_owned(),
                    value_type,
                    has_range,
                    value: value.to_owned(),
                });
            }
            let (parameter, after) = token(rest.strip_prefix(';')?)?;
            let (value, mut after) = parameter_value(after.strip_prefix('=')?)?;
            while let Some(more) = after.strip_prefix(',') {
                (_, after) = parameter_value(more)?;
            }
            if parameter.eq_ignore_ascii_case("VALUE") {
                value_type = Some(value.to_owned());
            }
            has_range |= parameter.eq_ignore_ascii_case("RANGE");
            rest = after;
        }
    }

    fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    fn has_type(&self, name: &str) -> bool {
        let value_type = self.value_type.as_deref();
        value_type.is_some_and(|value_type| value_type.eq_ignore_ascii_case(name))
    }

    fn refusal(&self, reason: &'static str) -> Refused {
        Refused::Unreadable {
            line: self.line,
            reason,
        }
    }

    fn moment(&self) -> Result<Moment, Refused> {
        self.moment_of(&self.value)
    }

    /// The dates of a list, times of day left out.
    fn dates(&self) -> Result<Vec<Date>, Refused> {
        let moments = self.value.split(',').map(|text| self.moment_of(text));
        moments
            .filter_map(|moment| moment.map(Moment::date).transpose())
            .collect()
    }

    fn moment_of(&self, text: &str) -> Result<Moment, Refused> {
        let moment = moment(text).ok_or_else(|| self.refusal("not a date"))?;
        let is_day = matches!(moment, Moment::Day(_));
        let fits = match self.value_type {
            None => true,
            Some(_) => self.has_type(if is_day { "DATE" } else { "DATE-TIME" }),
        };
        if fits {
            Ok(moment)
        } else {
            Err(self.refusal("the value is not of the type that VALUE says"))
        }
    }
}

/// The name that a text begins with, and what follows it.
fn token(text: &str) -> Option<(&str, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '-')
        .unwrap_or(text.len());
    text.split_at_checked(end)
        .filter(|(name, _)| !name.is_empty())
}

/// The parameter value that a text begins with, perhaps quoted, and what follows.
fn parameter_value(text: &str) -> Option<(&str, &str)> {
    match text.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"'),
        None => text.split_at_checked(text.find(['"', ';', ':', ','])?),
    }
}

/// A line as it was before folding.
struct Unfolded {
    line: usize,
    bytes: Vec<u8>,
}

/// Unfolds bytes, not text, since a fold may part the bytes of one character.
fn unfolded(text: &[u8]) -> Vec<Unfolded> {
    let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
    let mut lines: Vec<Unfolded> = Vec::new();
    for (index, bytes) in text.split(|byte| *byte == b'\n').enumerate() {
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        match (bytes, lines.last_mut()) {
            ([], _) => {}
            ([b' ' | b'\t', rest @ ..], Some(line)) => line.bytes.extend_from_slice(rest),
            _ => lines.push(Unfolded {
                line: index + 1,
                bytes: bytes.to_vec(),
            }),
        }
    }
    lines
}

#[cfg(test)]
#[expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop at the first surprise"
)]
mod tests;
