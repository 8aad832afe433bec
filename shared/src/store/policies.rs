//! A workspace's policies, and the guards that keep names and due times unique.

use aws_sdk_dynamodb::types::TransactWriteItem;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::id::PolicyId;
use crate::domain::policy::{Draft, MAX_POLICIES, Policy};
use crate::domain::version::Version;
use crate::problem::{Problem, Resource};
use crate::store::transaction::Transacted;
use crate::store::{Store, key, malformed};

/// The policies of one workspace.
#[derive(Clone, Debug)]
pub struct Policies {
    store: Store,
    pk: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PolicyItem {
    pk: String,
    sk: String,
    id: PolicyId,
    #[serde(flatten)]
    draft: Draft,
    updated_at: Timestamp,
    version: Version,
    write_id: String,
}

/// An item whose existence says that a name or a due time is taken, and by whom.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct GuardItem {
    pk: String,
    sk: String,
    holder: PolicyId,
    write_id: String,
}

impl Policies {
    pub(super) fn new(store: Store, pk: String) -> Policies {
        Policies { store, pk }
    }

    /// All policies, oldest first: at most [`MAX_POLICIES`], usually of 300 bytes.
    pub async fn list(&self) -> Result<Vec<Policy>, Problem> {
        let items: Vec<PolicyItem> = self.store.all(&self.pk, key::POLICIES).await?;
        Ok(items.into_iter().map(PolicyItem::into_policy).collect())
    }

    /// The policy of this id, as a caller wrote it.
    pub async fn find(&self, id: &str) -> Result<Policy, Problem> {
        let unknown = || Problem::NotFound {
            resource: Resource::Policy,
            id: id.to_owned(),
        };
        let id = PolicyId::parse(id).ok_or_else(unknown)?;
        let item = self
            .store
            .get(&self.pk, &key::policy(&id))
            .await?
            .ok_or_else(unknown)?;
        serde_dynamo::from_item(item)
            .map(PolicyItem::into_policy)
            .map_err(malformed)
    }

    /// Adds a policy, unless its name or due time is taken, or there are [`MAX_POLICIES`] already.
    pub async fn insert(&self, policy: &Policy) -> Result<(), Problem> {
        let write_id = self.store.next_write_id();
        let items = vec![
            self.store.put_new(&self.item(policy, &write_id))?,
            self.guard(key::policy_name(&policy.draft.name), policy, &write_id)?,
            self.guard(
                key::policy_due(policy.draft.due_time_in_minutes),
                policy,
                &write_id,
            )?,
            self.store
                .one_more(&self.pk, key::POLICY_COUNT, MAX_POLICIES, &write_id)?,
        ];
        match self.store.transact(&write_id, items).await? {
            Transacted::Applied => Ok(()),
            Transacted::Refused(items) => match items.as_slice() {
                [None, None, None, Some(_)] => Err(Problem::LimitExceeded {
                    resource: Resource::Policy,
                    max: MAX_POLICIES,
                }),
                [None, ..] => Err(Problem::DuplicatePolicy),
                _ => Err(Problem::Internal("a new policy's id is taken".into())),
            },
        }
    }

    /// Writes a policy over the one it was, unless its name or due time is another's. The guards
    /// move with it. [`Problem::Overtaken`] if it is no longer the one it was.
    pub async fn update(&self, policy: &Policy, was: &Policy) -> Result<(), Problem> {
        let write_id = self.store.next_write_id();
        let mut items = vec![
            self.store
                .put_over(&self.item(policy, &write_id), was.version)?,
        ];
        if policy.draft.name != was.draft.name {
            items.push(self.guard(key::policy_name(&policy.draft.name), policy, &write_id)?);
            items.push(
                self.store
                    .delete(&self.pk, &key::policy_name(&was.draft.name), None)?,
            );
        }
        let (due, due_was) = (
            policy.draft.due_time_in_minutes,
            was.draft.due_time_in_minutes,
        );
        if due != due_was {
            items.push(self.guard(key::policy_due(due), policy, &write_id)?);
            items.push(
                self.store
                    .delete(&self.pk, &key::policy_due(due_was), None)?,
            );
        }
        match self.store.transact(&write_id, items).await? {
            Transacted::Applied => Ok(()),
            Transacted::Refused(items) if matches!(items.first(), Some(Some(_))) => {
                Err(Problem::Overtaken)
            }
            Transacted::Refused(_) => Err(Problem::DuplicatePolicy),
        }
    }

    /// Deletes a policy as it is, and frees its name and its due time.
    /// [`Problem::Overtaken`] if it is no longer so.
    pub async fn delete(&self, policy: &Policy) -> Result<(), Problem> {
        let write_id = self.store.next_write_id();
        let Draft {
            name,
            due_time_in_minutes,
            ..
        } = &policy.draft;
        let items = vec![
            self.store
                .delete(&self.pk, &key::policy(&policy.id), Some(policy.version))?,
            self.store.delete(&self.pk, &key::policy_name(name), None)?,
            self.store
                .delete(&self.pk, &key::policy_due(*due_time_in_minutes), None)?,
            self.store
                .one_less(&self.pk, key::POLICY_COUNT, &write_id)?,
        ];
        match self.store.transact(&write_id, items).await? {
            Transacted::Applied => Ok(()),
            Transacted::Refused(_) => Err(Problem::Overtaken),
        }
    }

    fn item(&self, policy: &Policy, write_id: &str) -> PolicyItem {
        PolicyItem {
            pk: self.pk.clone(),
            sk: key::policy(&policy.id),
            id: policy.id.clone(),
            draft: policy.draft.clone(),
            updated_at: policy.updated_at,
            version: policy.version,
            write_id: write_id.to_owned(),
        }
    }

    fn guard(
        &self,
        sk: String,
        policy: &Policy,
        write_id: &str,
    ) -> Result<TransactWriteItem, Problem> {
        let (pk, holder, write_id) = (self.pk.clone(), policy.id.clone(), write_id.to_owned());
        self.store.put_new(&GuardItem {
            pk,
            sk,
            holder,
            write_id,
        })
    }
}

impl PolicyItem {
    fn into_policy(self) -> Policy {
        let PolicyItem {
            id,
            draft,
            updated_at,
            version,
            ..
        } = self;
        Policy {
            id,
            draft,
            updated_at,
            version,
        }
    }
}
