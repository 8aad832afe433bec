//! Calendars as a team keeps them: with an id, a name, and one of them the default.

use serde::{Deserialize, Serialize};

use crate::domain::calendar::{self, CalendarDraft};
use crate::domain::id::CalendarId;
use crate::domain::text::Name;
use crate::domain::version::Version;

/// The most calendars a team may have, so that a list is always one answer.
pub const MAX_CALENDARS: u32 = 100;

/// The most bytes of JSON that say when a calendar is open: a thousand holidays and as many
/// exceptions of one interval fit, and to change the largest calendar costs at most 64 write units.
pub const MAX_OPENING_BYTES: usize = 48 * 1024;

/// A calendar as it is kept and told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TeamCalendar {
    /// Who it is.
    pub id: CalendarId,
    /// What it says.
    #[serde(flatten)]
    pub draft: Draft,
    /// How often it has been written.
    #[serde(skip)]
    pub version: Version,
    /// The version that brought its present opening about.
    #[serde(skip)]
    pub opening_version: Version,
    /// How many rules name it.
    #[serde(skip)]
    pub uses: u32,
}

/// A calendar as a list shows it: without its holidays and exceptions, but with their numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CalendarSummary {
    /// Who it is.
    pub id: CalendarId,
    /// What it is called.
    pub name: Name,
    /// Its IANA zone name.
    pub time_zone: String,
    /// Intervals of each weekday, Monday first.
    #[serde(serialize_with = "calendar::serialize_week")]
    pub hours: [Vec<(String, String)>; 7],
    /// How many holidays it has.
    pub holiday_count: usize,
    /// How many exceptions it has.
    pub exception_count: usize,
    /// Whether rules that name no calendar use it.
    #[serde(rename = "default")]
    pub is_default: bool,
    /// How often it has been written.
    #[serde(skip)]
    pub version: Version,
}

/// Everything about a calendar that its owner decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    /// What it is called. Names may repeat.
    pub name: Name,
    /// When it is open.
    #[serde(flatten)]
    pub opening: CalendarDraft,
    /// Whether rules that name no calendar use it.
    #[serde(rename = "default")]
    pub is_default: bool,
}

impl TeamCalendar {
    /// A new calendar.
    pub fn new(id: CalendarId, draft: Draft) -> TeamCalendar {
        TeamCalendar {
            id,
            draft,
            version: Version::default(),
            opening_version: Version::default(),
            uses: 0,
        }
    }

    /// The calendar with what its owner decides changed.
    #[must_use]
    pub fn changed(&self, draft: Draft) -> TeamCalendar {
        let version = self.version.next();
        let same_opening = draft.opening == self.draft.opening;
        TeamCalendar {
            id: self.id.clone(),
            draft,
            version,
            opening_version: if same_opening {
                self.opening_version
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
    fn only_a_change_of_the_opening_brings_another_opening_about() {
        let draft = |name: &str, zone: &str| Draft {
            name: Name::new(name.to_owned()).expect("a name"),
            opening: CalendarDraft {
                time_zone: zone.to_owned(),
                ..CalendarDraft::default()
            },
            is_default: false,
        };
        let id = CalendarId::new(Timestamp::UNIX_EPOCH, &[0; 10]);
        let mut calendar = TeamCalendar::new(id.clone(), draft("a", "UTC"));
        calendar.uses = 3;
        let renamed = calendar.changed(draft("b", "UTC"));
        let versions = (renamed.version.get(), renamed.opening_version.get());
        assert_eq!((versions, renamed.uses), ((2, 1), 3));
        let moved = renamed.changed(draft("b", "Europe/Berlin"));
        let versions = (moved.version.get(), moved.opening_version.get());
        assert_eq!((versions, &moved.id), ((3, 3), &id));
    }
}
