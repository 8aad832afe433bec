//! Plans by rules and calendars that are not there yet: what an edit would bring.

use std::sync::Arc;

use crate::domain::calendar::Calendar;
use crate::domain::coverage::{Coverage, CoverageSource};
use crate::domain::id::CalendarId;
use crate::domain::rule::Rule;
use crate::domain::team_calendar::TeamCalendar;
use crate::domain::version::Version;
use crate::problem::Problem;
use crate::store::plans::{Planner, invalid};

/// A calendar as it would be.
pub(super) struct DraftedCalendar {
    id: CalendarId,
    /// The version that its schedule would have.
    version: Version,
    calendar: Arc<Calendar>,
}

impl DraftedCalendar {
    /// The coverage by this calendar.
    pub(super) fn coverage(&self, source: CoverageSource) -> Coverage {
        Coverage {
            calendar_id: Some(self.id.clone()),
            version: Some(self.version),
            source,
            calendar: Arc::clone(&self.calendar),
        }
    }
}

impl<Rights> Planner<Rights> {
    /// The rules, oldest first.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Plans with a rule as it would be: in place of the one with its id, or after all others.
    pub fn draft_rule(&mut self, rule: Rule) {
        match self.rules.iter_mut().find(|other| other.id == rule.id) {
            Some(current) => *current = rule,
            None => self.rules.push(rule),
        }
    }

    /// Plans with a calendar as it would be: in place of the one with its id, or beside the others.
    pub fn draft_calendar(&mut self, calendar: &TeamCalendar) -> Result<(), Problem> {
        if calendar.draft.is_default {
            self.default_calendar = Some(calendar.id.clone());
        } else if self.default_calendar.as_ref() == Some(&calendar.id) {
            self.default_calendar = None;
        }
        let parsed = Calendar::parse(&calendar.draft.schedule).map_err(invalid)?;
        self.drafted.push(DraftedCalendar {
            id: calendar.id.clone(),
            version: calendar.schedule_version,
            calendar: Arc::new(parsed),
        });
        Ok(())
    }

    /// Whether the team has a calendar with this id, or would have.
    pub async fn has_calendar(&self, id: &CalendarId) -> Result<bool, Problem> {
        let is_drafted = self.drafted(id).is_some();
        Ok(is_drafted || self.team.calendars().get(id).await?.is_some())
    }

    /// The calendar with this id as it would be, if that differs from what it is.
    pub(super) fn drafted(&self, id: &CalendarId) -> Option<&DraftedCalendar> {
        self.drafted.iter().rev().find(|drafted| drafted.id == *id)
    }
}
