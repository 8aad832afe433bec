//! Teams and their credentials, as operators manage them.
//!
//! A credential is stored under its digest. A pointer in its team's partition, written in the same
//! transaction, lets operators find it by its id, and holds what only operators need to know about
//! it.

mod change;
pub mod delete;
mod reach;
mod rotate;
mod teams;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::digest::Digest;
use crate::domain::id::{KeyId, TeamId, UserId};
use crate::domain::principal::{CredentialKind, Mode, Permission, Plan};
use crate::problem::Problem;
use crate::store::credentials::CredentialItem;
use crate::store::{Store, key, malformed, number};

/// How often a change is attempted when someone else changes the same team or user meanwhile.
/// Operators rarely work on one team at the same moment, so a second attempt is an exception, and
/// needing more than four is a fault.
const MAX_ATTEMPTS: u32 = 4;

/// A team as operators see it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Team {
    /// Its id.
    pub id: TeamId,
    /// Its name.
    pub name: String,
    /// Its plan.
    pub plan: Plan,
    /// When it was created.
    pub created_at: Timestamp,
}

/// A credential to be created.
#[derive(Clone, Debug)]
pub struct NewCredential {
    /// Its holder.
    pub holder: Holder,
    /// The digest of its secret.
    pub digest: Digest,
    /// The last four characters of its secret, if they are known.
    pub last_four: Option<LastFour>,
    /// The team that it belongs to.
    pub team: TeamId,
    /// The mode of the data that it sees.
    pub mode: Mode,
    /// When it expires, if it does.
    pub expires_at: Option<Timestamp>,
    /// Its own limit; `None` for the limit of the deployment.
    pub limit: Option<OwnLimit>,
    /// When it is created.
    pub now: Timestamp,
}

/// A limit of a credential's own, in place of the deployment's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnLimit {
    /// Calls in one window.
    pub calls: u32,
    /// The window's length in seconds; `None` for that of the deployment.
    pub window_seconds: Option<u32>,
}

/// Who holds a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// The unnamed holder of a key.
    Key {
        /// The key's id.
        id: KeyId,
        /// The name that operators gave it.
        name: Option<String>,
        /// Its kind.
        kind: CredentialKind,
    },
    /// A Rocket.Chat user.
    User {
        /// The user's id.
        id: UserId,
        /// The user's name.
        name: String,
        /// The user's permissions.
        permissions: Vec<Permission>,
    },
}

/// The last four characters of a secret, by which people recognise it. In a key they belong to the
/// checksum, so the 26 random characters stay secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LastFour(String);

/// A credential as operators see it.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Its holder.
    pub holder: Holder,
    /// The mode of the data that it sees.
    pub mode: Mode,
    /// The last four characters of its secret, if they are known.
    pub last_four: Option<LastFour>,
    /// `false` once it has been revoked.
    pub active: bool,
    /// When it expires, if it does.
    pub expires_at: Option<Timestamp>,
    /// Its own limit; `None` for the limit of the deployment.
    pub limit: Option<OwnLimit>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last admitted, if ever.
    pub last_used_at: Option<Timestamp>,
    /// The key that replaced it, if it is a key that has been rotated.
    pub successor: Option<KeyId>,
}

/// Whether a credential works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It works, and does not expire.
    Active,
    /// It works, but expires in the future.
    Expiring,
    /// It has expired.
    Expired,
    /// It has been revoked.
    Revoked,
}

/// A change to a credential.
#[derive(Clone, Debug)]
pub enum Change {
    /// Stops it from working.
    Revoke,
    /// Lets it expire at this instant, unless it already expires earlier.
    ExpireAt(Timestamp),
    /// Sets its limit; `None` for the limit of the deployment. Not for revoked credentials.
    Allow(Option<OwnLimit>),
    /// Sets the permissions of its user. Not for revoked credentials.
    Permit(Vec<Permission>),
    /// Sets its copy of the team's plan.
    Plan(Plan),
}

/// A secret that replaces another.
#[derive(Clone, Debug)]
pub struct Replacement {
    /// Its digest.
    pub digest: Digest,
    /// Its last four characters.
    pub last_four: LastFour,
    /// When the secret that it replaces stops working, at the latest.
    pub grace_ends_at: Timestamp,
    /// The time of the rotation.
    pub now: Timestamp,
}

/// The outcome of a rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// The secret has been replaced.
    Done,
    /// The secret has not been replaced: someone else rotated the credential meanwhile.
    WriteConflict,
    /// The secret has not been replaced: too many of the user's earlier tokens still work.
    TooManyTokens,
}

/// Why the table cannot be used.
#[derive(Debug)]
pub struct Unreached {
    /// The URL that was tried; `None` if no request could be sent, for want of a region or of
    /// credentials.
    pub endpoint: Option<String>,
    /// What went wrong; [`Problem::Unavailable`] if nothing responded.
    pub problem: Problem,
}

/// A stored credential, for operators to inspect or rotate.
pub struct Found {
    /// The credential as operators see it.
    pub listed: Listed,
    credential: CredentialItem,
    pointer: PointerItem,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PointerItem {
    pk: String,
    sk: String,
    digest: Digest,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_four: Option<LastFour>,
    /// Of a rotated key: the key that replaced it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    successor: Option<KeyId>,
    /// Of a rotated key: when its grace period ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    grace_ends_at: Option<i64>,
    /// Of a rotated key: the expiry that it was created with. Its credential may now expire
    /// earlier, with the grace period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    own_expires_at: Option<i64>,
    /// Of a user whose token was rotated: the digests of earlier tokens, which may still work.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    earlier: Vec<Digest>,
    created_at: Timestamp,
    write_id: String,
}

impl LastFour {
    const CHARS: usize = 4;

    /// Reads the end of a secret that was made elsewhere; `None` if no secret can end like this.
    pub fn parse(text: &str) -> Option<LastFour> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        let fits = text.len() == LastFour::CHARS && text.bytes().all(allowed);
        fits.then(|| LastFour(text.to_owned()))
    }

    /// The end of a secret.
    pub fn of(secret: &str) -> LastFour {
        let before = secret.chars().count().saturating_sub(LastFour::CHARS);
        LastFour(secret.chars().skip(before).collect())
    }

    /// The four characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Listed {
    /// Whether it works at `now`.
    pub fn state(&self, now: Timestamp) -> State {
        match self.expires_at {
            _ if !self.active => State::Revoked,
            None => State::Active,
            Some(at) if at > now => State::Expiring,
            Some(_) => State::Expired,
        }
    }
}

impl Store {
    /// Creates a credential. `false` if there already is one with the same holder or the same
    /// secret.
    pub async fn create_credential(
        &self,
        new: &NewCredential,
        plan: Plan,
    ) -> Result<bool, Problem> {
        let mut transaction = self.transaction();
        let write_id = transaction.write_id().to_owned();
        let (pk, sk) = key::credential(new.digest.as_str());
        let (kind, user_id, permissions, name) = match &new.holder {
            Holder::Key { kind, name, .. } => (*kind, None, Vec::new(), name.clone()),
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
            last_four: new.last_four.clone(),
            successor: None,
            grace_ends_at: None,
            own_expires_at: None,
            earlier: Vec::new(),
            created_at: new.now,
            write_id: write_id.clone(),
        };
        let in_use = || Problem::Internal("the credential exists already".into());
        transaction.put_new(&credential, in_use)?;
        transaction.put_new(&pointer, in_use)?;
        let created = transaction.commit_if_allowed().await?;
        if created && !self.correct_plan(&new.team, &new.digest, plan).await? {
            self.delete_pointer(&pointer.pk, &pointer.sk).await?;
            return Err(Problem::Internal("the team was deleted meanwhile".into()));
        }
        Ok(created)
    }

    /// All keys of a team, in both modes.
    pub async fn list_keys(&self, team: &TeamId) -> Result<Vec<Listed>, Problem> {
        let mut listed = self.listed(team, Mode::Live, key::KEY_POINTERS).await?;
        listed.extend(self.listed(team, Mode::Test, key::KEY_POINTERS).await?);
        Ok(listed)
    }

    /// All users of a workspace.
    pub async fn list_users(&self, team: &TeamId) -> Result<Vec<Listed>, Problem> {
        self.listed(team, Mode::Live, key::USER_POINTERS).await
    }

    /// A key of a team; `None` if the team has no such key.
    pub async fn find_key(&self, team: &TeamId, id: &KeyId) -> Result<Option<Found>, Problem> {
        match self.find_key_pointer(team, id).await? {
            Some(pointer) => self.found(pointer).await,
            None => Ok(None),
        }
    }

    /// A user of a workspace; `None` if the workspace has no such user.
    pub async fn find_user(&self, team: &TeamId, id: &UserId) -> Result<Option<Found>, Problem> {
        match self.find_user_pointer(team, id).await? {
            Some(pointer) => self.found(pointer).await,
            None => Ok(None),
        }
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
            listed.extend(self.found(pointer).await?.map(|found| found.listed));
        }
        Ok(listed)
    }

    async fn found(&self, pointer: PointerItem) -> Result<Option<Found>, Problem> {
        let (pk, sk) = key::credential(pointer.digest.as_str());
        let Some(item) = self.get(&pk, &sk).await? else {
            return Ok(None);
        };
        let last_used_at = number(&item, "lastUsedAt");
        let credential: CredentialItem = serde_dynamo::from_item(item).map_err(malformed)?;
        let listed = credential.listed(&pointer, last_used_at);
        Ok(listed.map(|listed| Found {
            listed,
            credential,
            pointer,
        }))
    }

    async fn find_key_pointer(
        &self,
        team: &TeamId,
        id: &KeyId,
    ) -> Result<Option<PointerItem>, Problem> {
        for mode in [Mode::Live, Mode::Test] {
            let (pk, sk) = (key::team(team, mode), key::key_pointer(id));
            if let Some(pointer) = self.find_pointer(&pk, &sk).await? {
                return Ok(Some(pointer));
            }
        }
        Ok(None)
    }

    async fn find_user_pointer(
        &self,
        team: &TeamId,
        id: &UserId,
    ) -> Result<Option<PointerItem>, Problem> {
        let (pk, sk) = (key::team(team, Mode::Live), key::user_pointer(id));
        self.find_pointer(&pk, &sk).await
    }

    async fn find_pointer(&self, pk: &str, sk: &str) -> Result<Option<PointerItem>, Problem> {
        let item = self.get(pk, sk).await?;
        item.map(serde_dynamo::from_item)
            .transpose()
            .map_err(malformed)
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

impl PointerItem {
    /// The digests of all its secrets, the current one first.
    fn digests(&self) -> impl Iterator<Item = &Digest> {
        [&self.digest].into_iter().chain(&self.earlier)
    }
}

impl CredentialItem {
    fn listed(&self, pointer: &PointerItem, last_used_at: Option<i64>) -> Option<Listed> {
        let instant = |second: i64| Timestamp::from_second(second).ok();
        let holder = match &self.user_id {
            Some(id) => Holder::User {
                id: id.clone(),
                name: pointer.name.clone()?,
                permissions: self.permissions.clone(),
            },
            None => Holder::Key {
                id: KeyId::parse(pointer.sk.strip_prefix(key::KEY_POINTERS)?)?,
                name: pointer.name.clone(),
                kind: self.kind,
            },
        };
        Some(Listed {
            holder,
            mode: self.mode,
            last_four: pointer.last_four.clone(),
            active: self.active,
            expires_at: self.expires_at.and_then(instant),
            limit: self.limit(),
            created_at: pointer.created_at,
            last_used_at: last_used_at.and_then(instant),
            successor: pointer.successor.clone(),
        })
    }

    fn limit(&self) -> Option<OwnLimit> {
        self.call_limit.map(|calls| OwnLimit {
            calls,
            window_seconds: self.window_seconds,
        })
    }
}

fn integer(n: impl Into<i64>) -> AttributeValue {
    AttributeValue::N(n.into().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_four_characters_of_a_secret_are_kept() {
        assert_eq!(LastFour::of("pk_test_x9-Z_").as_str(), "9-Z_");
        assert_eq!(LastFour::parse("9-Z_"), Some(LastFour::of("pk_test_x9-Z_")));
        for other in ["", "abc", "abcde", "ab c", "abé"] {
            assert_eq!(LastFour::parse(other), None, "{other}");
        }
    }
}
