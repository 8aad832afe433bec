//! New teams, keys and tokens. A secret is told once, here, and kept only as its SHA-256.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use shared::auth::key::{Key, NoRandomness, Token, generate_user_id};
use shared::domain::digest::Digest;
use shared::domain::id::{KeyId, Randomness, TeamId, UserId};
use shared::domain::principal::{CredentialKind, Mode, Permission, Plan};
use shared::problem::{Cause, Problem};
use shared::store::Store;
use shared::store::credentials::manage::{Change, Holder, Listed, NewCredential, OwnLimit, Team};

/// Why nothing was issued.
#[derive(Debug)]
pub enum IssueError {
    /// The team does not exist.
    NoTeam,
    /// The key does not exist in this team.
    NoKey,
    /// The user does not exist in this workspace.
    NoUser,
    /// A user of this id, or a credential of this secret, exists already.
    Exists,
    /// Users' credentials have no kind of key.
    NotAKey,
    /// The operating system gave no random bytes.
    NoRandomness,
    /// The table could not be used.
    Table(Cause),
}

/// What a new credential may be limited to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Terms {
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
    /// How often it may be used, if not as deployed.
    pub limit: Option<OwnLimit>,
}

/// A key, told once.
#[derive(Debug)]
pub struct IssuedKey {
    /// What operators call it.
    pub id: KeyId,
    /// The key itself.
    pub secret: String,
}

/// A user's credential, told once.
#[derive(Debug)]
pub struct IssuedUser {
    /// `X-User-Id`
    pub id: UserId,
    /// `X-Auth-Token`
    pub token: String,
}

/// Makes a team.
pub async fn team(store: &Store, name: &str, plan: Plan) -> Result<Team, IssueError> {
    let now = Timestamp::now();
    let team = Team {
        id: TeamId::new(now, &random()?),
        name: name.to_owned(),
        plan,
        created_at: now,
    };
    store.create_team(&team).await?;
    Ok(team)
}

/// Makes a key.
pub async fn key(
    store: &Store,
    team: &TeamId,
    kind: CredentialKind,
    mode: Mode,
    terms: Terms,
) -> Result<IssuedKey, IssueError> {
    let secret = Key::generate(kind, mode)?.ok_or(IssueError::NotAKey)?;
    let id = import_key(store, team, kind, mode, terms, Digest::of(&secret)).await?;
    Ok(IssuedKey { id, secret })
}

/// Takes in a key that was made elsewhere, known by its digest.
pub async fn import_key(
    store: &Store,
    team: &TeamId,
    kind: CredentialKind,
    mode: Mode,
    terms: Terms,
    digest: Digest,
) -> Result<KeyId, IssueError> {
    let id = KeyId::new(Timestamp::now(), &random()?);
    let holder = Holder::Key {
        id: id.clone(),
        kind,
    };
    create(store, team, mode, holder, terms, digest).await?;
    Ok(id)
}

/// Makes a key like another one, with its limit and its expiry, which goes on working until `grace_ends_at` at the longest.
pub async fn rotate(
    store: &Store,
    team: &TeamId,
    id: &KeyId,
    grace_ends_at: Timestamp,
) -> Result<IssuedKey, IssueError> {
    let keys = store.list_keys(team).await?;
    let of_id = |key: &&Listed| matches!(&key.holder, Holder::Key { id: other, .. } if other == id);
    let now = Timestamp::now();
    let works = |key: &&Listed| key.active && key.expires_at.is_none_or(|at| at > now);
    let old = keys
        .iter()
        .find(of_id)
        .filter(works)
        .ok_or(IssueError::NoKey)?;
    let Holder::Key { kind, .. } = old.holder else {
        return Err(IssueError::NotAKey);
    };
    let limit = old.call_limit.map(|calls| OwnLimit {
        calls,
        window_seconds: old.window_seconds,
    });
    let terms = Terms {
        expires_at: old.expires_at,
        limit,
    };
    let new = key(store, team, kind, old.mode, terms).await?;
    store
        .change_key(team, id, &Change::ExpireAt(grace_ends_at))
        .await?;
    Ok(new)
}

/// Makes a Rocket.Chat user with a token.
pub async fn user(
    store: &Store,
    team: &TeamId,
    name: &str,
    permissions: &[Permission],
    terms: Terms,
) -> Result<IssuedUser, IssueError> {
    let token = Token::generate()?;
    let id = UserId::parse(&generate_user_id()?).ok_or(IssueError::NoRandomness)?;
    import_user(
        store,
        team,
        &id,
        name,
        permissions,
        terms,
        Digest::of(&token),
    )
    .await?;
    Ok(IssuedUser { id, token })
}

/// Takes in a user whose token was made elsewhere, known by its digest.
pub async fn import_user(
    store: &Store,
    team: &TeamId,
    id: &UserId,
    name: &str,
    permissions: &[Permission],
    terms: Terms,
    digest: Digest,
) -> Result<(), IssueError> {
    let name = name.to_owned();
    let permissions: Vec<Permission> = BTreeSet::from_iter(permissions.iter().copied())
        .into_iter()
        .collect();
    let holder = Holder::User {
        id: id.clone(),
        name,
        permissions,
    };
    create(store, team, Mode::Live, holder, terms, digest).await
}

async fn create(
    store: &Store,
    team: &TeamId,
    mode: Mode,
    holder: Holder,
    terms: Terms,
    digest: Digest,
) -> Result<(), IssueError> {
    let settings = store.find_team(team).await?.ok_or(IssueError::NoTeam)?;
    let Terms { expires_at, limit } = terms;
    let now = Timestamp::now();
    let new = NewCredential {
        holder,
        digest,
        team: team.clone(),
        mode,
        expires_at,
        limit,
        now,
    };
    let made = store.create_credential(&new, settings.plan).await?;
    if made {
        Ok(())
    } else {
        Err(IssueError::Exists)
    }
}

fn random() -> Result<Randomness, IssueError> {
    let mut bytes = Randomness::default();
    getrandom::fill(&mut bytes).map_err(|_| IssueError::NoRandomness)?;
    Ok(bytes)
}

impl From<NoRandomness> for IssueError {
    fn from(_: NoRandomness) -> IssueError {
        IssueError::NoRandomness
    }
}

impl From<Problem> for IssueError {
    fn from(problem: Problem) -> IssueError {
        match problem {
            Problem::Unavailable(cause) | Problem::Internal(cause) => IssueError::Table(cause),
            other => IssueError::Table(format!("{other:?}").into()),
        }
    }
}

impl fmt::Display for IssueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            IssueError::NoTeam => "no such team",
            IssueError::NoKey => "no such key in this team, or it works no more",
            IssueError::NoUser => "no such user in this team",
            IssueError::Exists => "this user or this secret exists already",
            IssueError::NotAKey => "this kind of credential is no key",
            IssueError::NoRandomness => "the operating system gave no random bytes",
            IssueError::Table(_) => "the table could not be used",
        })
    }
}

impl std::error::Error for IssueError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            IssueError::Table(cause) => Some(cause.as_ref()),
            _ => None,
        }
    }
}
