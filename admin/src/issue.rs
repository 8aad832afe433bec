//! Teams, keys and tokens. A secret is shown once, when it is made, and kept only as its SHA-256.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use shared::auth::key::{Key, NoRandomness, Token, generate_user_id};
use shared::domain::digest::Digest;
use shared::domain::id::{KeyId, Randomness, TeamId, UserId};
use shared::domain::principal::{CredentialKind, Mode, Permission, Plan};
use shared::problem::{Cause, Problem};
use shared::store::Store;
use shared::store::credentials::manage::{
    Change, Found, Holder, LastFour, Listed, NewCredential, OwnLimit, Replacement, Rotation, State,
    Team,
};

/// Why nothing was issued or changed.
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
    /// The credential has been revoked.
    Revoked,
    /// The credential has expired.
    Expired,
    /// The key has been rotated already.
    Rotated {
        /// The key that takes its place.
        successor: KeyId,
    },
    /// So many of the user's earlier tokens still work that there can be no more.
    TooManyTokens,
    /// Someone else changed the credential at the same moment.
    Overtaken,
    /// The team has its new plan, some of its credentials may not.
    PlanNotCopied(Cause),
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

/// A key to be made.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// What operators call it.
    pub name: Option<String>,
    /// What it is.
    pub kind: CredentialKind,
    /// Which world it sees.
    pub mode: Mode,
    /// What it is limited to.
    pub terms: Terms,
}

/// What is kept of a secret.
#[derive(Clone, Debug)]
pub struct Kept {
    /// What it hashes to.
    pub digest: Digest,
    /// Its end, if it is known.
    pub last_four: Option<LastFour>,
}

/// A key, shown once.
#[derive(Debug)]
pub struct IssuedKey {
    /// What operators call it.
    pub id: KeyId,
    /// The key itself.
    pub secret: String,
}

/// A user's credential, shown once.
#[derive(Debug)]
pub struct IssuedUser {
    /// `X-User-Id`
    pub id: UserId,
    /// `X-Auth-Token`
    pub token: String,
}

impl Kept {
    fn of(secret: &str) -> Kept {
        Kept {
            digest: Digest::of(secret),
            last_four: Some(LastFour::of(secret)),
        }
    }
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

/// Finds a team.
pub async fn find_team(store: &Store, id: &TeamId) -> Result<Team, IssueError> {
    store.find_team(id).await?.ok_or(IssueError::NoTeam)
}

/// Changes a team's name, plan or both, and the plan of its credentials, of which it counts those
/// that had another one. It may be interrupted and run again.
pub async fn update_team(
    store: &Store,
    id: &TeamId,
    name: Option<&str>,
    plan: Option<Plan>,
) -> Result<u64, IssueError> {
    if !store.update_team(id, name, plan).await? {
        return Err(IssueError::NoTeam);
    }
    match plan {
        None => Ok(0),
        Some(_) => {
            let copied = store.copy_plan(id).await;
            copied.map_err(|problem| IssueError::PlanNotCopied(cause(problem)))
        }
    }
}

/// Makes a key.
pub async fn key(store: &Store, team: &TeamId, new: &NewKey) -> Result<IssuedKey, IssueError> {
    let secret = Key::generate(new.kind, new.mode)?.ok_or(IssueError::NotAKey)?;
    let made = Kept::of(&secret);
    let id = import_key(store, team, new, &made).await?;
    Ok(IssuedKey { id, secret })
}

/// Takes in a key that was made elsewhere, known by its digest.
pub async fn import_key(
    store: &Store,
    team: &TeamId,
    new: &NewKey,
    secret: &Kept,
) -> Result<KeyId, IssueError> {
    let id = KeyId::new(Timestamp::now(), &random()?);
    let holder = Holder::Key {
        id: id.clone(),
        name: new.name.clone(),
        kind: new.kind,
    };
    create(store, team, new.mode, holder, new.terms, secret).await?;
    Ok(id)
}

/// Finds a key of a team.
pub async fn find_key(store: &Store, team: &TeamId, id: &KeyId) -> Result<Found, IssueError> {
    match store.find_key(team, id).await? {
        Some(found) => Ok(found),
        None => {
            find_team(store, team).await?;
            Err(IssueError::NoKey)
        }
    }
}

/// Changes a key, which may be of any state only to be revoked.
pub async fn change_key(
    store: &Store,
    team: &TeamId,
    id: &KeyId,
    change: &Change,
) -> Result<(), IssueError> {
    let found = find_key(store, team, id).await?;
    check(&found.listed, change)?;
    if store.change_key(team, id, change).await? {
        Ok(())
    } else {
        Err(IssueError::Overtaken)
    }
}

/// Makes a key like another, with the expiry that the other was made with. The other goes on
/// working until `grace_ends_at` at the latest.
pub async fn rotate_key(
    store: &Store,
    team: &TeamId,
    id: &KeyId,
    grace_ends_at: Timestamp,
) -> Result<IssuedKey, IssueError> {
    let now = Timestamp::now();
    let old = find_key(store, team, id).await?;
    if let Some(successor) = &old.listed.successor {
        let found = store.find_key(team, successor).await?;
        // Nobody may have seen the successor's secret; once it is revoked, there can be another.
        if found.is_some_and(|found| found.listed.active) {
            store.complete_rotation(&old).await?;
            let successor = successor.clone();
            return Err(IssueError::Rotated { successor });
        }
    }
    works(old.listed.state(now))?;
    let Holder::Key { kind, .. } = old.listed.holder else {
        return Err(IssueError::NotAKey);
    };
    let secret = Key::generate(kind, old.listed.mode)?.ok_or(IssueError::NotAKey)?;
    let id = KeyId::new(now, &random()?);
    let new = replacement(&secret, grace_ends_at, now);
    rotated(store.replace_key(old, &id, &new).await?)?;
    Ok(IssuedKey { id, secret })
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
    let made = Kept::of(&token);
    import_user(store, team, &id, name, permissions, terms, &made).await?;
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
    token: &Kept,
) -> Result<(), IssueError> {
    let permissions = BTreeSet::from_iter(permissions.iter().copied());
    let holder = Holder::User {
        id: id.clone(),
        name: name.to_owned(),
        permissions: permissions.into_iter().collect(),
    };
    create(store, team, Mode::Live, holder, terms, token).await
}

/// Finds a user of a workspace.
pub async fn find_user(store: &Store, team: &TeamId, id: &UserId) -> Result<Found, IssueError> {
    match store.find_user(team, id).await? {
        Some(found) => Ok(found),
        None => {
            find_team(store, team).await?;
            Err(IssueError::NoUser)
        }
    }
}

/// Changes a user, who may be of any state only to be revoked.
pub async fn change_user(
    store: &Store,
    team: &TeamId,
    id: &UserId,
    change: &Change,
) -> Result<(), IssueError> {
    let found = find_user(store, team, id).await?;
    check(&found.listed, change)?;
    if store.change_user(team, id, change).await? {
        Ok(())
    } else {
        Err(IssueError::Overtaken)
    }
}

/// Makes another token for a user. The one before it goes on working until `grace_ends_at` at the
/// latest, and so do those before that.
pub async fn rotate_user(
    store: &Store,
    team: &TeamId,
    id: &UserId,
    grace_ends_at: Timestamp,
) -> Result<IssuedUser, IssueError> {
    let now = Timestamp::now();
    let old = find_user(store, team, id).await?;
    works(old.listed.state(now))?;
    let token = Token::generate()?;
    let new = replacement(&token, grace_ends_at, now);
    rotated(store.replace_token(old, &new).await?)?;
    let id = id.clone();
    Ok(IssuedUser { id, token })
}

/// What went wrong with the table.
pub(crate) fn cause(problem: Problem) -> Cause {
    match problem {
        Problem::Unavailable(cause) | Problem::Internal(cause) => cause,
        other => format!("{other:?}").into(),
    }
}

async fn create(
    store: &Store,
    team: &TeamId,
    mode: Mode,
    holder: Holder,
    terms: Terms,
    secret: &Kept,
) -> Result<(), IssueError> {
    let settings = find_team(store, team).await?;
    let Terms { expires_at, limit } = terms;
    let new = NewCredential {
        holder,
        digest: secret.digest.clone(),
        last_four: secret.last_four.clone(),
        team: team.clone(),
        mode,
        expires_at,
        limit,
        now: Timestamp::now(),
    };
    if store.create_credential(&new, settings.plan).await? {
        Ok(())
    } else {
        Err(IssueError::Exists)
    }
}

fn check(listed: &Listed, change: &Change) -> Result<(), IssueError> {
    match change {
        Change::Revoke => Ok(()),
        Change::ExpireAt(_) | Change::Allow(_) | Change::Permit(_) | Change::Plan(_) => {
            works(listed.state(Timestamp::now()))
        }
    }
}

fn works(state: State) -> Result<(), IssueError> {
    match state {
        State::Active | State::Expiring => Ok(()),
        State::Expired => Err(IssueError::Expired),
        State::Revoked => Err(IssueError::Revoked),
    }
}

fn replacement(secret: &str, grace_ends_at: Timestamp, now: Timestamp) -> Replacement {
    Replacement {
        digest: Digest::of(secret),
        last_four: LastFour::of(secret),
        grace_ends_at,
        now,
    }
}

fn rotated(rotation: Rotation) -> Result<(), IssueError> {
    match rotation {
        Rotation::Done => Ok(()),
        Rotation::Overtaken => Err(IssueError::Overtaken),
        Rotation::TooManyTokens => Err(IssueError::TooManyTokens),
    }
}

pub(crate) fn random() -> Result<Randomness, IssueError> {
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
        IssueError::Table(cause(problem))
    }
}

impl fmt::Display for IssueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            IssueError::NoTeam => "no such team",
            IssueError::NoKey => "no such key in this team",
            IssueError::NoUser => "no such user in this team",
            IssueError::Exists => "this user or this secret exists already",
            IssueError::NotAKey => "this kind of credential is no key",
            IssueError::Revoked => "this credential has been revoked",
            IssueError::Expired => "this credential has expired",
            IssueError::Rotated { successor } => {
                return write!(
                    f,
                    "this key has been rotated: its successor is {successor}; revoke that one to rotate again"
                );
            }
            IssueError::TooManyTokens => {
                "too many earlier tokens of this user still work; rotate without grace to end them"
            }
            IssueError::Overtaken => "someone else changed it at the same moment; try again",
            IssueError::PlanNotCopied(_) => {
                "the team has its new plan, but some of its credentials may not; run this again"
            }
            IssueError::NoRandomness => "the operating system gave no random bytes",
            IssueError::Table(_) => "the table could not be used",
        })
    }
}

impl std::error::Error for IssueError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            IssueError::Table(cause) | IssueError::PlanNotCopied(cause) => Some(cause.as_ref()),
            _ => None,
        }
    }
}
