//! Teams and their credentials, as operators manage them.
//!
//! A credential is found by its digest; a pointer under its team, made in the same transaction,
//! lets an operator find it by its id.

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::digest::Digest;
use crate::domain::id::{KeyId, TeamId, UserId};
use crate::domain::principal::{CredentialKind, Mode, Permission, Plan};
use crate::problem::Problem;
use crate::store::credentials::CredentialItem;
use crate::store::transaction::WRITE_ID;
use crate::store::{Store, key, malformed, problem, string};

/// A team as operators see it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Team {
    /// Who it is.
    pub id: TeamId,
    /// What its people call it.
    pub name: String,
    /// What it has paid for.
    pub plan: Plan,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A credential to be made.
#[derive(Clone, Debug)]
pub struct NewCredential {
    /// What operators call it.
    pub holder: Holder,
    /// What its secret hashes to.
    pub digest: Digest,
    /// Whose it is.
    pub team: TeamId,
    /// Which world it sees.
    pub mode: Mode,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
    /// How often it may be used; as deployed, if `None`.
    pub limit: Option<OwnLimit>,
    /// When it was made.
    pub now: Timestamp,
}

/// How often a credential may be used, if not as deployed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnLimit {
    /// Calls in one window.
    pub calls: u32,
    /// The window's length in seconds; as deployed, if `None`.
    pub window_seconds: Option<u32>,
}

/// Who holds a credential.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "holder")]
pub enum Holder {
    /// Whoever has the key.
    Key {
        /// The key's id.
        id: KeyId,
        /// What the key is.
        kind: CredentialKind,
    },
    /// A Rocket.Chat user.
    User {
        /// The user's id.
        id: UserId,
        /// What the user is called.
        name: String,
        /// What the user may do.
        permissions: Vec<Permission>,
    },
}

/// A credential as operators see it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Listed {
    /// What operators call it.
    #[serde(flatten)]
    pub holder: Holder,
    /// Which world it sees.
    pub mode: Mode,
    /// Whether it has been revoked.
    pub active: bool,
    /// When it stops working.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// How often it may be used, if that is its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call_limit: Option<u32>,
    /// The length of its own window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window_seconds: Option<u32>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A change to a credential.
#[derive(Clone, Debug)]
pub enum Change {
    /// It works no more.
    Revoke,
    /// It works until then, at the longest.
    ExpireAt(Timestamp),
    /// It may be used so often; as deployed, if `None`.
    Allow(Option<OwnLimit>),
    /// Its user may do this, and nothing else.
    Permit(Vec<Permission>),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TeamItem {
    pk: String,
    sk: String,
    #[serde(flatten)]
    team: Team,
    write_id: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PointerItem {
    pk: String,
    sk: String,
    digest: Digest,
    name: Option<String>,
    created_at: Timestamp,
    write_id: String,
}

impl Store {
    /// Makes a team, in both modes.
    pub async fn create_team(&self, team: &Team) -> Result<(), Problem> {
        let mut transaction = self.transaction();
        let write_id = transaction.write_id().to_owned();
        let settings = |pk, sk| TeamItem {
            pk,
            sk,
            team: team.clone(),
            write_id: write_id.clone(),
        };
        let live = settings(key::team(&team.id, Mode::Live), key::TEAM.to_owned());
        let test = settings(key::team(&team.id, Mode::Test), key::TEAM.to_owned());
        let listed = settings(key::TEAMS.to_owned(), team.id.to_string());
        for item in [&live, &test, &listed] {
            transaction.put_new(item, || {
                Problem::Internal("a new team's id is in use".into())
            })?;
        }
        transaction.commit().await
    }

    /// Every team, by id, which is by age.
    pub async fn list_teams(&self) -> Result<Vec<Team>, Problem> {
        let items: Vec<TeamItem> = self.all(key::TEAMS, key::TEAM_IDS).await?;
        Ok(items.into_iter().map(|item| item.team).collect())
    }

    /// A team; `None` if there is none.
    pub async fn find_team(&self, id: &TeamId) -> Result<Option<Team>, Problem> {
        let item = self.get(&key::team(id, Mode::Live), key::TEAM).await?;
        let item: Option<TeamItem> = item
            .map(serde_dynamo::from_item)
            .transpose()
            .map_err(malformed)?;
        Ok(item.map(|item| item.team))
    }

    /// Makes a credential. `false` if its holder or its secret is there already.
    pub async fn create_credential(
        &self,
        new: &NewCredential,
        plan: Plan,
    ) -> Result<bool, Problem> {
        let mut transaction = self.transaction();
        let write_id = transaction.write_id().to_owned();
        let (pk, sk) = key::credential(new.digest.as_str());
        let (kind, user_id, permissions, name) = match &new.holder {
            Holder::Key { kind, .. } => (*kind, None, Vec::new(), None),
            Holder::User {
                id,
                name,
                permissions,
            } => (
                CredentialKind::User,
                Some(id.clone()),
                permissions.clone(),
                Some(name.clone()),
            ),
        };
        let credential = CredentialItem {
            pk,
            sk,
            kind,
            team: new.team.clone(),
            mode: new.mode,
            plan,
            permissions,
            user_id,
            active: true,
            expires_at: new.expires_at.map(Timestamp::as_second),
            call_limit: new.limit.map(|limit| limit.calls),
            window_seconds: new.limit.and_then(|limit| limit.window_seconds),
            write_id: write_id.clone(),
        };
        let pointer = PointerItem {
            pk: key::team(&new.team, new.mode),
            sk: new.holder.pointer(),
            digest: new.digest.clone(),
            name,
            created_at: new.now,
            write_id: write_id.clone(),
        };
        let in_use = || Problem::Internal("the credential exists already".into());
        transaction.put_new(&credential, in_use)?;
        transaction.put_new(&pointer, in_use)?;
        transaction.commit_if_allowed().await
    }

    /// A team's keys, in both modes.
    pub async fn list_keys(&self, team: &TeamId) -> Result<Vec<Listed>, Problem> {
        let mut listed = self.listed(team, Mode::Live, key::KEY_POINTERS).await?;
        listed.extend(self.listed(team, Mode::Test, key::KEY_POINTERS).await?);
        Ok(listed)
    }

    /// A workspace's users.
    pub async fn list_users(&self, team: &TeamId) -> Result<Vec<Listed>, Problem> {
        self.listed(team, Mode::Live, key::USER_POINTERS).await
    }

    /// Changes the credential of a key. `false` if the team has no such key.
    pub async fn change_key(
        &self,
        team: &TeamId,
        id: &KeyId,
        change: &Change,
    ) -> Result<bool, Problem> {
        for mode in [Mode::Live, Mode::Test] {
            if self
                .change(&key::team(team, mode), &key::key_pointer(id), change)
                .await?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Changes the credential of a user. `false` if the workspace has no such user.
    pub async fn change_user(
        &self,
        team: &TeamId,
        id: &UserId,
        change: &Change,
    ) -> Result<bool, Problem> {
        self.change(&key::team(team, Mode::Live), &key::user_pointer(id), change)
            .await
    }

    async fn listed(
        &self,
        team: &TeamId,
        mode: Mode,
        prefix: &str,
    ) -> Result<Vec<Listed>, Problem> {
        let pointers: Vec<PointerItem> = self.all(&key::team(team, mode), prefix).await?;
        let mut listed = Vec::with_capacity(pointers.len());
        for pointer in pointers {
            let (pk, sk) = key::credential(pointer.digest.as_str());
            let item = self.get(&pk, &sk).await?;
            let item: Option<CredentialItem> = item
                .map(serde_dynamo::from_item)
                .transpose()
                .map_err(malformed)?;
            listed.extend(item.and_then(|credential| credential.listed(pointer)));
        }
        Ok(listed)
    }

    async fn change(&self, pk: &str, pointer_sk: &str, change: &Change) -> Result<bool, Problem> {
        let Some(pointer) = self.get(pk, pointer_sk).await? else {
            return Ok(false);
        };
        let pointer: PointerItem = serde_dynamo::from_item(pointer).map_err(malformed)?;
        let (pk, sk) = key::credential(pointer.digest.as_str());
        let (expression, values) = change.expression();
        let mut update = self.table.client.update_item().table_name(&self.table.name);
        update = update.key(key::PK, string(&pk)).key(key::SK, string(&sk));
        let mut condition = "attribute_exists(pk)".to_owned();
        if matches!(change, Change::ExpireAt(_)) {
            condition.push_str(" AND (attribute_not_exists(expiresAt) OR expiresAt > :at)");
        }
        update = update
            .update_expression(expression)
            .condition_expression(condition);
        update = update.expression_attribute_names("#write", WRITE_ID);
        update = update.expression_attribute_values(":write", string(&self.next_write_id()));
        if matches!(change, Change::Permit(_)) {
            update = update.expression_attribute_names("#permissions", "permissions");
        }
        for (name, value) in values {
            update = update.expression_attribute_values(name, value);
        }
        match update.send().await {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                // What expires earlier stays as it is.
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => {
                    Ok(matches!(change, Change::ExpireAt(_)))
                }
                _ => Err(problem(error)),
            },
        }
    }
}

impl Holder {
    fn pointer(&self) -> String {
        match self {
            Holder::Key { id, .. } => key::key_pointer(id),
            Holder::User { id, .. } => key::user_pointer(id),
        }
    }
}

impl CredentialItem {
    fn listed(self, pointer: PointerItem) -> Option<Listed> {
        let holder = match self.user_id {
            Some(id) => Holder::User {
                id,
                name: pointer.name?,
                permissions: self.permissions,
            },
            None => {
                let id = KeyId::parse(pointer.sk.strip_prefix(key::KEY_POINTERS)?)?;
                Holder::Key {
                    id,
                    kind: self.kind,
                }
            }
        };
        Some(Listed {
            holder,
            mode: self.mode,
            active: self.active,
            expires_at: self
                .expires_at
                .and_then(|second| Timestamp::from_second(second).ok()),
            call_limit: self.call_limit,
            window_seconds: self.window_seconds,
            created_at: pointer.created_at,
        })
    }
}

impl Change {
    /// The update's expression and its values; `#write` and `:write` are given.
    fn expression(&self) -> (String, Vec<(&'static str, AttributeValue)>) {
        let number = |n: i64| AttributeValue::N(n.to_string());
        match self {
            Change::Revoke => (
                "SET active = :no, #write = :write".to_owned(),
                vec![(":no", AttributeValue::Bool(false))],
            ),
            Change::ExpireAt(at) => (
                "SET expiresAt = :at, #write = :write".to_owned(),
                vec![(":at", number(at.as_second()))],
            ),
            Change::Allow(Some(OwnLimit {
                calls,
                window_seconds: Some(seconds),
            })) => (
                "SET callLimit = :limit, windowSeconds = :window, #write = :write".to_owned(),
                vec![
                    (":limit", number((*calls).into())),
                    (":window", number((*seconds).into())),
                ],
            ),
            Change::Allow(Some(OwnLimit {
                calls,
                window_seconds: None,
            })) => (
                "SET callLimit = :limit, #write = :write REMOVE windowSeconds".to_owned(),
                vec![(":limit", number((*calls).into()))],
            ),
            Change::Allow(None) => (
                "SET #write = :write REMOVE callLimit, windowSeconds".to_owned(),
                Vec::new(),
            ),
            Change::Permit(permissions) => {
                let permissions = permissions
                    .iter()
                    .map(|permission| string(permission.as_str()))
                    .collect();
                let value = (":permissions", AttributeValue::L(permissions));
                (
                    "SET #permissions = :permissions, #write = :write".to_owned(),
                    vec![value],
                )
            }
        }
    }
}
