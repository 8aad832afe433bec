//! A team's rules.

use serde::{Deserialize, Serialize};

use crate::domain::id::{CalendarId, RuleId};
use crate::domain::minutes::Minutes;
use crate::domain::priority::Priority;
use crate::domain::rule::{MAX_RULES, Rule, RuleDraft, Targets};
use crate::domain::text::Name;
use crate::domain::version::Version;
use crate::problem::{Problem, Resource};
use crate::store::idempotency::{Recording, Written};
use crate::store::team::{ReadWrite, TeamStore};
use crate::store::{key, malformed};

/// The rules of one team and mode.
#[derive(Clone, Debug)]
pub struct Rules<Rights> {
    team: TeamStore<Rights>,
}

/// Not nested: two hundred of them are read at once, and a flattened struct costs several times as
/// much to deserialize.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RuleItem {
    pk: String,
    sk: String,
    id: RuleId,
    name: Name,
    priority: Priority,
    response_target: Minutes,
    resolution_target: Minutes,
    business_hours_only: bool,
    enabled: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    calendar_id: Option<CalendarId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next_response_target: Option<Minutes>,
    version: Version,
    write_id: String,
}

impl<Rights> Rules<Rights> {
    pub(super) fn new(team: TeamStore<Rights>) -> Rules<Rights> {
        Rules { team }
    }

    /// All rules, oldest first: at most [`MAX_RULES`] of at most 1.5 KB.
    pub async fn list(&self) -> Result<Vec<Rule>, Problem> {
        let items: Vec<RuleItem> = self.team.store.all(&self.team.pk, key::RULES).await?;
        items.into_iter().map(RuleItem::into_rule).collect()
    }

    /// The ids of the rules that name a calendar, oldest first.
    pub async fn naming(&self, calendar: &CalendarId) -> Result<Vec<RuleId>, Problem> {
        let mut rules = self.list().await?;
        rules.retain(|rule| rule.draft.calendar_id.as_ref() == Some(calendar));
        Ok(rules.into_iter().map(|rule| rule.id).collect())
    }

    /// The rule with this id, as the client gave it.
    pub async fn find(&self, id: &str) -> Result<Rule, Problem> {
        let unknown = || Problem::NotFound {
            resource: Resource::Rule,
            id: id.to_owned(),
        };
        let id = RuleId::parse(id).ok_or_else(unknown)?;
        let item = self
            .team
            .store
            .get(&self.team.pk, &key::rule(&id))
            .await?
            .ok_or_else(unknown)?;
        let item: RuleItem = serde_dynamo::from_item(item).map_err(malformed)?;
        item.into_rule()
    }
}

impl Rules<ReadWrite> {
    /// Adds a rule and records the request, unless there are already [`MAX_RULES`] or its calendar
    /// does not exist.
    pub async fn insert(&self, rule: &Rule, recording: Recording) -> Result<Written, Problem> {
        let mut transaction = self.team.store.transaction();
        let item = self.item(rule, transaction.write_id());
        transaction.put_new(&item, || {
            Problem::Internal("a new rule's id is in use".into())
        })?;
        transaction.increment(&self.team.pk, key::RULE_COUNT, MAX_RULES, || {
            Problem::LimitExceeded {
                resource: Resource::Rule,
                max: MAX_RULES,
            }
        })?;
        if let Some(calendar) = &rule.draft.calendar_id {
            transaction.add_calendar_reference(&self.team.pk, calendar)?;
        }
        transaction.commit_once(recording).await
    }

    /// Replaces `current` and records the request.
    /// [`Problem::WriteConflict`] if the stored rule has another version.
    pub async fn update(
        &self,
        rule: &Rule,
        current: &Rule,
        recording: Recording,
    ) -> Result<Written, Problem> {
        let mut transaction = self.team.store.transaction();
        let item = self.item(rule, transaction.write_id());
        transaction.replace(&item, current.version)?;
        let (new, old) = (&rule.draft.calendar_id, &current.draft.calendar_id);
        if new != old {
            if let Some(calendar) = new {
                transaction.add_calendar_reference(&self.team.pk, calendar)?;
            }
            if let Some(calendar) = old {
                transaction.remove_calendar_reference(&self.team.pk, calendar)?;
            }
        }
        transaction.commit_once(recording).await
    }

    /// Deletes a rule. [`Problem::WriteConflict`] if the stored rule has another version.
    pub async fn delete(&self, rule: &Rule) -> Result<(), Problem> {
        let mut transaction = self.team.store.transaction();
        transaction.delete(&self.team.pk, &key::rule(&rule.id), rule.version)?;
        transaction.decrement(&self.team.pk, key::RULE_COUNT)?;
        if let Some(calendar) = &rule.draft.calendar_id {
            transaction.remove_calendar_reference(&self.team.pk, calendar)?;
        }
        transaction.commit().await
    }

    fn item(&self, rule: &Rule, write_id: &str) -> RuleItem {
        let Rule { id, draft, version } = rule.clone();
        RuleItem {
            pk: self.team.pk.clone(),
            sk: key::rule(&id),
            id,
            name: draft.name,
            priority: draft.priority,
            response_target: draft.targets.response(),
            resolution_target: draft.targets.resolution(),
            business_hours_only: draft.business_hours_only,
            enabled: draft.enabled,
            calendar_id: draft.calendar_id,
            next_response_target: draft.next_response_target,
            version,
            write_id: write_id.to_owned(),
        }
    }
}

impl RuleItem {
    fn into_rule(self) -> Result<Rule, Problem> {
        let targets =
            Targets::new(self.response_target, self.resolution_target).ok_or_else(|| {
                Problem::Internal(
                    "a stored rule's resolution is due before its first response".into(),
                )
            })?;
        let draft = RuleDraft {
            name: self.name,
            priority: self.priority,
            targets,
            business_hours_only: self.business_hours_only,
            enabled: self.enabled,
            calendar_id: self.calendar_id,
            next_response_target: self.next_response_target,
        };
        Ok(Rule {
            id: self.id,
            draft,
            version: self.version,
        })
    }
}
