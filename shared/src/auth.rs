//! From a presented credential to the principal who presented it.
//!
//! A malformed credential is refused by its shape and checksum, and one that has reached its limit is
//! refused from memory. So are unknown credentials from an address that keeps presenting them. None
//! of this costs a call to the table. One conditional update decides everything else: it
//! authenticates, returns what authorisation needs, and counts the call.

mod guesses;
pub mod issue;
pub mod key;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::api::Access;
use crate::auth::guesses::Guesses;
use crate::auth::key::{Key, Token};
use crate::config::Config;
use crate::dialect::PresentedCredential;
use crate::domain::digest::Digest;
use crate::domain::id::UserId;
use crate::domain::principal::{CredentialKind, Permission, Plan, Principal};
use crate::limit::{Allowance, Rate, Window};
use crate::problem::{Problem, TeamProblem, WorkspaceProblem};
use crate::store::Store;
use crate::store::credentials::{Admission, AdmittedCredential, Refusal};

/// The most credentials that a process remembers. A full memory is emptied: it only saves calls and
/// round trips.
const MAX_REMEMBERED: usize = 1_024;

/// How long a refusal of a credential that has reached its limit is repeated from memory. So a client
/// that keeps calling costs each process one write a second, and a revocation or a raised limit takes
/// effect within a second.
const BLOCKED_FOR: SignedDuration = SignedDuration::from_secs(1);

/// How often the length of a credential's window may differ from what was expected, in one request: it
/// is learned at the first attempt, and an operator may change it meanwhile.
const MAX_WINDOW_CHANGES: usize = 3;

/// A well-formed credential.
#[derive(Debug)]
pub struct Credential {
    identity: Identity,
    kind: CredentialKind,
}

/// Identifies a credential. A token that is presented for another user is another credential.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Identity {
    digest: Digest,
    user: Option<UserId>,
}

/// Admits callers, and remembers for its process what became of them.
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
    last_call: LastCall,
}

/// The outcome of a credential's last call.
#[derive(Clone, Debug)]
enum LastCall {
    /// It was admitted.
    Admitted {
        principal: Principal,
        other_windows: Vec<Window>,
    },
    /// The table refused it, since the credential had reached its limit.
    Blocked {
        window: Window,
        limit: u32,
        since: Timestamp,
    },
}

/// A caller who is admitted.
#[derive(Debug)]
pub struct Admitted {
    /// Who calls.
    pub principal: Principal,
    /// The state of the caller's limit; `None` if it has none.
    pub rate: Option<Rate>,
}

/// A caller who is not admitted.
#[derive(Debug)]
pub struct Rejection {
    /// Why.
    pub problem: Problem,
    /// The state of the caller's limit, if the credential is known.
    pub rate: Option<Rate>,
}

impl Credential {
    /// Checks the form of a credential, without a call to the table.
    pub fn read(presented: Option<PresentedCredential<'_>>) -> Result<Credential, Problem> {
        let credential = match presented.ok_or(Problem::Unauthenticated)? {
            PresentedCredential::Key(text) => Key::parse(text).map(|key| Credential {
                identity: Identity {
                    digest: Digest::of(text),
                    user: None,
                },
                kind: key.kind(),
            }),
            PresentedCredential::User { user, token } => {
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
    /// A gate with the limits of a deployment.
    pub fn new(config: &Config) -> Gate {
        Gate {
            secret_key: config.secret_key,
            publishable_key: config.publishable_key,
            user_token: config.user_token,
            remembered: Mutex::default(),
            guesses: Guesses::default(),
        }
    }

    /// The principal of a credential that this process has admitted and not refused since. A claim
    /// never causes a read: the checksum of a key is public, so anyone can make one that looks right.
    pub fn last_admitted(&self, credential: &Credential) -> Option<Principal> {
        match self.memory().get(&credential.identity)?.last_call {
            LastCall::Admitted { ref principal, .. } => Some(principal.clone()),
            LastCall::Blocked { .. } => None,
        }
    }

    /// Authenticates a caller and counts the call, with one call to the table; with none if the
    /// credential is blocked, or unknown and from an `address` that has presented too many.
    ///
    /// A credential whose window has a length of its own costs a second call when a process first
    /// meets it.
    pub async fn admit(
        &self,
        store: &Store,
        credential: &Credential,
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<Admitted, Rejection> {
        let allowance = self.default_allowance(credential.kind);
        let memory = self.memory().get(&credential.identity).cloned();
        if memory.is_none() && address.is_some_and(|from| self.guesses.are_exhausted(from, now)) {
            return Err(reject(Problem::Unauthenticated));
        }
        let (mut window_seconds, past_windows) = match memory {
            None => (allowance.window_seconds, Vec::new()),
            Some(Remembered {
                window_seconds,
                last_call,
            }) => match last_call {
                LastCall::Admitted { other_windows, .. } => (window_seconds, other_windows),
                LastCall::Blocked {
                    window,
                    limit,
                    since,
                } => {
                    let same_window = Window::at(now, window_seconds) == window;
                    if same_window && now.duration_since(since) < BLOCKED_FOR {
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
            match store.admit(&admission).await.map_err(reject)? {
                Ok(admitted) => return Ok(self.admitted(credential, admitted, window, now)),
                Err(Refusal::Unknown) => {
                    self.memory().remove(&credential.identity);
                    if let Some(address) = address {
                        self.guesses.count(address, now);
                    }
                    return Err(reject(Problem::Unauthenticated));
                }
                Err(Refusal::OtherWindow { seconds }) => window_seconds = seconds,
                Err(Refusal::LimitReached { limit, used }) => {
                    let last_call = LastCall::Blocked {
                        window,
                        limit,
                        since: now,
                    };
                    self.remember(credential, window_seconds, last_call);
                    return Err(limited(window.rate(limit, used, now)));
                }
            }
        }
        Err(reject(Problem::Unavailable(
            "the length of the credential's window changed at every attempt".into(),
        )))
    }

    fn admitted(
        &self,
        credential: &Credential,
        admitted: AdmittedCredential,
        window: Window,
        now: Timestamp,
    ) -> Admitted {
        let AdmittedCredential {
            principal,
            limit,
            used,
            other_windows,
        } = admitted;
        let bypass = Permission::ApiBypassRateLimit;
        let unlimited = principal.permissions.contains(&bypass);
        let last_call = LastCall::Admitted {
            principal: principal.clone(),
            other_windows,
        };
        self.remember(credential, window.length_seconds(), last_call);
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

    fn remember(&self, credential: &Credential, window_seconds: u32, last_call: LastCall) {
        let mut remembered = self.memory();
        if remembered.len() >= MAX_REMEMBERED && !remembered.contains_key(&credential.identity) {
            remembered.clear();
        }
        let memory = Remembered {
            window_seconds,
            last_call,
        };
        remembered.insert(credential.identity.clone(), memory);
    }
}

/// Whether a principal may use an endpoint in the team of the path.
///
/// A team that does not exist and another team are refused alike, so nobody can tell them apart.
pub fn authorise(
    access: Access,
    principal: &Principal,
    team_in_path: Option<&str>,
) -> Result<(), Problem> {
    match access {
        Access::Anyone => Ok(()),
        Access::SecretKey if principal.kind != CredentialKind::Secret => {
            Err(Problem::Team(TeamProblem::SecretKeyRequired))
        }
        Access::SecretKey if team_in_path != Some(principal.team.as_str()) => {
            Err(Problem::Team(TeamProblem::WrongTeam))
        }
        Access::SecretKey => Ok(()),
        Access::User(any_of)
            if !any_of
                .iter()
                .any(|permission| principal.permissions.contains(permission)) =>
        {
            Err(Problem::Workspace(WorkspaceProblem::PermissionMissing))
        }
        Access::User(_) if principal.plan != Plan::Premium => {
            Err(Problem::Workspace(WorkspaceProblem::PlanRequired))
        }
        Access::User(_) => Ok(()),
    }
}

fn reject(problem: Problem) -> Rejection {
    Rejection {
        problem,
        rate: None,
    }
}

fn limited(rate: Rate) -> Rejection {
    let retry_after_seconds = rate.retry_after_seconds;
    Rejection {
        problem: Problem::RateLimited {
            retry_after_seconds,
        },
        rate: Some(rate),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::{RequestId, TeamId};
    use crate::domain::principal::Mode;
    use crate::store::client;

    const LIMIT: u32 = 100;

    fn gate() -> Gate {
        Gate::new(&Config::for_table(Some("none".to_owned())).expect("defaults"))
    }

    fn credential(number: usize) -> Credential {
        Credential {
            identity: Identity {
                digest: Digest::of(&number.to_string()),
                user: None,
            },
            kind: CredentialKind::User,
        }
    }

    fn user(permissions: &[Permission]) -> Principal {
        Principal {
            team: TeamId::parse("team_1").expect("a team's id"),
            mode: Mode::Live,
            kind: CredentialKind::User,
            plan: Plan::Premium,
            permissions: permissions.to_vec(),
        }
    }

    /// Lets the table admit a credential.
    fn admit(gate: &Gate, credential: &Credential, permissions: &[Permission]) -> Admitted {
        let admitted = AdmittedCredential {
            principal: user(permissions),
            limit: LIMIT,
            used: 1,
            other_windows: Vec::new(),
        };
        let now = Timestamp::UNIX_EPOCH;
        gate.admitted(credential, admitted, Window::at(now, 60), now)
    }

    /// The name of the problem of a caller for whom the table cannot be asked: `unavailable` if it was
    /// to be asked.
    fn refusal(gate: &Gate, credential: &Credential, now: Timestamp) -> &'static str {
        let id = RequestId::new(now, &[0; 10]);
        let store = client::connect_to("http://127.0.0.1:1", "none").for_request(&id);
        // Time advances only while everything waits for it, so the client's retries take none.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .expect("a runtime");
        let address = Some(IpAddr::from([192, 0, 2, 1]));
        let outcome = runtime.block_on(gate.admit(&store, credential, address, now));
        outcome.expect_err("there is no table").problem.name()
    }

    #[test]
    fn a_credential_at_its_limit_is_refused_from_memory_for_a_second_of_its_window() {
        let at = |milliseconds| Timestamp::from_millisecond(milliseconds).expect("in range");
        let blocked = |since| {
            let gate = gate();
            let last_call = LastCall::Blocked {
                window: Window::at(since, 60),
                limit: LIMIT,
                since,
            };
            gate.remember(&credential(1), 60, last_call);
            gate
        };
        let early = blocked(at(0));
        assert_eq!(refusal(&early, &credential(1), at(999)), "rate_limited");
        assert_eq!(refusal(&early, &credential(1), at(1_000)), "unavailable");
        assert_eq!(refusal(&early, &credential(2), at(999)), "unavailable");
        let late = blocked(at(59_500));
        assert_eq!(refusal(&late, &credential(1), at(59_999)), "rate_limited");
        assert_eq!(refusal(&late, &credential(1), at(60_000)), "unavailable");
    }

    #[test]
    fn only_unknown_credentials_of_an_address_that_guesses_are_refused_from_memory() {
        let (gate, now) = (gate(), Timestamp::UNIX_EPOCH);
        admit(&gate, &credential(1), &[]);
        assert_eq!(refusal(&gate, &credential(2), now), "unavailable");
        for _ in 0..20 {
            gate.guesses.count(IpAddr::from([192, 0, 2, 1]), now);
        }
        assert_eq!(refusal(&gate, &credential(2), now), "unauthenticated");
        assert_eq!(refusal(&gate, &credential(1), now), "unavailable");
    }

    #[test]
    fn a_caller_is_remembered_until_another_answer() {
        let gate = gate();
        assert_eq!(gate.last_admitted(&credential(1)), None);
        let admitted = admit(&gate, &credential(1), &[Permission::ManageLivechatSla]);
        assert_eq!(admitted.rate.map(|rate| rate.remaining), Some(LIMIT - 1));
        let principal = gate.last_admitted(&credential(1));
        assert_eq!(principal, Some(admitted.principal));
        let unlimited = admit(&gate, &credential(1), &[Permission::ApiBypassRateLimit]);
        assert_eq!(unlimited.rate, None);
        let last_call = LastCall::Blocked {
            window: Window::at(Timestamp::UNIX_EPOCH, 60),
            limit: LIMIT,
            since: Timestamp::UNIX_EPOCH,
        };
        gate.remember(&credential(1), 60, last_call);
        assert_eq!(gate.last_admitted(&credential(1)), None);
    }

    #[test]
    fn memory_is_bounded() {
        let gate = gate();
        let admit = |number| admit(&gate, &credential(number), &[]);
        for number in 0..MAX_REMEMBERED {
            admit(number);
        }
        admit(0);
        assert_eq!(gate.memory().len(), MAX_REMEMBERED);
        admit(MAX_REMEMBERED);
        assert_eq!(gate.memory().len(), 1, "a full memory is emptied");
        admit(0);
        assert_eq!(gate.memory().len(), 2);
    }

    #[test]
    fn a_key_is_limited_to_its_team_and_a_user_to_their_permissions_and_plan() {
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
