//! The log: one JSON object per line.
//!
//! It never contains headers, bodies, query strings, keys, tokens or names. The line of a request
//! says which endpoint it reached, how it ended and what it cost. The line of a failure gives its
//! cause, once, with the chain of sources.

use std::error::Error;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::panic;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config;
use crate::domain::id::RequestId;
use crate::problem::{Cause, Problem};
use crate::store::Cost;

/// The longest chain of sources that is logged.
const MAX_SOURCES: usize = 16;

/// Starts logging, and logs panics, too. Call it once per process.
pub fn start() {
    let level = config::log_level().and_then(|level| level.to_ascii_lowercase().parse().ok());
    let level = level.unwrap_or(LevelFilter::INFO);
    let level_of_dependencies = level.min(LevelFilter::WARN);
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false);
    let filter = Targets::new()
        .with_default(level_of_dependencies)
        .with_target("shared", level);
    // A second call, as from a test, keeps the first subscriber.
    let _ = tracing_subscriber::registry()
        .with(lines)
        .with(filter)
        .try_init();
    panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        // Only a literal is logged: a formatted message may quote what a caller sent.
        let message = panic
            .payload()
            .downcast_ref::<&'static str>()
            .copied()
            .unwrap_or("");
        tracing::error!(place, message, "panic");
    }));
}

/// What the log says about a request.
#[derive(Debug)]
pub struct RequestLine<'a> {
    /// The id of the request, which the caller sees as well.
    pub id: &'a RequestId,
    /// API Gateway's id of the request, which its access log contains.
    pub gateway_id: Option<&'a str>,
    /// The endpoint that handled the request.
    pub endpoint: &'a str,
    /// The HTTP status.
    pub status: u16,
    /// The name of the problem, if there was one.
    pub problem: Option<&'static str>,
    /// How long it took.
    pub took: Duration,
    /// What it cost.
    pub cost: Cost,
}

/// What the log says about a run of a scheduled function.
#[derive(Debug)]
pub struct RunLine<'a> {
    /// The run's id.
    pub id: &'a RequestId,
    /// The scheduled function.
    pub job: &'a str,
    /// The name of the problem, if the run failed.
    pub problem: Option<&'static str>,
    /// How long it took.
    pub took: Duration,
    /// What it cost.
    pub cost: Cost,
    /// What it found due.
    pub due: u64,
    /// For how long the first of that had been due.
    pub oldest_due: Duration,
    /// The notices that it made.
    pub notices: u64,
    /// The attempts that receivers took.
    pub delivered: u64,
    /// The attempts that they did not take.
    pub failed_attempts: u64,
    /// The deliveries that were given up.
    pub given_up: u64,
    /// The changes of tickets that it moved into summaries.
    pub changes: u64,
    /// What it could not do.
    pub problems: u64,
}

/// Logs a run of a scheduled function.
pub fn run(line: &RunLine<'_>) {
    tracing::info!(
        request_id = line.id.as_str(),
        job = line.job,
        problem = line.problem,
        took_ms = line.took.as_secs_f64() * 1_000.0,
        dynamodb_calls = line.cost.calls,
        dynamodb_units = line.cost.units,
        due = line.due,
        oldest_due_ms = line.oldest_due.as_secs_f64() * 1_000.0,
        notices = line.notices,
        delivered = line.delivered,
        failed_attempts = line.failed_attempts,
        given_up = line.given_up,
        changes = line.changes,
        problems = line.problems,
        "run"
    );
}

/// Logs a notice: its type, and how long after the instant of its mark it was made.
pub fn notice(notice_type: &str, late: SignedDuration) {
    tracing::info!(
        notice = notice_type,
        late_ms = late.as_secs_f64() * 1_000.0,
        "notice"
    );
}

/// Logs what a run could not do, and goes on.
pub fn problem(problem: &Problem) {
    match problem {
        Problem::Internal(cause) | Problem::Unavailable(cause) => {
            tracing::error!(cause = chain(cause.as_ref()), "left to the next run");
        }
        other => tracing::error!(problem = other.name(), "left to the next run"),
    }
}

/// Writes metrics in CloudWatch's embedded metric format, a line of its own.
///
/// Its level is the highest, so that Lambda's filter never drops it, whatever is logged.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>
pub fn metrics(namespace: &str, now: Timestamp, metrics: &[(&str, f64)]) {
    if metrics.is_empty() {
        return;
    }
    let definitions: Vec<Value> = metrics
        .iter()
        .map(|(name, _)| json!({ "Name": name }))
        .collect();
    let mut line = json!({
        "timestamp": now,
        "level": "ERROR",
        "message": "metrics",
        "_aws": {
            "Timestamp": now.as_millisecond(),
            "CloudWatchMetrics": [{
                "Namespace": namespace,
                "Dimensions": [[]],
                "Metrics": definitions,
            }],
        },
    });
    if let Some(line) = line.as_object_mut() {
        let values = metrics.iter();
        line.extend(values.map(|(name, value)| ((*name).to_owned(), json!(value))));
    }
    // Nobody is there to be told that the log is gone.
    let _ = writeln!(io::stdout(), "{line}");
}

/// Logs a request.
pub fn request(line: &RequestLine<'_>) {
    tracing::info!(
        request_id = line.id.as_str(),
        api_request_id = line.gateway_id,
        endpoint = line.endpoint,
        status = line.status,
        problem = line.problem,
        took_ms = line.took.as_secs_f64() * 1_000.0,
        dynamodb_calls = line.cost.calls,
        dynamodb_units = line.cost.units,
        "request"
    );
}

/// Logs why a request failed.
pub fn failure(id: &RequestId, endpoint: &str, cause: &Cause) {
    tracing::error!(
        request_id = id.as_str(),
        endpoint,
        cause = chain(cause.as_ref()),
        "failure"
    );
}

/// Logs why the process cannot serve requests.
pub fn init_failure(cause: &dyn Error) {
    tracing::error!(cause = chain(cause), "init failed");
}

fn chain(cause: &dyn Error) -> String {
    let mut chain = cause.to_string();
    let mut next = cause.source();
    for _ in 0..MAX_SOURCES {
        let Some(source) = next else { break };
        // Writing to a String does not fail.
        let _ = write!(chain, ": {source}");
        next = source.source();
    }
    chain
}
