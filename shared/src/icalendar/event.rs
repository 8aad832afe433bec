//! A `VEVENT`, RFC 5545 section 3.6.1: whether it lasts all day, and on which dates it occurs.

use jiff::Span;
use jiff::civil::Date;

use super::lines::{ContentLine, Property};
use super::recurrence::Rule;
use super::time::{Midnight, Moment, Side, Zones, digits};
use super::{DateRange, InvalidLine, Work, window};

const AMBIGUOUS: &str = "the time is midnight of different dates east and west of UTC, and the file \
     defines no time zone to tell them apart";
const RULE_OF_OVERRIDE: &str = "an event with RECURRENCE-ID cannot repeat";
const RULE_IN_UTC: &str = "the rule counts days in UTC, which are not those of the event";
const NOT_MIDNIGHT: &str = "the event is marked as all-day, but this is not midnight";

/// An event.
#[derive(Debug)]
pub(super) struct Event {
    pub uid: Option<String>,
    pub replaces: Replaces,
    pub kind: Kind,
}

/// The occurrence of a series that the event replaces, according to its `RECURRENCE-ID`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Replaces {
    Nothing,
    /// The occurrence that begins on this date.
    Date(Date),
    /// An occurrence with a time of day, which no all-day event has.
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
    /// How many days each occurrence lasts after its first.
    pub extra_days: i32,
    pub repeats: Repeats,
    /// The first days of the occurrences, in ascending order and without duplicates.
    pub occurrences: Vec<Date>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeats {
    ByRule,
    Never,
}

/// The properties that decide when an event takes place.
#[derive(Debug, Default)]
pub(super) struct Properties {
    start: Single,
    end: Single,
    duration: Single,
    status: Single,
    uid: Single,
    recurrence_id: Single,
    all_day_flag: Single,
    /// `RRULE`, `EXRULE`, `RDATE` and `EXDATE`, in the order of the file.
    recurrence: Vec<(Recurrence, Property)>,
}

/// A property that may be given only once.
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

/// Why an event counts as all-day.
#[derive(Clone, Copy)]
enum Basis {
    /// Its `DTSTART` is a date.
    Date,
    /// It has the flag of Outlook and Exchange.
    Flag,
    /// It begins at midnight, and must end at midnight as well.
    Midnights,
}

/// What the occurrences of an event depend on.
struct RecurrenceContext {
    first: Date,
    window: DateRange,
    side: Side,
    /// The reason to refuse a rule of the event, if it must not have one.
    rule_refusal: Option<&'static str>,
}

/// The end of an event, as it is given.
enum End<'a> {
    Absent,
    At(&'a Property, Moment),
    After(&'a Property),
}

impl Properties {
    /// Keeps a property if it is one of these.
    pub fn add(&mut self, content: &ContentLine<'_>, line: usize) {
        let single = [
            ("DTSTART", &mut self.start),
            ("DTEND", &mut self.end),
            ("DURATION", &mut self.duration),
            ("STATUS", &mut self.status),
            ("UID", &mut self.uid),
            ("RECURRENCE-ID", &mut self.recurrence_id),
            ("X-MICROSOFT-CDO-ALLDAYEVENT", &mut self.all_day_flag),
        ];
        if let Some((_, single)) = single.into_iter().find(|(name, _)| content.is_named(name)) {
            single.add(content, line);
            return;
        }
        let recurrence = [
            ("RRULE", Recurrence::Rule),
            ("EXRULE", Recurrence::ExceptionRule),
            ("RDATE", Recurrence::Dates),
            ("EXDATE", Recurrence::ExceptionDates),
        ];
        if let Some((_, kind)) = recurrence
            .into_iter()
            .find(|(name, _)| content.is_named(name))
        {
            self.recurrence.push((kind, content.to_property(line)));
        }
    }

    /// The event that begins on line `begin`.
    pub fn event(
        &self,
        begin: usize,
        today: Date,
        zones: &Zones,
        work: &mut Work,
    ) -> Result<Event, InvalidLine> {
        let start = self.start.get()?.ok_or(InvalidLine {
            line: begin,
            reason: "the event has no DTSTART",
        })?;
        let status = self.status.get()?;
        let uid = self.uid.get()?.map(|uid| uid.value.clone());
        let side = zones.side(start.zone.as_deref());
        let replaces = self.replaces(uid.as_deref(), side)?;
        let moment = start.moment()?;
        let kind = if status.is_some_and(|status| status.has_value("CANCELLED")) {
            Kind::Cancelled
        } else if let Some((first, extra_days)) = self.days(start, side)? {
            let rule_refusal = match moment {
                _ if replaces != Replaces::Nothing => Some(RULE_OF_OVERRIDE),
                Moment::Utc { date, .. } if date != first => Some(RULE_IN_UTC),
                _ => None,
            };
            let context = RecurrenceContext {
                first,
                window: window(today, first),
                side,
                rule_refusal,
            };
            Kind::AllDay(AllDay {
                first,
                extra_days,
                repeats: self.repeats(),
                occurrences: self.occurrences(&context, work)?,
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

    fn replaces(&self, uid: Option<&str>, side: Side) -> Result<Replaces, InvalidLine> {
        let Some(property) = self.recurrence_id.get()? else {
            return Ok(Replaces::Nothing);
        };
        if uid.is_none() {
            return Err(property.invalid("RECURRENCE-ID needs a UID"));
        }
        if property.has_range {
            let reason = "an event that changes all following ones cannot be read";
            return Err(property.invalid(reason));
        }
        Ok(match property.moment()?.midnight(side) {
            Midnight::Of(date) => Replaces::Date(date),
            Midnight::Ambiguous | Midnight::Never => Replaces::Time,
        })
    }

    /// Why the event may count as all-day; `None` if it has a time of day.
    fn basis(&self, moment: Moment) -> Result<Option<Basis>, InvalidLine> {
        if let Moment::Date(_) = moment {
            return Ok(Some(Basis::Date));
        }
        Ok(match (self.all_day_flag.get()?, moment) {
            (Some(flag), _) if flag.has_value("TRUE") => Some(Basis::Flag),
            (Some(flag), _) if flag.has_value("FALSE") => None,
            (_, Moment::Local { second: 0, .. }) => Some(Basis::Midnights),
            _ => None,
        })
    }

    /// The first day of an all-day event and the number of further days; `None` if the event has a
    /// time of day.
    fn days(&self, start: &Property, side: Side) -> Result<Option<(Date, i32)>, InvalidLine> {
        let moment = start.moment()?;
        let Some(basis) = self.basis(moment)? else {
            return Ok(None);
        };
        let first = midnight(start, moment, side)?;
        let extra_days = match (basis, self.end()?) {
            (Basis::Date | Basis::Flag, End::Absent) => 0,
            (Basis::Date, End::At(end, Moment::Date(date))) => days_until(end, first, date)?,
            (Basis::Date, End::At(end, _)) => {
                return Err(end.invalid("DTEND has a time of day, DTSTART has none"));
            }
            (Basis::Flag, End::At(end, moment)) => {
                days_until(end, first, midnight(end, moment, side)?)?
            }
            (Basis::Date | Basis::Flag, End::After(duration)) => days_of(duration, first)?
                .ok_or_else(|| duration.invalid("DURATION is no number of days or weeks"))?,
            (Basis::Midnights, End::At(end, Moment::Local { date, second: 0 }))
                if end.zone == start.zone && date > first =>
            {
                days_until(end, first, date)?
            }
            (Basis::Midnights, End::After(duration)) => match days_of(duration, first)? {
                Some(extra_days) => extra_days,
                None => return Ok(None),
            },
            (Basis::Midnights, End::Absent | End::At(..)) => return Ok(None),
        };
        Ok(Some((first, extra_days)))
    }

    fn end(&self) -> Result<End<'_>, InvalidLine> {
        match (self.end.get()?, self.duration.get()?) {
            (None, None) => Ok(End::Absent),
            (Some(end), None) => Ok(End::At(end, end.moment()?)),
            (None, Some(duration)) => Ok(End::After(duration)),
            (Some(_), Some(duration)) => Err(duration.invalid("DTEND is given too")),
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

    /// The first days of all occurrences, including those that other events replace.
    fn occurrences(
        &self,
        context: &RecurrenceContext,
        work: &mut Work,
    ) -> Result<Vec<Date>, InvalidLine> {
        let (mut dates, mut exceptions) = (Vec::new(), Vec::new());
        if self.repeats() == Repeats::Never {
            dates.push(context.first);
        }
        for (kind, property) in &self.recurrence {
            work.count_bytes(property.value.len());
            match kind {
                Recurrence::Rule => {
                    let occurrences = context.occurrences(&property.value, work);
                    dates.extend(occurrences.map_err(|reason| property.invalid(reason))?);
                }
                Recurrence::ExceptionRule => {
                    return Err(property.invalid("EXRULE is obsolete and cannot be read"));
                }
                Recurrence::Dates if property.has_type("PERIOD") => {}
                Recurrence::Dates => add_dates(property, context.side, &mut dates)?,
                Recurrence::ExceptionDates => add_dates(property, context.side, &mut exceptions)?,
            }
        }
        dates.sort_unstable();
        dates.dedup();
        exceptions.sort_unstable();
        dates.retain(|date| exceptions.binary_search(date).is_err());
        Ok(dates)
    }
}

impl RecurrenceContext {
    fn occurrences(&self, rule: &str, work: &mut Work) -> Result<Vec<Date>, &'static str> {
        match self.rule_refusal {
            Some(reason) => Err(reason),
            None => Rule::parse(rule, self.side)?.occurrences(self.first, self.window, work),
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

    fn get(&self) -> Result<Option<&Property>, InvalidLine> {
        match &self.second {
            None => Ok(self.first.as_ref()),
            Some(second) => Err(second.invalid("the property is given twice")),
        }
    }
}

/// The date whose midnight is the start or end of an all-day event.
fn midnight(property: &Property, moment: Moment, side: Side) -> Result<Date, InvalidLine> {
    match moment.midnight(side) {
        Midnight::Of(date) => Ok(date),
        Midnight::Ambiguous => Err(property.invalid(AMBIGUOUS)),
        Midnight::Never => Err(property.invalid(NOT_MIDNIGHT)),
    }
}

/// Adds the dates of a list. Times of day other than midnight are ignored.
fn add_dates(property: &Property, side: Side, dates: &mut Vec<Date>) -> Result<(), InvalidLine> {
    for moment in property.moments() {
        match moment?.midnight(side) {
            Midnight::Of(date) => dates.push(date),
            Midnight::Ambiguous => return Err(property.invalid(AMBIGUOUS)),
            Midnight::Never => {}
        }
    }
    Ok(())
}

/// The number of days after `first` that an event lasts if `end` is the first day after it.
fn days_until(property: &Property, first: Date, end: Date) -> Result<i32, InvalidLine> {
    if end <= first {
        return Err(property.invalid("DTEND is not after DTSTART"));
    }
    Ok((end - first).get_days() - 1)
}

/// The number of days after `first` that an event with this `DURATION` lasts; `None` if the
/// duration is not a number of days.
fn days_of(property: &Property, first: Date) -> Result<Option<i32>, InvalidLine> {
    let Some(days) = whole_days(&property.value) else {
        return Ok(None);
    };
    match first.checked_add(Span::new().days(days - 1)) {
        Ok(_) => Ok(Some(days - 1)),
        Err(_) => Err(property.invalid("the event lasts beyond the year 9999")),
    }
}

/// Reads a number of days or weeks, such as `P3D` or `P2W`. It is limited to all the days up to the
/// year 9999.
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
