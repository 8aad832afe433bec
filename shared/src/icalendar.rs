//! Holiday files: the all-day events of an iCalendar file (RFC 5545), as calendar programs export
//! them.
//!
//! [`read`] returns the dates of every all-day `VEVENT`. Events with a time of day and cancelled
//! events are not holidays. Everything else in a file (tasks, alarms, properties of any vendor) is
//! ignored. But if a part of an all-day event cannot be read, the file is refused with the number
//! of the physical line, because a holiday that is silently missing makes deadlines wrong.
//!
//! # Architecture invariant: the work is bounded
//!
//! Reading takes one pass over at most [`MAX_HOLIDAY_FILE_BYTES`]. Only recurrence rules can cause
//! more work than their length suggests. So every period and every day that a rule looks at is
//! counted *before* the work is done, and the file is refused after [`MAX_RULE_STEPS`].
//! `cargo bench -p shared --bench icalendar` prints what the most expensive known files cost.
//!
//! # All-day events
//!
//! An event is all-day if
//!
//! - its `DTSTART` is a date; or
//! - `X-MICROSOFT-CDO-ALLDAYEVENT` is `TRUE`, as Outlook and Exchange write it. Its times must then
//!   be midnights: local ones or, as older versions write them, the midnights of its time zone in
//!   UTC; or
//! - it begins at midnight and ends at a later midnight of the same time zone, or lasts a number of
//!   days or weeks. The exception is `X-MICROSOFT-CDO-ALLDAYEVENT:FALSE`, which explicitly marks an
//!   appointment of 24 hours. Midnights in UTC do not count here: an exporter that writes UTC
//!   writes instants, and these are usually another time of day where the event takes place.
//!
//! A local midnight that is written in UTC, such as 23:00 of the day before for Berlin, belongs to
//! a date that follows from the time alone, except from 10:00 to 12:00, when it may be midnight in
//! New Zealand or in Hawaii. Then the file's `VTIMEZONE` decides on which side of UTC the event
//! takes place. It must precede the event, as it does in every export. Rules count days where the
//! event takes place, so an event whose date differs from that of its `DTSTART` in UTC cannot have
//! one.
//!
//! # Where RFC 5545 is silent, or exporters deviate from it
//!
//! - A byte-order mark, blank lines, bare line feeds and trailing blanks are accepted. So are dates
//!   of eight digits without `VALUE=DATE`, and several `VCALENDAR` in a row.
//! - Occurrences of a rule count if they begin between one year before `today` and ten years after
//!   the later of `today` and `DTSTART`. Dates that the file itself lists always count.
//! - A `DTSTART` that does not match the rule of its own event is not an occurrence.
//! - In `EXDATE`, `RDATE` and `RECURRENCE-ID` of an all-day event, a midnight stands for its date,
//!   and any other time of day is ignored. An `UNTIL` in UTC means the last midnight up to that
//!   time.
//! - `BYHOUR`, `BYMINUTE` and `BYSECOND` have no meaning for dates and are ignored, as section
//!   3.3.10 requires. A rule that otherwise violates that section, an `EXRULE`, and an override of
//!   "this and all following" occurrences are refused.

mod event;
mod lines;
mod recurrence;
mod time;

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use jiff::ToSpan;
use jiff::civil::Date;

use crate::domain::calendar::MAX_HOLIDAYS;
use event::{AllDay, Event, Kind, Properties, Repeats, Replaces};
use lines::{ContentLine, Line, Lines};
use time::{Zone, Zones};

/// The size of the largest file that is read: a thousand events with long descriptions fit.
pub const MAX_HOLIDAY_FILE_BYTES: usize = 256 * 1024;

/// Occurrences of a rule count from this many years before `today`: tickets that are still open are
/// assumed not to be older.
pub const YEARS_BACK: i32 = 1;

/// Occurrences of a rule count until this many years after the later of `today` and `DTSTART`.
pub const YEARS_AHEAD: i32 = 10;

/// The most steps in which all rules of a file are expanded, which take about 5 ms. A step is a
/// period or a day that a rule looks at. A hundred yearly holidays that must be counted from 1900
/// on fit.
pub const MAX_RULE_STEPS: usize = 500_000;

const NO_CALENDAR: &str = "the file must begin with BEGIN:VCALENDAR";

/// The content of a holiday file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HolidayFile {
    /// The dates of all all-day events, in ascending order and without duplicates, at most
    /// [`MAX_HOLIDAYS`].
    pub dates: Vec<Date>,
    /// The number of all-day events, including those without a date that counts.
    pub all_day_events: usize,
    /// The number of events with a time of day.
    pub timed_events: usize,
    /// The number of cancelled events of either kind.
    pub cancelled_events: usize,
}

/// Why a holiday file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HolidayFileError {
    /// A line cannot be read.
    InvalidLine(InvalidLine),
    /// All lines can be read, but there are more than [`MAX_HOLIDAYS`] dates.
    TooManyDates,
}

/// A line that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidLine {
    /// The number of the physical line, from 1; that of the first, if the line is folded.
    pub line: usize,
    /// What is wrong with it: a lowercase fragment that quotes nothing from the file.
    pub reason: &'static str,
}

impl fmt::Display for HolidayFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidLine(InvalidLine { line, reason }) => write!(f, "line {line}: {reason}"),
            Self::TooManyDates => write!(f, "more than {MAX_HOLIDAYS} dates"),
        }
    }
}

impl std::error::Error for HolidayFileError {}

impl From<InvalidLine> for HolidayFileError {
    fn from(line: InvalidLine) -> HolidayFileError {
        HolidayFileError::InvalidLine(line)
    }
}

/// Reads a file of at most [`MAX_HOLIDAY_FILE_BYTES`]. The [module](self) explains which dates
/// count. `today` matters only for the occurrences of rules.
///
/// # Errors
///
/// [`HolidayFileError::InvalidLine`] for the first line that cannot be read, or whose rule cannot
/// be expanded. If there is none, [`HolidayFileError::TooManyDates`].
///
/// ```
/// use jiff::civil::date;
/// use shared::icalendar::{HolidayFileError, InvalidLine, read};
///
/// let file = "BEGIN:VCALENDAR\r\n\
///     BEGIN:VEVENT\r\n\
///     SUMMARY:Christmas\r\n\
///     DTSTART;VALUE=DATE:20261225\r\n\
///     DTEND;VALUE=DATE:20261227\r\n\
///     END:VEVENT\r\n\
///     END:VCALENDAR\r\n";
/// let holidays = read(file.as_bytes(), date(2026, 11, 22))?;
/// assert_eq!(holidays.dates, [date(2026, 12, 25), date(2026, 12, 26)]);
/// assert_eq!((holidays.all_day_events, holidays.timed_events), (1, 0));
///
/// let file = file.replace("1225", "1232");
/// let result = read(file.as_bytes(), date(2026, 11, 22));
/// let (line, reason) = (4, "not a date");
/// assert_eq!(result, Err(HolidayFileError::InvalidLine(InvalidLine { line, reason })));
/// # Ok::<(), HolidayFileError>(())
/// ```
pub fn read(file: &[u8], today: Date) -> Result<HolidayFile, HolidayFileError> {
    read_in(file, today, &mut Work::default())
}

fn read_in(file: &[u8], today: Date, work: &mut Work) -> Result<HolidayFile, HolidayFileError> {
    let events = Reader::new(today, work).events(file)?;
    let of_kind = |is: fn(&Kind) -> bool| events.iter().filter(|event| is(&event.kind)).count();
    Ok(HolidayFile {
        dates: dates(Series::of(&events, today).ranges(&events))?,
        all_day_events: of_kind(|kind| matches!(kind, Kind::AllDay(_))),
        timed_events: of_kind(|kind| matches!(kind, Kind::WithTime)),
        cancelled_events: of_kind(|kind| matches!(kind, Kind::Cancelled)),
    })
}

/// The dates of ranges, which may overlap.
fn dates(mut ranges: Vec<DateRange>) -> Result<Vec<Date>, HolidayFileError> {
    ranges.sort_unstable();
    let mut dates: Vec<Date> = Vec::new();
    for range in ranges {
        let mut next = match dates.last() {
            Some(last) if *last >= range.first => last.tomorrow().ok(),
            _ => Some(range.first),
        };
        while let Some(date) = next.filter(|date| *date <= range.last) {
            if dates.len() == MAX_HOLIDAYS {
                return Err(HolidayFileError::TooManyDates);
            }
            dates.push(date);
            next = date.tomorrow().ok();
        }
    }
    Ok(dates)
}

/// The work that reading a file has taken so far.
#[derive(Debug, Default)]
struct Work {
    /// The number of bytes read: every byte once, and the values of recurrence properties twice.
    bytes_read: usize,
    /// The number of steps that rules have taken; see [`MAX_RULE_STEPS`].
    rule_steps: usize,
}

impl Work {
    /// Counts work that the size of the file limits.
    fn count_bytes(&mut self, bytes: usize) {
        self.bytes_read += bytes;
    }

    /// Counts the steps of a rule before they are taken, and refuses them if they are too many.
    fn charge_steps(&mut self, steps: usize) -> Result<(), &'static str> {
        let rule_steps = self.rule_steps + steps;
        if rule_steps > MAX_RULE_STEPS {
            return Err("the rules up to this one take too long to expand");
        }
        self.rule_steps = rule_steps;
        Ok(())
    }
}

/// Consecutive days, including both ends. Ranges sort by their first day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct DateRange {
    first: Date,
    last: Date,
}

/// The days on which the occurrences of a rule that starts on `start` count.
fn window(today: Date, start: Date) -> DateRange {
    let end = today.max(start).checked_add(YEARS_AHEAD.years());
    DateRange {
        first: today.saturating_sub(YEARS_BACK.years()),
        last: end.and_then(Date::yesterday).unwrap_or(Date::MAX),
    }
}

/// The relations between events with the same `UID`.
struct Series<'a> {
    /// The windows of events that repeat by rule.
    windows: HashMap<&'a str, DateRange>,
    /// The occurrences that other events replace.
    replaced: HashMap<&'a str, BTreeSet<Date>>,
}

impl<'a> Series<'a> {
    fn of(events: &'a [Event], today: Date) -> Series<'a> {
        let mut series = Series {
            windows: HashMap::new(),
            replaced: HashMap::new(),
        };
        for event in events {
            let Some(uid) = event.uid.as_deref() else {
                continue;
            };
            match (event.replaces, &event.kind) {
                (Replaces::Date(date), _) => {
                    series.replaced.entry(uid).or_default().insert(date);
                }
                (Replaces::Nothing, Kind::AllDay(days)) if days.repeats == Repeats::ByRule => {
                    series.windows.insert(uid, window(today, days.first));
                }
                _ => {}
            }
        }
        series
    }

    fn ranges(&self, events: &[Event]) -> Vec<DateRange> {
        let mut ranges = Vec::new();
        for event in events {
            if let Kind::AllDay(days) = &event.kind
                && !self.is_outside(event)
            {
                let counts = |date: &&Date| !self.is_replaced(event, **date);
                let occurrences = days.occurrences.iter().filter(counts);
                ranges.extend(occurrences.map(|first| days.range(*first)));
            }
        }
        ranges
    }

    /// Whether another event replaces the occurrence of this event that begins on a date.
    fn is_replaced(&self, event: &Event, date: Date) -> bool {
        let uid = event.uid.as_deref();
        let replaced = uid.and_then(|uid| self.replaced.get(uid));
        event.replaces == Replaces::Nothing && replaced.is_some_and(|dates| dates.contains(&date))
    }

    /// Whether the event replaces an occurrence that does not count anyway.
    fn is_outside(&self, event: &Event) -> bool {
        let window = event.uid.as_deref().and_then(|uid| self.windows.get(uid));
        match (event.replaces, window) {
            (Replaces::Date(date), Some(window)) => date < window.first || date > window.last,
            _ => false,
        }
    }
}

impl AllDay {
    fn range(&self, first: Date) -> DateRange {
        DateRange {
            first,
            last: first.saturating_add(self.extra_days.days()),
        }
    }
}

/// Reads a file line by line.
struct Reader<'a> {
    today: Date,
    work: &'a mut Work,
    /// The names of components that have begun but not ended, and the lines on which they began.
    open_components: Vec<(usize, String)>,
    /// The properties of the event that is being read.
    properties: Properties,
    /// The time zone that is being read.
    zone: Zone,
    zones: Zones,
    events: Vec<Event>,
}

impl Reader<'_> {
    fn new(today: Date, work: &mut Work) -> Reader<'_> {
        Reader {
            today,
            work,
            open_components: Vec::new(),
            properties: Properties::default(),
            zone: Zone::default(),
            zones: Zones::default(),
            events: Vec::new(),
        }
    }

    /// The events of a file, whose structure is checked as well.
    fn events(mut self, file: &[u8]) -> Result<Vec<Event>, InvalidLine> {
        let mut lines = Lines::of(file);
        let mut has_begun = false;
        for Line { number, bytes } in &mut lines {
            let invalid = |reason| InvalidLine {
                line: number,
                reason,
            };
            self.work.count_bytes(bytes.len());
            let text = std::str::from_utf8(&bytes).map_err(|_| invalid("not UTF-8"))?;
            let content = ContentLine::parse(text);
            if self.open_components.is_empty() && !content.as_ref().is_some_and(begins_calendar) {
                return Err(invalid(if has_begun {
                    "something follows END:VCALENDAR"
                } else {
                    NO_CALENDAR
                }));
            }
            has_begun = true;
            let content = content.ok_or_else(|| invalid("not a line of iCalendar"))?;
            self.read_line(number, &content)?;
        }
        match self.open_components.last() {
            Some((line, _)) => Err(InvalidLine {
                line: *line,
                reason: "a component begins here and never ends",
            }),
            None if has_begun => Ok(self.events),
            None => Err(InvalidLine {
                line: 1,
                reason: NO_CALENDAR,
            }),
        }
    }

    fn read_line(&mut self, line: usize, content: &ContentLine<'_>) -> Result<(), InvalidLine> {
        let component = self.component();
        if content.is_named("BEGIN") {
            self.open_components
                .push((line, content.value.to_ascii_uppercase()));
        } else if content.is_named("END") {
            let invalid = |reason| InvalidLine { line, reason };
            let (begin, name) = self
                .open_components
                .pop()
                .ok_or(invalid("END without BEGIN"))?;
            if !content.has_value(&name) {
                return Err(invalid("END is not that of the component begun last"));
            }
            match component {
                Component::Event => {
                    let properties = std::mem::take(&mut self.properties);
                    let event = properties.event(begin, self.today, &self.zones, self.work)?;
                    self.events.push(event);
                }
                Component::TimeZone => self.zones.add(std::mem::take(&mut self.zone)),
                Component::Observance | Component::Other => {}
            }
        } else {
            match component {
                Component::Event => self.properties.add(content, line),
                Component::TimeZone if content.is_named("TZID") => {
                    self.zone.id = Some(content.value.to_owned());
                }
                Component::Observance if content.is_named("TZOFFSETTO") => {
                    self.zone.add_offset(content.value);
                }
                Component::TimeZone | Component::Observance | Component::Other => {}
            }
        }
        Ok(())
    }

    fn component(&self) -> Component {
        match self.open_components.as_slice() {
            [_, (_, name)] if name == "VEVENT" => Component::Event,
            [_, (_, name)] if name == "VTIMEZONE" => Component::TimeZone,
            [_, (_, name), _] if name == "VTIMEZONE" => Component::Observance,
            _ => Component::Other,
        }
    }
}

/// The kind of component that a line belongs to.
#[derive(Clone, Copy)]
enum Component {
    Event,
    TimeZone,
    /// Standard or daylight saving time of a zone.
    Observance,
    Other,
}

fn begins_calendar(content: &ContentLine<'_>) -> bool {
    content.is_named("BEGIN") && content.has_value("VCALENDAR")
}

#[cfg(test)]
#[expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop at the first surprise"
)]
mod tests;
