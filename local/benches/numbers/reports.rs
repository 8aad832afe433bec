//! What reports cost: `cargo bench -p local --bench numbers -- --reports`.
//!
//! A number after it is that of the tickets of one month, 100,000 unless given. Creating them takes
//! most of the time.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process;
use std::time::{Duration, Instant};

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use local::binaries::{self, Profile};
use local::dynamodb::Database;
use local::stack::Stack;
use local::table::{self, text};
use local::template::Template;
use serde_json::{Value, json};
use tokio::runtime::Builder;

use crate::notices::team::Team;
use crate::stack;

const FUNCTIONS: [&str; 8] = [
    "cycle-list",
    "recalculation-create",
    "report-get",
    "rule-create",
    "rule-list",
    "rule-update",
    "summary-update",
    "ticket-create",
];
const TICKETS: usize = 100_000;
/// Processes that create the tickets, as many as have something to do on two cores.
const CREATORS: usize = 4;
/// The month, in a time zone whose days are not those of UTC.
const MONTH: &str = "from=2026-06-01&to=2026-06-30&timeZone=Europe/Berlin";
const YEAR: &str = "from=2025-07-01&to=2026-06-30&timeZone=Europe/Berlin&groupBy=month";
const MONTH_BEGINS: &str = "2026-06-01T00:00:00Z";
const DAYS: i64 = 30;
/// Tickets of each of the days before the month, so that a year has all its summaries.
const PER_DAY_BEFORE: usize = 4;
const DAYS_BEFORE: i64 = 335;
/// How often each report is read; the fastest counts, since nothing makes one faster than it is.
const READS: usize = 7;
/// Changes between two runs of `summary-update`, of a team with so many tickets at its busiest.
const PENDING: usize = 500;
/// The tickets that are recalculated.
const OPEN_TICKETS: usize = 500;
/// The goals for a month.
const MAX_UNITS: f64 = 100.0;
const MAX_TIME: Duration = Duration::from_secs(2);

/// What a request costs.
struct Cost {
    calls: usize,
    units: f64,
    took: Duration,
    bytes: usize,
}

/// Measures, and fails if a goal is missed.
pub fn main(root: &Path, words: &[String]) {
    let tickets = words.first().and_then(|word| word.parse().ok());
    let tickets = tickets.unwrap_or(TICKETS);
    let binaries = binaries::build_only(root, Profile::Release, &FUNCTIONS);
    let binaries = binaries.expect("the functions build");
    let template = Template::read(&root.join("template.yaml"));
    let mut template = template.expect("template.yaml can be read");
    template
        .functions
        .retain(|function| binaries.contains_key(&function.binary));
    let runtime = Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let month = runtime.block_on(measure(&template, &binaries, tickets));
    if month.units > MAX_UNITS || month.took > MAX_TIME {
        eprintln!("missed: a month in {MAX_TIME:?} with {MAX_UNITS} units");
        process::exit(1);
    }
}

async fn measure(
    template: &Template,
    binaries: &BTreeMap<String, PathBuf>,
    tickets: usize,
) -> Cost {
    let database = Database::start(template, 0, None).await;
    let database = database.expect("a database");
    let endpoint = database.endpoint();
    let creators = stack::crowded(template, binaries, &endpoint, CREATORS, false).await;
    let team = Team::with_target(&creators, 30, None).await;
    let mut random = Rng::with_seed(1);
    let begins: Timestamp = MONTH_BEGINS.parse().expect("an instant");
    let mut closed = |begins, days, count, prefix| {
        let tickets = (0..count)
            .map(|number| closed_ticket(&mut random, begins, days, count, number, prefix));
        tickets.collect::<Vec<Value>>()
    };
    let before = begins - SignedDuration::from_hours(24 * DAYS_BEFORE);
    let count = PER_DAY_BEFORE * DAYS_BEFORE.unsigned_abs() as usize;
    let begun = Instant::now();
    team.create_all(closed(before, DAYS_BEFORE, count, "before"))
        .await;
    team.create_all(closed(begins, DAYS, tickets, "in")).await;
    let created = begun.elapsed().as_secs_f64();
    creators.shutdown().await;

    let stack = stack::crowded(template, binaries, &endpoint, 1, true).await;
    let team = team.at(&stack);
    let summing = sum_up(&stack).await;
    let (bytes, summaries) = summaries(&endpoint).await;
    println!(
        "{tickets} tickets of a month and {count} of the eleven before it, created in {created:.0} s; summed \
         up in {summing}. {summaries} summaries of {:.1} KB at most.\n",
        bytes as f64 / 1e3,
    );
    println!("| report | calls | read units | ms | KB |\n|---|---:|---:|---:|---:|");
    let month = format!("report?{MONTH}");
    let of_month = read(&stack, &team, &month, "*/*").await;
    row("the month by day", &of_month);
    row(
        "the same as a page",
        &read(&stack, &team, &month, "text/html").await,
    );
    let year = format!("report?{YEAR}");
    row(
        "the year by month",
        &read(&stack, &team, &year, "*/*").await,
    );
    let cycles = format!("cycles?{MONTH}&limit=1000");
    row(
        "1,000 cycles of the month as CSV",
        &read(&stack, &team, &cycles, "text/csv").await,
    );
    team.create_all(closed(begins, DAYS, PENDING, "late")).await;
    let pending = read(&stack, &team, &month, "*/*").await;
    row(
        &format!("the month by day, with {PENDING} changes that are not summed up"),
        &pending,
    );
    recalculations(&stack, &team).await;
    stack.shutdown().await;
    database.shutdown().await;
    of_month
}

/// Sums up all changes, and tells what that took.
async fn sum_up(stack: &Stack) -> String {
    let begun = Instant::now();
    let mut runs = 0;
    while changes(stack.dynamodb()).await > 0 {
        let run = stack.invoke("SummaryUpdate", json!({})).await;
        run.expect("a run");
        runs += 1;
    }
    let calls = stack.wire().expect("a wire").take().len();
    let took = begun.elapsed().as_secs_f64();
    format!("{runs} runs, {took:.0} s and {calls} calls")
}

/// One of the tickets that began evenly over some days and are resolved, some of them late.
fn closed_ticket(
    random: &mut Rng,
    begins: Timestamp,
    days: i64,
    count: usize,
    number: usize,
    prefix: &str,
) -> Value {
    let minute = days * 24 * 60 * number as i64 / count as i64;
    let created_at = begins + SignedDuration::from_mins(minute);
    let after = |seconds: i64| (created_at + SignedDuration::from_secs(seconds)).to_string();
    let reply = random.i64(30..3_000);
    let resolution = reply + random.i64(600..200_000);
    json!({
        "id": format!("{prefix}-{number}"),
        "priority": "urgent",
        "createdAt": created_at,
        "events": [
            {"type": "agent_reply", "at": after(reply)},
            {"type": "resolved", "at": after(resolution)},
        ],
    })
}

/// Reads something several times, and returns what the last time cost, and the shortest time.
async fn read(stack: &Stack, team: &Team, path: &str, accept: &str) -> Cost {
    let wire = stack.wire().expect("a recording stack");
    let mut shortest = Duration::MAX;
    let mut bytes = 0;
    for _ in 0..READS {
        drop(wire.take());
        let begun = Instant::now();
        bytes = team.get(path, accept).await.len();
        shortest = shortest.min(begun.elapsed());
    }
    let calls = wire.take();
    let reads = calls.iter().filter(|call| call.operation != "UpdateItem");
    Cost {
        calls: calls.len(),
        units: reads.map(|call| call.capacity_units).sum(),
        took: shortest,
        bytes,
    }
}

fn row(name: &str, cost: &Cost) {
    let (calls, units) = (cost.calls, cost.units);
    let (ms, kb) = (cost.took.as_secs_f64() * 1e3, cost.bytes as f64 / 1e3);
    println!("| {name} | {calls} | {units:.1} | {ms:.0} | {kb:.0} |");
}

async fn recalculations(stack: &Stack, team: &Team) {
    let now = Timestamp::now();
    let open = (0..OPEN_TICKETS).map(
        |number| json!({"id": format!("open-{number}"), "priority": "urgent", "createdAt": now}),
    );
    team.create_all(open.collect()).await;
    let wire = stack.wire().expect("a recording stack");
    let rules = team.get("rules", "*/*").await;
    let rules: Value = serde_json::from_slice(&rules).expect("JSON");
    let rule = rules["data"][0]["id"].as_str().expect("a rule").to_owned();
    let draft = json!({"rules": [{"id": rule.as_str(), "responseTarget": 1_000}]});
    println!("\n| {OPEN_TICKETS} open tickets | calls | units | ms |\n|---|---:|---:|---:|");
    for (name, body) in [
        ("dry run", json!({"dryRun": true, "draft": draft})),
        ("recalculation", json!({"dryRun": false})),
    ] {
        if name == "recalculation" {
            team.change_target(&rule, 1_000).await;
        }
        drop(wire.take());
        let begun = Instant::now();
        team.post("recalculations", &body).await;
        let took = begun.elapsed().as_secs_f64() * 1e3;
        let calls = wire.take();
        let units: f64 = calls.iter().map(|call| call.capacity_units).sum();
        println!("| {name} | {} | {units:.0} | {took:.0} |", calls.len());
    }
}

/// The number of changes that are not summed up.
async fn changes(endpoint: &str) -> usize {
    let items = table::items(endpoint).await.expect("the items");
    let is_change =
        |item: &&table::Item| text(item, "pk").is_some_and(|pk| pk.starts_with("CHANGE#"));
    items.iter().filter(is_change).count()
}

/// The size of the largest summary, and the number of them.
async fn summaries(endpoint: &str) -> (usize, usize) {
    let items = table::items(endpoint).await.expect("the items");
    let summaries = items
        .iter()
        .filter(|item| text(item, "pk").is_some_and(|pk| pk.starts_with("SUMMARY#")));
    // In base64, which is a third larger.
    let sizes = summaries.map(|item| item["summary"]["B"].as_str().map_or(0, str::len) * 3 / 4);
    let sizes: Vec<usize> = sizes.collect();
    (sizes.iter().max().copied().unwrap_or(0), sizes.len())
}
