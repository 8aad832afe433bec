//! Teams and their credentials, as operators manage them.
//!
//! A credential is found by its digest. A pointer under its team, made in the same transaction,
//! lets an operator find it by its id, and keeps what only operators need to know about it.

mod change;
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

/// How often work that meets someone else's change starts again. Operators rarely work on one team
/// at the same moment, so a second round is an exception and a fourth a fault.
const MAX_ROUNDS: u32 = 4;

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
    /// The end of its secret, if it is known.
    pub last_four: Option<LastFour>,
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// Whoever has the key.
    Key {
        /// The key's id.
        id: KeyId,
        /// What operators call the key.
        name: Option<String>,
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

/// The last four characters of a secret, by which people recognise it. Of a key they are part of
/// the checksum, so the 26 random characters stay unknown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LastFour(String);

/// A credential as operators see it.
#[derive(Clone, Debug)]
pub struct Listed {
    /// What operators call it.
    pub holder: Holder,
    /// Which world it sees.
    pub mode: Mode,
    /// The end of its secret, if it is known.
    pub last_four: Option<LastFour>,
    /// Whether it has not been revoked.
    pub active: bool,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
    /// How often it may be used, if that is its own.
    pub limit: Option<OwnLimit>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last admitted.
    pub last_used_at: Option<Timestamp>,
    /// The key that takes its place, if it is a key that has been rotated.
    pub successor: Option<KeyId>,
}

/// Whether a credential works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It works, and nothing ends that.
    Active,
    /// It works until an instant that lies ahead.
    Expiring,
    /// That instant has passed.
    Expired,
    /// It has been revoked.
    Revoked,
}

/// A change to a credential.
#[derive(Clone, Debug)]
pub enum Change {
    /// It works no more.
    Revoke,
    /// It works until then, at the longest.
    ExpireAt(Timestamp),
    /// It may be used so often; as deployed, if `None`. Not for revoked credentials.
    Allow(Option<OwnLimit>),
    /// Its user may do this, and nothing else. Not for revoked credentials.
    Permit(Vec<Permission>),
    /// Its team has this plan.
    Plan(Plan),
}

/// A secret that takes another's place.
#[derive(Clone, Debug)]
pub struct Replacement {
    /// What it hashes to.
    pub digest: Digest,
    /// Its end.
    pub last_four: LastFour,
    /// When the secret before it stops working, at the latest.
    pub grace_ends_at: Timestamp,
    /// Now.
    pub now: Timestamp,
}

/// What became of a rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// It happened.
    Done,
    /// Someone else rotated the credential meanwhile.
    Overtaken,
    /// Too many of the user's earlier tokens still work.
    TooManyTokens,
}

/// Why the table cannot be used.
#[derive(Debug)]
pub struct Unreached {
    /// The URL that was tried; `None` if no request could be sent, for want of a region or of
    /// credentials.
    pub endpoint: Option<String>,
    /// What went wrong: unavailable if nothing answered.
    pub problem: Problem,
}

/// A credential as it was read, to be shown or replaced.
pub struct Found {
    /// What operators may see of it.
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
    /// Of a rotated key: the key that takes its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    successor: Option<KeyId>,
    /// Of a rotated key: when its grace ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    grace_ends_at: Option<i64>,
    /// Of a rotated key: the expiry that it was made with, since its credential may now have that
    /// of its grace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    own_expires_at: Option<i64>,
    /// Of a user whose token was rotated: earlier tokens, which may still work.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    earlier: Vec<Digest>,
    created_at: Timestamp,
    write_id: String,
}

impl LastFour {
    const CHARS: usize = 4;

    /// Reads the end of a secret that was made elsewhere; `None` if no secret could end so.
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
    /// Whether it works at this instant.
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
        let made = transaction.commit_if_allowed().await?;
        if made {
            self.correct_plan(&new.team, &new.digest, plan).await?;
        }
        Ok(made)
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
    /// What all its secrets hash to, the current one first.
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
    fn four_characters_of_a_secret_are_kept_and_no_more() {
        assert_eq!(LastFour::of("pk_test_x9-Z_").as_str(), "9-Z_");
        assert_eq!(LastFour::parse("9-Z_"), Some(LastFour::of("pk_test_x9-Z_")));
        for other in ["", "abc", "abcde", "ab c", "abé"] {
            assert_eq!(LastFour::parse(other), None, "{other}");
        }
    }
}
