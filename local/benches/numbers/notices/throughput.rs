//! How long one sweep takes for the marks of one minute.

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use local::dynamodb::Database;
use local::stack::Stack;
use local::table::{self, text};
use serde_json::Value;

use super::receiver::Receiver;
use super::runs::{self, Run, SWEEP};
use super::team::{Team, minutes_before, spread};
use super::{Findings, Measured};
use crate::processes::{cpu, resident_kib};
use crate::stack;

const MARKS: usize = 10_000;
/// The minutes to the breach. The warnings are past.
const MINUTES: i64 = 30;
/// Processes that create the tickets, as many as have something to do on two cores.
const CREATORS: usize = 4;
/// The time for creating the tickets. Their marks follow it within a second.
const SETUP: SignedDuration = SignedDuration::from_secs(90);
const SPREAD: Duration = Duration::from_secs(1);
/// How long notices may take that the sweep has left.
const PATIENCE: Duration = Duration::from_secs(5);
/// The goal.
const MAX_SECONDS: f64 = 60.0;
/// A function with this much memory has one core.
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html>
const MIB_PER_CORE: f64 = 1_769.0;
/// The kernel's unit of CPU times.
const TICK: Duration = Duration::from_millis(10);

/// What one sweep did, and what it used.
struct Sweep {
    run: Run,
    /// When the last notice was made, from the invocation.
    noticed: Duration,
    /// When the last one arrived.
    arrived: Duration,
    /// CPU time of the function, of this process without the receiver, and of the receiver.
    cpu: [Duration; 3],
    resident_mb: f64,
    /// The first line about something that it left.
    left: Option<String>,
}

/// Creates the tickets, waits until all are in breach, and sweeps once.
pub async fn measure(measured: &Measured) -> Findings {
    let database = Database::start(&measured.template, 0, None).await;
    let database = database.expect("a database");
    let endpoint = database.endpoint();
    let (template, binaries) = (&measured.template, &measured.binaries);
    let receiver = Receiver::start();
    let breaches = Timestamp::now() + SETUP;
    let creators = stack::crowded(template, binaries, &endpoint, CREATORS, false).await;
    let webhook = Some((receiver.url.as_str(), &["sla.breached"][..]));
    let team = Team::with_target(&creators, MINUTES, webhook).await;
    let breaches_at = spread(breaches, SPREAD, MARKS).into_iter();
    team.tickets(breaches_at.map(|at| minutes_before(at, MINUTES)))
        .await;
    creators.shutdown().await;
    let early = Timestamp::now().duration_until(breaches);
    let early: Duration = early.try_into().expect("enough time to create the tickets");
    tokio::time::sleep(early + SPREAD).await;

    let stack = stack::crowded(template, binaries, &endpoint, 1, false).await;
    let sweep = sweep(&stack, &receiver).await;
    let ids = receiver.arrivals();
    let ids: BTreeSet<&str> = ids.iter().map(|arrival| arrival.id()).collect();
    let items = table::items(&endpoint).await.expect("the items");
    let delivered = items
        .iter()
        .filter(|item| text(item, "status") == Some("delivered"));
    let delivered = delivered.count();
    let breached = items
        .iter()
        .filter(|item| text(item, "type") == Some("sla.breached"));
    let breached = breached.count();
    let received = receiver.count();
    stack.shutdown().await;
    database.shutdown().await;
    let memory = measured.memory_mib(SWEEP);
    let counts = format!(
        "{breached} notices in the table, {delivered} deliveries recorded as such, {received} arrivals of \
         {} notices",
        ids.len()
    );
    let is_complete = [breached, delivered, received, ids.len()] == [MARKS; 4];
    findings(&sweep, &counts, is_complete, memory)
}

async fn sweep(stack: &Stack, receiver: &Receiver) -> Sweep {
    let before = [own_cpu(), Receiver::cpu()];
    let (begun, begun_at) = (Instant::now(), Timestamp::now());
    let run = runs::run(stack, SWEEP).await;
    let process = stack.processes(SWEEP).last().copied().expect("a process");
    let (function, own, receiving) = (cpu(process), own_cpu(), Receiver::cpu());
    receiver.wait_for(MARKS, begun + PATIENCE + run.took).await;
    let last = receiver.arrivals().last().map_or(begun_at, |last| last.at);
    let receiving = receiving.saturating_sub(before[1]);
    let own = own.saturating_sub(before[0]).saturating_sub(receiving);
    let since = |at: Timestamp| begun_at.duration_until(at).try_into().unwrap_or_default();
    Sweep {
        run,
        noticed: since(last_notice(stack).unwrap_or(begun_at)),
        arrived: since(last),
        cpu: [function, own, receiving],
        resident_mb: resident_kib(process) as f64 * 1_024.0 / 1e6,
        left: first_left(stack),
    }
}

/// When the sweep logged its last notice.
fn last_notice(stack: &Stack) -> Option<Timestamp> {
    let lines = stack.logs().into_iter().rev();
    let mut lines = lines.filter(|line| line.text.contains("\"message\":\"notice\""));
    let line: Value = serde_json::from_str(&lines.next()?.text).ok()?;
    line["timestamp"].as_str()?.parse().ok()
}

fn first_left(stack: &Stack) -> Option<String> {
    let mut lines = stack.logs().into_iter().map(|line| line.text);
    lines.find(|line| line.contains("\"message\":\"left to the next run\""))
}

/// The CPU time of this process, with that of threads that have ended.
fn own_cpu() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").expect("Linux");
    let after_name = stat.rsplit(") ").next().unwrap_or_default();
    let fields = after_name.split(' ').skip(11).take(2);
    let ticks: u32 = fields.filter_map(|field| field.parse::<u32>().ok()).sum();
    TICK * ticks
}

fn findings(sweep: &Sweep, counts: &str, is_complete: bool, memory_mib: u64) -> Findings {
    let [noticed, arrived, took] = [sweep.noticed, sweep.arrived, sweep.run.took];
    let seconds = [noticed, arrived, took].map(|time| time.as_secs_f64());
    let [function, own, receiver] = sweep.cpu.map(|time| time.as_secs_f64());
    let share = memory_mib as f64 / MIB_PER_CORE;
    let marks = MARKS as f64;
    let text = format!(
        "{MARKS} marks that are past, one sweep, one webhook:\n\n\
         | what | |\n|---|---|\n\
         | until all notices are made | {:.1} s |\n\
         | until all have arrived | {:.1} s |\n\
         | until all deliveries are recorded | {:.1} s |\n\
         | marks a second | {:.0} |\n\
         | calls, units | {}, {} |\n\
         | CPU of the function | {function:.1} s, {:.2} ms a mark, {:.0} % of a core |\n\
         | CPU of this process, with the database | {own:.1} s, {:.2} ms a mark, {:.0} % of a core |\n\
         | CPU of the receiver | {receiver:.1} s |\n\
         | resident memory of the function | {:.1} MB |\n\
         | the function's CPU at {memory_mib} MB, {share:.2} of a core | {:.1} s |\n\n\
         {counts}. Attempts that failed: {}; problems: {}.",
        seconds[0],
        seconds[1],
        seconds[2],
        marks / seconds[2],
        sweep.run.calls,
        sweep.run.units,
        function * 1e3 / marks,
        function * 1e2 / seconds[2],
        own * 1e3 / marks,
        own * 1e2 / seconds[2],
        sweep.resident_mb,
        function / share,
        sweep.run.failed_attempts,
        sweep.run.problems,
    );
    let mut missed = Vec::new();
    if !is_complete {
        let left = sweep.left.as_deref().unwrap_or_default();
        missed.push(format!(
            "one sweep delivers {MARKS} marks: {counts}. {left}"
        ));
    }
    let longest = seconds[2].max(function / share);
    if longest > MAX_SECONDS {
        missed.push(format!(
            "one sweep takes {longest:.1} s, goal {MAX_SECONDS} s"
        ));
    }
    Findings { text, missed }
}
