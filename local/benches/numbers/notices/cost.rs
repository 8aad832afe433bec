//! The calls and units of a mark.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use local::dynamodb::Database;
use local::stack::Stack;
use local::wire::call::DynamoDbCall;
use serde_json::json;
use shared::api::{self};

use super::receiver::Receiver;
use super::runs::{self, DELIVER, SWEEP};
use super::team::{Team, minutes_before, spread};
use super::{Findings, Measured};
use crate::fixture::logical_id;
use crate::stack;

/// The minutes to a breach.
const MINUTES: i64 = 30;
/// From the creation of tickets to their marks.
const SOON: SignedDuration = SignedDuration::from_secs(2);
/// Further marks, to find what each adds, and the time over which they are spread.
const FURTHER: usize = 10;
const SPREAD: Duration = Duration::from_millis(500);
/// How long a webhook of a team is remembered, and a little more.
const FORGOTTEN: Duration = Duration::from_millis(2_500);
/// The longest time from the start of a run to the first attempt.
const MAX_PAUSE: Duration = Duration::from_secs(5);
/// The types of the webhooks, without the warnings that are past.
const TYPES: &[&str] = &["sla.breached"];

/// Calls of a function, by their number and units.
#[derive(Clone, Copy, Default)]
struct Cost {
    calls: f64,
    units: f64,
}

impl Cost {
    fn of(calls: &[DynamoDbCall]) -> Cost {
        Cost {
            calls: calls.len() as f64,
            units: calls.iter().map(|call| call.capacity_units).sum(),
        }
    }

    fn minus(self, other: Cost) -> Cost {
        Cost {
            calls: self.calls - other.calls,
            units: self.units - other.units,
        }
    }

    fn each_of(self, number: usize) -> Cost {
        Cost {
            calls: self.calls / number as f64,
            units: self.units / number as f64,
        }
    }
}

struct Bench {
    stack: Stack,
    receiver: Receiver,
    rows: String,
}

/// Measures each kind of mark on the wire.
pub async fn measure(measured: &Measured) -> Findings {
    let database = Database::start(&measured.template, 0, None).await;
    let database = database.expect("a database");
    let (template, binaries) = (&measured.template, &measured.binaries);
    let endpoint = database.endpoint();
    let mut bench = Bench {
        stack: stack::crowded(template, binaries, &endpoint, 1, true).await,
        receiver: Receiver::start(),
        rows: String::new(),
    };
    bench.warm_up().await;
    bench.sweeps().await;
    bench.events().await;
    bench.attempts().await;
    bench.stack.shutdown().await;
    database.shutdown().await;
    let text = format!(
        "DynamoDB calls and units of a mark, without the eight queries of a run:\n\n\
         | what | calls | units | the calls |\n|---|---|---|---|\n{}",
        bench.rows
    );
    let missed = Vec::new();
    Findings { text, missed }
}

impl Bench {
    /// Starts the processes, each of which makes a call to open its connection.
    async fn warm_up(&self) {
        self.event(1, None).await;
        runs::run(&self.stack, SWEEP).await;
        runs::run(&self.stack, DELIVER).await;
    }

    /// What a sweep costs for a mark, and for each further mark of the same team.
    async fn sweeps(&mut self) {
        let url = self.receiver.url.clone();
        let kinds = [
            ("sweep, no webhook", None),
            (
                "sweep, a webhook that takes it",
                Some((url.as_str(), TYPES)),
            ),
        ];
        for (name, webhook) in kinds {
            let (one, calls) = self.sweep(webhook, 1).await;
            self.row(&format!("{name}, the first mark of a team"), one, &calls);
            let (several, _) = self.sweep(webhook, 1 + FURTHER).await;
            let each = several.minus(one).each_of(FURTHER);
            self.row(&format!("{name}, each further mark"), each, &[]);
        }
    }

    async fn sweep(
        &self,
        webhook: Option<(&str, &[&str])>,
        marks: usize,
    ) -> (Cost, Vec<DynamoDbCall>) {
        let team = Team::with_target(&self.stack, MINUTES, webhook).await;
        let marks_at = spread(Timestamp::now() + SOON, SPREAD, marks).into_iter();
        team.tickets(marks_at.map(|at| minutes_before(at, MINUTES)))
            .await;
        let run = self.run(SWEEP).await;
        (Cost::of(&run), run)
    }

    /// What an event costs that reveals a breach, and one that does not.
    async fn events(&mut self) {
        let url = self.receiver.url.clone();
        let webhook = Some((url.as_str(), TYPES));
        let kinds = [
            ("`event-create`, reveals nothing", 1, None),
            ("`event-create`, reveals a breach, no webhook", 100, None),
            ("`event-create`, reveals a breach, a webhook", 100, webhook),
        ];
        for (name, minutes_ago, webhook) in kinds {
            let calls = self.event(minutes_ago, webhook).await;
            self.row(name, Cost::of(&calls), &calls);
        }
    }

    /// The calls of an event that makes a ticket wait for an agent since so many minutes.
    async fn event(&self, minutes_ago: i64, webhook: Option<(&str, &[&str])>) -> Vec<DynamoDbCall> {
        let team = Team::with_target(&self.stack, MINUTES, webhook).await;
        let ago = |minutes| minutes_before(Timestamp::now(), minutes);
        let ticket = json!({
            "priority": "urgent",
            "createdAt": ago(120),
            "events": [{"type": "agent_reply", "at": ago(110)}],
        });
        let ticket = team.post("tickets", &ticket).await;
        let event = json!({"type": "customer_reply", "at": ago(minutes_ago)});
        let path = format!("tickets/{ticket}/events");
        tokio::time::sleep(FORGOTTEN).await;
        self.take("");
        team.post(&path, &event).await;
        self.take(&logical_id(api::EVENT_CREATE.endpoint()))
    }

    /// What an attempt costs that `webhook-deliver` makes, and one that fails.
    async fn attempts(&mut self) {
        // The delivery of the event above is due.
        let calls = self.run(DELIVER).await;
        self.row(
            "`webhook-deliver`, an attempt that is taken",
            Cost::of(&calls),
            &calls,
        );
        let url = self.receiver.url.clone();
        self.event(100, Some((&url, TYPES))).await;
        self.receiver.answer(500);
        let answered = async {
            let number = self.receiver.count();
            let until = Instant::now() + MAX_PAUSE;
            self.receiver.wait_for(number + 1, until).await;
            self.receiver.answer(204);
        };
        let (calls, ()) = futures_util::future::join(self.run(DELIVER), answered).await;
        let name = "`webhook-deliver`, one that fails, and 5 s later one that is taken";
        self.row(name, Cost::of(&calls), &calls);
    }

    /// The calls of a run but for its queries of the index.
    async fn run(&self, function: &str) -> Vec<DynamoDbCall> {
        tokio::time::sleep(FORGOTTEN.saturating_sub(Duration::from_secs(1))).await;
        self.take("");
        runs::run(&self.stack, function).await;
        let mut calls = self.take(function);
        calls.retain(|call| call.index.is_none());
        calls
    }

    fn take(&self, function: &str) -> Vec<DynamoDbCall> {
        let mut calls = self.stack.wire().expect("the stack records").take();
        calls.retain(|call| call.function == function);
        calls
    }

    fn row(&mut self, name: &str, cost: Cost, calls: &[DynamoDbCall]) {
        let calls: Vec<String> = calls.iter().map(shown).collect();
        // Writing to a String cannot fail.
        let _ = writeln!(
            self.rows,
            "| {name} | {} | {} | {} |",
            cost.calls,
            cost.units,
            calls.join(", ")
        );
    }
}

fn shown(call: &DynamoDbCall) -> String {
    let members = match call.members.len() {
        0 => String::new(),
        number => format!(" of {number}"),
    };
    format!("{}{members}: {}", call.operation, call.capacity_units)
}
