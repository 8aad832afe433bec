//! A `VEVENT`, RFC 5545 section 3.6.1: whether it lasts all day, and on which dates it begins.

use jiff::Span;
use jiff::civil::Date;

use super::lines::{ContentLine, Property};
use super::recurrence::Rule;
use super::time::{Midnight, Moment, Side, Zones, digits};
use super::{DateRange, Steps, Unreadable, window};

const AMBIGUOUS: &str = "the time is midnight of different dates east and west of UTC, and the file \
     defines no time zone to tell them apart";
const RULE_OF_OVERRIDE: &str = "an event with RECURRENCE-ID cannot repeat";
const RULE_IN_UTC: &str = "the rule counts days in UTC, which are not those of the event";
const NO_MIDNIGHT: &str = "the event is marked as all-day, but this is not midnight";

/// An event.
#[derive(Debug)]
pub(super) struct Event {
    pub uid: Option<String>,
    pub replaces: Replaces,
    pub kind: Kind,
}

/// What `RECURRENCE-ID` says: which occurrence of a series the event stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Replaces {
    Nothing,
    /// The one that begins on this date.
    Date(Date),
    /// One with a time of day, so none of an all-day event.
    Time,
}

#[derive(Debug)]
pub(super) enum Kind {
    AllDay(AllDay),
    WithTime,
    Cancelled,
}

/// When an all-day event takes place.
#[derive(Debug)]
pub(super) struct AllDay {
    /// `DTSTART`.
    pub first: Date,
    /// Days that each occurrence lasts beyond its first.
    pub more_days: i32,
    pub repeats: Repeats,
    /// The first days of the occurrences, sorted, each once.
    pub occurrences: Vec<Date>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeats {
    ByRule,
    Never,
}

/// The properties of an event that say when it takes place.
#[derive(Debug, Default)]
pub(super) struct Properties {
    start: Single,
    end: Single,
    duration: Single,
    status: Single,
    uid: Single,
    recurrence_id: Single,
    mark: Single,
    /// In the order of the file.
    recurrence: Vec<(Recurrence, Property)>,
}

/// A property that may be given once.
#[derive(Debug, Default)]
struct Single {
    first: Option<Property>,
    second: Option<Property>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Recurrence {
    Rule,
    ExceptionRule,
    Dates,
    ExceptionDates,
}

/// Why an event lasts all day.
#[derive(Clone, Copy)]
enum Basis {
    /// Its `DTSTART` is a date.
    Date,
    /// It is marked so, as Outlook and Exchange do.
    Mark,
    /// It begins at midnight; it has to end at midnight, too.
    Midnights,
}

/// What the recurrence of an event depends on.
struct Series {
    first: Date,
    window: DateRange,
    side: Side,
    /// Why the event may have no rule.
    no_rule: Option<&'static str>,
}

/// How the end of an event is given.
enum End<'a> {
    Absent,
    At(&'a Property, Moment),
    After(&'a Property),
}

impl Properties {
    /// Keeps a property if it matters.
    pub fn add(&mut self, content: &ContentLine<'_>, line: usize) {
        let single = [
            ("DTSTART", &mut self.start),
            ("DTEND", &mut self.end),
            ("DURATION", &mut self.duration),
            ("STATUS", &mut self.status),
            ("UID", &mut self.uid),
            ("RECURRENCE-ID", &mut self.recurrence_id),
            ("X-MICROSOFT-CDO-ALLDAYEVENT", &mut self.mark),
        ];
        if let Some((_, single)) = single.into_iter().find(|(name, _)| content.is(name)) {
            single.add(content, line);
            return;
        }
        let recurrence = [
            ("RRULE", Recurrence::Rule),
            ("EXRULE", Recurrence::ExceptionRule),
            ("RDATE", Recurrence::Dates),
            ("EXDATE", Recurrence::ExceptionDates),
        ];
        if let Some((_, kind)) = recurrence.into_iter().find(|(name, _)| content.is(name)) {
            self.recurrence.push((kind, content.to_property(line)));
        }
    }

    /// The event that began on line `begin`.
    pub fn event(
        &self,
        begin: usize,
        today: Date,
        zones: &Zones,
        steps: &mut Steps,
    ) -> Result<Event, Unreadable> {
        let start = self.start.get()?.ok_or(Unreadable {
            line: begin,
            reason: "the event has no DTSTART",
        })?;
        let status = self.status.get()?;
        let uid = self.uid.get()?.map(|uid| uid.value.clone());
        let side = zones.side(start.zone.as_deref());
        let replaces = self.replaces(uid.as_deref(), side)?;
        let moment = start.moment()?;
        let kind = if status.is_some_and(|status| status.says("CANCELLED")) {
            Kind::Cancelled
        } else if let Some((first, more_days)) = self.days(start, side)? {
            let no_rule = match moment {
                _ if replaces != Replaces::Nothing => Some(RULE_OF_OVERRIDE),
                Moment::Utc { date, .. } if date != first => Some(RULE_IN_UTC),
                _ => None,
            };
            let series = Series {
                first,
                window: window(today, first),
                side,
                no_rule,
            };
            Kind::AllDay(AllDay {
                first,
                more_days,
                repeats: self.repeats(),
                occurrences: self.occurrences(&series, steps)?,
            })
        } else {
            Kind::WithTime
        };
        Ok(Event {
            uid,
            replaces,
            kind,
        })
    }

    fn replaces(&self, uid: Option<&str>, side: Side) -> Result<Replaces, Unreadable> {
        let Some(property) = self.recurrence_id.get()? else {
            return Ok(Replaces::Nothing);
        };
        if uid.is_none() {
            return Err(property.unreadable("RECURRENCE-ID needs a UID"));
        }
        if property.has_range {
            let reason = "an event that changes all following ones cannot be read";
            return Err(property.unreadable(reason));
        }
        Ok(match property.moment()?.midnight(side) {
            Midnight::Of(date) => Replaces::Date(date),
            Midnight::Ambiguous | Midnight::Never => Replaces::Time,
        })
    }

    /// Why the event lasts all day; none if it has a time of day.
    fn basis(&self, moment: Moment) -> Result<Option<Basis>, Unreadable> {
        if let Moment::Date(_) = moment {
            return Ok(Some(Basis::Date));
        }
        Ok(match (self.mark.get()?, moment) {
            (Some(mark), _) if mark.says("TRUE") => Some(Basis::Mark),
            (Some(mark), _) if mark.says("FALSE") => None,
            (_, Moment::Local { second: 0, .. }) => Some(Basis::Midnights),
            _ => None,
        })
    }

    /// The first day of an all-day event, and how many days it lasts beyond; none if it has a time
    /// of day.
    fn days(&self, start: &Property, side: Side) -> Result<Option<(Date, i32)>, Unreadable> {
        let moment = start.moment()?;
        let Some(basis) = self.basis(moment)? else {
            return Ok(None);
        };
        let first = midnight(start, moment, side)?;
        let more_days = match (basis, self.end()?) {
            (Basis::Date | Basis::Mark, End::Absent) => 0,
            (Basis::Date, End::At(end, Moment::Date(date))) => days_until(end, first, date)?,
            (Basis::Date, End::At(end, _)) => {
                return Err(end.unreadable("DTEND has a time of day, DTSTART has none"));
            }
            (Basis::Mark, End::At(end, moment)) => {
                days_until(end, first, midnight(end, moment, side)?)?
            }
            (Basis::Date | Basis::Mark, End::After(duration)) => days_of(duration, first)?
                .ok_or_else(|| duration.unreadable("DURATION is no number of days or weeks"))?,
            (Basis::Midnights, End::At(end, Moment::Local { date, second: 0 }))
                if end.zone == start.zone && date > first =>
            {
                days_until(end, first, date)?
            }
            (Basis::Midnights, End::After(duration)) => match days_of(duration, first)? {
                Some(more_days) => more_days,
                None => return Ok(None),
            },
            (Basis::Midnights, End::Absent | End::At(..)) => return Ok(None),
        };
        Ok(Some((first, more_days)))
    }

    fn end(&self) -> Result<End<'_>, Unreadable> {
        match (self.end.get()?, self.duration.get()?) {
            (None, None) => Ok(End::Absent),
            (Some(end), None) => Ok(End::At(end, end.moment()?)),
            (None, Some(duration)) => Ok(End::After(duration)),
            (Some(_), Some(duration)) => Err(duration.unreadable("DTEND is given too")),
        }
    }

    fn repeats(&self) -> Repeats {
        let mut kinds = self.recurrence.iter().map(|(kind, _)| kind);
        if kinds.any(|kind| *kind == Recurrence::Rule) {
            Repeats::ByRule
        } else {
            Repeats::Never
        }
    }

    /// The first days of all occurrences, but for those that other events replace.
    fn occurrences(&self, series: &Series, steps: &mut Steps) -> Result<Vec<Date>, Unreadable> {
        let (mut dates, mut exceptions) = (Vec::new(), Vec::new());
        if self.repeats() == Repeats::Never {
            dates.push(series.first);
        }
        for (kind, property) in &self.recurrence {
            steps.read(property.value.len());
            match kind {
                Recurrence::Rule => {
                    let occurrences = series.occurrences(&property.value, steps);
                    dates.extend(occurrences.map_err(|reason| property.unreadable(reason))?);
                }
                Recurrence::ExceptionRule => {
                    return Err(property.unreadable("EXRULE is obsolete and cannot be read"));
                }
                Recurrence::Dates if property.has_type("PERIOD") => {}
                Recurrence::Dates => add_dates(property, series.side, &mut dates)?,
                Recurrence::ExceptionDates => add_dates(property, series.side, &mut exceptions)?,
            }
        }
        dates.sort_unstable();
        dates.dedup();
        exceptions.sort_unstable();
        dates.retain(|date| exceptions.binary_search(date).is_err());
        Ok(dates)
    }
}

impl Series {
    fn occurrences(&self, rule: &str, steps: &mut Steps) -> Result<Vec<Date>, &'static str> {
        match self.no_rule {
            Some(reason) => Err(reason),
            None => Rule::parse(rule, self.side)?.occurrences(self.first, self.window, steps),
        }
    }
}

impl Single {
    fn add(&mut self, content: &ContentLine<'_>, line: usize) {
        if self.first.is_none() {
            self.first = Some(content.to_property(line));
        } else if self.second.is_none() {
            self.second = Some(content.to_property(line));
        }
    }

    fn get(&self) -> Result<Option<&Property>, Unreadable> {
        match &self.second {
            None => Ok(self.first.as_ref()),
            Some(second) => Err(second.unreadable("the property is given twice")),
        }
    }
}

/// The date that begins when an all-day event begins or ends.
fn midnight(property: &Property, moment: Moment, side: Side) -> Result<Date, Unreadable> {
    match moment.midnight(side) {
        Midnight::Of(date) => Ok(date),
        Midnight::Ambiguous => Err(property.unreadable(AMBIGUOUS)),
        Midnight::Never => Err(property.unreadable(NO_MIDNIGHT)),
    }
}

/// The dates of a list; what is no midnight excludes or adds no day.
fn add_dates(property: &Property, side: Side, dates: &mut Vec<Date>) -> Result<(), Unreadable> {
    for moment in property.moments() {
        match moment?.midnight(side) {
            Midnight::Of(date) => dates.push(date),
            Midnight::Ambiguous => return Err(property.unreadable(AMBIGUOUS)),
            Midnight::Never => {}
        }
    }
    Ok(())
}

/// Days beyond `first` of an event that ends before `end`.
fn days_until(property: &Property, first: Date, end: Date) -> Result<i32, Unreadable> {
    if end <= first {
        return Err(property.unreadable("DTEND is not after DTSTART"));
    }
    Ok((end - first).get_days() - 1)
}

/// Days beyond `first` of an event that lasts for a `DURATION`; none if that is no number of days.
fn days_of(property: &Property, first: Date) -> Result<Option<i32>, Unreadable> {
    let Some(days) = whole_days(&property.value) else {
        return Ok(None);
    };
    match first.checked_add(Span::new().days(days - 1)) {
        Ok(_) => Ok(Some(days - 1)),
        Err(_) => Err(property.unreadable("the event lasts beyond the year 9999")),
    }
}

/// Reads `P3D` or `P2W`; at most the days of all years there are.
fn whole_days(text: &str) -> Option<i32> {
    const MAX_DAYS: i32 = 9_999 * 366;
    let text = text.strip_prefix('+').unwrap_or(text);
    let text = text.strip_prefix(['P', 'p'])?;
    let (number, unit) = match (text.strip_suffix(['D', 'd']), text.strip_suffix(['W', 'w'])) {
        (Some(number), _) => (number, 1),
        (None, weeks) => (weeks?, 7),
    };
    i32::try_from(digits(number)?)
        .ok()?
        .checked_mul(unit)
        .filter(|days| (1..=MAX_DAYS).contains(days))
}
