//! A team's rules.

use serde::{Deserialize, Serialize};

use crate::domain::id::RuleId;
use crate::domain::rule::{MAX_RULES, Rule};
use crate::domain::version::Version;
use crate::problem::{Problem, Resource};
use crate::store::idempotency::{Record, Written, earlier};
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

    /// Adds a rule, unless there are [`MAX_RULES`] already, and records the request.
    pub async fn insert(&self, rule: &Rule, record: Option<Record>) -> Result<Written, Problem> {
        let write_id = self.store.next_write_id();
        let mut items = vec![
            self.store.put_new(&self.item(rule, &write_id))?,
            self.store
                .one_more(&self.pk, key::RULE_COUNT, MAX_RULES, &write_id)?,
        ];
        if let Some(record) = &record {
            items.push(self.store.put_record(record, &write_id)?);
        }
        let refused = match self.store.transact(&write_id, items).await? {
            Transacted::Applied => return Ok(Written::Now),
            Transacted::Refused(items) => items,
        };
        let mut refused = refused.into_iter();
        let (taken, full, found) = (
            refused.next().flatten(),
            refused.next().flatten(),
            refused.next().flatten(),
        );
        match (record, found, taken, full) {
            (Some(record), Some(found), ..) => earlier(&record, found),
            (_, _, None, Some(_)) => Err(Problem::LimitExceeded {
                resource: Resource::Rule,
                max: MAX_RULES,
            }),
            _ => Err(Problem::Internal("a new rule's id is taken".into())),
        }
    }

    /// Writes a rule over this version of it, and records the request.
    /// [`Problem::PreconditionFailed`] if it is another version by now.
    pub async fn update(
        &self,
        rule: &Rule,
        over: Version,
        record: Option<Record>,
    ) -> Result<Written, Problem> {
        let write_id = self.store.next_write_id();
        let mut items = vec![self.store.put_over(&self.item(rule, &write_id), over)?];
        if let Some(record) = &record {
            items.push(self.store.put_record(record, &write_id)?);
        }
        match self.store.transact(&write_id, items).await? {
            Transacted::Applied => Ok(Written::Now),
            Transacted::Refused(items) => match (record, items.into_iter().nth(1).flatten()) {
                (Some(record), Some(found)) => earlier(&record, found),
                _ => Err(Problem::PreconditionFailed),
            },
        }
    }

    /// Deletes a rule of this version. [`Problem::PreconditionFailed`] if it is another by now.
    pub async fn delete(&self, id: &RuleId, version: Version) -> Result<(), Problem> {
        let write_id = self.store.next_write_id();
        let items = vec![
            self.store.delete(&self.pk, &key::rule(id), Some(version))?,
            self.store.one_less(&self.pk, key::RULE_COUNT, &write_id)?,
        ];
        match self.store.transact(&write_id, items).await? {
            Transacted::Applied => Ok(()),
            Transacted::Refused(_) => Err(Problem::PreconditionFailed),
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
