//! From a credential that was shown to the principal who showed it.
//!
//! Junk is refused by its shape and checksum, and a credential known to have used up its window is
//! refused from memory: neither costs a call. Everything else is decided by one conditional
//! update, which authenticates, fetches what authorisation needs, and counts.

pub mod key;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::api::Access;
use crate::auth::key::{Key, Token};
use crate::config::Config;
use crate::dialect::Shown;
use crate::domain::digest::Digest;
use crate::domain::id::{TeamId, UserId};
use crate::domain::principal::{CredentialKind, Mode, Permission, Plan, Principal};
use crate::limit::{Allowance, Rate, Window};
use crate::problem::Problem;
use crate::store::Store;
use crate::store::credentials::{Admission, Refusal};

/// Credentials that a process remembers something about. A full memory is emptied: it only saves
/// calls.
const MAX_REMEMBERED: usize = 1_024;

/// How long a refusal for a used-up window is repeated from memory. Hammering costs one write a
/// second and process, and a revocation or a raised limit is felt within that second.
const BLOCK_TRUSTED: SignedDuration = SignedDuration::from_secs(1);

/// A credential whose shape is right.
pub struct Credential {
    digest: Digest,
    kind: CredentialKind,
    mode: Mode,
    user: Option<UserId>,
}

/// What a process remembers about credentials it has seen.
#[derive(Debug)]
pub struct Gate {
    secret_key: Allowance,
    publishable_key: Allowance,
    user_token: Allowance,
    remembered: Mutex<HashMap<Digest, Remembered>>,
}

#[derive(Clone, Debug)]
struct Remembered {
    window_seconds: u32,
    blocked: Option<Blocked>,
    dead_windows: Vec<String>,
}

/// A credential that the table has just refused for having used up its window.
#[derive(Clone, Copy, Debug)]
struct Blocked {
    window: Window,
    limit: u32,
    since: Timestamp,
}

/// A credential that was let in, and where it stands.
#[derive(Debug)]
pub struct Admitted {
    /// Who called.
    pub principal: Principal,
    /// Where the caller stands; `None` without a limit.
    pub rate: Option<Rate>,
}

/// A credential that was turned away, and where it stands if it was recognised.
#[derive(Debug)]
pub struct TurnedAway {
    /// Why.
    pub problem: Problem,
    /// Where the caller stands.
    pub rate: Option<Rate>,
}

impl Credential {
    /// Checks a credential's shape. Costs no call.
    pub fn read(shown: Option<Shown<'_>>) -> Result<Credential, Problem> {
        let credential = match shown.ok_or(Problem::Unauthenticated)? {
            Shown::Key(text) => Key::parse(text).map(|key| Credential {
                digest: Digest::of(text),
                kind: key.kind(),
                mode: key.mode(),
                user: None,
            }),
            Shown::User { user, token } => {
                Token::parse(token)
                    .zip(UserId::parse(user))
                    .map(|(_, user)| Credential {
                        digest: Digest::of(token),
                        kind: CredentialKind::User,
                        mode: Mode::Live,
                        user: Some(user),
                    })
            }
        };
        credential.ok_or(Problem::Unauthenticated)
    }

    /// Who this would be if it were let in to `team`: what a read may run on beside the admission.
    pub fn claim(&self, team: TeamId) -> Principal {
        Principal {
            team,
            mode: self.mode,
            kind: self.kind,
            plan: Plan::Community,
            permissions: Vec::new(),
        }
    }
}

impl Gate {
    /// A gate with a deployment's allowances.
    pub fn new(config: &Config) -> Gate {
        Gate {
            secret_key: config.secret_key,
            publishable_key: config.publishable_key,
            user_token: config.user_token,
            remembered: Mutex::default(),
        }
    }

    /// Authenticates and counts: one call, none for a credential that is known to be blocked.
    ///
    /// A key with a window of its own costs a second call the first time a process meets it.
    pub async fn admit(
        &self,
        store: &Store,
        credential: &Credential,
        now: Timestamp,
    ) -> Result<Admitted, TurnedAway> {
        let allowance = self.default_allowance(credential.kind);
        let memory = self.recall(&credential.digest);
        let mut window_seconds = memory
            .as_ref()
            .map_or(allowance.window_seconds, |memory| memory.window_seconds);
        if let Some(blocked) = memory.as_ref().and_then(|memory| memory.blocked)
            && Window::at(now, window_seconds) == blocked.window
            && now.duration_since(blocked.since) < BLOCK_TRUSTED
        {
            let Blocked { window, limit, .. } = blocked;
            return Err(limited(window.rate(limit, u64::from(limit), now)));
        }
        let dead_windows = memory.map(|memory| memory.dead_windows).unwrap_or_default();
        loop {
            let window = Window::at(now, window_seconds);
            let admission = Admission {
                digest: &credential.digest,
                user: credential.user.as_ref(),
                default: allowance,
                window,
                window_seconds,
                dead_windows: &dead_windows,
                now,
            };
            let turned_away = |problem| TurnedAway {
                problem,
                rate: None,
            };
            match store.admit(&admission).await.map_err(turned_away)? {
                Ok(seen) => {
                    let memory = Remembered {
                        window_seconds,
                        blocked: None,
                        dead_windows: seen.dead_windows,
                    };
                    self.remember(&credential.digest, memory);
                    let unlimited = seen
                        .principal
                        .permissions
                        .contains(&Permission::ApiBypassRateLimit);
                    let rate = (!unlimited).then(|| window.rate(seen.limit, seen.used, now));
                    return Ok(Admitted {
                        principal: seen.principal,
                        rate,
                    });
                }
                Err(Refusal::Unknown) => return Err(turned_away(Problem::Unauthenticated)),
                Err(Refusal::OtherWindow { seconds }) if seconds != window_seconds => {
                    window_seconds = seconds
                }
                Err(Refusal::OtherWindow { .. }) => {
                    return Err(turned_away(Problem::Internal(
                        "the window changes at every look".into(),
                    )));
                }
                Err(Refusal::Spent { limit, used }) => {
                    let blocked = Some(Blocked {
                        window,
                        limit,
                        since: now,
                    });
                    let memory = Remembered {
                        window_seconds,
                        blocked,
                        dead_windows: Vec::new(),
                    };
                    self.remember(&credential.digest, memory);
                    return Err(limited(window.rate(limit, used, now)));
                }
            }
        }
    }

    fn default_allowance(&self, kind: CredentialKind) -> Allowance {
        match kind {
            CredentialKind::Secret => self.secret_key,
            CredentialKind::Publishable => self.publishable_key,
            CredentialKind::User => self.user_token,
        }
    }

    fn recall(&self, digest: &Digest) -> Option<Remembered> {
        self.remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(digest)
            .cloned()
    }

    fn remember(&self, digest: &Digest, memory: Remembered) {
        let mut remembered = self
            .remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= MAX_REMEMBERED && !remembered.contains_key(digest) {
            remembered.clear();
        }
        remembered.insert(digest.clone(), memory);
    }
}

/// Whether a principal may use an endpoint, and see the team in the path.
///
/// A team that does not exist is refused like another's: nothing tells them apart.
pub fn authorise(
    access: Access,
    principal: &Principal,
    team_in_path: Option<&str>,
) -> Result<(), Problem> {
    match access {
        Access::Anyone => Ok(()),
        Access::SecretKey if principal.kind != CredentialKind::Secret => {
            Err(Problem::SecretKeyRequired)
        }
        Access::SecretKey if team_in_path != Some(principal.team.as_str()) => {
            Err(Problem::WrongTeam)
        }
        Access::SecretKey => Ok(()),
        Access::User(any_of)
            if !any_of
                .iter()
                .any(|permission| principal.permissions.contains(permission)) =>
        {
            Err(Problem::PermissionMissing)
        }
        Access::User(_) if principal.plan != Plan::Premium => Err(Problem::PlanRequired),
        Access::User(_) => Ok(()),
    }
}

fn limited(rate: Rate) -> TurnedAway {
    let retry_after_seconds = rate.retry_after_seconds;
    TurnedAway {
        problem: Problem::RateLimited {
            retry_after_seconds,
        },
        rate: Some(rate),
    }
}
