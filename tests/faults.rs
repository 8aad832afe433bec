//! The service when its table throttles, hangs, lies or is not there.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use local::Stack;
use local::journal::Line;
use local::wire::{Fault, FaultGuard, Matcher, Wire};
use serde_json::{Value, json};
use shared::api::{self, Access, Effect, Endpoint};
use shared::dialect::Dialect;
use shared::domain::principal::{Permission, Plan};
use tokio::sync::{Mutex, MutexGuard, OnceCell};

use crate::actors::{Actor, Answer, POLICIES, Team};
use crate::contract::upper_camel;
use crate::doors::{existing, knock, knock_at, path, usual};
use crate::world;

crate::stories![
    a_table_that_cannot_answer_is_told_as_a_pause_not_as_a_fault,
    a_table_that_hangs_is_given_up_in_time,
    a_fault_of_ours_tells_nothing,
    a_lost_answer_is_no_conflict,
    a_transaction_that_only_met_another_is_tried_again,
    a_function_that_dies_is_replaced,
];

/// The longest that a client waits for any answer.
const LONGEST_WAIT: Duration = Duration::from_millis(8_500);

/// One process per function: then its calls are those of its one request, and of no start.
const CONCURRENCY: usize = 1;

/// A service that only one story at a time may break.
pub async fn breakable() -> (&'static Stack, MutexGuard<'static, ()>) {
    static STACK: OnceCell<&'static Stack> = OnceCell::const_new();
    static TURN: Mutex<()> = Mutex::const_new(());
    let turn = TURN.lock().await;
    let stack = STACK.get_or_init(|| world::start(CONCURRENCY)).await;
    (stack, turn)
}

async fn caller_of(endpoint: &Endpoint, team: &Team) -> Actor {
    match endpoint.dialect {
        Dialect::Cstar => team.secret_key().await,
        Dialect::RocketChat => team.user(&Permission::ALL[..2], Default::default()).await,
    }
}

fn guarded() -> impl Iterator<Item = &'static Endpoint> {
    api::ALL
        .iter()
        .copied()
        .filter(|endpoint| endpoint.access != Access::Anyone)
}

/// Breaks the calls of one function.
fn break_calls_of(wire: &Wire, endpoint: &Endpoint, fault: Fault) -> FaultGuard {
    let matcher = Matcher {
        function: Some(upper_camel(endpoint.name)),
        ..Matcher::default()
    };
    wire.fault(matcher, fault)
}

#[track_caller]
fn is_unavailable(answer: &Answer, endpoint: &Endpoint) {
    match endpoint.dialect {
        Dialect::Cstar => {
            let message = "The service is temporarily unavailable. Try again shortly.";
            answer.is_cstar_error(503, "api_error", "service_unavailable", message, "");
        }
        Dialect::RocketChat => answer.is(
            503,
            r#"{"success":false,"error":"Service temporarily unavailable [error-service-unavailable]","errorType":"error-service-unavailable"}"#,
        ),
    }
    assert_eq!(answer.header("retry-after"), Some("1"));
}

async fn a_table_that_cannot_answer_is_told_as_a_pause_not_as_a_fault() {
    let (stack, _turn) = breakable().await;
    let wire = stack.wire().expect("a wire");
    for endpoint in guarded() {
        let team = Team::on(stack, Plan::Premium).await;
        let caller = caller_of(endpoint, &team).await;
        // Warm, so that what is broken is the request and not a start.
        knock(&team.anonymous(), endpoint, team.id.as_str()).await;
        for fault in [Fault::Throttle, Fault::Refuse, Fault::InternalError] {
            let broken = break_calls_of(wire, endpoint, fault.clone());
            is_unavailable(&knock(&caller, endpoint, team.id.as_str()).await, endpoint);
            let attempts = broken.hits();
            assert!(
                attempts >= 3,
                "{} {fault:?}: {attempts} attempts",
                endpoint.name
            );
        }
        let over = knock(&caller, endpoint, team.id.as_str()).await;
        assert_eq!(over.status, usual(endpoint), "{}", over.body);
        let remaining = over.header("x-ratelimit-remaining");
        assert_eq!(remaining, Some("999"), "what was refused did not count");
    }
    let broken = wire.fault(Matcher::default(), Fault::Refuse);
    let anonymous = Team::on(stack, Plan::Premium).await.anonymous();
    let ill = anonymous.get(api::HEALTH_GET.endpoint().path).await;
    assert!(broken.hits() > 0);
    let zone = shared::domain::calendar::zone_data_version();
    ill.is(
        503,
        &format!(
            r#"{{"status":"degraded","version":"0.1.0","revision":"unknown","zoneData":"{zone}","table":"unreachable"}}"#
        ),
    );
}

async fn a_table_that_hangs_is_given_up_in_time() {
    let (stack, _turn) = breakable().await;
    let team = Team::on(stack, Plan::Premium).await;
    let wire = stack.wire().expect("a wire");
    let endpoints: Vec<_> = guarded().collect();
    let mut callers = Vec::new();
    for endpoint in &endpoints {
        callers.push(caller_of(endpoint, &team).await);
    }
    let waits = endpoints
        .iter()
        .zip(&callers)
        .map(|(endpoint, caller)| async {
            let broken = break_calls_of(wire, endpoint, Fault::Hang);
            let asked = Instant::now();
            is_unavailable(&knock(caller, endpoint, team.id.as_str()).await, endpoint);
            assert!(
                asked.elapsed() < LONGEST_WAIT,
                "{}: {:?}",
                endpoint.name,
                asked.elapsed()
            );
            assert!(broken.hits() > 0, "{}", endpoint.name);
        });
    futures_util::future::join_all(waits).await;
}

async fn a_fault_of_ours_tells_nothing() {
    let (stack, _turn) = breakable().await;
    let team = Team::on(stack, Plan::Premium).await;
    let wire = stack.wire().expect("a wire");
    for endpoint in guarded() {
        let caller = caller_of(endpoint, &team).await;
        let broken = break_calls_of(wire, endpoint, Fault::Deny);
        let answer = knock(&caller, endpoint, team.id.as_str()).await;
        assert!(broken.hits() > 0, "{}", endpoint.name);
        drop(broken);
        match endpoint.dialect {
            Dialect::Cstar => {
                let message = "Something went wrong on our side.";
                answer.is_cstar_error(500, "api_error", "internal_error", message, "");
            }
            Dialect::RocketChat => answer.is(
                500,
                r#"{"success":false,"error":"Internal server error [error-internal]","errorType":"error-internal"}"#,
            ),
        }
        is_logged_once(stack, endpoint).await;
    }
}

/// The cause of a denied call is one line, before the line of its request.
async fn is_logged_once(stack: &Stack, endpoint: &Endpoint) {
    let function = upper_camel(endpoint.name);
    let is_cause =
        |line: &Line| line.function == function && line.text.contains("AccessDeniedException");
    let cause = stack.logged(is_cause, LONGEST_WAIT).await;
    let cause: Value = serde_json::from_str(&cause.expect("the cause is logged").text).unwrap();
    assert_eq!(cause["message"], "failure", "{cause}");
    let request = cause["request_id"].as_str().expect("a request's id");
    let is_end = |line: &Line| line.text.contains(request) && line.text.contains("took_ms");
    let end = stack.logged(is_end, LONGEST_WAIT).await;
    end.expect("the request is logged");
    let causes = stack
        .logs()
        .into_iter()
        .filter(|line| is_cause(line))
        .count();
    assert_eq!(causes, 1, "the cause of one fault is logged once");
}

/// What came of a request, but for what no two requests have in common.
#[derive(Debug, PartialEq)]
struct Outcome {
    status: u16,
    told: Value,
    headers: [Option<String>; 2],
    /// Everything of the same kind, afterwards; `null` if that was the question.
    listed: Value,
}

async fn a_lost_answer_is_no_conflict() {
    let (stack, _turn) = breakable().await;
    let wire = stack.wire().expect("a wire");
    for endpoint in guarded() {
        let function = upper_camel(endpoint.name);
        // Warm, so that what is recorded next is the request alone.
        outcome(stack, endpoint, None).await;
        drop(wire.take());
        let (healthy, _) = outcome(stack, endpoint, None).await;
        let mut operations: BTreeMap<String, usize> = BTreeMap::new();
        for call in wire.take() {
            if call.function == function {
                *operations.entry(call.operation).or_default() += 1;
            }
        }
        assert!(healthy.status < 300, "{}: {healthy:?}", endpoint.name);
        assert_eq!(operations.get("UpdateItem"), Some(&1), "the admission");
        let writes = operations.contains_key("TransactWriteItems");
        assert_eq!(writes, endpoint.effect() == Effect::Write, "{operations:?}");
        for (operation, times) in operations {
            for nth in 1..=times {
                let matcher = Matcher {
                    function: Some(function.clone()),
                    operation: Some(operation.clone()),
                    nth: Some(nth),
                    ..Matcher::default()
                };
                let (again, hits) = outcome(stack, endpoint, Some(matcher)).await;
                let about = format!("{}'s {operation} number {nth}", endpoint.name);
                assert_eq!(hits, 1, "{about}");
                assert_eq!(again, healthy, "{about}");
            }
        }
    }
}

/// What comes of a request in a team of its own, and how often an answer was lost on the way.
async fn outcome(
    stack: &'static Stack,
    endpoint: &Endpoint,
    lost: Option<Matcher>,
) -> (Outcome, usize) {
    let team = Team::on(stack, Plan::Premium).await;
    let caller = caller_of(endpoint, &team).await;
    let at = existing(endpoint, &caller, &team).await;
    let wire = stack.wire().expect("a wire");
    let broken = lost.map(|matcher| wire.fault(matcher, Fault::DropAnswerOnce));
    let answer = knock_at(&caller, endpoint, &at).await;
    let hits = broken.map_or(0, |broken| broken.hits());
    let list = match endpoint.path {
        at if at.contains("/calendars") => api::CALENDAR_LIST.endpoint(),
        at if at.contains("/livechat") => api::POLICY_LIST.endpoint(),
        _ => api::RULE_LIST.endpoint(),
    };
    let listed = if list.name == endpoint.name {
        Value::Null
    } else {
        caller.get(&path(list, team.id.as_str())).await.json()
    };
    let headers = ["x-ratelimit-remaining", "idempotent-replayed"];
    let outcome = Outcome {
        status: answer.status,
        told: told(answer.json()),
        headers: headers.map(|name| answer.header(name).map(str::to_owned)),
        listed: told(listed),
    };
    (outcome, hits)
}

/// A body without ids and times.
fn told(mut body: Value) -> Value {
    const OWN: [&str; 6] = [
        "_id",
        "_updatedAt",
        "id",
        "request_id",
        "ruleId",
        "timestamp",
    ];
    match &mut body {
        Value::Object(members) => {
            members.retain(|name, _| !OWN.contains(&name.as_str()));
            members
                .values_mut()
                .for_each(|value| *value = told(value.take()));
        }
        Value::Array(values) => values
            .iter_mut()
            .for_each(|value| *value = told(value.take())),
        _ => {}
    }
    body
}

async fn a_transaction_that_only_met_another_is_tried_again() {
    let (stack, _turn) = breakable().await;
    let team = Team::on(stack, Plan::Premium).await;
    let wire = stack.wire().expect("a wire");
    let manager = team.livechat_manager().await;
    let conflict = Fault::TransactionConflict {
        reasons: vec![
            "TransactionConflict".into(),
            "None".into(),
            "None".into(),
            "None".into(),
        ],
    };
    let matcher = Matcher {
        function: Some("PolicyCreate".into()),
        operation: Some("TransactWriteItems".into()),
        nth: Some(1),
        ..Matcher::default()
    };
    let broken = wire.fault(matcher, conflict);
    let body = json!({"name": "after a conflict", "description": "", "dueTimeInMinutes": 77});
    manager.post(POLICIES, &body).await.id();
    assert_eq!(broken.hits(), 1);
}

async fn a_function_that_dies_is_replaced() {
    let (stack, _turn) = breakable().await;
    for endpoint in guarded().filter(|endpoint| endpoint.effect() == Effect::Read) {
        let team = Team::on(stack, Plan::Premium).await;
        let caller = caller_of(endpoint, &team).await;
        let before = knock(&caller, endpoint, team.id.as_str()).await;
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
        let after = knock(&caller, endpoint, team.id.as_str()).await;
        let statuses = (before.status, after.status);
        assert_eq!(statuses, (usual(endpoint), usual(endpoint)), "{function}");
        assert_eq!(told(before.json()), told(after.json()));
    }
}
