//! The plans that open tickets would get today.

use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::clock::Clock;
use crate::domain::id::{PolicyId, RuleId};
use crate::domain::plan::{Plan, PlannedBy};
use crate::problem::Problem;
use crate::store::plans::Planner;

/// Plans the tickets of one recalculation, each plan once.
pub(in crate::store) struct Today<Rights> {
    planner: Planner<Rights>,
    of_rules: HashMap<RuleId, Option<Arc<Plan>>>,
    of_policies: HashMap<PolicyId, Option<Arc<Plan>>>,
}

impl<Rights> Today<Rights> {
    pub(in crate::store) fn new(planner: Planner<Rights>) -> Today<Rights> {
        Today {
            planner,
            of_rules: HashMap::new(),
            of_policies: HashMap::new(),
        }
    }

    /// The plan of a ticket with this clock, as rules, policies and calendars are now: by the rule or the
    /// policy that is assigned to it, or else by the rule of its priority; `None` if that is gone, or
    /// there is none.
    pub(in crate::store) async fn plan(
        &mut self,
        clock: &Clock,
    ) -> Result<Option<Arc<Plan>>, Problem> {
        let Some(assigned) = clock.assigned() else {
            let rule = self.planner.applied_rule(clock.priority());
            let rule = rule.map(|rule| rule.id.clone());
            return match rule {
                None => Ok(None),
                Some(rule) => self.of_rule(&rule).await,
            };
        };
        match assigned.origin.as_ref().map(|origin| &origin.by) {
            Some(PlannedBy::Rule(rule)) => self.of_rule(rule).await,
            Some(PlannedBy::Policy(policy)) => self.of_policy(policy).await,
            Some(PlannedBy::Request) | None => Ok(None),
        }
    }

    async fn of_rule(&mut self, id: &RuleId) -> Result<Option<Arc<Plan>>, Problem> {
        if let Some(known) = self.of_rules.get(id) {
            return Ok(known.clone());
        }
        let plan = self.planner.of_rule_id(id).await?;
        self.of_rules.insert(id.clone(), plan.clone());
        Ok(plan)
    }

    async fn of_policy(&mut self, id: &PolicyId) -> Result<Option<Arc<Plan>>, Problem> {
        if let Some(known) = self.of_policies.get(id) {
            return Ok(known.clone());
        }
        let policy = self.planner.team.policies().find(id.as_str()).await;
        let plan = match policy {
            Ok(policy) => Some(self.planner.of_policy(&policy)),
            Err(Problem::NotFound { .. }) => None,
            Err(problem) => return Err(problem),
        };
        self.of_policies.insert(id.clone(), plan.clone());
        Ok(plan)
    }
}
