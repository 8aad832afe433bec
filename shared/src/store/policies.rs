//! A workspace's policies, and the guards that keep names and due times unique.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::id::PolicyId;
use crate::domain::minutes::Minutes;
use crate::domain::policy::{MAX_POLICIES, Policy, PolicyDraft};
use crate::domain::text::{Description, PolicyName};
use crate::domain::version::Version;
use crate::problem::{Problem, Resource, WorkspaceProblem};
use crate::store::team::{ReadWrite, TeamStore};
use crate::store::transaction::Transaction;
use crate::store::{key, malformed};

/// The policies of one workspace.
#[derive(Clone, Debug)]
pub struct Policies<Rights> {
    team: TeamStore<Rights>,
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

/// An item whose existence says that a name or a due time is in use, and by which policy.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct GuardItem {
    pk: String,
    sk: String,
    holder: PolicyId,
    write_id: String,
}

impl<Rights> Policies<Rights> {
    pub(super) fn new(team: TeamStore<Rights>) -> Policies<Rights> {
        Policies { team }
    }

    /// All policies, oldest first: at most [`MAX_POLICIES`], usually of 300 bytes.
    pub async fn list(&self) -> Result<Vec<Policy>, Problem> {
        let items: Vec<PolicyItem> = self.team.store.all(&self.team.pk, key::POLICIES).await?;
        Ok(items.into_iter().map(PolicyItem::into_policy).collect())
    }

    /// The policy with this id, as the client gave it.
    pub async fn find(&self, id: &str) -> Result<Policy, Problem> {
        let unknown = || Problem::NotFound {
            resource: Resource::Policy,
            id: id.to_owned(),
        };
        let id = PolicyId::parse(id).ok_or_else(unknown)?;
        let item = self
            .team
            .store
            .get(&self.team.pk, &key::policy(&id))
            .await?
            .ok_or_else(unknown)?;
        serde_dynamo::from_item(item)
            .map(PolicyItem::into_policy)
            .map_err(malformed)
    }
}

impl<Rights> Policies<Rights> {
    /// The policy with this id, or else with this name.
    pub async fn find_by_id_or_name(&self, text: &str) -> Result<Option<Policy>, Problem> {
        match self.find(text).await {
            Ok(policy) => return Ok(Some(policy)),
            Err(Problem::NotFound { .. }) => {}
            Err(other) => return Err(other),
        }
        let Ok(name) = PolicyName::new(text.to_owned()) else {
            return Ok(None);
        };
        let guard = key::policy_name(&name);
        let Some(guard) = self.team.store.get(&self.team.pk, &guard).await? else {
            return Ok(None);
        };
        let guard: GuardItem = serde_dynamo::from_item(guard).map_err(malformed)?;
        match self.find(guard.holder.as_str()).await {
            Ok(policy) => Ok(Some(policy)),
            Err(Problem::NotFound { .. }) => Ok(None),
            Err(other) => Err(other),
        }
    }
}

impl Policies<ReadWrite> {
    /// Adds a policy, unless its name or due time is in use or there are already [`MAX_POLICIES`].
    pub async fn insert(&self, policy: &Policy) -> Result<(), Problem> {
        let mut transaction = self.team.store.transaction();
        let item = self.item(policy, transaction.write_id());
        transaction.put_new(&item, || {
            Problem::Internal("a new policy's id is in use".into())
        })?;
        let PolicyDraft {
            name,
            due_time_in_minutes,
            ..
        } = &policy.draft;
        self.guard(&mut transaction, key::policy_name(name), policy)?;
        let due = key::policy_due(*due_time_in_minutes);
        self.guard(&mut transaction, due, policy)?;
        transaction.increment(&self.team.pk, key::POLICY_COUNT, MAX_POLICIES, || {
            Problem::LimitExceeded {
                resource: Resource::Policy,
                max: MAX_POLICIES,
            }
        })?;
        transaction.commit().await
    }

    /// Replaces `current` and moves the guards, unless another policy uses the name or the due time.
    /// [`Problem::WriteConflict`] if the stored policy has another version.
    pub async fn update(&self, policy: &Policy, current: &Policy) -> Result<(), Problem> {
        let mut transaction = self.team.store.transaction();
        let item = self.item(policy, transaction.write_id());
        transaction.replace(&item, current.version)?;
        let (new, old) = (&policy.draft, &current.draft);
        if new.name != old.name {
            self.guard(&mut transaction, key::policy_name(&new.name), policy)?;
            transaction.delete_any(&self.team.pk, &key::policy_name(&old.name))?;
        }
        if new.due_time_in_minutes != old.due_time_in_minutes {
            let (due, old_due) = (new.due_time_in_minutes, old.due_time_in_minutes);
            self.guard(&mut transaction, key::policy_due(due), policy)?;
            transaction.delete_any(&self.team.pk, &key::policy_due(old_due))?;
        }
        transaction.commit().await
    }

    /// Deletes a policy and its guards.
    /// [`Problem::WriteConflict`] if the stored policy has another version.
    pub async fn delete(&self, policy: &Policy) -> Result<(), Problem> {
        let PolicyDraft {
            name,
            due_time_in_minutes,
            ..
        } = &policy.draft;
        let mut transaction = self.team.store.transaction();
        transaction.delete(&self.team.pk, &key::policy(&policy.id), policy.version)?;
        transaction.delete_any(&self.team.pk, &key::policy_name(name))?;
        transaction.delete_any(&self.team.pk, &key::policy_due(*due_time_in_minutes))?;
        transaction.decrement(&self.team.pk, key::POLICY_COUNT)?;
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
            pk: self.team.pk.clone(),
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
            pk: self.team.pk.clone(),
            sk,
            holder: policy.id.clone(),
            write_id: transaction.write_id().to_owned(),
        };
        transaction.put_new(&guard, || {
            Problem::Workspace(WorkspaceProblem::DuplicatePolicy)
        })
    }
}

impl PolicyItem {
    fn into_policy(self) -> Policy {
        let draft = PolicyDraft {
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
