//! The rows in which operators see teams, keys and users. Every command shows the same ones.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use shared::domain::id::{KeyId, TeamId, UserId};
use shared::domain::principal::{CredentialKind, Mode, Permission, Plan};
use shared::store::credentials::manage::{Found, Holder, Listed, State, Team};

use crate::console::Failure;

/// A team.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TeamRow {
    team_id: TeamId,
    name: String,
    plan: Plan,
    created_at: Timestamp,
}

/// A credential: a key or a user, with what they have in common.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CredentialRow {
    #[serde(flatten)]
    holder: HolderRow,
    mode: Mode,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_four: Option<String>,
    state: State,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    window_seconds: Option<u32>,
    created_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    successor_key_id: Option<KeyId>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum HolderRow {
    #[serde(rename_all = "camelCase")]
    Key {
        key_id: KeyId,
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        #[serde(rename = "type")]
        kind: CredentialKind,
    },
    #[serde(rename_all = "camelCase")]
    User {
        user_id: UserId,
        name: String,
        permissions: Vec<Permission>,
    },
}

impl From<Team> for TeamRow {
    fn from(team: Team) -> TeamRow {
        TeamRow {
            team_id: team.id,
            name: team.name,
            plan: team.plan,
            created_at: whole_seconds(team.created_at),
        }
    }
}

impl CredentialRow {
    /// A credential in its current state.
    pub fn new(listed: Listed, now: Timestamp) -> CredentialRow {
        CredentialRow {
            state: listed.state(now),
            holder: match listed.holder {
                Holder::Key { id, name, kind } => HolderRow::Key {
                    key_id: id,
                    name,
                    kind,
                },
                Holder::User {
                    id,
                    name,
                    permissions,
                } => HolderRow::User {
                    user_id: id,
                    name,
                    permissions,
                },
            },
            mode: listed.mode,
            last_four: listed.last_four.map(|four| four.as_str().to_owned()),
            limit: listed.limit.map(|limit| limit.calls),
            window_seconds: listed.limit.and_then(|limit| limit.window_seconds),
            created_at: whole_seconds(listed.created_at),
            expires_at: listed.expires_at,
            last_used_at: listed.last_used_at,
            successor_key_id: listed.successor,
        }
    }
}

/// A row as JSON.
pub fn to_json(row: &impl Serialize) -> Result<Value, Failure> {
    serde_json::to_value(row).map_err(Failure::new)
}

/// The rows of credentials in their current state.
pub fn credential_rows(credentials: Vec<Listed>) -> Result<Value, Failure> {
    let now = Timestamp::now();
    let rows = credentials
        .into_iter()
        .map(|listed| CredentialRow::new(listed, now));
    to_json(&rows.collect::<Vec<_>>())
}

/// The row of a credential in its current state.
pub fn credential_row(found: Found) -> Result<Value, Failure> {
    to_json(&CredentialRow::new(found.listed, Timestamp::now()))
}

/// Adds members to a row.
pub fn with_members(
    mut row: Value,
    more: impl IntoIterator<Item = (&'static str, Value)>,
) -> Value {
    if let Value::Object(members) = &mut row {
        members.extend(
            more.into_iter()
                .map(|(name, value)| (name.to_owned(), value)),
        );
    }
    row
}

/// An instant in whole seconds, which is how expiries and uses are stored.
fn whole_seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}
