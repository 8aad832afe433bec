//! Each endpoint's calls to DynamoDB, as the wire records them.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use local::dynamodb::Database;
use local::stack::Stack;
use local::template::Template;
use local::wire::Wire;
use local::wire::call::{DynamoDbCall, depth};
use shared::api::{Access, Endpoint};
use shared::auth::issue::Terms;
use shared::domain::policy::MAX_POLICIES;
use shared::domain::rule::MAX_RULES;
use shared::domain::team_calendar::MAX_CALENDARS;
use shared::domain::ticket::MAX_EVENTS;
use shared::store::credentials::manage::OwnLimit;

use crate::fixture::{
    Contents, Fixture, PolicyNamedBy, invoke, logical_id, needed, success, uses_up,
};
use crate::stack;

/// Concurrent calls do not overlap on the wire every time, least of all on a busy machine. Of this many
/// attempts, the one with the fewest calls in sequence is reported; of several, the one with the most
/// calls.
const ATTEMPTS: usize = 15;
/// How long to wait for a call to end: longer than any call takes.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// Successes that differ in what the team contains. An endpoint that is not listed here has one.
const SUCCESSES: &[(&str, &str, Contents)] = &[
    ("policy-list", "no policies", Contents::Count(0)),
    (
        "policy-list",
        "1,000 policies",
        Contents::Count(MAX_POLICIES as usize),
    ),
    ("rule-list", "no rules", Contents::Count(0)),
    (
        "rule-list",
        "200 rules",
        Contents::Count(MAX_RULES as usize),
    ),
    ("calendar-list", "no calendars", Contents::Count(0)),
    (
        "calendar-list",
        "100 calendars",
        Contents::Count(MAX_CALENDARS as usize),
    ),
    (
        "inquiry-set-sla",
        "a policy's id",
        Contents::TicketAndPolicy(PolicyNamedBy::Id),
    ),
    (
        "inquiry-set-sla",
        "a policy's name",
        Contents::TicketAndPolicy(PolicyNamedBy::Name),
    ),
    ("ticket-list", "no tickets", Contents::Count(0)),
    (
        "ticket-list",
        "50 of 100 open tickets",
        Contents::OpenTickets(100),
    ),
    (
        "ticket-list",
        "50 of 100,000 open tickets",
        Contents::OpenTickets(100_000),
    ),
    ("ticket-create", "no rules", Contents::Count(0)),
    ("ticket-create", "a rule, every hour", Contents::Rule),
    (
        "ticket-create",
        "a rule's calendar",
        Contents::RuleWithCalendar,
    ),
    (
        "ticket-create",
        "the default calendar",
        Contents::RuleAndDefault,
    ),
    ("ticket-get", "1 event", Contents::TicketWithEvents(1)),
    (
        "ticket-get",
        "500 events",
        Contents::TicketWithEvents(MAX_EVENTS),
    ),
    ("ticket-delete", "1 event", Contents::TicketWithEvents(1)),
    (
        "ticket-delete",
        "500 events",
        Contents::TicketWithEvents(MAX_EVENTS),
    ),
    (
        "event-create",
        "1 earlier event",
        Contents::TicketWithEvents(1),
    ),
    (
        "event-create",
        "20 earlier events",
        Contents::TicketWithEvents(20),
    ),
    (
        "event-create",
        "100 earlier events",
        Contents::TicketWithEvents(100),
    ),
    (
        "event-create",
        "499 earlier events",
        Contents::TicketWithEvents(MAX_EVENTS - 1),
    ),
    ("notice-list", "no notices", Contents::Count(0)),
    (
        "notice-list",
        "50 of 100 notices",
        Contents::LateTickets(50),
    ),
    ("webhook-list", "no webhooks", Contents::Count(0)),
    ("webhook-list", "10 webhooks", Contents::Count(10)),
    ("delivery-list", "no deliveries", Contents::Count(1)),
    (
        "delivery-list",
        "50 of 100 deliveries",
        Contents::LateTickets(50),
    ),
    ("preview-create", "no rules", Contents::Count(0)),
    (
        "preview-create",
        "a rule's calendar",
        Contents::RuleWithCalendar,
    ),
    (
        "preview-create",
        "the default calendar",
        Contents::RuleAndDefault,
    ),
];

/// A row of the table.
pub struct CallsRow {
    /// The endpoint.
    pub endpoint: &'static Endpoint,
    /// Which of several successes this is; empty if there is only one.
    variant: &'static str,
    /// The calls of a success.
    pub success: Vec<DynamoDbCall>,
    /// The calls of the refusals, in the order of [`REFUSALS`]; none if the endpoint refuses
    /// nobody.
    refusals: Vec<Vec<DynamoDbCall>>,
}

const REFUSALS: [&str; 4] = [
    "limit reached",
    "again, from memory",
    "unknown credential",
    "malformed credential",
];

/// Measures the endpoints' successes and refusals.
pub async fn measure(
    template: &Template,
    binaries: &BTreeMap<String, PathBuf>,
    chosen: &[&'static Endpoint],
) -> Vec<CallsRow> {
    let database = Database::start(template, 0, None).await;
    let database = database.expect("a database");
    let stack = stack::recorded(template, &[], binaries, &database.endpoint()).await;
    let mut rows = Vec::new();
    for endpoint in chosen.iter().copied() {
        let successes = SUCCESSES.iter().filter(|(name, ..)| *name == endpoint.name);
        let successes = successes.map(|(_, variant, contents)| (*variant, *contents));
        let mut successes: Vec<_> = successes.collect();
        if successes.is_empty() {
            successes.push(("", needed(endpoint)));
        }
        for (number, (variant, contents)) in successes.into_iter().enumerate() {
            let refusals = match endpoint.access {
                Access::SecretKey | Access::User(_) if number == 0 => {
                    refusals(&stack, endpoint).await
                }
                _ => Vec::new(),
            };
            rows.push(CallsRow {
                endpoint,
                variant,
                success: success_calls(&stack, endpoint, contents).await,
                refusals,
            });
        }
    }
    stack.shutdown().await;
    database.shutdown().await;
    rows
}

/// The table in Markdown.
pub fn table(rows: &[CallsRow]) -> String {
    let mut table = format!(
        "DynamoDB calls, how many of them in sequence, and the capacity units they consumed:\n\n\
         | endpoint | success | {} |\n|---|---|---|---|---|---|\n",
        REFUSALS.join(" | ")
    );
    for row in rows {
        let name = row.endpoint.name;
        let variant = match row.variant {
            "" => String::new(),
            variant => format!(", {variant}"),
        };
        let mut cells = vec![cell(&row.success)];
        cells.extend(row.refusals.iter().map(|calls| cell(calls)));
        cells.resize(REFUSALS.len() + 1, String::new());
        // Writing to a String cannot fail.
        let _ = writeln!(table, "| `{name}`{variant} | {} |", cells.join(" | "));
    }
    table
}

fn cell(calls: &[DynamoDbCall]) -> String {
    let units: f64 = calls.iter().map(|call| call.capacity_units).sum();
    match calls.len() {
        0 => "0".to_owned(),
        1 => format!("1; {units} units"),
        count => format!("{count}, {} deep; {units} units", depth(calls)),
    }
}

/// The calls in the form that the bare program reads: see `one_call.rs`.
pub fn script(calls: &[DynamoDbCall]) -> String {
    let mut calls: Vec<&DynamoDbCall> = calls.iter().collect();
    calls.sort_by_key(|call| call.started);
    let mut script = String::new();
    let mut last_end: Option<Instant> = None;
    for call in calls {
        script.push_str(match last_end {
            None => "",
            Some(end) if call.started >= end => ",",
            Some(_) => "+",
        });
        script.push_str(&call.operation);
        for member in &call.members {
            script.push(':');
            script.push_str(member);
        }
        last_end = last_end.max(call.finished);
    }
    script
}

async fn success_calls(
    stack: &Stack,
    endpoint: &'static Endpoint,
    contents: Contents,
) -> Vec<DynamoDbCall> {
    let mut fixture = Fixture::new(stack.dynamodb(), endpoint, Terms::default()).await;
    fixture.fill(stack, endpoint, contents).await;
    let mut attempts = Vec::new();
    // A team has at most ten webhooks.
    let number_of_attempts = match endpoint.name {
        "webhook-create" => 10,
        _ => ATTEMPTS,
    };
    for number in 0..number_of_attempts {
        attempts.push(one(stack, endpoint, &mut fixture, number, success(endpoint)).await);
        if uses_up(endpoint) {
            fixture.fill(stack, endpoint, contents).await;
        }
    }
    shallowest(attempts)
}

async fn refusals(stack: &Stack, endpoint: &'static Endpoint) -> Vec<Vec<DynamoDbCall>> {
    let database = stack.dynamodb();
    let mut attempts: [Vec<Vec<DynamoDbCall>>; REFUSALS.len()] = Default::default();
    for _ in 0..ATTEMPTS {
        let one_success = Terms {
            expires_at: None,
            limit: Some(OwnLimit {
                calls: 1,
                window_seconds: Some(86_400),
            }),
        };
        let mut limited = Fixture::new(database, endpoint, one_success).await;
        limited.fill(stack, endpoint, needed(endpoint)).await;
        let mut unknown = Fixture::unknown(database, endpoint).await;
        let mut malformed = Fixture::malformed(database, endpoint).await;
        one(stack, endpoint, &mut limited, 0, success(endpoint)).await;
        let refused = [
            one(stack, endpoint, &mut limited, 1, 429).await,
            one(stack, endpoint, &mut limited, 2, 429).await,
            one(stack, endpoint, &mut unknown, 0, 401).await,
            one(stack, endpoint, &mut malformed, 0, 401).await,
        ];
        for (attempts, calls) in attempts.iter_mut().zip(refused) {
            attempts.push(calls);
        }
    }
    attempts.into_iter().map(shallowest).collect()
}

fn shallowest(attempts: Vec<Vec<DynamoDbCall>>) -> Vec<DynamoDbCall> {
    let attempts = attempts.into_iter();
    let shallowest = attempts.min_by_key(|calls| (depth(calls), Reverse(calls.len())));
    shallowest.unwrap_or_default()
}

/// The calls of one request, once all of them have ended.
async fn one(
    stack: &Stack,
    endpoint: &Endpoint,
    fixture: &mut Fixture,
    number: usize,
    status: u64,
) -> Vec<DynamoDbCall> {
    let wire = stack.wire().expect("the stack records");
    // A process that started during the request would add a call of its own.
    if stack.processes(&logical_id(endpoint)).is_empty() {
        let mut malformed = Fixture::malformed(stack.dynamodb(), endpoint).await;
        let event = malformed.event(endpoint, number);
        let response = stack.invoke_raw(&logical_id(endpoint), event).await;
        response.expect("a response");
    }
    ended(wire).await;
    wire.take();
    invoke(
        stack,
        &logical_id(endpoint),
        fixture.event(endpoint, number),
        status,
    )
    .await;
    ended(wire).await;
    wire.take()
}

/// Waits until no call is in progress. A call that was given up ends after the response.
async fn ended(wire: &Wire) {
    let begun = Instant::now();
    while wire.calls().iter().any(|call| call.finished.is_none()) {
        assert!(begun.elapsed() < CALL_TIMEOUT, "a call does not end");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
