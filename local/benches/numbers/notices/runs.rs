//! Runs of the scheduled functions, and what their lines in the log say.

use std::collections::BTreeSet;
use std::time::Duration;

use local::journal::Line;
use local::stack::Stack;
use serde_json::Value;

pub const SWEEP: &str = "BreachSweep";
pub const DELIVER: &str = "WebhookDeliver";

/// How long a line may be on its way.
const LINE_TIMEOUT: Duration = Duration::from_secs(5);

/// What a run says of itself.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    pub took: Duration,
    pub calls: u64,
    pub units: f64,
    pub notices: u64,
    pub failed_attempts: u64,
    pub problems: u64,
}

/// Runs a scheduled function once.
pub async fn run(stack: &Stack, function: &str) -> Run {
    let earlier: BTreeSet<String> = ids(stack, function);
    invoke(stack, function).await;
    let is_new = |line: &Line| {
        let line = run_line(function, line);
        line.is_some_and(|line| !earlier.contains(&id(&line)))
    };
    let line = stack.logged(is_new, LINE_TIMEOUT).await;
    let line = line.and_then(|line| run_line(function, &line));
    read(&line.expect("a run has a line"))
}

/// Invokes it, and waits for its end.
pub async fn invoke(stack: &Stack, function: &str) {
    let response = stack.invoke_raw(function, "{}".into()).await;
    response.unwrap_or_else(|error| panic!("{function}: {error}"));
}

/// All runs of a function so far.
pub fn all(stack: &Stack, function: &str) -> Vec<Run> {
    let lines = stack.logs();
    let lines = lines.iter().filter_map(|line| run_line(function, line));
    lines.map(|line| read(&line)).collect()
}

fn ids(stack: &Stack, function: &str) -> BTreeSet<String> {
    let lines = stack.logs();
    let lines = lines.iter().filter_map(|line| run_line(function, line));
    lines.map(|line| id(&line)).collect()
}

fn id(line: &Value) -> String {
    line["request_id"].as_str().unwrap_or_default().to_owned()
}

fn run_line(function: &str, line: &Line) -> Option<Value> {
    if line.function != function || !line.text.contains("\"message\":\"run\"") {
        return None;
    }
    serde_json::from_str(&line.text).ok()
}

fn read(line: &Value) -> Run {
    let count = |name: &str| line[name].as_u64().unwrap_or_default();
    let number = |name: &str| line[name].as_f64().unwrap_or_default();
    Run {
        took: Duration::from_secs_f64(number("took_ms") / 1e3),
        calls: count("dynamodb_calls"),
        units: number("dynamodb_units"),
        notices: count("notices"),
        failed_attempts: count("failed_attempts"),
        problems: count("problems"),
    }
}
