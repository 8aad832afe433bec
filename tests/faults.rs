//! The service when its table throttles, hangs, fails, loses responses or cannot be reached.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use local::journal::Line;
use local::stack::Stack;
use local::wire::Wire;
use local::wire::fault::{FaultGuard, InjectedFault, Matcher};
use serde_json::{Value, json};
use shared::api::{self, Effect, Endpoint};
use shared::dialect::Dialect;
use shared::domain::principal::Plan;
use tokio::sync::{Mutex, MutexGuard, OnceCell};

use crate::actors::{POLICIES, Response, Team};
use crate::contract::upper_camel;
use crate::doors::{existing, guarded, path, send_valid, send_valid_to, usual_status};
use crate::world;

crate::stories![
    an_unavailable_table_gets_503_with_retry_after,
    requests_to_a_hanging_table_time_out,
    internal_errors_reveal_nothing,
    a_lost_response_from_the_table_is_not_a_conflict,
    a_conflicting_transaction_is_retried,
    a_killed_function_process_is_replaced,
];

/// The longest that a client waits for any response.
const MAX_WAIT: Duration = Duration::from_millis(8_500);

/// One process per function, so that no other one starts and adds its calls to those of a request.
const CONCURRENCY: usize = 1;

/// A service for one story at a time, which may break it. Its rate limits' windows outlast every story,
/// so that all outcomes of a request are equal.
pub async fn breakable_stack() -> (&'static Stack, MutexGuard<'static, ()>) {
    static STACK: OnceCell<&'static Stack> = OnceCell::const_new();
    static TURN: Mutex<()> = Mutex::const_new(());
    let turn = TURN.lock().await;
    let start = || world::start_with(CONCURRENCY, "RATE_WINDOW_SECONDS", 86_400);
    let stack = STACK.get_or_init(start).await;
    (stack, turn)
}

/// Makes the calls of one function to the table fail.
fn fail_calls_of(wire: &Wire, endpoint: &Endpoint, fault: InjectedFault) -> FaultGuard {
    let matcher = Matcher {
        function: Some(upper_camel(endpoint.name)),
        ..Matcher::default()
    };
    wire.fault(matcher, fault)
}

#[track_caller]
fn assert_unavailable(response: &Response, endpoint: &Endpoint) {
    match endpoint.dialect {
        Dialect::Cstar => {
            let message = "The service is temporarily unavailable. Try again shortly.";
            response.assert_cstar_error(503, "api_error", "service_unavailable", message, "");
        }
        Dialect::RocketChat => response.assert_is(
            503,
            r#"{"success":false,"error":"Service temporarily unavailable [error-service-unavailable]","errorType":"error-service-unavailable"}"#,
        ),
    }
    assert_eq!(response.header("retry-after"), Some("1"));
}

async fn an_unavailable_table_gets_503_with_retry_after() {
    let (stack, _turn) = breakable_stack().await;
    let wire = stack.wire().expect("a wire");
    for endpoint in guarded() {
        let team = Team::on(stack, Plan::Premium).await;
        let caller = team.permitted_caller(endpoint).await;
        // Starts the process, so that the fault meets the request and not the start.
        send_valid(&team.anonymous(), endpoint, team.id.as_str()).await;
        for fault in [
            InjectedFault::Throttle,
            InjectedFault::Refuse,
            InjectedFault::InternalError,
        ] {
            let guard = fail_calls_of(wire, endpoint, fault.clone());
            assert_unavailable(
                &send_valid(&caller, endpoint, team.id.as_str()).await,
                endpoint,
            );
            let attempts = guard.hits();
            assert!(
                attempts >= 3,
                "{} {fault:?}: {attempts} attempts",
                endpoint.name
            );
        }
        let over = send_valid(&caller, endpoint, team.id.as_str()).await;
        assert_eq!(over.status, usual_status(endpoint), "{}", over.body);
        let remaining = over.header("x-ratelimit-remaining");
        assert_eq!(remaining, Some("999"), "the failed calls were not counted");
    }
    let guard = wire.fault(Matcher::default(), InjectedFault::Refuse);
    let anonymous = Team::on(stack, Plan::Premium).await.anonymous();
    let health = anonymous.get(api::HEALTH_GET.endpoint().path).await;
    assert!(guard.hits() > 0);
    let zone = shared::domain::calendar::zone_data_version();
    health.assert_is(
        503,
        &format!(
            r#"{{"status":"degraded","version":"0.1.0","revision":"unknown","zoneData":"{zone}","table":"unreachable"}}"#
        ),
    );
}

async fn requests_to_a_hanging_table_time_out() {
    let (stack, _turn) = breakable_stack().await;
    let team = Team::on(stack, Plan::Premium).await;
    let wire = stack.wire().expect("a wire");
    let endpoints: Vec<_> = guarded().collect();
    let mut callers = Vec::new();
    for endpoint in &endpoints {
        callers.push(team.permitted_caller(endpoint).await);
    }
    let waits = endpoints
        .iter()
        .zip(&callers)
        .map(|(endpoint, caller)| async {
            let guard = fail_calls_of(wire, endpoint, InjectedFault::Hang);
            let started = Instant::now();
            assert_unavailable(
                &send_valid(caller, endpoint, team.id.as_str()).await,
                endpoint,
            );
            assert!(
                started.elapsed() < MAX_WAIT,
                "{}: {:?}",
                endpoint.name,
                started.elapsed()
            );
            assert!(guard.hits() > 0, "{}", endpoint.name);
        });
    futures_util::future::join_all(waits).await;
}

async fn internal_errors_reveal_nothing() {
    let (stack, _turn) = breakable_stack().await;
    let team = Team::on(stack, Plan::Premium).await;
    let wire = stack.wire().expect("a wire");
    for endpoint in guarded() {
        let caller = team.permitted_caller(endpoint).await;
        let guard = fail_calls_of(wire, endpoint, InjectedFault::Deny);
        let response = send_valid(&caller, endpoint, team.id.as_str()).await;
        assert!(guard.hits() > 0, "{}", endpoint.name);
        drop(guard);
        match endpoint.dialect {
            Dialect::Cstar => {
                let message = "Something went wrong on our side.";
                response.assert_cstar_error(500, "api_error", "internal_error", message, "");
            }
            Dialect::RocketChat => response.assert_is(
                500,
                r#"{"success":false,"error":"Internal server error [error-internal]","errorType":"error-internal"}"#,
            ),
        }
        assert_logged_once(stack, endpoint).await;
    }
}

/// Asserts that the cause of a denied call has one line, and its request another.
async fn assert_logged_once(stack: &Stack, endpoint: &Endpoint) {
    let function = upper_camel(endpoint.name);
    let is_cause =
        |line: &Line| line.function == function && line.text.contains("AccessDeniedException");
    let cause = stack.logged(is_cause, MAX_WAIT).await;
    let cause: Value = serde_json::from_str(&cause.expect("the cause is logged").text).unwrap();
    assert_eq!(cause["message"], "failure", "{cause}");
    let request = cause["request_id"].as_str().expect("a request's id");
    let is_end = |line: &Line| line.text.contains(request) && line.text.contains("took_ms");
    let end = stack.logged(is_end, MAX_WAIT).await;
    end.expect("the request is logged");
    let causes = stack
        .logs()
        .into_iter()
        .filter(|line| is_cause(line))
        .count();
    assert_eq!(causes, 1, "the cause is logged once");
}

/// The outcome of a request, without the ids and times that differ between any two.
#[derive(Debug, PartialEq)]
struct Outcome {
    status: u16,
    body: Value,
    headers: [Option<String>; 2],
    /// The list of its resources afterwards; `null` if the request was for that list.
    listed: Value,
}

async fn a_lost_response_from_the_table_is_not_a_conflict() {
    let (stack, _turn) = breakable_stack().await;
    let wire = stack.wire().expect("a wire");
    for endpoint in guarded() {
        let function = upper_camel(endpoint.name);
        // Starts the process, so that only the request is recorded next.
        outcome_of(stack, endpoint, None).await;
        drop(wire.take());
        let (healthy, _) = outcome_of(stack, endpoint, None).await;
        let mut operations: BTreeMap<String, usize> = BTreeMap::new();
        for call in wire.take() {
            if call.function == function {
                *operations.entry(call.operation).or_default() += 1;
            }
        }
        assert!(healthy.status < 300, "{}: {healthy:?}", endpoint.name);
        assert_eq!(operations.get("UpdateItem"), Some(&1), "the admission");
        let writes = ["PutItem", "TransactWriteItems"]
            .iter()
            .any(|write| operations.contains_key(*write));
        // The documented recalculation is a dry run.
        let writes_nothing = [&api::WEBHOOK_TEST, &api::RECALCULATION_CREATE];
        let mut writes_nothing = writes_nothing.iter().map(|other| other.endpoint().name);
        let is_write =
            endpoint.effect() == Effect::Write && writes_nothing.all(|name| name != endpoint.name);
        assert_eq!(writes, is_write, "{operations:?}");
        for (operation, times) in operations {
            for nth in 1..=times {
                let matcher = Matcher {
                    function: Some(function.clone()),
                    operation: Some(operation.clone()),
                    nth: Some(nth),
                    ..Matcher::default()
                };
                let (again, hits) = outcome_of(stack, endpoint, Some(matcher)).await;
                let about = format!("{}'s {operation} number {nth}", endpoint.name);
                assert_eq!(hits, 1, "{about}");
                assert_eq!(again, healthy, "{about}");
            }
        }
    }
}

/// The outcome of a request in a new team, and how often a response of the table was lost.
async fn outcome_of(
    stack: &'static Stack,
    endpoint: &Endpoint,
    lost: Option<Matcher>,
) -> (Outcome, usize) {
    let team = Team::on(stack, Plan::Premium).await;
    let caller = team.permitted_caller(endpoint).await;
    let at = existing(endpoint, &caller, &team).await;
    let wire = stack.wire().expect("a wire");
    let guard = lost.map(|matcher| wire.fault(matcher, InjectedFault::DropResponseOnce));
    let response = send_valid_to(&caller, endpoint, &at).await;
    let hits = guard.map_or(0, |guard| guard.hits());
    let list = match endpoint.path {
        at if at.contains("/calendars") => api::CALENDAR_LIST.endpoint(),
        at if at.contains("/livechat") => api::POLICY_LIST.endpoint(),
        at if at.contains("/tickets") => api::TICKET_LIST.endpoint(),
        at if at.contains("/webhooks") => api::WEBHOOK_LIST.endpoint(),
        _ => api::RULE_LIST.endpoint(),
    };
    let listed = if list.name == endpoint.name {
        Value::Null
    } else {
        caller.get(&path(list, team.id.as_str())).await.json()
    };
    let headers = ["x-ratelimit-remaining", "idempotent-replayed"];
    let outcome_of = Outcome {
        status: response.status,
        body: without_ids_and_times(response.json()),
        headers: headers.map(|name| response.header(name).map(str::to_owned)),
        listed: without_ids_and_times(listed),
    };
    (outcome_of, hits)
}

/// A body without ids and times.
fn without_ids_and_times(mut body: Value) -> Value {
    const OWN: [&str; 19] = [
        "_id",
        "_updatedAt",
        "at",
        "breachAt",
        "createdAt",
        "dueAt",
        "elapsedSeconds",
        "id",
        "milliseconds",
        "nextAttemptAt",
        "nextMarkAt",
        "noticeId",
        "remainingSeconds",
        "request_id",
        "ruleId",
        "secret",
        "timestamp",
        "updatedAt",
        "warnAt",
    ];
    match &mut body {
        Value::Object(members) => {
            members.retain(|name, _| !OWN.contains(&name.as_str()));
            members
                .values_mut()
                .for_each(|value| *value = without_ids_and_times(value.take()));
        }
        Value::Array(values) => values
            .iter_mut()
            .for_each(|value| *value = without_ids_and_times(value.take())),
        _ => {}
    }
    body
}

async fn a_conflicting_transaction_is_retried() {
    let (stack, _turn) = breakable_stack().await;
    let team = Team::on(stack, Plan::Premium).await;
    let wire = stack.wire().expect("a wire");
    let manager = team.livechat_manager().await;
    let conflict = InjectedFault::TransactionConflict {
        reasons: vec![
            "TransactionConflict".into(),
            "None".into(),
            "None".into(),
            "None".into(),
        ],
    };
    // The client itself makes three attempts while a transaction is in progress.
    for (minutes, name, fault, times) in [
        (77, "after a conflict", conflict, 1),
        (78, "after itself", InjectedFault::TransactionInProgress, 3),
    ] {
        let strike = |nth| {
            let matcher = Matcher {
                function: Some("PolicyCreate".into()),
                operation: Some("TransactWriteItems".into()),
                nth: Some(nth),
                ..Matcher::default()
            };
            wire.fault(matcher, fault.clone())
        };
        let guards: Vec<FaultGuard> = (1..=times).map(strike).collect();
        let body = json!({"name": name, "description": "", "dueTimeInMinutes": minutes});
        manager.post(POLICIES, &body).await.id();
        let hits = guards.iter().map(FaultGuard::hits);
        assert_eq!(hits.sum::<usize>(), times, "{name}");
    }
}

async fn a_killed_function_process_is_replaced() {
    let (stack, _turn) = breakable_stack().await;
    for endpoint in guarded().filter(|endpoint| endpoint.effect() == Effect::Read) {
        let team = Team::on(stack, Plan::Premium).await;
        let caller = team.permitted_caller(endpoint).await;
        let before = send_valid(&caller, endpoint, team.id.as_str()).await;
        let function = upper_camel(endpoint.name);
        let killed = stack.processes(&function);
        assert_eq!(killed.len(), CONCURRENCY, "{function}");
        stack.kill(&function);
        while stack
            .processes(&function)
            .iter()
            .any(|process| killed.contains(process))
        {
            tokio::task::yield_now().await;
        }
        let after = send_valid(&caller, endpoint, team.id.as_str()).await;
        let statuses = (before.status, after.status);
        assert_eq!(
            statuses,
            (usual_status(endpoint), usual_status(endpoint)),
            "{function}"
        );
        assert_eq!(
            without_ids_and_times(before.json()),
            without_ids_and_times(after.json())
        );
    }
}
