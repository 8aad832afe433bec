//! Dates, times of day, and which date a midnight written in UTC begins.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use jiff::civil::Date;

const HOUR: u32 = 3_600;

/// Offsets of time zones are whole quarters of an hour, so a time in UTC that is none is nowhere
/// midnight.
const QUARTER: u32 = HOUR / 4;

/// The easternmost time zones are 14 hours ahead of UTC: their midnight is 10:00 UTC of the day before.
const EARLIEST_EASTERN_MIDNIGHT: u32 = 10 * HOUR;

/// West of UTC, time zones in which people live are less than 12 hours behind.
const END_OF_WESTERN_MIDNIGHTS: u32 = 12 * HOUR;

const DAY: u32 = 24 * HOUR;

/// A value of type `DATE` or `DATE-TIME`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    Date(Date),
    /// A time of day in the zone of the property, or in whichever zone reads it.
    Local {
        date: Date,
        second: u32,
    },
    Utc {
        date: Date,
        second: u32,
    },
}

/// The date that begins at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Midnight {
    Of(Date),
    /// In time zones to the east it is midnight of one date, in those to the west of another.
    Ambiguous,
    /// The moment is no midnight.
    Never,
}

/// Where a time zone lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// Ahead of UTC at least part of the year.
    East,
    /// Behind UTC at least part of the year.
    West,
    Unknown,
}

impl Moment {
    /// Reads `YYYYMMDD`, or with `THHMMSS` and perhaps `Z` behind it.
    pub fn parse(text: &str) -> Option<Moment> {
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
            return Some(Moment::Date(date));
        };
        let (hour, time) = number::<2>(time)?;
        let (minute, time) = number::<2>(time)?;
        let (second, zone) = number::<2>(time)?;
        if hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let second = hour * HOUR + minute * 60 + second;
        match zone {
            "" => Some(Moment::Local { date, second }),
            "Z" | "z" => Some(Moment::Utc { date, second }),
            _ => None,
        }
    }

    /// The date that begins at this moment. Midnight begins its own date whatever the zone; any
    /// other time can only do so if it is in UTC, and midnight where the event takes place.
    pub fn midnight(self, side: Side) -> Midnight {
        let (date, second) = match self {
            Moment::Date(date) => return Midnight::Of(date),
            Moment::Local { date, second } | Moment::Utc { date, second } if second == 0 => {
                return Midnight::Of(date);
            }
            Moment::Local { .. } => return Midnight::Never,
            Moment::Utc { date, second } => (date, second),
        };
        if second % QUARTER != 0 {
            return Midnight::Never;
        }
        let west = second < END_OF_WESTERN_MIDNIGHTS && side != Side::East;
        let east = second >= EARLIEST_EASTERN_MIDNIGHT && side != Side::West;
        match (west, east, date.tomorrow()) {
            (true, true, _) => Midnight::Ambiguous,
            (true, false, _) => Midnight::Of(date),
            (false, true, Ok(tomorrow)) => Midnight::Of(tomorrow),
            (false, true, Err(_)) | (false, false, _) => Midnight::Never,
        }
    }

    /// The last date that begins no later than this moment: what `UNTIL` means for all-day events.
    ///
    /// A time in UTC is usually the last occurrence's own midnight, or the last second of its day.
    /// If it could be either of two midnights, the later one is taken: at worst that adds one day
    /// to a rule that recurs on consecutive days.
    pub fn last_date(self, side: Side) -> Date {
        let (date, second) = match self {
            Moment::Date(date) | Moment::Local { date, .. } => return date,
            Moment::Utc { date, second } => (date, second),
        };
        if second % 60 == 59 {
            let (of, second) = match (second + 1, date.tomorrow()) {
                (DAY, Ok(tomorrow)) => (tomorrow, 0),
                (next, _) => (date, next),
            };
            return match (Moment::Utc { date: of, second }).midnight(side) {
                Midnight::Of(next) => next.yesterday().unwrap_or(date),
                Midnight::Ambiguous | Midnight::Never => date,
            };
        }
        match self.midnight(side) {
            Midnight::Of(date) => date,
            Midnight::Ambiguous => date.tomorrow().unwrap_or(date),
            Midnight::Never => date,
        }
    }
}

/// A number of as many digits, and what follows it.
fn number<const DIGITS: usize>(text: &str) -> Option<(u32, &str)> {
    let (number, rest) = text.split_at_checked(DIGITS)?;
    Some((digits(number)?, rest))
}

/// A number without a sign.
pub(super) fn digits(text: &str) -> Option<u32> {
    // Parsing alone would admit a plus sign.
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
}

/// On which side of UTC the time zones of a file lie. More is not needed: a midnight in UTC can only
/// be mistaken for another across the date line.
#[derive(Debug, Default)]
pub(super) struct Zones {
    sides: HashMap<String, Side>,
    /// That of all zones, if it is the same.
    common: Option<Side>,
}

impl Zones {
    pub fn add(&mut self, zone: Zone) {
        let (Some(id), Some(side)) = (zone.id, zone.side) else {
            return;
        };
        self.common = Some(both(self.common, side));
        match self.sides.entry(id) {
            Entry::Vacant(entry) => {
                entry.insert(side);
            }
            Entry::Occupied(mut entry) => {
                let known = *entry.get();
                entry.insert(both(Some(known), side));
            }
        }
    }

    /// The side of a zone, or of all zones where none or an undefined one is named.
    pub fn side(&self, zone: Option<&str>) -> Side {
        let named = zone.and_then(|zone| self.sides.get(zone)).copied();
        named.or(self.common).unwrap_or(Side::Unknown)
    }
}

/// A `VTIMEZONE` that is being read.
#[derive(Debug, Default)]
pub(super) struct Zone {
    /// `TZID`.
    pub id: Option<String>,
    side: Option<Side>,
}

impl Zone {
    /// Takes a `TZOFFSETTO` into account, such as `+0100`. Zero says nothing: London is ahead of UTC
    /// in summer, the Azores are behind in winter.
    pub fn add_offset(&mut self, offset: &str) {
        let side = match offset.split_at_checked(1) {
            Some(("+", digits)) if digits.contains(|c| c != '0') => Side::East,
            Some(("-", digits)) if digits.contains(|c| c != '0') => Side::West,
            _ => return,
        };
        self.side = Some(both(self.side, side));
    }
}

fn both(known: Option<Side>, side: Side) -> Side {
    match known {
        None => side,
        Some(known) if known == side => side,
        Some(_) => Side::Unknown,
    }
}
