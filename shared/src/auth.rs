//! From a presented credential to the principal who presented it.
//!
//! Junk is refused by its shape and checksum, and a credential known to have used up its window is
//! refused from memory: neither costs a call. An address that keeps presenting unknown credentials
//! is refused from memory as well. Everything else is decided by one conditional update, which
//! authenticates, fetches what authorisation needs, and counts.

mod guesses;
pub mod key;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::api::Access;
use crate::auth::guesses::Guesses;
use crate::auth::key::{Key, Token};
use crate::config::Config;
use crate::dialect::Shown;
use crate::domain::digest::Digest;
use crate::domain::id::UserId;
use crate::domain::principal::{CredentialKind, Permission, Plan, Principal};
use crate::limit::{Allowance, Rate, Window};
use crate::problem::Problem;
use crate::store::Store;
use crate::store::credentials::{Admission, Refusal, Seen};

/// Credentials that a process remembers something about. A full memory is emptied: it only saves
/// calls and round trips.
const MAX_REMEMBERED: usize = 1_024;

/// How long a refusal for a used-up window is repeated from memory. Hammering costs one write a
/// second and process, and a revocation or a raised limit takes effect within that second.
const BLOCK_TRUSTED: SignedDuration = SignedDuration::from_secs(1);

/// How often the length of a credential's window may turn out to be another one in one request:
/// it is looked up once, and an operator may change it meanwhile.
const MAX_WINDOW_CHANGES: usize = 3;

/// A credential whose shape is right.
#[derive(Debug)]
pub struct Credential {
    identity: Identity,
    kind: CredentialKind,
}

/// What tells two credentials apart. A token presented for another user is another credential.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Identity {
    digest: Digest,
    user: Option<UserId>,
}

/// What a process remembers about credentials it has seen.
#[derive(Debug)]
pub struct Gate {
    secret_key: Allowance,
    publishable_key: Allowance,
    user_token: Allowance,
    remembered: Mutex<HashMap<Identity, Remembered>>,
    guesses: Guesses,
}

#[derive(Clone, Debug)]
struct Remembered {
    window_seconds: u32,
    standing: Standing,
}

/// What became of a credential's last call.
#[derive(Clone, Debug)]
enum Standing {
    /// It was admitted.
    Admitted {
        principal: Principal,
        other_windows: Vec<Window>,
    },
    /// The table refused it for having used up its window.
    Blocked {
        window: Window,
        limit: u32,
        since: Timestamp,
    },
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
                identity: Identity {
                    digest: Digest::of(text),
                    user: None,
                },
                kind: key.kind(),
            }),
            Shown::User { user, token } => {
                let parsed = Token::parse(token).zip(UserId::parse(user));
                parsed.map(|(_, user)| Credential {
                    identity: Identity {
                        digest: Digest::of(token),
                        user: Some(user),
                    },
                    kind: CredentialKind::User,
                })
            }
        };
        credential.ok_or(Problem::Unauthenticated)
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
            guesses: Guesses::default(),
        }
    }

    /// Who this credential was when this process last admitted it; `None` if it never was, or has
    /// been refused since. What a caller merely claims is never enough to read on: a key's checksum
    /// is public, so anyone can make one that looks right.
    pub fn last_admitted(&self, credential: &Credential) -> Option<Principal> {
        match self.memory().get(&credential.identity)?.standing {
            Standing::Admitted { ref principal, .. } => Some(principal.clone()),
            Standing::Blocked { .. } => None,
        }
    }

    /// Authenticates and counts: one call, none for a credential that is known to be blocked, or an
    /// unknown one from an `address` that has presented too many of them.
    ///
    /// A key with a window of its own costs a second call the first time a process meets it.
    pub async fn admit(
        &self,
        store: &Store,
        credential: &Credential,
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<Admitted, TurnedAway> {
        let allowance = self.default_allowance(credential.kind);
        let memory = self.memory().get(&credential.identity).cloned();
        if memory.is_none() && address.is_some_and(|from| self.guesses.are_used_up(from, now)) {
            return Err(turned_away(Problem::Unauthenticated));
        }
        let (mut window_seconds, past_windows) = match memory {
            None => (allowance.window_seconds, Vec::new()),
            Some(Remembered {
                window_seconds,
                standing,
            }) => match standing {
                Standing::Admitted { other_windows, .. } => (window_seconds, other_windows),
                Standing::Blocked {
                    window,
                    limit,
                    since,
                } => {
                    let same_window = Window::at(now, window_seconds) == window;
                    if same_window && now.duration_since(since) < BLOCK_TRUSTED {
                        return Err(limited(window.rate(limit, u64::from(limit), now)));
                    }
                    (window_seconds, Vec::new())
                }
            },
        };
        for _ in 0..=MAX_WINDOW_CHANGES {
            let window = Window::at(now, window_seconds);
            let admission = Admission {
                digest: &credential.identity.digest,
                user: credential.identity.user.as_ref(),
                default: allowance,
                window,
                past_windows: &past_windows,
                now,
            };
            match store.admit(&admission).await.map_err(turned_away)? {
                Ok(seen) => return Ok(self.admitted(credential, seen, window, now)),
                Err(Refusal::Unknown) => {
                    self.memory().remove(&credential.identity);
                    if let Some(address) = address {
                        self.guesses.count(address, now);
                    }
                    return Err(turned_away(Problem::Unauthenticated));
                }
                Err(Refusal::OtherWindow { seconds }) => window_seconds = seconds,
                Err(Refusal::Spent { limit, used }) => {
                    let standing = Standing::Blocked {
                        window,
                        limit,
                        since: now,
                    };
                    self.remember(credential, window_seconds, standing);
                    return Err(limited(window.rate(limit, used, now)));
                }
            }
        }
        Err(turned_away(Problem::Unavailable(
            "the credential's window changed at every attempt".into(),
        )))
    }

    fn admitted(
        &self,
        credential: &Credential,
        seen: Seen,
        window: Window,
        now: Timestamp,
    ) -> Admitted {
        let Seen {
            principal,
            limit,
            used,
            other_windows,
        } = seen;
        let bypass = Permission::ApiBypassRateLimit;
        let unlimited = principal.permissions.contains(&bypass);
        let standing = Standing::Admitted {
            principal: principal.clone(),
            other_windows,
        };
        self.remember(credential, window.length_seconds(), standing);
        Admitted {
            principal,
            rate: (!unlimited).then(|| window.rate(limit, used, now)),
        }
    }

    fn default_allowance(&self, kind: CredentialKind) -> Allowance {
        match kind {
            CredentialKind::Secret => self.secret_key,
            CredentialKind::Publishable => self.publishable_key,
            CredentialKind::User => self.user_token,
        }
    }

    fn memory(&self) -> MutexGuard<'_, HashMap<Identity, Remembered>> {
        self.remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, credential: &Credential, window_seconds: u32, standing: Standing) {
        let mut remembered = self.memory();
        if remembered.len() >= MAX_REMEMBERED && !remembered.contains_key(&credential.identity) {
            remembered.clear();
        }
        let memory = Remembered {
            window_seconds,
            standing,
        };
        remembered.insert(credential.identity.clone(), memory);
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

fn turned_away(problem: Problem) -> TurnedAway {
    TurnedAway {
        problem,
        rate: None,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::TeamId;
    use crate::domain::principal::Mode;

    #[test]
    fn a_key_opens_its_own_team_and_a_user_what_its_permissions_and_plan_allow() {
        const ANY: &[Permission] = &[Permission::ManageLivechatSla, Permission::ViewLivechatRoom];
        let principal = |kind, plan, permissions: &[Permission]| Principal {
            team: TeamId::parse("team_1").expect("a team's id"),
            mode: Mode::Live,
            kind,
            plan,
            permissions: permissions.to_vec(),
        };
        let key = |kind| principal(kind, Plan::Community, &[]);
        let user = |plan, permissions| principal(CredentialKind::User, plan, permissions);
        let secret = key(CredentialKind::Secret);
        let publishable = key(CredentialKind::Publishable);
        let (own, other) = (Some("team_1"), Some("team_2"));
        let name = |outcome: Result<(), Problem>| outcome.map_err(|problem| problem.name());
        for (access, principal, team, expected) in [
            (Access::Anyone, &publishable, None, Ok(())),
            (Access::SecretKey, &secret, own, Ok(())),
            (Access::SecretKey, &secret, other, Err("wrong_team")),
            (Access::SecretKey, &secret, None, Err("wrong_team")),
            (
                Access::SecretKey,
                &publishable,
                own,
                Err("secret_key_required"),
            ),
            (
                Access::SecretKey,
                &publishable,
                other,
                Err("secret_key_required"),
            ),
            (
                Access::User(ANY),
                &user(Plan::Premium, &ANY[..1]),
                None,
                Ok(()),
            ),
            (
                Access::User(ANY),
                &user(Plan::Premium, &ANY[1..]),
                None,
                Ok(()),
            ),
            (
                Access::User(&ANY[..1]),
                &user(Plan::Premium, &ANY[1..]),
                None,
                Err("permission_missing"),
            ),
            (
                Access::User(ANY),
                &user(Plan::Community, &[]),
                None,
                Err("permission_missing"),
            ),
            (
                Access::User(ANY),
                &user(Plan::Community, ANY),
                None,
                Err("plan_required"),
            ),
        ] {
            assert_eq!(
                name(authorise(access, principal, team)),
                expected,
                "{access:?} {principal:?}"
            );
        }
    }
}
