//! Creates and changes teams, keys and tokens. A secret is shown once, when it is created, and only
//! its SHA-256 is stored.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use crate::auth::key::{Key, NoRandomness, Token, generate_user_id};
use crate::domain::digest::Digest;
use crate::domain::id::{KeyId, Randomness, TeamId, UserId};
use crate::domain::principal::{CredentialKind, Mode, Permission, Plan};
use crate::problem::{Cause, Problem};
use crate::store::Store;
use crate::store::credentials::manage::delete::Belongings;
use crate::store::credentials::manage::{
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
    /// A user with this id, or a credential with this secret, already exists.
    Exists,
    /// The credential belongs to a user, and so is not a key.
    NotAKey,
    /// The credential has been revoked.
    Revoked,
    /// The credential has expired.
    Expired,
    /// The key has already been rotated.
    Rotated {
        /// The key that replaces it.
        successor: KeyId,
    },
    /// The maximum number of the user's earlier tokens still work.
    TooManyTokens,
    /// Someone else changed the credential at the same time.
    WriteConflict,
    /// The team has its new plan, but some of its credentials may not.
    PlanNotCopied(Cause),
    /// Some of what the team owns may be left.
    NotDeleted(Cause),
    /// The operating system gave no random bytes.
    NoRandomness,
    /// The table could not be used.
    Table(Cause),
}

/// The limits of a new credential.
#[derive(Clone, Copy, Debug, Default)]
pub struct Terms {
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
    /// How often it may be used, if it differs from the deployment's limit.
    pub limit: Option<OwnLimit>,
}

/// A key to create.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// Its name in lists.
    pub name: Option<String>,
    /// Whether it is secret or publishable.
    pub kind: CredentialKind,
    /// Which of the team's data it accesses.
    pub mode: Mode,
    /// Its limits.
    pub terms: Terms,
}

/// What is stored of a secret.
#[derive(Clone, Debug)]
pub struct StoredSecret {
    /// Its SHA-256.
    pub digest: Digest,
    /// Its last four characters, if they are known.
    pub last_four: Option<LastFour>,
}

/// A key, shown once.
#[derive(Debug)]
pub struct IssuedKey {
    /// The key's id, which is no secret.
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

impl StoredSecret {
    fn of(secret: &str) -> StoredSecret {
        StoredSecret {
            digest: Digest::of(secret),
            last_four: Some(LastFour::of(secret)),
        }
    }
}

/// Creates a team.
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

/// Changes a team's name, plan or both, and the plan of its credentials. Returns how many
/// credentials had another plan. If it is interrupted, it can be run again.
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
            copied.map_err(|problem| IssueError::PlanNotCopied(problem.into_cause()))
        }
    }
}

/// What the deletion of a team is doing.
#[derive(Clone, Copy, Debug)]
pub enum DeletionStep {
    /// It has deleted so much.
    Deleted(Belongings),
    /// It waits until the requests are answered that were admitted before.
    Waiting(Duration),
}

/// Counts what a team owns.
pub async fn team_belongings(store: &Store, id: &TeamId) -> Result<(Team, Belongings), IssueError> {
    let team = store.find_listed_team(id).await?;
    let team = team.ok_or(IssueError::NoTeam)?;
    Ok((team, store.belongings(id).await?))
}

/// Deletes a team and everything it owns, and returns the team as it was, and how much that was. If
/// it is interrupted, it can be run again, and returns what was left.
///
/// Its credentials are deleted first. `wait` is how long requests may still write that were admitted
/// before.
pub async fn delete_team(
    store: &Store,
    id: &TeamId,
    wait: Duration,
    report: &mut (dyn FnMut(DeletionStep) + Send),
) -> Result<(Team, Belongings), IssueError> {
    let team = store.find_listed_team(id).await?;
    let team = team.ok_or(IssueError::NoTeam)?;
    let interrupted = |problem: Problem| IssueError::NotDeleted(problem.into_cause());
    let mut deleted = Belongings::default();
    let mut progress = |deleted: &Belongings| report(DeletionStep::Deleted(*deleted));
    let credentials = store.delete_credentials(id, &mut deleted, &mut progress);
    credentials.await.map_err(interrupted)?;
    report(DeletionStep::Waiting(wait));
    tokio::time::sleep(wait).await;
    let mut progress = |deleted: &Belongings| report(DeletionStep::Deleted(*deleted));
    let rest = store.delete_team(id, &mut deleted, &mut progress);
    rest.await.map_err(interrupted)?;
    Ok((team, deleted))
}

/// Creates a key.
pub async fn key(store: &Store, team: &TeamId, new: &NewKey) -> Result<IssuedKey, IssueError> {
    let secret = Key::generate(new.kind, new.mode)?.ok_or(IssueError::NotAKey)?;
    let stored = StoredSecret::of(&secret);
    let id = import_key(store, team, new, &stored).await?;
    Ok(IssuedKey { id, secret })
}

/// Imports a key that was created elsewhere, by its digest.
pub async fn import_key(
    store: &Store,
    team: &TeamId,
    new: &NewKey,
    secret: &StoredSecret,
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

/// Changes a key. A key that no longer works can only be revoked.
pub async fn change_key(
    store: &Store,
    team: &TeamId,
    id: &KeyId,
    change: &Change,
) -> Result<(), IssueError> {
    let found = find_key(store, team, id).await?;
    check_allowed(&found.listed, change)?;
    if store.change_key(team, id, change).await? {
        Ok(())
    } else {
        Err(IssueError::WriteConflict)
    }
}

/// Creates a key with another key's properties, including the expiry that it was created with. The
/// other key works until `grace_ends_at` at the latest.
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
        // Perhaps nobody has seen the successor's secret. Once it is revoked, there can be another.
        if found.is_some_and(|found| found.listed.active) {
            store.complete_rotation(&old).await?;
            let successor = successor.clone();
            return Err(IssueError::Rotated { successor });
        }
    }
    check_works(old.listed.state(now))?;
    let Holder::Key { kind, .. } = old.listed.holder else {
        return Err(IssueError::NotAKey);
    };
    let secret = Key::generate(kind, old.listed.mode)?.ok_or(IssueError::NotAKey)?;
    let id = KeyId::new(now, &random()?);
    let new = replacement(&secret, grace_ends_at, now);
    check_rotated(store.replace_key(old, &id, &new).await?)?;
    Ok(IssuedKey { id, secret })
}

/// Creates a Rocket.Chat user with a token.
pub async fn user(
    store: &Store,
    team: &TeamId,
    name: &str,
    permissions: &[Permission],
    terms: Terms,
) -> Result<IssuedUser, IssueError> {
    let token = Token::generate()?;
    let id = UserId::parse(&generate_user_id()?).ok_or(IssueError::NoRandomness)?;
    let stored = StoredSecret::of(&token);
    import_user(store, team, &id, name, permissions, terms, &stored).await?;
    Ok(IssuedUser { id, token })
}

/// Imports a user whose token was created elsewhere, by the token's digest.
pub async fn import_user(
    store: &Store,
    team: &TeamId,
    id: &UserId,
    name: &str,
    permissions: &[Permission],
    terms: Terms,
    token: &StoredSecret,
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

/// Changes a user. A user whose tokens no longer work can only be revoked.
pub async fn change_user(
    store: &Store,
    team: &TeamId,
    id: &UserId,
    change: &Change,
) -> Result<(), IssueError> {
    let found = find_user(store, team, id).await?;
    check_allowed(&found.listed, change)?;
    if store.change_user(team, id, change).await? {
        Ok(())
    } else {
        Err(IssueError::WriteConflict)
    }
}

/// Creates another token for a user. The earlier ones work until `grace_ends_at` at the latest.
pub async fn rotate_user(
    store: &Store,
    team: &TeamId,
    id: &UserId,
    grace_ends_at: Timestamp,
) -> Result<IssuedUser, IssueError> {
    let now = Timestamp::now();
    let old = find_user(store, team, id).await?;
    check_works(old.listed.state(now))?;
    let token = Token::generate()?;
    let new = replacement(&token, grace_ends_at, now);
    check_rotated(store.replace_token(old, &new).await?)?;
    let id = id.clone();
    Ok(IssuedUser { id, token })
}

async fn create(
    store: &Store,
    team: &TeamId,
    mode: Mode,
    holder: Holder,
    terms: Terms,
    secret: &StoredSecret,
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

fn check_allowed(listed: &Listed, change: &Change) -> Result<(), IssueError> {
    match change {
        Change::Revoke => Ok(()),
        Change::ExpireAt(_) | Change::Allow(_) | Change::Permit(_) | Change::Plan(_) => {
            check_works(listed.state(Timestamp::now()))
        }
    }
}

fn check_works(state: State) -> Result<(), IssueError> {
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

fn check_rotated(rotation: Rotation) -> Result<(), IssueError> {
    match rotation {
        Rotation::Done => Ok(()),
        Rotation::WriteConflict => Err(IssueError::WriteConflict),
        Rotation::TooManyTokens => Err(IssueError::TooManyTokens),
    }
}

/// Random bytes for an identifier.
pub fn random() -> Result<Randomness, IssueError> {
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
        IssueError::Table(problem.into_cause())
    }
}

impl fmt::Display for IssueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            IssueError::NoTeam => "no such team",
            IssueError::NoKey => "no such key in this team",
            IssueError::NoUser => "no such user in this team",
            IssueError::Exists => "this user or this secret already exists",
            IssueError::NotAKey => "this kind of credential is not a key",
            IssueError::Revoked => "this credential has been revoked",
            IssueError::Expired => "this credential has expired",
            IssueError::Rotated { successor } => {
                return write!(
                    f,
                    "this key has already been rotated to {successor}; revoke that one to rotate again"
                );
            }
            IssueError::TooManyTokens => {
                "too many earlier tokens of this user still work; rotate with --grace 0s to end them"
            }
            IssueError::WriteConflict => "someone else changed it at the same time; try again",
            IssueError::PlanNotCopied(_) => {
                "the team has its new plan, but some of its credentials may not; run this again"
            }
            IssueError::NotDeleted(_) => {
                "some of what the team owns may be left; run this again"
            }
            IssueError::NoRandomness => "the operating system gave no random bytes",
            IssueError::Table(_) => "the table could not be used",
        })
    }
}

impl std::error::Error for IssueError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            IssueError::Table(cause)
            | IssueError::PlanNotCopied(cause)
            | IssueError::NotDeleted(cause) => Some(cause.as_ref()),
            _ => None,
        }
    }
}
