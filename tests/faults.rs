//! The service when its table throttles, hangs, lies or is not there.

use std::time::{Duration, Instant};

use http::Method;
use local::Stack;
use local::wire::{Fault, Matcher};
use serde_json::json;
use shared::api::{self, Access, Effect, Endpoint};
use shared::dialect::Dialect;
use shared::domain::principal::{Permission, Plan};
use tokio::sync::{Mutex, MutexGuard, OnceCell};

use crate::actors::{Actor, Answer, POLICIES, Team};
use crate::contract::camel;
use crate::doors::knock;
use crate::world;

crate::stories![
    a_table_that_cannot_answer_is_told_as_a_pause_not_as_a_fault,
    a_table_that_hangs_is_given_up_in_time,
    a_fault_of_ours_tells_nothing,
    a_lost_answer_is_no_conflict,
    a_function_that_dies_is_replaced,
];

/// The longest that a client waits for any answer.
const LONGEST_WAIT: Duration = Duration::from_millis(8_500);

/// A service that only one story at a time may break.
async fn breakable() -> (&'static Stack, MutexGuard<'static, ()>) {
    static STACK: OnceCell<&'static Stack> = OnceCell::const_new();
    static TURN: Mutex<()> = Mutex::const_new(());
    let turn = TURN.lock().await;
    let stack = STACK
        .get_or_init(|| async { &*Box::leak(Box::new(world::start(None).await)) })
        .await;
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
    let team = Team::on(stack, Plan::Premium).await;
    let wire = stack.wire().expect("a wire");
    for endpoint in guarded() {
        let caller = caller_of(endpoint, &team).await;
        for fault in [Fault::Throttle, Fault::Refuse, Fault::InternalError] {
            let function = Some(camel(endpoint.name, true));
            let _broken = wire.fault(
                Matcher {
                    function,
                    ..Matcher::default()
                },
                fault,
            );
            is_unavailable(&knock(&caller, endpoint, team.id.as_str()).await, endpoint);
        }
        assert!(
            knock(&caller, endpoint, team.id.as_str()).await.status < 500,
            "it is over"
        );
    }
    let _broken = wire.fault(Matcher::default(), Fault::Refuse);
    let ill = team.anonymous().get(api::HEALTH_GET.endpoint().path).await;
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
    let _broken = wire.fault(Matcher::default(), Fault::Hang);
    let waits = endpoints
        .iter()
        .zip(&callers)
        .map(|(endpoint, caller)| async {
            let asked = Instant::now();
            is_unavailable(&knock(caller, endpoint, team.id.as_str()).await, endpoint);
            assert!(
                asked.elapsed() < LONGEST_WAIT,
                "{}: {:?}",
                endpoint.name,
                asked.elapsed()
            );
        });
    futures_util::future::join_all(waits).await;
}

async fn a_fault_of_ours_tells_nothing() {
    let (stack, _turn) = breakable().await;
    let team = Team::on(stack, Plan::Premium).await;
    let wire = stack.wire().expect("a wire");
    for endpoint in guarded() {
        let caller = caller_of(endpoint, &team).await;
        let function = camel(endpoint.name, true);
        let matcher = Matcher {
            function: Some(function.clone()),
            ..Matcher::default()
        };
        let broken = wire.fault(matcher, Fault::Deny);
        let answer = knock(&caller, endpoint, team.id.as_str()).await;
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
        let of_this = |line: &local::journal::Line| {
            line.function == function && line.text.contains("AccessDeniedException")
        };
        let line = stack
            .logged(of_this, LONGEST_WAIT)
            .await
            .expect("the cause is logged");
        assert!(
            line.text.contains(r#""message":"failure""#),
            "{}",
            line.text
        );
        let told = stack
            .logs()
            .into_iter()
            .filter(|line| of_this(line))
            .count();
        assert_eq!(told, 1, "the cause of one fault is logged once");
    }
}

async fn a_lost_answer_is_no_conflict() {
    let (stack, _turn) = breakable().await;
    let team = Team::on(stack, Plan::Premium).await;
    let wire = stack.wire().expect("a wire");
    for (number, endpoint) in guarded().enumerate() {
        let caller = caller_of(endpoint, &team).await;
        let healthy = knock(&caller, endpoint, team.id.as_str()).await;
        for operation in [
            "UpdateItem",
            "TransactWriteItems",
            "PutItem",
            "Query",
            "GetItem",
        ] {
            let team = Team::on(stack, Plan::Premium).await;
            let caller = caller_of(endpoint, &team).await;
            let function = Some(camel(endpoint.name, true));
            let matcher = Matcher {
                function,
                operation: Some(operation.to_owned()),
                nth: None,
            };
            let _broken = wire.fault(matcher, Fault::DropAnswerOnce);
            let answer = knock(&caller, endpoint, team.id.as_str()).await;
            assert_eq!(
                answer.status, healthy.status,
                "{number} {} {operation}: {}",
                endpoint.name, answer.body
            );
            let remaining = answer.header("x-ratelimit-remaining");
            assert_eq!(
                remaining,
                Some("999"),
                "{} {operation}: counted once",
                endpoint.name
            );
        }
    }
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
    };
    let _broken = wire.fault(matcher, conflict);
    let body = json!({"name": "after a conflict", "description": "", "dueTimeInMinutes": 77});
    manager.send_json(Method::POST, POLICIES, &body).await.id();
}

async fn a_function_that_dies_is_replaced() {
    let (stack, _turn) = breakable().await;
    let team = Team::on(stack, Plan::Premium).await;
    for endpoint in guarded().filter(|endpoint| endpoint.effect() == Effect::Read) {
        let caller = caller_of(endpoint, &team).await;
        assert!(knock(&caller, endpoint, team.id.as_str()).await.status < 500);
        let function = camel(endpoint.name, true);
        let killed = stack.processes(&function);
        stack.kill(&function);
        while stack
            .processes(&function)
            .iter()
            .any(|process| killed.contains(process))
        {
            tokio::task::yield_now().await;
        }
        assert!(knock(&caller, endpoint, team.id.as_str()).await.status < 500);
    }
}
