//! Calendars as a team has them: with an id, a name, and at most one of them the default.

use crate::domain::calendar::{Schedule, WeekHours};
use crate::domain::id::CalendarId;
use crate::domain::text::Name;
use crate::domain::version::Version;

/// The most calendars a team may have, so that a list is one response.
pub const MAX_CALENDARS: u32 = 100;

/// The most bytes that a schedule may have as JSON. A thousand holidays and as many exceptions of
/// one interval fit, and changing the largest calendar costs at most 64 write units.
pub const MAX_SCHEDULE_BYTES: usize = 48 * 1024;

/// A calendar of a team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TeamCalendar {
    /// Its id.
    pub id: CalendarId,
    /// What its owner decides.
    pub draft: CalendarDraft,
    /// The number of times it has been written.
    pub version: Version,
    /// The version that introduced its current schedule.
    pub schedule_version: Version,
    /// The number of rules that name it.
    pub uses: u32,
}

/// A calendar as a list shows it: with the numbers of its holidays and exceptions, but without them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CalendarSummary {
    /// Its id.
    pub id: CalendarId,
    /// Its name.
    pub name: Name,
    /// The name of its IANA time zone.
    pub time_zone: String,
    /// Its hours.
    pub hours: WeekHours,
    /// The number of its holidays.
    pub holiday_count: usize,
    /// The number of its exceptions.
    pub exception_count: usize,
    /// Whether rules that name no calendar use it.
    pub is_default: bool,
    /// The number of times it has been written.
    pub version: Version,
}

/// Everything about a calendar that its owner decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CalendarDraft {
    /// Its name. Names may repeat.
    pub name: Name,
    /// Its hours, holidays and exceptions.
    pub schedule: Schedule,
    /// Whether rules that name no calendar use it.
    pub is_default: bool,
}

impl TeamCalendar {
    /// A new calendar.
    pub fn new(id: CalendarId, draft: CalendarDraft) -> TeamCalendar {
        TeamCalendar {
            id,
            draft,
            version: Version::default(),
            schedule_version: Version::default(),
            uses: 0,
        }
    }

    /// The next version of the calendar, with this draft.
    #[must_use]
    pub fn changed(&self, draft: CalendarDraft) -> TeamCalendar {
        let version = self.version.next();
        let same_schedule = draft.schedule == self.draft.schedule;
        TeamCalendar {
            id: self.id.clone(),
            draft,
            version,
            schedule_version: if same_schedule {
                self.schedule_version
            } else {
                version
            },
            uses: self.uses,
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn only_a_change_of_the_schedule_introduces_another_schedule() {
        let draft = |name: &str, zone: &str| CalendarDraft {
            name: Name::new(name.to_owned()).expect("a name"),
            schedule: Schedule {
                time_zone: zone.to_owned(),
                ..Schedule::default()
            },
            is_default: false,
        };
        let id = CalendarId::new(Timestamp::UNIX_EPOCH, &[0; 10]);
        let mut calendar = TeamCalendar::new(id.clone(), draft("a", "UTC"));
        calendar.uses = 3;
        let renamed = calendar.changed(draft("b", "UTC"));
        let versions = (renamed.version.get(), renamed.schedule_version.get());
        assert_eq!((versions, renamed.uses), ((2, 1), 3));
        let moved = renamed.changed(draft("b", "Europe/Berlin"));
        let versions = (moved.version.get(), moved.schedule_version.get());
        assert_eq!((versions, &moved.id), ((3, 3), &id));
    }
}
