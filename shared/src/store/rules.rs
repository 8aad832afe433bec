//! A team's rules.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use serde::{Deserialize, Serialize};

use crate::domain::rule::{MAX_RULES, Rule};
use crate::domain::version::Version;
use crate::problem::{Problem, Resource};
use crate::store::transaction::Transacted;
use crate::store::{Store, key, malformed, problem};

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

    /// All rules, oldest first. Reads what was last written.
    ///
    /// At most [`MAX_RULES`] of at most 1.5 KB are there, so one query tells them all.
    pub async fn list(&self) -> Result<Vec<Rule>, Problem> {
        let query = self
            .store
            .table
            .client
            .query()
            .table_name(&self.store.table.name);
        let answer = query
            .key_condition_expression("#pk = :pk AND begins_with(#sk, :rules)")
            .expression_attribute_names("#pk", key::PK)
            .expression_attribute_names("#sk", key::SK)
            .expression_attribute_values(":pk", AttributeValue::S(self.pk.clone()))
            .expression_attribute_values(":rules", AttributeValue::S(key::RULES.to_owned()))
            .consistent_read(true)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(problem)?;
        self.store.count(answer.consumed_capacity());
        let items: Vec<RuleItem> =
            serde_dynamo::from_items(answer.items.unwrap_or_default()).map_err(malformed)?;
        Ok(items.into_iter().map(RuleItem::into_rule).collect())
    }

    /// Adds a rule, unless there are [`MAX_RULES`] already.
    pub async fn insert(&self, rule: &Rule) -> Result<(), Problem> {
        let write_id = self.store.next_write_id();
        let item = RuleItem {
            pk: self.pk.clone(),
            sk: key::rule(&rule.id),
            rule: rule.clone(),
            version: rule.version,
            write_id: write_id.clone(),
        };
        let items = vec![
            self.store.put_new(&item)?,
            self.store
                .one_more(&self.pk, key::RULE_COUNT, MAX_RULES, &write_id)?,
        ];
        match self.store.transact(&write_id, items).await? {
            Transacted::Applied => Ok(()),
            Transacted::Refused(items) => match items.as_slice() {
                [None, Some(_)] => Err(Problem::LimitExceeded {
                    resource: Resource::Rule,
                    max: MAX_RULES,
                }),
                _ => Err(Problem::Internal("a new rule's id is taken".into())),
            },
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
