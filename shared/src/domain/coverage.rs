//! Coverage: the business hours that count for a ticket, and why these.

use std::sync::Arc;

use crate::domain::calendar::{Calendar, Schedule, ScheduleViolation};
use crate::domain::id::CalendarId;
use crate::domain::version::Version;

/// Why these business hours count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CoverageSource {
    /// The request names the calendar or brings it along.
    Inline,
    /// The rule names the calendar.
    Rule,
    /// The calendar is the team's default.
    Default,
    /// The team has no default calendar: Monday to Friday, 09:00 to 17:00 UTC.
    BuiltIn,
    /// Business hours do not matter: every hour counts.
    None,
}

/// The business hours that count for a ticket.
#[derive(Clone, Debug)]
pub struct Coverage {
    /// The id of the calendar, if it has one.
    pub calendar_id: Option<CalendarId>,
    /// The version of the calendar that introduced its schedule, if it has an id.
    pub version: Option<Version>,
    /// Why this calendar.
    pub source: CoverageSource,
    /// The calendar.
    pub calendar: Arc<Calendar>,
}

impl Coverage {
    /// A calendar of the team.
    ///
    /// # Errors
    ///
    /// The violations, if the schedule is not valid.
    pub fn stored(
        id: CalendarId,
        version: Version,
        source: CoverageSource,
        schedule: &Schedule,
    ) -> Result<Coverage, Vec<ScheduleViolation>> {
        Ok(Coverage {
            calendar_id: Some(id),
            version: Some(version),
            source,
            calendar: Arc::new(Calendar::parse(schedule)?),
        })
    }

    /// A calendar that the request brings along.
    pub fn inline(calendar: Calendar) -> Coverage {
        Coverage {
            calendar_id: None,
            version: None,
            source: CoverageSource::Inline,
            calendar: Arc::new(calendar),
        }
    }

    /// Monday to Friday, 09:00 to 17:00 UTC.
    pub fn built_in() -> Coverage {
        Coverage {
            calendar_id: None,
            version: None,
            source: CoverageSource::BuiltIn,
            calendar: Calendar::built_in_shared(),
        }
    }

    /// Every hour counts.
    pub fn every_hour() -> Coverage {
        Coverage {
            calendar_id: None,
            version: None,
            source: CoverageSource::None,
            calendar: Calendar::always_open_shared(),
        }
    }
}

impl CoverageSource {
    /// The source as clients see it.
    pub fn as_str(self) -> &'static str {
        match self {
            CoverageSource::Inline => "inline",
            CoverageSource::Rule => "rule",
            CoverageSource::Default => "default",
            CoverageSource::BuiltIn => "built-in",
            CoverageSource::None => "none",
        }
    }
}
