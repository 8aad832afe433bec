//! Which rule applies to a ticket, and whose business hours count.

use crate::domain::coverage::{Coverage, CoverageSource};
use crate::domain::id::CalendarId;
use crate::domain::priority::Priority;
use crate::domain::rule::{self, Rule};
use crate::problem::Problem;
use crate::store::calendars::StoredSchedule;
use crate::store::team::TeamStore;

impl<Rights> TeamStore<Rights> {
    /// The rule that applies to tickets of a priority.
    pub async fn applied_rule(&self, priority: Priority) -> Result<Option<Rule>, Problem> {
        Ok(rule::applied(self.rules().list().await?, priority))
    }

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
        Coverage::stored(id, CoverageSource::Inline, &calendar.draft.schedule).map_err(invalid)
    }
}

fn stored(
    id: CalendarId,
    source: CoverageSource,
    schedule: &StoredSchedule,
) -> Result<Coverage, Problem> {
    Coverage::stored(id, source, &schedule.schedule).map_err(invalid)
}

fn invalid<T>(_violations: T) -> Problem {
    Problem::Internal("a stored calendar is not valid".into())
}
