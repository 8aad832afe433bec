//! Plans by rules and calendars that are not there yet: what an edit would bring.

use std::sync::Arc;

use jiff::Timestamp;

use crate::domain::calendar::Calendar;
use crate::domain::coverage::{Coverage, CoverageSource};
use crate::domain::id::{CalendarId, NewId as _, RuleId};
use crate::domain::rule::Rule;
use crate::domain::team_calendar::CalendarDraft;
use crate::domain::version::Version;
use crate::fields::recalculation::{Draft, Drafts};
use crate::fields::{calendar, rule};
use crate::problem::Problem;
use crate::random;
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
    /// The planner as it would be with these rules and calendars.
    pub async fn with(
        mut self,
        drafts: Drafts,
        now: Timestamp,
    ) -> Result<Planner<Rights>, Problem> {
        for draft in drafts.calendars {
            self.add_calendar(draft, now).await?;
        }
        for draft in drafts.rules {
            self.add_rule(draft, now).await?;
        }
        Ok(self)
    }

    async fn add_calendar(
        &mut self,
        draft: Draft<CalendarId>,
        now: Timestamp,
    ) -> Result<(), Problem> {
        let Draft { id, members, field } = draft;
        let refused = |problem| Draft::<CalendarId>::problem(&field, problem);
        let (id, version, draft) = match id {
            None => {
                let draft = calendar::draft(members).map_err(refused)?;
                (
                    CalendarId::new_id(now, &random::bytes()),
                    Version::default(),
                    draft,
                )
            }
            Some(id) => {
                let current = self.team.calendars().get(&id).await?;
                let current =
                    current.ok_or_else(|| Problem::unknown_calendar_in(format!("{field}.id")))?;
                let draft = calendar::change(members, &current.draft).map_err(refused)?;
                let version = if draft.schedule == current.draft.schedule {
                    current.schedule_version
                } else {
                    current.version.next()
                };
                (id, version, draft)
            }
        };
        self.set_default(&id, &draft);
        let calendar = Calendar::parse(&draft.schedule).map_err(invalid)?;
        self.drafted.push(DraftedCalendar {
            id,
            version,
            calendar: Arc::new(calendar),
        });
        Ok(())
    }

    fn set_default(&mut self, id: &CalendarId, draft: &CalendarDraft) {
        if draft.is_default {
            self.default_calendar = Some(id.clone());
        } else if self.default_calendar.as_ref() == Some(id) {
            self.default_calendar = None;
        }
    }

    async fn add_rule(&mut self, draft: Draft<RuleId>, now: Timestamp) -> Result<(), Problem> {
        let Draft { id, members, field } = draft;
        let refused = |problem| Draft::<RuleId>::problem(&field, problem);
        let Some(id) = id else {
            let draft = rule::draft(members).map_err(refused)?;
            self.check_calendar(draft.calendar_id.as_ref(), &field)
                .await?;
            // A new rule is the youngest, and of several that apply the oldest counts.
            let id = RuleId::new_id(now, &random::bytes());
            self.rules.push(Rule::new(id, draft));
            return Ok(());
        };
        let place = self.rules.iter().position(|rule| rule.id == id);
        let current = place.and_then(|place| self.rules.get(place));
        let current = current.ok_or_else(|| Problem::unknown_rule(format!("{field}.id")))?;
        let draft = rule::change(members, &current.draft).map_err(refused)?;
        let changed = current.changed(draft);
        self.check_calendar(changed.draft.calendar_id.as_ref(), &field)
            .await?;
        if let Some(rule) = place.and_then(|place| self.rules.get_mut(place)) {
            *rule = changed;
        }
        Ok(())
    }

    /// Refuses a rule that names a calendar that does not exist.
    async fn check_calendar(&self, id: Option<&CalendarId>, field: &str) -> Result<(), Problem> {
        let Some(id) = id else { return Ok(()) };
        let is_drafted = self.drafted.iter().any(|drafted| drafted.id == *id);
        if is_drafted || self.team.calendars().get(id).await?.is_some() {
            return Ok(());
        }
        Err(Problem::unknown_calendar_in(format!("{field}.calendarId")))
    }

    /// The calendar with this id as it would be, if that differs from what it is.
    pub(super) fn drafted(&self, id: &CalendarId) -> Option<&DraftedCalendar> {
        self.drafted.iter().rev().find(|drafted| drafted.id == *id)
    }
}
