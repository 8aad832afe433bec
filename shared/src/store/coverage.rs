//! Whose business hours count for a ticket.

use crate::domain::coverage::{Coverage, CoverageSource};
use crate::domain::id::CalendarId;
use crate::domain::rule::Rule;
use crate::problem::Problem;
use crate::store::calendars::StoredSchedule;
use crate::store::team::TeamStore;

impl<Rights> TeamStore<Rights> {
    /// The coverage of tickets that a rule applies to: the rule's calendar, else the team's default
    /// calendar, else office hours in UTC.
    pub async fn coverage(&self, rule: Option<&Rule>) -> Result<Coverage, Problem> {
        let named = rule.and_then(|rule| rule.draft.calendar_id.clone());
        if let Some(id) = named
            && let Some(schedule) = self.calendars().schedule(&id).await?
        {
            return stored(id, CoverageSource::Rule, &schedule);
        }
        if let Some(id) = self.calendars().default_id().await?
            && let Some(schedule) = self.calendars().schedule(&id).await?
        {
            return stored(id, CoverageSource::Default, &schedule);
        }
        Ok(Coverage::built_in())
    }

    /// The coverage of a calendar that a request names.
    pub async fn requested_coverage(&self, id: CalendarId) -> Result<Coverage, Problem> {
        let calendar = self.calendars().get(&id).await?;
        let calendar = calendar.ok_or_else(Problem::unknown_calendar)?;
        let (version, schedule) = (calendar.schedule_version, &calendar.draft.schedule);
        Coverage::stored(id, version, CoverageSource::Inline, schedule).map_err(invalid)
    }
}

fn stored(
    id: CalendarId,
    source: CoverageSource,
    schedule: &StoredSchedule,
) -> Result<Coverage, Problem> {
    Coverage::stored(id, schedule.version, source, &schedule.schedule).map_err(invalid)
}

fn invalid<T>(_violations: T) -> Problem {
    Problem::Internal("a stored calendar is not valid".into())
}
