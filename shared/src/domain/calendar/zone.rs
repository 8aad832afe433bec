//! A time zone as a list of offsets, cheap to ask.
//!
//! The bundled database is read once per zone and process, and its clock
//! changes within [`WINDOW_START`]..[`WINDOW_END`] are kept. Outside of that
//! window `jiff` is asked anew, which is exact too and slower. The memory of
//! what was read changes no answer, only its cost.

use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};

/// 2000-01-01T00:00:00Z: the first second whose clock changes are kept. Tickets
/// are of today; a calendar pays for every kept change when it is parsed.
pub(super) const WINDOW_START: i64 = 946_684_800;

/// 2070-01-01T00:00:00Z: the end of the kept clock changes. A zone with summer
/// time has 140 until then, and a search of ten years stays within for tickets
/// opened before 2060.
pub(super) const WINDOW_END: i64 = 3_155_760_000;

/// The end of time, 10000-01-01T00:00:00Z: after the last instant of `jiff`.
const TIME_END: i64 = 253_402_300_800;

/// The directory has an entry every 2^22 seconds, 48 days, since few zones
/// change their clocks twice in that time.
const DIRECTORY_SHIFT: u32 = 22;

/// Zones remembered at once: more than the teams of one process use, and a
/// quarter of a megabyte at most. The next one starts over.
const MAX_REMEMBERED_ZONES: usize = 64;

/// Zone names of the database that are places nobody lives in: `Factory` means
/// that the zone was never set, and `jiff` reads `Etc/Unknown` as UTC.
const NAMES_WITHOUT_TIME: [&str; 2] = ["Factory", "Etc/Unknown"];

static REMEMBERED: RwLock<Vec<Arc<Zone>>> = RwLock::new(Vec::new());

static UTC: LazyLock<Arc<Zone>> =
    LazyLock::new(|| Arc::new(Zone::read("UTC".to_owned(), TimeZone::UTC)));

/// The instant from which an offset holds, until the next one does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change {
    /// Unix second.
    pub(super) start: i64,
    /// Seconds to add to a Unix second for the local second.
    pub(super) offset: i64,
}

/// The offset at a second, and the first second that may have another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reach {
    pub(super) offset: i64,
    pub(super) end: i64,
}

/// A zone of the bundled database.
#[derive(Debug)]
pub(super) struct Zone {
    name: String,
    source: TimeZone,
    /// The first one starts at [`WINDOW_START`].
    changes: Vec<Change>,
    /// For each 2^22 seconds from [`WINDOW_START`] on, the number of changes
    /// that start at or before the first of them.
    directory: Vec<u16>,
}

impl Zone {
    /// The zone of an IANA name in any case; `None` if there is none.
    pub(super) fn named(name: &str) -> Option<Arc<Self>> {
        if let Some(zone) = remembered(name) {
            return Some(zone);
        }
        let source = TimeZoneDatabase::bundled().get(name).ok()?;
        let canonical = source.iana_name()?.to_owned();
        if NAMES_WITHOUT_TIME.contains(&canonical.as_str()) {
            return None;
        }
        if let Some(zone) = remembered(&canonical) {
            return Some(zone);
        }
        let zone = Arc::new(Self::read(canonical, source));
        remember(&zone);
        Some(zone)
    }

    /// Coordinated Universal Time.
    pub(super) fn utc() -> Arc<Self> {
        Arc::clone(&UTC)
    }

    /// The name as the IANA database spells it.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The kept clock changes in order; the first starts at [`WINDOW_START`].
    pub(super) fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// A position in [`Self::changes`] that is not after the change which holds
    /// at a second, and mostly is that change; `None` outside of the window.
    pub(super) fn hint(&self, second: i64) -> Option<usize> {
        if second >= WINDOW_END {
            return None;
        }
        let entry = usize::try_from(second - WINDOW_START).ok()? >> DIRECTORY_SHIFT;
        let started = self.directory.get(entry)?;
        usize::from(*started).checked_sub(1)
    }

    /// The offset at any second, asked of the database.
    pub(super) fn reach(&self, second: i64) -> Reach {
        reach(&self.source, second)
    }

    fn read(name: String, source: TimeZone) -> Self {
        let mut changes = Vec::new();
        let mut start = WINDOW_START;
        let mut known = None;
        while start < WINDOW_END {
            let Reach { offset, end } = reach(&source, start);
            if known.replace(offset) != Some(offset) {
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

/// Seconds beyond what `jiff` can represent read as its nearest instant.
fn reach(source: &TimeZone, second: i64) -> Reach {
    let at = Timestamp::from_second(second).unwrap_or(if second < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    });
    let end = source
        .following(at)
        .next()
        .map_or(TIME_END, |change| change.timestamp().as_second());
    Reach {
        offset: i64::from(source.to_offset(at).seconds()),
        end,
    }
}

fn remembered(name: &str) -> Option<Arc<Zone>> {
    REMEMBERED
        .read()
        .unwrap_or_else(PoisonError::into_inner)
        .iter()
        .find(|zone| zone.name == name)
        .cloned()
}

fn remember(zone: &Arc<Zone>) {
    let mut zones = REMEMBERED.write().unwrap_or_else(PoisonError::into_inner);
    if zones.len() >= MAX_REMEMBERED_ZONES {
        zones.clear();
    }
    if zones.iter().all(|known| known.name != zone.name) {
        zones.push(Arc::clone(zone));
    }
}
