//! A workspace's policies, and the guards that keep names and due times unique.

use aws_sdk_dynamodb::types::TransactWriteItem;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::id::PolicyId;
use crate::domain::policy::{Draft, MAX_POLICIES, Policy};
use crate::problem::{Problem, Resource};
use crate::store::transaction::Transacted;
use crate::store::{Store, key};

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
    version: u64,
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

    /// Adds a policy, unless its name or due time is taken, or there are [`MAX_POLICIES`] already.
    pub async fn insert(&self, policy: &Policy) -> Result<(), Problem> {
        let write_id = self.store.next_write_id();
        let item = PolicyItem {
            pk: self.pk.clone(),
            sk: key::policy(&policy.id),
            id: policy.id.clone(),
            draft: policy.draft.clone(),
            updated_at: policy.updated_at,
            version: 1,
            write_id: write_id.clone(),
        };
        let items = vec![
            self.store.put_new(&item)?,
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
