//! Holiday files: the all-day events of an iCalendar file (RFC 5545), as calendar programs export
//! them.
//!
//! [`read`] returns the dates of every all-day `VEVENT`. An event with a time of day is no holiday,
//! nor is a cancelled one. Whatever else a file holds (tasks, alarms, properties of any vendor) is
//! ignored. What belongs to an all-day event and cannot be read is refused with the number of the
//! physical line, because a holiday that is silently missing makes deadlines wrong.
//!
//! # Architecture invariant: the work is bounded
//!
//! Reading takes one pass over at most [`MAX_HOLIDAY_FILE_BYTES`]. Only rules can cost more than
//! their text, so they are charged for every period and every day *before* it is looked at, and
//! refused after [`MAX_RULE_STEPS`]. `cargo bench -p shared --bench icalendar` prints what the worst
//! known files cost.
//!
//! # All-day events
//!
//! An event is all-day if
//!
//! - its `DTSTART` is a date; or
//! - `X-MICROSOFT-CDO-ALLDAYEVENT` is `TRUE`, as Outlook and Exchange write. Its times must be
//!   midnights: local ones, or midnights of its time zone in UTC, as older versions write; or
//! - it begins at midnight and ends at a later midnight of the same time zone, or lasts a number of
//!   days or weeks, unless `X-MICROSOFT-CDO-ALLDAYEVENT` is `FALSE`: that says in so many words that
//!   an appointment of 24 hours is meant. Midnights in UTC do not count here: an exporter that writes
//!   UTC writes instants, and where the event takes place they are usually another time of day.
//!
//! A midnight in UTC, such as 23:00 of the day before in Berlin, belongs to a date that follows from
//! the time alone, except from 10:00 to 12:00: then it is midnight in New Zealand or in Hawaii, and
//! the file's `VTIMEZONE` has to say on which side of UTC the event takes place. It must precede the
//! event, which it does in every export. Rules count days where the event takes place, so an event
//! whose date is not that of its `DTSTART` in UTC cannot have one.
//!
//! # What RFC 5545 leaves open, or exporters do differently
//!
//! - A byte-order mark, blank lines, bare line feeds and trailing blanks are tolerated, a date of
//!   eight digits without `VALUE=DATE` is one, and several `VCALENDAR` may follow each other.
//! - Of a repeating event, the occurrences count that begin from one year before `today` until ten
//!   years after the later of `today` and its `DTSTART`. Dates that stand in the file themselves
//!   count wherever they lie.
//! - A `DTSTART` that its own rule does not give is no occurrence.
//! - In `EXDATE`, `RDATE` and `RECURRENCE-ID` of an all-day event, a midnight stands for its date;
//!   other times of day stand for none. An `UNTIL` in UTC means the last midnight up to it.
//! - `BYHOUR`, `BYMINUTE` and `BYSECOND` mean nothing on dates and are ignored, as section 3.3.10
//!   says; a rule that breaks that section otherwise, an `EXRULE`, and an override of "this and all
//!   following" are refused.

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

/// The largest file that is read: a thousand events, each with a lengthy description, fit.
pub const MAX_HOLIDAY_FILE_BYTES: usize = 256 * 1024;

/// Years before `today` from which occurrences of a rule count: what ended longer ago is behind
/// every clock that still runs.
pub const YEARS_BEHIND: i32 = 1;

/// Years after the later of `today` and `DTSTART` in which occurrences of a rule count.
pub const YEARS_AHEAD: i32 = 10;

/// Steps in which all rules of a file are expanded, each of them a period or a day that a rule is
/// tested on: 5 ms or so. A hundred yearly holidays that have to be counted from 1900 on fit.
pub const MAX_RULE_STEPS: usize = 500_000;

const NO_CALENDAR: &str = "the file must begin with BEGIN:VCALENDAR";

/// What a file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HolidayFile {
    /// The dates of all all-day events, sorted, each once, at most [`MAX_HOLIDAYS`].
    pub dates: Vec<Date>,
    /// All-day events, including those that give no date that counts.
    pub all_day_events: usize,
    /// Events with a time of day.
    pub timed_events: usize,
    /// Cancelled events of either kind.
    pub cancelled_events: usize,
}

/// Why a file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Something in the file is not understood.
    Unreadable(Unreadable),
    /// The file was read and has more than [`MAX_HOLIDAYS`] dates.
    TooManyDates,
}

/// What cannot be read, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// The physical line, from 1; of a folded line, the first.
    pub line: usize,
    /// What is wrong with it: a lowercase fragment that repeats nothing of the file.
    pub reason: &'static str,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(Unreadable { line, reason }) => write!(f, "line {line}: {reason}"),
            Self::TooManyDates => write!(f, "more than {MAX_HOLIDAYS} dates"),
        }
    }
}

impl std::error::Error for Refusal {}

impl From<Unreadable> for Refusal {
    fn from(unreadable: Unreadable) -> Refusal {
        Refusal::Unreadable(unreadable)
    }
}

/// Reads a file of at most [`MAX_HOLIDAY_FILE_BYTES`]; see the [module](self) for what counts.
/// `today` only decides which occurrences of repeating events do.
///
/// # Errors
///
/// [`Refusal::Unreadable`] with the first line that cannot be read or whose rule cannot be expanded,
/// [`Refusal::TooManyDates`] if all can.
///
/// ```
/// use jiff::civil::date;
/// use shared::icalendar::{Refusal, Unreadable, read};
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
/// let refusal = read(file.as_bytes(), date(2026, 11, 22));
/// let (line, reason) = (4, "not a date");
/// assert_eq!(refusal, Err(Refusal::Unreadable(Unreadable { line, reason })));
/// # Ok::<(), Refusal>(())
/// ```
pub fn read(file: &[u8], today: Date) -> Result<HolidayFile, Refusal> {
    read_in(file, today, &mut Steps::default())
}

fn read_in(file: &[u8], today: Date, steps: &mut Steps) -> Result<HolidayFile, Refusal> {
    let events = Reader::new(today, steps).events(file)?;
    let of_kind = |is: fn(&Kind) -> bool| events.iter().filter(|event| is(&event.kind)).count();
    Ok(HolidayFile {
        dates: dates(Series::of(&events, today).ranges(&events))?,
        all_day_events: of_kind(|kind| matches!(kind, Kind::AllDay(_))),
        timed_events: of_kind(|kind| matches!(kind, Kind::WithTime)),
        cancelled_events: of_kind(|kind| matches!(kind, Kind::Cancelled)),
    })
}

/// The dates of ranges that may overlap.
fn dates(mut ranges: Vec<DateRange>) -> Result<Vec<Date>, Refusal> {
    ranges.sort_unstable();
    let mut dates: Vec<Date> = Vec::new();
    for range in ranges {
        let mut next = match dates.last() {
            Some(last) if *last >= range.first => last.tomorrow().ok(),
            _ => Some(range.first),
        };
        while let Some(date) = next.filter(|date| *date <= range.last) {
            if dates.len() == MAX_HOLIDAYS {
                return Err(Refusal::TooManyDates);
            }
            dates.push(date);
            next = date.tomorrow().ok();
        }
    }
    Ok(dates)
}

/// The work that a file has caused.
#[derive(Debug, Default)]
struct Steps {
    /// Bytes that were read: every byte once, values of recurrence twice.
    reading: usize,
    /// Periods that rules were expanded in, and days that they were tested on.
    expanding: usize,
}

impl Steps {
    /// Counts work that the size of the file bounds.
    fn read(&mut self, bytes: usize) {
        self.reading += bytes;
    }

    /// Counts work of a rule before it is done, and refuses it if it is too much.
    fn expand(&mut self, steps: usize) -> Result<(), &'static str> {
        let expanding = self.expanding + steps;
        if expanding > MAX_RULE_STEPS {
            return Err("the rules up to this one take too long to expand");
        }
        self.expanding = expanding;
        Ok(())
    }
}

/// Days in a row, both ends included; ranges are sorted by their first days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct DateRange {
    first: Date,
    last: Date,
}

/// The days on which occurrences of a rule that starts on `start` count.
fn window(today: Date, start: Date) -> DateRange {
    let end = today.max(start).checked_add(YEARS_AHEAD.years());
    DateRange {
        first: today.saturating_sub(YEARS_BEHIND.years()),
        last: end.and_then(Date::yesterday).unwrap_or(Date::MAX),
    }
}

/// What concerns several events, by `UID`: those that repeat, and the occurrences of theirs that
/// other events replace.
struct Series<'a> {
    windows: HashMap<&'a str, DateRange>,
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

    /// Whether another event replaces the occurrence of this one that begins on a date.
    fn is_replaced(&self, event: &Event, date: Date) -> bool {
        let uid = event.uid.as_deref();
        let replaced = uid.and_then(|uid| self.replaced.get(uid));
        event.replaces == Replaces::Nothing && replaced.is_some_and(|dates| dates.contains(&date))
    }

    /// Whether the event replaces an occurrence that would not count itself.
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
            last: first.saturating_add(self.more_days.days()),
        }
    }
}

/// What is known of a file up to the line that is being read.
struct Reader<'a> {
    today: Date,
    steps: &'a mut Steps,
    /// The components that have begun, with the lines on which they did.
    open: Vec<(usize, String)>,
    /// Of the event that is being read.
    properties: Properties,
    /// The time zone that is being read.
    zone: Zone,
    zones: Zones,
    events: Vec<Event>,
}

impl Reader<'_> {
    fn new(today: Date, steps: &mut Steps) -> Reader<'_> {
        Reader {
            today,
            steps,
            open: Vec::new(),
            properties: Properties::default(),
            zone: Zone::default(),
            zones: Zones::default(),
            events: Vec::new(),
        }
    }

    /// The events of a file, its structure checked.
    fn events(mut self, file: &[u8]) -> Result<Vec<Event>, Unreadable> {
        let mut lines = Lines::of(file);
        let mut any = false;
        for Line { number, bytes } in &mut lines {
            let refuse = |reason| Unreadable {
                line: number,
                reason,
            };
            self.steps.read(bytes.len());
            let text = std::str::from_utf8(&bytes).map_err(|_| refuse("not UTF-8"))?;
            let content = ContentLine::parse(text);
            if self.open.is_empty() && !content.as_ref().is_some_and(begins_calendar) {
                return Err(refuse(if any {
                    "something follows END:VCALENDAR"
                } else {
                    NO_CALENDAR
                }));
            }
            any = true;
            let content = content.ok_or_else(|| refuse("not a line of iCalendar"))?;
            self.take(number, &content)?;
        }
        match self.open.last() {
            Some((line, _)) => Err(Unreadable {
                line: *line,
                reason: "a component begins here and never ends",
            }),
            None if any => Ok(self.events),
            None => Err(Unreadable {
                line: 1,
                reason: NO_CALENDAR,
            }),
        }
    }

    fn take(&mut self, line: usize, content: &ContentLine<'_>) -> Result<(), Unreadable> {
        let place = self.place();
        if content.is("BEGIN") {
            self.open.push((line, content.value.to_ascii_uppercase()));
        } else if content.is("END") {
            let unreadable = |reason| Unreadable { line, reason };
            let (begin, name) = self.open.pop().ok_or(unreadable("END without BEGIN"))?;
            if !content.says(&name) {
                return Err(unreadable("END is not that of the component begun last"));
            }
            match place {
                Place::Event => {
                    let properties = std::mem::take(&mut self.properties);
                    let event = properties.event(begin, self.today, &self.zones, self.steps)?;
                    self.events.push(event);
                }
                Place::Zone => self.zones.add(std::mem::take(&mut self.zone)),
                Place::Observance | Place::Elsewhere => {}
            }
        } else {
            match place {
                Place::Event => self.properties.add(content, line),
                Place::Zone if content.is("TZID") => self.zone.id = Some(content.value.to_owned()),
                Place::Observance if content.is("TZOFFSETTO") => {
                    self.zone.add_offset(content.value);
                }
                Place::Zone | Place::Observance | Place::Elsewhere => {}
            }
        }
        Ok(())
    }

    fn place(&self) -> Place {
        match self.open.as_slice() {
            [_, (_, name)] if name == "VEVENT" => Place::Event,
            [_, (_, name)] if name == "VTIMEZONE" => Place::Zone,
            [_, (_, name), _] if name == "VTIMEZONE" => Place::Observance,
            _ => Place::Elsewhere,
        }
    }
}

/// The components that matter.
#[derive(Clone, Copy)]
enum Place {
    Event,
    Zone,
    /// Standard or daylight saving time of a zone.
    Observance,
    Elsewhere,
}

fn begins_calendar(content: &ContentLine<'_>) -> bool {
    content.is("BEGIN") && content.says("VCALENDAR")
}

#[cfg(test)]
#[expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop at the first surprise"
)]
mod tests;
