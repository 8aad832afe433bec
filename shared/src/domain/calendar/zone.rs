//! A time zone as a list of offsets, which is fast to search.
//!
//! A process reads each zone once from the bundled database, and caches its clock changes within
//! [`WINDOW_START`]..[`WINDOW_END`]. Outside that window it uses `jiff` every time, which is just
//! as exact, but slower. The cache never changes a result, only its cost.

use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};

/// 2000-01-01T00:00:00Z: the start of the window. Tickets are recent, and parsing a calendar costs
/// time for every clock change in the window.
pub(super) const WINDOW_START: i64 = 946_684_800;

/// 2070-01-01T00:00:00Z: the end of the window. A zone with summer time has 140 clock changes in
/// it, and a search of ten years stays within it for tickets that are created before 2060.
pub(super) const WINDOW_END: i64 = 3_155_760_000;

/// 10000-01-01T00:00:00Z, which is after the last instant that `jiff` can represent.
const TIME_END: i64 = 253_402_300_800;

/// The directory has an entry for every 2^22 seconds, which is 48 days: few zones change their
/// clocks twice in that time.
const DIRECTORY_SHIFT: u32 = 22;

/// The most zones in the cache: more than the teams of one process use, and at most a quarter of a
/// megabyte. A full cache is emptied.
const MAX_CACHED_ZONES: usize = 64;

/// Names in the database that do not stand for a time zone: `Factory` means that the zone was never
/// set, and `jiff` reads `Etc/Unknown` as UTC.
const PLACEHOLDER_NAMES: [&str; 2] = ["Factory", "Etc/Unknown"];

static CACHE: RwLock<Vec<Arc<Zone>>> = RwLock::new(Vec::new());

static UTC: LazyLock<Arc<Zone>> =
    LazyLock::new(|| Arc::new(Zone::read("UTC".to_owned(), TimeZone::UTC)));

/// A clock change: the instant from which an offset applies, until the next change.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change {
    /// The first Unix second with this offset.
    pub(super) start: i64,
    /// Seconds to add to a Unix second for the local second.
    pub(super) offset: i64,
}

/// A period of constant offset.
#[derive(Clone, Copy, Debug)]
pub(super) struct OffsetPeriod {
    pub(super) offset: i64,
    /// The first Unix second that may have another offset.
    pub(super) end: i64,
}

/// A zone of the bundled database.
#[derive(Debug)]
pub(in crate::domain) struct Zone {
    name: String,
    source: TimeZone,
    /// The first one starts at [`WINDOW_START`].
    changes: Vec<Change>,
    /// For every 2^22 seconds from [`WINDOW_START`] on, the number of changes that start at or
    /// before the first of these seconds.
    directory: Vec<u16>,
}

impl Zone {
    /// The zone with this IANA name, in upper or lower case; `None` if there is none.
    pub(in crate::domain) fn named(name: &str) -> Option<Arc<Self>> {
        if let Some(zone) = cached(name) {
            return Some(zone);
        }
        let source = TimeZoneDatabase::bundled().get(name).ok()?;
        let canonical = source.iana_name()?.to_owned();
        if PLACEHOLDER_NAMES.contains(&canonical.as_str()) {
            return None;
        }
        if let Some(zone) = cached(&canonical) {
            return Some(zone);
        }
        let zone = Arc::new(Self::read(canonical, source));
        cache(&zone);
        Some(zone)
    }

    /// Coordinated Universal Time.
    pub(in crate::domain) fn utc() -> Arc<Self> {
        Arc::clone(&UTC)
    }

    /// The name as the IANA database spells it.
    pub(in crate::domain) fn name(&self) -> &str {
        &self.name
    }

    /// The zone as the database has it.
    pub(in crate::domain) fn source(&self) -> &TimeZone {
        &self.source
    }

    /// The clock changes within the window, in ascending order. The first starts at
    /// [`WINDOW_START`].
    pub(super) fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// An index in [`Self::changes`] at or before the change that applies at a second, usually
    /// exactly there; `None` outside the window.
    pub(super) fn hint(&self, second: i64) -> Option<usize> {
        if second >= WINDOW_END {
            return None;
        }
        let entry = usize::try_from(second - WINDOW_START).ok()? >> DIRECTORY_SHIFT;
        let started = self.directory.get(entry)?;
        usize::from(*started).checked_sub(1)
    }

    /// The offset at any second, from the database.
    pub(super) fn offset_period(&self, second: i64) -> OffsetPeriod {
        offset_period(&self.source, second)
    }

    fn read(name: String, source: TimeZone) -> Self {
        let mut changes = Vec::new();
        let mut start = WINDOW_START;
        let mut previous = None;
        while start < WINDOW_END {
            let OffsetPeriod { offset, end } = offset_period(&source, start);
            if previous.replace(offset) != Some(offset) {
                changes.push(Change { start, offset });
            }
            start = end;
        }
        changes.shrink_to_fit();
        let directory = (WINDOW_START..WINDOW_END)
            .step_by(1 << DIRECTORY_SHIFT)
            .map(|entry| changes.partition_point(|change| change.start <= entry))
            .map(|started| u16::try_from(started).unwrap_or(u16::MAX))
            .collect();
        Self {
            name,
            source,
            changes,
            directory,
        }
    }
}

/// The offset at a second, which must be one that `jiff` can represent.
fn offset_period(source: &TimeZone, second: i64) -> OffsetPeriod {
    let at = Timestamp::from_second(second).unwrap_or(Timestamp::MAX);
    let end = source
        .following(at)
        .next()
        .map_or(TIME_END, |change| change.timestamp().as_second());
    OffsetPeriod {
        offset: i64::from(source.to_offset(at).seconds()),
        end,
    }
}

fn cached(name: &str) -> Option<Arc<Zone>> {
    CACHE
        .read()
        .unwrap_or_else(PoisonError::into_inner)
        .iter()
        .find(|zone| zone.name == name)
        .cloned()
}

fn cache(zone: &Arc<Zone>) {
    let mut zones = CACHE.write().unwrap_or_else(PoisonError::into_inner);
    if zones.len() >= MAX_CACHED_ZONES {
        zones.clear();
    }
    if zones.iter().all(|cached| cached.name != zone.name) {
        zones.push(Arc::clone(zone));
    }
}
