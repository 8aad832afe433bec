//! What callers share: the service's URL, their credentials, and ids of the other team.

use crate::report::Tally;
use admin::connection;
use local::{error::Error, stack::Stack, table::TABLE_NAME};
use shared::auth::issue::{self, IssueError, NewKey, Terms};
use shared::domain::principal::{CredentialKind, Mode, Permission, Plan};
use shared::store::{Store, credentials::manage::OwnLimit};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// A limit that no caller reaches.
pub const UNLIMITED: u32 = 100_000_000;
/// Ids of each kind that a team may offer to callers of the other one.
const MAX_OFFERED: usize = 64;

/// The service, two teams, and what their callers record.
pub struct Site {
    pub url: String,
    pub teams: [Team; 2],
    /// A key of the first team with a low limit.
    pub limited: Access,
    pub tally: Tally,
    pub board: Board,
}

/// A team with a credential of each kind.
pub struct Team {
    pub id: String,
    pub key: Access,
    pub user: Access,
}

/// A credential.
#[derive(Clone)]
pub struct Access {
    /// Its number in the tally.
    pub number: usize,
    pub headers: Vec<(&'static str, String)>,
    /// The calls that it may make per window.
    pub limit: u32,
}

/// Ids that callers share.
#[derive(Default)]
pub struct Board {
    notes: Mutex<Notes>,
}

#[derive(Default)]
struct Notes {
    offered: [Vec<String>; 4],
    deleted: BTreeSet<String>,
}

/// What an offered id belongs to.
#[derive(Clone, Copy)]
pub enum Offered {
    Rule,
    Policy,
}

impl Site {
    /// Creates the teams and their credentials.
    pub async fn begin(stack: &Stack, limit: u32) -> Result<Site, Error> {
        let store = connection::open_unchecked(stack.dynamodb(), TABLE_NAME).map_err(failed)?;
        let teams = [team(&store, 0).await?, team(&store, 1).await?];
        let own = OwnLimit {
            calls: limit,
            window_seconds: None,
        };
        let terms = Terms {
            expires_at: None,
            limit: Some(own),
        };
        let [first, _] = &teams;
        let team = shared::domain::id::TeamId::parse(&first.id).ok_or_else(|| Error::Seed {
            reason: "the team's id is invalid".to_owned(),
        })?;
        let key = issue::key(&store, &team, &secret_key(terms))
            .await
            .map_err(failed)?;
        Ok(Site {
            url: stack.url(),
            limited: Access::key(4, &key.secret, limit),
            teams,
            tally: Tally::default(),
            board: Board::default(),
        })
    }
}

impl Access {
    fn key(number: usize, secret: &str, limit: u32) -> Access {
        Access {
            number,
            headers: vec![("authorization", format!("Bearer {secret}"))],
            limit,
        }
    }
}

fn secret_key(terms: Terms) -> NewKey {
    NewKey {
        name: None,
        kind: CredentialKind::Secret,
        mode: Mode::Live,
        terms,
    }
}

async fn team(store: &Store, number: usize) -> Result<Team, Error> {
    let team = issue::team(store, &format!("Team {number}"), Plan::Premium)
        .await
        .map_err(failed)?;
    let terms = Terms::default();
    let key = issue::key(store, &team.id, &secret_key(terms))
        .await
        .map_err(failed)?;
    let permissions = [Permission::ManageLivechatSla];
    let user = issue::user(store, &team.id, "Ada", &permissions, terms)
        .await
        .map_err(failed)?;
    Ok(Team {
        id: team.id.to_string(),
        key: Access::key(2 * number, &key.secret, UNLIMITED),
        user: Access {
            number: 2 * number + 1,
            headers: vec![
                ("x-user-id", user.id.to_string()),
                ("x-auth-token", user.token),
            ],
            limit: UNLIMITED,
        },
    })
}

fn failed(error: IssueError) -> Error {
    Error::Seed {
        reason: error.to_string(),
    }
}

impl Board {
    /// Offers an id of a team to callers of the other one, who must not find it.
    pub fn offer(&self, team: usize, kind: Offered, id: &str) {
        if let Some(offered) = self.lock().offered.get_mut(slot(team, kind)) {
            if offered.len() >= MAX_OFFERED {
                offered.clear();
            }
            offered.push(id.to_owned());
        }
    }

    /// The id that a team offered last.
    pub fn offered(&self, team: usize, kind: Offered) -> Option<String> {
        self.lock().offered.get(slot(team, kind))?.last().cloned()
    }

    /// Records an id that has been deleted, or may have been.
    pub fn delete(&self, id: &str) {
        self.lock().deleted.insert(id.to_owned());
    }

    /// The ids of everything that may have been deleted.
    pub fn deleted(&self) -> BTreeSet<String> {
        self.lock().deleted.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn slot(team: usize, kind: Offered) -> usize {
    2 * team
        + match kind {
            Offered::Rule => 0,
            Offered::Policy => 1,
        }
}

/// The site as each caller holds it.
pub type Shared = Arc<Site>;
