//! Who is admitted, how often, and what a refusal costs.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use local::stack::Stack;
use local::table::TABLE_NAME;
use local::wire::call::{DynamoDbCall, depth};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use shared::api::{self, Access, Effect, Endpoint};
use shared::auth::issue::Terms;
use shared::auth::key::{Key, Token};
use shared::auth::{Credential, Gate};
use shared::config::{Config, TrustStore};
use shared::dialect::{Dialect, PresentedCredential};
use shared::domain::id::RequestId;
use shared::domain::principal::{CredentialKind, Mode, Permission, Plan};
use shared::domain::webhook_url::Loopback;
use shared::limit::{Allowance, Window};
use shared::problem::Problem;
use shared::store::client;
use shared::store::credentials::manage::OwnLimit;

use crate::actors::{Actor, POLICIES, Team};
use crate::contract::upper_camel;
use crate::doors::{self, send_valid};
use crate::world;

crate::stories![
    a_limit_holds_across_processes_windows_and_clocks,
    an_unknown_credential_causes_no_reads,
    a_previously_admitted_credential_reads_during_its_admission,
    a_token_with_another_users_id_is_unauthenticated,
    repeated_guesses_are_refused_from_memory,
    guesses_are_counted_by_source_address,
];

/// The calls to the table that an endpoint's function made since the last look.
fn take_calls(stack: &Stack, endpoint: &Endpoint) -> Vec<DynamoDbCall> {
    let function = upper_camel(endpoint.name);
    let calls = stack.wire().expect("a recording stack").take();
    // A process that starts checks once that the table is there, with a read that costs nothing.
    let is_of_request = |call: &DynamoDbCall| {
        call.function == function && (call.operation != "GetItem" || call.capacity_units >= 1.0)
    };
    calls.into_iter().filter(is_of_request).collect()
}

fn reads() -> impl Iterator<Item = &'static Endpoint> {
    let all = api::ALL.iter().copied();
    all.filter(|endpoint| endpoint.effect() == Effect::Read && endpoint.access != Access::Anyone)
}

/// A caller whose credential is well-formed but was never issued.
fn forged_caller(endpoint: &Endpoint, team: &Team) -> Actor {
    match endpoint.dialect {
        Dialect::Cstar => {
            let key = Key::generate(CredentialKind::Secret, Mode::Live).unwrap();
            team.with_key(&key.unwrap())
        }
        Dialect::RocketChat => team.with_token("rbAXPnMktTFbNpwtJ", &Token::generate().unwrap()),
    }
}

async fn an_unknown_credential_causes_no_reads() {
    let (stack, _turn) = world::exclusive_stack().await;
    let (team, other) = (
        Team::on(stack, Plan::Premium).await,
        Team::on(stack, Plan::Premium).await,
    );
    for endpoint in reads() {
        let callers = [
            forged_caller(endpoint, &team),
            other.permitted_caller(endpoint).await,
        ];
        for (caller, refusal) in callers.iter().zip([401, 403]) {
            if endpoint.dialect == Dialect::RocketChat && refusal == 403 {
                continue;
            }
            // More than once in each of the processes.
            for _ in 0..4 {
                take_calls(stack, endpoint);
                let response = send_valid(caller, endpoint, team.id.as_str()).await;
                assert_eq!(response.status, refusal, "{}", endpoint.name);
                let calls = take_calls(stack, endpoint);
                let calls: Vec<_> = calls.iter().map(|call| call.operation.as_str()).collect();
                assert_eq!(calls, ["UpdateItem"], "{}", endpoint.name);
            }
        }
    }
}

async fn a_previously_admitted_credential_reads_during_its_admission() {
    let (stack, _turn) = world::exclusive_stack().await;
    let team = Team::on(stack, Plan::Premium).await;
    // The lists of a team that has nothing.
    let lists = reads().filter(|endpoint| endpoint.name.ends_with("-list"));
    for endpoint in lists.filter(|endpoint| doors::usual_status(endpoint) == 200) {
        let caller = team.permitted_caller(endpoint).await;
        let mut beside = 0;
        for _ in 0..12 {
            take_calls(stack, endpoint);
            let response = send_valid(&caller, endpoint, team.id.as_str()).await;
            assert_eq!(response.status, 200, "{}", endpoint.name);
            let calls = take_calls(stack, endpoint);
            assert_eq!(calls.len(), 2, "{}", endpoint.name);
            beside += usize::from(depth(&calls) == 1);
        }
        assert!(beside > 0, "{}: every read waits", endpoint.name);

        // In each process, the first refused call is the last one that causes a read.
        team.revoke(&caller).await;
        take_calls(stack, endpoint);
        for _ in 0..12 {
            assert_eq!(
                send_valid(&caller, endpoint, team.id.as_str()).await.status,
                401
            );
        }
        let calls = take_calls(stack, endpoint);
        let calls = calls.iter().filter(|call| call.operation == "Query");
        assert!(calls.count() <= 2, "one per process: {}", endpoint.name);
    }
}

async fn a_token_with_another_users_id_is_unauthenticated() {
    let team = Team::new().await;
    let day = OwnLimit {
        calls: 1,
        window_seconds: Some(86_400),
    };
    let terms = Terms {
        limit: Some(day),
        ..Terms::default()
    };
    let user = team.user(&[Permission::ViewLivechatRoom], terms).await;
    assert_eq!(user.get(POLICIES).await.status, 200);
    let mut thief = user.clone();
    thief.headers[0].1 = "rbAXPnMktTFbNpwtJ".to_owned();
    for _ in 0..4 {
        // Each process remembers that the token's owner has reached the limit.
        assert_eq!(user.get(POLICIES).await.status, 429);
        let stolen = thief.get(POLICIES).await;
        stolen.assert_is(
            401,
            r#"{"status":"error","message":"You must be logged in to do this."}"#,
        );
        assert_eq!(stolen.header("x-ratelimit-limit"), None);
    }
}

async fn repeated_guesses_are_refused_from_memory() {
    let stack = world::stack();
    let team = Team::new().await;
    let config = config(60);
    let table = client::connect_to(stack.dynamodb(), TABLE_NAME);
    let gate = Gate::new(&config);
    let now = Timestamp::now();
    let (address, neighbour) = (
        IpAddr::from(Ipv4Addr::new(203, 0, 113, 7)),
        IpAddr::from(Ipv4Addr::new(203, 0, 113, 8)),
    );
    let admit = async |secret: &str, from: IpAddr, now: Timestamp| {
        let store = table.for_request(&RequestId::new(now, &world::random()));
        let credential = Credential::read(Some(PresentedCredential::Key(secret))).unwrap();
        let admitted = gate.admit(&store, &credential, Some(from), now).await;
        (
            admitted.map_err(|refused| refused.problem),
            store.cost().calls,
        )
    };
    let guess = || {
        let key = Key::generate(CredentialKind::Secret, Mode::Live).unwrap();
        key.unwrap()
    };
    let (seen, unseen) = (team.secret_key().await, team.secret_key().await);
    let secret = |actor: &Actor| actor.headers[0].1.trim_start_matches("Bearer ").to_owned();
    let (seen, unseen) = (secret(&seen), secret(&unseen));
    assert!(admit(&seen, address, now).await.0.is_ok());
    for number in 0..30 {
        let (refused, calls) = admit(&guess(), address, now).await;
        assert!(matches!(refused, Err(Problem::Unauthenticated)));
        assert_eq!(calls, u32::from(number < 20), "guess {number}");
    }
    assert!(
        admit(&seen, address, now).await.0.is_ok(),
        "it was admitted before"
    );
    assert!(
        admit(&guess(), neighbour, now).await.1 == 1,
        "another address"
    );
    let (refused, calls) = admit(&unseen, address, now).await;
    assert!(matches!(refused, Err(Problem::Unauthenticated)));
    assert_eq!(calls, 0);
    let later = now + SignedDuration::from_secs(60);
    assert!(
        admit(&unseen, address, later).await.0.is_ok(),
        "a minute later"
    );
}

async fn guesses_are_counted_by_source_address() {
    let (stack, _turn) = world::exclusive_stack().await;
    let team = Team::on(stack, Plan::Premium).await;
    let endpoint = api::RULE_GET.endpoint();
    let path = doors::path(endpoint, team.id.as_str());
    take_calls(stack, endpoint);
    for _ in 0..100 {
        let forged = forged_caller(endpoint, &team).headers.remove(0).1;
        let event = serde_json::json!({
            "rawPath": path,
            "headers": {"authorization": forged},
            "pathParameters": {"teamId": team.id.as_str()},
            "requestContext": {"http": {"sourceIp": "203.0.113.9"}},
        });
        let response = stack.invoke(&upper_camel(endpoint.name), event).await;
        assert_eq!(response.expect("a response")["statusCode"], 401);
    }
    // Twenty for each of two processes, and as many again if a new minute begins meanwhile.
    let calls = take_calls(stack, endpoint).len();
    assert!((20..=80).contains(&calls), "{calls} calls");
}

fn config(window_seconds: u32) -> Config {
    let allowance = Allowance {
        limit: 1_000,
        window_seconds,
    };
    Config {
        table: TABLE_NAME.to_owned(),
        secret_key: allowance,
        publishable_key: allowance,
        user_token: allowance,
        trust_store: TrustStore::Amazon,
        revision: "none".to_owned(),
        error_reference: String::new(),
        look_ahead_seconds: 0,
        metrics_namespace: None,
        loopback: Loopback::Refused,
    }
}

/// Processes whose clocks differ, and calls to them at simulated instants.
#[derive(Debug)]
struct Run {
    window_seconds: u32,
    limit: u32,
    /// Milliseconds by which each process's clock is ahead.
    clocks: Vec<i64>,
    /// Milliseconds since the previous step, and the processes that are called at the same time.
    steps: Vec<(i64, Vec<prop::sample::Index>)>,
}

fn runs() -> impl Strategy<Value = Run> {
    let lengths = prop::sample::select(vec![1_u32, 2, 3, 7, 60]);
    let clocks = prop::collection::vec(0_i64..=1_000, 2..5);
    (lengths, 2_u32..6, clocks).prop_flat_map(|(window_seconds, limit, clocks)| {
        let longest = i64::from(window_seconds) * 700;
        let callers = prop::collection::vec(any::<prop::sample::Index>(), 1..6);
        let steps = prop::collection::vec((0..longest, callers), 24);
        (Just(clocks), steps).prop_map(move |(clocks, steps)| Run {
            window_seconds,
            limit,
            clocks,
            steps,
        })
    })
}

const RUNS: usize = 12;

async fn a_limit_holds_across_processes_windows_and_clocks() {
    let mut runner = TestRunner::default();
    for _ in 0..RUNS {
        let run = runs().new_tree(&mut runner).expect("a run").current();
        let failures = replay(&run).await;
        assert!(failures.is_empty(), "{run:?}: {}", failures.join("; "));
    }
}

/// Replays a run against the table, and returns what went wrong.
async fn replay(run: &Run) -> Vec<String> {
    let team = Team::new().await;
    let own = OwnLimit {
        calls: run.limit,
        window_seconds: Some(run.window_seconds),
    };
    let terms = Terms {
        limit: Some(own),
        ..Terms::default()
    };
    let caller = team.key(CredentialKind::Secret, Mode::Live, terms).await;
    let secret = caller.headers[0].1.trim_start_matches("Bearer ");
    let table = client::connect_to(team.stack.dynamodb(), TABLE_NAME);
    let config = config(60);
    let gates: Vec<Gate> = run.clocks.iter().map(|_| Gate::new(&config)).collect();
    let credential = Credential::read(Some(PresentedCredential::Key(secret))).unwrap();
    let mut failures = Vec::new();
    let mut admitted: BTreeMap<u64, u32> = BTreeMap::new();
    // Starts just before a window ends.
    let length = i64::from(run.window_seconds) * 1_000;
    let mut instant = 1_795_000_000_000 / length * length - 300;
    for (passed, processes) in &run.steps {
        instant += passed;
        let calls = processes.iter().map(|process| {
            let process = process.index(gates.len());
            let now = Timestamp::from_millisecond(instant + run.clocks[process]).unwrap();
            let store = table.for_request(&RequestId::new(now, &world::random()));
            let (gate, credential) = (&gates[process], &credential);
            async move { (now, gate.admit(&store, credential, None, now).await) }
        });
        for (now, outcome) in join_all(calls).await {
            match outcome.map_err(|refused| refused.problem) {
                Ok(_) => {
                    let window = Window::at(now, run.window_seconds);
                    *admitted.entry(window.number()).or_default() += 1;
                }
                Err(Problem::RateLimited { .. }) => {}
                Err(other) => failures.push(format!("{other:?}")),
            }
        }
    }
    let over = admitted.into_iter().filter(|(_, calls)| *calls > run.limit);
    failures.extend(over.map(|(window, calls)| format!("{calls} calls in window {window}")));
    failures
}
