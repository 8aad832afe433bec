//! `cargo admin`: makes, lists, changes and revokes teams and credentials.

mod cli;

use std::error::Error;
use std::io::{self, Write as _};
use std::process::ExitCode;

use admin::issue::{self, IssueError};
use clap::Parser as _;
use cli::{Cli, KeyCommand, Output, TeamCommand, Topic, UserCommand};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use shared::config::{Config, TrustStore};
use shared::domain::id::{RequestId, TeamId, UserId};
use shared::domain::principal::Permission;
use shared::store::credentials::manage::{Change, Holder, Listed};
use shared::store::{Store, client};

type Failure = Box<dyn Error + Send + Sync>;

/// The table of `cargo local`.
const LOCAL_TABLE: &str = "dueline";

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error),
    };
    match runtime.block_on(run(&cli)) {
        Ok(told) => {
            print(cli.output, &told);
            ExitCode::SUCCESS
        }
        Err(error) => failed(error.as_ref()),
    }
}

async fn run(cli: &Cli) -> Result<Value, Failure> {
    let store = open(cli).await?;
    match &cli.topic {
        Topic::Team { command } => team(&store, command).await,
        Topic::Key { command } => key(&store, command).await,
        Topic::User { command } => user(&store, command).await,
    }
}

async fn open(cli: &Cli) -> Result<Store, Failure> {
    let table = if cli.local {
        let table = cli.table.as_deref().unwrap_or(LOCAL_TABLE);
        client::connect_to(&cli.endpoint, table)
    } else {
        let mut config = Config::for_table(cli.table.clone())?;
        config.trust_store = TrustStore::System;
        client::connect(&config).await?
    };
    let mut random = [0; 10];
    getrandom::fill(&mut random).map_err(|_| IssueError::NoRandomness)?;
    Ok(table.for_request(&RequestId::new(Timestamp::now(), &random)))
}

async fn team(store: &Store, command: &TeamCommand) -> Result<Value, Failure> {
    match command {
        TeamCommand::Create { name, plan } => {
            let team = issue::team(store, name, (*plan).into()).await?;
            Ok(json!({"teamId": team.id, "name": team.name, "plan": team.plan}))
        }
        TeamCommand::List => tell(&store.list_teams().await.map_err(IssueError::from)?),
    }
}

async fn key(store: &Store, command: &KeyCommand) -> Result<Value, Failure> {
    match command {
        KeyCommand::Create {
            team,
            kind,
            mode,
            terms,
        } => {
            let key =
                issue::key(store, team, (*kind).into(), (*mode).into(), terms.terms()).await?;
            Ok(json!({"keyId": key.id, "key": key.secret, "note": "shown once"}))
        }
        KeyCommand::Import {
            team,
            kind,
            mode,
            hash,
            terms,
        } => {
            let (kind, mode) = ((*kind).into(), (*mode).into());
            let id =
                issue::import_key(store, team, kind, mode, terms.terms(), hash.clone()).await?;
            Ok(json!({"keyId": id}))
        }
        KeyCommand::List { team } => tell(&store.list_keys(team).await.map_err(IssueError::from)?),
        KeyCommand::Rotate { team, id, grace } => {
            let ends = Timestamp::from_second(Timestamp::now().checked_add(*grace)?.as_second())?;
            let key = issue::rotate(store, team, id, ends).await?;
            Ok(
                json!({"keyId": key.id, "key": key.secret, "oldKeyExpiresAt": ends.to_string(), "note": "shown once"}),
            )
        }
        KeyCommand::Revoke { team, id } => {
            let found = store
                .change_key(team, id, &Change::Revoke)
                .await
                .map_err(IssueError::from)?;
            changed(
                found,
                IssueError::NoKey,
                json!({"keyId": id, "revoked": true}),
            )
        }
        KeyCommand::Limit { team, id, limit } => {
            let change = Change::Allow(limit.own());
            let found = store
                .change_key(team, id, &change)
                .await
                .map_err(IssueError::from)?;
            changed(
                found,
                IssueError::NoKey,
                json!({"keyId": id, "limit": limit.limit, "window": limit.window}),
            )
        }
    }
}

async fn user(store: &Store, command: &UserCommand) -> Result<Value, Failure> {
    match command {
        UserCommand::Create {
            team,
            name,
            permissions,
            terms,
        } => {
            let user = issue::user(store, team, name, permissions, terms.terms()).await?;
            Ok(json!({"userId": user.id, "authToken": user.token, "note": "shown once"}))
        }
        UserCommand::Import {
            team,
            id,
            name,
            permissions,
            hash,
            terms,
        } => {
            issue::import_user(
                store,
                team,
                id,
                name,
                permissions,
                terms.terms(),
                hash.clone(),
            )
            .await?;
            Ok(json!({"userId": id}))
        }
        UserCommand::List { team } => {
            tell(&store.list_users(team).await.map_err(IssueError::from)?)
        }
        UserCommand::Grant {
            team,
            id,
            permissions,
        } => {
            let mut wanted = permissions_of(store, team, id).await?;
            wanted.extend(permissions);
            permit(store, team, id, wanted).await
        }
        UserCommand::Take {
            team,
            id,
            permissions,
        } => {
            let mut wanted = permissions_of(store, team, id).await?;
            wanted.retain(|permission| !permissions.contains(permission));
            permit(store, team, id, wanted).await
        }
        UserCommand::Revoke { team, id } => {
            let found = store
                .change_user(team, id, &Change::Revoke)
                .await
                .map_err(IssueError::from)?;
            changed(
                found,
                IssueError::NoUser,
                json!({"userId": id, "revoked": true}),
            )
        }
    }
}

async fn permissions_of(
    store: &Store,
    team: &TeamId,
    id: &UserId,
) -> Result<Vec<Permission>, Failure> {
    let users = store.list_users(team).await.map_err(IssueError::from)?;
    let of_id = |listed: Listed| match listed.holder {
        Holder::User {
            id: other,
            permissions,
            ..
        } if other == *id => Some(permissions),
        _ => None,
    };
    Ok(users
        .into_iter()
        .find_map(of_id)
        .ok_or(IssueError::NoUser)?)
}

async fn permit(
    store: &Store,
    team: &TeamId,
    id: &UserId,
    mut permissions: Vec<Permission>,
) -> Result<Value, Failure> {
    permissions.sort();
    permissions.dedup();
    let change = Change::Permit(permissions.clone());
    let found = store
        .change_user(team, id, &change)
        .await
        .map_err(IssueError::from)?;
    changed(
        found,
        IssueError::NoUser,
        json!({"userId": id, "permissions": permissions}),
    )
}

fn changed(found: bool, otherwise: IssueError, told: Value) -> Result<Value, Failure> {
    if found {
        Ok(told)
    } else {
        Err(otherwise.into())
    }
}

fn tell(listed: &impl Serialize) -> Result<Value, Failure> {
    Ok(serde_json::to_value(listed)?)
}

/// Nobody listening any more, as `| head` does, is no failure.
fn print(output: Output, told: &Value) {
    let lines = match (output, told) {
        (Output::Json, told) => vec![told.to_string()],
        (Output::Text, Value::Array(rows)) if rows.is_empty() => vec!["none".to_owned()],
        (Output::Text, Value::Array(rows)) => {
            rows.iter().map(|row| members(row).join("  ")).collect()
        }
        (Output::Text, told) => members(told),
    };
    let _ = writeln!(io::stdout(), "{}", lines.join("\n"));
}

fn members(row: &Value) -> Vec<String> {
    let Value::Object(members) = row else {
        return vec![row.to_string()];
    };
    let member = |(name, value): (&String, &Value)| match value {
        Value::String(text) => format!("{name}={text}"),
        other => format!("{name}={other}"),
    };
    members
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(member)
        .collect()
}

fn failed(error: &dyn Error) -> ExitCode {
    eprint!("error: {error}");
    let mut next = error.source();
    while let Some(source) = next {
        eprint!(": {source}");
        next = source.source();
    }
    eprintln!();
    ExitCode::FAILURE
}
