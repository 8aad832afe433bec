//! A workspace's policies, and the guards that keep names and due times unique.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::id::PolicyId;
use crate::domain::minutes::Minutes;
use crate::domain::policy::{Draft, MAX_POLICIES, Policy};
use crate::domain::text::{Description, PolicyName};
use crate::domain::version::Version;
use crate::problem::{Problem, Resource};
use crate::store::transaction::Transaction;
use crate::store::{Store, key, malformed};

/// The policies of one workspace, to be read.
#[derive(Clone, Debug)]
pub struct Policies {
    store: Store,
    pk: String,
}

/// The policies of one workspace, to be changed.
#[derive(Clone, Debug)]
pub struct PolicyWriter {
    store: Store,
    pk: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PolicyItem {
    pk: String,
    sk: String,
    id: PolicyId,
    name: PolicyName,
    description: Description,
    due_time_in_minutes: Minutes,
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
}

impl PolicyWriter {
    pub(super) fn new(store: Store, pk: String) -> PolicyWriter {
        PolicyWriter { store, pk }
    }

    /// Adds a policy, unless its name or due time is in use, or there are [`MAX_POLICIES`] already.
    pub async fn insert(&self, policy: &Policy) -> Result<(), Problem> {
        let mut transaction = self.store.transaction();
        let item = self.item(policy, transaction.write_id());
        transaction.put_new(&item, || {
            Problem::Internal("a new policy's id is in use".into())
        })?;
        let Draft {
            name,
            due_time_in_minutes,
            ..
        } = &policy.draft;
        self.guard(&mut transaction, key::policy_name(name), policy)?;
        let due = key::policy_due(*due_time_in_minutes);
        self.guard(&mut transaction, due, policy)?;
        transaction.one_more(&self.pk, key::POLICY_COUNT, MAX_POLICIES, || {
            Problem::LimitExceeded {
                resource: Resource::Policy,
                max: MAX_POLICIES,
            }
        })?;
        transaction.commit().await
    }

    /// Writes a policy over the one it was, unless its name or due time is another's. The guards
    /// move with it. [`Problem::Overtaken`] if it is no longer the one it was.
    pub async fn update(&self, policy: &Policy, current: &Policy) -> Result<(), Problem> {
        let mut transaction = self.store.transaction();
        let item = self.item(policy, transaction.write_id());
        transaction.put_over(&item, current.version)?;
        let (to, from) = (&policy.draft, &current.draft);
        if to.name != from.name {
            self.guard(&mut transaction, key::policy_name(&to.name), policy)?;
            transaction.delete_any(&self.pk, &key::policy_name(&from.name))?;
        }
        if to.due_time_in_minutes != from.due_time_in_minutes {
            let (due, due_before) = (to.due_time_in_minutes, from.due_time_in_minutes);
            self.guard(&mut transaction, key::policy_due(due), policy)?;
            transaction.delete_any(&self.pk, &key::policy_due(due_before))?;
        }
        transaction.commit().await
    }

    /// Deletes a policy as it is, and frees its name and its due time.
    /// [`Problem::Overtaken`] if it is no longer so.
    pub async fn delete(&self, policy: &Policy) -> Result<(), Problem> {
        let Draft {
            name,
            due_time_in_minutes,
            ..
        } = &policy.draft;
        let mut transaction = self.store.transaction();
        transaction.delete(&self.pk, &key::policy(&policy.id), policy.version)?;
        transaction.delete_any(&self.pk, &key::policy_name(name))?;
        transaction.delete_any(&self.pk, &key::policy_due(*due_time_in_minutes))?;
        transaction.one_less(&self.pk, key::POLICY_COUNT)?;
        transaction.commit().await
    }

    fn item(&self, policy: &Policy, write_id: &str) -> PolicyItem {
        let Policy {
            id,
            draft,
            updated_at,
            version,
        } = policy.clone();
        PolicyItem {
            pk: self.pk.clone(),
            sk: key::policy(&id),
            id,
            name: draft.name,
            description: draft.description,
            due_time_in_minutes: draft.due_time_in_minutes,
            updated_at,
            version,
            write_id: write_id.to_owned(),
        }
    }

    /// Claims a name or a due time.
    fn guard(
        &self,
        transaction: &mut Transaction<'_>,
        sk: String,
        policy: &Policy,
    ) -> Result<(), Problem> {
        let guard = GuardItem {
            pk: self.pk.clone(),
            sk,
            holder: policy.id.clone(),
            write_id: transaction.write_id().to_owned(),
        };
        transaction.put_new(&guard, || Problem::DuplicatePolicy)
    }
}

impl PolicyItem {
    fn into_policy(self) -> Policy {
        let draft = Draft {
            name: self.name,
            description: self.description,
            due_time_in_minutes: self.due_time_in_minutes,
        };
        Policy {
            id: self.id,
            draft,
            updated_at: self.updated_at,
            version: self.version,
        }
    }
}
