//! A team's rules.

use serde::{Deserialize, Serialize};

use crate::domain::id::{CalendarId, RuleId};
use crate::domain::rule::{MAX_RULES, Rule};
use crate::domain::version::Version;
use crate::problem::{Problem, Resource};
use crate::store::idempotency::{Record, Written};
use crate::store::transaction::Transacted;
use crate::store::{Store, key, malformed};

/// The rules of one team and mode.
#[derive(Clone, Debug)]
pub struct Rules {
    store: Store,
    pk: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RuleItem {
    pk: String,
    sk: String,
    #[serde(flatten)]
    rule: Rule,
    version: Version,
    write_id: String,
}

impl Rules {
    pub(super) fn new(store: Store, pk: String) -> Rules {
        Rules { store, pk }
    }

    /// All rules, oldest first: at most [`MAX_RULES`] of at most 1.5 KB.
    pub async fn list(&self) -> Result<Vec<Rule>, Problem> {
        let items: Vec<RuleItem> = self.store.all(&self.pk, key::RULES).await?;
        Ok(items.into_iter().map(RuleItem::into_rule).collect())
    }

    /// The ids of the rules that name a calendar, oldest first.
    pub async fn naming(&self, calendar: &CalendarId) -> Result<Vec<RuleId>, Problem> {
        let mut rules = self.list().await?;
        rules.retain(|rule| rule.draft.calendar_id.as_ref() == Some(calendar));
        Ok(rules.into_iter().map(|rule| rule.id).collect())
    }

    /// The rule of this id, as a caller wrote it.
    pub async fn find(&self, id: &str) -> Result<Rule, Problem> {
        let unknown = || Problem::NotFound {
            resource: Resource::Rule,
            id: id.to_owned(),
        };
        let id = RuleId::parse(id).ok_or_else(unknown)?;
        let item = self
            .store
            .get(&self.pk, &key::rule(&id))
            .await?
            .ok_or_else(unknown)?;
        serde_dynamo::from_item(item)
            .map(RuleItem::into_rule)
            .map_err(malformed)
    }

    /// Adds a rule, unless there are [`MAX_RULES`] already or its calendar is not there, and records
    /// the request.
    pub async fn insert(&self, rule: &Rule, record: Option<Record>) -> Result<Written, Problem> {
        let write_id = self.store.next_write_id();
        let mut items = vec![
            self.store.put_new(&self.item(rule, &write_id))?,
            self.store
                .one_more(&self.pk, key::RULE_COUNT, MAX_RULES, &write_id)?,
        ];
        if let Some(calendar) = &rule.draft.calendar_id {
            items.push(self.store.calendar_taken(&self.pk, calendar, &write_id)?);
        }
        let refused = match self
            .store
            .transact_once(&write_id, items, record.as_ref())
            .await?
        {
            Ok(written) => return Ok(written),
            Err(refused) => refused,
        };
        match refused.as_slice() {
            [None, Some(_), ..] => Err(Problem::LimitExceeded {
                resource: Resource::Rule,
                max: MAX_RULES,
            }),
            [None, None, Some(_)] => Err(Problem::unknown_calendar()),
            _ => Err(Problem::Internal("a new rule's id is taken".into())),
        }
    }

    /// Writes a rule over the one it was, and records the request.
    /// [`Problem::Overtaken`] if it is no longer the one it was.
    pub async fn update(
        &self,
        rule: &Rule,
        was: &Rule,
        record: Option<Record>,
    ) -> Result<Written, Problem> {
        let write_id = self.store.next_write_id();
        let mut items = vec![
            self.store
                .put_over(&self.item(rule, &write_id), was.version)?,
        ];
        let (calendar, calendar_was) = (&rule.draft.calendar_id, &was.draft.calendar_id);
        if calendar != calendar_was {
            let taken = calendar
                .iter()
                .map(|id| self.store.calendar_taken(&self.pk, id, &write_id));
            let left = calendar_was
                .iter()
                .map(|id| self.store.calendar_left(&self.pk, id, &write_id));
            items.extend(taken.chain(left).collect::<Result<Vec<_>, _>>()?);
        }
        match self
            .store
            .transact_once(&write_id, items, record.as_ref())
            .await?
        {
            Ok(written) => Ok(written),
            Err(refused) if matches!(refused.as_slice(), [None, Some(_), ..]) => {
                Err(Problem::unknown_calendar())
            }
            Err(_refused) => Err(Problem::Overtaken),
        }
    }

    /// Deletes a rule. [`Problem::Overtaken`] if it is no longer the one it was.
    pub async fn delete(&self, rule: &Rule) -> Result<(), Problem> {
        let write_id = self.store.next_write_id();
        let mut items = vec![
            self.store
                .delete(&self.pk, &key::rule(&rule.id), Some(rule.version))?,
            self.store.one_less(&self.pk, key::RULE_COUNT, &write_id)?,
        ];
        if let Some(calendar) = &rule.draft.calendar_id {
            items.push(self.store.calendar_left(&self.pk, calendar, &write_id)?);
        }
        match self.store.transact(&write_id, items).await? {
            Transacted::Applied => Ok(()),
            Transacted::Refused(_) => Err(Problem::Overtaken),
        }
    }

    fn item(&self, rule: &Rule, write_id: &str) -> RuleItem {
        RuleItem {
            pk: self.pk.clone(),
            sk: key::rule(&rule.id),
            rule: rule.clone(),
            version: rule.version,
            write_id: write_id.to_owned(),
        }
    }
}

impl RuleItem {
    fn into_rule(self) -> Rule {
        Rule {
            version: self.version,
            ..self.rule
        }
    }
}
