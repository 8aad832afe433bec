//! What plans are made of: which rule applies, whose business hours count, and the team's settings.

mod drafts;
pub(in crate::store) mod today;

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::future::try_join3;

use crate::domain::clock::{Event, EventKind};
use crate::domain::coverage::{Coverage, CoverageSource};
use crate::domain::id::{CalendarId, EventId, RuleId};
use crate::domain::plan::{CalendarVersion, Plan, PlanInputs, PlanOrigin, PlanTargets, PlannedBy};
use crate::domain::policy::Policy;
use crate::domain::priority::Priority;
use crate::domain::rule::{self, Rule};
use crate::domain::settings::Settings;
use crate::domain::ticket::{NewEvent, NewEventKind, TicketEvent};
use crate::domain::version::Version;
use crate::problem::Problem;
use crate::store::team::TeamStore;

use drafts::DraftedCalendar;

/// Makes the plans of a team's tickets, as its rules and settings are now.
pub struct Planner<Rights> {
    team: TeamStore<Rights>,
    rules: Vec<Rule>,
    settings: Settings,
    default_calendar: Option<CalendarId>,
    /// Calendars as they would be.
    drafted: Vec<DraftedCalendar>,
}

impl<Rights> TeamStore<Rights> {
    /// A planner with the team's current settings and other inputs, which are read at the same time.
    pub async fn planner(&self, inputs: PlanInputs) -> Result<Planner<Rights>, Problem> {
        let rules = async {
            match inputs {
                PlanInputs::All => self.rules().list().await,
                PlanInputs::Calendars | PlanInputs::Settings => Ok(Vec::new()),
            }
        };
        let default_calendar = async {
            match inputs {
                PlanInputs::All | PlanInputs::Calendars => self.calendars().default_id().await,
                PlanInputs::Settings => Ok(None),
            }
        };
        let reads = try_join3(rules, self.settings(), default_calendar);
        let (rules, settings, default_calendar) = reads.await?;
        Ok(Planner {
            team: self.share(),
            rules,
            settings,
            default_calendar,
            drafted: Vec::new(),
        })
    }

    /// Plans those of the events that a client reports whose ids are not among the `known` ones,
    /// each id once. What an event with a known id says does not matter, even if it names a rule that
    /// is gone. `planner` may be absent if none of the events needs a plan; `field` is the path of the
    /// event with an index.
    pub async fn planned_events(
        &self,
        planner: Option<&Planner<Rights>>,
        events: Vec<NewEvent>,
        known: &[TicketEvent],
        new_id: impl Fn() -> EventId,
        field: impl Fn(usize) -> String,
    ) -> Result<Vec<TicketEvent>, Problem> {
        let mut known: HashSet<EventId> = known.iter().map(|event| event.id.clone()).collect();
        let mut planned = Vec::with_capacity(events.len());
        for (index, event) in events.into_iter().enumerate() {
            if let Some(id) = &event.id
                && !known.insert(id.clone())
            {
                continue;
            }
            let kind = match (event.kind.without_plan(), planner) {
                (Some(kind), _) => Some(kind),
                (None, Some(planner)) => planner.event(&event.kind).await?,
                (None, None) => None,
            };
            let kind = kind.ok_or_else(|| Problem::unknown_rule(field(index) + "ruleId"))?;
            planned.push(TicketEvent {
                id: event.id.unwrap_or_else(&new_id),
                event: Event { at: event.at, kind },
            });
        }
        Ok(planned)
    }
}

impl<Rights> Planner<Rights> {
    /// The rule that applies to a priority: the oldest of those enabled for it.
    pub fn applied_rule(&self, priority: Priority) -> Option<&Rule> {
        rule::applied(&self.rules, priority)
    }

    /// The plan of a priority, if a rule applies to it.
    pub async fn of_priority(&self, priority: Priority) -> Result<Option<Arc<Plan>>, Problem> {
        match self.applied_rule(priority) {
            None => Ok(None),
            Some(rule) => self.of_rule(rule).await.map(Some),
        }
    }

    /// The plan of a rule; `None` if there is no such rule.
    pub async fn of_rule_id(&self, id: &RuleId) -> Result<Option<Arc<Plan>>, Problem> {
        match self.rules.iter().find(|rule| rule.id == *id) {
            None => Ok(None),
            Some(rule) => self.of_rule(rule).await.map(Some),
        }
    }

    /// The plan of a Rocket.Chat policy: how long a visitor may wait, whatever the hour.
    pub fn of_policy(&self, policy: &Policy) -> Arc<Plan> {
        let targets = PlanTargets {
            first_response: Some(policy.draft.due_time_in_minutes),
            ..PlanTargets::default()
        };
        let by = PlannedBy::Policy(policy.id.clone());
        self.plan(targets, &Coverage::every_hour(), by, policy.version)
    }

    /// A plan by the team's settings. `by` says what it is made from, in this `version`.
    pub fn plan(
        &self,
        targets: PlanTargets,
        coverage: &Coverage,
        by: PlannedBy,
        version: Version,
    ) -> Arc<Plan> {
        let calendar = coverage.calendar_id.clone().zip(coverage.version);
        Arc::new(Plan {
            targets,
            calendar: Arc::clone(&coverage.calendar),
            warn_at_percent: self.settings.warn_at_percent,
            on_reopen: self.settings.on_reopen,
            escalations: self.settings.escalations.clone(),
            origin: Some(PlanOrigin {
                by,
                version,
                source: coverage.source,
                calendar: calendar.map(|(id, version)| CalendarVersion { id, version }),
            }),
        })
    }

    /// The event with its plan; `None` if it names a rule that does not exist.
    pub async fn event(&self, kind: &NewEventKind) -> Result<Option<EventKind>, Problem> {
        if let Some(kind) = kind.without_plan() {
            return Ok(Some(kind));
        }
        Ok(match kind {
            NewEventKind::PriorityChanged(priority) => Some(EventKind::PriorityChanged {
                priority: *priority,
                plan: self.of_priority(*priority).await?,
            }),
            NewEventKind::RuleAssigned(Some(id)) => self
                .of_rule_id(id)
                .await?
                .map(|plan| EventKind::Assigned(Some(plan))),
            _ => None,
        })
    }

    /// The coverage of tickets that a rule applies to: the rule's calendar, else the team's default
    /// calendar, else office hours in UTC.
    pub async fn coverage(&self, rule: Option<&Rule>) -> Result<Coverage, Problem> {
        let of_rule = rule.and_then(|rule| rule.draft.calendar_id.clone());
        let candidates = [
            (of_rule, CoverageSource::Rule),
            (self.default_calendar.clone(), CoverageSource::Default),
        ];
        for (id, source) in candidates {
            let Some(id) = id else { continue };
            if let Some(drafted) = self.drafted(&id) {
                return Ok(drafted.coverage(source));
            }
            if let Some(stored) = self.team.calendars().schedule(&id).await? {
                let coverage = Coverage::stored(id, stored.version, source, &stored.schedule);
                return coverage.map_err(invalid);
            }
        }
        Ok(Coverage::built_in())
    }

    /// The coverage of a calendar that a request names.
    pub async fn requested_coverage(&self, id: CalendarId) -> Result<Coverage, Problem> {
        let calendar = self.team.calendars().get(&id).await?;
        let calendar = calendar.ok_or_else(Problem::unknown_calendar)?;
        let (version, schedule) = (calendar.schedule_version, &calendar.draft.schedule);
        Coverage::stored(id, version, CoverageSource::Inline, schedule).map_err(invalid)
    }

    async fn of_rule(&self, rule: &Rule) -> Result<Arc<Plan>, Problem> {
        let coverage = if rule.draft.business_hours_only {
            self.coverage(Some(rule)).await?
        } else {
            Coverage::every_hour()
        };
        let by = PlannedBy::Rule(rule.id.clone());
        Ok(self.plan(PlanTargets::of_rule(rule), &coverage, by, rule.version))
    }
}

fn invalid<T>(_violations: T) -> Problem {
    Problem::Internal("a stored calendar is not valid".into())
}
