//! What runs cost that find nothing due.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;
use local::dynamodb::Database;
use local::stack::Stack;
use serde_json::json;

use super::runs::{self, DELIVER, Run, SWEEP};
use super::team::{FAR_MINUTES, Team};
use super::{Findings, Measured};
use crate::copies;
use crate::processes::{quantile, resident_kib};
use crate::stack;

/// Open tickets that are not due.
const OPEN: usize = 20_000;
/// Runs, of which the median is reported.
const RUNS: usize = 20;
/// Runs of a function that runs every minute, in a month of 730 hours.
const RUNS_A_MONTH: f64 = 43_800.0;
/// Dollars for a million read units, on demand in us-east-1.
const DOLLARS_A_MILLION_READS: f64 = 0.125;
/// The goal, for DynamoDB.
const MAX_DOLLARS: f64 = 0.10;

struct Idle {
    runs: Vec<Run>,
    resident_mb: f64,
}

/// Measures both functions with an empty table, and with many open tickets.
pub async fn measure(measured: &Measured) -> Findings {
    let database = Database::start(&measured.template, 0, None).await;
    let database = database.expect("a database");
    let (template, binaries) = (&measured.template, &measured.binaries);
    let endpoint = database.endpoint();
    let stack = stack::crowded(template, binaries, &endpoint, 1, false).await;
    let mut text = "| idle run | calls | units | time | resident | a month |\n\
                    |---|---|---|---|---|---|\n"
        .to_owned();
    let empty = dollars(&stack, "an empty table", &mut text).await;
    let team = Team::with_target(&stack, FAR_MINUTES, None).await;
    let ticket = json!({"priority": "urgent", "createdAt": Timestamp::now()});
    let ticket = team.post("tickets", &ticket).await;
    copies::of_ticket(stack.dynamodb(), &ticket, OPEN - 1).await;
    let state = format!("{OPEN} open tickets");
    let open = dollars(&stack, &state, &mut text).await;
    stack.shutdown().await;
    database.shutdown().await;

    let mut missed = Vec::new();
    if open > MAX_DOLLARS {
        missed.push(format!(
            "DynamoDB costs {open:.3} dollars a month, goal {MAX_DOLLARS}"
        ));
    }
    if open.total_cmp(&empty).is_ne() {
        missed.push(format!(
            "open tickets change the cost of idle runs: {empty}, {open}"
        ));
    }
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "\nDynamoDB costs {open:.4} dollars a month for both functions, whatever the number of open tickets."
    );
    Findings { text, missed }
}

/// What both functions cost a month in DynamoDB.
async fn dollars(stack: &Stack, state: &str, text: &mut String) -> f64 {
    let mut sum = 0.0;
    for function in [SWEEP, DELIVER] {
        let idle = idle(stack, function).await;
        let (Some(run), times) = (idle.runs.first(), idle.times()) else {
            continue;
        };
        let took = quantile(&times, 0.5);
        let units = RUNS_A_MONTH * run.units;
        let table = units * DOLLARS_A_MILLION_READS / 1e6;
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| `{function}`, {state} | {} | {} | {:.1} ms | {:.1} MB | {} × {RUNS_A_MONTH} = {units} units, {table:.4} dollars |",
            run.calls,
            run.units,
            took.as_secs_f64() * 1e3,
            idle.resident_mb,
            run.units,
        );
        sum += table;
    }
    sum
}

async fn idle(stack: &Stack, function: &str) -> Idle {
    // The first run opens connections.
    runs::run(stack, function).await;
    let mut found = Vec::new();
    for _ in 0..RUNS {
        found.push(runs::run(stack, function).await);
    }
    let process = stack.processes(function).last().copied();
    Idle {
        runs: found,
        resident_mb: resident_kib(process.expect("a process")) as f64 * 1_024.0 / 1e6,
    }
}

impl Idle {
    fn times(&self) -> Vec<Duration> {
        self.runs.iter().map(|run| run.took).collect()
    }
}
