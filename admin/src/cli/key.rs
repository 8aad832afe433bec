//! `cargo admin key`.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};
use shared::domain::id::{KeyId, TeamId};
use shared::domain::principal::CredentialKind;
use shared::store::Store;
use shared::store::credentials::manage::Change;

use super::arguments::{
    GraceArgument, LimitArguments, ModeArgument, SecretArguments, TeamArgument, TermsArguments,
    key_id, name,
};
use crate::console::{Console, Failure};
use crate::rows::{credential_row, credential_rows, with_members};
use shared::auth::issue::{self, IssueError, NewKey};

const SHOWN_ONCE: &str = "the key will not be shown again";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create a key and show it once
    Create {
        #[command(flatten)]
        team: TeamArgument,
        #[command(flatten)]
        new: NewKeyArguments,
    },
    /// Import a key that was created elsewhere, by its SHA-256
    Import {
        #[command(flatten)]
        team: TeamArgument,
        #[command(flatten)]
        new: NewKeyArguments,
        #[command(flatten)]
        secret: SecretArguments,
    },
    /// List a team's keys
    List {
        #[command(flatten)]
        team: TeamArgument,
    },
    /// Replace a key by a new one; the old key works until the grace ends
    Rotate {
        #[command(flatten)]
        key: KeyArguments,
        #[command(flatten)]
        grace: GraceArgument,
    },
    /// Give a key its own limit, or the deployment's without --limit
    Limit {
        #[command(flatten)]
        key: KeyArguments,
        #[command(flatten)]
        limit: LimitArguments,
    },
    /// Revoke a key at once
    Revoke {
        #[command(flatten)]
        key: KeyArguments,
    },
}

#[derive(Debug, Args)]
pub struct KeyArguments {
    #[command(flatten)]
    team: TeamArgument,
    /// The key's id, as shown by `key list`
    #[arg(id = "key", long = "key", value_name = "KEY_ID", value_parser = key_id)]
    id: KeyId,
}

#[derive(Debug, Args)]
pub struct NewKeyArguments {
    /// Name in lists
    #[arg(long, value_parser = name)]
    name: Option<String>,
    /// Who may hold the key
    #[arg(long = "type", value_name = "TYPE", value_enum)]
    kind: KindArgument,
    /// Which of the team's data the key accesses
    #[arg(long, value_enum, default_value_t = ModeArgument::Live)]
    mode: ModeArgument,
    #[command(flatten)]
    terms: TermsArguments,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum KindArgument {
    /// Only servers
    Secret,
    /// Browsers too
    Publishable,
}

impl NewKeyArguments {
    fn new_key(&self) -> NewKey {
        NewKey {
            name: self.name.clone(),
            kind: match self.kind {
                KindArgument::Secret => CredentialKind::Secret,
                KindArgument::Publishable => CredentialKind::Publishable,
            },
            mode: self.mode.into(),
            terms: self.terms.terms(),
        }
    }
}

/// Runs a command.
pub async fn run(
    command: &Command,
    store: &Store,
    console: &mut Console<'_>,
) -> Result<Value, Failure> {
    match command {
        Command::Create { team, new } => {
            let key = issue::key(store, &team.id, &new.new_key()).await?;
            console.note(SHOWN_ONCE);
            let row = new_row(store, &team.id, &key.id).await;
            Ok(with_members(row, [("key", key.secret.into())]))
        }
        Command::Import { team, new, secret } => {
            let id = issue::import_key(store, &team.id, &new.new_key(), &secret.stored()).await?;
            row(store, &team.id, &id).await
        }
        Command::List { team } => list(store, &team.id).await,
        Command::Rotate { key, grace } => rotate(store, key, grace, console).await,
        Command::Limit { key, limit } => change(store, key, &Change::Allow(limit.own())).await,
        Command::Revoke { key } => change(store, key, &Change::Revoke).await,
    }
}

async fn list(store: &Store, team: &TeamId) -> Result<Value, Failure> {
    issue::find_team(store, team).await?;
    credential_rows(store.list_keys(team).await.map_err(IssueError::from)?)
}

async fn rotate(
    store: &Store,
    KeyArguments { team, id }: &KeyArguments,
    grace: &GraceArgument,
    console: &mut Console<'_>,
) -> Result<Value, Failure> {
    let old = issue::find_key(store, &team.id, id).await?.listed;
    let grace_ends_at = grace.ends_at()?;
    let new = issue::rotate_key(store, &team.id, id, grace_ends_at).await?;
    console.note(SHOWN_ONCE);
    let ends_at = old
        .expires_at
        .map_or(grace_ends_at, |at| at.min(grace_ends_at));
    let more = [
        ("key", new.secret.into()),
        ("previousKeyId", json!(id)),
        ("previousKeyExpiresAt", json!(ends_at)),
    ];
    Ok(with_members(new_row(store, &team.id, &new.id).await, more))
}

async fn change(
    store: &Store,
    KeyArguments { team, id }: &KeyArguments,
    change: &Change,
) -> Result<Value, Failure> {
    issue::change_key(store, &team.id, id, change).await?;
    row(store, &team.id, id).await
}

/// The row of a new key. The key exists: even if the table fails now, its secret must be shown.
async fn new_row(store: &Store, team: &TeamId, id: &KeyId) -> Value {
    let row = row(store, team, id).await;
    row.unwrap_or_else(|_| json!({"keyId": id}))
}

/// The row of a key in its current state.
async fn row(store: &Store, team: &TeamId, id: &KeyId) -> Result<Value, Failure> {
    credential_row(issue::find_key(store, team, id).await?)
}
