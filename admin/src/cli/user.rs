//! `cargo admin user`.

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use shared::domain::id::{TeamId, UserId};
use shared::domain::principal::Permission;
use shared::store::Store;
use shared::store::credentials::manage::{Change, Holder};

use super::arguments::{
    GraceArgument, LimitArguments, SecretArguments, TeamArgument, TermsArguments, name, permission,
    user_id,
};
use crate::console::{Console, Failure};
use crate::rows::{credential_row, credential_rows, with_members};
use shared::auth::issue::{self, IssueError};

const SHOWN_ONCE: &str = "the token will not be shown again";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create a user and show the id and the token once
    Create {
        #[command(flatten)]
        team: TeamArgument,
        #[command(flatten)]
        new: NewUserArguments,
    },
    /// Import a user whose token was created elsewhere, by the token's SHA-256
    Import {
        #[command(flatten)]
        user: UserArguments,
        #[command(flatten)]
        new: NewUserArguments,
        #[command(flatten)]
        token: SecretArguments,
    },
    /// List a workspace's users
    List {
        #[command(flatten)]
        team: TeamArgument,
    },
    /// Grant permissions to a user
    Grant {
        #[command(flatten)]
        user: UserArguments,
        #[command(flatten)]
        change: PermissionsArgument,
    },
    /// Take permissions from a user
    Take {
        #[command(flatten)]
        user: UserArguments,
        #[command(flatten)]
        change: PermissionsArgument,
    },
    /// Create another token for a user; earlier tokens work until the grace ends
    Rotate {
        #[command(flatten)]
        user: UserArguments,
        #[command(flatten)]
        grace: GraceArgument,
    },
    /// Give a user their own limit, or the deployment's without --limit
    Limit {
        #[command(flatten)]
        user: UserArguments,
        #[command(flatten)]
        limit: LimitArguments,
    },
    /// Revoke a user's tokens at once
    Revoke {
        #[command(flatten)]
        user: UserArguments,
    },
}

#[derive(Debug, Args)]
pub struct UserArguments {
    #[command(flatten)]
    team: TeamArgument,
    /// The user's id, as shown by `user list`
    #[arg(id = "user", long = "user", value_name = "USER_ID", value_parser = user_id)]
    id: UserId,
}

#[derive(Debug, Args)]
pub struct NewUserArguments {
    /// The user's name
    #[arg(long, value_parser = name)]
    name: String,
    /// Permissions of the user, separated by commas
    #[arg(long, value_name = "PERMISSION", value_parser = permission, value_delimiter = ',')]
    permissions: Vec<Permission>,
    #[command(flatten)]
    terms: TermsArguments,
}

#[derive(Debug, Args)]
pub struct PermissionsArgument {
    /// Permissions, separated by commas
    #[arg(long, value_name = "PERMISSION", value_parser = permission, value_delimiter = ',', required = true)]
    permissions: Vec<Permission>,
}

/// Runs a command.
pub async fn run(
    command: &Command,
    store: &Store,
    console: &mut Console<'_>,
) -> Result<Value, Failure> {
    match command {
        Command::Create { team, new } => create(store, &team.id, new, console).await,
        Command::Import { user, new, token } => {
            let UserArguments { team, id } = user;
            let (permissions, terms) = (&new.permissions, new.terms.terms());
            let token = token.stored();
            issue::import_user(store, &team.id, id, &new.name, permissions, terms, &token).await?;
            row(store, &team.id, id).await
        }
        Command::List { team } => list(store, &team.id).await,
        Command::Grant { user, change } => {
            let mut wanted = permissions_of(store, user).await?;
            wanted.extend(&change.permissions);
            permit(store, user, wanted).await
        }
        Command::Take { user, change } => {
            let mut wanted = permissions_of(store, user).await?;
            wanted.retain(|permission| !change.permissions.contains(permission));
            permit(store, user, wanted).await
        }
        Command::Rotate { user, grace } => rotate(store, user, grace, console).await,
        Command::Limit { user, limit } => {
            self::change(store, user, &Change::Allow(limit.own())).await
        }
        Command::Revoke { user } => self::change(store, user, &Change::Revoke).await,
    }
}

async fn create(
    store: &Store,
    team: &TeamId,
    new: &NewUserArguments,
    console: &mut Console<'_>,
) -> Result<Value, Failure> {
    let terms = new.terms.terms();
    let user = issue::user(store, team, &new.name, &new.permissions, terms).await?;
    console.note(SHOWN_ONCE);
    let row = new_row(store, team, &user.id).await;
    Ok(with_members(row, [("authToken", user.token.into())]))
}

async fn list(store: &Store, team: &TeamId) -> Result<Value, Failure> {
    issue::find_team(store, team).await?;
    credential_rows(store.list_users(team).await.map_err(IssueError::from)?)
}

async fn rotate(
    store: &Store,
    UserArguments { team, id }: &UserArguments,
    grace: &GraceArgument,
    console: &mut Console<'_>,
) -> Result<Value, Failure> {
    let old = issue::find_user(store, &team.id, id).await?.listed;
    let grace_ends_at = grace.ends_at()?;
    let new = issue::rotate_user(store, &team.id, id, grace_ends_at).await?;
    console.note(SHOWN_ONCE);
    let ends_at = old
        .expires_at
        .map_or(grace_ends_at, |at| at.min(grace_ends_at));
    let more = [
        ("authToken", new.token.into()),
        ("previousTokenExpiresAt", json!(ends_at)),
    ];
    Ok(with_members(new_row(store, &team.id, id).await, more))
}

async fn permissions_of(
    store: &Store,
    UserArguments { team, id }: &UserArguments,
) -> Result<Vec<Permission>, Failure> {
    match issue::find_user(store, &team.id, id).await?.listed.holder {
        Holder::User { permissions, .. } => Ok(permissions),
        Holder::Key { .. } => Err(IssueError::NoUser.into()),
    }
}

async fn permit(
    store: &Store,
    user: &UserArguments,
    mut permissions: Vec<Permission>,
) -> Result<Value, Failure> {
    permissions.sort();
    permissions.dedup();
    change(store, user, &Change::Permit(permissions)).await
}

async fn change(
    store: &Store,
    UserArguments { team, id }: &UserArguments,
    change: &Change,
) -> Result<Value, Failure> {
    issue::change_user(store, &team.id, id, change).await?;
    row(store, &team.id, id).await
}

/// The row of a user with a new token. The token exists: even if the table fails now, it must be
/// shown.
async fn new_row(store: &Store, team: &TeamId, id: &UserId) -> Value {
    let row = row(store, team, id).await;
    row.unwrap_or_else(|_| json!({"userId": id}))
}

/// The row of a user in the current state.
async fn row(store: &Store, team: &TeamId, id: &UserId) -> Result<Value, Failure> {
    credential_row(issue::find_user(store, team, id).await?)
}
