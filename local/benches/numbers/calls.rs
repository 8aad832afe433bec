//! What each endpoint asks of DynamoDB, as the wire between them sees it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use admin::issue::Terms;
use http::Method;
use local::dynamodb::Database;
use local::stack::Stack;
use local::template::Template;
use local::wire::Wire;
use local::wire::call::{DynamoDbCall, depth};
use shared::api::{Access, Endpoint};
use shared::domain::policy::MAX_POLICIES;
use shared::domain::rule::MAX_RULES;
use shared::domain::team_calendar::MAX_CALENDARS;
use shared::store::credentials::manage::OwnLimit;

use crate::ground::{Ground, Stock, ask, camel, needed, success};
use crate::stack;

/// Calls that go side by side need not meet on the wire every time. Of so many tries, the one
/// that was least deep is told.
const TRIES: usize = 5;
/// Longer than any call takes.
const PATIENCE: Duration = Duration::from_secs(5);

/// Successes that are told apart by what is there. An endpoint that is not here has one.
const STOCKS: &[(&str, &str, Stock)] = &[
    ("policy-list", "no policies", Stock::Count(0)),
    (
        "policy-list",
        "1,000 policies",
        Stock::Count(MAX_POLICIES as usize),
    ),
    ("rule-list", "no rules", Stock::Count(0)),
    ("rule-list", "200 rules", Stock::Count(MAX_RULES as usize)),
    ("calendar-list", "no calendars", Stock::Count(0)),
    (
        "calendar-list",
        "100 calendars",
        Stock::Count(MAX_CALENDARS as usize),
    ),
    ("preview-create", "no rules", Stock::Count(0)),
    (
        "preview-create",
        "a rule's calendar",
        Stock::RuleWithCalendar,
    ),
    (
        "preview-create",
        "the default calendar",
        Stock::RuleAndDefault,
    ),
];

/// A row of the table.
pub struct Asked {
    /// Who was asked.
    pub endpoint: &'static Endpoint,
    /// Which success it was, if there are several.
    told: &'static str,
    /// The calls of a success.
    pub success: Vec<DynamoDbCall>,
    /// The calls of the refusals, in the order of [`REFUSALS`]; none for who refuses nobody.
    refusals: Vec<Vec<DynamoDbCall>>,
}

const REFUSALS: [&str; 4] = [
    "limit used up",
    "again, from memory",
    "unknown credential",
    "junk",
];

/// Asks the endpoints in every way.
pub async fn measure(
    template: &Template,
    binaries: &BTreeMap<String, PathBuf>,
    chosen: &[&'static Endpoint],
) -> Vec<Asked> {
    let database = Database::start(template, 0, None).await;
    let database = database.expect("a database");
    let stack = stack::recorded(template, &[], binaries, &database.endpoint()).await;
    let mut asked = Vec::new();
    for endpoint in chosen.iter().copied() {
        let stocks = STOCKS.iter().filter(|(name, ..)| *name == endpoint.name);
        let mut stocks: Vec<_> = stocks.map(|(_, told, stock)| (*told, *stock)).collect();
        if stocks.is_empty() {
            stocks.push(("", Stock::Count(needed(endpoint))));
        }
        for (number, (told, stock)) in stocks.into_iter().enumerate() {
            let refusals = match endpoint.access {
                Access::SecretKey | Access::User(_) if number == 0 => {
                    refusals(&stack, endpoint).await
                }
                _ => Vec::new(),
            };
            asked.push(Asked {
                endpoint,
                told,
                success: succeed(&stack, endpoint, stock).await,
                refusals,
            });
        }
    }
    stack.shutdown().await;
    database.shutdown().await;
    asked
}

/// The table in Markdown.
pub fn table(asked: &[Asked]) -> String {
    let mut table = format!(
        "DynamoDB calls, how many of them in sequence, and the capacity units they consumed:\n\n\
         | endpoint | success | {} |\n|---|---|---|---|---|---|\n",
        REFUSALS.join(" | ")
    );
    for row in asked {
        let name = row.endpoint.name;
        let told = match row.told {
            "" => String::new(),
            told => format!(", {told}"),
        };
        let mut cells = vec![cell(&row.success)];
        cells.extend(row.refusals.iter().map(|calls| cell(calls)));
        cells.resize(REFUSALS.len() + 1, String::new());
        // Writing to a String does not fail.
        let _ = writeln!(table, "| `{name}`{told} | {} |", cells.join(" | "));
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

/// The calls as the bare program takes them: see `one_call.rs`.
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

async fn succeed(stack: &Stack, endpoint: &'static Endpoint, stock: Stock) -> Vec<DynamoDbCall> {
    let mut ground = Ground::new(stack.dynamodb(), endpoint, Terms::default()).await;
    ground.stock(stack, endpoint, stock).await;
    let mut tries = Vec::new();
    for number in 0..TRIES {
        tries.push(one(stack, endpoint, &mut ground, number, success(endpoint)).await);
        if endpoint.method == Method::DELETE {
            ground.stock(stack, endpoint, stock).await;
        }
    }
    shallowest(tries)
}

async fn refusals(stack: &Stack, endpoint: &'static Endpoint) -> Vec<Vec<DynamoDbCall>> {
    let database = stack.dynamodb();
    let mut tries: [Vec<Vec<DynamoDbCall>>; REFUSALS.len()] = Default::default();
    for _ in 0..TRIES {
        let count = needed(endpoint);
        let once = Terms {
            expires_at: None,
            limit: Some(OwnLimit {
                calls: u32::try_from(count + 1).unwrap_or(u32::MAX),
                window_seconds: Some(86_400),
            }),
        };
        let mut spent = Ground::new(database, endpoint, once).await;
        spent.stock(stack, endpoint, Stock::Count(count)).await;
        let mut unknown = Ground::unknown(database, endpoint).await;
        let mut junk = Ground::junk(database, endpoint).await;
        one(stack, endpoint, &mut spent, 0, success(endpoint)).await;
        let refused = [
            one(stack, endpoint, &mut spent, 1, 429).await,
            one(stack, endpoint, &mut spent, 2, 429).await,
            one(stack, endpoint, &mut unknown, 0, 401).await,
            one(stack, endpoint, &mut junk, 0, 401).await,
        ];
        for (tries, calls) in tries.iter_mut().zip(refused) {
            tries.push(calls);
        }
    }
    tries.into_iter().map(shallowest).collect()
}

fn shallowest(tries: Vec<Vec<DynamoDbCall>>) -> Vec<DynamoDbCall> {
    let shallowest = tries.into_iter().min_by_key(|calls| depth(calls));
    shallowest.unwrap_or_default()
}

/// The calls of one request, each of which has ended.
async fn one(
    stack: &Stack,
    endpoint: &Endpoint,
    ground: &mut Ground,
    number: usize,
    status: u64,
) -> Vec<DynamoDbCall> {
    let wire = stack.wire().expect("the stack records");
    // A process that starts now would add its own call.
    if stack.processes(&camel(endpoint)).is_empty() {
        let mut junk = Ground::junk(stack.dynamodb(), endpoint).await;
        let event = junk.event(endpoint, number);
        let answer = stack.invoke_raw(&camel(endpoint), event).await;
        answer.expect("an answer");
    }
    ended(wire).await;
    wire.take();
    ask(
        stack,
        &camel(endpoint),
        ground.event(endpoint, number),
        status,
    )
    .await;
    ended(wire).await;
    wire.take()
}

/// Waits until no call is under way: one that was given up ends after the answer.
async fn ended(wire: &Wire) {
    let begun = Instant::now();
    while wire.calls().iter().any(|call| call.finished.is_none()) {
        assert!(begun.elapsed() < PATIENCE, "a call does not end");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
