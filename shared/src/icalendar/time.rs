//! Dates, times of day, and the date that begins at a midnight in UTC.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use jiff::civil::Date;

const HOUR: u32 = 3_600;

/// The offsets of time zones are multiples of a quarter of an hour. A time in UTC that is not such
/// a multiple is not midnight anywhere.
const QUARTER: u32 = HOUR / 4;

/// The easternmost time zones are 14 hours ahead of UTC: their midnight is 10:00 UTC on the day
/// before.
const EARLIEST_EASTERN_MIDNIGHT: u32 = 10 * HOUR;

/// The inhabited time zones west of UTC are less than 12 hours behind it.
const END_OF_WESTERN_MIDNIGHTS: u32 = 12 * HOUR;

const DAY: u32 = 24 * HOUR;

/// A value of type `DATE` or `DATE-TIME`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    Date(Date),
    /// A time of day in the zone of the property or, if it has none, in that of the reader.
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
    /// It is midnight of one date in time zones to the east, and of another in those to the west.
    Ambiguous,
    /// The moment is not midnight in any time zone.
    Never,
}

/// The side of UTC on which a time zone lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// Ahead of UTC at least part of the year.
    East,
    /// Behind UTC at least part of the year.
    West,
    Unknown,
}

impl Moment {
    /// Reads `YYYYMMDD`, optionally followed by `THHMMSS`, and that optionally by `Z`.
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

    /// The date that begins at this moment. At `000000` that is its own date, whatever the zone.
    /// Any other time must be in UTC, and midnight where the event takes place.
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

    /// The last date that begins no later than this moment. This is how `UNTIL` applies to all-day
    /// events.
    ///
    /// A time in UTC is usually the midnight at which the last occurrence begins, or the last
    /// second of its day. If two dates are possible, the result is the later one: at worst, a rule
    /// that recurs on consecutive days gets one day too many.
    pub fn last_date(self, side: Side) -> Date {
        let (date, second) = match self {
            Moment::Date(date) | Moment::Local { date, .. } => return date,
            Moment::Utc { date, second } => (date, second),
        };
        if second % 60 == 59 {
            let (next_date, second) = match (second + 1, date.tomorrow()) {
                (DAY, Ok(tomorrow)) => (tomorrow, 0),
                (next, _) => (date, next),
            };
            let next_second = Moment::Utc {
                date: next_date,
                second,
            };
            return match next_second.midnight(side) {
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

/// Reads a number of exactly `DIGITS` digits, and returns it with what follows it.
fn number<const DIGITS: usize>(text: &str) -> Option<(u32, &str)> {
    let (number, rest) = text.split_at_checked(DIGITS)?;
    Some((digits(number)?, rest))
}

/// Reads a number without a sign.
pub(super) fn digits(text: &str) -> Option<u32> {
    // Parsing alone would accept a plus sign.
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
}

/// The sides of UTC on which the time zones of a file lie. Nothing more is needed: which date a
/// midnight in UTC belongs to is only uncertain across the date line.
#[derive(Debug, Default)]
pub(super) struct Zones {
    sides: HashMap<String, Side>,
    /// The side of all zones together; unknown if they lie on both sides.
    common: Option<Side>,
}

impl Zones {
    pub fn add(&mut self, zone: Zone) {
        let (Some(id), Some(side)) = (zone.id, zone.side) else {
            return;
        };
        self.common = Some(combined(self.common, side));
        match self.sides.entry(id) {
            Entry::Vacant(entry) => {
                entry.insert(side);
            }
            Entry::Occupied(mut entry) => {
                let known = *entry.get();
                entry.insert(combined(Some(known), side));
            }
        }
    }

    /// The side of a zone. If none is named, or the file does not define it, that of all zones
    /// together.
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
    /// Takes a `TZOFFSETTO` such as `+0100` into account. Zero does not decide the side: London is
    /// ahead of UTC in summer, the Azores are behind it in winter.
    pub fn add_offset(&mut self, offset: &str) {
        let side = match offset.split_at_checked(1) {
            Some(("+", digits)) if digits.contains(|c| c != '0') => Side::East,
            Some(("-", digits)) if digits.contains(|c| c != '0') => Side::West,
            _ => return,
        };
        self.side = Some(combined(self.side, side));
    }
}

fn combined(known: Option<Side>, side: Side) -> Side {
    match known {
        None => side,
        Some(known) if known == side => side,
        Some(_) => Side::Unknown,
    }
}
